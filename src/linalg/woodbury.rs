//! Low-rank changes of an explicit inverse.

use super::{cholesky::Cholesky, product};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Mat, MatMut, MatRef};

/// The change of `K⁻¹` for `K⁺ = K + H₊H₊ᵀ − H₋H₋ᵀ`, worked out but not yet applied: `K⁺⁻¹ = K⁻¹ − Y₊Y₊ᵀ + Y₋Y₋ᵀ`.
#[derive(Debug)]
pub(crate) struct InverseChange {
    /// `Y₊ᵀ`, `q₊ × m`.
    plus_t: Mat<f64>,
    /// `Y₋ᵀ`, `q₋ × m`.
    minus_t: Mat<f64>,
}

impl InverseChange {
    /// `plus_t = H₊ᵀ` and `minus_t = H₋ᵀ` (`q × m`). `None` when `K⁺` is not positive definite to working precision.
    ///
    /// The positive part is absorbed first, so that every capacitance matrix is positive definite and factored by
    /// Cholesky: `Y₊ = K⁻¹H₊ L⁻ᵀ` with `LLᵀ = I + H₊ᵀK⁻¹H₊`, then the same for `−H₋` on the inverse reached.
    ///
    /// # Complexity
    /// `2m²q + O(mq² + q³)` flops, `2mq` numbers.
    pub(crate) fn new(
        inverse: MatRef<'_, f64>,
        plus_t: MatRef<'_, f64>,
        minus_t: MatRef<'_, f64>,
    ) -> Option<Self> {
        let plus_t = half_change(inverse, None, plus_t, 1.0)?;
        let minus_t = half_change(inverse, Some(plus_t.as_ref()), minus_t, -1.0)?;
        Some(Self { plus_t, minus_t })
    }

    /// Applies the change.
    ///
    /// # Complexity
    /// `m²q` flops: one triangle, mirrored.
    pub(crate) fn apply(&self, mut inverse: MatMut<'_, f64>) {
        for (y_t, sign) in [(&self.plus_t, -1.0), (&self.minus_t, 1.0)] {
            if y_t.nrows() > 0 {
                product::gemm_lower(
                    inverse.as_mut(),
                    Accum::Add,
                    sign,
                    y_t.transpose(),
                    y_t.as_ref(),
                );
            }
        }
        product::mirror_lower(inverse);
    }
}

/// `Yᵀ = L⁻¹ Hᵀ(K⁻¹ − Y₊Y₊ᵀ)` with `LLᵀ = I + sign · Hᵀ(K⁻¹ − Y₊Y₊ᵀ)H`.
fn half_change(
    inverse: MatRef<'_, f64>,
    before: Option<MatRef<'_, f64>>,
    h_t: MatRef<'_, f64>,
    sign: f64,
) -> Option<Mat<f64>> {
    let (q, m) = h_t.shape();
    let mut t = Mat::zeros(q, m);
    if q == 0 {
        return Some(t);
    }
    product::gemm(t.as_mut(), Accum::Replace, 1.0, h_t, inverse);
    if let Some(y_t) = before.filter(|y| y.nrows() > 0) {
        let mut hy = Mat::zeros(q, y_t.nrows());
        product::gemm(hy.as_mut(), Accum::Replace, 1.0, h_t, y_t.transpose());
        product::gemm(t.as_mut(), Accum::Add, -1.0, hy.as_ref(), y_t);
    }
    let mut capacitance = Mat::identity(q, q);
    product::gemm_lower(
        capacitance.as_mut(),
        Accum::Add,
        sign,
        t.as_ref(),
        h_t.transpose(),
    );
    let factor = Cholesky::factor(capacitance).ok()?;
    solve_lower_triangular_in_place(factor.lower(), t.as_mut(), super::par(q * q * m));
    Some(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_the_inverse_as_inverting_anew_does() {
        let (m, p, q) = (9, 3, 2);
        let f = |i: usize, j: usize| ((3 * i + 7 * j) as f64).sin();
        let base = Mat::from_fn(m, m, f);
        let k = &base * base.transpose() + Mat::<f64>::identity(m, m);
        let (plus, minus) = (
            Mat::from_fn(p, m, |i, j| f(i + 20, j)),
            Mat::from_fn(q, m, |i, j| 0.2 * f(i + 40, j)),
        );
        let mut inverse = Cholesky::factor(k.clone()).unwrap().inverse();
        InverseChange::new(inverse.as_ref(), plus.as_ref(), minus.as_ref())
            .unwrap()
            .apply(inverse.as_mut());
        let after = k + plus.transpose() * &plus - minus.transpose() * &minus;
        let residual = &after * &inverse - Mat::<f64>::identity(m, m);
        assert!(residual.norm_max() < 1e-12, "{}", residual.norm_max());
    }

    #[test]
    fn refuses_an_indefinite_result() {
        let inverse = Mat::<f64>::identity(3, 3);
        let minus = Mat::from_fn(1, 3, |_, j| if j == 1 { 1.5 } else { 0.0 });
        assert!(
            InverseChange::new(inverse.as_ref(), Mat::zeros(0, 3).as_ref(), minus.as_ref())
                .is_none()
        );
    }
}
