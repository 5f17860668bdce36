//! The limits of a row or a variable.

use crate::error::{Error, Result};

/// A lower and an upper limit, either of which may be missing.
///
/// A number of absolute value `1e20` or more means that there is no limit, as in most solvers and files.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    lower: f64,
    upper: f64,
}

impl Limits {
    /// From this absolute value on, a limit counts as missing.
    pub const UNLIMITED: f64 = 1e20;

    /// No limits.
    pub const FREE: Self = Self {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
    };

    /// At least 0.
    pub const NONNEGATIVE: Self = Self {
        lower: 0.0,
        upper: f64::INFINITY,
    };

    /// From `lower` to `upper`. A lower limit above the upper limit is allowed: the interval is then empty.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for NaN, a lower limit of `1e20` or more, an upper one of `−1e20` or less.
    pub fn new(lower: f64, upper: f64) -> Result<Self> {
        let refuse = |field, reason| Err(Error::InvalidSetting { field, reason });
        if lower.is_nan() || lower >= Self::UNLIMITED {
            let reason = format!("expected a number below 1e20, found {lower:?}");
            return refuse("lower limit", reason);
        }
        if upper.is_nan() || upper <= -Self::UNLIMITED {
            let reason = format!("expected a number above -1e20, found {upper:?}");
            return refuse("upper limit", reason);
        }
        Ok(Self {
            lower: if lower <= -Self::UNLIMITED {
                f64::NEG_INFINITY
            } else {
                lower
            },
            upper: if upper >= Self::UNLIMITED {
                f64::INFINITY
            } else {
                upper
            },
        })
    }

    /// At least `lower`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at_least(lower: f64) -> Result<Self> {
        Self::new(lower, f64::INFINITY)
    }

    /// At most `upper`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at_most(upper: f64) -> Result<Self> {
        Self::new(f64::NEG_INFINITY, upper)
    }

    /// Exactly `value`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn fixed(value: f64) -> Result<Self> {
        Self::new(value, value)
    }

    /// The lower limit, `−∞` when there is none.
    pub fn lower(self) -> f64 {
        self.lower
    }

    /// The upper limit, `∞` when there is none.
    pub fn upper(self) -> f64 {
        self.upper
    }

    /// Whether both limits are missing.
    pub fn is_free(self) -> bool {
        self.lower == f64::NEG_INFINITY && self.upper == f64::INFINITY
    }

    /// Whether exactly one value is within the limits.
    pub fn is_fixed(self) -> bool {
        self.lower == self.upper
    }

    /// Whether no value is within the limits.
    pub fn is_empty(self) -> bool {
        self.lower > self.upper
    }

    /// Distance of `value` from the interval: 0 within it, NaN for NaN.
    pub fn violation(self, value: f64) -> f64 {
        if value.is_nan() {
            return value;
        }
        // For an empty interval, the limit that is farther away counts.
        f64::max(self.lower - value, value - self.upper).max(0.0)
    }

    /// The limit that a multiplier of this sign belongs to, for an objective that is minimised; infinite when that limit is
    /// missing.
    pub(super) fn active(self, multiplier: f64) -> f64 {
        if multiplier > 0.0 {
            self.lower
        } else {
            self.upper
        }
    }

    /// The finite limit of smaller absolute value, 0 when both are missing.
    pub(super) fn nearest_to_zero(self) -> f64 {
        let (l, u) = (self.lower, self.upper);
        match (l.is_finite(), u.is_finite()) {
            (true, true) if u.abs() < l.abs() => u,
            (true, _) => l,
            (false, true) => u,
            (false, false) => 0.0,
        }
    }
}
