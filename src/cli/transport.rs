//! `dyncvx transport`: read a problem, solve it by a method, write what was asked for.

mod exact;
mod images;
mod inputs;
mod mirror_sinkhorn;
mod outputs;
mod tables;

use super::{Outcome, interrupted, report};
use clap::{Args, ValueEnum};
use dyncvx::transport::{Marginals, Status};
use inputs::{Cost, InputArguments};
use outputs::OutputArguments;
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    input: InputArguments,
    #[command(flatten)]
    method: MethodArguments,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Debug, Args)]
struct MethodArguments {
    /// The method.
    #[arg(long, value_enum, default_value = "exact")]
    method: Method,
    #[command(flatten)]
    exact: exact::ExactArguments,
    /// Relative certified gap at which the answer counts as optimal [default: 1e-9 for exact, 1e-2 for Mirror Sinkhorn].
    #[arg(long)]
    tol: Option<f64>,
    #[command(flatten)]
    mirror_sinkhorn: mirror_sinkhorn::MirrorSinkhornArguments,
    /// By how much, relative to the total mass, the totals of both sides may differ; the columns are then scaled.
    #[arg(long, value_name = "X", default_value_t = 1e-6)]
    mass_tolerance: f64,
    /// Do not prove bounds of the optimum in exact arithmetic.
    #[arg(long)]
    no_verify: bool,
    /// Time limit in seconds.
    #[arg(long, value_name = "S")]
    time_limit: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    /// Entropic mirror descent with one normalisation per step.
    MirrorSinkhorn,
    /// Network simplex on the arcs that Sinkhorn potentials choose.
    Exact,
}

impl MethodArguments {
    fn validate(&self) -> Result<(), String> {
        match self.tol {
            Some(tol) if !(tol > 0.0 && tol.is_finite()) => {
                Err(format!("--tol: expected a positive number, found {tol}"))
            }
            _ => Ok(()),
        }
    }

    fn seconds(&self) -> f64 {
        self.time_limit.unwrap_or(f64::INFINITY)
    }
}

/// Relative differences of totals up to this are rounding of masses, and not worth a notice.
const ROUNDING_OF_MASSES: f64 = 1e-12;

/// The notice that masses were scaled.
fn rescaled(what: &str, by: f64) -> String {
    format!("{what} are scaled to those of the rows: the totals differ by {by:.1e} of the mass")
}

/// What happened before the solve.
struct Before {
    /// Seconds.
    read: f64,
    /// Seconds.
    setup: f64,
    /// What the readers left out, and what else there is to tell about the input.
    notices: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    match solve(arguments) {
        Ok(Status::Solved | Status::PrimalInfeasible) => Outcome::Answered,
        Ok(_) => Outcome::Unanswered,
        Err(reason) => Outcome::Unusable(reason),
    }
}

fn solve(arguments: &Arguments) -> Result<Status, String> {
    let Arguments {
        input,
        method,
        output,
    } = arguments;
    method.validate()?;
    let clock = Instant::now();
    let problem = input.read()?;
    let read = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let masses = [&problem.mu[..], &problem.nu];
    let marginals =
        Marginals::many_within(&masses, method.mass_tolerance).map_err(|e| e.to_string())?;
    let mut notices = problem.notices;
    if marginals.rescaled() > ROUNDING_OF_MASSES {
        notices.push(rescaled("the masses of the columns", marginals.rescaled()));
    }
    let setup = clock.elapsed().as_secs_f64();
    for notice in notices.iter().filter(|_| !output.quiet) {
        report::say!("notice: {notice}");
    }
    let before = Before {
        read,
        setup,
        notices,
    };
    match (&problem.cost, method.method) {
        (Cost::Arcs(_), Method::MirrorSinkhorn) => Err(
            "--method mirror-sinkhorn: expected a cost on all arcs, found forbidden ones".into(),
        ),
        (Cost::Arcs(arcs), Method::Exact) => {
            output.refuse_programs()?;
            exact::run_sparse(method, output, arcs, &marginals, before)
        }
        (Cost::Everywhere(cost), Method::Exact) => {
            output.write_program(cost.as_ref(), &marginals)?;
            exact::run(method, output, cost.as_ref(), &marginals, before)
        }
        (Cost::Everywhere(cost), Method::MirrorSinkhorn) => {
            output.write_program(cost.as_ref(), &marginals)?;
            mirror_sinkhorn::run(method, output, cost.as_ref(), &marginals, before)
        }
    }
}
