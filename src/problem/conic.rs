//! The program that the interior-point solver takes.

use crate::constraints::Constraints;
use crate::error::{Result, check_finite, check_shape, invalid_setting};
use std::sync::Arc;

/// `min ⟨c, x⟩` subject to `A x = b`, `x ∈ K`; its dual is `max bᵀy` subject to `s = c − Aᵀy ∈ K`.
///
/// `K` is the product of the blocks of `A`: positive semidefinite matrices and nonnegative numbers.
#[derive(Debug, Clone)]
pub struct ConicProgram {
    a: Arc<Constraints>,
    b: Vec<f64>,
    c: Constraints,
}

impl ConicProgram {
    /// `c` is a single row over the same blocks as `a`; `b` has one number per row of `a`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite);
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) if the blocks of `c` and of `a` differ.
    pub fn new(a: impl Into<Arc<Constraints>>, b: Vec<f64>, c: Constraints) -> Result<Self> {
        let a = a.into();
        check_shape("right-hand side b", (a.len(), 1), (b.len(), 1))?;
        check_shape("cost c", (1, a.ambient()), (c.len(), c.ambient()))?;
        check_finite("right-hand side b", &b)?;
        if c.blocks() != a.blocks() {
            let reason = format!(
                "expected the blocks of the constraints, {:?}, found {:?}",
                a.blocks(),
                c.blocks()
            );
            return invalid_setting("c", reason);
        }
        Ok(Self { a, b, c })
    }

    /// The rows `A`.
    pub fn constraints(&self) -> &Arc<Constraints> {
        &self.a
    }

    /// The right-hand side `b`, of length `m`.
    pub fn rhs(&self) -> &[f64] {
        &self.b
    }

    /// The cost `c`, as a single row.
    pub fn cost(&self) -> &Constraints {
        &self.c
    }
}
