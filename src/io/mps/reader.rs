//! What the lines of the sections mean.

use super::fields::{Field, Layout, Line, Section, fields};
use crate::error::Error;
use crate::io::ParseError;
use crate::problem::{Limits, LinearProgram, Sense};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What the name of a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Objective,
    /// An `N` row that is not the objective.
    Dropped,
    Row(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    AtMost,
    AtLeast,
    Equal,
}

/// A number, and where it was given.
pub(super) type Given<'a> = Option<(f64, Field<'a>)>;

/// A row, or the objective.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) name: Field<'a>,
    pub(super) kind: Kind,
    pub(super) rhs: Given<'a>,
    pub(super) range: Given<'a>,
    /// The last variable with an entry here, and its place.
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

/// Which section the lines belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// None yet, or one whose lines are complete.
    Nowhere,
    Sense,
    ObjectiveName,
    Table(Section),
}

pub(super) struct Reader<'a> {
    layout: Layout,
    state: State,
    /// Headers seen, for those that are allowed once.
    headers: HashMap<Vec<u8>, Field<'a>>,
    name: String,
    sense: Option<Sense>,
    /// What `OBJNAME` says.
    pub(super) wanted: Option<Field<'a>>,
    pub(super) objective: Option<Row<'a>>,
    pub(super) rows: Vec<Row<'a>>,
    pub(super) row_of: HashMap<&'a [u8], (Target, Field<'a>)>,
    pub(super) variables: Vec<Variable<'a>>,
    pub(super) variable_of: HashMap<&'a [u8], usize>,
    /// Row, variable and value, in the order of the variables.
    pub(super) entries: Vec<(usize, usize, f64)>,
    /// First set of right-hand sides, ranges and bounds.
    pub(super) sets: [Option<&'a [u8]>; 3],
}

pub(super) fn read(bytes: &[u8], layout: Layout) -> Result<LinearProgram, ParseError> {
    let mut reader = Reader {
        layout,
        state: State::Nowhere,
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
        sets: [None; 3],
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
    // The place behind everything.
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
    /// A line that begins in the first column; true for the one that ends the file.
    fn header(&mut self, line: Line<'a>) -> Result<bool, ParseError> {
        self.complete(line)?;
        let mut words = line.words();
        let Some(word) = words.next() else {
            return Ok(false);
        };
        let second = words.next();
        let section = word.text.to_ascii_uppercase();
        let (mut needs, mut rest_allowed) = (None, false);
        self.state = match section.as_slice() {
            b"NAME" => {
                let rest = line.field(word.column - 1 + word.text.len(), line.bytes.len());
                self.name = utf8(rest)?;
                rest_allowed = true;
                State::Nowhere
            }
            b"OBJSENSE" => {
                rest_allowed = true;
                match second {
                    Some(field) => self.read_sense(field)?,
                    None => State::Sense,
                }
            }
            b"OBJNAME" => {
                rest_allowed = true;
                if let Some(rows) = self.headers.get(b"ROWS".as_slice()) {
                    return Err(
                        word.unexpected(format_args!("OBJNAME before ROWS of line {}", rows.line))
                    );
                }
                self.wanted = second;
                match second {
                    Some(_) => State::Nowhere,
                    None => State::ObjectiveName,
                }
            }
            b"ROWS" => State::Table(Section::Rows),
            b"COLUMNS" => {
                needs = Some("ROWS");
                State::Table(Section::Columns)
            }
            b"RHS" => {
                needs = Some("COLUMNS");
                State::Table(Section::Rhs)
            }
            b"RANGES" => {
                needs = Some("COLUMNS");
                State::Table(Section::Ranges)
            }
            b"BOUNDS" => {
                needs = Some("COLUMNS");
                State::Table(Section::Bounds)
            }
            b"ENDATA" => {
                needs = Some("COLUMNS");
                State::Nowhere
            }
            _ => {
                return Err(word.unexpected(
                    "NAME, OBJSENSE, OBJNAME, ROWS, COLUMNS, RHS, RANGES, BOUNDS or ENDATA, the sections of a linear program",
                ));
            }
        };
        if let (false, Some(second)) = (rest_allowed, second) {
            return Err(second.unexpected("the end of the line after the name of a section"));
        }
        if let Some(needed) = needs
            && !self.headers.contains_key(needed.as_bytes())
        {
            return Err(word.unexpected(format_args!("section {needed} before this one")));
        }
        let ends = section == b"ENDATA";
        match self.headers.entry(section) {
            Entry::Vacant(place) => {
                place.insert(word);
                Ok(ends)
            }
            Entry::Occupied(first) => Err(word.unexpected(format_args!(
                "every section once, and this one was on line {}",
                first.get().line
            ))),
        }
    }

    /// What a section must have had before the next one.
    fn complete(&self, next: Line<'a>) -> Result<(), ParseError> {
        let here = next.field(0, next.bytes.len());
        match self.state {
            State::Sense => Err(here.unexpected("MAX or MIN in section OBJSENSE")),
            State::ObjectiveName => Err(here.unexpected("the name of a row in section OBJNAME")),
            State::Table(Section::Rows) => match (self.objective, self.wanted) {
                (Some(_), _) => Ok(()),
                (None, Some(name)) => Err(here.unexpected(format_args!(
                    "an N row that OBJNAME names on line {}",
                    name.line
                ))),
                (None, None) => Err(here.unexpected("an N row, the objective")),
            },
            State::Nowhere | State::Table(_) => Ok(()),
        }
    }

    fn read_sense(&mut self, field: Field<'a>) -> Result<State, ParseError> {
        self.sense = Some(match field.text.to_ascii_uppercase().as_slice() {
            b"MAX" | b"MAXIMIZE" | b"MAXIMISE" => Sense::Maximise,
            b"MIN" | b"MINIMIZE" | b"MINIMISE" => Sense::Minimise,
            _ => return Err(field.unexpected("MAX or MIN")),
        });
        Ok(State::Nowhere)
    }

    fn data(&mut self, line: Line<'a>) -> Result<(), ParseError> {
        let whole = line.field(0, line.bytes.len());
        let section = match self.state {
            State::Nowhere => return Err(whole.unexpected("a section, in the first column")),
            State::Sense => {
                self.state = self.read_sense(whole)?;
                return Ok(());
            }
            State::ObjectiveName => {
                self.wanted = Some(whole);
                self.state = State::Nowhere;
                return Ok(());
            }
            State::Table(section) => section,
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

    fn finish(self, last: Line<'a>) -> Result<LinearProgram, ParseError> {
        let here = last.field(0, last.bytes.len());
        let refuse = |error: Error| here.error(error.to_string());
        let mut program = LinearProgram::new(self.sense.unwrap_or_default());
        program.set_name(self.name);
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
            let limits = Limits::new(lower.unwrap_or(implied), upper).map_err(refuse)?;
            let added = program.add_variable(utf8(v.name)?, v.cost, limits);
            added.map_err(refuse)?;
        }
        // Sorts the entries into rows; within a row they stay in the order of the variables.
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
        Ok(program)
    }
}

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

pub(super) fn utf8(field: Field<'_>) -> Result<String, ParseError> {
    match core::str::from_utf8(field.text) {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(field.unexpected("a name in UTF-8")),
    }
}
