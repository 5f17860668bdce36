//! Matrix products.

use super::real::Real;
use super::{join, par};
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
pub(crate) fn gemm_lower<T: Real>(
    dst: MatMut<'_, T>,
    accum: Accum,
    alpha: f64,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
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
        T::narrow(alpha),
        par,
    );
}

/// Lower triangle of `dst` ← `Lᵀ L` for a lower triangular `L`.
pub(crate) fn lower_transpose_lower<T: Real>(dst: MatMut<'_, T>, lower: MatRef<'_, T>) {
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
        T::narrow(1.0),
        par(n * n * n / 3),
    );
}

/// `out ← aᵀ`.
pub(crate) fn transpose<T: Real>(a: MatRef<'_, T>, mut out: MatMut<'_, T>) {
    // In tiles, so that the strided reads stay in cache.
    const TILE: usize = 16;
    const LEAF: usize = 256;
    let (rows, cols) = out.shape();
    if cols > LEAF {
        let half = cols / 2;
        let (left, right) = out.split_at_col_mut(half);
        let (top, bottom) = a.split_at_row(half);
        return join(
            rows * cols,
            || transpose(top, left),
            || transpose(bottom, right),
        );
    }
    for j0 in (0..cols).step_by(TILE) {
        for i0 in (0..rows).step_by(TILE) {
            for j in j0..(j0 + TILE).min(cols) {
                for i in i0..(i0 + TILE).min(rows) {
                    out[(i, j)] = a[(j, i)];
                }
            }
        }
    }
}

/// `dst ← U x` for an upper triangular `U`, of which only that triangle is read.
pub(crate) fn upper_times(dst: MatMut<'_, f64>, upper: MatRef<'_, f64>, x: MatRef<'_, f64>) {
    let par = par(upper.nrows() * upper.nrows() * x.ncols());
    let full = BlockStructure::Rectangular;
    triangular::matmul(
        dst,
        full,
        Accum::Replace,
        upper,
        BlockStructure::TriangularUpper,
        x,
        full,
        1.0,
        par,
    );
}

/// Copies the lower triangle onto the upper one.
pub(crate) fn mirror_lower<T: Real>(mut a: MatMut<'_, T>) {
    // In tiles, so that the transposed writes stay in cache.
    const TILE: usize = 32;
    const LEAF: usize = 256;
    let n = a.nrows();
    if n > LEAF {
        let half = n / 2;
        let (top, above, below, bottom) = a.split_at_mut(half, half);
        let below = below.as_ref();
        join(
            n * n,
            || transpose(below, above),
            || join(n * n, || mirror_lower(top), || mirror_lower(bottom)),
        );
        return;
    }
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

/// Copies the upper triangle onto the lower one.
pub(crate) fn mirror_upper<T: Real>(a: MatMut<'_, T>) {
    mirror_lower(a.transpose_mut());
}
