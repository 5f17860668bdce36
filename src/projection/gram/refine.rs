//! Answers measured, and refined, with the exact operator.

use crate::constraints::{Constraints, GramOperator, HeldWeight, Weighted};
use crate::error::{Result, check_shape};
use crate::linalg::pcg::{Workspace, pcg};
use crate::projection::{Accuracy, Goal};
use faer::MatMut;
use faer::prelude::Reborrow as _;
use std::sync::Arc;

/// Refinement steps allowed a column: far more than a factor of the same weight ever needs.
pub(crate) const MAX_ITER: usize = 200;

/// `BBᵀ y = rhs` by preconditioned conjugate gradients on the exact operator, with its scratch space.
#[derive(Debug, Clone)]
pub(crate) struct Refiner {
    m: usize,
    operator: GramOperator,
    workspace: Workspace,
    rhs: Vec<f64>,
    answer: Vec<f64>,
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
    /// residual measured, for [`Goal::Maintained`].
    pub(crate) fn solve(
        &mut self,
        weight: &[HeldWeight],
        goal: Goal,
        mut precondition: impl FnMut(&mut [f64]),
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
        for j in 0..rhs.ncols() {
            for (i, v) in self.rhs.iter_mut().enumerate() {
                *v = rhs[(i, j)];
            }
            let operator = &mut self.operator;
            let apply = |y: &[f64], out: &mut [f64]| operator.apply(weight, y, out);
            let reached = pcg(
                apply,
                &mut precondition,
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
