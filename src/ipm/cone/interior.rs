//! Points in the interior of the cone, with the factors that prove it.

use super::sparsity::Sparsity;
use super::storage::Storage;
use crate::constraints::Block;
use crate::error::Result;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::row_solves::RowSolver;
use crate::linalg::{lanczos, triangular};
use faer::MatMut;
use faer::prelude::ReborrowMut as _;

/// Eigenvalues above this allow a full step whatever the safety factor: no need to know them better.
pub(in crate::ipm) const FULL_STEP: f64 = -0.5;

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
pub(in crate::ipm) struct Interior {
    factors: Vec<BlockFactor>,
}

impl Interior {
    /// `None` when the point is not in the interior, to working precision.
    ///
    /// # Complexity
    /// As [`Interior::move_to`].
    pub(in crate::ipm) fn new(space: &Storage, x: &[f64]) -> Option<Self> {
        let blocks = space.blocks().iter().enumerate();
        let factors = blocks
            .map(|(b, block)| match (*block, space.sparsity(b).solver()) {
                (Block::Psd(_), Some(solver)) => BlockFactor::Sparse(Box::new(solver.clone())),
                (Block::Psd(_), None) => BlockFactor::Dense(Cholesky::empty()),
                (Block::Nonneg(_), _) => BlockFactor::Nonneg,
            })
            .collect();
        let mut interior = Self { factors };
        interior.move_to(space, x).then_some(interior)
    }

    /// Factors another point, sparse where the space has a solver for the block; `false` when it is not in the interior, to working
    /// precision, and then the factors are of no point.
    ///
    /// # Complexity
    /// `n³/3` flops a dense block.
    pub(in crate::ipm) fn move_to(&mut self, space: &Storage, x: &[f64]) -> bool {
        let blocks = space.blocks().iter().zip(&mut self.factors);
        blocks.enumerate().all(|(b, (block, factor))| {
            let part = &x[space.range(b)];
            let n = block.order();
            match (factor, space.sparsity(b)) {
                (BlockFactor::Nonneg, _) => part.iter().all(|&v| v > 0.0 && v.is_finite()),
                (BlockFactor::Sparse(solver), Sparsity::Packed(packed)) => {
                    solver.factor(packed.upper(part))
                }
                (BlockFactor::Sparse(_), _) => false,
                (BlockFactor::Dense(factor), Sparsity::Packed(packed)) => {
                    factor.refactor(n, |mut lower| {
                        lower.fill(0.0);
                        packed.for_each(|at, full| lower[(full % n, full / n)] = part[at]);
                    })
                }
                (BlockFactor::Dense(factor), _) => factor.refactor(n, |mut lower| {
                    for (j, from) in part.chunks_exact(n).enumerate() {
                        let to = lower.rb_mut().col_mut(j).subrows_mut(j, n - j);
                        to.iter_mut().zip(&from[j..]).for_each(|(t, f)| *t = *f);
                    }
                }),
            }
        })
    }

    /// The dense factor of a PSD block.
    pub(in crate::ipm) fn dense(&self, block: usize) -> Option<&Cholesky> {
        match &self.factors[block] {
            BlockFactor::Dense(factor) => Some(factor),
            _ => None,
        }
    }

    /// `out ← X⁻¹` of a PSD block; `scratch` is of the same shape.
    ///
    /// # Complexity
    /// `2n³/3` flops dense, `3n nnz(L)` sparse.
    pub(in crate::ipm) fn inverse(
        &self,
        block: usize,
        out: MatMut<'_, f64>,
        scratch: MatMut<'_, f64>,
    ) {
        match &self.factors[block] {
            BlockFactor::Nonneg => {}
            BlockFactor::Dense(factor) => factor.inverse_into(out, scratch),
            BlockFactor::Sparse(solver) => solver.inverse(out),
        }
    }

    /// `t ← t X⁻¹` by the sparse factor of a PSD block; `false` when there is none, and `t` unchanged.
    pub(in crate::ipm) fn solve_rows(&self, block: usize, t: MatMut<'_, f64>) -> bool {
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
    pub(in crate::ipm) fn longest(
        &self,
        space: &Storage,
        x: &[f64],
        dx: &[f64],
        accuracy: f64,
        mut multiply: impl FnMut(usize, &[f64], &mut [f64]),
    ) -> Result<f64> {
        let mut least = 0.0f64;
        for (b, (block, factor)) in space.blocks().iter().zip(&self.factors).enumerate() {
            let part = space.range(b);
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
