//! The inverse of the Gram matrix under low-rank changes, held as a Cholesky factor or as the inverse with a buffer of changes.

use super::ScaledFactor;
use crate::linalg::updated_inverse::{Thin, UpdatedInverse};
use faer::prelude::ReborrowMut as _;
use faer::{Mat, MatMut};

/// Largest residual of a random probe after a change is absorbed, in double precision. Above this residual the change is undone
/// and the matrix is rebuilt. Each refinement step contracts the residual by about this factor.
const GUARD_DOUBLE: f64 = 1e-7;
/// The same bound for an inverse in single precision.
const GUARD_SINGLE: f64 = 1e-3;

/// Largest diagonal entry of the inverse of the unit-diagonal Gram matrix for which single precision is used. Up to this
/// size the rounding errors of single precision stay a small fraction of the smallest eigenvalue.
const SINGLE_LIMIT: f64 = 1e4;

/// Smallest order for which single precision is used. Below it single precision saves too little time.
const SINGLE_FROM: usize = 256;

/// The precision in which the inverse is stored. Answers are refined with the exact operator in double precision in all cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision for `m ≥ 256` while the Gram matrix is well conditioned; double precision otherwise.
    #[default]
    Auto,
    /// Single precision: half the memory traffic. Each refinement step contracts the residual by about `cond(K) · 6e-8`.
    Single,
    /// Double precision: for ill-conditioned weights.
    Double,
}

/// `K⁻¹`, in one of three forms.
#[derive(Debug, Clone)]
pub(in crate::projection) enum GramInverse {
    Factor(Box<ScaledFactor<f64>>),
    Single(Scaled<UpdatedInverse<f32>>),
    Double(Scaled<UpdatedInverse<f64>>),
}

/// `K⁻¹ = D M D`, with the diagonal `D` in `scale` and `M` in `kept`.
#[derive(Debug, Clone)]
pub(in crate::projection) struct Scaled<M> {
    scale: Vec<f64>,
    kept: M,
}

impl GramInverse {
    pub(in crate::projection) fn is_factor(&self) -> bool {
        matches!(self, GramInverse::Factor(_))
    }

    /// Largest residual of a random probe after a change is absorbed.
    pub(in crate::projection) fn guard(&self) -> f64 {
        match self {
            GramInverse::Single(_) => GUARD_SINGLE,
            GramInverse::Factor(_) | GramInverse::Double(_) => GUARD_DOUBLE,
        }
    }

    /// Columns in the buffer.
    pub(in crate::projection) fn buffered(&self) -> usize {
        match self {
            GramInverse::Factor(_) => 0,
            GramInverse::Single(s) => s.kept.buffered(),
            GramInverse::Double(s) => s.kept.buffered(),
        }
    }

    pub(in crate::projection) fn bytes(&self) -> usize {
        match self {
            GramInverse::Factor(f) => 8 * f.dim() * f.dim(),
            GramInverse::Single(s) => s.kept.bytes(),
            GramInverse::Double(s) => s.kept.bytes(),
        }
    }

    /// `v ← K⁻¹ v`, all columns at once.
    pub(in crate::projection) fn apply_all(&mut self, mut v: MatMut<'_, f64>) {
        if let GramInverse::Factor(f) = self {
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
            GramInverse::Factor(_) => {}
            GramInverse::Single(Scaled { scale: d, kept }) => {
                scale(&mut v, d);
                kept.apply_all(v.rb_mut());
                scale(&mut v, d);
            }
            GramInverse::Double(Scaled { scale: d, kept }) => {
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
            GramInverse::Factor(f) => f.solve_vector(v),
            GramInverse::Single(Scaled { scale: d, kept }) => {
                scale(v, d);
                kept.apply(v);
                scale(v, d);
            }
            GramInverse::Double(Scaled { scale: d, kept }) => {
                scale(v, d);
                kept.apply(v);
                scale(v, d);
            }
        }
    }

    /// Replaces a factor by the inverse. Does nothing if the inverse is held already.
    pub(in crate::projection) fn invert(&mut self, precision: Precision) {
        let GramInverse::Factor(factor) = self else {
            return;
        };
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
                *self = GramInverse::Single(Scaled {
                    scale,
                    kept: UpdatedInverse::new(inverse),
                });
                return;
            }
        }
        let kept = UpdatedInverse::new(factor.cholesky().inverse_lower());
        *self = GramInverse::Double(Scaled { scale, kept });
    }

    /// Absorbs the change `K⁺ − K = H₊H₊ᵀ − H₋H₋ᵀ` into the factor or the buffer. Returns `false`, with nothing changed, when the
    /// result is not positive definite to working precision.
    pub(in crate::projection) fn absorb(&mut self, mut plus: Thin, mut minus: Thin) -> bool {
        let mut scale = |d: &[f64]| {
            plus.sparse.scale_rows(d);
            minus.sparse.scale_rows(d);
        };
        match self {
            GramInverse::Factor(factor) => {
                scale(factor.inverse_scale());
                let parts: [(&Thin, f64); 2] = [(&plus, 1.0), (&minus, -1.0)];
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
            GramInverse::Single(s) => {
                scale(&s.scale);
                s.kept.append(&plus, &minus)
            }
            GramInverse::Double(s) => {
                scale(&s.scale);
                s.kept.append(&plus, &minus)
            }
        }
    }

    /// The present length of the buffer, for [`GramInverse::undo`]; 0 for a factor.
    pub(in crate::projection) fn mark(&self) -> usize {
        match self {
            GramInverse::Factor(_) => 0,
            GramInverse::Single(s) => s.kept.segments(),
            GramInverse::Double(s) => s.kept.segments(),
        }
    }

    /// Drops the changes that were buffered after `mark`. Does nothing for a factor.
    pub(in crate::projection) fn undo(&mut self, mark: usize) {
        match self {
            GramInverse::Factor(_) => {}
            GramInverse::Single(s) => s.kept.truncate(mark),
            GramInverse::Double(s) => s.kept.truncate(mark),
        }
    }

    /// Multiplies the buffer out into the inverse.
    pub(in crate::projection) fn flush(&mut self) {
        match self {
            GramInverse::Factor(_) => {}
            GramInverse::Single(s) => s.kept.flush(),
            GramInverse::Double(s) => s.kept.flush(),
        }
    }
}
