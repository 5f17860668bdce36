//! A private median over the gaps between sorted values, against the exponential mechanism that weighs every grid point.
//!
//! `cargo bench --bench private_median`. The table comes from interleaved runs in this process: median of naive over
//! median of ours, both releasing from the same values. Criterion's own group follows.

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::privacy::{Grid, PrivateMedian};
use dyncvx::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::hint::black_box;
use std::time::Instant;

const EPSILON: f64 = 1.0;

/// Every point's weight by one merge of the sorted values with the grid, then inversion: naive in what it enumerates, not
/// in how.
fn naive(
    grid: &Grid,
    values: &[f64],
    rng: &mut ChaCha20Rng,
    scratch: &mut (Vec<f64>, Vec<f64>),
) -> f64 {
    let (sorted, sums) = scratch;
    sorted.clear();
    sorted.extend_from_slice(values);
    sorted.sort_unstable_by(f64::total_cmp);
    sums.clear();
    let half = 0.5 * values.len() as f64;
    let (mut low, mut high, mut sum) = (0, 0, 0.0);
    let reach = 0.5 * grid.step();
    for i in 0..grid.points() {
        let x = grid.point(i);
        while low < sorted.len() && sorted[low] < x - reach {
            low += 1;
        }
        while high < sorted.len() && sorted[high] <= x + reach {
            high += 1;
        }
        let distance = (low as f64 - half).max(half - high as f64).max(0.0);
        sum += (-0.5 * EPSILON * distance).exp();
        sums.push(sum);
    }
    let mark = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * sum;
    grid.point(sums.partition_point(|s| *s <= mark) as u64)
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn input(s: usize) -> Vec<f64> {
    let mut rng = Seed::from(1).stream(Lane::SCRIPT, s as u32, 0);
    (0..s)
        .map(|_| {
            let z: f64 = StandardNormal.sample(&mut rng);
            0.125 * z
        })
        .collect()
}

fn table(_: &mut Criterion) {
    println!("     s  grid points  naive us   ours us   ratio");
    for s in [48, 192] {
        for half in [1_000, 10_000, 100_000] {
            let grid = Grid::symmetric(half, 1.0 / half as f64).expect("a grid");
            let values = input(s);
            let mut ours = PrivateMedian::new(grid, EPSILON).expect("a mechanism");
            let mut rng = Seed::from(2).stream(Lane::PRIVACY, 0, 0);
            let mut scratch = (vec![], vec![]);
            let (mut slow, mut fast) = (vec![], vec![]);
            for _ in 0..101 {
                let clock = Instant::now();
                black_box(naive(&grid, black_box(&values), &mut rng, &mut scratch));
                slow.push(clock.elapsed().as_secs_f64());
                // Ten: one is too short for the clock.
                let clock = Instant::now();
                for _ in 0..10 {
                    black_box(ours.release(black_box(&values), &mut rng)).expect("a release");
                }
                fast.push(clock.elapsed().as_secs_f64() / 10.0);
            }
            let (slow, fast) = (median(slow), median(fast));
            println!(
                "{s:6}  {:11}  {:8.1}  {:8.2}  {:6.1}",
                grid.points(),
                1e6 * slow,
                1e6 * fast,
                slow / fast
            );
        }
    }
}

fn groups(c: &mut Criterion) {
    let grid = Grid::symmetric(1000, 1e-3).expect("a grid");
    let values = input(48);
    let mut group = c.benchmark_group("private median, s = 48, 2001 points");
    let mut rng = Seed::from(3).stream(Lane::PRIVACY, 0, 0);
    let mut scratch = (vec![], vec![]);
    group.bench_function("naive", |b| {
        b.iter(|| naive(&grid, black_box(&values), &mut rng, &mut scratch));
    });
    let mut ours = PrivateMedian::new(grid, EPSILON).expect("a mechanism");
    group.bench_function("gaps", |b| {
        b.iter(|| ours.release(black_box(&values), &mut rng));
    });
    group.finish();
}

criterion_group!(benches, table, groups);
criterion_main!(benches);
