//! The one ladder of shifts of a unit diagonal: what is added where a Gram matrix is singular to working precision.
//!
//! Every factorisation of a scaled Gram matrix climbs this ladder from the first rung of its range, one rung per pivot that is
//! not positive, and gives up above the last. A factor of a shifted matrix is a preconditioner: what is solved with it has to be
//! refined.

use core::ops::Range;

/// The rungs. In double precision the rounding of a unit diagonal is 2e-16, in single precision 1e-7.
pub(crate) const SHIFTS: [f64; 7] = [0.0, 1e-15, 1e-13, 1e-11, 1e-9, 1e-6, 1e-4];

/// For factors that are refined with the assembled matrix: a larger shift leaves more than refinement contracts.
pub(crate) const ASSEMBLED: Range<usize> = 0..5;

/// For factors that are refined with the exact operator by conjugate gradients.
pub(crate) const EXACT_OPERATOR: Range<usize> = 0..6;

/// For factors in single precision, which are never without a shift.
pub(crate) const SINGLE: Range<usize> = 5..7;

/// For Gram matrices of rows that may be dependent: a row that depends on others leaves a pivot of about the shift, and larger
/// shifts would hide it.
pub(crate) const DEPENDENT_ROWS: Range<usize> = 1..4;
