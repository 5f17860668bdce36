//! Reductions that start from one row: redundant, forcing and singleton rows, and rows that contradict their variables.

use super::activity::Activity;
use super::params::{CONTRADICTION, EQUAL};
use super::postsolve::Step;
use super::reducer::{Finding, Reducer, larger};

impl Reducer<'_> {
    /// What the limits of the variables of row `i` leave its activity, apart from `shift`; `without` is left out.
    pub(super) fn activity(&self, i: usize, without: Option<usize>) -> Activity {
        let mut out = Activity::new();
        for (j, v) in self.entries(i).filter(|e| Some(e.0) != without) {
            out.add(v, self.variables[j].lower, self.variables[j].upper);
        }
        out
    }

    /// Applies the first reduction that fits the row.
    pub(super) fn reduce_row(&mut self, i: usize) -> Result<(), Finding> {
        let (contradiction, equal) = (CONTRADICTION.get(), EQUAL.get());
        let row = self.rows[i];
        let activity = self.activity(i, None);
        let (lower, upper) = (row.lower - self.shift[i], row.upper - self.shift[i]);
        let (least, most) = (activity.least(), activity.most());
        let scale = larger(larger(self.shift_size[i], row.lower), row.upper);
        let scale = larger(scale, activity.size).max(self.least_size);
        let nothing = |multiplier| {
            Err(Finding::NothingFeasible {
                rows: vec![(i, multiplier)],
                variable: None,
            })
        };
        if most < lower - contradiction * scale {
            return nothing(1.0);
        }
        if least > upper + contradiction * scale {
            return nothing(-1.0);
        }
        match row.count {
            0 => {
                self.drop_row(i);
                Ok(())
            }
            1 => self.make_limits(i),
            _ if least >= lower - equal * scale && most <= upper + equal * scale => {
                self.drop_row(i);
                Ok(())
            }
            _ if most <= lower + equal * scale => self.force(i, true),
            _ if least >= upper - equal * scale => self.force(i, false),
            _ => {
                // A limit that the activity cannot reach is no limit: fewer limits make more variables dominated.
                if least >= lower {
                    self.rows[i].lower = f64::NEG_INFINITY;
                }
                if most <= upper {
                    self.rows[i].upper = f64::INFINITY;
                }
                if (self.rows[i].lower, self.rows[i].upper) != (row.lower, row.upper) {
                    let variables: Vec<usize> = self.entries(i).map(|e| e.0).collect();
                    variables.into_iter().for_each(|j| self.queue_variable(j));
                }
                Ok(())
            }
        }
    }

    /// Turns a row with one variable into limits of that variable.
    fn make_limits(&mut self, i: usize) -> Result<(), Finding> {
        let Some((j, entry)) = self.entries(i).next() else {
            return Ok(());
        };
        let a = (self.rows[i].lower - self.shift[i]) / entry;
        let b = (self.rows[i].upper - self.shift[i]) / entry;
        let (low, high) = if entry > 0.0 { (a, b) } else { (b, a) };
        let v = &mut self.variables[j];
        let (lower, upper) = (low > v.lower, high < v.upper);
        if lower {
            v.lower = low;
        }
        if upper {
            v.upper = high;
        }
        if lower || upper {
            self.steps.push(Step::Singleton {
                row: i,
                variable: j,
                entry,
                lower,
                upper,
            });
            self.queue_rows_of(j);
        }
        self.drop_row(i);
        Ok(())
    }

    /// Fixes every variable of a forcing row at the limit that makes the activity largest, which is the row's lower limit
    /// (`lower`), or smallest, which is its upper limit.
    fn force(&mut self, row: usize, lower: bool) -> Result<(), Finding> {
        let entries: Vec<(usize, f64)> = self.entries(row).collect();
        self.drop_row(row);
        self.steps.push(Step::Forcing {
            row,
            lower,
            entries: entries.clone(),
        });
        for (j, entry) in entries {
            let v = &self.variables[j];
            let value = if (entry > 0.0) == lower {
                v.upper
            } else {
                v.lower
            };
            self.fix(j, value);
        }
        Ok(())
    }
}
