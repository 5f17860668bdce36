//! Given arcs only: two phases of the network simplex, and a violated cut where no coupling exists.

mod blocks;
mod capped;
mod network;

use super::basic_plan::{BasicArc, BasicPlan, UNITS};
use super::monitor::Monitor;
use super::settings::ExactSettings;
use super::simplex::{self, ArcList, Ended};
use super::solution::{Cut, ExactSolution, PhaseSeconds, Potentials};
use super::tree::NONE;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::ipm::{self, Status};
use crate::transport::params::PRICED_PER_COLUMN;
use crate::transport::polytope::certificate::below;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::settings::Observer;
use crate::transport::verdict::{self, COST_ROUNDING};
use network::{Network, SparseProblem};

/// Missing mass, over the total, that is rounding error of the masses and does not make them infeasible.
const MISSING_ROUNDING: f64 = 4e-13;
/// Costs, heights and reduced costs of phase one are integers: one half is the tolerance that no rounding error crosses.
const HALF: f64 = 0.5;

/// Minimises a linear cost over the couplings of two measures that use the given arcs `(row, column, cost)` only.
///
/// Potentials of Sinkhorn half-steps on the arcs, or `start`, choose the first arcs and a tree that moves most of the mass.
/// Phase one of the network simplex moves as much mass as the arcs can carry. Mass that remains gives a [`Cut`], which is
/// computed from the masses and the arcs as given: [`ExactSolution::cut`]. Otherwise phase two finds the optimum on the arcs
/// that carry mass in some coupling, and the potentials of phase one lift those of phase two until they are feasible on all
/// arcs. The settings `max_rounds` and `finish` are not used. Of an arc that is given twice the cheaper one counts. Arcs that
/// the marginals forbid are left out.
///
/// The potentials of the answer are feasible on the given arcs only. Where the clock or the observer ends the run before a
/// coupling was found, the plan misses mass, and `marginal_violation` says how much.
///
/// ```
/// use dyncvx::transport::{ExactSettings, Marginals, Status, exact_sparse, unobserved};
/// let settings = ExactSettings::default();
/// let marginals = Marginals::new(&[0.5, 0.5], &[0.25, 0.75])?;
/// let arcs = [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 0.5)];
/// let answer = exact_sparse(&arcs, &marginals, &settings, None, &mut unobserved)?;
/// assert_eq!(answer.status, Status::Solved);
/// let answer = exact_sparse(&arcs[..2], &marginals, &settings, None, &mut unobserved)?;
/// assert_eq!(answer.status, Status::PrimalInfeasible);
/// let cut = answer.cut.expect("row 1 has no arc");
/// assert_eq!((cut.rows, cut.columns, cut.excess), (vec![1], vec![], 0.5));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// Masses that miss balance by less than 4e-13 of the total, as sums of rounded numbers do, count as feasible. Where the arcs fall
/// apart into blocks whose masses differ by no more than `mass_tolerance`, the columns of each block are scaled to its rows, and
/// [`ExactSolution::rescaled`] says by how much.
///
/// # Errors
/// [`Error::OutOfRange`] for an arc without its row or column, [`Error::NonFinite`] for a cost, [`Error::InvalidSetting`];
/// [`Error::Unsupported`] for more than two measures.
///
/// # Complexity
/// `O(arcs)` per half-step, per round and for the certificate. The time of a pivot is proportional to the part of the tree
/// that it moves. Space `O(m + n + arcs)`.
pub fn exact_sparse(
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    settings: &ExactSettings,
    start: Option<&Potentials>,
    observer: &mut Observer<'_>,
) -> Result<ExactSolution> {
    settings.validate()?;
    let by = "exact transport on given arcs";
    let [m, n] = *marginals.shape() else {
        let what = "more than two measures";
        return Err(Error::Unsupported { what, by });
    };
    start.map_or(Ok(()), |start| start.check(marginals))?;
    if m + n + 2 + arcs.len() >= (NONE / 2) as usize {
        let what = "2^31 or more points and arcs";
        return Err(Error::Unsupported { what, by });
    }
    let largest_cost = check_arcs(arcs, m, n)?;
    if !(largest_cost * 4.0 * (m + n) as f64).is_finite() {
        let what = "a cost whose sums overflow";
        return Err(Error::Unsupported { what, by });
    }
    let allowed =
        |(i, j, _): &&(usize, usize, f64)| marginals.forbidden().is_none_or(|f| !f[i + m * j]);
    let arcs: Vec<_> = arcs.iter().filter(allowed).copied().collect();
    let clock = Instant::now();
    let asked = Asked {
        marginals,
        settings,
        start,
        clock,
    };
    // Costs that no optimal plan pays are cut off: they swallow the digits of the others.
    let answer = capped::exact_sparse(&arcs, largest_cost, &asked, observer)?;
    if answer.status != Status::PrimalInfeasible {
        return Ok(answer);
    }
    // Blocks whose masses agree up to the tolerance are no infeasibility.
    match blocks::balanced(&arcs, marginals, settings.mass_tolerance)? {
        Some(balanced) => {
            let asked = Asked {
                marginals: &balanced,
                ..asked
            };
            let again = capped::exact_sparse(&arcs, largest_cost, &asked, observer)?;
            Ok(if again.status == Status::PrimalInfeasible {
                answer
            } else {
                ExactSolution {
                    rescaled: balanced.rescaled(),
                    ..again
                }
            })
        }
        None => Ok(answer),
    }
}

/// What is asked of a program on given arcs.
#[derive(Clone, Copy)]
struct Asked<'a> {
    marginals: &'a Marginals,
    settings: &'a ExactSettings,
    start: Option<&'a Potentials>,
    clock: Instant,
}

/// Solves on arcs that were checked. The costs are the largest absolute one, and the same or 0 where that is far above what is typical.
fn on_arcs(
    arcs: &[(usize, usize, f64)],
    [largest_cost, moderate_cost]: [f64; 2],
    asked: &Asked<'_>,
    observer: &mut Observer<'_>,
) -> ExactSolution {
    let problem = SparseProblem {
        arcs,
        marginals: asked.marginals,
        settings: asked.settings,
        largest_cost,
        moderate_cost,
    };
    let start = asked.start;
    let mut monitor = Monitor::new(asked.settings, asked.clock, observer);
    let network = Network::new(&problem, start, &mut monitor);
    let run = SparseRun {
        problem,
        network,
        monitor,
        rounds: 0,
        pivots: 0,
    };
    run.solve()
}

/// Checks the arcs, and returns the largest absolute cost.
fn check_arcs(arcs: &[(usize, usize, f64)], m: usize, n: usize) -> Result<f64> {
    let mut largest: f64 = 0.0;
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
        largest = largest.max(cost.abs());
    }
    Ok(largest)
}

/// Phase one pays for mass that goes by the hubs, phase two the costs as given.
#[derive(Clone, Copy, PartialEq)]
enum Phase<'a> {
    One,
    /// On the arcs without reduced cost at the heights of phase one.
    Two(&'a [f64]),
}

struct SparseRun<'a> {
    problem: SparseProblem<'a>,
    network: Network,
    monitor: Monitor<'a>,
    rounds: usize,
    pivots: usize,
}

impl SparseRun<'_> {
    fn solve(mut self) -> ExactSolution {
        let mut phases = PhaseSeconds {
            potentials: self.monitor.seconds(),
            ..PhaseSeconds::default()
        };
        // Phase one: as much mass as the arcs can carry.
        let mut ended = self.monitor.ended().cloned();
        let settled = ended.is_none() && self.settle(Phase::One, HALF);
        phases.feasibility = self.monitor.seconds() - phases.potentials;
        let mut potentials = vec![0.0; self.network.rows.len()];
        if settled {
            if self.network.missing() > MISSING_ROUNDING * UNITS {
                // Mass that remains proves that there is no coupling, unless the cut is rounding error.
                match self.cut() {
                    Some(cut) => return self.infeasible(cut, phases),
                    None => ended = Some(ipm::Ended::Stalled(ipm::Stall::NoProgress)),
                }
            } else {
                potentials = self.optimise();
            }
        }
        ended = ended.or(self.monitor.ended().cloned());
        phases.optimum = self.monitor.seconds() - phases.potentials - phases.feasibility;
        let mut answer = self.certify(&potentials, ended.as_ref());
        (answer.pivots, answer.rounds) = (self.pivots, self.rounds);
        answer.arcs = self.network.kept_arcs();
        answer.seconds = self.monitor.seconds();
        phases.certificate =
            answer.seconds - phases.potentials - phases.feasibility - phases.optimum;
        answer.phases = phases;
        answer
    }

    /// The simplex on the arcs kept, and pricing of all arcs of the phase, until no arc is violated: then true. False where the
    /// monitor ended the run.
    fn settle(&mut self, phase: Phase<'_>, tolerance: f64) -> bool {
        loop {
            let mut halt = || self.monitor.ends(0.0);
            let Network { tree, kept, .. } = &mut self.network;
            let ended = simplex::run(tree, kept, tolerance, &mut self.pivots, &mut halt);
            if ended == Ended::Halted {
                return false;
            }
            self.rounds += 1;
            let violated = self.price(phase, tolerance);
            if violated.is_empty() {
                return true;
            }
            for k in violated {
                self.network.keep(k, self.cost(phase, k));
            }
            if self.monitor.ends(0.0) {
                return false;
            }
        }
    }

    /// The cost of a given arc in a phase.
    fn cost(&self, phase: Phase<'_>, arc: u32) -> f64 {
        if phase == Phase::One {
            0.0
        } else {
            self.network.all.arcs.costs[arc as usize]
        }
    }

    /// The worst violated arcs of every column that are not kept.
    fn price(&self, phase: Phase<'_>, tolerance: f64) -> Vec<u32> {
        let network = &self.network;
        let (heights, hub) = (&network.tree.height, network.tree.rows);
        let in_phase = |i: usize, j: usize| match phase {
            Phase::One => true,
            Phase::Two(first) => first[i] == first[hub + j],
        };
        let (mut found, mut worst) = (vec![], vec![]);
        for j in 0..network.columns.len() {
            worst.clear();
            for k in network.all.column(j) {
                if network.is_kept[*k as usize] {
                    continue;
                }
                let i = network.all.arcs.ends[*k as usize].0 as usize;
                let reduced = self.cost(phase, *k) - heights[i] + heights[hub + j];
                if reduced < -tolerance && in_phase(i, j) {
                    worst.push((reduced, *k));
                }
            }
            worst.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            found.extend(
                worst
                    .iter()
                    .take(PRICED_PER_COLUMN.count())
                    .map(|(_, k)| *k),
            );
        }
        found
    }

    /// No coupling: potentials that prove it, 1 on the rows of the cut and −1 on its columns.
    fn infeasible(&self, cut: Cut, phases: PhaseSeconds) -> ExactSolution {
        let [m, n] = [0, 1].map(|k| self.problem.marginals.masses(k).len());
        let mut potentials = Potentials::constant(m, n, 0.0);
        cut.rows.iter().for_each(|i| potentials.rows[*i] = 1.0);
        let columns = cut.columns.iter();
        columns.for_each(|j| potentials.columns[*j] = -1.0);
        ExactSolution {
            status: Status::PrimalInfeasible,
            potentials,
            objective: f64::INFINITY,
            lower_bound: f64::INFINITY,
            marginal_violation: f64::NAN,
            seconds: self.monitor.seconds(),
            phases,
            cut: Some(cut),
            ..ExactSolution::empty()
        }
    }

    /// The rows of potential 1 and the columns they reach, where these rows hold more than these columns take.
    ///
    /// At the optimum of phase one no such column takes mass from the hub, and all mass that remains belongs to such rows.
    fn cut(&self) -> Option<Cut> {
        let marginals = self.problem.marginals;
        let (mu, nu) = (marginals.masses(0), marginals.masses(1));
        let (mut inside, mut reached) = (vec![false; mu.len()], vec![false; nu.len()]);
        for (i, height) in self.network.rows.iter().zip(&self.network.tree.height) {
            inside[*i] = *height > HALF;
        }
        for (i, j, _) in self.problem.arcs {
            reached[*j] |= inside[*i];
        }
        let members = |set: &[bool]| -> Vec<usize> { (0..set.len()).filter(|k| set[*k]).collect() };
        let (rows, columns) = (members(&inside), members(&reached));
        let held: f64 = rows.iter().map(|i| mu[*i]).sum();
        let excess = held - columns.iter().map(|j| nu[*j]).sum::<f64>();
        // An excess below the rounding error of these sums proves nothing.
        let rounding = f64::EPSILON * (rows.len() + columns.len()) as f64 * held;
        (excess > rounding).then_some(Cut {
            rows,
            columns,
            excess,
        })
    }

    /// Phase two, on the arcs without reduced cost in phase one: no other arc carries mass in any coupling. Returns potentials
    /// of the rows.
    fn optimise(&mut self) -> Vec<f64> {
        let first = self.network.tree.height.clone();
        self.restrict_to_free_arcs(&first);
        let tolerance = COST_ROUNDING * self.problem.largest_cost;
        self.settle(Phase::Two(&first), tolerance);
        // Lifted by the potentials of phase one, those of phase two are feasible on the other arcs as well.
        let network = &self.network;
        let (heights, hub) = (&network.tree.height, network.tree.rows);
        let at = |v: &[f64], (i, j): (u32, u32)| v[hub + j as usize] - v[i as usize];
        let mut lift: f64 = 0.0;
        for (ends, cost) in network.all.arcs.ends.iter().zip(&network.all.arcs.costs) {
            let by = at(&first, *ends);
            if by > 0.0 {
                lift = lift.max(-(cost + at(heights, *ends)) / by);
            }
        }
        let pairs = heights.iter().zip(&first).take(network.rows.len());
        pairs.map(|(second, first)| second + lift * first).collect()
    }

    /// Drops kept arcs with a reduced cost at the heights `first` of phase one, and puts the costs of phase two on the others.
    ///
    /// Arcs of the hubs that are in the tree stay there at cost 0. They carry no mass but rounding error, and no other hub arc
    /// can enter.
    fn restrict_to_free_arcs(&mut self, first: &[f64]) {
        let network = &mut self.network;
        let hub = network.tree.rows;
        let free = |(i, j): (u32, u32)| first[i as usize] == first[hub + j as usize];
        let mut wanted: Vec<bool> = (0..network.kept.len())
            .map(|a| network.origin[a] != NONE && free(network.kept.ends[a]))
            .collect();
        for node in network.tree.nodes.iter().filter(|v| v.arc != NONE) {
            wanted[node.arc as usize] = true;
        }
        let mut kept = ArcList::default();
        let (mut origin, mut place) = (vec![], vec![NONE; network.kept.len()]);
        for a in (0..network.kept.len()).filter(|a| wanted[*a]) {
            let (i, j) = network.kept.ends[a];
            let cost = network.all.arcs.costs.get(network.origin[a] as usize);
            place[a] = kept.push(i as usize, j as usize, cost.copied().unwrap_or(0.0)) as u32;
            origin.push(network.origin[a]);
        }
        for node in network.tree.nodes.iter_mut().filter(|v| v.arc != NONE) {
            node.arc = place[node.arc as usize];
        }
        (network.kept, network.origin) = (kept, origin);
    }

    /// Plan and potentials in the data as given, and the status they deserve.
    fn certify(&self, phi: &[f64], ended: Option<&ipm::Ended>) -> ExactSolution {
        let (network, marginals) = (&self.network, self.problem.marginals);
        let basis = network.tree.nodes.iter().filter(|v| v.flow > 0);
        let plan = BasicPlan::measure(
            marginals,
            basis.filter_map(|node| {
                // Hub arcs have no origin, hence no cost.
                let origin = network.origin[node.arc as usize] as usize;
                let cost = *network.all.arcs.costs.get(origin)?;
                let (i, j) = network.all.arcs.ends[origin];
                Some(BasicArc {
                    row: network.rows[i as usize],
                    column: network.columns[j as usize],
                    flow: node.flow,
                    cost,
                })
            }),
        );
        let potentials = self.feasible_potentials(phi);
        let lower_bound = potentials.value(marginals);
        let vertex = verdict::Vertex {
            objective: plan.objective,
            lower_bound,
            magnitude: plan.magnitude,
            marginal_violation: plan.marginal_violation,
            total: marginals.total(),
            dual_magnitude: potentials.magnitude(marginals),
            moderate_cost: self.problem.moderate_cost,
        };
        ExactSolution {
            status: vertex.judge(self.problem.settings.tol_gap_rel, ended),
            plan: plan.entries,
            potentials,
            objective: plan.objective,
            lower_bound,
            marginal_violation: plan.marginal_violation,
            ..ExactSolution::empty()
        }
    }

    /// The largest potentials that are feasible on the given arcs: of the columns for row potentials `phi`, then of the rows.
    fn feasible_potentials(&self, phi: &[f64]) -> Potentials {
        let [m, n] = [0, 1].map(|k| self.problem.marginals.masses(k).len());
        // Rows without mass bind no column; a point without arcs gets 0.
        let mut before = vec![f64::NEG_INFINITY; m];
        let rows = self.network.rows.iter();
        rows.zip(phi).for_each(|(i, v)| before[*i] = *v);
        let finite = |v: &mut f64| *v = if v.is_finite() { *v } else { 0.0 };
        let mut found = Potentials::constant(m, n, f64::INFINITY);
        for (i, j, cost) in self.problem.arcs {
            let column = &mut found.columns[*j];
            *column = column.min(cost - before[*i]);
        }
        found.columns.iter_mut().for_each(finite);
        for (i, j, cost) in self.problem.arcs {
            let row = &mut found.rows[*i];
            *row = row.min(cost - found.columns[*j]);
        }
        found.rows.iter_mut().for_each(finite);
        // The rounded least difference is not above any rounded one, and the number below is not above any exact one.
        found.rows.iter_mut().for_each(|v| *v = below(*v));
        found
    }
}
