//! Points of the linear program as points of its conic form, for warm starts.

use super::{LinearForm, Substitution};
use crate::error::{Result, check_shape};
use crate::problem::linear::solution::LinearSolution;

impl LinearForm {
    /// The point `(x, y, s)` of [`conic`](Self::conic) that values and row duals of the linear program mean, for a warm start. Slacks
    /// of rows follow from the values, multipliers of limits from the row duals, and `s = c − Aᵀy`. Activities and reduced costs
    /// are not read.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// Some passes over the nonzeros.
    pub fn point(&self, given: &LinearSolution) -> Result<[Vec<f64>; 3]> {
        let program = &self.program;
        let (rows, variables) = (program.rows().len(), program.variables());
        check_shape("values x", (variables.len(), 1), (given.x.len(), 1))?;
        check_shape("row duals y", (rows, 1), (given.row_duals.len(), 1))?;
        let (a, sign) = (self.conic.constraints(), program.sign());
        let mut x = vec![f64::NAN; a.ambient()];
        // Values of the variables.
        for ((substitution, value), limits) in
            self.substitutions.iter().zip(&given.x).zip(variables)
        {
            let step = value - limits.nearest_to_zero();
            match *substitution {
                Substitution::Fixed => {}
                Substitution::FromLower { entry, .. } => x[entry] = step,
                Substitution::FromUpper { entry, .. } => x[entry] = -step,
                Substitution::Difference { plus, minus } => {
                    (x[plus], x[minus]) = (step.max(0.0), (-step).max(0.0));
                }
            }
        }
        // In the order of the rows, each has at most one entry without a value: its slack, or the distance of an entry to its
        // second limit. The row determines that value.
        let mut entries: Vec<Vec<(usize, f64)>> = vec![vec![]; a.len()];
        a.entries()
            .for_each(|(i, _, k, _, v)| entries[i].push((k, v)));
        let (mut y, mut limited) = (vec![0.0; a.len()], vec![true; a.len()]);
        for (row, dual) in self.conic_row.iter().zip(&given.row_duals) {
            if let Some(row) = row {
                (y[*row], limited[*row]) = (sign * dual, false);
            }
        }
        for (row, b) in entries.iter().zip(self.conic.rhs()) {
            let open = row.iter().find(|(k, _)| x[*k].is_nan());
            if let Some(&(open, value)) = open {
                let known = row.iter().filter(|(k, _)| *k != open);
                x[open] = (b - known.map(|(k, v)| v * x[*k]).sum::<f64>()) / value;
            }
        }
        x.iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = 0.0);
        let mut slack = self.slack(&y)?;
        for (i, row) in entries.iter().enumerate().filter(|(i, _)| limited[*i]) {
            // The row joins an entry and its distance to the second limit. One of the two is 0 where its dual slack would be
            // negative; the multiplier takes that slack.
            let least = row.iter().map(|(k, _)| slack[*k]);
            y[i] = least.fold(0.0, f64::min);
        }
        slack = self.slack(&y)?;
        Ok([x, y, slack])
    }

    /// `c − Aᵀy`.
    fn slack(&self, y: &[f64]) -> Result<Vec<f64>> {
        let (a, cost) = (self.conic.constraints(), self.conic.cost());
        let (mut c, mut of_rows) = (vec![0.0; a.ambient()], vec![0.0; a.ambient()]);
        cost.adjoint(&[1.0], &mut c)?;
        a.adjoint(y, &mut of_rows)?;
        c.iter_mut().zip(&of_rows).for_each(|(c, r)| *c -= r);
        Ok(c)
    }
}
