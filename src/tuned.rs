//! Thresholds that were chosen by measurement, each with the interval over which the answers stay the same.
//!
//! Every area keeps its own in a file `params.rs`, declared by [`tuned!`]: the value, the interval, and the instance that
//! bounds it. The test `every_threshold_can_move_across_its_interval` sets each threshold to both ends of its interval and
//! solves the bundled problems again.

/// A threshold with a name, a value, the interval that it may be moved in, and the instance that the interval comes from.
#[derive(Debug)]
pub(crate) struct Tuned {
    value: f64,
    #[cfg(test)]
    pub(crate) name: &'static str,
    #[cfg(test)]
    pub(crate) interval: [f64; 2],
    /// The bits of the value in force during a sweep, `u64::MAX` outside one.
    #[cfg(test)]
    moved: core::sync::atomic::AtomicU64,
}

impl Tuned {
    #[cfg_attr(
        not(test),
        allow(unused_variables, reason = "the sweep alone reads them")
    )]
    pub(crate) const fn new(name: &'static str, value: f64, low: f64, high: f64) -> Self {
        assert!(
            low <= value && value <= high,
            "a threshold outside its own interval"
        );
        Self {
            value,
            #[cfg(test)]
            name,
            #[cfg(test)]
            interval: [low, high],
            #[cfg(test)]
            moved: core::sync::atomic::AtomicU64::new(u64::MAX),
        }
    }

    /// The value in force.
    #[inline]
    pub(crate) fn get(&self) -> f64 {
        #[cfg(test)]
        {
            let bits = self.moved.load(core::sync::atomic::Ordering::Relaxed);
            if bits != u64::MAX {
                return f64::from_bits(bits);
            }
        }
        self.value
    }

    /// The value in force, of a threshold that counts.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.get() as usize
    }

    /// Moves the threshold, for every thread; `None` puts it back.
    #[cfg(test)]
    pub(crate) fn set(&self, value: Option<f64>) {
        let bits = value.map_or(u64::MAX, f64::to_bits);
        self.moved
            .store(bits, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Declares the thresholds of an area, and a list of them for the sweep.
///
/// ```ignore
/// tuned! { "ipm":
///     /// Iterations without a tenth of progress after which a run is given up.
///     /// Instance: `control9` needs 12; above 40 nothing changes but time.
///     PATIENCE = 20.0 in [12.0, 40.0];
/// }
/// ```
macro_rules! tuned {
    ($area:literal: $($(#[$doc:meta])* $name:ident = $value:literal in [$low:literal, $high:literal];)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: $crate::tuned::Tuned =
                $crate::tuned::Tuned::new(concat!($area, "::", stringify!($name)), $value, $low, $high);
        )*
        /// Every threshold of this area.
        #[cfg(test)]
        pub(crate) static ALL: &[&$crate::tuned::Tuned] = &[$(&$name),*];
    };
}
pub(crate) use tuned;

#[cfg(test)]
mod sweep;
