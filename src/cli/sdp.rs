//! `dyncvx sdp`.

use super::{Outcome, interrupted, report};
use clap::{Args, ValueEnum};
use dyncvx::constraints::{Block, BlockWeight};
use dyncvx::io::sdpa;
use dyncvx::ipm::{self, SearchDirection, Settings, Solution, Status};
use dyncvx::problem::SemidefiniteProgram;
use dyncvx::projection::{Direct, Kronecker, Projection};
use faer::Mat;
use serde::Serialize;
use std::io::{BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// SDPA sparse file, or - for standard input.
    file: String,
    /// What answers the Newton systems.
    #[arg(long, value_enum, default_value_t = Engine::Auto)]
    engine: Engine,
    /// How complementarity is linearised; hkm needs the direct engine.
    #[arg(long, value_enum, default_value_t = Direction::Auto)]
    direction: Direction,
    /// Relative tolerance of gap and feasibility.
    #[arg(long, default_value_t = 1e-8)]
    tol: f64,
    /// Largest number of iterations.
    #[arg(long, value_name = "N")]
    max_iter: Option<usize>,
    /// Seconds.
    #[arg(long, value_name = "S")]
    time_limit: Option<f64>,
    /// Write the result as JSON, - for standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Write the solution: x on the first line, then `1 block i j value` for the nonzeros of X = Σ x_i F_i − F_0 and
    /// `2 block i j value` for those of Y, upper triangles.
    #[arg(long, value_name = "FILE")]
    solution: Option<String>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Engine {
    /// Choose for me.
    Auto,
    /// Form and factor the Gram matrix at every step.
    Direct,
    /// Maintain its inverse through the changes of the weight.
    Maintained,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Direction {
    /// Choose for me.
    Auto,
    /// Nesterov–Todd.
    Nt,
    /// Helmberg–Kojima–Monteiro.
    Hkm,
}

#[derive(Serialize)]
struct Record {
    status: &'static str,
    primal_objective: Option<f64>,
    dual_objective: Option<f64>,
    gap: Option<f64>,
    dimacs: [Option<f64>; 6],
    iterations: usize,
    engine: &'static str,
    seconds: Seconds,
    version: &'static str,
}

#[derive(Serialize)]
struct Seconds {
    read: f64,
    setup: f64,
    solve: f64,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    match solve(arguments) {
        Ok(true) => Outcome::Answered,
        Ok(false) => Outcome::Unanswered,
        Err(reason) => Outcome::Unusable(reason),
    }
}

fn solve(arguments: &Arguments) -> Result<bool, String> {
    let name = if arguments.file == "-" {
        "standard input"
    } else {
        &arguments.file
    };
    let mut settings = Settings::with_tolerance(arguments.tol);
    settings.max_iter = arguments.max_iter.unwrap_or(settings.max_iter);
    settings.time_limit = arguments.time_limit.unwrap_or(settings.time_limit);
    settings.direction = match arguments.direction {
        Direction::Auto => SearchDirection::Auto,
        Direction::Nt => SearchDirection::NesterovTodd,
        Direction::Hkm => SearchDirection::Hkm,
    };
    settings.validate().map_err(|e| e.to_string())?;

    let clock = Instant::now();
    let program = read(&arguments.file, name)?;
    let read = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    let (engine, mut projection) =
        engine(arguments.engine, &program).map_err(|e| format!("{name}: {e}"))?;
    let setup = clock.elapsed().as_secs_f64();

    if !arguments.quiet {
        let (psd, numbers) = sizes(program.blocks());
        report::say!(
            "{name}: {} constraints, matrix blocks of order {psd}, {numbers} nonnegative numbers",
            program.costs().len()
        );
        report::table_head();
    }
    let mut observer = |it: &ipm::Iteration| {
        if !arguments.quiet {
            report::table_row(it);
        }
        if interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let found = ipm::solve(
        program.conic(),
        projection.as_mut(),
        &settings,
        &mut observer,
    )
    .map_err(|e| format!("{name}: {e}"))?;

    let status = file_status(found.status);
    let primal = SemidefiniteProgram::primal_objective(found.dual_objective);
    let dual = SemidefiniteProgram::dual_objective(found.primal_objective);
    if !arguments.quiet {
        report::say!(
            "{}: primal objective {primal:.10e}, dual objective {dual:.10e}",
            status.name()
        );
        report::say!(
            "largest DIMACS error {:.1e}, {} iterations, {:.3} s",
            found.dimacs.max(),
            found.iterations,
            found.seconds
        );
    }
    if let Some(path) = &arguments.solution {
        write_solution(path, &program, &found).map_err(|e| format!("{path}: {e}"))?;
    }
    if let Some(path) = &arguments.json {
        // Objectives of an infeasible problem do not exist.
        let exists = !matches!(status, Status::PrimalInfeasible | Status::DualInfeasible);
        let value = |v: f64| if exists { report::finite(v) } else { None };
        let record = Record {
            status: status.name(),
            primal_objective: value(primal),
            dual_objective: value(dual),
            gap: value(found.dimacs.0[4]),
            dimacs: found.dimacs.0.map(report::finite),
            iterations: found.iterations,
            engine,
            seconds: Seconds {
                read,
                setup,
                solve: found.seconds,
            },
            version: env!("CARGO_PKG_VERSION"),
        };
        report::json(path, &record)?;
    }
    Ok(status.is_answer())
}

fn read(path: &str, name: &str) -> Result<SemidefiniteProgram, String> {
    let mut bytes = Vec::new();
    let done = if path == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut f| f.read_to_end(&mut bytes))
    };
    done.map_err(|e| format!("{name}: {e}"))?;
    sdpa::read(&bytes).map_err(|e| format!("{name}:{}:{}: {}", e.line, e.column, e.reason))
}

fn engine(
    which: Engine,
    program: &SemidefiniteProgram,
) -> dyncvx::Result<(&'static str, Box<dyn Projection>)> {
    let a = program.matrices().clone();
    Ok(match which {
        Engine::Auto | Engine::Direct => ("direct", Box::new(Direct::new(a))),
        Engine::Maintained => {
            // Any first weight will do: the solver brings its own.
            let ones = vec![1.0; a.ambient()];
            let matrices: Vec<Mat<f64>> = a
                .blocks()
                .iter()
                .map(|b| Mat::identity(b.order(), b.order()))
                .collect();
            let first: Vec<BlockWeight<'_>> = a
                .blocks()
                .iter()
                .zip(&matrices)
                .map(|(b, w)| match *b {
                    Block::Psd(_) => BlockWeight::Psd(w.as_ref()),
                    Block::Nonneg(n) => BlockWeight::Nonneg(&ones[..n]),
                })
                .collect();
            ("maintained", Box::new(Kronecker::new(a.clone(), &first)?))
        }
    })
}

/// The solver's primal is the file's dual.
fn file_status(status: Status) -> Status {
    match status {
        Status::PrimalInfeasible => Status::DualInfeasible,
        Status::DualInfeasible => Status::PrimalInfeasible,
        other => other,
    }
}

/// Orders of the matrix blocks as text, and the number of nonnegative numbers.
fn sizes(blocks: &[Block]) -> (String, usize) {
    let mut orders: Vec<usize> = blocks
        .iter()
        .filter_map(|b| {
            if let Block::Psd(n) = b {
                Some(*n)
            } else {
                None
            }
        })
        .collect();
    let numbers = blocks
        .iter()
        .map(|b| if let Block::Nonneg(n) = b { *n } else { 0 })
        .sum();
    orders.sort_unstable_by(|a, b| b.cmp(a));
    let mut text: Vec<String> = vec![];
    for same in orders.chunk_by(|a, b| a == b) {
        text.push(if same.len() == 1 {
            same[0].to_string()
        } else {
            format!("{}x{}", same.len(), same[0])
        });
    }
    (
        if text.is_empty() {
            "none".into()
        } else {
            text.join(" ")
        },
        numbers,
    )
}

fn write_solution(
    path: &str,
    program: &SemidefiniteProgram,
    found: &Solution,
) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let x: Vec<String> = SemidefiniteProgram::primal_variable(&found.y)
        .iter()
        .map(|v| format!("{v:.17e}"))
        .collect();
    writeln!(out, "{}", x.join(" "))?;
    for (which, flat) in [(1, &found.s), (2, &found.x)] {
        for (b, block) in program.blocks().iter().enumerate() {
            let part = &flat[program.matrices().range(b)];
            let mut entry = |i: usize, j: usize, v: f64| {
                if v == 0.0 {
                    Ok(())
                } else {
                    writeln!(out, "{which} {} {} {} {v:.17e}", b + 1, i + 1, j + 1)
                }
            };
            match *block {
                Block::Nonneg(n) => (0..n).try_for_each(|k| entry(k, k, part[k]))?,
                Block::Psd(n) => (0..n)
                    .try_for_each(|j| (0..=j).try_for_each(|i| entry(i, j, part[i + j * n])))?,
            }
        }
    }
    out.flush()
}
