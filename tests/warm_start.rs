//! Warm starts through the front door.

use dyncvx::constraints::Block;
use dyncvx::ipm::{Settings, Start, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::problem::generators::Recipe;
use dyncvx::{Error, Solver};
use std::ops::ControlFlow;

fn solve(solver: &mut Solver) -> dyncvx::ipm::Solution {
    solver.solve(&mut |_| ControlFlow::Continue(())).unwrap()
}

/// The program, and a right-hand side near its own that stays feasible: `A (x + share · I)`.
fn nearby(m: usize, blocks: &[Block], seed: u64, share: f64) -> (ConicProgram, Vec<f64>) {
    let known = Recipe::new(m, blocks).known_optimum(seed.into()).unwrap();
    let a = known.program.constraints();
    let mut x = known.x.clone();
    for (k, block) in blocks.iter().enumerate() {
        let step = if let Block::Psd(n) = block { n + 1 } else { 1 };
        x[a.range(k)]
            .iter_mut()
            .step_by(step)
            .for_each(|v| *v += share);
    }
    let mut b = vec![0.0; m];
    a.apply(&x, &mut b).unwrap();
    (known.program, b)
}

#[test]
fn a_nearby_problem_takes_fewer_iterations() {
    for blocks in [
        vec![Block::Psd(12)],
        vec![Block::Nonneg(60)],
        vec![Block::Psd(6), Block::Nonneg(9), Block::Psd(7)],
    ] {
        let (mut warm_sum, mut cold_sum) = (0, 0);
        for seed in 0..8 {
            let (program, b) = nearby(20, &blocks, seed, 1e-3);
            let mut solver = Solver::new(program.clone(), Settings::default()).unwrap();
            let first = solve(&mut solver);
            assert_eq!(first.status, Status::Solved);
            solver.set_rhs(&b).unwrap();
            let cold = solve(&mut solver);
            solver.warm_start(&first).unwrap();
            let warm = solve(&mut solver);
            assert_eq!((cold.status, warm.status), (Status::Solved, Status::Solved));
            let scale = 1.0 + cold.primal_objective.abs();
            assert!((warm.primal_objective - cold.primal_objective).abs() < 1e-6 * scale);
            warm_sum += warm.iterations;
            cold_sum += cold.iterations;
            // Used up: the next solve is as the cold one was.
            assert_eq!(solve(&mut solver).iterations, cold.iterations);
        }
        println!("{blocks:?}: warm {warm_sum}, cold {cold_sum}");
        assert!(10 * warm_sum <= 8 * cold_sum, "{warm_sum} {cold_sum}");
    }
}

#[test]
fn a_bad_start_does_no_harm() {
    let (program, _) = nearby(10, &[Block::Psd(8), Block::Nonneg(4)], 3, 0.0);
    let (n, m) = (program.constraints().ambient(), 10);
    let mut solver = Solver::new(program, Settings::default()).unwrap();
    let cold = solve(&mut solver);
    for (x, y, s) in [
        (0.0, 0.0, 0.0),
        (-1e6, 1e6, -1e6),
        (1e-300, 1e300, 1e300),
        (5.0, -3.0, 2.0),
    ] {
        let start = Start {
            x: vec![x; n],
            y: vec![y; m],
            s: vec![s; n],
        };
        solver.warm_start(start).unwrap();
        let found = solve(&mut solver);
        assert_eq!(found.status, Status::Solved);
        let scale = 1.0 + cold.primal_objective.abs();
        assert!((found.primal_objective - cold.primal_objective).abs() < 1e-6 * scale);
    }
}

#[test]
fn a_start_that_does_not_fit_is_refused() {
    let (program, _) = nearby(10, &[Block::Psd(8)], 3, 0.0);
    let mut solver = Solver::new(program, Settings::default()).unwrap();
    let cold = solve(&mut solver);
    let mut start = Start::from(&cold);
    start.y.pop();
    assert!(matches!(solver.warm_start(start), Err(Error::Shape { .. })));
    let mut start = Start::from(&cold);
    start.s[7] = f64::NAN;
    let refused = solver.warm_start(start);
    assert!(matches!(refused, Err(Error::NonFinite { index: 7, .. })));
    assert_eq!(solve(&mut solver).iterations, cold.iterations);
}
