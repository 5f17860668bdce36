//! What a structure tells of its work: how it took a weight over, why it rebuilt, and the seconds spent.

/// Seconds spent on Gram matrices since a structure was made.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Seconds {
    /// Forming them.
    pub assembly: f64,
    /// Factoring them.
    pub factorisation: f64,
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refresh {
    /// The weight is the one already held.
    Kept,
    /// The change is deferred: answers are refined, or within the drift that was allowed.
    Stale {
        /// Rank of what separates the weight given from the one absorbed, all blocks together.
        rank: usize,
    },
    /// Absorbed as a low-rank change.
    LowRank {
        /// Rank of the change of the weight, all blocks together.
        rank: usize,
        /// Rank of the change of `BBᵀ` (the inner dimension of the update).
        inner: usize,
    },
    /// Split in a sparse base and a low-rank part, which precondition the exact operator.
    Split {
        /// Large eigenvalues of the weight, all blocks together.
        rank: usize,
        /// Columns of the low-rank part.
        inner: usize,
    },
    /// Formed and factored again in single precision, which preconditions the exact operator.
    Single,
    /// Formed and factored again.
    Rebuilt(Reason),
}

impl Refresh {
    /// One word for it.
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

/// What a structure tells of its work; a field is `None` where the structure keeps no count.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Report {
    /// Seconds spent on Gram matrices since the structure was made.
    pub seconds: Option<Seconds>,
    /// The state that the answers since the last update were given from. The state can exceed what the update
    /// returned: an answer may have made a factor necessary.
    pub refresh: Option<Refresh>,
    /// Steps of conjugate gradients since the last update.
    pub steps: usize,
}

/// Why a structure was rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It had no weight before.
    First,
    /// It always recomputes.
    Always,
    /// The change has such a rank that maintaining would cost more.
    Rank,
    /// Maintaining would have lost, or had lost, too many digits.
    Conditioning,
    /// The form of the weight changed, one-sided to two-sided say.
    Form,
}
