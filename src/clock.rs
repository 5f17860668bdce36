//! The one place that reads the machine's clock.

use core::time::Duration;

/// A moment, as `std::time::Instant`. On `wasm32-unknown-unknown`, which has no clock, every moment is the same one: seconds
/// are reported as 0 and time limits above 0 are never reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Instant(
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))] std::time::Instant,
);

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
impl Instant {
    #[allow(
        clippy::disallowed_methods,
        reason = "the only place; `clippy.toml` forbids the call"
    )]
    pub(crate) fn now() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
impl Instant {
    pub(crate) fn now() -> Self {
        Self()
    }

    pub(crate) fn elapsed(self) -> Duration {
        Duration::ZERO
    }
}

impl core::ops::Sub for Instant {
    type Output = Duration;

    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    fn sub(self, earlier: Self) -> Duration {
        self.0 - earlier.0
    }

    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    fn sub(self, _: Self) -> Duration {
        Duration::ZERO
    }
}
