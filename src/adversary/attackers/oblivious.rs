//! The baseline: questions that ignore all answers.

use super::directions::random_direction;
use crate::adversary::protocol::{Attacker, View};
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;

/// Asks uniformly random directions and ignores the answers: every guarantee for a fixed question covers it.
#[derive(Debug, Clone)]
pub struct Oblivious {
    rng: ChaCha20Rng,
}

impl Oblivious {
    /// An attacker that draws its random numbers from this seed.
    pub fn new(seed: Seed) -> Self {
        Self {
            rng: seed.stream(Lane::ADVERSARY, 0, 0),
        }
    }
}

impl Attacker for Oblivious {
    fn name(&self) -> &'static str {
        "oblivious"
    }

    fn ask(&mut self, _: &View<'_>, h: &mut [f64], _: &mut Vec<usize>) {
        random_direction(&mut self.rng, h);
    }

    fn learn(&mut self, _: &View<'_>, _: &[f64], _: &[f64], _: &[f64]) {}
}
