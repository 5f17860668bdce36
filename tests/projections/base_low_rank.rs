//! Base plus low rank: few steps whatever the ratio of the eigenvalues, and honest residuals.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::base_low_rank::Settings;
use dyncvx::projection::{Accuracy, BaseLowRank, Goal, Projection, Recompute};
use faer::Mat;

/// Rows that read one entry of the off-diagonal `n/2 × n/2` block each, as in matrix completion; with `linked`, some read two,
/// so that `A Aᵀ` is not diagonal.
fn completion(n: usize, m: usize, linked: bool) -> Constraints {
    let (mut a, half) = (Constraints::builder(m, &[Block::Psd(n)]).unwrap(), n / 2);
    let cell = |k: usize| {
        let at = (k * 7 + k / 13) % (half * half);
        (at / half, half + at % half)
    };
    let mut seen = std::collections::HashSet::new();
    let mut cells = (0..).map(cell).filter(|c| seen.insert(*c));
    let mut before: Option<(usize, usize)> = None;
    for i in 0..m {
        let (r, c) = cells.next().unwrap();
        a.entry(i, 0, r, c, 1.0).unwrap();
        if let (true, Some((r, c))) = (linked && i % 3 > 0, before) {
            a.entry(i, 0, r, c, 0.4).unwrap();
        }
        before = Some((r, c));
    }
    a.build().unwrap()
}

/// Orthonormal columns.
fn orthonormal(n: usize, seed: u64) -> Mat<f64> {
    gaussian(n, n, &mut rng(seed)).qr().compute_Q()
}

/// A root of a weight with `r` eigenvalues of about `ratio` and the others within `e^{±spread}` of one.
fn root(n: usize, r: usize, ratio: f64, spread: f64, seed: u64) -> Mat<f64> {
    let q = orthonormal(n, seed);
    let mut rng = rng(seed ^ 7);
    let d: Vec<f64> = (0..n)
        .map(|k| match k < r {
            true => ratio * (0.4 + uniform(&mut rng)),
            false => (spread * (2.0 * uniform(&mut rng) - 1.0)).exp(),
        })
        .collect();
    Mat::from_fn(n, n, |i, j| q[(i, j)] * d[j].sqrt())
}

fn exact(accuracy: Accuracy) -> (f64, usize) {
    match accuracy {
        Accuracy::Exact {
            residual,
            iterations,
        } => (residual, iterations),
        other => panic!("{other:?}"),
    }
}

#[test]
fn few_steps_at_every_ratio_of_the_eigenvalues() {
    let (n, m) = (60, 400);
    for linked in [false, true] {
        let a = completion(n, m, linked);
        let g = root(n, 2, 1e2, 1.0, 5);
        let mut p = BaseLowRank::new(a.clone())
            .unwrap()
            .with_weight(&[BlockWeight::Root(g.as_ref())])
            .unwrap();
        for (k, ratio) in [1e2, 1e4, 1e6, 1e8, 1e10].into_iter().enumerate() {
            let g = root(n, 2, ratio, 1.0, 6 + k as u64);
            p.update(&[BlockWeight::Root(g.as_ref())]).unwrap();
            assert_eq!(p.split().unwrap().rank, [2], "{ratio:e}");
            assert_eq!(p.split().unwrap().inner, 2 * n - 1);
            // The right-hand side of a Newton step, B h with h the identity.
            let mut w = vec![0.0; n * n];
            let product = &g * g.transpose();
            (0..n * n).for_each(|at| w[at] = product[(at % n, at / n)]);
            let mut b = vec![0.0; m];
            a.apply(&w, &mut b).unwrap();
            let mut y = Mat::from_fn(m, 1, |i, _| b[i]);
            let (residual, iterations) = exact(p.solve(y.as_mut(), Goal::Residual(1e-8)).unwrap());
            assert!(iterations <= 60, "{linked} {ratio:e}: {iterations} steps");
            // What the rounding of the answer itself leaves.
            let norm = (0..m).map(|i| b[i] * b[i]).sum::<f64>().sqrt();
            let floor = f64::EPSILON * product.norm_max().powi(2) * n as f64 * y.norm_l2() / norm;
            assert!(
                residual <= 1e-8f64.max(floor),
                "{linked} {ratio:e}: {residual:e}, floor {floor:e}"
            );
        }
    }
}

/// Where the ratio is moderate the answers are those of a factored Gram matrix.
#[test]
fn answers_are_those_of_recomputing() {
    let (n, m) = (40, 200);
    for linked in [false, true] {
        let a = completion(n, m, linked);
        let g = root(n, 3, 1e3, 1.5, 21);
        let weight = [BlockWeight::Root(g.as_ref())];
        let mut p = BaseLowRank::new(a.clone())
            .unwrap()
            .with_weight(&weight)
            .unwrap();
        let mut naive = Recompute::new(a).unwrap();
        naive.update(&weight).unwrap();
        let h = gaussian(n * n, 2, &mut rng(22));
        let mut answers = vec![];
        for p in [&mut p as &mut dyn Projection, &mut naive] {
            let (mut y, mut ph) = (Mat::zeros(m, 2), Mat::zeros(n * n, 2));
            p.query(h.as_ref(), Goal::Residual(1e-11), y.as_mut(), ph.as_mut())
                .unwrap();
            answers.push(ph);
        }
        assert!(relative(&answers[0], &answers[1]) < 1e-7);
    }
}

/// With small eigenvalues all alike nothing is approximated, and what is said of their spread is half the logarithm of their range.
#[test]
fn equal_small_eigenvalues_leave_nothing_to_refine() {
    let (n, m) = (30, 200);
    for linked in [false, true] {
        let a = completion(n, m, linked);
        for rank in [1, 3] {
            let g = root(n, rank, 30.0, 0.0, 51 + rank as u64);
            let p = &mut BaseLowRank::new(a.clone())
                .unwrap()
                .with_weight(&[BlockWeight::Root(g.as_ref())])
                .unwrap();
            assert_eq!(p.split().unwrap().rank, [rank]);
            assert!(p.split().unwrap().spread < 1e-12);
            let mut y = gaussian(m, 1, &mut rng(52));
            let (residual, steps) = exact(p.solve(y.as_mut(), Goal::Residual(1e-11)).unwrap());
            assert!(residual <= 1e-11 && steps <= 1, "{residual:e} {steps}");
        }
        let q = orthonormal(n, 53);
        let d = |k: usize| {
            if k == 0 {
                1e3
            } else {
                (k as f64 / n as f64).exp()
            }
        };
        let g = Mat::from_fn(n, n, |i, j| q[(i, j)] * d(j).sqrt());
        let p = BaseLowRank::new(a)
            .unwrap()
            .with_weight(&[BlockWeight::Root(g.as_ref())])
            .unwrap();
        let half = 0.5 * (n - 2) as f64 / n as f64;
        assert!((p.split().unwrap().spread - half).abs() < 1e-10);
    }
}

/// The two parts the preconditioner is made of each carry their share: without the low-rank part the steps run out.
#[test]
fn the_rank_is_what_saves_the_steps() {
    let (n, m) = (40, 200);
    let a = completion(n, m, false);
    let g = root(n, 2, 1e4, 0.5, 31);
    let steps = |rank| {
        let mut settings = Settings::default();
        settings.rank = rank;
        let weight = [BlockWeight::Root(g.as_ref())];
        let mut p = BaseLowRank::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&weight)
            .unwrap();
        let mut y = Mat::from_fn(m, 1, |i, _| (i as f64).sin());
        exact(p.solve(y.as_mut(), Goal::Residual(1e-6)).unwrap()).1
    };
    let (found, one, none) = (steps(None), steps(Some(1)), steps(Some(0)));
    assert_eq!(found, steps(Some(2)));
    assert!(
        found <= 15 && one > 2 * found && none > 2 * found,
        "{found} {one} {none}"
    );
}

#[test]
fn what_it_cannot_take_is_refused_and_changes_nothing() {
    let n = 10;
    let a = completion(n, 12, true);
    let g = root(n, 1, 50.0, 0.3, 41);
    let weight = [BlockWeight::Root(g.as_ref())];
    let mut p = BaseLowRank::new(a.clone())
        .unwrap()
        .with_weight(&weight)
        .unwrap();
    let answer = |p: &mut BaseLowRank| {
        let mut y = Mat::from_fn(12, 1, |i, _| 1.0 + i as f64);
        p.solve(y.as_mut(), Goal::Residual(1e-10)).unwrap();
        y
    };
    let (before, report) = (answer(&mut p), p.split().unwrap().clone());
    let eye = Mat::<f64>::identity(n, n);
    let mut bad = eye.clone();
    bad[(3, 3)] = -1.0;
    let unsupported = |e: Error| matches!(e, Error::Unsupported { .. });
    assert!(unsupported(
        p.update(&[BlockWeight::OneSided(eye.as_ref())])
            .unwrap_err()
    ));
    let (x, z) = (eye.as_ref(), eye.as_ref());
    assert!(unsupported(
        p.update(&[BlockWeight::Pair { x, z }]).unwrap_err()
    ));
    let error = p.update(&[bad.as_ref().into()]).unwrap_err();
    assert!(
        matches!(error, Error::NotPositiveDefinite { .. }),
        "{error}"
    );
    assert_eq!(answer(&mut p), before);
    assert_eq!(p.split().unwrap(), &report);

    let mut settings = Settings::default();
    settings.max_inner = f64::NAN;
    let error = BaseLowRank::with_settings(a.clone(), settings)
        .and_then(|p| p.with_weight(&weight))
        .unwrap_err();
    assert!(error.to_string().contains("NaN"), "{error}");
    settings = Settings::default();
    settings.min_gap = 0.5;
    assert!(
        BaseLowRank::with_settings(a.clone(), settings)
            .and_then(|p| p.with_weight(&weight))
            .is_err()
    );
    settings = Settings::default();
    settings.max_iter = 0;
    assert!(
        BaseLowRank::with_settings(a, settings)
            .and_then(|p| p.with_weight(&weight))
            .is_err()
    );
}

#[test]
fn dependent_rows_are_an_error() {
    let n = 4;
    let mut a = Constraints::builder(3, &[Block::Psd(n), Block::Nonneg(2)]).unwrap();
    for (row, value) in [(0, 1.0), (1, 0.3), (2, 1.3)] {
        a.entry(row, 0, 0, 1, value).unwrap();
        a.entry(row, 1, 1, 1, value).unwrap();
    }
    a.entry(0, 0, 2, 3, 1.0).unwrap();
    a.entry(2, 0, 2, 3, 1.0).unwrap();
    let eye = Mat::<f64>::identity(n, n);
    let weight = [eye.as_ref().into(), BlockWeight::Nonneg(&[1.0, 2.0])];
    let error = BaseLowRank::new(a.build().unwrap())
        .and_then(|p| p.with_weight(&weight))
        .unwrap_err();
    assert_eq!(error, Error::RankDeficient { rank: 2, needed: 3 });
    // A row that is zero.
    let mut a = Constraints::builder(2, &[Block::Psd(n)]).unwrap();
    a.entry(0, 0, 0, 0, 1.0).unwrap();
    let error = BaseLowRank::new(a.build().unwrap())
        .and_then(|p| p.with_weight(&weight[..1]))
        .unwrap_err();
    assert_eq!(error, Error::RankDeficient { rank: 1, needed: 2 });
}

/// Several blocks: each has its own δ, so that the ratios of the scales of the base move with the weight.
#[test]
fn every_block_has_its_own_base() {
    let blocks = [Block::Psd(14), Block::Nonneg(6), Block::Psd(9)];
    let a = Constraints::independent(40, &blocks, 2, 3.into()).unwrap();
    let mut naive = Recompute::new(a.clone()).unwrap();
    let mut p: Option<BaseLowRank> = None;
    for seed in 0..4 {
        let g = root(14, 2, 50.0, 0.5, 50 + seed);
        let k = root(9, 1, 30.0, 1.0, 60 + seed) * faer::Scale(0.1 + seed as f64);
        let w: Vec<f64> = (0..6).map(|i| 0.1 + (i as u64 * seed) as f64).collect();
        let weight = [
            BlockWeight::Root(g.as_ref()),
            BlockWeight::Nonneg(&w),
            BlockWeight::Root(k.as_ref()),
        ];
        match &mut p {
            Some(p) => drop(p.update(&weight).unwrap()),
            None => {
                p = Some(
                    BaseLowRank::new(a.clone())
                        .unwrap()
                        .with_weight(&weight)
                        .unwrap(),
                );
            }
        }
        naive.update(&weight).unwrap();
        let p = p.as_mut().unwrap();
        assert_eq!(p.split().unwrap().rank[1], 0);
        let rhs = gaussian(40, 1, &mut rng(70 + seed));
        let (mut y, mut expected) = (rhs.clone(), rhs);
        let (residual, _) = exact(p.solve(y.as_mut(), Goal::Residual(1e-9)).unwrap());
        naive
            .solve(expected.as_mut(), Goal::Residual(1e-12))
            .unwrap();
        assert!(residual <= 1e-9, "{residual:e}");
        assert!(
            relative(&y, &expected) < 1e-6,
            "{:e}",
            relative(&y, &expected)
        );
    }
}
