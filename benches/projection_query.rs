//! Answers to 1e-10 after a stream of changes, one and many right-hand sides: from the maintained inverse, from a factor that
//! is fresh for free, and the naive way, which has to make it first.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --bench projection_query`; `DYNCVX_BENCH_LARGE=1` adds n = 128, m = 8000.

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::kronecker::{LowRank, Policy, Settings};
use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Recompute};
use dyncvx::random::{Lane, Seed};
use dyncvx_papers::updates::*;
use faer::Mat;
use rand_distr::{Distribution, StandardNormal};
use std::time::Instant;

const SHAPES: [(&str, usize, usize, usize); 2] =
    [("sparse rows", 64, 2000, 3), ("dense rows", 64, 2000, 0)];
const LARGE: (&str, usize, usize, usize) = ("sparse, large", 128, 8000, 3);

fn normal(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let mut rng = Seed::from(seed).stream(Lane::SCRIPT, 0, 0);
    Mat::from_fn(rows, columns, |_, _| StandardNormal.sample(&mut rng))
}

/// Median seconds of `times` runs.
fn time(times: usize, mut f: impl FnMut()) -> f64 {
    f();
    let run = |_| {
        let clock = Instant::now();
        f();
        clock.elapsed().as_secs_f64()
    };
    median((0..times).map(run).collect())
}

/// Both structures at the same weight, the maintained one after changes that are in its buffer and its inverse.
fn pair(n: usize, m: usize, entries: usize) -> (Kronecker, Recompute, Walk) {
    let a =
        Constraints::independent(m, &[Block::Psd(n)], entries, 1.into()).expect("independent rows");
    let mut walk = Walk::new(n, 1, 2);
    let mut settings = Settings::default();
    settings.policy = Policy::Absorb;
    let mut kept = Kronecker::with_settings(a.clone(), settings)
        .expect("a first weight")
        .with_weight(&[(&walk.weight).into()])
        .expect("a first weight");
    for _ in 0..6 {
        let (v, c) = walk.step();
        let told = LowRank {
            block: 0,
            v: v.as_ref(),
            c: c.as_ref(),
        };
        kept.update_low_rank(&[told]).expect("a change");
    }
    let mut naive = Recompute::new(a).expect("a structure");
    naive.update(&[(&walk.weight).into()]).expect("a weight");
    (kept, naive, walk)
}

fn solve(p: &mut dyn Projection, rhs: &Mat<f64>, y: &mut Mat<f64>, goal: Goal) -> Accuracy {
    y.copy_from(rhs);
    p.solve(y.as_mut(), goal).expect("an answer")
}

fn table(_: &mut Criterion) {
    let large = std::env::var_os("DYNCVX_BENCH_LARGE").map(|_| LARGE);
    println!(
        "case              n     m  columns  naive ms  fresh factor  one by one  together  maintained only   naive/together  fresh/together  one by one/together  steps a column"
    );
    for (name, n, m, entries) in SHAPES.into_iter().chain(large) {
        let (mut kept, mut naive, walk) = pair(n, m, entries);
        let exact = Goal::Residual(RESIDUAL);
        for k in [1, 2, 4, 16, 64] {
            let rhs = normal(m, k, 5);
            let mut y = rhs.clone();
            let times = if k < 16 { 7 } else { 3 };
            let build = time(3, || {
                naive.update(&[(&walk.weight).into()]).expect("a weight");
            });
            let fresh = time(times, || {
                solve(&mut naive, &rhs, &mut y, exact);
            });
            let expected = y.clone();
            let mut accuracy = None;
            let together = time(times, || {
                accuracy = Some(solve(&mut kept, &rhs, &mut y, exact));
            });
            assert!((&y - &expected).norm_l2() <= 1e-5 * expected.norm_l2());
            let single = time(times, || {
                y.copy_from(&rhs);
                for j in 0..k {
                    kept.solve(y.as_mut().subcols_mut(j, 1), exact)
                        .expect("an answer");
                }
            });
            let rough = time(times, || {
                solve(&mut kept, &rhs, &mut y, Goal::AsAbsorbed);
            });
            let Some(Accuracy::Exact {
                residual,
                iterations,
            }) = accuracy
            else {
                panic!("{accuracy:?}")
            };
            assert!(residual <= RESIDUAL);
            println!(
                "{name:<15} {n:>4} {m:>5} {k:>8} {:>9.1} {:>13.2} {:>11.2} {:>9.2} {:>16.2} {:>15.1}x {:>14.2}x {:>19.2}x {:>14.1}",
                1e3 * (build + fresh),
                1e3 * fresh,
                1e3 * single,
                1e3 * together,
                1e3 * rough,
                (build + fresh) / together,
                fresh / together,
                single / together,
                iterations as f64 / k as f64,
            );
        }
    }
}

fn groups(c: &mut Criterion) {
    let (n, m) = (32, 400);
    let (mut kept, mut naive, _) = pair(n, m, 3);
    let mut group = c.benchmark_group("solve, n = 32, m = 400");
    group.sample_size(20);
    for k in [1, 16] {
        let rhs = normal(m, k, 5);
        let mut y = rhs.clone();
        group.bench_function(format!("maintained, {k} columns"), |b| {
            b.iter(|| solve(&mut kept, &rhs, &mut y, Goal::Residual(RESIDUAL)));
        });
        group.bench_function(format!("fresh factor, {k} columns"), |b| {
            b.iter(|| solve(&mut naive, &rhs, &mut y, Goal::Residual(RESIDUAL)));
        });
    }
    group.finish();
}

criterion_group!(benches, table, groups);
criterion_main!(benches);
