//! Reproduces the statements of `papers/kronecker-projection`: what following a changing weight costs, against `n`, `m`, the rank
//! `r` and the threshold `ε_mp`. Prints tables and, given a folder, writes SVG plots.
//!
//!     RAYON_NUM_THREADS=1 cargo run --release --features plot --example kronecker_projection -- papers/kronecker-projection

use dyncvx::constraints::{Basis, Block, BlockWeight, Constraints};
use dyncvx::projection::kronecker::{Policy, Settings};
use dyncvx::projection::{Goal, Kronecker, Projection, Recompute, Refresh};
use dyncvx::random::{Lane, Seed};
use dyncvx_papers::{plot, updates};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};
use rand_core::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::error::Error;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn draw(
    folder: Option<&str>,
    name: &str,
    title: &str,
    x: &str,
    y: &str,
    log: (bool, bool),
    curves: &[plot::Series],
) -> Outcome<()> {
    let Some(folder) = folder else { return Ok(()) };
    let labels = plot::Labels { title, x, y, log };
    plot::lines(format!("{folder}/{name}.svg"), labels, curves)
}

/// Slope of the logarithms, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let k = logs.len() as f64;
    let (sx, sy) = logs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
    let (mx, my) = (sx / k, sy / k);
    let over: f64 = logs.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    over / logs.iter().map(|(x, _)| (x - mx) * (x - mx)).sum::<f64>()
}

/// Order, rows, entries a row, rank.
type Shape = (usize, usize, usize, usize);

struct Sweep {
    name: &'static str,
    title: &'static str,
    shapes: [Shape; 5],
    along: fn(&Shape) -> usize,
}

/// Amortised cost of a rank-`r` change and a query to 1e-10.
fn growth(folder: Option<&str>) -> Outcome<()> {
    let sweeps = [
        Sweep {
            name: "cost-m",
            title: "n = 64, rank 1: milliseconds a change and query against m",
            shapes: [400, 600, 900, 1300, 2000].map(|m| (64, m, 3, 1)),
            along: |s| s.1,
        },
        Sweep {
            name: "cost-n",
            title: "m = 0.45 n², rank 1: milliseconds a change and query against n",
            shapes: [24, 32, 44, 56, 68].map(|n| (n, n * n * 9 / 20, 3, 1)),
            along: |s| s.0,
        },
        Sweep {
            name: "cost-r",
            title: "n = 64, m = 2000: milliseconds a change and query against the rank",
            shapes: [1, 2, 3, 5, 8].map(|r| (64, 2000, 3, r)),
            along: |s| s.3,
        },
    ];
    for Sweep {
        name,
        title,
        shapes,
        along,
    } in sweeps
    {
        println!("\n{title}");
        println!("     n     m  rank  recomputed  maintained  absorbed always   ratio");
        let mut curves: Vec<plot::Series> = ["recomputed", "maintained", "absorbed always"]
            .map(|l| (l.to_string(), vec![]))
            .into();
        for shape in shapes {
            let auto = updates::update_and_query(shape, 32, 8, Settings::default());
            let mut settings = Settings::default();
            settings.policy = Policy::Absorb;
            let absorb = updates::update_and_query(shape, 32, 33, settings);
            let at = along(&shape) as f64;
            let all = [auto.naive, auto.amortised, absorb.amortised].map(|s| 1e3 * s);
            for (curve, ms) in curves.iter_mut().zip(all) {
                curve.1.push((at, ms));
            }
            println!(
                "{:6} {:5} {:5} {:11.2} {:11.2} {:16.2} {:6.1}x",
                shape.0,
                shape.1,
                shape.3,
                all[0],
                all[1],
                all[2],
                all[0] / all[1]
            );
        }
        for (label, points) in &curves {
            println!("  {label}: exponent {:.2}", slope(points));
        }
        let axis = &name["cost-".len()..];
        draw(folder, name, title, axis, "ms", (true, true), &curves)?;
    }
    Ok(())
}

/// Eigenvalues that move in a fixed basis, each change followed by a query to 1e-10.
fn spectral(folder: Option<&str>, n: usize, m: usize) -> Outcome<()> {
    let mut rng = Seed::from(8).stream(Lane::SCRIPT, 2, 0);
    let dense = Mat::<f64>::from_fn(n, n, |_, _| StandardNormal.sample(&mut rng))
        .qr()
        .compute_Q();
    // Rotations of neighbouring pairs.
    let (s, c) = 0.7f64.sin_cos();
    let pairs = Mat::from_fn(n, n, |i, j| match (i / 2 == j / 2, i % 2, j % 2) {
        (false, _, _) => 0.0,
        (true, 0, 1) => -s,
        (true, 1, 0) => s,
        _ => c,
    });
    let a = Constraints::independent(m, &[Block::Psd(n)], 3, 1.into())?;
    let (mut y, mut ph) = (Mat::zeros(m, 1), Mat::zeros(n * n, 1));
    let h = Mat::from_fn(n * n, 1, |i, _| (i as f64).sin());
    println!(
        "\nspectral weights, n = {n}, m = {m}: milliseconds a change of k eigenvalues and a query to 1e-10"
    );
    println!("  basis   k  inner  recomputed  maintained   ratio  rebuilds");
    let mut curves: Vec<plot::Series> = vec![];
    for (name, u) in [("dense", dense), ("sparse", pairs)] {
        let basis = Basis::dense(u.as_ref())?;
        let (mut slow, mut fast) = (vec![], vec![]);
        for k in [1, 2, 4, 8] {
            let mut eigenvalues = vec![1.0; n];
            fn spectral<'a>(basis: &'a Basis, eigenvalues: &'a [f64]) -> BlockWeight<'a> {
                BlockWeight::Spectral { basis, eigenvalues }
            }
            let mut kept =
                Kronecker::new(a.clone())?.with_weight(&[spectral(&basis, &eigenvalues)])?;
            let mut naive = Recompute::new(a.clone())?;
            let (mut naive_seconds, mut kept_seconds) = (vec![], 0.0);
            const STEPS: usize = 32;
            for step in 0..STEPS + 8 {
                let told: Vec<(usize, f64)> = (0..k)
                    .map(|t| {
                        let size: f64 = StandardNormal.sample(&mut rng);
                        ((step * k + t) % n, (0.7 * size.clamp(-2.0, 2.0)).exp())
                    })
                    .collect();
                told.iter().for_each(|&(i, v)| eigenvalues[i] = v);
                let clock = Instant::now();
                kept.update_eigenvalues(&told)?;
                kept.query(h.as_ref(), Goal::Residual(1e-10), y.as_mut(), ph.as_mut())?;
                if step >= 8 {
                    kept_seconds += clock.elapsed().as_secs_f64();
                }
                if step % 8 == 0 {
                    let clock = Instant::now();
                    naive.update(&[spectral(&basis, &eigenvalues)])?;
                    naive.query(h.as_ref(), Goal::Residual(1e-10), y.as_mut(), ph.as_mut())?;
                    naive_seconds.push(clock.elapsed().as_secs_f64());
                }
            }
            let naive = 1e3 * updates::median(naive_seconds);
            let kept_ms = 1e3 * kept_seconds / STEPS as f64;
            println!(
                "{name:>7} {k:3} {:6} {naive:11.2} {kept_ms:11.2} {:6.1}x {:9}",
                k * n - k * (k - 1) / 2,
                naive / kept_ms,
                kept.counters().rebuilds
            );
            slow.push((k as f64, naive));
            fast.push((k as f64, kept_ms));
        }
        curves.push((format!("recomputed, {name} basis"), slow));
        curves.push((format!("maintained, {name} basis"), fast));
    }
    let title = format!("n = {n}, m = {m}: a change of k eigenvalues and a query");
    draw(
        folder,
        "cost-eigenvalues",
        &title,
        "k",
        "ms",
        (true, true),
        &curves,
    )
}

/// Weights `S⁻¹` along a short-step central path of the MAX-CUT relaxation of a random graph, in the dual: minimise
/// `Σy − μ log det(Diag(y) − L/4)`, one Newton step a value of `μ`, which falls by the factor `1 − 1/(4√n)`.
struct CentralPath {
    quarter: Mat<f64>,
    y: Vec<f64>,
    mu: f64,
    weight: Mat<f64>,
}

impl CentralPath {
    /// A graph of average degree about 6.
    fn new(n: usize, seed: u64) -> Outcome<Self> {
        let mut rng = Seed::from(seed).stream(Lane::GENERATOR, 0, 0);
        let mut quarter = Mat::<f64>::zeros(n, n);
        for _ in 0..3 * n {
            let mut pick = || ((u64::from(rng.next_u32()) * n as u64) >> 32) as usize;
            let (i, j) = (pick(), pick());
            if i != j && quarter[(i, j)] == 0.0 {
                for (r, c, v) in [(i, j, -0.25), (j, i, -0.25), (i, i, 0.25), (j, j, 0.25)] {
                    quarter[(r, c)] += v;
                }
            }
        }
        let y = (0..n).map(|i| 4.0 * quarter[(i, i)] + 1.0).collect();
        let mut path = Self {
            quarter,
            y,
            mu: 1.0,
            weight: Mat::new(),
        };
        // Onto the path first.
        path.newton()?;
        while path.newton()? > 0.01 {}
        Ok(path)
    }

    /// One Newton step; the decrement before it.
    fn newton(&mut self) -> Outcome<f64> {
        let n = self.y.len();
        let s = Mat::from_fn(n, n, |i, j| {
            let diagonal = if i == j { self.y[i] } else { 0.0 };
            diagonal - self.quarter[(i, j)]
        });
        let llt = s.llt(Side::Lower).map_err(|e| format!("{e:?}"))?;
        let inverse = llt.inverse();
        self.weight = Mat::from_fn(n, n, |i, j| 0.5 * (inverse[(i, j)] + inverse[(j, i)]));
        let w = &self.weight;
        let hessian = Mat::from_fn(n, n, |i, j| w[(i, j)] * w[(i, j)]);
        let gradient = Mat::from_fn(n, 1, |i, _| w[(i, i)] - 1.0 / self.mu);
        let newton = hessian.llt(Side::Lower).map_err(|e| format!("{e:?}"))?;
        let step = faer::linalg::solvers::Solve::solve(&newton, &gradient);
        let decrement = (gradient.transpose() * &step)[(0, 0)].max(0.0).sqrt();
        let damped = if decrement < 0.25 {
            1.0
        } else {
            1.0 / (1.0 + decrement)
        };
        (0..n).for_each(|i| self.y[i] += damped * step[(i, 0)]);
        Ok(decrement)
    }

    /// A short step.
    fn advance(&mut self) -> Outcome<()> {
        self.mu *= 1.0 - 0.25 / (self.y.len() as f64).sqrt();
        self.newton().map(|_| ())
    }
}

/// What following the path with one threshold took.
struct Followed {
    free: usize,
    batches: usize,
    rank: usize,
    rebuilds: usize,
    updates: f64,
    approximate: f64,
    refined: f64,
    iterations: f64,
}

fn follow(a: &Constraints, weights: &[Mat<f64>], settings: Settings) -> Outcome<Followed> {
    let (m, n) = (a.len(), weights[0].nrows());
    let mut p =
        Kronecker::with_settings(a.clone(), settings)?.with_weight(&[(&weights[0]).into()])?;
    let mut rng = Seed::from(5).stream(Lane::SCRIPT, 1, 0);
    let mut out = Followed {
        free: 0,
        batches: 0,
        rank: 0,
        rebuilds: 0,
        updates: 0.0,
        approximate: 0.0,
        refined: 0.0,
        iterations: 0.0,
    };
    let (mut y, mut ph) = (Mat::zeros(m, 1), Mat::zeros(n * n, 1));
    for w in &weights[1..] {
        let h = Mat::from_fn(n * n, 1, |_, _| StandardNormal.sample(&mut rng));
        let clock = Instant::now();
        match p.update(&[w.into()])? {
            Refresh::Stale { .. } | Refresh::Kept => out.free += 1,
            Refresh::LowRank { .. } => out.batches += 1,
            _ => out.rebuilds += 1,
        }
        out.updates += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        p.query(h.as_ref(), Goal::AsAbsorbed, y.as_mut(), ph.as_mut())?;
        out.approximate += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        p.query(h.as_ref(), Goal::Residual(1e-10), y.as_mut(), ph.as_mut())?;
        out.refined += clock.elapsed().as_secs_f64();
    }
    out.rank = p.counters().absorbed_rank;
    out.iterations = p.counters().iterations as f64 / (weights.len() - 1) as f64;
    Ok(out)
}

/// Following a central path: most steps absorb nothing.
fn drift(folder: Option<&str>, n: usize, m: usize, steps: usize) -> Outcome<()> {
    let mut path = CentralPath::new(n, 3)?;
    let mut weights = vec![path.weight.clone()];
    for _ in 0..steps {
        path.advance()?;
        weights.push(path.weight.clone());
    }
    let a = Constraints::independent(m, &[Block::Psd(n)], 3, 1.into())?;
    // Every tenth is enough for the naive side.
    let mut naive = Recompute::new(a.clone())?;
    let (mut y, mut ph) = (Mat::zeros(m, 1), Mat::zeros(n * n, 1));
    let h = Mat::from_fn(n * n, 1, |i, _| (i as f64).sin());
    let mut seconds = vec![];
    for w in weights.iter().step_by(steps.div_ceil(12)) {
        let clock = Instant::now();
        naive.update(&[w.into()])?;
        naive.query(h.as_ref(), Goal::Residual(1e-10), y.as_mut(), ph.as_mut())?;
        seconds.push(clock.elapsed().as_secs_f64());
    }
    let naive = 1e3 * updates::median(seconds);
    println!(
        "\ncentral path of MAX-CUT, n = {n}, μ from 1 to {:.1e} in {steps} short steps; {m} rows; recomputed {naive:.1} ms a step",
        path.mu
    );
    println!(
        "   ε_mp  free steps  batches  rebuilds  rank absorbed  a batch  update ms  approximate ms  refined ms  its   ratio approximate  refined"
    );
    let labels = ["recomputed", "approximate answers", "refined to 1e-10"];
    let mut cost: Vec<plot::Series> = labels.map(|l| (l.into(), vec![])).into();
    let mut rank: plot::Series = ("rank absorbed, all steps".into(), vec![]);
    for tol in [0.1, 0.2, 0.35, 0.5, 1.0] {
        let mut settings = Settings::default();
        settings.stale_tol = tol;
        let f = follow(&a, &weights, settings)?;
        let each = |s: f64| 1e3 * s / steps as f64;
        let (approximate, refined) = (each(f.updates + f.approximate), each(f.updates + f.refined));
        println!(
            "{tol:7.2} {:10.1}% {:8} {:9} {:14} {:8.1} {:10.2} {:15.2} {:11.2} {:4.0} {:18.1}x {:7.1}x",
            100.0 * f.free as f64 / steps as f64,
            f.batches,
            f.rebuilds,
            f.rank,
            f.rank as f64 / f.batches.max(1) as f64,
            each(f.updates),
            each(f.approximate),
            each(f.refined),
            f.iterations,
            naive / approximate,
            naive / refined,
        );
        for (curve, ms) in cost.iter_mut().zip([naive, approximate, refined]) {
            curve.1.push((tol, ms));
        }
        rank.1.push((tol, f.rank as f64));
    }
    let title = format!("central path of MAX-CUT, n = {n}, m = {m}: cost of a step");
    draw(
        folder,
        "cost-epsilon",
        &title,
        "ε_mp",
        "ms",
        (true, true),
        &cost,
    )?;
    let title = format!("central path of MAX-CUT, n = {n}: rank absorbed in {steps} steps");
    let log = (true, true);
    draw(folder, "rank-epsilon", &title, "ε_mp", "rank", log, &[rank])
}

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1);
    let folder = folder.as_deref();
    drift(folder, 100, 2000, 240)?;
    spectral(folder, 64, 2000)?;
    growth(folder)
}
