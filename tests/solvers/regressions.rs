//! Small problems that were answered wrongly, or not at all, when answers were compared with those of other solvers.

use crate::common::{rng, uniform};
use dyncvx::io::{mps, sdpa};
use dyncvx::ipm::{self, Settings, Solution, Status};
use dyncvx::problem::{Limits, LinearProgram, SemidefiniteProgram, Sense};
use dyncvx::solver::LinearOutcome;
use dyncvx::{LinearSolver, Solver};
use std::ops::ControlFlow;

/// Objectives are the file's.
fn semidefinite(file: &str) -> (Solution, f64) {
    let program = sdpa::read(file.as_bytes()).unwrap();
    let mut solver = Solver::new(program.conic().clone(), Settings::default()).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    let value = SemidefiniteProgram::primal_objective(found.dual_objective);
    (found, value)
}

fn linear(file: &str) -> LinearOutcome {
    solve(&mps::read(file.as_bytes()).unwrap())
}

/// As the command does.
fn solve(program: &LinearProgram) -> LinearOutcome {
    let mut solver = LinearSolver::new(program.clone(), Settings::default()).unwrap();
    solver.solve(&mut |_| ControlFlow::Continue(())).unwrap()
}

/// Rows 1e-8 apart are independent, but one row to their Gram matrix.
#[test]
fn nearly_parallel_rows_are_no_error() {
    let file = "2\n2\n1 1\n4.361858318748315 4.36185826900694\n0 1 1 1 2.270291274524764\n0 2 1 1 3.3467728366676104\n\
                1 1 1 1 2.660059206256459\n1 2 1 1 2.6307224402468834\n2 1 1 1 2.660059206256459\n2 2 1 1 2.6307224102468836\n";
    let (found, value) = semidefinite(file);
    assert_eq!(found.status, Status::Solved);
    assert!((value - 5.549102678).abs() < 1e-7, "{value}");
}

/// The second row is the first up to 1e-12, and its right-hand side is not; but a number of 0.21 makes up for that.
#[test]
fn rows_with_small_right_hand_sides_contradict_no_others() {
    let (found, _) =
        semidefinite("2\n1\n-2\n4.5e-13 1.05e-7\n1 1 1 1 1.0\n2 1 1 1 700000.0\n2 1 2 2 -1e-06\n");
    assert!(found.certificate.is_none(), "{:?}", found.status);
}

/// `X = 0` is feasible. The objective of what looks like a ray is the rounding of a sum.
#[test]
fn rounding_is_no_certificate() {
    let (found, value) =
        semidefinite("1\n1\n2\n0.0\n0 1 1 1 9.0\n0 1 1 2 6.0\n1 1 1 1 -3.0\n1 1 1 2 -2.0\n");
    assert_eq!(found.status, Status::Solved);
    assert!(value.abs() < 1e-7, "{value}");
}

/// HKM steps vanish here, those of Nesterov and Todd do not.
#[test]
fn an_unstable_lyapunov_inequality_is_certified() {
    let file = "3\n2\n2 2\n0.0 0.0 1.0\n0 1 1 1 1.0\n1 1 1 1 -0.799817470437179\n1 1 1 2 -0.5386817002870193\n1 2 1 1 1.0\n\
                2 1 1 1 -1.6579975990370792\n2 1 1 2 -0.9526968047297926\n2 1 2 2 -1.0773634005740387\n2 2 1 2 1.0\n\
                3 1 1 2 -0.8289987995185396\n3 1 2 2 -1.1055761390224061\n3 2 2 2 1.0\n";
    // The file's primal: the solver's dual.
    assert_eq!(semidefinite(file).0.status, Status::DualInfeasible);
}

/// `x5 = 4` follows from the rows, and `x5 ≤ 2`; the cost is a combination of rows, its least slack rounding.
#[test]
fn a_cost_among_the_rows_is_begun_from_well() {
    let file = "NAME fz\nROWS\n N obj\n E r0\n E r1\n E r2\nCOLUMNS\n x0 r0 -1\n x0 r2 1\n x1 r1 1\n x2 r1 1\n x3 r0 1\n x3 r2 -1\n\
                \x20x4 r1 -1\n x5 obj 1\n x5 r0 1\nRHS\n RHS r2 4\nBOUNDS\n UP B x4 9\n UP B x5 2\nENDATA\n";
    assert_eq!(linear(file).status, Status::PrimalInfeasible);
    let program = mps::read(file.as_bytes()).unwrap();
    let mut first = None;
    let mut note = |it: &ipm::Iteration| {
        first.get_or_insert(it.mu);
        ControlFlow::Continue(())
    };
    let mut solver = LinearSolver::new(program, Settings::default()).unwrap();
    solver.solve(&mut note).unwrap();
    assert!(first.unwrap() > 1e-3, "{first:?}");
}

/// Near the optimum rows depend on one another but for variables whose ratios are 1e-11 of the largest ones.
#[test]
fn small_pivots_are_no_rounding_where_rows_are_few() {
    let narrow = "NAME fz\nROWS\n N obj\n G r0\n E r1\n E r2\n E r3\n E r4\nCOLUMNS\n x0 r3 -5\n x1 r1 -2 r2 1\n x2 obj -1\n x2 r2 -3\n\
                  \x20x3 r0 1\n x3 r1 1\n x3 r3 -1\n x3 r4 1\n x4 r2 -5\n x4 r4 1\n x5 r0 -3\n x5 r4 -3\nRHS\n RHS r0 -9\n RHS r4 -4\n\
                  RANGES\n RNG r0 -0.001\n RNG r2 -0.001\n RNG r4 -5\nBOUNDS\n LO B x0 -3\n FR B x5\nENDATA\n";
    let found = linear(narrow);
    assert_eq!(found.status, Status::Solved);
    let value = found.primal_objective;
    assert!((value + 2.5003333333).abs() < 1e-7, "{value}");

    let chain = "NAME fz\nROWS\n N obj\n E r0\n G r1\n E r2\n G r3\n G r4\nCOLUMNS\n x0 r1 -1\n x0 r4 2\n x1 r0 -2 r1 1\n x2 r0 1\n\
                 \x20x2 r2 -2\n x3 obj -1\n x3 r2 1\n x3 r3 -1\nRHS\n RHS r1 -2\n RHS r3 -8\n RHS r4 9\nRANGES\n RNG r0 3\n RNG r2 3\n\
                 BOUNDS\n FR B x2\nENDATA\n";
    assert_eq!(linear(chain).status, Status::PrimalInfeasible);
}

/// A bound of 10 000 makes a conic objective large beside which the gap is small; that of the program is not.
#[test]
fn a_second_run_asks_for_more_than_the_first_reached() {
    let file = "NAME fz\nROWS\n N obj\n L r0\nCOLUMNS\n x0 obj 9\n x0 r0 3\n x1 obj 12\n x1 r0 4\nRANGES\n RNG r0 -2\n\
                BOUNDS\n MI B x0\n UP B x0 10000\n MI B x1\n UP B x1 10000\nENDATA\n";
    let found = linear(file);
    assert_eq!(found.status, Status::Solved);
    assert!((found.primal_objective + 6.0).abs() < 1e-7);

    let farther = "NAME fz\nROWS\n N obj\n E r0\nCOLUMNS\n x0 r0 -4\n x1 r0 -4\nRHS\n RHS r0 -32\nBOUNDS\n MI B x0\n UP B x0 7\n\
                   \x20UP B x1 1000000\nENDATA\n";
    assert_eq!(linear(farther).status, Status::Solved);
}

/// Infeasible by 0.01 on 76: multipliers would have to grow to 1e8 to be a proof, their direction is one at once.
#[test]
fn a_small_margin_is_certified_by_the_direction() {
    let file = "NAME fz\nROWS\n N obj\n E r0\n G r1\nCOLUMNS\n x0 r0 1\n x0 r1 -6\n x1 obj 1\n x1 r0 5\n x1 r1 -10\n\
                RHS\n RHS r0 38\n RHS r1 -75.99\nENDATA\n";
    let found = linear(file);
    assert_eq!(found.status, Status::PrimalInfeasible);
    assert!(found.certificate.unwrap().relative_violation() < 1e-8);
}

/// The conic run gives up, far below its tolerances in its own units; its point has no error in the program's.
#[test]
fn a_point_is_an_answer_where_its_run_gave_up() {
    let files = [
        "NAME fz\nROWS\n N obj\n G r0\n E r1\nCOLUMNS\n x0 obj 10000\n x0 r1 -3\n x1 obj 9000\n x1 r0 3\n x1 r1 -3\n x2 obj -15000\n x2 r1 5\n\
         \x20x3 r1 3\nRHS\n RHS r0 4900000000\n RHS r1 -6000000000\nRANGES\n RNG r1 200000000\nBOUNDS\n LO B x0 -300000000\n\
         \x20LO B x2 -600000000\n LO B x3 400000000\nENDATA\n",
        "NAME fz\nROWS\n N obj\n E r0\n G r1\nCOLUMNS\n x0 r1 1\n x1 r0 1 r1 -3\n x2 obj 30000\n x2 r1 1\n x3 obj -5000\nRHS\n\
         \x20RHS r0 4500000\nBOUNDS\n UP B x3 100000\nENDATA\n",
    ];
    for file in files {
        let found = linear(file);
        assert_eq!(found.status, Status::Solved);
        assert!(found.errors.max() < 1e-10, "{:?}", found.errors);
    }
}

/// Demand above supply by 0.01: up to 8 sources and sinks, on some of the arcs.
#[test]
fn a_small_excess_of_demand_is_certified() {
    for seed in 0..200 {
        let mut rng = rng(seed);
        let mut below = |n: usize| (uniform(&mut rng) * n as f64) as usize;
        let (sources, sinks) = (1 + below(8), 1 + below(8));
        let mut p = LinearProgram::new(Sense::Minimise);
        let (mut out, mut into) = (vec![vec![]; sources], vec![vec![]; sinks]);
        for (i, out) in out.iter_mut().enumerate() {
            for (j, into) in into.iter_mut().enumerate() {
                if below(3) > 0 || i % sinks == j || j % sources == i {
                    let x = p
                        .add_variable("", below(10) as f64, Limits::NONNEGATIVE)
                        .unwrap();
                    out.push((x, 1.0));
                    into.push((x, 1.0));
                }
            }
        }
        let supply: Vec<f64> = (0..sources).map(|_| 1.0 + below(9) as f64).collect();
        let mut left = supply.iter().sum::<f64>() + 0.01;
        for (row, supply) in out.iter().zip(&supply) {
            p.add_row("", Limits::at_most(*supply).unwrap(), row)
                .unwrap();
        }
        for (j, row) in into.iter().enumerate() {
            let demand = match j + 1 == sinks {
                true => left,
                false => f64::min(left, below(6) as f64),
            };
            left -= demand;
            p.add_row("", Limits::at_least(demand).unwrap(), row)
                .unwrap();
        }
        let found = solve(&p);
        assert_eq!(found.status, Status::PrimalInfeasible, "seed {seed}");
    }
}

/// Rows between limits 0.001 apart that an integer point meets, and bounds: there is an optimum.
#[test]
fn narrow_rows_are_met() {
    for seed in 0..200 {
        let mut rng = rng(seed);
        let mut around = |n: i32| (uniform(&mut rng) * f64::from(2 * n + 1)) as i32 - n;
        let n = 2 + around(2).unsigned_abs() as usize * 2;
        let mut p = LinearProgram::new(Sense::Minimise);
        let bounds = Limits::new(-6.0, 6.0).unwrap();
        let x: Vec<usize> = (0..n)
            .map(|_| p.add_variable("", f64::from(around(3)), bounds).unwrap())
            .collect();
        let at: Vec<f64> = (0..n).map(|_| f64::from(around(5))).collect();
        for _ in 0..1 + around(3).unsigned_abs() {
            let row: Vec<(usize, f64)> = x.iter().map(|&k| (k, f64::from(around(4)))).collect();
            let row: Vec<_> = row.into_iter().filter(|r| r.1 != 0.0).collect();
            let value: f64 = row.iter().map(|&(k, v)| v * at[k]).sum();
            p.add_row("", Limits::new(value - 1e-3, value).unwrap(), &row)
                .unwrap();
        }
        let found = solve(&p);
        assert_eq!(found.status, Status::Solved, "seed {seed}");
        assert!(
            found.errors.max() <= 1e-8,
            "seed {seed}: {:?}",
            found.errors
        );
    }
}
