//! Blocks of `c − Aᵀy` as balls that hold the exact entries.

use crate::constraints::Constraints;
use crate::linalg::error_free::{Ball, ExactSum};

/// The entries of a flat vector's upper triangles that may differ from zero, block by block.
#[derive(Debug, Clone)]
pub(super) struct Slack {
    /// `(row, column, entry)` with `row ≤ column`, sorted by column and row; on a nonnegative block both are the index.
    pub(super) blocks: Vec<Vec<(u32, u32, Ball)>>,
}

/// `share · c − Aᵀy`: no entry is rounded more than once.
///
/// # Complexity
/// A sort of the nonzeros.
pub(super) fn slack(a: &Constraints, c: Option<&Constraints>, y: &[f64]) -> Slack {
    // Terms in the order of their positions: (block, column, row), with the cost as row m.
    let m = a.len() as u32;
    let mut terms: Vec<(u32, u32, u32, u32, f64)> = Vec::with_capacity(a.nonzeros());
    for (i, block, row, col, v) in a.entries() {
        terms.push((block as u32, col as u32, row as u32, i as u32, v));
    }
    for (_, block, row, col, v) in c.iter().flat_map(|c| c.entries()) {
        terms.push((block as u32, col as u32, row as u32, m, v));
    }
    terms.sort_unstable_by_key(|&(block, col, row, i, _)| (block, col, row, i));
    let mut blocks = vec![vec![]; a.blocks().len()];
    let mut sum = ExactSum::default();
    let mut rest = &terms[..];
    while let Some(&(block, col, row, _, _)) = rest.first() {
        let count = rest.partition_point(|t| (t.0, t.1, t.2) <= (block, col, row));
        let (here, later) = rest.split_at(count);
        rest = later;
        sum.clear();
        for &(_, _, _, i, v) in here {
            match y.get(i as usize) {
                Some(y) => sum.add_product(-v, *y),
                None => sum.add(v),
            }
        }
        let entry = sum.ball();
        if !entry.is_zero() {
            blocks[block as usize].push((row, col, entry));
        }
    }
    Slack { blocks }
}
