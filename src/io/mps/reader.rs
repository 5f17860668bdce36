//! The reader: which section a line belongs to, and the program that all lines give.

use super::fields::{Field, Layout, Line, Section, fields};
use super::sets::Sets;
use crate::error::Error;
use crate::io::lexer::shown;
use crate::io::{Noted, Notice, ParseError};
use crate::problem::{Limits, LinearProgram, Sense};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The meaning of the name of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Objective,
    /// An `N` row that is not the objective.
    Dropped,
    Row(usize),
}

/// The type of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    AtMost,
    AtLeast,
    Equal,
}

/// A number and its place, if it was given.
pub(super) type Given<'a> = Option<(f64, Field<'a>)>;

/// A row, or the objective.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) name: Field<'a>,
    pub(super) kind: Kind,
    pub(super) rhs: Given<'a>,
    pub(super) range: Given<'a>,
    /// The last variable with an entry in this row, and the place of the entry.
    pub(super) last: Option<(usize, Field<'a>)>,
    pub(super) entries: usize,
}

impl<'a> Row<'a> {
    pub(super) fn new(name: Field<'a>, kind: Kind) -> Self {
        Self {
            name,
            kind,
            rhs: None,
            range: None,
            last: None,
            entries: 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Variable<'a> {
    pub(super) name: Field<'a>,
    pub(super) cost: f64,
    pub(super) lower: Given<'a>,
    pub(super) upper: Given<'a>,
}

/// The section that the next lines belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CurrentSection {
    /// No section yet, or a section that takes no more lines.
    None,
    Sense,
    ObjectiveName,
    Table(Section),
}

pub(super) struct Reader<'a> {
    layout: Layout,
    section: CurrentSection,
    /// The headers so far: each section is allowed once.
    headers: HashMap<Vec<u8>, Field<'a>>,
    name: String,
    sense: Option<Sense>,
    /// The objective that `OBJNAME` names.
    pub(super) wanted: Option<Field<'a>>,
    pub(super) objective: Option<Row<'a>>,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) row_of: HashMap<&'a [u8], (Target, Field<'a>)>,
    pub(super) variables: Vec<Variable<'a>>,
    pub(super) variable_of: HashMap<&'a [u8], usize>,
    /// Row, variable and value, in the order of the variables.
    pub(super) entries: Vec<(usize, usize, f64)>,
    /// The sets of right-hand sides, of ranges and of bounds.
    pub(super) sets: [Sets<'a>; 3],
    /// The first `N` row that is not the objective, and the number of such rows.
    pub(super) dropped_rows: Option<(Field<'a>, usize)>,
    pub(super) notices: Vec<Notice>,
}

/// Reads a program in this layout.
pub(super) fn read(bytes: &[u8], layout: Layout) -> Result<Noted<LinearProgram>, ParseError> {
    let mut reader = Reader {
        layout,
        section: CurrentSection::None,
        headers: HashMap::new(),
        name: String::new(),
        sense: None,
        wanted: None,
        objective: None,
        rows: vec![],
        row_of: HashMap::new(),
        variables: vec![],
        variable_of: HashMap::new(),
        entries: vec![],
        sets: [Sets::new("RHS"), Sets::new("RANGES"), Sets::new("BOUNDS")],
        dropped_rows: None,
        notices: vec![],
    };
    for line in Line::all(bytes) {
        if line.is_header() {
            if reader.header(line)? {
                return reader.finish(line);
            }
        } else {
            reader.data(line)?;
        }
    }
    // ENDATA is missing: the error points just after the last text.
    let text = bytes.trim_ascii_end();
    let begin = text
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    let number = 1 + text.iter().filter(|&&b| b == b'\n').count();
    let bytes = &text[begin..];
    let end = Line { number, bytes }.field(bytes.len(), bytes.len());
    Err(end.unexpected("ENDATA at the end of the file"))
}

impl<'a> Reader<'a> {
    /// Reads a header line. Returns whether it ends the file.
    fn header(&mut self, line: Line<'a>) -> Result<bool, ParseError> {
        let whole = line.field(0, line.bytes.len());
        if self.section == CurrentSection::Sense && sense(whole.text).is_some() {
            // Some programs write the sense in the first column.
            self.section = self.read_sense(whole)?;
            return Ok(false);
        }
        self.complete(line)?;
        let mut words = line.words();
        let Some(word) = words.next() else {
            return Ok(false);
        };
        let second = words.next();
        let name = word.text.to_ascii_uppercase();

        // Sections that need another one before them come after it, and nothing else is on their line.
        let needed = match name.as_slice() {
            b"COLUMNS" => Some("ROWS"),
            b"RHS" | b"RANGES" | b"BOUNDS" | b"ENDATA" => Some("COLUMNS"),
            _ => None,
        };
        let takes_argument = matches!(name.as_slice(), b"NAME" | b"OBJSENSE" | b"OBJNAME");
        self.section = self.section_of(&name, line, word, second)?;
        if let (false, Some(second)) = (takes_argument, second) {
            return Err(second.unexpected("the end of the line after the name of a section"));
        }
        if let Some(needed) = needed
            && !self.headers.contains_key(needed.as_bytes())
        {
            return Err(word.unexpected(format_args!("section {needed} before this one")));
        }

        // Every section is allowed once.
        let ends_file = name == b"ENDATA";
        match self.headers.entry(name) {
            Entry::Vacant(place) => {
                place.insert(word);
                Ok(ends_file)
            }
            Entry::Occupied(first) => Err(word.unexpected(format_args!(
                "every section once, and this one was on line {}",
                first.get().line
            ))),
        }
    }

    /// The section that a header with this name begins. `second` is the word after the name.
    fn section_of(
        &mut self,
        name: &[u8],
        line: Line<'a>,
        word: Field<'a>,
        second: Option<Field<'a>>,
    ) -> Result<CurrentSection, ParseError> {
        Ok(match name {
            b"NAME" => {
                let rest = line.field(word.column - 1 + word.text.len(), line.bytes.len());
                self.name = utf8(rest)?;
                CurrentSection::None
            }
            b"OBJSENSE" => match second {
                Some(field) => self.read_sense(field)?,
                None => CurrentSection::Sense,
            },
            b"OBJNAME" => {
                if let Some(rows) = self.headers.get(b"ROWS".as_slice()) {
                    return Err(
                        word.unexpected(format_args!("OBJNAME before ROWS of line {}", rows.line))
                    );
                }
                self.wanted = second;
                match second {
                    Some(_) => CurrentSection::None,
                    None => CurrentSection::ObjectiveName,
                }
            }
            b"ROWS" => CurrentSection::Table(Section::Rows),
            b"COLUMNS" => CurrentSection::Table(Section::Columns),
            b"RHS" => CurrentSection::Table(Section::Rhs),
            b"RANGES" => CurrentSection::Table(Section::Ranges),
            b"BOUNDS" => CurrentSection::Table(Section::Bounds),
            b"ENDATA" => CurrentSection::None,
            _ => {
                return Err(word.unexpected(
                    "NAME, OBJSENSE, OBJNAME, ROWS, COLUMNS, RHS, RANGES, BOUNDS or ENDATA, the sections of a linear program",
                ));
            }
        })
    }

    /// Fails if the current section lacks something that must come before the next section.
    fn complete(&mut self, next: Line<'a>) -> Result<(), ParseError> {
        let here = next.field(0, next.bytes.len());
        match self.section {
            CurrentSection::Sense => Err(here.unexpected("MAX or MIN in section OBJSENSE")),
            CurrentSection::ObjectiveName => {
                Err(here.unexpected("the name of a row in section OBJNAME"))
            }
            CurrentSection::Table(Section::Rows) => match (self.objective, self.wanted) {
                (Some(_), _) => Ok(()),
                (None, Some(name)) => Err(here.unexpected(format_args!(
                    "an N row that OBJNAME names on line {}",
                    name.line
                ))),
                (None, None) => {
                    let text = "no row of type N before this line: the objective is zero".into();
                    let line = here.line;
                    self.notices.push(Notice { line, text });
                    Ok(())
                }
            },
            CurrentSection::None | CurrentSection::Table(_) => Ok(()),
        }
    }

    fn read_sense(&mut self, field: Field<'a>) -> Result<CurrentSection, ParseError> {
        match sense(field.text) {
            Some(sense) => self.sense = Some(sense),
            None => return Err(field.unexpected("MAX or MIN")),
        }
        Ok(CurrentSection::None)
    }

    /// Reads a line of the current section.
    fn data(&mut self, line: Line<'a>) -> Result<(), ParseError> {
        let whole = line.field(0, line.bytes.len());
        let section = match self.section {
            CurrentSection::None => return Err(whole.unexpected("a section, in the first column")),
            CurrentSection::Sense => {
                self.section = self.read_sense(whole)?;
                return Ok(());
            }
            CurrentSection::ObjectiveName => {
                self.wanted = Some(whole);
                self.section = CurrentSection::None;
                return Ok(());
            }
            CurrentSection::Table(section) => section,
        };
        let is_variable = |name: &[u8]| self.variable_of.contains_key(name);
        let f = fields(line, self.layout, section, is_variable)?;
        match section {
            Section::Rows => self.row(f),
            Section::Columns => self.column(f),
            Section::Rhs => self.pairs(f, 0, Self::rhs),
            Section::Ranges => self.pairs(f, 1, Self::range),
            Section::Bounds => self.bound(f),
        }
    }

    /// The program that all lines give.
    fn finish(mut self, last: Line<'a>) -> Result<Noted<LinearProgram>, ParseError> {
        let here = last.field(0, last.bytes.len());
        let refuse = |error: Error| here.error(error.to_string());
        let mut program = LinearProgram::new(self.sense.unwrap_or_default());
        program.set_name(core::mem::take(&mut self.name));
        if let Some(objective) = self.objective {
            program.set_objective_name(utf8(objective.name)?);
            if let Some((rhs, at)) = objective.rhs {
                let set = program.set_constant(if rhs == 0.0 { 0.0 } else { -rhs });
                set.map_err(|error| at.error(error.to_string()))?;
            }
        }
        for v in &self.variables {
            let (lower, upper) = (v.lower.map(|l| l.0), v.upper.map_or(f64::INFINITY, |u| u.0));
            let implied = if upper < 0.0 { f64::NEG_INFINITY } else { 0.0 };
            if let (None, Some((_, at)), true) = (v.lower, v.upper, upper < 0.0) {
                let (name, line) = (shown(v.name.text), at.line);
                let text = format!(
                    "the upper limit {upper} of {name} is negative, and no lower limit was given: there is none"
                );
                self.notices.push(Notice { line, text });
            }
            let limits = Limits::new(lower.unwrap_or(implied), upper).map_err(refuse)?;
            let added = program.add_variable(utf8(v.name)?, v.cost, limits);
            added.map_err(refuse)?;
        }
        // Sorts the entries into rows. Within a row they stay in the order of the variables.
        let mut next = Vec::with_capacity(self.rows.len());
        let mut total = 0;
        for row in &self.rows {
            next.push(total);
            total += row.entries;
        }
        let mut sorted = vec![(0, 0.0); total];
        for &(i, k, value) in &self.entries {
            sorted[next[i]] = (k, value);
            next[i] += 1;
        }
        for (row, end) in self.rows.iter().zip(next) {
            let limits = limits(row)?;
            let entries = &sorted[end - row.entries..end];
            program
                .add_row(utf8(row.name)?, limits, entries)
                .map_err(refuse)?;
        }
        let notices = self.all_notices();
        Ok(Noted {
            content: program,
            notices,
        })
    }

    /// All notices, in the order of the lines.
    fn all_notices(self) -> Vec<Notice> {
        let mut notices = self.notices;
        if let Some((name, count)) = self.dropped_rows {
            let (row, line) = (shown(name.text), name.line);
            let text = match count {
                1 => format!("row {row} of type N is left out: it is not the objective"),
                _ => format!(
                    "{count} rows of type N are left out, {row} the first: they are not the objective"
                ),
            };
            notices.push(Notice { line, text });
        }
        notices.extend(self.sets.iter().flat_map(Sets::notices));
        notices.sort_by_key(|notice| notice.line);
        notices
    }
}

/// The sense that this word names.
fn sense(word: &[u8]) -> Option<Sense> {
    match word.to_ascii_uppercase().as_slice() {
        b"MAX" | b"MAXIMIZE" | b"MAXIMISE" | b"MAXIMUM" => Some(Sense::Maximise),
        b"MIN" | b"MINIMIZE" | b"MINIMISE" | b"MINIMUM" => Some(Sense::Minimise),
        _ => None,
    }
}

/// The limits of a row, from its type, right-hand side and range.
fn limits(row: &Row<'_>) -> Result<Limits, ParseError> {
    let (rhs, range) = (row.rhs.map_or(0.0, |r| r.0), row.range.map(|r| r.0));
    let (lower, upper) = match (row.kind, range) {
        (Kind::AtMost, None) => (f64::NEG_INFINITY, rhs),
        (Kind::AtLeast, None) => (rhs, f64::INFINITY),
        (Kind::Equal, None) => (rhs, rhs),
        (Kind::AtMost, Some(r)) => (rhs - r.abs(), rhs),
        (Kind::AtLeast, Some(r)) => (rhs, rhs + r.abs()),
        (Kind::Equal, Some(r)) if r < 0.0 => (rhs + r, rhs),
        (Kind::Equal, Some(r)) => (rhs, rhs + r),
    };
    Limits::new(lower, upper).map_err(|error| {
        let place = row.rhs.or(row.range).map_or(row.name, |given| given.1);
        place.error(error.to_string())
    })
}

/// The text of a field, which must be UTF-8.
pub(super) fn utf8(field: Field<'_>) -> Result<String, ParseError> {
    match core::str::from_utf8(field.text) {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(field.unexpected("a name in UTF-8")),
    }
}
