//! The program while presolve reduces it: what is left, and the queues of rows and variables to reduce.

use super::postsolve::{ActivityRange, Multipliers, Step, undo, values};
use crate::error::Result;
use crate::problem::linear::limits::Limits;
use crate::problem::linear::program::LinearProgram;
use std::collections::VecDeque;

/// How reducing ended.
pub(super) enum Outcome {
    /// No contradiction was found. A solver has to solve what is left, which may be nothing.
    Open,
    /// These row multipliers of the original prove that no point is feasible.
    NothingFeasible(Vec<f64>),
    /// The dual has no feasible point, as this ray of the original proves.
    Unbounded(Vec<f64>),
}

/// A contradiction, which ends the reduction.
pub(super) enum Finding {
    /// No point is feasible: multipliers of rows that are left, and a variable whose lower and upper limit get multiplier 1.
    NothingFeasible {
        rows: Vec<(usize, f64)>,
        variable: Option<usize>,
    },
    /// The objective improves without bound when this variable moves in the direction `step`.
    Unbounded { variable: usize, step: f64 },
}

/// The state of a row or a variable. The limits of a row are those of its whole activity, fixed variables included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub lower: f64,
    pub upper: f64,
    /// Entries whose row and variable are left.
    pub count: usize,
    /// Whether the row or variable is left.
    pub alive: bool,
    queued: bool,
}

/// A linear program from which rows and variables are taken. Costs are those of an objective that is minimised.
pub(super) struct Reducer<'a> {
    pub program: &'a LinearProgram,
    /// Entries of every column, as `(row, value)`.
    columns: Vec<Vec<(u32, f64)>>,
    pub rows: Vec<Item>,
    pub variables: Vec<Item>,
    pub costs: Vec<f64>,
    /// The largest number that each cost was computed from, for its rounding error.
    pub cost_size: Vec<f64>,
    constant: f64,
    /// What fixed variables add to the activity of every row, and the largest term of that sum.
    pub shift: Vec<f64>,
    pub shift_size: Vec<f64>,
    /// Lower bound on the size that contradictions are compared with.
    pub least_size: f64,
    row_queue: VecDeque<usize>,
    variable_queue: VecDeque<usize>,
    /// The steps so far, in the order made.
    pub steps: Vec<Step>,
    /// Whether a contradiction was found.
    decided: bool,
}

impl<'a> Reducer<'a> {
    pub(super) fn new(program: &'a LinearProgram) -> Self {
        let sign = program.sign();
        let mut columns = vec![vec![]; program.variables().len()];
        for i in 0..program.rows().len() {
            program
                .row(i)
                .for_each(|(j, v)| columns[j].push((i as u32, v)));
        }
        let item = |limits: &Limits, count| Item {
            lower: limits.lower(),
            upper: limits.upper(),
            count,
            alive: true,
            queued: false,
        };
        let sizes = program.rows().iter().chain(program.variables());
        let largest = sizes.fold(0.0, |m, l| larger(larger(m, l.lower()), l.upper()));
        let costs: Vec<f64> = program.costs().iter().map(|c| sign * c).collect();
        Self {
            rows: program
                .rows()
                .iter()
                .enumerate()
                .map(|(i, l)| item(l, program.row(i).count()))
                .collect(),
            variables: program
                .variables()
                .iter()
                .zip(&columns)
                .map(|(l, c)| item(l, c.len()))
                .collect(),
            cost_size: costs.iter().map(|c| c.abs()).collect(),
            costs,
            constant: sign * program.constant(),
            shift: vec![0.0; program.rows().len()],
            shift_size: vec![0.0; program.rows().len()],
            least_size: f64::min(1.0, largest),
            row_queue: VecDeque::new(),
            variable_queue: VecDeque::new(),
            steps: vec![],
            decided: false,
            columns,
            program,
        }
    }

    /// Applies reductions until none applies.
    pub(super) fn reduce(&mut self) -> Outcome {
        (0..self.rows.len()).for_each(|i| self.queue_row(i));
        (0..self.variables.len()).for_each(|j| self.queue_variable(j));
        match self.run() {
            Ok(()) => Outcome::Open,
            Err(Finding::NothingFeasible { rows, variable }) => {
                self.decided = true;
                let mut y = vec![0.0; self.rows.len()];
                let n = self.variables.len();
                let (mut lower, mut upper) = (vec![0.0; n], vec![0.0; n]);
                for &(i, v) in &rows {
                    y[i] = v;
                }
                if let Some(j) = variable {
                    (lower[j], upper[j]) = (1.0, 1.0);
                }
                // The multipliers of the rows leave a residual on their variables; the limits of these take it.
                for (i, v) in rows {
                    for (j, a) in self.entries(i) {
                        lower[j] += (-a * v).max(0.0);
                        upper[j] += (a * v).max(0.0);
                    }
                }
                let costs = vec![0.0; n];
                let (y, _) = undo(
                    self.program,
                    &self.steps,
                    &costs,
                    Multipliers { y, lower, upper },
                );
                Outcome::NothingFeasible(y)
            }
            Err(Finding::Unbounded { variable, step }) => {
                self.decided = true;
                let mut x = vec![0.0; self.variables.len()];
                x[variable] = step;
                Outcome::Unbounded(values(self.program, &self.steps, x, 0.0))
            }
        }
    }

    fn run(&mut self) -> Result<(), Finding> {
        loop {
            if let Some(i) = self.row_queue.pop_front() {
                self.rows[i].queued = false;
                if self.rows[i].alive {
                    self.reduce_row(i)?;
                }
            } else if let Some(j) = self.variable_queue.pop_front() {
                self.variables[j].queued = false;
                if self.variables[j].alive {
                    self.reduce_variable(j)?;
                }
            } else {
                self.merge_duplicates()?;
                if self.row_queue.is_empty() && self.variable_queue.is_empty() {
                    return Ok(());
                }
            }
        }
    }

    /// Whether a contradiction was found.
    pub(super) fn is_decided(&self) -> bool {
        self.decided
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Entries of row `i` whose variables are left.
    pub(super) fn entries(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.program
            .row(i)
            .filter(|&(j, _)| self.variables[j].alive)
    }

    /// Entries of column `j` whose rows are left.
    pub(super) fn column(&self, j: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let entries = self.columns[j].iter().map(|&(i, v)| (i as usize, v));
        entries.filter(|&(i, _)| self.rows[i].alive)
    }

    pub(super) fn queue_row(&mut self, i: usize) {
        if self.rows[i].alive && !self.rows[i].queued {
            self.rows[i].queued = true;
            self.row_queue.push_back(i);
        }
    }

    pub(super) fn queue_variable(&mut self, j: usize) {
        if self.variables[j].alive && !self.variables[j].queued {
            self.variables[j].queued = true;
            self.variable_queue.push_back(j);
        }
    }

    /// Queues the rows of a variable whose limits moved.
    pub(super) fn queue_rows_of(&mut self, j: usize) {
        let rows: Vec<usize> = self.column(j).map(|e| e.0).collect();
        rows.into_iter().for_each(|i| self.queue_row(i));
    }

    /// Takes a row out of the program.
    pub(super) fn drop_row(&mut self, i: usize) {
        self.rows[i].alive = false;
        let variables: Vec<usize> = self.entries(i).map(|e| e.0).collect();
        for j in variables {
            self.variables[j].count -= 1;
            self.queue_variable(j);
        }
    }

    /// Takes a variable with this value out of all rows.
    fn drop_variable(&mut self, j: usize, value: f64) {
        self.variables[j].alive = false;
        let column: Vec<(usize, f64)> = self.column(j).collect();
        for (i, v) in column {
            self.rows[i].count -= 1;
            self.shift[i] += v * value;
            self.shift_size[i] = larger(self.shift_size[i], v * value);
            self.queue_row(i);
        }
    }

    /// Fixes a variable.
    pub(super) fn fix(&mut self, variable: usize, value: f64) {
        self.steps.push(Step::Fixed { variable, value });
        self.constant += self.costs[variable] * value;
        self.drop_variable(variable, value);
    }

    /// Solves for a variable whose only row is this one, and whose row may have an activity in this range.
    pub(super) fn solve_for(
        &mut self,
        variable: usize,
        row: usize,
        entry: f64,
        activity: ActivityRange,
    ) {
        let dual = self.costs[variable] / entry;
        self.steps.push(Step::Solved {
            row,
            variable,
            entry,
            dual,
            activity,
        });
        if dual != 0.0 {
            self.constant += dual * (activity.lower - self.shift[row]);
            let others: Vec<(usize, f64)> = self.entries(row).collect();
            for (k, v) in others {
                self.costs[k] -= v * dual;
                self.cost_size[k] = larger(self.cost_size[k], v * dual);
            }
        }
        self.drop_row(row);
        self.variables[variable].alive = false;
    }

    /// Indices of the rows and variables that are left.
    pub(super) fn left(&self) -> (Vec<usize>, Vec<usize>) {
        let alive = |items: &[Item]| (0..items.len()).filter(|&k| items[k].alive).collect();
        (alive(&self.rows), alive(&self.variables))
    }

    /// The program of these rows and variables, scaled by these factors.
    pub(super) fn program(
        &self,
        rows: &[usize],
        variables: &[usize],
        row_scale: &[f64],
        variable_scale: &[f64],
    ) -> Result<LinearProgram> {
        let sign = self.program.sign();
        let mut out = LinearProgram::new(self.program.sense());
        out.set_name(self.program.name());
        out.set_objective_name(self.program.objective_name());
        out.set_constant(sign * self.constant)?;
        let mut place = vec![0; self.variables.len()];
        for (&j, scale) in variables.iter().zip(variable_scale) {
            let (v, name) = (&self.variables[j], &self.program.variable_names()[j]);
            let limits = Limits::new(v.lower / scale, v.upper / scale)?;
            place[j] = out.add_variable(name.as_str(), sign * self.costs[j] * scale, limits)?;
        }
        let mut entries = vec![];
        for (&i, scale) in rows.iter().zip(row_scale) {
            let row = &self.rows[i];
            let limit = |l: f64| (l - self.shift[i]) * scale;
            let limits = Limits::new(limit(row.lower), limit(row.upper))?;
            entries.clear();
            for (j, v) in self.entries(i) {
                entries.push((place[j], v * scale * variable_scale[place[j]]));
            }
            out.add_row(self.program.row_names()[i].as_str(), limits, &entries)?;
        }
        Ok(out)
    }
}

/// The larger of a size and the absolute value of a number; infinite numbers do not count.
pub(super) fn larger(size: f64, v: f64) -> f64 {
    if v.is_finite() {
        size.max(v.abs())
    } else {
        size
    }
}
