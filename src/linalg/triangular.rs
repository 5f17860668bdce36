//! Triangular solves with one vector, bound by memory.

use faer::MatRef;
use pulp::Arch;

/// Solves in one precision.
macro_rules! solves {
    ($t:ty, $lower:ident, $transposed:ident) => {
        /// `x ← L⁻¹ x` for the lower triangle of `l`, whose columns are contiguous.
        ///
        /// # Complexity
        /// `n²` flops.
        pub(crate) fn $lower(l: MatRef<'_, $t>, x: &mut [$t]) {
            Arch::new().dispatch(|| {
                for j in 0..x.len() {
                    let Some(column) = l.col(j).try_as_col_major() else {
                        return;
                    };
                    let column = &column.as_slice()[j..];
                    let (head, tail) = x[j..].split_at_mut(1);
                    head[0] /= column[0];
                    let v = head[0];
                    for (x, l) in tail.iter_mut().zip(&column[1..]) {
                        *x -= v * l;
                    }
                }
            });
        }

        /// `x ← L⁻ᵀ x`.
        ///
        /// # Complexity
        /// `n²` flops.
        pub(crate) fn $transposed(l: MatRef<'_, $t>, x: &mut [$t]) {
            Arch::new().dispatch(|| {
                for j in (0..x.len()).rev() {
                    let Some(column) = l.col(j).try_as_col_major() else {
                        return;
                    };
                    let column = &column.as_slice()[j..];
                    let (head, tail) = x[j..].split_at_mut(1);
                    let mut partial = [0.0; 16];
                    let (a, b) = (column[1..].chunks_exact(16), tail.chunks_exact(16));
                    let rest = a.remainder().iter().zip(b.remainder());
                    let mut sum: $t = rest.map(|(a, b)| a * b).sum();
                    for (a, b) in a.zip(b) {
                        for (p, (a, b)) in partial.iter_mut().zip(a.iter().zip(b)) {
                            *p += a * b;
                        }
                    }
                    sum += partial.iter().sum::<$t>();
                    head[0] = (head[0] - sum) / column[0];
                }
            });
        }
    };
}

solves!(f64, solve_lower, solve_lower_transposed);
solves!(f32, solve_lower_single, solve_lower_transposed_single);

/// `y ← (U + Uᵀ + I) x` for the entries `U` strictly above the diagonal of a square matrix, whose columns are contiguous.
///
/// # Complexity
/// `2n²` flops, `n²/2` numbers read.
pub(crate) fn unit_symv_upper(u: MatRef<'_, f64>, x: &[f64], y: &mut [f64]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            y.copy_from_slice(x);
            for j in 1..x.len() {
                let Some(column) = u.col(j).try_as_col_major() else {
                    return;
                };
                let column = &column.as_slice()[..j];
                let (before, here) = y.split_at_mut(j);
                let whole = j - j % 16;
                let mut partial = [0.0; 16];
                let blocks = column.chunks_exact(16).zip(x.chunks_exact(16));
                for ((u, x16), y16) in blocks.zip(before.chunks_exact_mut(16)) {
                    for k in 0..16 {
                        partial[k] += u[k] * x16[k];
                        y16[k] += u[k] * x[j];
                    }
                }
                for k in whole..j {
                    partial[0] += column[k] * x[k];
                    before[k] += column[k] * x[j];
                }
                here[0] += partial.iter().sum::<f64>();
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    #[test]
    fn the_product_reads_what_is_above_the_diagonal_alone() {
        for n in [1, 2, 16, 17, 40] {
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
                assert!((y[i] - expected).abs() < 1e-13, "{n} {i}");
            }
        }
    }

    #[test]
    fn undo_products_with_the_factor() {
        for n in [1, 2, 9, 40] {
            let l = Mat::from_fn(n, n, |i, j| {
                if i == j {
                    2.0
                } else {
                    ((i + 3 * j) as f64).sin() / n as f64
                }
            });
            let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let (mut lx, mut ltx) = (vec![0.0; n], vec![0.0; n]);
            for j in 0..n {
                for i in j..n {
                    lx[i] += l[(i, j)] * x[j];
                    ltx[j] += l[(i, j)] * x[i];
                }
            }
            solve_lower(l.as_ref(), &mut lx);
            solve_lower_transposed(l.as_ref(), &mut ltx);
            assert!((0..n).all(|i| (lx[i] - x[i]).abs() < 1e-14 && (ltx[i] - x[i]).abs() < 1e-14));
        }
    }
}
