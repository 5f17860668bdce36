//! A linear program as numbers: what is minimised, by rows and by columns.

use crate::linalg::error_free::{Ball, ExactSum};
use crate::problem::{Limits, LinearProgram, Sense};

/// What a row or a variable lies between; infinite where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl Range {
    fn of(limits: &Limits) -> Self {
        Self {
            lower: limits.lower(),
            upper: limits.upper(),
        }
    }

    pub(super) fn is_free(self) -> bool {
        self.lower == f64::NEG_INFINITY && self.upper == f64::INFINITY
    }

    /// The nearest number within; `lower` where nothing is.
    pub(super) fn nearest(self, v: f64) -> f64 {
        if v > self.lower {
            v.min(self.upper).max(self.lower)
        } else {
            self.lower
        }
    }

    /// How far a number within is from the nearer end, about.
    pub(super) fn distance(self, v: f64) -> f64 {
        (v - self.lower).min(self.upper - v)
    }

    /// Limits of a direction: 0 where there is a limit.
    pub(super) fn homogeneous(self) -> Self {
        let zero = |v: f64| if v.is_finite() { 0.0 } else { v };
        Self {
            lower: zero(self.lower),
            upper: zero(self.upper),
        }
    }
}

/// `min constant + cᵀx` with ranges of variables and rows.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    /// `1` when the program minimises, `−1` when it maximises.
    pub(super) sign: f64,
    pub(super) constant: f64,
    pub(super) costs: Vec<f64>,
    pub(super) variables: Vec<Range>,
    pub(super) rows: Vec<Range>,
    /// `(variable, value)` of every row.
    pub(super) entries: Vec<Vec<(u32, f64)>>,
    /// `(row, value)` of every variable.
    pub(super) columns: Vec<Vec<(u32, f64)>>,
}

impl Stated {
    pub(super) fn new(program: &LinearProgram) -> Self {
        let sign = match program.sense() {
            Sense::Minimise => 1.0,
            Sense::Maximise => -1.0,
        };
        let mut columns = vec![vec![]; program.variables().len()];
        let mut entries = vec![vec![]; program.rows().len()];
        for (i, row) in entries.iter_mut().enumerate() {
            for (j, v) in program.row(i) {
                row.push((j as u32, v));
                columns[j].push((i as u32, v));
            }
        }
        Self {
            sign,
            constant: sign * program.constant(),
            costs: program.costs().iter().map(|c| sign * c).collect(),
            variables: program.variables().iter().map(Range::of).collect(),
            rows: program.rows().iter().map(Range::of).collect(),
            entries,
            columns,
        }
    }

    /// `c_j − Σ a_ij y_i`.
    pub(super) fn reduced_cost(&self, variable: usize, y: &[Ball]) -> Ball {
        let mut sum = ExactSum::default();
        sum.add(self.costs[variable]);
        for &(i, v) in &self.columns[variable] {
            sum.add_ball_product(-v, y[i as usize]);
        }
        sum.ball()
    }
}
