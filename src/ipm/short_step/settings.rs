//! Settings of the short-step method.

use crate::error::{Error, Result};

/// Settings of [`follow`](super::follow()) and [`central_point`](super::central_point()). `ν` is the degree of the cone: the sum of the
/// orders of its blocks.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `reduction` | 0.5 | `c`: inside the neighbourhood a step moves `t` to `(1 − c/√ν)t` | above 0, at most 1 |
/// | `centring` | 0.5 | longest move against the gradient of the potential in one step, in units of `t` | above 0, at most 1 |
/// | `radius` | 0.25 | largest distance of an eigenvalue of `XS` from `t` inside the neighbourhood, in units of `t` | above 0, at most 0.5 |
/// | `stale_tol` | 0.2 | `ε_mp`: drift of the weight, in the logarithm, that may stay unabsorbed | 0 to 1 |
/// | `drift` | 0.3 | estimated primal residual, in the local norm and units of `√t`, above which an exact solve removes it. Above 1 the repair is not a short step; with ∞ only the last steps repair | above 0 |
/// | `start_gap` | 1 | relative gap of the point on the central path that [`central_point`](super::central_point()) ends at | above 0 |
/// | `tol_gap_rel` | 1e-4 | relative duality gap (DIMACS errors 5 and 6) | between 0 and 1 |
/// | `tol_feas` | 1e-4 | relative infeasibilities (DIMACS errors 1 to 4) | between 0 and 1 |
/// | `max_iter` | 100 000 | steps before [`Status::MaxIterations`](crate::ipm::Status) | any |
/// | `time_limit` | ∞ | seconds before [`Status::TimeLimit`](crate::ipm::Status), checked once per step | ≥ 0 |
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Settings {
    /// `c` in the reduction of `t` by the factor `1 − c/√ν`.
    pub reduction: f64,
    /// Longest centring move.
    pub centring: f64,
    /// Half-width of the neighbourhood.
    pub radius: f64,
    /// Largest drift of the weight that may stay unabsorbed.
    pub stale_tol: f64,
    /// Largest estimated primal residual without a repair.
    pub drift: f64,
    /// Relative gap at the start of the path.
    pub start_gap: f64,
    /// Relative duality gap.
    pub tol_gap_rel: f64,
    /// Relative primal and dual infeasibility.
    pub tol_feas: f64,
    /// Largest number of steps.
    pub max_iter: usize,
    /// Largest number of seconds.
    pub time_limit: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reduction: 0.5,
            centring: 0.5,
            radius: 0.25,
            stale_tol: 0.2,
            drift: 0.3,
            start_gap: 1.0,
            tol_gap_rel: 1e-4,
            tol_feas: 1e-4,
            max_iter: 100_000,
            time_limit: f64::INFINITY,
        }
    }
}

impl Settings {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        let within = |field, v: f64, most: f64| match v > 0.0 && v <= most {
            true => Ok(()),
            false => Err(Error::InvalidSetting {
                field,
                reason: format!("expected a number above 0 and at most {most}, found {v}"),
            }),
        };
        within("reduction", self.reduction, 1.0)?;
        within("centring", self.centring, 1.0)?;
        within("radius", self.radius, 0.5)?;
        within("drift", self.drift, f64::INFINITY)?;
        within("start_gap", self.start_gap, f64::MAX)?;
        for (field, v) in [
            ("tol_gap_rel", self.tol_gap_rel),
            ("tol_feas", self.tol_feas),
        ] {
            if !(v > 0.0 && v < 1.0) {
                let reason = format!("expected a number between 0 and 1, found {v}");
                return Err(Error::InvalidSetting { field, reason });
            }
        }
        if !(0.0..=1.0).contains(&self.stale_tol) {
            let reason = format!("expected 0 to 1, found {}", self.stale_tol);
            return Err(Error::InvalidSetting {
                field: "stale_tol",
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

    /// The tolerances of the verdict. They have no slack for rounding, because approximate answers and not rounding errors limit
    /// the accuracy here.
    pub(super) fn tolerances(&self) -> crate::ipm::Settings {
        let least = self.tol_gap_rel.max(self.tol_feas);
        crate::ipm::Settings {
            tol_gap_rel: self.tol_gap_rel,
            tol_gap_abs: f64::MIN_POSITIVE,
            tol_feas: self.tol_feas,
            slack: 1.0,
            tol_almost: least.max(1e-5),
            ..crate::ipm::Settings::default()
        }
    }

    /// Number of steps that reduce the gap by the factor `ratio < 1` on a cone of this degree, if every step reduces `t`.
    ///
    /// ```
    /// use dyncvx::ipm::short_step::Settings;
    /// assert_eq!(Settings::default().steps(400, 1e-4), 364);
    /// ```
    pub fn steps(&self, degree: usize, ratio: f64) -> u64 {
        if !(ratio > 0.0 && ratio < 1.0) {
            return 1;
        }
        (ratio.ln() / self.factor(degree).ln()).ceil() as u64
    }

    /// The factor on `t` of a step inside the neighbourhood: `1 − c/√ν`, and at least 0.1.
    pub(super) fn factor(&self, degree: usize) -> f64 {
        (1.0 - self.reduction / (degree.max(1) as f64).sqrt()).max(0.1)
    }
}
