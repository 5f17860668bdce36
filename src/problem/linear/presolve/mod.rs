//! Presolve: a smaller program with the same optimum, and the exact way back.
//!
//! Only reductions whose primal *and* dual undoing is exact, and none that makes new nonzeros[^AA95]:
//!
//! | what | becomes |
//! |---|---|
//! | row without variables, or that limits of its variables imply | dropped, dual 0 |
//! | row with one variable | limits of the variable; a multiplier of these is the row's |
//! | row that its variables can satisfy in one way only (forcing) | variables fixed; the least dual that gives all their reduced costs the right sign |
//! | rows that are multiples of each other | one row with the tighter limits; the dual goes to the row whose limit holds |
//! | variable with one value, in no row, or that nothing keeps from a limit that its cost prefers (dominated) | a constant |
//! | variable in one row, without limits or with limits that the row implies | solved for; the row's dual is its cost over its entry |
//!
//! Rows and variables that are left are scaled by powers of two, so that the geometric means of the smallest and largest entries
//! come near 1; nothing is rounded by that.
//!
//! [^AA95]: Andersen, Andersen. Presolving in linear programming. Mathematical Programming 71, 1995.

mod columns;
mod duplicates;
mod postsolve;
mod reducer;
mod rows;
mod scale;

use super::certificate::LinearCertificate;
use super::limits::Limits;
use super::program::LinearProgram;
use super::solution::LinearSolution;
use crate::error::{Result, check_shape};
use postsolve::Step;
use reducer::{Outcome, Reducer};

/// What [`LinearProgram::presolve`] found.
#[derive(Debug, Clone)]
pub enum Presolved {
    /// A smaller program, perhaps without variables and rows.
    Reduced(Box<ReducedLinear>),
    /// A proof that the program, or its dual, has no feasible point, checked in the program as it was stated.
    Infeasible(LinearCertificate),
}

/// A smaller program with the same optimum, and the way back to the one it was made from.
#[derive(Debug, Clone)]
pub struct ReducedLinear {
    original: LinearProgram,
    program: LinearProgram,
    /// Rows and variables that are left, by their old indices.
    rows: Vec<usize>,
    variables: Vec<usize>,
    /// Powers of two that they were multiplied with.
    row_scale: Vec<f64>,
    variable_scale: Vec<f64>,
    /// In the order made.
    steps: Vec<Step>,
}

/// The largest relative violation of a proof that presolve returns.
const TOL_PROOF: f64 = 1e-9;

impl LinearProgram {
    /// Reduces the program, or finds that it is infeasible.
    ///
    /// # Errors
    /// [`Error::NonFinite`](crate::Error::NonFinite) when an entry overflows.
    ///
    /// # Complexity
    /// A few passes over the nonzeros in practice; a row is looked at again when limits of its variables have moved.
    pub fn presolve(&self) -> Result<Presolved> {
        let crossed = |limits: &[Limits]| limits.iter().position(|l| l.is_empty());
        if let Some(row) = crossed(self.rows()) {
            return Ok(Presolved::Infeasible(LinearCertificate::RowLimits { row }));
        }
        if let Some(variable) = crossed(self.variables()) {
            let proof = LinearCertificate::VariableLimits { variable };
            return Ok(Presolved::Infeasible(proof));
        }
        let mut reducer = Reducer::new(self);
        let proof = match reducer.reduce() {
            Outcome::Open => None,
            Outcome::NothingFeasible(y) => self.primal_certificate(&y)?,
            Outcome::Unbounded(x) => self.dual_certificate(&x)?,
        };
        if let Some(proof) = proof.filter(|p| p.relative_violation() <= TOL_PROOF) {
            return Ok(Presolved::Infeasible(proof));
        }
        if reducer.is_decided() {
            // The proof did not hold where it counts: the solver is to decide, on all there is.
            reducer = Reducer::new(self);
        }
        ReducedLinear::new(self.clone(), reducer).map(|r| Presolved::Reduced(Box::new(r)))
    }
}

impl ReducedLinear {
    fn new(original: LinearProgram, reducer: Reducer<'_>) -> Result<Self> {
        let (rows, variables) = reducer.left();
        let (row_scale, variable_scale) = scale::powers(&original, &rows, &variables);
        let program = reducer.program(&rows, &variables, &row_scale, &variable_scale)?;
        Ok(Self {
            program,
            rows,
            variables,
            row_scale,
            variable_scale,
            steps: reducer.into_steps(),
            original,
        })
    }

    /// The smaller program. Its objective is that of the original, constant included.
    pub fn program(&self) -> &LinearProgram {
        &self.program
    }

    /// The program this was made from.
    pub fn original(&self) -> &LinearProgram {
        &self.original
    }

    /// The point of the original program, from one of the smaller. An optimal one becomes an optimal one.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// A few passes over the nonzeros, as for the two below.
    pub fn restore(&self, found: &LinearSolution) -> Result<LinearSolution> {
        let values = self.grow_x(&found.x)?;
        let x = postsolve::values(&self.original, &self.steps, values, 1.0);
        self.check_rows(&found.row_duals)?;
        let (n, z) = (self.variables.len(), &found.reduced_costs);
        check_shape("reduced costs z", (n, 1), (z.len(), 1))?;
        let sign = self.original.sign();
        let y = self.grow_y(&found.row_duals, sign);
        let mut z = vec![0.0; self.original.variables().len()];
        for (k, &j) in self.variables.iter().enumerate() {
            z[j] = sign * found.reduced_costs[k] / self.variable_scale[k];
        }
        let costs: Vec<f64> = self.original.costs().iter().map(|c| sign * c).collect();
        let (y, z) = postsolve::duals(&self.original, &self.steps, &costs, y, &z);
        let stated = |v: Vec<f64>| v.into_iter().map(|v| sign * v).collect();
        Ok(LinearSolution {
            activities: self.original.activities(&x)?,
            x,
            row_duals: stated(y),
            reduced_costs: stated(z),
        })
    }

    /// Values and row duals for the smaller program, from such of the original: a point to begin from. What presolve took out is
    /// left out, so that an optimal point need not become one where rows with multipliers went.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// A pass over the nonzeros.
    pub fn restrict(&self, given: &LinearSolution) -> Result<LinearSolution> {
        let (m, n) = (self.original.rows().len(), self.original.variables().len());
        check_shape("values x", (n, 1), (given.x.len(), 1))?;
        check_shape("row duals y", (m, 1), (given.row_duals.len(), 1))?;
        let pick = |at: &[usize], scale: &[f64], v: &[f64]| -> Vec<f64> {
            at.iter().zip(scale).map(|(i, s)| v[*i] / s).collect()
        };
        let x = pick(&self.variables, &self.variable_scale, &given.x);
        let row_duals = pick(&self.rows, &self.row_scale, &given.row_duals);
        Ok(LinearSolution {
            activities: self.program.activities(&x)?,
            reduced_costs: self.program.reduced_costs(&row_duals)?,
            x,
            row_duals,
        })
    }

    /// Row multipliers that prove the original infeasible, from such of the smaller program; for
    /// [`LinearProgram::primal_certificate`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn restore_multipliers(&self, y: &[f64]) -> Result<Vec<f64>> {
        self.check_rows(y)?;
        let reduced = self
            .program
            .minus_adjoint(vec![0.0; self.variables.len()], y)?;
        let mut z = vec![0.0; self.original.variables().len()];
        for (k, &j) in self.variables.iter().enumerate() {
            z[j] = reduced[k] / self.variable_scale[k];
        }
        let costs = vec![0.0; z.len()];
        let y = self.grow_y(y, 1.0);
        Ok(postsolve::duals(&self.original, &self.steps, &costs, y, &z).0)
    }

    /// A ray of the original, from one of the smaller program; for [`LinearProgram::dual_certificate`].
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn restore_direction(&self, x: &[f64]) -> Result<Vec<f64>> {
        let values = self.grow_x(x)?;
        Ok(postsolve::values(&self.original, &self.steps, values, 0.0))
    }

    fn check_rows(&self, y: &[f64]) -> Result<()> {
        check_shape("row duals y", (self.rows.len(), 1), (y.len(), 1))
    }

    fn grow_x(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_shape("x", (self.variables.len(), 1), (x.len(), 1))?;
        let mut out = vec![0.0; self.original.variables().len()];
        for (k, &j) in self.variables.iter().enumerate() {
            out[j] = x[k] * self.variable_scale[k];
        }
        Ok(out)
    }

    fn grow_y(&self, y: &[f64], sign: f64) -> Vec<f64> {
        let mut out = vec![0.0; self.original.rows().len()];
        for (k, &i) in self.rows.iter().enumerate() {
            out[i] = sign * y[k] * self.row_scale[k];
        }
        out
    }
}
