//! Assembly of `K = BBᵀ`, block by block.

use super::psd::PsdPlan;
use crate::constraints::{Constraints, GramWeight, NonnegRows, Part};
use crate::linalg::columns;
use crate::linalg::padded;
use crate::linalg::product::gemm_lower;
use crate::linalg::real::Real;
use faer::{Accum, Mat, MatMut};

/// The plan for assembling `K`, prepared once from `A`.
#[derive(Debug, Clone)]
pub(crate) struct Assembler {
    plans: Vec<Plan>,
}

#[derive(Debug, Clone)]
enum Plan {
    Psd(PsdPlan),
    /// Sparse rows of a nonnegative block, compressed by variable.
    Sparse {
        start: Vec<usize>,
        constraint: Vec<u32>,
        value: Vec<f64>,
    },
    /// Rows that fill more than a fifth of the block, as a dense `m × n` matrix.
    Dense(Mat<f64>),
}

impl Assembler {
    pub(crate) fn new(a: &Constraints) -> Self {
        let plan = |part: &Part| match part {
            Part::Psd(rows) => Plan::Psd(PsdPlan::new(rows)),
            Part::Nonneg(rows) => Self::nonneg(a.len(), rows),
        };
        Self {
            plans: a.parts().iter().map(plan).collect(),
        }
    }

    /// Takes the values of rows with entries at the same positions.
    pub(crate) fn replace_values(&mut self, a: &Constraints) {
        for (plan, part) in self.plans.iter_mut().zip(a.parts()) {
            match (plan, part) {
                (Plan::Psd(plan), Part::Psd(rows)) => plan.replace_values(rows),
                (plan, Part::Nonneg(rows)) => *plan = Self::nonneg(a.len(), rows),
                // Unreachable: the blocks are the same as before.
                (_, Part::Psd(_)) => {}
            }
        }
    }

    fn nonneg(m: usize, rows: &NonnegRows) -> Plan {
        if rows.nonzeros() > m * rows.order() / 5 {
            let mut dense = padded::zeros(m, rows.order());
            for (i, index, value) in rows.iter() {
                for (&k, &v) in index.iter().zip(value) {
                    dense[(i, k as usize)] = v;
                }
            }
            return Plan::Dense(dense);
        }
        let (start, constraint, value) = rows.columns();
        Plan::Sparse {
            start,
            constraint,
            value,
        }
    }

    /// Lower triangle of `k ← BBᵀ`.
    ///
    /// # Complexity
    /// Per row of a PSD block, the cheapest of the formulas of [`PsdPlan`]. Per variable of a nonnegative block with sparse rows,
    /// the square of the number of rows that read it; with dense rows, a product of matrices.
    pub(crate) fn assemble<T: Real>(&self, weight: &[GramWeight<'_>], mut k: MatMut<'_, T>) {
        columns::each(k.as_mut(), |_, column| column.fill(T::narrow(0.0)));
        for (plan, held) in self.plans.iter().zip(weight) {
            match (plan, held) {
                (Plan::Psd(plan), GramWeight::Psd(pair)) => plan.add(pair, k.as_mut()),
                (
                    Plan::Sparse {
                        start,
                        constraint,
                        value,
                    },
                    GramWeight::Nonneg(w),
                ) => {
                    for (col, w) in w.iter().enumerate() {
                        let at = start[col]..start[col + 1];
                        let (index, value) = (&constraint[at.clone()], &value[at]);
                        for (s, &j) in index.iter().enumerate() {
                            let scaled = w * w * value[s];
                            for (&i, &v) in index[s..].iter().zip(&value[s..]) {
                                let at = &mut k[(i as usize, j as usize)];
                                *at = T::narrow(at.wide() + scaled * v);
                            }
                        }
                    }
                }
                (Plan::Dense(rows), GramWeight::Nonneg(w)) => {
                    let scaled = padded::from_fn(rows.nrows(), rows.ncols(), |i, j| {
                        T::narrow(rows[(i, j)] * w[j])
                    });
                    gemm_lower(
                        k.as_mut(),
                        Accum::Add,
                        1.0,
                        scaled.as_ref(),
                        scaled.transpose(),
                    );
                }
                // Unreachable: the weights were checked against the blocks on input.
                _ => {}
            }
        }
    }
}
