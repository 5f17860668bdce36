//! Transport problems as linear programs, and points of these programs to start from.

use super::central_path::{self, PathPoint};
use super::solution::{ExactSolution, Potentials};
use crate::error::{Result, check_shape};
use crate::problem::{self, Limits, LinearProgram, Sense};
use crate::transport::params::CENTRAL_WARMTH;
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::sinkhorn::{SinkhornSolution, annealed};

/// The transport problem as a linear program: rows `r0, r1, …` and `c0, c1, …` with the masses, and one variable
/// `x<row>_<column>` per arc, column by column.
///
/// ```
/// use dyncvx::transport::{CostFn, Marginals, linear_program};
/// let cost = CostFn::new(2, 3, |i, j| (i as f64 - j as f64).abs());
/// let program = linear_program(&cost, &Marginals::uniform(&[2, 3])?)?;
/// assert_eq!((program.rows().len(), program.variables().len()), (5, 6));
/// assert_eq!(program.variable_names()[2], "x0_1");
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite) in the cost,
/// [`Error::Unsupported`](crate::Error::Unsupported) for more than two measures and forbidden arcs.
///
/// # Complexity
/// `O(mn)` time and space.
pub fn linear_program(cost: &dyn Cost, marginals: &Marginals) -> Result<LinearProgram> {
    annealed::check_two_measures(cost, marginals, "the linear program of a transport problem")?;
    let (m, n) = cost.shape();
    let mut program = LinearProgram::new(Sense::Minimise);
    program.set_name("transport");
    program.set_objective_name("cost");
    let mut column = vec![0.0; m];
    for j in 0..n {
        cost.fill(j, 0, &mut column);
        for (i, c) in column.iter().enumerate() {
            program.add_variable(format!("x{i}_{j}"), *c, Limits::NONNEGATIVE)?;
        }
    }
    for (i, mass) in marginals.masses(0).iter().enumerate() {
        let row: Vec<(usize, f64)> = (0..n).map(|j| (i + m * j, 1.0)).collect();
        program.add_row(format!("r{i}"), Limits::fixed(*mass)?, &row)?;
    }
    for (j, mass) in marginals.masses(1).iter().enumerate() {
        let row: Vec<(usize, f64)> = (0..m).map(|i| (i + m * j, 1.0)).collect();
        program.add_row(format!("c{j}"), Limits::fixed(*mass)?, &row)?;
    }
    Ok(program)
}

impl SinkhornSolution {
    /// A point of [`linear_program`] to start an interior-point method from: the potentials moved to the central path, `x` near
    /// `μ/s`. The temperature determines `μ`.
    ///
    /// The plan itself is a poor start: its products `x s = −x log x/β` differ widely, and a path-following method must come back
    /// to the path first.
    ///
    /// # Errors
    /// Those of [`linear_program`].
    ///
    /// # Complexity
    /// `O(mn)` per pass over rows and columns, at most some hundred passes; space `O(mn)`.
    pub fn central_point(
        &self,
        cost: &dyn Cost,
        marginals: &Marginals,
    ) -> Result<problem::LinearSolution> {
        annealed::check_two_measures(cost, marginals, "a start from potentials")?;
        let (m, n) = cost.shape();
        for (mode, v) in self.potentials.iter().enumerate() {
            check_shape("potential", (marginals.shape()[mode], 1), (v.len(), 1))?;
        }
        let mut masses = marginals.masses(0).to_vec();
        masses.extend(marginals.masses(1));
        let (mut costs, mut ends) = (vec![0.0; m * n], Vec::with_capacity(m * n));
        for (j, column) in costs.chunks_mut(m).enumerate() {
            cost.fill(j, 0, column);
            ends.extend((0..m as u32).map(|i| (i, j as u32)));
        }
        let logs = masses.iter().map(|mass| mass.ln());
        let potentials = self.potentials.iter().flatten().zip(logs);
        // A point without mass has no potential; none of its arcs carries any.
        let dual = |(u, log): (&f64, f64)| {
            if u.is_finite() {
                (u - log) / self.beta
            } else {
                0.0
            }
        };
        let mut heights: Vec<f64> = potentials.map(dual).collect();
        let arcs = central_path::PathArcs {
            rows: m,
            ends: &ends,
            costs: &costs,
            masses: &masses,
        };
        let mu = CENTRAL_WARMTH.get() * marginals.total() / (self.beta * (m * n) as f64);
        let PathPoint { x, s } = central_path::central_point(&arcs, &mut heights, mu);
        Ok(point(x, heights, s, m))
    }
}

impl ExactSolution {
    /// The plan and its potentials as the solution of [`linear_program`].
    ///
    /// # Errors
    /// Those of [`linear_program`].
    ///
    /// # Complexity
    /// `O(mn)` time and space.
    pub fn linear_solution(
        &self,
        cost: &dyn Cost,
        marginals: &Marginals,
    ) -> Result<problem::LinearSolution> {
        annealed::check_two_measures(cost, marginals, "a solution of the linear program")?;
        let (m, n) = cost.shape();
        let mut x = vec![0.0; m * n];
        for (i, j, mass) in &self.plan {
            x[i + m * j] = *mass;
        }
        let Potentials {
            rows: phi,
            columns: psi,
        } = &self.potentials;
        let mut slack = vec![0.0; m * n];
        for (j, column) in slack.chunks_mut(m).enumerate() {
            cost.fill(j, 0, column);
            column
                .iter_mut()
                .zip(phi)
                .for_each(|(c, phi)| *c -= phi + psi[j]);
        }
        Ok(point(x, [phi.clone(), psi.clone()].concat(), slack, m))
    }
}

/// The activities of `x` on `m` rows and the columns, beside what is given.
fn point(
    x: Vec<f64>,
    row_duals: Vec<f64>,
    reduced_costs: Vec<f64>,
    m: usize,
) -> problem::LinearSolution {
    let mut activities = vec![0.0; row_duals.len()];
    for (k, x) in x.iter().enumerate() {
        activities[k % m] += x;
        activities[m + k / m] += x;
    }
    problem::LinearSolution {
        x,
        activities,
        row_duals,
        reduced_costs,
    }
}
