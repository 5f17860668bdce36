//! Cholesky factors of sparse symmetric positive definite matrices.

use super::par;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::ldlt::factor::LdltRegularization;
use faer::sparse::linalg::cholesky::{
    LdltRef, LltRef, SymbolicCholesky, SymbolicCholeskyRaw, SymmetricOrdering,
    factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMat};
use faer::{Conj, Mat, MatMut, Side};
use std::sync::Arc;

/// The upper triangle of a sparse symmetric matrix, compressed by column, with the order its factor is best made in.
#[derive(Debug)]
struct Analysed {
    upper: SymbolicSparseColMat<usize>,
    symbolic: SymbolicCholesky<usize>,
}

/// `A = P L Lᵀ Pᵀ` for matrices of one pattern.
pub(crate) struct SparseCholesky {
    analysed: Arc<Analysed>,
    values: Vec<f64>,
    /// Whether `L` has a unit diagonal, and `D` is in its place.
    unit: bool,
    scratch: MemBuffer,
}

impl core::fmt::Debug for SparseCholesky {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SparseCholesky")
            .field("nonzeros", &self.values.len())
            .finish_non_exhaustive()
    }
}

impl Clone for SparseCholesky {
    fn clone(&self) -> Self {
        Self {
            analysed: self.analysed.clone(),
            values: self.values.clone(),
            unit: self.unit,
            scratch: scratch(&self.analysed.symbolic),
        }
    }
}

/// Room for a solve with one right-hand side.
fn scratch(symbolic: &SymbolicCholesky<usize>) -> MemBuffer {
    MemBuffer::new(symbolic.solve_in_place_scratch::<f64>(1, faer::Par::Seq))
}

/// Positions of the diagonal among the values of the factor, in the order of elimination.
fn diagonal(symbolic: &SymbolicCholesky<usize>) -> Vec<usize> {
    match symbolic.raw() {
        SymbolicCholeskyRaw::Simplicial(s) => s.col_ptr()[..s.ncols()].to_vec(),
        SymbolicCholeskyRaw::Supernodal(s) => (0..s.n_supernodes())
            .flat_map(|k| {
                let width = s.supernode_end()[k] - s.supernode_begin()[k];
                let height = width + s.supernode(k).pattern().len();
                let first = s.col_ptr_for_val()[k];
                (0..width).map(move |j| first + j * (height + 1))
            })
            .collect(),
    }
}

impl SparseCholesky {
    /// Orders a pattern (approximate minimum degree) and finds where its factor fills in. Rows of each column of the upper
    /// triangle ascend and end with the diagonal. `None` when memory ran out.
    pub(crate) fn analyse(n: usize, start: Vec<usize>, row: Vec<usize>) -> Option<Self> {
        let upper = SymbolicSparseColMat::new_checked(n, n, start, None, row);
        let symbolic = factorize_symbolic_cholesky(
            upper.as_ref(),
            Side::Upper,
            SymmetricOrdering::Amd,
            Default::default(),
        )
        .ok()?;
        let scratch = scratch(&symbolic);
        let values = vec![0.0; symbolic.len_val()];
        let analysed = Arc::new(Analysed { upper, symbolic });
        Some(Self {
            analysed,
            values,
            unit: false,
            scratch,
        })
    }

    /// Nonzeros of the factor.
    pub(crate) fn nonzeros(&self) -> usize {
        self.values.len()
    }

    /// Flops of a factorisation: the squares of the column lengths.
    pub(crate) fn flops(&self) -> f64 {
        let column = |length: usize| (length as f64).powi(2);
        match self.analysed.symbolic.raw() {
            SymbolicCholeskyRaw::Simplicial(s) => {
                s.col_ptr().windows(2).map(|w| column(w[1] - w[0])).sum()
            }
            SymbolicCholeskyRaw::Supernodal(s) => (0..s.n_supernodes())
                .map(|k| {
                    let width = s.supernode_end()[k] - s.supernode_begin()[k];
                    let below = s.nnz_per_super()[k];
                    (1..=width).map(|j| column(j + below)).sum::<f64>()
                })
                .sum(),
        }
    }

    /// Factors the matrix with these values on the pattern, as `L Lᵀ`; `false` when it is not positive definite, and then
    /// nothing can be solved until another matrix was factored.
    pub(crate) fn factor(&mut self, values: &[f64]) -> bool {
        let Analysed { upper, symbolic } = &*self.analysed;
        let par = par(self.values.len() * 64);
        let a = SparseColMatRef::new(upper.as_ref(), values);
        let mut mem =
            MemBuffer::new(symbolic.factorize_numeric_llt_scratch::<f64>(par, Default::default()));
        let done = symbolic.factorize_numeric_llt(
            &mut self.values,
            a,
            Side::Upper,
            Default::default(),
            par,
            MemStack::new(&mut mem),
            Default::default(),
        );
        self.unit = false;
        done.is_ok()
    }

    /// Factors a matrix that need only be positive semidefinite to working precision, as `L D Lᵀ`: a pivot that is not above
    /// `vanishing` is replaced by one. `false` when a pivot was NaN.
    ///
    /// Not as `L Lᵀ`: there faer 0.24 divides the column by the pivot's substitute, but leaves the pivot on the diagonal.
    pub(crate) fn factor_semidefinite(&mut self, values: &[f64], vanishing: f64) -> bool {
        let Analysed { upper, symbolic } = &*self.analysed;
        let par = par(self.values.len() * 64);
        let a = SparseColMatRef::new(upper.as_ref(), values);
        let mut mem =
            MemBuffer::new(symbolic.factorize_numeric_ldlt_scratch::<f64>(par, Default::default()));
        let signs = vec![1; symbolic.nrows()];
        let done = symbolic.factorize_numeric_ldlt(
            &mut self.values,
            a,
            Side::Upper,
            LdltRegularization {
                dynamic_regularization_signs: Some(&signs),
                dynamic_regularization_delta: 1.0,
                dynamic_regularization_epsilon: vanishing,
            },
            par,
            MemStack::new(&mut mem),
            Default::default(),
        );
        self.unit = true;
        done.is_ok()
    }

    /// Pivots of the last factorisation, by row of the matrix.
    pub(crate) fn pivots(&self) -> Vec<f64> {
        let permutation = self.analysed.symbolic.perm();
        let at = diagonal(&self.analysed.symbolic);
        let mut out = vec![0.0; at.len()];
        for (k, at) in at.into_iter().enumerate() {
            out[permutation.map_or(k, |p| p.arrays().0[k])] = self.values[at] * self.values[at];
        }
        out
    }

    /// `rhs ← A⁻¹ rhs`.
    ///
    /// # Complexity
    /// `4 nnz(L)` flops; nothing is allocated.
    pub(crate) fn solve_in_place(&mut self, rhs: &mut [f64]) {
        let n = rhs.len();
        let rhs = MatMut::from_column_major_slice_mut(rhs, n, 1);
        let (analysed, stack) = (&*self.analysed, MemStack::new(&mut self.scratch));
        substitute(
            analysed,
            &self.values,
            self.unit,
            rhs,
            faer::Par::Seq,
            stack,
        );
    }

    /// [`SparseCholesky::solve_in_place`] for every column.
    pub(crate) fn solve_columns(&self, rhs: &mut Mat<f64>) {
        let symbolic = &self.analysed.symbolic;
        let par = par(4 * self.values.len() * rhs.ncols());
        let mut mem = MemBuffer::new(symbolic.solve_in_place_scratch::<f64>(rhs.ncols(), par));
        let (rhs, stack) = (rhs.as_mut(), MemStack::new(&mut mem));
        substitute(&self.analysed, &self.values, self.unit, rhs, par, stack);
    }
}

fn substitute(
    analysed: &Analysed,
    values: &[f64],
    unit: bool,
    rhs: MatMut<'_, f64>,
    par: faer::Par,
    stack: &mut MemStack,
) {
    let symbolic = &analysed.symbolic;
    match unit {
        true => LdltRef::new(symbolic, values).solve_in_place_with_conj(Conj::No, rhs, par, stack),
        false => LltRef::new(symbolic, values).solve_in_place_with_conj(Conj::No, rhs, par, stack),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::cholesky::Cholesky;

    #[test]
    fn solves_as_a_dense_factor_does() {
        // A ring with chords: it fills in.
        let n = 40;
        let linked =
            |i: usize, j: usize| i == j || (i + 1) % n == j || (j + 1) % n == i || (i * j) % 7 == 3;
        let entry = |i: usize, j: usize| match (i == j, linked(i, j)) {
            (true, _) => 20.0 + i as f64,
            (false, true) => ((i + j) as f64).sin(),
            _ => 0.0,
        };
        let (mut start, mut row, mut values) = (vec![0], vec![], vec![]);
        for j in 0..n {
            for i in (0..=j).filter(|&i| linked(i, j)) {
                row.push(i);
                values.push(entry(i, j));
            }
            start.push(row.len());
        }
        let mut sparse = SparseCholesky::analyse(n, start, row).unwrap();
        assert!(sparse.factor(&values));
        let dense = Cholesky::factor(Mat::from_fn(n, n, entry)).unwrap();
        let mut expected = Mat::from_fn(n, 3, |i, j| ((i + 5 * j) as f64).cos());
        let mut many = expected.clone();
        let mut one = expected.col_as_slice(0).to_vec();
        dense.solve_in_place(expected.as_mut());
        sparse.solve_columns(&mut many);
        sparse.clone().solve_in_place(&mut one);
        assert!((&many - &expected).norm_max() < 1e-14);
        assert!((0..n).all(|i| (one[i] - expected[(i, 0)]).abs() < 1e-14));
        values[0] = -1.0;
        assert!(!sparse.factor(&values));
    }

    /// A dense matrix (factored by supernodes) and a banded one, whose last pivots are one over the inverse's diagonal.
    #[test]
    fn pivots_are_those_of_the_rows() {
        for (n, width) in [(60, 60), (120, 3)] {
            let entry = |i: usize, j: usize| {
                if i == j {
                    9.0 + i as f64
                } else {
                    ((i * j) as f64).sin()
                }
            };
            let (mut start, mut row, mut values) = (vec![0], vec![], vec![]);
            for j in 0..n {
                for i in (0..=j).filter(|i| j - i <= width) {
                    row.push(i);
                    values.push(entry(i, j));
                }
                start.push(row.len());
            }
            let mut factor = SparseCholesky::analyse(n, start, row).unwrap();
            assert!(factor.factor(&values));
            let pivots = factor.pivots();
            // Never above the diagonal, and equal to it where elimination begins.
            assert!((0..n).all(|i| pivots[i] > 0.0 && pivots[i] <= entry(i, i) * (1.0 + 1e-14)));
            assert!((0..n).any(|i| (pivots[i] - entry(i, i)).abs() < 1e-13 * entry(i, i)));
            let last = (0..n).find(|&i| {
                let mut unit: Vec<f64> = (0..n).map(|k| f64::from(u8::from(k == i))).collect();
                factor.solve_in_place(&mut unit);
                (unit[i] * pivots[i] - 1.0).abs() < 1e-13
            });
            assert!(last.is_some(), "{n}");
        }
    }
}
