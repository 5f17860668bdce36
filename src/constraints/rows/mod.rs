//! Sparse rows on one block, compressed by constraint.

mod nonneg;
mod symmetric_row;

use super::pattern::Pattern;
use crate::linalg::padded;
use crate::linalg::real::Real;
use crate::linalg::{axpy, dot};
use faer::{Mat, MatMut, MatRef};
pub(crate) use nonneg::NonnegRows;
use std::sync::Arc;
pub(crate) use symmetric_row::{RankOne, SparseSymmetric};

/// Rows on a block of order `n`: per constraint that touches it, the upper triangle of a sparse symmetric matrix.
#[derive(Debug, Clone)]
pub(crate) struct SymmetricRows {
    order: usize,
    /// Constraints that touch the block, ascending.
    constraint: Vec<u32>,
    /// Where each one's entries start, and their number at the end.
    start: Vec<usize>,
    row: Vec<u32>,
    col: Vec<u32>,
    value: Vec<f64>,
    /// Which of them are of rank one.
    rank_one: Vec<Option<RankOne>>,
    /// Rows that fill half the triangle or more, when all of them do: upper triangles down the columns, a row a column.
    /// Reading them in order is all that an operator costs then.
    packed: Option<Mat<f64>>,
    /// Their common pattern, where products along it are cheaper than those of full matrices.
    pattern: Option<Arc<Pattern>>,
}

impl SymmetricRows {
    /// From entries sorted by constraint; every entry has `row ≤ col`.
    pub(crate) fn from_sorted(
        order: usize,
        entries: impl Iterator<Item = (u32, u32, u32, f64)>,
    ) -> Self {
        let mut rows = Self::collected(order, entries);
        rows.recognise();
        rows.find_pattern();
        rows
    }

    /// The same before anything is known of the rows. Memory in proportion to the entries, whatever the order.
    fn collected(order: usize, entries: impl Iterator<Item = (u32, u32, u32, f64)>) -> Self {
        let mut rows = Self {
            order,
            constraint: vec![],
            start: vec![0],
            row: vec![],
            col: vec![],
            value: vec![],
            rank_one: vec![],
            packed: None,
            pattern: None,
        };
        for (constraint, row, col, value) in entries {
            if rows.constraint.last() != Some(&constraint) {
                rows.constraint.push(constraint);
                rows.start.push(rows.value.len());
            }
            rows.row.push(row);
            rows.col.push(col);
            rows.value.push(value);
            let end = rows.start.len() - 1;
            rows.start[end] = rows.value.len();
        }
        // Held as long as the problem is: not with twice the room.
        rows.row.shrink_to_fit();
        rows.col.shrink_to_fit();
        rows.value.shrink_to_fit();
        rows
    }

    /// Computes everything that depends on the values, except the pattern, which depends on whether rows are kept apart.
    fn recognise(&mut self) {
        self.rank_one = self.iter().map(|(_, a)| a.rank_one()).collect();
        self.packed = self.pack();
    }

    fn keeps_apart(&self) -> bool {
        (0..self.touching()).any(|k| self.factored(k).is_some())
    }

    fn find_pattern(&mut self) {
        self.pattern = None;
        if !self.keeps_apart() {
            let matrices =
                || -> Box<dyn Iterator<Item = _>> { Box::new(self.iter().map(|(_, a)| a)) };
            self.pattern = Pattern::new(self.order, matrices).map(Arc::new);
        }
    }

    /// The same positions with other values, none of them zero; what is known of the pattern is shared.
    pub(crate) fn with_values(&self, values: &[f64]) -> Self {
        let mut rows = self.clone();
        rows.value.copy_from_slice(values);
        rows.recognise();
        if rows.keeps_apart() != self.keeps_apart() {
            rows.find_pattern();
        }
        rows
    }

    /// Whether the entries stand at the same positions.
    pub(crate) fn same_positions(&self, other: &Self) -> bool {
        (self.order, &self.constraint, &self.start)
            == (other.order, &other.constraint, &other.start)
            && (&self.row, &self.col) == (&other.row, &other.col)
    }

    /// The common pattern of the rows, where products along it pay.
    pub(crate) fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_deref()
    }

    /// `Σ y_i A_i` along the pattern; `upper` is scratch.
    pub(crate) fn sum_along(
        &self,
        pattern: &Pattern,
        y: &[f64],
        upper: &mut Vec<f64>,
        sum: &mut Vec<(u32, f64)>,
    ) {
        pattern.gather(self.scaled_entries(y), upper, sum);
    }

    /// The same at the positions of the pattern alone.
    pub(crate) fn sums_at(&self, pattern: &Pattern, y: &[f64], upper: &mut Vec<f64>) {
        pattern.sums(self.scaled_entries(y), upper);
    }

    /// `y_i (A_i)_rc` of all entries in their order.
    fn scaled_entries<'a>(&'a self, y: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        (0..self.touching()).flat_map(move |k| {
            let yi = y[self.constraint[k] as usize];
            let values = &self.value[self.start[k]..self.start[k + 1]];
            values.iter().map(move |v| yi * v)
        })
    }

    /// `out_i += ⟨A_i, U⟩` from what [`Pattern::products`] or [`Pattern::entries`] read of `U`.
    pub(crate) fn apply_along(&self, pattern: &Pattern, read: &[f64], out: &mut [f64]) {
        let place = pattern.place();
        for (k, &i) in self.constraint.iter().enumerate() {
            let at = self.start[k]..self.start[k + 1];
            let entries = self.value[at.clone()].iter().zip(&place[at]);
            out[i as usize] += entries.map(|(v, &p)| v * read[p as usize]).sum::<f64>();
        }
    }

    fn pack(&self) -> Option<Mat<f64>> {
        let half = self.order * (self.order + 1) / 2;
        let dense = |(_, a): (usize, SparseSymmetric<'_>)| 2 * a.len() >= half;
        if self.order < 8
            || self.touching() == 0
            || self.rank_one.iter().any(Option::is_some)
            || !self.iter().all(dense)
        {
            return None;
        }
        let mut packed = padded::zeros(half, self.touching());
        for (k, (_, a)) in self.iter().enumerate() {
            let to = packed.col_as_slice_mut(k);
            a.iter().for_each(|(r, c, v)| to[c * (c + 1) / 2 + r] = v);
        }
        Some(packed)
    }

    /// The `k`-th row that touches the block as `σ a aᵀ`, if it is of rank one.
    pub(crate) fn rank_one(&self, k: usize) -> Option<&RankOne> {
        self.rank_one[k].as_ref()
    }

    /// Whether the `k`-th row is better applied as `σ a aᵀ` than entry by entry: then no sum over its entries can cancel.
    pub(crate) fn factored(&self, k: usize) -> Option<&RankOne> {
        self.rank_one(k)
            .filter(|a| a.index.len() >= 8 && 4 * a.index.len() >= self.order)
    }

    pub(crate) fn order(&self) -> usize {
        self.order
    }

    pub(crate) fn nonzeros(&self) -> usize {
        self.value.len()
    }

    /// Number of constraints that touch the block.
    pub(crate) fn touching(&self) -> usize {
        self.constraint.len()
    }

    /// Constraint and matrix of the `k`-th that touches the block.
    pub(crate) fn get(&self, k: usize) -> (usize, SparseSymmetric<'_>) {
        let at = self.start[k]..self.start[k + 1];
        let matrix = SparseSymmetric {
            row: &self.row[at.clone()],
            col: &self.col[at.clone()],
            value: &self.value[at],
        };
        (self.constraint[k] as usize, matrix)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, SparseSymmetric<'_>)> {
        (0..self.touching()).map(|k| self.get(k))
    }

    /// Calls `f(i, r, k, x)` with numbers `x` that sum to `(A_i V)_rk`.
    pub(crate) fn times(&self, v: &Mat<f64>, mut f: impl FnMut(usize, usize, usize, f64)) {
        let n = self.order;
        let mut sum = vec![0.0; n];
        if let Some(packed) = &self.packed {
            for at in 0..self.touching() {
                let a = packed.col_as_slice(at);
                for k in 0..v.ncols() {
                    let v = v.col_as_slice(k);
                    sum.fill(0.0);
                    for c in 0..n {
                        // Column c above the diagonal, and its mirror image.
                        let above = &a[c * (c + 1) / 2..][..c];
                        let diagonal = a[c * (c + 1) / 2 + c];
                        axpy(v[c], above, &mut sum[..c]);
                        sum[c] += diagonal * v[c] + dot(above, &v[..c]);
                    }
                    let i = self.get(at).0;
                    sum.iter().enumerate().for_each(|(r, &x)| f(i, r, k, x));
                }
            }
            return;
        }
        for (i, a) in self.iter() {
            for k in 0..v.ncols() {
                let v = v.col_as_slice(k);
                if 2 * a.len() < n {
                    for (r, c, x) in a.iter() {
                        f(i, r, k, x * v[c]);
                        if r != c {
                            f(i, c, k, x * v[r]);
                        }
                    }
                    continue;
                }
                sum.fill(0.0);
                for (r, c, x) in a.iter() {
                    sum[r] += x * v[c];
                    if r != c {
                        sum[c] += x * v[r];
                    }
                }
                sum.iter()
                    .enumerate()
                    .filter(|(_, x)| **x != 0.0)
                    .for_each(|(r, &x)| f(i, r, k, x));
            }
        }
    }

    /// Upper triangles down the columns, a row a column, if every row is dense; and their constraints.
    pub(crate) fn packed(&self) -> Option<(&Mat<f64>, &[u32])> {
        self.packed
            .as_ref()
            .map(|p| (p, self.constraint.as_slice()))
    }

    /// `out_i += ⟨A_i, U⟩`; `triangle` is scratch.
    pub(crate) fn apply(&self, u: MatRef<'_, f64>, triangle: &mut Vec<f64>, out: &mut [f64]) {
        self.inner(u, triangle, out, |_| true);
    }

    /// The same, without the rows that are [`SymmetricRows::factored`].
    pub(crate) fn apply_unfactored(
        &self,
        u: MatRef<'_, f64>,
        triangle: &mut Vec<f64>,
        out: &mut [f64],
    ) {
        self.inner(u, triangle, out, |k| self.factored(k).is_none());
    }

    fn inner(
        &self,
        u: MatRef<'_, f64>,
        triangle: &mut Vec<f64>,
        out: &mut [f64],
        wanted: impl Fn(usize) -> bool,
    ) {
        if let Some(packed) = &self.packed {
            return self.apply_packed(packed, u, triangle, out);
        }
        let n = self.order;
        let wanted = (0..self.touching()).filter(|&k| wanted(k));
        if self.folds() {
            // Both entries of a pair in one place, above the diagonal.
            triangle.resize(n * n, 0.0);
            for (c, folded) in triangle.chunks_exact_mut(n).enumerate() {
                (0..c).for_each(|r| folded[r] = u[(r, c)] + u[(c, r)]);
                folded[c] = u[(c, c)];
            }
            for k in wanted {
                let (i, a) = self.get(k);
                out[i] += a
                    .iter()
                    .map(|(r, c, v)| v * triangle[c * n + r])
                    .sum::<f64>();
            }
            return;
        }
        for k in wanted {
            let (i, a) = self.get(k);
            out[i] += a.inner(u);
        }
    }

    /// Whether the rows read the block so often that a pass over it, to bring both triangles together, is little to that.
    fn folds(&self) -> bool {
        self.value.len() > self.order * self.order
    }

    /// `out ← Σ y_i A_i`; `triangle` is scratch.
    pub(crate) fn adjoint(&self, y: &[f64], triangle: &mut Vec<f64>, out: MatMut<'_, f64>) {
        self.sum(y, triangle, out, |_| true);
    }

    /// The same, without the rows that are [`SymmetricRows::factored`].
    pub(crate) fn adjoint_unfactored(
        &self,
        y: &[f64],
        triangle: &mut Vec<f64>,
        out: MatMut<'_, f64>,
    ) {
        self.sum(y, triangle, out, |k| self.factored(k).is_none());
    }

    fn apply_packed(
        &self,
        packed: &Mat<f64>,
        u: MatRef<'_, f64>,
        triangle: &mut Vec<f64>,
        out: &mut [f64],
    ) {
        triangle.resize(packed.nrows(), 0.0);
        let mut at = 0;
        for c in 0..self.order {
            for r in 0..c {
                triangle[at + r] = u[(r, c)] + u[(c, r)];
            }
            triangle[at + c] = u[(c, c)];
            at += c + 1;
        }
        let arch = pulp::Arch::new();
        for (k, &i) in self.constraint.iter().enumerate() {
            out[i as usize] += f64::dot(arch, packed.col_as_slice(k), triangle);
        }
    }

    fn sum(
        &self,
        y: &[f64],
        triangle: &mut Vec<f64>,
        mut out: MatMut<'_, f64>,
        wanted: impl Fn(usize) -> bool,
    ) {
        out.fill(0.0);
        if let Some(packed) = &self.packed {
            triangle.clear();
            triangle.resize(packed.nrows(), 0.0);
            let arch = pulp::Arch::new();
            // A list at a time that needs no allocation.
            let mut list = [(0u32, 0.0); 64];
            for (c, chunk) in self.constraint.chunks(list.len()).enumerate() {
                let first = c * list.len();
                for (s, &i) in chunk.iter().enumerate() {
                    list[s] = ((first + s) as u32, y[i as usize]);
                }
                f64::gather(arch, packed.as_ref(), 0, &list[..chunk.len()], triangle);
            }
            let mut at = 0;
            for c in 0..self.order {
                for r in 0..=c {
                    out[(r, c)] = triangle[at + r];
                    out[(c, r)] = triangle[at + r];
                }
                at += c + 1;
            }
            return;
        }
        let n = self.order;
        let wanted = (0..self.touching()).filter(|&k| wanted(k));
        let rows = wanted.map(|k| self.get(k)).filter(|(i, _)| y[*i] != 0.0);
        if self.folds() {
            triangle.clear();
            triangle.resize(n * n, 0.0);
            for (i, a) in rows {
                a.iter()
                    .for_each(|(r, c, v)| triangle[c * n + r] += y[i] * v);
            }
            for (c, folded) in triangle.chunks_exact(n).enumerate() {
                for (r, v) in folded[..=c].iter().enumerate() {
                    out[(r, c)] = *v;
                    out[(c, r)] = *v;
                }
            }
            return;
        }
        for (i, a) in rows {
            let yi = y[i];
            for (r, c, v) in a.iter() {
                out[(r, c)] += yi * v;
                if r != c {
                    out[(c, r)] += yi * v;
                }
            }
        }
    }
}
