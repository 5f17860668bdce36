//! The attack suite.

mod mover;
mod oblivious;
mod potential;
mod reconstruction;
mod sign_correlation;

pub use mover::Mover;
pub use oblivious::Oblivious;
pub use potential::Potential;
pub use reconstruction::Reconstruction;
pub use sign_correlation::SignCorrelation;

use super::Attacker;
use crate::linalg::{axpy, dot, norm};
use crate::random::Seed;
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal};

/// Names of the adaptive attackers, as [`attacker`] takes them.
pub const SUITE: [&str; 4] = ["sign-correlation", "reconstruction", "updates", "potential"];

/// The attacker of this name ([`SUITE`], or `oblivious`), with coins of its own from this seed.
pub fn attacker(name: &str, seed: Seed) -> Option<Box<dyn Attacker>> {
    Some(match name {
        "sign-correlation" => Box::new(SignCorrelation::new(seed)),
        "reconstruction" => Box::new(Reconstruction::new(seed)),
        "updates" => Box::new(Mover::new(seed)),
        "potential" => Box::new(Potential::new(seed)),
        "oblivious" => Box::new(Oblivious::new(seed)),
        _ => return None,
    })
}

/// Every how many questions an attacker uses what it has learned; the others explore.
const USE_EVERY: usize = 4;

/// A uniformly random direction.
fn direction(rng: &mut ChaCha20Rng, h: &mut [f64]) {
    h.iter_mut().for_each(|v| *v = StandardNormal.sample(rng));
    normalise(h);
}

/// Scales to length one; `false`, and unchanged, when there is nothing to scale.
fn normalise(h: &mut [f64]) -> bool {
    let length = norm(h);
    let fine = length > 0.0 && length.is_finite();
    if fine {
        h.iter_mut().for_each(|v| *v /= length);
    }
    fine
}

/// Takes out of `h` what lies in the span of the rows, so that the exact answers are 0 and an answer is all error.
#[derive(Debug, Clone, Default)]
struct Complement {
    rows: Vec<Vec<f64>>,
    basis: Vec<Vec<f64>>,
}

impl Complement {
    fn project(&mut self, rows: &[Vec<f64>], h: &mut [f64]) {
        if self.rows != rows {
            self.rows = rows.to_vec();
            self.basis.clear();
            for row in rows {
                let mut q = row.clone();
                let length = norm(&q);
                // Twice is enough.
                for _ in 0..2 {
                    self.basis.iter().for_each(|b| axpy(-dot(b, &q), b, &mut q));
                }
                if norm(&q) > 1e-10 * length && normalise(&mut q) {
                    self.basis.push(q);
                }
            }
        }
        self.basis.iter().for_each(|b| axpy(-dot(b, h), b, h));
    }
}
