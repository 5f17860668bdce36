//! What a caller can set.

use crate::error::{Error, Result};

/// Settings of [`solve`](super::solve()).
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `max_iter` | 200 | iterations before [`Status::MaxIterations`](super::Status) | any |
/// | `time_limit` | ∞ | seconds before [`Status::TimeLimit`](super::Status), checked once an iteration | ≥ 0 |
/// | `tol_gap_rel` | 1e-8 | relative duality gap (DIMACS errors 5 and 6) | between 0 and 1 |
/// | `tol_gap_abs` | 1e-8 | absolute duality gap that is enough as well | between 0 and 1 |
/// | `tol_feas` | 1e-8 | relative infeasibilities (DIMACS errors 1 to 4) | between 0 and 1 |
/// | `tol_infeas` | 1e-8 | relative violation of an infeasibility certificate | between 0 and 1 |
/// | `direction` | automatic | linearisation of complementarity | see [`SearchDirection`] |
/// | `slack` | 10 | how many times its tolerance each error may be, when progress ends in rounding, for the point to be called [`Status::Solved`](super::Status) all the same | 1 to 1000 |
/// | `tol_almost` | 1e-5 | largest error of a point called [`Status::AlmostSolved`](super::Status) | ≥ `tol_feas` and `tol_gap_rel`, below 1 |
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Settings {
    /// Largest number of iterations.
    pub max_iter: usize,
    /// Seconds.
    pub time_limit: f64,
    /// Relative duality gap.
    pub tol_gap_rel: f64,
    /// Absolute duality gap.
    pub tol_gap_abs: f64,
    /// Relative primal and dual infeasibility.
    pub tol_feas: f64,
    /// Relative violation of an infeasibility certificate.
    pub tol_infeas: f64,
    /// Errors of this many times their tolerances still count as solved when rounding keeps the iteration from better. The
    /// tolerances themselves are what is aimed at.
    pub slack: f64,
    /// Largest error of an almost solved point.
    pub tol_almost: f64,
    /// Linearisation of complementarity.
    pub direction: SearchDirection,
}

/// How `X S = μI` is linearised.
///
/// Measured with `dyncvx sdp --direction nt|hkm` on SDPLIB: both reach the same digits and the iteration counts are close; HKM
/// costs a half to a fifth of the time where matrix orders dominate, and exploits a sparse dual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum SearchDirection {
    /// HKM where the projection maintains its weight and does not prefer two-sided ones, Nesterov–Todd otherwise. A run that gives
    /// up is followed by one along the other: after HKM only when it ended far from any solution.
    #[default]
    Auto,
    /// Symmetric scaling; the weight is [`BlockWeight::Root`](crate::constraints::BlockWeight).
    NesterovTodd,
    /// Helmberg–Kojima–Monteiro; the weight is [`BlockWeight::Pair`](crate::constraints::BlockWeight), which not every
    /// projection maintains.
    Hkm,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_iter: 200,
            time_limit: f64::INFINITY,
            tol_gap_rel: 1e-8,
            tol_gap_abs: 1e-8,
            tol_feas: 1e-8,
            tol_infeas: 1e-8,
            slack: 10.0,
            tol_almost: 1e-5,
            direction: SearchDirection::default(),
        }
    }
}

impl Settings {
    /// The default settings with one tolerance for gap and feasibility.
    pub fn with_tolerance(tol: f64) -> Self {
        let tol_almost = f64::max(1e-5, tol);
        Self {
            tol_gap_rel: tol,
            tol_gap_abs: tol,
            tol_feas: tol,
            tol_almost,
            ..Self::default()
        }
    }

    /// An absolute gap in units of whichever of the two tolerances is easier; `scale` is `1 + │⟨c, x⟩│ + │bᵀy│`.
    pub(crate) fn gap_in_tolerances(&self, gap: f64, scale: f64) -> f64 {
        (gap / scale / self.tol_gap_rel).min(gap / self.tol_gap_abs)
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        let positive = |field: &'static str, v: f64| {
            if v > 0.0 && v < 1.0 {
                return Ok(());
            }
            Err(Error::InvalidSetting {
                field,
                reason: format!("expected a number between 0 and 1, found {v}"),
            })
        };
        positive("tol_gap_rel", self.tol_gap_rel)?;
        positive("tol_gap_abs", self.tol_gap_abs)?;
        positive("tol_feas", self.tol_feas)?;
        positive("tol_infeas", self.tol_infeas)?;
        positive("tol_almost", self.tol_almost)?;
        let least = self.tol_feas.max(self.tol_gap_rel);
        if self.tol_almost < least {
            let reason = format!(
                "expected at least {least}, the other tolerances, found {}",
                self.tol_almost
            );
            return Err(Error::InvalidSetting {
                field: "tol_almost",
                reason,
            });
        }
        if !(1.0..=1e3).contains(&self.slack) {
            let reason = format!("expected a number from 1 to 1000, found {}", self.slack);
            return Err(Error::InvalidSetting {
                field: "slack",
                reason,
            });
        }
        if self.time_limit.is_nan() || self.time_limit < 0.0 {
            let reason = format!("expected seconds, 0 or more, found {}", self.time_limit);
            return Err(Error::InvalidSetting {
                field: "time_limit",
                reason,
            });
        }
        Ok(())
    }
}
