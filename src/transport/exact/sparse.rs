//! Given arcs only: two phases of the network simplex, and a violated cut where no coupling exists.

use super::arc_index::ArcIndex;
use super::dense::{ROUNDING, UNITS, WORST, Watch, closed, units};
use super::initial_tree::Spread;
use super::simplex::{self, Arcs, End};
use super::tree::{Link, NONE, Tree};
use super::{ExactSettings, ExactSolution, Marginals, Observer, Status, check_start};
use crate::error::{Error, Result};

/// Missing mass up to this much of the total is rounding of the masses, not a reason to call them infeasible.
const MISSING: f64 = 4e-13;

/// A violation of Hall's condition: the rows hold more than all columns that their arcs reach can take.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Cut {
    /// The set `R` of rows, in order.
    pub rows: Vec<usize>,
    /// `N(R)`: every column that an arc from `R` reaches, in order.
    pub columns: Vec<usize>,
    /// `μ(R) − ν(N(R)) > 0`, summed from the masses.
    pub excess: f64,
}

/// Minimises a linear cost over the couplings of two measures that use the given arcs `(row, column, cost)` only.
///
/// Potentials of Sinkhorn half-steps on the arcs, or `start`, choose the arcs to begin with and a tree that moves most of the mass.
/// Phase one of the network simplex moves as much as the arcs can carry. Mass that is left gives a [`Cut`], which is summed
/// anew from the masses and the arcs: [`ExactSolution::cut`]. Otherwise phase two finds the optimum on the arcs that may carry mass in a
/// coupling, and the potentials of phase one lift those of phase two until they are feasible on all arcs. Of the settings
/// `max_rounds` and `finish` do not count. Of an arc that is given twice the cheaper counts; forbidden arcs of the marginals are
/// left out.
///
/// Potentials of the answer are feasible on the given arcs only. Ended by the clock or the observer before a coupling was
/// found, the plan misses mass, and `marginal_violation` says how much. `phases` are the potentials with the choice of arcs, the
/// search for a coupling, that for the optimum, and the certificate.
///
/// ```
/// use dyncvx::transport::{unobserved, ExactSettings, Marginals, Status, exact_sparse};
/// let settings = ExactSettings::default();
/// let marginals = Marginals::new(&[0.5, 0.5], &[0.25, 0.75])?;
/// let arcs = [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 0.5)];
/// assert_eq!(exact_sparse(&arcs, &marginals, &settings, None, &mut unobserved)?.status, Status::Solved);
/// let answer = exact_sparse(&arcs[..2], &marginals, &settings, None, &mut unobserved)?;
/// assert_eq!(answer.status, Status::PrimalInfeasible);
/// let cut = answer.cut.expect("row 1 has no arc");
/// assert_eq!((cut.rows, cut.columns, cut.excess), (vec![1], vec![], 0.5));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// Masses that miss balance by less than 4e-13 of the total, as sums of rounded numbers do, count as feasible.
///
/// # Errors
/// [`Error::OutOfRange`] for an arc without its row or column, [`Error::NonFinite`] for a cost, [`Error::InvalidSetting`];
/// [`Error::Unsupported`] for more than two measures.
///
/// # Complexity
/// `O(arcs)` a half-step, a round and for the certificate; a pivot costs what it moves of the tree. Space `O(m + n + arcs)`.
pub fn exact_sparse(
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    settings: &ExactSettings,
    start: Option<&[Vec<f64>; 2]>,
    observer: &mut Observer<'_>,
) -> Result<ExactSolution> {
    settings.validate()?;
    let by = "exact transport on given arcs";
    let [m, n] = *marginals.shape() else {
        let what = "more than two measures";
        return Err(Error::Unsupported { what, by });
    };
    check_start(start, marginals)?;
    if m + n + 2 + arcs.len() >= (NONE / 2) as usize {
        let what = "2^31 or more points and arcs";
        return Err(Error::Unsupported { what, by });
    }
    let mut scale: f64 = 0.0;
    for (index, (i, j, cost)) in arcs.iter().enumerate() {
        for (what, at, bound) in [("row of an arc", *i, m), ("column of an arc", *j, n)] {
            if at >= bound {
                let index = at;
                return Err(Error::OutOfRange { what, index, bound });
            }
        }
        if !cost.is_finite() {
            let what = "costs of the arcs";
            return Err(Error::NonFinite { what, index });
        }
        scale = scale.max(cost.abs());
    }
    if !(scale * 4.0 * (m + n) as f64).is_finite() {
        let what = "a cost whose sums overflow";
        return Err(Error::Unsupported { what, by });
    }
    let allowed =
        |(i, j, _): &&(usize, usize, f64)| marginals.forbidden().is_none_or(|f| !f[i + m * j]);
    let arcs: Vec<_> = arcs.iter().filter(allowed).copied().collect();
    let mut watch = Watch::new(settings, crate::clock::Instant::now(), observer);
    Ok(Sparse::new(&arcs, marginals, settings, scale, start, &mut watch).solve(watch))
}

/// A network with one more row and one more column, the hubs: every row can send to the column hub, every column receive from the
/// row hub, and the latter fills up the former.
struct Sparse<'a> {
    given: &'a [(usize, usize, f64)],
    marginals: &'a Marginals,
    settings: &'a ExactSettings,
    scale: f64,
    /// Points of positive mass.
    rows: Vec<usize>,
    columns: Vec<usize>,
    /// Given arcs between these.
    all: ArcIndex,
    /// What the simplex sees: arcs of the hubs, then some of `all`, …
    kept: Arcs,
    /// … which these are, `NONE` for those of the hubs.
    origin: Vec<u32>,
    /// Whether an arc of `all` is among them.
    is_kept: Vec<bool>,
    tree: Tree,
}

impl<'a> Sparse<'a> {
    /// # Complexity
    /// `O(arcs)` a half-step of Sinkhorn's method, and a choice among the arcs of every line.
    fn new(
        given: &'a [(usize, usize, f64)],
        marginals: &'a Marginals,
        settings: &'a ExactSettings,
        scale: f64,
        start: Option<&[Vec<f64>; 2]>,
        watch: &mut Watch<'_>,
    ) -> Self {
        let positive = |mode: usize| -> Vec<usize> {
            let masses = marginals.masses(mode).iter().enumerate();
            masses.filter(|(_, v)| **v > 0.0).map(|(i, _)| i).collect()
        };
        let (rows, columns) = (positive(0), positive(1));
        let places = |at: &[usize], count: usize| {
            let mut place = vec![None; count];
            at.iter().enumerate().for_each(|(k, i)| place[*i] = Some(k));
            place
        };
        let row = places(&rows, marginals.masses(0).len());
        let column = places(&columns, marginals.masses(1).len());
        let mut real = Arcs::default();
        for (i, j, cost) in given {
            if let (Some(i), Some(j)) = (row[*i], column[*j]) {
                real.push(i, j, *cost);
            }
        }
        let pick = |at: &[usize], v: &[f64]| -> Vec<f64> { at.iter().map(|i| v[*i]).collect() };
        let all = ArcIndex::new(real, rows.len(), columns.len());
        let potentials = match start {
            Some([phi, psi]) => [pick(&rows, phi), pick(&columns, psi)],
            None => {
                let masses = [0, 1].map(|k| pick([&rows, &columns][k], marginals.masses(k)));
                all.anneal(&masses, settings, watch)
            }
        };
        let chosen = all.least(&potentials, settings.arcs);
        let (m, n) = (rows.len(), columns.len());
        let mut active = Arcs::default();
        for k in &chosen {
            let (i, j) = all.arcs.ends[*k as usize];
            active.push(i as usize, j as usize, all.arcs.costs[*k as usize]);
        }
        let mut spread = Spread::new(&units(marginals, [&rows, &columns]), false);
        spread.along(&active);
        // The zero flow between the hubs points to the root, as those of rows without mass do: the tree is strongly feasible.
        let (row_hub, column_hub, hubs) = (m, m + 1 + n, m + n + 1);
        let node = |k: usize| if k < m { k } else { k + 1 };
        let mut kept = Arcs::default();
        (0..m).for_each(|i| _ = kept.push(i, n, 1.0));
        (0..n).for_each(|j| _ = kept.push(m, j, 0.0));
        kept.push(m, n, 0.0);
        let mut links: Vec<Link> = spread
            .links
            .iter()
            .map(|(out, stays, arc, flow)| (node(*out), node(*stays), hubs + arc, *flow))
            .collect();
        let mut sent = UNITS as i64;
        for k in (0..m + n).filter(|k| !spread.gone[*k]) {
            let (under, flow) = (if k < m { column_hub } else { row_hub }, spread.rest[k]);
            links.push((node(k), under, k, flow));
            sent -= if k < m { flow } else { 0 };
        }
        links.push((row_hub, column_hub, m + n, sent));
        let mut is_kept = vec![false; all.arcs.len()];
        for (k, (i, j)) in chosen.iter().zip(&active.ends) {
            kept.push(*i as usize, *j as usize, 0.0);
            is_kept[*k as usize] = true;
        }
        Self {
            tree: Tree::new(m + 1, n + 1, column_hub, &links),
            given,
            marginals,
            settings,
            scale,
            rows,
            columns,
            all,
            kept,
            origin: [vec![NONE; hubs], chosen].concat(),
            is_kept,
        }
    }

    fn solve(mut self, mut watch: Watch<'_>) -> ExactSolution {
        let (mut pivots, mut rounds) = (0, 0);
        let mut times = [watch.clock.elapsed().as_secs_f64(), 0.0, 0.0, 0.0];
        let mut potentials = vec![0.0; self.rows.len()];
        let mut ended = watch.ended;
        let open = ended.is_none() && self.settle(true, 0.5, &mut pivots, &mut rounds, &mut watch);
        times[1] = watch.clock.elapsed().as_secs_f64() - times[0];
        if open {
            if self.missing() > MISSING * UNITS {
                match self.cut() {
                    Some(cut) => return self.infeasible(cut, times, &watch),
                    None => ended = Some(Status::InsufficientProgress),
                }
            } else {
                potentials = self.optimise(&mut pivots, &mut rounds, &mut watch);
            }
        }
        ended = ended.or(watch.ended);
        times[2] = watch.clock.elapsed().as_secs_f64() - times[0] - times[1];
        let mut answer = self.certify(&potentials, ended);
        (answer.pivots, answer.rounds) = (pivots, rounds);
        answer.arcs = self.origin.iter().filter(|k| **k != NONE).count();
        answer.seconds = watch.clock.elapsed().as_secs_f64();
        times[3] = answer.seconds - times[0] - times[1] - times[2];
        answer.phases = times;
        answer
    }

    /// The simplex on the arcs kept, and all others that `open` counts in, round by round; at no cost (in phase `one`) or theirs.
    /// Whether it came to the end.
    fn settle(
        &mut self,
        one: bool,
        eps: f64,
        pivots: &mut usize,
        rounds: &mut usize,
        watch: &mut Watch<'_>,
    ) -> bool {
        let first = (!one).then(|| self.tree.height.clone());
        loop {
            let mut halt = |_: usize| watch.halt(0.0);
            if simplex::run(&mut self.tree, &self.kept, eps, pivots, &mut halt) == End::Halted {
                return false;
            }
            *rounds += 1;
            let fresh = self.price(one, first.as_deref(), eps);
            if fresh.is_empty() {
                return true;
            }
            for k in fresh {
                let (i, j) = self.all.arcs.ends[k as usize];
                let cost = if one {
                    0.0
                } else {
                    self.all.arcs.costs[k as usize]
                };
                self.kept.push(i as usize, j as usize, cost);
                self.origin.push(k);
                self.is_kept[k as usize] = true;
            }
            if watch.halt(0.0) {
                return false;
            }
        }
    }

    /// The worst violated arcs of every column that are not kept; of those only that have no reduced cost at heights `first`.
    fn price(&self, one: bool, first: Option<&[f64]>, eps: f64) -> Vec<u32> {
        let (heights, hub) = (&self.tree.height, self.tree.rows);
        let (mut found, mut worst) = (vec![], vec![]);
        for j in 0..self.columns.len() {
            worst.clear();
            for k in self
                .all
                .column(j)
                .iter()
                .filter(|k| !self.is_kept[**k as usize])
            {
                let i = self.all.arcs.ends[*k as usize].0 as usize;
                let cost = if one {
                    0.0
                } else {
                    self.all.arcs.costs[*k as usize]
                };
                let reduced = cost - heights[i] + heights[hub + j];
                if reduced < -eps && first.is_none_or(|f| f[i] == f[hub + j]) {
                    worst.push((reduced, *k));
                }
            }
            worst.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            found.extend(worst.iter().take(WORST).map(|(_, k)| *k));
        }
        found
    }

    /// No coupling: potentials that prove it, 1 on the rows of the cut and −1 on its columns.
    fn infeasible(&self, cut: Cut, phases: [f64; 4], watch: &Watch<'_>) -> ExactSolution {
        let [m, n] = [0, 1].map(|k| self.marginals.masses(k).len());
        let mut potentials = [vec![0.0; m], vec![0.0; n]];
        cut.rows.iter().for_each(|i| potentials[0][*i] = 1.0);
        cut.columns.iter().for_each(|j| potentials[1][*j] = -1.0);
        ExactSolution {
            status: Status::PrimalInfeasible,
            potentials,
            objective: f64::INFINITY,
            lower_bound: f64::INFINITY,
            marginal_violation: f64::NAN,
            seconds: watch.clock.elapsed().as_secs_f64(),
            phases,
            cut: Some(cut),
            ..ExactSolution::nothing()
        }
    }

    /// Units that rows send to the hub.
    fn missing(&self) -> f64 {
        let nodes = self.tree.nodes.iter();
        let sent = nodes.filter(|v| v.arc != NONE && (v.arc as usize) < self.rows.len());
        sent.map(|v| v.flow).sum::<i64>() as f64
    }

    /// The rows of potential 1: none of the columns they reach takes from the hub, and all that is missing is theirs.
    fn cut(&self) -> Option<Cut> {
        let (mu, nu) = (self.marginals.masses(0), self.marginals.masses(1));
        let (mut inside, mut reached) = (vec![false; mu.len()], vec![false; nu.len()]);
        for (i, height) in self.rows.iter().zip(&self.tree.height) {
            inside[*i] = *height > 0.5;
        }
        for (i, j, _) in self.given {
            reached[*j] |= inside[*i];
        }
        let members = |set: &[bool]| -> Vec<usize> { (0..set.len()).filter(|k| set[*k]).collect() };
        let (rows, columns) = (members(&inside), members(&reached));
        let held: f64 = rows.iter().map(|i| mu[*i]).sum();
        let excess = held - columns.iter().map(|j| nu[*j]).sum::<f64>();
        // Sums of so many numbers are not known better.
        let rounding = f64::EPSILON * (rows.len() + columns.len()) as f64 * held;
        (excess > rounding).then_some(Cut {
            rows,
            columns,
            excess,
        })
    }

    /// Phase two, on the arcs without reduced cost in phase one, which are all that carry mass in any coupling. Row potentials.
    fn optimise(
        &mut self,
        pivots: &mut usize,
        rounds: &mut usize,
        watch: &mut Watch<'_>,
    ) -> Vec<f64> {
        let (first, hub) = (self.tree.height.clone(), self.tree.rows);
        let free = |(i, j): (u32, u32)| first[i as usize] == first[hub + j as usize];
        let mut wanted: Vec<bool> = (0..self.kept.len())
            .map(|a| self.origin[a] != NONE && free(self.kept.ends[a]))
            .collect();
        for node in self.tree.nodes.iter().filter(|v| v.arc != NONE) {
            wanted[node.arc as usize] = true;
        }
        // Arcs of the hubs that are in the tree stay there without a cost, and without mass but rounding; no other one enters.
        let mut kept = Arcs::default();
        let (mut origin, mut place) = (vec![], vec![NONE; self.kept.len()]);
        for a in (0..self.kept.len()).filter(|a| wanted[*a]) {
            let (i, j) = self.kept.ends[a];
            let cost = self.all.arcs.costs.get(self.origin[a] as usize);
            place[a] = kept.push(i as usize, j as usize, cost.copied().unwrap_or(0.0)) as u32;
            origin.push(self.origin[a]);
        }
        for node in self.tree.nodes.iter_mut().filter(|v| v.arc != NONE) {
            node.arc = place[node.arc as usize];
        }
        (self.kept, self.origin) = (kept, origin);
        self.settle(false, ROUNDING * self.scale, pivots, rounds, watch);
        // Lifted by the potentials of phase one, those of phase two are feasible on the other arcs as well.
        let heights = &self.tree.height;
        let at = |v: &[f64], (i, j): (u32, u32)| v[hub + j as usize] - v[i as usize];
        let mut lift: f64 = 0.0;
        for (ends, cost) in self.all.arcs.ends.iter().zip(&self.all.arcs.costs) {
            let by = at(&first, *ends);
            if by > 0.0 {
                lift = lift.max(-(cost + at(heights, *ends)) / by);
            }
        }
        let pairs = heights.iter().zip(&first).take(self.rows.len());
        pairs.map(|(second, first)| second + lift * first).collect()
    }

    /// Plan and potentials in the data given.
    fn certify(&self, phi: &[f64], ended: Option<Status>) -> ExactSolution {
        let (mu, nu) = (self.marginals.masses(0), self.marginals.masses(1));
        let total = self.marginals.total();
        let (mut plan, mut off) = (Vec::new(), [mu.to_vec(), nu.to_vec()]);
        let (mut objective, mut magnitude) = (0.0, 0.0);
        for node in self.tree.nodes.iter().filter(|v| v.flow > 0) {
            let real = self.origin[node.arc as usize] as usize;
            let Some(cost) = self.all.arcs.costs.get(real) else {
                continue;
            };
            let (i, j) = self.all.arcs.ends[real];
            let (i, j) = (self.rows[i as usize], self.columns[j as usize]);
            let mass = node.flow as f64 / UNITS * total;
            plan.push((i, j, mass));
            objective += mass * cost;
            magnitude += mass * cost.abs();
            off[0][i] -= mass;
            off[1][j] -= mass;
        }
        plan.sort_unstable_by_key(|(i, j, _)| (*j, *i));
        let marginal_violation: f64 = off.iter().flatten().map(|v| v.abs()).sum();
        // Infinity for points without mass, which then do not bind; 0 where no arc does.
        let mut potentials = [vec![f64::INFINITY; mu.len()], vec![f64::INFINITY; nu.len()]];
        let [rows, columns] = &mut potentials;
        let finite = |v: &mut f64| *v = if v.is_finite() { *v } else { 0.0 };
        let mut before = vec![f64::NEG_INFINITY; mu.len()];
        self.rows.iter().zip(phi).for_each(|(i, v)| before[*i] = *v);
        for (i, j, cost) in self.given {
            columns[*j] = columns[*j].min(cost - before[*i]);
        }
        columns.iter_mut().for_each(finite);
        for (i, j, cost) in self.given {
            rows[*i] = rows[*i].min(cost - columns[*j]);
        }
        rows.iter_mut().for_each(finite);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let lower_bound = dot(mu, rows) + dot(nu, columns);
        let fits = marginal_violation <= 1e-12 * total;
        let floor = ROUNDING * total * self.scale;
        let tol = self.settings.tol_gap_rel;
        let status = match ended {
            _ if fits && closed([objective, lower_bound], magnitude, tol, floor) => Status::Solved,
            Some(status) => status,
            None => Status::InsufficientProgress,
        };
        ExactSolution {
            status,
            plan,
            potentials,
            objective,
            lower_bound,
            marginal_violation,
            ..ExactSolution::nothing()
        }
    }
}
