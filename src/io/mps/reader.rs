//! What the lines of the sections mean.

use super::super::lexer::float;
use super::ParseError;
use super::layout::{Field, Fields, Layout, Line, Section, fields};
use crate::problem::{Limits, LinearProgram, Sense};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What the name of a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Objective,
    /// An `N` row that is not the objective.
    Dropped,
    Row(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    AtMost,
    AtLeast,
    Equal,
}

/// A number, and where it was given.
type Given<'a> = Option<(f64, Field<'a>)>;

/// A row, or the objective.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    name: Field<'a>,
    kind: Kind,
    rhs: Given<'a>,
    range: Given<'a>,
    /// The last variable with an entry here, and its place.
    last: Option<(usize, Field<'a>)>,
    entries: usize,
}

impl<'a> Row<'a> {
    fn new(name: Field<'a>, kind: Kind) -> Self {
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
struct Variable<'a> {
    name: Field<'a>,
    cost: f64,
    lower: Given<'a>,
    upper: Given<'a>,
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

struct Reader<'a> {
    layout: Layout,
    state: State,
    /// Headers seen, for those that are allowed once.
    headers: HashMap<Vec<u8>, Field<'a>>,
    name: String,
    sense: Option<Sense>,
    /// What `OBJNAME` says.
    wanted: Option<Field<'a>>,
    objective: Option<Row<'a>>,
    rows: Vec<Row<'a>>,
    row_of: HashMap<&'a [u8], (Target, Field<'a>)>,
    variables: Vec<Variable<'a>>,
    variable_of: HashMap<&'a [u8], usize>,
    /// Row, variable and value, in the order of the variables.
    entries: Vec<(usize, usize, f64)>,
    /// First set of right-hand sides, ranges and bounds.
    sets: [Option<&'a [u8]>; 3],
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
                    let found = format_args!("OBJNAME before ROWS of line {}", rows.line);
                    return Err(word.unexpected(found));
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
                (None, Some(name)) => Err(name.unexpected("the name of an N row")),
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

    fn row(&mut self, f: Fields<'a>) -> Result<(), ParseError> {
        let [kind, name, rest @ ..] = f;
        missing(&rest, "the end of the line after type and name of a row")?;
        utf8(name)?;
        let kind_of = |kind: Field<'a>| match kind.text.to_ascii_uppercase().as_slice() {
            b"N" => Ok(None),
            b"L" => Ok(Some(Kind::AtMost)),
            b"G" => Ok(Some(Kind::AtLeast)),
            b"E" => Ok(Some(Kind::Equal)),
            _ => Err(kind.unexpected("N, L, G or E, the type of a row")),
        };
        let kind = kind_of(kind)?;
        if name.is_missing() {
            return Err(name.unexpected("the name of a row"));
        }
        let target = match kind {
            Some(_) => Target::Row(self.rows.len()),
            None if self.objective.is_none() && self.wanted.is_none_or(|w| w.text == name.text) => {
                Target::Objective
            }
            None => Target::Dropped,
        };
        match self.row_of.entry(name.text) {
            Entry::Vacant(place) => place.insert((target, name)),
            Entry::Occupied(first) => {
                let line = first.get().1.line;
                return Err(name.unexpected(format_args!(
                    "names of rows that differ, and this one was on line {line}"
                )));
            }
        };
        match (target, kind) {
            (Target::Objective, _) => self.objective = Some(Row::new(name, Kind::Equal)),
            (_, Some(kind)) => self.rows.push(Row::new(name, kind)),
            _ => {}
        }
        Ok(())
    }

    fn column(&mut self, f: Fields<'a>) -> Result<(), ParseError> {
        let [kind, name, row, value, ..] = f;
        missing(&[kind], "blanks before the name of a variable")?;
        if row.text == b"'MARKER'" && float(value.text).is_none() {
            return Err(row
                .unexpected("variables that are continuous (integer programs are not supported)"));
        }
        if name.is_missing() {
            return Err(name.unexpected("the name of a variable"));
        }
        if self
            .variables
            .last()
            .is_none_or(|last| last.name.text != name.text)
        {
            utf8(name)?;
            if let Some(&k) = self.variable_of.get(name.text) {
                return Err(name.unexpected(format_args!(
                    "the lines of a variable together, and this one's began on line {}",
                    self.variables[k].name.line
                )));
            }
            self.variable_of.insert(name.text, self.variables.len());
            self.variables.push(Variable {
                name,
                cost: 0.0,
                lower: None,
                upper: None,
            });
        }
        for (row, value) in pairs(&f)? {
            self.entry(row, value)?;
        }
        Ok(())
    }

    /// An entry of the last variable.
    fn entry(&mut self, name: Field<'a>, value: Field<'a>) -> Result<(), ParseError> {
        let number = number(value)?;
        if number.is_infinite() {
            return Err(value.unexpected("a finite number in double precision"));
        }
        let target = self.target(name)?;
        let k = self.variables.len() - 1;
        let row = match target {
            Target::Dropped => return Ok(()),
            Target::Objective => self.objective.as_mut(),
            Target::Row(i) => self.rows.get_mut(i),
        };
        let Some(row) = row else { return Ok(()) };
        if let Some((last, first)) = row.last.replace((k, name))
            && last == k
        {
            return Err(twice(name, "entry of this variable", first));
        }
        row.entries += 1;
        match target {
            Target::Row(i) => self.entries.push((i, k, number)),
            _ => self.variables[k].cost = number,
        }
        Ok(())
    }

    fn target(&self, name: Field<'a>) -> Result<Target, ParseError> {
        match self.row_of.get(name.text) {
            Some(&(target, _)) => Ok(target),
            None => Err(name.unexpected("the name of a row")),
        }
    }

    /// A line of right-hand sides or ranges.
    fn pairs(
        &mut self,
        f: Fields<'a>,
        set: usize,
        mut read: impl FnMut(&mut Self, Field<'a>, (f64, Field<'a>)) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        missing(&f[..1], "blanks before the name of the set")?;
        let counts = self.counts(set, f[1]);
        for (row, value) in pairs(&f)? {
            let given = (number(value)?, value);
            self.target(row)?;
            if counts {
                read(self, row, given)?;
            }
        }
        Ok(())
    }

    /// Whether this set is the first of its section.
    fn counts(&mut self, set: usize, name: Field<'a>) -> bool {
        *self.sets[set].get_or_insert(name.text) == name.text
    }

    fn rhs(&mut self, name: Field<'a>, given: (f64, Field<'a>)) -> Result<(), ParseError> {
        let row = match self.target(name)? {
            Target::Dropped => None,
            Target::Objective => self.objective.as_mut(),
            Target::Row(i) => self.rows.get_mut(i),
        };
        match row.and_then(|row| row.rhs.replace(given)) {
            None => Ok(()),
            Some((_, first)) => Err(twice(name, "right-hand side", first)),
        }
    }

    fn range(&mut self, name: Field<'a>, given: (f64, Field<'a>)) -> Result<(), ParseError> {
        let Target::Row(i) = self.target(name)? else {
            return Err(name.unexpected("the name of a row of type L, G or E"));
        };
        match self.rows[i].range.replace(given) {
            None => Ok(()),
            Some((_, first)) => Err(twice(name, "range", first)),
        }
    }

    fn bound(&mut self, f: Fields<'a>) -> Result<(), ParseError> {
        let [kind, set, name, value, rest @ ..] = f;
        missing(&rest, "the end of the line after a bound")?;
        let upper = kind.text.to_ascii_uppercase();
        let (below, above) = match upper.as_slice() {
            b"UP" => (false, true),
            b"LO" => (true, false),
            b"FX" | b"FR" => (true, true),
            b"MI" => (true, false),
            b"PL" => (false, true),
            b"BV" | b"LI" | b"UI" | b"SC" | b"SI" => {
                return Err(kind.unexpected(
                    "UP, LO, FX, FR, MI or PL (integer and semicontinuous variables are not supported)",
                ));
            }
            _ => return Err(kind.unexpected("UP, LO, FX, FR, MI or PL, the type of a bound")),
        };
        let Some(&k) = self.variable_of.get(name.text) else {
            return Err(name.unexpected("the name of a variable"));
        };
        let (lower_value, upper_value) = match upper.as_slice() {
            b"UP" | b"LO" | b"FX" => {
                let v = number(value)?;
                let within = |limits: crate::Result<Limits>| {
                    limits.map_err(|error| value.error(error.to_string()))
                };
                if below {
                    within(Limits::at_least(v))?;
                }
                if above {
                    within(Limits::at_most(v))?;
                }
                (v, v)
            }
            // A number may follow, and means nothing.
            _ if value.is_missing() => (f64::NEG_INFINITY, f64::INFINITY),
            _ => {
                number(value)?;
                (f64::NEG_INFINITY, f64::INFINITY)
            }
        };
        if !self.counts(2, set) {
            return Ok(());
        }
        let variable = &mut self.variables[k];
        let before = [
            below.then(|| variable.lower.replace((lower_value, kind))),
            above.then(|| variable.upper.replace((upper_value, kind))),
        ];
        match before.into_iter().flatten().flatten().next() {
            None => Ok(()),
            Some((_, first)) => Err(twice(name, "limit on this side", first)),
        }
    }

    fn finish(self, last: Line<'a>) -> Result<LinearProgram, ParseError> {
        let here = last.field(0, last.bytes.len());
        let refuse = |error: crate::Error| here.error(error.to_string());
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

/// The one or two pairs of name and number on a line.
fn pairs<'a>(
    f: &Fields<'a>,
) -> Result<impl Iterator<Item = (Field<'a>, Field<'a>)> + use<'a>, ParseError> {
    let [_, _, a, b, c, d] = *f;
    if a.is_missing() {
        return Err(a.unexpected("the name of a row"));
    }
    let second = !(c.is_missing() && d.is_missing());
    Ok([(a, b)].into_iter().chain(second.then_some((c, d))))
}

fn number(field: Field<'_>) -> Result<f64, ParseError> {
    match float(field.text) {
        Some(v) if !v.is_nan() => Ok(v),
        _ => Err(field.unexpected("a number")),
    }
}

fn utf8(field: Field<'_>) -> Result<String, ParseError> {
    match core::str::from_utf8(field.text) {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(field.unexpected("a name in UTF-8")),
    }
}

fn missing(fields: &[Field<'_>], expected: &str) -> Result<(), ParseError> {
    match fields.iter().find(|f| !f.is_missing()) {
        None => Ok(()),
        Some(found) => Err(found.unexpected(expected)),
    }
}

fn twice(again: Field<'_>, what: &str, first: Field<'_>) -> ParseError {
    again.unexpected(format_args!(
        "one {what}, and there was one on line {}",
        first.line
    ))
}
