//! What a sketch family implements: operators whose arguments have been checked already.

use super::matrix::{Place, RankOneRows, Side};
use crate::error::Result;
use crate::linalg::padded;
use crate::linalg::product::gemm;
use core::fmt::Debug;
use faer::prelude::ReborrowMut as _;
use faer::{Accum, ColRef, MatMut, MatRef};

/// Rows, or flat matrices, that the general methods hold at once: they take `16 N` numbers of memory.
const PANEL: usize = 16;

/// An operator of one family. Its only caller is [`Checked`](super::operator::Checked), which has checked every shape and
/// every index, so that no method fails.
///
/// The methods are those of [`Sketch`](super::Sketch); the default bodies use nothing but `apply` and `apply_transpose`.
pub(super) trait RawSketch: Debug + Send + Sync {
    fn nrows(&self) -> usize;

    fn ncols(&self) -> usize;

    fn bytes(&self) -> usize;

    fn apply(&self, h: MatRef<'_, f64>, out: MatMut<'_, f64>);

    fn apply_transpose(&self, v: MatRef<'_, f64>, out: MatMut<'_, f64>);

    /// # Complexity
    /// By default that of one `apply_transpose`.
    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) {
        let mut full = padded::zeros(self.ncols(), 1);
        let v = MatRef::from_column_major_slice(v, v.len(), 1);
        self.apply_transpose(v, full.as_mut());
        for (o, &c) in out.iter_mut().zip(coords) {
            *o = full[(c, 0)];
        }
    }

    /// # Complexity
    /// By default that of one `apply` per column.
    fn apply_outer(
        &self,
        at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) {
        let (n, r) = (at.order, u.ncols());
        let mut flat = padded::zeros(self.ncols(), PANEL.min(r));
        for k0 in (0..r).step_by(PANEL) {
            let width = PANEL.min(r - k0);
            for k in 0..width {
                for c in 0..n {
                    for i in 0..n {
                        flat[(at.first + c * n + i, k)] = u[(i, k0 + k)] * v[(c, k0 + k)];
                    }
                }
            }
            self.apply(flat.subcols(0, width), out.rb_mut().subcols_mut(k0, width));
        }
    }

    /// # Complexity
    /// By default `b` rows of `R` and `2bn²r` flops.
    fn apply_thin(&self, at: Place, v: MatRef<'_, f64>, side: Side, mut out: MatMut<'_, f64>) {
        let (n, r) = (at.order, v.ncols());
        let mut product = padded::zeros(n, r);
        let transposed = |rows: MatRef<'_, f64>, panel: MatMut<'_, f64>| {
            self.apply_transpose(rows, panel);
            Ok(())
        };
        let done = rows_by_panels(self.nrows(), self.ncols(), transposed, |j, row| {
            let m = row.subrows(at.first, at.len());
            let Some(m) = m.try_as_col_major() else {
                return;
            };
            let m = MatRef::from_column_major_slice(m.as_slice(), n, n);
            let m = if side == Side::Left { m.transpose() } else { m };
            gemm(product.as_mut(), Accum::Replace, 1.0, m, v);
            for k in 0..r {
                for i in 0..n {
                    out[(j, k * n + i)] = product[(i, k)];
                }
            }
        });
        debug_assert!(done.is_ok(), "`transposed` does not fail");
    }

    fn rank_one_rows(&self, _at: Place) -> Option<RankOneRows> {
        None
    }

    /// Fails unless this operator can treat the numbers at `at`, which lie within its `N` columns, as a matrix.
    fn check_matrix(&self, _at: Place) -> Result<()> {
        Ok(())
    }
}

/// Calls `visit(j, row)` with every row of a `rows × cols` operator `R` as a column of length `cols`. `apply_transpose` writes
/// `Rᵀ v` into its second argument; it is called with a panel of unit vectors at a time.
pub(super) fn rows_by_panels(
    rows: usize,
    cols: usize,
    mut apply_transpose: impl FnMut(MatRef<'_, f64>, MatMut<'_, f64>) -> Result<()>,
    mut visit: impl FnMut(usize, ColRef<'_, f64>),
) -> Result<()> {
    let mut panel = padded::zeros(cols, PANEL.min(rows));
    for j0 in (0..rows).step_by(PANEL) {
        let width = PANEL.min(rows - j0);
        let units = padded::from_fn(rows, width, |i, j| f64::from(u8::from(i == j0 + j)));
        apply_transpose(units.as_ref(), panel.as_mut().subcols_mut(0, width))?;
        (0..width).for_each(|j| visit(j0 + j, panel.as_ref().col(j)));
    }
    Ok(())
}
