//! The steps of the short-step method.

use super::super::cone::{Interior, Scaling, Storage};
use super::super::{Attempt, Iteration, Method, PointErrors, Start, Step};
use super::frame::{Frame, diagonal};
use super::potential::Potential;
use super::{Counts, Settings, slack};
use crate::clock::Instant;
use crate::error::{Error, Result, check_finite};
use crate::linalg::{axpy, dot, max_abs, norm};
use crate::problem::ConicProgram;
use crate::problem::OwnScales;
use crate::projection::{Accuracy, Goal, Projection, Refresh};
use faer::{ColRef, MatMut};

/// Relative residual of the exact solves that remove the primal residual.
const REPAIR_RESIDUAL: f64 = 1e-10;

/// Smallest step length. If the cone allows less, the run ends.
const MIN_STEP: f64 = 1e-3;

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Moved {
    /// The point moved.
    Yes,
    /// The privacy budget does not cover another answer.
    Exhausted,
    /// The cone allows no step of the smallest length.
    Stuck,
    /// The projection, or a factorisation, failed.
    Failed(Error),
}

/// The estimate of the primal residual `r_p = b − A x` in the local norm `‖L_K⁻¹ r_p‖`.
#[derive(Debug, Clone, Copy)]
struct Drift {
    /// Estimated square of the norm, from the answers since the last repair.
    expected: f64,
    /// Measured norm divided by the estimated norm, at the last repair; at least 1.
    ratio: f64,
}

/// The state of [`follow`](super::follow()).
pub(super) struct Path<'a> {
    problem: &'a ConicProgram,
    settings: &'a Settings,
    cost: Vec<f64>,
    degree: usize,
    potential: Potential,
    x: Vec<f64>,
    y: Vec<f64>,
    s: Vec<f64>,
    interiors: (Interior, Interior),
    space: Storage,
    primal: Vec<f64>,
    t: f64,
    frame: Option<Frame>,
    drift: Drift,
    step: f64,
    refresh: Option<Refresh>,
    pub counts: Counts,
    begun: Instant,
}

impl<'a> Path<'a> {
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::InvalidSetting`] for a start outside the cone, with `s = c − Aᵀy`.
    pub(super) fn new(
        problem: &'a ConicProgram,
        settings: &'a Settings,
        start: &Start,
    ) -> Result<Self> {
        start.check(problem)?;
        let a = problem.constraints();
        let (blocks, space) = (a.blocks(), Storage::flat(a.blocks()));
        let mut cost = vec![0.0; a.ambient()];
        problem.cost().adjoint(&[1.0], &mut cost)?;
        let (x, y) = (start.x.clone(), start.y.clone());
        let mut s = vec![0.0; a.ambient()];
        slack(a, &cost, &y, &mut s)?;
        let interior = |what: &str, v: &[f64]| {
            Interior::new(&space, v).ok_or_else(|| Error::InvalidSetting {
                field: "start",
                reason: format!("expected {what} in the interior of the cone"),
            })
        };
        let interiors = (interior("x", &x)?, interior("s = c - A'y", &s)?);
        let degree: usize = blocks.iter().map(|b| b.order()).sum();
        Ok(Self {
            potential: Potential::new(degree, settings.radius),
            t: dot(&x, &s) / degree.max(1) as f64,
            primal: vec![0.0; a.len()],
            degree,
            cost,
            x,
            y,
            s,
            interiors,
            space,
            frame: None,
            drift: Drift {
                expected: f64::INFINITY,
                ratio: 1.0,
            },
            step: 0.0,
            refresh: None,
            counts: Counts::default(),
            begun: Instant::now(),
            problem,
            settings,
        })
    }

    /// Computes the residuals and the objectives of the point.
    pub(super) fn measure(&mut self) -> Result<Iteration> {
        let a = self.problem.constraints();
        a.apply(&self.x, &mut self.primal)?;
        self.primal
            .iter_mut()
            .zip(self.problem.rhs())
            .for_each(|(r, b)| *r = b - *r);
        let primal_objective = dot(&self.cost, &self.x);
        let dual_objective = dot(self.problem.rhs(), &self.y);
        let scale = 1.0 + primal_objective.abs() + dual_objective.abs();
        let product = dot(&self.x, &self.s);
        Ok(Iteration {
            attempt: Attempt {
                step: Step::ShortStep,
                ..Attempt::run(Method::NesterovTodd)
            },
            iteration: self.counts.iterations,
            primal_objective,
            dual_objective,
            primal_infeasibility: norm(&self.primal) / (1.0 + max_abs(self.problem.rhs())),
            dual_infeasibility: 0.0,
            gap: product / scale,
            mu: product / self.degree.max(1) as f64,
            primal_step: self.step,
            dual_step: self.step,
            refresh: self.refresh,
            steps: 0,
            seconds: self.begun.elapsed().as_secs_f64(),
        })
    }

    /// The errors of the point in the original data.
    pub(super) fn errors(&self) -> Result<PointErrors> {
        let scales = OwnScales::new(self.problem, None)?;
        PointErrors::new(self.problem, &scales, (&self.x, &self.y, &self.s))
    }

    pub(super) fn into_point(self) -> (Start, Counts) {
        let Self { x, y, s, .. } = self;
        (Start { x, y, s }, self.counts)
    }

    /// Takes one step. The step advances along the path by one answer of the projection. With `repair_only`, it only restores
    /// `A x = b` by an exact solve.
    pub(super) fn step(
        &mut self,
        projection: &mut dyn Projection,
        repair_only: bool,
    ) -> Result<Moved> {
        // Scale: compute the eigenvalues of XS and their distance from t.
        let a = self.problem.constraints().clone();
        let (m, ambient) = (a.len(), a.ambient());
        let (primal, dual) = &self.interiors;
        let scaling = match Scaling::new(a.blocks(), &self.x, &self.s, primal, dual) {
            Ok(scaling) => scaling,
            Err(error) => return Ok(Moved::Failed(error)),
        };
        let d = diagonal(&scaling);
        let r: Vec<f64> = d.iter().map(|d| d * d / self.t - 1.0).collect();
        let level = self.potential.relative(&r);
        self.counts.potential = self.counts.potential.max(level);
        // Update: the weight of the projection follows the scaling.
        if let Some(error) = self.hold(&scaling, projection)? {
            return Ok(Moved::Failed(error));
        }
        // Answer: project the move along the path.
        let (mut move_by, mut next) = (vec![0.0; d.len()], self.t);
        let mut dy = vec![0.0; m];
        let mut left = 0.0;
        if !repair_only {
            if level <= 1.0 {
                next *= self.settings.factor(self.degree);
            }
            let centre = self.potential.descent(&r, self.settings.centring);
            for (i, d) in d.iter().enumerate() {
                move_by[i] = ((next / self.t - 1.0) * d * d + next * centre[i]) / d;
            }
            left = match self.answer(projection, &scaling, &move_by, &mut dy)? {
                Ok(left) => left,
                Err(halt) => return Ok(halt),
            };
        }
        // Repair: remove the primal residual by one exact solve once its estimate is too large.
        let allowed = self.settings.drift * self.settings.drift * self.t;
        let due = self.drift.ratio * self.drift.ratio * self.drift.expected > allowed;
        let mut standing = None;
        if repair_only || due {
            match self.repair(projection, &mut dy) {
                Ok(found) => standing = Some(found),
                Err(error) => return Ok(Moved::Failed(error)),
            }
        }
        // Move: take the step as far as the cone allows, and update the estimate of the primal residual.
        let (mut ds, mut dx) = (vec![0.0; ambient], vec![0.0; ambient]);
        a.adjoint(&dy, &mut ds)?;
        ds.iter_mut().for_each(|v| *v = -*v);
        if let Some(frame) = &self.frame {
            frame.primal(&scaling, &move_by, &ds, &mut dx);
        }
        let moved = self.advance(&dx, &dy, next)?;
        if moved == Moved::Yes {
            // A shortened step removes only a part of the primal residual.
            let kept = 1.0 - self.step;
            let before = standing.map_or(self.drift.expected, |found| kept * kept * found);
            self.drift.expected = before + self.step * self.step * left;
        }
        Ok(moved)
    }

    /// Computes `dy` from one answer of the projection for the move `move_by`. Returns the expected square of the primal residual that
    /// the answer leaves, or the outcome of the step if there is no answer.
    fn answer(
        &mut self,
        projection: &mut dyn Projection,
        scaling: &Scaling,
        move_by: &[f64],
        dy: &mut [f64],
    ) -> Result<core::result::Result<f64, Moved>> {
        let a = self.problem.constraints();
        let (m, ambient) = (a.len(), a.ambient());
        let Some(frame) = &self.frame else {
            return Ok(Err(Moved::Failed(Error::NoWeight)));
        };
        let (mut h, mut projected) = (vec![0.0; ambient], vec![0.0; ambient]);
        frame.enter(scaling, move_by, &mut h);
        let answer = projection.query_in_range(
            ColRef::from_slice(&h),
            MatMut::from_column_major_slice_mut(dy, m, 1),
            MatMut::from_column_major_slice_mut(&mut projected, ambient, 1),
        );
        let left = match answer {
            Ok(Accuracy::Sketched { expected_error }) => m as f64 * expected_error * expected_error,
            Ok(_) => 0.0,
            Err(Error::BudgetExhausted { .. }) => return Ok(Err(Moved::Exhausted)),
            Err(error) => return Ok(Err(Moved::Failed(error))),
        };
        if let Err(error) = check_finite("answer of the projection", dy.iter().chain(&projected)) {
            return Ok(Err(Moved::Failed(error)));
        }
        let mut aty = vec![0.0; ambient];
        a.adjoint(dy, &mut aty)?;
        if !frame.is_range(&aty, &projected) {
            return Err(Error::Unsupported {
                what: "a projection that answers for another weight than the last one given",
                by: "short_step",
            });
        }
        self.counts.answers += 1;
        dy.iter_mut().for_each(|y| *y = -*y);
        Ok(Ok(left))
    }

    /// Moves the weight of the projection to within the tolerance of the weight of the point. Returns the error if this fails after
    /// the first weight.
    fn hold(
        &mut self,
        scaling: &Scaling,
        projection: &mut dyn Projection,
    ) -> Result<Option<Error>> {
        let blocks = self.problem.constraints().blocks();
        let first = self.frame.is_none();
        let frame = self
            .frame
            .get_or_insert_with(|| Frame::at(blocks, scaling, &self.s));
        let absorbed = match frame.follow(scaling, &self.s, self.settings.stale_tol) {
            Ok(absorbed) => absorbed,
            Err(error) => return Ok(Some(error)),
        };
        if absorbed.rank == 0 && !first {
            self.refresh = Some(Refresh::Kept);
            self.counts.kept += 1;
            return Ok(None);
        }
        match projection.update(&frame.weight()) {
            Ok(done) => self.refresh = Some(done),
            Err(error) if first => return Err(error),
            Err(error) => return Ok(Some(error)),
        }
        match self.refresh {
            _ if first => {}
            Some(Refresh::Rebuilt(_)) => self.counts.rebuilt += 1,
            _ => self.counts.low_rank += 1,
        }
        if !first {
            self.counts.rank += absorbed.rank;
            self.counts.largest_rank = self.counts.largest_rank.max(absorbed.rank);
        }
        Ok(None)
    }

    /// `dy += K⁻¹ r_p` by an exact solve, which removes the primal residual. Returns `‖L_K⁻¹ r_p‖²`.
    fn repair(&mut self, projection: &mut dyn Projection, dy: &mut [f64]) -> Result<f64> {
        let m = dy.len();
        let mut y = self.primal.clone();
        let column = MatMut::from_column_major_slice_mut(&mut y, m, 1);
        projection.solve(column, Goal::Residual(REPAIR_RESIDUAL))?;
        let found = dot(&self.primal, &y).max(0.0);
        axpy(1.0, &y, dy);
        self.counts.repairs += 1;
        let Drift { expected, ratio } = &mut self.drift;
        if expected.is_finite() && *expected > 0.0 {
            let now = (found / *expected).sqrt();
            // Bounded below by one, because a single small residual says little about the mean square.
            *ratio = now.max(1.0);
            self.counts.drift = self.counts.drift.max((found / self.t).sqrt());
            self.counts.drift_ratio = self.counts.drift_ratio.max(now);
        }
        Ok(found)
    }

    /// Moves the point, and halves the step until it stays inside the cone.
    fn advance(&mut self, dx: &[f64], dy: &[f64], next: f64) -> Result<Moved> {
        let a = self.problem.constraints();
        let mut alpha = 1.0;
        while alpha >= MIN_STEP {
            let (mut x, mut y, mut s) = (self.x.clone(), self.y.clone(), vec![0.0; a.ambient()]);
            axpy(alpha, dx, &mut x);
            axpy(alpha, dy, &mut y);
            slack(a, &self.cost, &y, &mut s)?;
            let interiors = Interior::new(&self.space, &x)
                .and_then(|p| Some((p, Interior::new(&self.space, &s)?)));
            if let Some(interiors) = interiors {
                (self.x, self.y, self.s, self.interiors) = (x, y, s, interiors);
                self.t += alpha * (next - self.t);
                self.step = alpha;
                self.counts.iterations += 1;
                return Ok(Moved::Yes);
            }
            self.counts.cut += 1;
            alpha *= 0.5;
        }
        Ok(Moved::Stuck)
    }
}
