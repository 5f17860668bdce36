//! Answers measured, and refined, with the exact operator.

use crate::constraints::{Constraints, GramOperator, HeldWeight, Weighted};
use crate::error::{Result, check_shape};
use crate::linalg::pcg::{Workspace, pcg};
use crate::linalg::{axpy, norm};
use crate::projection::{Accuracy, Goal};
use faer::prelude::{Reborrow as _, ReborrowMut as _};
use faer::{Mat, MatMut, MatRef};
use std::sync::Arc;

/// Refinement steps allowed a column: far more than a factor of the same weight ever needs.
pub(crate) const MAX_ITER: usize = 200;

/// Right-hand sides from which on they are answered together.
const BLOCK: usize = 8;

/// Rounds of iterative refinement of a block before its columns are refined one by one.
const ROUNDS: usize = 3;

/// Something near `(BBᵀ)⁻¹`, for one vector and for many.
pub(crate) trait Preconditioner {
    /// `v ← K̃⁻¹ v`.
    fn column(&mut self, v: &mut [f64]);
    /// The same for every column, at the speed of matrix products.
    fn block(&mut self, v: MatMut<'_, f64>);
}

/// `BBᵀ y = rhs` by preconditioned conjugate gradients on the exact operator, with its scratch space.
#[derive(Debug, Clone)]
pub(crate) struct Refiner {
    m: usize,
    operator: GramOperator,
    workspace: Workspace,
    rhs: Vec<f64>,
    answer: Vec<f64>,
}

/// What a block of right-hand sides came to.
struct Block {
    answer: Mat<f64>,
    residual: Vec<f64>,
    steps: usize,
}

impl Refiner {
    pub(crate) fn new(a: Arc<Constraints>) -> Self {
        Self {
            m: a.len(),
            operator: GramOperator::new(a),
            workspace: Workspace::default(),
            rhs: vec![],
            answer: vec![],
        }
    }

    /// To be called whenever the weight changes.
    pub(crate) fn forget(&mut self) {
        self.operator.forget();
    }

    /// `B` at this weight.
    pub(crate) fn weighted(&mut self, weight: &[HeldWeight]) -> Result<&mut Weighted> {
        self.operator.weighted(weight)
    }

    /// `rhs ← (BBᵀ)⁻¹ rhs` for every column, to the goal's residual; one plain application of the preconditioner, its
    /// residual measured, for [`Goal::Maintained`]. Many columns are answered and refined as a block first.
    pub(crate) fn solve(
        &mut self,
        weight: &[HeldWeight],
        goal: Goal,
        preconditioner: &mut impl Preconditioner,
        mut rhs: MatMut<'_, f64>,
        max_iter: usize,
    ) -> Result<Accuracy> {
        let m = self.m;
        check_shape("right-hand side", (m, rhs.ncols()), rhs.shape())?;
        let tol = goal.tolerance()?;
        for j in 0..rhs.ncols() {
            crate::error::check_finite("right-hand side", rhs.rb().col(j).iter())?;
        }
        self.rhs.resize(m, 0.0);
        self.answer.resize(m, 0.0);
        let (mut residual, mut iterations) = (0.0f64, 0);
        let mut left: Vec<usize> = (0..rhs.ncols()).collect();
        if left.len() >= BLOCK {
            let block = self.block(weight, tol, preconditioner, rhs.rb());
            for (j, reached) in block.residual.iter().enumerate() {
                if *reached <= tol {
                    rhs.rb_mut().col_mut(j).copy_from(block.answer.col(j));
                    residual = residual.max(*reached);
                }
            }
            iterations += block.steps;
            left.retain(|&j| block.residual[j].is_nan() || block.residual[j] > tol);
        }
        for j in left {
            for (i, v) in self.rhs.iter_mut().enumerate() {
                *v = rhs[(i, j)];
            }
            let operator = &mut self.operator;
            let apply = |y: &[f64], out: &mut [f64]| operator.apply(weight, y, out);
            let reached = pcg(
                apply,
                |v: &mut [f64]| preconditioner.column(v),
                &self.rhs,
                &mut self.answer,
                tol,
                max_iter,
                &mut self.workspace,
            );
            for (i, v) in self.answer.iter().enumerate() {
                rhs[(i, j)] = *v;
            }
            residual = residual.max(reached.residual);
            iterations += reached.iterations;
        }
        Ok(Accuracy::Exact {
            residual,
            iterations,
        })
    }

    /// All columns at once: the preconditioner's answer and a few rounds of iterative refinement of what is not there yet, as
    /// long as they gain a digit.
    fn block(
        &mut self,
        weight: &[HeldWeight],
        tol: f64,
        preconditioner: &mut impl Preconditioner,
        rhs: MatRef<'_, f64>,
    ) -> Block {
        let (m, k) = rhs.shape();
        let mut answer = rhs.to_owned();
        preconditioner.block(answer.as_mut());
        let mut rest = Mat::zeros(m, k);
        let mut residual: Vec<f64> = (0..k)
            .map(|j| self.rest(weight, rhs, &answer, j, rest.col_as_slice_mut(j)))
            .collect();
        let mut steps = 0;
        for _ in 0..ROUNDS {
            let worse: Vec<usize> = (0..k).filter(|&j| residual[j] > tol).collect();
            if worse.is_empty() {
                break;
            }
            let mut step = Mat::from_fn(m, worse.len(), |i, s| rest[(i, worse[s])]);
            preconditioner.block(step.as_mut());
            steps += worse.len();
            let mut gained = false;
            for (s, &j) in worse.iter().enumerate() {
                let before = answer.col_as_slice(j).to_vec();
                axpy(1.0, step.col_as_slice(s), answer.col_as_slice_mut(j));
                let reached = self.rest(weight, rhs, &answer, j, rest.col_as_slice_mut(j));
                gained |= reached < 0.1 * residual[j];
                match reached < residual[j] {
                    true => residual[j] = reached,
                    false => answer.col_as_slice_mut(j).copy_from_slice(&before),
                }
            }
            if !gained {
                break;
            }
        }
        Block {
            answer,
            residual,
            steps,
        }
    }

    /// `rest ← rhs_j − BBᵀ y_j`; its norm relative to that of `rhs_j`.
    fn rest(
        &mut self,
        weight: &[HeldWeight],
        rhs: MatRef<'_, f64>,
        answer: &Mat<f64>,
        j: usize,
        rest: &mut [f64],
    ) -> f64 {
        self.operator.apply(weight, answer.col_as_slice(j), rest);
        for (i, (r, b)) in rest.iter_mut().zip(&mut self.rhs).enumerate() {
            *b = rhs[(i, j)];
            *r = *b - *r;
        }
        let scale = norm(&self.rhs);
        if scale == 0.0 {
            return 0.0;
        }
        norm(rest) / scale
    }

    /// `‖v − BBᵀ K̃⁻¹ v‖ / ‖v‖` at a weight that may not be the current one.
    pub(crate) fn probe(
        &mut self,
        weight: &[HeldWeight],
        precondition: impl FnMut(&mut [f64]),
        probe: &[f64],
    ) -> f64 {
        self.forget();
        self.answer.resize(probe.len(), 0.0);
        let operator = &mut self.operator;
        let apply = |y: &[f64], out: &mut [f64]| operator.apply(weight, y, out);
        let residual = pcg(
            apply,
            precondition,
            probe,
            &mut self.answer,
            f64::INFINITY,
            0,
            &mut self.workspace,
        )
        .residual;
        self.forget();
        residual
    }
}
