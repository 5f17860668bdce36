//! Random rows that are independent by construction.

use super::{Block, Constraints};
use crate::error::{Error, Result, check_memory};
use crate::random::{Lane, Seed, below};
use rand_core::Rng;
use rand_distr::{Distribution, StandardNormal, Uniform};

impl Constraints {
    /// `m` random independent rows with `entries` nonzeros each (one triangle counted; 0 for dense rows).
    ///
    /// Every row owns a position of some block with an entry that dominates: of magnitude 1 to 2 where the others of a
    /// sparse row sum to less than 0.9, so that the `m × m` matrix of owned positions is strictly diagonally dominant.
    /// In a dense row the others are normal and the owned one is `±3√N`, beyond the norm of a random matrix of that size.
    /// Sparse rows without an owner would not do: at `n = 64`, `m = 2000` random rows of two to four entries have rank 1935.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] when `m` exceeds the number of distinct positions (`n(n+1)/2` a PSD block),
    /// [`Error::TooLarge`] when those cannot be listed.
    ///
    /// ```
    /// use dyncvx::constraints::{Block, Constraints};
    /// let a = Constraints::independent(10, &[Block::Psd(4)], 3, 1.into())?;
    /// assert_eq!((a.len(), a.nonzeros()), (10, 30));
    /// # Ok::<(), dyncvx::Error>(())
    /// ```
    pub fn independent(m: usize, blocks: &[Block], entries: usize, seed: Seed) -> Result<Self> {
        let mut builder = Self::builder(m, blocks)?;
        let count = |b: &Block| match *b {
            Block::Psd(n) => n as u128 * (n as u128 + 1) / 2,
            Block::Nonneg(n) => n as u128,
        };
        // Three numbers a position, and its place among the shuffled.
        let all: u128 = blocks.iter().map(count).sum();
        check_memory("the positions of random rows", 4 * all)?;
        let positions: Vec<(usize, usize, usize)> = blocks
            .iter()
            .enumerate()
            .flat_map(|(b, block)| -> Box<dyn Iterator<Item = _>> {
                match *block {
                    Block::Psd(n) => {
                        Box::new((0..n).flat_map(move |c| (0..=c).map(move |r| (b, r, c))))
                    }
                    Block::Nonneg(n) => Box::new((0..n).map(move |k| (b, k, k))),
                }
            })
            .collect();
        let total = positions.len();
        if m > total {
            let reason = format!(
                "expected at most {total}, the number of distinct matrix positions, found {m}"
            );
            return Err(Error::InvalidSetting { field: "m", reason });
        }
        let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
        // A random choice of owners: the first m of a partial Fisher-Yates shuffle.
        let mut shuffled: Vec<u32> = (0..total as u32).collect();
        for i in 0..m {
            let j = i + below(&mut rng, total - i);
            shuffled.swap(i, j);
        }
        let magnitude = Uniform::new(1.0, 2.0).map_err(|e| Error::InvalidSetting {
            field: "entries",
            reason: e.to_string(),
        })?;
        let mut row: Vec<usize> = Vec::new();
        for (i, &own) in shuffled[..m].iter().enumerate() {
            let own = own as usize;
            let sign = if rng.next_u32() & 1 == 0 { 1.0 } else { -1.0 };
            let (b, r, c) = positions[own];
            if entries == 0 {
                for (k, &(b, r, c)) in positions.iter().enumerate() {
                    let v: f64 = StandardNormal.sample(&mut rng);
                    builder.entry(
                        i,
                        b,
                        r,
                        c,
                        if k == own {
                            sign * 3.0 * (total as f64).sqrt()
                        } else {
                            v
                        },
                    )?;
                }
                continue;
            }
            builder.entry(i, b, r, c, sign * magnitude.sample(&mut rng))?;
            let others = (entries - 1).min(total - 1);
            row.clear();
            while row.len() < others {
                let k = below(&mut rng, total);
                if k != own && !row.contains(&k) {
                    row.push(k);
                    let (b, r, c) = positions[k];
                    let size = 0.9 * (magnitude.sample(&mut rng) - 1.0) / others as f64;
                    builder.entry(
                        i,
                        b,
                        r,
                        c,
                        if rng.next_u32() & 1 == 0 { size } else { -size },
                    )?;
                }
            }
        }
        builder.build()
    }
}
