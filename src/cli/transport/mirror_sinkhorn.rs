//! `--method mirror-sinkhorn`.

use super::outputs::{OutputArguments, Record, Seconds};
use super::{Before, MethodArguments, interrupted, report};
use clap::Args;
use dyncvx::transport::{
    Cost, InitialCoupling, Marginals, Settings, SinkhornSolution, Snapshot, Status, minimise_linear,
};
use report::say;
use std::io::IsTerminal;
use std::ops::ControlFlow;

/// Steps between two lines of progress.
const STEPS_PER_LINE: usize = 50;

#[derive(Debug, Args)]
pub(super) struct MirrorSinkhornArguments {
    /// Normalisations at most (Mirror Sinkhorn).
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    max_iter: usize,
    /// Multiplies the steps (Mirror Sinkhorn). Larger values are faster on easy problems and unstable on hard ones.
    #[arg(long, default_value_t = 4.0, value_name = "X")]
    step_scale: f64,
}

fn settings(arguments: &MethodArguments) -> Settings {
    let mut settings = Settings::default();
    settings.tol_gap_rel = arguments.tol.unwrap_or(1e-2);
    settings.max_iter = arguments.mirror_sinkhorn.max_iter;
    settings.step_scale = arguments.mirror_sinkhorn.step_scale;
    settings.time_limit = arguments.seconds();
    settings
}

/// Solves, and writes what was asked for.
pub(super) fn run(
    arguments: &MethodArguments,
    output: &OutputArguments,
    cost: &dyn Cost,
    marginals: &Marginals,
    before: Before,
) -> Result<Status, String> {
    let show = !output.quiet && std::io::stderr().is_terminal();
    let mut observer = |it: &Snapshot| {
        if show && it.iteration.is_multiple_of(STEPS_PER_LINE) {
            eprint!(
                "\r{:8} steps  objective {:.8e}  lower bound {:.8e}  violation {:.1e}  {:.1} s ",
                it.iteration, it.upper, it.lower, it.violation, it.seconds
            );
        }
        if interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let start = InitialCoupling::Independent;
    let solution = minimise_linear(cost, marginals, &settings(arguments), start, &mut observer)
        .map_err(|e| e.to_string())?;
    if show {
        say!();
    }
    report(output, &solution, cost.shape(), before)?;
    if output.plan.is_some() || output.plot.is_some() {
        let plan = solution.plan.dense(cost).map_err(|e| e.to_string())?;
        output.write_dense_plan(&plan, cost.shape())?;
    }
    output.write_solution(cost, marginals, || solution.central_point(cost, marginals))?;
    Ok(solution.status)
}

fn report(
    output: &OutputArguments,
    solution: &SinkhornSolution,
    (m, n): (usize, usize),
    before: Before,
) -> Result<(), String> {
    if !output.quiet {
        say!(
            "{}: objective {:.10e}, certified to be at least {:.10e} ({m} x {n}, {} steps, {:.3} s)",
            solution.status.name(),
            solution.value,
            solution.lower_bound,
            solution.steps.count,
            solution.seconds
        );
    }
    output.write_record(&Record {
        status: solution.status.name(),
        objective: report::finite(solution.value),
        lower_bound: report::finite(solution.lower_bound),
        gap: report::finite(solution.gap()),
        marginal_violation: report::finite(solution.marginal_violation),
        iterations: solution.steps.count,
        shape: [m, n],
        method: "mirror_sinkhorn",
        notices: before.notices.clone(),
        seconds: Seconds::new(&before, solution.seconds),
        version: env!("CARGO_PKG_VERSION"),
    })
}
