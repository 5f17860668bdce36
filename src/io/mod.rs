//! Files: what solvers exchange, read strictly and written exactly.
//!
//! Readers take bytes, not text: a comment may be in any encoding. What they refuse they refuse with the place, as a
//! [`ParseError`]; they never panic, and never allocate in proportion to a number that a file merely claims.

mod lexer;
pub mod mps;
pub mod sdpa;

/// Where a file stopped making sense, and why.
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
    /// Column, counted from 1 in bytes. Something missing is placed right behind what came before it.
    pub column: usize,
    /// What was expected and what was found.
    pub reason: String,
}
