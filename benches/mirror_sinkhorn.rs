//! Mirror Sinkhorn: half-steps, threads, and quadratic objectives to a given accuracy.
//!
//! Prints one `key=value` line a measurement, medians of interleaved runs; `benches/peers/mirror_sinkhorn.py` runs the same
//! problems with POT and prints the ratios. With arguments (`quadratic FILE…`) it solves problems that script wrote.

use dyncvx::random::{Lane, Seed};
use dyncvx::transport::{
    HalfStepPrecision, InitialCoupling, Linear, Marginals, PointClouds, Quadratic, Settings,
    minimise, minimise_linear, unobserved,
};
use faer::Mat;
use rand_distr::{Distribution, Uniform};
use std::ops::ControlFlow;
use std::time::Instant;

fn random(n: usize, copy: u32) -> Vec<f64> {
    let mut rng = Seed::from(1).stream(Lane::SCRIPT, copy, 0);
    let range = Uniform::new(0.0, 1.0).expect("a range");
    (0..n).map(|_| range.sample(&mut rng)).collect()
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

/// Seconds a half-step: a long run minus a short one, without certificates.
fn half_step(
    cost: &dyn dyncvx::transport::Cost,
    marginals: &Marginals,
    precision: HalfStepPrecision,
    steps: usize,
) -> f64 {
    let mut settings = Settings::default();
    settings.precision = precision;
    settings.check_every = usize::MAX / 2;
    // The first and last steps are timed by the observer, so that set-up and rounding are left out.
    settings.max_iter = steps + 1;
    let (mut first, mut last) = (0.0, 0.0);
    let mut watch = |it: &dyncvx::transport::Snapshot| {
        if it.iteration == 1 {
            first = it.seconds;
        }
        last = it.seconds;
        ControlFlow::Continue(())
    };
    minimise_linear(
        cost,
        marginals,
        &settings,
        InitialCoupling::Independent,
        &mut watch,
    )
    .expect("a run");
    (last - first) / steps as f64
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
}

fn half_steps() {
    let n = 2048;
    let marginals = Marginals::uniform(&[n, n]).expect("masses");
    let cost = Linear::new(&[n, n], random(n * n, 0)).expect("a cost");
    let (one, two) = (pool(1), pool(2));
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..7 {
        times[0].push(one.install(|| half_step(&cost, &marginals, HalfStepPrecision::Double, 10)));
        times[1].push(two.install(|| half_step(&cost, &marginals, HalfStepPrecision::Double, 10)));
        times[2].push(one.install(|| half_step(&cost, &marginals, HalfStepPrecision::Single, 10)));
        times[3].push(two.install(|| half_step(&cost, &marginals, HalfStepPrecision::Single, 10)));
    }
    let [a, b, c, d] = times.map(median);
    println!(
        "half_step_ms n={n} double_1={:.3} double_2={:.3} single_1={:.3} single_2={:.3}",
        a * 1e3,
        b * 1e3,
        c * 1e3,
        d * 1e3
    );
    println!(
        "two_threads_over_one n={n} double={:.2} single={:.2}",
        a / b,
        c / d
    );
    let ratios = |v: f64| v / (n * n) as f64 * 1e9;
    println!(
        "ns_an_entry double={:.3} single={:.3}",
        ratios(a),
        ratios(c)
    );
}

/// Costs computed on the fly: `n` points against `n`, and the process's peak memory.
fn on_the_fly(n: usize, steps: usize) {
    let (x, y) = (random(2 * n, 1), random(2 * n, 2));
    let points = |v: &[f64]| Mat::from_fn(2, n, |k, i| v[2 * i + k]);
    let (x, y) = (points(&x), points(&y));
    let clouds = PointClouds::new(x.as_ref(), y.as_ref(), 0.5).expect("points");
    let marginals = Marginals::uniform(&[n, n]).expect("masses");
    let mut settings = Settings::default();
    settings.max_iter = steps;
    settings.step_scale = 4.0;
    settings.check_every = steps;
    let clock = Instant::now();
    let s = minimise_linear(
        &clouds,
        &marginals,
        &settings,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .expect("a run");
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap_or("VmHWM: unknown")
        .to_string();
    println!(
        "on_the_fly n={n} steps={steps} seconds={:.2} value={:.6} lower_bound={:.6} violation={:.1e} {}",
        clock.elapsed().as_secs_f64(),
        s.value,
        s.lower_bound,
        s.marginal_violation,
        peak.split_whitespace().collect::<Vec<_>>().join(" ")
    );
}

/// Little-endian doubles, as the comparison script writes them.
fn doubles(path: &str) -> Vec<f64> {
    let bytes = std::fs::read(path).expect("a file of doubles");
    bytes
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes(b.try_into().expect("eight bytes")))
        .collect()
}

/// Time until `value ≤ target` after rounding, by a run that checks often enough to know.
fn quadratic(name: &str, f: &Quadratic, marginals: &Marginals, target: Option<f64>) {
    let mut settings = Settings::default();
    settings.max_iter = 20_000;
    settings.average = false;
    let (start, best) = {
        let one = {
            let mut s = Settings::default();
            s.max_iter = 1;
            s.time_limit = 1e-12;
            minimise(
                f,
                marginals,
                &s,
                InitialCoupling::Independent,
                &mut unobserved,
            )
            .expect("a run")
            .last
            .value
        };
        // The goal lies 1e-3 of the way from the optimum: the optimum is wanted to a hundredth of that.
        settings.tol_gap_abs = 1e-5 * one;
        settings.time_limit = 60.0;
        let reference = minimise(
            f,
            marginals,
            &settings,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .expect("a run");
        (one, reference)
    };
    settings.time_limit = f64::INFINITY;
    settings.tol_gap_abs = 0.0;
    let goal = target.unwrap_or(best.objective() + 1e-3 * (start - best.objective()));
    settings.tol_gap_rel = 0.0;
    settings.check_every = 5;
    let mut times = Vec::new();
    let mut steps = 0;
    for _ in 0..5 {
        let clock = Instant::now();
        let mut watch = |it: &dyncvx::transport::Snapshot| {
            steps = it.iteration;
            if it.upper <= goal {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        minimise(
            f,
            marginals,
            &settings,
            InitialCoupling::Independent,
            &mut watch,
        )
        .expect("a run");
        times.push(clock.elapsed().as_secs_f64());
    }
    println!(
        "quadratic name={name} start={start:.12e} best={:.12e} lower_bound={:.12e} goal={goal:.12e} steps={steps} seconds={:.5}",
        best.objective(),
        best.lower_bound,
        median(times)
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match arguments.first().map(String::as_str) {
        // quadratic N MU NU M [K]
        Some("quadratic") => {
            let n: usize = arguments[1].parse().expect("a number");
            let (mu, nu, m) = (
                doubles(&arguments[2]),
                doubles(&arguments[3]),
                doubles(&arguments[4]),
            );
            let marginals = Marginals::new(&mu, &nu).expect("masses");
            let matrix = |v: &[f64]| Mat::from_fn(v.len() / n, n, |i, j| v[i * n + j]);
            pool(1).install(|| match arguments.get(5) {
                None => quadratic(
                    "projection",
                    &Quadratic::projection(matrix(&m).as_ref(), n as f64).expect("f"),
                    &marginals,
                    None,
                ),
                Some(k) => {
                    let k = doubles(k);
                    quadratic(
                        "left",
                        &Quadratic::left(matrix(&k).as_ref(), matrix(&m).as_ref()).expect("f"),
                        &marginals,
                        None,
                    );
                }
            });
        }
        Some("half-steps") => half_steps(),
        Some("on-the-fly") => on_the_fly(20_000, 20),
        _ => {
            half_steps();
            on_the_fly(20_000, 20);
            let n = 500;
            let marginals = Marginals::uniform(&[n, n]).expect("masses");
            let noise = random(n * n, 3);
            let m = Mat::from_fn(n, n, |i, j| 2.0 * noise[i + n * j] / (n * n) as f64);
            let f = Quadratic::projection(m.as_ref(), n as f64).expect("an objective");
            pool(1).install(|| quadratic("projection", &f, &marginals, None));
        }
    }
}
