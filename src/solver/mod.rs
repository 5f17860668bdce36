//! The front doors, [`Solver`] and [`LinearSolver`], and the strategy behind them.
//!
//! A program is reduced, solved by one or several runs of the [interior-point method](crate::ipm), and answered in terms of the
//! program as it was stated. The files: `strategy` decides what is tried next, `climb` carries that out on one program, `history`
//! adds up what it took, `restore` and `facial_reduction` are two of the things that are tried, `lift` and `infeasibility`
//! answer in the terms of the stated program.

mod climb;
mod facial_reduction;
mod history;
mod infeasibility;
mod lift;
mod linear;
mod observe;
pub(crate) mod params;
mod restore;
mod strategy;
mod verified;

pub use linear::{LinearOutcome, LinearSolver};
pub use verified::Effort;

use crate::constraints::Constraints;
use crate::error::{Result, check_memory};
use crate::ipm::{Observer, Pass, Settings, Solution, Start};
use crate::problem::{ConicProgram, Reduced, Units};
use crate::projection::{Auto, Projection, Replaced, auto};
use climb::{Climb, Reached};
use history::History;
use observe::in_units;
use std::sync::Arc;
use strategy::{Stated, Verdict, better, tightened};

/// Makes the structure that answers the Newton systems, for the rows of the reduced program.
pub type Engine = Box<dyn Fn(&Arc<Constraints>) -> Result<Box<dyn Projection>> + Send>;

/// Solves a conic program, and again after changes of its numbers.
///
/// The program is [`Reduced`] first: matrix blocks are split, rows that say nothing new are dropped. What is returned is in
/// terms of the program as it was given, and so is everything that a status claims.
///
/// ```
/// use dyncvx::{Solver, constraints::{Block, Constraints}, ipm::{Settings, Status}, problem::ConicProgram};
/// use std::ops::ControlFlow;
/// # fn main() -> dyncvx::Result<()> {
/// // min x_0 + 2 x_1 subject to x_0 + x_1 = 1, said twice.
/// let (mut a, mut c) = (Constraints::builder(2, &[Block::Nonneg(2)])?, Constraints::builder(1, &[Block::Nonneg(2)])?);
/// a.entry(0, 0, 0, 0, 1.0)?.entry(0, 0, 1, 1, 1.0)?.entry(1, 0, 0, 0, 2.0)?.entry(1, 0, 1, 1, 2.0)?;
/// c.entry(0, 0, 0, 0, 1.0)?.entry(0, 0, 1, 1, 2.0)?;
/// let program = ConicProgram::new(a.build()?, vec![1.0, 2.0], c.build()?)?;
/// let mut solver = Solver::new(program, Settings::default())?;
/// let found = solver.solve(&mut |_| ControlFlow::Continue(()))?;
/// assert!(found.status == Status::Solved && (found.primal_objective - 1.0).abs() < 1e-7);
/// solver.set_rhs(&[1.0, 3.0])?;
/// let found = solver.solve(&mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(found.status, Status::PrimalInfeasible);
/// # Ok(()) }
/// ```
pub struct Solver {
    program: ConicProgram,
    settings: Settings,
    reduced: Reduced,
    /// The units of the program, where those of the reduced program differ.
    units: Option<Units>,
    engine: Engine,
    /// For the rows of the reduced program, once it was needed.
    projection: Option<Box<dyn Projection>>,
    /// For the next solve, in terms of the program.
    start: Option<Start>,
}

impl core::fmt::Debug for Solver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Solver")
            .field("program", &self.program)
            .field("settings", &self.settings)
            .field("reduced", &self.reduced)
            .finish_non_exhaustive()
    }
}

impl Solver {
    /// A solver with the [`Auto`] engine.
    ///
    /// # Errors
    /// Those of [`Settings::validate`] and [`Reduced::new`]; [`Error::TooLarge`](crate::Error::TooLarge).
    ///
    /// # Complexity
    /// As [`Reduced::new`].
    pub fn new(program: ConicProgram, settings: Settings) -> Result<Self> {
        Self::with_engine(program, settings, auto_engine())
    }

    /// A solver whose Newton systems are answered by what `engine` makes.
    ///
    /// # Errors
    /// As [`Solver::new`].
    pub fn with_engine(program: ConicProgram, settings: Settings, engine: Engine) -> Result<Self> {
        settings.validate()?;
        // The answer is in the terms of the program, however small the reduced one is: point and slack, and one vector to
        // measure them with.
        let ambient = program.constraints().ambient() as u128;
        check_memory("the answer to a program", 3 * ambient)?;
        let reduced = Reduced::new(&program)?;
        Ok(Self {
            units: reduced.units(),
            reduced,
            program,
            settings,
            engine,
            projection: None,
            start: None,
        })
    }

    /// Puts another maker of engines in place of the present one, which is returned. The engine that was made stays.
    fn exchange_engine(&mut self, engine: Engine) -> Engine {
        core::mem::replace(&mut self.engine, engine)
    }

    /// The program as it is now.
    pub fn program(&self) -> &ConicProgram {
        &self.program
    }

    /// Of every block of a solution's `x`: the number of eigenvalues above their widest gap, or of numbers that exceed their slack.
    /// See [`Solution::factor`] for the low-rank factor itself.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite),
    /// [`Error::NoConvergence`](crate::Error::NoConvergence).
    ///
    /// # Complexity
    /// The eigenvalues of every matrix block of the reduced program.
    pub fn ranks(&self, found: &Solution) -> Result<Vec<usize>> {
        self.reduced.ranks(&found.x, &found.s)
    }

    /// What the interior-point method is given of it.
    pub fn reduced(&self) -> &Reduced {
        &self.reduced
    }

    /// Replaces the right-hand side; the engine and all that is known of the rows stay.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite); then nothing changed.
    pub fn set_rhs(&mut self, b: &[f64]) -> Result<()> {
        let (a, c) = (
            self.program.constraints().clone(),
            self.program.cost().clone(),
        );
        self.replace(ConicProgram::new(a, b.to_vec(), c)?)
    }

    /// Replaces the cost. The engine stays, unless the cost links parts of a matrix block that nothing linked before.
    ///
    /// # Errors
    /// Those of [`ConicProgram::new`] and [`Reduced::new`]; then nothing changed.
    pub fn set_cost(&mut self, c: Constraints) -> Result<()> {
        let (a, b) = (
            self.program.constraints().clone(),
            self.program.rhs().to_vec(),
        );
        self.replace(ConicProgram::new(a, b, c)?)
    }

    /// Replaces the values of `A`, in the order of [`Constraints::entries`] of the program's rows. The
    /// search for dependent rows runs again. Where it finds the same rows as before, and no value is zero, the engine keeps
    /// everything that depends on the positions alone (see [`Projection::replace_values`]); otherwise the program is reduced again
    /// and a new engine is built.
    ///
    /// # Errors
    /// Those of [`Constraints::with_values`] and [`Reduced::new`]; then nothing changed.
    pub fn set_values(&mut self, values: &[f64]) -> Result<()> {
        let a = self.program.constraints().with_values(values)?;
        let (b, c) = (self.program.rhs().to_vec(), self.program.cost().clone());
        let program = ConicProgram::new(a, b, c)?;
        let (reduced, same) = match self.reduced.with_same_positions(&program)? {
            Some(reduced) => (reduced, true),
            None => (Reduced::new(&program)?, false),
        };
        // Last, since an engine that took the values cannot give them back.
        let stays = match &mut self.projection {
            Some(projection) if same => {
                projection.replace_values(reduced.program().constraints())? == Replaced::Yes
            }
            _ => false,
        };
        if !stays {
            self.projection = None;
        }
        (self.units, self.reduced, self.program) = (reduced.units(), reduced, program);
        Ok(())
    }

    /// Replaces the program by one with the same rows.
    fn replace(&mut self, program: ConicProgram) -> Result<()> {
        let reduced = self.reduced.with_same_rows(&program)?;
        let (new, old) = (
            reduced.program().constraints(),
            self.reduced.program().constraints(),
        );
        if !Arc::ptr_eq(new, old) {
            self.projection = None;
        }
        (self.units, self.reduced, self.program) = (reduced.units(), reduced, program);
        Ok(())
    }

    /// Begins the next solve, and that one alone, from a point of this program: the solution before its numbers were changed, or
    /// what another method found. See [`ipm::solve_from`](crate::ipm::solve_from).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite); then nothing changed.
    pub fn warm_start(&mut self, start: impl Into<Start>) -> Result<()> {
        let start = start.into();
        start.check(&self.program)?;
        self.start = Some(start);
        Ok(())
    }

    /// Solves the program as it is now. The observer sees objectives and `μ` in the program's units, infeasibilities and
    /// gap as the interior-point method measures them in its own.
    ///
    /// Where a run gives up, other methods are tried: other directions, a cold start, the face that holds the feasible points of a
    /// program without interior, sharper tolerances. The observer sees every attempt counted from 0, with its name in
    /// [`Iteration::attempt`](crate::ipm::Iteration); [`Solution::attempts`] lists them. While a face is looked for, the observer
    /// sees the errors reached before.
    ///
    /// # Errors
    /// What the engine cannot be made from or refuses the first weight with, and
    /// [`Error::TooLarge`](crate::Error::TooLarge). Numerical trouble after that is a [`Status`](crate::ipm::Status), and its
    /// cause is in [`Solution::attempts`].
    ///
    /// # Complexity
    /// That of [`ipm::solve`](crate::ipm::solve()) for the reduced program, per attempt.
    pub fn solve(&mut self, observer: &mut Observer<'_>) -> Result<Solution> {
        let mut history = History::new();
        let found = self.solve_within(&mut history, Pass::First, observer)?;
        Ok(history.closing(self.proved_infeasible(found)?))
    }

    /// Solves the program as part of a larger solve.
    fn solve_within(
        &mut self,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<Solution> {
        let start = self.start.take();
        if let Some(solution) = self.proved()? {
            return Ok(solution);
        }
        let small = self.reduced.program();
        if small.constraints().is_empty() {
            // No row is left, so no variable that a row touches.
            return self.lift(Solution::empty());
        }
        let mut projection = match self.projection.take() {
            Some(projection) => projection,
            None => (self.engine)(small.constraints())?,
        };
        let found = self.passes(projection.as_mut(), start.as_ref(), history, pass, observer);
        self.projection = Some(projection);
        found
    }

    /// Solves the reduced program; once more, to sharper tolerances, when the program as it was stated asks for that.
    fn passes(
        &self,
        projection: &mut dyn Projection,
        start: Option<&Start>,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<Solution> {
        let mut observer = in_units(self.reduced.objective_unit(), observer);
        let start = match start {
            Some(start) => {
                let [x, y, s] = self.reduced.restrict(&start.x, &start.y, &start.s)?;
                Some(Start { x, y, s })
            }
            None => None,
        };
        // The caller's tolerances.
        let climb = self.climb(projection, &self.settings, history, pass);
        let Reached { solution, on_face } = climb.solve(start.as_ref(), &mut observer)?;
        if self.reduced.is_identity() {
            return Ok(solution);
        }
        let reached = Verdict::of(&solution, &self.settings);
        let mut first = self.lift(solution)?;
        // Sharper ones, where the units of the reduced program hide an error of the stated one.
        let stated = Verdict::of(&first, &self.settings);
        let left = history.remaining(&self.settings);
        let sharper = tightened(Stated::Conic, &left, &reached, &stated);
        let Some(sharper) = sharper.filter(|_| !on_face) else {
            return Ok(first);
        };
        let climb = self.climb(projection, &sharper, history, Pass::Tightened);
        let second = self.lift(climb.solve(None, &mut observer)?.solution)?;
        let mut candidates = core::mem::take(&mut first.candidates);
        candidates.extend_from_slice(&second.candidates);
        let mut kept = better(first, second);
        kept.candidates = candidates;
        Ok(kept)
    }

    fn climb<'a>(
        &'a self,
        projection: &'a mut dyn Projection,
        settings: &'a Settings,
        history: &'a mut History,
        pass: Pass,
    ) -> Climb<'a> {
        Climb {
            problem: self.reduced.program(),
            projection,
            settings,
            engine: Some(&self.engine),
            history,
            pass,
            face: 0,
            searching: false,
            units: self.units.as_ref(),
        }
    }
}

/// The engine that chooses for itself. It answers for nearly dependent rows too: a verdict is measured in the stated program.
fn auto_engine() -> Engine {
    Box::new(|a| {
        let settings = auto::Settings::for_solvers();
        Ok(Box::new(Auto::with_settings(a.clone(), settings)?))
    })
}

/// Solves a conic program with a projection of the caller's, by as many runs as the strategy of [`Solver`] asks for. The program is
/// not reduced, and no face is looked for: the rows must be independent.
///
/// The projection must have been made from the rows of this problem. What a run from `start` leaves without an answer is solved from
/// the method's own start.
///
/// # Errors
/// Those of [`ipm::solve`](crate::ipm::solve()) and [`ipm::solve_from`](crate::ipm::solve_from)(crate::ipm::solve_from).
///
/// # Complexity
/// That of [`ipm::solve`](crate::ipm::solve()), per attempt.
pub fn solve_with(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    start: Option<&Start>,
    observer: &mut Observer<'_>,
) -> Result<Solution> {
    let mut history = History::new();
    let climb = Climb {
        problem,
        projection,
        settings,
        engine: None,
        history: &mut history,
        pass: Pass::First,
        face: 0,
        searching: false,
        units: None,
    };
    let found = climb.solve(start, observer)?.solution;
    Ok(history.closing(found))
}
