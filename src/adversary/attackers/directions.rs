//! Directions that attackers ask: random ones, and random ones whose exact answers are 0.

use crate::linalg::{axpy, dot, norm};
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal};

/// An attacker uses what it has learned in every fourth question, and explores in the other three.
const USE_EVERY: usize = 4;

/// Length, relative to the row, below which what is left of a row after orthogonalisation is rounding.
const DEPENDENT_ROW: f64 = 1e-10;

/// Whether the question of this round uses what was learned.
pub(super) fn is_use_round(round: usize) -> bool {
    round % USE_EVERY == USE_EVERY - 1
}

/// Number of earlier rounds that used what was learned.
pub(super) fn uses_before(round: usize) -> usize {
    round / USE_EVERY
}

/// Makes `h` a uniformly random direction.
pub(super) fn random_direction(rng: &mut ChaCha20Rng, h: &mut [f64]) {
    h.iter_mut().for_each(|v| *v = StandardNormal.sample(rng));
    normalise(h);
}

/// Scales `h` to length one. Returns `false`, and leaves `h` unchanged, if its length is 0 or not finite.
pub(super) fn normalise(h: &mut [f64]) -> bool {
    let length = norm(h);
    let possible = length > 0.0 && length.is_finite();
    if possible {
        h.iter_mut().for_each(|v| *v /= length);
    }
    possible
}

/// Random directions orthogonal to the watched rows: the exact answers are 0, so that an answer is all error.
#[derive(Debug, Clone)]
pub(super) struct Explorer {
    rng: ChaCha20Rng,
    /// The rows that `basis` spans.
    rows: Vec<Vec<f64>>,
    basis: Vec<Vec<f64>>,
}

impl Explorer {
    pub(super) fn new(rng: ChaCha20Rng) -> Self {
        Self {
            rng,
            rows: vec![],
            basis: vec![],
        }
    }

    /// Makes `h` a random direction orthogonal to the rows, or any random direction if the rows span the whole space.
    pub(super) fn explore(&mut self, rows: &[Vec<f64>], h: &mut [f64]) {
        random_direction(&mut self.rng, h);
        self.project(rows, h);
        if !normalise(h) {
            random_direction(&mut self.rng, h);
        }
    }

    /// Removes from `h` its part in the span of the rows.
    pub(super) fn project(&mut self, rows: &[Vec<f64>], h: &mut [f64]) {
        if self.rows != rows {
            self.rows = rows.to_vec();
            self.basis.clear();
            for row in rows {
                let mut q = row.clone();
                let length = norm(&q);
                // Gram–Schmidt, twice: a second pass removes what rounding left of the first.
                for _ in 0..2 {
                    self.basis.iter().for_each(|b| axpy(-dot(b, &q), b, &mut q));
                }
                if norm(&q) > DEPENDENT_ROW * length && normalise(&mut q) {
                    self.basis.push(q);
                }
            }
        }
        self.basis.iter().for_each(|b| axpy(-dot(b, h), b, h));
    }
}
