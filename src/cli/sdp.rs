//! `dyncvx sdp`.

use super::solver::{self, Answer, EnginesUsed, ObjectiveErrors, Options, Record, Seconds};
use super::verified::Verified;
use super::{Outcome, report};
use clap::Args;
use dyncvx::constraints::Block;
use dyncvx::io::sdpa;
use dyncvx::ipm::{Iteration, ObjectiveError, Solution, Status};
use dyncvx::problem::SemidefiniteProgram;
use dyncvx::solver::{Effort, Solver};
use std::io::{BufWriter, Write};
use std::time::Instant;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// SDPA sparse file, or - for standard input.
    file: String,
    #[command(flatten)]
    options: Options,
    /// Write the solution: x on the first line, then `1 block i j value` for the nonzeros of X = Σ x_i F_i − F_0 and
    /// `2 block i j value` for those of Y, upper triangles.
    #[arg(long, value_name = "FILE")]
    solution: Option<String>,
    /// Write Y = V Vᵀ at the rank it was found to have: `block i k value` for the entries of V, one line each.
    #[arg(long, value_name = "FILE")]
    factor: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    Outcome::of(solve(arguments))
}

fn solve(arguments: &Arguments) -> Result<bool, String> {
    let (name, options) = (solver::name(&arguments.file), &arguments.options);
    let settings = options.settings()?;

    let clock = Instant::now();
    let (program, notices) = solver::read(&arguments.file, options.quiet, sdpa::read_with_notices)?;
    let read = clock.elapsed().as_secs_f64();

    let clock = Instant::now();
    let (used, make) = (EnginesUsed::default(), solver::engine(options.engine));
    let mut solver = Solver::with_engine(program.conic().clone(), settings, make)
        .map_err(|e| format!("{name}: {e}"))?;
    let setup = clock.elapsed().as_secs_f64();

    if !options.quiet {
        let (psd, numbers) = sizes(program.blocks());
        report::say!(
            "{name}: {} constraints, matrix blocks of order {psd}, {numbers} nonnegative numbers",
            program.costs().len()
        );
        report::table_head();
    }
    let mut observer = options.observer(&used, file_convention);
    let clock = Instant::now();
    let found = solver
        .solve(&mut observer)
        .map_err(|e| format!("{name}: {e}"))?;
    let seconds = clock.elapsed().as_secs_f64();

    let verified = match options.verify {
        true => {
            let effort = Effort::InteriorRun;
            let bounds = solver.verify(&found, effort, &mut solver::quiet_observer);
            Some(Verified::of_file(
                &bounds.map_err(|e| format!("{name}: {e}"))?,
            ))
        }
        false => None,
    };
    let told = !options.quiet || options.json.is_some();
    let rank = told.then(|| solver.ranks(&found).ok()).flatten();
    let status = file_status(found.status);
    let value = told && found.certificate.is_none();
    let counted = value.then(|| found.objective_error(program.conic()).ok());
    let objective_error = counted.flatten().map(file_errors);
    let answer = Answer {
        status,
        ended: &found.ended,
        attempts: &found.attempts,
        primal_objective: SemidefiniteProgram::primal_objective(found.dual_objective),
        dual_objective: SemidefiniteProgram::dual_objective(found.primal_objective),
        dimacs: found.dimacs,
        backward: found.backward,
        worst: [
            found
                .backward
                .worst_row
                .map(|i| format!("⟨F_{0}, Y⟩ = c_{0}", i + 1)),
            found
                .backward
                .worst_column
                .map(|k| position(program.blocks(), k)),
        ],
        iterations: found.iterations,
        seconds,
        phases: &found.phases,
    };
    if !options.quiet {
        report::summary(&answer);
        if let Some(verified) = &verified {
            verified.say();
        }
        if let Some(error) = objective_error {
            report::say!(
                "errors count in the objectives for {:.1e} at most, to first order",
                f64::max(error.primal, error.dual)
            );
        }
        if let Some(text) = rank.as_ref().and_then(|r| ranks(program.blocks(), r)) {
            report::say!("rank of Y: {text}");
        }
    }
    if let Some(path) = &arguments.factor {
        write_factor(path, &program, &found).map_err(|e| format!("{path}: {e}"))?;
    }
    if let Some(path) = &arguments.solution {
        write_solution(path, &program, &found).map_err(|e| format!("{path}: {e}"))?;
    }
    if let Some(path) = &options.json {
        let seconds = Seconds {
            read,
            setup,
            solve: seconds,
        };
        let mut record = Record::new(&answer, used.name(), notices, seconds);
        record.rank = rank;
        record.objective_error = objective_error;
        record.verified = verified;
        report::json(path, &record)?;
    }
    Ok(status.is_answer())
}

/// Where an entry of a flat vector is: block, row and column, counted from 1.
fn position(blocks: &[Block], mut at: usize) -> String {
    for (b, block) in blocks.iter().enumerate() {
        if at < block.ambient() {
            let (row, column) = match block {
                Block::Psd(n) => (at % n, at / n),
                _ => (at, at),
            };
            return format!("of block {} at ({}, {})", b + 1, row + 1, column + 1);
        }
        at -= block.ambient();
    }
    format!("{at}")
}

/// The solver's primal is the file's dual, with the other sign.
fn file_convention(mut it: Iteration) -> Iteration {
    (it.primal_objective, it.dual_objective) = (
        SemidefiniteProgram::primal_objective(it.dual_objective),
        SemidefiniteProgram::dual_objective(it.primal_objective),
    );
    core::mem::swap(&mut it.primal_infeasibility, &mut it.dual_infeasibility);
    core::mem::swap(&mut it.primal_step, &mut it.dual_step);
    it
}

/// The solver's primal is the file's dual.
fn file_errors(of: ObjectiveError) -> ObjectiveErrors {
    ObjectiveErrors {
        primal: of.dual,
        dual: of.primal,
    }
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

/// Rank and order of the largest matrix blocks.
fn ranks(blocks: &[Block], rank: &[usize]) -> Option<String> {
    const MOST: usize = 6;
    let mut pairs: Vec<(usize, usize)> = blocks
        .iter()
        .zip(rank)
        .filter_map(|(b, r)| match b {
            Block::Psd(n) => Some((*n, *r)),
            Block::Nonneg(_) => None,
        })
        .collect();
    pairs.sort_by(|a, b| b.cmp(a));
    let more = if pairs.len() > MOST { ", ..." } else { "" };
    let told: Vec<String> = pairs
        .iter()
        .take(MOST)
        .map(|(n, r)| format!("{r} of {n}"))
        .collect();
    (!told.is_empty()).then(|| told.join(", ") + more)
}

fn write_factor(path: &str, program: &SemidefiniteProgram, found: &Solution) -> Result<(), String> {
    let mut text = String::new();
    for (b, block) in program.blocks().iter().enumerate() {
        let Block::Psd(_) = block else { continue };
        let factor = found
            .factor(program.blocks(), b)
            .map_err(|e| e.to_string())?;
        for k in 0..factor.v.ncols() {
            for (i, v) in factor.v.col_as_slice(k).iter().enumerate() {
                text += &format!("{} {} {} {v:.17e}\n", b + 1, i + 1, k + 1);
            }
        }
    }
    std::fs::write(path, text).map_err(|e| e.to_string())
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
