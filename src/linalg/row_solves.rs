//! A sparse Cholesky factor applied to all rows of a dense matrix: `T ← T A⁻¹`, `A⁻¹` itself, and `L⁻¹` on one vector.

use super::machine::DENSEST_ROW_SOLVER;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, SymbolicCholesky, SymbolicCholeskyRaw, SymmetricOrdering,
    factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMat};
use faer::{ColMut, MatMut, Side};
use pulp::{Arch, Simd, WithSimd};
use std::sync::Arc;

/// Rows of the dense matrix that pass through the factor together, in cache.
const WIDTH: usize = 8;

/// Columns of the factor of one pattern that are taken together: their numbers stay in registers while the rows pass by.
const TOGETHER: usize = 4;

#[derive(Debug)]
struct Symbolic {
    upper: SymbolicSparseColMat<usize>,
    cholesky: SymbolicCholesky<usize>,
    /// `L` by columns, the diagonal first, and the position of every row in its order.
    start: Vec<usize>,
    row: Vec<usize>,
    order: Vec<usize>,
    /// First of the columns that are taken together, and their number: each reads what the next one reads, and that.
    groups: Vec<(usize, usize)>,
}

/// `A = Pᵀ L Lᵀ P` for matrices of one sparse pattern.
#[derive(Debug, Clone)]
pub(crate) struct RowSolver {
    symbolic: Arc<Symbolic>,
    gathered: Vec<f64>,
    values: Vec<f64>,
}

impl RowSolver {
    /// From the upper triangle of a pattern, rows ascending in every column and ending with the diagonal. `None` when a dense
    /// factor would be faster.
    pub(crate) fn analyse(n: usize, start: Vec<usize>, row: Vec<usize>) -> Option<Self> {
        let most = (DENSEST_ROW_SOLVER * (n * n) as f64) as usize;
        if row.len() > most {
            return None;
        }
        let gathered = vec![0.0; row.len()];
        let upper = SymbolicSparseColMat::new_checked(n, n, start, None, row);
        let parameters = CholeskySymbolicParams {
            supernodal_flop_ratio_threshold: SupernodalThreshold::FORCE_SIMPLICIAL,
            ..Default::default()
        };
        let cholesky = factorize_symbolic_cholesky(
            upper.as_ref(),
            Side::Upper,
            SymmetricOrdering::Amd,
            parameters,
        )
        .ok()?;
        let SymbolicCholeskyRaw::Simplicial(l) = cholesky.raw() else {
            return None;
        };
        if l.len_val() > most {
            return None;
        }
        let (start, row) = (l.col_ptr().to_vec(), l.row_idx().to_vec());
        let order = match cholesky.perm() {
            Some(perm) => perm.arrays().0.to_vec(),
            None => (0..n).collect(),
        };
        let values = vec![0.0; row.len()];
        let mut groups: Vec<(usize, usize)> = vec![];
        for j in 0..n {
            let joins = j > 0 && row[start[j - 1] + 1..start[j]] == row[start[j]..start[j + 1]];
            match groups.last_mut() {
                Some((_, width)) if joins && *width < TOGETHER => *width += 1,
                _ => groups.push((j, 1)),
            }
        }
        let symbolic = Symbolic {
            upper,
            cholesky,
            start,
            row,
            order,
            groups,
        };
        Some(Self {
            symbolic: Arc::new(symbolic),
            gathered,
            values,
        })
    }

    /// Factors the matrix with these entries on the pattern that was analysed, in its order; `false` when it is not positive
    /// definite, and then nothing can be solved.
    pub(crate) fn factor(&mut self, entries: impl Iterator<Item = f64>) -> bool {
        let Symbolic {
            upper, cholesky, ..
        } = &*self.symbolic;
        self.gathered.clear();
        self.gathered.extend(entries);
        let par = faer::Par::Seq;
        let scratch = cholesky.factorize_numeric_llt_scratch::<f64>(par, Default::default());
        let done = cholesky.factorize_numeric_llt(
            &mut self.values,
            SparseColMatRef::new(upper.as_ref(), &self.gathered),
            Side::Upper,
            Default::default(),
            par,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        );
        let s = &self.symbolic;
        done.is_ok()
            && s.start[..s.order.len()]
                .iter()
                .all(|&d| self.values[d] > 0.0 && self.values[d].is_finite())
    }

    /// `t ← t A⁻¹`.
    ///
    /// # Complexity
    /// `4 nnz(L)` flops per row.
    pub(crate) fn solve_rows(&self, mut t: MatMut<'_, f64>) {
        let (rows, n) = t.shape();
        let order = &self.symbolic.order;
        let chunk = |mut t: MatMut<'_, f64>| {
            let width = t.nrows();
            let mut buffer = vec![[0.0; WIDTH]; n];
            for (lane, &k) in buffer.iter_mut().zip(order) {
                lane.iter_mut()
                    .zip(t.as_ref().col(k).iter())
                    .for_each(|(l, t)| *l = *t);
            }
            self.pass(&mut buffer, 0);
            for (lane, &k) in buffer.iter().zip(order) {
                t.as_mut()
                    .col_mut(k)
                    .iter_mut()
                    .zip(&lane[..width])
                    .for_each(|(t, l)| *t = *l);
            }
        };
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(_) = super::par(4 * self.values.len() * rows) {
            use rayon::prelude::*;
            t.par_row_chunks_mut(WIDTH).for_each(chunk);
            return;
        }
        for first in (0..rows).step_by(WIDTH) {
            chunk(t.as_mut().subrows_mut(first, WIDTH.min(rows - first)));
        }
    }

    /// `out ← A⁻¹`, symmetric to the last bit.
    ///
    /// # Complexity
    /// About `3n nnz(L)` flops.
    pub(crate) fn inverse(&self, mut out: MatMut<'_, f64>) {
        let n = out.nrows();
        let order = &self.symbolic.order;
        // In the order of elimination, so that a chunk is a run of columns.
        let mut by_index: Vec<_> = out.as_mut().col_iter_mut().map(Some).collect();
        let mut columns: Vec<_> = order.iter().filter_map(|&k| by_index[k].take()).collect();
        let chunk = |(at, columns): (usize, &mut [ColMut<'_, f64>])| {
            let mut buffer = vec![[0.0; WIDTH]; n];
            for w in 0..columns.len() {
                buffer[at * WIDTH + w][w] = 1.0;
            }
            self.pass(&mut buffer, at * WIDTH);
            for (w, column) in columns.iter_mut().enumerate() {
                for (lane, &k) in buffer.iter().zip(order) {
                    column[k] = lane[w];
                }
            }
        };
        #[cfg(feature = "rayon")]
        let shared = matches!(super::par(3 * self.values.len() * n), faer::Par::Rayon(_));
        #[cfg(not(feature = "rayon"))]
        let shared = false;
        if shared {
            #[cfg(feature = "rayon")]
            {
                use rayon::prelude::*;
                columns.par_chunks_mut(WIDTH).enumerate().for_each(chunk);
            }
        } else {
            columns.chunks_mut(WIDTH).enumerate().for_each(chunk);
        }
        super::product::mirror_lower(out);
    }

    /// Forward and backward substitution on all lanes; before position `first` they are zero.
    fn pass(&self, buffer: &mut [[f64; WIDTH]], first: usize) {
        let (symbolic, values) = (&*self.symbolic, &self.values[..]);
        Arch::new().dispatch(Pass {
            symbolic,
            values,
            buffer,
            first,
        });
    }

    /// `out ← L⁻¹ P v`.
    pub(crate) fn solve_lower(&self, v: &[f64], out: &mut [f64]) {
        let Symbolic {
            start, row, order, ..
        } = &*self.symbolic;
        out.iter_mut().zip(order).for_each(|(o, &k)| *o = v[k]);
        for j in 0..out.len() {
            out[j] /= self.values[start[j]];
            for e in start[j] + 1..start[j + 1] {
                out[row[e]] -= self.values[e] * out[j];
            }
        }
    }

    /// `out ← Pᵀ L⁻ᵀ v`; `v` is used up.
    pub(crate) fn solve_lower_transposed(&self, v: &mut [f64], out: &mut [f64]) {
        let Symbolic {
            start, row, order, ..
        } = &*self.symbolic;
        for j in (0..v.len()).rev() {
            for e in start[j] + 1..start[j + 1] {
                v[j] -= self.values[e] * v[row[e]];
            }
            v[j] /= self.values[start[j]];
        }
        v.iter().zip(order).for_each(|(v, &k)| out[k] = *v);
    }
}

struct Pass<'a> {
    symbolic: &'a Symbolic,
    values: &'a [f64],
    buffer: &'a mut [[f64; WIDTH]],
    first: usize,
}

impl WithSimd for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let symbolic = self.symbolic;
        let reached = symbolic.groups.partition_point(|g| g.0 + g.1 <= self.first);
        for &(j, width) in &symbolic.groups[reached..] {
            // Nothing of a unit vector comes here.
            if self.buffer[j..j + width]
                .iter()
                .flatten()
                .all(|&v| v == 0.0)
            {
                continue;
            }
            match width {
                1 => self.forward::<S, 1>(simd, j),
                2 => self.forward::<S, 2>(simd, j),
                3 => self.forward::<S, 3>(simd, j),
                _ => self.forward::<S, TOGETHER>(simd, j),
            }
        }
        for &(j, width) in symbolic.groups.iter().rev() {
            match width {
                1 => self.backward::<S, 1>(simd, j),
                2 => self.backward::<S, 2>(simd, j),
                3 => self.backward::<S, 3>(simd, j),
                _ => self.backward::<S, TOGETHER>(simd, j),
            }
        }
    }
}

impl<'a> Pass<'a> {
    /// The entries of the columns from `j` on below the group, row by row, and their rows.
    #[inline(always)]
    fn below<const W: usize>(&self, j: usize) -> ([&'a [f64]; W], &'a [usize]) {
        let Symbolic { start, row, .. } = self.symbolic;
        let rows = &row[start[j + W - 1] + 1..start[j + W]];
        let column = |t: usize| &self.values[start[j + t] + W - t..][..rows.len()];
        (core::array::from_fn(column), rows)
    }

    #[inline(always)]
    fn forward<S: Simd, const W: usize>(&mut self, simd: S, j: usize) {
        let start = &self.symbolic.start;
        let mut lanes: [[f64; WIDTH]; W] = core::array::from_fn(|t| self.buffer[j + t]);
        for t in 0..W {
            let column = &self.values[start[j + t]..];
            let d = 1.0 / column[0];
            lanes[t].iter_mut().for_each(|v| *v *= d);
            let here = lanes[t];
            for (l, later) in column[1..].iter().zip(&mut lanes[t + 1..]) {
                later.iter_mut().zip(&here).for_each(|(x, v)| *x -= l * v);
            }
        }
        self.buffer[j..j + W].copy_from_slice(&lanes);
        let (columns, rows) = self.below::<W>(j);
        let lanes: [&[S::f64s]; W] = core::array::from_fn(|t| S::as_simd_f64s(&lanes[t]).0);
        for (e, &row) in rows.iter().enumerate() {
            let l: [S::f64s; W] = core::array::from_fn(|t| simd.splat_f64s(-columns[t][e]));
            let to = S::as_mut_simd_f64s(&mut self.buffer[row]).0;
            for (k, to) in to.iter_mut().enumerate() {
                for t in 0..W {
                    *to = simd.mul_add_f64s(l[t], lanes[t][k], *to);
                }
            }
        }
    }

    #[inline(always)]
    fn backward<S: Simd, const W: usize>(&mut self, simd: S, j: usize) {
        let start = &self.symbolic.start;
        let mut lanes: [[f64; WIDTH]; W] = core::array::from_fn(|t| self.buffer[j + t]);
        let (columns, rows) = self.below::<W>(j);
        for (e, &row) in rows.iter().enumerate() {
            let from = S::as_simd_f64s(&self.buffer[row]).0;
            for t in 0..W {
                let l = simd.splat_f64s(-columns[t][e]);
                let lane = S::as_mut_simd_f64s(&mut lanes[t]).0;
                for (lane, from) in lane.iter_mut().zip(from) {
                    *lane = simd.mul_add_f64s(l, *from, *lane);
                }
            }
        }
        for t in (0..W).rev() {
            let column = &self.values[start[j + t]..];
            let mut here = lanes[t];
            for (l, later) in column[1..].iter().zip(&lanes[t + 1..]) {
                here.iter_mut().zip(later).for_each(|(v, x)| *v -= l * x);
            }
            let d = 1.0 / column[0];
            lanes[t] = here.map(|v| v * d);
        }
        self.buffer[j..j + W].copy_from_slice(&lanes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::cholesky::Cholesky;
    use crate::linalg::triangular;
    use faer::Mat;

    #[test]
    fn agrees_with_a_dense_factor() {
        // A torus of 20 by 25.
        let n = 500;
        let linked = |i: usize, j: usize| {
            let (x, y) = ((i % 20).abs_diff(j % 20), (i / 20).abs_diff(j / 20));
            matches!((x, y), (0, 0) | (0, 1) | (0, 24) | (1, 0) | (19, 0))
        };
        let entry = |i: usize, j: usize| match (i == j, linked(i, j)) {
            (true, _) => 5.0 + 0.01 * i as f64,
            (false, true) => ((i + j) as f64).sin(),
            _ => 0.0,
        };
        let a = Mat::from_fn(n, n, entry);
        let (mut start, mut row) = (vec![0], vec![]);
        for j in 0..n {
            row.extend((0..=j).filter(|&i| linked(i, j)));
            start.push(row.len());
        }
        let places: Vec<(usize, usize)> = (0..n)
            .flat_map(|c| row[start[c]..start[c + 1]].iter().map(move |&r| (r, c)))
            .collect();
        let mut solver = RowSolver::analyse(n, start, row).unwrap();
        assert!(solver.factor(places.iter().map(|&p| a[p])));
        let dense = Cholesky::factor(a.clone()).unwrap();
        let inverse = dense.inverse();
        let mut found = Mat::zeros(n, n);
        solver.inverse(found.as_mut());
        assert!((&found - &inverse).norm_max() < 1e-14);
        let t = Mat::from_fn(50, n, |i, j| ((3 * i + 7 * j) as f64).cos());
        let mut solved = t.clone();
        solver.solve_rows(solved.as_mut());
        assert!((&solved - &t * &inverse).norm_max() < 1e-13);
        // Pᵀ L⁻ᵀ L⁻¹ P = A⁻¹.
        let v: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let (mut half, mut full) = (vec![0.0; n], vec![0.0; n]);
        solver.solve_lower(&v, &mut half);
        solver.solve_lower_transposed(&mut half, &mut full);
        let mut expected = v.clone();
        triangular::solve_lower(dense.lower(), &mut expected);
        triangular::solve_lower_transposed(dense.lower(), &mut expected);
        assert!((0..n).all(|i| (full[i] - expected[i]).abs() < 1e-14));
        assert!(!solver.factor(places.iter().map(|&p| -a[p])));
        assert!(RowSolver::analyse(2, vec![0, 1, 2], vec![0, 1]).is_none());
    }
}
