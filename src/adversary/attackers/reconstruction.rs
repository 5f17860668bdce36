//! Learning `RᵀR`.

use super::{Attacker, Complement, USE_EVERY, direction, normalise};
use crate::adversary::View;
use crate::linalg::{axpy, dot};
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;

/// Reconstructs `(RᵀR − I) g` for every watched row `g` by stochastic gradient descent on the squared difference between
/// the error it predicts and the one it sees, and asks in the direction of the largest estimate.
///
/// The answers of one linear sketch determine that vector after `N` questions. Steps are normalised (Kaczmarz[^SV09])
/// and shrink like `1/(1 + t/N)`, so that noise averages out; every fourth question uses the estimate, and what it
/// learns there counts too, which makes it a power iteration on structures that are not linear.
///
/// # Complexity
/// `O(kN)` a question for `k` watched coordinates.
///
/// [^SV09]: Strohmer, Vershynin. A randomized Kaczmarz algorithm with exponential convergence. JFAA 2009.
#[derive(Debug, Clone)]
pub struct Reconstruction {
    rng: ChaCha20Rng,
    complement: Complement,
    pub(super) estimates: Vec<Vec<f64>>,
    /// Least step, for a target that moves.
    floor: f64,
    pub(super) using: Option<usize>,
}

impl Reconstruction {
    /// With coins from this seed.
    pub fn new(seed: Seed) -> Self {
        Self::tracking(seed, 0.0)
    }

    /// One that never takes steps below `floor`, because rows may change.
    pub(super) fn tracking(seed: Seed, floor: f64) -> Self {
        Self {
            rng: seed.stream(Lane::ADVERSARY, 2, 0),
            complement: Complement::default(),
            estimates: vec![],
            floor,
            using: None,
        }
    }
}

impl Attacker for Reconstruction {
    fn name(&self) -> &'static str {
        "reconstruction"
    }

    fn ask(&mut self, view: &View<'_>, h: &mut [f64], _: &mut Vec<usize>) {
        self.estimates
            .resize_with(view.watch.len(), || vec![0.0; view.ambient]);
        self.using = None;
        if view.round % USE_EVERY == USE_EVERY - 1 && !self.estimates.is_empty() {
            // The coordinate whose error promises to be largest relative to its row.
            let promise = |k: &usize| {
                let g = &view.rows[*k];
                dot(&self.estimates[*k], &self.estimates[*k]) / dot(g, g).max(f64::MIN_POSITIVE)
            };
            let best = (0..self.estimates.len()).max_by(|a, b| promise(a).total_cmp(&promise(b)));
            let k = best.unwrap_or(0);
            h.copy_from_slice(&self.estimates[k]);
            if normalise(h) {
                self.using = Some(k);
                return;
            }
        }
        direction(&mut self.rng, h);
        self.complement.project(view.rows, h);
        if !normalise(h) {
            direction(&mut self.rng, h);
        }
    }

    fn learn(&mut self, view: &View<'_>, h: &[f64], _: &[f64], errors: &[f64]) {
        let decay = 1.0 / (1.0 + view.round as f64 / view.ambient as f64);
        let step = decay.max(self.floor) / dot(h, h);
        for (estimate, e) in self.estimates.iter_mut().zip(errors) {
            let surprise = e - dot(estimate, h);
            axpy(step * surprise, h, estimate);
        }
    }
}
