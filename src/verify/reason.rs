//! What was proved, and why the rest was not.

use core::fmt;

/// A rigorous enclosure of an optimum, as far as it could be proved.
///
/// The optimum of a program that is minimised is its infimum, `∞` where nothing is feasible. A lower bound of `∞` is thus a proof that
/// nothing is feasible; [`Bounds::infeasible`] then says so as well.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Bounds {
    /// A number that is not above the optimum.
    pub lower: Option<f64>,
    /// A number that is not below the optimum.
    pub upper: Option<f64>,
    /// Why there is no lower bound, where there is none.
    pub why_no_lower: Option<Reason>,
    /// Why there is no upper bound, where there is none.
    pub why_no_upper: Option<Reason>,
    /// What was proved infeasible.
    pub infeasible: Option<Infeasible>,
}

impl Bounds {
    /// Upper minus lower bound over the larger of 1 and both by absolute value; `None` unless there are both.
    pub fn relative_width(&self) -> Option<f64> {
        let (lower, upper) = (self.lower?, self.upper?);
        Some((upper - lower) / lower.abs().max(upper.abs()).max(1.0))
    }

    pub(super) fn set_lower(&mut self, found: Result<f64, Reason>) {
        match found {
            Ok(v) => self.lower = Some(v),
            Err(why) => self.why_no_lower = Some(why),
        }
    }

    pub(super) fn set_upper(&mut self, found: Result<f64, Reason>) {
        match found {
            Ok(v) => self.upper = Some(v),
            Err(why) => self.why_no_upper = Some(why),
        }
    }
}

/// Which of two dual programs was proved to have no feasible point, in exact arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Infeasible {
    /// The program itself.
    Primal,
    /// Its dual: the program is unbounded if anything is feasible.
    Dual,
}

/// Why a bound could not be proved. Indices are those of the program as it is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The point has numbers that are not finite, or sums of the program's numbers overflow.
    NotFinite,
    /// The dual slack of this block is not proved semidefinite (nonnegative): pivot or entry `index` stands against it.
    SlackOutsideCone {
        /// Index of the block.
        block: usize,
        /// Row of the block.
        index: usize,
    },
    /// The exact solution of `A x = b` near the point is not proved to lie in the cone: pivot or entry `index` of this block stands
    /// against it. Programs without interior on the side of `x` end here.
    PointOutsideCone {
        /// Index of the block.
        block: usize,
        /// Row of the block.
        index: usize,
    },
    /// The rows could not be proved linearly independent, so that `A x = b` need not have a solution near the point.
    DependentRows {
        /// A row that stands against it: the smallest pivot of the Gram matrix.
        row: usize,
    },
    /// This row has no entry, and a right-hand side that is not zero.
    ContradictoryRow {
        /// Index of the row.
        row: usize,
    },
    /// The reduced cost of this variable has a sign that asks for a limit which is missing.
    UnlimitedVariable {
        /// Index of the variable.
        variable: usize,
    },
    /// The exact solution near the point is not proved to keep the limits of this row.
    RowLimits {
        /// Index of the row.
        row: usize,
    },
    /// The exact solution near the point is not proved to keep the limits of this variable.
    VariableLimits {
        /// Index of the variable.
        variable: usize,
    },
    /// The certificate's value is not proved to be of the right sign.
    CertificateValue,
    /// There is no point to start from: the solver found an infeasibility, or nothing.
    NoPoint,
    /// A column of positive mass has no arc from a row of positive mass.
    IsolatedColumn {
        /// Index of the column.
        column: usize,
    },
    /// Mass of the plan is negative, or on an arc that does not exist.
    PlanArc {
        /// Row of the arc.
        row: usize,
        /// Column of the arc.
        column: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite => write!(f, "numbers of the point are not finite, or sums overflow"),
            Self::SlackOutsideCone { block, index } => write!(
                f,
                "the dual slack of block {block} is not proved to be in the cone (index {index})"
            ),
            Self::PointOutsideCone { block, index } => write!(
                f,
                "block {block} of the exact solution is not proved to be in the cone (index {index})"
            ),
            Self::DependentRows { row } => {
                write!(f, "the rows are not proved independent (row {row})")
            }
            Self::ContradictoryRow { row } => {
                write!(
                    f,
                    "row {row} has no entry, and its right-hand side is not 0"
                )
            }
            Self::UnlimitedVariable { variable } => write!(
                f,
                "the reduced cost of variable {variable} asks for a limit that is missing"
            ),
            Self::RowLimits { row } => {
                write!(f, "the limits of row {row} are not proved to be kept")
            }
            Self::VariableLimits { variable } => {
                write!(
                    f,
                    "the limits of variable {variable} are not proved to be kept"
                )
            }
            Self::CertificateValue => {
                write!(
                    f,
                    "the value of the certificate is not proved to have its sign"
                )
            }
            Self::NoPoint => write!(f, "there is no point to prove a bound from"),
            Self::IsolatedColumn { column } => {
                write!(
                    f,
                    "column {column} has mass and no arc from a row with mass"
                )
            }
            Self::PlanArc { row, column } => write!(
                f,
                "the plan's mass from {row} to {column} is negative, or on an arc that does not exist"
            ),
        }
    }
}
