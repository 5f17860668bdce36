//! Whether the rows of `A` are linearly independent: found in the rows themselves, not in their products.

mod span;
mod unit_rows;

use crate::constraints::Constraints;
use unit_rows::UnitRows;

/// Distance of a row of length one from a combination of others, relative to the factors, that passes for rounding.
pub(crate) const DEPENDENT: f64 = 1e-12;

/// A row that is a combination of others.
#[derive(Debug, Clone)]
pub(crate) struct DependentRow {
    pub row: usize,
    /// Rows that are kept, and their factors.
    pub combination: Vec<(usize, f64)>,
}

/// The rows that are combinations of others, ascending: rows of length one whose distance from the combination, relative to the
/// factors, is at most `rounding`.
///
/// # Complexity
/// One pass over the nonzeros while every row in turn owns an entry; for the rows that are left, a sparse Cholesky
/// factorisation of their Gram matrix.
pub(crate) fn dependent_rows(a: &Constraints, rounding: f64) -> Vec<DependentRow> {
    let mut rows = UnitRows::new(a);
    let mut dropped: Vec<DependentRow> = (0..a.len())
        .filter(|&i| rows.length[i] == 0.0)
        .map(|row| DependentRow {
            row,
            combination: vec![],
        })
        .collect();
    rows.strip();
    dropped.extend(rows.parallel());
    rows.strip();
    dropped.extend(span::dependent(&rows, rounding));
    for DependentRow { row, combination } in &mut dropped {
        for (j, factor) in combination {
            *factor *= rows.length[*row] / rows.length[*j];
        }
    }
    dropped.sort_unstable_by_key(|d| d.row);
    dropped
}
