//! Lines of a file, and their fields.

use crate::io::ParseError;
use crate::io::lexer::shown;
use core::fmt::Display;

/// How a line is split into fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Blanks separate fields.
    Free,
    /// Every field has its columns.
    Fixed,
}

/// The sections that are tables: their lines have fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Rows,
    Columns,
    Rhs,
    Ranges,
    Bounds,
}

/// A line without its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Counted from 1.
    pub number: usize,
    pub bytes: &'a [u8],
}

/// A part of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub text: &'a [u8],
    pub line: usize,
    /// Counted from 1. A missing field is placed just after the text before it.
    pub column: usize,
}

impl<'a> Line<'a> {
    /// The lines that are neither blank nor comments.
    pub(super) fn all(bytes: &'a [u8]) -> impl Iterator<Item = Line<'a>> {
        let lines = bytes.split(|&b| b == b'\n').enumerate();
        lines
            .map(|(k, line)| Line {
                number: k + 1,
                bytes: line.strip_suffix(b"\r").unwrap_or(line),
            })
            .filter(|l| !l.bytes.trim_ascii().is_empty() && l.bytes[0] != b'*')
    }

    /// Whether the line is a header, which begins in the first column.
    pub(super) fn is_header(&self) -> bool {
        self.bytes.first().is_some_and(|b| !b.is_ascii_whitespace())
    }

    /// The text between two bytes of the line, without the blanks around it.
    pub(super) fn field(&self, from: usize, to: usize) -> Field<'a> {
        let to = to.min(self.bytes.len());
        let from = from.min(to);
        let part = &self.bytes[from..to];
        let text = part.trim_ascii();
        let before = if text.is_empty() {
            self.bytes[..from].trim_ascii_end().len()
        } else {
            from + part.len() - part.trim_ascii_start().len()
        };
        Field {
            text,
            line: self.number,
            column: before + 1,
        }
    }

    /// The words of the line.
    pub(super) fn words(&self) -> impl Iterator<Item = Field<'a>> {
        let line = *self;
        let mut at = 0;
        core::iter::from_fn(move || {
            let rest = &line.bytes[at..];
            let start = at + rest.iter().position(|b| !b.is_ascii_whitespace())?;
            let length = line.bytes[start..]
                .iter()
                .take_while(|b| !b.is_ascii_whitespace());
            at = start + length.count();
            Some(line.field(start, at))
        })
    }

    /// An empty field just after the last word.
    fn end(&self) -> Field<'a> {
        self.field(self.bytes.len(), self.bytes.len())
    }
}

impl Field<'_> {
    pub(super) fn is_missing(&self) -> bool {
        self.text.is_empty()
    }

    /// An error about this field.
    pub(super) fn error(&self, reason: String) -> ParseError {
        ParseError {
            line: self.line,
            column: self.column,
            reason,
        }
    }

    /// The error that this field is not what was expected.
    pub(super) fn unexpected(&self, expected: impl Display) -> ParseError {
        let found = if self.is_missing() {
            "nothing".to_string()
        } else {
            shown(self.text)
        };
        self.error(format!("expected {expected}, found {found}"))
    }
}

/// The six fields of a line: type, name, name and number, name and number. Missing ones are empty.
pub(super) type Fields<'a> = [Field<'a>; 6];

/// First byte and end of the six fields in fixed format. The bytes between fields must be blank.
const COLUMNS: [(usize, usize); 6] = [(1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61)];

/// First byte of the comment at the end of a line, where punched cards had their numbers.
const CARD_NUMBERS: usize = 72;

/// The fields of a line. Bounds in free format need `is_variable`, which tells whether a text is the name of a variable.
pub(super) fn fields<'a>(
    line: Line<'a>,
    layout: Layout,
    section: Section,
    is_variable: impl Fn(&[u8]) -> bool,
) -> Result<Fields<'a>, ParseError> {
    match layout {
        Layout::Fixed => fixed(line),
        Layout::Free => free(line, section, is_variable),
    }
}

/// Fields of a line in fixed format.
fn fixed(line: Line<'_>) -> Result<Fields<'_>, ParseError> {
    let mut gap = 0;
    for (k, (start, end)) in COLUMNS.into_iter().enumerate() {
        // A dollar sign that begins the third or the fifth field starts a comment.
        if (k == 2 || k == 4) && line.bytes.get(start) == Some(&b'$') {
            let bytes = &line.bytes[..start];
            return fixed(Line { bytes, ..line });
        }
        blank(line, gap, start)?;
        gap = end;
    }
    blank(line, gap, CARD_NUMBERS)?;
    if let Some(tab) = line.bytes.iter().position(|&b| b == b'\t') {
        return Err(line
            .field(tab, tab)
            .error("expected no tab in fixed format".into()));
    }
    Ok(COLUMNS.map(|(start, end)| line.field(start, end)))
}

/// Fails unless these bytes of the line are blank.
fn blank(line: Line<'_>, from: usize, to: usize) -> Result<(), ParseError> {
    let found = line.field(from, to);
    if found.is_missing() {
        return Ok(());
    }
    let first = from + 1;
    Err(found.unexpected(format_args!(
        "columns {first} to {to} to be blank in fixed format"
    )))
}

/// Fields of a line in free format.
fn free<'a>(
    line: Line<'a>,
    section: Section,
    is_variable: impl Fn(&[u8]) -> bool,
) -> Result<Fields<'a>, ParseError> {
    let nothing = line.end();
    let mut words = [nothing; 6];
    let mut count = 0;
    for word in line.words() {
        if let Some(place) = words.get_mut(count) {
            *place = word;
        }
        count += 1;
    }
    let [a, b, c, d, e, _] = words;
    let surplus = |most: usize, what: &str| -> Result<Fields<'a>, ParseError> {
        let found = line.words().nth(most).unwrap_or(nothing);
        Err(found.unexpected(format_args!("{what}")))
    };
    match (section, count) {
        (Section::Rows, ..=2) => Ok([a, b, nothing, nothing, nothing, nothing]),
        (Section::Rows, _) => surplus(2, "the end of the line after type and name of a row"),
        (Section::Columns, ..=5) => Ok([nothing, a, b, c, d, e]),
        // The name of the set may be left out.
        (Section::Rhs | Section::Ranges, 2 | 4) => Ok([nothing, nothing, a, b, c, d]),
        (Section::Rhs | Section::Ranges, ..=5) => Ok([nothing, a, b, c, d, e]),
        (Section::Columns | Section::Rhs | Section::Ranges, _) => {
            surplus(5, "the end of the line after two pairs of name and number")
        }
        (Section::Bounds, ..=2) => Ok([a, nothing, b, nothing, nothing, nothing]),
        (Section::Bounds, 3) => {
            // Either the set is named, or the third word is the number.
            let named = !takes_number(a.text) && (is_variable(c.text) || !is_variable(b.text));
            if named {
                Ok([a, b, c, nothing, nothing, nothing])
            } else {
                Ok([a, nothing, b, c, nothing, nothing])
            }
        }
        (Section::Bounds, 4) => Ok([a, b, c, d, nothing, nothing]),
        (Section::Bounds, _) => surplus(4, "the end of the line after a bound"),
    }
}

/// Whether a bound of this type takes a number.
fn takes_number(kind: &[u8]) -> bool {
    !matches!(
        kind.to_ascii_uppercase().as_slice(),
        b"FR" | b"MI" | b"PL" | b"BV"
    )
}
