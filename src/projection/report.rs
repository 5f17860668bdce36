//! Reports of a structure on its work: the action taken at an update, the reason for a rebuild, and the seconds spent.

/// Seconds spent on Gram matrices since a structure was made.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Seconds {
    /// Seconds spent on forming Gram matrices.
    pub assembly: f64,
    /// Seconds spent on factoring Gram matrices.
    pub factorisation: f64,
}

/// The action taken at an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refresh {
    /// None: the weight equals the last one.
    Kept,
    /// The change is deferred. Answers are refined, or approximate within the allowed drift.
    Stale {
        /// Rank of the difference between the weight given and the weight absorbed, over all blocks.
        rank: usize,
    },
    /// The change was absorbed as a low-rank change.
    LowRank {
        /// Rank of the change of the weight, over all blocks.
        rank: usize,
        /// Rank of the change of `BBᵀ` (the inner dimension of the update).
        inner: usize,
    },
    /// The weight was split into a sparse base and a low-rank part, which precondition the exact operator.
    Split {
        /// Number of large eigenvalues of the weight, over all blocks.
        rank: usize,
        /// Columns of the low-rank part.
        inner: usize,
    },
    /// The Gram matrix was formed and factored again in single precision. The factor preconditions the exact operator.
    Single,
    /// The Gram matrix was formed and factored again.
    Rebuilt(Reason),
}

impl Refresh {
    /// The name of this action in tables: one word.
    pub fn name(self) -> &'static str {
        match self {
            Refresh::Kept => "kept",
            Refresh::Stale { .. } => "stale",
            Refresh::LowRank { .. } => "low_rank",
            Refresh::Split { .. } => "split",
            Refresh::Single => "single",
            Refresh::Rebuilt(_) => "factor",
        }
    }
}

/// The report of a structure on its work. A field is `None` where the structure keeps no count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Report {
    /// Seconds spent on Gram matrices since the structure was made.
    pub seconds: Option<Seconds>,
    /// The action that the answers since the last update are based on. This can differ from the action that the update
    /// returned, because a later answer may have needed a factor.
    pub refresh: Option<Refresh>,
    /// Conjugate gradient steps since the last update.
    pub steps: usize,
}

/// Why a structure formed and factored its matrices again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The structure had no weight before.
    First,
    /// The structure always recomputes.
    Always,
    /// The change has so high a rank that absorbing it would cost more than a rebuild.
    Rank,
    /// Absorbing the change would lose too many digits, or earlier changes have lost them.
    Conditioning,
    /// The form of the weight changed, for example from one-sided to two-sided.
    Form,
}
