//! Triangular solves and symmetric products with one vector, bound by memory.
//!
//! Four columns at a time, so that the vector is read and written once for four; what is off the diagonal blocks is shared among
//! threads, in pieces that do not depend on their number.

use super::join;
use super::real::{Real, column};
use faer::MatRef;
use pulp::{Arch, Simd, WithSimd};

/// Largest order that is solved in one go.
const LEAF: usize = 512;

/// `x ← L⁻¹ x` for the lower triangle of `l`, whose columns are contiguous.
///
/// # Complexity
/// `n²` flops.
pub(crate) fn solve_lower<T: Real>(l: MatRef<'_, T>, x: &mut [T]) {
    let n = x.len();
    if n <= LEAF {
        return Arch::new().dispatch(Solve { l, x });
    }
    let half = middle(n);
    let (head, tail) = x.split_at_mut(half);
    solve_lower(l.submatrix(0, 0, half, half), head);
    let below = l.submatrix(half, 0, n - half, half);
    // Pieces of whole registers: each number is made the same way wherever they end.
    in_pieces(tail, half, |first, x| {
        let (m, v) = (below.subrows(first, x.len()), &*head);
        Arch::new().dispatch(Minus { m, v, y: x });
    });
    solve_lower(l.submatrix(half, half, n - half, n - half), tail);
}

/// `x ← L⁻ᵀ x`.
///
/// # Complexity
/// `n²` flops.
pub(crate) fn solve_lower_transposed<T: Real>(l: MatRef<'_, T>, x: &mut [T]) {
    let n = x.len();
    if n <= LEAF {
        return Arch::new().dispatch(SolveTransposed { l, x });
    }
    let half = middle(n);
    let (head, tail) = x.split_at_mut(half);
    solve_lower_transposed(l.submatrix(half, half, n - half, n - half), tail);
    let below = l.submatrix(half, 0, n - half, half);
    in_pieces(head, n - half, |first, y| {
        let (m, v) = (below.subcols(first, y.len()), &*tail);
        Arch::new().dispatch(MinusTransposed { m, v, y });
    });
    solve_lower_transposed(l.submatrix(0, 0, half, half), head);
}

/// `y ← (U + Uᵀ + I) x` for the entries `U` strictly above the diagonal of a square matrix, whose columns are contiguous.
///
/// # Complexity
/// `2n²` flops, `n²/2` numbers read; `n` numbers of space.
pub(crate) fn unit_symv_upper(u: MatRef<'_, f64>, x: &[f64], y: &mut [f64]) {
    let n = x.len();
    y.copy_from_slice(x);
    // The columns before, and those after, have half of the entries each.
    let half = (n as f64 * core::f64::consts::FRAC_1_SQRT_2) as usize / 4 * 4;
    let mut other = vec![0.0; n];
    let part = |columns, y: &mut [f64]| {
        Arch::new().dispatch(UpperColumns { u, x, y, columns });
    };
    join(n * n, || part(0..half, y), || part(half..n, &mut other));
    y.iter_mut().zip(&other).for_each(|(y, o)| *y += o);
}

/// Where to cut: at a multiple of the longest register.
fn middle(n: usize) -> usize {
    (n / 2).next_multiple_of(64)
}

/// `f(first, piece)` for pieces of `y`, whose numbers take `cost` of a matrix each.
fn in_pieces<T: Real>(y: &mut [T], cost: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    #[cfg(feature = "rayon")]
    if y.len() * cost > super::machine::PARALLEL_NUMBERS && rayon::current_num_threads() > 1 {
        use rayon::prelude::*;
        let piece = (super::machine::PARALLEL_NUMBERS / cost)
            .max(1)
            .next_multiple_of(64);
        let pieces = y.par_chunks_mut(piece).enumerate();
        return pieces.for_each(|(k, y)| f(k * piece, y));
    }
    let _ = cost;
    f(0, y);
}

struct Solve<'a, T> {
    l: MatRef<'a, T>,
    x: &'a mut [T],
}

impl<T: Real> WithSimd for Solve<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { l, x } = self;
        let n = x.len();
        let whole = n - n % 4;
        for j in (0..whole).step_by(4) {
            let k = [0, 1, 2, 3].map(|c| &column(l, j + c)[j..n]);
            let (head, tail) = x[j..].split_at_mut(4);
            for c in 0..4 {
                for r in 0..c {
                    let known = k[r][c] * head[r];
                    head[c] -= known;
                }
                head[c] /= k[c][c];
            }
            let v = [-head[0], -head[1], -head[2], -head[3]];
            T::axpy_four(simd, k.map(|k| &k[4..]), v, tail);
        }
        for j in whole..n {
            let k = column(l, j);
            x[j] /= k[j];
            for i in j + 1..n {
                let known = k[i] * x[j];
                x[i] -= known;
            }
        }
    }
}

struct SolveTransposed<'a, T> {
    l: MatRef<'a, T>,
    x: &'a mut [T],
}

impl<T: Real> WithSimd for SolveTransposed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { l, x } = self;
        let n = x.len();
        let whole = n - n % 4;
        for j in (whole..n).rev() {
            let k = column(l, j);
            for i in j + 1..n {
                let known = k[i] * x[i];
                x[j] -= known;
            }
            x[j] /= k[j];
        }
        for j in (0..whole).step_by(4).rev() {
            let k = [0, 1, 2, 3].map(|c| &column(l, j + c)[j..n]);
            let (head, tail) = x[j..].split_at_mut(4);
            let sums = T::dot_four(simd, k.map(|k| &k[4..]), tail);
            for c in (0..4).rev() {
                head[c] -= sums[c];
                for r in c + 1..4 {
                    let known = k[c][r] * head[r];
                    head[c] -= known;
                }
                head[c] /= k[c][c];
            }
        }
    }
}

/// `y ← y − M v`.
struct Minus<'a, T> {
    m: MatRef<'a, T>,
    v: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> WithSimd for Minus<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { m, v, y } = self;
        let whole = v.len() - v.len() % 4;
        for j in (0..whole).step_by(4) {
            let k = [0, 1, 2, 3].map(|c| column(m, j + c));
            T::axpy_four(simd, k, [-v[j], -v[j + 1], -v[j + 2], -v[j + 3]], y);
        }
        for (j, v) in v.iter().enumerate().skip(whole) {
            for (y, k) in y.iter_mut().zip(column(m, j)) {
                *y -= *k * *v;
            }
        }
    }
}

/// `y ← y − Mᵀ v`.
struct MinusTransposed<'a, T> {
    m: MatRef<'a, T>,
    v: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> WithSimd for MinusTransposed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { m, v, y } = self;
        let whole = y.len() - y.len() % 4;
        for j in (0..whole).step_by(4) {
            let sums = T::dot_four(simd, [0, 1, 2, 3].map(|c| column(m, j + c)), v);
            (0..4).for_each(|c| y[j + c] -= sums[c]);
        }
        for (j, y) in y.iter_mut().enumerate().skip(whole) {
            for (k, v) in column(m, j).iter().zip(v) {
                *y -= *k * *v;
            }
        }
    }
}

/// `y += (U_j x_j + e_j U_jᵀ x)` over some columns `U_j` above the diagonal; the first is a multiple of four.
struct UpperColumns<'a> {
    u: MatRef<'a, f64>,
    x: &'a [f64],
    y: &'a mut [f64],
    columns: core::ops::Range<usize>,
}

impl WithSimd for UpperColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { u, x, y, columns } = self;
        let whole = columns.end - columns.end % 4;
        for j in (columns.start..whole).step_by(4) {
            let k = [0, 1, 2, 3].map(|c| column(u, j + c));
            let (v, above) = ([x[j], x[j + 1], x[j + 2], x[j + 3]], k.map(|k| &k[..j]));
            let sums = f64::axpy_dot_four(simd, above, v, &x[..j], &mut y[..j]);
            for c in 0..4 {
                y[j + c] += sums[c];
                for r in 0..c {
                    y[j + c] += k[c][j + r] * x[j + r];
                    y[j + r] += k[c][j + r] * x[j + c];
                }
            }
        }
        for j in whole..columns.end {
            for (i, u) in column(u, j)[..j].iter().enumerate() {
                y[j] += u * x[i];
                y[i] += u * x[j];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    #[test]
    fn the_product_reads_what_is_above_the_diagonal_alone() {
        for n in [1, 2, 3, 4, 5, 16, 17, 40, 803] {
            let u = Mat::from_fn(n, n, |i, j| {
                if i < j {
                    ((i + 3 * j) as f64).sin()
                } else {
                    f64::NAN
                }
            });
            let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let mut y = vec![f64::NAN; n];
            unit_symv_upper(u.as_ref(), &x, &mut y);
            for i in 0..n {
                let entry = |j: usize| if i == j { 1.0 } else { u[(i.min(j), i.max(j))] };
                let expected: f64 = (0..n).map(|j| entry(j) * x[j]).sum();
                assert!((y[i] - expected).abs() < 1e-12, "{n} {i}");
            }
        }
    }

    /// Orders around a register, a leaf and a piece; alone and side by side to the last bit the same.
    #[test]
    fn undo_products_with_the_factor() {
        for n in [1, 2, 3, 4, 9, 40, 512, 513, 515, 1500] {
            let l = Mat::from_fn(n, n, |i, j| match i.cmp(&j) {
                core::cmp::Ordering::Less => f64::NAN,
                core::cmp::Ordering::Equal => 2.0,
                core::cmp::Ordering::Greater => ((i + 3 * j) as f64).sin() / n as f64,
            });
            let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let (mut lx, mut ltx) = (vec![0.0; n], vec![0.0; n]);
            for j in 0..n {
                for i in j..n {
                    lx[i] += l[(i, j)] * x[j];
                    ltx[j] += l[(i, j)] * x[i];
                }
            }
            let solved = || {
                let (mut lx, mut ltx) = (lx.clone(), ltx.clone());
                solve_lower(l.as_ref(), &mut lx);
                solve_lower_transposed(l.as_ref(), &mut ltx);
                (lx, ltx)
            };
            let (lx, ltx) = solved();
            let off = |v: &[f64]| {
                let off = v.iter().zip(&x).map(|(v, x)| (v - x).abs());
                off.fold(0.0, f64::max)
            };
            assert!(off(&lx) < 1e-13 && off(&ltx) < 1e-13, "{n}");
            #[cfg(feature = "rayon")]
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                assert_eq!(
                    pool.build().unwrap().install(solved),
                    (lx.clone(), ltx.clone())
                );
            }
        }
    }
}
