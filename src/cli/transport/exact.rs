//! `--method exact`.

use super::{Arguments, Finish, Record, Seconds, images, interrupted, read, report, sparse};
use dyncvx::transport::{self, Cost, Exact, ExactSettings, Iteration, Marginals, Status, exact};
use std::ops::ControlFlow;

/// Solves, and writes what was asked for; `before` are the seconds of reading and setting up.
pub(super) fn run(
    arguments: &Arguments,
    cost: &dyn Cost,
    marginals: &Marginals,
    before: [f64; 2],
) -> Result<Status, String> {
    let mut settings = ExactSettings::default();
    settings.tol_gap_rel = arguments.tol.unwrap_or(settings.tol_gap_rel);
    settings.time_limit = arguments.time_limit.unwrap_or(f64::INFINITY);
    settings.finish = match arguments.finish {
        Finish::Auto => transport::Finish::Auto,
        Finish::Simplex => transport::Finish::Simplex,
        Finish::InteriorPoint => transport::Finish::InteriorPoint,
    };
    let mut observer = |_: &Iteration| match interrupted() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let answer =
        exact(cost, marginals, &settings, None, Some(&mut observer)).map_err(|e| e.to_string())?;
    let (m, n) = cost.shape();
    if !arguments.quiet {
        eprintln!(
            "{}: objective {:.12e}, certified to be at least {:.12e} ({m} x {n}, {} arcs, {} rounds, {} iterations, {} pivots, {:.3} s)",
            answer.status.name(),
            answer.objective,
            answer.lower_bound,
            answer.arcs,
            answer.rounds,
            answer.iterations,
            answer.pivots,
            answer.seconds
        );
    }
    if let Some(path) = &arguments.json {
        let [read, setup] = before;
        let record = Record {
            status: answer.status.name(),
            objective: report::finite(answer.objective),
            lower_bound: report::finite(answer.lower_bound),
            gap: report::finite(answer.objective - answer.lower_bound),
            marginal_violation: report::finite(answer.marginal_violation),
            iterations: answer.pivots,
            shape: [m, n],
            method: "exact",
            seconds: Seconds {
                read,
                setup,
                solve: answer.seconds,
            },
            version: env!("CARGO_PKG_VERSION"),
        };
        report::json(path, &record)?;
    }
    write_plan(arguments, &answer, m, n)?;
    Ok(answer.status)
}

fn write_plan(arguments: &Arguments, answer: &Exact, m: usize, n: usize) -> Result<(), String> {
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
