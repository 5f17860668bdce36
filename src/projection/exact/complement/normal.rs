//! `(AAᵀ)⁻¹`, which does not change with the weight.

use crate::constraints::{Block, Constraints, OwnedWeight};
use crate::error::{Error, Result};
use crate::projection::gram::{Assembler, Base, ScaledFactor};
use crate::projection::gram::{GramInverse, Precision};
use faer::Mat;

/// Share of a full factor from which a sparse one is no longer worth its indices.
const SPARSE_UP_TO: f64 = 0.25;

/// A factor to make things with, then what answers fastest.
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
            Ok(base) if (base.nonzeros() as f64) < SPARSE_UP_TO * (m * m) as f64 + 64.0 => {
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

    /// Every column of `x ← (AAᵀ)⁻¹ x`, in double precision until [`Normal::hasten`] was called.
    pub(super) fn solve_columns(&self, x: &mut Mat<f64>) {
        match self {
            Normal::Sparse(base) => base.solve_columns(x),
            Normal::Dense(held) => match &**held {
                GramInverse::Factor(factor) => factor.solve_in_place(x.as_mut()),
                held => held.clone().apply_all(x.as_mut()),
            },
        }
    }

    /// Makes the inverse of a dense factor, in single precision where that is enough for a preconditioner.
    pub(super) fn hasten(&mut self) {
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

    /// Numbers that are held.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Normal::Sparse(base) => 8 * base.nonzeros(),
            Normal::Dense(held) => held.bytes(),
        }
    }
}
