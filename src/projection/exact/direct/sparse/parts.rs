//! The assembled sparse matrix and its approximate inverse, both with the contribution of the variables that were taken out.

use super::super::pattern::Pattern;
use crate::linalg::axpy;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::sparse_cholesky::SparseCholesky;
use faer::{Mat, MatMut};

/// The variables taken out of the matrix, as the columns `U` of `K = S + U Uᵀ`.
#[derive(Debug, Clone)]
pub(super) struct Split {
    /// The columns of `U`: per variable, rows and scaled values.
    pub(super) u: Vec<Vec<(u32, f64)>>,
    /// `S⁻¹U`.
    pub(super) solved: Mat<f64>,
    /// The factor of `I + UᵀS⁻¹U`.
    pub(super) inner: Cholesky,
}

/// `K` on the kept rows.
pub(super) struct Assembled<'a> {
    pub(super) pattern: &'a Pattern,
    pub(super) values: &'a [f64],
    pub(super) split: Option<&'a Split>,
    pub(super) scale: &'a [f64],
}

impl Assembled<'_> {
    /// `out ← K x`.
    pub(super) fn apply(&self, x: &[f64], out: &mut [f64]) {
        let scaled: Vec<f64> = x.iter().zip(self.scale).map(|(x, d)| x / d).collect();
        self.pattern.multiply(self.values, &scaled, out);
        for u in self.split.iter().flat_map(|s| &s.u) {
            let along = sparse_dot(u, &scaled);
            u.iter().for_each(|&(i, v)| out[i as usize] += along * v);
        }
        out.iter_mut().zip(self.scale).for_each(|(r, d)| *r /= d);
    }
}

/// The approximation of `K⁻¹` on the kept rows that the factor gives.
pub(super) struct Factored<'a> {
    pub(super) factor: &'a mut SparseCholesky,
    pub(super) split: Option<&'a Split>,
    pub(super) scale: &'a [f64],
}

impl Factored<'_> {
    pub(super) fn solve(&mut self, v: &mut [f64]) {
        let scale = |v: &mut [f64], d: &[f64]| v.iter_mut().zip(d).for_each(|(v, d)| *v *= d);
        scale(v, self.scale);
        self.factor.solve_in_place(v);
        if let Some(split) = self.split {
            split.correct(v);
        }
        scale(v, self.scale);
    }
}

impl Split {
    /// From `S⁻¹v` to `(S + UUᵀ)⁻¹v`.
    fn correct(&self, v: &mut [f64]) {
        let q = self.u.len();
        let mut along: Vec<f64> = self.u.iter().map(|u| sparse_dot(u, v)).collect();
        self.inner
            .solve_in_place(MatMut::from_column_major_slice_mut(&mut along, q, 1));
        for (j, along) in along.iter().enumerate() {
            axpy(-along, self.solved.col_as_slice(j), v);
        }
    }
}

pub(super) fn sparse_dot(u: &[(u32, f64)], v: &[f64]) -> f64 {
    u.iter().map(|&(i, u)| u * v[i as usize]).sum()
}
