//! Reads numbers from bytes, and knows their places.

use super::ParseError;
use core::fmt::Display;

/// Class of the bytes that separate numbers on a line.
const BLANK: u8 = 1;
/// Class of the bytes of a word. A word is a number as a whole, or not a number.
const WORD: u8 = 2;

/// Class of every byte; 0 for all other text.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut b = 0;
    while b < 256 {
        class[b] = match b as u8 {
            b' ' | b'\t' | b'\r' | 0x0b | 0x0c | b',' | b'(' | b')' | b'{' | b'}' => BLANK,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.' | b'_' | 0x80.. => WORD,
            _ => 0,
        };
        b += 1;
    }
    class
};

/// Reads numbers from left to right.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// End of the last word, text or comment: errors about something missing point here.
    end: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            end: 0,
        }
    }

    /// Moves to the next word or text, over line ends and over comment lines, which begin with `"` or `*`; `None` at the end.
    pub(super) fn advance(&mut self) -> Option<usize> {
        loop {
            self.skip_blank();
            match self.bytes.get(self.at)? {
                b'\n' => self.at += 1,
                b'"' | b'*' if self.begins_line() => self.skip_line(),
                _ => return Some(self.at),
            }
        }
    }

    /// The next word of this line as an integer in the range, and the byte where it begins.
    pub(super) fn integer(
        &mut self,
        what: impl Display,
        low: i64,
        high: i64,
    ) -> Result<(i64, usize), ParseError> {
        let (start, word) = self.word();
        match integer(word) {
            Some(value) if (low..=high).contains(&value) => Ok((value, start)),
            _ => Err(self.unexpected(start, format_args!("{what} from {low} to {high}"))),
        }
    }

    /// The next word of this line as a finite number.
    pub(super) fn float(&mut self, what: impl Display) -> Result<f64, ParseError> {
        let (start, word) = self.word();
        match float(word) {
            Some(value) if value.is_finite() => Ok(value),
            Some(_) => Err(self.unexpected(
                start,
                format_args!("{what}, a finite number in double precision"),
            )),
            None => Err(self.unexpected(start, what)),
        }
    }

    /// Skips the rest of the line. It may be text, but must not begin with another number.
    pub(super) fn end_of_line(&mut self, after: impl Display) -> Result<(), ParseError> {
        self.skip_blank();
        if matches!(self.bytes.get(self.at), None | Some(b'\n')) {
            return Ok(());
        }
        let (start, word) = self.word();
        let numeric = word.first().is_some_and(|b| !b.is_ascii_alphabetic());
        if numeric && float(word).is_some() {
            return Err(self.unexpected(start, format_args!("the end of the line after {after}")));
        }
        self.skip_line();
        Ok(())
    }

    /// The error that the text at `start` is not what was expected.
    pub(super) fn unexpected(&self, start: usize, expected: impl Display) -> ParseError {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let ink = |b: &&u8| CLASS[usize::from(**b)] != BLANK && **b != b'\n';
        let found = rest.iter().take_while(ink).count();
        if found > 0 {
            let shown = shown(&rest[..found]);
            let reason = format!("expected {expected}, found {shown}");
            return self.error(start, reason);
        }
        let place = if rest.is_empty() { "file" } else { "line" };
        let reason = format!("expected {expected}, found the end of the {place}");
        self.error(self.end, reason)
    }

    /// An error at byte `at`.
    pub(super) fn error(&self, at: usize, reason: String) -> ParseError {
        let before = &self.bytes[..at.min(self.bytes.len())];
        let begin = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |nl| nl + 1);
        ParseError {
            line: self.line_of(at),
            column: before.len() - begin + 1,
            reason,
        }
    }

    /// The line of byte `at`, counted from 1.
    pub(super) fn line_of(&self, at: usize) -> usize {
        let before = &self.bytes[..at.min(self.bytes.len())];
        1 + before.iter().filter(|&&b| b == b'\n').count()
    }

    /// The next word of this line, empty if there is none, and the byte where it begins.
    fn word(&mut self) -> (usize, &'a [u8]) {
        self.skip_blank();
        let start = self.at;
        while self.class() == WORD {
            self.at += 1;
        }
        if self.at > start {
            self.end = self.at;
        }
        (start, &self.bytes[start..self.at])
    }

    fn class(&self) -> u8 {
        self.bytes
            .get(self.at)
            .map_or(0, |&b| CLASS[usize::from(b)])
    }

    fn skip_blank(&mut self) {
        while self.class() == BLANK {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.bytes[self.at..];
        let line = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        let text = rest[..line].trim_ascii_end().len();
        self.end = self.at + text;
        self.at += line;
    }

    /// Whether only blanks stand before this byte on its line.
    fn begins_line(&self) -> bool {
        let mut before = self.bytes[..self.at].iter().rev();
        let ink = before.find(|&&b| CLASS[usize::from(b)] != BLANK);
        ink.is_none_or(|&b| b == b'\n')
    }
}

/// The beginning of a text of the file, in quotes.
pub(super) fn shown(bytes: &[u8]) -> String {
    /// Bytes of the file that an error message quotes.
    const MAX_QUOTED: usize = 32;
    let more = if bytes.len() > MAX_QUOTED { "…" } else { "" };
    format!(
        "`{}{more}`",
        printable(&bytes[..bytes.len().min(MAX_QUOTED)])
    )
}

/// Printable ASCII as it is, other bytes as `\xNN`.
fn printable(bytes: &[u8]) -> String {
    let show = |&b: &u8| match b {
        b' '..=b'~' => char::from(b).to_string(),
        _ => format!("\\x{b:02x}"),
    };
    bytes.iter().map(show).collect()
}

/// The integer `[+-]digits`; it saturates on overflow.
fn integer(word: &[u8]) -> Option<i64> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for &b in digits {
        if !b.is_ascii_digit() {
            return None;
        }
        value = value.saturating_mul(10).saturating_add(i64::from(b - b'0'));
    }
    Some(if negative { -value } else { value })
}

/// A decimal number, NaN or an infinity. The exponent may be marked by `D`, as in Fortran.
pub(super) fn float(word: &[u8]) -> Option<f64> {
    let text = core::str::from_utf8(word).ok()?;
    text.parse().ok().or_else(|| {
        let fortran = text.contains(['d', 'D']) && !text.contains(['e', 'E']);
        fortran.then(|| text.replace(['d', 'D'], "e").parse().ok())?
    })
}
