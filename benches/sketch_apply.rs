//! Applying each family to one vector of `N = n²` numbers, against the dense Gaussian sketch of as many rows.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --bench sketch_apply`. The table: nanoseconds an entry of `h`, medians of interleaved runs in
//! this process, and the ratio to the Gaussian one. Criterion's own groups follow.

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::constraints::Block;
use dyncvx::sketch::{Address, Base, Distribution, Family, Sketch};
use dyncvx_papers::updates::median;
use faer::Mat;
use std::hint::black_box;
use std::time::Instant;

const ROWS: usize = 256;

fn families() -> [(&'static str, Family); 9] {
    let kronecker = |left, right| Family::Kronecker {
        left,
        right,
        left_rows: 16,
    };
    [
        ("Gaussian", Base::Gaussian.into()),
        ("Rademacher", Base::Rademacher.into()),
        ("SRHT", Base::Srht.into()),
        ("CountSketch", Base::CountSketch.into()),
        ("sparse, 4 a column", Base::Sparse(4).into()),
        (
            "Kronecker, Gaussian",
            kronecker(Base::Gaussian, Base::Gaussian),
        ),
        ("Kronecker, SRHT", kronecker(Base::Srht, Base::Srht)),
        ("TensorSRHT", Family::TensorSrht),
        ("TensorSketch", Family::TensorSketch),
    ]
}

fn operator(family: Family, n: usize) -> Box<dyn Sketch> {
    Distribution::new(family, ROWS)
        .and_then(|d| d.operator(&[Block::Psd(n)], Address::new(1, 0, 0)))
        .expect("an operator")
}

fn table(_: &mut Criterion) {
    println!("family                  n        N  ns an entry  against Gaussian       bytes");
    for n in [32, 90, 256] {
        let all = families().map(|(name, family)| (name, operator(family, n)));
        let h = Mat::from_fn(n * n, 1, |i, _| (i as f64).sin());
        let mut out = Mat::zeros(ROWS, 1);
        let mut seconds = vec![vec![]; all.len()];
        let rounds = if n < 100 { 200 } else { 30 };
        for _ in 0..rounds {
            for ((_, r), seconds) in all.iter().zip(&mut seconds) {
                let start = Instant::now();
                r.apply(black_box(h.as_ref()), out.as_mut()).expect("a fit");
                seconds.push(start.elapsed().as_secs_f64());
                black_box(&out);
            }
        }
        let medians: Vec<f64> = seconds.into_iter().map(median).collect();
        for ((name, r), seconds) in all.iter().zip(&medians) {
            println!(
                "{name:<20} {n:>4} {:>8} {:>12.2} {:>16.1}x {:>11}",
                n * n,
                1e9 * seconds / (n * n) as f64,
                medians[0] / seconds,
                r.bytes(),
            );
        }
    }
    // The transform alone, nearly: 2²⁰ numbers, few rows.
    let r = Distribution::new(Base::Srht, 16)
        .and_then(|d| d.operator(&[Block::Nonneg(1 << 20)], Address::new(1, 0, 0)))
        .expect("an operator");
    let h = Mat::from_fn(1 << 20, 1, |i, _| (i as f64).sin());
    let mut out = Mat::zeros(16, 1);
    let seconds = (0..15).map(|_| {
        let start = Instant::now();
        r.apply(black_box(h.as_ref()), out.as_mut()).expect("a fit");
        start.elapsed().as_secs_f64()
    });
    println!(
        "SRHT of 2^20 numbers: {:.2} ms",
        1e3 * median(seconds.collect())
    );
}

fn groups(c: &mut Criterion) {
    let n = 90;
    let h = Mat::from_fn(n * n, 1, |i, _| (i as f64).sin());
    let mut group = c.benchmark_group("sketch apply, n = 90, b = 256");
    group.sample_size(20);
    for (name, family) in families() {
        let r = operator(family, n);
        let mut out = Mat::zeros(ROWS, 1);
        group.bench_function(name, |b| b.iter(|| r.apply(h.as_ref(), out.as_mut())));
    }
    group.finish();
}

criterion_group!(benches, table, groups);
criterion_main!(benches);
