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

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

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
