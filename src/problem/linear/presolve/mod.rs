//! Presolve: a smaller program with the same optimum, and the exact way back.
//!
//! Presolve uses only reductions that can be undone exactly, in the primal *and* in the dual, and that make no new
//! nonzeros[^AA95]:
//!
//! | reduction | result |
//! |---|---|
//! | row without variables, or implied by the limits of its variables (redundant) | dropped, dual 0 |
//! | row with one variable (singleton) | limits of the variable; the row takes their multiplier |
//! | row that its variables can satisfy in one way only (forcing) | variables fixed; the row takes the least dual that gives all their reduced costs the right sign |
//! | rows that are multiples of each other (duplicate) | one row with the tighter limits; the dual goes to the row whose limit is active |
//! | variable with one value, in no row, or that no row keeps from the limit that its cost prefers (dominated) | a constant |
//! | variable in one row, without limits or with limits that the row implies (column singleton) | solved for; the dual of the row is its cost over its entry |
//!
//! The rows and variables that are left are scaled by powers of two, which rounds nothing, so that the geometric mean of the
//! smallest and the largest entry of each comes near 1.
//!
//! [^AA95]: Andersen, Andersen. Presolving in linear programming. Mathematical Programming 71, 1995.

mod activity;
mod columns;
mod duplicates;
pub(crate) mod params;
mod postsolve;
mod reducer;
mod rows;
mod scale;

use super::certificate::LinearCertificate;
use super::limits::Limits;
use super::program::LinearProgram;
use super::solution::LinearSolution;
use crate::error::{Result, check_shape};
use params::MAX_PROOF_VIOLATION;
use postsolve::Step;
use reducer::{Outcome, Reducer};

/// What [`LinearProgram::presolve`] found.
#[derive(Debug, Clone)]
pub enum Presolved {
    /// A smaller program, perhaps without variables and rows.
    Reduced(Box<ReducedLinear>),
    /// A proof that the program, or its dual, has no feasible point. It was checked in the program as it was stated.
    Infeasible(LinearCertificate),
}

/// A smaller program with the same optimum, and the way back to the one it was made from.
#[derive(Debug, Clone)]
pub struct ReducedLinear {
    original: LinearProgram,
    program: LinearProgram,
    /// The rows and variables that are left, by their indices in the original.
    rows: Vec<usize>,
    variables: Vec<usize>,
    /// The powers of two by which they were multiplied.
    row_scale: Vec<f64>,
    variable_scale: Vec<f64>,
    /// The steps of presolve, in the order made.
    steps: Vec<Step>,
}

impl LinearProgram {
    /// Reduces the program, or finds that it is infeasible.
    ///
    /// # Errors
    /// [`Error::NonFinite`](crate::Error::NonFinite) when an entry overflows.
    ///
    /// # Complexity
    /// A few passes over the nonzeros in practice: a row is reduced again only after limits of its variables have moved.
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
        if let Some(proof) = proof.filter(|p| p.relative_violation() <= MAX_PROOF_VIOLATION.get()) {
            return Ok(Presolved::Infeasible(proof));
        }
        if reducer.is_decided() {
            // The proof does not hold in the program as it was stated. The solver decides, on the whole program.
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

    /// The program that was presolved.
    pub fn original(&self) -> &LinearProgram {
        &self.original
    }

    /// The point of the original program, from a point of the smaller program. An optimal point gives an optimal point.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// A few passes over the nonzeros; the same for the two methods below.
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

    /// Values and row duals for the smaller program, from those of the original: a point for a warm start. The numbers of rows and
    /// variables that presolve removed are dropped, so that an optimal point stays optimal only if no dropped row has a
    /// multiplier.
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

    /// Row multipliers that prove the original infeasible, from such multipliers of the smaller program; they are meant for
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

    /// A ray of the original, from a ray of the smaller program; it is meant for [`LinearProgram::dual_certificate`].
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

    /// The values of the variables that are left, unscaled, at their places in the original.
    fn grow_x(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_shape("x", (self.variables.len(), 1), (x.len(), 1))?;
        let mut out = vec![0.0; self.original.variables().len()];
        for (k, &j) in self.variables.iter().enumerate() {
            out[j] = x[k] * self.variable_scale[k];
        }
        Ok(out)
    }

    /// The duals of the rows that are left, unscaled, at their places in the original.
    fn grow_y(&self, y: &[f64], sign: f64) -> Vec<f64> {
        let mut out = vec![0.0; self.original.rows().len()];
        for (k, &i) in self.rows.iter().enumerate() {
            out[i] = sign * y[k] * self.row_scale[k];
        }
        out
    }
}
