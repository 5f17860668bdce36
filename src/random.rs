//! Random streams with addresses, instead of one generator with hidden state.
//!
//! `(seed, lane, copy, epoch)` is the key of one ChaCha20 stream. Any random object can be generated again from its address
//! alone, in any order and by any number of threads.

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

/// The purpose of a stream. Streams of different lanes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane(pub u32);

impl Lane {
    /// Problem generators.
    pub const GENERATOR: Lane = Lane(1);
    /// Probe vectors with which a structure estimates its own accuracy.
    pub const PROBE: Lane = Lane(2);
    /// Streams of updates and queries in demonstrations and benchmarks.
    pub const SCRIPT: Lane = Lane(3);
    /// Cliques of approximate Cholesky factors of graph Laplacians.
    pub const LAPLACIAN: Lane = Lane(4);
    /// Sampling of copies, and the exponential mechanism. These numbers must stay secret.
    pub const PRIVACY: Lane = Lane(32);
    /// Random numbers of attackers.
    pub const ADVERSARY: Lane = Lane(33);
    /// Noisy gradients, and samples of the points of a transport problem.
    pub const TRANSPORT: Lane = Lane(40);
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
    /// The 32-byte ChaCha20 key is `seed (16) | lane (4) | copy (4) | epoch (8)`, little endian: different addresses have
    /// different keys.
    pub fn stream(self, lane: Lane, copy: u32, epoch: u64) -> ChaCha20Rng {
        let mut key = [0u8; 32];
        key[..16].copy_from_slice(&self.0.to_le_bytes());
        key[16..20].copy_from_slice(&lane.0.to_le_bytes());
        key[20..24].copy_from_slice(&copy.to_le_bytes());
        key[24..].copy_from_slice(&epoch.to_le_bytes());
        ChaCha20Rng::from_seed(key)
    }

    /// Part `part` of the stream at this address: the same key, with `part` as the nonce of ChaCha20. Part 0 is the stream
    /// itself.
    ///
    /// A large object is drawn in parts, so that several threads can share the work and the result is the same.
    pub fn part(self, lane: Lane, copy: u32, epoch: u64, part: u64) -> ChaCha20Rng {
        let mut stream = self.stream(lane, copy, epoch);
        stream.set_stream(part);
        stream
    }
}

/// A uniform integer below `bound`, which must not be 0. Rejection makes it exactly uniform.
pub(crate) fn unbiased_below(rng: &mut impl Rng, bound: u64) -> u64 {
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}

/// A uniform number in (0, 1) with 53 significant bits, however near 0 it is: it falls below any `x` with probability `x`, up to
/// a relative rounding. The usual `k/2⁵³` would never fall below `2⁻⁵³`.
pub(crate) fn unit(rng: &mut impl Rng) -> f64 {
    let mut exponent = 1i32;
    loop {
        let word = rng.next_u64();
        exponent += word.leading_zeros() as i32;
        // Sixteen words of zeros in a row do not happen in practice; an even smaller number would be subnormal.
        if word != 0 || exponent > 1000 {
            let mantissa = 1.0 + (rng.next_u64() >> 12) as f64 / (1u64 << 52) as f64;
            return mantissa * 0.5f64.powi(exponent);
        }
    }
}

/// A uniform index below `bound`, which must not be 0.
pub(crate) fn below(rng: &mut impl Rng, bound: usize) -> usize {
    unbiased_below(rng, bound as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uniform_number_has_the_right_probability_below_any_bound() {
        let mut rng = Seed::from(1).stream(Lane::GENERATOR, 9, 0);
        let draws = 200_000;
        let mut under = [0u32; 4];
        let bounds = [0.5, 0.25, 0.1, 1e-3];
        for _ in 0..draws {
            let u = unit(&mut rng);
            assert!(u > 0.0 && u < 1.0);
            for (n, b) in under.iter_mut().zip(bounds) {
                *n += u32::from(u < b);
            }
        }
        for (n, p) in under.into_iter().zip(bounds) {
            // Bernstein at failure probability 1e-9 for each of eight one-sided tests.
            let (t, v) = (24.0, f64::from(draws) * p * (1.0 - p));
            let limit = (2.0 * v * t).sqrt() + t / 3.0;
            assert!((f64::from(n) - f64::from(draws) * p).abs() < limit);
        }
    }

    #[test]
    fn integers_below_a_bound_are_uniform() {
        let mut rng = Seed::from(2).stream(Lane::GENERATOR, 9, 0);
        let mut count = [0u32; 7];
        for _ in 0..70_000 {
            count[unbiased_below(&mut rng, 7) as usize] += 1;
        }
        // Bernstein with variance 70000 · 6/49, failure 14 e⁻²⁴.
        assert!(count.iter().all(|c| c.abs_diff(10_000) < 650));
        assert_eq!(unbiased_below(&mut rng, 1), 0);
    }

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
