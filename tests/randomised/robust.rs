//! Sketches that answer an adaptive asker: attacks on one sketch, and on private medians of copies.

use crate::common::*;
use dyncvx::Error;
use dyncvx::adversary::{self, SUITE, Settings, Structure, Target};
use dyncvx::constraints::{Block, Constraints};
use dyncvx::privacy::{Demand, Plan, Release, calibrated};
use dyncvx::projection::{
    Accuracy, Ensemble, Goal, Kronecker, Projection, Robust, Sketched, robust, sketched,
};
use dyncvx::sketch::{Base, Distribution};
use faer::Mat;

/// `N = 1024`, `m = 64`.
const ORDER: usize = 32;
const CONSTRAINTS: usize = 64;
const ROWS: usize = 64;
const QUERIES: usize = 10_000;

fn exact() -> (Kronecker, Mat<f64>) {
    let a = Constraints::independent(CONSTRAINTS, &[Block::Psd(ORDER)], 3, 1.into()).unwrap();
    let w = positive(ORDER, &mut rng(4));
    (
        Kronecker::new(a)
            .unwrap()
            .with_weight(&[(&w).into()])
            .unwrap(),
        w,
    )
}

fn sketches(copies: usize) -> (Sketched<Kronecker>, Mat<f64>) {
    let (p, w) = exact();
    let distribution = Distribution::new(Base::Srht, ROWS).unwrap();
    (
        Sketched::new(p, sketched::Settings::new(distribution, copies, 5u64)).unwrap(),
        w,
    )
}

/// The coordinate with the longest row.
fn watched(p: &mut impl Projection) -> usize {
    let n = ORDER * ORDER;
    let (mut y, mut out) = (Mat::zeros(CONSTRAINTS, n), Mat::zeros(n, n));
    let identity = Mat::<f64>::identity(n, n);
    p.query(
        identity.as_ref(),
        Goal::Residual(1e-10),
        y.as_mut(),
        out.as_mut(),
    )
    .unwrap();
    (0..n)
        .max_by(|a, b| out[(*a, *a)].total_cmp(&out[(*b, *b)]))
        .unwrap()
}

fn run(mut target: impl Target, name: &str, watch: &[usize], queries: usize) -> adversary::Run {
    let settings = Settings::new(queries, watch.to_vec());
    let mut attacker = adversary::attacker(name, 3.into()).unwrap();
    adversary::run(
        &mut target,
        attacker.as_mut(),
        &settings,
        &mut adversary::unobserved,
    )
    .unwrap()
}

#[test]
fn one_sketch_falls_to_an_adaptive_asker() {
    let (p, w) = sketches(1);
    let target = Structure::with_weight(p, w).unwrap();
    let watch = [watched(&mut target.get().inner().clone())];
    let calm = run(target.clone(), "oblivious", &watch, QUERIES).p95();
    // One copy deviates by 1/√b.
    assert!(calm > 0.5 * 1.96 / 8.0 && calm < 1.5 * 1.96 / 8.0);
    for name in SUITE {
        let attack = run(target.clone(), name, &watch, QUERIES);
        let attacked = attack.worst_p95();
        println!(
            "one sketch, {name}: {calm:.3} -> {attacked:.3}, {} updates",
            attack.updates
        );
        if ["sign-correlation", "reconstruction"].contains(&name) {
            assert!(attacked >= 10.0 * calm, "{name}: {calm} -> {attacked}");
        }
    }
}

fn planned() -> Plan {
    let mut demand = Demand::new(QUERIES as u64, 1, 0.2);
    demand.rows = Some(ROWS);
    calibrated::plan(&demand).unwrap()
}

#[test]
fn private_medians_of_calibrated_copies_withstand_every_attacker() {
    let plan = planned();
    assert!(plan.copies * 5 < QUERIES);
    let (p, w) = sketches(plan.copies);
    let watch = [watched(&mut p.inner().clone())];
    // Every attacker meets a structure with a budget of its own.
    let target = || {
        let robust = Robust::new(p.clone(), robust::Settings::new(plan, 6u64)).unwrap();
        Structure::with_weight(robust, w.clone()).unwrap()
    };
    let calm = run(target(), "oblivious", &watch, QUERIES).p95();
    for name in SUITE {
        let attack = run(target(), name, &watch, QUERIES);
        let attacked = attack.worst_p95();
        println!(
            "{} copies, {name}: {calm:.3} -> {attacked:.3}, {} updates",
            plan.copies, attack.updates
        );
        assert!(attacked <= 2.0 * calm, "{name}: {calm} -> {attacked}");
        assert!(attacked < 0.2, "{name}: {attacked}");
        assert_eq!(attack.updates > 0, name == "updates");
    }
}

/// A small structure: `N = 64`, `m = 20`, 64 copies.
fn small(releases: u64) -> (Robust<Sketched<Kronecker>>, Mat<f64>) {
    let a = Constraints::independent(20, &[Block::Psd(8)], 3, 1.into()).unwrap();
    let w = positive(8, &mut rng(4));
    let p = Kronecker::new(a)
        .unwrap()
        .with_weight(&[(&w).into()])
        .unwrap();
    let distribution = Distribution::new(Base::Rademacher, 16).unwrap();
    let sketches = Sketched::new(p, sketched::Settings::new(distribution, 64, 5u64)).unwrap();
    let plan = Plan::custom(
        64,
        16,
        Release {
            sample: 48,
            epsilon: 1.0,
        },
        releases,
    )
    .unwrap();
    (
        Robust::new(sketches, robust::Settings::new(plan, 6u64)).unwrap(),
        w,
    )
}

fn ask(
    p: &mut impl Projection,
    seed: u64,
    coords: &[usize],
) -> dyncvx::Result<(Mat<f64>, Accuracy)> {
    let h = gaussian(64, 1, &mut rng(seed));
    let mut out = Mat::zeros(coords.len(), 1);
    let accuracy = p.query_set(h.col(0), coords, Goal::AsAbsorbed, out.as_mut())?;
    Ok((out, accuracy))
}

/// Answers are on the grid, near the truth, and say how near.
#[test]
fn answers_err_by_as_much_as_they_say() {
    let (mut p, w) = small(3000);
    let coords: Vec<usize> = (0..30).collect();
    let (mut sum, mut expected) = (0.0, 0.0);
    let exact = {
        let b = dense_b(
            &Constraints::independent(20, &[Block::Psd(8)], 3, 1.into()).unwrap(),
            &[Owned::Psd(w)],
        );
        b.transpose() * dense_solve(&b, &b)
    };
    for seed in 0..100 {
        let h = gaussian(64, 1, &mut rng(seed));
        let (out, accuracy) = ask(&mut p, seed, &coords).unwrap();
        let Accuracy::Sketched { expected_error } = accuracy else {
            panic!()
        };
        expected += expected_error * expected_error;
        let truth = &exact * &h;
        for (i, c) in coords.iter().enumerate() {
            let steps = out[(i, 0)] / h.norm_l2() * 1e3;
            assert!((steps - steps.round()).abs() < 1e-6);
            sum += (out[(i, 0)] - truth[(*c, 0)]).powi(2) / coords.len() as f64;
        }
    }
    let ratio = (sum / expected).sqrt();
    println!("measured over expected error {ratio:.2}");
    assert!(ratio > 0.5 && ratio < 1.5, "{ratio}");
}

#[test]
fn the_budget_counts_across_updates_and_ends() {
    let (mut p, w) = small(10);
    ask(&mut p, 1, &[0, 5, 5]).unwrap();
    let twice = Mat::from_fn(8, 8, |i, j| 2.0 * w[(i, j)]);
    p.update(&[(&twice).into()]).unwrap();
    ask(&mut p, 2, &[1, 2, 3, 4]).unwrap();
    assert_eq!(p.account().answered, 7);
    // Four more do not fit, three do.
    let refused = ask(&mut p, 3, &[1, 2, 3, 4]).unwrap_err();
    assert_eq!(refused, Error::BudgetExhausted { answered: 7 });
    ask(&mut p, 3, &[1, 2, 3]).unwrap();
    assert_eq!(p.account().spent, p.account().limit);
    p.update(&[(&w).into()]).unwrap();
    assert!(matches!(
        ask(&mut p, 4, &[1]),
        Err(Error::BudgetExhausted { answered: 10 })
    ));
    // Exact answers cost nothing, and are still to be had.
    let h = gaussian(64, 1, &mut rng(4));
    let mut out = Mat::zeros(1, 1);
    p.query_set(h.col(0), &[1], Goal::Residual(1e-12), out.as_mut())
        .unwrap();
    let mut rhs = gaussian(20, 2, &mut rng(5));
    p.solve(rhs.as_mut(), Goal::AsAbsorbed).unwrap();
    // So do fresh copies, at a price.
    let old = p.inner().epoch();
    let renewal = p.renew().unwrap();
    assert_eq!((renewal.epoch, renewal.solves), (old + 1, 64 * 16));
    assert!(renewal.bytes >= 8 * 20 * 64 * 16);
    assert_eq!(p.account().answered, 0);
    ask(&mut p, 4, &[1]).unwrap();
}

#[test]
fn what_fails_spends_nothing_and_changes_nothing() {
    let (mut p, _) = small(10);
    let (mut untouched, _) = small(10);
    let h = gaussian(64, 1, &mut rng(1));
    let mut one = Mat::zeros(1, 1);
    assert!(matches!(
        p.query_set(h.col(0), &[64], Goal::AsAbsorbed, one.as_mut()),
        Err(Error::OutOfRange {
            index: 64,
            bound: 64,
            ..
        })
    ));
    assert!(
        p.query_set(h.col(0), &[1, 2], Goal::AsAbsorbed, one.as_mut())
            .is_err()
    );
    let short = gaussian(63, 1, &mut rng(1));
    assert!(
        p.query_set(short.col(0), &[1], Goal::AsAbsorbed, one.as_mut())
            .is_err()
    );
    let mut nan = h.clone();
    nan[(7, 0)] = f64::NAN;
    assert!(matches!(
        p.query_set(nan.col(0), &[1], Goal::AsAbsorbed, one.as_mut()),
        Err(Error::NonFinite { index: 7, .. })
    ));
    let bad = Mat::from_fn(8, 8, |i, j| if i == j { -1.0 } else { 0.0 });
    assert!(p.update(&[(&bad).into()]).is_err());
    // Plain multipliers would be a release of nobody knows how many numbers.
    let (mut y, mut out) = (Mat::zeros(20, 1), Mat::zeros(64, 1));
    assert!(matches!(
        p.query(h.as_ref(), Goal::AsAbsorbed, y.as_mut(), out.as_mut()),
        Err(Error::Unsupported { by: "Robust", .. })
    ));
    // Twenty multipliers do not fit a budget of ten.
    assert!(matches!(
        p.query_in_range(h.col(0), y.as_mut(), out.as_mut()),
        Err(Error::BudgetExhausted { answered: 0 })
    ));
    assert_eq!(p.account(), untouched.account());
    assert_eq!(
        ask(&mut p, 2, &[3]).unwrap(),
        ask(&mut untouched, 2, &[3]).unwrap()
    );
    // Numbers of any size: the grid goes with them.
    for scale in [1e-200, 1e200] {
        let big = &h * faer::Scale(scale);
        p.query_set(big.col(0), &[1], Goal::AsAbsorbed, one.as_mut())
            .unwrap();
        assert!(one[(0, 0)].abs() <= 1.1 * big.norm_l2());
    }
    let zero = Mat::<f64>::zeros(64, 1);
    p.query_set(zero.col(0), &[1], Goal::AsAbsorbed, one.as_mut())
        .unwrap();
    assert_eq!(one[(0, 0)], 0.0);
}

#[test]
fn a_robust_structure_refuses_copies_that_fall_short() {
    let (p, _) = small(10);
    let sketches = p.inner().clone();
    for plan in [
        Plan::custom(
            65,
            16,
            Release {
                sample: 48,
                epsilon: 1.0,
            },
            10,
        )
        .unwrap(),
        Plan::custom(
            64,
            17,
            Release {
                sample: 48,
                epsilon: 1.0,
            },
            10,
        )
        .unwrap(),
    ] {
        assert!(matches!(
            Robust::new(sketches.clone(), robust::Settings::new(plan, 6u64)),
            Err(Error::InvalidSetting { .. })
        ));
    }
    let report = p.account();
    assert!((report.width_ratio - 16.0).abs() < 1e-12 && report.larger_than_exact);
}

/// The answer is in the range of `Bᵀ`, near `P h`, and costs `m` releases.
#[test]
fn an_answer_in_the_range_stays_there() {
    let (mut p, w) = small(200);
    let a = Constraints::independent(20, &[Block::Psd(8)], 3, 1.into()).unwrap();
    let b = dense_b(&a, &[Owned::Psd(w)]);
    let h = gaussian(64, 1, &mut rng(1));
    let exact = b.transpose() * dense_solve(&b, &(&b * &h));
    let mut mean = Mat::<f64>::zeros(64, 1);
    for _ in 0..10 {
        let (mut y, mut out) = (Mat::zeros(20, 1), Mat::zeros(64, 1));
        p.query_in_range(h.col(0), y.as_mut(), out.as_mut())
            .unwrap();
        assert!(relative(&(b.transpose() * &y), &out) < 1e-10);
        let inside = b.transpose() * dense_solve(&b, &(&b * &out));
        assert!(relative(&inside, &out) < 1e-9);
        mean += &out * faer::Scale(0.1);
    }
    assert_eq!(p.account().answered, 200);
    // Ten answers of twenty entries, each with a deviation of about 0.3‖h‖/√b: √(20/10)·0.3·‖h‖/4 in all.
    let error = (&mean - &exact).norm_l2() / h.norm_l2();
    println!("in range: error of the mean of ten {error:.3}");
    assert!(error < 0.25, "{error}");
}

/// From one seed, with any number of threads.
#[test]
fn answers_are_reproducible() {
    let answers = || {
        let (mut p, _) = small(100);
        let first = ask(&mut p, 1, &[0, 1, 2]).unwrap().0;
        let again = ask(&mut p, 1, &[0, 1, 2]).unwrap().0;
        p.renew().unwrap();
        let renewed = ask(&mut p, 1, &[0, 1, 2]).unwrap().0;
        (first, again, renewed)
    };
    let (first, again, renewed) = answers();
    assert_eq!((first.clone(), again.clone(), renewed.clone()), answers());
    // The same question draws afresh.
    assert!(first != again && first != renewed);
    #[cfg(feature = "rayon")]
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(
            (first.clone(), again.clone(), renewed.clone()),
            pool.install(answers)
        );
    }
}
