//! The exact Gram operator, applied without the Gram matrix.

use super::{Constraints, HeldWeight};
use crate::linalg::product::gemm;
use faer::{Accum, Mat, MatMut, MatRef};

/// `y ↦ B Bᵀ y = A (P (Σ y_i A_i) Q)` with its work space.
#[derive(Debug, Clone)]
pub(crate) struct GramOperator {
    sum: Vec<f64>,
    left: Mat<f64>,
    both: Mat<f64>,
}

impl GramOperator {
    pub(crate) fn new() -> Self {
        Self {
            sum: Vec::new(),
            left: Mat::new(),
            both: Mat::new(),
        }
    }

    /// `out ← B Bᵀ y`.
    ///
    /// # Complexity
    /// Two passes over the nonzeros and `4n³` flops a PSD block (`2n³` one-sided).
    pub(crate) fn apply(
        &mut self,
        a: &Constraints,
        weight: &[HeldWeight],
        y: &[f64],
        out: &mut [f64],
    ) {
        out.fill(0.0);
        for (b, held) in weight.iter().enumerate() {
            let len = a.range(b).len();
            if self.sum.len() < len {
                self.sum.resize(len, 0.0);
            }
            let sum = &mut self.sum[..len];
            a.adjoint_block(b, y, sum);
            match held {
                HeldWeight::Nonneg(w) => {
                    sum.iter_mut().zip(w).for_each(|(s, w)| *s *= w * w);
                    a.apply_block(b, sum, out);
                }
                _ => {
                    let Some((p, q)) = held.gram_pair() else {
                        continue;
                    };
                    let n = q.nrows();
                    let sum_q = fit(&mut self.left, n);
                    gemm(
                        sum_q,
                        Accum::Replace,
                        1.0,
                        MatRef::from_column_major_slice(sum, n, n),
                        q,
                    );
                    let sum_q = self.left.as_ref().submatrix(0, 0, n, n);
                    let u = match p {
                        None => sum_q,
                        Some(p) => {
                            gemm(fit(&mut self.both, n), Accum::Replace, 1.0, p, sum_q);
                            self.both.as_ref().submatrix(0, 0, n, n)
                        }
                    };
                    let super::Part::Psd(rows) = &a.parts()[b] else {
                        continue;
                    };
                    rows.apply(u, out);
                }
            }
        }
    }
}

/// An `n × n` corner of a matrix that grows when it must.
pub(crate) fn fit(m: &mut Mat<f64>, n: usize) -> MatMut<'_, f64> {
    if m.nrows() < n {
        *m = Mat::zeros(n, n);
    }
    m.as_mut().submatrix_mut(0, 0, n, n)
}
