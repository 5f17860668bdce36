//! The attacker that learns from the sign of each error.

use super::directions::{Explorer, is_use_round, normalise, uses_before};
use crate::adversary::protocol::{Attacker, View};
use crate::linalg::axpy;
use crate::random::{Lane, Seed};

/// Asks random directions `h` orthogonal to the watched rows, and sums `sign(error) · h` for every watched coordinate. The sum
/// turns towards the direction in which the answer errs most, and every fourth question asks that direction.
///
/// This is the oldest attack on linear sketches; it needs one bit per answer[^HW13]. Against one sketch of `b` rows it
/// drives the error from about `2/√b` to `√(N/b)` in about `N` questions.
///
/// # Complexity
/// `O(kN)` per question for `k` watched coordinates.
///
/// [^HW13]: Hardt, Woodruff. How robust are linear sketches to adaptive inputs? STOC 2013.
#[derive(Debug, Clone)]
pub struct SignCorrelation {
    explorer: Explorer,
    /// `Σ sign(error) · h` for every watched coordinate.
    sums: Vec<Vec<f64>>,
    /// Whether the last question asked one of the sums.
    used_sum: bool,
}

impl SignCorrelation {
    /// An attacker that draws its random numbers from this seed.
    pub fn new(seed: Seed) -> Self {
        Self {
            explorer: Explorer::new(seed.stream(Lane::ADVERSARY, 1, 0)),
            sums: vec![],
            used_sum: false,
        }
    }
}

impl Attacker for SignCorrelation {
    fn name(&self) -> &'static str {
        "sign-correlation"
    }

    fn ask(&mut self, view: &View<'_>, h: &mut [f64], _: &mut Vec<usize>) {
        self.sums
            .resize_with(view.watch.len(), || vec![0.0; view.ambient]);
        self.used_sum = false;
        if is_use_round(view.round) && !self.sums.is_empty() {
            let k = uses_before(view.round) % self.sums.len();
            h.copy_from_slice(&self.sums[k]);
            self.explorer.project(view.rows, h);
            self.used_sum = normalise(h);
        }
        if !self.used_sum {
            self.explorer.explore(view.rows, h);
        }
    }

    fn learn(&mut self, _: &View<'_>, h: &[f64], _: &[f64], errors: &[f64]) {
        if self.used_sum {
            return;
        }
        for (sum, e) in self.sums.iter_mut().zip(errors) {
            if *e != 0.0 {
                axpy(e.signum(), h, sum);
            }
        }
    }
}
