//! `dyncvx lp`.

use super::solver::{self, Options, Record, Seconds, Ways};
use super::{Outcome, report};
use clap::Args;
use dyncvx::io::mps;
use dyncvx::ipm::{self, LinearOutcome, Observer, Settings};
use dyncvx::problem::{ConicProgram, LinearProgram};
use dyncvx::solver::Solver;
use std::io::{BufWriter, Write};
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// MPS file, fixed or free, or - for standard input.
    file: String,
    #[command(flatten)]
    options: Options,
    /// Write the solution: `variable name value reduced_cost` and `row name activity dual`, separated by tabs.
    #[arg(long, value_name = "FILE")]
    solution: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    Outcome::of(solve(arguments))
}

fn solve(arguments: &Arguments) -> Result<bool, String> {
    let (name, options) = (solver::name(&arguments.file), &arguments.options);
    let settings = options.settings()?;

    let clock = Instant::now();
    let program = solver::read(&arguments.file, mps::read)?;
    let read = clock.elapsed().as_secs_f64();

    if !options.quiet {
        report::say!(
            "{name}: {} rows, {} variables, {} nonzeros",
            program.rows().len(),
            program.variables().len(),
            program.nonzeros()
        );
        report::table_head();
    }
    let clock = Instant::now();
    let (ways, mut solved) = (Ways::default(), false);
    let mut conic = |program: &ConicProgram, settings: &Settings, observer: &mut Observer<'_>| {
        solved = true;
        let make = solver::engine(options.engine);
        Solver::with_engine(program.clone(), settings.clone(), make)?.solve(observer)
    };
    let mut observer = options.observer(&ways, |it| it);
    let found = ipm::solve_linear(&program, &settings, &mut conic, &mut observer)
        .map_err(|e| format!("{name}: {e}"))?;
    let setup = (clock.elapsed().as_secs_f64() - found.seconds).max(0.0);

    let objectives = (found.primal_objective, found.dual_objective);
    let (errors, iterations) = (found.errors, found.iterations);
    if !options.quiet {
        let (status, seconds) = (found.status.name(), found.seconds);
        report::summary(
            status,
            objectives,
            errors.max(),
            iterations,
            seconds,
            &found.phases,
        );
    }
    if let Some(path) = &arguments.solution {
        write_solution(path, &program, &found).map_err(|e| format!("{path}: {e}"))?;
    }
    if let Some(path) = &options.json {
        let seconds = Seconds {
            read,
            setup,
            solve: found.seconds,
        };
        let status = found.status;
        let record = Record::new(
            status,
            objectives,
            errors.0,
            iterations,
            if solved {
                ways.name()
            } else {
                "presolve".into()
            },
            seconds,
            &found.phases,
        );
        report::json(path, &record)?;
    }
    Ok(found.status.is_answer())
}

fn write_solution(
    path: &str,
    program: &LinearProgram,
    found: &LinearOutcome,
) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let point = &found.point;
    let variables = program.variable_names().iter().zip(&point.x);
    for ((name, value), cost) in variables.zip(&point.reduced_costs) {
        writeln!(out, "variable\t{name}\t{value:.17e}\t{cost:.17e}")?;
    }
    let rows = program.row_names().iter().zip(&point.activities);
    for ((name, activity), dual) in rows.zip(&point.row_duals) {
        writeln!(out, "row\t{name}\t{activity:.17e}\t{dual:.17e}")?;
    }
    out.flush()
}
