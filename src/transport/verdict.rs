//! What counts as solved: the one place of this folder that turns measured errors into a [`Status`].
//!
//! Everywhere `Solved` says that the certified gap and the marginal violation of the answer, both measured in the data as
//! given, are within their tolerances. `AlmostSolved` says that the marginals are met and no gap is certified.

use super::settings::Settings;
use crate::ipm::Status;

/// Marginal violation of an exact plan, over the mass, that is rounding error of sums of masses.
const MARGINAL_ROUNDING: f64 = 1e-12;
/// Reduced costs and gaps above minus this much of the largest cost are rounding error.
pub(super) const COST_ROUNDING: f64 = 1e-14;

/// A vertex and its bound.
pub(super) struct Vertex {
    pub(super) objective: f64,
    pub(super) lower_bound: f64,
    /// Sum of the absolute values of the objective's terms: at least `abs(objective)`, up to rounding.
    pub(super) magnitude: f64,
    pub(super) marginal_violation: f64,
    /// Mass of every coupling.
    pub(super) total: f64,
    /// Largest absolute cost.
    pub(super) largest_cost: f64,
}

impl Vertex {
    /// `Solved` where the gap is closed and the marginals are met, whatever ended the run; otherwise what ended it.
    pub(super) fn judge(&self, tol_gap_rel: f64, ended: Option<Status>) -> Status {
        let relative = tol_gap_rel * self.magnitude.min(self.objective.abs());
        let floor = COST_ROUNDING * self.total * self.largest_cost;
        let closed = self.objective - self.lower_bound <= relative.max(floor);
        let feasible = self.marginal_violation <= MARGINAL_ROUNDING * self.total;
        if closed && feasible {
            return Status::Solved;
        }
        ended.unwrap_or(Status::InsufficientProgress)
    }
}

/// A rounded plan of an iteration, its bound, and the violation before rounding.
pub(super) struct Iterate {
    pub(super) value: f64,
    pub(super) lower_bound: f64,
    pub(super) raw_violation: f64,
    /// Mass of every coupling.
    pub(super) total: f64,
}

impl Iterate {
    /// Whether an iteration may end here. A tolerance of 0 is switched off.
    pub(super) fn judge(&self, settings: &Settings) -> Option<Status> {
        let gap = self.value - self.lower_bound;
        let relative = settings.tol_gap_rel > 0.0 && gap <= settings.tol_gap_rel * self.value.abs();
        let absolute = settings.tol_gap_abs > 0.0 && gap <= settings.tol_gap_abs;
        if relative || absolute {
            return Some(Status::Solved);
        }
        (settings.tol_feas > 0.0
            && meets_marginals(self.raw_violation, self.total, settings.tol_feas))
        .then_some(Status::AlmostSolved)
    }
}

/// Whether a violation is within `tol` of the mass.
pub(super) fn meets_marginals(violation: f64, total: f64, tol: f64) -> bool {
    violation <= tol * total
}
