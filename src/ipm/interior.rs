//! Points in the interior of the cone, with the factors that prove it.

use super::sparsity::Sparsity;
use crate::constraints::Block;
use crate::error::Result;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::row_solves::RowSolver;
use crate::linalg::{lanczos, triangular};
use faer::{MatMut, MatRef};

/// Eigenvalues above this allow a full step whatever the safety factor: no need to know them better.
pub(super) const FULL_STEP: f64 = -0.5;

/// A factor of one block.
#[derive(Debug)]
enum BlockFactor {
    /// Positive numbers need none.
    Nonneg,
    Dense(Cholesky),
    Sparse(Box<RowSolver>),
}

/// Cholesky factors of every PSD block of a point in the interior of the cone.
#[derive(Debug)]
pub(super) struct Interior {
    factors: Vec<BlockFactor>,
}

impl Interior {
    /// `None` when the point is not in the interior, to working precision. Sparse factors are made where `sparsity` has a
    /// solver for the block.
    ///
    /// # Complexity
    /// `n³/3` flops a dense block.
    pub(super) fn new(blocks: &[Block], x: &[f64], sparsity: Option<&[Sparsity]>) -> Option<Self> {
        let mut at = 0;
        let mut factors = Vec::with_capacity(blocks.len());
        for (k, b) in blocks.iter().enumerate() {
            let part = &x[at..at + b.ambient()];
            at += b.ambient();
            let solver = sparsity.and_then(|s| s[k].solver());
            factors.push(match (*b, solver) {
                (Block::Psd(n), Some(solver)) => {
                    let mut solver = Box::new(solver.clone());
                    if !solver.factor(MatRef::from_column_major_slice(part, n, n)) {
                        return None;
                    }
                    BlockFactor::Sparse(solver)
                }
                (Block::Psd(n), None) => {
                    let copy = MatRef::from_column_major_slice(part, n, n).to_owned();
                    BlockFactor::Dense(Cholesky::factor(copy).ok()?)
                }
                (Block::Nonneg(_), _) if part.iter().all(|&v| v > 0.0 && v.is_finite()) => {
                    BlockFactor::Nonneg
                }
                (Block::Nonneg(_), _) => return None,
            });
        }
        Some(Self { factors })
    }

    /// The dense factor of a PSD block.
    pub(super) fn dense(&self, block: usize) -> Option<&Cholesky> {
        match &self.factors[block] {
            BlockFactor::Dense(factor) => Some(factor),
            _ => None,
        }
    }

    /// `out ← X⁻¹` of a PSD block.
    ///
    /// # Complexity
    /// `2n³/3` flops dense, `3n nnz(L)` sparse.
    pub(super) fn inverse(&self, block: usize, mut out: MatMut<'_, f64>) {
        match &self.factors[block] {
            BlockFactor::Nonneg => {}
            BlockFactor::Dense(factor) => out.copy_from(factor.inverse()),
            BlockFactor::Sparse(solver) => solver.inverse(out),
        }
    }

    /// `t ← t X⁻¹` by the sparse factor of a PSD block; `false` when there is none, and `t` unchanged.
    pub(super) fn solve_rows(&self, block: usize, t: MatMut<'_, f64>) -> bool {
        match &self.factors[block] {
            BlockFactor::Sparse(solver) => {
                solver.solve_rows(t);
                true
            }
            _ => false,
        }
    }

    /// How far the point can be moved along `dx` before it leaves the cone, or a lower bound of it; what is beyond 1 is no more
    /// than a bound. `multiply(b, v, out)` is `out ← dx_b v` on PSD block `b`; `accuracy` as in
    /// [`lanczos::smallest_eigenvalue`].
    pub(super) fn longest(
        &self,
        blocks: &[Block],
        x: &[f64],
        dx: &[f64],
        accuracy: f64,
        mut multiply: impl FnMut(usize, &[f64], &mut [f64]),
    ) -> Result<f64> {
        let (mut at, mut least) = (0, 0.0f64);
        for (b, (block, factor)) in blocks.iter().zip(&self.factors).enumerate() {
            let part = at..at + block.ambient();
            at = part.end;
            let n = block.order();
            let mut half = vec![0.0; n];
            least = least.min(match factor {
                BlockFactor::Nonneg => part.map(|k| dx[k] / x[k]).fold(0.0, f64::min),
                BlockFactor::Dense(factor) => {
                    lanczos::smallest_eigenvalue(n, FULL_STEP, accuracy, |from, out| {
                        half.copy_from_slice(from);
                        triangular::solve_lower_transposed(factor.lower(), &mut half);
                        multiply(b, &half, out);
                        triangular::solve_lower(factor.lower(), out);
                    })?
                }
                BlockFactor::Sparse(solver) => {
                    let mut full = vec![0.0; n];
                    lanczos::smallest_eigenvalue(n, FULL_STEP, accuracy, |from, out| {
                        half.copy_from_slice(from);
                        solver.solve_lower_transposed(&mut half, &mut full);
                        multiply(b, &full, &mut half);
                        solver.solve_lower(&half, out);
                    })?
                }
            });
        }
        Ok(if least < 0.0 {
            -1.0 / least
        } else {
            f64::INFINITY
        })
    }
}
