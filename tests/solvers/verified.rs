//! Bounds that solvers prove of their own answers.

use crate::common;
use dyncvx::io::{mps, sdpa};
use dyncvx::ipm::{Settings, Status};
use dyncvx::problem::{Limits, LinearProgram, Sense};
use dyncvx::solver::{Effort, LinearSolver, Solver};
use dyncvx::verify::Infeasible;
use std::ops::ControlFlow;

fn case(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Both bounds with the interior run, on either side of the objective; the point alone never proves more.
#[test]
fn random_linear_programs_are_enclosed() {
    for seed in 0..40 {
        let mut stream = common::rng(seed);
        let mut r = || common::uniform(&mut stream);
        let mut program = LinearProgram::new(Sense::Minimise);
        for _ in 0..6 {
            let cost = 0.1 + r();
            program
                .add_variable("x", cost, Limits::NONNEGATIVE)
                .unwrap();
        }
        for _ in 0..4 {
            let entries: Vec<_> = (0..6).map(|j| (j, r())).collect();
            let limits = Limits::at_least(0.5 + r()).unwrap();
            program.add_row("r", limits, &entries).unwrap();
        }
        let mut solver = LinearSolver::new(program, Settings::default()).unwrap();
        let mut go = |_: &_| ControlFlow::Continue(());
        let found = solver.solve(&mut go).unwrap();
        assert_eq!(found.status, Status::Solved);
        let bounds = solver.verify(&found, Effort::InteriorRun, &mut go).unwrap();
        assert!(
            bounds.lower.is_some() && bounds.upper.is_some(),
            "seed {seed}: {bounds:?}"
        );
        let (lower, upper) = (bounds.lower.unwrap(), bounds.upper.unwrap());
        assert!(
            lower <= upper && bounds.relative_width().unwrap() < 1e-6,
            "seed {seed}"
        );
        assert!(lower <= found.primal_objective + 1e-7 && found.dual_objective <= upper + 1e-7);
        let quick = solver.verify(&found, Effort::PointAlone, &mut go).unwrap();
        assert!(quick.lower.is_none_or(|v| v <= upper) && quick.upper.is_none_or(|v| v >= lower));
        // The settings of the interior run are not kept.
        let again = solver.solve(&mut go).unwrap();
        assert_eq!(again.primal_objective, found.primal_objective);
    }
}

#[test]
fn infeasibilities_are_proved_in_exact_arithmetic() {
    let mut go = |_: &_| ControlFlow::Continue(());
    for (name, side) in [
        ("lp_hidden_1e9.mps", Infeasible::Primal),
        ("lp_hidden_block_1e7.mps", Infeasible::Primal),
        ("lp_infeasible_box_1e6.mps", Infeasible::Primal),
        ("lp_near_singular.mps", Infeasible::Primal),
        ("lp_unbounded_hidden_1e8.mps", Infeasible::Dual),
    ] {
        let program = mps::read(&case(name)).unwrap();
        let mut solver = LinearSolver::new(program, Settings::default()).unwrap();
        let found = solver.solve(&mut go).unwrap();
        let bounds = solver.verify(&found, Effort::PointAlone, &mut go).unwrap();
        assert_eq!(bounds.infeasible, Some(side), "{name}");
    }
    let program = sdpa::read(&case("sdp_hidden_Y_1e9.dat-s")).unwrap();
    let mut solver = Solver::new(program.conic().clone(), Settings::default()).unwrap();
    let found = solver.solve(&mut go).unwrap();
    let bounds = solver.verify(&found, Effort::PointAlone, &mut go).unwrap();
    assert_eq!(bounds.infeasible, Some(Infeasible::Primal));
}

#[test]
fn a_semidefinite_optimum_is_enclosed() {
    let mut go = |_: &_| ControlFlow::Continue(());
    let program = sdpa::read(&case("p_sdp_csdp11.dat-s")).unwrap();
    let mut solver = Solver::new(program.conic().clone(), Settings::default()).unwrap();
    let found = solver.solve(&mut go).unwrap();
    let bounds = solver.verify(&found, Effort::InteriorRun, &mut go).unwrap();
    let (lower, upper) = (bounds.lower.unwrap(), bounds.upper.unwrap());
    let optimum = -(2f64.sqrt());
    let inside = |v: f64| lower <= v && v <= upper;
    assert!(inside(optimum) || inside(-optimum));
    assert!(upper - lower < 1e-6);
}
