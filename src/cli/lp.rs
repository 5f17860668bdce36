//! `dyncvx lp`.

pub(super) mod solution;

use super::solver::{self, Options, Record, Seconds, Ways};
use super::{Outcome, report};
use clap::Args;
use dyncvx::io::mps;
use dyncvx::ipm::{self, Observer, Settings, Start};
use dyncvx::problem::ConicProgram;
use dyncvx::solver::Solver;
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
    let program = solver::read(&arguments.file, mps::read)?;
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
    let (ways, mut solved) = (Ways::default(), false);
    let mut conic = |program: &ConicProgram,
                     settings: &Settings,
                     start: Option<&Start>,
                     observer: &mut Observer<'_>| {
        solved = true;
        let make = solver::engine(options.engine);
        let mut solver = Solver::with_engine(program.clone(), settings.clone(), make)?;
        if let Some(start) = start {
            solver.warm_start(start.clone())?;
        }
        solver.solve(observer)
    };
    let mut observer = options.observer(&ways, |it| it);
    let start = start.as_ref();
    let found = ipm::solve_linear_from(&program, &settings, start, &mut conic, &mut observer)
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
        solution::write(path, &program, &found.point)?;
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
