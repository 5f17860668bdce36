//! The Gram matrix of rows of length one: sparse, by columns of its upper triangle.

use super::unit_rows::UnitRows;
use crate::linalg::machine::MULTIPLIED_COST;
use crate::linalg::padded;
use crate::linalg::product::gemm_lower;
use crate::linalg::shifts::{DEPENDENT_ROWS, SHIFTS};
use crate::linalg::sparse_cholesky::SparseCholesky;
use faer::{Accum, Mat};

/// Positions whose entries are multiplied together, where rows are multiplied as a dense matrix.
const PANEL: usize = 2048;

/// The inner products of rows that share a position; in every column rows ascend and the diagonal is last.
pub(super) struct RowProducts {
    start: Vec<usize>,
    row: Vec<usize>,
    value: Vec<f64>,
}

impl RowProducts {
    /// The products of the rows `active`, in their order.
    ///
    /// # Complexity
    /// For every position the square of the number of rows that read it; or, where that takes longer, a product of dense
    /// matrices.
    pub(super) fn new(rows: &UnitRows, active: &[usize]) -> Self {
        let mut readers = vec![0usize; rows.positions()];
        for &i in active {
            rows.row(i).0.iter().for_each(|&p| readers[p as usize] += 1);
        }
        let pairs: f64 = readers.iter().map(|&r| 0.5 * (r * r) as f64).sum();
        let positions = readers.iter().filter(|&&r| r > 0).count();
        let multiplied = 0.5 * (active.len() * active.len()) as f64 * positions as f64;
        if MULTIPLIED_COST * multiplied < pairs {
            Self::dense(rows, active)
        } else {
            Self::sparse(rows, active)
        }
    }

    fn sparse(rows: &UnitRows, active: &[usize]) -> Self {
        let mut holders: Vec<Vec<(u32, f64)>> = vec![vec![]; rows.positions()];
        let mut out = Self::with_capacity(0);
        let (mut sum, mut seen) = (vec![0.0; active.len()], vec![usize::MAX; active.len()]);
        for (k, &i) in active.iter().enumerate() {
            let (index, value) = rows.row(i);
            let mut column = vec![];
            for (&p, &v) in index.iter().zip(value) {
                holders[p as usize].push((k as u32, v));
                for &(other, u) in &holders[p as usize] {
                    let other = other as usize;
                    if seen[other] != k {
                        (seen[other], sum[other]) = (k, 0.0);
                        column.push(other);
                    }
                    sum[other] += u * v;
                }
            }
            column.sort_unstable();
            out.value.extend(column.iter().map(|&other| sum[other]));
            out.row.extend(column);
            out.start.push(out.row.len());
        }
        out
    }

    fn dense(rows: &UnitRows, active: &[usize]) -> Self {
        let n = active.len();
        let mut gram: Mat<f64> = padded::zeros(n, n);
        let mut panel: Mat<f64> = padded::zeros(n, PANEL.min(rows.positions()));
        // How far every row was read: its positions ascend.
        let mut read = vec![0; n];
        for first in (0..rows.positions()).step_by(PANEL) {
            panel.fill(0.0);
            for (k, &i) in active.iter().enumerate() {
                let (index, value) = rows.row(i);
                let end = index.partition_point(|&p| (p as usize) < first + PANEL);
                for at in read[k]..end {
                    panel[(k, index[at] as usize - first)] = value[at];
                }
                read[k] = end;
            }
            let (by, out) = (panel.as_ref(), gram.as_mut());
            gemm_lower(out, Accum::Add, 1.0, by, by.transpose());
        }
        let mut out = Self::with_capacity(n * (n + 1) / 2);
        for k in 0..n {
            out.row.extend(0..=k);
            out.value.extend((0..=k).map(|other| gram[(k, other)]));
            out.start.push(out.row.len());
        }
        out
    }

    fn with_capacity(nonzeros: usize) -> Self {
        Self {
            start: vec![0],
            row: Vec::with_capacity(nonzeros),
            value: Vec::with_capacity(nonzeros),
        }
    }

    /// The matrix without some rows, which ascend.
    pub(super) fn without(&self, rows: &[usize]) -> Self {
        let mut to = vec![Some(0); self.len()];
        rows.iter().for_each(|&k| to[k] = None);
        let kept = to.iter_mut().flatten().enumerate();
        kept.for_each(|(k, to)| *to = k);
        let mut rest = Self::with_capacity(0);
        for k in (0..self.len()).filter(|&k| to[k].is_some()) {
            for at in self.start[k]..self.start[k + 1] {
                if let Some(row) = to[self.row[at]] {
                    rest.row.push(row);
                    rest.value.push(self.value[at]);
                }
            }
            rest.start.push(rest.row.len());
        }
        rest
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.start.len() - 1
    }

    pub(super) fn nonzeros(&self) -> usize {
        self.row.len()
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.value
    }

    /// The order of elimination; `None` when memory ran out.
    pub(super) fn analyse(&self) -> Option<SparseCholesky> {
        SparseCholesky::analyse(self.len(), self.start.clone(), self.row.clone())
    }

    /// The values with a shift of the diagonal.
    pub(super) fn shifted(&self, shift: f64) -> Vec<f64> {
        let mut shifted = self.value.clone();
        let diagonal = self.start[1..].iter().map(|&end| end - 1);
        diagonal.for_each(|at| shifted[at] += shift);
        shifted
    }

    /// Factors the matrix with the smallest shift that leaves all pivots positive; `false` when none does.
    pub(super) fn factor_shifted(&self, factor: &mut SparseCholesky) -> bool {
        let mut shifts = SHIFTS[DEPENDENT_ROWS].iter();
        shifts.any(|&shift| factor.factor(&self.shifted(shift)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::{Block, Constraints};

    /// Rows of very different lengths on three blocks, more positions than a panel has columns.
    #[test]
    fn both_ways_to_multiply_rows_give_the_same_products() {
        let blocks = [Block::Psd(60), Block::Nonneg(700), Block::Psd(25)];
        let mut a = Constraints::builder(9, &blocks).unwrap();
        for i in 0..9 {
            for k in 0..150 * i + 1 {
                let (r, c, value) = (k % 40, 40 + k / 40 % 20, 1.0 + (k as f64).sin());
                if k < 800 {
                    a.entry(i, 0, r, c, value).unwrap();
                }
                let at = (11 * k + i) % 700;
                if k < 700 {
                    a.entry(i, 1, at, at, value).unwrap();
                }
            }
            a.entry(i, 2, 0, i, 2.0).unwrap();
        }
        let rows = UnitRows::new(&a.build().unwrap());
        assert!(rows.positions() > PANEL / 2);
        let active = [0, 2, 3, 5, 6, 7, 8];
        let (sparse, dense) = (
            RowProducts::sparse(&rows, &active),
            RowProducts::dense(&rows, &active),
        );
        let mut found = vec![0.0; dense.nonzeros()];
        for k in 0..active.len() {
            for at in sparse.start[k]..sparse.start[k + 1] {
                found[dense.start[k] + sparse.row[at]] = sparse.value[at];
            }
        }
        assert!(
            found
                .iter()
                .zip(&dense.value)
                .all(|(s, d)| (s - d).abs() < 1e-14)
        );
    }
}
