//! Given arcs only: two phases of the network simplex, and a violated cut where no coupling exists.

use super::phases::{ROUNDING, UNITS, Watch, closed, units};
use super::simplex::{self, Arcs, End};
use super::tree::{NONE, Tree};
use super::{Exact, ExactSettings, Marginals, Observer, Status};
use crate::error::{Error, Result};
use std::time::Instant;

/// Missing mass up to this much of the total is rounding of the masses, not a reason to call them infeasible.
const MISSING: f64 = 4e-13;

/// What [`exact_sparse`] found.
#[derive(Debug, Clone)]
pub enum SparseExact {
    /// A plan on the given arcs; its status says whether it is certified. Ended by the clock or the observer before a coupling was
    /// found, the plan misses mass, and `marginal_violation` says how much. `rounds` is 0, `phases` are nothing, the search for a
    /// coupling, that for the optimum, and the certificate; `potentials` are feasible on the given arcs only.
    Plan(Exact),
    /// No coupling lives on the arcs.
    Infeasible(Cut),
}

impl SparseExact {
    /// The plan's status, or [`Status::PrimalInfeasible`].
    pub fn status(&self) -> Status {
        match self {
            SparseExact::Plan(answer) => answer.status,
            SparseExact::Infeasible(_) => Status::PrimalInfeasible,
        }
    }
}

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
/// Phase one of the network simplex moves as much mass as the arcs can carry. Mass that is left gives a [`Cut`], which is summed
/// anew from the masses and the arcs. Otherwise phase two finds the optimum on the arcs that may carry mass in a coupling, and
/// the potentials of phase one lift those of phase two until they are feasible on all arcs. Of the settings only `tol_gap_rel`
/// and `time_limit` count. Of an arc that is given twice the cheaper counts; forbidden arcs of the marginals are left out.
///
/// ```
/// use dyncvx::transport::{ExactSettings, Marginals, SparseExact, Status, exact_sparse};
/// let settings = ExactSettings::default();
/// let marginals = Marginals::new(&[0.5, 0.5], &[0.25, 0.75])?;
/// let arcs = [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 0.5)];
/// assert_eq!(exact_sparse(&arcs, &marginals, &settings, None)?.status(), Status::Solved);
/// let SparseExact::Infeasible(cut) = exact_sparse(&arcs[..2], &marginals, &settings, None)? else {
///     panic!("row 1 has no arc");
/// };
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
/// `O(arcs)` for the certificate and at most that for the choice of a pivot, which further costs what it moves of the tree.
/// Space `O(m + n + arcs)`.
pub fn exact_sparse(
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    settings: &ExactSettings,
    observer: Option<Observer<'_>>,
) -> Result<SparseExact> {
    settings.validate()?;
    let by = "exact transport on given arcs";
    let [m, n] = *marginals.shape() else {
        let what = "more than two measures";
        return Err(Error::Unsupported { what, by });
    };
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
    let watch = Watch {
        clock: Instant::now(),
        time_limit: settings.time_limit,
        observer,
        calls: 0,
        ended: None,
    };
    Ok(Sparse::new(&arcs, marginals, settings, scale).solve(watch))
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
    /// Costs 0 and 1; the first `real` are given ones.
    arcs: Arcs,
    real: usize,
    /// The costs given.
    costs: Vec<f64>,
    tree: Tree,
}

impl<'a> Sparse<'a> {
    fn new(
        given: &'a [(usize, usize, f64)],
        marginals: &'a Marginals,
        settings: &'a ExactSettings,
        scale: f64,
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
        let (mut arcs, mut costs) = (Arcs::default(), Vec::new());
        for (i, j, cost) in given {
            if let (Some(i), Some(j)) = (row[*i], column[*j]) {
                arcs.push(i, j, 0.0);
                costs.push(*cost);
            }
        }
        let real = arcs.len();
        let (m, n) = (rows.len(), columns.len());
        let supply = units(marginals, [&rows, &columns]);
        // The zero flow between the hubs points to the root: the tree is strongly feasible.
        let mut links = Vec::with_capacity(m + n + 1);
        for (i, flow) in supply[0].iter().enumerate() {
            links.push((i, m + 1 + n, arcs.push(i, n, 1.0), *flow));
        }
        for (j, flow) in supply[1].iter().enumerate() {
            links.push((m + 1 + j, m, arcs.push(m, j, 0.0), *flow));
        }
        links.push((m, m + 1 + n, arcs.push(m, n, 0.0), 0));
        let tree = Tree::new(m + 1, n + 1, m + 1 + n, &links);
        Self {
            given,
            marginals,
            settings,
            scale,
            rows,
            columns,
            arcs,
            real,
            costs,
            tree,
        }
    }

    fn solve(mut self, mut watch: Watch<'_>) -> SparseExact {
        let mut pivots = 0;
        let mut times = [0.0; 4];
        let end = simplex::run(&mut self.tree, &self.arcs, 0.5, &mut pivots, &mut |_| {
            watch.halt(0.0)
        });
        times[1] = watch.clock.elapsed().as_secs_f64();
        let mut potentials = vec![0.0; self.rows.len()];
        let mut ended = watch.ended;
        if end == End::Optimal {
            if self.missing() > MISSING * UNITS {
                match self.cut() {
                    Some(cut) => return SparseExact::Infeasible(cut),
                    None => ended = Some(Status::InsufficientProgress),
                }
            } else {
                potentials = self.optimise(&mut pivots, &mut watch);
                ended = watch.ended;
            }
        }
        times[2] = watch.clock.elapsed().as_secs_f64() - times[1];
        let mut answer = self.certify(&potentials, ended);
        answer.pivots = pivots;
        answer.arcs = self.real;
        answer.seconds = watch.clock.elapsed().as_secs_f64();
        times[3] = answer.seconds - times[1] - times[2];
        answer.phases = times;
        SparseExact::Plan(answer)
    }

    /// Units that rows send to the hub.
    fn missing(&self) -> f64 {
        let hub = self.real..self.real + self.rows.len();
        let nodes = self.tree.nodes.iter();
        let sent = nodes.filter(|v| v.arc != NONE && hub.contains(&(v.arc as usize)));
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
    fn optimise(&mut self, pivots: &mut usize, watch: &mut Watch<'_>) -> Vec<f64> {
        let first = self.tree.height.clone();
        let columns = self.tree.rows;
        let reduced = |height: &[f64], (i, j): (u32, u32), cost: f64| {
            cost - height[i as usize] + height[columns + j as usize]
        };
        let mut wanted: Vec<bool> = (0..self.arcs.len())
            .map(|a| a < self.real && reduced(&first, self.arcs.ends[a], 0.0) == 0.0)
            .collect();
        for node in self.tree.nodes.iter().filter(|v| v.arc != NONE) {
            wanted[node.arc as usize] = true;
        }
        let (mut kept, mut place) = (Arcs::default(), vec![NONE; self.arcs.len()]);
        for a in (0..self.arcs.len()).filter(|a| wanted[*a]) {
            let (i, j) = self.arcs.ends[a];
            let cost = self.costs.get(a).copied().unwrap_or(0.0);
            place[a] = kept.push(i as usize, j as usize, cost) as u32;
        }
        let moved = |tree: &mut Tree, to: &dyn Fn(u32) -> u32| {
            for node in tree.nodes.iter_mut().filter(|v| v.arc != NONE) {
                node.arc = to(node.arc);
            }
        };
        moved(&mut self.tree, &|a| place[a as usize]);
        let eps = ROUNDING * self.scale;
        simplex::run(&mut self.tree, &kept, eps, pivots, &mut |_| watch.halt(0.0));
        let back: Vec<u32> = (0..self.arcs.len() as u32)
            .filter(|a| wanted[*a as usize])
            .collect();
        moved(&mut self.tree, &|a| back[a as usize]);
        // Lifted by the potentials of phase one, those of phase two are feasible on the other arcs as well.
        let mut lift: f64 = 0.0;
        for (ends, cost) in self.arcs.ends.iter().zip(&self.costs) {
            let by = reduced(&first, *ends, 0.0);
            if by > 0.0 {
                lift = lift.max(-reduced(&self.tree.height, *ends, *cost) / by);
            }
        }
        let pairs = self.tree.height.iter().zip(&first);
        let rows = pairs.take(self.rows.len());
        rows.map(|(second, first)| second + lift * first).collect()
    }

    /// Plan and potentials in the data given.
    fn certify(&self, phi: &[f64], ended: Option<Status>) -> Exact {
        let (mu, nu) = (self.marginals.masses(0), self.marginals.masses(1));
        let total = self.marginals.total();
        let (mut plan, mut off) = (Vec::new(), [mu.to_vec(), nu.to_vec()]);
        let (mut objective, mut magnitude) = (0.0, 0.0);
        for node in self.tree.nodes.iter().filter(|v| v.flow > 0) {
            let Some(cost) = self.costs.get(node.arc as usize) else {
                continue;
            };
            let (i, j) = self.arcs.ends[node.arc as usize];
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
        Exact {
            status,
            plan,
            potentials,
            objective,
            lower_bound,
            marginal_violation,
            rounds: 0,
            pivots: 0,
            iterations: 0,
            arcs: 0,
            seconds: 0.0,
            phases: [0.0; 4],
        }
    }
}
