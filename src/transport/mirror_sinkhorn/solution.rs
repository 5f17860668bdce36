//! What Mirror Sinkhorn returns.

use crate::ipm::Status;
use crate::transport::step_size::Steps;

/// A coupling that was rounded onto the polytope.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RoundedPlan {
    /// The plan, first index fastest.
    pub plan: Vec<f64>,
    /// Objective at the plan (`NaN` when a stochastic objective's expectation is unknown).
    pub value: f64,
    /// l1 marginal violation of the plan: rounding error.
    pub marginal_violation: f64,
    /// l1 marginal violation before rounding.
    pub raw_violation: f64,
    /// Objective before rounding.
    pub raw_value: f64,
}

/// What [`minimise`](super::minimise) and [`minimise_stochastic`](super::minimise_stochastic) return.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MirrorSinkhornSolution {
    /// Why the iteration ended.
    pub status: Status,
    /// The last iterate.
    pub last: RoundedPlan,
    /// The average of the iterates, when [`Settings::average`](crate::transport::Settings::average) is on.
    pub average: Option<RoundedPlan>,
    /// Certified lower bound on the minimum; minus infinity when none was found.
    pub lower_bound: f64,
    /// Step lengths and the bounds they imply.
    pub steps: Steps,
    /// One vector per measure: `γ = exp(log kernel + Σ_k u_k)` with, for linear objectives, kernel `−β C` (`β` is
    /// `steps.sum` plus that of the start): a warm start.
    pub potentials: Vec<Vec<f64>>,
    /// Inverse temperature of a linear objective, the start's included.
    pub beta: f64,
    /// Wall seconds.
    pub seconds: f64,
}

impl MirrorSinkhornSolution {
    /// The answer of smaller value.
    pub fn best(&self) -> &RoundedPlan {
        match &self.average {
            Some(a) if a.value < self.last.value => a,
            _ => &self.last,
        }
    }

    /// Objective of the best answer.
    pub fn objective(&self) -> f64 {
        self.best().value
    }

    /// Certified gap of the best answer.
    pub fn gap(&self) -> f64 {
        self.objective() - self.lower_bound
    }
}
