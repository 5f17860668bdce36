//! Products with one large symmetric matrix, bound by reading it.

use super::par;
use super::real::Real;
use super::sparse::Rows;
use faer::{Accum, Mat, MatRef};
use pulp::Arch;

/// Rows of `K S` computed together: a panel of the result stays in cache.
const PANEL: usize = 256;

/// `y ← K x`, reading the lower triangle only: half the memory traffic of a general product. Nothing for columns that are
/// not contiguous, which no owned matrix has.
///
/// # Complexity
/// `2m²` flops, `m²/2` numbers read.
pub(crate) fn symv<T: Real>(arch: Arch, k: MatRef<'_, T>, x: &[T], y: &mut [T]) {
    T::symv(arch, k, x, y);
}

/// `K S` for a sparse `S` with few numbers a row; both triangles of `K` are read.
///
/// # Complexity
/// `2m · nnz(S)` flops.
pub(crate) fn times_sparse<T: Real>(arch: Arch, k: MatRef<'_, T>, s: &Rows) -> Mat<T> {
    let (m, q) = (s.nrows(), s.ncols());
    let mut out = Mat::zeros(m, q);
    let columns = s.columns::<T>();
    let panel = |first: usize, mut rows: faer::MatMut<'_, T>| {
        for (c, list) in columns.iter().enumerate() {
            if let Some(to) = rows.as_mut().col_mut(c).try_as_col_major_mut() {
                T::gather(arch, k, first, list, to.as_slice_mut());
            }
        }
    };
    #[cfg(feature = "rayon")]
    if let faer::Par::Rayon(_) = par(2 * m * s.nonzeros()) {
        use rayon::prelude::*;
        out.as_mut()
            .par_row_chunks_mut(PANEL)
            .enumerate()
            .for_each(|(p, rows)| panel(p * PANEL, rows));
        return out;
    }
    for first in (0..m).step_by(PANEL) {
        let height = PANEL.min(m - first);
        panel(first, out.as_mut().subrows_mut(first, height));
    }
    out
}

/// `K S`, by whichever of a sparse and a dense product is cheaper.
pub(crate) fn times<T: Real>(arch: Arch, k: MatRef<'_, T>, s: &Rows) -> Mat<T> {
    let (m, q) = (s.nrows(), s.ncols());
    // A matrix product runs about four times as many operations a second.
    if 4 * s.nonzeros() < m * q {
        return times_sparse(arch, k, s);
    }
    let dense = s.dense::<T>();
    let mut out = Mat::zeros(m, q);
    let par = par(2 * m * m * q);
    faer::linalg::matmul::matmul(
        out.as_mut(),
        Accum::Replace,
        k,
        dense.as_ref(),
        T::narrow(1.0),
        par,
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symmetric(m: usize) -> Mat<f64> {
        Mat::from_fn(m, m, |i, j| ((i * j) as f64).sin() + ((i + j) as f64).cos())
    }

    #[test]
    fn symv_reads_the_lower_triangle_alone() {
        for m in [1, 3, 4, 7, 37, 130] {
            let k = symmetric(m);
            let x = Mat::from_fn(m, 1, |i, _| 1.0 + (i as f64).sin());
            let lower = Mat::from_fn(m, m, |i, j| if i >= j { k[(i, j)] } else { f64::NAN });
            let mut y = vec![0.0; m];
            symv(Arch::new(), lower.as_ref(), x.col_as_slice(0), &mut y);
            let expected = &k * &x;
            for i in 0..m {
                assert!((y[i] - expected[(i, 0)]).abs() < 1e-12 * m as f64);
            }
        }
    }

    #[test]
    fn sparse_and_dense_products_agree() {
        let (m, q) = (300, 9);
        let k = symmetric(m);
        let mut s = Rows::new(q);
        for i in 0..m {
            s.push(i % q, 1.0 + i as f64);
            s.push((3 * i + 1) % q, -2.0);
            s.push(i % q, 0.5);
            s.end_row();
        }
        let expected = &k * s.dense::<f64>();
        let got = times_sparse(Arch::new(), k.as_ref(), &s);
        assert!((&got - &expected).norm_max() < 1e-9);
        let single = Mat::from_fn(m, m, |i, j| k[(i, j)] as f32);
        let got = times_sparse(Arch::new(), single.as_ref(), &s);
        assert!(
            (0..m).all(|i| (0..q).all(|j| (f64::from(got[(i, j)]) - expected[(i, j)]).abs() < 0.1))
        );
        let back = s.transpose_times(expected.as_ref());
        assert!((back - s.dense::<f64>().transpose() * &expected).norm_max() < 1e-6);
    }
}
