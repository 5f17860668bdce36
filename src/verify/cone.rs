//! Proofs that a block is in its cone.

use super::symmetric::Slack;
use crate::constraints::Block;
use crate::linalg::error_free::{Ball, add_up, div_up, mul_up, power_of_two};
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::linalg::{padded, spectral, verified_cholesky};
use faer::Mat;

/// Below this order a block is factored densely.
const SPARSE_ORDER: usize = 200;

/// A block with at most this share of its triangle filled is factored as a sparse matrix.
const SPARSE_SHARE: f64 = 0.1;

/// Attempts at a lower bound of an eigenvalue, each ten times as far below the estimate.
const EIGENVALUE_TRIES: usize = 3;

/// Entries `(row, column, entry)` with `row ≤ column` of a symmetric matrix, sorted by column and row, without rows that vanish.
struct Support<'a> {
    entries: &'a [(u32, u32, Ball)],
    /// The rows that do not vanish, ascending.
    rows: Vec<u32>,
    /// Where a row is in `rows`.
    place: Vec<u32>,
}

impl<'a> Support<'a> {
    fn new(order: usize, entries: &'a [(u32, u32, Ball)]) -> Self {
        let mut used = vec![false; order];
        for (row, col, _) in entries {
            used[*row as usize] = true;
            used[*col as usize] = true;
        }
        let rows: Vec<u32> = (0..order as u32).filter(|&i| used[i as usize]).collect();
        let mut place = vec![u32::MAX; order];
        rows.iter()
            .enumerate()
            .for_each(|(k, &i)| place[i as usize] = k as u32);
        Self {
            entries,
            rows,
            place,
        }
    }

    /// The diagonal, and how far a diagonal matrix has to be taken off so that the radii are covered: for positive `f`,
    /// `2 e │x_i x_j│ ≤ e f x_i² + (e/f) x_j²`, with `f` near `√(M_ii/M_jj)`. `Err(i)` where the diagonal is not positive.
    fn diagonal_and_radii(&self) -> Result<(Vec<f64>, Vec<f64>), usize> {
        let n = self.rows.len();
        let (mut diagonal, mut off) = (vec![0.0; n], vec![0.0; n]);
        for (row, col, entry) in self.entries.iter().filter(|e| e.0 == e.1) {
            debug_assert_eq!(row, col);
            let k = self.place[*row as usize] as usize;
            (diagonal[k], off[k]) = (entry.mid, entry.rad);
        }
        if let Some(k) = diagonal.iter().position(|d| !(*d > 0.0)) {
            return Err(self.rows[k] as usize);
        }
        for (row, col, entry) in self.entries.iter().filter(|e| e.0 != e.1 && e.2.rad > 0.0) {
            let (i, j) = (
                self.place[*row as usize] as usize,
                self.place[*col as usize] as usize,
            );
            let f = power_of_two((diagonal[i] / diagonal[j]).sqrt());
            off[i] = add_up(off[i], mul_up(entry.rad, f));
            off[j] = add_up(off[j], mul_up(entry.rad, 1.0 / f));
        }
        Ok((diagonal, off))
    }

    fn is_sparse(&self) -> bool {
        let n = self.rows.len();
        n >= SPARSE_ORDER && (self.entries.len() as f64) < SPARSE_SHARE * 0.5 * (n * n) as f64
    }

    /// Lower triangle of the midpoints.
    fn dense(&self) -> Mat<f64> {
        let n = self.rows.len();
        let mut out = padded::zeros(n, n);
        for (row, col, entry) in self.entries {
            let (i, j) = (self.place[*row as usize], self.place[*col as usize]);
            out[(j as usize, i as usize)] = entry.mid;
        }
        out
    }

    /// Proves that the matrix plus `lift` times the identity is semidefinite.
    fn prove(&self, lift: f64) -> Result<(), usize> {
        let n = self.rows.len();
        if n == 0 {
            return Ok(());
        }
        let (diagonal, mut off) = if lift > 0.0 {
            self.lifted(lift)
        } else {
            self.diagonal_and_radii()?
        };
        let back = |k: usize| self.rows[k.min(n - 1)] as usize;
        // The lift is part of the matrix: its diagonal is rounded, and the rounding joins the radii.
        let done = if self.is_sparse() {
            self.prove_sparse(&diagonal, &off)
        } else {
            let mut m = self.dense();
            diagonal
                .iter()
                .enumerate()
                .for_each(|(k, d)| m[(k, k)] = *d);
            verified_cholesky::prove(m.as_mut(), &off)
        };
        off.clear();
        done.map_err(back)
    }

    fn lifted(&self, lift: f64) -> (Vec<f64>, Vec<f64>) {
        let n = self.rows.len();
        let (mut diagonal, mut off) = (vec![lift; n], vec![0.0; n]);
        for (row, _, entry) in self.entries.iter().filter(|e| e.0 == e.1) {
            let k = self.place[*row as usize] as usize;
            // Rounded down, the sum is a matrix that is not larger.
            diagonal[k] = crate::linalg::error_free::add_down(entry.mid, lift);
            off[k] = entry.rad;
        }
        for (row, col, entry) in self.entries.iter().filter(|e| e.0 != e.1 && e.2.rad > 0.0) {
            for k in [row, col] {
                let k = self.place[*k as usize] as usize;
                off[k] = add_up(off[k], entry.rad);
            }
        }
        (diagonal, off)
    }

    fn prove_sparse(&self, diagonal: &[f64], off: &[f64]) -> Result<(), usize> {
        let n = self.rows.len();
        let (mut start, mut row, mut values) = (vec![0], vec![], vec![]);
        let mut entries = self.entries.iter().peekable();
        for (k, &col) in self.rows.iter().enumerate() {
            while let Some((r, _, entry)) = entries.next_if(|e| e.1 == col) {
                if *r != col {
                    row.push(self.place[*r as usize] as usize);
                    values.push(entry.mid);
                }
            }
            row.push(k);
            values.push(diagonal[k]);
            start.push(row.len());
        }
        let ends = start[1..].to_vec();
        let Some(mut factor) = SparseCholesky::analyse(n, start, row) else {
            return Err(0);
        };
        verified_cholesky::prove_sparse(&mut factor, (&values, &ends), off, 0)
    }
}

/// Proves every block of a slack in its cone; `Err((block, index))` with what stands against it.
///
/// # Complexity
/// A factorisation per matrix block.
pub(super) fn prove(blocks: &[Block], slack: &Slack) -> Result<(), (usize, usize)> {
    for (b, (block, entries)) in blocks.iter().zip(&slack.blocks).enumerate() {
        prove_block(*block, entries).map_err(|index| (b, index))?;
    }
    Ok(())
}

/// The same of one block.
pub(super) fn prove_block(block: Block, entries: &[(u32, u32, Ball)]) -> Result<(), usize> {
    match block {
        Block::Nonneg(_) => {
            let outside = entries.iter().find(|(_, _, v)| !(v.lower() >= 0.0));
            outside.map_or(Ok(()), |(row, _, _)| Err(*row as usize))
        }
        Block::Psd(n) => Support::new(n, entries).prove(0.0),
    }
}

/// A number `δ ≥ 0` with `S + δ I` proved in the cone, near the smallest one; `None` when none was found.
///
/// # Complexity
/// The eigenvalues of the block, and up to three factorisations.
pub(super) fn distance(block: Block, entries: &[(u32, u32, Ball)]) -> Option<f64> {
    let n = match block {
        Block::Nonneg(_) => {
            let least = entries
                .iter()
                .map(|(_, _, v)| v.lower())
                .fold(0.0, f64::min);
            return least.is_finite().then_some(-least);
        }
        Block::Psd(n) => n,
    };
    let support = Support::new(n, entries);
    if support.prove(0.0).is_ok() {
        return Some(0.0);
    }
    let dense = support.dense();
    let values = spectral::eigenvalues(dense.as_ref()).ok()?;
    let largest = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let mut margin = div_up(mul_up(largest, f64::EPSILON * 16.0 * n as f64), 1.0);
    for _ in 0..EIGENVALUE_TRIES {
        let lift = (-values[0]).max(0.0) + margin;
        if lift.is_finite() && lift > 0.0 && support.prove(lift).is_ok() {
            return Some(lift);
        }
        margin *= 10.0;
    }
    None
}
