//! Newton directions in the scaled space.
//!
//! With `dx̂ + dŝ = T` (`T = −D` for the affine direction), `A dx = r_p` and `Aᵀdy + ds = R_d`, and `B` the rows in the
//! scaled space: `BBᵀ dy = r_p + B(R̂_d − T)`, `dŝ = R̂_d − Bᵀdy`, `dx̂ = T − dŝ`. All of it is a query of the projection; only
//! the results are taken back: `ds = R_d − Aᵀdy`, `dx = G dx̂ Gᵀ`.

pub(in crate::ipm) mod hkm;
pub(in crate::ipm) mod nonneg;

use super::cone::{Interior, Scaling, Storage};
use crate::constraints::{Block, BlockWeight, Constraints};
use crate::error::Result;
use crate::linalg::norm;
use crate::projection::{Accuracy, Goal, Projection};
use faer::{MatMut, MatRef};

/// A direction; the Nesterov–Todd one keeps its scaled twin.
#[derive(Debug, Clone, Default)]
pub(in crate::ipm) struct Direction {
    pub dx: Vec<f64>,
    pub dy: Vec<f64>,
    pub ds: Vec<f64>,
    /// Of HKM: `ds` without the rows that are kept apart, empty when there are none.
    pub plain: Vec<f64>,
    pub dx_hat: Vec<f64>,
    pub ds_hat: Vec<f64>,
    /// Relative residual of the Newton system.
    pub residual: f64,
    /// Norm of the largest right-hand side on the way here; zero where none was noted.
    pub size: f64,
    /// How far it can be followed in the primal and in the dual cone; beyond 1 a lower bound.
    pub longest: (f64, f64),
}

/// Everything a direction at one point is made from.
pub(in crate::ipm) struct System<'a> {
    pub a: &'a Constraints,
    pub b: &'a [f64],
    /// `1 + max│b│`.
    pub scale_b: f64,
    /// `1 + max│c│`.
    pub scale_c: f64,
    pub x: &'a [f64],
    pub s: &'a [f64],
    /// How `x` and `s`, and what is like them, are stored.
    pub primal_storage: &'a Storage,
    pub dual_storage: &'a Storage,
    /// Factors of `x` and of `s`.
    pub interiors: (&'a Interior, &'a Interior),
    /// `r_p = b − A x`.
    pub primal: &'a [f64],
    /// `R_d = c − Aᵀy − s`; may be missing when it is zero.
    pub dual: &'a [f64],
    /// Whether `R_d` is zero to the last bit.
    pub dual_feasible: bool,
    /// `⟨x, s⟩/ν`.
    pub mu: f64,
    /// Absolute residual of the Newton system that is good enough whatever the gap.
    pub target: f64,
    /// The same while the gap is what it is now: at least `target`.
    pub inexact: f64,
}

/// Share of the relative gap that the relative primal residual may be: then it falls with the gap, and an inexact direction is as
/// long as an exact one.
pub(in crate::ipm) const INEXACT: f64 = 0.01;

/// Relative residual of an affine direction, which only sets the centring and the correction.
const AFFINE: f64 = 1e-2;

impl System<'_> {
    /// `dy ← (BBᵀ)⁻¹ dy`; the relative residual reached.
    pub(in crate::ipm) fn solve(
        &self,
        projection: &mut dyn Projection,
        dy: &mut [f64],
    ) -> Result<f64> {
        self.solve_to(self.target, 1e-4, projection, dy)
    }

    /// The same to an absolute residual, or `most` relative to the right-hand side where that is less.
    fn solve_to(
        &self,
        target: f64,
        most: f64,
        projection: &mut dyn Projection,
        dy: &mut [f64],
    ) -> Result<f64> {
        let tol = (target / norm(dy).max(f64::MIN_POSITIVE)).clamp(1e-14, most);
        Ok(
            match projection.solve(column_mut(dy), Goal::Residual(tol))? {
                Accuracy::Exact { residual, .. } => residual,
                _ => f64::NAN,
            },
        )
    }
}

/// How the complementarity condition is linearised.
pub(in crate::ipm) trait Geometry {
    /// To be called first at every point.
    fn move_to(&mut self, system: &System<'_>) -> Result<()>;
    /// The weight whose Gram matrix is the Newton system.
    fn weight<'s>(&'s self, system: &System<'s>) -> Vec<BlockWeight<'s>>;
    /// Straight at the boundary.
    fn affine(&mut self, system: &System<'_>, projection: &mut dyn Projection)
    -> Result<Direction>;
    /// Towards `σμ` on the central path, with Mehrotra's correction.
    fn corrected(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        affine: Direction,
        centre: f64,
    ) -> Result<Direction>;
    /// How far to follow a direction in the primal and in the dual cone: `safe` of the way to the boundary, 1 at most.
    fn steps(&self, _system: &System<'_>, d: &Direction, safe: f64) -> (f64, f64) {
        ((safe * d.longest.0).min(1.0), (safe * d.longest.1).min(1.0))
    }
    /// Takes back a direction that was followed, for its memory.
    fn recycle(&mut self, _used: Direction) {}
}

/// The Nesterov–Todd scaling of the current point.
pub(in crate::ipm) struct NesterovTodd {
    blocks: Vec<Block>,
    scaling: Scaling,
    /// `R̂_d`; empty when `R_d` vanishes.
    dual_hat: Vec<f64>,
}

impl NesterovTodd {
    pub(in crate::ipm) fn new(blocks: &[Block]) -> Self {
        Self {
            blocks: blocks.to_vec(),
            scaling: Scaling::default(),
            dual_hat: vec![],
        }
    }

    /// The direction of length zero at this weight, for [`Geometry::corrected`] to begin on.
    pub(in crate::ipm) fn zero_direction(&self, system: &System<'_>) -> Direction {
        let (m, n) = (system.a.len(), system.a.ambient());
        let ds_hat = match self.dual_hat.is_empty() {
            true => vec![0.0; n],
            false => self.dual_hat.clone(),
        };
        Direction {
            dy: vec![0.0; m],
            dx_hat: vec![0.0; n],
            ds_hat,
            ..Direction::default()
        }
    }

    /// On top of a direction that solves its system with right-hand side `T₀` to `affine.residual`, the one for `T`: with
    /// `rhs = r_p + B(dŝ₀ − T)`, which is what `T` asks for less what is there, `BBᵀδ = rhs`. From nothing, `dŝ₀ = R̂_d`.
    fn direction(
        &self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        t: &[f64],
        from: Option<Direction>,
    ) -> Result<Direction> {
        // The weight given, whatever part of it a structure has absorbed.
        const GOAL: Goal = Goal::Residual(0.0);
        let (m, n) = (system.a.len(), system.a.ambient());
        let straight = from.is_none();
        let (mut dy, mut ds_hat, mut size) = match from {
            Some(affine) => (affine.dy, affine.ds_hat, affine.size),
            None if self.dual_hat.is_empty() => (vec![0.0; m], vec![0.0; n], 0.0),
            None => (vec![0.0; m], self.dual_hat.clone(), 0.0),
        };
        let mut scratch: Vec<f64> = ds_hat.iter().zip(t).map(|(s, t)| s - t).collect();
        let mut step = vec![0.0; m];
        projection
            .operator(GOAL)?
            .apply(column(&scratch), column_mut(&mut step))?;
        step.iter_mut()
            .zip(system.primal)
            .for_each(|(r, p)| *r += p);
        // The affine direction as well as it must be, the last one as the gap asks.
        let own = norm(&step);
        size = own.max(size);
        let enough = match straight {
            true => system.inexact.max(AFFINE * own),
            false => system.inexact,
        };
        let reached = system.solve_to(enough, AFFINE, projection, &mut step)?;
        let residual = reached * own / size.max(f64::MIN_POSITIVE);
        projection
            .operator(GOAL)?
            .apply_transpose(column(&step), column_mut(&mut scratch))?;
        ds_hat.iter_mut().zip(&scratch).for_each(|(s, r)| *s -= r);
        dy.iter_mut().zip(&step).for_each(|(d, s)| *d += s);
        let dx_hat: Vec<f64> = t.iter().zip(&ds_hat).map(|(t, s)| t - s).collect();
        let (mut dx, mut ds) = (scratch, vec![0.0; n]);
        self.scaling.unscale_primal(&dx_hat, &mut dx);
        system.a.adjoint(&dy, &mut ds)?;
        match system.dual_feasible {
            true => ds.iter_mut().for_each(|s| *s = -*s),
            false => ds
                .iter_mut()
                .zip(system.dual)
                .for_each(|(s, r)| *s = r - *s),
        }
        let longest = (
            self.scaling.longest_step(&dx_hat)?,
            self.scaling.longest_step(&ds_hat)?,
        );
        Ok(Direction {
            dx,
            dy,
            ds,
            dx_hat,
            ds_hat,
            residual,
            size,
            longest,
            ..Direction::default()
        })
    }
}

impl Geometry for NesterovTodd {
    fn move_to(&mut self, system: &System<'_>) -> Result<()> {
        let (primal, dual) = system.interiors;
        self.scaling = Scaling::new(&self.blocks, system.x, system.s, primal, dual)?;
        self.dual_hat.clear();
        if !system.dual_feasible {
            self.dual_hat.resize(system.x.len(), 0.0);
            self.scaling.scale_dual(system.dual, &mut self.dual_hat);
        }
        Ok(())
    }

    fn weight<'s>(&'s self, _system: &System<'s>) -> Vec<BlockWeight<'s>> {
        self.scaling.weight()
    }

    fn affine(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
    ) -> Result<Direction> {
        let t = self.scaling.affine_rhs(system.a.ambient());
        self.direction(system, projection, &t, None)
    }

    fn corrected(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        affine: Direction,
        centre: f64,
    ) -> Result<Direction> {
        let t = self
            .scaling
            .corrector_rhs(system.a.ambient(), &affine, centre);
        self.direction(system, projection, &t, Some(affine))
    }
}

impl Scaling {
    /// `T = −D`: straight at the boundary.
    fn affine_rhs(&self, n: usize) -> Vec<f64> {
        let mut t = vec![0.0; n];
        self.for_each(|i, j, at, d, _| t[at] = if i == j { -d } else { 0.0 });
        t
    }

    /// `T_ij = 2(σμ I − D² − sym(dx̂ dŝ))_ij / (d_i + d_j)`: towards the central path, with Mehrotra's correction.
    fn corrector_rhs(&self, n: usize, affine: &Direction, centre: f64) -> Vec<f64> {
        let mut t = vec![0.0; n];
        self.symmetric_product(&affine.dx_hat, &affine.ds_hat, &mut t);
        self.for_each(|i, j, at, di, dj| {
            let diagonal = if i == j { centre - di * di } else { 0.0 };
            t[at] = 2.0 * (diagonal - t[at]) / (di + dj);
        });
        t
    }
}

fn column(v: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(v, v.len(), 1)
}

fn column_mut(v: &mut [f64]) -> MatMut<'_, f64> {
    let n = v.len();
    MatMut::from_column_major_slice_mut(v, n, 1)
}
