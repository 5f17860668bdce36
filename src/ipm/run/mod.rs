//! The main loop.

mod residuals;

use super::cone::{Interior, Storage, step};
use super::direction::hkm::Hkm;
use super::direction::{Geometry, INEXACT, NesterovTodd, System, nonneg};
use super::objective_error::objective_error;
use super::restore::restore;
use super::{
    Certificate, Dimacs, Observer, Phases, Settings, Solution, Start, Status, dimacs, start,
};
use crate::clock::Instant;
use crate::constraints::Block;
use crate::error::Result;
use crate::linalg::{axpy, dot, max_abs};
use crate::problem::ConicProgram;
use crate::projection::{Projection, Seconds};
use residuals::Measures;

/// Iterations without a tenth of progress after which a solve is given up.
const PATIENCE: usize = 20;

/// The same once errors are near their tolerances, where rounding is what ends progress.
const PATIENCE_AT_THE_END: usize = 8;

/// The same once `⟨x, s⟩` and the dual residual are as small as is asked for, and nothing but `A x = b` is missed: Newton steps
/// have no more to give, and what rounding left is made good otherwise.
const PATIENCE_WITH_ROUNDING: usize = 3;

/// Largest multiplier times right-hand side, relative to the objective, of multipliers that are bounded. It is below 10 on
/// `control*`, whose rounding errors are made good, and above 100 on `qap*`, which have no interior.
const RUNAWAY: f64 = 50.0;

/// Errors of a point that is worth restoring, in units of the tolerance.
const RESTORED: f64 = 1e3;

/// What its errors may count for in the objectives, where multipliers ran away.
const HIDDEN: f64 = 1e-7;

/// Steps of a linear program shorter than this are looked at for what blocks them.
const BLOCKED: f64 = 0.5;

/// What one run of the loop follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Method {
    Linear,
    Hkm,
    NesterovTodd,
}

/// A primal–dual point, `s` as the dual space stores it.
#[derive(Debug, Clone)]
struct Point {
    x: Vec<f64>,
    y: Vec<f64>,
    s: Vec<f64>,
}

pub(super) struct Run<'a> {
    problem: &'a ConicProgram,
    settings: &'a Settings,
    method: Method,
    primal_storage: Storage,
    dual_storage: Storage,
    cost: Vec<f64>,
    scale_b: f64,
    scale_c: f64,
    degree: f64,
    point: Point,
    /// Whether that came from elsewhere.
    warm: bool,
    /// Whether `s = c − Aᵀy` to the last bit.
    dual_feasible: bool,
    /// `None` when it is the current one.
    best: Option<Point>,
    /// Of no use but its memory.
    spare: Option<Point>,
    best_merit: f64,
    /// Iteration at which the merit last fell by a tenth, and the merit then.
    progress: (usize, f64),
    /// The best certificate of infeasibility within the tolerance, and its relative violation.
    candidate: Option<(Status, Certificate, f64)>,
    /// Errors of the best point, once they were found to be good enough.
    verified: Option<Dimacs>,
    begun: Instant,
    /// End of the phase before the current one.
    lap: Instant,
    phases: Phases,
    iterations: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        problem: &'a ConicProgram,
        settings: &'a Settings,
        method: Method,
        start: Option<&Start>,
        begun: Instant,
    ) -> Result<Self> {
        let a = problem.constraints();
        let primal_storage = Storage::flat(a.blocks());
        let dual_storage = match method {
            Method::Hkm => Storage::dual(problem),
            _ => primal_storage.clone(),
        };
        let cost = dual_storage.cost(problem);
        let warm = match start {
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
            settings,
            method,
            primal_storage,
            dual_storage,
            scale_b: 1.0 + max_abs(problem.rhs()),
            scale_c: 1.0 + max_abs(&cost),
            degree: a.blocks().iter().map(|b| b.order()).sum::<usize>().max(1) as f64,
            cost,
            best: None,
            spare: None,
            point: Point { x, y, s },
            warm: is_warm,
            dual_feasible: false,
            best_merit: f64::INFINITY,
            progress: (0, f64::INFINITY),
            candidate: None,
            verified: None,
            begun,
            lap: Instant::now(),
            phases: Phases::default(),
            iterations: 0,
        })
    }

    pub(super) fn run(
        mut self,
        projection: &mut dyn Projection,
        observer: &mut Observer<'_>,
    ) -> Result<Solution> {
        let why = self.iterate(projection, observer)?;
        let gave_up = matches!(why, Status::InsufficientProgress | Status::NumericalError);
        let Point { x, y, .. } = self.best();
        let (p, d) = (self.objective(x), dot(self.problem.rhs(), y));
        let moderate = !ran_away(y, self.scale_b, 1.0 + p.abs().max(d.abs()));
        if gave_up && self.method != Method::Linear {
            self.restore(projection, moderate)?;
        }
        self.finish(why)
    }

    /// Tries to bring the last point, whose multipliers are the best, or the best point back to `A x = b`, when nothing else
    /// keeps it from being an answer. Where multipliers are not moderate, only to an answer in which what the
    /// point then lacks of the cone does not count.
    fn restore(&mut self, projection: &mut dyn Projection, moderate: bool) -> Result<()> {
        let enough = |run: &Self, e: &Dimacs| run.within_tolerances(e, run.settings.slack);
        let Some(mut errors) = self.errors() else {
            return Ok(());
        };
        if enough(self, &errors) {
            return Ok(());
        }
        let candidates = [Some(self.point.clone()), self.best.clone()];
        for candidate in candidates.into_iter().flatten() {
            let Point { x, y, s } = &candidate;
            let s = self.dual_storage.unpack(s);
            let far = RESTORED * self.settings.tol_feas;
            let Ok(before) = dimacs(self.problem, x, y, &s) else {
                continue;
            };
            if !(before.infeasibility() <= far && before.0[5].abs() <= far) {
                continue;
            }
            let (p, d) = (self.objective(x), dot(self.problem.rhs(), y));
            let gap = 0.5 * self.settings.tol_gap_rel * (1.0 + p.abs() + d.abs());
            let Some(x) = restore(self.problem, projection, x, &s, gap)? else {
                continue;
            };
            let Ok(after) = dimacs(self.problem, &x, y, &s) else {
                continue;
            };
            let trusted = moderate
                || enough(self, &after)
                    && objective_error(self.problem, (&x, y, &s), &after)
                        .is_ok_and(|e| e.max() <= HIDDEN);
            drop(s);
            if after.max() < errors.max() && trusted {
                errors = after;
                self.best = Some(Point { x, ..candidate });
            }
            if enough(self, &errors) {
                break;
            }
        }
        Ok(())
    }

    /// Steps until there is nothing more to be had, and why.
    fn iterate(
        &mut self,
        projection: &mut dyn Projection,
        observer: &mut Observer<'_>,
    ) -> Result<Status> {
        let mut pairs = nonneg::SplitPairs::default();
        if self.method == Method::Linear {
            if !self.warm {
                let (x, y, s) = start::mehrotra(self.problem, &self.cost, projection)?;
                self.point = Point { x, y, s };
            }
            pairs = nonneg::SplitPairs::find(self.problem.constraints(), &self.cost);
        }
        let mut geometry: Box<dyn Geometry> = match self.method {
            Method::Linear => Box::new(nonneg::Newton::new(pairs.clone())),
            Method::Hkm => Box::new(Hkm::new(self.problem.constraints())),
            Method::NesterovTodd => {
                Box::new(NesterovTodd::new(self.problem.constraints().blocks()))
            }
        };
        let interiors = Interior::new(&self.primal_storage, &self.point.x)
            .zip(Interior::new(&self.dual_storage, &self.point.s));
        let Some((mut primal, mut dual)) = interiors else {
            return Ok(Status::NumericalError);
        };
        let (mut steps, mut answered) = ((0.0, 0.0), (None, 0));
        loop {
            self.phases.steps += self.lap();
            let now = self.measure(steps, answered)?;
            if now.merit < self.best_merit {
                self.best_merit = now.merit;
                self.spare = self.best.take().or(self.spare.take());
            }
            if observer(&now.row).is_break() {
                return Ok(Status::Stopped);
            }
            if now.merit <= 1.0
                && let Some(errors) = self.errors()
                && self.within_tolerances(&errors, 1.0)
            {
                self.verified = Some(errors);
                return Ok(Status::Solved);
            }
            if let Some(sure) = self.infeasible(&now)? {
                return Ok(sure);
            }
            if self.iterations >= self.settings.max_iter {
                return Ok(Status::MaxIterations);
            }
            if now.row.seconds >= self.settings.time_limit {
                return Ok(Status::TimeLimit);
            }
            if now.merit < 0.9 * self.progress.1 {
                self.progress = (self.iterations, now.merit);
            } else if self.iterations - self.progress.0 >= self.patience(&now) {
                return Ok(Status::InsufficientProgress);
            }
            // Far off a point that was nearly right: rounding has taken over.
            if !now.merit.is_finite()
                || (now.merit > 1e4 * self.best_merit && self.best_merit < 1e3)
            {
                return Ok(Status::InsufficientProgress);
            }

            self.phases.checks += self.lap();
            let target = 0.01 * self.settings.tol_feas * self.scale_b;
            let system = System {
                a: self.problem.constraints(),
                b: self.problem.rhs(),
                scale_b: self.scale_b,
                scale_c: self.scale_c,
                x: &self.point.x,
                s: &self.point.s,
                primal_storage: &self.primal_storage,
                dual_storage: &self.dual_storage,
                interiors: (&primal, &dual),
                primal: &now.primal,
                dual: &now.dual,
                dual_feasible: self.dual_feasible,
                mu: now.row.mu,
                target,
                inexact: f64::max(
                    10.0 * target,
                    INEXACT * now.row.gap.abs().min(1.0) * self.scale_b,
                ),
            };
            if geometry.move_to(&system).is_err() {
                return Ok(Status::NumericalError);
            }
            let before = projection.report().seconds;
            match projection.update(&geometry.weight(&system)) {
                Ok(done) => answered = (Some(done), 0),
                Err(error) if self.iterations == 0 => return Err(error),
                Err(_) => return Ok(Status::NumericalError),
            }
            let gram = spent(before, projection.report().seconds);
            let mu = now.row.mu;
            let Ok(affine) = geometry.affine(&system, projection) else {
                return Ok(Status::NumericalError);
            };
            let (ap, ad) = (affine.longest.0.min(1.0), affine.longest.1.min(1.0));
            let (space, Point { x, s, .. }) = (&self.dual_storage, &self.point);
            let affine_mu = (space.dot(x, s)
                + ap * space.dot(&affine.dx, s)
                + ad * space.dot(x, &affine.ds)
                + ap * ad * space.dot(&affine.dx, &affine.ds))
                / self.degree;
            let sigma = step::centring(mu, affine_mu, ap.min(ad));
            let d = match geometry.corrected(&system, projection, affine, sigma * mu) {
                Ok(d) if d.residual <= 0.1 => d,
                _ => return Ok(Status::NumericalError),
            };
            let report = projection.report();
            if let Some(refresh) = report.refresh {
                answered = (Some(refresh), report.steps);
            }
            let safe = 0.9 + 0.09 * ap.min(ad);
            let (ap, ad) = geometry.steps(&system, &d, safe);
            if self.method == Method::Linear
                && ap.min(ad) < BLOCKED
                && let Some(sure) = self.infeasible_along(&d.dx, &d.dy)?
            {
                return Ok(sure);
            }
            self.phases.assembly += gram.0;
            self.phases.factorisation += gram.1;
            self.phases.directions += self.lap() - gram.0 - gram.1;
            let mut next = self.spare.take().unwrap_or_else(|| Point {
                x: vec![0.0; self.point.x.len()],
                y: vec![0.0; self.point.y.len()],
                s: vec![0.0; self.point.s.len()],
            });
            let (along, space) = ((&self.point.x[..], &d.dx[..]), &self.primal_storage);
            let Some(ap) = step::advance(space, along, ap, &mut next.x, &mut primal) else {
                return Ok(Status::InsufficientProgress);
            };
            let Some(ad) = self.advance_dual((&d.dy, &d.ds), ad, &mut next, &mut dual) else {
                return Ok(Status::InsufficientProgress);
            };
            let last = core::mem::replace(&mut self.point, next);
            match self.best {
                None => self.best = Some(last),
                Some(_) => self.spare = Some(last),
            }
            if self.method == Method::Linear {
                let product = dot(&self.point.x, &self.point.s) / self.degree;
                pairs.recentre(&mut self.point.x, &mut self.point.s, product);
                if ad == 1.0 || self.dual_feasible {
                    self.dual_feasible = self.close_dual(&mut dual);
                }
            }
            geometry.recycle(d);
            steps = (ap, ad);
            self.iterations += 1;
            if ap.max(ad) < 1e-6 {
                return Ok(Status::InsufficientProgress);
            }
        }
    }

    /// Seconds since the last call.
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = (now - self.lap).as_secs_f64();
        self.lap = now;
        seconds
    }

    /// Linear programs that come here were not answered by their own method, and get all the patience there is.
    fn has_matrices(&self) -> bool {
        let mut blocks = self.problem.constraints().blocks().iter();
        blocks.any(|b| matches!(b, Block::Psd(_)))
    }

    fn patience(&self, now: &Measures) -> usize {
        let tol = self.settings.tol_feas;
        let done = now.complementarity <= 10.0 && now.row.dual_infeasibility <= tol;
        let missed = now.row.primal_infeasibility > tol;
        if self.best_merit >= 1e3 {
            PATIENCE
        } else if done && missed && self.has_matrices() {
            PATIENCE_WITH_ROUNDING
        } else {
            PATIENCE_AT_THE_END
        }
    }

    /// Moves `y` and `s` into `next`, by at most `alpha`.
    ///
    /// After a full step, and from then on, `s = c − Aᵀy`, so that the dual residual is zero to the last bit and what depends on it
    /// need not be worked out; unless that is not in the interior, and `s + α ds` is.
    fn advance_dual(
        &mut self,
        (dy, ds): (&[f64], &[f64]),
        mut alpha: f64,
        next: &mut Point,
        dual: &mut Interior,
    ) -> Option<f64> {
        let a = self.problem.constraints();
        let closes = self.method != Method::Linear;
        while alpha > step::SHORTEST {
            next.y.copy_from_slice(&self.point.y);
            axpy(alpha, dy, &mut next.y);
            if closes && (self.dual_feasible || alpha == 1.0) {
                self.dual_storage.adjoint(a, &next.y, &mut next.s);
                let slack = next.s.iter_mut().zip(&self.cost);
                slack.for_each(|(s, c)| *s = c - *s);
                if dual.move_to(&self.dual_storage, &next.s) {
                    self.dual_feasible = true;
                    return Some(alpha);
                }
            }
            let moved = self.point.s.iter().zip(ds).zip(&mut next.s);
            moved.for_each(|((s, d), to)| *to = s + alpha * d);
            if dual.move_to(&self.dual_storage, &next.s) {
                self.dual_feasible &= !closes;
                return Some(alpha);
            }
            alpha *= step::SHORTER;
        }
        None
    }

    /// `s ← c − Aᵀy`, if that is in the interior.
    fn close_dual(&mut self, dual: &mut Interior) -> bool {
        let a = self.problem.constraints();
        let mut slack = vec![0.0; self.cost.len()];
        self.dual_storage.adjoint(a, &self.point.y, &mut slack);
        slack
            .iter_mut()
            .zip(&self.cost)
            .for_each(|(s, c)| *s = c - *s);
        let inside = dual.move_to(&self.dual_storage, &slack);
        if inside {
            self.point.s = slack;
        } else {
            dual.move_to(&self.dual_storage, &self.point.s);
        }
        inside
    }

    /// The best point, with the status its errors deserve if that is better than why the loop ended.
    fn finish(mut self, why: Status) -> Result<Solution> {
        let errors = self.verified.take().or_else(|| self.errors());
        let errors = errors.unwrap_or(Dimacs([f64::NAN; 6]));
        let gave_up = matches!(why, Status::InsufficientProgress | Status::NumericalError);
        let (mut status, mut certificate) = (why, None);
        if gave_up && self.within_tolerances(&errors, self.settings.slack) {
            status = Status::Solved;
        } else if gave_up && errors.max() <= self.settings.tol_almost {
            status = Status::AlmostSolved;
        }
        if !matches!(status, Status::Solved | Status::AlmostSolved)
            && let Some((infeasible, proof, _)) = self.candidate.take()
        {
            (status, certificate) = (infeasible, Some(proof));
        }
        self.phases.checks += self.lap();
        let primal_objective = self.objective(&self.best().x);
        let Point { x, y, s } = self.best.unwrap_or(self.point);
        let s = self.dual_storage.unpack(s).into_owned();
        Ok(Solution {
            status,
            primal_objective,
            dual_objective: dot(self.problem.rhs(), &y),
            x,
            y,
            s,
            dimacs: errors,
            certificate,
            iterations: self.iterations,
            seconds: self.begun.elapsed().as_secs_f64(),
            phases: self.phases,
        })
    }
}

/// Whether multipliers are so large that feasibility errors within the tolerances may count in the objective: where nothing
/// bounds them, a point outside the cone by as little as rounding can have any value.
pub(crate) fn ran_away(y: &[f64], scale_b: f64, scale: f64) -> bool {
    let ratio = max_abs(y) * scale_b / scale;
    ratio > RUNAWAY || ratio.is_nan()
}

/// Seconds of assembly and of factorisation between two counts.
fn spent(before: Option<Seconds>, after: Option<Seconds>) -> (f64, f64) {
    match (before, after) {
        (Some(b), Some(a)) => (a.assembly - b.assembly, a.factorisation - b.factorisation),
        _ => (0.0, 0.0),
    }
}
