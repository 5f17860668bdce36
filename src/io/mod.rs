//! Readers and writers of the file formats that solvers exchange.
//!
//! Readers take bytes, not text, because comments may be in any encoding. They refuse a file with a [`ParseError`] that names
//! line and column. They never panic, and the memory they take grows with the size of the file, not with numbers that the file
//! states. Writers keep every bit of a number.
//!
//! A UTF-8 byte order mark at the beginning of a file is skipped. What a reader left out of a file, or decided where the format
//! is ambiguous, is returned as a [`Notice`] by the functions `read_with_notices`.

mod lexer;
pub mod mps;
pub mod sdpa;
pub mod table;

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

/// Something that a reader left out of a file, or decided where the format is ambiguous.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The line that the notice is about, counted from 1.
    pub line: usize,
    /// What was found and what the reader made of it.
    pub text: String,
}

impl core::fmt::Display for Notice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

/// What a file contains, and what the reader has to say about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Noted<T> {
    /// The program or table.
    pub content: T,
    /// In the order of the lines. Empty for a file that was read whole and is not ambiguous.
    pub notices: Vec<Notice>,
}

/// The bytes of a text without a UTF-8 byte order mark. Fails on UTF-16, which begins with one of its own.
fn without_byte_order_mark(bytes: &[u8]) -> Result<&[u8], ParseError> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(ParseError {
            line: 1,
            column: 1,
            reason: "expected text in ASCII or UTF-8, found the byte order mark of UTF-16".into(),
        });
    }
    Ok(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}
