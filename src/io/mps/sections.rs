//! What the lines of the sections mean: rows, columns, right-hand sides, ranges and bounds.

use super::fields::{Field, Fields};
use super::reader::{Kind, Reader, Row, Target, Variable, utf8};
use crate::error::Result as Checked;
use crate::io::lexer::{float, shown};
use crate::io::{Notice, ParseError};
use crate::problem::Limits;
use std::collections::hash_map::Entry;

impl<'a> Reader<'a> {
    pub(super) fn row(&mut self, f: Fields<'a>) -> Result<(), ParseError> {
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
            (_, None) => self.dropped_rows.get_or_insert((name, 0)).1 += 1,
        }
        Ok(())
    }

    pub(super) fn column(&mut self, f: Fields<'a>) -> Result<(), ParseError> {
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

    /// Adds an entry of the last variable.
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

    /// Reads a line of right-hand sides or of ranges.
    pub(super) fn pairs(
        &mut self,
        f: Fields<'a>,
        set: usize,
        mut read: impl FnMut(&mut Self, Field<'a>, (f64, Field<'a>)) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        missing(&f[..1], "blanks before the name of the set")?;
        let counts = self.sets[set].counts(f[1], pairs(&f)?.count());
        for (row, value) in pairs(&f)? {
            let given = (number(value)?, value);
            self.target(row)?;
            if counts {
                read(self, row, given)?;
            }
        }
        Ok(())
    }

    pub(super) fn rhs(
        &mut self,
        name: Field<'a>,
        given: (f64, Field<'a>),
    ) -> Result<(), ParseError> {
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

    pub(super) fn range(
        &mut self,
        name: Field<'a>,
        given: (f64, Field<'a>),
    ) -> Result<(), ParseError> {
        let Target::Row(i) = self.target(name)? else {
            let (row, line) = (shown(name.text), name.line);
            let text = format!("the range of row {row} has no effect: the row is of type N");
            self.notices.push(Notice { line, text });
            return Ok(());
        };
        match self.rows[i].range.replace(given) {
            None => Ok(()),
            Some((_, first)) => Err(twice(name, "range", first)),
        }
    }

    pub(super) fn bound(&mut self, f: Fields<'a>) -> Result<(), ParseError> {
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
                let within = |limits: Checked<Limits>| {
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
            // FR, MI and PL: a number may follow, but has no meaning.
            _ if value.is_missing() => (f64::NEG_INFINITY, f64::INFINITY),
            _ => {
                number(value)?;
                (f64::NEG_INFINITY, f64::INFINITY)
            }
        };
        if !self.sets[2].counts(set, 1) {
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

/// A number that is not NaN.
fn number(field: Field<'_>) -> Result<f64, ParseError> {
    match float(field.text) {
        Some(v) if !v.is_nan() => Ok(v),
        _ => Err(field.unexpected("a number")),
    }
}

/// Fails unless all these fields are missing.
fn missing(fields: &[Field<'_>], expected: &str) -> Result<(), ParseError> {
    match fields.iter().find(|f| !f.is_missing()) {
        None => Ok(()),
        Some(found) => Err(found.unexpected(expected)),
    }
}

/// The error that something was given twice.
fn twice(again: Field<'_>, what: &str, first: Field<'_>) -> ParseError {
    again.unexpected(format_args!(
        "one {what}, and there was one on line {}",
        first.line
    ))
}
