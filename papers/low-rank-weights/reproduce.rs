//! Programs whose Gram matrix need not be factored at every step.
//!
//! `cargo run --release --example low_rank_weights -- theta 200 1 > theta200.dat-s` writes the Lovász number of a random graph
//! with a quarter of `n²` edges as an SDPA file; `-- growth` solves matrix completions of rank 2 of growing size and fits the
//! exponent of the time in the number of constraints (`-- growth full` up to 50 000 of them).

use dyncvx::Solver;
use dyncvx::io::sdpa;
use dyncvx::ipm::{Iteration, Settings};
use dyncvx::problem::generators::{lovasz_theta, matrix_completion};
use dyncvx::random::{Lane, Seed};
use rand_core::Rng;
use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

/// Order and observed entries.
const SIZES: [(usize, usize); 6] = [
    (120, 1200),
    (200, 3000),
    (300, 5000),
    (400, 9000),
    (600, 20_000),
    (1000, 50_000),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["theta", n, seed] => theta(n.parse()?, seed.parse::<u64>()?.into()),
        ["theta", n] => theta(n.parse()?, 1.into()),
        ["growth", "full"] => growth(&SIZES),
        ["growth"] => growth(&SIZES[..4]),
        _ => Err("expected `theta N [SEED]`, `growth` or `growth full`".into()),
    }
}

fn theta(n: usize, seed: Seed) -> Result<(), Box<dyn Error>> {
    let mut all: Vec<(usize, usize)> = (0..n).flat_map(|j| (0..j).map(move |i| (i, j))).collect();
    let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
    let count = (n * n / 4).min(all.len());
    for k in 0..count {
        let left = (all.len() - k) as u64;
        all.swap(k, k + (rng.next_u64() % left) as usize);
    }
    let mut edges = all[..count].to_vec();
    edges.sort_unstable();
    sdpa::write(&lovasz_theta(n, &edges)?, &mut std::io::stdout().lock())?;
    Ok(())
}

fn growth(sizes: &[(usize, usize)]) -> Result<(), Box<dyn Error>> {
    let mut points = vec![];
    println!("     n       m  iterations  steps  rank  largest error   seconds");
    for &(n, m) in sizes {
        let program = matrix_completion((n / 2, n / 2), 2, m, 1.into())?;
        let clock = Instant::now();
        let mut solver = Solver::new(program.conic().clone(), Settings::default())?;
        let mut steps = 0;
        let found = solver.solve(&mut |it: &Iteration| {
            steps += it.steps;
            ControlFlow::Continue(())
        })?;
        let seconds = clock.elapsed().as_secs_f64();
        println!(
            "{n:6}  {m:6}  {:10}  {steps:5}  {:>4}  {:13.1e}  {seconds:8.2}  {}",
            found.iterations,
            solver.ranks(&found)?.iter().sum::<usize>(),
            found.dimacs.max(),
            found.status.name(),
        );
        points.push(((m as f64).ln(), seconds.ln()));
    }
    let count = points.len() as f64;
    let mean = |f: fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
        / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    println!("seconds grow as m^{slope:.2}");
    Ok(())
}
