//! Entries of `P h` from sketched multipliers.

use crate::constraints::{Block, Weighted};
use crate::error::Result;
use crate::linalg::norm;
use crate::linalg::product::gemm;
use faer::{Accum, ColRef, Mat, MatMut, MatRef};

/// Entries `coords` of `Bᵀu` for every column of `u`. The cheaper of two methods is used: the columns of `B` shared by all columns
/// of `u`, or one product per column of `u`.
pub(super) fn entries(
    weighted: &mut Weighted,
    u: &Mat<f64>,
    coords: &[usize],
    mut out: MatMut<'_, f64>,
) -> Result<()> {
    let a = weighted.constraints();
    let order = |b: &Block| match *b {
        Block::Psd(n) => n,
        Block::Nonneg(_) => 0,
    };
    let largest = a.blocks().iter().map(order).max().unwrap_or(0);
    let (k, m, nonzeros) = (coords.len(), a.len(), a.nonzeros());
    let shared = 4 * k * nonzeros + 2 * k * m * u.ncols();
    let single = u.ncols() * (2 * nonzeros + 2 * k * largest * largest);
    if shared < single {
        let columns = weighted.columns(coords)?;
        gemm(out, Accum::Replace, 1.0, columns.as_ref(), u.as_ref());
        return Ok(());
    }
    let mut values = vec![0.0; k];
    for s in 0..u.ncols() {
        weighted.apply_transpose_at(u.col_as_slice(s), coords, &mut values)?;
        values
            .iter()
            .enumerate()
            .for_each(|(i, x)| out[(i, s)] = *x);
    }
    Ok(())
}

/// `‖h‖`.
pub(super) fn length(h: ColRef<'_, f64>) -> f64 {
    norm(&h.iter().copied().collect::<Vec<_>>())
}

/// `out ←` the mean of the columns.
pub(super) fn mean(of: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
    for i in 0..of.nrows() {
        let sum: f64 = (0..of.ncols()).map(|j| of[(i, j)]).sum();
        out[(i, 0)] = sum / of.ncols() as f64;
    }
}
