//! Certificates of random programs, recomputed.

use crate::common::dense::{
    TINY, assert_close, combine, data, dot, eigenvalues, independence, matrices,
    smallest_eigenvalue,
};
use dyncvx::Error;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::problem::generators::Recipe;
use dyncvx::random::Seed;

/// Cones with their number of free entries.
fn cones() -> Vec<(Vec<Block>, usize)> {
    use Block::{Nonneg, Psd};
    vec![
        (vec![Psd(2)], 3),
        (vec![Nonneg(2)], 2),
        (vec![Psd(6)], 21),
        (vec![Nonneg(9)], 9),
        (vec![Nonneg(3), Psd(4), Nonneg(1), Psd(1), Psd(5)], 30),
    ]
}

/// Small, middle and largest numbers of rows, dense and sparse rows.
fn recipes(spare: usize) -> Vec<Recipe> {
    let mut all = Vec::new();
    for (blocks, dim) in cones() {
        for m in [1, dim.div_ceil(2).min(dim - spare), dim - spare] {
            for entries in [None, Some(2), Some(4), Some(100)] {
                let mut recipe = Recipe::new(m, &blocks);
                recipe.entries = entries;
                all.push(recipe);
            }
        }
    }
    all
}

fn count_entries(a: &Constraints, row: usize) -> usize {
    a.entries().filter(|e| e.0 == row).count()
}

#[test]
fn the_known_optimum_is_one() {
    for (k, mut recipe) in recipes(1).into_iter().enumerate() {
        for (b, (rank, block)) in recipe.ranks.iter_mut().zip(&recipe.blocks).enumerate() {
            *rank = (k + b) % (block.order() + 1);
        }
        if recipe.ranks.iter().all(|&r| r == 0) {
            recipe.ranks[0] = 1;
        }
        let known = recipe.known_optimum(Seed::from(k as u64)).unwrap();
        let (a, b, c) = data(&known.program);
        let blocks = &recipe.blocks;
        let what = format!("{recipe:?}");

        let ax: Vec<_> = a.iter().map(|row| dot(row, &known.x)).collect();
        assert_close(&ax, b, &what);
        let aty = combine(&a, &known.y);
        let slack: Vec<_> = c.iter().zip(&aty).map(|(c, v)| c - v).collect();
        assert_close(&slack, &known.s, &what);
        assert!((dot(&c, &known.x) - known.value).abs() <= TINY * (1.0 + known.value.abs()));
        assert!((dot(b, &known.y) - known.value).abs() <= TINY * (1.0 + known.value.abs()));

        // Ranks, and strict complementarity: X S = 0 and X + S ≻ 0.
        let (xs, ss) = (matrices(blocks, &known.x), matrices(blocks, &known.s));
        for ((x, s), rank) in xs.iter().zip(&ss).zip(&recipe.ranks) {
            let n = x.len();
            for (matrix, zeros) in [(x, n - rank), (s, *rank)] {
                for (k, value) in eigenvalues(matrix.clone()).into_iter().enumerate() {
                    let fits = if k < zeros {
                        value.abs() < TINY
                    } else {
                        (1.0 - TINY..2.0 + TINY).contains(&value)
                    };
                    assert!(fits, "{what}: eigenvalue {k} is {value}");
                }
            }
            // S is symmetric: its rows are its columns.
            for (x_row, s_col) in x.iter().flat_map(|row| s.iter().map(move |col| (row, col))) {
                assert!(dot(x_row, s_col).abs() < TINY, "{what}: X S is not 0");
            }
        }
        let sum: Vec<_> = known.x.iter().zip(&known.s).map(|(x, s)| x + s).collect();
        assert!(smallest_eigenvalue(blocks, &sum) > 1.0 - TINY, "{what}");

        // Slater points of both sides, independent rows.
        assert!(
            smallest_eigenvalue(blocks, &known.interior) > 1e-3,
            "{what}"
        );
        let inside: Vec<_> = a.iter().map(|row| dot(row, &known.interior)).collect();
        assert_close(&inside, b, &what);
        let lifted: Vec<_> = known
            .s
            .iter()
            .zip(&a[0])
            .map(|(s, identity)| s + identity)
            .collect();
        assert!(smallest_eigenvalue(blocks, &lifted) > 1.0 - TINY, "{what}");
        assert!(independence(&a) > 1e-6, "{what}: {}", independence(&a));

        for row in 1..recipe.m {
            let count = count_entries(known.program.constraints(), row);
            assert!(
                count <= recipe.entries.unwrap_or(usize::MAX),
                "{what}: {count}"
            );
        }
    }
}

#[test]
fn the_farkas_certificate_is_one() {
    for (k, recipe) in recipes(0).into_iter().enumerate() {
        let known = recipe.primal_infeasible(Seed::from(k as u64)).unwrap();
        let (a, b, _) = data(&known.program);
        let what = format!("{recipe:?}");
        assert!((dot(b, &known.y) - 1.0).abs() < TINY, "{what}");
        let negated: Vec<_> = combine(&a, &known.y).iter().map(|v| -v).collect();
        let least = smallest_eigenvalue(&recipe.blocks, &negated);
        assert!(least > 1.0 - TINY, "{what}: {least}");
        assert!(independence(&a) > 1e-6, "{what}: {}", independence(&a));
        for row in 0..recipe.m - 1 {
            let count = count_entries(known.program.constraints(), row);
            assert!(
                count <= recipe.entries.unwrap_or(usize::MAX),
                "{what}: {count}"
            );
        }
    }
}

#[test]
fn the_ray_is_one() {
    for (k, recipe) in recipes(1).into_iter().enumerate() {
        let known = recipe.dual_infeasible(Seed::from(k as u64)).unwrap();
        let (a, _, c) = data(&known.program);
        let what = format!("{recipe:?}");
        let ax: Vec<_> = a.iter().map(|row| dot(row, &known.x)).collect();
        assert_close(&ax, &vec![0.0; recipe.m], &what);
        assert!((dot(&c, &known.x) + 1.0).abs() < TINY, "{what}");
        assert!(smallest_eigenvalue(&recipe.blocks, &known.x) > 1.0 - TINY);
        assert!(independence(&a) > 1e-6, "{what}: {}", independence(&a));
        for row in 0..recipe.m {
            let count = count_entries(known.program.constraints(), row);
            assert!(
                count <= recipe.entries.unwrap_or(usize::MAX),
                "{what}: {count}"
            );
        }
    }
}

/// Where hardly a position is left to make a row orthogonal with, it is one where that takes no large number.
#[test]
fn entries_stay_small() {
    for seed in 0..40 {
        let mut recipe = Recipe::new(20, &[Block::Psd(6)]);
        recipe.entries = Some(2);
        let optimum = recipe.known_optimum(Seed::from(seed)).unwrap().program;
        let ray = recipe.dual_infeasible(Seed::from(seed)).unwrap().program;
        for program in [optimum, ray] {
            let largest = program.constraints().entries().map(|e| e.4.abs());
            let largest = largest.fold(0.0, f64::max);
            assert!(largest < 5.0, "{largest}");
        }
    }
}

#[test]
fn a_seed_names_one_program() {
    let recipe = Recipe::new(4, &[Block::Psd(3), Block::Nonneg(2)]);
    let one = recipe.known_optimum(Seed::from(1)).unwrap();
    let again = recipe.known_optimum(Seed::from(1)).unwrap();
    let other = recipe.known_optimum(Seed::from(2)).unwrap();
    assert_eq!((&one.x, &one.y, &one.s), (&again.x, &again.y, &again.s));
    assert!(
        one.program
            .constraints()
            .entries()
            .eq(again.program.constraints().entries())
    );
    assert_ne!(one.value, other.value);
    // A literal value: a change here is a breaking change.
    assert!(
        (one.value - -3.0412385174050156).abs() < 1e-12,
        "{:?}",
        one.value
    );
}

#[test]
fn recipes_are_checked() {
    let blocks = [Block::Psd(2), Block::Nonneg(2)];
    let good = Recipe::new(4, &blocks);
    assert_eq!(good.validate(), Ok(()));
    let setting = |change: fn(&mut Recipe)| {
        let mut recipe = good.clone();
        change(&mut recipe);
        match recipe.validate() {
            Err(Error::InvalidSetting { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(setting(|r| r.m = 0), "m");
    assert_eq!(setting(|r| r.m = 5), "m");
    assert_eq!(setting(|r| r.entries = Some(1)), "entries");
    assert_eq!(setting(|r| r.ranks = vec![0, 0]), "ranks");
    assert_eq!(setting(|r| r.ranks = vec![3, 0]), "ranks");
    assert_eq!(
        setting(|r| r.blocks = vec![Block::Psd(0), Block::Nonneg(9)]),
        "blocks"
    );
    assert_eq!(setting(|r| r.blocks = vec![]), "m");
    let mut unequal = good.clone();
    unequal.ranks = vec![1];
    assert!(matches!(unequal.validate(), Err(Error::Shape { .. })));
    let mut large = good.clone();
    large.blocks = vec![Block::Psd(1 << 40), Block::Nonneg(2)];
    assert!(matches!(large.validate(), Err(Error::TooLarge { .. })));
    let mut full = good;
    full.m = 5;
    assert!(full.primal_infeasible(Seed::from(1)).is_ok());
    assert!(full.dual_infeasible(Seed::from(1)).is_err());
}
