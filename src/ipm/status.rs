//! What a point is worth.

/// What the point of a solve is worth. `Solved` and the two infeasibilities were checked in the program as it was stated; the
/// same rule holds for conic, linear and transport programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Status {
    /// All six DIMACS errors are within the tolerances, or within [`Settings::slack`](super::Settings::slack) times the
    /// tolerances where rounding, not a limit, ended progress.
    Solved,
    /// Progress ended with all errors within [`Settings::tol_almost`](super::Settings::tol_almost).
    AlmostSolved,
    /// No `x` of moderate size is feasible: a certificate `y` with `bᵀy > 0`, `−Aᵀy ∈ K` to within `tol_infeas` was
    /// found; see [`Certificate`](super::Certificate) for what it excludes.
    PrimalInfeasible,
    /// No `(y, s)` of moderate size is feasible: a ray `x ∈ K` with `⟨c, x⟩ < 0` and `A x = 0` to within `tol_infeas`
    /// was found; see [`Certificate`](super::Certificate) for what it excludes.
    DualInfeasible,
    /// The iteration limit came first.
    MaxIterations,
    /// The time limit came first.
    TimeLimit,
    /// The observer asked to stop.
    Stopped,
    /// The privacy budget of the projection came to its end first.
    BudgetExhausted,
    /// Further iterations would not have helped, short of every tolerance; [`Ended`](super::Ended) says why.
    InsufficientProgress,
    /// A factorisation or a solve failed, short of every tolerance.
    NumericalError,
}

impl Status {
    /// Whether the question was answered: optimal, or certified infeasible.
    pub fn is_answer(self) -> bool {
        self == Status::Solved || self.is_infeasible()
    }

    /// Whether there is a certificate that a side of the program has no feasible point.
    pub fn is_infeasible(self) -> bool {
        matches!(self, Status::PrimalInfeasible | Status::DualInfeasible)
    }

    /// Whether progress ended without an answer, for reasons other than a limit: something else may still find one.
    pub fn is_inconclusive(self) -> bool {
        matches!(
            self,
            Status::AlmostSolved | Status::InsufficientProgress | Status::NumericalError
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
