//! How a solve ended, and with what.

use super::Dimacs;

/// How a solve ended. `Solved` and the two infeasibilities were checked in the original data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Status {
    /// All six DIMACS errors are within the tolerances, or within [`Settings::slack`](super::Settings) times them where
    /// rounding ended progress.
    Solved,
    /// Progress ended with all errors within `tol_almost`.
    AlmostSolved,
    /// No `x` is feasible, but for enormous ones: a certificate `y` with `bᵀy > 0`, `−Aᵀy ∈ K` to within `tol_infeas` was
    /// found; see [`Certificate`] for what it excludes.
    PrimalInfeasible,
    /// No `(y, s)` is feasible, but for enormous ones: a ray `x ∈ K` with `⟨c, x⟩ < 0` and `A x = 0` to within `tol_infeas`
    /// was found; see [`Certificate`] for what it excludes.
    DualInfeasible,
    /// The iteration limit came first.
    MaxIterations,
    /// The time limit came first.
    TimeLimit,
    /// The observer asked to stop.
    Stopped,
    /// The privacy budget of the projection came to its end first.
    BudgetExhausted,
    /// Steps became too short to go on, short of every tolerance.
    InsufficientProgress,
    /// A factorisation or a solve failed, short of every tolerance.
    NumericalError,
}

impl Status {
    /// Whether the question was answered: optimal, or certified infeasible.
    pub fn is_answer(self) -> bool {
        matches!(
            self,
            Status::Solved | Status::PrimalInfeasible | Status::DualInfeasible
        )
    }

    /// The name in snake case, as in machine output.
    pub fn name(self) -> &'static str {
        match self {
            Status::Solved => "solved",
            Status::AlmostSolved => "almost_solved",
            Status::PrimalInfeasible => "primal_infeasible",
            Status::DualInfeasible => "dual_infeasible",
            Status::MaxIterations => "max_iterations",
            Status::TimeLimit => "time_limit",
            Status::Stopped => "stopped",
            Status::BudgetExhausted => "budget_exhausted",
            Status::InsufficientProgress => "insufficient_progress",
            Status::NumericalError => "numerical_error",
        }
    }
}

/// A proof that a problem has no feasible point.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Certificate {
    /// `y` with `bᵀy = 1` and `−Aᵀy ∈ K` up to `violation`: every primal feasible `x` has `trace(x) ≥ 1/violation`.
    Primal {
        /// The multipliers, of length `m`.
        y: Vec<f64>,
        /// `max(0, −λ_min(−Aᵀy))`.
        violation: f64,
    },
    /// `x ∈ K` with `⟨c, x⟩ = −1` and `A x = 0` up to `violation`: every dual feasible `y` has `‖y‖ ≥ 1/violation`.
    Dual {
        /// The ray, a flat vector of length `N`.
        x: Vec<f64>,
        /// `‖A x‖`.
        violation: f64,
    },
}

/// Seconds by what they went to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Phases {
    /// Forming Gram matrices, where the projection keeps count.
    pub assembly: f64,
    /// Factoring them, where the projection keeps count.
    pub factorisation: f64,
    /// Scalings, right-hand sides, solves, and how far each direction may be followed.
    pub directions: f64,
    /// Moving, and factoring the new points.
    pub steps: f64,
    /// Residuals, DIMACS errors and certificates.
    pub checks: f64,
}

impl Phases {
    /// Of two runs after one another.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            assembly: self.assembly + other.assembly,
            factorisation: self.factorisation + other.factorisation,
            directions: self.directions + other.directions,
            steps: self.steps + other.steps,
            checks: self.checks + other.checks,
        }
    }
}

/// Where a solve ended: the best point seen, and its errors in the original data.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Solution {
    /// How it ended.
    pub status: Status,
    /// The primal point, a flat vector of length `N`: blocks after one another, matrices down their columns.
    pub x: Vec<f64>,
    /// The multipliers, of length `m`.
    pub y: Vec<f64>,
    /// The dual slack, laid out as `x`.
    pub s: Vec<f64>,
    /// `⟨c, x⟩`.
    pub primal_objective: f64,
    /// `bᵀy`.
    pub dual_objective: f64,
    /// Errors of the point, recomputed from the problem.
    pub dimacs: Dimacs,
    /// The proof, when the status is an infeasibility.
    pub certificate: Option<Certificate>,
    /// Iterations made.
    pub iterations: usize,
    /// Seconds they took.
    pub seconds: f64,
    /// The same, by what they went to.
    pub phases: Phases,
}
