//! The rank from which absorbing a change costs as much as forming and factoring anew, shape by shape.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --bench projection_crossover`; `DYNCVX_BENCH_LARGE=1` adds n = 128, m = 8000. Every change is
//! absorbed (`Policy::Absorb`), and each is followed by a query to 1e-10, as it is on the naive side. The structure itself
//! rebuilds once the inner dimension `nr` exceeds `m/3`: such rows are marked.

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::projection::kronecker::{Policy, Settings};
use dyncvx_papers::updates::*;

const SHAPES: [(usize, usize, usize); 5] = [
    (32, 400, 3),
    (48, 1100, 3),
    (64, 1000, 3),
    (64, 2000, 3),
    (64, 2000, 0),
];
const LARGE: (usize, usize, usize) = (128, 8000, 3);

fn table(_: &mut Criterion) {
    let mut settings = Settings::default();
    settings.policy = Policy::Absorb;
    let large = std::env::var_os("DYNCVX_BENCH_LARGE").map(|_| LARGE);
    for (n, m, entries) in SHAPES.into_iter().chain(large) {
        println!("n {n}, m {m}, {entries} entries a row (0: dense)");
        println!("  rank  inner/m  naive ms  maintained ms  by mean  ceiling  its  rebuilds");
        let mut before: Option<(usize, f64)> = None;
        let mut crossing = None;
        for rank in [1, 2, 3, 4, 6, 8, 12, 16] {
            if rank * n > m {
                break;
            }
            let updates = if m > 4000 { 16 } else { 24 };
            let r = update_and_query((n, m, entries, rank), updates, 6, settings);
            let ratio = r.naive / r.amortised;
            let marked = 3 * rank * n > m;
            println!(
                "  {rank:>4} {:>8.2} {:>9.1} {:>14.2} {ratio:>7.2}x {:>8.2} {:>4.1} {:>9}{}",
                (rank * n) as f64 / m as f64,
                1e3 * r.naive,
                1e3 * r.amortised,
                roofline(n, m, rank),
                r.iterations,
                r.rebuilds,
                if marked { "  beyond m/3" } else { "" }
            );
            if let (Some((low, above)), None) = (before, crossing)
                && ratio < 1.0
            {
                // Between two ranks, along the straight line of the logarithms.
                let part = above.ln() / (above.ln() - ratio.ln());
                crossing = Some(low as f64 * (rank as f64 / low as f64).powf(part));
            }
            before = Some((rank, ratio)).filter(|_| ratio >= 1.0).or(before);
            if marked || crossing.is_some() {
                break;
            }
        }
        match crossing {
            Some(r) => println!(
                "  even at rank {r:.1}: inner dimension {:.2} m",
                r * n as f64 / m as f64
            ),
            None => println!("  not reached below inner dimension m/3"),
        }
    }
}

fn group(c: &mut Criterion) {
    let mut settings = Settings::default();
    settings.policy = Policy::Absorb;
    let mut group = c.benchmark_group("24 changes and queries, n = 32, m = 400");
    group.sample_size(10);
    for rank in [1, 3] {
        group.bench_function(format!("rank {rank}"), |b| {
            b.iter(|| update_and_query((32, 400, 3, rank), 24, 25, settings));
        });
    }
    group.finish();
}

criterion_group!(benches, table, group);
criterion_main!(benches);
