//! Refinement of answers with the exact operator, and measurement of their residuals.

use crate::constraints::{Constraints, GramOperator, OwnedWeight, Weighted};
use crate::error::{Result, check_shape};
use crate::linalg::pcg::{Limits, Reached, Systems, Workspace, pcg, pcg_mixed};
use crate::projection::{Accuracy, Goal};
use faer::MatMut;
use faer::prelude::{Reborrow as _, ReborrowMut as _};
use std::sync::Arc;

/// Largest number of refinement steps per column. With a factor of the same weight far fewer are taken.
pub(crate) const MAX_ITER: usize = 200;

/// Solves `BBᵀ y = rhs` by preconditioned conjugate gradients on the exact operator; owns the scratch space.
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

    /// Drops what belongs to the last weight. The owner calls this whenever the weight changes.
    pub(crate) fn forget(&mut self) {
        self.operator.forget();
    }

    /// `B` at this weight.
    pub(crate) fn weighted(&mut self, weight: &[OwnedWeight]) -> Result<&mut Weighted> {
        self.operator.weighted(weight)
    }

    /// `rhs ← (BBᵀ)⁻¹ rhs` for every column, to the residual of the goal. For [`Goal::AsAbsorbed`] the preconditioner is applied
    /// once, and the residual of the result is measured.
    pub(crate) fn solve(
        &mut self,
        weight: &[OwnedWeight],
        goal: Goal,
        precondition: impl FnMut(MatMut<'_, f64>),
        rhs: MatMut<'_, f64>,
        max_iter: usize,
    ) -> Result<Accuracy> {
        let limits = Limits::new(goal.tolerance()?, max_iter);
        self.solve_within(weight, limits, precondition, rhs)
    }

    /// [`Refiner::solve`] with all limits. With [`Limits::quick`], the steps of a weight given by its root use the weight itself,
    /// which is faster. Residuals are always measured through the root, which loses fewer digits.
    pub(crate) fn solve_within(
        &mut self,
        weight: &[OwnedWeight],
        limits: Limits,
        precondition: impl FnMut(MatMut<'_, f64>),
        rhs: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        let m = self.m;
        check_shape("right-hand side", (m, rhs.ncols()), rhs.shape())?;
        for j in 0..rhs.ncols() {
            crate::error::check_finite("right-hand side", rhs.rb().col(j).iter())?;
        }
        self.rhs.clear();
        for j in 0..rhs.ncols() {
            self.rhs.extend(rhs.rb().col(j).iter());
        }
        self.answer.resize(self.rhs.len(), 0.0);
        let operator = &mut self.operator;
        let apply = |y: &[f64], out: &mut [f64], careful| {
            if careful {
                operator.apply(weight, y, out);
            } else {
                operator.apply_quick(weight, y, out);
            }
        };
        let systems = Systems {
            n: m,
            b: &self.rhs,
            x: &mut self.answer,
        };
        let Reached {
            residual,
            iterations,
        } = pcg_mixed(apply, precondition, systems, limits, &mut self.workspace);
        copy_columns(&self.answer, rhs);
        Ok(Accuracy::Exact {
            residual,
            iterations,
        })
    }

    /// Restores the right-hand sides of the last solve.
    pub(crate) fn restore(&self, rhs: MatMut<'_, f64>) {
        copy_columns(&self.rhs, rhs);
    }

    /// The relative residual `‖v − BBᵀ K̃⁻¹ v‖ / ‖v‖` of the preconditioner `K̃⁻¹`, at a weight that may differ from the current one.
    pub(crate) fn probe(
        &mut self,
        weight: &[OwnedWeight],
        precondition: impl FnMut(MatMut<'_, f64>),
        probe: &[f64],
    ) -> f64 {
        self.forget();
        self.answer.resize(probe.len(), 0.0);
        let operator = &mut self.operator;
        let apply = |y: &[f64], out: &mut [f64]| operator.apply(weight, y, out);
        let residual = pcg(
            apply,
            precondition,
            Systems {
                n: probe.len(),
                b: probe,
                x: &mut self.answer,
            },
            Limits::new(f64::INFINITY, 0),
            &mut self.workspace,
        )
        .residual;
        self.forget();
        residual
    }
}

/// Copies columns that are stored one after another into a matrix.
fn copy_columns(from: &[f64], mut to: MatMut<'_, f64>) {
    let m = to.nrows();
    for j in 0..to.ncols() {
        for i in 0..m {
            to[(i, j)] = from[j * m + i];
        }
    }
}

/// A preconditioner of one vector, applied to each column.
pub(crate) fn each_column(mut apply: impl FnMut(&mut [f64])) -> impl FnMut(MatMut<'_, f64>) {
    move |mut v| {
        for j in 0..v.ncols() {
            // Always contiguous: the vectors belong to the iteration.
            if let Some(column) = v.rb_mut().col_mut(j).try_as_col_major_mut() {
                apply(column.as_slice_mut());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::{Block, BlockWeight, Part};
    use crate::projection::gram::Assembler;
    use faer::Mat;

    /// The rows only have entries between two sets of indices, which are interleaved and of unequal size. Both forms of the
    /// operator, and `B`, must agree with the Gram matrix assembled row by row.
    #[test]
    fn half_blocks_give_the_products_of_whole_ones() {
        let n = 14;
        let side = |k: usize| k % 3 == 1;
        let cells: Vec<(usize, usize)> = (0..n)
            .flat_map(|c| (0..c).map(move |r| (r, c)))
            .filter(|&(r, c)| side(r) != side(c) && (r * 5 + c) % 4 > 0)
            .collect();
        let m = cells.len();
        let mut a = Constraints::builder(m, &[Block::Psd(n)]).unwrap();
        for (i, &(r, c)) in cells.iter().enumerate() {
            a.entry(i, 0, r, c, 1.0 + i as f64 / 7.0).unwrap();
            if i > 0 {
                let (r, c) = cells[i - 1];
                a.entry(i, 0, r, c, -0.3).unwrap();
            }
        }
        let a = Arc::new(a.build().unwrap());
        let Part::Psd(rows) = &a.parts()[0] else {
            panic!("one matrix block");
        };
        assert!(rows.pattern().unwrap().halves().is_some());
        let g = Mat::from_fn(n, n, |i, j| {
            ((i * 3 + j * 7) as f64).sin() + if i == j { 3.0 } else { 0.0 }
        });
        let weight = OwnedWeight::new_all(a.blocks(), &[BlockWeight::Root(g.as_ref())]).unwrap();
        let mut k = Mat::<f64>::zeros(m, m);
        Assembler::new(&a).assemble(&[weight[0].gram()], k.as_mut());
        crate::linalg::product::mirror_lower(k.as_mut());
        let y = Mat::from_fn(m, 1, |i, _| (i as f64).cos());
        let expected = &k * &y;
        let mut operator = GramOperator::new(a.clone());
        let mut got = vec![0.0; m];
        let off = |got: &[f64]| {
            (0..m)
                .map(|i| (got[i] - expected[(i, 0)]).abs())
                .fold(0.0, f64::max)
        };
        operator.apply(&weight, y.col_as_slice(0), &mut got);
        assert!(off(&got) < 1e-10 * expected.norm_max());
        operator.apply_quick(&weight, y.col_as_slice(0), &mut got);
        assert!(off(&got) < 1e-10 * expected.norm_max());
        // B of a matrix H that is not symmetric is ⟨Gᵀ A_i G, H⟩.
        let h = Mat::from_fn(n * n, 1, |k, _| ((k * k) as f64).sin());
        let mut bh = Mat::zeros(m, 1);
        let b = operator.weighted(&weight).unwrap();
        b.apply(h.as_ref(), bh.as_mut()).unwrap();
        let square = Mat::from_fn(n, n, |i, j| h[(i + j * n, 0)]);
        let ghg = &g * &square * g.transpose();
        let mut expected = vec![0.0; m];
        rows.apply(ghg.as_ref(), &mut vec![], &mut expected);
        assert!((0..m).all(|i| (bh[(i, 0)] - expected[i]).abs() < 1e-10));
    }
}
