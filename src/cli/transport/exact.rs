//! `--method exact`.

use super::{
    Arguments, Finish, Record, Seconds, images, interrupted, read, report, sparse, write_solution,
};
use dyncvx::transport::{
    self, Cost, ExactSettings, ExactSolution, Marginals, Snapshot, Status, exact, exact_sparse,
};
use report::say;
use serde::Serialize;
use std::ops::ControlFlow;

/// The record's keys, and the violated cut where there is no coupling.
#[derive(Serialize)]
struct ExactRecord {
    #[serde(flatten)]
    common: Record,
    rounds: usize,
    arcs: usize,
    pivots: usize,
    cut: Option<CutRecord>,
}

/// Rows that hold more, by `excess`, than the columns that their arcs reach.
#[derive(Serialize)]
struct CutRecord {
    rows: Vec<usize>,
    columns: Vec<usize>,
    excess: f64,
}

fn settings(arguments: &Arguments) -> ExactSettings {
    let mut settings = ExactSettings::default();
    settings.tol_gap_rel = arguments.tol.unwrap_or(settings.tol_gap_rel);
    settings.time_limit = arguments.time_limit.unwrap_or(f64::INFINITY);
    settings.half_steps = arguments.half_steps.unwrap_or(settings.half_steps);
    settings.beta = arguments.beta.unwrap_or(settings.beta);
    settings.finish = match arguments.finish {
        Finish::Simplex => transport::Finish::Simplex,
        Finish::InteriorPoint => transport::Finish::InteriorPoint,
    };
    settings
}

fn observer(_: &Snapshot) -> ControlFlow<()> {
    match interrupted() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Solves, and writes what was asked for; `before` are the seconds of reading and setting up.
pub(super) fn run(
    arguments: &Arguments,
    cost: &dyn Cost,
    marginals: &Marginals,
    before: [f64; 2],
) -> Result<Status, String> {
    let (settings, mut observer) = (settings(arguments), observer);
    let answer = exact(cost, marginals, &settings, None, &mut observer);
    let answer = answer.map_err(|e| e.to_string())?;
    report(arguments, &answer, cost.shape(), before)?;
    if let Some(path) = &arguments.solution {
        let point = answer.linear_solution(cost, marginals);
        write_solution(path, cost, marginals, point)?;
    }
    Ok(answer.status)
}

/// The same on given arcs.
pub(super) fn run_sparse(
    arguments: &Arguments,
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    before: [f64; 2],
) -> Result<Status, String> {
    let (settings, mut observer) = (settings(arguments), observer);
    let answer = exact_sparse(arcs, marginals, &settings, None, &mut observer);
    let answer = answer.map_err(|e| e.to_string())?;
    let shape = (marginals.masses(0).len(), marginals.masses(1).len());
    report(arguments, &answer, shape, before)?;
    Ok(answer.status)
}

fn report(
    arguments: &Arguments,
    answer: &ExactSolution,
    (m, n): (usize, usize),
    [read, setup]: [f64; 2],
) -> Result<(), String> {
    if !arguments.quiet {
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
    if let Some(path) = &arguments.json {
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
            shape: [m, n],
            method: "exact",
            seconds: Seconds {
                read,
                setup,
                solve: answer.seconds,
            },
            version: env!("CARGO_PKG_VERSION"),
        };
        let cut = answer.cut.as_ref().map(|cut| CutRecord {
            rows: cut.rows.clone(),
            columns: cut.columns.clone(),
            excess: cut.excess,
        });
        let record = ExactRecord {
            common,
            rounds: answer.rounds,
            arcs: answer.arcs,
            pivots: answer.pivots,
            cut,
        };
        report::json(path, &record)?;
    }
    write_plan(arguments, answer, m, n)
}

fn write_plan(
    arguments: &Arguments,
    answer: &ExactSolution,
    m: usize,
    n: usize,
) -> Result<(), String> {
    if let Some(path) = &arguments.plan {
        if path.ends_with(".npy") {
            let mut plan = vec![0.0; m * n];
            for (i, j, mass) in &answer.plan {
                plan[i + m * j] = *mass;
            }
            read::write_matrix(path, &plan, m, n)?;
        } else {
            sparse::write(path, &answer.plan, (m, n))?;
        }
    }
    if let Some(path) = &arguments.plot {
        let (k, l) = (m.min(images::PICTURE), n.min(images::PICTURE));
        let mut cells = vec![0.0; k * l];
        for (i, j, mass) in &answer.plan {
            cells[((i + 1) * k - 1) / m + k * (((j + 1) * l - 1) / n)] += mass;
        }
        images::picture(path, &cells, k, l)?;
    }
    Ok(())
}
