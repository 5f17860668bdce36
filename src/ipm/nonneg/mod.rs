//! What linear programs want of the loop besides: a start from least squares, free variables that were split, and directions
//! corrected for centrality several times a factor.

mod newton;
mod split;
mod start;

pub(super) use newton::Newton;
pub(super) use split::SplitPairs;
pub(super) use start::start;

use crate::constraints::{Block, Constraints};

/// Whether all variables are nonnegative numbers.
pub(super) fn is_linear(a: &Constraints) -> bool {
    a.blocks().iter().all(|b| matches!(b, Block::Nonneg(_)))
}
