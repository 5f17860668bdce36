//! Linear programs: presolve, solve as a conic program, and check the answer in the program as it was stated.

use super::{Certificate, Dimacs, Iteration, Observer, Phases, Settings, Solution, Start, Status};
use crate::clock::Instant;
use crate::error::{Result, check_finite, check_shape};
use crate::problem::{
    ConicProgram, LinearCertificate, LinearForm, LinearProgram, LinearSolution, Presolved,
    ReducedLinear,
};

/// No tolerance is taken below this.
const SHARPEST: f64 = 1e-14;

/// What solves the conic program that a linear one becomes: [`solve`](super::solve()) with an engine of one's choice.
pub type ConicSolve<'a> =
    dyn FnMut(&ConicProgram, &Settings, &mut Observer<'_>) -> Result<Solution> + 'a;

/// The same from a point, where there is one: [`solve_from`](super::solve_from).
pub type ConicSolveFrom<'a> =
    dyn FnMut(&ConicProgram, &Settings, Option<&Start>, &mut Observer<'_>) -> Result<Solution> + 'a;

/// Where solving a linear program ended; numbers in the convention of [`LinearProgram`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LinearOutcome {
    /// How it ended.
    pub status: Status,
    /// The best point; NaN when an infeasibility was found before there was one.
    pub point: LinearSolution,
    /// The stated objective, its constant included.
    pub primal_objective: f64,
    /// The objective of the dual.
    pub dual_objective: f64,
    /// Errors of the point, by [`LinearProgram::errors`].
    pub errors: Dimacs,
    /// The proof, when the status is an infeasibility.
    pub certificate: Option<LinearCertificate>,
    /// Iterations made, 0 when presolve was enough.
    pub iterations: usize,
    /// Seconds of the conic solver, by what they went to.
    pub phases: Phases,
    /// Seconds they took.
    pub seconds: f64,
}

/// Solves a linear program: [presolve](LinearProgram::presolve), [conic form](LinearProgram::conic), `conic`, and the way back.
///
/// [`Status::Solved`] means that all six [errors](LinearProgram::errors) of the point, and an infeasibility that the
/// violation of its certificate, were measured in the program as it was stated and are within the tolerances, whatever the
/// conic run made of them; an answer of
/// the reduced program that does not hold there is asked for once more, to sharper tolerances, and called by a lesser
/// status if that does not do either. The observer sees the stated objectives.
///
/// ```
/// use dyncvx::ipm::{self, Settings, Status};
/// use dyncvx::problem::{LinearProgram, Limits, Sense};
/// use dyncvx::projection::Recompute;
/// use std::ops::ControlFlow;
/// # fn main() -> dyncvx::Result<()> {
/// let mut program = LinearProgram::new(Sense::Maximise);
/// let x = program.add_variable("x", 3.0, Limits::NONNEGATIVE)?;
/// let y = program.add_variable("y", 2.0, Limits::NONNEGATIVE)?;
/// program.add_row("a", Limits::at_most(4.0)?, &[(x, 1.0), (y, 1.0)])?;
/// program.add_row("b", Limits::at_most(6.0)?, &[(x, 3.0), (y, 1.0)])?;
/// let mut conic = |p: &_, s: &_, o: &mut ipm::Observer<'_>| {
///     let p: &dyncvx::problem::ConicProgram = p;
///     ipm::solve(p, &mut Recompute::new(p.constraints().clone()).unwrap(), s, o)
/// };
/// let found = ipm::solve_linear(&program, &Settings::default(), &mut conic, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(found.status, Status::Solved);
/// assert!((found.primal_objective - 9.0).abs() < 1e-6);
/// assert!((found.point.row_duals[0] - 1.5).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting), [`Error::TooLarge`](crate::Error::TooLarge), and those of `conic`.
///
/// # Complexity
/// That of `conic`, and some passes over the nonzeros.
pub fn solve_linear(
    program: &LinearProgram,
    settings: &Settings,
    conic: &mut ConicSolve<'_>,
    observer: &mut Observer<'_>,
) -> Result<LinearOutcome> {
    let mut cold =
        |program: &ConicProgram,
         settings: &Settings,
         _: Option<&Start>,
         observer: &mut Observer<'_>| conic(program, settings, observer);
    solve_linear_from(program, settings, None, &mut cold, observer)
}

/// The same from values and row duals that may be near the solution: those of a program with nearby numbers, or what another
/// method found. They are carried through presolve and conic form ([`ReducedLinear::restrict`], [`LinearForm::point`]) to `conic`;
/// activities and reduced costs are not read.
///
/// # Errors
/// Those of [`solve_linear`]; [`Error::Shape`](crate::Error::Shape) and [`Error::NonFinite`](crate::Error::NonFinite) for the start.
///
/// # Complexity
/// That of [`solve_linear`].
pub fn solve_linear_from(
    program: &LinearProgram,
    settings: &Settings,
    start: Option<&LinearSolution>,
    conic: &mut ConicSolveFrom<'_>,
    observer: &mut Observer<'_>,
) -> Result<LinearOutcome> {
    settings.validate()?;
    if let Some(start) = start {
        let (m, n) = (program.rows().len(), program.variables().len());
        check_shape("values of the start", (n, 1), (start.x.len(), 1))?;
        check_shape("row duals of the start", (m, 1), (start.row_duals.len(), 1))?;
        check_finite("values of the start", &start.x)?;
        check_finite("row duals of the start", &start.row_duals)?;
    }
    let begun = Instant::now();
    let reduced = match program.presolve()? {
        Presolved::Reduced(reduced) => reduced,
        Presolved::Infeasible(proof) => return without_point(program, settings, proof),
    };
    if reduced.program().variables().is_empty() {
        let point = reduced.restore(&LinearSolution::default())?;
        return measured(program, settings, point, Status::Solved);
    }
    let form = reduced.program().conic()?;
    let mut translated = |it: &Iteration| {
        observer(&Iteration {
            primal_objective: form.objective(it.primal_objective),
            dual_objective: form.objective(it.dual_objective),
            ..*it
        })
    };
    let start = match start {
        Some(start) => {
            let [x, y, s] = form.point(&reduced.restrict(start)?)?;
            Some(Start { x, y, s })
        }
        None => None,
    };
    let mut inner = settings.clone();
    let mut attempt = |inner: &mut Settings| {
        inner.time_limit = (settings.time_limit - begun.elapsed().as_secs_f64()).max(0.0);
        let found = conic(form.conic(), inner, start.as_ref(), &mut translated)?;
        let point = reduced.restore(&form.recover(&found.x, &found.y, &found.s)?)?;
        let mut out = measured(program, settings, point, found.status)?;
        (out.iterations, out.seconds) = (found.iterations, found.seconds);
        out.phases = found.phases;
        Ok((found, out))
    };
    let (mut found, mut out) = attempt(&mut inner)?;
    if found.status == Status::Solved && out.status != Status::Solved {
        // The errors that unscaling and restoring brought, taken off the tolerances with a margin; and better than what was
        // reached and was not enough.
        let least = settings.tol_feas.min(settings.tol_gap_rel);
        let factor = (0.1 * least / out.errors.max()).clamp(1e-4, 0.1);
        let sharper = |tol: f64, enough: bool, reached: f64| {
            let most = if enough { tol } else { 0.1 * reached.abs() };
            (factor * tol).min(most).max(SHARPEST).min(tol)
        };
        let feasible = out.errors.infeasibility() <= settings.tol_feas;
        let closed = out.errors.gap() <= settings.tol_gap_rel;
        inner.tol_feas = sharper(inner.tol_feas, feasible, found.dimacs.infeasibility());
        inner.tol_gap_rel = sharper(inner.tol_gap_rel, closed, found.dimacs.gap());
        inner.tol_gap_abs = sharper(inner.tol_gap_abs, closed, found.dimacs.gap());
        let (found_again, mut again) = attempt(&mut inner)?;
        let (iterations, seconds, phases) = (out.iterations, out.seconds, out.phases);
        if again.errors.max() < out.errors.max() {
            // Short of the sharper tolerances the point may be within those that were asked for.
            again = LinearOutcome {
                iterations: again.iterations,
                seconds: again.seconds,
                phases: again.phases,
                ..measured(program, settings, again.point, Status::Solved)?
            };
            (found, out) = (found_again, again);
        }
        (out.iterations, out.seconds) = (out.iterations + iterations, out.seconds + seconds);
        out.phases = out.phases.and(&phases);
    }
    if let Some(proof) = &found.certificate {
        let proof = restored(program, &reduced, &form, proof)?;
        out.certificate = proof.filter(|p| p.relative_violation() <= settings.tol_infeas);
        if out.certificate.is_none() {
            out.status = Status::InsufficientProgress;
        }
    }
    Ok(out)
}

/// The proof of the conic program, as one of the linear program.
fn restored(
    program: &LinearProgram,
    reduced: &ReducedLinear,
    form: &LinearForm,
    proof: &Certificate,
) -> Result<Option<LinearCertificate>> {
    match proof {
        Certificate::Primal { y, .. } => {
            let y = reduced.restore_multipliers(&form.multipliers(y)?)?;
            program.primal_certificate(&y)
        }
        Certificate::Dual { x, .. } => {
            let x = reduced.restore_direction(&form.direction(x)?)?;
            program.dual_certificate(&x)
        }
    }
}

/// What presolve alone found.
fn without_point(
    program: &LinearProgram,
    settings: &Settings,
    proof: LinearCertificate,
) -> Result<LinearOutcome> {
    let status = match proof {
        LinearCertificate::Dual { .. } => Status::DualInfeasible,
        _ => Status::PrimalInfeasible,
    };
    let (m, n) = (program.rows().len(), program.variables().len());
    let point = LinearSolution {
        x: vec![f64::NAN; n],
        activities: vec![f64::NAN; m],
        row_duals: vec![f64::NAN; m],
        reduced_costs: vec![f64::NAN; n],
    };
    let mut out = measured(program, settings, point, status)?;
    out.certificate = Some(proof);
    Ok(out)
}

/// A point with its errors, and the status that these leave it: `Solved` and `AlmostSolved` are earned here.
fn measured(
    program: &LinearProgram,
    settings: &Settings,
    point: LinearSolution,
    status: Status,
) -> Result<LinearOutcome> {
    let (x, y, z) = (&point.x, &point.row_duals, &point.reduced_costs);
    let (primal, dual) = (program.objective(x)?, program.dual_objective(y, z)?);
    let errors = Dimacs(program.errors(x, y, z)?);
    let scale = 1.0 + primal.abs() + dual.abs();
    let within = errors.infeasibility() <= settings.tol_feas
        && (errors.gap() <= settings.tol_gap_rel || errors.gap() * scale <= settings.tol_gap_abs);
    // Where the conic run gave up, its point may still be an answer here.
    let ended = matches!(
        status,
        Status::Solved
            | Status::AlmostSolved
            | Status::InsufficientProgress
            | Status::NumericalError
    );
    let status = match status {
        _ if ended && within => Status::Solved,
        _ if ended && errors.max() <= settings.tol_almost => Status::AlmostSolved,
        Status::Solved | Status::AlmostSolved => Status::InsufficientProgress,
        other => other,
    };
    Ok(LinearOutcome {
        status,
        point,
        primal_objective: primal,
        dual_objective: dual,
        errors,
        certificate: None,
        iterations: 0,
        phases: Phases::default(),
        seconds: 0.0,
    })
}
