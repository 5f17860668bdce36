//! Randomness by address: a stream is named, never drawn from hidden state.
//!
//! `(seed, lane, copy, epoch)` is the key of one ChaCha20 stream, so that any random object can be generated again on
//! its own, in any order and by any number of threads.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// The root of all randomness of one structure.
///
/// ```
/// use dyncvx::random::{Lane, Seed};
/// use rand_core::Rng;
/// let draw = |copy| Seed::from(7).stream(Lane::GENERATOR, copy, 0).next_u64();
/// assert_eq!(draw(1), draw(1));
/// assert_ne!(draw(1), draw(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seed(pub u128);

impl From<u64> for Seed {
    fn from(seed: u64) -> Self {
        Seed(u128::from(seed))
    }
}

/// What a stream is used for; streams of different lanes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane(pub u32);

impl Lane {
    /// Problem generators.
    pub const GENERATOR: Lane = Lane(1);
    /// Probe vectors with which a structure checks its own accuracy.
    pub const PROBE: Lane = Lane(2);
    /// Streams of updates and queries in demonstrations and benchmarks.
    pub const SCRIPT: Lane = Lane(3);
    /// Entries of Gaussian sketches.
    pub const GAUSSIAN: Lane = Lane(16);
    /// Signs of Rademacher sketches.
    pub const RADEMACHER: Lane = Lane(17);
    /// Signs and rows of subsampled Hadamard transforms.
    pub const SRHT: Lane = Lane(18);
    /// Buckets and signs of CountSketch.
    pub const COUNT_SKETCH: Lane = Lane(19);
    /// Positions and signs of sparse embeddings.
    pub const SPARSE: Lane = Lane(20);
    /// Left factors of Kronecker-structured sketches.
    pub const KRONECKER_LEFT: Lane = Lane(21);
    /// Right factors of Kronecker-structured sketches.
    pub const KRONECKER_RIGHT: Lane = Lane(22);
    /// Signs and rows of TensorSRHT.
    pub const TENSOR_SRHT: Lane = Lane(23);
    /// Buckets and signs of TensorSketch.
    pub const TENSOR_SKETCH: Lane = Lane(24);
}

impl Seed {
    /// The stream at this address.
    ///
    /// The 32-byte ChaCha20 key is `seed (16) | lane (4) | copy (4) | epoch (8)`, little endian: different addresses
    /// are different keys.
    pub fn stream(self, lane: Lane, copy: u32, epoch: u64) -> ChaCha20Rng {
        let mut key = [0u8; 32];
        key[..16].copy_from_slice(&self.0.to_le_bytes());
        key[16..20].copy_from_slice(&lane.0.to_le_bytes());
        key[20..24].copy_from_slice(&copy.to_le_bytes());
        key[24..].copy_from_slice(&epoch.to_le_bytes());
        ChaCha20Rng::from_seed(key)
    }

    /// Part `part` of that stream: the same key, `part` as ChaCha20's nonce. Part 0 is the stream itself.
    ///
    /// Objects too large for one draw are drawn in parts, each by whichever thread comes first.
    pub fn part(self, lane: Lane, copy: u32, epoch: u64, part: u64) -> ChaCha20Rng {
        let mut stream = self.stream(lane, copy, epoch);
        stream.set_stream(part);
        stream
    }
}

/// Uniform below `bound` by multiplication; the bias is below `bound / 2⁶⁴`.
pub(crate) fn below(rng: &mut impl Rng, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_stable_and_distinct() {
        // Literal values: a change here is a breaking change.
        let first = |s: u128, l, c, e| Seed(s).stream(Lane(l), c, e).next_u64();
        assert_eq!(first(0, 0, 0, 0), 0x903d_f1a0_ade0_b876);
        let all = [
            first(1, 0, 0, 0),
            first(0, 1, 0, 0),
            first(0, 0, 1, 0),
            first(0, 0, 0, 1),
            first(0, 0, 0, 0),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
