//! `L A R` for the rows of one block, by what these leave to be done.

use super::super::SymmetricRows;
use super::Work;
use crate::constraints::gram_operator::{corner, fit};
use crate::linalg::padded;
use crate::linalg::product::gemm;
use faer::prelude::{Reborrow as _, ReborrowMut as _};
use faer::{Accum, Mat, MatMut, MatRef};

/// `A ↦ L A R` on one PSD block.
#[derive(Debug, Clone)]
pub(super) struct Congruence {
    /// `None` for the identity.
    pub(super) left: Option<Mat<f64>>,
    /// `None` for `Lᵀ`.
    pub(super) right: Option<Mat<f64>>,
    /// Constraint and sign of every row `σ a aᵀ` that is applied through `L a` and `Rᵀa`: they have the digits that sums
    /// over the entries of `L A R` would lose to cancellation when `a` lies near the kernel of an ill-conditioned root.
    pub(super) factored: Vec<(usize, f64)>,
    /// Columns `L a`.
    pub(super) left_a: Mat<f64>,
    /// Columns `Rᵀ a`.
    pub(super) right_a: Mat<f64>,
    /// Columns of `L` in either half of the rows' pattern, where it has halves and `R = Lᵀ`.
    pub(super) halves: Option<[Mat<f64>; 2]>,
}

impl Congruence {
    pub(super) fn new(
        rows: &SymmetricRows,
        left: Option<Mat<f64>>,
        right: Option<Mat<f64>>,
    ) -> Self {
        let n = rows.order();
        let (mut factored, mut list) = (vec![], vec![]);
        for k in 0..rows.touching() {
            if let Some(a) = rows.factored(k) {
                factored.push((rows.get(k).0, a.sign));
                list.push(a);
            }
        }
        let mut out = Self {
            left,
            right,
            factored,
            left_a: Mat::new(),
            right_a: Mat::new(),
            halves: None,
        };
        if let (Some(left), None) = (&out.left, &out.right)
            && let Some(halves) = rows.pattern().and_then(|p| p.halves())
        {
            let of =
                |list: &[u32]| padded::from_fn(n, list.len(), |i, j| left[(i, list[j] as usize)]);
            out.halves = Some([of(&halves.left), of(&halves.right)]);
        }
        let columns = |side: Option<MatRef<'_, f64>>| {
            let mut m = padded::zeros(n, list.len());
            for (j, a) in list.iter().enumerate() {
                a.times(
                    side.unwrap_or(Mat::<f64>::identity(n, n).as_ref()),
                    m.col_as_slice_mut(j),
                );
            }
            m
        };
        out.left_a = columns(out.left());
        out.right_a = columns(Some(out.right().transpose()));
        out
    }

    pub(super) fn left(&self) -> Option<MatRef<'_, f64>> {
        self.left.as_ref().map(|l| l.as_ref())
    }

    pub(super) fn right(&self) -> MatRef<'_, f64> {
        match (&self.right, &self.left) {
            (Some(r), _) => r.as_ref(),
            (None, Some(l)) => l.transpose(),
            // Never built: a weight has at least one side.
            (None, None) => MatRef::from_column_major_slice(&[], 0, 0),
        }
    }

    /// `full ← Σ y_i L A_i R`.
    pub(super) fn down(&self, rows: &SymmetricRows, y: &[f64], work: &mut Work) {
        let n = rows.order();
        if let (Some([left, right]), Some(pattern)) = (&self.halves, rows.pattern())
            && let Some(halves) = pattern.halves()
        {
            // L_l B L_rᵀ and its transpose.
            rows.sums_at(pattern, y, &mut work.read);
            halves.fill(&work.read, &mut work.block);
            let cols = right.ncols();
            let mut half = fit(&mut work.half, n).subcols_mut(0, cols);
            gemm(
                half.rb_mut(),
                Accum::Replace,
                1.0,
                left.as_ref(),
                work.block.as_ref(),
            );
            let half = half.rb();
            gemm(
                fit(&mut work.full, n),
                Accum::Replace,
                1.0,
                half,
                right.transpose(),
            );
            return add_transposed(fit(&mut work.full, n));
        }
        if let (Some(pattern), Some(left)) = (rows.pattern(), self.left()) {
            rows.sum_along(pattern, y, &mut work.read, &mut work.along);
            pattern.times(left, &work.along, fit(&mut work.half, n));
            let half = corner(&work.half, n);
            return gemm(
                fit(&mut work.full, n),
                Accum::Replace,
                1.0,
                half,
                self.right(),
            );
        }
        rows.adjoint_unfactored(y, &mut work.triangle, fit(&mut work.sum, n));
        match self.left() {
            None => gemm(
                fit(&mut work.full, n),
                Accum::Replace,
                1.0,
                corner(&work.sum, n),
                self.right(),
            ),
            Some(left) => {
                gemm(
                    fit(&mut work.half, n),
                    Accum::Replace,
                    1.0,
                    left,
                    corner(&work.sum, n),
                );
                gemm(
                    fit(&mut work.full, n),
                    Accum::Replace,
                    1.0,
                    corner(&work.half, n),
                    self.right(),
                );
            }
        }
        if !self.factored.is_empty() {
            let count = self.factored.len();
            work.thin.resize(n * count, 0.0);
            for (j, &(row, sign)) in self.factored.iter().enumerate() {
                let factor = sign * y[row];
                let from = self.left_a.col_as_slice(j);
                let to = &mut work.thin[j * n..(j + 1) * n];
                to.iter_mut().zip(from).for_each(|(t, l)| *t = factor * l);
            }
            let scaled = MatRef::from_column_major_slice(&work.thin, n, count);
            gemm(
                fit(&mut work.full, n),
                Accum::Add,
                1.0,
                scaled,
                self.right_a.transpose(),
            );
        }
    }

    /// `out_i += ⟨L A_i R, full⟩`; `symmetric` says that `full` is.
    pub(super) fn up(
        &self,
        rows: &SymmetricRows,
        symmetric: bool,
        work: &mut Work,
        out: &mut [f64],
    ) {
        let n = rows.order();
        if let (Some([left, right]), Some(pattern)) = (&self.halves, rows.pattern())
            && let Some(halves) = pattern.halves()
        {
            // The symmetric part is what counts: twice it, where it is not symmetric already.
            let scale = if symmetric { 2.0 } else { 1.0 };
            if !symmetric {
                add_transposed(fit(&mut work.full, n));
            }
            let mut half = fit(&mut work.half, n).subcols_mut(0, right.ncols());
            gemm(
                half.rb_mut(),
                Accum::Replace,
                1.0,
                corner(&work.full, n),
                right.as_ref(),
            );
            if work.block.shape() != (left.ncols(), right.ncols()) {
                work.block = padded::zeros(left.ncols(), right.ncols());
            }
            gemm(
                work.block.as_mut(),
                Accum::Replace,
                1.0,
                left.transpose(),
                half.rb(),
            );
            halves.read(scale, &work.block, &mut work.read);
            return rows.apply_along(pattern, &work.read, out);
        }
        if !self.factored.is_empty() {
            let count = self.factored.len();
            work.thin.resize(n * count, 0.0);
            let mut product = MatMut::from_column_major_slice_mut(&mut work.thin, n, count);
            gemm(
                product.as_mut(),
                Accum::Replace,
                1.0,
                corner(&work.full, n),
                self.right_a.as_ref(),
            );
            for (j, &(row, sign)) in self.factored.iter().enumerate() {
                out[row] += sign * (self.left_a.col(j).transpose() * product.as_ref().col(j));
            }
        }
        gemm(
            fit(&mut work.half, n),
            Accum::Replace,
            1.0,
            corner(&work.full, n),
            self.right().transpose(),
        );
        match (self.left(), rows.pattern()) {
            (None, _) => rows.apply_unfactored(corner(&work.half, n), &mut work.triangle, out),
            (Some(left), Some(pattern)) => {
                let symmetric = symmetric && self.right.is_none();
                pattern.products(left, corner(&work.half, n), symmetric, &mut work.read);
                rows.apply_along(pattern, &work.read, out);
            }
            (Some(left), None) => {
                gemm(
                    fit(&mut work.sum, n),
                    Accum::Replace,
                    1.0,
                    left.transpose(),
                    corner(&work.half, n),
                );
                rows.apply_unfactored(corner(&work.sum, n), &mut work.triangle, out);
            }
        }
    }
}

/// `m ← m + mᵀ`, in tiles so that the transposed reads stay in cache.
fn add_transposed(mut m: MatMut<'_, f64>) {
    const TILE: usize = 32;
    let n = m.nrows();
    for j0 in (0..n).step_by(TILE) {
        for i0 in (j0..n).step_by(TILE) {
            for j in j0..(j0 + TILE).min(n) {
                for i in i0.max(j)..(i0 + TILE).min(n) {
                    let sum = m[(i, j)] + m[(j, i)];
                    (m[(i, j)], m[(j, i)]) = (sum, sum);
                }
            }
        }
    }
}
