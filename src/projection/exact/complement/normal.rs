//! `(AAᵀ)⁻¹`, which does not depend on the weight.

use crate::constraints::{Block, Constraints, OwnedWeight};
use crate::error::{Error, Result};
use crate::projection::gram::{Assembler, Base, ScaledFactor};
use crate::projection::gram::{GramInverse, Precision};
use faer::Mat;

/// A sparse factor with at least this share of the `m²` numbers of a dense factor is slower than the dense factor, because of
/// its indices.
const MAX_SPARSE_FILL: f64 = 0.25;

/// The inverse of `AAᵀ`: a sparse factor, or a dense factor that [`Normal::form_inverse`] replaces by the inverse.
#[derive(Debug, Clone)]
pub(super) enum Normal {
    Sparse(Box<Base>),
    Dense(Box<GramInverse>),
}

impl Normal {
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::TooLarge`].
    pub(super) fn new(a: &Constraints) -> Result<Self> {
        let (m, assembler) = (a.len(), Assembler::new(a));
        match Base::new(a) {
            Ok(base) if (base.nonzeros() as f64) < MAX_SPARSE_FILL * (m * m) as f64 + 64.0 => {
                return Ok(Normal::Sparse(Box::new(base)));
            }
            Ok(_) | Err(Error::Unsupported { .. }) => {}
            Err(error) => return Err(error),
        }
        let identity: Vec<OwnedWeight> = a
            .blocks()
            .iter()
            .map(|b| match *b {
                Block::Psd(n) => OwnedWeight::TwoSided(Mat::identity(n, n)),
                Block::Nonneg(n) => OwnedWeight::Nonneg(vec![1.0; n]),
            })
            .collect();
        let factor = ScaledFactor::new(a, &identity, &assembler)?;
        Ok(Normal::Dense(Box::new(GramInverse::Factor(Box::new(
            factor,
        )))))
    }

    /// `x ← (AAᵀ)⁻¹ x` for every column, in double precision until [`Normal::form_inverse`] is called.
    pub(super) fn solve_columns(&self, x: &mut Mat<f64>) {
        match self {
            Normal::Sparse(base) => base.solve_columns(x),
            Normal::Dense(held) => match &**held {
                GramInverse::Factor(factor) => factor.solve_in_place(x.as_mut()),
                held => held.clone().apply_all(x.as_mut()),
            },
        }
    }

    /// Replaces a dense factor by the inverse, in single precision where that is enough for a preconditioner.
    pub(super) fn form_inverse(&mut self) {
        if let Normal::Dense(held) = self {
            held.invert(Precision::Auto);
        }
    }

    /// `x ← (AAᵀ)⁻¹ x`; nothing is allocated.
    pub(super) fn solve_in_place(&mut self, x: &mut [f64]) {
        match self {
            Normal::Sparse(base) => base.solve_in_place(x),
            Normal::Dense(held) => held.apply(x),
        }
    }

    /// Bytes of the factor or of the inverse.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Normal::Sparse(base) => 8 * base.nonzeros(),
            Normal::Dense(held) => held.bytes(),
        }
    }
}
