//! Cholesky factors of dense symmetric positive definite matrices.

use super::padded;
use super::real::Real;
use super::{par, product, triangular};
use crate::error::check_memory_of;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::{triangular_inverse, triangular_solve};
use faer::{Accum, Mat, MatMut, MatRef};

/// `A = L Lᵀ`.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky<T = f64> {
    /// Lower triangle; what is above it is not part of the factor.
    lower: Mat<T>,
}

/// Lower triangle of `A` ← `L` with `A = L Lᵀ`; what is above the diagonal is not read, and some of it
/// used for scratch. `Err(k)` when pivot `k` is not positive and finite.
///
/// # Complexity
/// `n³/3` flops.
pub(crate) fn factor_in_place<T: Real>(mut a: MatMut<'_, T>) -> Result<(), usize> {
    let n = a.nrows();
    let par = par(n * n * n / 3);
    let scratch = llt::factor::cholesky_in_place_scratch::<T>(n, par, Default::default());
    let done = llt::factor::cholesky_in_place(
        a.as_mut(),
        Default::default(),
        par,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    if let Err(llt::factor::LltError::NonPositivePivot { index }) = done {
        return Err(index);
    }
    let pivot = |i: usize| a[(i, i)].wide();
    match (0..n).find(|&i| !(pivot(i) > 0.0 && pivot(i).is_finite())) {
        Some(i) => Err(i),
        None => Ok(()),
    }
}

/// As [`factor_in_place`], and nothing above the diagonal is written: another triangle can be kept there.
///
/// # Complexity
/// `n³/3` flops; a block of 128 columns at a time, so that nearly all are matrix products.
pub(crate) fn factor_lower_in_place<T: Real>(mut a: MatMut<'_, T>) -> Result<(), usize> {
    const BLOCK: usize = 128;
    let n = a.nrows();
    let mut corner = padded::zeros::<T>(BLOCK.min(n), BLOCK.min(n));
    for first in (0..n).step_by(BLOCK) {
        let width = BLOCK.min(n - first);
        let mut trailing = a.as_mut().submatrix_mut(first, first, n - first, n - first);
        let mut factor = corner.as_mut().submatrix_mut(0, 0, width, width);
        for j in 0..width {
            (j..width).for_each(|i| factor[(i, j)] = trailing[(i, j)]);
        }
        factor_in_place(factor.as_mut()).map_err(|pivot| first + pivot)?;
        for j in 0..width {
            (j..width).for_each(|i| trailing[(i, j)] = factor[(i, j)]);
        }
        let rest = n - first - width;
        let (left, right) = trailing.split_at_col_mut(width);
        let mut panel = left.submatrix_mut(width, 0, rest, width);
        triangular_solve::solve_lower_triangular_in_place(
            factor.as_ref(),
            panel.as_mut().transpose_mut(),
            par(rest * width * width),
        );
        let below = right.submatrix_mut(width, 0, rest, rest);
        let panel = panel.as_ref();
        product::gemm_lower(below, Accum::Add, -1.0, panel, panel.transpose());
    }
    Ok(())
}

/// Columns that are solved for one by one: so few gain nothing from matrix products.
const FEW: usize = 4;

/// `rhs ← (L Lᵀ)⁻¹ rhs` for the lower triangle `L` of a matrix.
pub(crate) fn solve_in_place(lower: MatRef<'_, f64>, mut rhs: MatMut<'_, f64>) {
    if rhs.ncols() <= FEW && lower.row_stride() == 1 && rhs.row_stride() == 1 {
        for column in rhs.col_iter_mut().filter_map(|c| c.try_as_col_major_mut()) {
            let column = column.as_slice_mut();
            triangular::solve_lower(lower, column);
            triangular::solve_lower_transposed(lower, column);
        }
        return;
    }
    let par = par(lower.nrows() * lower.nrows() * rhs.ncols());
    triangular_solve::solve_lower_triangular_in_place(lower, rhs.as_mut(), par);
    triangular_solve::solve_upper_triangular_in_place(lower.transpose(), rhs, par);
}

impl<T: Real> Cholesky<T> {
    /// Of no matrix yet.
    pub(crate) fn empty() -> Self {
        Self { lower: Mat::new() }
    }

    /// Memory for a matrix of order `n`: that of the last factor where the order is the same. Its lower triangle becomes the
    /// factor by [`factor_lower_in_place`].
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::error::Error::TooLarge).
    pub(crate) fn reserve(
        &mut self,
        n: usize,
        what: &'static str,
    ) -> crate::error::Result<MatMut<'_, T>> {
        if self.lower.nrows() != n {
            check_memory_of::<T>(what, n as u128 * n as u128)?;
            self.lower = padded::zeros(n, n);
        }
        Ok(self.lower.as_mut())
    }

    /// The whole square that the factor is kept in.
    pub(crate) fn square_mut(&mut self) -> MatMut<'_, T> {
        self.lower.as_mut()
    }

    pub(crate) fn dim(&self) -> usize {
        self.lower.nrows()
    }

    /// `L`; only its lower triangle has meaning.
    pub(crate) fn lower(&self) -> MatRef<'_, T> {
        self.lower.as_ref()
    }
}

impl Cholesky {
    /// Factors the matrix whose lower triangle is given; `Err(k)` when pivot `k` is not positive.
    ///
    /// # Complexity
    /// `n³/3` flops, in place.
    pub(crate) fn factor(mut a: Mat<f64>) -> Result<Self, usize> {
        match factor_in_place(a.as_mut()) {
            Ok(()) => Ok(Self { lower: a }),
            Err(pivot) => Err(pivot),
        }
    }

    /// Factors another matrix, of order `n`, whose lower triangle `fill` writes, in the same memory where the order is the same;
    /// `false` when it is not positive definite, and then the factor is of nothing.
    ///
    /// # Complexity
    /// `n³/3` flops.
    pub(crate) fn refactor(&mut self, n: usize, fill: impl FnOnce(MatMut<'_, f64>)) -> bool {
        if self.lower.nrows() != n {
            self.lower = padded::zeros(n, n);
        }
        fill(self.lower.as_mut());
        factor_in_place(self.lower.as_mut()).is_ok()
    }

    /// A copy of `L` with zeros above the diagonal.
    pub(crate) fn lower_clean(&self) -> Mat<f64> {
        padded::from_fn(self.dim(), self.dim(), |i, j| {
            if i >= j { self.lower[(i, j)] } else { 0.0 }
        })
    }

    /// `rhs ← A⁻¹ rhs`.
    pub(crate) fn solve_in_place(&self, rhs: MatMut<'_, f64>) {
        solve_in_place(self.lower.as_ref(), rhs);
    }

    /// `rhs ← L⁻ᵀ rhs`.
    pub(crate) fn solve_upper_in_place(&self, rhs: MatMut<'_, f64>) {
        let par = par(self.dim() * self.dim() * rhs.ncols());
        triangular_solve::solve_upper_triangular_in_place(self.lower.transpose(), rhs, par);
    }

    /// Lower triangle of `A⁻¹`, above it leftovers, worked out in the precision asked for.
    ///
    /// # Complexity
    /// `2n³/3` flops, two more `n × n` matrices while it runs.
    pub(crate) fn inverse_lower<T: Real>(&self) -> Mat<T> {
        let n = self.dim();
        let lower = padded::from_fn(n, n, |i, j| T::narrow(self.lower[(i, j)]));
        let mut inv_l = padded::zeros(n, n);
        triangular_inverse::invert_lower_triangular(
            inv_l.as_mut(),
            lower.as_ref(),
            par(n * n * n / 3),
        );
        drop(lower);
        let mut out = padded::zeros(n, n);
        product::lower_transpose_lower(out.as_mut(), inv_l.as_ref());
        out
    }

    /// `out ← A⁻¹`, both triangles; `scratch` is of the same shape.
    ///
    /// # Complexity
    /// `2n³/3` flops.
    pub(crate) fn inverse_into(&self, mut out: MatMut<'_, f64>, mut scratch: MatMut<'_, f64>) {
        let n = self.dim();
        let par = par(n * n * n / 3);
        triangular_inverse::invert_lower_triangular(scratch.as_mut(), self.lower.as_ref(), par);
        product::lower_transpose_lower(out.as_mut(), scratch.as_ref());
        product::mirror_lower(out);
    }

    /// `A⁻¹`, both triangles.
    ///
    /// # Complexity
    /// As [`Cholesky::inverse_lower`].
    pub(crate) fn inverse(&self) -> Mat<f64> {
        let mut out = self.inverse_lower();
        product::mirror_lower(out.as_mut());
        out
    }

    /// `A ← A + sign · H Hᵀ`; `false` when the result is not positive definite, and then nothing changed.
    ///
    /// # Complexity
    /// `2n²q` flops for `q` columns of `H`, which is used up.
    pub(crate) fn update(&mut self, h: &mut Mat<f64>, sign: f64) -> bool {
        let (n, q) = h.shape();
        if q == 0 {
            return true;
        }
        let mut trial = self.lower_clean();
        let mut alpha = faer::diag::Diag::zeros(q);
        alpha.column_vector_mut().fill(sign);
        let done = llt::update::rank_r_update_clobber(trial.as_mut(), h.as_mut(), alpha.as_mut());
        let good = done.is_ok() && (0..n).all(|i| trial[(i, i)] > 0.0 && trial[(i, i)].is_finite());
        if good {
            self.lower = trial;
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_below_the_diagonal_leaves_what_is_above() {
        for n in [1, 7, 127, 128, 129, 300] {
            let a = Mat::from_fn(n, n, |i, j| {
                let off = ((i * j + i + j) as f64).sin();
                if i == j { 2.0 * n as f64 } else { off }
            });
            let mut square = a.clone();
            factor_lower_in_place(square.as_mut()).unwrap();
            assert!((0..n).all(|j| (0..j).all(|i| square[(i, j)] == a[(i, j)])));
            let whole = Cholesky::factor(a).unwrap();
            let l = whole.lower();
            let off = |i, j| f64::abs(square[(i, j)] - l[(i, j)]);
            assert!((0..n).all(|j| (j..n).all(|i| off(i, j) < 1e-12 * n as f64)));
        }
        let mut indefinite = Mat::<f64>::identity(200, 200);
        indefinite[(150, 150)] = -1.0;
        assert_eq!(factor_lower_in_place(indefinite.as_mut()), Err(150));
    }
}
