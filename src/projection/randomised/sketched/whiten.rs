//! A factor of `K` for whitened multipliers.

use crate::constraints::Weighted;
use crate::error::{Error, Result};
use crate::projection::gram::{Assembler, ScaledFactor};

/// `K = L_K L_Kᵀ`, made on first use after an update: the inner structure may hold an inverse, or nothing that can be
/// taken apart.
///
/// # Complexity
/// An assembly and `m³/3` flops once an update that is followed by a whitened query; `m²` numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Whitener {
    assembler: Option<Assembler>,
    factor: Option<ScaledFactor<f64>>,
}

impl Whitener {
    /// To be called whenever the weight changes.
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
