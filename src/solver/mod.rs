//! The front door: a conic program is reduced, solved, and answered in its own terms.

mod facial_reduction;

use crate::constraints::Constraints;
use crate::error::{Result, check_finite, check_shape};
use crate::ipm::{
    self, Certificate, Dimacs, Iteration, Observer, Settings, Solution, Start, Status,
    dimacs_outside, dual_certificate, outside_cone, primal_certificate,
};
use crate::linalg::{dot, max_abs, norm};
use crate::problem::{ConicProgram, Proof, Reduced};
use crate::projection::{Auto, Projection, Replaced, auto};
use std::sync::Arc;

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
    /// Those of [`Settings::validate`] and [`Reduced::new`].
    ///
    /// # Complexity
    /// As [`Reduced::new`].
    pub fn new(program: ConicProgram, settings: Settings) -> Result<Self> {
        let auto: Engine = Box::new(|a| {
            let settings = auto::Settings::for_solvers();
            Ok(Box::new(Auto::with_settings(a.clone(), settings)?))
        });
        Self::with_engine(program, settings, auto)
    }

    /// A solver whose Newton systems are answered by what `engine` makes.
    ///
    /// # Errors
    /// As [`Solver::new`].
    pub fn with_engine(program: ConicProgram, settings: Settings, engine: Engine) -> Result<Self> {
        settings.validate()?;
        Ok(Self {
            reduced: Reduced::new(&program)?,
            program,
            settings,
            engine,
            projection: None,
            start: None,
        })
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

    /// Replaces the values of `A`, in the order of [`Constraints::entries`] of the program's rows. Which rows depend on others
    /// is found anew; where these are the same as before, and no value is zero, the engine keeps what depends on the positions alone
    /// (see [`Projection::replace_values`]), else the program is reduced anew and a new engine made.
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
        (self.reduced, self.program) = (reduced, program);
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
        (self.reduced, self.program) = (reduced, program);
        Ok(())
    }

    /// Begins the next solve, and that one alone, from a point of this program: the solution before its numbers were changed, or
    /// what another method found. See [`ipm::solve_from`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite); then nothing changed.
    pub fn warm_start(&mut self, start: impl Into<Start>) -> Result<()> {
        let (start, a) = (start.into(), self.program.constraints());
        check_shape("x of the start", (a.ambient(), 1), (start.x.len(), 1))?;
        check_shape("y of the start", (a.len(), 1), (start.y.len(), 1))?;
        check_shape("s of the start", (a.ambient(), 1), (start.s.len(), 1))?;
        check_finite("x of the start", &start.x)?;
        check_finite("y of the start", &start.y)?;
        check_finite("s of the start", &start.s)?;
        self.start = Some(start);
        Ok(())
    }

    /// Solves the program as it is now. The observer sees objectives and `μ` in the program's units, infeasibilities and
    /// gap as the interior-point method measures them in its own.
    ///
    /// A run that gave up because the program has no interior is followed by a search for the face that holds its feasible
    /// points, during which the observer sees the errors reached, and by a run on that face, counted from 0.
    ///
    /// # Errors
    /// What the engine cannot be made from or refuses the first weight with, and
    /// [`Error::TooLarge`](crate::Error::TooLarge). Numerical trouble after that is a [`Status`].
    ///
    /// # Complexity
    /// That of [`ipm::solve`] for the reduced program.
    pub fn solve(&mut self, observer: &mut Observer<'_>) -> Result<Solution> {
        let start = self.start.take();
        if let Some(solution) = self.proved()? {
            return Ok(solution);
        }
        let small = self.reduced.program();
        if small.constraints().is_empty() {
            // No row is left, so no variable that a row touches.
            return self.lift(nothing_to_do());
        }
        let mut projection = match self.projection.take() {
            Some(projection) => projection,
            None => (self.engine)(small.constraints())?,
        };
        let found = self.attempt(projection.as_mut(), start.as_ref(), observer);
        self.projection = Some(projection);
        found
    }

    /// Solves the reduced program; once more, to tighter tolerances, when its units are others and what was enough there is
    /// not in the original's.
    fn attempt(
        &self,
        projection: &mut dyn Projection,
        start: Option<&Start>,
        observer: &mut Observer<'_>,
    ) -> Result<Solution> {
        const TIGHTEST: f64 = 1e-14;
        let small = self.reduced.program();
        let unit = self.reduced.objective_unit();
        let observer: &mut Observer<'_> = &mut |it| {
            observer(&Iteration {
                primal_objective: unit * it.primal_objective,
                dual_objective: unit * it.dual_objective,
                mu: unit * it.mu,
                ..*it
            })
        };
        let found = match start {
            None => ipm::solve(small, projection, &self.settings, observer)?,
            Some(start) => {
                let [x, y, s] = self.reduced.restrict(&start.x, &start.y, &start.s)?;
                let start = Start { x, y, s };
                ipm::solve_from(small, projection, &self.settings, &start, observer)?
            }
        };
        let mut on_face = false;
        let found = match self.on_face(projection, &found, observer)? {
            Some(better) => {
                on_face = true;
                better
            }
            None => found,
        };
        if self.reduced.is_identity() {
            return Ok(found);
        }
        let enough = found.status == Status::Solved;
        let reached = found.dimacs;
        let first = self.lift(found)?;
        if !enough || on_face || first.status == Status::Solved {
            return Ok(first);
        }
        let mut settings = self.settings.clone();
        // Better, too, than what was reached and was not enough.
        let tighten = |tol: f64, error: f64, reached: f64| {
            let most = if error > tol { 0.1 * reached } else { tol };
            (0.1 * tol * (tol / error).min(1.0))
                .min(most)
                .max(TIGHTEST)
                .min(tol)
        };
        let (infeasibility, gap) = (first.dimacs.infeasibility(), first.dimacs.gap());
        settings.tol_feas = tighten(settings.tol_feas, infeasibility, reached.infeasibility());
        settings.tol_gap_rel = tighten(settings.tol_gap_rel, gap, reached.gap());
        settings.tol_gap_abs = tighten(settings.tol_gap_abs, gap, reached.gap());
        settings.time_limit -= first.seconds;
        settings.max_iter = settings.max_iter.saturating_sub(first.iterations);
        if settings.validate().is_err() {
            return Ok(first);
        }
        let mut second = self.lift(ipm::solve(small, projection, &settings, observer)?)?;
        if second.dimacs.max() > first.dimacs.max() || second.dimacs.max().is_nan() {
            return Ok(first);
        }
        second.iterations += first.iterations;
        second.seconds += first.seconds;
        second.phases = second.phases.and(&first.phases);
        Ok(second)
    }

    /// What a run left open may have no interior: then it is solved on the face that its feasible points lie on.
    fn on_face(
        &self,
        projection: &mut dyn Projection,
        found: &Solution,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Solution>> {
        if !facial_reduction::gave_up(found.status) {
            return Ok(None);
        }
        let mut open = facial_reduction::Open {
            program: self.reduced.program(),
            projection,
            engine: &self.engine,
            settings: &self.settings,
            found,
        };
        open.on_face(observer)
    }

    /// What the reduction proved, when that holds in the original data.
    fn proved(&self) -> Result<Option<Solution>> {
        let Some(proof) = self.reduced.proof() else {
            return Ok(None);
        };
        let (status, certificate) = match proof {
            Proof::PrimalInfeasible { y } => (Status::PrimalInfeasible, self.contradiction(&y)?),
            Proof::DualInfeasible { x } => (Status::DualInfeasible, self.ray(&x)?),
        };
        let Some(certificate) = certificate else {
            return Ok(None);
        };
        let m = self.program.constraints().len();
        let mut s = vec![0.0; self.program.constraints().ambient()];
        self.program.cost().adjoint(&[1.0], &mut s)?;
        let (x, y) = (vec![0.0; s.len()], vec![0.0; m]);
        let dimacs = ipm::dimacs(&self.program, &x, &y, &s)?;
        Ok(Some(Solution {
            status,
            certificate: Some(certificate),
            x,
            y,
            s,
            dimacs,
            ..nothing_to_do()
        }))
    }

    /// `y` as a certificate, if its violation excludes every `x` but those `1/tol_infeas` times larger than one and than the largest
    /// that a right-hand side asks for, `max │b_i│/‖A_i‖`.
    fn contradiction(&self, y: &[f64]) -> Result<Option<Certificate>> {
        let Some((certificate, _)) = primal_certificate(&self.program, y)? else {
            return Ok(None);
        };
        let a = self.program.constraints();
        let mut squares = vec![0.0; a.len()];
        for (i, _, row, col, v) in a.entries() {
            squares[i] += if row == col { v * v } else { 2.0 * v * v };
        }
        let rows = self
            .program
            .rhs()
            .iter()
            .zip(&squares)
            .filter(|(_, s)| **s > 0.0);
        let size = rows.map(|(b, s)| b.abs() / s.sqrt()).fold(1.0, f64::max);
        let holds = match &certificate {
            Certificate::Primal { violation, .. } => violation * size <= self.settings.tol_infeas,
            Certificate::Dual { .. } => false,
        };
        Ok(holds.then_some(certificate))
    }

    /// `x` as a certificate, if `A x` vanishes and `x` is in the cone up to rounding.
    fn ray(&self, x: &[f64]) -> Result<Option<Certificate>> {
        const ROUNDING: f64 = 1e-12;
        Ok(
            dual_certificate(&self.program, x)?.and_then(|(certificate, relative)| {
                let holds = match &certificate {
                    Certificate::Dual { x, violation } => {
                        *violation == 0.0 && relative <= ROUNDING * norm(x).max(1.0)
                    }
                    Certificate::Primal { .. } => false,
                };
                holds.then_some(certificate)
            }),
        )
    }

    /// A solution of the reduced program in terms of the original one, with the status it deserves there.
    fn lift(&self, found: Solution) -> Result<Solution> {
        let small = self.reduced.program();
        let x = self.reduced.primal(&found.x)?;
        let y = self.reduced.multipliers(&found.y)?;
        let s = self.reduced.slack(&found.s)?;
        // Zeros between the components leave eigenvalues as they are.
        let blocks = small.constraints().blocks();
        let mut cost = vec![0.0; small.constraints().ambient()];
        small.cost().adjoint(&[1.0], &mut cost)?;
        let (x_outside, s_outside) = if self.reduced.is_unscaled() {
            let [_, x, _, s, ..] = found.dimacs.0;
            (x * (1.0 + max_abs(small.rhs())), s * (1.0 + max_abs(&cost)))
        } else {
            let parts = (
                self.reduced.primal_parts(&found.x)?,
                self.reduced.slack_parts(&found.s)?,
            );
            (
                outside_cone(blocks, &parts.0)?,
                outside_cone(blocks, &parts.1)?,
            )
        };
        let outside = (
            x_outside,
            s_outside.max(-self.reduced.least_unconstrained()),
        );
        let dimacs = dimacs_outside(&self.program, (&x, &y, &s), outside)?;
        let mut value = [0.0];
        self.program.cost().apply(&x, &mut value)?;
        let (primal_objective, dual_objective) = (value[0], dot(self.program.rhs(), &y));
        let (mut status, mut certificate) = (found.status, None);
        match &found.certificate {
            Some(Certificate::Primal { y, .. }) => {
                let y = self.reduced.multipliers(y)?;
                certificate = primal_certificate(&self.program, &y)?;
            }
            Some(Certificate::Dual { x, .. }) => {
                let x = self.reduced.primal(x)?;
                certificate = dual_certificate(&self.program, &x)?;
            }
            None => {}
        }
        // Within the tolerance for the rows that were kept, it grows by no more than this; in other units, which round nothing,
        // it was tested there.
        let most = match self.reduced.is_unscaled() {
            true => self.settings.tol_infeas * self.reduced.growth() * (1.0 + 1e-6),
            false => f64::INFINITY,
        };
        let certificate = certificate.filter(|(_, r)| *r <= most).map(|(c, _)| c);
        let scale = 1.0 + primal_objective.abs() + dual_objective.abs();
        let holds = match status {
            Status::Solved => self.settings.allows(&dimacs, scale),
            Status::PrimalInfeasible | Status::DualInfeasible => certificate.is_some(),
            _ => true,
        };
        let nearly = dimacs.max() <= self.settings.tol_almost;
        let gave_up = matches!(
            status,
            Status::InsufficientProgress | Status::NumericalError | Status::AlmostSolved
        );
        if gave_up && self.settings.allows(&dimacs, scale) {
            status = Status::Solved;
        }
        if !holds || (status == Status::AlmostSolved && !nearly) {
            status = match nearly {
                true => Status::AlmostSolved,
                false => Status::InsufficientProgress,
            };
        }
        Ok(Solution {
            status,
            x,
            y,
            s,
            primal_objective,
            dual_objective,
            dimacs,
            certificate,
            ..found
        })
    }
}

/// The answer to a program without variables.
fn nothing_to_do() -> Solution {
    Solution {
        status: Status::Solved,
        x: vec![],
        y: vec![],
        s: vec![],
        primal_objective: 0.0,
        dual_objective: 0.0,
        dimacs: Dimacs::default(),
        certificate: None,
        iterations: 0,
        seconds: 0.0,
        phases: Default::default(),
    }
}
