//! What a caller sees: solving, from cold or from a nearby point.

use super::direction::nonneg;
use super::run::{Method, Run};
use super::{SearchDirection, Settings, Solution, Start, Status};
use crate::clock::Instant;
use crate::constraints::WeightForm;
use crate::error::{Error, Result, check_memory};
use crate::problem::ConicProgram;
use crate::projection::{Projection, Refresh, Support};
use std::ops::ControlFlow;

/// Flat vectors of length `N` that a solve holds at once, about.
const VECTORS: u128 = 20;

/// What an observer sees before every step.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Iteration {
    /// Number of steps made.
    pub iteration: usize,
    /// `⟨c, x⟩`.
    pub primal_objective: f64,
    /// `bᵀy`.
    pub dual_objective: f64,
    /// `‖A x − b‖ / (1 + max│b│)`.
    pub primal_infeasibility: f64,
    /// `‖Aᵀy + s − c‖ / (1 + max│c│)`.
    pub dual_infeasibility: f64,
    /// `⟨x, s⟩ / (1 + │⟨c, x⟩│ + │bᵀy│)`.
    pub gap: f64,
    /// `⟨x, s⟩ / ν`.
    pub mu: f64,
    /// The primal step that led here, 0 at first.
    pub primal_step: f64,
    /// The dual step that led here, 0 at first.
    pub dual_step: f64,
    /// What the projection did at the last update.
    pub refresh: Option<Refresh>,
    /// Steps of conjugate gradients its answers took since, where it keeps count.
    pub steps: usize,
    /// Seconds since the start.
    pub seconds: f64,
}

/// Called before every step; `Break` ends the solve with the best point so far and [`Status::Stopped`].
pub type Observer<'a> = dyn FnMut(&Iteration) -> ControlFlow<()> + 'a;

/// Solves a conic program by a predictor–corrector method from an infeasible start, along HKM or Nesterov–Todd[^TTT98]
/// directions, as the projection prefers; where one ends without an answer along the latter, the former is tried, which the
/// observer sees as a second count from 0. A linear program is begun from least squares and corrected for centrality several times a factor; what that
/// leaves open is begun once more as any other program is, which the observer sees as a second count from 0.
///
/// The projection must have been made from the rows of this problem; it is moved to a new weight once an iteration, and
/// asked for two solves. The point returned is the best one seen, and a status that claims something was verified in the
/// original data: the six DIMACS errors for [`Status::Solved`], the certificate for an infeasibility.
///
/// # Errors
/// [`Error::Shape`] when the projection is of another problem, [`Error::InvalidSetting`], [`Error::RankDeficient`] when
/// the rows are dependent, [`Error::TooLarge`], and what else the projection refuses the first weight with. Numerical
/// trouble after that is a [`Status`].
///
/// # Complexity
/// Per iteration one update and two solves of the projection, and about `60n³` flops a PSD block. Memory: some twenty flat
/// vectors of length `N`, besides the projection.
///
/// [^TTT98]: Todd, Toh, Tütüncü. On the Nesterov–Todd direction in semidefinite programming. SIAM J. Optim. 1998.
pub fn solve(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    observer: &mut Observer<'_>,
) -> Result<Solution> {
    begin(problem, projection, settings, None, observer)
}

/// The same from a point that may be near the solution: that of a problem with nearby numbers, say. The point is moved into
/// the interior by as much as it is infeasible here. What a warm start leaves without an answer is solved from cold,
/// which the observer sees as a second count from 0.
///
/// # Errors
/// Those of [`solve`]; [`Error::Shape`] and [`Error::NonFinite`] for the start.
///
/// # Complexity
/// That of [`solve`], and the eigenvalues of every block of the start.
pub fn solve_from(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    start: &Start,
    observer: &mut Observer<'_>,
) -> Result<Solution> {
    let found = begin(problem, projection, settings, Some(start), observer)?;
    let ended = matches!(
        found.status,
        Status::Stopped | Status::TimeLimit | Status::MaxIterations
    );
    if found.status.is_answer() || ended {
        return Ok(found);
    }
    let mut cold = begin(problem, projection, settings, None, observer)?;
    cold.iterations += found.iterations;
    cold.seconds += found.seconds;
    cold.phases = cold.phases.and(&found.phases);
    Ok(cold)
}

fn begin(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    start: Option<&Start>,
    observer: &mut Observer<'_>,
) -> Result<Solution> {
    settings.validate()?;
    check_rows(problem, projection)?;
    let a = problem.constraints();
    let vectors = VECTORS * a.ambient() as u128;
    check_memory("the vectors of an interior-point method", vectors)?;
    let begun = Instant::now();
    // Made anew for each attempt: a spare copy of the vectors would be held all along.
    let attempt = |method, projection: &mut dyn Projection, observer: &mut Observer<'_>| {
        Run::new(problem, settings, method, start, begun)?.run(projection, observer)
    };
    let generic = |observer: &mut Observer<'_>, projection: &mut dyn Projection| {
        match settings.direction {
            SearchDirection::NesterovTodd => attempt(Method::NesterovTodd, projection, observer),
            SearchDirection::Hkm => attempt(Method::Hkm, projection, observer),
            SearchDirection::Auto
                if projection.supports(WeightForm::Root) == Support::Preferred =>
            {
                let first = attempt(Method::NesterovTodd, projection, observer)?;
                if !matches!(
                    first.status,
                    Status::AlmostSolved | Status::InsufficientProgress | Status::NumericalError
                ) {
                    return Ok(first);
                }
                match attempt(Method::Hkm, projection, observer) {
                    Ok(second) => Ok(better(first, second, begun)),
                    Err(_) => Ok(first),
                }
            }
            SearchDirection::Auto => match attempt(Method::Hkm, projection, observer) {
                Err(Error::Unsupported { .. }) => {
                    // The first row of the table was seen already.
                    let mut rest = |row: &Iteration| match row.iteration {
                        0 => ControlFlow::Continue(()),
                        _ => observer(row),
                    };
                    attempt(Method::NesterovTodd, projection, &mut rest)
                }
                Ok(first) if lost(&first) => {
                    // Nesterov–Todd steps stay longer where a problem has no solution.
                    match attempt(Method::NesterovTodd, projection, observer) {
                        Ok(second) => Ok(better(first, second, begun)),
                        Err(_) => Ok(first),
                    }
                }
                found => found,
            },
        }
    };
    if !nonneg::is_linear(a) {
        return generic(observer, projection);
    }
    let first = attempt(Method::Linear, projection, observer)?;
    if matches!(
        first.status,
        Status::Solved | Status::Stopped | Status::TimeLimit | Status::MaxIterations
    ) {
        return Ok(first);
    }
    // From another start and along other directions: a certificate within the tolerance may also fit a feasible program
    // whose solutions are large, and that would show now.
    let second = generic(observer, projection)?;
    Ok(better(first, second, begun))
}

/// Whether a run gave up so far from a solution that there may be none.
fn lost(found: &Solution) -> bool {
    const FAR: f64 = 1e-2;
    let gave_up = matches!(
        found.status,
        Status::InsufficientProgress | Status::NumericalError
    );
    let error = found.dimacs.max();
    gave_up && (error > FAR || error.is_nan())
}

/// Of two runs after one another the one with an answer, or with the smaller errors.
fn better(first: Solution, second: Solution, begun: Instant) -> Solution {
    let iterations = first.iterations + second.iterations;
    let phases = first.phases.and(&second.phases);
    let keep = match (first.status.is_answer(), second.status.is_answer()) {
        (_, true) if second.status == Status::Solved => second,
        (true, _) => first,
        (false, true) => second,
        _ if first.dimacs.max() <= second.dimacs.max() => first,
        _ => second,
    };
    Solution {
        iterations,
        seconds: begun.elapsed().as_secs_f64(),
        phases,
        ..keep
    }
}

/// Whether the projection is one of the rows of this problem.
pub(super) fn check_rows(problem: &ConicProgram, projection: &dyn Projection) -> Result<()> {
    let (a, shape) = (problem.constraints(), projection.shape());
    let (expected, found) = ((a.len(), a.ambient()), (shape.constraints, shape.ambient));
    if expected == found && shape.blocks == a.blocks() {
        return Ok(());
    }
    Err(Error::Shape {
        what: "projection of this problem",
        expected,
        found,
    })
}
