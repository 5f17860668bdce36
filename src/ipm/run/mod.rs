//! One run of one method: measure, terminate, scale, update, affine direction, corrected direction, step.

mod dual_step;
mod finish;
mod phase_clock;
mod rays;
mod residuals;

use super::cone::{Interior, Storage, step};
use super::direction::hkm::Hkm;
use super::direction::{Direction, Geometry, INEXACT, NesterovTodd, System, nonneg};
use super::params::SHORTEST_STEP;
use super::termination::{Progress, Prospects, limit};
use super::{
    Attempt, Certificate, Ended, Method, Observer, PointErrors, Settings, Solution, Stall, Start,
    start,
};
use crate::clock::Instant;
use crate::constraints::Block;
use crate::error::{Error, Result};
use crate::linalg::{dot, max_abs};
use crate::problem::{ConicProgram, OwnScales, Units};
use crate::projection::{Projection, Refresh};
use core::convert::Infallible;
use phase_clock::PhaseClock;
use residuals::Residuals;

/// Largest residual of a Newton system, relative to its right-hand side, with which its direction is used.
const USELESS_RESIDUAL: f64 = 0.1;

/// Share of `tol_feas` that the residual of a Newton system may take.
const NEWTON_SHARE: f64 = 0.01;

/// The task of one run.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub problem: &'a ConicProgram,
    pub settings: &'a Settings,
    pub method: Method,
    /// The name of this run, for the observer and the record.
    pub attempt: Attempt,
    pub start: Option<&'a Start>,
    /// The start of the solve that this run is part of; seconds and the time limit count from it.
    pub begun: Instant,
    /// The units of the program as it was stated; `None` where they are those of `problem`.
    pub units: Option<&'a Units>,
}

/// The result of one run.
pub(crate) struct Finished {
    /// The best point, judged in the problem that the run was given.
    pub solution: Solution,
    /// The last point of a run that gave up; its multipliers may be better than those of the best point.
    pub last: Option<Start>,
}

/// A primal–dual point, with `s` in the storage of the dual side.
#[derive(Debug, Clone)]
struct Point {
    x: Vec<f64>,
    y: Vec<f64>,
    s: Vec<f64>,
}

/// The step that led to a point, and how the projection solved its Newton system.
#[derive(Debug, Clone, Copy, Default)]
struct StepTaken {
    primal: f64,
    dual: f64,
    refresh: Option<Refresh>,
    /// Steps of conjugate gradients.
    cg_steps: usize,
}

/// Why the loop ends: for a reason of its own, or because the projection refuses the first weight.
enum Halt {
    Ended(Ended),
    Refused(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Refused(error)
    }
}

fn ended(why: Ended) -> Halt {
    Halt::Ended(why)
}

fn failed(error: Error) -> Halt {
    Halt::Ended(Ended::Failed(error))
}

/// Runs one method.
///
/// # Errors
/// A start of other dimensions, or the projection's refusal of the first weight. Every later failure is an [`Ended`].
pub(crate) fn run(
    request: &Request<'_>,
    projection: &mut dyn Projection,
    observer: &mut Observer<'_>,
) -> Result<Finished> {
    let mut run = Run::new(request)?;
    let mut clock = PhaseClock::new();
    match run.iterate(&mut clock, projection, observer) {
        Err(Halt::Refused(error)) => Err(error),
        Err(Halt::Ended(why)) => Ok(run.finish(why, clock)),
        Ok(never) => match never {},
    }
}

struct Run<'a> {
    problem: &'a ConicProgram,
    settings: &'a Settings,
    method: Method,
    attempt: Attempt,
    begun: Instant,
    primal_storage: Storage,
    dual_storage: Storage,
    cost: Vec<f64>,
    /// The scales of rows and columns, in which their errors are measured.
    scales: OwnScales<'a>,
    /// `1 + max│b│`.
    scale_b: f64,
    /// `1 + max│c│`.
    scale_c: f64,
    /// Degree `ν` of the cone.
    degree: f64,
    point: Point,
    /// Whether the start came from the caller.
    warm: bool,
    /// Whether `s = c − Aᵀy` to the last bit.
    dual_feasible: bool,
    /// `None` when the best point is the current one.
    best: Option<Point>,
    /// Memory for the next point.
    spare: Option<Point>,
    progress: Progress,
    /// The best certificate of infeasibility within the tolerance, and its relative violation.
    candidate: Option<(Certificate, f64)>,
    /// The least violated certificates of either side beyond the tolerance.
    suspects: [Option<(Certificate, f64)>; 2],
    /// Errors of the best point, once a measurement found them within the tolerances.
    verified: Option<PointErrors>,
    iterations: usize,
}

impl<'a> Run<'a> {
    fn new(request: &Request<'a>) -> Result<Self> {
        let (problem, method) = (request.problem, request.method);
        let a = problem.constraints();
        let primal_storage = Storage::flat(a.blocks());
        let dual_storage = match method {
            Method::Hkm => Storage::dual(problem),
            _ => primal_storage.clone(),
        };
        let cost = dual_storage.cost(problem);
        let warm = match request.start {
            Some(start) => start::warm(problem, &dual_storage.unpack(&cost), start)?,
            None => None,
        };
        let is_warm = warm.is_some();
        let Start { x, y, s } = warm.unwrap_or_else(|| {
            let (x, y, s) = start::point(problem);
            Start { x, y, s }
        });
        let s = dual_storage.pack(s);
        Ok(Self {
            problem,
            settings: request.settings,
            method,
            attempt: request.attempt,
            begun: request.begun,
            scales: OwnScales::new(problem, request.units)?,
            scale_b: 1.0 + max_abs(problem.rhs()),
            scale_c: 1.0 + max_abs(&cost),
            degree: a.blocks().iter().map(|b| b.order()).sum::<usize>().max(1) as f64,
            primal_storage,
            dual_storage,
            cost,
            point: Point { x, y, s },
            warm: is_warm,
            dual_feasible: false,
            best: None,
            spare: None,
            progress: Progress::new(),
            candidate: None,
            suspects: [None, None],
            verified: None,
            iterations: 0,
        })
    }

    /// Iterates until there is a reason to end.
    fn iterate(
        &mut self,
        clock: &mut PhaseClock,
        projection: &mut dyn Projection,
        observer: &mut Observer<'_>,
    ) -> Result<Infallible, Halt> {
        let pairs = self.begin(projection)?;
        let mut geometry = self.geometry(&pairs);
        let (mut primal, mut dual) = self.interiors()?;
        let mut last = StepTaken::default();
        loop {
            // Measure: residuals, objectives and gap; the best point is kept.
            clock.charge_steps();
            let now = self.measure(&last)?;
            self.keep_best(&now);

            // Terminate?
            self.terminate(&now, observer)?;
            clock.charge_checks();

            // Scale: linearise complementarity at the point.
            let system = self.system(&now, (&primal, &dual));
            geometry.move_to(&system).map_err(failed)?;

            // Update: move the projection to the weight of the Newton system.
            let before = projection.report().seconds;
            let updated = projection.update(&geometry.weight(&system));
            let refresh = match updated {
                Ok(refresh) => refresh,
                Err(error) if self.iterations == 0 => return Err(Halt::Refused(error)),
                Err(error) => return Err(failed(error)),
            };
            let after = projection.report().seconds;

            // Affine direction: straight at the boundary. How far it goes sets the centring.
            let affine = geometry.affine(&system, projection).map_err(failed)?;
            let (reach, centre) = self.centre(&affine, now.row.mu);

            // Corrected direction: towards the central path, with the second-order term of the affine one.
            let d = geometry
                .corrected(&system, projection, affine, centre)
                .map_err(failed)?;
            if d.residual.is_nan() || d.residual > USELESS_RESIDUAL {
                let what = "solution of the Newton system";
                return Err(failed(Error::NoConvergence { what }));
            }
            let lengths = geometry.steps(&system, &d, 0.9 + 0.09 * reach);
            self.look_for_blocking_ray(&d, lengths)?;
            clock.charge_directions(before, after);

            // Step: a share of the way to the boundary, shortened until both sides are interior.
            let report = projection.report();
            last = self.step(&d, lengths, (&mut primal, &mut dual), &pairs)?;
            last.refresh = Some(report.refresh.unwrap_or(refresh));
            last.cg_steps = report.steps;
            geometry.recycle(d);
            self.iterations += 1;
            if last.primal.max(last.dual) < SHORTEST_STEP.get() {
                return Err(ended(Ended::Stalled(Stall::ShortStep)));
            }
        }
    }

    /// The start of a linear program, which takes a solve, and the pairs of variables that stand for free ones.
    fn begin(&mut self, projection: &mut dyn Projection) -> Result<nonneg::SplitPairs> {
        if self.method != Method::Linear {
            return Ok(nonneg::SplitPairs::default());
        }
        if !self.warm {
            let (x, y, s) = start::mehrotra(self.problem, &self.cost, projection)?;
            self.point = Point { x, y, s };
        }
        Ok(nonneg::SplitPairs::find(
            self.problem.constraints(),
            &self.cost,
        ))
    }

    fn geometry(&self, pairs: &nonneg::SplitPairs) -> Box<dyn Geometry> {
        let a = self.problem.constraints();
        match self.method {
            Method::Linear => Box::new(nonneg::Newton::new(pairs.clone())),
            Method::Hkm => Box::new(Hkm::new(a)),
            Method::NesterovTodd => Box::new(NesterovTodd::new(a.blocks())),
        }
    }

    fn interiors(&self) -> Result<(Interior, Interior), Halt> {
        Interior::new(&self.primal_storage, &self.point.x)
            .zip(Interior::new(&self.dual_storage, &self.point.s))
            .ok_or(ended(Ended::Stalled(Stall::NoInteriorStart)))
    }

    fn keep_best(&mut self, now: &Residuals) {
        if self.progress.record(now.merit) {
            self.spare = self.best.take().or(self.spare.take());
        }
    }

    /// Ends the run at this point where there is a reason to.
    fn terminate(&mut self, now: &Residuals, observer: &mut Observer<'_>) -> Result<(), Halt> {
        if observer(&now.row).is_break() {
            return Err(ended(Ended::Stopped));
        }
        // The errors of the recurrence are within their tolerances: the errors of the point itself are measured before the run ends.
        // Errors that cannot be measured do not end it; `finish` records the cause.
        if now.merit <= 1.0
            && let Ok(errors) = self.errors()
            && !errors.dimacs.max().is_nan()
            && self.measured(errors).merit_of_run(self.settings) <= 1.0
        {
            self.verified = Some(errors);
            return Err(ended(Ended::Converged));
        }
        if self.proves_infeasibility(now)? {
            return Err(ended(Ended::Certified));
        }
        if let Some(limit) = limit(self.settings, self.iterations, now.row.seconds) {
            return Err(ended(limit));
        }
        let prospects = Prospects {
            iteration: self.iterations,
            merit: now.merit,
            rounding_alone: self.misses_rows_alone(now),
        };
        match self.progress.stalls(&prospects) {
            Some(stall) => Err(ended(Ended::Stalled(stall))),
            None => Ok(()),
        }
    }

    /// Whether `A x = b` is the only condition that is missed. This holds for no linear program: where a semidefinite method
    /// solves one, the linear method has failed before, and the run gets the full patience.
    fn misses_rows_alone(&self, now: &Residuals) -> bool {
        let tol = self.settings.tol_feas;
        let mut blocks = self.problem.constraints().blocks().iter();
        now.complementarity <= 10.0
            && now.row.dual_infeasibility <= tol
            && now.row.primal_infeasibility > tol
            && blocks.any(|b| matches!(b, Block::Psd(_)))
    }

    fn system<'s>(
        &'s self,
        now: &'s Residuals,
        interiors: (&'s Interior, &'s Interior),
    ) -> System<'s> {
        // A row whose own scale is small needs smaller residuals than the largest right-hand side asks for.
        let target = NEWTON_SHARE * self.settings.tol_feas * self.scale_b * now.row_share;
        let gap = now.row.gap.abs().min(1.0);
        System {
            a: self.problem.constraints(),
            b: self.problem.rhs(),
            scale_b: self.scale_b,
            scale_c: self.scale_c,
            x: &self.point.x,
            s: &self.point.s,
            primal_storage: &self.primal_storage,
            dual_storage: &self.dual_storage,
            interiors,
            primal: &now.primal,
            dual: &now.dual,
            dual_feasible: self.dual_feasible,
            mu: now.row.mu,
            target,
            inexact: f64::max(10.0 * target, INEXACT * gap * self.scale_b),
        }
    }

    /// The shorter of the two affine steps, and the product `σμ` that the corrected direction aims at.
    fn centre(&self, affine: &Direction, mu: f64) -> (f64, f64) {
        let (ap, ad) = (affine.longest.0.min(1.0), affine.longest.1.min(1.0));
        let (storage, Point { x, s, .. }) = (&self.dual_storage, &self.point);
        let affine_mu = (storage.dot(x, s)
            + ap * storage.dot(&affine.dx, s)
            + ad * storage.dot(x, &affine.ds)
            + ap * ad * storage.dot(&affine.dx, &affine.ds))
            / self.degree;
        let reach = ap.min(ad);
        (reach, step::centring(mu, affine_mu, reach) * mu)
    }

    /// Moves to the next point.
    fn step(
        &mut self,
        d: &Direction,
        lengths: (f64, f64),
        (primal, dual): (&mut Interior, &mut Interior),
        pairs: &nonneg::SplitPairs,
    ) -> Result<StepTaken, Halt> {
        let short = || ended(Ended::Stalled(Stall::ShortStep));
        let mut next = self.spare.take().unwrap_or_else(|| Point {
            x: vec![0.0; self.point.x.len()],
            y: vec![0.0; self.point.y.len()],
            s: vec![0.0; self.point.s.len()],
        });
        let (along, storage) = ((&self.point.x[..], &d.dx[..]), &self.primal_storage);
        let taken = StepTaken {
            primal: step::advance(storage, along, lengths.0, &mut next.x, primal)
                .ok_or_else(short)?,
            dual: self
                .advance_dual((&d.dy, &d.ds), lengths.1, &mut next, dual)
                .ok_or_else(short)?,
            ..StepTaken::default()
        };
        let last = core::mem::replace(&mut self.point, next);
        match self.best {
            None => self.best = Some(last),
            Some(_) => self.spare = Some(last),
        }
        if self.method == Method::Linear {
            let product = dot(&self.point.x, &self.point.s) / self.degree;
            pairs.recentre(&mut self.point.x, &mut self.point.s, product);
            if taken.dual == 1.0 || self.dual_feasible {
                self.dual_feasible = self.close_dual(dual);
            }
        }
        Ok(taken)
    }
}
