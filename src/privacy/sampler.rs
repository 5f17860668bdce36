//! Drawing the copies that answer, without replacement.

use crate::error::{Result, check_memory, check_range};
use crate::random::unbiased_below;
use rand_core::Rng;

/// Draws `s` of `L` copies without replacement, every set of `s` equally likely.
///
/// # Complexity
/// `O(s)` per draw: a partial Fisher–Yates shuffle whose swaps are undone afterwards. `L` indices of space.
#[derive(Debug, Clone)]
pub struct Sampler {
    order: Vec<usize>,
    sample: usize,
    swaps: Vec<usize>,
}

impl Sampler {
    /// A sampler of `sample` out of `copies` copies.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless `1 ≤ sample ≤ copies`.
    pub fn new(copies: usize, sample: usize) -> Result<Self> {
        check_sample(sample, copies)?;
        check_memory("the order of the copies", copies as u128 + sample as u128)?;
        Ok(Self {
            order: (0..copies).collect(),
            sample,
            swaps: Vec::with_capacity(sample),
        })
    }

    /// Number of copies drawn from.
    pub fn copies(&self) -> usize {
        self.order.len()
    }

    /// Number of copies drawn.
    pub fn sample(&self) -> usize {
        self.sample
    }

    /// Replaces `out` by a sample of `s` copies, which depends on the random stream alone.
    pub fn draw(&mut self, rng: &mut impl Rng, out: &mut Vec<usize>) {
        let copies = self.order.len();
        self.swaps.clear();
        for i in 0..self.sample {
            let j = i + unbiased_below(rng, (copies - i) as u64) as usize;
            self.order.swap(i, j);
            self.swaps.push(j);
        }
        out.clear();
        out.extend_from_slice(&self.order[..self.sample]);
        for (i, j) in self.swaps.iter().enumerate().rev() {
            self.order.swap(i, *j);
        }
    }
}

/// Fails with [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless `1 ≤ sample ≤ copies`.
pub(super) fn check_sample(sample: usize, copies: usize) -> Result<()> {
    check_range("sample", 1..=copies, sample)
}
