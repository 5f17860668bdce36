//! Cholesky factors of graded matrices: positive definite matrices whose diagonal spans many orders of magnitude.

use crate::linalg::cholesky::Cholesky;
use crate::linalg::padded;
use faer::Mat;

/// The factor of a graded matrix, computed after scaling the matrix to a unit diagonal.
#[derive(Debug, Clone)]
pub(super) struct Graded {
    inverse_scale: Vec<f64>,
    factor: Cholesky,
}

impl Graded {
    /// The factor of `c`; `None` when `c` is not positive definite to working precision.
    pub(super) fn factor(c: &Mat<f64>) -> Option<Self> {
        let n = c.nrows();
        let inverse_scale: Vec<f64> = (0..n).map(|i| 1.0 / c[(i, i)].sqrt()).collect();
        let scaled = padded::from_fn(n, n, |i, j| {
            c[(i, j)] * (inverse_scale[i] * inverse_scale[j])
        });
        let factor = Cholesky::factor(scaled).ok()?;
        Some(Self {
            inverse_scale,
            factor,
        })
    }

    /// `x ← C⁻¹ x` for every column.
    pub(super) fn solve_in_place(&self, mut x: faer::MatMut<'_, f64>) {
        let scale = |x: &mut faer::MatMut<'_, f64>| {
            for j in 0..x.ncols() {
                for (i, d) in self.inverse_scale.iter().enumerate() {
                    x[(i, j)] *= d;
                }
            }
        };
        scale(&mut x);
        self.factor.solve_in_place(x.as_mut());
        scale(&mut x);
    }
}
