//! What linear programs want of the loop besides: a start from least squares, free variables that were split, and directions
//! corrected for centrality several times a factor.

mod newton;
mod split_pairs;

pub(in crate::ipm) use newton::Newton;
pub(in crate::ipm) use split_pairs::SplitPairs;
