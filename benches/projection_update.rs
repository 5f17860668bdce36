//! One low-rank change and one query refined to 1e-10, maintained against naive.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --bench projection_update`; `DYNCVX_BENCH_LARGE=1` adds n = 128, m = 8000. The table comes
//! from interleaved runs in this process: median of naive over median, and over mean, of maintained. Criterion's own groups
//! follow.

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::kronecker::{LowRank, Settings};
use dyncvx::projection::{Goal, Kronecker, Projection, Recompute};
use dyncvx_papers::updates::*;
use faer::Mat;

/// Name, shape, updates, every how many the naive one runs, floor and goal.
type Case = (
    &'static str,
    (usize, usize, usize, usize),
    usize,
    usize,
    f64,
    f64,
);

const CASES: [Case; 3] = [
    ("sparse rows", (64, 2000, 3, 1), 160, 4, 4.0, 10.0),
    ("dense rows", (64, 2000, 0, 1), 80, 8, 5.0, 10.0),
    ("sparse, rank 4", (64, 2000, 3, 4), 80, 4, 1.5, 3.0),
];
const LARGE: Case = ("sparse, large", (128, 8000, 3, 1), 60, 12, 10.0, 25.0);

fn table(_: &mut Criterion) {
    println!(
        "case              n     m rank  naive ms  median ms  mean ms  by median  by mean  floor  goal  ceiling  its  rebuilds  rank  residual  complement"
    );
    let large = std::env::var_os("DYNCVX_BENCH_LARGE").map(|_| LARGE);
    for (name, shape, updates, every, floor, goal) in CASES.into_iter().chain(large) {
        let (n, m, _, rank) = shape;
        let r = update_and_query(shape, updates, every, Settings::default());
        println!(
            "{name:<15} {n:>4} {m:>5} {rank:>4} {:>9.1} {:>10.2} {:>8.2} {:>9.1}x {:>7.1}x {floor:>6} {goal:>5} {:>8.1} {:>4.1} {:>9} {:>5} {:>9.1e} {}",
            1e3 * r.naive,
            1e3 * r.maintained,
            1e3 * r.amortised,
            r.naive / r.maintained,
            r.naive / r.amortised,
            roofline(n, m, rank),
            r.iterations,
            r.rebuilds,
            r.absorbed_rank,
            r.worst_residual,
            complement(&r),
        );
        assert!(r.worst_residual <= RESIDUAL);
    }
}

/// Milliseconds and ratio of the structure that works on what the rows leave out.
fn complement(r: &Measured) -> String {
    r.complement.map_or(String::new(), |seconds| {
        format!("{:.2} ms, {:.1}x", 1e3 * seconds, r.naive / seconds)
    })
}

/// Growth with `m` at fixed `n`, and with `n` at fixed `m/n²`: slopes of the logarithms.
fn growth(_: &mut Criterion) {
    let slope = |points: &[(f64, f64)]| {
        let k = points.len() as f64;
        let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|(a, b)| (a.ln(), b.ln())).unzip();
        let (mx, my) = (x.iter().sum::<f64>() / k, y.iter().sum::<f64>() / k);
        let over: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
        over / x.iter().map(|x| (x - mx) * (x - mx)).sum::<f64>()
    };
    for (what, shapes) in [
        (
            "m at n = 96",
            [(96, 1000), (96, 1500), (96, 2200), (96, 3200), (96, 4600)],
        ),
        (
            "n at m = 0.4 n²",
            [(32, 409), (44, 774), (56, 1254), (72, 2073), (96, 3686)],
        ),
    ] {
        let (mut naive, mut kept) = (vec![], vec![]);
        for (n, m) in shapes {
            let r = update_and_query((n, m, 3, 1), 40, 10, Settings::default());
            println!(
                "growth n {n} m {m}: naive {:.1} ms, maintained {:.2} ms (mean {:.2}), {:.1}x {}",
                1e3 * r.naive,
                1e3 * r.maintained,
                1e3 * r.amortised,
                r.naive / r.amortised,
                complement(&r),
            );
            let x = if what.starts_with('m') { m } else { n } as f64;
            naive.push((x, r.naive));
            kept.push((x, r.amortised));
        }
        println!(
            "growth in {what}: naive exponent {:.2}, maintained {:.2}",
            slope(&naive),
            slope(&kept)
        );
    }
}

fn groups(c: &mut Criterion) {
    let (n, m) = (32, 400);
    let a = Constraints::independent(m, &[Block::Psd(n)], 3, 1.into()).expect("independent rows");
    let mut group = c.benchmark_group("update and query, n = 32, m = 400");
    group.sample_size(20);
    let h = Mat::from_fn(n * n, 1, |i, _| (i as f64).sin());
    let (mut y, mut ph) = (Mat::zeros(m, 1), Mat::zeros(n * n, 1));
    let mut walk = Walk::new(n, 1, 2);
    let mut naive = Recompute::new(a.clone()).expect("a structure");
    group.bench_function("naive", |b| {
        b.iter(|| {
            walk.step();
            naive.update(&[(&walk.weight).into()]).expect("a weight");
            naive.query(
                h.as_ref(),
                Goal::Residual(RESIDUAL),
                y.as_mut(),
                ph.as_mut(),
            )
        });
    });
    let mut walk = Walk::new(n, 1, 2);
    let mut kept = Kronecker::new(a)
        .expect("a weight")
        .with_weight(&[(&walk.weight).into()])
        .expect("a weight");
    group.bench_function("maintained", |b| {
        b.iter(|| {
            let (v, c) = walk.step();
            kept.update_low_rank(&[LowRank {
                block: 0,
                v: v.as_ref(),
                c: c.as_ref(),
            }])
            .expect("a change");
            kept.query(
                h.as_ref(),
                Goal::Residual(RESIDUAL),
                y.as_mut(),
                ph.as_mut(),
            )
        });
    });
    group.finish();
}

criterion_group!(benches, table, growth, groups);
criterion_main!(benches);
