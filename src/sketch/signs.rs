//! Random signs, stored as one bit per sign.

use rand_core::Rng;

/// A vector of signs `σ_i = ±1`, 64 per word.
#[derive(Debug, Clone)]
pub(super) struct Signs {
    words: Vec<u64>,
}

impl Signs {
    pub(super) fn new(count: usize, rng: &mut impl Rng) -> Self {
        let words = (0..count.div_ceil(64)).map(|_| rng.next_u64()).collect();
        Self { words }
    }

    /// `σ_i x`.
    #[inline(always)]
    pub(super) fn times(&self, i: usize, x: f64) -> f64 {
        let bit = self.words[i / 64] >> (i % 64) & 1;
        f64::from_bits(x.to_bits() ^ bit << 63)
    }

    pub(super) fn bytes(&self) -> usize {
        8 * self.words.len()
    }
}
