//! Sketches that answer an adaptive asker: attacks on one sketch, and on private medians of copies.

mod common;

use common::*;
use dyncvx::adversary::{self, SUITE, Settings, Structure, Target};
use dyncvx::constraints::{Block, Constraints};
use dyncvx::privacy::{Demand, Plan, calibrated};
use dyncvx::projection::{
    Accuracy, Ensemble, Goal, Kronecker, Projection, Robust, Sketched, robust,
};
use dyncvx::sketch::{Base, Distribution};
use dyncvx::{Error, Result};
use faer::Mat;

/// `N = 1024`, `m = 64`.
const ORDER: usize = 32;
const CONSTRAINTS: usize = 64;
const ROWS: usize = 64;
const QUERIES: usize = 10_000;

fn exact() -> (Kronecker, Mat<f64>) {
    let a = Constraints::independent(CONSTRAINTS, &[Block::Psd(ORDER)], 3, 1.into()).unwrap();
    let w = positive(ORDER, &mut rng(4));
    (Kronecker::new(a, &[(&w).into()]).unwrap(), w)
}

fn sketches(copies: usize) -> (Sketched<Kronecker>, Mat<f64>) {
    let (p, w) = exact();
    let distribution = Distribution::new(Base::Srht, ROWS).unwrap();
    (Sketched::new(p, distribution, copies, 5u64).unwrap(), w)
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

/// 95th percentiles, oblivious and in the worst tenth of the attack.
fn attack(target: &(impl Target + Clone), name: &str, watch: usize) -> (f64, f64, usize) {
    let settings = Settings::new(QUERIES, vec![watch]);
    let go = |name: &str| {
        let mut attacker = adversary::attacker(name, 3.into()).unwrap();
        adversary::run(&mut target.clone(), attacker.as_mut(), &settings, None).unwrap()
    };
    let (calm, attacked) = (go("oblivious"), go(name));
    (calm.p95(), attacked.worst_p95(), attacked.updates)
}

#[test]
fn one_sketch_falls_to_an_adaptive_asker() {
    let (p, w) = sketches(1);
    let mut target = Structure::with_weight(p, w).unwrap();
    let watch = watched(&mut target.get().inner().clone());
    let _ = &mut target;
    for name in SUITE {
        let (calm, attacked, updates) = attack(&target, name, watch);
        println!("one sketch, {name}: {calm:.3} -> {attacked:.3}, {updates} updates");
        // One copy deviates by 1/√b.
        assert!(calm > 0.5 * 1.96 / 8.0 && calm < 1.5 * 1.96 / 8.0);
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
    let watch = watched(&mut p.inner().clone());
    let robust = Robust::new(p, plan, 6u64).unwrap();
    let target = Structure::with_weight(robust, w).unwrap();
    for name in SUITE {
        let (calm, attacked, updates) = attack(&target, name, watch);
        println!(
            "{} copies, {name}: {calm:.3} -> {attacked:.3}, {updates} updates",
            plan.copies
        );
        assert!(attacked <= 2.0 * calm, "{name}: {calm} -> {attacked}");
        assert!(attacked < 0.2, "{name}: {attacked}");
        assert_eq!(updates > 0, name == "updates");
    }
}
