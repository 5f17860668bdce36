//! Errors of a point of a linear program, each row and each column in its own scale.

use super::program::LinearProgram;
use crate::error::{Result, check_shape};
use crate::linalg::max_abs;
use crate::problem::backward_error::{BackwardErrors, Largest};

impl LinearProgram {
    /// The [backward errors](BackwardErrors) of a point: of rows and of limits of variables on the primal side, of columns and of
    /// multipliers that belong to missing limits on the dual side. Positions in [`BackwardErrors::worst_row`] are rows,
    /// those in [`BackwardErrors::worst_column`] variables.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// Two passes over the nonzeros.
    pub fn backward_errors(&self, x: &[f64], y: &[f64], z: &[f64]) -> Result<BackwardErrors> {
        let n = self.variables().len();
        check_shape("reduced costs z", (n, 1), (z.len(), 1))?;
        let activities = self.activities(x)?;
        let residual = self.reduced_costs(y)?;

        // The unit of the variables, and the rows against their terms.
        let finite = |v: f64| if v.is_finite() { v.abs() } else { 0.0 };
        let limits = self.rows().iter().chain(self.variables());
        let no_demand = limits.clone().all(|l| l.violation(0.0) == 0.0);
        let unit = if no_demand { 1.0 } else { max_abs(x).min(1.0) };
        let mut rows = Largest::default();
        for (i, (limits, &activity)) in self.rows().iter().zip(&activities).enumerate() {
            let (mut scale, mut largest) = (0.0, 0.0f64);
            for (j, v) in self.row(i) {
                scale += (v * x[j]).abs();
                largest = largest.max(v.abs());
            }
            let missed = if activity < limits.lower() {
                limits.lower()
            } else {
                limits.upper()
            };
            let scale = scale + finite(missed) + unit * largest;
            rows.record(Some(i), limits.violation(activity), scale);
        }
        for (limits, &value) in self.variables().iter().zip(x) {
            // A variable against its own limit.
            rows.record(None, limits.violation(value), unit + value.abs());
        }

        // The unit of the multipliers, and the columns against their terms.
        let unit = if self.costs().iter().all(|c| *c == 0.0) {
            1.0
        } else {
            max_abs(y).min(1.0)
        };
        let (mut scale, mut largest) = (vec![0.0; n], vec![0.0f64; n]);
        for (i, y) in y.iter().enumerate() {
            for (j, v) in self.row(i) {
                scale[j] += (v * y).abs();
                largest[j] = largest[j].max(v.abs());
            }
        }
        let mut columns = Largest::default();
        for j in 0..n {
            let own = scale[j] + self.costs()[j].abs() + unit * largest[j];
            columns.record(Some(j), residual[j] - z[j], own + z[j].abs());
            if !self.variables()[j].active(self.sign() * z[j]).is_finite() {
                columns.record(Some(j), z[j], own);
            }
        }
        for (limits, &y) in self.rows().iter().zip(y) {
            if !limits.active(self.sign() * y).is_finite() {
                columns.record(None, y, unit);
            }
        }
        Ok(BackwardErrors {
            row: rows.value,
            worst_row: rows.at,
            column: columns.value,
            worst_column: columns.at,
        })
    }
}
