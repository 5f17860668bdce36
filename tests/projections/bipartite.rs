//! Laws of the projection on the marginals of a transport problem.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::bipartite::{Factor, Settings};
use dyncvx::projection::{Accuracy, Bipartite, Direct, Goal, Projection, Recompute};
use faer::Mat;
use quickcheck::{Gen, QuickCheck};
use rand_core::Rng;
use std::collections::BTreeSet;

const EXACT: Goal = Goal::Residual(1e-13);

fn with(m: usize, n: usize, arcs: &[(usize, usize)], factor: Factor) -> Bipartite {
    let mut settings = Settings::default();
    settings.factor = factor;
    Bipartite::of_arcs_with(m, n, arcs, settings).unwrap()
}

/// Arcs that leave some marginals alone, and often several components.
fn arcs(m: usize, n: usize, rng: &mut impl Rng) -> Vec<(usize, usize)> {
    let count = 1 + rng.next_u64() as usize % (m + n + m * n / 3);
    let drawn: BTreeSet<(usize, usize)> = (0..count)
        .map(|_| (rng.next_u64() as usize % m, rng.next_u64() as usize % n))
        .collect();
    // In no particular order.
    let mut arcs: Vec<(usize, usize)> = drawn.into_iter().collect();
    arcs.sort_by_key(|(i, j)| (i * 31 + j * 17) % 13);
    arcs
}

/// Weights over `spread` orders of magnitude.
fn weight(len: usize, spread: f64, rng: &mut impl Rng) -> Vec<f64> {
    let unit = |rng: &mut dyn FnMut() -> u64| (rng() >> 11) as f64 / (1u64 << 53) as f64;
    (0..len)
        .map(|_| 10f64.powf(spread * (unit(&mut || rng.next_u64()) - 0.5)))
        .collect()
}

/// Components of the graph on all marginals, those without arcs counted.
fn components(m: usize, n: usize, arcs: &[(usize, usize)]) -> usize {
    let mut label: Vec<usize> = (0..m + n).collect();
    for _ in 0..m + n {
        for (i, j) in arcs {
            let least = label[*i].min(label[m + j]);
            (label[*i], label[m + j]) = (least, least);
        }
    }
    label.iter().collect::<BTreeSet<_>>().len()
}

fn query(p: &mut dyn Projection, h: &Mat<f64>) -> (Mat<f64>, Mat<f64>) {
    let shape = p.shape();
    let (mut y, mut ph) = (
        Mat::zeros(shape.constraints, h.ncols()),
        Mat::zeros(shape.ambient, h.ncols()),
    );
    p.query(h.as_ref(), EXACT, y.as_mut(), ph.as_mut()).unwrap();
    (y, ph)
}

#[test]
fn it_is_the_projection_of_the_kept_marginals() {
    fn law(seed: u64, m: u8, n: u8, factor: u8, script: u8) -> bool {
        let (m, n) = (1 + usize::from(m) % 9, 1 + usize::from(n) % 9);
        let mut rng = rng(seed);
        let arcs = arcs(m, n, &mut rng);
        let factor = [Factor::Auto, Factor::Exact, Factor::Sampled][usize::from(factor) % 3];
        let mut p = with(m, n, &arcs, factor);
        let rank = m + n - components(m, n, &arcs);
        assert_eq!(p.kept().len(), rank);
        // The rows are marginals, spelled out.
        let mut a = Constraints::builder(rank, &[Block::Nonneg(arcs.len())]).unwrap();
        for (row, v) in p.kept().iter().enumerate() {
            for (k, (i, j)) in arcs.iter().enumerate() {
                if *i == *v || m + j == *v {
                    a.entry(row, 0, k, k, 1.0).unwrap();
                }
            }
        }
        let a = a.build().unwrap();
        let (mut oracle, mut direct) = (
            Recompute::new(a.clone()).unwrap(),
            Direct::new(a.clone()).unwrap(),
        );
        for _ in 0..1 + script % 3 {
            let w = weight(arcs.len(), 4.0, &mut rng);
            let w = [BlockWeight::Nonneg(&w)];
            for p in [&mut p as &mut dyn Projection, &mut oracle, &mut direct] {
                p.update(&w).unwrap();
            }
            let h = Mat::<f64>::identity(arcs.len(), arcs.len());
            let (y, projected) = query(&mut p, &h);
            let (expected_y, expected) = query(&mut oracle, &h);
            assert!((&projected - &expected).norm_max() < 1e-8);
            assert!((&projected - &query(&mut direct, &h).1).norm_max() < 1e-8);
            assert!(relative(&y, &expected_y) < 1e-7);
            let trace: f64 = (0..arcs.len()).map(|k| projected[(k, k)]).sum();
            assert!((trace - rank as f64).abs() < 1e-8, "trace {trace}");
            assert!((&projected - projected.transpose()).norm_max() < 1e-9);
            assert!((&projected * &projected - &projected).norm_max() < 1e-8);
            // Some coordinates are those of all.
            let coords: Vec<usize> = (0..arcs.len()).rev().step_by(2).collect();
            let mut some = Mat::zeros(coords.len(), 1);
            let g = gaussian(arcs.len(), 1, &mut rng);
            let (_, pg) = query(&mut p, &g);
            p.query_set(g.col(0), &coords, EXACT, some.as_mut())
                .unwrap();
            for (k, c) in coords.iter().enumerate() {
                assert!((some[(k, 0)] - pg[(*c, 0)]).abs() < 1e-9 * (1.0 + pg.norm_max()));
            }
        }
        true
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, 21))
        .tests(150)
        .quickcheck(law as fn(u64, u8, u8, u8, u8) -> bool);
}

/// An expander: some `k` arcs a row, everywhere.
fn expander(n: usize, k: usize) -> Vec<(usize, usize)> {
    let all = (0..n).flat_map(|i| (0..k).map(move |t| (i, (i * 7 + t * t * 13 + t * 101) % n)));
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn sampled_factors_answer_in_few_iterations_whatever_the_weights() {
    let (n, mut rng) = (600, rng(4));
    let arcs = expander(n, 8);
    for spread in [0.0, 6.0, 24.0] {
        let w = weight(arcs.len(), spread, &mut rng);
        let (mut sampled, mut exact) = (
            with(n, n, &arcs, Factor::Sampled),
            with(n, n, &arcs, Factor::Exact),
        );
        let truth = gaussian(sampled.kept().len(), 2, &mut rng);
        for p in [&mut sampled, &mut exact] {
            p.update(&[BlockWeight::Nonneg(&w)]).unwrap();
        }
        // A right-hand side in the range, to working precision.
        let mut bty = Mat::zeros(arcs.len(), 2);
        let mut rhs = Mat::zeros(truth.nrows(), 2);
        let operator = exact.operator(Goal::AsAbsorbed).unwrap();
        operator
            .apply_transpose(truth.as_ref(), bty.as_mut())
            .unwrap();
        operator.apply(bty.as_ref(), rhs.as_mut()).unwrap();
        let (mut one, mut other) = (rhs.clone(), rhs.clone());
        let got = sampled.solve(one.as_mut(), Goal::Residual(1e-10)).unwrap();
        let Accuracy::Exact {
            residual,
            iterations,
        } = got
        else {
            panic!("{got:?}")
        };
        assert!(residual <= 1e-10, "spread {spread}: {got:?}");
        assert!(iterations <= 2 * 60, "spread {spread}: {got:?}");
        let got = exact.solve(other.as_mut(), Goal::Residual(1e-10)).unwrap();
        assert!(
            matches!(got, Accuracy::Exact { residual, .. } if residual <= 1e-10),
            "spread {spread}: {got:?}"
        );
        if spread <= 6.0 {
            assert!(relative(&one, &other) < 1e-5, "spread {spread}");
        }
    }
}

#[test]
fn the_choice_follows_the_fill() {
    // A band is never worth sampling; an expander of this size would fill in.
    let band: Vec<(usize, usize)> = (0..2000)
        .flat_map(|i| (i..2000.min(i + 4)).map(move |j| (i, j)))
        .collect();
    assert_eq!(
        Bipartite::of_arcs(2000, 2000, &band).unwrap().factor(),
        Factor::Exact
    );
    let wide = expander(3000, 16);
    let p = Bipartite::of_arcs(3000, 3000, &wide).unwrap();
    assert_eq!(p.factor(), Factor::Sampled);
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let arcs = expander(200, 6);
    let w = weight(arcs.len(), 3.0, &mut rng(1));
    let solve = |seed: u64| {
        let mut settings = Settings::default();
        (settings.factor, settings.seed) = (Factor::Sampled, seed.into());
        let mut p = Bipartite::of_arcs_with(200, 200, &arcs, settings).unwrap();
        p.update(&[BlockWeight::Nonneg(&w)]).unwrap();
        let mut y = Mat::from_fn(p.kept().len(), 1, |i, _| (i as f64).cos());
        p.solve(y.as_mut(), Goal::Residual(1e-8)).unwrap();
        y
    };
    assert_eq!(solve(7), solve(7));
    assert_ne!(solve(7), solve(8));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let fails =
        |m, n, arcs: &[(usize, usize)]| Bipartite::of_arcs(m, n, arcs).map(|_| ()).unwrap_err();
    assert!(matches!(
        fails(2, 2, &[]),
        Error::InvalidSetting { field: "arcs", .. }
    ));
    assert!(matches!(
        fails(2, 2, &[(2, 0)]),
        Error::OutOfRange {
            index: 2,
            bound: 2,
            ..
        }
    ));
    assert!(matches!(
        fails(2, 3, &[(0, 3)]),
        Error::OutOfRange { index: 3, .. }
    ));
    assert!(matches!(
        fails(2, 2, &[(0, 1), (1, 1), (0, 1)]),
        Error::Duplicate {
            entry: 2,
            previous: 0,
            ..
        }
    ));
    for factor in [Factor::Exact, Factor::Sampled] {
        let mut p = with(2, 2, &[(0, 0), (0, 1), (1, 1)], factor);
        let mut y = Mat::from_fn(3, 1, |i, _| 1.0 + i as f64);
        assert_eq!(p.solve(y.as_mut(), EXACT), Err(Error::NoWeight));
        p.update(&[BlockWeight::Nonneg(&[1.0, 0.5, 2.0])]).unwrap();
        let mut before = y.clone();
        p.solve(before.as_mut(), EXACT).unwrap();
        for bad in [
            &[1.0, 0.0, 1.0][..],
            &[1.0, f64::NAN, 1.0],
            &[1.0, 1e200, 1.0],
            &[1.0, 1e-200, 1.0],
            &[1.0, 1.0],
        ] {
            assert!(p.update(&[BlockWeight::Nonneg(bad)]).is_err(), "{bad:?}");
        }
        assert!(p.update(&[]).is_err());
        let identity = Mat::<f64>::identity(3, 3);
        assert!(p.update(&[(&identity).into()]).is_err());
        let mut after = y.clone();
        p.solve(after.as_mut(), EXACT).unwrap();
        assert_eq!(before, after);
        let mut short = Mat::zeros(2, 1);
        assert!(matches!(
            p.solve(short.as_mut(), EXACT),
            Err(Error::Shape { .. })
        ));
        y[(1, 0)] = f64::INFINITY;
        assert!(matches!(
            p.solve(y.as_mut(), EXACT),
            Err(Error::NonFinite { .. })
        ));
    }
}
