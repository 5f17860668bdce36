//! Reductions that start from one variable: fixed, dominated, or the only entry of a column.

use super::params::{CONTRADICTION, EQUAL, MIN_PIVOT};
use super::postsolve::ActivityRange;
use super::reducer::{Finding, Reducer, larger};

impl Reducer<'_> {
    /// Applies the first reduction that fits the variable.
    pub(super) fn reduce_variable(&mut self, j: usize) -> Result<(), Finding> {
        let v = self.variables[j];
        let scale = larger(larger(self.least_size, v.lower), v.upper);
        if v.lower > v.upper + CONTRADICTION.get() * scale {
            return Err(Finding::NothingFeasible {
                rows: vec![],
                variable: Some(j),
            });
        }
        if v.upper - v.lower <= EQUAL.get() * scale {
            self.fix(j, v.lower);
            return Ok(());
        }
        if self.costs[j].abs() <= EQUAL.get() * self.cost_size[j] {
            self.costs[j] = 0.0;
        }
        if self.dominated(j)? {
            return Ok(());
        }
        if v.count == 1 {
            self.reduce_column_singleton(j)?;
        }
        Ok(())
    }

    /// Fixes a dominated variable: one that no row keeps from the limit that its cost prefers. Returns whether it did.
    fn dominated(&mut self, j: usize) -> Result<bool, Finding> {
        let (v, cost) = (self.variables[j], self.costs[j]);
        // Whether every row, and the cost, allow the variable to become smaller, or larger, from any point.
        let (mut down, mut up) = (cost >= 0.0, cost <= 0.0);
        for (i, entry) in self.column(j) {
            let row = &self.rows[i];
            let (smaller, larger) = (row.lower == f64::NEG_INFINITY, row.upper == f64::INFINITY);
            down &= if entry > 0.0 { smaller } else { larger };
            up &= if entry > 0.0 { larger } else { smaller };
        }
        let unbounded = |step| Finding::Unbounded { variable: j, step };
        if down && v.lower == f64::NEG_INFINITY && cost > 0.0 {
            return Err(unbounded(-1.0));
        }
        if up && v.upper == f64::INFINITY && cost < 0.0 {
            return Err(unbounded(1.0));
        }
        let value = match (down, up) {
            // The variable is in no row and has no cost: the value nearest to 0 will do.
            (true, true) => 0.0f64.max(v.lower).min(v.upper),
            (true, false) => v.lower,
            (false, true) => v.upper,
            (false, false) => return Ok(false),
        };
        if value.is_finite() {
            self.fix(j, value);
        }
        Ok(value.is_finite())
    }

    /// Solves for a variable that is in one row only, if it has no limits or if the row implies its limits.
    fn reduce_column_singleton(&mut self, j: usize) -> Result<(), Finding> {
        let Some((i, entry)) = self.column(j).next() else {
            return Ok(());
        };
        let largest = self.entries(i).fold(0.0f64, |m, (_, v)| m.max(v.abs()));
        if entry.abs() < MIN_PIVOT.get() * largest {
            return Ok(());
        }
        let (row, v, dual) = (self.rows[i], self.variables[j], self.costs[j] / entry);
        let free = v.lower == f64::NEG_INFINITY && v.upper == f64::INFINITY;
        // The cost pulls the activity to one limit of the row; without a cost it may be anything in between.
        let (lower, upper) = match dual {
            d if d > 0.0 => (row.lower, row.lower),
            d if d < 0.0 => (row.upper, row.upper),
            _ => (row.lower, row.upper),
        };
        let activity = ActivityRange { lower, upper };
        if free {
            if dual != 0.0 && lower.is_infinite() {
                let step = if self.costs[j] > 0.0 { -1.0 } else { 1.0 };
                return Err(Finding::Unbounded { variable: j, step });
            }
            self.solve_for(j, i, entry, activity);
            return Ok(());
        }
        if lower != upper || lower.is_infinite() {
            return Ok(());
        }
        let others = self.activity(i, Some(j));
        let activity_left = lower - self.shift[i];
        let (a, b) = (
            (activity_left - others.most()) / entry,
            (activity_left - others.least()) / entry,
        );
        if a.min(b) >= v.lower && a.max(b) <= v.upper {
            self.solve_for(j, i, entry, activity);
        }
        Ok(())
    }
}
