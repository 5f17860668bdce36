//! One run on a program and a projection of the caller's.

use super::run::{Request, run};
use super::{Attempt, Method, SearchDirection, Settings, Solution, Start};
use crate::clock::Instant;
use crate::constraints::{Block, Constraints, WeightForm};
use crate::error::{Error, Result, check_memory};
use crate::problem::ConicProgram;
use crate::projection::{Projection, Refresh, Support};
use std::ops::ControlFlow;

/// Flat vectors of length `N` that a run holds at once, about.
const VECTORS: u128 = 20;

/// What an observer sees before every step.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Iteration {
    /// The attempt that the iteration belongs to.
    pub attempt: Attempt,
    /// Number of steps made in this attempt.
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
    /// Seconds since the solve began, all attempts included.
    pub seconds: f64,
}

/// Called before every step; `Break` ends the solve with the best point so far and [`Ended::Stopped`](super::Ended).
pub type Observer<'a> = dyn FnMut(&Iteration) -> ControlFlow<()> + 'a;

/// Runs one method once on a conic program: a predictor–corrector method from an infeasible start, along HKM or
/// Nesterov–Todd[^TTT98] directions as the settings and the projection ask. A program of nonnegative variables is begun from least
/// squares, and corrected for centrality several times per factorisation.
///
/// The run says why it [ended](super::Ended); nothing else is tried. [`solver::solve_with`](crate::solver::solve_with) tries other
/// methods where one gives up, and [`Solver`](crate::Solver) reduces the program first.
///
/// The projection must have been made from the rows of this problem. It is moved to a new weight once per iteration, and asked for
/// two solves. The point returned is the best one seen. A status that claims something was verified in the data of the problem:
/// the six DIMACS errors for [`Status::Solved`](super::Status), the certificate for an infeasibility.
///
/// # Errors
/// [`Error::Shape`] when the projection is of another problem, [`Error::InvalidSetting`], [`Error::RankDeficient`] when
/// the rows are dependent, [`Error::TooLarge`], and what else the projection refuses the first weight with. Numerical
/// trouble after that is [`Ended::Failed`](super::Ended).
///
/// # Complexity
/// Per iteration one update and two solves of the projection, and about `60n³` flops per PSD block. Memory: some twenty flat
/// vectors of length `N`, besides the projection.
///
/// [^TTT98]: Todd, Toh, Tütüncü. On the Nesterov–Todd direction in semidefinite programming. SIAM J. Optim. 1998.
pub fn solve(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    observer: &mut Observer<'_>,
) -> Result<Solution> {
    once(problem, projection, settings, None, observer)
}

/// Runs one method once from a point that may be near the solution, such as the solution of a problem with nearby numbers. The point is
/// moved into the interior by as much as it is infeasible here.
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
    once(problem, projection, settings, Some(start), observer)
}

fn once(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    start: Option<&Start>,
    observer: &mut Observer<'_>,
) -> Result<Solution> {
    check(problem, projection, settings)?;
    let method = if is_linear(problem.constraints()) {
        Method::Linear
    } else {
        first_direction(problem, settings.direction, projection)
    };
    let request = Request {
        problem,
        settings,
        method,
        attempt: Attempt::run(method),
        start,
        units: None,
        begun: Instant::now(),
    };
    Ok(run(&request, projection, observer)?.solution)
}

/// The method along directions that the settings ask for, or that the projection prefers: HKM directions where it takes their
/// weight and has no preference.
pub(crate) fn first_direction(
    problem: &ConicProgram,
    wanted: SearchDirection,
    projection: &dyn Projection,
) -> Method {
    let preferred = projection.supports(WeightForm::Root) == Support::Preferred;
    match wanted {
        SearchDirection::NesterovTodd => Method::NesterovTodd,
        SearchDirection::Hkm => Method::Hkm,
        SearchDirection::Auto if preferred || !takes_hkm(problem, projection) => {
            Method::NesterovTodd
        }
        SearchDirection::Auto => Method::Hkm,
    }
}

/// Whether the projection takes the weight of HKM directions: pairs on matrix blocks, numbers elsewhere.
pub(crate) fn takes_hkm(problem: &ConicProgram, projection: &dyn Projection) -> bool {
    is_linear(problem.constraints()) || projection.supports(WeightForm::Pair) != Support::No
}

/// Whether all variables are nonnegative numbers.
pub(crate) fn is_linear(a: &Constraints) -> bool {
    a.blocks().iter().all(|b| matches!(b, Block::Nonneg(_)))
}

/// Whether a run can begin: settings within their ranges, a projection of the rows of this problem, room for the vectors.
pub(crate) fn check(
    problem: &ConicProgram,
    projection: &dyn Projection,
    settings: &Settings,
) -> Result<()> {
    settings.validate()?;
    check_rows(problem, projection)?;
    let vectors = VECTORS * problem.constraints().ambient() as u128;
    check_memory("the vectors of an interior-point method", vectors)
}

/// Whether the projection is of the rows of this problem.
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
