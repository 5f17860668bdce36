//! A point near the central path to begin at, by ordinary steps with exact answers.

use super::super::cone::{Interior, Scaling, Storage, step};
use super::super::direction::{Geometry, NesterovTodd, System};
use super::super::solve::check_rows;
use super::super::{Start, Status, start};
use super::frame::diagonal;
use super::potential::Potential;
use super::{Settings, slack};
use crate::error::Result;
use crate::linalg::{axpy, dot, max_abs, norm};
use crate::problem::ConicProgram;
use crate::projection::Projection;

/// Relative residuals at which a point counts as feasible.
const FEASIBLE: f64 = 1e-9;

/// Steps after which there is no path to be found.
const PATIENCE: usize = 200;

/// How far a step goes towards the boundary.
const SAFE: f64 = 0.9;

/// What [`central_point`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CentralPoint {
    /// [`Status::Solved`] when the point is feasible and in the neighbourhood of the central path; otherwise why not.
    pub status: Status,
    /// The point.
    pub point: Start,
    /// `⟨x, s⟩/ν`: the parameter of the path.
    pub t: f64,
    /// Its relative gap.
    pub gap: f64,
    /// `bᵀy` and `⟨c, x⟩`; the optimal value is between the two.
    pub objectives: (f64, f64),
    /// Degree `ν` of the cone.
    pub degree: usize,
    /// Newton steps it took.
    pub iterations: usize,
}

impl CentralPoint {
    /// Answers to plan a privacy budget for: steps from here to [`Settings::tol_gap_rel`], by a bound on the objective there, and a tenth and ten
    /// to spare. Each answer releases `m` numbers of a [`Robust`](crate::projection::Robust).
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

/// A feasible point in the neighbourhood of the central path with a relative gap of at most [`Settings::start_gap`], by damped
/// Newton steps along Nesterov–Todd directions from far outside.
///
/// `projection` is asked for exact answers at a new weight every step: give it a plain engine, not copies of a sketch that would all
/// follow.
///
/// # Errors
/// Those of [`solve`](crate::ipm::solve()). A program without an interior on either side has no central path: that is a
/// [`Status`].
///
/// # Complexity
/// As an iteration of [`solve`](crate::ipm::solve()) a step; some 10 to 30 steps.
pub fn central_point(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
) -> Result<CentralPoint> {
    settings.validate()?;
    check_rows(problem, projection)?;
    let a = problem.constraints();
    let (blocks, space) = (a.blocks().to_vec(), Storage::flat(a.blocks()));
    let degree: usize = blocks.iter().map(|b| b.order()).sum();
    let potential = Potential::new(degree, settings.radius);
    let mut cost = vec![0.0; a.ambient()];
    problem.cost().adjoint(&[1.0], &mut cost)?;
    let (scale_b, scale_c) = (1.0 + max_abs(problem.rhs()), 1.0 + max_abs(&cost));
    let (mut x, mut y, mut s) = start::point(problem);
    let mut out = CentralPoint {
        status: Status::NumericalError,
        point: Start {
            x: x.clone(),
            y: y.clone(),
            s: s.clone(),
        },
        t: f64::NAN,
        gap: f64::NAN,
        objectives: (f64::NAN, f64::NAN),
        degree,
        iterations: 0,
    };
    let interiors = Interior::new(&space, &x).zip(Interior::new(&space, &s));
    let Some((mut primal, mut dual)) = interiors else {
        return Ok(out);
    };
    let mut geometry = NesterovTodd::new(&blocks);
    let mut shortest = 1.0f64;
    loop {
        let (mut rp, mut rd) = (vec![0.0; a.len()], vec![0.0; a.ambient()]);
        a.apply(&x, &mut rp)?;
        rp.iter_mut()
            .zip(problem.rhs())
            .for_each(|(r, b)| *r = b - *r);
        slack(a, &cost, &y, &mut rd)?;
        rd.iter_mut().zip(&s).for_each(|(r, s)| *r -= s);
        let mu = dot(&x, &s) / degree.max(1) as f64;
        let (pobj, dobj) = (dot(&cost, &x), dot(problem.rhs(), &y));
        let gap = dot(&x, &s) / (1.0 + pobj.abs() + dobj.abs());
        let feasible = norm(&rp) <= FEASIBLE * scale_b && norm(&rd) <= FEASIBLE * scale_c;
        let point = (x.clone(), y.clone(), s.clone());
        (out.point.x, out.point.y, out.point.s) = point;
        (out.t, out.gap, out.objectives) = (mu, gap, (dobj, pobj));
        if feasible && gap <= settings.start_gap {
            // The dual residual to the last bit.
            slack(a, &cost, &y, &mut out.point.s)?;
            let closed = Interior::new(&space, &out.point.s);
            let ratios = match closed {
                Some(closed) => {
                    let scaling = Scaling::new(&blocks, &x, &out.point.s, &primal, &closed)?;
                    diagonal(&scaling)
                }
                None => vec![f64::NAN],
            };
            let r: Vec<f64> = ratios.iter().map(|d| d * d / mu - 1.0).collect();
            if potential.relative(&r) <= 1.0 {
                out.status = Status::Solved;
                return Ok(out);
            }
        }
        if out.iterations >= PATIENCE || !mu.is_finite() {
            out.status = Status::InsufficientProgress;
            return Ok(out);
        }
        let system = System {
            a,
            b: problem.rhs(),
            scale_b,
            scale_c,
            x: &x,
            s: &s,
            interiors: (&primal, &dual),
            primal: &rp,
            dual: &rd,
            dual_feasible: false,
            mu,
            target: 1e-12 * scale_b,
            inexact: 1e-12 * scale_b,
            primal_storage: &space,
            dual_storage: &space,
        };
        if geometry.move_to(&system).is_err() {
            return Ok(out);
        }
        match projection.update(&geometry.weight(&system)) {
            Err(error) if out.iterations == 0 => return Err(error),
            Err(_) => return Ok(out),
            Ok(_) => {}
        }
        let towards = match gap <= settings.start_gap {
            true => mu,
            false if shortest < 0.3 => 0.8 * mu,
            false => 0.3 * mu,
        };
        let still = geometry.still(&system);
        let d = match geometry.corrected(&system, projection, still, towards) {
            Ok(d) if d.residual <= 0.1 => d,
            _ => return Ok(out),
        };
        let (ap, ad) = geometry.steps(&system, &d, SAFE);
        let (from_x, from_s) = (&out.point.x, &out.point.s);
        let moved = (
            step::advance(&space, (from_x, &d.dx), ap, &mut x, &mut primal),
            step::advance(&space, (from_s, &d.ds), ad, &mut s, &mut dual),
        );
        let (Some(ap), Some(ad)) = moved else {
            out.status = Status::InsufficientProgress;
            return Ok(out);
        };
        axpy(ad, &d.dy, &mut y);
        shortest = ap.min(ad);
        out.iterations += 1;
    }
}
