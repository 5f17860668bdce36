//! What may end a run from outside: the clock and the observer.

use super::settings::ExactSettings;
use crate::clock::Instant;
use crate::ipm::Ended;
use crate::transport::settings::{Observer, Snapshot};

/// The clock and the observer of a run, and what they ended it with.
pub(super) struct Monitor<'a> {
    clock: Instant,
    time_limit: f64,
    observer: &'a mut Observer<'a>,
    calls: usize,
    ended: Option<Ended>,
}

impl<'a> Monitor<'a> {
    pub(super) fn new(
        settings: &ExactSettings,
        clock: Instant,
        observer: &'a mut Observer<'a>,
    ) -> Self {
        Self {
            clock,
            time_limit: settings.time_limit,
            observer,
            calls: 0,
            ended: None,
        }
    }

    /// Shows the observer where the run is; true where the observer or the clock ends the run.
    pub(super) fn ends(&mut self, beta: f64) -> bool {
        let seconds = self.seconds();
        self.calls += 1;
        if seconds > self.time_limit {
            self.ended = Some(Ended::TimeLimit);
        }
        let seen = Snapshot {
            iteration: self.calls,
            step: 0.0,
            beta,
            value: f64::NAN,
            upper: f64::INFINITY,
            lower: f64::NEG_INFINITY,
            violation: f64::NAN,
            seconds,
        };
        if (self.observer)(&seen).is_break() {
            self.ended = Some(Ended::Stopped);
        }
        self.ended.is_some()
    }

    /// Ends the run for another reason.
    pub(super) fn end(&mut self, why: Ended) {
        self.ended = Some(why);
    }

    pub(super) fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    pub(super) fn seconds(&self) -> f64 {
        self.clock.elapsed().as_secs_f64()
    }

    pub(super) fn seconds_left(&self) -> f64 {
        (self.time_limit - self.seconds()).max(0.0)
    }
}

/// Seconds between one mark and the next.
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the last mark, which is moved to now.
    pub(super) fn lap(&mut self) -> f64 {
        let seconds = self.0.elapsed().as_secs_f64();
        self.0 = Instant::now();
        seconds
    }
}
