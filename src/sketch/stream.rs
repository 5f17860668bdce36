//! Where the random numbers of an operator come from.

use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;

/// Which of the operators of a distribution: a position in the streams of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// Root of the randomness.
    pub seed: Seed,
    /// Number of the copy, among copies that are independent.
    pub copy: u32,
    /// Generation of the copies: raised when all copies are drawn again.
    pub epoch: u64,
}

impl Address {
    /// An address.
    pub fn new(seed: impl Into<Seed>, copy: u32, epoch: u64) -> Self {
        let seed = seed.into();
        Self { seed, copy, epoch }
    }
}

/// The stream of one lane of an address, for one block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    address: Address,
    lane: Lane,
    block: u32,
}

impl Stream {
    pub(super) fn new(address: Address, lane: Lane, block: u32) -> Self {
        Self {
            address,
            lane,
            block,
        }
    }

    /// Part `part` of the stream.
    pub(super) fn part(self, part: u32) -> ChaCha20Rng {
        let Address { seed, copy, epoch } = self.address;
        let part = u64::from(self.block) << 32 | u64::from(part);
        seed.part(self.lane, copy, epoch, part)
    }
}
