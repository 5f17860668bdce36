//! Matrix products.

use super::par;
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef};

/// `dst ← alpha · a b`, or `dst += alpha · a b`.
pub(crate) fn gemm(
    dst: MatMut<'_, f64>,
    accum: Accum,
    alpha: f64,
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
) {
    let par = par(2 * a.nrows() * a.ncols() * b.ncols());
    matmul(dst, accum, a, b, alpha, par);
}

/// Lower triangle of `dst` ← (or +=) `alpha · a b`, when that product is symmetric or only its lower triangle wanted.
pub(crate) fn gemm_lower(
    dst: MatMut<'_, f64>,
    accum: Accum,
    alpha: f64,
    a: MatRef<'_, f64>,
    b: MatRef<'_, f64>,
) {
    let par = par(a.nrows() * a.ncols() * b.ncols());
    let full = BlockStructure::Rectangular;
    triangular::matmul(
        dst,
        BlockStructure::TriangularLower,
        accum,
        a,
        full,
        b,
        full,
        alpha,
        par,
    );
}

/// Lower triangle of `dst` ← `Lᵀ L` for a lower triangular `L`.
pub(crate) fn lower_transpose_lower(dst: MatMut<'_, f64>, lower: MatRef<'_, f64>) {
    let n = lower.nrows();
    let (up, low) = (
        BlockStructure::TriangularUpper,
        BlockStructure::TriangularLower,
    );
    triangular::matmul(
        dst,
        low,
        Accum::Replace,
        lower.transpose(),
        up,
        lower,
        low,
        1.0,
        par(n * n * n / 3),
    );
}

/// Copies the lower triangle onto the upper one.
pub(crate) fn mirror_lower(mut a: MatMut<'_, f64>) {
    // In tiles, so that the transposed writes stay in cache.
    const TILE: usize = 32;
    let n = a.nrows();
    for j0 in (0..n).step_by(TILE) {
        for i0 in (j0..n).step_by(TILE) {
            for j in j0..(j0 + TILE).min(n) {
                for i in i0.max(j + 1)..(i0 + TILE).min(n) {
                    a[(j, i)] = a[(i, j)];
                }
            }
        }
    }
}
