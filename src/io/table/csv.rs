//! Text with separators.

use super::Table;
use crate::io::lexer::{float, shown};
use crate::io::{Noted, Notice, ParseError, without_byte_order_mark};

/// What separates the numbers of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Character(char),
    /// Any number of blanks and tabs.
    Blanks,
}

impl Separator {
    /// The separator of this line, if it has more than one field.
    fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        // A tab beside a comma only pads.
        let padded = line.contains(",\t") || line.contains("\t,");
        let found = if line.contains(';') {
            Self::Character(';')
        } else if line.contains('\t') && !padded {
            Self::Character('\t')
        } else if line.contains(',') {
            Self::Character(',')
        } else if line.contains(char::is_whitespace) {
            Self::Blanks
        } else {
            return None;
        };
        Some(found)
    }

    /// The fields of a line, each with its first byte.
    fn fields<'a>(self, line: &'a str) -> Box<dyn Iterator<Item = (usize, &'a str)> + 'a> {
        let place = move |field: &'a str| field.as_ptr() as usize - line.as_ptr() as usize;
        match self {
            Self::Character(c) => Box::new(line.split(c).map(move |field| {
                let text = field.trim();
                let at = if text.is_empty() { field } else { text };
                (place(at), text)
            })),
            Self::Blanks => Box::new(line.split_whitespace().map(move |text| (place(text), text))),
        }
    }
}

/// Reads the numbers of a text.
pub(super) fn read(bytes: &[u8]) -> Result<Noted<Table>, ParseError> {
    let bytes = without_byte_order_mark(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|e| not_text(bytes, e.valid_up_to()))?;
    let mut table = Table {
        rows: 0,
        columns: 0,
        values: Vec::new(),
    };
    let (mut notices, mut separator) = (Vec::new(), None);
    let mut first = true;
    for (k, line) in lines(text).enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        // Spreadsheets may name the separator first, and column names may come before the numbers.
        if core::mem::take(&mut first) {
            if let Some(c) = named_separator(line) {
                separator = Some(Separator::Character(c));
                first = true;
                continue;
            }
            if is_header(line) {
                let names = shown(line.trim().as_bytes());
                notices.push(Notice {
                    line: k + 1,
                    text: format!("the column names {names} are left out"),
                });
                continue;
            }
        }
        // A line with one number leaves the separator open.
        separator = separator.or_else(|| Separator::of(line));
        let mut columns = 0;
        for (at, field) in separator.unwrap_or(Separator::Blanks).fields(line) {
            let number = number(field).map_err(|reason| ParseError {
                line: k + 1,
                column: at + 1,
                reason,
            })?;
            table.values.push(number);
            columns += 1;
        }
        if table.rows > 0 && columns != table.columns {
            let expected = table.columns;
            return Err(ParseError {
                line: k + 1,
                column: 1,
                reason: format!("expected {expected} numbers, found {columns}"),
            });
        }
        table.columns = columns;
        table.rows += 1;
    }
    let content = table;
    Ok(Noted { content, notices })
}

/// The lines of a text, with the line ends of any system.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.split('\n');
    lines.flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

fn not_text(bytes: &[u8], at: usize) -> ParseError {
    let before = &bytes[..at];
    let begin = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |k| k + 1);
    ParseError {
        line: 1 + before.iter().filter(|b| **b == b'\n').count(),
        column: 1 + at - begin,
        reason: "expected text, found bytes that are not UTF-8".into(),
    }
}

/// The character of a line such as `sep=;`.
fn named_separator(line: &str) -> Option<char> {
    let mut rest = line.strip_prefix("sep=")?.chars();
    let c = rest.next()?;
    (matches!(c, ',' | ';' | '\t') && rest.as_str().trim().is_empty()).then_some(c)
}

/// Whether a line names columns: it has letters, and no word of it is, or begins as, a number or stands for a missing one.
fn is_header(line: &str) -> bool {
    let words = line
        .split([',', ';', '\t', ' '])
        .map(unquoted)
        .filter(|word| !word.is_empty());
    let names = |word: &str| {
        let missing = ["NA", "N/A", "NULL", "NONE"];
        float(word.as_bytes()).is_none()
            && !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
            && !missing.iter().any(|m| word.eq_ignore_ascii_case(m))
    };
    let mut all = words.peekable();
    all.peek().is_some() && line.contains(char::is_alphabetic) && all.all(names)
}

/// A field without blanks and quotation marks around it.
fn unquoted(field: &str) -> &str {
    let field = field.trim();
    let inner = field.strip_prefix('"').and_then(|f| f.strip_suffix('"'));
    inner.map_or(field, str::trim)
}

/// The number in a field, or why there is none.
fn number(field: &str) -> Result<f64, String> {
    let text = unquoted(field);
    if let Some(value) = float(text.as_bytes()) {
        return Ok(value);
    }
    if text.is_empty() {
        return Err("expected a number, found nothing".into());
    }
    let found = shown(text.as_bytes());
    if text.contains(',') && float(text.replace(',', ".").as_bytes()).is_some() {
        return Err(format!(
            "expected a number with a decimal point, found a decimal comma in {found}"
        ));
    }
    if text.contains(' ') {
        return Err(format!(
            "expected a number, found {found}; with commas between numbers, blanks do not separate them, and a decimal comma is \
             not supported"
        ));
    }
    Err(format!("expected a number, found {found}"))
}
