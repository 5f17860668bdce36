//! One low-rank change of the weight and one query: maintained against recomputed, in the same run.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::kronecker::LowRank;
use dyncvx::projection::{Goal, Kronecker, Projection, Recompute};
use dyncvx::random::{Lane, Seed};
use faer::Mat;
use rand_distr::{Distribution, StandardNormal};
use std::hint::black_box;
use std::time::Duration;

/// `(n, m, rank, nonzeros a row)`; 0 nonzeros are dense rows.
const CASES: [(usize, usize, usize, usize); 4] = [
    (32, 400, 1, 3),
    (64, 1024, 1, 3),
    (64, 2000, 1, 3),
    (64, 1024, 4, 3),
];

fn update_and_query(c: &mut Criterion) {
    let mut group = c.benchmark_group("update_and_query");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(4))
        .warm_up_time(Duration::from_millis(500));
    for (n, m, rank, entries) in CASES {
        let case = format!("n{n}_m{m}_r{rank}");
        let Ok(a) = Constraints::independent(m, &[Block::Psd(n)], entries, 1.into()) else {
            continue;
        };
        let mut rng = Seed::from(2).stream(Lane::SCRIPT, 0, 0);
        let mut normal = |r: usize, c: usize| {
            Mat::from_fn(r, c, |_, _| -> f64 { StandardNormal.sample(&mut rng) })
        };
        let (v, h) = (normal(n, rank), normal(n * n, 1));
        let identity = Mat::<f64>::identity(n, n);
        let step = |sign: f64| {
            Mat::from_fn(
                rank,
                rank,
                |i, j| if i == j { sign / n as f64 } else { 0.0 },
            )
        };
        let (up, down) = (step(1.0), step(-1.0));
        let moved = &identity + &v * &up * v.transpose();
        let (mut y, mut ph) = (Mat::zeros(m, 1), Mat::zeros(n * n, 1));
        let goal = Goal::Residual(1e-10);

        let mut naive = Recompute::new(a.clone());
        let mut there = false;
        group.bench_function(BenchmarkId::new("recomputed", &case), |b| {
            b.iter(|| {
                there = !there;
                let w = if there { &moved } else { &identity };
                naive
                    .update(&[w.into()])
                    .and_then(|_| naive.query(h.as_ref(), goal, y.as_mut(), ph.as_mut()))
                    .map(black_box)
            })
        });
        let Ok(mut kept) = Kronecker::new(a, &[(&identity).into()]) else {
            continue;
        };
        let mut there = false;
        group.bench_function(BenchmarkId::new("maintained", &case), |b| {
            b.iter(|| {
                there = !there;
                let c = if there { up.as_ref() } else { down.as_ref() };
                let change = LowRank {
                    block: 0,
                    v: v.as_ref(),
                    c,
                };
                kept.update_low_rank(&[change])
                    .and_then(|_| kept.query(h.as_ref(), goal, y.as_mut(), ph.as_mut()))
                    .map(black_box)
            })
        });
    }
    group.finish();
}

criterion_group!(benches, update_and_query);
criterion_main!(benches);
