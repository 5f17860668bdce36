//! What it is worth that rows of low rank with dense vectors are recognised: the Gram matrix of rows of rank two, against rows of
//! the same shape whose rank is beyond what is looked for, which meet one by one.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --bench low_rank_rows`

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::{Direct, Projection};
use dyncvx::random::{Lane, Seed};
use faer::Mat;
use rand_distr::{Distribution, StandardNormal};

const SHAPES: [(usize, usize); 3] = [(50, 100), (100, 200), (200, 300)];
const UPDATES: usize = 5;

/// `m` rows `Σ ± w wᵀ` of this rank with dense normal `w`.
fn rows(n: usize, m: usize, rank: usize) -> Constraints {
    let mut rng = Seed::from(1).stream(Lane::GENERATOR, 0, rank as u64);
    let mut a = Constraints::builder(m, &[Block::Psd(n)]).unwrap();
    for i in 0..m {
        let w = Mat::<f64>::from_fn(n, rank, |_, _| StandardNormal.sample(&mut rng));
        for c in 0..n {
            for r in 0..=c {
                let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
                let value = (0..rank).map(|k| sign(k) * w[(r, k)] * w[(c, k)]).sum();
                a.entry(i, 0, r, c, value).unwrap();
            }
        }
    }
    a.build().unwrap()
}

/// Median of the seconds that forming the Gram matrix takes, at weights of their own.
fn seconds(n: usize, a: Constraints) -> f64 {
    let mut direct = Direct::new(a).expect("a structure");
    let assembly = |direct: &Direct| direct.report().seconds.map_or(0.0, |s| s.assembly);
    let mut found = vec![];
    for step in 0..UPDATES {
        let weight = |salt: usize| {
            Mat::from_fn(n, n, |i, j| {
                let off = ((i + j + salt + step) as f64).cos() / n as f64;
                if i == j { 2.0 } else { off }
            })
        };
        let (x, z) = (weight(0), weight(7));
        let before = assembly(&direct);
        let pair = BlockWeight::Pair {
            x: x.as_ref(),
            z: z.as_ref(),
        };
        direct.update(&[pair]).unwrap();
        found.push(assembly(&direct) - before);
    }
    found.sort_by(f64::total_cmp);
    found[UPDATES / 2]
}

fn table(_: &mut Criterion) {
    println!("     n     m  rank 2, ms  rank 20, ms    ratio");
    for (n, m) in SHAPES {
        let (low, high) = (seconds(n, rows(n, m, 2)), seconds(n, rows(n, m, 20)));
        let (low, high) = (1e3 * low, 1e3 * high);
        println!("{n:6} {m:5} {low:11.2} {high:12.2} {:7.1}x", high / low);
    }
}

criterion_group!(benches, table);
criterion_main!(benches);
