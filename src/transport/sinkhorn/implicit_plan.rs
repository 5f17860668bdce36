//! A rounded coupling in `O(m + n)` numbers.

use super::half_steps::HalfSteps;
use crate::error::{Error, Result, check_shape};
use crate::linalg::axpy;
use crate::transport::kernel::{self, parallel};
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::shape::Shape;

/// A coupling in `O(m + n)` numbers: `exp(rows_i + columns_j − β C_ij) + row_rest_i · column_rest_j`.
///
/// The potentials contain the factors of the rounding; the last term is its rank-one part. Entries are computed from the same
/// cost.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ImplicitPlan {
    /// Inverse temperature.
    pub beta: f64,
    /// Row potentials; minus infinity at zero masses.
    pub rows: Vec<f64>,
    /// Column potentials; minus infinity at zero masses.
    pub columns: Vec<f64>,
    /// Mass that every row lacked.
    pub row_rest: Vec<f64>,
    /// How this mass is distributed over the columns; zero where no mass was lacking.
    pub column_rest: Vec<f64>,
}

impl ImplicitPlan {
    /// Writes column `j`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a cost or buffer of another size, [`Error::OutOfRange`].
    ///
    /// # Complexity
    /// `O(m)`.
    pub fn column(&self, cost: &dyn Cost, j: usize, out: &mut [f64]) -> Result<()> {
        let shape = (self.rows.len(), self.columns.len());
        check_shape("cost", shape, cost.shape())?;
        check_shape("column", (shape.0, 1), (out.len(), 1))?;
        if j >= shape.1 {
            let (what, index, bound) = ("column", j, shape.1);
            return Err(Error::OutOfRange { what, index, bound });
        }
        let mut costs = vec![0.0; out.len()];
        cost.fill(j, 0, &mut costs);
        kernel::exp_write(
            pulp::Arch::new(),
            &costs,
            self.beta,
            &self.rows,
            self.columns[j],
            out,
        );
        axpy(self.column_rest[j], &self.row_rest, out);
        Ok(())
    }

    /// The whole plan, column by column.
    ///
    /// # Errors
    /// As [`ImplicitPlan::column`]; [`Error::TooLarge`].
    ///
    /// # Complexity
    /// `O(mn)` time and space.
    pub fn dense(&self, cost: &dyn Cost) -> Result<Vec<f64>> {
        let (m, n) = (self.rows.len(), self.columns.len());
        Shape::new(&[m, n])?;
        let mut plan = vec![0.0; m * n];
        for (j, column) in plan.chunks_mut(m.max(1)).enumerate() {
            self.column(cost, j, column)?;
        }
        Ok(plan)
    }
}

/// A rounded plan, and what rounding measured.
pub(crate) struct Rounded {
    pub(crate) plan: ImplicitPlan,
    /// `⟨C, plan⟩`.
    pub(crate) value: f64,
    /// l1 marginal violation of the plan, and before rounding.
    pub(crate) violation: f64,
    pub(crate) raw_violation: f64,
}

/// Sums over the plan whose rows and columns are scaled down to at most their masses.
struct ScaledSums {
    rows: Vec<f64>,
    columns: Vec<f64>,
    /// `⟨C, plan⟩`.
    value: f64,
    /// `C` times the mass that every column lacks.
    cost_of_missing: Vec<f64>,
}

impl HalfSteps<'_> {
    /// Rounds in f64, whatever the precision of the half-steps.
    pub(crate) fn round(&mut self, beta: f64) -> Rounded {
        // Scale rows, then columns, down to at most their masses: in the potentials.
        let kept = self.potentials.clone();
        let raw_violation = self.cap_marginals(beta);
        let potentials = std::mem::replace(&mut self.potentials, kept);
        let [rows, columns]: [Vec<f64>; 2] = potentials.try_into().unwrap_or_default();
        let sums = self.scaled_sums(beta, &rows, &columns);
        // Distribute the mass that rows lack over the columns as these lack it.
        let (mu, nu) = (self.marginals.masses(0), self.marginals.masses(1));
        let missing = |sums: &[f64], masses: &[f64]| -> Vec<f64> {
            let pairs = sums.iter().zip(masses);
            pairs.map(|(s, m)| (m - s).max(0.0)).collect()
        };
        let mut row_rest = missing(&sums.rows, mu);
        let mut column_rest = missing(&sums.columns, nu);
        let total: f64 = column_rest.iter().sum();
        let mut value = sums.value;
        if total > 0.0 {
            column_rest.iter_mut().for_each(|c| *c /= total);
            let arch = self.marginals.layout().arch;
            value += kernel::dot(arch, &row_rest, &sums.cost_of_missing) / total;
        } else {
            row_rest.fill(0.0);
        }
        // What is left is rounding error: measure it.
        let off = |sums: &[f64], rest: &[f64], by: f64, masses: &[f64]| -> f64 {
            let terms = sums.iter().zip(rest).zip(masses);
            terms.map(|((s, r), m)| (s + r * by - m).abs()).sum()
        };
        let added: f64 = row_rest.iter().sum();
        let share: f64 = column_rest.iter().sum();
        let violation =
            off(&sums.rows, &row_rest, share, mu) + off(&sums.columns, &column_rest, added, nu);
        Rounded {
            plan: ImplicitPlan {
                beta,
                rows,
                columns,
                row_rest,
                column_rest,
            },
            value,
            violation,
            raw_violation,
        }
    }

    /// Lowers the potentials of rows, then columns, whose sums exceed their masses. Returns the l1 violation found.
    fn cap_marginals(&mut self, beta: f64) -> f64 {
        let mut violation = 0.0;
        for mode in 0..2 {
            let sums = self.double_sums(mode, beta);
            let masses = self.marginals.masses(mode);
            for ((u, s), m) in self.potentials[mode].iter_mut().zip(sums).zip(masses) {
                violation += (s - m).abs();
                if s > *m && *m > 0.0 {
                    *u += (m / s).ln();
                }
            }
        }
        violation
    }

    /// The sums in one pass over the cost.
    fn scaled_sums(&self, beta: f64, u: &[f64], v: &[f64]) -> ScaledSums {
        let (m, n, arch) = (u.len(), v.len(), self.marginals.layout().arch);
        let nu = self.marginals.masses(1);
        let nothing = || ScaledSums {
            rows: vec![0.0; m],
            columns: Vec::new(),
            value: 0.0,
            cost_of_missing: vec![0.0; m],
        };
        let parts = parallel::map(n, m * n, |columns| {
            let mut sums = nothing();
            let (mut line, mut costs) = (vec![0.0; m], vec![0.0; m]);
            for j in columns {
                self.cost.fill(j, 0, &mut costs);
                kernel::exp_write(arch, &costs, beta, u, v[j], &mut line);
                let sum = kernel::sum(arch, &line);
                kernel::add(arch, &line, &mut sums.rows);
                sums.value += kernel::dot(arch, &line, &costs);
                let missing = (nu[j] - sum).max(0.0);
                if missing > 0.0 {
                    axpy(missing, &costs, &mut sums.cost_of_missing);
                }
                sums.columns.push(sum);
            }
            sums
        });
        let mut total = nothing();
        for part in parts {
            kernel::add(arch, &part.rows, &mut total.rows);
            kernel::add(arch, &part.cost_of_missing, &mut total.cost_of_missing);
            total.value += part.value;
            total.columns.extend(part.columns);
        }
        total
    }
}
