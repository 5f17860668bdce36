//! Verdicts of the solvers against exact arithmetic, on many small programs.
//!
//! `DYNCVX_PROGRAMS` says how many programs of each kind are tried; the number of those without an answer is printed.

use crate::common::{rng, uniform};
use crate::conic::known;
use crate::exact::{Number, exact, minimum};
use crate::linear::random;
use crate::transport::{masses, optimum};
use dyncvx::ipm::{Settings, Status};
use dyncvx::problem::{LinearProgram, Sense};
use dyncvx::solver::{LinearSolver, Solver};
use dyncvx::transport::{CostFn, ExactSettings, Marginals, exact as exact_transport, unobserved};
use std::ops::ControlFlow;

/// Programs of each kind.
fn count(default: usize) -> usize {
    let asked = std::env::var("DYNCVX_PROGRAMS").ok();
    asked.and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// How far a number is from an exact one, relative to 1 and both.
fn off(found: f64, optimum: &Number) -> f64 {
    let mut difference = exact(found) - optimum;
    if difference < exact(0.0) {
        difference = -difference;
    }
    let scale = 1.0 + found.abs();
    let mut bound = 1e-14;
    while bound < 1e300 && difference > exact(bound * scale) {
        bound *= 2.0;
    }
    bound
}

/// What was wrong and what was left open.
#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    open: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn finish(self, kind: &str, most_open: f64) {
        let Self { tried, open, wrong } = self;
        println!(
            "{kind}: {tried} programs, {} wrong, {open} without an answer",
            wrong.len()
        );
        assert!(wrong.is_empty(), "{kind}: {wrong:?}");
        assert!(
            open as f64 <= most_open * tried as f64,
            "{kind}: {open} of {tried} open"
        );
    }
}

fn linear_verdict(program: &LinearProgram, best: Option<&Number>, tally: &mut Tally, name: &str) {
    let mut solver = LinearSolver::new(program.clone(), Settings::default()).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    tally.tried += 1;
    let minimised = match program.sense() {
        Sense::Minimise => found.primal_objective,
        Sense::Maximise => -found.primal_objective,
    };
    match (found.status, best) {
        (Status::Solved, Some(best)) => {
            let off = off(minimised, best);
            if off > 1e-5 {
                tally.wrong.push(format!("{name}: {off:.1e} off"));
            }
        }
        // Limits that contradict each other by rounding alone are met within the tolerances.
        (Status::Solved, None) if found.backward.max() <= 1e-7 && found.errors.max() <= 1e-7 => {}
        (Status::PrimalInfeasible, None) => {}
        (Status::Solved | Status::PrimalInfeasible | Status::DualInfeasible, _) => {
            tally
                .wrong
                .push(format!("{name}: {:?}, exactly {best:?}", found.status));
        }
        _ => tally.open += 1,
    }
}

/// One program of ten is of wide scale.
#[test]
fn linear_programs_agree_with_all_vertices() {
    let mut rng = rng(77);
    let mut tally = Tally::default();
    for trial in 0..count(3000) {
        let (program, rows, costs) = random(&mut rng, trial % 10 == 9);
        let best = minimum(&rows, &costs);
        linear_verdict(
            &program,
            best.as_ref(),
            &mut tally,
            &format!("program {trial}"),
        );
    }
    tally.finish("linear", 0.005);
}

#[test]
fn semidefinite_programs_agree_with_known_optima() {
    let mut rng = rng(78);
    let mut tally = Tally::default();
    for trial in 0..count(1500) {
        let known = known(&mut rng, trial % 10 == 9);
        let mut solver = Solver::new(known.program.clone(), Settings::default()).unwrap();
        let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
        tally.tried += 1;
        match found.status {
            Status::Solved => {
                let off = off(found.primal_objective, &known.optimum);
                if off > 1e-5 {
                    tally.wrong.push(format!("program {trial}: {off:.1e} off"));
                }
            }
            status if status.is_infeasible() => {
                tally.wrong.push(format!("program {trial}: {status:?}"));
            }
            _ => tally.open += 1,
        }
    }
    tally.finish("semidefinite", 0.02);
}

/// One cost of ten has entries up to 1e20.
#[test]
fn transport_agrees_with_all_bases() {
    let mut rng = rng(79);
    let mut tally = Tally::default();
    for trial in 0..count(800) {
        let side = |rng: &mut _| 1 + (uniform(rng) * 3.0) as usize;
        let (m, n) = (side(&mut rng), side(&mut rng));
        let (mu, nu) = (masses(m, &mut rng), masses(n, &mut rng));
        let wide = trial % 10 == 9;
        let cost: Vec<f64> = (0..m * n)
            .map(|_| match uniform(&mut rng) {
                v if wide && v < 0.3 => 10f64.powf(20.0 * uniform(&mut rng)),
                v => (20.0 * v).floor() / 2.0,
            })
            .collect();
        // The masses as the method takes them, balanced exactly.
        let marginals = Marginals::new(&mu, &nu).unwrap();
        let exactly = |mode: usize| -> Vec<Number> {
            marginals.masses(mode).iter().map(|v| exact(*v)).collect()
        };
        let (rows, mut columns) = (exactly(0), exactly(1));
        let total: Number = rows.iter().sum();
        let rest: Number = columns.iter().skip(1).sum();
        columns[0] = total - rest;
        let best = optimum(&rows, &columns, &cost);
        let function = CostFn::new(m, n, |i, j| cost[i + m * j]);
        let settings = ExactSettings::default();
        let found =
            exact_transport(&function, &marginals, &settings, None, &mut unobserved).unwrap();
        tally.tried += 1;
        let largest = cost.iter().fold(0.0f64, |m, c| m.max(*c));
        match found.status {
            // Rounding of the masses may cost what their last digit costs along the dearest arc.
            Status::Solved => {
                let off = off(found.objective, &best);
                if off > 1e-7 && off * (1.0 + found.objective) > 1e-15 * largest {
                    tally.wrong.push(format!("problem {trial}: {off:.1e} off"));
                }
            }
            Status::PrimalInfeasible => tally.wrong.push(format!("problem {trial}: infeasible")),
            _ => tally.open += 1,
        }
    }
    tally.finish("transport", 0.005);
}
