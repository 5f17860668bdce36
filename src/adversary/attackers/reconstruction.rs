//! The attacker that learns `(RᵀR − I) g`.

use super::directions::{Explorer, is_use_round, normalise};
use crate::adversary::protocol::{Attacker, View};
use crate::linalg::{axpy, dot};
use crate::random::{Lane, Seed};

/// Reconstructs `(RᵀR − I) g` for every watched row `g`, by stochastic gradient descent on the squared difference between the
/// error it predicts and the error it sees, and asks in the direction of the largest estimate.
///
/// The answers of one linear sketch determine that vector after `N` questions. Steps are normalised (Kaczmarz[^SV09])
/// and shrink like `1/(1 + t/N)`, so that noise averages out. Every fourth question uses the estimate and is learned from
/// as well, which makes the attack a power iteration on structures that are not linear.
///
/// # Complexity
/// `O(kN)` per question for `k` watched coordinates.
///
/// [^SV09]: Strohmer, Vershynin. A randomized Kaczmarz algorithm with exponential convergence. JFAA 2009.
#[derive(Debug, Clone)]
pub struct Reconstruction {
    explorer: Explorer,
    /// Estimate of `(RᵀR − I) g` for every watched row.
    estimates: Vec<Vec<f64>>,
    /// Least step, for a target whose rows change.
    min_step: f64,
    /// The watched coordinate whose estimate the last question used.
    used: Option<usize>,
}

impl Reconstruction {
    /// An attacker that draws its random numbers from this seed.
    pub fn new(seed: Seed) -> Self {
        Self::tracking(seed, 0.0)
    }

    /// An attacker whose steps never fall below `min_step`, because rows may change.
    pub(super) fn tracking(seed: Seed, min_step: f64) -> Self {
        Self {
            explorer: Explorer::new(seed.stream(Lane::ADVERSARY, 2, 0)),
            estimates: vec![],
            min_step,
            used: None,
        }
    }

    /// The watched coordinate whose estimate the last question used, `None` if it explored.
    pub(super) fn used(&self) -> Option<usize> {
        self.used
    }

    /// The estimate for the first watched row.
    pub(super) fn first_estimate(&self) -> Option<&[f64]> {
        self.estimates.first().map(Vec::as_slice)
    }

    /// The watched coordinate whose predicted error is largest relative to its row.
    fn most_promising(&self, rows: &[Vec<f64>]) -> Option<usize> {
        let promise = |k: &usize| {
            let (estimate, g) = (&self.estimates[*k], &rows[*k]);
            dot(estimate, estimate) / dot(g, g).max(f64::MIN_POSITIVE)
        };
        (0..self.estimates.len()).max_by(|a, b| promise(a).total_cmp(&promise(b)))
    }
}

impl Attacker for Reconstruction {
    fn name(&self) -> &'static str {
        "reconstruction"
    }

    fn ask(&mut self, view: &View<'_>, h: &mut [f64], _: &mut Vec<usize>) {
        self.estimates
            .resize_with(view.watch.len(), || vec![0.0; view.ambient]);
        self.used = None;
        if is_use_round(view.round)
            && let Some(k) = self.most_promising(view.rows)
        {
            h.copy_from_slice(&self.estimates[k]);
            self.used = normalise(h).then_some(k);
        }
        if self.used.is_none() {
            self.explorer.explore(view.rows, h);
        }
    }

    fn learn(&mut self, view: &View<'_>, h: &[f64], _: &[f64], errors: &[f64]) {
        let decay = 1.0 / (1.0 + view.round as f64 / view.ambient as f64);
        let step = decay.max(self.min_step) / dot(h, h);
        for (estimate, e) in self.estimates.iter_mut().zip(errors) {
            let surprise = e - dot(estimate, h);
            axpy(step * surprise, h, estimate);
        }
    }
}
