//! The smaller program against the one it was made from.

use crate::common::dense::{combine, data, dot, smallest_eigenvalue};
use crate::common::*;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::ipm::{self, Settings, Status};
use dyncvx::problem::generators::Recipe;
use dyncvx::problem::{ConicProgram, Proof, Reduced};
use dyncvx::projection::Recompute;
use dyncvx::solver::solve_with;
use quickcheck::{Gen, QuickCheck};
use rand_core::Rng;
use std::ops::ControlFlow;

fn check(tests: u64, seed: u64) -> QuickCheck {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, seed))
        .tests(tests)
}

/// Independent random rows that stay within groups of indices, dealt out at random, of a strictly feasible pair.
fn scattered(seed: u64, which: u8) -> ConicProgram {
    let mut rng = rng(seed);
    let blocks = layout(which);
    let groups: Vec<Vec<u64>> = blocks
        .iter()
        .map(|b| (0..b.order()).map(|_| rng.next_u64() % 4).collect())
        .collect();
    let mut places = vec![];
    for (b, block) in blocks.iter().enumerate() {
        for col in 0..block.order() {
            let first = if let Block::Psd(_) = block { 0 } else { col };
            places.extend((first..=col).filter_map(|row| {
                // The last group of all is touched by no row.
                let mine = groups[b][row];
                (mine == groups[b][col] && (mine < 3 || b > 0)).then_some((b, row, col))
            }));
        }
    }
    let m = 1 + places.len() / 2;
    let mut a = Constraints::builder(m, &blocks).unwrap();
    for (k, &(b, row, col)) in places.iter().enumerate() {
        // Position k belongs to row k alone while there are rows; others share.
        a.entry(k % m, b, row, col, 1.0 + uniform(&mut rng))
            .unwrap();
        if k >= m && uniform(&mut rng) < 0.5 {
            a.entry((k + 1) % m, b, row, col, normal(&mut rng)).unwrap();
        }
    }
    let a = a.build().unwrap();
    let mut identity = vec![];
    for b in &blocks {
        let n = b.order();
        match b {
            Block::Psd(_) => {
                identity.extend((0..n * n).map(|k| f64::from(u8::from(k % (n + 1) == 0))));
            }
            Block::Nonneg(_) => identity.extend(vec![1.0; n]),
        }
    }
    let (mut b, y) = (
        vec![0.0; m],
        (0..m).map(|_| normal(&mut rng)).collect::<Vec<_>>(),
    );
    a.apply(&identity, &mut b).unwrap();
    let mut c = vec![0.0; a.ambient()];
    a.adjoint(&y, &mut c).unwrap();
    c.iter_mut().zip(&identity).for_each(|(c, i)| *c += i);
    let mut cost = Constraints::builder(1, &blocks).unwrap();
    for (b, block) in blocks.iter().enumerate() {
        for col in 0..block.order() {
            let (first, stride) = if let Block::Psd(n) = block {
                (0, *n)
            } else {
                (col, 0)
            };
            for row in first..=col {
                let v = c[a.range(b).start + row + col * stride];
                cost.entry(0, b, row, col, v).unwrap();
            }
        }
    }
    ConicProgram::new(a, b, cost.build().unwrap()).unwrap()
}

fn solve(program: &ConicProgram) -> ipm::Solution {
    let mut p = Recompute::new(program.constraints().clone()).unwrap();
    solve_with(program, &mut p, &Settings::default(), None, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

#[test]
fn solutions_of_the_smaller_program_solve_the_original() {
    fn law(seed: u64, which: u8) -> bool {
        let program = scattered(seed, which);
        let reduced = Reduced::new(&program).unwrap();
        let small = reduced.program();
        assert!(small.constraints().ambient() < program.constraints().ambient());
        assert_eq!(reduced.proof(), None);
        let found = solve(small);
        assert_eq!(found.status, Status::Solved, "{:?}", found.dimacs);
        let (x, s) = (
            reduced.primal(&found.x).unwrap(),
            reduced.slack(&found.s).unwrap(),
        );
        let (a, b, c) = data(&program);
        let near = |u: f64, v: f64| (u - v).abs() <= 1e-6 * (1.0 + v.abs());
        assert!(a.iter().zip(b).all(|(a, b)| near(dot(a, &x), *b)));
        let aty = combine(&a, &found.y);
        assert!((0..c.len()).all(|k| near(aty[k] + s[k], c[k])));
        let blocks = program.constraints().blocks();
        assert!(
            smallest_eigenvalue(blocks, &x) >= 0.0 && smallest_eigenvalue(blocks, &s) >= -1e-12
        );
        near(dot(&c, &x), dot(b, &found.y))
    }
    check(60, 1).quickcheck(law as fn(u64, u8) -> bool);
}

#[test]
fn a_cost_that_no_row_holds_is_a_ray() {
    let blocks = [Block::Psd(4), Block::Nonneg(2)];
    let mut a = Constraints::builder(1, &blocks).unwrap();
    a.entry(0, 0, 1, 1, 1.0).unwrap();
    a.entry(0, 1, 0, 0, 1.0).unwrap();
    let a = a.build().unwrap();
    // An indefinite cost on indices 0 and 3, or a negative one on the second number.
    for (entries, ray) in [
        (vec![(0, 0, 3, 2.0)], Some(-2.0)),
        (vec![(0, 0, 3, 2.0), (0, 0, 0, 2.0), (0, 3, 3, 2.0)], None),
        (vec![(1, 1, 1, -3.0)], Some(-3.0)),
        (vec![(1, 1, 1, 3.0)], None),
    ] {
        let mut c = Constraints::builder(1, &blocks).unwrap();
        for (b, row, col, value) in entries {
            c.entry(0, b, row, col, value).unwrap();
        }
        let program = ConicProgram::new(a.clone(), vec![1.0], c.build().unwrap()).unwrap();
        let reduced = Reduced::new(&program).unwrap();
        let (rows, _, cost) = data(&program);
        match (reduced.proof(), ray) {
            (Some(Proof::DualInfeasible { x }), Some(_)) => {
                assert_eq!(dot(&rows[0], &x), 0.0);
                assert!(smallest_eigenvalue(&blocks, &x) >= -1e-15);
                assert!(dot(&cost, &x) <= -2.0);
            }
            (None, None) => {
                let s = reduced
                    .slack(&vec![0.0; reduced.program().constraints().ambient()])
                    .unwrap();
                assert_eq!(s, cost);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Every number goes where it came from, bit for bit.
#[test]
fn the_way_back_moves_numbers_and_changes_none() {
    fn law(seed: u64, which: u8) -> bool {
        let program = scattered(seed, which);
        let reduced = Reduced::new(&program).unwrap();
        let small = reduced.program();
        let n = small.constraints().ambient();
        let mut rng = rng(seed ^ 1);
        // Symmetric, and no two numbers alike.
        let mut flat: Vec<f64> = (0..n).map(|_| normal(&mut rng)).collect();
        for (b, block) in small.constraints().blocks().iter().enumerate() {
            let at = small.constraints().range(b).start;
            if let Block::Psd(n) = *block {
                (0..n)
                    .for_each(|j| (0..j).for_each(|i| flat[at + j + i * n] = flat[at + i + j * n]));
            }
        }
        let x = reduced.primal(&flat).unwrap();
        let kept: Vec<u64> = flat.iter().map(|v| v.to_bits()).collect();
        let mut moved: Vec<u64> = x
            .iter()
            .filter(|v| **v != 0.0)
            .map(|v| v.to_bits())
            .collect();
        let mut sorted = kept.clone();
        sorted.sort_unstable();
        moved.sort_unstable();
        assert_eq!(moved, sorted);
        let m = program.constraints().len();
        let (mut ax, mut small_ax) = (vec![0.0; m], vec![0.0; m]);
        program.constraints().apply(&x, &mut ax).unwrap();
        small.constraints().apply(&flat, &mut small_ax).unwrap();
        (0..m).all(|i| (ax[i] - small_ax[i]).abs() <= 1e-12 * (1.0 + ax[i].abs()))
    }
    check(60, 2).quickcheck(law as fn(u64, u8) -> bool);
}

/// A program and further rows that say nothing new: multiples, combinations of several, zeros; all shuffled. Where each row
/// of the program went, and what else there is.
fn with_dependent_rows(
    program: &ConicProgram,
    seed: u64,
    extra: usize,
) -> (ConicProgram, Vec<usize>) {
    let mut rng = rng(seed);
    let (a, b) = (program.constraints(), program.rhs());
    let m = a.len();
    let mut order: Vec<usize> = (0..m + extra).collect();
    for i in (1..order.len()).rev() {
        order.swap(i, rng.next_u64() as usize % (i + 1));
    }
    let mut rhs = vec![0.0; m + extra];
    let mut out = Constraints::builder(m + extra, a.blocks()).unwrap();
    let rows: Vec<Vec<_>> = (0..m)
        .map(|i| {
            a.entries()
                .filter(|e| e.0 == i)
                .map(|e| (e.1, e.2, e.3, e.4))
                .collect()
        })
        .collect();
    for i in 0..m {
        rows[i].iter().for_each(|&(b, r, c, v)| {
            out.entry(order[i], b, r, c, v).unwrap();
        });
        rhs[order[i]] = b[i];
    }
    for &to in &order[m..] {
        let terms = match rng.next_u64() % 4 {
            0 => 0,
            1 => 1,
            _ => 2 + rng.next_u64() as usize % 4,
        };
        let mut sum = std::collections::BTreeMap::new();
        for _ in 0..terms {
            let (i, factor) = (rng.next_u64() as usize % m, 3.0 * normal(&mut rng));
            rows[i]
                .iter()
                .for_each(|&(b, r, c, v)| *sum.entry((b, r, c)).or_insert(0.0) += factor * v);
            rhs[to] += factor * b[i];
        }
        for ((b, r, c), v) in sum {
            out.entry(to, b, r, c, v).unwrap();
        }
    }
    let program = ConicProgram::new(out.build().unwrap(), rhs, program.cost().clone()).unwrap();
    (program, order)
}

fn recipe(which: u8, size: u8) -> Recipe {
    let blocks = layout(which);
    let places = blocks.iter().map(|b| match *b {
        Block::Psd(n) => n * (n + 1) / 2,
        Block::Nonneg(n) => n,
    });
    let mut recipe = Recipe::new(1 + usize::from(size) % (places.sum::<usize>() - 1), &blocks);
    recipe.entries = (which % 5 < 3).then_some(3);
    recipe
}

#[test]
fn rows_that_say_nothing_new_are_dropped_and_no_others() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let known = recipe(which, size).known_optimum(seed.into()).unwrap();
        let m = known.program.constraints().len();
        let extra = 1 + usize::from(size) % 7;
        let (program, _) = with_dependent_rows(&known.program, seed, extra);
        let reduced = Reduced::new(&program).unwrap();
        assert_eq!(reduced.program().constraints().len(), m);
        assert_eq!(reduced.proof(), None);
        let found = solve(reduced.program());
        assert_eq!(found.status, Status::Solved, "{:?}", found.dimacs);
        let errors = ipm::dimacs(
            &program,
            &reduced.primal(&found.x).unwrap(),
            &reduced.multipliers(&found.y).unwrap(),
            &reduced.slack(&found.s).unwrap(),
        );
        assert!(errors.unwrap().max() <= 1e-7);
        (found.primal_objective - known.value).abs() <= 1e-6 * (1.0 + known.value.abs())
    }
    check(60, 3).quickcheck(law as fn(u64, u8, u8) -> bool);
}

#[test]
fn rows_that_contradict_the_others_prove_it() {
    fn law(seed: u64, which: u8, size: u8) -> bool {
        let known = recipe(which, size).known_optimum(seed.into()).unwrap();
        let m = known.program.constraints().len();
        let (program, order) = with_dependent_rows(&known.program, seed, 3);
        let mut b = program.rhs().to_vec();
        let wrong = order[m + usize::from(size) % 3];
        b[wrong] += if seed.is_multiple_of(2) {
            1.0
        } else {
            -1e-5 * (1.0 + b[wrong].abs())
        };
        let program =
            ConicProgram::new(program.constraints().clone(), b, program.cost().clone()).unwrap();
        let Some(Proof::PrimalInfeasible { y }) = Reduced::new(&program).unwrap().proof() else {
            let r = Reduced::new(&program).unwrap();
            panic!(
                "{} of {m} rows, {:?}",
                r.program().constraints().len(),
                r.proof()
            );
        };
        let (a, b, _) = data(&program);
        let value = dot(b, &y);
        let size: f64 = a
            .iter()
            .zip(&y)
            .map(|(a, y)| y.abs() * dot(a, a).sqrt())
            .sum();
        assert!(value > 0.0);
        combine(&a, &y)
            .iter()
            .all(|v| v.abs() <= 1e-13 * size.max(1.0))
    }

    check(60, 4).quickcheck(law as fn(u64, u8, u8) -> bool);
}

/// A row that differs from a combination of others in the tenth digit is not one of them.
#[test]
fn rows_that_are_nearly_dependent_stay() {
    let blocks = [Block::Nonneg(4)];
    for (apart, kept) in [(0.0, 2), (1e-15, 2), (1e-10, 3), (1e-4, 3)] {
        let mut a = Constraints::builder(3, &blocks).unwrap();
        for (i, row) in [
            [1.0, 2.0, 1.0, 1.0],
            [1.0, -1.0, 3.0, 2.0],
            [2.0, 1.0, 4.0, 3.0 + apart],
        ]
        .iter()
        .enumerate()
        {
            row.iter().enumerate().for_each(|(k, &v)| {
                a.entry(i, 0, k, k, v).unwrap();
            });
        }
        let c = Constraints::builder(1, &blocks).unwrap().build().unwrap();
        let program = ConicProgram::new(a.build().unwrap(), vec![1.0, 2.0, 3.0], c).unwrap();
        assert_eq!(
            Reduced::new(&program)
                .unwrap()
                .program()
                .constraints()
                .len(),
            kept,
            "{apart}"
        );
    }
}
