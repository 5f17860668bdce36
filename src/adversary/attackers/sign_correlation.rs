//! Which way does it err?

use super::{Attacker, Complement, USE_EVERY, direction, normalise};
use crate::adversary::View;
use crate::linalg::axpy;
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;

/// Asks random directions `h` orthogonal to the watched rows and sums `sign(error) · h`, for every watched coordinate: the
/// sum turns towards the direction in which the answer errs most, and every fourth question asks just that direction.
///
/// The oldest attack on linear sketches, and one bit an answer is enough for it[^HW13]. Against one sketch of `b` rows it
/// drives the error from about `2/√b` to `√(N/b)` in some `N` questions.
///
/// # Complexity
/// `O(kN)` a question for `k` watched coordinates.
///
/// [^HW13]: Hardt, Woodruff. How robust are linear sketches to adaptive inputs? STOC 2013.
#[derive(Debug, Clone)]
pub struct SignCorrelation {
    rng: ChaCha20Rng,
    complement: Complement,
    sums: Vec<Vec<f64>>,
    using: Option<usize>,
}

impl SignCorrelation {
    /// With coins from this seed.
    pub fn new(seed: Seed) -> Self {
        Self {
            rng: seed.stream(Lane::ADVERSARY, 1, 0),
            complement: Complement::default(),
            sums: vec![],
            using: None,
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
        self.using = None;
        if view.round % USE_EVERY == USE_EVERY - 1 && !self.sums.is_empty() {
            let k = view.round / USE_EVERY % self.sums.len();
            h.copy_from_slice(&self.sums[k]);
            self.complement.project(view.rows, h);
            if normalise(h) {
                self.using = Some(k);
                return;
            }
        }
        direction(&mut self.rng, h);
        self.complement.project(view.rows, h);
        if !normalise(h) {
            // The rows span everything.
            direction(&mut self.rng, h);
        }
    }

    fn learn(&mut self, _: &View<'_>, h: &[f64], _: &[f64], errors: &[f64]) {
        if self.using.is_some() {
            return;
        }
        for (sum, e) in self.sums.iter_mut().zip(errors) {
            if *e != 0.0 {
                axpy(e.signum(), h, sum);
            }
        }
    }
}
