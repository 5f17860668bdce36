//! Tables of numbers and lists of arcs: text with separators, NumPy's `.npy`, and its archives `.npz`.
//!
//! **Text.** One line per row; commas, semicolons, tabs or blanks separate numbers, whichever the first line of numbers has.
//! Blank lines and lines that begin with `#` are skipped, and so is one line of column names before the numbers (with a
//! [`Notice`](super::Notice)). Line ends are those of any system. Numbers have a decimal point: `0,5` between semicolons, tabs or
//! blanks is refused, because a comma may separate numbers too. A line of `sep=;`, as spreadsheets write it, is understood.
//!
//! **`.npy`.** One or two axes of integers, booleans, or floats of 32 or 64 bits, in either byte order and in either order of
//! entries. Integers beyond 2⁵³ are rounded.
//!
//! **`.npz`** (feature `npz`), compressed or not: one array, or a sparse matrix as SciPy's `save_npz` writes it, in the format
//! `coo`, `csr` or `csc`.
//!
//! **Arcs.** A text, or an array with three columns, gives row, column and cost of every arc, counted from 0. A pair that is given
//! twice is refused: SciPy would add both costs, and a list of parallel arcs would mean the cheaper one.

mod arcs;
mod csv;
mod npy;
#[cfg(feature = "npz")]
mod npz;

pub use arcs::{Arcs, read_arcs};
pub use npy::write_npy;
#[cfg(feature = "npz")]
pub use npz::write_coo;

use super::{Noted, ParseError};

/// A matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// The entries, row by row.
    pub values: Vec<f64>,
}

/// The reason why a table cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A fault in a text.
    #[error(transparent)]
    Text(#[from] ParseError),
    /// A fault in an array or archive.
    #[error("not a readable {format} file: {reason}")]
    Binary {
        /// `npy` or `npz`.
        format: &'static str,
        /// What was expected and what was found.
        reason: String,
    },
    /// The numbers can be read, but they are not what was asked for.
    #[error("{0}")]
    Content(String),
}

impl TableError {
    fn npy(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        let format = "npy";
        Self::Binary { format, reason }
    }
}

/// What the first bytes of a file say it is.
enum Format {
    Npy,
    Npz,
    Text,
}

impl Format {
    fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(npy::MAGIC) {
            Self::Npy
        } else if bytes.starts_with(b"PK") {
            Self::Npz
        } else {
            Self::Text
        }
    }
}

/// Reads a matrix; a vector is one column.
///
/// ```
/// let noted = dyncvx::io::table::read(b"x;y\r\n0.5;1\r\n2;-3e1\r\n")?;
/// let table = noted.content;
/// assert_eq!((table.rows, table.columns, table.values), (2, 2, vec![0.5, 1.0, 2.0, -30.0]));
/// assert_eq!(noted.notices[0].to_string(), "line 1: the column names `x;y` are left out");
/// # Ok::<(), dyncvx::io::table::TableError>(())
/// ```
///
/// # Errors
/// [`TableError`] for anything that is not a matrix in one of the formats of this module, and for one without entries.
///
/// # Complexity
/// Linear in the number of bytes, unpacked.
pub fn read(bytes: &[u8]) -> Result<Noted<Table>, TableError> {
    let noted = match Format::of(bytes) {
        Format::Npy => plain(npy::Array::parse(bytes)?.table()?),
        Format::Npz => plain(from_archive(bytes)?),
        Format::Text => csv::read(bytes)?,
    };
    if noted.content.values.is_empty() {
        return Err(TableError::Content("expected numbers, found none".into()));
    }
    Ok(noted)
}

/// Content about which there is nothing to tell.
fn plain<T>(content: T) -> Noted<T> {
    let notices = vec![];
    Noted { content, notices }
}

#[cfg(feature = "npz")]
fn from_archive(bytes: &[u8]) -> Result<Table, TableError> {
    npz::only_table(bytes)
}

#[cfg(not(feature = "npz"))]
fn from_archive(_: &[u8]) -> Result<Table, TableError> {
    let reason = "this build does not read archives (feature `npz` is off)".into();
    let format = "npz";
    Err(TableError::Binary { format, reason })
}
