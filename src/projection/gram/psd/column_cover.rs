//! Rows whose entries a few columns and their mirror rows cover: `A_i = Σ_t (e_q w_tᵀ + w_t e_qᵀ)`, with one column `q` per term `t`.
//! Linear matrix inequalities have such rows. Each row belongs to one entry of an unknown matrix, which is multiplied by
//! data matrices.
//!
//! With `U = P A_i Q`, the matrix `S = U + Uᵀ` is a product of thin matrices:
//!
//! ```text
//! S = Σ_t (P e_q)(Q w_t)ᵀ + (P w_t)(Q e_q)ᵀ + its transpose,      tr(A_i P A_j Q) = Σ_s w_sᵀ S e_q   over the terms s of A_j,
//! ```
//!
//! For all `i` of a batch and all `j` with a term on the same column `q`, the second formula is one matrix product. The formulas
//! for single rows would read the entries of `S` one by one.

use crate::constraints::SymmetricRows;
use crate::linalg::padded;
use crate::linalg::product::gemm;
use crate::linalg::real::Real;
use core::ops::Range;
use faer::prelude::ReborrowMut as _;
use faer::{Accum, ColMut, Mat, MatMut, MatRef};
use std::sync::Mutex;

/// Largest number of rows per batch. Each row takes `n²` numbers of scratch space.
const BATCH: usize = 32;

/// Largest number of terms per batch, unless one row has more. Each term takes `3 n` numbers of scratch space.
const BATCH_TERMS: usize = 256;

/// Largest number of passes over the nonzeros in the search for columns. This bounds the average number of columns per row.
const MAX_COVER_PASSES: usize = 64;

/// Largest number of stored values per entry of the rows. All stored values but one per entry are zeros.
const MAX_FILL: usize = 4;

/// The plan for rows that few columns cover.
#[derive(Debug, Clone)]
pub(crate) struct ColumnCover {
    n: usize,
    /// The constraint of every row, ascending.
    constraint: Vec<u32>,
    /// Terms of row `k` are `start[k]..start[k + 1]`.
    start: Vec<usize>,
    /// Per term, its column `q` and the position of its `w` among the terms of `q`.
    term: Vec<(u32, u32)>,
    columns: Vec<Column>,
}

/// The terms on one column.
#[derive(Debug, Clone)]
struct Column {
    /// The row of each term, ascending.
    row: Vec<u32>,
    /// The vectors `w` of the terms.
    w: Mat<f64>,
}

/// Space for one batch.
struct Work {
    w: Mat<f64>,
    pw: Mat<f64>,
    qw: Mat<f64>,
    left: Mat<f64>,
    right: Mat<f64>,
    /// The matrices `S` of all rows of the batch, stacked: `S` of row `slot` begins at row `n · slot`. Column `q` of the panel then
    /// holds column `q` of every `S`.
    panel: Mat<f64>,
    products: Mat<f64>,
    /// The sums with the rows from the first of the batch on; one column per row of the batch.
    sums: Mat<f64>,
}

impl ColumnCover {
    /// `None` when the rows need many columns, or when the vectors `w` would be mostly zeros.
    ///
    /// # Complexity
    /// At most 64 passes over the nonzeros.
    pub(super) fn new(rows: &SymmetricRows) -> Option<Self> {
        let n = rows.order();
        let (mut start, mut constraint) = (vec![0], vec![]);
        let mut members: Vec<Vec<u32>> = vec![vec![]; n];
        let mut term = vec![];
        let (mut degree, mut work) = (vec![0u32; n], 0);
        for k in 0..rows.touching() {
            // Greedy cover: take the column with the most uncovered entries until every entry is covered.
            let (i, a) = rows.get(k);
            let mut left: Vec<(usize, usize, f64)> = a.iter().collect();
            let support = a.support();
            while !left.is_empty() {
                work += left.len();
                if work > MAX_COVER_PASSES * rows.nonzeros() {
                    return None;
                }
                support.iter().for_each(|&s| degree[s as usize] = 0);
                for &(r, c, _) in &left {
                    degree[r] += 1;
                    degree[c] += u32::from(r != c);
                }
                let widest = support.iter().copied().map(|s| s as usize);
                let Some(q) = widest.max_by_key(|&s| (degree[s], core::cmp::Reverse(s))) else {
                    break;
                };
                take_out(&mut left, q, |_, _| ());
                term.push((q as u32, members[q].len() as u32));
                members[q].push(k as u32);
            }
            if term.len() * n > MAX_FILL * rows.nonzeros() {
                return None;
            }
            start.push(term.len());
            constraint.push(i as u32);
        }
        let columns = members.into_iter().map(|row| Column {
            w: padded::zeros(n, row.len()),
            row,
        });
        let mut covered = Self {
            n,
            constraint,
            start,
            term,
            columns: columns.collect(),
        };
        covered.fill(rows);
        Some(covered)
    }

    /// Takes the values of rows with entries at the same positions. Returns `false` when a row is now of rank one; such rows
    /// have a formula of their own.
    pub(super) fn replace_values(&mut self, rows: &SymmetricRows) -> bool {
        if (0..rows.touching()).any(|k| rows.rank_one(k).is_some()) {
            return false;
        }
        self.fill(rows);
        true
    }

    fn fill(&mut self, rows: &SymmetricRows) {
        for k in 0..rows.touching() {
            let mut left: Vec<(usize, usize, f64)> = rows.get(k).1.iter().collect();
            for &(q, at) in &self.term[self.start[k]..self.start[k + 1]] {
                let to = self.columns[q as usize].w.col_as_slice_mut(at as usize);
                take_out(&mut left, q as usize, |r, v| to[r] = v);
            }
        }
    }

    /// The cost of [`ColumnCover::add`]: multiply-adds of matrix products, and additions to sums.
    pub(super) fn cost(&self) -> (f64, f64) {
        let (n, m, terms) = (
            self.n as f64,
            self.constraint.len() as f64,
            self.term.len() as f64,
        );
        (terms * n * (6.0 * n + 0.5 * m), 0.5 * terms * m + m * n * n)
    }

    fn rows(&self) -> usize {
        self.constraint.len()
    }

    /// Adds `tr(A_i P A_j Q)` to the lower triangle of `k`.
    pub(super) fn add<T: Real>(
        &self,
        pair: (Option<MatRef<'_, f64>>, MatRef<'_, f64>),
        mut k: MatMut<'_, T>,
    ) {
        // Every row writes one column of `k`, so batches write to different columns and can run in parallel.
        let mut all: Vec<_> = k.as_mut().col_iter_mut().map(Some).collect();
        let columns = self.constraint.iter().map(|&i| all[i as usize].take());
        let remaining = Mutex::new((0, columns.flatten()));
        let next = || {
            let mut remaining = remaining.lock().ok()?;
            let first = remaining.0;
            let batch = self.batch(first);
            let columns: Vec<_> = remaining.1.by_ref().take(batch).collect();
            remaining.0 += columns.len();
            (!columns.is_empty()).then_some((first, columns))
        };
        let work = || {
            let mut work = Work::new(self);
            while let Some((first, mut columns)) = next() {
                self.accumulate_batch(first..first + columns.len(), pair, &mut work);
                self.scatter_batch(first, &work.sums, &mut columns);
            }
        };
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(threads) = crate::linalg::par(self.rows() * self.rows() * self.n) {
            use rayon::prelude::*;
            let tasks = (0..threads.get()).into_par_iter().with_max_len(1);
            return tasks.for_each(|_| work());
        }
        work();
    }

    /// Rows of the batch that begins at row `first`.
    fn batch(&self, first: usize) -> usize {
        let end = self.start[first] + BATCH_TERMS;
        let rows = &self.start[(first + 1).min(self.start.len())..];
        rows.partition_point(|&s| s <= end).clamp(1, BATCH)
    }

    /// `sums ←` the sums of the rows of one batch with all rows from the first of the batch on.
    fn accumulate_batch(
        &self,
        batch: Range<usize>,
        pair: (Option<MatRef<'_, f64>>, MatRef<'_, f64>),
        work: &mut Work,
    ) {
        self.weigh_terms(&batch, pair, work);
        for (slot, i) in batch.clone().enumerate() {
            self.form_symmetrised(i, slot, self.start[batch.start], pair, work);
        }
        self.multiply_terms(batch, work);
    }

    /// `P w` and `Q w` for all terms of the batch.
    fn weigh_terms(
        &self,
        batch: &Range<usize>,
        (p, q): (Option<MatRef<'_, f64>>, MatRef<'_, f64>),
        work: &mut Work,
    ) {
        let terms = self.start[batch.start]..self.start[batch.end];
        let (n, count) = (self.n, terms.len());
        if work.w.ncols() < count {
            let zeros = || padded::zeros(n, count);
            (work.w, work.pw, work.qw) = (zeros(), zeros(), zeros());
        }
        for (t, &(column, at)) in self.term[terms].iter().enumerate() {
            let from = self.columns[column as usize].w.col_as_slice(at as usize);
            work.w.col_as_slice_mut(t).copy_from_slice(from);
        }
        let given = work.w.subcols(0, count);
        let product = |to: &mut Mat<f64>, by| {
            let to = to.as_mut().subcols_mut(0, count);
            gemm(to, Accum::Replace, 1.0, by, given);
        };
        product(&mut work.qw, q);
        if let Some(p) = p {
            product(&mut work.pw, p);
        }
    }

    /// `S` of row `i` into the slot `slot` of the panel; `first_term` is the first term of the batch.
    ///
    /// Every term adds four products of two vectors: `(P e_q)(Q w)ᵀ`, `(P w)(Q e_q)ᵀ` and their transposes.
    fn form_symmetrised(
        &self,
        i: usize,
        slot: usize,
        first_term: usize,
        (p, q): (Option<MatRef<'_, f64>>, MatRef<'_, f64>),
        work: &mut Work,
    ) {
        let terms = self.start[i]..self.start[i + 1];
        let (n, width) = (self.n, 4 * terms.len());
        if work.left.ncols() < width {
            (work.left, work.right) = (padded::zeros(n, width), padded::zeros(n, width));
        }
        let Work {
            w,
            pw,
            qw,
            left,
            right,
            panel,
            ..
        } = work;
        let pw = if p.is_some() { &*pw } else { &*w };
        for (t, e) in terms.enumerate() {
            let (column, at) = (self.term[e].0 as usize, e - first_term);
            // Copy P e_q and Q e_q.
            let unit = left.col_as_slice_mut(4 * t);
            match p {
                Some(p) => copy(p, column, unit),
                None => {
                    unit.fill(0.0);
                    unit[column] = 1.0;
                }
            }
            right.col_as_slice_mut(4 * t + 1).copy_from_slice(unit);
            let q_unit = left.col_as_slice_mut(4 * t + 3);
            copy(q, column, q_unit);
            right.col_as_slice_mut(4 * t + 2).copy_from_slice(q_unit);
            // Copy P w and Q w.
            for (to, from) in [(1, qw.col_as_slice(at)), (2, pw.col_as_slice(at))] {
                left.col_as_slice_mut(4 * t + to).copy_from_slice(from);
            }
            for (to, from) in [(0, qw.col_as_slice(at)), (3, pw.col_as_slice(at))] {
                right.col_as_slice_mut(4 * t + to).copy_from_slice(from);
            }
        }
        let (l, r) = (left.subcols(0, width), right.subcols(0, width));
        let s = panel.as_mut().submatrix_mut(slot * n, 0, n, n);
        gemm(s, Accum::Replace, 1.0, l, r.transpose());
    }

    /// `sums[j] ← Σ_s w_sᵀ S e_q` over the terms `s` of every later row `j`. Per column `q` this is one product of the panel with
    /// all `w` on that column.
    fn multiply_terms(&self, batch: Range<usize>, work: &mut Work) {
        let (n, first, width) = (self.n, batch.start, batch.len());
        let later = self.rows() - first;
        let Work {
            panel,
            products,
            sums,
            ..
        } = work;
        if sums.shape() != (later, width) {
            *sums = padded::zeros(later, width);
        }
        sums.fill(0.0);
        for (column, s) in self.columns.iter().zip(panel.col_iter()) {
            let from = column.row.partition_point(|&r| (r as usize) < first);
            let rows = &column.row[from..];
            let Some(s) = s.try_as_col_major().filter(|_| !rows.is_empty()) else {
                continue;
            };
            // View column q of the stacked S of all rows of the batch as a matrix with one column per row.
            let s = MatRef::from_column_major_slice(&s.as_slice()[..n * width], n, width);
            let w = column.w.subcols(from, rows.len()).transpose();
            let mut out = products.as_mut().submatrix_mut(0, 0, rows.len(), width);
            gemm(out.as_mut(), Accum::Replace, 1.0, w, s);
            for slot in 0..width {
                let to = sums.col_as_slice_mut(slot);
                let values = products.col_as_slice(slot);
                for (&j, v) in rows.iter().zip(values) {
                    to[j as usize - first] += v;
                }
            }
        }
    }

    /// Adds the sums of the rows from `first` on to their columns of `K`.
    fn scatter_batch<T: Real>(&self, first: usize, sums: &Mat<f64>, columns: &mut [ColMut<'_, T>]) {
        for (slot, column) in columns.iter_mut().enumerate() {
            // Every owned matrix has contiguous columns.
            if let Some(column) = column.rb_mut().try_as_col_major_mut() {
                let column = column.as_slice_mut();
                let later = &self.constraint[first + slot..];
                for (&j, sum) in later.iter().zip(&sums.col_as_slice(slot)[slot..]) {
                    let at = &mut column[j as usize];
                    *at = T::narrow(at.wide() + sum);
                }
            }
        }
    }
}

impl Work {
    fn new(of: &ColumnCover) -> Self {
        let widest = of.columns.iter().map(|c| c.row.len()).max().unwrap_or(0);
        Self {
            w: Mat::new(),
            pw: Mat::new(),
            qw: Mat::new(),
            left: Mat::new(),
            right: Mat::new(),
            panel: padded::zeros(BATCH.min(of.rows()) * of.n, of.n),
            products: padded::zeros(widest, BATCH),
            sums: Mat::new(),
        }
    }
}

/// Removes the entries on row and column `q` from `left`, and passes `w` of `e_q wᵀ + w e_qᵀ` to the closure entry by entry.
fn take_out(left: &mut Vec<(usize, usize, f64)>, q: usize, mut w: impl FnMut(usize, f64)) {
    left.retain(|&(r, c, v)| {
        match (r == q, c == q) {
            (true, true) => w(q, 0.5 * v),
            (true, false) => w(c, v),
            (false, true) => w(r, v),
            (false, false) => return true,
        }
        false
    });
}

/// `to ← M e_k`.
fn copy(m: MatRef<'_, f64>, k: usize, to: &mut [f64]) {
    to.iter_mut()
        .zip(m.col(k).iter())
        .for_each(|(t, v)| *t = *v);
}

#[cfg(test)]
mod tests;
