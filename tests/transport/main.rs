//! Transport: Mirror Sinkhorn against independent oracles, naive forms and its own bounds; exact plans against a simplex method.

#[path = "../common/mod.rs"]
mod common;

mod bounds;
mod cases;
mod engines;
mod exact;
mod exact_sparse;
mod inputs;
mod multimarginal;
mod online;
mod optima;
mod oracle;

use dyncvx::random::{Lane, Seed};
use rand_distr::{Distribution, Uniform};

/// Numbers in [0.05, 1), the same for the same `copy`.
fn random(n: usize, copy: u32) -> Vec<f64> {
    let mut rng = Seed::from(11).stream(Lane::GENERATOR, copy, 0);
    let range = Uniform::new(0.05, 1.0).unwrap();
    (0..n).map(|_| range.sample(&mut rng)).collect()
}

/// A random probability vector.
fn masses(n: usize, copy: u32) -> Vec<f64> {
    let v = random(n, copy);
    let total: f64 = v.iter().sum();
    v.iter().map(|x| x / total).collect()
}

fn matrix(m: usize, n: usize, scale: f64, copy: u32) -> faer::Mat<f64> {
    let v = random(m * n, copy);
    faer::Mat::from_fn(m, n, |i, j| scale * v[i + m * j])
}

fn symmetric(n: usize, copy: u32) -> faer::Mat<f64> {
    let a = matrix(n, n, 1.0, copy);
    faer::Mat::from_fn(n, n, |i, j| a[(i.min(j), i.max(j))])
}

fn settings(max_iter: usize) -> dyncvx::transport::Settings {
    let mut settings = dyncvx::transport::Settings::default();
    settings.max_iter = max_iter;
    settings
}
