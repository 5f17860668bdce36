//! A linear program as a conic program over nonnegative numbers, and the way back.

mod warm_point;

use super::limits::Limits;
use super::program::LinearProgram;
use super::solution::LinearSolution;
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_shape};
use crate::problem::ConicProgram;

/// How a variable reads off the conic program. Indices are of entries of the only block of the conic program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Substitution {
    /// The variable has one value and no entry.
    Fixed,
    /// `x = lower + entry`. `distance` is the entry with `entry + distance = upper − lower`, if there is an upper limit.
    FromLower {
        entry: usize,
        distance: Option<usize>,
    },
    /// `x = upper − entry`. `distance` is the entry with `entry + distance = upper − lower`, if there is a lower limit.
    FromUpper {
        entry: usize,
        distance: Option<usize>,
    },
    /// `x = plus − minus`.
    Difference { plus: usize, minus: usize },
}

/// A [`LinearProgram`] in the form `min c̃ᵀx̃`, `Ã x̃ = b̃`, `x̃ ≥ 0`, and the way back.
///
/// * A variable with one limit is counted from that limit. A variable with two limits is counted from the limit nearer to 0; its
///   distance to the other limit is an entry `t` in a row `x̃ + t = u − l`. A fixed variable becomes part of the right-hand
///   side. A free variable is the difference of two entries, which [`split`](Self::split) lists.
/// * A row with one limit gets a slack; a row with two limits gets a slack that is bounded like a variable. A row without
///   limits is left out.
/// * The rows of the linear program come first, in their order, then the rows `x̃ + t = u − l`.
///
/// Limits that contradict each other give a row `x̃ + t = u − l < 0`, which makes the conic program infeasible.
///
/// # Known limits
/// Splitting a free variable leaves the sum of its two entries undetermined: both may grow during an interior-point run.
#[derive(Debug, Clone)]
pub struct LinearForm {
    program: LinearProgram,
    conic: ConicProgram,
    /// The objective at `x̃ = 0`, with the sign that makes it minimised.
    offset: f64,
    substitutions: Vec<Substitution>,
    /// The row of the conic program that belongs to each row of the linear program; `None` for a row without limits.
    conic_row: Vec<Option<usize>>,
}

impl LinearProgram {
    /// The program as a conic program: equality rows over a single nonnegative block, or over no block if every variable is fixed
    /// and no row needs a slack.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge), [`Error::NonFinite`](crate::Error::NonFinite) when a right-hand side
    /// overflows.
    ///
    /// # Complexity
    /// A sort of the nonzeros.
    pub fn conic(&self) -> Result<LinearForm> {
        LinearForm::new(self.clone())
    }
}

/// The conic program while it is built, and how the variables read off it.
#[derive(Default)]
struct Assembly {
    /// Row, entry and value.
    entries: Vec<(usize, usize, f64)>,
    rhs: Vec<f64>,
    costs: Vec<f64>,
    substitutions: Vec<Substitution>,
    /// Entries of the variables with two limits, with the width between the limits.
    ranged: Vec<Ranged>,
}

/// A variable with two limits.
struct Ranged {
    variable: usize,
    entry: usize,
    width: f64,
}

impl Assembly {
    /// Adds an entry with this cost.
    fn entry(&mut self, cost: f64) -> usize {
        self.costs.push(cost);
        self.costs.len() - 1
    }

    /// Adds an entry `t` and the row `entry + t = width`.
    fn bounded(&mut self, entry: usize, width: f64) -> usize {
        let (distance, row) = (self.entry(0.0), self.rhs.len());
        self.entries
            .extend([(row, entry, 1.0), (row, distance, 1.0)]);
        self.rhs.push(width);
        distance
    }

    /// Adds the entries of a variable, without the row of its second limit.
    fn substitute(&mut self, limits: &Limits, cost: f64) {
        let (l, u) = (limits.lower(), limits.upper());
        let substitution = match (l.is_finite(), u.is_finite()) {
            _ if limits.is_fixed() => Substitution::Fixed,
            (false, false) => Substitution::Difference {
                plus: self.entry(cost),
                minus: self.entry(-cost),
            },
            (lower, upper) => {
                let from_lower = lower && (!upper || limits.nearest_to_zero() == l);
                let entry = self.entry(if from_lower { cost } else { -cost });
                if lower && upper {
                    self.ranged.push(Ranged {
                        variable: self.substitutions.len(),
                        entry,
                        width: u - l,
                    });
                }
                let distance = None;
                if from_lower {
                    Substitution::FromLower { entry, distance }
                } else {
                    Substitution::FromUpper { entry, distance }
                }
            }
        };
        self.substitutions.push(substitution);
    }

    /// Adds `value` times variable `j` to a row.
    fn add_term(&mut self, row: usize, j: usize, value: f64) {
        match self.substitutions[j] {
            Substitution::Fixed => {}
            Substitution::FromLower { entry, .. } => self.entries.push((row, entry, value)),
            Substitution::FromUpper { entry, .. } => self.entries.push((row, entry, -value)),
            Substitution::Difference { plus, minus } => {
                self.entries
                    .extend([(row, plus, value), (row, minus, -value)]);
            }
        }
    }

    /// Adds the slack of a row that is not an equation, and bounds it if the row has two limits.
    fn add_slack(&mut self, row: usize, limits: &Limits) {
        let from_lower = limits.nearest_to_zero() == limits.lower();
        let slack = self.entry(0.0);
        let sign = if from_lower { -1.0 } else { 1.0 };
        self.entries.push((row, slack, sign));
        let width = limits.upper() - limits.lower();
        if width.is_finite() {
            self.bounded(slack, width);
        }
    }

    /// Adds the rows of the second limits of variables.
    fn add_second_limits(&mut self) {
        for ranged in core::mem::take(&mut self.ranged) {
            let other = self.bounded(ranged.entry, ranged.width);
            if let Substitution::FromLower { distance, .. }
            | Substitution::FromUpper { distance, .. } = &mut self.substitutions[ranged.variable]
            {
                *distance = Some(other);
            }
        }
    }

    fn conic(self) -> Result<ConicProgram> {
        let block = [Block::Nonneg(self.costs.len())];
        let blocks = if self.costs.is_empty() {
            &[][..]
        } else {
            &block
        };
        let mut rows = Constraints::builder(self.rhs.len(), blocks)?;
        for (i, k, value) in self.entries {
            rows.entry(i, 0, k, k, value)?;
        }
        let mut cost = Constraints::builder(1, blocks)?;
        for (k, value) in self.costs.into_iter().enumerate() {
            cost.entry(0, 0, k, k, value)?;
        }
        ConicProgram::new(rows.build()?, self.rhs, cost.build()?)
    }
}

impl LinearForm {
    fn new(program: LinearProgram) -> Result<Self> {
        let sign = program.sign();
        let mut built = Assembly::default();
        // Rows of the program come first. Each activity is counted from the limit that is nearer to 0.
        let mut conic_row = Vec::with_capacity(program.rows().len());
        for limits in program.rows() {
            conic_row.push((!limits.is_free()).then_some(built.rhs.len()));
            if !limits.is_free() {
                built.rhs.push(limits.nearest_to_zero());
            }
        }
        // Each variable is counted from its limit that is nearer to 0, which adds a constant to the objective.
        let mut offset = sign * program.constant();
        for (limits, &cost) in program.variables().iter().zip(program.costs()) {
            let cost = sign * cost;
            built.substitute(limits, cost);
            offset += cost * limits.nearest_to_zero();
        }
        // The terms of the rows, and their slacks.
        for (i, limits) in program.rows().iter().enumerate() {
            let Some(row) = conic_row[i] else { continue };
            for (j, value) in program.row(i) {
                built.rhs[row] -= value * program.variables()[j].nearest_to_zero();
                built.add_term(row, j, value);
            }
            if !limits.is_fixed() {
                built.add_slack(row, limits);
            }
        }
        built.add_second_limits();
        let substitutions = core::mem::take(&mut built.substitutions);
        Ok(Self {
            conic: built.conic()?,
            program,
            offset,
            substitutions,
            conic_row,
        })
    }

    /// The conic program, for a solver.
    pub fn conic(&self) -> &ConicProgram {
        &self.conic
    }

    /// The linear program.
    pub fn program(&self) -> &LinearProgram {
        &self.program
    }

    /// The pairs `(p, q)` of entries of the conic program whose difference is a free variable: `x = x̃_p − x̃_q`.
    pub fn split(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.substitutions
            .iter()
            .filter_map(|substitution| match *substitution {
                Substitution::Difference { plus, minus } => Some((plus, minus)),
                _ => None,
            })
    }

    /// The stated objective, from a primal or dual objective of [`conic`](Self::conic).
    pub fn objective(&self, conic_objective: f64) -> f64 {
        self.program.sign() * (conic_objective + self.offset)
    }

    /// The point of the linear program, from a point `(x, y, s)` of [`conic`](Self::conic).
    ///
    /// The reduced cost of a variable with limits is the difference of the dual slacks of its entries; for a fixed variable it is
    /// `c − Aᵀy`, for a free variable 0.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// Two passes over the nonzeros.
    pub fn recover(&self, x: &[f64], y: &[f64], s: &[f64]) -> Result<LinearSolution> {
        let (m, n) = (
            self.conic.constraints().len(),
            self.conic.constraints().ambient(),
        );
        check_shape("x", (n, 1), (x.len(), 1))?;
        check_shape("y", (m, 1), (y.len(), 1))?;
        check_shape("s", (n, 1), (s.len(), 1))?;
        let sign = self.program.sign();
        let row_duals: Vec<f64> = self.row_values(y).iter().map(|v| sign * v).collect();
        let mut reduced_costs = self.program.reduced_costs(&row_duals)?;
        let mut values = self.direction(x)?;
        for (j, substitution) in self.substitutions.iter().enumerate() {
            values[j] += self.program.variables()[j].nearest_to_zero();
            reduced_costs[j] = sign
                * match *substitution {
                    Substitution::Fixed => continue,
                    Substitution::FromLower { entry, distance } => {
                        distance.map_or(s[entry], |t| s[entry] - s[t])
                    }
                    Substitution::FromUpper { entry, distance } => {
                        distance.map_or(-s[entry], |t| s[t] - s[entry])
                    }
                    Substitution::Difference { .. } => 0.0,
                };
        }
        Ok(LinearSolution {
            activities: self.program.activities(&values)?,
            x: values,
            row_duals,
            reduced_costs,
        })
    }

    /// The direction of the variables that a direction of the conic program's `x` means, for example a ray.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over the variables.
    pub fn direction(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_shape("x", (self.conic.constraints().ambient(), 1), (x.len(), 1))?;
        let step = |substitution: &Substitution| match *substitution {
            Substitution::Fixed => 0.0,
            Substitution::FromLower { entry, .. } => x[entry],
            Substitution::FromUpper { entry, .. } => -x[entry],
            Substitution::Difference { plus, minus } => x[plus] - x[minus],
        };
        Ok(self.substitutions.iter().map(step).collect())
    }

    /// The multipliers of the rows of the linear program, from those of the conic program. They are meant for a proof of
    /// infeasibility: their signs are those of an objective that is minimised.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over the rows.
    pub fn multipliers(&self, y: &[f64]) -> Result<Vec<f64>> {
        check_shape("y", (self.conic.constraints().len(), 1), (y.len(), 1))?;
        Ok(self.row_values(y))
    }

    fn row_values(&self, y: &[f64]) -> Vec<f64> {
        self.conic_row
            .iter()
            .map(|row| row.map_or(0.0, |i| y[i]))
            .collect()
    }
}
