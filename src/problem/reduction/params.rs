//! Thresholds of the reduction that were chosen by measurement.

use crate::tuned::tuned;

tuned! { "reduction":
    /// Rows and blocks whose largest entry is outside `1/MODERATE ..= MODERATE` are measured in other units; others are left
    /// as they are.
    MODERATE = 1e4 in [3e3, 1e5];
    /// `b_i − Σ λ_j b_j` counts as zero up to this share of its terms. A larger difference proves the program
    /// infeasible.
    CONSISTENT = 1e-9 in [3e-10, 3e-9];
    /// Distance of a row from a combination of others, relative to the factors, that passes for rounding where the rows come
    /// from a kernel: that is known to some ten digits.
    DEPENDENT_ON_FACE = 1e-9 in [3e-10, 3e-9];
}
