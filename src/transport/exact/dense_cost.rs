//! A cost between the points of positive mass.

use crate::transport::polytope::cost::Cost;

/// A cost without the rows and columns of zero mass, and its range.
pub(super) struct DenseCost<'a> {
    pub(super) cost: &'a dyn Cost,
    /// Rows and columns of positive mass.
    pub(super) rows: Vec<usize>,
    pub(super) columns: Vec<usize>,
    /// Least entry, and largest minus least entry.
    pub(super) low: f64,
    pub(super) range: f64,
}

impl DenseCost<'_> {
    /// A column, in place where the cost is stored.
    pub(super) fn column<'b>(&'b self, j: usize, buffer: &'b mut Vec<f64>) -> &'b [f64] {
        let (j, m) = (self.columns[j], self.cost.shape().0);
        if self.rows.len() == m {
            if let Some(cost) = self.cost.dense() {
                return &cost[j * m..(j + 1) * m];
            }
            buffer.resize(m, 0.0);
            self.cost.fill(j, 0, buffer);
            return buffer;
        }
        buffer.resize(m, 0.0);
        self.cost.fill(j, 0, buffer);
        // Kept rows are in order, so none is overwritten before it is read.
        for (k, i) in self.rows.iter().enumerate() {
            buffer[k] = buffer[*i];
        }
        &buffer[..self.rows.len()]
    }

    pub(super) fn entry(&self, i: usize, j: usize) -> f64 {
        let mut out = [0.0];
        self.cost.fill(self.columns[j], self.rows[i], &mut out);
        out[0]
    }
}
