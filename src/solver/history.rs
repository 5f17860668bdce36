//! What a solve has done so far: iterations, seconds and phases, added up in one place.

use crate::clock::Instant;
use crate::error::Error;
use crate::ipm::{Attempt, AttemptRecord, Ended, Phases, Settings, Solution};

/// The attempts of one solve, with their iterations, seconds and phases added up.
#[derive(Debug)]
pub(super) struct History {
    begun: Instant,
    iterations: usize,
    phases: Phases,
    attempts: Vec<AttemptRecord>,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            begun: Instant::now(),
            iterations: 0,
            phases: Phases::default(),
            attempts: vec![],
        }
    }

    /// When the solve began.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Adds the iterations, phases and attempts of a run, or of a solve within this one.
    pub(super) fn add(&mut self, found: &Solution) {
        self.iterations += found.iterations;
        self.phases = self.phases.and(&found.phases);
        self.attempts.extend(found.attempts.iter().cloned());
    }

    /// Adds an attempt without iterations.
    pub(super) fn note(&mut self, attempt: Attempt, ended: Ended) {
        self.attempts.push(AttemptRecord::new(attempt, 0, ended));
    }

    /// Adds an attempt that could not begin.
    pub(super) fn refused(&mut self, attempt: Attempt, cause: Error) {
        self.note(attempt, Ended::Failed(cause));
    }

    /// The same for an error that the attempt itself may have recorded as its last entry.
    pub(super) fn refused_once(&mut self, attempt: Attempt, cause: Error) {
        let ended = Ended::Failed(cause);
        if self.attempts.last().is_none_or(|last| last.ended != ended) {
            self.note(attempt, ended);
        }
    }

    /// The settings with the iterations that are left. The time limit counts from the beginning of the solve, and stays.
    pub(super) fn remaining(&self, settings: &Settings) -> Settings {
        let mut rest = settings.clone();
        rest.max_iter = rest.max_iter.saturating_sub(self.iterations);
        rest
    }

    /// The solution, with the iterations, seconds and phases of all attempts.
    pub(super) fn closing(&self, found: Solution) -> Solution {
        Solution {
            attempts: self.attempts.clone(),
            iterations: self.iterations,
            seconds: self.begun.elapsed().as_secs_f64(),
            phases: self.phases,
            ..found
        }
    }
}
