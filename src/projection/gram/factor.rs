//! Factoring a Gram matrix.

use super::Assembler;
use crate::constraints::{Block, Constraints, HeldWeight};
use crate::error::{Error, Result, check_memory};
use crate::linalg::cholesky::{self, Cholesky};
use crate::linalg::padded;
use crate::linalg::{max_abs, product, spectral};
use faer::{Mat, MatMut};

/// Pivots of the factor of a unit-diagonal matrix below which its rows are suspected to be dependent.
const SUSPICIOUS: f64 = 1e-6;

/// `K = D (L Lᵀ) D` with `D² = diag(K)`: scaling makes the pivots comparable.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    inverse_scale: Vec<f64>,
    cholesky: Cholesky,
}

/// Whether the rows `A` are independent: a property of `A` alone, so found at most once, and only on suspicion.
#[derive(Debug, Clone, Default)]
pub(crate) struct RankCheck {
    rank: Option<usize>,
}

impl RankCheck {
    /// Numerical rank of `A`: eigenvalues of the unit-diagonal `AAᵀ` above rounding level.
    pub(crate) fn rank(&mut self, a: &Constraints, assembler: &Assembler) -> Result<usize> {
        self.rank_in(a, assembler, &mut Mat::new())
    }

    /// The same in a matrix that is lost, where it is of order `m`: there may be no room for another.
    pub(crate) fn rank_in(
        &mut self,
        a: &Constraints,
        assembler: &Assembler,
        k: &mut Mat<f64>,
    ) -> Result<usize> {
        if let Some(rank) = self.rank {
            return Ok(rank);
        }
        let m = a.len();
        let identity: Vec<HeldWeight> = a
            .blocks()
            .iter()
            .map(|b| match *b {
                Block::Psd(n) => HeldWeight::TwoSided(Mat::identity(n, n)),
                Block::Nonneg(n) => HeldWeight::Nonneg(vec![1.0; n]),
            })
            .collect();
        if k.nrows() != m {
            *k = padded::zeros(m, m);
        }
        let identity: Vec<_> = identity.iter().map(HeldWeight::gram).collect();
        assembler.assemble(&identity, k.as_mut());
        let d = inverse_scale(k);
        scale(k, &d);
        let rounding = (m.max(10) as f64) * f64::EPSILON;
        // Positive definite beyond that of the largest eigenvalue there can be: full rank, a factorisation's time instead
        // of an eigendecomposition's.
        let mut sums = vec![0.0; m];
        for j in 0..m {
            for i in j..m {
                sums[i] += k[(i, j)].abs();
                sums[j] += if i > j { k[(i, j)].abs() } else { 0.0 };
            }
        }
        // The factor below the diagonal, what it is made of kept above.
        product::mirror_lower(k.as_mut());
        let diagonal: Vec<f64> = (0..m).map(|i| k[(i, i)]).collect();
        (0..m).for_each(|i| k[(i, i)] -= rounding * max_abs(&sums));
        let rank = match cholesky::factor_lower_in_place(k.as_mut()) {
            Ok(()) => m,
            Err(_) => {
                product::mirror_upper(k.as_mut());
                (0..m).for_each(|i| k[(i, i)] = diagonal[i]);
                let lambda = spectral::eigenvalues(k.as_ref())?;
                let floor = lambda.last().copied().unwrap_or(0.0) * rounding;
                lambda.iter().filter(|&&l| l > floor).count()
            }
        };
        self.rank = Some(rank);
        Ok(rank)
    }
}

impl Factor {
    /// Assembles and factors `K` for a weight.
    ///
    /// When a pivot vanishes although `A` has full rank, the weight is so ill-conditioned that `K` is singular to
    /// working precision: then the smallest shift of the scaled diagonal (from `1e-15`, by factors of 10) that can be
    /// factored is taken, and refinement with the exact operator makes up for it.
    ///
    /// # Errors
    /// [`Error::RankDeficient`] when the rows of `A` are dependent; [`Error::NonFinite`] when `K` overflowed.
    ///
    /// # Complexity
    /// Assembly and `m³/3` flops, in `m²` numbers.
    pub(crate) fn new(
        a: &Constraints,
        weight: &[HeldWeight],
        assembler: &Assembler,
        rank: &mut RankCheck,
    ) -> Result<Self> {
        let m = a.len();
        check_memory("the Gram matrix", m as u128 * m as u128)?;
        let mut shift = 0.0;
        loop {
            let mut k = padded::zeros(m, m);
            let weight: Vec<_> = weight.iter().map(HeldWeight::gram).collect();
            assembler.assemble(&weight, k.as_mut());
            let inverse_scale = inverse_scale(&k);
            let diagonal_vanishes: Vec<bool> = (0..m).map(|i| k[(i, i)] == 0.0).collect();
            if let Some(index) = inverse_scale.iter().position(|d| d.is_nan()) {
                return Err(Error::NonFinite {
                    what: "diagonal of the Gram matrix",
                    index,
                });
            }
            scale(&mut k, &inverse_scale);
            for i in 0..m {
                k[(i, i)] += shift;
            }
            let found = Cholesky::factor(k);
            let smallest = |c: &Cholesky| {
                (0..m)
                    .map(|i| c.lower()[(i, i)])
                    .fold(f64::INFINITY, f64::min)
            };
            if shift == 0.0 && !matches!(&found, Ok(c) if smallest(c) > SUSPICIOUS) {
                let rank = rank.rank(a, assembler)?;
                if rank < m {
                    return Err(Error::RankDeficient { rank, needed: m });
                }
                // No row of A vanishes, so these squares of the weight underflowed.
                if let Some(pivot) = (0..m).find(|&i| diagonal_vanishes[i]) {
                    let what = "Gram matrix";
                    return Err(Error::NotPositiveDefinite { what, pivot });
                }
            }
            match found {
                Ok(cholesky) => {
                    return Ok(Self {
                        inverse_scale,
                        cholesky,
                    });
                }
                Err(pivot) if shift >= 1e-6 => {
                    return Err(Error::NotPositiveDefinite {
                        what: "Gram matrix",
                        pivot,
                    });
                }
                Err(_) => shift = if shift == 0.0 { 1e-15 } else { 10.0 * shift },
            }
        }
    }

    /// `rhs ← K⁻¹ rhs`.
    pub(crate) fn solve_in_place(&self, mut rhs: MatMut<'_, f64>) {
        self.scale_rows(rhs.as_mut());
        self.cholesky.solve_in_place(rhs.as_mut());
        self.scale_rows(rhs);
    }

    /// `L_Kᵀ u` with `K = L_K L_Kᵀ`, `L_K = D L`: what `L_K⁻¹` makes of `K u`.
    pub(crate) fn whiten(&self, mut u: Mat<f64>, out: MatMut<'_, f64>) {
        for j in 0..u.ncols() {
            for (i, d) in self.inverse_scale.iter().enumerate() {
                u[(i, j)] /= d;
            }
        }
        product::upper_times(out, self.cholesky.lower().transpose(), u.as_ref());
    }

    /// `z ← L_K⁻ᵀ z`.
    pub(crate) fn unwhiten(&self, mut z: MatMut<'_, f64>) {
        self.cholesky.solve_upper_in_place(z.as_mut());
        self.scale_rows(z);
    }

    pub(crate) fn dim(&self) -> usize {
        self.cholesky.dim()
    }

    /// The diagonal of `D⁻¹`.
    pub(crate) fn inverse_scale(&self) -> &[f64] {
        &self.inverse_scale
    }

    pub(crate) fn cholesky(&self) -> &Cholesky {
        &self.cholesky
    }

    /// Puts another factor of the same scaling in place.
    pub(crate) fn replace(&mut self, cholesky: Cholesky) {
        self.cholesky = cholesky;
    }

    fn scale_rows(&self, mut x: MatMut<'_, f64>) {
        for j in 0..x.ncols() {
            for (i, d) in self.inverse_scale.iter().enumerate() {
                x[(i, j)] *= d;
            }
        }
    }
}

/// `1/√K_ii`; one where the diagonal is zero (a zero row of `A`), NaN where it is not finite.
fn inverse_scale(k: &Mat<f64>) -> Vec<f64> {
    let one = |d: f64| {
        if d == 0.0 {
            1.0
        } else if d.is_finite() {
            1.0 / d.sqrt()
        } else {
            f64::NAN
        }
    };
    (0..k.nrows()).map(|i| one(k[(i, i)])).collect()
}

/// Lower triangle of `D⁻¹ K D⁻¹`.
fn scale(k: &mut Mat<f64>, inverse_scale: &[f64]) {
    for j in 0..k.ncols() {
        for i in j..k.nrows() {
            k[(i, j)] *= inverse_scale[i] * inverse_scale[j];
        }
    }
}
