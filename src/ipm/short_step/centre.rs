//! The search for a start near the central path, by Newton steps with exact answers.

use super::super::cone::{Interior, Scaling, Storage, step};
use super::super::direction::{Geometry, NesterovTodd, System};
use super::super::solve::check_rows;
use super::super::{Ended, Stall, Start, start};
use super::frame::diagonal;
use super::potential::Potential;
use super::{Settings, slack};
use crate::error::{Error, Result};
use crate::linalg::{axpy, dot, max_abs, norm};
use crate::problem::ConicProgram;
use crate::projection::Projection;

/// Largest relative residual of a point that counts as feasible.
const FEASIBLE: f64 = 1e-9;

/// Largest number of steps. A search that takes longer counts as failed.
const MAX_STEPS: usize = 200;

/// Largest residual of a Newton system, relative to `1 + max│b│`.
const NEWTON_RESIDUAL: f64 = 1e-12;

/// Largest share of the way to the boundary that a step takes.
const BOUNDARY_SHARE: f64 = 0.9;

/// The result of [`central_point`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CentralPoint {
    /// [`Ended::Converged`] when the point is feasible and in the neighbourhood of the central path; otherwise the reason of the
    /// failure.
    pub ended: Ended,
    /// The point.
    pub point: Start,
    /// `⟨x, s⟩/ν`: the parameter of the path.
    pub t: f64,
    /// The relative gap of the point.
    pub gap: f64,
    /// `bᵀy` and `⟨c, x⟩`; the optimal value lies between them.
    pub objectives: (f64, f64),
    /// Degree `ν` of the cone.
    pub degree: usize,
    /// Newton steps taken.
    pub iterations: usize,
}

impl CentralPoint {
    /// The number of answers to plan a privacy budget for. This is a bound on the steps from this point to
    /// [`Settings::tol_gap_rel`], plus 10 percent, plus 10. Each answer takes `m` releases of a [`Robust`](crate::projection::Robust).
    pub fn answers(&self, settings: &Settings) -> u64 {
        let (low, high) = self.objectives;
        let least = if low * high > 0.0 {
            low.abs().min(high.abs())
        } else {
            0.0
        };
        let end = settings.tol_gap_rel * (1.0 + 2.0 * least);
        let steps = settings.steps(self.degree, end / (self.degree as f64 * self.t));
        steps + steps / 10 + 10
    }
}

/// Computes a feasible point in the neighbourhood of the central path with a relative gap of at most [`Settings::start_gap`]. The
/// method takes damped Newton steps along Nesterov–Todd directions, from a point far from the path.
///
/// Every step asks `projection` for exact answers at a new weight. Pass a plain structure: in a sketched one every copy would be
/// updated at every step, without use.
///
/// # Errors
/// Those of [`solve`](crate::ipm::solve()). A program without an interior on either side has no central path; then
/// [`CentralPoint::ended`] has the reason.
///
/// # Complexity
/// A step costs as much as an iteration of [`solve`](crate::ipm::solve()). About 10 to 30 steps are typical.
pub fn central_point(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
) -> Result<CentralPoint> {
    settings.validate()?;
    check_rows(problem, projection)?;
    let mut search = CentreSearch::new(problem, settings)?;
    let ended = loop {
        // Measure the point, and test whether it is feasible and near the path.
        let residuals = search.measure()?;
        if let Some(ended) = search.terminate(&residuals)? {
            break ended;
        }
        // Step towards the path, and along it while the gap is too large.
        match search.step(&residuals, projection)? {
            None => search.out.iterations += 1,
            Some(ended) => break ended,
        }
    };
    search.out.ended = ended;
    Ok(search.out)
}

/// Residuals `b − A x` and `c − Aᵀy − s`, and whether both count as zero.
struct CentreResiduals {
    primal: Vec<f64>,
    dual: Vec<f64>,
    feasible: bool,
}

/// The damped Newton method of [`central_point`].
struct CentreSearch<'a> {
    problem: &'a ConicProgram,
    settings: &'a Settings,
    storage: Storage,
    potential: Potential,
    geometry: NesterovTodd,
    cost: Vec<f64>,
    /// `1 + max│b│` and `1 + max│c│`.
    scales: (f64, f64),
    /// Factors of both sides; `None` when the start is on the boundary.
    interiors: Option<(Interior, Interior)>,
    /// The shorter of the last two step lengths.
    shortest: f64,
    out: CentralPoint,
}

impl<'a> CentreSearch<'a> {
    fn new(problem: &'a ConicProgram, settings: &'a Settings) -> Result<Self> {
        let a = problem.constraints();
        let degree: usize = a.blocks().iter().map(|b| b.order()).sum();
        let mut cost = vec![0.0; a.ambient()];
        problem.cost().adjoint(&[1.0], &mut cost)?;
        let (x, y, s) = start::point(problem);
        let storage = Storage::flat(a.blocks());
        Ok(Self {
            interiors: Interior::new(&storage, &x).zip(Interior::new(&storage, &s)),
            storage,
            potential: Potential::new(degree, settings.radius),
            geometry: NesterovTodd::new(a.blocks()),
            scales: (1.0 + max_abs(problem.rhs()), 1.0 + max_abs(&cost)),
            cost,
            shortest: 1.0,
            out: CentralPoint {
                ended: Ended::Stalled(Stall::NoInteriorStart),
                point: Start { x, y, s },
                t: f64::NAN,
                gap: f64::NAN,
                objectives: (f64::NAN, f64::NAN),
                degree,
                iterations: 0,
            },
            problem,
            settings,
        })
    }

    fn measure(&mut self) -> Result<CentreResiduals> {
        let (a, b) = (self.problem.constraints(), self.problem.rhs());
        let Start { x, y, s } = &self.out.point;
        let (mut primal, mut dual) = (vec![0.0; a.len()], vec![0.0; a.ambient()]);
        a.apply(x, &mut primal)?;
        primal.iter_mut().zip(b).for_each(|(r, b)| *r = b - *r);
        slack(a, &self.cost, y, &mut dual)?;
        dual.iter_mut().zip(s).for_each(|(r, s)| *r -= s);
        let (pobj, dobj) = (dot(&self.cost, x), dot(b, y));
        self.out.t = dot(x, s) / self.out.degree.max(1) as f64;
        self.out.gap = dot(x, s) / (1.0 + pobj.abs() + dobj.abs());
        self.out.objectives = (dobj, pobj);
        let feasible =
            norm(&primal) <= FEASIBLE * self.scales.0 && norm(&dual) <= FEASIBLE * self.scales.1;
        Ok(CentreResiduals {
            primal,
            dual,
            feasible,
        })
    }

    /// Whether the search ends at this point. An accepted point has `s = c − Aᵀy` as computed, without a residual.
    fn terminate(&mut self, residuals: &CentreResiduals) -> Result<Option<Ended>> {
        let Some((primal, _)) = &self.interiors else {
            return Ok(Some(Ended::Stalled(Stall::NoInteriorStart)));
        };
        if residuals.feasible && self.out.gap <= self.settings.start_gap {
            let a = self.problem.constraints();
            let Start { x, y, s } = &mut self.out.point;
            let before = s.clone();
            slack(a, &self.cost, y, s)?;
            if let Some(closed) = Interior::new(&self.storage, s) {
                let scaling = Scaling::new(a.blocks(), x, s, primal, &closed)?;
                let away = |d: &f64| d * d / self.out.t - 1.0;
                let r: Vec<f64> = diagonal(&scaling).iter().map(away).collect();
                if self.potential.relative(&r) <= 1.0 {
                    return Ok(Some(Ended::Converged));
                }
            }
            *s = before;
        }
        if self.out.iterations >= MAX_STEPS {
            return Ok(Some(Ended::Stalled(Stall::NoProgress)));
        }
        Ok((!self.out.t.is_finite()).then_some(Ended::Stalled(Stall::Diverged)))
    }

    /// Takes one damped Newton step; returns the reason if no step was possible.
    fn step(
        &mut self,
        residuals: &CentreResiduals,
        projection: &mut dyn Projection,
    ) -> Result<Option<Ended>> {
        let Some((primal, dual)) = &mut self.interiors else {
            return Ok(Some(Ended::Stalled(Stall::NoInteriorStart)));
        };
        let Start { x, y, s } = &self.out.point;
        let (mu, target) = (self.out.t, NEWTON_RESIDUAL * self.scales.0);
        // Compute the scaling, and update the projection to its weight.
        let system = System {
            a: self.problem.constraints(),
            b: self.problem.rhs(),
            scale_b: self.scales.0,
            scale_c: self.scales.1,
            x,
            s,
            interiors: (primal, dual),
            primal: &residuals.primal,
            dual: &residuals.dual,
            dual_feasible: false,
            mu,
            target,
            inexact: target,
            primal_storage: &self.storage,
            dual_storage: &self.storage,
        };
        if let Err(error) = self.geometry.move_to(&system) {
            return Ok(Some(Ended::Failed(error)));
        }
        match projection.update(&self.geometry.weight(&system)) {
            Err(error) if self.out.iterations == 0 => return Err(error),
            Err(error) => return Ok(Some(Ended::Failed(error))),
            Ok(_) => {}
        }
        // Choose the target on the path: the same μ once the gap is small enough, otherwise a smaller μ. After a short step the
        // reduction is small, so that the point can centre first.
        let towards = if self.out.gap <= self.settings.start_gap {
            mu
        } else if self.shortest < 0.3 {
            0.8 * mu
        } else {
            0.3 * mu
        };
        let zero = self.geometry.zero_direction(&system);
        let d = match self.geometry.corrected(&system, projection, zero, towards) {
            Ok(d) if d.residual <= 0.1 => d,
            Ok(_) => {
                let what = "solution of the Newton system";
                return Ok(Some(Ended::Failed(Error::NoConvergence { what })));
            }
            Err(error) => return Ok(Some(Ended::Failed(error))),
        };
        // Move, with separate step lengths for the primal and the dual side.
        let (ap, ad) = self.geometry.steps(&system, &d, BOUNDARY_SHARE);
        let (mut next_x, mut next_s) = (vec![0.0; x.len()], vec![0.0; s.len()]);
        let moved = (
            step::advance(&self.storage, (x, &d.dx), ap, &mut next_x, primal),
            step::advance(&self.storage, (s, &d.ds), ad, &mut next_s, dual),
        );
        let (Some(ap), Some(ad)) = moved else {
            return Ok(Some(Ended::Stalled(Stall::ShortStep)));
        };
        let mut next_y = y.clone();
        axpy(ad, &d.dy, &mut next_y);
        self.out.point = Start {
            x: next_x,
            y: next_y,
            s: next_s,
        };
        self.shortest = ap.min(ad);
        Ok(None)
    }
}
