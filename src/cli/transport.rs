//! `dyncvx transport`.

mod exact;
mod images;
mod read;
mod sparse;

use super::{Outcome, interrupted, report};
use clap::{Args, ValueEnum};
use dyncvx::transport::{
    self, Cost, InitialCoupling, Linear, Marginals, PointClouds, Settings, SinkhornSolution,
    Snapshot, Status, minimise_linear,
};
use serde::Serialize;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::Instant;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    /// Entropic mirror descent with one normalisation a step.
    MirrorSinkhorn,
    /// Network simplex on the arcs that Sinkhorn potentials choose.
    Exact,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Finish {
    /// Network simplex.
    #[value(alias = "auto")]
    Simplex,
    /// Interior-point method, and the network simplex from its plan to a vertex.
    InteriorPoint,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Distance {
    /// Sum of the squares of the differences.
    SquaredEuclidean,
    /// Its root.
    Euclidean,
    /// Sum of the differences' absolute values.
    L1,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Cost matrix, .npy or .csv.
    #[arg(
        long,
        value_name = "FILE",
        requires = "mu",
        requires = "nu",
        conflicts_with = "images"
    )]
    cost: Option<String>,
    /// The arcs allowed, instead of a cost matrix: lines row,column,cost counted from 0, or .npz as SciPy writes a matrix in
    /// coordinates with compressed=False (exact). A cost matrix forbids the arcs where it is inf.
    #[arg(
        long,
        value_name = "FILE",
        requires = "mu",
        requires = "nu",
        conflicts_with_all = ["cost", "points", "images"]
    )]
    arcs: Option<String>,
    /// Masses of the rows, .npy or .csv.
    #[arg(long, value_name = "FILE")]
    mu: Option<String>,
    /// Masses of the columns, .npy or .csv.
    #[arg(long, value_name = "FILE")]
    nu: Option<String>,
    /// Points, one a line, .npy or .csv: the cost is their distance, computed on the fly. Masses are even unless given.
    #[arg(
        long,
        num_args = 2,
        value_names = ["X", "Y"],
        conflicts_with_all = ["cost", "images"]
    )]
    points: Option<Vec<String>>,
    /// The distance between points.
    #[arg(
        long,
        value_enum,
        default_value = "squared-euclidean",
        requires = "points"
    )]
    distance: Distance,
    /// Two images of the same total after scaling: PNG, or intensities as .csv or .npy.
    #[arg(long, num_args = 2, value_names = ["A", "B"], required_unless_present_any = ["cost", "points", "arcs"])]
    images: Option<Vec<String>>,
    /// Take box averages down to K x K pixels.
    #[arg(long, value_name = "K", requires = "images")]
    resize: Option<usize>,
    /// The method.
    #[arg(long, value_enum, default_value = "exact")]
    method: Method,
    /// What solves on the arcs chosen (exact).
    #[arg(long, value_enum, default_value = "simplex")]
    finish: Finish,
    /// Sinkhorn half-steps that choose the arcs (exact).
    #[arg(long, value_name = "N")]
    half_steps: Option<usize>,
    /// Inverse temperature they end at, for a cost of range 1 (exact).
    #[arg(long, value_name = "X")]
    beta: Option<f64>,
    /// Relative certified gap at which the answer counts as optimal [default: 1e-2, exact: 1e-9].
    #[arg(long)]
    tol: Option<f64>,
    /// Normalisations at most (Mirror Sinkhorn).
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    max_iter: usize,
    /// Multiplies the steps (Mirror Sinkhorn); larger is faster on easy problems and unstable on hard ones.
    #[arg(long, default_value_t = 4.0, value_name = "X")]
    step_scale: f64,
    /// Seconds.
    #[arg(long, value_name = "S")]
    time_limit: Option<f64>,
    /// Write the plan, .npy, or sparse (exact only): .npz as SciPy reads it, .csv with a line row,column,mass an arc; dense .csv otherwise.
    #[arg(long, value_name = "FILE")]
    plan: Option<String>,
    /// Write the problem as a linear program, for `dyncvx lp`.
    #[arg(long, value_name = "FILE")]
    mps: Option<String>,
    /// Write a point of that program, for `dyncvx lp --warm-start`: plan and potentials, or those of Mirror Sinkhorn centred.
    #[arg(long, value_name = "FILE")]
    solution: Option<String>,
    /// Write the result as JSON, - for standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write the plan as a picture, .svg or .png.
    #[arg(long, value_name = "FILE")]
    plot: Option<String>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

#[derive(Serialize)]
struct Seconds {
    read: f64,
    setup: f64,
    solve: f64,
}

#[derive(Serialize)]
struct Record {
    status: &'static str,
    objective: Option<f64>,
    lower_bound: Option<f64>,
    gap: Option<f64>,
    marginal_violation: Option<f64>,
    iterations: usize,
    shape: [usize; 2],
    method: &'static str,
    seconds: Seconds,
    version: &'static str,
}

/// What was read: a problem.
struct Problem {
    cost: Given,
    mu: Vec<f64>,
    nu: Vec<f64>,
}

/// A cost everywhere, or on some arcs.
enum Given {
    Everywhere(Box<dyn Cost>),
    Arcs(Vec<(usize, usize, f64)>),
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    match solve(arguments) {
        Ok(Status::Solved | Status::PrimalInfeasible) => Outcome::Answered,
        Ok(_) => Outcome::Unanswered,
        Err(reason) => Outcome::Unusable(reason),
    }
}

fn problem(arguments: &Arguments) -> Result<Problem, String> {
    if let Some([a, b]) = arguments.images.as_deref() {
        let (a, b) = (
            images::image(a, arguments.resize)?,
            images::image(b, arguments.resize)?,
        );
        let scale = images::scale(&a, &b);
        let (x, mu) = images::points(&a);
        let (y, nu) = images::points(&b);
        let cost = PointClouds::new(x.as_ref(), y.as_ref(), scale).map_err(|e| e.to_string())?;
        return Ok(Problem {
            cost: Given::Everywhere(Box::new(cost)),
            mu,
            nu,
        });
    }
    if let Some([x, y]) = arguments.points.as_deref() {
        let (x_table, y_table) = (read::table(x)?, read::table(y)?);
        let mass = |path: &Option<String>, count: usize| match path {
            Some(path) => read::vector(path),
            None => Ok(vec![1.0 / count as f64; count]),
        };
        let (mu, nu) = (
            mass(&arguments.mu, x_table.rows)?,
            mass(&arguments.nu, y_table.rows)?,
        );
        let distance = match arguments.distance {
            Distance::SquaredEuclidean => transport::Distance::SquaredEuclidean,
            Distance::Euclidean => transport::Distance::Euclidean,
            Distance::L1 => transport::Distance::L1,
        };
        let (x_points, y_points) = (x_table.transposed(), y_table.transposed());
        let cost = PointClouds::with_distance(x_points.as_ref(), y_points.as_ref(), 1.0, distance)
            .map_err(|e| format!("{x}, {y}: {e}"))?;
        return Ok(Problem {
            cost: Given::Everywhere(Box::new(cost)),
            mu,
            nu,
        });
    }
    if let (Some(arcs), Some(mu), Some(nu)) = (&arguments.arcs, &arguments.mu, &arguments.nu) {
        return Ok(Problem {
            cost: Given::Arcs(sparse::arcs(arcs)?),
            mu: read::vector(mu)?,
            nu: read::vector(nu)?,
        });
    }
    let (Some(cost), Some(mu), Some(nu)) = (&arguments.cost, &arguments.mu, &arguments.nu) else {
        return Err(
            "expected --cost or --arcs with --mu and --nu, or --points, or --images".into(),
        );
    };
    let table = read::table(cost)?;
    let (mu, nu) = (read::vector(mu)?, read::vector(nu)?);
    if table.values.contains(&f64::INFINITY) {
        if (table.rows, table.columns) != (mu.len(), nu.len()) {
            let (m, n) = (table.rows, table.columns);
            let (k, l) = (mu.len(), nu.len());
            return Err(format!(
                "{cost}: expected {k} x {l} costs, one for each pair of masses, found {m} x {n}"
            ));
        }
        let entries = table.values.iter().enumerate();
        let allowed = entries.filter(|(_, c)| **c != f64::INFINITY);
        let arcs = allowed.map(|(k, c)| (k / table.columns, k % table.columns, *c));
        return Ok(Problem {
            cost: Given::Arcs(arcs.collect()),
            mu,
            nu,
        });
    }
    let cost = Linear::new(&[table.rows, table.columns], table.by_column())
        .map_err(|e| format!("{cost}: {e}"))?;
    Ok(Problem {
        cost: Given::Everywhere(Box::new(cost)),
        mu,
        nu,
    })
}

fn solve(arguments: &Arguments) -> Result<Status, String> {
    if let Some(tol) = arguments.tol.filter(|tol| !(*tol > 0.0 && tol.is_finite())) {
        return Err(format!("--tol: expected a positive number, found {tol}"));
    }
    let clock = Instant::now();
    let problem = problem(arguments)?;
    let read = clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let marginals = Marginals::new(&problem.mu, &problem.nu).map_err(|e| e.to_string())?;
    let setup = clock.elapsed().as_secs_f64();
    let cost = match &problem.cost {
        Given::Everywhere(cost) => cost.as_ref(),
        Given::Arcs(arcs) => {
            if let Method::MirrorSinkhorn = arguments.method {
                return Err(
                    "--method mirror-sinkhorn: expected a cost on all arcs, found forbidden ones"
                        .into(),
                );
            }
            for (name, wanted) in [("mps", &arguments.mps), ("solution", &arguments.solution)] {
                if wanted.is_some() {
                    return Err(format!(
                        "--{name}: expected a cost on all arcs, found forbidden ones"
                    ));
                }
            }
            return exact::run_sparse(arguments, arcs, &marginals, [read, setup]);
        }
    };
    if let Some(path) = &arguments.mps {
        let program = transport::linear_program(cost, &marginals).map_err(|e| e.to_string())?;
        let mut file = std::fs::File::create(path).map_err(|e| format!("{path}: {e}"))?;
        dyncvx::io::mps::write(&program, &mut file).map_err(|e| format!("{path}: {e}"))?;
    }
    if let Method::Exact = arguments.method {
        return exact::run(arguments, cost, &marginals, [read, setup]);
    }
    let mut settings = Settings::default();
    settings.tol_gap_rel = arguments.tol.unwrap_or(1e-2);
    settings.max_iter = arguments.max_iter;
    settings.step_scale = arguments.step_scale;
    settings.time_limit = arguments.time_limit.unwrap_or(f64::INFINITY);
    let show = !arguments.quiet && std::io::stderr().is_terminal();
    let mut observer = |it: &Snapshot| {
        if show && it.iteration.is_multiple_of(50) {
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
    let solution = minimise_linear(
        cost,
        &marginals,
        &settings,
        InitialCoupling::Independent,
        &mut observer,
    )
    .map_err(|e| e.to_string())?;
    if show {
        eprintln!();
    }
    let (m, n) = cost.shape();
    if !arguments.quiet {
        eprintln!(
            "{}: objective {:.10e}, certified to be at least {:.10e} ({m} x {n}, {} steps, {:.3} s)",
            solution.status.name(),
            solution.value,
            solution.lower_bound,
            solution.steps.count,
            solution.seconds
        );
    }
    if let Some(path) = &arguments.json {
        let record = Record {
            status: solution.status.name(),
            objective: report::finite(solution.value),
            lower_bound: report::finite(solution.lower_bound),
            gap: report::finite(solution.gap()),
            marginal_violation: report::finite(solution.marginal_violation),
            iterations: solution.steps.count,
            shape: [m, n],
            method: "mirror_sinkhorn",
            seconds: Seconds {
                read,
                setup,
                solve: solution.seconds,
            },
            version: env!("CARGO_PKG_VERSION"),
        };
        report::json(path, &record)?;
    }
    write_plan(arguments, &solution, cost)?;
    if let Some(path) = &arguments.solution {
        let point = solution.central_point(cost, &marginals);
        write_solution(path, cost, &marginals, point)?;
    }
    Ok(solution.status)
}

fn write_solution(
    path: &str,
    cost: &dyn Cost,
    marginals: &Marginals,
    point: dyncvx::Result<dyncvx::problem::LinearSolution>,
) -> Result<(), String> {
    let program = transport::linear_program(cost, marginals).map_err(|e| e.to_string())?;
    super::lp::solution::write(path, &program, &point.map_err(|e| e.to_string())?)
}

fn write_plan(
    arguments: &Arguments,
    solution: &SinkhornSolution,
    cost: &dyn Cost,
) -> Result<(), String> {
    if arguments.plan.is_none() && arguments.plot.is_none() {
        return Ok(());
    }
    let (m, n) = cost.shape();
    let plan = solution.plan.dense(cost).map_err(|e| e.to_string())?;
    if let Some(path) = &arguments.plan {
        read::write_matrix(path, &plan, m, n)?;
    }
    if let Some(path) = &arguments.plot {
        images::picture(path, &plan, m, n)?;
    }
    Ok(())
}
