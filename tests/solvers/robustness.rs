//! The front door on programs as users write them: redundant, degenerate, badly scaled, trivial, infeasible.

use crate::common::dense::{combine, data, dot, smallest_eigenvalue};
use crate::common::*;
use dyncvx::Solver;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::ipm::{Certificate, Settings, Solution, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::problem::generators::Recipe;
use quickcheck::{Gen, QuickCheck};
use rand_core::Rng;
use std::ops::ControlFlow;

fn check(tests: u64, seed: u64) -> QuickCheck {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, seed))
        .tests(tests)
}

fn solver(program: &ConicProgram) -> Solver {
    Solver::new(program.clone(), Settings::default()).unwrap()
}

fn go(solver: &mut Solver) -> Solution {
    solver.solve(&mut |_| ControlFlow::Continue(())).unwrap()
}

fn solve(program: &ConicProgram) -> Solution {
    go(&mut solver(program))
}

fn recipe(which: u8, size: u8) -> Recipe {
    let blocks = layout(which);
    let places = blocks.iter().map(|b| match *b {
        Block::Psd(n) => n * (n + 1) / 2,
        Block::Nonneg(n) => n,
    });
    let mut recipe = Recipe::new(1 + usize::from(size) % (places.sum::<usize>() - 1), &blocks);
    recipe.entries = (which % 7 < 4).then_some(3);
    for (rank, b) in recipe.ranks.iter_mut().zip(&blocks) {
        *rank = 1 + usize::from(size / 3) % b.order();
    }
    recipe
}

/// The rows as lists, for tests to change.
type Lists = Vec<Vec<(usize, usize, usize, f64)>>;

fn lists(a: &Constraints) -> Lists {
    let mut rows = vec![vec![]; a.len()];
    a.entries()
        .for_each(|(i, b, r, c, v)| rows[i].push((b, r, c, v)));
    rows
}

fn build(blocks: &[Block], rows: &Lists) -> Constraints {
    let mut out = Constraints::builder(rows.len(), blocks).unwrap();
    for (i, row) in rows.iter().enumerate() {
        for &(b, r, c, v) in row {
            out.entry(i, b, r, c, v).unwrap();
        }
    }
    out.build().unwrap()
}

/// Optimal to the tolerances a user reads, worked out here in the program's own terms: `x` and `y` relative to their sizes.
fn is_optimal(program: &ConicProgram, found: &Solution, value: f64) {
    assert_eq!(
        found.status,
        Status::Solved,
        "{:?} after {}",
        found.dimacs,
        found.iterations
    );
    let (a, b, c) = data(program);
    let big = |v: &[f64]| v.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    for (row, b_i) in a.iter().zip(b) {
        assert!((dot(row, &found.x) - b_i).abs() <= 1e-7 * (1.0 + big(b)));
    }
    let aty = if a.is_empty() {
        vec![0.0; c.len()]
    } else {
        combine(&a, &found.y)
    };
    for k in 0..c.len() {
        assert!((aty[k] + found.s[k] - c[k]).abs() <= 1e-7 * (1.0 + big(&c)));
    }
    let blocks = program.constraints().blocks();
    assert!(smallest_eigenvalue(blocks, &found.x) >= -1e-7 * (1.0 + big(b)));
    assert!(smallest_eigenvalue(blocks, &found.s) >= -1e-7 * (1.0 + big(&c)));
    // Where the value vanishes, relative to the products it is a sum of.
    let terms = if big(b) > 0.0 {
        big(b) * big(&c)
    } else {
        big(&c)
    };
    for objective in [
        dot(&c, &found.x),
        dot(b, &found.y),
        found.primal_objective,
        found.dual_objective,
    ] {
        let error = (objective - value).abs() / value.abs().max(1e-3 * terms);
        assert!(error <= 1e-5, "{objective} for {value}");
    }
}

/// Measured here, against the sizes of what cancels.
fn is_certified(program: &ConicProgram, found: &Solution, status: Status) {
    assert_eq!(
        found.status, status,
        "{:?} after {}",
        found.dimacs, found.iterations
    );
    let (a, b, c) = data(program);
    let blocks = program.constraints().blocks();
    let lengths: Vec<f64> = a.iter().map(|row| dot(row, row).sqrt()).collect();
    match found.certificate.as_ref().unwrap() {
        Certificate::Primal { y, .. } => {
            assert_eq!(status, Status::PrimalInfeasible);
            assert!((dot(b, y) - 1.0).abs() <= 1e-9);
            let slack: Vec<f64> = combine(&a, y).iter().map(|v| -v).collect();
            let terms: f64 = y.iter().zip(&lengths).map(|(y, l)| y.abs() * l).sum();
            assert!(smallest_eigenvalue(blocks, &slack) >= -1e-8 * terms);
        }
        Certificate::Dual { x, .. } => {
            assert_eq!(status, Status::DualInfeasible);
            assert!((dot(&c, x) + 1.0).abs() <= 1e-9);
            let size = dot(x, x).sqrt();
            assert!(smallest_eigenvalue(blocks, x) >= -1e-8 * size);
            for (row, l) in a.iter().zip(&lengths) {
                assert!(dot(row, x).abs() <= 1e-7 * l * size);
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Zero rows, multiples and combinations among the others, in random order.
fn redundant(program: &ConicProgram, seed: u64, extra: usize) -> ConicProgram {
    let mut rng = rng(seed);
    let mut rows = lists(program.constraints());
    let mut b = program.rhs().to_vec();
    let m = rows.len();
    for _ in 0..extra {
        let mut sum = std::collections::BTreeMap::new();
        let mut right = 0.0;
        for _ in 0..rng.next_u64() % 4 {
            let (i, factor) = (rng.next_u64() as usize % m, 3.0 * normal(&mut rng));
            rows[i]
                .iter()
                .for_each(|&(b, r, c, v)| *sum.entry((b, r, c)).or_insert(0.0) += factor * v);
            right += factor * b[i];
        }
        let at = rng.next_u64() as usize % m;
        rows.push(sum.into_iter().map(|((b, r, c), v)| (b, r, c, v)).collect());
        b.push(right);
        let last = rows.len() - 1;
        rows.swap(at, last);
        b.swap(at, last);
    }
    let a = build(program.constraints().blocks(), &rows);
    ConicProgram::new(a, b, program.cost().clone()).unwrap()
}

#[test]
fn redundant_rows() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let known = recipe(which, size).known_optimum(seed.into()).unwrap();
        let program = redundant(&known.program, seed, 1 + usize::from(size) % 9);
        is_optimal(&program, &solve(&program), known.value);
        true
    }
    check(40, 1).quickcheck(law as fn(u64, u8, u8) -> bool);
}

#[test]
fn infeasible_and_unbounded() {
    fn law(seed: u64, which: u8, size: u8, more: bool) -> bool {
        let recipe = recipe(which, size);
        let primal = recipe.primal_infeasible(seed.into()).unwrap().program;
        let dual = recipe.dual_infeasible(seed.into()).unwrap().program;
        for (program, status) in [
            (primal, Status::PrimalInfeasible),
            (dual, Status::DualInfeasible),
        ] {
            let program = if more {
                redundant(&program, seed, 3)
            } else {
                program
            };
            is_certified(&program, &solve(&program), status);
        }
        true
    }
    check(25, 2).quickcheck(law as fn(u64, u8, u8, bool) -> bool);
}

/// Rows, right-hand side, cost and blocks times powers of ten between 1e-8 and 1e8.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Rows,
    Rhs,
    Cost,
    Blocks,
}

/// The same program in other units, and the factor of its value.
fn scaled(program: &ConicProgram, seed: u64, part: Part, exponent: i32) -> (ConicProgram, f64) {
    let mut rng = rng(seed);
    let factor = 10f64.powi(exponent);
    let blocks = program.constraints().blocks().to_vec();
    let mut rows = lists(program.constraints());
    let mut cost = lists(program.cost());
    let mut b = program.rhs().to_vec();
    let mut value = 1.0;
    match part {
        Part::Rows => {
            for (row, b) in rows.iter_mut().zip(&mut b) {
                let factor = 10f64.powf(f64::from(exponent) * uniform(&mut rng));
                row.iter_mut().for_each(|e| e.3 *= factor);
                *b *= factor;
            }
        }
        Part::Rhs => {
            b.iter_mut().for_each(|b| *b *= factor);
            value = factor;
        }
        Part::Cost => {
            cost[0].iter_mut().for_each(|e| e.3 *= factor);
            value = factor;
        }
        Part::Blocks => {
            let factors: Vec<f64> = blocks
                .iter()
                .map(|_| 10f64.powf(f64::from(exponent) * uniform(&mut rng)))
                .collect();
            rows.iter_mut()
                .chain(&mut cost)
                .flatten()
                .for_each(|e| e.3 *= factors[e.0]);
        }
    }
    let (a, c) = (build(&blocks, &rows), build(&blocks, &cost));
    (ConicProgram::new(a, b, c).unwrap(), value)
}

const PARTS: [Part; 4] = [Part::Rows, Part::Rhs, Part::Cost, Part::Blocks];

#[test]
fn huge_and_tiny_numbers() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let recipe = recipe(which, size);
        let known = recipe.known_optimum(seed.into()).unwrap();
        let primal = recipe.primal_infeasible(seed.into()).unwrap().program;
        let dual = recipe.dual_infeasible(seed.into()).unwrap().program;
        for part in PARTS {
            for exponent in [-8, 8] {
                let (program, factor) = scaled(&known.program, seed, part, exponent);
                is_optimal(&program, &solve(&program), factor * known.value);
                let (program, _) = scaled(&primal, seed, part, exponent);
                is_certified(&program, &solve(&program), Status::PrimalInfeasible);
                let (program, _) = scaled(&dual, seed, part, exponent);
                is_certified(&program, &solve(&program), Status::DualInfeasible);
            }
        }
        true
    }
    check(6, 3).quickcheck(law as fn(u64, u8, u8) -> bool);
}

/// One number and matrices of order one, a single row.
#[test]
fn the_smallest_programs() {
    for blocks in [
        vec![Block::Nonneg(1)],
        vec![Block::Psd(1)],
        vec![Block::Psd(1), Block::Nonneg(1), Block::Psd(1)],
    ] {
        let orders = blocks.len();
        let row: Vec<_> = (0..orders).map(|b| (b, 0, 0, 1.0 + b as f64)).collect();
        let cost: Vec<_> = (0..orders).map(|b| (b, 0, 0, 3.0)).collect();
        let (a, c) = (build(&blocks, &vec![row]), build(&blocks, &vec![cost]));
        // All weight on the last: 3/orders a unit of b.
        for b in [0.0, 1.0, 5.0] {
            let program = ConicProgram::new(a.clone(), vec![b], c.clone()).unwrap();
            is_optimal(&program, &solve(&program), 3.0 / orders as f64 * b);
        }
        let program = ConicProgram::new(a.clone(), vec![-1.0], c.clone()).unwrap();
        is_certified(&program, &solve(&program), Status::PrimalInfeasible);
    }
}

#[test]
fn no_rows_no_blocks_and_rows_without_entries() {
    let blocks = [Block::Psd(3), Block::Nonneg(2)];
    let none = build(&blocks, &vec![]);
    let definite = vec![vec![
        (0, 0, 0, 2.0),
        (0, 0, 1, 1.0),
        (0, 1, 1, 2.0),
        (1, 0, 0, 1.0),
    ]];
    let program = ConicProgram::new(none.clone(), vec![], build(&blocks, &definite)).unwrap();
    let found = solve(&program);
    is_optimal(&program, &found, 0.0);
    assert_eq!(found.s, data(&program).2);
    let indefinite = vec![vec![(0, 0, 0, 2.0), (0, 0, 1, 3.0), (0, 1, 1, 2.0)]];
    let program = ConicProgram::new(none, vec![], build(&blocks, &indefinite)).unwrap();
    is_certified(&program, &solve(&program), Status::DualInfeasible);

    let (empty, cost) = (build(&[], &vec![vec![]; 2]), build(&[], &vec![vec![]]));
    let program = ConicProgram::new(empty.clone(), vec![0.0; 2], cost.clone()).unwrap();
    assert_eq!(solve(&program).status, Status::Solved);
    let program = ConicProgram::new(empty, vec![0.0, -1.0], cost).unwrap();
    assert_eq!(solve(&program).status, Status::PrimalInfeasible);
    // Infeasible on both sides: either proof is right, and checked.
    let rows = vec![vec![(1, 0, 0, 1.0)], vec![]];
    let cost = vec![vec![(1, 1, 1, -1.0)]];
    let (a, c) = (build(&blocks, &rows), build(&blocks, &cost));
    let program = ConicProgram::new(a, vec![1.0, 1e-8], c).unwrap();
    let found = solve(&program);
    assert!(matches!(
        found.status,
        Status::PrimalInfeasible | Status::DualInfeasible
    ));
    is_certified(&program, &found, found.status);
}

/// Neither solution is unique, and strict complementarity fails: rank one optimal `X`, slack of rank one, order `n`.
#[test]
fn degenerate_programs() {
    fn law(seed: u64, order: u8) -> bool {
        let n = 3 + usize::from(order) % 6;
        let mut rng = rng(seed);
        let blocks = [Block::Psd(n), Block::Nonneg(n)];
        // x* = e_0 e_0ᵀ and s* = e_1 e_1ᵀ on the matrix, and both zero on half of the numbers: b = A x*, c = Aᵀy* + s*.
        let mut rows: Lists = vec![vec![]];
        (0..n).for_each(|k| rows[0].extend([(0, k, k, 1.0), (1, k, k, 1.0)]));
        for _ in 0..n {
            let i = 1 + rng.next_u64() as usize % (n - 1);
            let mut row = vec![(0, i, i, normal(&mut rng)), (1, i, i, normal(&mut rng))];
            row.push((0, 0, i, normal(&mut rng)));
            rows.push(row);
        }
        let a = build(&blocks, &rows);
        let b: Vec<f64> = (0..a.len()).map(|i| f64::from(u8::from(i == 0))).collect();
        let y: Vec<f64> = (0..a.len()).map(|_| normal(&mut rng)).collect();
        let mut sum = std::collections::BTreeMap::from([((0, 1, 1), 1.0)]);
        for (row, y) in rows.iter().zip(&y) {
            row.iter()
                .for_each(|&(b, r, c, v)| *sum.entry((b, r, c)).or_insert(0.0) += y * v);
        }
        let cost = vec![sum.into_iter().map(|((b, r, c), v)| (b, r, c, v)).collect()];
        let program = ConicProgram::new(a, b.clone(), build(&blocks, &cost)).unwrap();
        is_optimal(&program, &solve(&program), y[0]);
        true
    }
    check(40, 4).quickcheck(law as fn(u64, u8) -> bool);
}

#[test]
fn numbers_change_in_place_and_bad_ones_change_nothing() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let known = recipe(which, size).known_optimum(seed.into()).unwrap();
        let program = redundant(&known.program, seed, 4);
        let other = redundant(
            &recipe(which, size)
                .known_optimum((seed ^ 1).into())
                .unwrap()
                .program,
            seed,
            4,
        );
        let mut solver = solver(&program);
        is_optimal(&program, &go(&mut solver), known.value);
        // Half the right-hand side and twice the cost: the same value.
        let b: Vec<f64> = program.rhs().iter().map(|b| 0.5 * b).collect();
        solver.set_rhs(&b).unwrap();
        let double: Vec<f64> = program.cost().entries().map(|e| 2.0 * e.4).collect();
        solver
            .set_cost(program.cost().with_values(&double).unwrap())
            .unwrap();
        let found = go(&mut solver);
        is_optimal(solver.program(), &found, known.value);
        let values: Vec<f64> = program.constraints().entries().map(|e| 0.5 * e.4).collect();
        solver.set_values(&values).unwrap();
        let found = go(&mut solver);
        is_optimal(solver.program(), &found, 2.0 * known.value);

        let before = go(&mut solver).x;
        assert!(solver.set_rhs(&b[1..]).is_err());
        assert!(solver.set_values(&values[1..]).is_err());
        let mut bad = values.clone();
        bad[0] = f64::NAN;
        assert!(solver.set_values(&bad).is_err());
        let mut bad = b.clone();
        bad[0] = f64::INFINITY;
        assert!(solver.set_rhs(&bad).is_err());
        assert!(
            solver
                .set_cost(other.constraints().as_ref().clone())
                .is_err()
                || other.constraints().len() == 1
        );
        go(&mut solver).x == before
    }
    check(15, 5).quickcheck(law as fn(u64, u8, u8) -> bool);
}

/// Rows whose values change, dependent ones among them: as a new solver answers, whether the same rows stay or not.
#[test]
fn other_values_are_solved_as_a_new_solver_does() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let known = recipe(which, size).known_optimum(seed.into()).unwrap();
        let program = redundant(&known.program, seed, 3);
        let mut solver = solver(&program);
        is_optimal(&program, &go(&mut solver), known.value);
        // All rows in other units, row by row: the same points are feasible, and b moves along.
        let unit = |i: usize| [0.25, 1.0, 3.0][i % 3];
        let values = program.constraints().entries().map(|e| unit(e.0) * e.4);
        let b = program.rhs().iter().enumerate().map(|(i, b)| unit(i) * b);
        solver.set_values(&values.collect::<Vec<_>>()).unwrap();
        solver.set_rhs(&b.collect::<Vec<_>>()).unwrap();
        let found = go(&mut solver);
        is_optimal(solver.program(), &found, known.value);
        let mut fresh = Solver::new(solver.program().clone(), Settings::default()).unwrap();
        let expected = go(&mut fresh);
        is_optimal(solver.program(), &expected, known.value);
        // A row that said nothing new now contradicts the others, or is one of its own.
        let last = program.constraints().len() - 1;
        let mut values: Vec<f64> = solver
            .program()
            .constraints()
            .entries()
            .map(|e| e.4)
            .collect();
        let at = solver
            .program()
            .constraints()
            .entries()
            .position(|e| e.0 == last);
        if let Some(at) = at {
            values[at] *= 1.5;
            solver.set_values(&values).unwrap();
            let mut fresh = Solver::new(solver.program().clone(), Settings::default()).unwrap();
            assert_eq!(go(&mut solver).status, go(&mut fresh).status);
        }
        true
    }
    check(15, 6).quickcheck(law as fn(u64, u8, u8) -> bool);
}

#[test]
fn observers_see_the_objectives_of_the_program_as_it_was_given() {
    for exponent in [-8, 0, 8] {
        for part in [Part::Rhs, Part::Cost] {
            let known = recipe(1, 4).known_optimum(3.into()).unwrap();
            let (program, _) = scaled(&known.program, 3, part, exponent);
            let mut last = None;
            let mut solver = Solver::new(program, Settings::default()).unwrap();
            let found = solver
                .solve(&mut |it| {
                    last = Some((it.primal_objective, it.dual_objective));
                    ControlFlow::Continue(())
                })
                .unwrap();
            let (primal, dual) = last.unwrap();
            let size = found.primal_objective.abs();
            assert!((primal - found.primal_objective).abs() <= 1e-9 * size);
            assert!((dual - found.dual_objective).abs() <= 1e-9 * size);
        }
    }
}
