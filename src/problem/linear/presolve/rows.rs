//! Rows: what their variables' limits say of them.

use super::postsolve::Step;
use super::reducer::{Halt, Reducer, SAME, TOL, size};

/// What activity the limits of a row's variables leave it, apart from `shift`.
pub(super) struct Activity {
    least: f64,
    most: f64,
    /// Terms that are infinite.
    infinite_least: usize,
    infinite_most: usize,
    /// The largest finite term.
    pub size: f64,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            least: 0.0,
            most: 0.0,
            infinite_least: 0,
            infinite_most: 0,
            size: 0.0,
        }
    }

    pub(super) fn add(&mut self, entry: f64, lower: f64, upper: f64) {
        let (a, b) = (entry * lower, entry * upper);
        let (least, most) = if entry > 0.0 { (a, b) } else { (b, a) };
        for (term, sum, infinite) in [
            (least, &mut self.least, &mut self.infinite_least),
            (most, &mut self.most, &mut self.infinite_most),
        ] {
            if term.is_finite() {
                *sum += term;
                self.size = size(self.size, term);
            } else {
                *infinite += 1;
            }
        }
    }

    pub(super) fn least(&self) -> f64 {
        if self.infinite_least > 0 {
            f64::NEG_INFINITY
        } else {
            self.least
        }
    }

    pub(super) fn most(&self) -> f64 {
        if self.infinite_most > 0 {
            f64::INFINITY
        } else {
            self.most
        }
    }
}

impl Reducer<'_> {
    pub(super) fn activity(&self, i: usize, without: Option<usize>) -> Activity {
        let mut out = Activity::new();
        for (j, v) in self.entries(i).filter(|e| Some(e.0) != without) {
            out.add(v, self.variables[j].lower, self.variables[j].upper);
        }
        out
    }

    pub(super) fn look_at_row(&mut self, i: usize) -> Result<(), Halt> {
        let row = self.rows[i];
        let activity = self.activity(i, None);
        let (lower, upper) = (row.lower - self.shift[i], row.upper - self.shift[i]);
        let (least, most) = (activity.least(), activity.most());
        let scale = size(size(self.shift_size[i], row.lower), row.upper);
        let scale = size(scale, activity.size).max(self.least_size);
        let nothing = |multiplier| {
            Err(Halt::NothingFeasible {
                rows: vec![(i, multiplier)],
                variable: None,
            })
        };
        if most < lower - TOL * scale {
            return nothing(1.0);
        }
        if least > upper + TOL * scale {
            return nothing(-1.0);
        }
        match row.count {
            0 => {
                self.drop_row(i);
                Ok(())
            }
            1 => self.make_limits(i),
            _ if least >= lower - SAME * scale && most <= upper + SAME * scale => {
                self.drop_row(i);
                Ok(())
            }
            _ if most <= lower + SAME * scale => self.force(i, true),
            _ if least >= upper - SAME * scale => self.force(i, false),
            _ => {
                // A limit that cannot be reached.
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

    /// A row with one variable becomes limits of it.
    fn make_limits(&mut self, i: usize) -> Result<(), Halt> {
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

    /// Every variable of the row is at the limit that makes its activity largest (`lower`) or smallest.
    fn force(&mut self, row: usize, lower: bool) -> Result<(), Halt> {
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
