//! Linear programs: presolve, solve as a conic program, and check the answer in the program as it was stated.

mod refinement;
mod stage;
mod stated;

use super::history::History;
use super::params::{DISTANT_LIMIT, NEAR_LIMIT};
use super::{Engine, auto_engine};
use crate::error::{Result, check_finite, check_shape};
use crate::ipm::verdict::Measured;
use crate::ipm::{
    AttemptRecord, BackwardErrors, Dimacs, Ended, Observer, Pass, Phases, PointErrors, Settings,
    Solution, Status,
};
use crate::problem::{LinearCertificate, LinearProgram, LinearSolution};
use stage::Stage;
use stated::StatedProgram;

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
    /// The same, each row and each column in its own scale, by [`LinearProgram::backward_errors`].
    pub backward: BackwardErrors,
    /// The proof, when the status is an infeasibility.
    pub certificate: Option<LinearCertificate>,
    /// Iterations made, 0 when presolve was enough.
    pub iterations: usize,
    /// Seconds of the conic solver, by what they went to.
    pub phases: Phases,
    /// Seconds they took.
    pub seconds: f64,
}

/// Solves a linear program: [presolve](LinearProgram::presolve), [conic form](LinearProgram::conic), [`Solver`](super::Solver), and the way back.
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
pub struct LinearSolver {
    program: LinearProgram,
    settings: Settings,
    stage: Stage,
    /// The program without distant limits, while the stage solves that.
    relaxed: Option<LinearProgram>,
    /// What makes the engine of a stage, while no stage holds it.
    engine: Option<Engine>,
    /// For the next solve, in terms of the program.
    start: Option<LinearSolution>,
}

impl core::fmt::Debug for LinearSolver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LinearSolver")
            .field("program", &self.program)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl LinearSolver {
    /// A solver with the [`Auto`](crate::projection::Auto) engine.
    ///
    /// # Errors
    /// Those of [`Settings::validate`], [`LinearProgram::presolve`] and [`Solver::new`](super::Solver::new).
    ///
    /// # Complexity
    /// That of [`LinearProgram::presolve`] and [`Solver::new`](super::Solver::new).
    pub fn new(program: LinearProgram, settings: Settings) -> Result<Self> {
        Self::with_engine(program, settings, auto_engine())
    }

    /// A solver whose Newton systems are answered by what `engine` makes.
    ///
    /// # Errors
    /// As [`LinearSolver::new`].
    pub fn with_engine(program: LinearProgram, settings: Settings, engine: Engine) -> Result<Self> {
        settings.validate()?;
        let mut engine = Some(engine);
        // Limits that are far away are left out at first: see `solve`.
        let relaxed = program.without_distant_limits(DISTANT_LIMIT.get());
        let stage = Stage::new(relaxed.as_ref().unwrap_or(&program), &settings, &mut engine)?;
        Ok(Self {
            stage,
            relaxed,
            engine,
            program,
            settings,
            start: None,
        })
    }

    /// The program.
    pub fn program(&self) -> &LinearProgram {
        &self.program
    }

    /// Whether presolve was enough: then [`LinearSolver::solve`] makes no iteration, unless limits that were left out turn out to bind.
    pub fn is_presolved(&self) -> bool {
        self.stage.is_presolved()
    }

    /// Begins the next solve, and that one alone, from values and row duals that may be near the solution: those of a program with nearby
    /// numbers, or what another method found. They are carried through presolve and conic form ([`ReducedLinear::restrict`](crate::problem::ReducedLinear::restrict),
    /// [`LinearForm::point`](crate::problem::LinearForm::point)); activities and reduced costs are not read.
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
    /// Limits that are far away spoil the numbers of a program in which they never bind, so they are left out first. An answer within
    /// all limits is an answer to the program, and an infeasibility is one of the program. Anything else is solved again with
    /// all limits. An answer that misses its tolerances is refined: what it lacks is the solution of a linear program with the same
    /// matrix.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge), and those of [`Solver::solve`](super::Solver::solve).
    ///
    /// # Complexity
    /// That of [`Solver::solve`](super::Solver::solve), and some passes over the nonzeros.
    pub fn solve(&mut self, observer: &mut Observer<'_>) -> Result<LinearOutcome> {
        let mut history = History::new();
        let mut found = self.staged(&mut history, Pass::First, observer)?;
        if !is_settled(&found) || misses(&found, &self.settings) {
            let stated = StatedProgram {
                program: &self.program,
                settings: &self.settings,
                relaxed: None,
            };
            self.stage.release(&mut self.engine);
            let engine = &mut self.engine;
            found = refinement::refine(&stated, found, engine, &mut history, observer)?;
            self.stage.take(&mut self.engine);
        }
        Ok(found.closing(&history))
    }

    /// Solves with other settings, which are not kept.
    pub(super) fn solve_with(
        &mut self,
        settings: Settings,
        observer: &mut Observer<'_>,
    ) -> Result<LinearOutcome> {
        let stated = core::mem::replace(&mut self.settings, settings);
        let found = self.solve(observer);
        self.settings = stated;
        found
    }

    /// What the solver was made with.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The program without any limit that a solve may leave out; `None` when it has none.
    pub(super) fn without_distant_limits(&self) -> Option<LinearProgram> {
        self.program.without_distant_limits(NEAR_LIMIT.get())
    }

    /// Solves without the limits that are far away, and with them where they matter.
    fn staged(
        &mut self,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<LinearOutcome> {
        let mut start = self.start.take();
        let stated = StatedProgram {
            program: &self.program,
            settings: &self.settings,
            relaxed: None,
        };
        if let Some(relaxed) = &self.relaxed {
            let relaxed = StatedProgram {
                relaxed: Some(relaxed),
                ..stated
            };
            let found = self
                .stage
                .solve(&relaxed, None, history, Pass::Relaxed, observer)?;
            if is_settled(&found) {
                return Ok(found);
            }
            // A limit that was left out binds: all of them from now on.
            self.stage.release(&mut self.engine);
            self.stage = Stage::new(&self.program, &self.settings, &mut self.engine)?;
            self.relaxed = None;
        }
        let found = self
            .stage
            .solve(&stated, start.take(), history, pass, observer)?;
        // No answer: limits that are less far away may hide an infeasibility that is proved without them.
        let nearer = self.program.without_distant_limits(NEAR_LIMIT.get());
        let (false, Some(program)) = (is_settled(&found), nearer) else {
            return Ok(found);
        };
        self.stage.release(&mut self.engine);
        let mut stage = Stage::new(&program, &self.settings, &mut self.engine)?;
        let relaxed = StatedProgram {
            relaxed: Some(&program),
            ..stated
        };
        let second = stage.solve(&relaxed, None, history, Pass::Relaxed, observer)?;
        stage.release(&mut self.engine);
        self.stage.take(&mut self.engine);
        let better = second.status == Status::Solved || second.status.is_infeasible();
        Ok(if better { second } else { found })
    }
}

/// Whether an optimum misses a tolerance by no more than the slack.
fn misses(found: &LinearOutcome, settings: &Settings) -> bool {
    let limited = found.ended.is_limit();
    found.status == Status::Solved && !limited && found.measured().merit_of_run(settings) > 1.0
}

/// Whether nothing more is tried: an answer, or a limit.
fn is_settled(found: &LinearOutcome) -> bool {
    found.status == Status::Solved || found.status.is_infeasible() || found.ended.is_limit()
}

impl LinearOutcome {
    fn measured(&self) -> Measured {
        let errors = PointErrors {
            dimacs: self.errors,
            backward: self.backward,
            outside: None,
        };
        Measured::new(errors, self.primal_objective, self.dual_objective)
    }

    /// The outcome with what all attempts took.
    fn closing(self, history: &History) -> Self {
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
