//! Which rows are kept: redundant rows leave the program, contradictory ones prove it infeasible.

use super::params::CONSISTENT;
use crate::constraints::Constraints;
use crate::constraints::independence::{DependentRow, dependent_rows};
use crate::linalg::max_abs;

/// Which rows of a matrix are kept.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// Ascending.
    pub kept: Vec<usize>,
    pub dropped: Vec<DependentRow>,
}

impl Selection {
    /// Rows of length one whose distance from a combination of others, relative to the factors, is at most `rounding` are
    /// dropped; those that are dependent to fewer digits are kept.
    ///
    /// # Complexity
    /// As [`dependent_rows`].
    pub(super) fn new(a: &Constraints, rounding: f64) -> Self {
        let dropped = dependent_rows(a, rounding);
        let mut is_dropped = vec![false; a.len()];
        dropped.iter().for_each(|d| is_dropped[d.row] = true);
        let kept = (0..a.len()).filter(|&i| !is_dropped[i]).collect();
        Self { kept, dropped }
    }

    /// `g` with `‖A x‖ ≤ g ‖(A x)_kept‖` for all `x`.
    pub(super) fn growth(&self) -> f64 {
        let factors = self.dropped.iter().flat_map(|d| &d.combination);
        1.0 + factors.map(|(_, f)| f * f).sum::<f64>().sqrt()
    }

    /// The multipliers `y = ±(e_i − λ)`, `Aᵀy = 0` and `bᵀy > 0`, of the row that contradicts the others most.
    pub(super) fn contradiction(&self, b: &[f64]) -> Option<Vec<f64>> {
        let noise = 16.0 * f64::EPSILON * max_abs(b);
        let (mut worst, mut found) = (1.0, None);
        for d in &self.dropped {
            let (mut left, mut terms) = (b[d.row], 0.0);
            for &(j, factor) in &d.combination {
                left -= factor * b[j];
                terms += (factor * b[j]).abs();
            }
            // A row without entries has nothing to be compared with but the other right-hand sides.
            let against = CONSISTENT.get()
                * if d.combination.is_empty() {
                    0.0
                } else {
                    terms + b[d.row].abs()
                };
            let excess = left.abs() / (against + noise);
            if excess > worst {
                (worst, found) = (excess, Some((d, left.signum())));
            }
        }
        let (d, sign) = found?;
        let mut y = vec![0.0; b.len()];
        y[d.row] = sign;
        d.combination
            .iter()
            .for_each(|&(j, factor)| y[j] = -sign * factor);
        Some(y)
    }
}
