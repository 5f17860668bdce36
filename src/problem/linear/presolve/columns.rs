//! Variables: which have only one value worth having, or can be solved for.

use super::reducer::{Halt, Reducer, SAME, TOL, size};

/// A variable is solved for when its entry is at least this large relative to the others of its row.
const PIVOT: f64 = 1e-2;

impl Reducer<'_> {
    pub(super) fn look_at_variable(&mut self, j: usize) -> Result<(), Halt> {
        let v = self.variables[j];
        let scale = size(size(self.least_size, v.lower), v.upper);
        if v.lower > v.upper + TOL * scale {
            return Err(Halt::NothingFeasible {
                rows: vec![],
                variable: Some(j),
            });
        }
        if v.upper - v.lower <= SAME * scale {
            self.fix(j, v.lower);
            return Ok(());
        }
        if self.costs[j].abs() <= SAME * self.cost_size[j] {
            self.costs[j] = 0.0;
        }
        if self.dominated(j)? {
            return Ok(());
        }
        if v.count == 1 {
            self.look_at_singleton(j)?;
        }
        Ok(())
    }

    /// Fixes a variable that nothing keeps from the limit that its cost prefers.
    fn dominated(&mut self, j: usize) -> Result<bool, Halt> {
        let (v, cost) = (self.variables[j], self.costs[j]);
        // Whether every row allows the variable to become smaller, or larger, from any point.
        let (mut down, mut up) = (cost >= 0.0, cost <= 0.0);
        for (i, entry) in self.column(j) {
            let row = &self.rows[i];
            let (smaller, larger) = (row.lower == f64::NEG_INFINITY, row.upper == f64::INFINITY);
            down &= if entry > 0.0 { smaller } else { larger };
            up &= if entry > 0.0 { larger } else { smaller };
        }
        let unbounded = |step| Halt::Unbounded { variable: j, step };
        if down && v.lower == f64::NEG_INFINITY && cost > 0.0 {
            return Err(unbounded(-1.0));
        }
        if up && v.upper == f64::INFINITY && cost < 0.0 {
            return Err(unbounded(1.0));
        }
        let value = match (down, up) {
            // In no row, and free of cost.
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

    /// Solves for a variable of one row whose limits, if it has any, the row implies.
    fn look_at_singleton(&mut self, j: usize) -> Result<(), Halt> {
        let Some((i, entry)) = self.column(j).next() else {
            return Ok(());
        };
        let largest = self.entries(i).fold(0.0f64, |m, (_, v)| m.max(v.abs()));
        if entry.abs() < PIVOT * largest {
            return Ok(());
        }
        let (row, v, dual) = (self.rows[i], self.variables[j], self.costs[j] / entry);
        let free = v.lower == f64::NEG_INFINITY && v.upper == f64::INFINITY;
        // The limit of the row that the variable's cost pulls to.
        let activity = match dual {
            d if d > 0.0 => (row.lower, row.lower),
            d if d < 0.0 => (row.upper, row.upper),
            _ => (row.lower, row.upper),
        };
        if free {
            if dual != 0.0 && activity.0.is_infinite() {
                let step = if self.costs[j] > 0.0 { -1.0 } else { 1.0 };
                return Err(Halt::Unbounded { variable: j, step });
            }
            self.solve_for(j, i, entry, activity);
            return Ok(());
        }
        if activity.0 != activity.1 || activity.0.is_infinite() {
            return Ok(());
        }
        let others = self.activity(i, Some(j));
        let held = activity.0 - self.shift[i];
        let (a, b) = (
            (held - others.most()) / entry,
            (held - others.least()) / entry,
        );
        if a.min(b) >= v.lower && a.max(b) <= v.upper {
            self.solve_for(j, i, entry, activity);
        }
        Ok(())
    }
}
