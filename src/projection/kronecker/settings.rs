//! What a caller may decide about [`Kronecker`](super::Kronecker).

use super::cost::Rates;
use crate::error::{Error, Result};
pub use crate::projection::gram::Precision;

/// Which ways of following a change may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// Whatever the cost model predicts to be cheapest over the updates to come.
    #[default]
    Auto,
    /// Absorb every change at once, unless rebuilding is cheaper.
    Absorb,
    /// Absorb nothing: answers are refined from the inverse of an old weight until rebuilding pays.
    Stale,
    /// Form and factor again at every change.
    Rebuild,
}

/// Settings of [`Kronecker`](super::Kronecker).
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `stale_tol` | 0 | `ε_mp`: drift of the weight that [`Goal::AsAbsorbed`](crate::projection::Goal::AsAbsorbed) answers may have | 0 to 10 |
/// | `policy` | `Auto` | which ways of following a change may be taken | |
/// | `precision` | `Auto` | in which precision the inverse is stored | |
/// | `max_iter` | 200 | conjugate gradient steps a column | 1 or more |
/// | `buffer` | `None` | columns of the buffer before it is multiplied out; the cost model if `None` | 1 or more |
/// | `rates` | `None` | seconds of each kernel; measured if `None` | positive |
/// | `trace` | `false` | whether to keep a record of every update | |
///
/// With `rates` given, decisions do not depend on the clock: the same calls give the same answers to the last bit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Drift that may stay unabsorbed.
    pub stale_tol: f64,
    /// Which ways may be taken.
    pub policy: Policy,
    /// Storage of the inverse.
    pub precision: Precision,
    /// Conjugate gradient steps a column.
    pub max_iter: usize,
    /// Columns of the buffer.
    pub buffer: Option<usize>,
    /// Costs of the kernels.
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
