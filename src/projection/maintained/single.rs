//! A Cholesky factor of the Gram matrix in single precision: half the memory and half the time, as a preconditioner.

use crate::constraints::{Constraints, HeldWeight};
use crate::error::{Error, Result};
use crate::linalg::max_abs;
use crate::linalg::padded;
use crate::linalg::triangular::{solve_lower, solve_lower_transposed};
use crate::linalg::{cholesky, columns};
use crate::projection::gram::Assembler;
use faer::Mat;

/// Shifts of the unit diagonal, the next one tried where the one before leaves a pivot that is not positive.
const SHIFTS: [f32; 2] = [1e-6, 1e-4];

/// Diagonal entries outside are too near the ends of what single precision can hold.
const HELD: core::ops::Range<f32> = 1e-24..1e24;

/// `K + shift·D² ≈ D L Lᵀ D` with `D² = diag(K)`.
#[derive(Debug, Clone)]
pub(super) struct Single {
    inverse_scale: Vec<f32>,
    lower: Mat<f32>,
    work: Vec<f32>,
}

impl Single {
    /// Of no matrix yet.
    pub(super) fn empty() -> Self {
        Self {
            inverse_scale: vec![],
            lower: Mat::new(),
            work: vec![],
        }
    }

    /// Assembles and factors `K` in the memory of the factor before; `false` when it is too ill-conditioned for single precision,
    /// and then the factor is of nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    ///
    /// # Complexity
    /// Assembly and `m³/3` flops in single precision, twice when the first shift is too small; `m²` numbers of four bytes.
    pub(super) fn refresh(
        &mut self,
        a: &Constraints,
        weight: &[HeldWeight],
        assembler: &Assembler,
    ) -> Result<bool> {
        let m = a.len();
        if self.lower.nrows() != m {
            if Vec::<f32>::new().try_reserve_exact(m * m).is_err() {
                return Err(Error::TooLarge {
                    what: "the Gram matrix in single precision",
                    bytes: 4 * m as u128 * m as u128,
                });
            }
            self.lower = padded::zeros(m, m);
        }
        let k = &mut self.lower;
        let weight: Vec<_> = weight.iter().map(HeldWeight::gram).collect();
        for shift in SHIFTS {
            assembler.assemble(&weight, k.as_mut());
            if (0..m).any(|i| !HELD.contains(&k[(i, i)])) {
                return Ok(false);
            }
            self.inverse_scale.clear();
            self.inverse_scale
                .extend((0..m).map(|i| 1.0 / k[(i, i)].sqrt()));
            let scale = &self.inverse_scale;
            columns::each(k.as_mut(), |j, column| {
                let rest = column[j..].iter_mut().zip(&scale[j..]);
                rest.for_each(|(k, e)| *k *= scale[j] * e);
                column[j] = 1.0 + shift;
            });
            if cholesky::factor_in_place(k.as_mut()).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `v ← K⁻¹ v`, nearly.
    ///
    /// # Complexity
    /// `2m²` flops, the factor read twice.
    pub(super) fn solve_in_place(&mut self, v: &mut [f64]) {
        let largest = max_abs(v);
        if !(largest > 0.0 && largest.is_finite()) {
            return;
        }
        self.work.clear();
        let scaled = v.iter().zip(&self.inverse_scale);
        self.work
            .extend(scaled.map(|(v, d)| (v / largest) as f32 * d));
        solve_lower(self.lower.as_ref(), &mut self.work);
        solve_lower_transposed(self.lower.as_ref(), &mut self.work);
        let found = self.work.iter().zip(&self.inverse_scale);
        for (v, (w, d)) in v.iter_mut().zip(found) {
            *v = f64::from(*w) * f64::from(*d) * largest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::Block;

    #[test]
    fn a_single_factor_is_right_to_single_precision() {
        let (m, n) = (60, 14);
        let a = Constraints::independent(m, &[Block::Psd(n)], 3, 5.into()).unwrap();
        let w = Mat::from_fn(n, n, |i, j| {
            if i == j {
                2.0 + i as f64
            } else {
                1.0 / (1 + i + j) as f64
            }
        });
        let weight = [HeldWeight::TwoSided(w)];
        let assembler = Assembler::new(&a);
        let mut k = Mat::<f64>::zeros(m, m);
        assembler.assemble(&[weight[0].gram()], k.as_mut());
        crate::linalg::product::mirror_lower(k.as_mut());
        let x = Mat::from_fn(m, 1, |i, _| 1.0 + (i as f64).sin());
        let mut found = &k * &x;
        let mut single = Single::empty();
        // Twice in the same memory.
        for _ in 0..2 {
            assert!(single.refresh(&a, &weight, &assembler).unwrap());
        }
        single.solve_in_place(found.col_as_slice_mut(0));
        let off = (&found - &x).norm_l2() / x.norm_l2();
        assert!(off < 1e-3 && off > 1e-9, "{off}");
        // Beyond what single precision can hold.
        let tiny = [HeldWeight::TwoSided(
            Mat::<f64>::identity(n, n) * faer::Scale(1e-13),
        )];
        assert!(!single.refresh(&a, &tiny, &assembler).unwrap());
    }
}
