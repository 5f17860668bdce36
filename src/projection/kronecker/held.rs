//! What is held of the Gram matrix: a Cholesky factor, or its inverse with a buffer.

use super::change::GramChange;
use super::settings::Precision;
use crate::linalg::updated_inverse::{Thin, UpdatedInverse};
use crate::projection::gram::ScaledFactor;
use faer::prelude::ReborrowMut as _;
use faer::{Mat, MatMut};

/// Residual of a random probe above which an absorbed change is undone in favour of a rebuild. Refinement contracts by this
/// factor a step.
const GUARD_DOUBLE: f64 = 1e-7;
const GUARD_SINGLE: f64 = 1e-3;

/// Largest diagonal entry of the inverse of the unit-diagonal Gram matrix that single precision is trusted with: then its
/// rounding errors stay a small fraction of the smallest eigenvalue.
const SINGLE_LIMIT: f64 = 1e4;

/// Order from which single precision saves anything worth having.
const SINGLE_FROM: usize = 256;

#[derive(Debug, Clone)]
pub(in crate::projection) enum Held {
    Factor(Box<ScaledFactor<f64>>),
    Single(Scaled<UpdatedInverse<f32>>),
    Double(Scaled<UpdatedInverse<f64>>),
}

/// `K⁻¹ = D M D`.
#[derive(Debug, Clone)]
pub(in crate::projection) struct Scaled<M> {
    scale: Vec<f64>,
    kept: M,
}

impl Held {
    pub(super) fn is_factor(&self) -> bool {
        matches!(self, Held::Factor(_))
    }

    pub(super) fn guard(&self) -> f64 {
        match self {
            Held::Single(_) => GUARD_SINGLE,
            Held::Factor(_) | Held::Double(_) => GUARD_DOUBLE,
        }
    }

    pub(super) fn buffered(&self) -> usize {
        match self {
            Held::Factor(_) => 0,
            Held::Single(s) => s.kept.buffered(),
            Held::Double(s) => s.kept.buffered(),
        }
    }

    pub(in crate::projection) fn bytes(&self) -> usize {
        match self {
            Held::Factor(f) => 8 * f.dim() * f.dim(),
            Held::Single(s) => s.kept.bytes(),
            Held::Double(s) => s.kept.bytes(),
        }
    }

    /// `v ← K⁻¹ v`, all columns at once.
    pub(in crate::projection) fn apply_all(&mut self, mut v: MatMut<'_, f64>) {
        if let Held::Factor(f) = self {
            return f.solve_in_place(v);
        }
        if v.ncols() == 1
            && let Some(column) = v.rb_mut().col_mut(0).try_as_col_major_mut()
        {
            return self.apply(column.as_slice_mut());
        }
        let scale = |v: &mut MatMut<'_, f64>, d: &[f64]| {
            for j in 0..v.ncols() {
                d.iter().enumerate().for_each(|(i, d)| v[(i, j)] *= d);
            }
        };
        match self {
            Held::Factor(_) => {}
            Held::Single(Scaled { scale: d, kept }) => {
                scale(&mut v, d);
                kept.apply_all(v.rb_mut());
                scale(&mut v, d);
            }
            Held::Double(Scaled { scale: d, kept }) => {
                scale(&mut v, d);
                kept.apply_all(v.rb_mut());
                scale(&mut v, d);
            }
        }
    }

    /// `v ← K⁻¹ v`.
    pub(in crate::projection) fn apply(&mut self, v: &mut [f64]) {
        let scale = |v: &mut [f64], d: &[f64]| v.iter_mut().zip(d).for_each(|(v, d)| *v *= d);
        match self {
            Held::Factor(f) => f.solve_vector(v),
            Held::Single(Scaled { scale: d, kept }) => {
                scale(v, d);
                kept.apply(v);
                scale(v, d);
            }
            Held::Double(Scaled { scale: d, kept }) => {
                scale(v, d);
                kept.apply(v);
                scale(v, d);
            }
        }
    }

    /// Makes the inverse of the factor; nothing otherwise.
    pub(in crate::projection) fn invert(&mut self, precision: Precision) {
        let Held::Factor(factor) = self else { return };
        let m = factor.dim();
        let scale = factor.inverse_scale().to_vec();
        let single = match precision {
            Precision::Single => true,
            Precision::Double => false,
            Precision::Auto => m >= SINGLE_FROM,
        };
        if single {
            let inverse: Mat<f32> = factor.cholesky().inverse_lower();
            let largest = (0..m)
                .map(|i| f64::from(inverse[(i, i)]))
                .fold(0.0, f64::max);
            if precision == Precision::Single || largest < SINGLE_LIMIT {
                *self = Held::Single(Scaled {
                    scale,
                    kept: UpdatedInverse::new(inverse),
                });
                return;
            }
        }
        let kept = UpdatedInverse::new(factor.cholesky().inverse_lower());
        *self = Held::Double(Scaled { scale, kept });
    }

    /// Absorbs a change of the Gram matrix: into the factor, or into the buffer. `false`, and nothing changed, when the
    /// result is not positive definite to working precision.
    pub(super) fn absorb(&mut self, mut change: GramChange) -> bool {
        let mut scale = |d: &[f64]| {
            change.plus.sparse.scale_rows(d);
            change.minus.sparse.scale_rows(d);
        };
        match self {
            Held::Factor(factor) => {
                scale(factor.inverse_scale());
                let parts: [(&Thin, f64); 2] = [(&change.plus, 1.0), (&change.minus, -1.0)];
                let mut trial = factor.cholesky().clone();
                if parts
                    .iter()
                    .all(|(h, sign)| trial.update(&mut h.dense(), *sign))
                {
                    factor.replace(trial);
                    return true;
                }
                false
            }
            Held::Single(s) => {
                scale(&s.scale);
                s.kept.append(&change.plus, &change.minus)
            }
            Held::Double(s) => {
                scale(&s.scale);
                s.kept.append(&change.plus, &change.minus)
            }
        }
    }

    /// A mark to return to, for everything but a factor.
    pub(super) fn mark(&self) -> usize {
        match self {
            Held::Factor(_) => 0,
            Held::Single(s) => s.kept.segments(),
            Held::Double(s) => s.kept.segments(),
        }
    }

    pub(super) fn undo(&mut self, mark: usize) {
        match self {
            Held::Factor(_) => {}
            Held::Single(s) => s.kept.truncate(mark),
            Held::Double(s) => s.kept.truncate(mark),
        }
    }

    pub(super) fn flush(&mut self) {
        match self {
            Held::Factor(_) => {}
            Held::Single(s) => s.kept.flush(),
            Held::Double(s) => s.kept.flush(),
        }
    }
}
