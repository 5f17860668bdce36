//! Reproduces the statements of `papers/adaptive-robustness`: prints tables and, given a folder, writes SVG plots.
//!
//!     cargo run --release --features plot --example adaptive_robustness -- papers/adaptive-robustness

use dyncvx::adversary::{
    Answer, GaussianCopies, Oblivious, Settings, SignCorrelation, run, unobserved,
};
use dyncvx::privacy::{Demand, calibrated, theory};
use dyncvx::random::Seed;
use dyncvx_papers::plot::{Labels, Series, lines};
use std::error::Error;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ACCURACY: f64 = 0.2;
const FAILURE: f64 = 0.05;
const GRID: u64 = 2001;

fn curve(label: impl Into<String>, points: Vec<(f64, f64)>) -> Series {
    (label.into(), points)
}

fn show(folder: Option<&str>, name: &str, labels: Labels<'_>, all: &[Series]) -> Outcome<()> {
    println!("\n{}", labels.title);
    for c in all {
        let numbers: Vec<String> = c.1.iter().map(|p| format!("{:.3e}", p.1)).collect();
        println!("  {:<46} {}", c.0, numbers.join(" "));
    }
    match folder {
        Some(folder) => lines(format!("{folder}/{name}.svg"), labels, all),
        None => Ok(()),
    }
}

/// Copies and width against the number of questions.
fn plans(folder: Option<&str>) -> Outcome<()> {
    let questions: Vec<u64> = (4..=12)
        .map(|e| 10f64.powf(0.5 * f64::from(e)) as u64)
        .collect();
    let of = |f: &dyn Fn(u64) -> Outcome<f64>| -> Outcome<Vec<(f64, f64)>> {
        questions.iter().map(|t| Ok((*t as f64, f(*t)?))).collect()
    };
    let demand = |t: u64, k: u64| Demand::new(t, k, ACCURACY);
    let measured = |k| of(&|t| Ok(calibrated::plan(&demand(t, k))?.copies as f64));
    let proved = of(&|t| Ok(theory::copies(&demand(t, 1), GRID, FAILURE)?))?;
    let fresh = of(&|t| Ok(t as f64))?;
    let labels = Labels {
        title: "copies L against questions T, for answers within 0.2 of lengths",
        x: "questions T",
        y: "copies L",
        log: (true, true),
    };
    let all = [
        curve("calibrated, k = 1", measured(1)?),
        curve("calibrated, k = 16", measured(16)?),
        curve("theory, k = 1", proved),
        curve("a fresh sketch a question", fresh),
    ];
    show(folder, "copies", labels, &all)?;

    // 95th percentile of one sketch, at the deviation √(2/b) that the planners reckon with.
    let one = (1.96f64.powi(2) * 2.0 / (ACCURACY * ACCURACY)).ceil();
    println!("\nrows of one sketch for a single question: {one}");
    let width = |k| of(&|t| Ok(calibrated::plan(&demand(t, k))?.width() as f64));
    let proved = of(&|t| {
        let copies = theory::copies(&demand(t, 1), GRID, FAILURE)?;
        Ok(copies * theory::plan(&demand(t, 1), GRID, FAILURE)?.rows as f64)
    })?;
    let fresh = of(&|t| Ok(t as f64 * one))?;
    let line = |n: f64| {
        let points = questions.iter().map(|t| (*t as f64, n * n)).collect();
        curve(
            format!("N = {}, n = {n}: exact is smaller above", n * n),
            points,
        )
    };
    let labels = Labels {
        title: "width L·b against questions T, and the N that it must stay below",
        x: "questions T",
        y: "L·b",
        log: (true, true),
    };
    let all = [
        curve("calibrated, k = 1", width(1)?),
        curve("calibrated, k = 16", width(16)?),
        curve("theory, k = 1", proved),
        curve("a fresh sketch a question", fresh),
        line(32.0),
        line(128.0),
        line(512.0),
    ];
    show(folder, "width", labels, &all)?;
    println!("\n  T        L     b    L·b      smallest n with L·b < n²");
    for t in [100, 1000, 10_000, 100_000, 1_000_000] {
        let p = calibrated::plan(&demand(t, 1))?;
        let n = (p.width() as f64).sqrt().floor() + 1.0;
        println!(
            "  {t:<8} {:<5} {:<4} {:<8} {n}",
            p.copies,
            p.rows,
            p.width()
        );
    }
    Ok(())
}

/// Error after 10⁴ sign-correlation questions against the number of copies, with its prediction.
fn growth(folder: Option<&str>) -> Outcome<()> {
    let (ambient, rows, queries) = (1024, 64, 10_000);
    let (sample, epsilon) = (48, 1.0);
    let answer = Answer::Private { sample, epsilon };
    let pool = GaussianCopies::new(ambient, rows, 4096, Answer::Single, 1.into())?;
    let settings = Settings::new(queries, vec![0]);
    let (mut calm, mut attacked, mut plain) = (vec![], vec![], vec![]);
    for copies in [48, 64, 128, 256, 512, 1024, 2048, 4096] {
        let go = |answer, attack: bool| -> Outcome<f64> {
            let mut target = pool.restrict(copies, answer, Seed(u128::from(attack)))?;
            Ok(if attack {
                run(
                    &mut target,
                    &mut SignCorrelation::new(2.into()),
                    &settings,
                    &mut unobserved,
                )?
                .worst_p95()
            } else {
                run(
                    &mut target,
                    &mut Oblivious::new(2.into()),
                    &settings,
                    &mut unobserved,
                )?
                .p95()
            })
        };
        let x = copies as f64;
        calm.push((x, go(answer, false)?));
        attacked.push((x, go(answer, true)?));
        if copies <= 512 {
            plain.push((x, go(Answer::Median(copies), true)?));
        }
    }
    let (c, b) = (calibrated::deviation(sample, epsilon), rows as f64);
    // √(2T/π) ‖v̄‖²/(Nσ) with three quarters of the questions to learn from, and no more than all of ‖v̄‖.
    let law = calm
        .iter()
        .map(|(l, base)| {
            let sigma = c / b.sqrt();
            let learned =
                (2.0 * 0.75 * queries as f64 / std::f64::consts::PI).sqrt() / (l * b * sigma);
            let all = (ambient as f64 / (b * l)).sqrt();
            (*l, base + learned.min(all))
        })
        .collect();
    let labels = Labels {
        title: "error after 10 000 sign-correlation questions, N = 1024, b = 64",
        x: "copies L",
        y: "95th percentile",
        log: (true, true),
    };
    let all = [
        curve("private median, oblivious", calm),
        curve("private median, attacked", attacked),
        curve("plain median of L, attacked", plain),
        curve("predicted", law),
    ];
    show(folder, "growth", labels, &all)
}

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1);
    let folder = folder.as_deref();
    plans(folder)?;
    growth(folder)
}
