//! Sparse rows on one block, compressed by constraint.

use faer::{MatMut, MatRef};

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
}

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

    /// The distinct indices that occur, ascending, into `support`.
    pub(crate) fn support(self, support: &mut Vec<u32>) {
        support.clear();
        support.extend_from_slice(self.row);
        support.extend_from_slice(self.col);
        support.sort_unstable();
        support.dedup();
    }
}

impl SymmetricRows {
    /// From entries sorted by constraint; every entry has `row ≤ col`.
    pub(crate) fn from_sorted(
        order: usize,
        entries: impl Iterator<Item = (u32, u32, u32, f64)>,
    ) -> Self {
        let mut rows = Self {
            order,
            constraint: vec![],
            start: vec![0],
            row: vec![],
            col: vec![],
            value: vec![],
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
        rows
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

    /// `out_i += ⟨A_i, U⟩`.
    pub(crate) fn apply(&self, u: MatRef<'_, f64>, out: &mut [f64]) {
        for (i, a) in self.iter() {
            out[i] += a.inner(u);
        }
    }

    /// `out ← Σ y_i A_i`.
    pub(crate) fn adjoint(&self, y: &[f64], mut out: MatMut<'_, f64>) {
        out.fill(0.0);
        for (i, a) in self.iter() {
            let yi = y[i];
            if yi == 0.0 {
                continue;
            }
            for (r, c, v) in a.iter() {
                out[(r, c)] += yi * v;
                if r != c {
                    out[(c, r)] += yi * v;
                }
            }
        }
    }
}

/// Rows on a block of `n` nonnegative numbers.
#[derive(Debug, Clone)]
pub(crate) struct NonnegRows {
    order: usize,
    constraint: Vec<u32>,
    start: Vec<usize>,
    index: Vec<u32>,
    value: Vec<f64>,
}

impl NonnegRows {
    /// From entries `(constraint, index, index, value)` sorted by constraint.
    pub(crate) fn from_sorted(
        order: usize,
        entries: impl Iterator<Item = (u32, u32, u32, f64)>,
    ) -> Self {
        let SymmetricRows {
            constraint,
            start,
            col,
            value,
            ..
        } = SymmetricRows::from_sorted(order, entries);
        Self {
            order,
            constraint,
            start,
            index: col,
            value,
        }
    }

    pub(crate) fn order(&self) -> usize {
        self.order
    }

    pub(crate) fn nonzeros(&self) -> usize {
        self.value.len()
    }

    /// Constraint, indices and values of every row that touches the block.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &[u32], &[f64])> {
        self.constraint.iter().enumerate().map(|(k, &i)| {
            let at = self.start[k]..self.start[k + 1];
            (i as usize, &self.index[at.clone()], &self.value[at])
        })
    }

    /// Compressed by variable: `(start, constraint, value)`, constraints ascending within a column.
    pub(crate) fn columns(&self) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
        let mut start = vec![0usize; self.order + 1];
        for &k in &self.index {
            start[k as usize + 1] += 1;
        }
        for k in 0..self.order {
            start[k + 1] += start[k];
        }
        let mut next = start.clone();
        let (mut constraint, mut value) =
            (vec![0u32; self.value.len()], vec![0.0; self.value.len()]);
        for (i, index, val) in self.iter() {
            for (&k, &v) in index.iter().zip(val) {
                let at = next[k as usize];
                next[k as usize] += 1;
                constraint[at] = i as u32;
                value[at] = v;
            }
        }
        (start, constraint, value)
    }

    /// `out_i += ⟨a_i, x⟩`.
    pub(crate) fn apply(&self, x: &[f64], out: &mut [f64]) {
        for (i, index, value) in self.iter() {
            out[i] += index
                .iter()
                .zip(value)
                .map(|(&k, &v)| v * x[k as usize])
                .sum::<f64>();
        }
    }

    /// `out ← Σ y_i a_i`.
    pub(crate) fn adjoint(&self, y: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (i, index, value) in self.iter() {
            for (&k, &v) in index.iter().zip(value) {
                out[k as usize] += y[i] * v;
            }
        }
    }
}
