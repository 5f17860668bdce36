//! Thresholds of the search for dependent rows that were chosen by measurement.

use crate::tuned::tuned;

tuned! { "independence":
    /// A row of length one that has an entry at least this large, where no other row in question has one, is independent of
    /// them and leaves the search. Smaller entries are left to the Gram matrix.
    PRIVATE_ENTRY = 1e-3 in [1e-4, 1e-2];
    /// Squared distance of a row of length one from the span of those before it, below which the row is examined in full.
    /// Dependent rows leave about 1e-15 times one plus the squares of their factors.
    SUSPICIOUS = 1e-7 in [1e-8, 1e-6];
    /// Suspicious rows that may prove to be independent before the others are kept without being examined: each costs a
    /// vector as long as all positions that rows read.
    MAX_DIRECTIONS = 100.0 in [50.0, 200.0];
}
