//! Which copies answer: a few of them, without replacement.

use crate::error::{Result, check_range};
use crate::random::unbiased_below;
use rand_core::Rng;

/// Draws `s` of `L` copies without replacement, every set of `s` equally likely.
///
/// # Complexity
/// `O(s)` a draw, by undoing the swaps of a partial Fisher–Yates shuffle; `L` indices of space.
#[derive(Debug, Clone)]
pub struct Sampler {
    order: Vec<usize>,
    sample: usize,
    swaps: Vec<usize>,
}

impl Sampler {
    /// `sample` of `copies`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless `1 ≤ sample ≤ copies`.
    pub fn new(copies: usize, sample: usize) -> Result<Self> {
        check_sample(sample, copies)?;
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

    /// Writes a sample into `out`, which is made `s` long. Depends on nothing but the stream.
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
