//! Warm starts through the front door.

use dyncvx::constraints::{Block, Constraints};
use dyncvx::ipm::{Iteration, Settings, Start, Status};
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

/// A point on the central path of a linear program is begun from as it is; one off it is moved inside first.
#[test]
fn points_near_the_central_path_stay_there() {
    let (m, n, mu) = (4, 12, 1e-3);
    let entry = |i: usize, k: usize| ((i * 7 + k * 5) % 11) as f64 - 3.0;
    let mut a = Constraints::builder(m, &[Block::Nonneg(n)]).unwrap();
    let mut c = Constraints::builder(1, &[Block::Nonneg(n)]).unwrap();
    let s: Vec<f64> = (0..n).map(|k| 10f64.powi(k as i32 % 5 - 3)).collect();
    let x: Vec<f64> = s.iter().map(|s| mu / s).collect();
    let mut b = vec![0.0; m];
    for k in 0..n {
        for (i, b) in b.iter_mut().enumerate() {
            a.entry(i, 0, k, k, entry(i, k)).unwrap();
            *b += entry(i, k) * x[k];
        }
        c.entry(0, 0, k, k, s[k]).unwrap();
    }
    let program = ConicProgram::new(a.build().unwrap(), b, c.build().unwrap()).unwrap();
    let first = |x: &[f64]| {
        let mut solver = Solver::new(program.clone(), Settings::default()).unwrap();
        let (x, y, s) = (x.to_vec(), vec![0.0; m], s.clone());
        solver.warm_start(Start { x, y, s }).unwrap();
        let mut seen = None;
        let mut observer = |it: &Iteration| {
            seen.get_or_insert(it.mu);
            ControlFlow::Continue(())
        };
        assert_eq!(solver.solve(&mut observer).unwrap().status, Status::Solved);
        seen.unwrap()
    };
    assert!((first(&x) - mu).abs() <= 1e-12 * mu);
    let mut off = x.clone();
    off[3] *= 1e-3;
    assert!(first(&off) > 1.001 * mu, "{}", first(&off));
}
