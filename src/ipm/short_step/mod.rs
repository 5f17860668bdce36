//! The theory's own mode: short steps along the central path, on answers that may be stale, sketched and private.
//!
//! At a feasible pair with the eigenvalues of `XS` near `t` (the products `x_i s_i` of a nonnegative block), a step takes `t` to
//! `(1 − c/√ν)t` and moves the eigenvalues against the gradient of the soft maximum `Φ = Σ cosh λ(λ_i(XS)/t − 1)`[^CLS19]. With
//! `B = A·S(W̃)` at a weight `W̃` within `e^{±ε}` of that of the point, and `h` the move asked for, all it needs is `P h`:
//!
//! ```text
//! dŝ = P h,   dx̂ = h − dŝ,   s = c − Aᵀy throughout.
//! ```
//!
//! Where `P h` comes from a sketch `P̃ h = BᵀL_K⁻ᵀ z` in the range of `Bᵀ`, the path does not notice: `dx̂ + dŝ = h` whatever `P̃` is, and
//! dual feasibility is exact. The whole error `e = z − L_K⁻¹Bh`, about `√(m/b)‖h‖` long, is left in the primal residual
//! `A x − b`. It is followed by what the answers say of themselves and, before it is worth a move of its own, taken out by one
//! solve with the exact structure, which is never sketched and spends no budget. That also keeps the path out of the reach of what an
//! adaptive asker could do to a sketch: the path *is* such an asker, each `h` depends on all answers before.
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
//! // Copies for as many answers of m numbers as there will be steps.
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
//! The sources take `c`, `ε` and the centring move of order `1/log ν`, and a modified program to begin in; here they are settings, with
//! a damped Newton method before ([`central_point`]). The centring move stops at the foot of the perpendicular, so that a centred point is left
//! alone. On matrices the eigenvalues of `XS` take the place of the products `x_i s_i`, and the weight is the Nesterov–Todd scaling: one
//! method for both cones, instead of the dual barrier of [^JKLPS20]. What a sketch leaves of `A x − b` is taken out by exact solves.
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

/// Exact solves in a row that may follow one another at the end before the tolerance counts as out of reach.
const LAST: usize = 5;

/// What [`follow`] did.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Counts {
    /// Steps made.
    pub iterations: usize,
    /// Answers asked of the projection: `m` releases each where it is a [`Robust`](crate::projection::Robust).
    pub answers: usize,
    /// Exact solves that removed the primal residual.
    pub repairs: usize,
    /// Steps at which the weight that the projection holds was near enough.
    pub kept: usize,
    /// Weight changes that the projection absorbed as a low-rank update, or postponed.
    pub low_rank: usize,
    /// Steps after which the projection formed and factorised its matrices from the start.
    pub rebuilt: usize,
    /// Sum of the ranks of all absorbed updates.
    pub rank: usize,
    /// Largest rank of one absorbed update.
    pub largest_rank: usize,
    /// Halvings of a step that would have left the cone.
    pub cut: usize,
    /// Largest primal residual that a repair found, in the local norm and units of `√t`.
    pub drift: f64,
    /// Largest ratio of that to what the answers had promised.
    pub drift_ratio: f64,
    /// Largest potential met, relative to the bound of the neighbourhood.
    pub potential: f64,
}

/// What [`follow`] found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// The point, its errors in the original data, and how it ended.
    pub solution: Solution,
    /// What it took.
    pub counts: Counts,
}

/// Follows the central path from `start`, a point near it, until gap and feasibility are within the tolerances in the original data.
///
/// The projection is moved to a new weight when the one it holds has drifted too far, and asked for
/// [`query_in_range`](Projection::query_in_range) once a step: exact for a plain engine, sketched and private for
/// `Robust<Sketched<Kronecker>>`. For the last digits hand the point on to [`solve_from`](super::solve_from) with an ordinary engine.
///
/// The end of a privacy budget is [`Ended::BudgetExhausted`]: the point is where the path had come to, and after
/// [`Robust::renew`](crate::projection::Robust::renew) it can be followed on from there.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) when projection or start are of another program,
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for settings outside their ranges and a start outside the cone, and what
/// the projection refuses the first weight with; [`Error::Unsupported`](crate::Error::Unsupported) for a structure whose answers are not of the
/// last weight given: how far that may drift is decided here. Trouble after that is in [`Solution::ended`](super::Solution).
///
/// # Complexity
/// `O(√ν log 1/ε)` steps; one answer each, a move of the weight where one is due, and about `50n³` flops a PSD block.
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
    let mut last = 0;
    let ended = loop {
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
        // Only A x − b is above its tolerance: the iteration corrects A x = b and goes no further.
        last = if near { last + 1 } else { 0 };
        if last > LAST {
            break Ended::Stalled(Stall::NoProgress);
        }
        match path.step(projection, near)? {
            Moved::Yes => {}
            Moved::Exhausted => break Ended::BudgetExhausted,
            Moved::Stuck => break Ended::Stalled(Stall::ShortStep),
            Moved::Failed(error) => break Ended::Failed(error),
        }
    };
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
