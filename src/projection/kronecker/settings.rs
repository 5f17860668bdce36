//! Settings of [`Kronecker`](super::Kronecker).

use super::cost::Rates;
use crate::error::{Error, Result};
pub use crate::projection::gram::Precision;

/// The actions that the structure may choose from when the weight changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// The action that the cost model predicts to be cheapest over the coming updates.
    #[default]
    Auto,
    /// Absorb every change at once, unless rebuilding is cheaper.
    Absorb,
    /// Absorb nothing: answers are refined from the inverse of an old weight until a rebuild is cheaper.
    Stale,
    /// Form and factor the Gram matrix again at every change.
    Rebuild,
}

/// Settings of [`Kronecker`](super::Kronecker).
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `stale_tol` | 0 | `ε_mp`: largest drift of the weight in answers to [`Goal::AsAbsorbed`](crate::projection::Goal::AsAbsorbed) | 0 to 10 |
/// | `policy` | `Auto` | actions to choose from when the weight changes | |
/// | `precision` | `Auto` | precision in which the inverse is stored | |
/// | `max_iter` | 200 | conjugate gradient steps per column | 1 or more |
/// | `buffer` | `None` | largest number of columns in the buffer; with `None` the cost model decides when to multiply the buffer out | 1 or more |
/// | `rates` | `None` | seconds of each kernel; measured if `None` | positive |
/// | `trace` | `false` | whether to keep a record of every update | |
///
/// With `rates` given, decisions do not depend on the clock: the same calls give bitwise equal answers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Largest drift of the weight that may stay unabsorbed.
    pub stale_tol: f64,
    /// Actions to choose from when the weight changes.
    pub policy: Policy,
    /// Precision in which the inverse is stored.
    pub precision: Precision,
    /// Conjugate gradient steps per column.
    pub max_iter: usize,
    /// Largest number of columns in the buffer.
    pub buffer: Option<usize>,
    /// Seconds of the kernels.
    pub rates: Option<Rates>,
    /// Whether to record every update.
    pub trace: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stale_tol: 0.0,
            policy: Policy::Auto,
            precision: Precision::Auto,
            max_iter: 200,
            buffer: None,
            rates: None,
            trace: false,
        }
    }
}

impl Settings {
    /// Checks the ranges of the table.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        let invalid = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        if !(0.0..=10.0).contains(&self.stale_tol) {
            return invalid(
                "stale_tol",
                format!("expected 0 to 10, found {}", self.stale_tol),
            );
        }
        if self.max_iter == 0 {
            return invalid("max_iter", "expected 1 or more, found 0".into());
        }
        if self.buffer == Some(0) {
            return invalid("buffer", "expected 1 or more, found 0".into());
        }
        match self.rates {
            Some(rates) => rates.validate(),
            None => Ok(()),
        }
    }
}
