//! Linear programs: presolve, solve as a conic program, and check the answer in the program as it was stated.

use super::history::History;
use super::strategy::{Stated, Verdict, tightened};
use super::{Engine, Solver};
use crate::error::{Result, check_finite, check_shape};
use crate::ipm::verdict::{Measured, Proof, Side, judge};
use crate::ipm::{
    AttemptRecord, Certificate, Dimacs, Ended, Iteration, Observer, Pass, Phases, Settings,
    Solution, Start, Status,
};
use crate::problem::{
    LinearCertificate, LinearForm, LinearProgram, LinearSolution, Presolved, ReducedLinear,
};

/// Where solving a linear program ended; numbers in the convention of [`LinearProgram`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LinearOutcome {
    /// What the point is worth.
    pub status: Status,
    /// Why the attempt that led to the point ended; [`Ended::Certified`] when presolve proved an infeasibility.
    pub ended: Ended,
    /// Every attempt that was made, in order; empty when presolve was enough.
    pub attempts: Vec<AttemptRecord>,
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

/// Solves a linear program: [presolve](LinearProgram::presolve), [conic form](LinearProgram::conic), [`Solver`], and the way back.
///
/// A [`Status`] is about the program as it was stated: all six [errors](LinearProgram::errors) of the point, or the violation of a
/// certificate, are measured there. A point that misses a tolerance there is asked for once more, to sharper tolerances.
///
/// ```
/// use dyncvx::{LinearSolver, Settings, Status};
/// use dyncvx::problem::{LinearProgram, Limits, Sense};
/// use std::ops::ControlFlow;
/// # fn main() -> dyncvx::Result<()> {
/// let mut program = LinearProgram::new(Sense::Maximise);
/// let x = program.add_variable("x", 3.0, Limits::NONNEGATIVE)?;
/// let y = program.add_variable("y", 2.0, Limits::NONNEGATIVE)?;
/// program.add_row("a", Limits::at_most(4.0)?, &[(x, 1.0), (y, 1.0)])?;
/// program.add_row("b", Limits::at_most(6.0)?, &[(x, 3.0), (y, 1.0)])?;
/// let found = LinearSolver::new(program, Settings::default())?.solve(&mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(found.status, Status::Solved);
/// assert!((found.primal_objective - 9.0).abs() < 1e-6);
/// assert!((found.point.row_duals[0] - 1.5).abs() < 1e-6);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LinearSolver {
    program: LinearProgram,
    settings: Settings,
    inner: Inner,
    /// For the next solve, in terms of the program.
    start: Option<LinearSolution>,
}

/// What presolve left.
#[derive(Debug)]
enum Inner {
    /// A proof that the program has no solution.
    Proved(LinearCertificate),
    /// No variable: presolve found the optimum.
    Nothing(Box<ReducedLinear>),
    /// A program for the conic solver.
    Conic(Box<Conic>),
}

#[derive(Debug)]
struct Conic {
    reduced: Box<ReducedLinear>,
    form: LinearForm,
    solver: Solver,
}

impl LinearSolver {
    /// A solver with the [`Auto`](crate::projection::Auto) engine.
    ///
    /// # Errors
    /// Those of [`Settings::validate`], [`LinearProgram::presolve`] and [`Solver::new`].
    ///
    /// # Complexity
    /// That of [`LinearProgram::presolve`] and [`Solver::new`].
    pub fn new(program: LinearProgram, settings: Settings) -> Result<Self> {
        Self::with_engine(program, settings, super::auto_engine())
    }

    /// A solver whose Newton systems are answered by what `engine` makes.
    ///
    /// # Errors
    /// As [`LinearSolver::new`].
    pub fn with_engine(program: LinearProgram, settings: Settings, engine: Engine) -> Result<Self> {
        settings.validate()?;
        let inner = match program.presolve()? {
            Presolved::Infeasible(proof) => Inner::Proved(proof),
            Presolved::Reduced(reduced) if reduced.program().variables().is_empty() => {
                Inner::Nothing(reduced)
            }
            Presolved::Reduced(reduced) => {
                let form = reduced.program().conic()?;
                let solver = Solver::with_engine(form.conic().clone(), settings.clone(), engine)?;
                Inner::Conic(Box::new(Conic {
                    reduced,
                    form,
                    solver,
                }))
            }
        };
        Ok(Self {
            program,
            settings,
            inner,
            start: None,
        })
    }

    /// The program.
    pub fn program(&self) -> &LinearProgram {
        &self.program
    }

    /// Whether presolve was enough: then [`LinearSolver::solve`] makes no iteration.
    pub fn is_presolved(&self) -> bool {
        !matches!(self.inner, Inner::Conic(_))
    }

    /// Begins the next solve, and that one alone, from values and row duals that may be near the solution: those of a program with nearby
    /// numbers, or what another method found. They are carried through presolve and conic form ([`ReducedLinear::restrict`],
    /// [`LinearForm::point`]); activities and reduced costs are not read.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite); then nothing changed.
    pub fn warm_start(&mut self, start: LinearSolution) -> Result<()> {
        let (m, n) = (self.program.rows().len(), self.program.variables().len());
        check_shape("values of the start", (n, 1), (start.x.len(), 1))?;
        check_shape("row duals of the start", (m, 1), (start.row_duals.len(), 1))?;
        check_finite("values of the start", &start.x)?;
        check_finite("row duals of the start", &start.row_duals)?;
        self.start = Some(start);
        Ok(())
    }

    /// Solves the program. The observer sees the stated objectives.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge), and those of [`Solver::solve`].
    ///
    /// # Complexity
    /// That of [`Solver::solve`], and some passes over the nonzeros.
    pub fn solve(&mut self, observer: &mut Observer<'_>) -> Result<LinearOutcome> {
        let start = self.start.take();
        let stated = StatedProgram {
            program: &self.program,
            settings: &self.settings,
        };
        match &mut self.inner {
            Inner::Proved(proof) => stated.without_point(proof),
            Inner::Nothing(reduced) => {
                let point = reduced.restore(&LinearSolution::default())?;
                stated.outcome(point, Ended::Converged, None)
            }
            Inner::Conic(conic) => conic.solve(&stated, start, observer),
        }
    }
}

/// The program as it was stated, and what is asked of its answer.
struct StatedProgram<'a> {
    program: &'a LinearProgram,
    settings: &'a Settings,
}

impl Conic {
    fn solve(
        &mut self,
        stated: &StatedProgram<'_>,
        start: Option<LinearSolution>,
        observer: &mut Observer<'_>,
    ) -> Result<LinearOutcome> {
        let start = match start {
            Some(start) => {
                let [x, y, s] = self.form.point(&self.reduced.restrict(&start)?)?;
                Some(Start { x, y, s })
            }
            None => None,
        };
        let mut history = History::new();
        // The caller's tolerances.
        self.solver.settings = stated.settings.clone();
        let (reached, first) =
            self.pass(stated, start.as_ref(), &mut history, Pass::First, observer)?;
        // Sharper ones, where unscaling and postsolve brought errors.
        let verdict = Verdict {
            status: first.status,
            dimacs: first.errors,
            merit: first.measured().merit(stated.settings),
        };
        let left = history.remaining(stated.settings);
        let mut kept = first;
        if let Some(sharper) = tightened(Stated::Linear, &left, &reached, &verdict) {
            self.solver.settings = sharper;
            let start = start.as_ref();
            let (_, second) = self.pass(stated, start, &mut history, Pass::Tightened, observer)?;
            if second.errors.max() < kept.errors.max() {
                kept = second;
            }
        }
        Ok(kept.closing(history))
    }

    /// One pass over the conic program: its verdict there, and its point in the program as it was stated.
    fn pass(
        &mut self,
        stated: &StatedProgram<'_>,
        start: Option<&Start>,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<(Verdict, LinearOutcome)> {
        let form = &self.form;
        let mut translated = |it: &Iteration| {
            observer(&Iteration {
                primal_objective: form.objective(it.primal_objective),
                dual_objective: form.objective(it.dual_objective),
                ..*it
            })
        };
        self.solver.start = start.cloned();
        let found = self.solver.solve_within(history, pass, &mut translated)?;
        let reached = Verdict::of(&found, &self.solver.settings);
        let conic = self.form.recover(&found.x, &found.y, &found.s)?;
        let point = self.reduced.restore(&conic)?;
        let proof = match &found.certificate {
            Some(proof) => restored(stated.program, &self.reduced, &self.form, proof)?,
            None => None,
        };
        Ok((reached, stated.outcome(point, found.ended, proof)?))
    }
}

impl StatedProgram<'_> {
    /// What presolve alone proved.
    fn without_point(&self, proof: &LinearCertificate) -> Result<LinearOutcome> {
        let (m, n) = (self.program.rows().len(), self.program.variables().len());
        let point = LinearSolution {
            x: vec![f64::NAN; n],
            activities: vec![f64::NAN; m],
            row_duals: vec![f64::NAN; m],
            reduced_costs: vec![f64::NAN; n],
        };
        // Presolve has tested its own proof.
        self.judged(point, Ended::Certified, Some((proof.clone(), 0.0)))
    }

    /// A point, and perhaps a certificate, measured and judged in the program as it was stated.
    fn outcome(
        &self,
        point: LinearSolution,
        ended: Ended,
        proof: Option<LinearCertificate>,
    ) -> Result<LinearOutcome> {
        let tol = self.settings.tol_infeas;
        let proof = proof.map(|p| {
            let excess = p.relative_violation() / tol;
            (p, excess)
        });
        self.judged(point, ended, proof)
    }

    fn judged(
        &self,
        point: LinearSolution,
        ended: Ended,
        proof: Option<(LinearCertificate, f64)>,
    ) -> Result<LinearOutcome> {
        let (x, y, z) = (&point.x, &point.row_duals, &point.reduced_costs);
        let primal_objective = self.program.objective(x)?;
        let dual_objective = self.program.dual_objective(y, z)?;
        let errors = Dimacs(self.program.errors(x, y, z)?);
        let mut measured = Measured::new(errors, primal_objective, dual_objective);
        measured.proof = proof.as_ref().map(|(found, excess)| Proof {
            side: side(found),
            excess: *excess,
        });
        let status = judge(&measured, &ended, self.settings);
        let certificate = proof.map(|(found, _)| found);
        Ok(LinearOutcome {
            status,
            ended,
            attempts: vec![],
            point,
            primal_objective,
            dual_objective,
            errors,
            certificate: certificate.filter(|_| status.is_infeasible()),
            iterations: 0,
            phases: Phases::default(),
            seconds: 0.0,
        })
    }
}

impl LinearOutcome {
    fn measured(&self) -> Measured {
        Measured::new(self.errors, self.primal_objective, self.dual_objective)
    }

    /// The outcome with what all attempts took.
    fn closing(self, history: History) -> Self {
        let Solution {
            attempts,
            iterations,
            seconds,
            phases,
            ..
        } = history.closing(Solution::empty());
        Self {
            attempts,
            iterations,
            seconds,
            phases,
            ..self
        }
    }
}

fn side(proof: &LinearCertificate) -> Side {
    match proof {
        LinearCertificate::Dual { .. } => Side::Dual,
        _ => Side::Primal,
    }
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
        // Faces are found in programs with matrices alone.
        _ => Ok(None),
    }
}
