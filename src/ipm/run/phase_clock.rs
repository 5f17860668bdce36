//! The clock of a run: seconds per phase.

use crate::clock::Instant;
use crate::ipm::Phases;
use crate::projection::Seconds;

/// Seconds per phase: every call charges the time since the previous call to one phase.
pub(super) struct PhaseClock {
    last: Instant,
    pub(super) phases: Phases,
}

impl PhaseClock {
    pub(super) fn new() -> Self {
        Self {
            last: Instant::now(),
            phases: Phases::default(),
        }
    }

    /// Seconds since the last call.
    fn phase_seconds(&mut self) -> f64 {
        let now = Instant::now();
        let seconds = (now - self.last).as_secs_f64();
        self.last = now;
        seconds
    }

    pub(super) fn charge_steps(&mut self) {
        self.phases.steps += self.phase_seconds();
    }

    pub(super) fn charge_checks(&mut self) {
        self.phases.checks += self.phase_seconds();
    }

    /// Charges the directions, without the time that the projection spent on its Gram matrix.
    pub(super) fn charge_directions(&mut self, before: Option<Seconds>, after: Option<Seconds>) {
        let (mut assembly, mut factorisation) = (0.0, 0.0);
        if let (Some(before), Some(after)) = (before, after) {
            assembly = after.assembly - before.assembly;
            factorisation = after.factorisation - before.factorisation;
        }
        self.phases.assembly += assembly;
        self.phases.factorisation += factorisation;
        self.phases.directions += self.phase_seconds() - assembly - factorisation;
    }
}
