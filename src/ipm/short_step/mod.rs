//! The short-step method of the theory: short steps along the central path, with projections that may be stale, sketched and
//! private.
//!
//! The method keeps a pair of points with `s = c − Aᵀy` whose eigenvalues of `XS` are near `t`. On a nonnegative block the
//! products `x_i s_i` take the place of these eigenvalues. A step moves `t` to `(1 − c/√ν)t`, and moves the eigenvalues against
//! the gradient of the soft maximum `Φ = Σ cosh λ(λ_i(XS)/t − 1)`[^CLS19]. Let `B = A·S(W̃)` at a weight `W̃` within `e^{±ε}` of
//! the weight of the point, and let `h` be the wanted move. Then a step needs only `P h`:
//!
//! ```text
//! dŝ = P h,   dx̂ = h − dŝ,   s = c − Aᵀy throughout.
//! ```
//!
//! A sketch gives `P̃ h = BᵀL_K⁻ᵀ z` instead of `P h`, which also lies in the range of `Bᵀ`. Then `dx̂ + dŝ = h` holds for any `P̃`, and
//! dual feasibility is exact. The error `e = z − L_K⁻¹Bh`, of length about `√(m/b)‖h‖`, remains in the primal residual `A x − b`
//! only. The method estimates this residual from the errors that the answers report. Before the residual becomes large, one
//! solve with the exact structure removes it. This solve is never sketched and spends no privacy budget.
//!
//! The moves `h` depend on all earlier answers, so the method is an adaptive asker, and its questions could make the errors of a
//! sketch large. The exact solves keep the path safe in that case too.
//!
//! ```
//! use dyncvx::ipm::{Ended, Status, short_step::{self, Settings}};
//! use dyncvx::privacy::{Demand, calibrated};
//! use dyncvx::problem::generators::max_cut;
//! use dyncvx::projection::{Direct, Kronecker, Projection, Robust, robust, Sketched, sketched};
//! use dyncvx::sketch::{Base, Distribution};
//! use std::ops::ControlFlow;
//! # fn main() -> dyncvx::Result<()> {
//! let program = max_cut(4, &[(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0), (0, 3, 1.0)])?;
//! let (program, mut settings) = (program.conic(), Settings::default());
//! (settings.tol_gap_rel, settings.tol_feas) = (1e-2, 1e-2);
//! let a = program.constraints().clone();
//! let centre = short_step::central_point(program, &mut Direct::new(a.clone())?, &settings)?;
//! assert_eq!(centre.ended, Ended::Converged);
//! // Plan one answer of m numbers per step.
//! let plan = calibrated::plan(&Demand::new(centre.answers(&settings), a.len() as u64, 0.2))?;
//! let exact = Kronecker::new(a)?.with_weight(&[(&faer::Mat::identity(4, 4)).into()])?;
//! let sketches = Sketched::new(exact, sketched::Settings::new(Distribution::new(Base::Rademacher, plan.rows)?, plan.copies, 7u64))?;
//! let mut robust = Robust::new(sketches, robust::Settings::new(plan, 8u64))?;
//! let found = short_step::follow(program, &mut robust, &settings, &centre.point, &mut |_| ControlFlow::Continue(()))?;
//! assert_eq!(found.solution.status, Status::Solved);
//! assert_eq!(robust.account().answered, 4 * found.counts.answers as u64);
//! # Ok(()) }
//! ```
//!
//! # Deviations
//! * In the sources `c`, `ε` and the centring move are of order `1/log ν`. Here they are settings.
//! * The sources start from a modified program. Here a damped Newton method finds the start ([`central_point`]).
//! * The centring move ends where `r` has no component along the gradient, so a centred point stays in place.
//! * On matrices the eigenvalues of `XS` replace the products `x_i s_i`, and the weight is the Nesterov–Todd scaling. So one method
//!   serves both cones, instead of the dual barrier of [^JKLPS20].
//! * Exact solves remove the primal residual that a sketch leaves.
//!
//! [^CLS19]: Cohen, Lee, Song. Solving linear programs in the current matrix multiplication time. STOC 2019.
//! [^JKLPS20]: Jiang, Kathuria, Lee, Padmanabhan, Song. A faster interior point method for semidefinite programming. FOCS 2020.

mod centre;
mod frame;
mod path;
mod potential;
mod settings;

pub use centre::{CentralPoint, central_point};
pub use settings::Settings;

use super::solve::check_rows;
use super::verdict::{Measured, judge};
use super::{Ended, Observer, PointErrors, Solution, Stall, Start};
use crate::clock::Instant;
use crate::constraints::Constraints;
use crate::error::Result;
use crate::linalg::dot;
use crate::problem::ConicProgram;
use crate::projection::Projection;
use path::{Moved, Path};

/// Largest number of consecutive exact solves at the end of the path. After these the tolerance counts as out of reach.
const MAX_FINAL_REPAIRS: usize = 5;

/// Counts and extremes of one run of [`follow`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Counts {
    /// Steps taken.
    pub iterations: usize,
    /// Answers of the projection; each takes `m` releases of a [`Robust`](crate::projection::Robust).
    pub answers: usize,
    /// Exact solves that removed the primal residual.
    pub repairs: usize,
    /// Steps at which the weight of the projection was near enough.
    pub kept: usize,
    /// Weight changes that the projection absorbed as a low-rank update, or postponed.
    pub low_rank: usize,
    /// Weight changes at which the projection formed and factored its matrices again.
    pub rebuilt: usize,
    /// Sum of the ranks of all absorbed updates.
    pub rank: usize,
    /// Largest rank of one absorbed update.
    pub largest_rank: usize,
    /// Halvings of steps that would have left the cone.
    pub cut: usize,
    /// Largest primal residual before a repair, in the local norm and units of `√t`.
    pub drift: f64,
    /// Largest ratio of the primal residual before a repair to its estimate from the answers.
    pub drift_ratio: f64,
    /// Largest potential, relative to the bound of the neighbourhood.
    pub potential: f64,
}

/// The result of [`follow`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The point, its errors in the original data, and the reason the run ended.
    pub solution: Solution,
    /// Counts and extremes of the run.
    pub counts: Counts,
}

/// Follows the central path from `start`, a point near the path, until gap and feasibility are within the tolerances in the original
/// data.
///
/// The projection gets a new weight when its weight has drifted too far from the weight of the point. Each step asks for one
/// [`query_in_range`](Projection::query_in_range). The answer is exact for a plain structure, and sketched and private for
/// `Robust<Sketched<Kronecker>>`. For more digits, continue from the point with [`solve_from`](super::solve_from) and a plain
/// structure.
///
/// A spent privacy budget ends the run with [`Ended::BudgetExhausted`] and the last point. After
/// [`Robust::renew`](crate::projection::Robust::renew) the path can be followed from this point.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) when the projection or the start belongs to another program.
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for settings outside their ranges or a start outside the cone. Any error of
/// the projection at the first weight. [`Error::Unsupported`](crate::Error::Unsupported) for a structure whose answers are not for the
/// last weight given, because this method alone decides how far the weight may drift. Later errors are in
/// [`Solution::ended`](super::Solution).
///
/// # Complexity
/// `O(√ν log 1/ε)` steps. A step costs one answer, an update of the projection where one is due, and about `50n³` flops per PSD block.
pub fn follow(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    start: &Start,
    observer: &mut Observer<'_>,
) -> Result<Outcome> {
    settings.validate()?;
    check_rows(problem, projection)?;
    let begun = Instant::now();
    let mut path = Path::new(problem, settings, start)?;
    let mut final_repairs = 0;
    let ended = loop {
        // Measure the point, and test whether the run ends here.
        let row = path.measure()?;
        if observer(&row).is_break() {
            break Ended::Stopped;
        }
        let near = row.gap <= settings.tol_gap_rel;
        if near && row.primal_infeasibility <= settings.tol_feas {
            let errors = path.errors()?;
            if errors.dimacs.gap() <= settings.tol_gap_rel
                && errors.dimacs.infeasibility() <= settings.tol_feas
            {
                break Ended::Converged;
            }
        }
        if row.iteration >= settings.max_iter {
            break Ended::IterationLimit;
        }
        if row.seconds >= settings.time_limit {
            break Ended::TimeLimit;
        }
        // If only A x − b is above its tolerance, the step repairs A x = b and does not advance along the path.
        final_repairs = if near { final_repairs + 1 } else { 0 };
        if final_repairs > MAX_FINAL_REPAIRS {
            break Ended::Stalled(Stall::NoProgress);
        }
        match path.step(projection, near)? {
            Moved::Yes => {}
            Moved::Exhausted => break Ended::BudgetExhausted,
            Moved::Stuck => break Ended::Stalled(Stall::ShortStep),
            Moved::Failed(error) => break Ended::Failed(error),
        }
    };
    // The verdict is judged by the errors in the original data.
    let errors = path.errors().unwrap_or(PointErrors::NAN);
    let (point, counts) = path.into_point();
    let mut value = [0.0];
    problem.cost().apply(&point.x, &mut value)?;
    let dual_objective = dot(problem.rhs(), &point.y);
    let measured = Measured::new(errors, value[0], dual_objective);
    let solution = Solution {
        status: judge(&measured, &ended, &settings.tolerances()),
        ended,
        primal_objective: value[0],
        dual_objective,
        x: point.x,
        y: point.y,
        s: point.s,
        dimacs: errors.dimacs,
        backward: errors.backward,
        outside: errors.outside,
        iterations: counts.iterations,
        seconds: begun.elapsed().as_secs_f64(),
        ..Solution::empty()
    };
    Ok(Outcome { solution, counts })
}

/// `s ← c − Aᵀy`.
fn slack(a: &Constraints, cost: &[f64], y: &[f64], s: &mut [f64]) -> Result<()> {
    a.adjoint(y, s)?;
    s.iter_mut().zip(cost).for_each(|(s, c)| *s = c - *s);
    Ok(())
}
