//! One row on one block.

use crate::linalg::axpy;
use faer::MatRef;

/// One sparse symmetric matrix: entries `row ≤ col`, sorted by column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SparseSymmetric<'a> {
    pub row: &'a [u32],
    pub col: &'a [u32],
    pub value: &'a [f64],
}

impl<'a> SparseSymmetric<'a> {
    pub(crate) fn len(self) -> usize {
        self.value.len()
    }

    /// `(row, col, value)`, `row ≤ col`.
    pub(crate) fn iter(self) -> impl Iterator<Item = (usize, usize, f64)> + 'a {
        self.row
            .iter()
            .zip(self.col)
            .zip(self.value)
            .map(|((&r, &c), &v)| (r as usize, c as usize, v))
    }

    /// `⟨A, U⟩` for any square `U`.
    pub(crate) fn inner(self, u: MatRef<'_, f64>) -> f64 {
        self.iter()
            .map(|(r, c, v)| {
                if r == c {
                    v * u[(r, r)]
                } else {
                    v * (u[(r, c)] + u[(c, r)])
                }
            })
            .sum()
    }

    /// The distinct indices that occur, ascending.
    pub(crate) fn support(self) -> Vec<u32> {
        // Sorted by column, and no row is below it.
        let order = self.col.last().map_or(0, |&c| c as usize + 1);
        if 8 * self.len() > order {
            let mut occurs = vec![false; order];
            for (&r, &c) in self.row.iter().zip(self.col) {
                (occurs[r as usize], occurs[c as usize]) = (true, true);
            }
            return (0..order as u32).filter(|&k| occurs[k as usize]).collect();
        }
        let mut support = [self.row, self.col].concat();
        support.sort_unstable();
        support.dedup();
        support
    }

    /// `A = σ a aᵀ` with at least two indices in `a`, if it is that to within a few roundings of every entry.
    pub(super) fn rank_one(self) -> Option<RankOne> {
        let index = self.support();
        let s = index.len();
        if s < 2 || self.len() != s * (s + 1) / 2 {
            return None;
        }
        // A full triangle, sorted by column: the diagonal stands at the ends of the columns.
        let diagonal = |c: usize| self.value[c * (c + 3) / 2];
        let pivot = (0..s).max_by(|&i, &j| diagonal(i).abs().total_cmp(&diagonal(j).abs()))?;
        let (sign, root) = (diagonal(pivot).signum(), diagonal(pivot).abs().sqrt());
        let entry = |r: usize, c: usize| self.value[c * (c + 1) / 2 + r];
        let value: Vec<f64> = (0..s)
            .map(|k| sign * entry(k.min(pivot), k.max(pivot)) / root)
            .collect();
        let close = |r: usize, c: usize| {
            let product = sign * value[r] * value[c];
            (entry(r, c) - product).abs() <= 8.0 * f64::EPSILON * product.abs()
        };
        let exact = (0..s).all(|c| (0..=c).all(|r| close(r, c)));
        exact.then_some(RankOne { sign, index, value })
    }
}

/// `σ a aᵀ` with a sparse `a`.
#[derive(Debug, Clone)]
pub(crate) struct RankOne {
    pub sign: f64,
    pub index: Vec<u32>,
    pub value: Vec<f64>,
}

impl RankOne {
    /// Adds `scale · σ a aᵀ` to a symmetric matrix of order `n`, down its columns.
    pub(crate) fn add_to(&self, scale: f64, out: &mut [f64], n: usize) {
        for (&c, &v) in self.index.iter().zip(&self.value) {
            let column = &mut out[c as usize * n..(c as usize + 1) * n];
            let scale = scale * self.sign * v;
            for (&r, &v) in self.index.iter().zip(&self.value) {
                column[r as usize] += scale * v;
            }
        }
    }

    /// `out ← M a`.
    pub(crate) fn times(&self, m: MatRef<'_, f64>, out: &mut [f64]) {
        out.fill(0.0);
        for (&k, &v) in self.index.iter().zip(&self.value) {
            match m.col(k as usize).try_as_col_major() {
                Some(col) => axpy(v, col.as_slice(), out),
                None => out
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, o)| *o += v * m[(i, k as usize)]),
            }
        }
    }
}
