//! The attacker that a solver is without meaning to.

use super::{Attacker, direction, normalise};
use crate::adversary::View;
use crate::linalg::max_abs;
use crate::random::{Lane, Seed, unbiased_below};
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal};

/// Follows a path as an interior-point method does: keeps a vector `z` of deviations from it, asks the projection of the
/// gradient of the potential `Σ cosh(λ z_j)`[^CLS19], and moves the coordinates it asked for by the answers, while the
/// path itself moves on a little at random.
///
/// It does not mean to find where the structure errs, but its next question depends on all earlier answers, errors
/// included: deviations that an error made are what the next gradient is largest on. It asks for the coordinates that
/// deviate most, in place of those watched.
///
/// # Complexity
/// `O(N)` a question.
///
/// [^CLS19]: Cohen, Lee, Song. Solving linear programs in the current matrix multiplication time. STOC 2019.
#[derive(Debug, Clone)]
pub struct Potential {
    rng: ChaCha20Rng,
    z: Vec<f64>,
    asked: Vec<usize>,
}

/// `λ`, for deviations of about 1.
const SHARPNESS: f64 = 1.0;
/// Length of a step.
const STEP: f64 = 0.5;

impl Potential {
    /// With coins from this seed.
    pub fn new(seed: Seed) -> Self {
        Self {
            rng: seed.stream(Lane::ADVERSARY, 3, 0),
            z: vec![],
            asked: vec![],
        }
    }
}

impl Attacker for Potential {
    fn name(&self) -> &'static str {
        "potential"
    }

    fn ask(&mut self, view: &View<'_>, h: &mut [f64], coords: &mut Vec<usize>) {
        if self.z.len() != view.ambient {
            self.z = (0..view.ambient)
                .map(|_| StandardNormal.sample(&mut self.rng))
                .collect();
        }
        // The path moves on: one coordinate a question is somewhere else.
        let moved = unbiased_below(&mut self.rng, view.ambient.max(1) as u64) as usize;
        if let Some(z) = self.z.get_mut(moved) {
            *z = StandardNormal.sample(&mut self.rng);
        }
        // sinh without overflow: its argument shrinks with the largest deviation.
        let scale = SHARPNESS / max_abs(&self.z).max(4.0) * 4.0;
        for (h, z) in h.iter_mut().zip(&self.z) {
            *h = (scale * z).sinh();
        }
        if !normalise(h) {
            direction(&mut self.rng, h);
        }
        let mut order: Vec<usize> = (0..view.ambient).collect();
        let k = coords.len().min(order.len());
        if k > 0 && k < order.len() {
            order.select_nth_unstable_by(k - 1, |a, b| {
                self.z[*b].abs().total_cmp(&self.z[*a].abs())
            });
        }
        coords.clear();
        coords.extend_from_slice(&order[..k]);
        self.asked.clone_from(coords);
    }

    fn learn(&mut self, view: &View<'_>, _: &[f64], answers: &[f64], _: &[f64]) {
        let length = (view.ambient as f64).sqrt();
        for (c, a) in self.asked.iter().zip(answers) {
            // As far as the answer says; a wild one moves no farther than the path is wide.
            self.z[*c] -= (STEP * length * a).clamp(-4.0, 4.0);
        }
    }
}
