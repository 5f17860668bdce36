//! A linear program as it is stated.

use super::limits::Limits;
use crate::error::{Error, Result, check_memory, check_shape};

/// Whether the objective is minimised or maximised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Sense {
    /// The objective is minimised.
    #[default]
    Minimise,
    /// The objective is maximised.
    Maximise,
}

/// A linear program, with names for its rows and variables:
///
/// ```text
/// min or max  c₀ + cᵀx   subject to   l_i ≤ (A x)_i ≤ u_i,   l_j ≤ x_j ≤ u_j
/// ```
///
/// Any limit may be missing, and both limits may be equal. Limits that contradict each other are not an error: they make the
/// program infeasible.
///
/// # Signs of duals
///
/// Row duals `y` and reduced costs `z = c − Aᵀy` are derivatives of the stated optimum with respect to the active limit of the
/// row or variable. When minimising, `y_i ≥ 0` at the lower limit and `y_i ≤ 0` at the upper limit, and likewise for `z_j`; when
/// maximising, the signs are the opposite.
///
/// ```
/// use dyncvx::problem::{LinearProgram, Limits, Sense};
/// # fn main() -> dyncvx::Result<()> {
/// // Two products that take an hour of machine time each, and ten hours in all.
/// let mut program = LinearProgram::new(Sense::Maximise);
/// let chairs = program.add_variable("chairs", 3.0, Limits::NONNEGATIVE)?;
/// let tables = program.add_variable("tables", 5.0, Limits::new(0.0, 4.0)?)?;
/// program.add_row("hours", Limits::at_most(10.0)?, &[(chairs, 1.0), (tables, 1.0)])?;
/// assert_eq!(program.activities(&[6.0, 4.0])?, [10.0]);
/// assert_eq!(program.objective(&[6.0, 4.0])?, 38.0);
/// // One more hour is worth 3, the price of a chair; one more table is worth 2.
/// let (y, z) = ([3.0], program.reduced_costs(&[3.0])?);
/// assert_eq!(z, [0.0, 2.0]);
/// assert_eq!(program.dual_objective(&y, &z)?, 38.0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinearProgram {
    name: String,
    objective_name: String,
    sense: Sense,
    constant: f64,
    costs: Vec<f64>,
    variables: Vec<Limits>,
    variable_names: Vec<String>,
    rows: Vec<Limits>,
    row_names: Vec<String>,
    /// End of the entries of every row; they begin at the end of the row before.
    ends: Vec<usize>,
    /// Variables of the entries, ascending within a row.
    indices: Vec<u32>,
    values: Vec<f64>,
}

impl LinearProgram {
    /// A program without variables, rows and costs.
    pub fn new(sense: Sense) -> Self {
        Self {
            sense,
            ..Self::default()
        }
    }

    /// Names the program. The names of program and objective are empty by default.
    pub fn set_name(&mut self, name: impl Into<String>) {
        self.name = name.into();
    }

    /// Names the objective.
    pub fn set_objective_name(&mut self, name: impl Into<String>) {
        self.objective_name = name.into();
    }

    /// Sets the constant `c₀` of the objective.
    ///
    /// # Errors
    /// [`Error::NonFinite`].
    pub fn set_constant(&mut self, constant: f64) -> Result<()> {
        crate::error::check_finite("constant of the objective", [&constant])?;
        self.constant = constant;
        Ok(())
    }

    /// Adds a variable and returns its index, counted from 0. Names may repeat, except in a program that is written as MPS.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for the cost, [`Error::TooLarge`] after 2³² − 1 variables.
    ///
    /// # Complexity
    /// `O(1)`, amortised.
    pub fn add_variable(
        &mut self,
        name: impl Into<String>,
        cost: f64,
        limits: Limits,
    ) -> Result<usize> {
        let index = self.variables.len();
        if !cost.is_finite() {
            let what = "cost of a variable";
            return Err(Error::NonFinite { what, index });
        }
        if index >= u32::MAX as usize {
            let bytes = 8 * (index as u128 + 1);
            return Err(Error::TooLarge {
                what: "variables of a linear program",
                bytes,
            });
        }
        self.costs.push(cost);
        self.variables.push(limits);
        self.variable_names.push(name.into());
        Ok(index)
    }

    /// Adds a row `Σ value · x_index` from `(index, value)` pairs in any order, and returns its index. Zeros are dropped.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a variable that was not added, [`Error::NonFinite`], [`Error::Duplicate`] when a variable comes
    /// twice. The program is then unchanged.
    ///
    /// # Complexity
    /// A sort of the entries.
    pub fn add_row(
        &mut self,
        name: impl Into<String>,
        limits: Limits,
        entries: &[(usize, f64)],
    ) -> Result<usize> {
        const ENTRIES: &str = "entries of a row";
        check_memory(ENTRIES, entries.len() as u128 * 2)?;
        let mut sorted: Vec<(u32, usize, f64)> = Vec::with_capacity(entries.len());
        for (entry, &(index, value)) in entries.iter().enumerate() {
            let bound = self.variables.len();
            if index >= bound {
                let what = "variable of a row";
                return Err(Error::OutOfRange { what, index, bound });
            }
            if !value.is_finite() {
                let (what, index) = (ENTRIES, entry);
                return Err(Error::NonFinite { what, index });
            }
            sorted.push((index as u32, entry, value));
        }
        sorted.sort_unstable_by_key(|&(index, entry, _)| (index, entry));
        for pair in sorted.windows(2) {
            if pair[0].0 == pair[1].0 {
                return Err(Error::Duplicate {
                    what: ENTRIES,
                    entry: pair[1].1,
                    previous: pair[0].1,
                });
            }
        }
        for &(index, _, value) in sorted.iter().filter(|e| e.2 != 0.0) {
            self.indices.push(index);
            self.values.push(value);
        }
        self.ends.push(self.indices.len());
        self.rows.push(limits);
        self.row_names.push(name.into());
        Ok(self.rows.len() - 1)
    }

    /// The name of the program.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the objective.
    pub fn objective_name(&self) -> &str {
        &self.objective_name
    }

    /// Whether the objective is minimised or maximised.
    pub fn sense(&self) -> Sense {
        self.sense
    }

    /// The constant `c₀` of the objective.
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// The costs `c` of the stated objective, one per variable.
    pub fn costs(&self) -> &[f64] {
        &self.costs
    }

    /// Limits of the variables.
    pub fn variables(&self) -> &[Limits] {
        &self.variables
    }

    /// Limits of the rows.
    pub fn rows(&self) -> &[Limits] {
        &self.rows
    }

    /// Names of the variables.
    pub fn variable_names(&self) -> &[String] {
        &self.variable_names
    }

    /// Names of the rows.
    pub fn row_names(&self) -> &[String] {
        &self.row_names
    }

    /// Nonzeros of `A`.
    pub fn nonzeros(&self) -> usize {
        self.values.len()
    }

    /// The nonzeros of row `i` as `(variable, value)`, in the order of the variables; none if the row does not exist.
    pub fn row(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let end = self.ends.get(i).copied().unwrap_or(0);
        let start = match i {
            0 => 0,
            _ => self.ends.get(i - 1).copied().unwrap_or(0).min(end),
        };
        self.indices[start..end]
            .iter()
            .zip(&self.values[start..end])
            .map(|(&j, &v)| (j as usize, v))
    }

    /// The activities `A x`.
    ///
    /// # Errors
    /// [`Error::Shape`].
    ///
    /// # Complexity
    /// One pass over the nonzeros; the same for the other products below.
    pub fn activities(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_shape("x", (self.variables.len(), 1), (x.len(), 1))?;
        let sum = |i| self.row(i).map(|(j, v)| v * x[j]).sum();
        Ok((0..self.rows.len()).map(sum).collect())
    }

    /// The objective `c₀ + cᵀx`.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn objective(&self, x: &[f64]) -> Result<f64> {
        check_shape("x", (self.variables.len(), 1), (x.len(), 1))?;
        Ok(self.constant + crate::linalg::dot(&self.costs, x))
    }

    /// The reduced costs `c − Aᵀy`.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn reduced_costs(&self, y: &[f64]) -> Result<Vec<f64>> {
        self.minus_adjoint(self.costs.clone(), y)
    }

    /// The same program with other limits, as many as there were.
    pub(super) fn with_limits(&self, rows: Vec<Limits>, variables: Vec<Limits>) -> Self {
        Self {
            rows,
            variables,
            ..self.clone()
        }
    }

    /// `z ← z − Aᵀy`.
    pub(super) fn minus_adjoint(&self, mut z: Vec<f64>, y: &[f64]) -> Result<Vec<f64>> {
        check_shape("row duals y", (self.rows.len(), 1), (y.len(), 1))?;
        for (i, &y) in y.iter().enumerate().filter(|(_, y)| **y != 0.0) {
            self.row(i).for_each(|(j, v)| z[j] -= v * y);
        }
        Ok(z)
    }

    /// 1 when minimising, −1 when maximising: the factor that turns the objective into one that is minimised.
    pub(super) fn sign(&self) -> f64 {
        match self.sense {
            Sense::Minimise => 1.0,
            Sense::Maximise => -1.0,
        }
    }
}
