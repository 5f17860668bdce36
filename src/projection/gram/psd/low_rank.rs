//! Rows of low rank with dense vectors, `A_i = Σ_k c_k a_k a_kᵀ`. With all vectors side by side in `F`,
//!
//! ```text
//! tr(A_i P A_j Q) = Σ_kl c_k c_l (FᵀPF)_kl (FᵀQF)_lk   over the vectors k of A_i and l of A_j
//! ```
//!
//! which is two products of tall matrices for all pairs of such rows[^BYZ00]. The sum with any other row `A_j` is
//! `Σ_k c_k ⟨A_j, (P a_k)(Q a_k)ᵀ⟩`, which costs the nonzeros of `A_j` per vector.
//!
//! [^BYZ00]: Benson, Ye, Zhang. Solving large-scale sparse semidefinite programs for combinatorial optimization. SIAM J.
//! Optim. 10, 2000.

use super::row_formulas::Work;
use super::{RowPlan, add_lower};
use crate::constraints::{GramPair, SparseSymmetric, SymmetricRows};
use crate::linalg::machine::{MULTIPLIED_COST, STREAMED_COST};
use crate::linalg::padded;
use crate::linalg::product::gemm;
use crate::linalg::real::Real;
use core::ops::Range;
use faer::{Accum, Mat, MatMut, MatRef};

/// Largest rank that the search detects.
const MAX_RANK: usize = 8;

/// Smallest number of distinct indices of a row whose rank is searched for. The other formulas are cheap for smaller rows.
const MIN_SUPPORT: usize = 16;

/// Largest number of stored values per entry of the rows. All stored values but one per entry are zeros.
const MAX_FILL: usize = 4;

/// Vectors per matrix product.
const VECTORS_PER_PANEL: usize = 128;

/// A remainder of a row up to this size, relative to the largest entry of the row, counts as rounding error: the entries of such
/// a row were computed as rounded sums of products.
const REMAINDER_ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The decomposition `Σ_k c_k a_k a_kᵀ` of a row, with the vectors on the support of the row.
#[derive(Debug)]
pub(super) struct Factored {
    c: Vec<f64>,
    a: Mat<f64>,
}

impl Factored {
    /// `None` when the rank is above [`MAX_RANK`], or when the row is so sparse that other formulas are cheaper.
    ///
    /// # Complexity
    /// `O(r s²)` flops for a row of rank `r` on `s` indices. Almost every row of a rank above [`MAX_RANK`] costs `O(MAX_RANK³)`
    /// flops only.
    pub(super) fn new(row: SparseSymmetric<'_>) -> Option<Self> {
        let support = row.support();
        let s = support.len();
        if s < MIN_SUPPORT || 8 * row.len() < s * s {
            return None;
        }
        let mut places = vec![0; support[s - 1] as usize + 1];
        (0..s).for_each(|i| places[support[i] as usize] = i);
        let place = |k: usize| places[k];
        // Test a principal submatrix of order MAX_RANK + 1 first: most rows of a higher rank fail there.
        let chosen: Vec<usize> = (0..=MAX_RANK).map(|k| k * (s - 1) / MAX_RANK).collect();
        let mut minor = padded::zeros(chosen.len(), chosen.len());
        let mut whole = padded::zeros(s, s);
        let mut largest = 0.0f64;
        for (r, c, v) in row.iter() {
            let (r, c) = (place(r), place(c));
            (whole[(r, c)], whole[(c, r)]) = (v, v);
            largest = largest.max(v.abs());
        }
        for (i, &r) in chosen.iter().enumerate() {
            for (j, &c) in chosen.iter().enumerate() {
                minor[(i, j)] = whole[(r, c)];
            }
        }
        take_out(minor, largest)?;
        let (c, columns) = take_out(whole, largest)?;
        let a = padded::from_fn(s, c.len(), |i, k| columns[k][i]);
        Some(Self { c, a })
    }

    pub(super) fn rank(&self) -> usize {
        self.c.len()
    }
}

/// Vectors and factors of a symmetric matrix, by pivots of order one and two[^BP71]; `None` when the rank is above [`MAX_RANK`].
///
/// [^BP71]: Bunch, Parlett. Direct methods for solving symmetric indefinite systems of linear equations. SIAM J. Numer. Anal. 8, 1971.
fn take_out(mut m: Mat<f64>, largest: f64) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    // A diagonal entry of at least this share of the largest off-diagonal entry is a pivot of order one (Bunch and Parlett).
    const MIN_DIAGONAL_SHARE: f64 = 0.64;
    let s = m.nrows();
    let (mut factors, mut vectors) = (vec![], vec![]);
    loop {
        // Find the largest entries on and off the diagonal.
        let (mut diagonal, mut off) = ((0.0, 0), (0.0, 0, 0));
        for c in 0..s {
            let column = &m.col_as_slice(c)[..=c];
            for (r, v) in column.iter().enumerate() {
                let v = v.abs();
                if r == c && v > diagonal.0 {
                    diagonal = (v, c);
                } else if r < c && v > off.0 {
                    off = (v, r, c);
                }
            }
        }
        if f64::max(diagonal.0, off.0) <= REMAINDER_ROUNDING * largest {
            return Some((factors, vectors));
        }
        let mut next: Vec<(f64, Vec<f64>)> = vec![];
        if diagonal.0 >= MIN_DIAGONAL_SHARE * off.0 {
            let p = diagonal.1;
            next.push((1.0 / m[(p, p)], m.col_as_slice(p).to_vec()));
        } else {
            // Diagonalise the pivot block of order two: its eigenvectors combine the two columns into two vectors.
            let (p, q) = (off.1, off.2);
            let (a, b, d) = (m[(p, p)], m[(p, q)], m[(q, q)]);
            let angle = 0.5 * f64::atan2(2.0 * b, a - d);
            let (sin, cos) = angle.sin_cos();
            for (x, y) in [(cos, sin), (-sin, cos)] {
                let value = x * (a * x + b * y) + y * (b * x + d * y);
                let columns = m.col_as_slice(p).iter().zip(m.col_as_slice(q));
                let turned = columns.map(|(u, v)| x * u + y * v).collect();
                next.push((1.0 / value, turned));
            }
        }
        for (c, v) in next {
            for (j, to) in (0..s).map(|j| (j, c * v[j])) {
                let column = m.col_as_slice_mut(j);
                column.iter_mut().zip(&v).for_each(|(m, v)| *m -= to * v);
            }
            factors.push(c);
            vectors.push(v);
        }
        if factors.len() > MAX_RANK {
            return None;
        }
    }
}

/// The plan for the rows of low rank on a block.
#[derive(Debug, Clone)]
pub(crate) struct LowRank {
    constraint: Vec<u32>,
    /// Vectors of row `k` are the columns `start[k]..start[k + 1]` of `F`.
    start: Vec<usize>,
    c: Vec<f64>,
    f: Mat<f64>,
}

impl LowRank {
    /// The rows of a block for which products of vectors are cheaper, and their plan. `cost` is the cost of a row by the other
    /// formulas.
    pub(super) fn new(
        rows: &SymmetricRows,
        cost: impl Fn(usize) -> f64,
    ) -> Option<(Vec<bool>, Self)> {
        // Candidates: the rows with a decomposition of low rank.
        let n = rows.order();
        let mut found: Vec<(usize, Factored)> = vec![];
        for k in 0..rows.touching() {
            let factored = match rows.rank_one(k) {
                Some(a) if a.index.len() >= MIN_SUPPORT => Some(Factored {
                    c: vec![a.sign],
                    a: padded::from_fn(a.value.len(), 1, |i, _| a.value[i]),
                }),
                Some(_) => None,
                None => Factored::new(rows.get(k).1),
            };
            found.extend(factored.map(|f| (k, f)));
        }
        // Keep the rows for which products of vectors are cheaper, assuming that all candidates are kept.
        let total: usize = found.iter().map(|(_, f)| f.rank()).sum();
        let taken: usize = found.iter().map(|&(k, _)| rows.get(k).1.len()).sum();
        let others = (rows.nonzeros() - taken) as f64;
        found.retain(|(k, factored)| {
            let (n, r) = (n as f64, factored.rank() as f64);
            let products = 2.0 * n * n * r + 2.0 * n * r * total as f64;
            let met = Self::by_entries(factored.rank(), n as usize, others).1;
            MULTIPLIED_COST * products + STREAMED_COST * r * total as f64 + met < cost(*k)
        });
        // A single row gains nothing from a matrix product.
        if found.len() < 2 {
            return None;
        }
        let width: usize = found.iter().map(|(_, f)| f.rank()).sum();
        let taken: usize = found.iter().map(|&(k, _)| rows.get(k).1.len()).sum();
        if width * n > MAX_FILL * taken {
            return None;
        }
        // Store all vectors side by side.
        let mut which = vec![false; rows.touching()];
        let (mut constraint, mut start, mut c) = (vec![], vec![0], vec![]);
        let mut f = padded::zeros(n, width);
        for (k, factored) in found {
            which[k] = true;
            let (i, row) = rows.get(k);
            constraint.push(i as u32);
            let support = row.support();
            for (t, c_t) in factored.c.iter().enumerate() {
                let to = f.col_as_slice_mut(c.len());
                for (&r, v) in support.iter().zip(factored.a.col_as_slice(t)) {
                    to[r as usize] = *v;
                }
                c.push(*c_t);
            }
            start.push(c.len());
        }
        let plan = Self {
            constraint,
            start,
            c,
            f,
        };
        Some((which, plan))
    }

    /// Compares two formulas for the sums of a row of rank `r` with rows of `others` entries in all: entry by entry, and through
    /// the full matrix `U`. Returns whether the first is cheaper, and the cost of the cheaper one.
    fn by_entries(r: usize, n: usize, others: f64) -> (bool, f64) {
        let (r, n) = (r as f64, n as f64);
        let entries = 2.0 * r * others;
        let full = MULTIPLIED_COST * n * n * r + STREAMED_COST * n * n + others;
        (entries <= full, entries.min(full))
    }

    /// Adds `tr(A_i P A_j Q)` for pairs of these rows, and of these rows with `others`, to the lower triangle of `k`.
    pub(super) fn add<T: Real>(&self, pair: &GramPair<'_>, others: &RowPlan, mut k: MatMut<'_, T>) {
        let mut work = Work::new(others);
        let mut first = 0;
        while first < self.constraint.len() {
            // Take at least one row, and about VECTORS_PER_PANEL vectors.
            let end = self
                .start
                .partition_point(|&s| s <= self.start[first] + VECTORS_PER_PANEL)
                - 1;
            let end = end.clamp(first + 1, self.constraint.len());
            self.add_panel(pair, first..end, others, k.as_mut(), &mut work);
            first = end;
        }
    }

    /// Adds the sums of the rows `batch` with all rows of low rank from the batch on, and with all `others`.
    fn add_panel<T: Real>(
        &self,
        pair: &GramPair<'_>,
        batch: Range<usize>,
        others: &RowPlan,
        mut k: MatMut<'_, T>,
        work: &mut Work,
    ) {
        let vectors = self.start[batch.start]..self.start[batch.end];
        let given = self.f.subcols(vectors.start, vectors.len());
        // Form P F and Q F for the vectors of the batch.
        let (pf, qf) = match pair.root() {
            // The product through the root has no cancellation.
            Some(g) => {
                let half = product(g.transpose(), given);
                let pf = product(g, half.as_ref());
                (pf.clone(), pf)
            }
            None => {
                let qf = product(pair.q, given);
                let pf = match pair.p {
                    Some(p) if !pair.same => product(p, given),
                    Some(_) => qf.clone(),
                    None => given.to_owned(),
                };
                (pf, qf)
            }
        };
        self.add_among(batch.clone(), (&pf, &qf), k.as_mut());
        if !others.is_empty() {
            self.add_with_others(batch, (&pf, &qf), others, k, work);
        }
    }

    /// Adds the sums among rows of low rank, `Σ_kl c_k c_l (FᵀPF)_kl (FᵀQF)_lk`.
    fn add_among<T: Real>(
        &self,
        batch: Range<usize>,
        (pf, qf): (&Mat<f64>, &Mat<f64>),
        mut k: MatMut<'_, T>,
    ) {
        let first = self.start[batch.start];
        let later = self.f.subcols(first, self.c.len() - first).transpose();
        let (gp, gq) = (product(later, pf.as_ref()), product(later, qf.as_ref()));
        for i in batch {
            for j in i..self.constraint.len() {
                let at = self.start[j] - first..self.start[j + 1] - first;
                let c = &self.c[self.start[j]..self.start[j + 1]];
                let mut sum = 0.0;
                for l in self.start[i]..self.start[i + 1] {
                    let (p, q) = (gp.col_as_slice(l - first), gq.col_as_slice(l - first));
                    let terms = c.iter().zip(&p[at.clone()]).zip(&q[at.clone()]);
                    sum += self.c[l] * terms.map(|((c, p), q)| c * p * q).sum::<f64>();
                }
                add_lower(&mut k, self.constraint[i], self.constraint[j], sum);
            }
        }
    }

    /// Adds the sums with the other rows, entry by entry or through the full matrix `U`, whichever is cheaper.
    fn add_with_others<T: Real>(
        &self,
        batch: Range<usize>,
        (pf, qf): (&Mat<f64>, &Mat<f64>),
        others: &RowPlan,
        mut k: MatMut<'_, T>,
        work: &mut Work,
    ) {
        let (n, first) = (self.f.nrows(), self.start[batch.start]);
        for i in batch {
            let range = self.start[i] - first..self.start[i + 1] - first;
            work.sums.fill(0.0);
            if Self::by_entries(range.len(), n, others.nonzeros() as f64).0 {
                for t in range {
                    let outer = (pf.col_as_slice(t), qf.col_as_slice(t));
                    others.add_outer(0, self.c[first + t], outer, &mut work.sums);
                }
            } else {
                let p = pf.subcols(range.start, range.len());
                let mut q = qf.subcols(range.start, range.len()).to_owned();
                for (t, c) in self.c[self.start[i]..self.start[i + 1]].iter().enumerate() {
                    q.col_as_slice_mut(t).iter_mut().for_each(|q| *q *= c);
                }
                work.grow(n);
                gemm(work.u.as_mut(), Accum::Replace, 1.0, p, q.transpose());
                others.inner_all(0, work);
            }
            others.scatter_outside_row(self.constraint[i], &work.sums, k.as_mut());
        }
    }
}

/// `A B` in new memory.
fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = padded::zeros(a.nrows(), b.ncols());
    gemm(out.as_mut(), Accum::Replace, 1.0, a, b);
    out
}

#[cfg(test)]
mod tests;
