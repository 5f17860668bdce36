//! The rank that a solution reveals.

use super::Solution;
use crate::constraints::Block;
use crate::error::{Error, Result, check_shape};
use crate::linalg::padded;
use crate::linalg::{norm, spectral};
use faer::{Mat, MatRef};

/// A matrix block as `V Vᵀ`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Factor {
    /// `V`, a column for every eigenvalue above the widest gap, by ascending eigenvalue.
    pub v: Mat<f64>,
    /// The ratio of the eigenvalues on both sides of that gap; infinite at full rank.
    pub gap: f64,
    /// `‖X − V Vᵀ‖ / ‖X‖` in the Frobenius norm.
    pub error: f64,
}

impl Solution {
    /// The `block`-th of the blocks given, a matrix, as `V Vᵀ` of the rank its eigenvalues reveal.
    ///
    /// In an SDPA file that block of `x` is the *dual* matrix `Y`.
    ///
    /// # Errors
    /// [`Error::Shape`] for blocks that are not those of the solution, [`Error::OutOfRange`], [`Error::Unsupported`] for
    /// nonnegative numbers, [`Error::NoConvergence`] of the eigenvalues.
    ///
    /// # Complexity
    /// `9n³` flops.
    pub fn factor(&self, blocks: &[Block], block: usize) -> Result<Factor> {
        let total = blocks
            .iter()
            .fold(0usize, |sum, b| sum.saturating_add(b.ambient()));
        check_shape("solution of these blocks", (total, 1), (self.x.len(), 1))?;
        let Some(&chosen) = blocks.get(block) else {
            return Err(Error::OutOfRange {
                what: "block",
                index: block,
                bound: blocks.len(),
            });
        };
        let Block::Psd(n) = chosen else {
            return Err(Error::Unsupported {
                what: "a factor",
                by: "a nonnegative block",
            });
        };
        let first: usize = blocks[..block].iter().map(|b| b.ambient()).sum();
        let x = &self.x[first..first + n * n];
        let (values, vectors) = spectral::eigen(MatRef::from_column_major_slice(x, n, n))?;
        let (rank, gap) = spectral::revealed_rank(&values);
        let from = n - rank;
        let root = |k: usize| values[from + k].max(0.0).sqrt();
        let rest: Vec<f64> = (0..n)
            .map(|k| {
                if k < from {
                    values[k]
                } else {
                    values[k].min(0.0)
                }
            })
            .collect();
        let size = norm(&values);
        Ok(Factor {
            v: padded::from_fn(n, rank, |i, k| vectors[(i, from + k)] * root(k)),
            gap,
            error: if size > 0.0 { norm(&rest) / size } else { 0.0 },
        })
    }
}
