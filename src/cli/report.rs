//! Output: the iteration table for people, JSON for machines.

use super::solver::Answer;
use dyncvx::ipm::{Attempt, Iteration};
use dyncvx::projection::Refresh;
use serde::Serialize;
use std::io::Write;

/// A line on standard error; unlike `eprintln!` it does not panic when nobody reads any more.
macro_rules! say {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($part)*);
    }};
}
pub(super) use say;

/// Writes a value as JSON to a file, or to standard output for `-`.
pub(super) fn json(path: &str, value: &impl Serialize) -> Result<(), String> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| format!("{path}: {e}"))?;
    text.push('\n');
    if path == "-" {
        return std::io::stdout()
            .write_all(text.as_bytes())
            .map_err(|e| format!("standard output: {e}"));
    }
    std::fs::write(path, text).map_err(|e| format!("{path}: {e}"))
}

/// `None` for a number that does not exist, which JSON cannot say otherwise.
pub(super) fn finite(v: f64) -> Option<f64> {
    v.is_finite().then_some(v)
}

/// The head of the iteration table.
pub(super) fn table_head() {
    say!(
        "{:>4}  {:>19}  {:>19}  {:>8}  {:>8}  {:>8}  {:>6} {:>6}  {:>9}  {}",
        "iter",
        "primal objective",
        "dual objective",
        "p.infeas",
        "d.infeas",
        "gap",
        "p.step",
        "d.step",
        "seconds",
        "engine"
    );
}

/// A row of it, in the file's convention.
pub(super) fn table_row(it: &Iteration) {
    let objective = |v: f64| format!("{v:+.11e}");
    let error = |v: f64| format!("{v:.1e}");
    say!(
        "{:4}  {:>19}  {:>19}  {:>8}  {:>8}  {:>8}  {:6.3} {:6.3}  {:9.3}  {}",
        it.iteration,
        objective(it.primal_objective),
        objective(it.dual_objective),
        error(it.primal_infeasibility),
        error(it.dual_infeasibility),
        error(it.gap),
        it.primal_step,
        it.dual_step,
        it.seconds,
        engine(it),
    );
}

/// How the Newton system of the step was answered, and in how many steps of conjugate gradients.
fn engine(it: &Iteration) -> String {
    let steps = match it.steps {
        0 => String::new(),
        steps => format!(", {steps} steps"),
    };
    match it.refresh {
        None => String::new(),
        Some(Refresh::Split { rank, .. }) => format!("split at rank {rank}{steps}"),
        Some(refresh) => format!("{}{steps}", engine_name(refresh)),
    }
}

/// The name of an engine in results.
pub(super) fn engine_name(refresh: Refresh) -> &'static str {
    match refresh {
        Refresh::Rebuilt(_) => "direct",
        other => other.name(),
    }
}

/// A line in the table where an attempt begins.
pub(super) fn table_attempt(attempt: &Attempt) {
    say!("-- {attempt}");
}

/// Error in its own scale from which on the row or column that has it is named.
const STANDS_OUT: f64 = 1e-7;

/// The lines below the table.
pub(super) fn summary(answer: &Answer<'_>) {
    let Answer {
        status,
        primal_objective: primal,
        dual_objective: dual,
        iterations,
        seconds,
        phases,
        ..
    } = answer;
    let (status, largest_error) = (status.name(), answer.dimacs.max());
    say!("{status}: primal objective {primal:.10e}, dual objective {dual:.10e}");
    say!("largest DIMACS error {largest_error:.1e}, {iterations} iterations, {seconds:.3} s");
    if !answer.status.is_answer() {
        let errors = [answer.backward.row, answer.backward.column];
        for ((side, name), error) in ["row", "column"].iter().zip(&answer.worst).zip(errors) {
            if let (Some(name), true) = (name, error > STANDS_OUT) {
                say!("{side} {name} stands out: its error is {error:.1e} in its own scale");
            }
        }
    }
    if let (Some(cause), false) = (answer.ended.cause(), answer.status.is_answer()) {
        say!("ended early: {cause}");
    }
    say!(
        "seconds: assembly {:.3}, factorisation {:.3}, directions {:.3}, steps {:.3}, checks {:.3}",
        phases.assembly,
        phases.factorisation,
        phases.directions,
        phases.steps,
        phases.checks
    );
}
