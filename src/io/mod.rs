//! Readers and writers of the file formats that solvers exchange.
//!
//! Readers take bytes, not text, because comments may be in any encoding. They refuse a file with a [`ParseError`] that names
//! line and column. They never panic, and the memory they take grows with the size of the file, not with numbers that the file
//! states. Writers keep every bit of a number.

mod lexer;
pub mod mps;
pub mod sdpa;

/// The place where a file is not valid, and the reason.
///
/// ```
/// let error = dyncvx::io::sdpa::read(b"1\n1\n2\n1.0\n1 1 1 3 1.0\n").unwrap_err();
/// assert_eq!((error.line, error.column), (5, 7));
/// assert_eq!(error.to_string(), "line 5, column 7: expected a column number from 1 to 2, found `3`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct ParseError {
    /// Line, counted from 1; lines end with a line feed.
    pub line: usize,
    /// Column, counted from 1 in bytes. Something missing is reported just after the text before it.
    pub column: usize,
    /// What was expected and what was found.
    pub reason: String,
}
