//! The baseline.

use super::{Attacker, direction};
use crate::adversary::View;
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;

/// Asks uniformly random directions and ignores the answers: what every guarantee for a fixed question covers.
#[derive(Debug, Clone)]
pub struct Oblivious {
    rng: ChaCha20Rng,
}

impl Oblivious {
    /// With coins from this seed.
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
        direction(&mut self.rng, h);
    }

    fn learn(&mut self, _: &View<'_>, _: &[f64], _: &[f64], _: &[f64]) {}
}
