//! The one error type of the library.

use crate::memory;

/// Result with the library's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The fault in a caller's input, or the reason why a structure cannot do what it was asked.
///
/// After an error nothing has changed: a failed update or query leaves the structure as it was. A solver that stops without an
/// answer does not return an error but an [`ipm::Status`](crate::ipm::Status).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument has the wrong dimensions.
    #[error("{what}: expected {} x {}, found {} x {}", .expected.0, .expected.1, .found.0, .found.1)]
    Shape {
        /// Which argument.
        what: &'static str,
        /// Rows and columns that were expected.
        expected: (usize, usize),
        /// Rows and columns of the argument.
        found: (usize, usize),
    },
    /// An index is not below its bound.
    #[error("{what}: expected an index below {bound}, found {index}")]
    OutOfRange {
        /// Which index.
        what: &'static str,
        /// The index that was given.
        index: usize,
        /// The first index that is too large.
        bound: usize,
    },
    /// An entry is NaN or infinite.
    #[error("{what}: expected finite numbers, found NaN or infinity at index {index}")]
    NonFinite {
        /// Which argument.
        what: &'static str,
        /// Index of the first such entry, counted column by column.
        index: usize,
    },
    /// A matrix that must be symmetric is not.
    #[error(
        "{what}: expected a symmetric matrix, found entries ({row}, {col}) and ({col}, {row}) that differ"
    )]
    NotSymmetric {
        /// Which argument.
        what: &'static str,
        /// Row of the offending entry.
        row: usize,
        /// Column of the offending entry.
        col: usize,
    },
    /// A matrix that must be orthogonal is not.
    #[error(
        "{what}: expected orthonormal columns, found columns {row} and {col} with inner product {product}"
    )]
    NotOrthogonal {
        /// Which argument.
        what: &'static str,
        /// One column.
        row: usize,
        /// The other column, or the same column if its length is not 1.
        col: usize,
        /// Their inner product.
        product: f64,
    },
    /// The same position was given twice.
    #[error("{what}: entry {entry} gives the position of entry {previous} again")]
    Duplicate {
        /// Which list.
        what: &'static str,
        /// Index of the second mention, in the order given.
        entry: usize,
        /// Index of the first mention.
        previous: usize,
    },
    /// A weight, or the matrix that an update would produce, is not positive definite.
    #[error(
        "{what}: expected a positive definite matrix, found a pivot that is not positive at index {pivot}"
    )]
    NotPositiveDefinite {
        /// Which matrix.
        what: &'static str,
        /// Index of the first pivot (or entry) that is not positive.
        pivot: usize,
    },
    /// The constraint rows are linearly dependent, so that `B Bᵀ` has no inverse.
    #[error(
        "the constraint rows are linearly dependent: expected rank {needed}, found rank {rank}"
    )]
    RankDeficient {
        /// Numerical rank found.
        rank: usize,
        /// Number of rows.
        needed: usize,
    },
    /// The constraint rows are independent in exact arithmetic, but so nearly dependent that an engine which works with products
    /// of rows would return answers `P h` with fewer than three correct digits.
    #[error(
        "constraint row {row} is independent in exact arithmetic, but too nearly dependent for products of rows: expected a \
         relative distance of {needed:.1e} or more, found {separation:.1e}"
    )]
    NearlyDependent {
        /// The last row of the shortest combination of rows with coefficients of norm 1.
        row: usize,
        /// Length of that combination, for rows of length 1.
        separation: f64,
        /// Least length that the engine accepts.
        needed: f64,
    },
    /// Measures without a coupling of the requested kind.
    #[error("marginal {mode}: {reason}")]
    Marginals {
        /// Which measure, counted from 0.
        mode: usize,
        /// What was expected and what was found.
        reason: String,
    },
    /// A structure was asked before its first weight was given.
    #[error("no weight was given yet: call `update` before the first query")]
    NoWeight,
    /// A setting is outside its range.
    #[error("setting `{field}`: {reason}")]
    InvalidSetting {
        /// Name of the field.
        field: &'static str,
        /// What is allowed and what was found.
        reason: String,
    },
    /// The structure does not support the request.
    #[error("{what} is not supported by {by}")]
    Unsupported {
        /// What was requested.
        what: &'static str,
        /// Which structure refused.
        by: &'static str,
    },
    /// The memory that is needed is not available.
    #[error("{what}: would need {bytes} bytes, {}", memory::shortage(*.bytes))]
    TooLarge {
        /// What would be stored.
        what: &'static str,
        /// Memory that it needs, in bytes.
        bytes: u128,
    },
    /// The privacy budget does not cover another answer. Fresh copies get a new budget.
    #[error(
        "the privacy budget is spent: {answered} answers were given, and another would exceed it"
    )]
    BudgetExhausted {
        /// Number of coordinates answered so far.
        answered: u64,
    },
    /// An iteration of a dense kernel (eigenvalues, singular values) did not converge.
    #[error("{what}: the iteration did not converge")]
    NoConvergence {
        /// Which kernel.
        what: &'static str,
    },
}

/// The [`Error::InvalidSetting`] of a field; `reason` says what is allowed and what was found.
pub(crate) fn invalid_setting<T>(field: &'static str, reason: impl Into<String>) -> Result<T> {
    let reason = reason.into();
    Err(Error::InvalidSetting { field, reason })
}

/// Fails with [`Error::InvalidSetting`] unless the number is within the range.
pub(crate) fn check_range(
    field: &'static str,
    allowed: core::ops::RangeInclusive<usize>,
    found: usize,
) -> Result<()> {
    if allowed.contains(&found) {
        return Ok(());
    }
    let (least, most) = (allowed.start(), allowed.end());
    if *most == usize::MAX {
        return invalid_setting(field, format!("expected at least {least}, found {found}"));
    }
    invalid_setting(field, format!("expected {least} to {most}, found {found}"))
}

/// Fails with [`Error::InvalidSetting`] unless `found` is a finite number above 0.
pub(crate) fn check_positive(field: &'static str, found: f64) -> Result<()> {
    if found.is_finite() && found > 0.0 {
        return Ok(());
    }
    let reason = format!("expected a finite number above 0, found {found}");
    invalid_setting(field, reason)
}

/// Fails with [`Error::InvalidSetting`] unless `0 < found < 1`.
pub(crate) fn check_probability(field: &'static str, found: f64) -> Result<()> {
    if found > 0.0 && found < 1.0 {
        return Ok(());
    }
    let reason = format!("expected a number strictly between 0 and 1, found {found}");
    invalid_setting(field, reason)
}

/// Fails with [`Error::OutOfRange`] unless `index < bound`.
pub(crate) fn check_index(what: &'static str, index: usize, bound: usize) -> Result<()> {
    if index < bound {
        return Ok(());
    }
    Err(Error::OutOfRange { what, index, bound })
}

/// Fails with [`Error::Shape`] unless `expected == found`.
pub(crate) fn check_shape(
    what: &'static str,
    expected: (usize, usize),
    found: (usize, usize),
) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::Shape {
            what,
            expected,
            found,
        })
    }
}

/// Fails with [`Error::TooLarge`] unless the machine has memory for this many numbers and grants it. The reservation is released
/// at once.
pub(crate) fn check_memory(what: &'static str, numbers: u128) -> Result<()> {
    check_memory_of::<f64>(what, numbers)
}

/// As [`check_memory`], for numbers of another size.
pub(crate) fn check_memory_of<T>(what: &'static str, numbers: u128) -> Result<()> {
    let bytes = numbers.saturating_mul(size_of::<T>() as u128);
    let exists = memory::provided().is_none_or(|provided| bytes <= provided);
    let granted = usize::try_from(numbers)
        .is_ok_and(|numbers| exists && Vec::<T>::new().try_reserve_exact(numbers).is_ok());
    if granted {
        return Ok(());
    }
    Err(Error::TooLarge { what, bytes })
}

/// Fails with [`Error::NonFinite`] at the first NaN or infinity.
pub(crate) fn check_finite<'a>(
    what: &'static str,
    values: impl IntoIterator<Item = &'a f64>,
) -> Result<()> {
    match values.into_iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::NonFinite { what, index }),
    }
}
