//! The harness on problems whose answers are known.

use crate::common::dense::{combine, data, dot, smallest_eigenvalue};
use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints, WeightForm, Weighted};
use dyncvx::ipm::{self, Certificate, Iteration, SearchDirection, Settings, Solution, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::problem::generators::Recipe;
use dyncvx::projection::{
    Accuracy, Goal, Kronecker, Projection, Recompute, Refresh, Shape, Support,
};
use dyncvx::solver::solve_with;
use faer::{Mat, MatMut};
use quickcheck::{Gen, QuickCheck};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

fn check(tests: u64, seed: u64) -> QuickCheck {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, seed))
        .tests(tests)
}

fn solve(program: &ConicProgram) -> Solution {
    solve_along(program, SearchDirection::NesterovTodd)
}

fn solve_along(program: &ConicProgram, direction: SearchDirection) -> Solution {
    let mut settings = Settings::default();
    settings.direction = direction;
    let mut p = Recompute::new(program.constraints().clone()).unwrap();
    solve_with(program, &mut p, &settings, None, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

/// A maintained structure at the identity, for a solver that brings its own weights.
fn kronecker(a: &Constraints) -> Kronecker {
    let matrices: Vec<Mat<f64>> = a
        .blocks()
        .iter()
        .map(|b| Mat::identity(b.order(), b.order()))
        .collect();
    let ones = vec![1.0; a.ambient()];
    let first: Vec<BlockWeight<'_>> = a
        .blocks()
        .iter()
        .zip(&matrices)
        .map(|(b, w)| match *b {
            Block::Psd(_) => w.into(),
            Block::Nonneg(n) => BlockWeight::Nonneg(&ones[..n]),
        })
        .collect();
    Kronecker::new(a.clone())
        .unwrap()
        .with_weight(&first)
        .unwrap()
}

/// The errors of a solution, worked out here from the program in full.
fn is_optimal(program: &ConicProgram, found: &Solution, value: f64) {
    let (a, b, c) = data(program);
    let big = |v: &[f64]| v.iter().fold(1.0f64, |m, x| m.max(1.0 + x.abs()));
    assert_eq!(found.status, Status::Solved, "{:?}", found.dimacs);
    for (row, b_i) in a.iter().zip(b) {
        assert!((dot(row, &found.x) - b_i).abs() <= 1e-7 * big(b));
    }
    let aty = combine(&a, &found.y);
    for ((aty, s), c_k) in aty.iter().zip(&found.s).zip(&c) {
        assert!((aty + s - c_k).abs() <= 1e-7 * big(&c));
    }
    let blocks = program.constraints().blocks();
    assert!(smallest_eigenvalue(blocks, &found.x) >= -1e-8 * big(b));
    assert!(smallest_eigenvalue(blocks, &found.s) >= -1e-8 * big(&c));
    let scale = 1.0 + value.abs();
    assert!(
        (dot(&c, &found.x) - value).abs() <= 1e-6 * scale,
        "{} against {value}",
        dot(&c, &found.x)
    );
    assert!(
        (dot(b, &found.y) - value).abs() <= 1e-6 * scale,
        "{} against {value}",
        dot(b, &found.y)
    );
    assert!((found.primal_objective - dot(&c, &found.x)).abs() <= 1e-9 * scale);
    assert!(found.dimacs.max() <= 1e-8, "{:?}", found.dimacs);
}

fn recipe(which: u8, size: u8) -> Recipe {
    let blocks = layout(which);
    let dimension: usize = blocks
        .iter()
        .map(|b| match *b {
            Block::Psd(n) => n * (n + 1) / 2,
            Block::Nonneg(n) => n,
        })
        .sum();
    let mut recipe = Recipe::new(1 + usize::from(size) % (dimension - 1), &blocks);
    if which % 7 < 4 {
        recipe.entries = Some(3);
    }
    for (rank, b) in recipe.ranks.iter_mut().zip(&blocks) {
        *rank = 1 + usize::from(size / 3) % b.order();
    }
    recipe
}

static ITERATIONS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

#[test]
fn finds_the_known_optimum() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let known = recipe(which, size).known_optimum(seed.into()).unwrap();
        for direction in [SearchDirection::NesterovTodd, SearchDirection::Hkm] {
            let found = solve_along(&known.program, direction);
            is_optimal(&known.program, &found, known.value);
            ITERATIONS[usize::from(direction == SearchDirection::Hkm)]
                .fetch_add(found.iterations, Ordering::Relaxed);
        }
        true
    }
    check(60, 21).quickcheck(law as fn(u64, u8, u8) -> bool);
    // About 500 each; without Mehrotra's correction 690 and 670.
    assert!(
        ITERATIONS.iter().all(|n| n.load(Ordering::Relaxed) < 600),
        "{ITERATIONS:?}"
    );
}

/// The solver sees nothing but the seam: a maintained structure leads to the same answer.
#[test]
fn any_projection_will_do() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let known = recipe(which, size).known_optimum(seed.into()).unwrap();
        let mut p = kronecker(known.program.constraints());
        let found = solve_with(
            &known.program,
            &mut p,
            &Settings::default(),
            None,
            &mut |_| ControlFlow::Continue(()),
        );
        is_optimal(&known.program, &found.unwrap(), known.value);
        true
    }
    check(25, 22).quickcheck(law as fn(u64, u8, u8) -> bool);
}

#[test]
fn certifies_infeasibility_on_either_side() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let recipe = recipe(which, size);
        let program = recipe.primal_infeasible(seed.into()).unwrap().program;
        let found = solve(&program);
        assert_eq!(found.status, Status::PrimalInfeasible, "{:?}", found.dimacs);
        let Some(Certificate::Primal { y, .. }) = &found.certificate else {
            panic!("no certificate")
        };
        let (a, b, _) = data(&program);
        assert!((dot(b, y) - 1.0).abs() < 1e-9);
        let slack: Vec<f64> = combine(&a, y).iter().map(|v| -v).collect();
        assert!(smallest_eigenvalue(program.constraints().blocks(), &slack) >= -1e-8);

        let program = recipe.dual_infeasible(seed.into()).unwrap().program;
        let found = solve(&program);
        assert_eq!(found.status, Status::DualInfeasible, "{:?}", found.dimacs);
        let Some(Certificate::Dual { x, .. }) = &found.certificate else {
            panic!("no certificate")
        };
        let (a, _, c) = data(&program);
        assert!((dot(&c, x) + 1.0).abs() < 1e-9);
        assert!(a.iter().all(|row| dot(row, x).abs() <= 1e-8));
        assert!(smallest_eigenvalue(program.constraints().blocks(), x) >= -1e-8);
        true
    }
    check(40, 23).quickcheck(law as fn(u64, u8, u8) -> bool);
}

#[test]
fn stops_when_told_and_returns_the_best_point_so_far() {
    let known = Recipe::new(20, &[Block::Psd(9)])
        .known_optimum(4.into())
        .unwrap();
    let program = &known.program;
    let mut p = Recompute::new(program.constraints().clone()).unwrap();
    let mut rows: Vec<Iteration> = vec![];
    let mut stop = |it: &Iteration| {
        rows.push(*it);
        if it.iteration == 5 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let found = solve_with(program, &mut p, &Settings::default(), None, &mut stop).unwrap();
    assert_eq!(
        (found.status, found.iterations, rows.len()),
        (Status::Stopped, 5, 6)
    );
    assert!(found.dimacs.max() < rows[1].gap, "not the best point");
    assert!(
        (found.primal_objective - known.value).abs()
            < (rows[0].primal_objective - known.value).abs()
    );

    let mut run = |settings: &Settings| {
        solve_with(program, &mut p, settings, None, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    };
    let mut settings = Settings::default();
    settings.max_iter = 3;
    assert_eq!(run(&settings).status, Status::MaxIterations);
    settings.time_limit = 0.0;
    assert_eq!(
        (run(&settings).status, run(&settings).iterations),
        (Status::TimeLimit, 0)
    );
}

#[test]
fn refuses_settings_and_projections_that_do_not_fit() {
    let program = Recipe::new(5, &[Block::Psd(4)])
        .known_optimum(1.into())
        .unwrap()
        .program;
    let mut p = Recompute::new(program.constraints().clone()).unwrap();
    let run = |p: &mut dyn Projection, settings: &Settings| {
        solve_with(&program, p, settings, None, &mut |_| {
            ControlFlow::Continue(())
        })
        .map(|s| s.status)
    };
    for (field, change) in [
        (
            "tol_gap_rel",
            (|s, v| s.tol_gap_rel = v) as fn(&mut Settings, f64),
        ),
        ("tol_gap_abs", |s, v| s.tol_gap_abs = v),
        ("tol_feas", |s, v| s.tol_feas = v),
        ("tol_infeas", |s, v| s.tol_infeas = v),
        ("tol_almost", |s, v| s.tol_almost = v),
        ("time_limit", |s, v| s.time_limit = v),
    ] {
        for value in [-1.0, f64::NAN] {
            let mut settings = Settings::default();
            change(&mut settings, value);
            let error = run(&mut p, &settings).unwrap_err();
            assert!(
                matches!(error, Error::InvalidSetting { field: f, .. } if f == field),
                "{error}"
            );
        }
    }
    let mut settings = Settings::default();
    settings.tol_almost = 1e-9;
    assert!(matches!(
        run(&mut p, &settings),
        Err(Error::InvalidSetting {
            field: "tol_almost",
            ..
        })
    ));
    let other = Constraints::independent(5, &[Block::Psd(5)], 2, 1.into()).unwrap();
    assert!(matches!(
        run(&mut Recompute::new(other).unwrap(), &Settings::default()),
        Err(Error::Shape { .. })
    ));
}

#[test]
fn dependent_rows_are_an_error() {
    let mut a = Constraints::builder(2, &[Block::Psd(2)]).unwrap();
    a.entry(0, 0, 0, 1, 1.0)
        .unwrap()
        .entry(1, 0, 0, 1, 2.0)
        .unwrap();
    let mut c = Constraints::builder(1, &[Block::Psd(2)]).unwrap();
    c.entry(0, 0, 0, 0, 1.0)
        .unwrap()
        .entry(0, 0, 1, 1, 1.0)
        .unwrap();
    let program =
        ConicProgram::new(a.build().unwrap(), vec![1.0, 2.0], c.build().unwrap()).unwrap();
    let mut p = Recompute::new(program.constraints().clone()).unwrap();
    let found = solve_with(&program, &mut p, &Settings::default(), None, &mut |_| {
        ControlFlow::Continue(())
    });
    assert_eq!(
        found.err(),
        Some(Error::RankDeficient { rank: 1, needed: 2 })
    );
}

#[test]
fn errors_of_a_point_that_is_not_finite_are_no_numbers() {
    let blocks = [Block::Nonneg(1), Block::Psd(2)];
    let mut a = Constraints::builder(1, &blocks).unwrap();
    a.entry(0, 0, 0, 0, 1.0).unwrap();
    let c = Constraints::builder(1, &blocks).unwrap().build().unwrap();
    let program = ConicProgram::new(a.build().unwrap(), vec![1.0], c).unwrap();
    let (x, y, s) = ([1.0, 0.0, 0.0, 0.0, 0.0], [0.0], [0.0; 5]);
    assert_eq!(ipm::dimacs(&program, &x, &y, &s).unwrap().max(), 0.0);
    for k in 0..5 {
        let (mut bad_x, mut bad_s) = (x, s);
        (bad_x[k], bad_s[k]) = (f64::NAN, f64::NAN);
        for (x, s) in [(bad_x, s), (x, bad_s)] {
            let errors = ipm::dimacs(&program, &x, &y, &s).unwrap();
            assert!(
                errors.max().is_nan() && errors.infeasibility().is_nan(),
                "{k}: {errors:?}"
            );
        }
    }
}

/// Answers the given number of solves, then fails.
struct Failing(Recompute, usize);

impl Projection for Failing {
    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn supports(&self, form: WeightForm) -> Support {
        self.0.supports(form)
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> dyncvx::Result<Refresh> {
        self.0.update(weight)
    }

    fn operator(&mut self, goal: Goal) -> dyncvx::Result<&mut Weighted> {
        self.0.operator(goal)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> dyncvx::Result<Accuracy> {
        self.1 = self.1.checked_sub(1).ok_or(Error::NoWeight)?;
        self.0.solve(rhs, goal)
    }
}

#[test]
fn a_projection_that_fails_on_the_way_ends_with_the_best_point() {
    let known = Recipe::new(20, &[Block::Psd(9)])
        .known_optimum(4.into())
        .unwrap();
    let program = &known.program;
    for solves in [8, 9] {
        let mut p = Failing(
            Recompute::new(program.constraints().clone()).unwrap(),
            solves,
        );
        let found = solve_with(program, &mut p, &Settings::default(), None, &mut |_| {
            ControlFlow::Continue(())
        });
        let found = found.unwrap();
        assert_eq!(
            (found.status, found.iterations),
            (Status::NumericalError, 4)
        );
        assert!(found.dimacs.max() < 1.0);
    }
}

/// A certificate of relative violation 1e-9 fits this feasible problem as well: the solver goes on, and finds the solution.
#[test]
fn a_problem_whose_solutions_are_large_is_not_called_infeasible() {
    for (small, value) in [(1e-9, 1e9), (1e-6, 1e6)] {
        let mut a = Constraints::builder(1, &[Block::Nonneg(2)]).unwrap();
        a.entry(0, 0, 0, 0, -1.0)
            .unwrap()
            .entry(0, 0, 1, 1, small)
            .unwrap();
        let mut c = Constraints::builder(1, &[Block::Nonneg(2)]).unwrap();
        c.entry(0, 0, 0, 0, 1.0)
            .unwrap()
            .entry(0, 0, 1, 1, 1.0)
            .unwrap();
        let program = ConicProgram::new(a.build().unwrap(), vec![1.0], c.build().unwrap()).unwrap();
        let found = solve(&program);
        assert_eq!(found.status, Status::Solved, "{:?}", found.dimacs);
        assert!((found.primal_objective - value).abs() <= 1e-6 * value);
    }
}

/// Turns every answer after the first few around, and claims it to be exact.
struct Misleading(Recompute, usize);

impl Projection for Misleading {
    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn supports(&self, form: WeightForm) -> Support {
        self.0.supports(form)
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> dyncvx::Result<Refresh> {
        self.0.update(weight)
    }

    fn operator(&mut self, goal: Goal) -> dyncvx::Result<&mut Weighted> {
        self.0.operator(goal)
    }

    fn solve(&mut self, mut rhs: MatMut<'_, f64>, goal: Goal) -> dyncvx::Result<Accuracy> {
        let accuracy = self.0.solve(rhs.as_mut(), goal)?;
        self.1 = self.1.saturating_sub(1);
        if self.1 == 0 {
            for j in 0..rhs.ncols() {
                rhs.as_mut().col_mut(j).iter_mut().for_each(|v| *v *= -3.0);
            }
        }
        Ok(accuracy)
    }
}

/// What is returned is the best point seen, not the last, and never called solved.
#[test]
fn a_projection_that_misleads_spoils_neither_the_point_nor_the_status() {
    let known = Recipe::new(20, &[Block::Psd(9)])
        .known_optimum(4.into())
        .unwrap();
    let program = &known.program;
    let mut p = Misleading(Recompute::new(program.constraints().clone()).unwrap(), 13);
    let mut least = f64::INFINITY;
    let mut watch = |it: &Iteration| {
        least = least.min(
            it.primal_infeasibility
                .max(it.dual_infeasibility)
                .max(it.gap),
        );
        ControlFlow::Continue(())
    };
    let found = solve_with(program, &mut p, &Settings::default(), None, &mut watch).unwrap();
    assert!(!found.status.is_answer(), "{:?}", found.status);
    assert!(
        found.dimacs.max() <= 2.0 * least,
        "{:?} where {least:e} was seen",
        found.dimacs
    );
    assert!(least < 0.1);
}
