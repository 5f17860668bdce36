//! `--method exact`.

use super::outputs::{OutputArguments, Record, Seconds};
use super::{Before, MethodArguments, images, interrupted, report, tables};
use crate::cli::verified::Verified;
use clap::{Args, ValueEnum};
use dyncvx::transport::{
    self, Cost, ExactSettings, ExactSolution, Marginals, Snapshot, Status, exact, exact_sparse,
};
use dyncvx::verify::{self, Bounds, TransportBounds};
use report::say;
use serde::Serialize;
use std::ops::ControlFlow;

#[derive(Debug, Args)]
pub(super) struct ExactArguments {
    /// What solves on the arcs chosen (exact).
    #[arg(long, value_enum, default_value = "simplex")]
    finish: Finish,
    /// Sinkhorn half-steps that choose the first arcs (exact).
    #[arg(long, value_name = "N")]
    half_steps: Option<usize>,
    /// Inverse temperature of the last half-step, for a cost of range 1 (exact).
    #[arg(long, value_name = "X")]
    beta: Option<f64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Finish {
    /// Network simplex.
    #[value(alias = "auto")]
    Simplex,
    /// Interior-point method, then the network simplex from its plan to a vertex.
    InteriorPoint,
}

/// The keys of every record, and the violated cut where there is no coupling.
#[derive(Serialize)]
struct ExactRecord {
    #[serde(flatten)]
    common: Record,
    rounds: usize,
    arcs: usize,
    pivots: usize,
    cut: Option<CutRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<Verified>,
}

/// Rows that hold more mass, by `excess`, than the columns that their arcs reach.
#[derive(Serialize)]
struct CutRecord {
    rows: Vec<usize>,
    columns: Vec<usize>,
    excess: f64,
}

fn settings(arguments: &MethodArguments) -> ExactSettings {
    let mut settings = ExactSettings::default();
    settings.tol_gap_rel = arguments.tol.unwrap_or(settings.tol_gap_rel);
    settings.time_limit = arguments.seconds();
    settings.mass_tolerance = arguments.mass_tolerance;
    settings.half_steps = arguments.exact.half_steps.unwrap_or(settings.half_steps);
    settings.beta = arguments.exact.beta.unwrap_or(settings.beta);
    settings.finish = match arguments.exact.finish {
        Finish::Simplex => transport::Finish::Simplex,
        Finish::InteriorPoint => transport::Finish::InteriorPoint,
    };
    settings
}

fn observer(_: &Snapshot) -> ControlFlow<()> {
    if interrupted() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// Solves with a cost on all arcs, and writes what was asked for.
pub(super) fn run(
    arguments: &MethodArguments,
    output: &OutputArguments,
    cost: &dyn Cost,
    marginals: &Marginals,
    before: Before,
) -> Result<Status, String> {
    let answer = exact(cost, marginals, &settings(arguments), None, &mut observer);
    let answer = answer.map_err(|e| e.to_string())?;
    let proved = match arguments.no_verify {
        true => None,
        false => Some(proved(&answer, || {
            let (plan, potentials) = (&answer.plan, &answer.potentials);
            with_mass_error(verify::transport(cost, marginals, plan, potentials)?)
        })?),
    };
    report(output, &answer, proved, cost.shape(), before)?;
    output.write_solution(cost, marginals, || answer.linear_solution(cost, marginals))?;
    Ok(answer.status)
}

/// Solves on the given arcs, and writes what was asked for.
pub(super) fn run_sparse(
    arguments: &MethodArguments,
    output: &OutputArguments,
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    before: Before,
) -> Result<Status, String> {
    let answer = exact_sparse(arcs, marginals, &settings(arguments), None, &mut observer);
    let answer = answer.map_err(|e| e.to_string())?;
    let proved = match arguments.no_verify {
        true => None,
        false => Some(proved(&answer, || match &answer.cut {
            Some(cut) => Ok((verify::transport_cut(arcs, marginals, cut)?, None)),
            None => with_mass_error(verify::transport_sparse(
                arcs,
                marginals,
                &answer.plan,
                &answer.potentials,
            )?),
        })?),
    };
    let shape = (marginals.masses(0).len(), marginals.masses(1).len());
    report(output, &answer, proved, shape, before)?;
    Ok(answer.status)
}

fn with_mass_error(found: TransportBounds) -> dyncvx::Result<(Bounds, Option<f64>)> {
    Ok((found.bounds, Some(found.mass_error)))
}

/// The bounds that are proved of an answer; nothing is proved where there is no plan.
fn proved(
    answer: &ExactSolution,
    prove: impl FnOnce() -> dyncvx::Result<(Bounds, Option<f64>)>,
) -> Result<Verified, String> {
    if answer.plan.is_empty() && answer.cut.is_none() {
        return Ok(Verified::nothing(&answer.status));
    }
    let (bounds, mass_error) = prove().map_err(|e| e.to_string())?;
    Ok(Verified::new(&bounds, mass_error))
}

fn report(
    output: &OutputArguments,
    answer: &ExactSolution,
    verified: Option<Verified>,
    shape: (usize, usize),
    before: Before,
) -> Result<(), String> {
    if !output.quiet {
        summary(answer, shape);
    }
    let mut notices = before.notices.clone();
    if answer.rescaled > 0.0 {
        let notice = super::rescaled("the masses of the columns of a block", answer.rescaled);
        if !output.quiet {
            say!("notice: {notice}");
        }
        notices.push(notice);
    }
    if let (Some(verified), false) = (&verified, output.quiet) {
        verified.say();
    }
    let common = Record {
        status: answer.status.name(),
        objective: report::finite(answer.objective),
        lower_bound: report::finite(answer.lower_bound),
        gap: report::finite(answer.objective - answer.lower_bound),
        marginal_violation: report::finite(answer.marginal_violation),
        iterations: match answer.iterations {
            0 => answer.pivots,
            iterations => iterations,
        },
        shape: [shape.0, shape.1],
        method: "exact",
        notices,
        seconds: Seconds::new(&before, answer.seconds),
        version: env!("CARGO_PKG_VERSION"),
    };
    let cut = answer.cut.as_ref().map(|cut| CutRecord {
        rows: cut.rows.clone(),
        columns: cut.columns.clone(),
        excess: cut.excess,
    });
    output.write_record(&ExactRecord {
        common,
        rounds: answer.rounds,
        arcs: answer.arcs,
        pivots: answer.pivots,
        cut,
        verified,
    })?;
    write_plan(output, answer, shape)
}

/// One line for people.
fn summary(answer: &ExactSolution, (m, n): (usize, usize)) {
    if let Some(failure) = &answer.interior_failure {
        say!("interior-point finish left to the simplex: {failure}");
    }
    match &answer.cut {
        Some(cut) => say!(
            "{}: {} rows hold {:.6e} more than the {} columns that their arcs reach ({m} x {n}, {:.3} s)",
            answer.status.name(),
            cut.rows.len(),
            cut.excess,
            cut.columns.len(),
            answer.seconds
        ),
        None => say!(
            "{}: objective {:.12e}, certified to be at least {:.12e} ({m} x {n}, {} arcs, {} rounds, {} iterations, {} pivots, {:.3} s)",
            answer.status.name(),
            answer.objective,
            answer.lower_bound,
            answer.arcs,
            answer.rounds,
            answer.iterations,
            answer.pivots,
            answer.seconds
        ),
    }
}

fn write_plan(
    output: &OutputArguments,
    answer: &ExactSolution,
    (m, n): (usize, usize),
) -> Result<(), String> {
    if let Some(path) = &output.plan {
        if path.ends_with(".npy") {
            let mut plan = vec![0.0; m * n];
            for (i, j, mass) in &answer.plan {
                plan[i + m * j] = *mass;
            }
            tables::write_matrix(path, &plan, m, n)?;
        } else {
            tables::write_arcs(path, &answer.plan, (m, n))?;
        }
    }
    if let Some(path) = &output.plot {
        // Cells of the picture add up the arcs that fall into them.
        let (k, l) = (m.min(images::PICTURE), n.min(images::PICTURE));
        let mut cells = vec![0.0; k * l];
        for (i, j, mass) in &answer.plan {
            cells[((i + 1) * k - 1) / m + k * (((j + 1) * l - 1) / n)] += mass;
        }
        images::picture(path, &cells, k, l)?;
    }
    Ok(())
}
