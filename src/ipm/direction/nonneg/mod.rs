//! What linear programs want of the loop besides: a start from least squares, free variables that were split, and directions
//! corrected for centrality several times a factor.

mod newton;
mod split_pairs;

pub(in crate::ipm) use newton::Newton;
pub(in crate::ipm) use split_pairs::SplitPairs;

use crate::constraints::{Block, Constraints};

/// Whether all variables are nonnegative numbers.
pub(in crate::ipm) fn is_linear(a: &Constraints) -> bool {
    a.blocks().iter().all(|b| matches!(b, Block::Nonneg(_)))
}
