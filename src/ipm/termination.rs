//! Why a run ends, and when it has made too little progress to go on.

use super::Settings;
use super::params::{
    DIVERGED, DIVERGED_FROM, PATIENCE, PATIENCE_NEAR_TOLERANCE, PATIENCE_WITH_ROUNDING, PROGRESS,
};
use crate::error::Error;

/// Why one run ended. [`Status`](super::Status) says what its point is worth.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// All errors are within their tolerances.
    Converged,
    /// A certificate of infeasibility was found that holds up to rounding.
    Certified,
    /// The iteration limit came first.
    IterationLimit,
    /// The time limit came first.
    TimeLimit,
    /// The observer asked to stop.
    Stopped,
    /// The privacy budget of the projection came to its end.
    BudgetExhausted,
    /// Further iterations would not have helped.
    Stalled(Stall),
    /// A factorisation or a solve failed.
    Failed(Error),
}

/// Why further iterations would not have helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stall {
    /// The errors stopped falling.
    NoProgress,
    /// The errors grew far beyond those of the best point.
    Diverged,
    /// Steps became too short.
    ShortStep,
    /// The starting point is on the boundary of the cone, to working precision.
    NoInteriorStart,
    /// The value was found on a face, and no multipliers or no `x` within the tolerances attain it.
    Unattained,
}

impl Ended {
    /// The name in snake case, as in machine output.
    pub fn name(&self) -> &'static str {
        match self {
            Ended::Converged => "converged",
            Ended::Certified => "certified",
            Ended::IterationLimit => "iteration_limit",
            Ended::TimeLimit => "time_limit",
            Ended::Stopped => "stopped",
            Ended::BudgetExhausted => "budget_exhausted",
            Ended::Stalled(Stall::NoProgress) => "no_progress",
            Ended::Stalled(Stall::Diverged) => "diverged",
            Ended::Stalled(Stall::ShortStep) => "short_step",
            Ended::Stalled(Stall::NoInteriorStart) => "no_interior_start",
            Ended::Stalled(Stall::Unattained) => "unattained",
            Ended::Failed(_) => "failed",
        }
    }

    /// Whether a limit or the caller ended the run: then nothing else is tried.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Ended::IterationLimit | Ended::TimeLimit | Ended::Stopped | Ended::BudgetExhausted
        )
    }

    /// Whether the run ended short of its tolerances for reasons of its own.
    pub fn gave_up(&self) -> bool {
        matches!(self, Ended::Stalled(_) | Ended::Failed(_))
    }

    /// What failed.
    pub fn cause(&self) -> Option<&Error> {
        match self {
            Ended::Failed(error) => Some(error),
            _ => None,
        }
    }
}

/// How the errors of a run have developed. Errors are in units of their tolerances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// The least error so far.
    best: f64,
    /// The error when it last fell by a tenth, and the iteration at which it did.
    mark: f64,
    since: usize,
}

/// What one iterate says about the prospects of a run.
pub(super) struct Prospects {
    pub iteration: usize,
    /// The largest error in units of its tolerance.
    pub merit: f64,
    /// Whether `A x = b` alone is missed, by rounding, in a program with matrix blocks.
    pub rounding_alone: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            best: f64::INFINITY,
            mark: f64::INFINITY,
            since: 0,
        }
    }

    /// Records the error of a new iterate; whether it is the least so far.
    pub(super) fn record(&mut self, merit: f64) -> bool {
        let better = merit < self.best;
        if better {
            self.best = merit;
        }
        better
    }

    /// Why the run should end at this iterate, if it should.
    pub(super) fn stalls(&mut self, now: &Prospects) -> Option<Stall> {
        let patience = if self.best >= DIVERGED_FROM.get() {
            PATIENCE.count()
        } else if now.rounding_alone {
            PATIENCE_WITH_ROUNDING.count()
        } else {
            PATIENCE_NEAR_TOLERANCE.count()
        };
        if now.merit < PROGRESS * self.mark {
            (self.mark, self.since) = (now.merit, now.iteration);
        } else if now.iteration - self.since >= patience {
            return Some(Stall::NoProgress);
        }
        // Far off a point that was nearly right: rounding has taken over.
        let lost = now.merit > DIVERGED.get() * self.best && self.best < DIVERGED_FROM.get();
        (lost || !now.merit.is_finite()).then_some(Stall::Diverged)
    }
}

/// The limit that has been reached, if one has.
pub(super) fn limit(settings: &Settings, iterations: usize, seconds: f64) -> Option<Ended> {
    if iterations >= settings.max_iter {
        Some(Ended::IterationLimit)
    } else if seconds >= settings.time_limit {
        Some(Ended::TimeLimit)
    } else {
        None
    }
}
