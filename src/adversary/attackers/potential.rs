//! The attacker that asks what an interior-point method asks.

use super::directions::{normalise, random_direction};
use crate::adversary::protocol::{Attacker, View};
use crate::linalg::max_abs;
use crate::random::{Lane, Seed, unbiased_below};
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal};

/// Follows a path as an interior-point method does. It keeps a vector `z` of deviations from the path, asks the projection
/// of the gradient of the potential `Σ cosh(λ z_j)`[^CLS19], and moves the coordinates it asked for by the answers, while the
/// path itself moves on a little at random.
///
/// It does not search for the errors of the structure, but each question depends on all earlier answers and so on their
/// errors: the next gradient is largest where an error left a deviation. It asks for the coordinates that deviate most,
/// among all [`View::coordinates`], instead of the watched ones.
///
/// # Complexity
/// `O(N)` per question.
///
/// [^CLS19]: Cohen, Lee, Song. Solving linear programs in the current matrix multiplication time. STOC 2019.
#[derive(Debug, Clone)]
pub struct Potential {
    rng: ChaCha20Rng,
    /// Deviations from the path.
    z: Vec<f64>,
    /// Coordinates of the last question.
    asked: Vec<usize>,
}

/// `λ`, for deviations of about 1.
const SHARPNESS: f64 = 1.0;
/// Length of a step, relative to `√N` times the answer.
const STEP: f64 = 0.5;
/// Half-width of the path: the largest step of one coordinate, and the deviation above which `λ` shrinks.
const PATH_WIDTH: f64 = 4.0;

impl Potential {
    /// An attacker that draws its random numbers from this seed.
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
        // The path moves on: one coordinate per question takes a new value.
        let moved = unbiased_below(&mut self.rng, view.ambient.max(1) as u64) as usize;
        if let Some(z) = self.z.get_mut(moved) {
            *z = StandardNormal.sample(&mut self.rng);
        }
        // The gradient is sinh(λ z); λ shrinks with the largest deviation, so that it does not overflow.
        let sharpness = SHARPNESS / max_abs(&self.z).max(PATH_WIDTH) * PATH_WIDTH;
        for (h, z) in h.iter_mut().zip(&self.z) {
            *h = (sharpness * z).sinh();
        }
        if !normalise(h) {
            random_direction(&mut self.rng, h);
        }
        // Ask for the coordinates that deviate most.
        let mut order: Vec<usize> = (0..view.coordinates.min(view.ambient)).collect();
        let k = coords.len().min(order.len());
        if k > 0 && k < order.len() {
            order.select_nth_unstable_by(k - 1, |a, b| {
                self.z[*b].abs().total_cmp(&self.z[*a].abs())
            });
        }
        if k == coords.len() {
            coords.copy_from_slice(&order[..k]);
        }
        self.asked.clone_from(coords);
    }

    fn learn(&mut self, view: &View<'_>, _: &[f64], answers: &[f64], _: &[f64]) {
        let length = (view.ambient as f64).sqrt();
        for (c, a) in self.asked.iter().zip(answers) {
            // A step as large as the answer says; after a wild answer no larger than the path is wide.
            if let Some(z) = self.z.get_mut(*c) {
                *z -= (STEP * length * a).clamp(-PATH_WIDTH, PATH_WIDTH);
            }
        }
    }
}
