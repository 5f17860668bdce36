//! A set query by sketch against the exact one: n = 90, m = 4000, b = 256, k = 16.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --bench sketched_query`. The exact side is the faster of `Recompute` (two triangular
//! solves) and `Kronecker` (one product with its inverse), both asked for `Goal::AsAbsorbed`; interleaved runs in this process,
//! medians. Then what an update of `Y` costs beside the inner structure's own. Criterion's group follows.

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::kronecker::{LowRank, Policy, Rates, Settings};
use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Recompute, Sketched, sketched};
use dyncvx::random::{Lane, Seed};
use dyncvx::sketch::{Base, Distribution, Family};
use dyncvx_papers::updates::{Walk, median};
use faer::Mat;
use rand_distr::{Distribution as _, StandardNormal};
use std::time::Instant;

const N: usize = 90;
const M: usize = 4000;
const ROWS: usize = 256;
const COORDS: usize = 16;

fn families() -> [(&'static str, Family); 7] {
    let kronecker = Family::Kronecker {
        left: Base::Gaussian,
        right: Base::Gaussian,
        left_rows: 16,
    };
    [
        ("Gaussian", Base::Gaussian.into()),
        ("SRHT", Base::Srht.into()),
        ("CountSketch", Base::CountSketch.into()),
        ("sparse, 4 a column", Base::Sparse(4).into()),
        ("Kronecker, Gaussian", kronecker),
        ("TensorSRHT", Family::TensorSrht),
        ("TensorSketch", Family::TensorSketch),
    ]
}

fn rows() -> Constraints {
    Constraints::independent(M, &[Block::Psd(N)], 3, 1.into()).expect("independent rows")
}

/// A structure that has its inverse already: the first change to absorb makes it.
fn kept(walk: &mut Walk) -> Kronecker {
    let mut settings = Settings::default();
    settings.policy = Policy::Absorb;
    // Rates with which the inverse is taken rather than a changed factor: one product with it is the fastest exact answer.
    settings.rates = Some(Rates::new(1.0, 1.0, 1e-3, 1e-3, 1e-9, 1e-9, 1.0));
    let mut p = Kronecker::with_settings(rows(), settings)
        .expect("a first weight")
        .with_weight(&[(&walk.weight).into()])
        .expect("a first weight");
    for _ in 0..2 {
        let (v, c) = walk.step();
        let told = LowRank {
            block: 0,
            v: v.as_ref(),
            c: c.as_ref(),
        };
        p.update_low_rank(&[told]).expect("a change");
    }
    p
}

fn question() -> (Mat<f64>, Vec<usize>) {
    let mut rng = Seed::from(3).stream(Lane::SCRIPT, 0, 0);
    let h = Mat::from_fn(N * N, 1, |_, _| StandardNormal.sample(&mut rng));
    (h, (0..COORDS).map(|i| i * 503 % (N * N)).collect())
}

fn ask(p: &mut dyn Projection, h: &Mat<f64>, coords: &[usize], out: &mut Mat<f64>) -> f64 {
    let start = Instant::now();
    p.query_set(h.col(0), coords, Goal::AsAbsorbed, out.as_mut())
        .expect("an answer");
    start.elapsed().as_secs_f64()
}

fn table(_: &mut Criterion) {
    let mut walk = Walk::new(N, 1, 2);
    let kronecker = kept(&mut walk);
    assert!(!kronecker.contents().expect("a weight").factor);
    let mut recompute = Recompute::new(rows()).expect("a structure");
    recompute
        .update(&[(&walk.weight).into()])
        .expect("a weight");
    let (h, coords) = question();
    let mut exact = Mat::zeros(COORDS, 1);
    recompute
        .query_set(h.col(0), &coords, Goal::Residual(1e-12), exact.as_mut())
        .expect("an answer");
    let mut kronecker = kronecker;
    println!(
        "family               exact ms  sketched ms   ratio  error / expected  (n {N}, m {M}, b {ROWS}, k {COORDS})"
    );
    for (name, family) in families() {
        let distribution = Distribution::new(family, ROWS).expect("a distribution");
        let mut baseline = kronecker.clone();
        let start = Instant::now();
        let mut p = Sketched::new(kronecker, sketched::Settings::new(distribution, 1, 1))
            .expect("sketches");
        let built = start.elapsed().as_secs_f64();
        let (mut by_recompute, mut by_kronecker, mut by_sketch) = (vec![], vec![], vec![]);
        let mut out = Mat::zeros(COORDS, 1);
        for _ in 0..30 {
            by_recompute.push(ask(&mut recompute, &h, &coords, &mut out));
            by_kronecker.push(ask(&mut baseline, &h, &coords, &mut out));
            by_sketch.push(ask(&mut p, &h, &coords, &mut out));
        }
        let Ok(Accuracy::Sketched { expected_error }) =
            p.query_set(h.col(0), &coords, Goal::AsAbsorbed, out.as_mut())
        else {
            panic!("not a sketch")
        };
        let rms = (&out - &exact).norm_l2() / (COORDS as f64).sqrt();
        let (r, k, s) = (
            median(by_recompute),
            median(by_kronecker),
            median(by_sketch),
        );
        println!(
            "{name:<20} {:>8.3} {:>12.3} {:>6.1}x {:>17.2}  (Recompute {:.3} ms, Kronecker {:.3} ms; Y made in {:.0} ms)",
            1e3 * r.min(k),
            1e3 * s,
            r.min(k) / s,
            rms / expected_error,
            1e3 * r,
            1e3 * k,
            1e3 * built,
        );
        kronecker = p.into_inner();
    }
    drop(recompute);
    updates(kronecker, walk);
}

fn of<'a>(form: &str, w: &'a Mat<f64>) -> BlockWeight<'a> {
    match form {
        "one-sided" => BlockWeight::OneSided(w.as_ref()),
        _ => w.into(),
    }
}

/// Updates of rank one: the inner structure alone, and with `Y`.
fn updates(inner: Kronecker, mut walk: Walk) {
    let family = Family::Kronecker {
        left: Base::Gaussian,
        right: Base::Gaussian,
        left_rows: 16,
    };
    let distribution = Distribution::new(family, ROWS).expect("a distribution");
    for (form, copies) in [("two-sided", 1), ("one-sided", 1), ("one-sided", 8)] {
        let held = walk.weight.clone();
        let mut alone = inner.clone();
        alone.update(&[of(form, &held)]).expect("a weight");
        let mut p = Sketched::new(
            alone.clone(),
            sketched::Settings::new(distribution, copies, 1),
        )
        .expect("sketches");
        let (mut plain, mut both) = (vec![], vec![]);
        for step in 0..5 {
            walk.step();
            let w = walk.weight.clone();
            let start = Instant::now();
            alone.update(&[of(form, &w)]).expect("a weight");
            let first = start.elapsed().as_secs_f64();
            let start = Instant::now();
            p.update(&[of(form, &w)]).expect("a weight");
            // The first change makes the inverse.
            if step > 0 {
                plain.push(first);
                both.push(start.elapsed().as_secs_f64());
            }
        }
        println!(
            "update, {form}, {copies} copies of {ROWS} rows: {:.1} ms, with Y {:.1} ms; {} of 5 followed",
            1e3 * median(plain),
            1e3 * median(both),
            p.updates_followed(),
        );
    }
}

fn groups(c: &mut Criterion) {
    let mut walk = Walk::new(N, 1, 2);
    let mut exact = kept(&mut walk);
    let distribution = Distribution::new(Family::TensorSrht, ROWS).expect("a distribution");
    let mut sketched = Sketched::new(exact.clone(), sketched::Settings::new(distribution, 1, 1))
        .expect("sketches");
    let (h, coords) = question();
    let mut out = Mat::zeros(COORDS, 1);
    let mut group = c.benchmark_group("set query, n = 90, m = 4000");
    group.sample_size(20);
    group.bench_function("exact", |b| {
        b.iter(|| exact.query_set(h.col(0), &coords, Goal::AsAbsorbed, out.as_mut()));
    });
    group.bench_function("TensorSRHT", |b| {
        b.iter(|| sketched.query_set(h.col(0), &coords, Goal::AsAbsorbed, out.as_mut()));
    });
    group.finish();
}

criterion_group!(benches, table, groups);
criterion_main!(benches);
