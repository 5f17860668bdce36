//! Reproduces the statements of `papers/mirror-sinkhorn`: prints tables and, given a folder, writes SVG plots.
//!
//!     cargo run --release --features plot --example mirror_sinkhorn -- papers/mirror-sinkhorn

use dyncvx::random::{Lane, Seed};
use dyncvx::transport::{
    Entropic, InitialCoupling, Linear, Marginals, MirrorSinkhornSolution, Noise, Noisy, Objective,
    Online, OnlineSettings, PointClouds, Predict, Quadratic, Settings, SinkhornSettings, StepRule,
    Sum, barycentre, minimise, minimise_linear, minimise_stochastic, sinkhorn, unobserved,
};
use dyncvx_papers::plot;
use faer::Mat;
use rand_distr::{Distribution, Uniform};
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

type Curve = plot::Series;

const HORIZONS: [usize; 8] = [10, 30, 100, 300, 1000, 3000, 10_000, 30_000];

fn random(n: usize, copy: u32) -> Outcome<Vec<f64>> {
    let mut rng = Seed::from(7).stream(Lane::SCRIPT, copy, 0);
    let range = Uniform::new(0.05, 1.0)?;
    Ok((0..n).map(|_| range.sample(&mut rng)).collect())
}

fn masses(n: usize, copy: u32) -> Outcome<Vec<f64>> {
    let v = random(n, copy)?;
    let total: f64 = v.iter().sum();
    Ok(v.iter().map(|x| x / total).collect())
}

/// Least-squares slope in log–log coordinates over the later half.
fn slope(curve: &[(f64, f64)]) -> f64 {
    let later: Vec<(f64, f64)> = curve[curve.len() / 2..]
        .iter()
        .map(|(x, y)| (x.ln(), y.max(1e-300).ln()))
        .collect();
    let n = later.len() as f64;
    let (mx, my) = (
        later.iter().map(|p| p.0).sum::<f64>() / n,
        later.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let cov: f64 = later.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    cov / later.iter().map(|(x, _)| (x - mx).powi(2)).sum::<f64>()
}

fn plot(folder: Option<&str>, name: &str, title: &str, curves: &[Curve]) -> Outcome<()> {
    println!("\n{title}");
    for (label, curve) in curves {
        let numbers: Vec<String> = curve.iter().map(|(_, y)| format!("{y:.2e}")).collect();
        println!(
            "  {label:<34} slope {:6.2}   {}",
            slope(curve),
            numbers.join(" ")
        );
    }
    let Some(folder) = folder else { return Ok(()) };
    let labels = plot::Labels {
        title,
        x: "steps",
        y: "",
        log: (true, true),
    };
    plot::lines(format!("{folder}/{name}.svg"), labels, curves)
}

/// Gap and violation against T for one objective: measured, bound, and with prediction.
fn rates(
    folder: Option<&str>,
    name: &str,
    f: &dyn Objective,
    marginals: &Marginals,
    rule: StepRule,
) -> Outcome<()> {
    let mut settings = Settings::default();
    settings.max_iter = 60_000;
    settings.average = false;
    settings.tol_gap_abs = 1e-12;
    settings.step_scale = 4.0;
    let best = minimise(
        f,
        marginals,
        &settings,
        InitialCoupling::Independent,
        &mut unobserved,
    )?;
    // Between a feasible plan's value and a certified bound: the middle serves as the optimum.
    let optimum = 0.5 * (best.objective() + best.lower_bound);
    println!(
        "\n{name}: optimum in [{:.10}, {:.10}]",
        best.lower_bound,
        best.objective()
    );
    let mut gap: Vec<Curve> = ["average", "bound", "last, rounded", "last with prediction"]
        .map(|l| (l.into(), vec![]))
        .into();
    let mut violation: Vec<Curve> = ["average", "bound", "last with prediction"]
        .map(|l| (l.into(), vec![]))
        .into();
    for t in HORIZONS {
        let x = t as f64;
        let mut settings = Settings::default();
        settings.max_iter = t;
        settings.step = rule;
        let s: MirrorSinkhornSolution = minimise(
            f,
            marginals,
            &settings,
            InitialCoupling::Independent,
            &mut unobserved,
        )?;
        settings.predict = Predict::On;
        let p = minimise(
            f,
            marginals,
            &settings,
            InitialCoupling::Independent,
            &mut unobserved,
        )?;
        let mean = s.average.as_ref().ok_or("no average")?;
        let all = [mean.value, f64::NAN, s.last.value, p.last.value];
        for (curve, value) in gap.iter_mut().zip(all) {
            curve.1.push((x, (value - optimum).max(1e-16)));
        }
        let bound = s.steps.gap_bound().ok_or("no bound")?;
        gap[1].1.last_mut().ok_or("empty")?.1 =
            bound + s.steps.range * s.steps.violation_bound().unwrap_or(0.0);
        violation[0].1.push((x, mean.raw_violation));
        if let Some(b) = s.steps.violation_bound() {
            violation[1].1.push((x, b));
        }
        violation[2].1.push((x, p.last.raw_violation.max(1e-17)));
    }
    violation.retain(|c| !c.1.is_empty());
    plot(
        folder,
        &format!("{name}-gap"),
        &format!("{name}: gap after rounding against T"),
        &gap,
    )?;
    plot(
        folder,
        &format!("{name}-violation"),
        &format!("{name}: marginal violation before rounding against T"),
        &violation,
    )
}

fn noise(folder: Option<&str>, cost: &Linear, marginals: &Marginals, optimum: f64) -> Outcome<()> {
    let mut curves = Vec::new();
    for level in [0.0, 0.5, 2.0] {
        let f = Noisy::new(cost.clone(), Noise::Uniform(level))?;
        let (mut found, mut bound) = (Vec::new(), Vec::new());
        for t in HORIZONS {
            let (mut gap, mut promised) = (0.0, 0.0);
            for seed in 0..5u64 {
                let mut settings = Settings::default();
                settings.max_iter = t;
                settings.seed = Seed::from(seed);
                let s = minimise_stochastic(
                    &f,
                    marginals,
                    &settings,
                    InitialCoupling::Independent,
                    &mut unobserved,
                )?;
                gap += (s.average.ok_or("no average")?.value - optimum) / 5.0;
                promised = s.steps.gap_bound().ok_or("no bound")?
                    + s.steps.range * s.steps.violation_bound().unwrap_or(0.0);
            }
            found.push((t as f64, gap));
            bound.push((t as f64, promised));
        }
        curves.push((format!("noise ±{level}: mean gap of 5"), found));
        curves.push((format!("noise ±{level}: bound"), bound));
    }
    plot(
        folder,
        "noise",
        "linear cost, noisy gradients: gap of the rounded average",
        &curves,
    )
}

fn regret(folder: Option<&str>, marginals: &Marginals) -> Outcome<()> {
    let (m, n) = (marginals.shape()[0], marginals.shape()[1]);
    let mut game = Online::new(marginals.clone(), OnlineSettings::default())?;
    let (mut certified, mut bound) = (Vec::new(), Vec::new());
    for t in 1..=4096usize {
        // The adversary charges the heavier half of the announced play, relative to the independent coupling.
        let ratio: Vec<f64> = game
            .plan()
            .iter()
            .enumerate()
            .map(|(k, p)| p / (marginals.masses(0)[k % m] * marginals.masses(1)[k / m]))
            .collect();
        let mut sorted = ratio.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted[m * n / 2];
        let cost = ratio.iter().enumerate().map(|(k, r)| {
            if *r > middle || (t + k) % 3 == 0 {
                1.0
            } else {
                0.0
            }
        });
        game.reveal(&Linear::new(&[m, n], cost.collect())?)?;
        if t.is_power_of_two() && t >= 4 {
            let r = game.regret()?;
            certified.push((t as f64, r.certified));
            bound.push((t as f64, r.bound));
        }
    }
    let curves = [
        (
            "certified regret, adversary sees the play".to_string(),
            certified,
        ),
        ("bound".to_string(), bound),
    ];
    plot(
        folder,
        "regret",
        "online: regret against rounds, no horizon given",
        &curves,
    )
}

fn three(folder: Option<&str>) -> Outcome<()> {
    let n = 64;
    let line = Mat::from_fn(1, n, |_, i| (i as f64 + 0.5) / n as f64);
    let bump = |centre: f64, width: f64| {
        let v: Vec<f64> = (0..n)
            .map(|i| (-0.5 * ((line[(0, i)] - centre) / width).powi(2)).exp())
            .collect();
        let total: f64 = v.iter().sum();
        v.iter().map(|x| x / total).collect::<Vec<f64>>()
    };
    let measures = [bump(0.3, 0.04), bump(0.5, 0.08), bump(0.75, 0.05)];
    let clouds = [line.as_ref(); 3];
    let (mut gap, mut violation) = (Vec::new(), Vec::new());
    for t in [30, 100, 300, 1000] {
        let mut settings = Settings::default();
        settings.max_iter = t;
        settings.average = false;
        settings.step_scale = 2.0;
        let b = barycentre(
            &clouds,
            &measures,
            &[0.5, 0.25, 0.25],
            &settings,
            &mut unobserved,
        )?;
        gap.push((t as f64, b.solution.gap()));
        violation.push((t as f64, b.solution.last.raw_violation));
    }
    let curves = [
        ("certified gap".to_string(), gap),
        ("violation before rounding".to_string(), violation),
    ];
    plot(
        folder,
        "three-marginals",
        "barycentre of three measures on 64 points, 64³ entries",
        &curves,
    )
}

/// A handwritten 3 moved onto a handwritten 8.
fn digits() -> Outcome<()> {
    let text = include_str!("../../tests/data/digits.csv");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .map(|l| l.split(',').map(str::parse).collect::<Result<_, _>>())
        .collect::<Result<_, _>>()?;
    let digit = |d: f64| {
        rows.iter()
            .find(|r| r[0] == d)
            .map(|r| r[1..].to_vec())
            .ok_or("no such digit")
    };
    let measure = |v: Vec<f64>| {
        let kept: Vec<usize> = (0..64).filter(|k| v[*k] > 0.0).collect();
        let total: f64 = v.iter().sum();
        let points = Mat::from_fn(
            2,
            kept.len(),
            |c, k| if c == 0 { kept[k] / 8 } else { kept[k] % 8 } as f64,
        );
        (
            points,
            kept.iter().map(|k| v[*k] / total).collect::<Vec<f64>>(),
        )
    };
    let ((x, mu), (y, nu)) = (measure(digit(3.0)?), measure(digit(8.0)?));
    let cost = PointClouds::new(x.as_ref(), y.as_ref(), 1.0 / 98.0)?;
    let marginals = Marginals::new(&mu, &nu)?;
    println!("\ndigit 3 onto digit 8, {} x {} pixels", mu.len(), nu.len());
    for tol in [1e-1, 3e-2, 1e-2] {
        let mut settings = Settings::default();
        settings.max_iter = 200_000;
        settings.tol_gap_rel = tol;
        settings.step_scale = 4.0;
        let s = minimise_linear(
            &cost,
            &marginals,
            &settings,
            InitialCoupling::Independent,
            &mut unobserved,
        )?;
        println!(
            "  gap {tol:.0e}: value {:.8} ≥ {:.8}, {} steps, {:?}",
            s.value, s.lower_bound, s.steps.count, s.status
        );
    }
    let mut coarse = SinkhornSettings::default();
    coarse.epsilon = 1e-4;
    let s = sinkhorn(&cost, &marginals, &coarse)?;
    println!(
        "  Sinkhorn at ε = 1e-4: value {:.8} ≥ {:.8}, {} half-steps",
        s.value, s.lower_bound, s.steps.count
    );
    Ok(())
}

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1);
    let folder = folder.as_deref();
    let (m, n) = (20, 24);
    let marginals = Marginals::new(&masses(m, 1)?, &masses(n, 2)?)?;
    let cost = Linear::new(&[m, n], random(m * n, 3)?)?;
    let matrix = |rows: usize, columns: usize, scale: f64, copy| -> Outcome<Mat<f64>> {
        let v = random(rows * columns, copy)?;
        Ok(Mat::from_fn(rows, columns, |i, j| scale * v[i + rows * j]))
    };
    rates(folder, "linear", &cost, &marginals, StepRule::Anytime)?;
    let quadratic = Quadratic::left(
        matrix(30, m, 1.0, 4)?.as_ref(),
        matrix(30, n, 0.05, 5)?.as_ref(),
    )?;
    rates(
        folder,
        "quadratic",
        &quadratic,
        &marginals,
        StepRule::Horizon,
    )?;
    let entropic = Sum::new()
        .with(1.0, cost.clone())?
        .with(1.0, Entropic::new(&[m, n], 0.05)?)?;
    rates(
        folder,
        "entropic",
        &entropic,
        &marginals,
        StepRule::StronglyConvex(0.05),
    )?;
    let mut settings = Settings::default();
    settings.max_iter = 60_000;
    settings.step_scale = 4.0;
    settings.average = false;
    let best = minimise(
        &cost,
        &marginals,
        &settings,
        InitialCoupling::Independent,
        &mut unobserved,
    )?;
    noise(
        folder,
        &cost,
        &marginals,
        0.5 * (best.objective() + best.lower_bound),
    )?;
    regret(folder, &marginals)?;
    three(folder)?;
    digits()
}
