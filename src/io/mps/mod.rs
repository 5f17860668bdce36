//! The MPS format for linear programs, fixed and free.
//!
//! ```text
//! * a comment: any line that begins with a star
//! NAME          EXAMPLE
//! OBJSENSE
//!     MAX                       or MIN, the default; on either line
//! ROWS
//!  N  PROFIT                    the first N row is the objective; other N rows are dropped
//!  L  HOURS                     at most; G: at least; E: equal
//! COLUMNS
//!     CHAIRS    PROFIT        3.   HOURS         1.
//!     TABLES    PROFIT        5.   HOURS         1.
//! RHS
//!     RHS       HOURS        10.   PROFIT        0.
//! RANGES
//!     RNG       HOURS         2.
//! BOUNDS
//!  UP BND       TABLES        4.
//! ENDATA
//! ```
//!
//! In fixed format the six fields of a line have the columns 2–3, 5–12, 15–22, 25–36, 40–47 and 50–61. Names may contain blanks.
//! A `$` that begins the third or the fifth field starts a comment, and columns from 73 on are a comment too. In free format
//! blanks separate fields, so that names cannot contain blanks; the name of a set of right-hand sides, ranges or bounds may be
//! left out.
//!
//! **Fixed or free:** a file does not say which format it is in. It is read as free format first, and as fixed format if that fails,
//! as it does for names with blanks. If both fail, the error is that of the reading that reached the later line.
//!
//! What the sections mean:
//! * A right-hand side of the objective is *minus* its constant.
//! * A range `R` makes a row `L` with right-hand side `b` lie in `[b − │R│, b]`, a row `G` in `[b, b + │R│]`, a row `E` in
//!   `[b, b + R]` for `R ≥ 0` and in `[b + R, b]` for `R < 0`.
//! * A variable is at least 0 unless bounds say otherwise: `LO` (lower limit), `UP` (upper limit), `FX` (both), `FR` (neither),
//!   `MI` (no lower limit), `PL` (no upper limit). `MI` leaves the upper limit as it is. A negative `UP` removes the lower limit 0
//!   if no lower limit was given, as most readers do. Limits of absolute value `1e20` or more are missing limits ([`Limits`]).
//! * Of several sets of right-hand sides, ranges or bounds, the first counts. A notice names each further set.
//! * The senses are `MAX`, `MAXIMISE`, `MAXIMIZE` and `MAXIMUM`, and the same for `MIN`, in capitals or not.
//! * A file without an `N` row has the objective zero. A range of an `N` row has no effect.
//! * `OBJNAME` names the objective among the `N` rows; it must come before `ROWS`.
//! * Text after `ENDATA` is ignored.
//!
//! [`read_with_notices`] tells whatever was left out: further sets, further `N` rows, ranges of `N` rows. It also tells when a
//! negative `UP` removed a lower limit.
//!
//! # Known limits
//! The reader refuses, with the place: integer and semicontinuous variables (`MARKER` lines; `BV`, `LI`, `UI`, `SC`, `SI`
//! bounds), sections of quadratic programs, anything given twice, a column whose lines are not together, and names that are not
//! UTF-8.

mod fields;
mod reader;
mod sections;
mod sets;
mod write;

pub use write::write;

use super::{Noted, ParseError, without_byte_order_mark};
#[allow(unused_imports, reason = "for the links above")]
use crate::problem::Limits;
use crate::problem::LinearProgram;
use fields::Layout;

/// Reads a linear program.
///
/// ```
/// let file = b"NAME\nROWS\n N COST\n G NEED\nCOLUMNS\n X COST 2 NEED 1\nRHS\n RHS NEED 3\nENDATA\n";
/// let program = dyncvx::io::mps::read(file)?;
/// assert_eq!((program.costs(), program.rows()[0].lower()), (&[2.0][..], 3.0));
/// # Ok::<(), dyncvx::io::ParseError>(())
/// ```
///
/// # Errors
/// [`ParseError`] with the place, for anything that is not a linear program in this format.
///
/// # Complexity
/// Linear in the number of bytes; a file in fixed format is read twice.
pub fn read(bytes: &[u8]) -> Result<LinearProgram, ParseError> {
    read_with_notices(bytes).map(|noted| noted.content)
}

/// Reads a linear program as [`read`], and tells what was left out.
///
/// ```
/// let file = b"ROWS\n N COST\nCOLUMNS\n X COST 2\nBOUNDS\n LO FIRST X 1\n LO SECOND X 7\nENDATA\n";
/// let noted = dyncvx::io::mps::read_with_notices(file)?;
/// assert_eq!(noted.content.variables()[0].lower(), 1.0);
/// assert_eq!(
///     noted.notices[0].to_string(),
///     "line 7: set `SECOND` of BOUNDS is left out with its 1 entry: the first set counts, `FIRST`"
/// );
/// # Ok::<(), dyncvx::io::ParseError>(())
/// ```
///
/// # Errors
/// As [`read`].
///
/// # Complexity
/// As [`read`].
pub fn read_with_notices(bytes: &[u8]) -> Result<Noted<LinearProgram>, ParseError> {
    let bytes = without_byte_order_mark(bytes)?;
    reader::read(bytes, Layout::Free).or_else(|free| {
        reader::read(bytes, Layout::Fixed)
            .map_err(|fixed| if fixed.line > free.line { fixed } else { free })
    })
}
