//! The rows as vectors of length one, and the cheap tests: rows that own a position, and rows that are parallel.

use super::DependentRow;
use super::params::PRIVATE_ENTRY;
use crate::constraints::Constraints;
use crate::constraints::positions::position;
use crate::linalg::dot;

/// Largest distance between rows of length one that are called parallel.
const PARALLEL: f64 = 1e-14;

/// The rows as vectors of length one over the positions of the upper triangles, and which of them are still in question.
pub(super) struct UnitRows {
    start: Vec<usize>,
    /// Positions, ascending in a row.
    index: Vec<u32>,
    value: Vec<f64>,
    /// Length of every row as it was given.
    pub length: Vec<f64>,
    /// Rows in question.
    active: Vec<bool>,
    positions: usize,
}

impl UnitRows {
    pub(super) fn new(a: &Constraints) -> Self {
        let m = a.len();
        let mut start = vec![0usize; m + 1];
        for (i, ..) in a.entries() {
            start[i + 1] += 1;
        }
        (0..m).for_each(|i| start[i + 1] += start[i]);
        let mut next = start.clone();
        let mut value = vec![0.0; start[m]];
        // Position, and index among the values.
        let mut places = Vec::with_capacity(start[m]);
        for (i, b, row, col, v) in a.entries() {
            // An entry off the diagonal is two entries of the symmetric matrix.
            value[next[i]] = if row == col { v } else { v * 2f64.sqrt() };
            places.push((b as u32, position(row, col), next[i]));
            next[i] += 1;
        }
        #[cfg(feature = "rayon")]
        rayon::slice::ParallelSliceMut::par_sort_unstable(&mut places[..]);
        #[cfg(not(feature = "rayon"))]
        places.sort_unstable();
        let mut index = vec![0; places.len()];
        let mut positions = 0;
        for same in places.chunk_by(|p, q| (p.0, p.1) == (q.0, q.1)) {
            same.iter().for_each(|p| index[p.2] = positions as u32);
            positions += 1;
        }
        let mut rows = Self {
            start,
            index,
            value,
            length: vec![0.0; m],
            active: vec![false; m],
            positions,
        };
        for i in 0..m {
            let at = rows.start[i]..rows.start[i + 1];
            let length = crate::linalg::norm(&rows.value[at.clone()]);
            rows.value[at].iter_mut().for_each(|v| *v /= length);
            (rows.length[i], rows.active[i]) = (length, length > 0.0);
        }
        rows
    }

    pub(super) fn positions(&self) -> usize {
        self.positions
    }

    pub(super) fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let at = self.start[i]..self.start[i + 1];
        (&self.index[at.clone()], &self.value[at])
    }

    /// `to ← to + factor · row i`.
    pub(super) fn add(&self, i: usize, factor: f64, to: &mut [f64]) {
        let (index, value) = self.row(i);
        for (&p, v) in index.iter().zip(value) {
            to[p as usize] += factor * v;
        }
    }

    /// `⟨row i, v⟩`.
    pub(super) fn inner(&self, i: usize, v: &[f64]) -> f64 {
        let (index, value) = self.row(i);
        let terms = index.iter().zip(value);
        terms.map(|(&p, u)| u * v[p as usize]).sum()
    }

    /// The least, over all rows, of the largest entry relative to the length of the row at a position that no other row reads; zero
    /// when some row has no such position.
    pub(super) fn least_private_share(&self) -> f64 {
        let mut readers = vec![0u32; self.positions];
        self.index.iter().for_each(|&p| readers[p as usize] += 1);
        let share = |i: usize| {
            let (index, value) = self.row(i);
            let private = index.iter().zip(value);
            let private = private.filter(|(p, _)| readers[**p as usize] == 1);
            private.fold(0.0, |most: f64, (_, v)| most.max(v.abs()))
        };
        (0..self.length.len()).map(share).fold(1.0, f64::min)
    }

    /// The rows in question.
    pub(super) fn active(&self) -> Vec<usize> {
        (0..self.active.len()).filter(|&i| self.active[i]).collect()
    }

    /// Takes out rows that own a position, until none does.
    pub(super) fn strip(&mut self) {
        let mut holders: Vec<Vec<(u32, f64)>> = vec![vec![]; self.positions];
        for i in self.active() {
            let (index, value) = self.row(i);
            for (&p, &v) in index.iter().zip(value) {
                holders[p as usize].push((i as u32, v));
            }
        }
        let mut count: Vec<u32> = holders.iter().map(|h| h.len() as u32).collect();
        let mut lonely: Vec<usize> = (0..count.len()).filter(|&p| count[p] == 1).collect();
        while let Some(p) = lonely.pop() {
            let owner = holders[p].iter().find(|h| self.active[h.0 as usize]);
            let Some(&(i, v)) = owner else { continue };
            if v.abs() < PRIVATE_ENTRY.get() {
                continue;
            }
            self.active[i as usize] = false;
            for &p in &self.index[self.start[i as usize]..self.start[i as usize + 1]] {
                count[p as usize] -= 1;
                if count[p as usize] == 1 {
                    lonely.push(p as usize);
                }
            }
        }
    }

    /// Takes out rows that are multiples of others: of each family the first stays.
    pub(super) fn parallel(&mut self) -> Vec<DependentRow> {
        // Parallel rows have the same inner product with any vector, up to the sign.
        let mark = |i: usize| {
            let (index, value) = self.row(i);
            let terms = index.iter().zip(value);
            let sum: f64 = terms.map(|(&p, v)| v * (1.0 + (p as f64).sin())).sum();
            sum.abs()
        };
        let mut marks: Vec<(f64, usize)> =
            self.active().into_iter().map(|i| (mark(i), i)).collect();
        marks.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let sign = |i: usize| self.row(i).1[0].signum();
        let (mut out, mut taken): (Vec<DependentRow>, _) = (vec![], vec![false; marks.len()]);
        for k in 0..marks.len() {
            let (mark, i) = marks[k];
            let rounding = PARALLEL * (self.row(i).0.len() as f64 + 2.0);
            let mut family = vec![i];
            if taken[k] {
                continue;
            }
            for l in k + 1..marks.len() {
                let (other, j) = marks[l];
                if other - mark > rounding {
                    break;
                }
                if !taken[l] && self.distance(i, j, sign(i) * sign(j)) <= PARALLEL {
                    taken[l] = true;
                    family.push(j);
                }
            }
            family.sort_unstable();
            let first = family[0];
            out.extend(family[1..].iter().map(|&row| DependentRow {
                row,
                combination: vec![(first, sign(row) * sign(first))],
            }));
        }
        out.iter().for_each(|d| self.active[d.row] = false);
        out
    }

    /// `‖row i − factor · row j‖`; infinite when their positions differ.
    fn distance(&self, i: usize, j: usize, factor: f64) -> f64 {
        let ((p, u), (q, v)) = (self.row(i), self.row(j));
        if p != q {
            return f64::INFINITY;
        }
        let d: Vec<f64> = u.iter().zip(v).map(|(u, v)| u - factor * v).collect();
        dot(&d, &d).sqrt()
    }
}
