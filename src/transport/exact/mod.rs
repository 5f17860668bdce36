//! Optimal transport to a certified optimum: Sinkhorn potentials choose the arcs, the network simplex finishes[^ZG22].
//!
//! [^ZG22]: Zanetti, Gondzio. *An interior point–inspired algorithm for linear programs arising in discrete optimal transport.*
//! INFORMS Journal on Computing 35, 2023 (column generation on the support; here with a simplex finish).

mod annealing;
mod arc_index;
mod basic_plan;
mod capped;
mod central_path;
mod dense;
mod dense_cost;
mod initial_tree;
mod interior;
mod monitor;
mod program;
mod settings;
mod simplex;
mod solution;
mod sparse;
mod tree;

use super::polytope::cost::{self, Cost};
use super::polytope::marginals::Marginals;
use super::settings::Observer;
use crate::clock::Instant;
use crate::error::{Error, Result, check_shape};
use crate::ipm::Status;
use capped::{CappedCost, LineMinima};
use dense::DenseRun;
use dense_cost::DenseCost;
use monitor::Monitor;
pub use program::linear_program;
pub use settings::{ExactSettings, Finish};
pub use solution::{Cut, ExactSolution, InteriorFailure, PhaseSeconds, Potentials};
pub use sparse::exact_sparse;

/// Minimises a linear cost over the couplings of two measures, to a vertex with a certificate of its optimality.
///
/// Log-domain Sinkhorn half-steps at falling temperatures give potentials. The arcs of least reduced cost and a feasible tree
/// are kept. The network simplex solves on the arcs kept, all arcs are priced, and violated arcs join, until no arc is
/// violated. `start` replaces the half-steps: [`ExactSolution::potentials`] of a similar problem. The observer is called after
/// every half-step, every 1024 pivots and every round; it sees the number of these calls as `iteration`, the inverse
/// temperature as `beta`, and `seconds`. The other fields are not known during a run.
///
/// ```
/// use dyncvx::transport::{CostFn, ExactSettings, Marginals, Status, exact, unobserved};
/// let cost = CostFn::new(30, 40, |i, j| (i as f64 / 30.0 - j as f64 / 40.0).powi(2));
/// let marginals = Marginals::uniform(&[30, 40])?;
/// let answer = exact(&cost, &marginals, &ExactSettings::default(), None, &mut unobserved)?;
/// assert_eq!(answer.status, Status::Solved);
/// assert!(answer.objective - answer.lower_bound <= 1e-9 * answer.objective);
/// assert!(answer.plan.len() < 70);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// Arcs of infinite cost, and arcs that the marginals forbid, carry no mass. [`exact_sparse`] then solves on the other arcs; its
/// status is [`Status::PrimalInfeasible`](super::Status::PrimalInfeasible) where no coupling exists on them.
///
/// The gap counts as closed within `tol_gap_rel` of the objective. Where that is below rounding error, 1e-14 of the terms of the bound
/// counts instead. Entries of the cost that no optimal plan pays are cut off first, however large they are.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] in the cost (infinity excepted) or `start`, [`Error::InvalidSetting`];
/// [`Error::Unsupported`] for more than two measures.
///
/// # Complexity
/// `O(mn)` per half-step and per round. The time of a pivot is proportional to the part of the tree that it moves. Space
/// `O((m + n) arcs)` beside the cost.
pub fn exact(
    cost: &dyn Cost,
    marginals: &Marginals,
    settings: &ExactSettings,
    start: Option<&Potentials>,
    observer: &mut Observer<'_>,
) -> Result<ExactSolution> {
    let clock = Instant::now();
    settings.validate()?;
    let by = "exact transport";
    let [m, n] = *marginals.shape() else {
        let what = "more than two measures";
        return Err(Error::Unsupported { what, by });
    };
    check_shape("cost", (m, n), cost.shape())?;
    start.map_or(Ok(()), |start| start.check(marginals))?;
    if m + n >= tree::NONE as usize {
        let what = "2^32 or more points";
        return Err(Error::Unsupported { what, by });
    }
    // Forbidden arcs, or a cost that is not finite everywhere: solve on the arcs that are left.
    let range = match marginals.forbidden() {
        Some(_) => None,
        None => match cost::range(cost) {
            Err(Error::NonFinite { .. }) => None,
            range => Some(range?),
        },
    };
    let Some((low, high)) = range else {
        let arcs = allowed(cost, marginals)?;
        let mut answer = exact_sparse(&arcs, marginals, settings, start, observer)?;
        answer.seconds = clock.elapsed().as_secs_f64();
        return Ok(answer);
    };
    if !(high - low).is_finite() {
        let what = "a cost whose range overflows";
        return Err(Error::Unsupported { what, by });
    }
    // Entries that no optimal plan pays are cut off: they swallow the digits of the others.
    let minima = LineMinima::new(cost, marginals, low.abs().max(high.abs()));
    for (rung, &cap) in minima.caps.iter().enumerate() {
        let minima = &minima;
        let capped = CappedCost { cost, minima, cap };
        let range = cost::range(&capped)?;
        let problem = Problem {
            cost: &capped,
            range,
            is_wide: rung > 0,
            marginals,
            settings,
            clock,
        };
        let answer = problem.solve(start, observer)?;
        if answer.status == Status::Solved
            && let Some(answer) = capped.stated(answer, marginals)
        {
            return Ok(answer);
        }
    }
    let problem = Problem {
        cost,
        range: (low, high),
        is_wide: !minima.caps.is_empty(),
        marginals,
        settings,
        clock,
    };
    problem.solve(start, observer)
}

/// A cost that is finite everywhere, and what is asked.
struct Problem<'a> {
    cost: &'a dyn Cost,
    /// The least and the largest entry of the cost.
    range: (f64, f64),
    /// Whether some entries are far above what is typical.
    is_wide: bool,
    marginals: &'a Marginals,
    settings: &'a ExactSettings,
    clock: Instant,
}

impl Problem<'_> {
    fn solve(
        &self,
        start: Option<&Potentials>,
        observer: &mut Observer<'_>,
    ) -> Result<ExactSolution> {
        let (low, high) = self.range;
        let positive = |mode: usize| -> Vec<usize> {
            let masses = self.marginals.masses(mode).iter().enumerate();
            masses.filter(|(_, v)| **v > 0.0).map(|(i, _)| i).collect()
        };
        let dense = DenseCost {
            cost: self.cost,
            rows: positive(0),
            columns: positive(1),
            low,
            range: high - low,
        };
        let run = DenseRun {
            dense,
            marginals: self.marginals,
            settings: self.settings,
            largest_cost: low.abs().max(high.abs()),
            moderate_cost: if self.is_wide {
                0.0
            } else {
                low.abs().max(high.abs())
            },
            monitor: Monitor::new(self.settings, self.clock, observer),
        };
        run.solve(start)
    }
}

/// The arcs of a cost that is infinite elsewhere, or forbidden by the marginals.
///
/// # Errors
/// [`Error::NonFinite`] for a NaN or minus infinity.
fn allowed(cost: &dyn Cost, marginals: &Marginals) -> Result<Vec<(usize, usize, f64)>> {
    let (m, n) = cost.shape();
    let (mut arcs, mut line) = (vec![], vec![0.0; m]);
    for j in 0..n {
        cost.fill(j, 0, &mut line);
        for (i, c) in line.iter().enumerate() {
            if marginals.forbidden().is_some_and(|f| f[i + m * j]) || *c == f64::INFINITY {
                continue;
            }
            if !c.is_finite() {
                let (what, index) = ("cost", i + m * j);
                return Err(Error::NonFinite { what, index });
            }
            arcs.push((i, j, *c));
        }
    }
    Ok(arcs)
}
