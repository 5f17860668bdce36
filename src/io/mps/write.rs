//! The writer of MPS files, in free format.

use crate::problem::{Limits, LinearProgram, Sense};
use std::collections::HashSet;
use std::io::{self, BufWriter, Error, ErrorKind, Write};

/// Writes a linear program in free format. [`read`](super::read) returns the same numbers to the last bit, with one exception: the
/// format stores a row with two limits as one limit and a width, so that the other limit may move by a rounding.
///
/// A row without limits is written as at least `-1e30`, because readers drop `N` rows. An objective without a name is written
/// as `OBJ`.
///
/// # Errors
/// Those of `out`. [`ErrorKind::InvalidInput`] for what the format cannot express: names that are empty, contain blanks or are
/// used twice, and rows whose limits contradict each other.
///
/// # Complexity
/// One pass over the nonzeros.
pub fn write(program: &LinearProgram, out: &mut impl Write) -> io::Result<()> {
    // Everything that the format cannot express is refused before the first byte is written.
    let objective = match program.objective_name() {
        "" => "OBJ",
        name => name,
    };
    check_names(program.variable_names().iter().map(String::as_str))?;
    let rows = program.row_names().iter().map(String::as_str);
    check_names(core::iter::once(objective).chain(rows))?;
    let forms = program
        .rows()
        .iter()
        .map(|l| form(*l))
        .collect::<io::Result<Vec<_>>>()?;

    // Names, sense and types of the rows.
    let mut out = BufWriter::new(out);
    writeln!(out, "NAME {}", program.name().replace(['\n', '\r'], " "))?;
    if program.sense() == Sense::Maximise {
        writeln!(out, "OBJSENSE\n MAX")?;
    }
    writeln!(out, "ROWS\n N {objective}")?;
    for (form, name) in forms.iter().zip(program.row_names()) {
        writeln!(out, " {} {name}", form.kind)?;
    }
    // The matrix by columns. A variable without entries is listed with a cost of 0.
    writeln!(out, "COLUMNS")?;
    let mut columns: Vec<Vec<(usize, f64)>> = vec![vec![]; program.variables().len()];
    for i in 0..program.rows().len() {
        program.row(i).for_each(|(j, v)| columns[j].push((i, v)));
    }
    let names = program.variable_names();
    for ((name, column), &cost) in names.iter().zip(columns).zip(program.costs()) {
        if cost != 0.0 || column.is_empty() {
            writeln!(out, " {name} {objective} {cost:?}")?;
        }
        for (i, value) in column {
            writeln!(out, " {name} {} {value:?}", program.row_names()[i])?;
        }
    }
    // Right-hand sides and ranges; the constant of the objective has the opposite sign.
    writeln!(out, "RHS")?;
    if program.constant() != 0.0 {
        writeln!(out, " RHS {objective} {:?}", -program.constant())?;
    }
    for (form, name) in forms.iter().zip(program.row_names()) {
        if form.rhs != 0.0 {
            writeln!(out, " RHS {name} {:?}", form.rhs)?;
        }
    }
    if forms.iter().any(|f| f.range.is_some()) {
        writeln!(out, "RANGES")?;
    }
    for (form, name) in forms.iter().zip(program.row_names()) {
        if let Some(range) = form.range {
            writeln!(out, " RNG {name} {range:?}")?;
        }
    }
    // Limits of the variables other than at least 0.
    if program
        .variables()
        .iter()
        .any(|l| *l != Limits::NONNEGATIVE)
    {
        writeln!(out, "BOUNDS")?;
    }
    for (limits, name) in program.variables().iter().zip(names) {
        write_bound(&mut out, *limits, name)?;
    }
    writeln!(out, "ENDATA")?;
    out.flush()
}

/// A row as the format states it.
struct Form {
    kind: char,
    rhs: f64,
    range: Option<f64>,
}

fn form(limits: Limits) -> io::Result<Form> {
    let (l, u) = (limits.lower(), limits.upper());
    let plain = |kind, rhs| Form {
        kind,
        rhs,
        range: None,
    };
    match (l.is_finite(), u.is_finite()) {
        (true, true) if l == u => Ok(plain('E', l)),
        (true, true) if l < u => Ok(range(l, u)),
        (true, true) => Err(refuse(format!(
            "a row with limits from {l:?} to {u:?} cannot be written as MPS"
        ))),
        (true, false) => Ok(plain('G', l)),
        (false, true) => Ok(plain('L', u)),
        (false, false) => Ok(plain('G', -1e30)),
    }
}

/// A row with two limits, with a width that leads from one limit to the other without rounding, if such a width exists.
fn range(l: f64, u: f64) -> Form {
    let width = u - l;
    let form = |kind, rhs, width| Form {
        kind,
        rhs,
        range: Some(width),
    };
    for r in [width, width.next_up(), width.next_down()] {
        if l + r == u {
            return form('G', l, r);
        }
        if u - r == l {
            return form('L', u, r);
        }
    }
    form('G', l, width)
}

fn write_bound(out: &mut impl Write, limits: Limits, name: &str) -> io::Result<()> {
    let (l, u) = (limits.lower(), limits.upper());
    if limits.is_free() {
        return writeln!(out, " FR BND {name}");
    }
    if limits.is_fixed() {
        return writeln!(out, " FX BND {name} {l:?}");
    }
    if l == f64::NEG_INFINITY {
        writeln!(out, " MI BND {name}")?;
    } else if l != 0.0 || u < 0.0 {
        writeln!(out, " LO BND {name} {l:?}")?;
    }
    if u.is_finite() {
        writeln!(out, " UP BND {name} {u:?}")?;
    }
    Ok(())
}

fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() || name.bytes().any(|b| b.is_ascii_whitespace()) {
            return Err(refuse(format!(
                "expected a name without blanks, found {name:?}"
            )));
        }
        if !seen.insert(name) {
            return Err(refuse(format!(
                "expected every name once, found {name:?} again"
            )));
        }
    }
    Ok(())
}

fn refuse(reason: String) -> Error {
    Error::new(ErrorKind::InvalidInput, reason)
}
