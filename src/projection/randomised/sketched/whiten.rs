//! The factor of `K` that whitens multipliers.

use crate::constraints::Weighted;
use crate::error::{Error, Result};
use crate::projection::gram::{Assembler, ScaledFactor};

/// The factorisation `K = L_K L_Kᵀ`, computed on first use after an update. The factor is computed here because the inner structure
/// may hold an inverse or only a preconditioner.
///
/// # Complexity
/// An assembly and `m³/3` flops per update with a whitened query after it; `m²` numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Whitener {
    assembler: Option<Assembler>,
    factor: Option<ScaledFactor<f64>>,
}

impl Whitener {
    /// Drops the factor. The owner calls this whenever the weight changes.
    pub(super) fn forget(&mut self) {
        self.factor = None;
    }

    /// The factor at the weight of `B`.
    pub(super) fn factor(&mut self, weighted: &Weighted) -> Result<&ScaledFactor<f64>> {
        if self.factor.is_none() {
            let a = weighted.constraints();
            let assembler = self.assembler.get_or_insert_with(|| Assembler::new(a));
            let made = ScaledFactor::new(a, &weighted.held(), assembler)?;
            self.factor = Some(made);
        }
        self.factor.as_ref().ok_or(Error::NoWeight)
    }
}
