//! Solution files: `variable name value reduced_cost` and `row name activity dual`, a line each, separated by tabs.

use dyncvx::problem::{LinearProgram, LinearSolution};
use std::collections::HashMap;
use std::io::{BufWriter, Write};

/// Writes the point of a program.
pub(in crate::cli) fn write(
    path: &str,
    program: &LinearProgram,
    point: &LinearSolution,
) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{path}: {e}");
    let mut out = BufWriter::new(std::fs::File::create(path).map_err(fail)?);
    let variables = program.variable_names().iter().zip(&point.x);
    for ((name, value), cost) in variables.zip(&point.reduced_costs) {
        writeln!(out, "variable\t{name}\t{value:.17e}\t{cost:.17e}").map_err(fail)?;
    }
    let rows = program.row_names().iter().zip(&point.activities);
    for ((name, activity), dual) in rows.zip(&point.row_duals) {
        writeln!(out, "row\t{name}\t{activity:.17e}\t{dual:.17e}").map_err(fail)?;
    }
    out.flush().map_err(fail)
}

/// Reads a point of `program` to begin from. What the file does not name is 0.
pub(super) fn read(path: &str, program: &LinearProgram) -> Result<LinearSolution, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{path}: {e}"))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| format!("{path}: expected text, found bytes that are not UTF-8"))?;
    let index = |names: &'_ [String]| -> HashMap<String, usize> {
        names.iter().cloned().zip(0..).collect()
    };
    let variables = index(program.variable_names());
    let rows = index(program.row_names());
    let mut point = LinearSolution {
        x: vec![0.0; variables.len().max(program.variables().len())],
        activities: vec![0.0; program.rows().len()],
        row_duals: vec![0.0; program.rows().len()],
        reduced_costs: vec![0.0; program.variables().len()],
    };
    for (k, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let fail = |reason: String| format!("{path}: line {}: {reason}", k + 1);
        let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
        let [kind, name, first, second] = fields[..] else {
            let found = fields.len();
            return Err(fail(format!(
                "expected four fields with tabs between, found {found}"
            )));
        };
        let number = |text: &str| match text.parse::<f64>() {
            Ok(v) if v.is_finite() => Ok(v),
            _ => Err(fail(format!("expected a finite number, found `{text}`"))),
        };
        let (first, second) = (number(first)?, number(second)?);
        let unknown = || fail(format!("the program has no {kind} `{name}`"));
        match kind {
            "variable" => {
                let at = *variables.get(name).ok_or_else(unknown)?;
                (point.x[at], point.reduced_costs[at]) = (first, second);
            }
            "row" => {
                let at = *rows.get(name).ok_or_else(unknown)?;
                (point.activities[at], point.row_duals[at]) = (first, second);
            }
            _ => {
                return Err(fail(format!(
                    "expected `variable` or `row`, found `{kind}`"
                )));
            }
        }
    }
    Ok(point)
}
