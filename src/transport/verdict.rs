//! What counts as solved: measures the errors of a transport plan; the verdict itself is that of conic and linear programs.
//!
//! Everywhere `Solved` says that the certified gap and the marginal violation of the answer, both measured in the data as
//! given, are within their tolerances. `AlmostSolved` says that the marginals are met and no gap is certified.

use super::settings::Settings;
use crate::ipm::verdict::{Grade, decide};
use crate::ipm::{Ended, Stall, Status};

/// Marginal violation of an exact plan, over the mass, that is rounding error of sums of masses.
const MARGINAL_ROUNDING: f64 = 1e-12;
/// Reduced costs above minus this much of the largest cost, and gaps below this much of the terms of the bound, are rounding error.
pub(super) const COST_ROUNDING: f64 = 1e-14;

/// Largest gap, relative to the answer, that rounding excuses where some costs are far above the others.
const WIDE_GAP: f64 = 1e-7;

/// Gaps are certified and plans are exact up to rounding: no error may exceed its tolerance.
const NO_SLACK: f64 = 1.0;

/// A vertex and its bound.
pub(super) struct Vertex {
    pub(super) objective: f64,
    pub(super) lower_bound: f64,
    /// Sum of the absolute values of the objective's terms: at least `abs(objective)`, up to rounding.
    pub(super) magnitude: f64,
    pub(super) marginal_violation: f64,
    /// Mass of every coupling.
    pub(super) total: f64,
    /// Sum of the absolute values of the bound's terms.
    pub(super) dual_magnitude: f64,
    /// Largest absolute cost, where no cost is far above what is typical; 0 otherwise.
    pub(super) moderate_cost: f64,
}

impl Vertex {
    /// `Solved` where the gap is closed and the marginals are met, whatever ended the run; otherwise what ended it.
    pub(super) fn judge(&self, tol_gap_rel: f64, ended: Option<&Ended>) -> Status {
        let relative = tol_gap_rel * self.magnitude.min(self.objective.abs());
        // Potentials are rounded numbers: the terms of the bound, not the largest cost, say what that may count for. Masses are rounded as
        // well, and what they miss goes along any arc, unless one costs so much that this would hide the answer.
        let rounding_of_masses = f64::EPSILON * self.total * self.moderate_cost;
        let mut floor = COST_ROUNDING * self.dual_magnitude + rounding_of_masses;
        if self.moderate_cost == 0.0 {
            // Where some costs are far above the others, potentials of that size would excuse any gap.
            floor = floor.min(WIDE_GAP * self.magnitude.min(self.objective.abs()));
        }
        // A bound above the objective is as wrong as one below.
        let gap = (self.objective - self.lower_bound).abs();
        let gap = in_tolerances(gap, relative.max(floor));
        let violation = in_tolerances(self.marginal_violation, MARGINAL_ROUNDING * self.total);
        let grade = Grade {
            merit: gap.max(violation),
            nearly: false,
            proved: None,
        };
        let stalled = Ended::Stalled(Stall::NoProgress);
        decide(&grade, ended.unwrap_or(&stalled), NO_SLACK)
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
        let within = |tol: f64, allowed: f64| {
            if tol > 0.0 {
                in_tolerances(gap, allowed)
            } else {
                f64::INFINITY
            }
        };
        let relative = within(
            settings.tol_gap_rel,
            settings.tol_gap_rel * self.value.abs(),
        );
        let grade = Grade {
            merit: relative.min(within(settings.tol_gap_abs, settings.tol_gap_abs)),
            nearly: settings.tol_feas > 0.0
                && meets_marginals(self.raw_violation, self.total, settings.tol_feas),
            proved: None,
        };
        let status = decide(&grade, &Ended::Converged, NO_SLACK);
        (grade.merit <= 1.0 || grade.nearly).then_some(status)
    }
}

/// An error in units of what is allowed: at most 1 when it is within, infinity when it is NaN or nothing is allowed.
fn in_tolerances(error: f64, allowed: f64) -> f64 {
    if error <= allowed {
        (error / allowed).clamp(0.0, 1.0).min(1.0)
    } else if error.is_nan() || allowed <= 0.0 {
        f64::INFINITY
    } else {
        error / allowed
    }
}

/// Whether a violation is within `tol` of the mass.
pub(super) fn meets_marginals(violation: f64, total: f64, tol: f64) -> bool {
    violation <= tol * total
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    /// `Solved` ranks above `AlmostSolved`, and both above a run that goes on or ended otherwise.
    fn rank(status: Option<Status>) -> u8 {
        match status {
            Some(Status::Solved) => 2,
            Some(Status::AlmostSolved) => 1,
            _ => 0,
        }
    }

    /// A size between 1e-17 and about 1e3.
    fn size(of: u8) -> f64 {
        10f64.powf(f64::from(of) / 12.8 - 17.0)
    }

    fn vertex(gap: f64, violation: f64, objective: f64) -> Vertex {
        Vertex {
            objective,
            lower_bound: objective - gap,
            magnitude: objective.abs(),
            marginal_violation: violation,
            total: 1.0,
            dual_magnitude: 2.0,
            moderate_cost: 2.0,
        }
    }

    fn iterate(gap: f64, violation: f64, value: f64) -> Iterate {
        Iterate {
            value,
            lower_bound: value - gap,
            raw_violation: violation,
            total: 1.0,
        }
    }

    quickcheck! {
        fn smaller_errors_and_larger_tolerances_never_lose_a_verdict(
            gaps: (u8, u8), violations: (u8, u8), tolerances: (u8, u8, u8), more: u8
        ) -> bool {
            let larger = |size: f64| size * (1.0 + f64::from(more));
            let [small, large] = [gaps.0.min(gaps.1), gaps.0.max(gaps.1)].map(size);
            let [near, far] = [violations.0.min(violations.1), violations.0.max(violations.1)].map(size);
            let settings = Settings {
                tol_gap_rel: size(tolerances.0),
                tol_gap_abs: size(tolerances.1),
                tol_feas: size(tolerances.2),
                ..Settings::default()
            };
            let loose = Settings {
                tol_gap_rel: larger(settings.tol_gap_rel),
                tol_gap_abs: larger(settings.tol_gap_abs),
                tol_feas: larger(settings.tol_feas),
                ..settings.clone()
            };
            let exact = |gap, violation, tol| rank(Some(vertex(gap, violation, 0.7).judge(tol, None)));
            let rough = |gap, violation, s: &Settings| rank(iterate(gap, violation, 0.7).judge(s));
            exact(small, near, loose.tol_gap_rel) >= exact(large, far, settings.tol_gap_rel)
                && rough(small, near, &loose) >= rough(large, far, &settings)
        }
    }

    #[test]
    fn nothing_is_solved_without_a_bound_or_with_nan() {
        for gap in [f64::NAN, f64::INFINITY] {
            let status = vertex(gap, 0.0, 1.0).judge(1e-3, Some(&Ended::TimeLimit));
            assert_eq!(status, Status::TimeLimit);
            let settings = Settings {
                tol_gap_rel: 1.0,
                tol_gap_abs: 1.0,
                ..Settings::default()
            };
            assert_eq!(iterate(gap, 0.0, 1.0).judge(&settings), None);
        }
        let off = vertex(0.0, 1e-3, 1.0).judge(1e-3, None);
        assert_eq!(off, Status::InsufficientProgress);
        // A closed gap counts, whatever ended the run.
        let late = vertex(0.0, 0.0, 1.0).judge(0.0, Some(&Ended::Stopped));
        assert_eq!(late, Status::Solved);
    }
}
