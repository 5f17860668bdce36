//! NumPy's `.npy` arrays.

use super::{Table, TableError};
use std::io::{self, Write};

/// The first bytes of every array file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// An array as it is stored.
#[derive(Debug)]
pub(super) struct Array<'a> {
    /// Byte order, kind and size of an entry, such as `<f8`.
    pub(super) kind: &'a str,
    pub(super) shape: Vec<usize>,
    /// Whether the first index moves fastest.
    by_column: bool,
    /// The bytes of all entries.
    pub(super) data: &'a [u8],
}

impl<'a> Array<'a> {
    /// Reads the header. The bytes of the entries are checked to be there.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, TableError> {
        // Magic, version, and the length of the header: two bytes in version 1, four in versions 2 and 3.
        let short = || TableError::npy("expected a header, found the end of the file");
        let rest = bytes.strip_prefix(MAGIC).unwrap_or_default();
        let (version, rest) = rest.split_at_checked(2).ok_or_else(short)?;
        let length_bytes = match version[0] {
            1 => 2,
            2 | 3 => 4,
            other => {
                let reason = format!("expected version 1, 2 or 3, found {other}");
                return Err(TableError::npy(reason));
            }
        };
        let (length, rest) = rest.split_at_checked(length_bytes).ok_or_else(short)?;
        let digits = length.iter().rev();
        let length = digits.fold(0, |sum: usize, b| (sum << 8) | usize::from(*b));
        let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
        let header = core::str::from_utf8(header).map_err(|_| {
            TableError::npy("expected a header of text, found bytes that are not UTF-8")
        })?;

        // Three entries of a dictionary in Python's notation.
        let mut header = Header { rest: header };
        let (kind, by_column, shape) = header.entries()?;
        let mut array = Self {
            kind,
            shape,
            by_column,
            data,
        };
        let needed = array
            .shape
            .iter()
            .try_fold(array.item_bytes()?, |product, n| product.checked_mul(*n))
            .filter(|needed| *needed <= data.len());
        let Some(needed) = needed else {
            return Err(TableError::npy(format!(
                "expected the entries of an array of shape {:?}, found {} bytes",
                array.shape,
                data.len()
            )));
        };
        array.data = &data[..needed];
        Ok(array)
    }

    /// Bytes of one entry.
    fn item_bytes(&self) -> Result<usize, TableError> {
        let size = self.kind.get(2..).and_then(|size| size.parse().ok());
        // A Unicode string has four bytes per letter.
        let factor = if self.kind.get(1..2) == Some("U") {
            4
        } else {
            1
        };
        match size.and_then(|size: usize| size.checked_mul(factor)) {
            Some(size) if size > 0 => Ok(size),
            _ => Err(self.unsupported()),
        }
    }

    fn unsupported(&self) -> TableError {
        let kind = self.kind;
        TableError::Content(format!(
            "expected whole numbers or 32- or 64-bit floats, found {kind}"
        ))
    }

    /// The entries, in the order in which they are stored.
    pub(super) fn numbers(&self) -> Result<Vec<f64>, TableError> {
        fn entries<const N: usize>(data: &[u8], swap: bool, read: fn([u8; N]) -> f64) -> Vec<f64> {
            let (items, _) = data.as_chunks::<N>();
            let item = |bytes: &[u8; N]| {
                let mut bytes = *bytes;
                if swap {
                    bytes.reverse();
                }
                read(bytes)
            };
            items.iter().map(item).collect()
        }
        let (order, kind) = self.kind.split_at_checked(1).unwrap_or_default();
        let swap = match order {
            "<" | "|" | "=" => false,
            ">" => true,
            _ => return Err(self.unsupported()),
        };
        let data = self.data;
        Ok(match kind {
            "f8" => entries(data, swap, f64::from_le_bytes),
            "f4" => entries(data, swap, |b| f64::from(f32::from_le_bytes(b))),
            "i1" => entries(data, swap, |b| f64::from(i8::from_le_bytes(b))),
            "i2" => entries(data, swap, |b| f64::from(i16::from_le_bytes(b))),
            "i4" => entries(data, swap, |b| f64::from(i32::from_le_bytes(b))),
            "i8" => entries(data, swap, |b| i64::from_le_bytes(b) as f64),
            "u1" => entries(data, swap, |b| f64::from(u8::from_le_bytes(b))),
            "b1" => entries(data, swap, |b: [u8; 1]| f64::from(u8::from(b[0] != 0))),
            "u2" => entries(data, swap, |b| f64::from(u16::from_le_bytes(b))),
            "u4" => entries(data, swap, |b| f64::from(u32::from_le_bytes(b))),
            "u8" => entries(data, swap, |b| u64::from_le_bytes(b) as f64),
            _ => return Err(self.unsupported()),
        })
    }

    /// The array as a matrix; a vector is one column.
    pub(super) fn table(&self) -> Result<Table, TableError> {
        let (rows, columns) = match self.shape[..] {
            [n] => (n, 1),
            [m, n] => (m, n),
            _ => {
                let axes = self.shape.len();
                return Err(TableError::Content(format!(
                    "expected an array with one or two axes, found {axes}"
                )));
            }
        };
        let mut values = self.numbers()?;
        if self.by_column {
            values = (0..values.len())
                .map(|k| values[(k % columns) * rows + k / columns])
                .collect();
        }
        Ok(Table {
            rows,
            columns,
            values,
        })
    }
}

/// What is left of a header.
struct Header<'a> {
    rest: &'a str,
}

impl<'a> Header<'a> {
    /// Kind, whether the entries are stored by column, and shape.
    fn entries(&mut self) -> Result<(&'a str, bool, Vec<usize>), TableError> {
        let (mut kind, mut by_column, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.takes('}') {
            let key = self.string()?;
            self.expect(':')?;
            match key {
                "descr" => {
                    if self.rest.starts_with(['[', '(', '{']) {
                        let reason = "expected an array of numbers, found one of records";
                        return Err(TableError::Content(reason.into()));
                    }
                    kind = Some(self.string()?);
                }
                "fortran_order" => by_column = Some(self.boolean()?),
                "shape" => shape = Some(self.tuple()?),
                _ => return Err(self.unexpected("descr, fortran_order or shape before")),
            }
            if !self.takes(',') {
                self.expect('}')?;
                break;
            }
        }
        match (kind, by_column, shape) {
            (Some(kind), Some(by_column), Some(shape)) => Ok((kind, by_column, shape)),
            _ => Err(TableError::npy(
                "expected descr, fortran_order and shape in the header",
            )),
        }
    }

    fn unexpected(&self, expected: &str) -> TableError {
        let found: String = self.rest.chars().take(16).collect();
        TableError::npy(format!("expected {expected} `{}`", found.escape_default()))
    }

    /// Whether the next character is this one; it is taken then, and the blanks after it.
    fn takes(&mut self, c: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(c);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Result<(), TableError> {
        if self.takes(c) {
            return Ok(());
        }
        Err(self.unexpected(&format!("`{c}` before")))
    }

    fn string(&mut self) -> Result<&'a str, TableError> {
        let quote = if self.rest.starts_with('"') {
            '"'
        } else {
            '\''
        };
        let inside = self.rest.strip_prefix(quote);
        let Some((text, rest)) = inside.and_then(|rest| rest.split_once(quote)) else {
            return Err(self.unexpected("a text in quotation marks, found"));
        };
        self.rest = rest.trim_start();
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, TableError> {
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest.trim_start();
                return Ok(value);
            }
        }
        Err(self.unexpected("True or False, found"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, TableError> {
        let mut numbers = vec![];
        self.expect('(')?;
        while !self.takes(')') {
            let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = self.rest.split_at(digits);
            let Ok(number) = number.parse() else {
                return Err(self.unexpected("a number of entries, found"));
            };
            numbers.push(number);
            // Python 2 marked long integers.
            self.rest = rest.strip_prefix('L').unwrap_or(rest).trim_start();
            if !self.takes(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }
}

/// The header of an array, version 1, padded so that the entries begin at a multiple of 64 bytes.
pub(super) fn header(kind: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    let before = MAGIC.len() + 4;
    let total = (before + text.len() + 1).next_multiple_of(64);
    text.extend(core::iter::repeat_n(' ', total - before - text.len() - 1));
    text.push('\n');
    let mut bytes = [MAGIC, b"\x01\x00"].concat();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Writes a matrix as a `.npy` array of 64-bit floats. `values` gives the entries row by row.
///
/// # Errors
/// Those of `out`.
pub fn write_npy(
    (rows, columns): (usize, usize),
    values: impl IntoIterator<Item = f64>,
    out: &mut impl Write,
) -> io::Result<()> {
    out.write_all(&header("<f8", &format!("({rows}, {columns})")))?;
    for value in values {
        out.write_all(&value.to_le_bytes())?;
    }
    out.flush()
}
