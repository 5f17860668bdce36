//! Products with one large symmetric matrix, bound by reading it.

use super::machine::PRODUCT_OVER_SPARSE_TIMES;
use super::padded;
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

/// Columns of a sparse matrix that are made together.
enum Together<T> {
    /// Four of the same pattern, as the columns of `A(V ⊗ I)` that differ in the column of `V` alone are.
    Four([u32; 4], Vec<(u32, [T; 4])>),
    One(u32, Vec<(u32, T)>),
}

/// Rows with equal patterns in groups of four; the others alone.
fn together<T: Real>(s: &Rows) -> Vec<Together<T>> {
    let columns = s.columns::<T>();
    let mut order: Vec<u32> = (0..columns.len() as u32).collect();
    let pattern = |c: u32| columns[c as usize].iter().map(|e| e.0);
    order.sort_by(|&x, &y| pattern(x).cmp(pattern(y)));
    let mut out = vec![];
    let mut at = 0;
    while at < order.len() {
        let c = order[at];
        let four = at + 4 <= order.len() && pattern(order[at + 3]).eq(pattern(c));
        if four {
            let ids = [c, order[at + 1], order[at + 2], order[at + 3]];
            let list = (0..columns[c as usize].len()).map(|e| {
                let row = columns[c as usize][e].0;
                (row, ids.map(|c| columns[c as usize][e].1))
            });
            out.push(Together::Four(ids, list.collect()));
            at += 4;
        } else {
            out.push(Together::One(c, columns[c as usize].clone()));
            at += 1;
        }
    }
    out
}

/// `K S` for a sparse `S` with few numbers per row; both triangles of `K` are read.
///
/// # Complexity
/// `2m · nnz(S)` flops.
pub(crate) fn times_sparse<T: Real>(arch: Arch, k: MatRef<'_, T>, s: &Rows) -> Mat<T> {
    let (m, q) = (s.nrows(), s.ncols());
    let mut out = padded::zeros(m, q);
    let groups = together::<T>(s);
    let panel = |first: usize, mut rows: faer::MatMut<'_, T>| {
        let height = rows.nrows();
        let mut four = [(); 4].map(|()| vec![T::narrow(0.0); height]);
        for group in &groups {
            match group {
                Together::One(c, list) => {
                    let column = rows.as_mut().col_mut(*c as usize);
                    if let Some(to) = column.try_as_col_major_mut() {
                        T::gather(arch, k, first, list, to.as_slice_mut());
                    }
                }
                Together::Four(ids, list) => {
                    four.iter_mut().for_each(|y| y.fill(T::narrow(0.0)));
                    let [y0, y1, y2, y3] = &mut four;
                    T::gather_four(arch, k, first, list, [y0, y1, y2, y3]);
                    for (c, y) in ids.iter().zip(&four) {
                        let column = rows.as_mut().col_mut(*c as usize);
                        if let Some(to) = column.try_as_col_major_mut() {
                            to.as_slice_mut().copy_from_slice(y);
                        }
                    }
                }
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
    if PRODUCT_OVER_SPARSE_TIMES * s.nonzeros() < m * q {
        return times_sparse(arch, k, s);
    }
    let dense = s.dense::<T>();
    let mut out = padded::zeros(m, q);
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
        // Columns of equal pattern, more than one four of them and some left over.
        let mut same = Rows::new(12);
        for i in 0..m {
            for t in 0..6 {
                same.push(2 * t + i % 2, ((i + t) as f64).sin());
            }
            same.end_row();
        }
        let got = times_sparse(Arch::new(), k.as_ref(), &same);
        assert!((&got - &k * same.dense::<f64>()).norm_max() < 1e-9);
        let back = s.transpose_times(expected.as_ref());
        assert!((back - s.dense::<f64>().transpose() * &expected).norm_max() < 1e-6);
    }
}
