//! A linear program as a conic one, and the way back.

mod warm_point;

use super::program::LinearProgram;
use super::solution::LinearSolution;
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_shape};
use crate::problem::ConicProgram;

/// Where a variable went. Indices are of entries of the conic program's only block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nowhere: it has one value.
    Fixed,
    /// `x = lower + entry`.
    Above(usize),
    /// `x = upper − entry`.
    Below(usize),
    /// `x = lower + entry`, and `entry + other = upper − lower` in a row of its own.
    Above2(usize, usize),
    /// `x = upper − entry`, and `entry + other = upper − lower` in a row of its own.
    Below2(usize, usize),
    /// `x = entry − other`.
    Split(usize, usize),
}

/// A [`LinearProgram`] in the form `min c̃ᵀx̃`, `Ã x̃ = b̃`, `x̃ ≥ 0`, and the way back.
///
/// * A variable with one limit is counted from there; with two, from the one nearer to 0, its distance to the other being a
///   slack `t` in a row `x̃ + t = u − l`. A fixed variable becomes part of the right-hand side. A free variable is a
///   difference of two; [`split`](Self::split) tells which.
/// * A row with one limit gets a slack; with two, a slack that is bounded as a variable is. A row without limits is left
///   out.
/// * Rows of the linear program come first, in their order, then those `x̃ + t = u − l`.
///
/// Limits that contradict each other give a row `x̃ + t = u − l < 0`, which is infeasible as it should be.
#[derive(Debug, Clone)]
pub struct LinearForm {
    program: LinearProgram,
    conic: ConicProgram,
    /// What the objective is at `x̃ = 0`, to be minimised.
    offset: f64,
    places: Vec<Place>,
    /// Row of the conic program, for every row of the linear one that has limits.
    conic_row: Vec<Option<usize>>,
}

impl LinearProgram {
    /// The program as a conic one: a single nonnegative block (none when every variable is fixed and no row needs a slack),
    /// and equality rows.
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

/// Collects rows, right-hand sides and costs.
#[derive(Default)]
struct Assembly {
    entries: Vec<(usize, usize, f64)>,
    rhs: Vec<f64>,
    costs: Vec<f64>,
}

impl Assembly {
    fn entry(&mut self, cost: f64) -> usize {
        self.costs.push(cost);
        self.costs.len() - 1
    }

    /// A slack `t` with `entry + t = width`.
    fn bounded(&mut self, entry: usize, width: f64) -> usize {
        let (other, row) = (self.entry(0.0), self.rhs.len());
        self.entries.extend([(row, entry, 1.0), (row, other, 1.0)]);
        self.rhs.push(width);
        other
    }
}

impl LinearForm {
    fn new(program: LinearProgram) -> Result<Self> {
        let sign = program.sign();
        let mut built = Assembly::default();
        let mut conic_row = Vec::with_capacity(program.rows().len());
        for limits in program.rows() {
            conic_row.push((!limits.is_free()).then_some(built.rhs.len()));
            if !limits.is_free() {
                built.rhs.push(limits.nearest_to_zero());
            }
        }
        let (mut places, mut bounded) = (Vec::with_capacity(program.variables().len()), vec![]);
        let (mut base, mut offset) = (
            Vec::with_capacity(places.capacity()),
            sign * program.constant(),
        );
        for (limits, &cost) in program.variables().iter().zip(program.costs()) {
            let cost = sign * cost;
            let (l, u) = (limits.lower(), limits.upper());
            let place = match (l.is_finite(), u.is_finite()) {
                _ if limits.is_fixed() => Place::Fixed,
                (true, false) => Place::Above(built.entry(cost)),
                (false, true) => Place::Below(built.entry(-cost)),
                (false, false) => Place::Split(built.entry(cost), built.entry(-cost)),
                (true, true) => {
                    let above = limits.nearest_to_zero() == l;
                    let entry = built.entry(if above { cost } else { -cost });
                    bounded.push((places.len(), entry, u - l));
                    match above {
                        true => Place::Above2(entry, entry),
                        false => Place::Below2(entry, entry),
                    }
                }
            };
            places.push(place);
            base.push(limits.nearest_to_zero());
            offset += cost * base[base.len() - 1];
        }
        for (i, limits) in program.rows().iter().enumerate() {
            let Some(row) = conic_row[i] else { continue };
            for (j, value) in program.row(i) {
                built.rhs[row] -= value * base[j];
                match places[j] {
                    Place::Fixed => {}
                    Place::Above(k) | Place::Above2(k, _) => built.entries.push((row, k, value)),
                    Place::Below(k) | Place::Below2(k, _) => built.entries.push((row, k, -value)),
                    Place::Split(p, q) => {
                        built.entries.extend([(row, p, value), (row, q, -value)]);
                    }
                }
            }
            if !limits.is_fixed() {
                let above = limits.nearest_to_zero() == limits.lower();
                let slack = built.entry(0.0);
                built
                    .entries
                    .push((row, slack, if above { -1.0 } else { 1.0 }));
                let width = limits.upper() - limits.lower();
                if width.is_finite() {
                    built.bounded(slack, width);
                }
            }
        }
        for (j, entry, width) in bounded {
            let other = built.bounded(entry, width);
            if let Place::Above2(_, t) | Place::Below2(_, t) = &mut places[j] {
                *t = other;
            }
        }
        let conic = built.conic()?;
        Ok(Self {
            program,
            conic,
            offset,
            places,
            conic_row,
        })
    }

    /// The conic program: what a solver is given.
    pub fn conic(&self) -> &ConicProgram {
        &self.conic
    }

    /// The linear program.
    pub fn program(&self) -> &LinearProgram {
        &self.program
    }

    /// Pairs of entries of the conic program whose difference is a free variable: `x = x̃_p − x̃_q`.
    ///
    /// Their sum is nothing the problem determines, so that an interior-point method may let both grow.
    pub fn split(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.places.iter().filter_map(|place| match *place {
            Place::Split(p, q) => Some((p, q)),
            _ => None,
        })
    }

    /// The stated objective, from a primal or dual objective of [`conic`](Self::conic).
    pub fn objective(&self, conic_objective: f64) -> f64 {
        self.program.sign() * (conic_objective + self.offset)
    }

    /// The point of the linear program, from a point `(x, y, s)` of [`conic`](Self::conic).
    ///
    /// The reduced cost of a variable with limits is the difference of the dual slacks there, that of a fixed variable
    /// `c − Aᵀy`, that of a free variable 0.
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
        for (j, place) in self.places.iter().enumerate() {
            values[j] += self.program.variables()[j].nearest_to_zero();
            reduced_costs[j] = sign
                * match *place {
                    Place::Fixed => continue,
                    Place::Above(k) => s[k],
                    Place::Below(k) => -s[k],
                    Place::Above2(k, t) => s[k] - s[t],
                    Place::Below2(k, t) => s[t] - s[k],
                    Place::Split(..) => 0.0,
                };
        }
        Ok(LinearSolution {
            activities: self.program.activities(&values)?,
            x: values,
            row_duals,
            reduced_costs,
        })
    }

    /// What a direction of the conic program's `x` does to the variables; for a ray.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over the variables.
    pub fn direction(&self, x: &[f64]) -> Result<Vec<f64>> {
        check_shape("x", (self.conic.constraints().ambient(), 1), (x.len(), 1))?;
        let step = |place: &Place| match *place {
            Place::Fixed => 0.0,
            Place::Above(k) | Place::Above2(k, _) => x[k],
            Place::Below(k) | Place::Below2(k, _) => -x[k],
            Place::Split(p, q) => x[p] - x[q],
        };
        Ok(self.places.iter().map(step).collect())
    }

    /// Multipliers of the linear program's rows among those of the conic program; for a proof of infeasibility, whose signs
    /// are those of an objective to be minimised.
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

impl Assembly {
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
