//! Settings of the exact methods.

use crate::error::{Error, Result};
use crate::transport::polytope::marginals::MASS_TOLERANCE;

/// Settings of [`exact`](super::exact) and [`exact_sparse`](super::exact_sparse).
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `half_steps` | 40 | Sinkhorn half-steps that choose the first arcs, unless potentials are given; see below | any |
/// | `beta` | 3000 | inverse temperature of the last half-step, for a cost of range 1 | ≥ 10 |
/// | `arcs` | 16 | arcs kept per row and per column at first | ≥ 1 |
/// | `max_rounds` | 1000 | pricings of all arcs, at most | ≥ 1 |
/// | `tol_gap_rel` | 1e-9 | certified gap, relative to the objective, at which the answer counts as optimal | ≥ 0 |
/// | `time_limit` | ∞ | seconds | > 0 |
/// | `finish` | `Simplex` | what solves on the arcs kept | see [`Finish`] |
///
/// Half as many half-steps run on all points where a sample of the points was annealed before. Beyond 10 000 points the
/// number of half-steps grows with the square of the number of points, to ten times as many at most.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExactSettings {
    /// Half-steps that choose the first arcs.
    pub half_steps: usize,
    /// Inverse temperature of the last half-step.
    pub beta: f64,
    /// Arcs kept per row and per column at first.
    pub arcs: usize,
    /// Pricings at most.
    pub max_rounds: usize,
    /// Relative certified gap.
    pub tol_gap_rel: f64,
    /// Seconds.
    pub time_limit: f64,
    /// By how much, over the total mass, the masses of rows and columns of a block of arcs may differ.
    pub mass_tolerance: f64,
    /// What solves on the arcs kept.
    pub finish: Finish,
}

/// What solves on the arcs that were kept. Both end at a vertex with the same certificate.
///
/// The simplex was faster on everything measured; the numbers are in `papers/exact-transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Finish {
    /// The network simplex.
    #[default]
    Simplex,
    /// The interior-point method on [`Bipartite`](crate::projection::Bipartite), with pricing and a warm start between its
    /// rounds. The network simplex then goes to a vertex from the tree of the arcs of largest mass over reduced cost.
    InteriorPoint,
}

impl Default for ExactSettings {
    fn default() -> Self {
        Self {
            half_steps: 40,
            beta: 3000.0,
            arcs: 16,
            max_rounds: 1000,
            tol_gap_rel: 1e-9,
            time_limit: f64::INFINITY,
            mass_tolerance: MASS_TOLERANCE,
            finish: Finish::default(),
        }
    }
}

impl ExactSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] with the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fail = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        if !(self.beta >= 10.0 && self.beta.is_finite()) {
            let reason = format!("expected a finite number ≥ 10, found {}", self.beta);
            return fail("beta", reason);
        }
        for (field, v) in [("arcs", self.arcs), ("max_rounds", self.max_rounds)] {
            if v == 0 {
                return fail(field, "expected at least 1, found 0".into());
            }
        }
        if !(self.tol_gap_rel >= 0.0 && self.tol_gap_rel.is_finite()) {
            let reason = format!("expected a finite number ≥ 0, found {}", self.tol_gap_rel);
            return fail("tol_gap_rel", reason);
        }
        if !(0.0..1.0).contains(&self.mass_tolerance) {
            let found = self.mass_tolerance;
            let reason = format!("expected a number from 0 to below 1, found {found}");
            return fail("mass_tolerance", reason);
        }
        if self.time_limit.is_nan() || self.time_limit <= 0.0 {
            let reason = format!("expected a positive number, found {}", self.time_limit);
            return fail("time_limit", reason);
        }
        Ok(())
    }
}
