//! Sparse matrices compressed by row, as many numbers a row as a constraint has entries.

use super::padded;
use super::real::Real;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef};

/// Columns of a product made side by side.
const PANEL: usize = 16;

/// `rows × cols`, compressed by row; an index may occur more than once in a row.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    cols: usize,
    start: Vec<usize>,
    index: Vec<u32>,
    value: Vec<f64>,
}

impl Rows {
    #[cfg(test)]
    pub(crate) fn new(cols: usize) -> Self {
        Self {
            cols,
            start: vec![0],
            index: vec![],
            value: vec![],
        }
    }

    /// From `(row, column, value)` in any order.
    pub(crate) fn from_entries(rows: usize, cols: usize, entries: &[(u32, u32, f64)]) -> Self {
        let mut start = vec![0usize; rows + 1];
        entries.iter().for_each(|e| start[e.0 as usize + 1] += 1);
        for i in 0..rows {
            start[i + 1] += start[i];
        }
        let mut next = start.clone();
        let (mut index, mut value) = (vec![0; entries.len()], vec![0.0; entries.len()]);
        for &(i, j, v) in entries {
            let at = next[i as usize];
            next[i as usize] += 1;
            (index[at], value[at]) = (j, v);
        }
        Self {
            cols,
            start,
            index,
            value,
        }
    }

    #[cfg(test)]
    pub(crate) fn push(&mut self, index: usize, value: f64) {
        self.index.push(index as u32);
        self.value.push(value);
    }

    /// Ends the current row.
    #[cfg(test)]
    pub(crate) fn end_row(&mut self) {
        self.start.push(self.value.len());
    }

    pub(crate) fn nrows(&self) -> usize {
        self.start.len() - 1
    }

    pub(crate) fn ncols(&self) -> usize {
        self.cols
    }

    pub(crate) fn nonzeros(&self) -> usize {
        self.value.len()
    }

    pub(crate) fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let at = self.start[i]..self.start[i + 1];
        self.index[at.clone()]
            .iter()
            .zip(&self.value[at])
            .map(|(&k, &v)| (k as usize, v))
    }

    pub(crate) fn scale_rows(&mut self, d: &[f64]) {
        for (i, d) in d.iter().enumerate() {
            for v in &mut self.value[self.start[i]..self.start[i + 1]] {
                *v *= d;
            }
        }
    }

    /// `(row, value)` of every column.
    pub(crate) fn columns<T: Real>(&self) -> Vec<Vec<(u32, T)>> {
        let mut out = vec![Vec::new(); self.cols];
        for i in 0..self.nrows() {
            for (c, v) in self.row(i) {
                out[c].push((i as u32, T::narrow(v)));
            }
        }
        out
    }

    pub(crate) fn dense<T: Real>(&self) -> Mat<T> {
        let mut out = padded::zeros::<f64>(self.nrows(), self.cols);
        for i in 0..self.nrows() {
            for (k, v) in self.row(i) {
                out[(i, k)] += v;
            }
        }
        padded::from_fn(self.nrows(), self.cols, |i, j| T::narrow(out[(i, j)]))
    }

    /// Adds columns `first..first + width` of `selfᵀ t` to the panel.
    #[inline(always)]
    fn add_transposed<T: Real>(
        &self,
        t: MatRef<'_, T>,
        first: usize,
        width: usize,
        panel: &mut [[f64; PANEL]],
    ) {
        let mut x = [0.0; PANEL];
        for i in 0..self.nrows() {
            for (j, x) in x[..width].iter_mut().enumerate() {
                *x = t[(i, first + j)].wide();
            }
            let at = self.start[i]..self.start[i + 1];
            for (&k, &v) in self.index[at.clone()].iter().zip(&self.value[at]) {
                for (to, x) in panel[k as usize].iter_mut().zip(&x) {
                    *to += v * x;
                }
            }
        }
    }

    /// `selfᵀ t`, accumulated in double precision while there are few numbers per row.
    ///
    /// # Complexity
    /// `2 nnz · t.ncols()` flops.
    pub(crate) fn transpose_times<T: Real>(&self, t: MatRef<'_, T>) -> Mat<f64> {
        let mut out = padded::zeros(self.cols, t.ncols());
        if 4 * self.nonzeros() >= self.nrows() * self.cols {
            // Few zeros: a matrix product, in the precision stored.
            let dense = self.dense::<T>();
            let mut product = padded::zeros::<T>(self.cols, t.ncols());
            let par = super::par(2 * self.nonzeros() * t.ncols());
            matmul(
                product.as_mut(),
                Accum::Replace,
                dense.transpose(),
                t,
                T::narrow(1.0),
                par,
            );
            return padded::from_fn(self.cols, t.ncols(), |i, j| product[(i, j)].wide());
        }
        // Side by side in a panel: every number of the sparse matrix is read once for all of its columns.
        let mut panel = vec![[0.0; PANEL]; self.cols];
        for first in (0..t.ncols()).step_by(PANEL) {
            let width = PANEL.min(t.ncols() - first);
            panel.fill([0.0; PANEL]);
            pulp::Arch::new().dispatch(|| self.add_transposed(t, first, width, &mut panel));
            for j in 0..width {
                let to = out.col_as_slice_mut(first + j).iter_mut();
                to.zip(&panel).for_each(|(to, from)| *to = from[j]);
            }
        }
        out
    }
}
