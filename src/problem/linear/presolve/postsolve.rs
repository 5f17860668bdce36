//! Postsolve: undoes the steps of presolve, the last one first.
//!
//! Costs and multipliers are those of an objective that is minimised.

use crate::problem::linear::program::LinearProgram;

/// A step of presolve, with the numbers that undoing it needs.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The variable was fixed at this value.
    Fixed { variable: usize, value: f64 },
    /// A row with one variable became limits of that variable; `lower` and `upper` tell which limits come from the row.
    Singleton {
        row: usize,
        variable: usize,
        entry: f64,
        lower: bool,
        upper: bool,
    },
    /// The activity of the row had one possible value, its lower limit (`lower`) or its upper limit, and so had each of these
    /// variables. Steps of their own, after this one, fixed them.
    Forcing {
        row: usize,
        lower: bool,
        entries: Vec<(usize, f64)>,
    },
    /// `row = ratio · kept` was dropped; `lower` and `upper` tell which limits of `kept` come from `row`.
    Duplicate {
        row: usize,
        kept: usize,
        ratio: f64,
        lower: bool,
        upper: bool,
    },
    /// The variable was solved for in this row. The dual of the row is `dual`; its activity may be anything in the range,
    /// which is a single number unless the dual is 0.
    Solved {
        row: usize,
        variable: usize,
        entry: f64,
        dual: f64,
        activity: ActivityRange,
    },
}

/// The numbers from `lower` to `upper`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActivityRange {
    pub lower: f64,
    pub upper: f64,
}

/// Multipliers: `y` of the rows, `lower` and `upper` of the limits of the variables.
pub(super) struct Multipliers {
    pub y: Vec<f64>,
    pub lower: Vec<f64>,
    pub upper: Vec<f64>,
}

/// The values of all variables, from those of the variables that are left. `constants` multiplies every constant of the
/// program: 1 for a point, 0 for a direction.
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
            activity,
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
        // A missing limit is missing for a direction too.
        let limit = |l: f64| if l.is_finite() { constants * l } else { l };
        let sum = others.max(limit(activity.lower)).min(limit(activity.upper));
        x[variable] = (sum - others) / entry;
    }
    x
}

/// The multipliers `y` of all rows and `z` of all variables, from those of the rows and variables that are left.
pub(super) fn duals(
    program: &LinearProgram,
    steps: &[Step],
    costs: &[f64],
    y: Vec<f64>,
    z: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let lower = z.iter().map(|z| z.max(0.0)).collect();
    let upper = z.iter().map(|z| (-z).max(0.0)).collect();
    undo(program, steps, costs, Multipliers { y, lower, upper })
}

/// The multipliers `y` and `z` of the original, from those of what is left. Multipliers of lower and of upper limits
/// are kept apart. Costs that are all 0 mean a proof of infeasibility.
///
/// A step is undone after all later steps. At any time `z = c − Aᵀy` holds over the variables that were left when the step
/// was made. The dual that a solved variable gives its row is known from the start.
pub(super) fn undo(
    program: &LinearProgram,
    steps: &[Step],
    costs: &[f64],
    left: Multipliers,
) -> (Vec<f64>, Vec<f64>) {
    let Multipliers {
        mut y,
        mut lower,
        mut upper,
    } = left;
    let columns = Columns::new(program, steps);
    // A proof of infeasibility takes no cost from a solved variable.
    if costs.iter().any(|c| *c != 0.0) {
        for step in steps {
            if let Step::Solved { row, dual, .. } = *step {
                y[row] = dual;
            }
        }
    }
    for step in steps.iter().rev() {
        match *step {
            // A fixed variable has the reduced cost that its column leaves.
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
                // Every z_j − a_j y must have the sign that the limit of its variable asks for, which at the lower limit of the
                // row is that of −a_j: the least such y.
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

/// The columns of the variables that were fixed, by variable.
struct Columns {
    /// Start of the entries of each column, and their total number at the end.
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
