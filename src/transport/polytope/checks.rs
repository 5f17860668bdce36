//! Checks of arguments that the rooms of this folder share.

use crate::error::{Error, Result};

/// A setting that must be positive and finite.
pub(crate) fn check_positive(field: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    let reason = format!("expected a positive number, found {value}");
    Err(Error::InvalidSetting { field, reason })
}
