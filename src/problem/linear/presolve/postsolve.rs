//! The way back, one step after the other, the last one first.
//!
//! Costs and multipliers are those of an objective to be minimised.

use crate::problem::linear::program::LinearProgram;

/// What was done, with what undoing it takes.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The variable has this value.
    Fixed { variable: usize, value: f64 },
    /// A row with one variable became limits of it; `lower` and `upper` tell which of them are the row's.
    Singleton {
        row: usize,
        variable: usize,
        entry: f64,
        lower: bool,
        upper: bool,
    },
    /// The row held these variables, each fixed in a step of its own after this one, at its only possible activity: its
    /// lower limit, or its upper one.
    Forcing {
        row: usize,
        lower: bool,
        entries: Vec<(usize, f64)>,
    },
    /// `row = ratio · kept` was dropped; `lower` and `upper` tell which limits of `kept` are its since then.
    Duplicate {
        row: usize,
        kept: usize,
        ratio: f64,
        lower: bool,
        upper: bool,
    },
    /// The variable was solved for in this row, whose dual is `dual` and whose activity is `lower = upper`, or anything between
    /// the two when the dual is 0.
    Solved {
        row: usize,
        variable: usize,
        entry: f64,
        dual: f64,
        lower: f64,
        upper: f64,
    },
}

/// Values of all variables, from those of the ones that are left. `constants` is 1 for a point and 0 for a direction.
pub(super) fn values(
    program: &LinearProgram,
    steps: &[Step],
    mut x: Vec<f64>,
    constants: f64,
) -> Vec<f64> {
    for step in steps {
        if let Step::Fixed { variable, value } = *step {
            x[variable] = constants * value;
        }
    }
    for step in steps.iter().rev() {
        let Step::Solved {
            row,
            variable,
            entry,
            lower,
            upper,
            ..
        } = *step
        else {
            continue;
        };
        let others: f64 = program
            .row(row)
            .filter(|&(j, _)| j != variable)
            .map(|(j, v)| v * x[j])
            .sum();
        // A limit that is missing is so for a direction too.
        let limit = |l: f64| if l.is_finite() { constants * l } else { l };
        let activity = others.max(limit(lower)).min(limit(upper));
        x[variable] = (activity - others) / entry;
    }
    x
}

/// Multipliers of all rows and variables, from those of the rows and variables that are left.
pub(super) fn duals(
    program: &LinearProgram,
    steps: &[Step],
    costs: &[f64],
    y: Vec<f64>,
    z: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let lower = z.iter().map(|z| z.max(0.0)).collect();
    let upper = z.iter().map(|z| (-z).max(0.0)).collect();
    let homogeneous = costs.iter().all(|c| *c == 0.0);
    undo(program, steps, costs, homogeneous, y, lower, upper)
}

/// The same, with multipliers of lower and upper limits apart.
///
/// A step is undone when all that came after it are, so that at any time `z = c − Aᵀy` over the variables that were left
/// then, with the dual that a solved variable gave its row taken for known from the start.
pub(super) fn undo(
    program: &LinearProgram,
    steps: &[Step],
    costs: &[f64],
    homogeneous: bool,
    mut y: Vec<f64>,
    mut lower: Vec<f64>,
    mut upper: Vec<f64>,
) -> (Vec<f64>, Vec<f64>) {
    let columns = Columns::new(program, steps);
    if !homogeneous {
        for step in steps {
            if let Step::Solved { row, dual, .. } = *step {
                y[row] = dual;
            }
        }
    }
    for step in steps.iter().rev() {
        match *step {
            Step::Fixed { variable: j, .. } => {
                let z = costs[j] - columns.of(j).map(|(i, v)| v * y[i]).sum::<f64>();
                (lower[j], upper[j]) = (z.max(0.0), (-z).max(0.0));
            }
            Step::Singleton {
                row,
                variable: j,
                entry,
                lower: below,
                upper: above,
            } => {
                if below {
                    y[row] += core::mem::take(&mut lower[j]) / entry;
                }
                if above {
                    y[row] -= core::mem::take(&mut upper[j]) / entry;
                }
            }
            Step::Forcing {
                row,
                lower: below,
                ref entries,
            } => {
                // Every z_j − a_j y must have the sign of the limit its variable is at: of −a_j at the lower limit of the row.
                let mut dual = 0.0f64;
                for &(j, v) in entries {
                    let ratio = (lower[j] - upper[j]) / v;
                    dual = if below {
                        dual.max(ratio)
                    } else {
                        dual.min(ratio)
                    };
                }
                y[row] = dual;
                for &(j, v) in entries {
                    let z = lower[j] - upper[j] - v * dual;
                    (lower[j], upper[j]) = (z.max(0.0), (-z).max(0.0));
                }
            }
            Step::Duplicate {
                row,
                kept,
                ratio,
                lower: below,
                upper: above,
            } => {
                if (below && y[kept] > 0.0) || (above && y[kept] < 0.0) {
                    y[row] += core::mem::take(&mut y[kept]) / ratio;
                }
            }
            Step::Solved { variable: j, .. } => (lower[j], upper[j]) = (0.0, 0.0),
        }
    }
    let z = lower.iter().zip(&upper).map(|(l, u)| l - u).collect();
    (y, z)
}

/// The columns of the variables that were fixed.
struct Columns {
    /// Start of each column's entries, and their number at the end.
    starts: Vec<usize>,
    entries: Vec<(u32, f64)>,
}

impl Columns {
    fn new(program: &LinearProgram, steps: &[Step]) -> Self {
        let n = program.variables().len();
        let mut wanted = vec![false; n];
        for step in steps {
            if let Step::Fixed { variable, .. } = *step {
                wanted[variable] = true;
            }
        }
        let mut starts = vec![0; n + 1];
        let all = || (0..program.rows().len()).flat_map(|i| program.row(i).map(move |e| (i, e)));
        for (_, (j, _)) in all().filter(|e| wanted[e.1.0]) {
            starts[j + 1] += 1;
        }
        for j in 0..n {
            starts[j + 1] += starts[j];
        }
        let mut next = starts.clone();
        let mut entries = vec![(0, 0.0); starts[n]];
        for (i, (j, v)) in all().filter(|e| wanted[e.1.0]) {
            entries[next[j]] = (i as u32, v);
            next[j] += 1;
        }
        Self { starts, entries }
    }

    fn of(&self, j: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let column = &self.entries[self.starts[j]..self.starts[j + 1]];
        column.iter().map(|&(i, v)| (i as usize, v))
    }
}
