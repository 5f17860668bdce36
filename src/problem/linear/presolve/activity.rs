//! The range of a row's activity that the limits of its variables leave.

use super::reducer::larger;

/// The least and the largest value of `Σ a_j x_j` over the limits of the `x_j`.
pub(super) struct Activity {
    /// Sums of the finite terms.
    least: f64,
    most: f64,
    /// Numbers of infinite terms.
    infinite_least: usize,
    infinite_most: usize,
    /// The largest finite term, by absolute value.
    pub size: f64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            least: 0.0,
            most: 0.0,
            infinite_least: 0,
            infinite_most: 0,
            size: 0.0,
        }
    }

    /// Adds the term of a variable with these limits.
    pub(super) fn add(&mut self, entry: f64, lower: f64, upper: f64) {
        let (a, b) = (entry * lower, entry * upper);
        let (least, most) = if entry > 0.0 { (a, b) } else { (b, a) };
        for (term, sum, infinite) in [
            (least, &mut self.least, &mut self.infinite_least),
            (most, &mut self.most, &mut self.infinite_most),
        ] {
            if term.is_finite() {
                *sum += term;
                self.size = larger(self.size, term);
            } else {
                *infinite += 1;
            }
        }
    }

    pub(super) fn least(&self) -> f64 {
        if self.infinite_least > 0 {
            f64::NEG_INFINITY
        } else {
            self.least
        }
    }

    pub(super) fn most(&self) -> f64 {
        if self.infinite_most > 0 {
            f64::INFINITY
        } else {
            self.most
        }
    }
}
