//! Mirror Sinkhorn against independent oracles and its own bounds.

use dyncvx::random::{Lane, Seed};
use dyncvx::transport::*;
use rand_distr::{Distribution, Uniform};

fn random(n: usize, copy: u32) -> Vec<f64> {
    let mut rng = Seed::from(11).stream(Lane::GENERATOR, copy, 0);
    let range = Uniform::new(0.05, 1.0).unwrap();
    (0..n).map(|_| range.sample(&mut rng)).collect()
}

fn masses(n: usize, copy: u32) -> Vec<f64> {
    let v = random(n, copy);
    let total: f64 = v.iter().sum();
    v.iter().map(|x| x / total).collect()
}

#[test]
fn smoke() {
    let (m, n) = (60, 50);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let mut settings = Settings::default();
    settings.max_iter = 5000;
    settings.tol_gap_rel = 1e-4;
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let mut f = |f: &dyn Objective, s: &Settings| {
        let sol = minimize(f, &marginals, s, Start::Independent, None).unwrap();
        println!(
            "{:?} it {} obj {} lower {} last {} avg {:?} viol {:.1e} raw {:.1e} beta {} {:.3}s bound {:?} {:?} rule {:?}",
            sol.status,
            sol.steps.count,
            sol.objective(),
            sol.lower_bound,
            sol.last.value,
            sol.average.as_ref().map(|a| a.value),
            sol.best().marginal_violation,
            sol.last.raw_violation,
            sol.beta,
            sol.seconds,
            sol.steps.gap_bound(),
            sol.steps.violation_bound(),
            sol.steps.rule
        );
    };
    f(&cost, &settings);
    let mut s3 = settings.clone();
    s3.predict = Predict::On;
    f(&cost, &s3);
    let mut s2 = settings.clone();
    s2.step = StepRule::Backtracking;
    f(&cost, &s2);
    let ent = Sum::new()
        .with(1.0, cost.clone())
        .unwrap()
        .with(1.0, Entropic::new(&[m, n], 0.02).unwrap())
        .unwrap();
    f(&ent, &settings);
    let t = random(m * n, 5);
    let t = faer::Mat::from_fn(m, n, |i, j| t[i + m * j] / (m * n) as f64 * 2.0);
    let q = Quadratic::projection(t.as_ref(), m as f64).unwrap();
    f(&q, &settings);
    let mut s4 = s3.clone();
    s4.predict = Predict::Off;
    s4.step = StepRule::Backtracking;
    f(&q, &s4);
    s2.step = StepRule::Anytime;
    f(&q, &s2);
    let k = random(m * 30, 6);
    let k = faer::Mat::from_fn(30, m, |i, j| k[i + 30 * j]);
    let t = random(n * 30, 7);
    let t = faer::Mat::from_fn(30, n, |i, j| t[i + 30 * j] / n as f64);
    let q = Quadratic::left(k.as_ref(), t.as_ref()).unwrap();
    f(&q, &settings);
    f(&q, &s2);
    f(&q, &s3);
    s3.step = StepRule::Anytime;
    f(&q, &s3);
}
