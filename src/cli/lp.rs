//! `dyncvx lp`.

pub(super) mod solution;

use super::solver::{self, Answer, EnginesUsed, Options, Record, Seconds, quiet_observer};
use super::verified::Verified;
use super::{Outcome, report};
use clap::Args;
use dyncvx::io::mps;
use dyncvx::solver::{Effort, LinearSolver};
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// MPS file, fixed or free, or - for standard input.
    file: String,
    #[command(flatten)]
    options: Options,
    /// Prove nothing. Without this option, what a few factorisations prove of the answer alone is proved.
    #[arg(long, conflicts_with = "verify")]
    no_verify: bool,
    /// Write the solution: `variable name value reduced_cost` and `row name activity dual`, separated by tabs.
    #[arg(long, value_name = "FILE")]
    solution: Option<String>,
    /// Begin from the values and duals of such a file: the solution of a similar program, or what another method found.
    #[arg(long, value_name = "FILE")]
    warm_start: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    Outcome::of(solve(arguments))
}

fn solve(arguments: &Arguments) -> Result<bool, String> {
    let (name, options) = (solver::name(&arguments.file), &arguments.options);
    let settings = options.settings()?;

    let clock = Instant::now();
    let (program, notices) = solver::read(&arguments.file, options.quiet, mps::read_with_notices)?;
    let start = match &arguments.warm_start {
        Some(path) => Some(solution::read(path, &program)?),
        None => None,
    };
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
    let (used, make) = (EnginesUsed::default(), solver::engine(options.engine));
    let failed = |e: dyncvx::Error| format!("{name}: {e}");
    let mut solver = LinearSolver::with_engine(program, settings, make).map_err(failed)?;
    if let Some(start) = start {
        solver.warm_start(start).map_err(failed)?;
    }
    let setup = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let mut observer = options.observer(&used, |it| it);
    let found = solver.solve(&mut observer).map_err(failed)?;
    let solve = clock.elapsed().as_secs_f64();

    // What was asked to be proved, in exact arithmetic.
    let effort = if options.verify {
        Effort::InteriorRun
    } else {
        Effort::PointAlone
    };
    let verified = match arguments.no_verify {
        true => None,
        false => Some(
            solver
                .verify(&found, effort, &mut quiet_observer)
                .map_err(failed)?,
        ),
    };
    let verified = verified.map(|bounds| Verified::new(&bounds, None));

    let (program_rows, program_columns) = (
        solver.program().row_names(),
        solver.program().variable_names(),
    );
    let answer = Answer {
        status: found.status,
        ended: &found.ended,
        attempts: &found.attempts,
        primal_objective: found.primal_objective,
        dual_objective: found.dual_objective,
        dimacs: found.errors,
        backward: found.backward,
        worst: [
            found.backward.worst_row.and_then(named(program_rows)),
            found.backward.worst_column.and_then(named(program_columns)),
        ],
        iterations: found.iterations,
        seconds: solve,
        phases: &found.phases,
    };
    if !options.quiet {
        report::summary(&answer);
        if let Some(verified) = &verified {
            verified.say();
        }
    }
    if let Some(path) = &arguments.solution {
        solution::write(path, solver.program(), &found.point)?;
    }
    if let Some(path) = &options.json {
        let seconds = Seconds { read, setup, solve };
        let engine = if solver.is_presolved() {
            "presolve".into()
        } else {
            used.name()
        };
        let mut record = Record::new(&answer, engine, notices, seconds);
        record.verified = verified;
        report::json(path, &record)?;
    }
    Ok(found.status.is_answer())
}

/// The name at an index.
fn named(names: &[String]) -> impl Fn(usize) -> Option<String> + '_ {
    |at| names.get(at).cloned()
}
