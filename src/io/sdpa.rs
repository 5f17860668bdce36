//! The SDPA sparse format (`.dat-s`) for semidefinite programs.
//!
//! ```text
//! "a comment: any line that begins with a quotation mark or a star
//! 2 = mDIM                  number of matrices m, then any text
//! 2 = nBLOCK                number of blocks
//! (2, -3) = bLOCKsTRUCT     order of each; negative: diagonal, that many nonnegative numbers
//! {1.0, 2.5D+00}            costs c_1 … c_m, over any number of lines
//! 0 1 1 2 -1.0              matrix (0 … m), block, row, column, value
//! ```
//!
//! Blanks, commas, parentheses and braces separate numbers. An entry sets both `(row, column)` and `(column, row)`. Entries come
//! in any order, one per line; text may follow. See [`SemidefiniteProgram`] for the problem that a file states.
//!
//! Where the format leaves freedom:
//! * A position must be given once. Files may list both triangles: `(i, j)` and `(j, i)` count once if their values are equal, and
//!   are an error otherwise. A plain repetition is an error: other programs disagree on whether the second value is added or
//!   replaces the first, and no file of SDPLIB has one.
//! * A block of order 1, of either sign, becomes [`Block::Nonneg(1)`](Block::Nonneg), the same cone in a cheaper form.
//! * Another number after a complete line is an error, and so is a fraction where an integer is expected.
//! * Entries with value 0 are checked and then dropped.
//!
//! Some programs extend the format by sections that look like comments to others: `*INTEGER`, followed by lines such as `*2`, and
//! `*RANK1`. A file with such a section is refused, because the program without it is a relaxation. A comment that only begins
//! with such a word, such as `*integer programs are elsewhere`, remains a comment.
//!
//! [`read_with_notices`] tells when a file lists both triangles.

use super::lexer::{Lexer, shown};
use super::{Noted, Notice, ParseError, without_byte_order_mark};
use crate::constraints::{Block, Builder, Constraints};
use crate::error::Error;
use crate::problem::SemidefiniteProgram;
use std::io::{self, BufWriter, Write};

/// Largest index of a file: indices are stored in 32 bits.
const INDEX_MAX: i64 = u32::MAX as i64;

/// One entry of the file. Block, row and column are those of the file, but counted from 0; `at` is the first byte of its line.
#[derive(Clone, Copy)]
struct Entry {
    matrix: u32,
    block: u32,
    row: u32,
    col: u32,
    value: f64,
    at: usize,
}

impl Entry {
    /// Adds the entry to the matrix it belongs to: `F_0`, or one of the others.
    fn add(
        &self,
        lexer: &Lexer<'_>,
        constant: &mut Builder,
        matrices: &mut Builder,
    ) -> Result<(), ParseError> {
        let (target, matrix) = match self.matrix {
            0 => (constant, 0),
            i => (matrices, i as usize - 1),
        };
        let (block, row, col) = (self.block as usize, self.row as usize, self.col as usize);
        match target.entry(matrix, block, row, col, self.value) {
            Ok(_) => Ok(()),
            Err(error) => Err(lexer.error(self.at, error.to_string())),
        }
    }

    /// The position of the entry; `(i, j)` and `(j, i)` have the same.
    fn position(&self) -> (u32, u32, u32, u32) {
        let (row, col) = (self.row.min(self.col), self.row.max(self.col));
        (self.matrix, self.block, col, row)
    }
}

/// Reads a semidefinite program. The bytes need not be UTF-8.
///
/// ```
/// let file = b"\"smallest eigenvalue\n1 = mDIM\n1\n2\n-1.0\n0 1 1 1 -2\n0 1 1 2 -1\n0 1 2 2 -2\n1 1 1 1 -1\n1 1 2 2 -1\n";
/// let program = dyncvx::io::sdpa::read(file)?;
/// assert_eq!(program.costs(), [-1.0]);
/// assert_eq!(program.constant().nonzeros(), 3);
/// # Ok::<(), dyncvx::io::ParseError>(())
/// ```
///
/// # Errors
/// [`ParseError`] with the place, for anything that is not a program in this format.
///
/// # Complexity
/// One pass over the bytes and a sort of the `k` entries, `O(k log k)`. Memory in proportion to `k` and to the numbers that the
/// header contains, and some numbers per row of a matrix block; never to the other sizes that the header states.
pub fn read(bytes: &[u8]) -> Result<SemidefiniteProgram, ParseError> {
    read_with_notices(bytes).map(|noted| noted.content)
}

/// Reads a semidefinite program as [`read`], and tells what was counted once though the file lists it twice.
///
/// # Errors
/// As [`read`].
///
/// # Complexity
/// As [`read`].
pub fn read_with_notices(bytes: &[u8]) -> Result<Noted<SemidefiniteProgram>, ParseError> {
    let bytes = without_byte_order_mark(bytes)?;
    refuse_extensions(bytes)?;
    // The header: numbers of matrices and blocks, sizes of blocks, costs.
    let mut lexer = Lexer::new(bytes);
    lexer.advance();
    let (m, _) = lexer.integer("the number of matrices,", 1, INDEX_MAX)?;
    lexer.end_of_line("the number of matrices")?;
    lexer.advance();
    let (block_count, _) = lexer.integer("the number of blocks,", 1, INDEX_MAX)?;
    lexer.end_of_line("the number of blocks")?;
    let (blocks, places) = read_blocks(&mut lexer, block_count)?;

    let mut costs = Vec::new();
    for k in 1..=m {
        lexer.advance();
        costs.push(lexer.float(format_args!("cost {k} of {m}"))?);
    }
    lexer.end_of_line(format_args!("{m} costs"))?;

    // The builders refuse blocks that are too large before any entry is read.
    let builder = |rows: i64| {
        Constraints::builder(rows as usize, &blocks).map_err(|error| {
            let largest = (0..blocks.len()).max_by_key(|&b| match blocks[b] {
                Block::Psd(n) => n as u128 * n as u128,
                Block::Nonneg(n) => n as u128,
            });
            lexer.error(largest.map_or(0, |b| places[b]), error.to_string())
        })
    };
    let (mut constant, mut matrices) = (builder(1)?, builder(m)?);
    let noted = |costs, matrices, constant, notices| {
        let content = SemidefiniteProgram::new(costs, matrices, constant)
            .map_err(|error| lexer.error(bytes.len(), error.to_string()))?;
        Ok(Noted { content, notices })
    };

    // Nearly all files list one triangle and have no fault. They are read without a list of their entries.
    let mut ahead = lexer.clone();
    let mut one_triangle = true;
    while let Some(at) = ahead.advance() {
        let e = read_entry(&mut ahead, at, m, &blocks)?;
        one_triangle = e.row <= e.col;
        if !one_triangle {
            break;
        }
        e.add(&lexer, &mut constant, &mut matrices)?;
    }
    if one_triangle && let (Ok(constant), Ok(matrices)) = (constant.build(), matrices.build()) {
        return noted(costs, matrices, constant, vec![]);
    }
    // Other files are read again into a list, for the second triangle and for errors that name two lines.
    let (mut constant, mut matrices) = (builder(1)?, builder(m)?);
    let (mut entries, mut below, mut lexer) = (Vec::new(), false, lexer.clone());
    while let Some(at) = lexer.advance() {
        let entry = read_entry(&mut lexer, at, m, &blocks)?;
        below |= entry.row > entry.col;
        entries.push(entry);
    }
    let mut notices = Vec::new();
    if below {
        notices.extend(drop_second_triangle(&lexer, &mut entries)?);
    }
    for e in &entries {
        e.add(&lexer, &mut constant, &mut matrices)?;
    }
    let constant = build(&lexer, constant, &entries, |matrix| matrix == 0)?;
    let matrices = build(&lexer, matrices, &entries, |matrix| matrix > 0)?;
    noted(costs, matrices, constant, notices)
}

/// Fails at a section that extends the format behind the mark of a comment.
fn refuse_extensions(bytes: &[u8]) -> Result<(), ParseError> {
    const TITLES: [&[u8]; 4] = [b"INTEGER", b"BINARY", b"RANK1", b"RANK"];
    let mut lines = bytes.split(|&b| b == b'\n').enumerate().peekable();
    while let Some((k, line)) = lines.next() {
        let Some(text) = starred(line) else { continue };
        let word = text.split(|b| !b.is_ascii_alphanumeric()).next();
        let word = word.unwrap_or_default();
        if !TITLES.iter().any(|title| word.eq_ignore_ascii_case(title)) {
            continue;
        }
        // The word is a title if no other words follow it, or if the next line lists numbers as the section does.
        let more_words = text[word.len()..].iter().any(u8::is_ascii_alphabetic);
        let listed = |line: &[u8]| {
            let numbers = starred(line).unwrap_or_default();
            let mut bytes = numbers.iter();
            !numbers.is_empty() && bytes.all(|b| b.is_ascii_digit() || b.is_ascii_whitespace())
        };
        if !more_words || lines.peek().is_some_and(|(_, next)| listed(next)) {
            let reason = format!(
                "expected a program whose variables are real and whose matrices have any rank, found the section {}",
                shown(&[b"*", word].concat())
            );
            return Err(ParseError {
                line: k + 1,
                column: 1 + line.len() - line.trim_ascii_start().len(),
                reason,
            });
        }
    }
    Ok(())
}

/// The text of a comment line that begins with a star.
fn starred(line: &[u8]) -> Option<&[u8]> {
    let text = line.trim_ascii().strip_prefix(b"*")?;
    Some(text.trim_ascii())
}

/// The blocks, and the bytes where the file gives their sizes.
fn read_blocks(lexer: &mut Lexer<'_>, count: i64) -> Result<(Vec<Block>, Vec<usize>), ParseError> {
    let (mut blocks, mut places) = (Vec::new(), Vec::new());
    for k in 1..=count {
        lexer.advance();
        let (size, at) = lexer.integer(
            format_args!("the size of block {k} of {count},"),
            -INDEX_MAX,
            INDEX_MAX,
        )?;
        blocks.push(match size {
            0 => {
                return Err(lexer.unexpected(
                    at,
                    format_args!("the size of block {k} of {count}, not zero"),
                ));
            }
            2.. => Block::Psd(size as usize),
            _ => Block::Nonneg(size.unsigned_abs() as usize),
        });
        places.push(at);
    }
    lexer.end_of_line(format_args!("the sizes of {count} blocks"))?;
    Ok((blocks, places))
}

/// The five numbers of a line.
fn read_entry(
    lexer: &mut Lexer<'_>,
    at: usize,
    m: i64,
    blocks: &[Block],
) -> Result<Entry, ParseError> {
    let (matrix, _) = lexer.integer("a matrix number", 0, m)?;
    let (block, _) = lexer.integer("a block number", 1, blocks.len() as i64)?;
    let shape = blocks[block as usize - 1];
    let order = shape.order() as i64;
    let (row, _) = lexer.integer("a row number", 1, order)?;
    let (col, col_at) = lexer.integer("a column number", 1, order)?;
    if row != col && matches!(shape, Block::Nonneg(_)) {
        return Err(lexer.unexpected(
            col_at,
            format_args!("column {row}, because block {block} is diagonal and this is row {row}"),
        ));
    }
    let value = lexer.float("the value of the entry")?;
    lexer.end_of_line("the five numbers of an entry")?;
    Ok(Entry {
        matrix: matrix as u32,
        block: block as u32 - 1,
        row: row as u32 - 1,
        col: col as u32 - 1,
        value,
        at,
    })
}

/// Drops one of `(i, j)` and `(j, i)` where both are given with the same value, and tells how many were dropped.
fn drop_second_triangle(
    lexer: &Lexer<'_>,
    entries: &mut Vec<Entry>,
) -> Result<Option<Notice>, ParseError> {
    entries.sort_unstable_by_key(|e| (e.position(), e.at));
    for pair in entries.windows(2) {
        let [first, second] = pair else { continue };
        if first.position() != second.position() {
            continue;
        }
        if first.row == second.row {
            return Err(repeated(lexer, first, second));
        }
        if first.value != second.value {
            let (row, col) = (second.row + 1, second.col + 1);
            let reason = format!(
                "expected a symmetric matrix, found {:?} at ({row}, {col}) and, on line {}, {:?} at ({col}, {row})",
                second.value,
                lexer.line_of(first.at),
                first.value
            );
            return Err(lexer.error(second.at, reason));
        }
    }
    // Two neighbours with one position are now of different triangles: a third entry with that position repeats one of them.
    for triple in entries.windows(3) {
        let [first, _, third] = triple else { continue };
        if first.position() == third.position() {
            return Err(repeated(lexer, first, third));
        }
    }
    let given = entries.len();
    let mut first_dropped = None;
    entries.dedup_by(|second, first| {
        let same = second.position() == first.position();
        if same {
            let at = first_dropped.get_or_insert(second.at);
            *at = second.at.min(*at);
        }
        same
    });
    let dropped = given - entries.len();
    Ok(first_dropped.map(|at| {
        let line = lexer.line_of(at);
        let text = format!("both triangles are given, {dropped} entries twice: each counts once");
        Notice { line, text }
    }))
}

fn repeated(lexer: &Lexer<'_>, first: &Entry, second: &Entry) -> ParseError {
    let reason = format!(
        "expected every position once, found ({}, {}) in block {} of matrix {} again, after line {}",
        second.row + 1,
        second.col + 1,
        second.block + 1,
        second.matrix,
        lexer.line_of(first.at)
    );
    lexer.error(second.at, reason)
}

/// Builds the rows. An error about a repeated entry becomes one that names two lines; `mine` tells which matrices are in this
/// builder.
fn build(
    lexer: &Lexer<'_>,
    builder: Builder,
    entries: &[Entry],
    mine: impl Fn(u32) -> bool,
) -> Result<Constraints, ParseError> {
    builder.build().map_err(|error| {
        let nth = |k| entries.iter().filter(|e| mine(e.matrix)).nth(k);
        if let Error::Duplicate {
            entry, previous, ..
        } = error
            && let (Some(first), Some(second)) = (nth(previous), nth(entry))
        {
            return repeated(lexer, first, second);
        }
        lexer.error(0, error.to_string())
    })
}

/// Writes a semidefinite program. [`read`] returns the same numbers to the last bit, but turns blocks of order 1 into nonnegative
/// blocks.
///
/// # Errors
/// Those of `out`.
///
/// # Complexity
/// One pass over the nonzeros, and a sort where there are several blocks: the file is ordered by matrix.
pub fn write(program: &SemidefiniteProgram, out: &mut impl Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let blocks = program.blocks();
    writeln!(out, "{}\n{}", program.costs().len(), blocks.len())?;
    let sizes = blocks.iter().map(|b| match b {
        Block::Psd(n) => format!("{n}"),
        Block::Nonneg(n) => format!("-{n}"),
    });
    writeln!(out, "{}", sizes.collect::<Vec<_>>().join(" "))?;
    for (k, cost) in program.costs().iter().enumerate() {
        write!(out, "{}{cost:?}", if k > 0 { " " } else { "" })?;
    }
    writeln!(out)?;
    let constant = program.constant().entries();
    for (_, block, row, col, value) in constant {
        entry_line(&mut out, 0, block, row, col, value)?;
    }
    let mut entries: Vec<_> = program.matrices().entries().collect();
    entries.sort_by_key(|&(matrix, ..)| matrix);
    for (matrix, block, row, col, value) in entries {
        entry_line(&mut out, matrix + 1, block, row, col, value)?;
    }
    out.flush()
}

fn entry_line(
    out: &mut impl Write,
    matrix: usize,
    block: usize,
    row: usize,
    col: usize,
    value: f64,
) -> io::Result<()> {
    let (block, row, col) = (block + 1, row + 1, col + 1);
    writeln!(out, "{matrix} {block} {row} {col} {value:?}")
}
