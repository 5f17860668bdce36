//! Rows on nonnegative numbers.

use super::SymmetricRows;

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
        } = SymmetricRows::collected(order, entries);
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

    /// The same positions with other values, none of them zero.
    pub(crate) fn with_values(&self, values: &[f64]) -> Self {
        let mut rows = self.clone();
        rows.value.copy_from_slice(values);
        rows
    }

    /// Whether the entries stand at the same positions.
    pub(crate) fn same_positions(&self, other: &Self) -> bool {
        (self.order, &self.constraint, &self.start)
            == (other.order, &other.constraint, &other.start)
            && self.index == other.index
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
