//! Points, measured in the program as it was stated.

use super::limits::Limits;
use super::program::LinearProgram;
use crate::error::{Result, check_shape};
use crate::linalg::{max_abs, norm};

/// A primal–dual point of a [`LinearProgram`], with the signs documented there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinearSolution {
    /// Values of the variables.
    pub x: Vec<f64>,
    /// Activities of the rows, `A x`.
    pub activities: Vec<f64>,
    /// Row duals `y`.
    pub row_duals: Vec<f64>,
    /// Reduced costs `z`, which are `c − Aᵀy` up to the dual residual.
    pub reduced_costs: Vec<f64>,
}

impl LinearProgram {
    /// The dual objective `c₀ + Σ y_i limit_i + Σ z_j limit_j`, where the sign of a multiplier says which limit it belongs to. A
    /// multiplier of a missing limit adds nothing; the fourth of the [`errors`](Self::errors) measures it.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over `y` and `z`.
    pub fn dual_objective(&self, y: &[f64], z: &[f64]) -> Result<f64> {
        check_shape("row duals y", (self.rows().len(), 1), (y.len(), 1))?;
        let n = self.variables().len();
        check_shape("reduced costs z", (n, 1), (z.len(), 1))?;
        let sum = |limits: &[Limits], v: &[f64]| -> f64 {
            let active = limits
                .iter()
                .zip(v)
                .map(|(l, &v)| (l.active(self.sign() * v), v));
            active
                .map(|(active, v)| if active.is_finite() { v * active } else { 0.0 })
                .sum()
        };
        Ok(self.constant() + sum(self.rows(), y) + sum(self.variables(), z))
    }

    /// Six errors of a point in the manner of DIMACS, computed from the stated data alone. An error is NaN if a number in it is
    /// not finite.
    ///
    /// | | error |
    /// |---|---|
    /// | 1 | Euclidean norm of the distances of the activities from the limits of the rows, over `1 + max│row limit│` |
    /// | 2 | largest distance of a variable from its limits, over `1 + max│row limit│` |
    /// | 3 | `‖c − Aᵀy − z‖ / (1 + max│c│)` |
    /// | 4 | largest row dual or reduced cost that belongs to a missing limit, over `1 + max│c│` |
    /// | 5 | primal minus dual objective (when minimising), over `1 + │primal│ + │dual│` |
    /// | 6 | sum of `│y_i│` and `│z_j│` times the distances from the limits that they belong to, over `1 + │primal│ + │dual│` |
    ///
    /// Activities are recomputed from `x`. The maxima run over finite limits.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// Two passes over the nonzeros.
    pub fn errors(&self, x: &[f64], y: &[f64], z: &[f64]) -> Result<[f64; 6]> {
        let activities = self.activities(x)?;
        let residual: Vec<f64> = self
            .reduced_costs(y)?
            .iter()
            .zip(z)
            .map(|(r, z)| r - z)
            .collect();
        let (primal, dual) = (self.objective(x)?, self.dual_objective(y, z)?);
        let outside: Vec<f64> = self
            .rows()
            .iter()
            .zip(&activities)
            .map(|(l, &v)| l.violation(v))
            .collect();
        let beyond: Vec<f64> = self
            .variables()
            .iter()
            .zip(x)
            .map(|(l, &v)| l.violation(v))
            .collect();
        let (mut unlimited, mut slack) = (0.0f64, 0.0);
        let rows = self.rows().iter().zip(y).zip(&activities);
        let variables = self.variables().iter().zip(z).zip(x);
        for ((limits, &multiplier), value) in rows.chain(variables) {
            let active = limits.active(self.sign() * multiplier);
            if active.is_finite() {
                slack += multiplier.abs() * (value - active).abs();
            } else {
                unlimited = max_abs(&[unlimited, multiplier]);
            }
        }
        let finite = |v: f64| if v.is_finite() { v.abs() } else { 0.0 };
        let limits = self
            .rows()
            .iter()
            .map(|l| finite(l.lower()).max(finite(l.upper())));
        let scale_b = 1.0 + limits.fold(0.0, f64::max);
        let scale_c = 1.0 + max_abs(self.costs());
        let scale_gap = 1.0 + primal.abs() + dual.abs();
        Ok([
            norm(&outside) / scale_b,
            max_abs(&beyond) / scale_b,
            norm(&residual) / scale_c,
            unlimited / scale_c,
            self.sign() * (primal - dual) / scale_gap,
            slack / scale_gap,
        ])
    }
}
