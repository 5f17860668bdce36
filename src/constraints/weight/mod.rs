//! Weights on blocks.

mod basis;
mod borrowed;
mod owned;

use super::Block;
pub use basis::Basis;
pub(crate) use borrowed::{GramPair, GramWeight, WeightCow};
use faer::{Mat, MatRef};
pub(crate) use owned::{OwnedWeight, Spectral, positive_definite, symmetric};

/// The weight of one block, as a caller hands it over. Positive definite, or refused.
///
/// | weight | block | row `i` of `B` | contribution to `(BBᵀ)_ij` |
/// |---|---|---|---|
/// | `Nonneg(w)` | nonnegative | `a_i ∘ w` | `Σ_k a_ik a_jk w_k²` |
/// | `Psd(W)` | PSD | `vec(W^½ A_i W^½)` | `tr(A_i W A_j W)` |
/// | `Root(G)` | PSD | `vec(GᵀA_iG)` | as `Psd(GGᵀ)` |
/// | `OneSided(W)` | PSD | `vec(A_i W)` | `tr(A_i A_j W²)` |
/// | `Spectral { U, λ }` | PSD | as `Psd(U diag(λ) Uᵀ)` | |
/// | `OneSidedSpectral { U, λ }` | PSD | as `OneSided(U diag(λ) Uᵀ)` | |
/// | `Pair { x, z }` | PSD | `vec(X^½ A_i Z^½)` | `tr(A_i X A_j Z)`, symmetric in `i` and `j` |
#[derive(Debug, Clone, Copy)]
pub enum BlockWeight<'a> {
    /// Positive numbers on a nonnegative block.
    Nonneg(&'a [f64]),
    /// `W` of `B = A (W^½ ⊗ W^½)`.
    Psd(MatRef<'a, f64>),
    /// A nonsingular `G` with `W = G Gᵀ`, for `B = A (G ⊗ G)`. The same Gram matrix as `Psd(GGᵀ)`, but the exact operator
    /// is applied through `G`: when `W` is ill-conditioned that keeps twice the digits.
    Root(MatRef<'a, f64>),
    /// `W` of `B = A (W ⊗ I)`.
    OneSided(MatRef<'a, f64>),
    /// `W = U diag(λ) Uᵀ` of `B = A (W^½ ⊗ W^½)`: a fixed eigenbasis and eigenvalues that move.
    Spectral {
        /// `U`.
        basis: &'a Basis,
        /// `λ`, positive.
        eigenvalues: &'a [f64],
    },
    /// The same of `B = A (W ⊗ I)`.
    OneSidedSpectral {
        /// `U`.
        basis: &'a Basis,
        /// `λ`, positive.
        eigenvalues: &'a [f64],
    },
    /// The pair of the HKM direction.
    Pair {
        /// Left matrix.
        x: MatRef<'a, f64>,
        /// Right matrix.
        z: MatRef<'a, f64>,
    },
}

/// The form of a [`BlockWeight`], without its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeightForm {
    /// [`BlockWeight::Nonneg`].
    Nonneg,
    /// [`BlockWeight::Psd`].
    Psd,
    /// [`BlockWeight::Root`].
    Root,
    /// [`BlockWeight::OneSided`].
    OneSided,
    /// [`BlockWeight::Spectral`].
    Spectral,
    /// [`BlockWeight::OneSidedSpectral`].
    OneSidedSpectral,
    /// [`BlockWeight::Pair`].
    Pair,
}

impl WeightForm {
    /// Every form.
    pub const ALL: [WeightForm; 7] = [
        WeightForm::Nonneg,
        WeightForm::Psd,
        WeightForm::Root,
        WeightForm::OneSided,
        WeightForm::Spectral,
        WeightForm::OneSidedSpectral,
        WeightForm::Pair,
    ];

    /// Whether row `i` of `B` is `a_i ∘ w` or `vec(W^½ A_i W^½)`: the same factor from both sides.
    pub fn is_two_sided(self) -> bool {
        match self {
            WeightForm::Nonneg | WeightForm::Psd | WeightForm::Root | WeightForm::Spectral => true,
            WeightForm::OneSided | WeightForm::OneSidedSpectral | WeightForm::Pair => false,
        }
    }

    /// The form in words, for errors.
    pub fn name(self) -> &'static str {
        match self {
            WeightForm::Nonneg => "a vector weight",
            WeightForm::Psd => "a two-sided weight",
            WeightForm::Root => "a root of a weight",
            WeightForm::OneSided => "a one-sided weight",
            WeightForm::Spectral => "a two-sided weight in an eigenbasis",
            WeightForm::OneSidedSpectral => "a one-sided weight in an eigenbasis",
            WeightForm::Pair => "a pair of weights",
        }
    }
}

impl BlockWeight<'_> {
    /// The form of this weight.
    pub fn form(&self) -> WeightForm {
        match self {
            BlockWeight::Nonneg(_) => WeightForm::Nonneg,
            BlockWeight::Psd(_) => WeightForm::Psd,
            BlockWeight::Root(_) => WeightForm::Root,
            BlockWeight::OneSided(_) => WeightForm::OneSided,
            BlockWeight::Spectral { .. } => WeightForm::Spectral,
            BlockWeight::OneSidedSpectral { .. } => WeightForm::OneSidedSpectral,
            BlockWeight::Pair { .. } => WeightForm::Pair,
        }
    }
}

impl<'a> From<MatRef<'a, f64>> for BlockWeight<'a> {
    fn from(w: MatRef<'a, f64>) -> Self {
        BlockWeight::Psd(w)
    }
}

impl<'a> From<&'a Mat<f64>> for BlockWeight<'a> {
    fn from(w: &'a Mat<f64>) -> Self {
        BlockWeight::Psd(w.as_ref())
    }
}

impl<'a> From<&'a [f64]> for BlockWeight<'a> {
    fn from(w: &'a [f64]) -> Self {
        BlockWeight::Nonneg(w)
    }
}

impl<'a> BlockWeight<'a> {
    /// Two-sided weights from a flat vector of these blocks.
    pub(crate) fn of_flat(blocks: &[Block], flat: &'a [f64]) -> Vec<Self> {
        let mut at = 0;
        let weight = |block: &Block| {
            let part = &flat[at..at + block.ambient()];
            at += block.ambient();
            match *block {
                Block::Psd(n) => BlockWeight::Psd(MatRef::from_column_major_slice(part, n, n)),
                Block::Nonneg(_) => BlockWeight::Nonneg(part),
            }
        };
        blocks.iter().map(weight).collect()
    }
}
