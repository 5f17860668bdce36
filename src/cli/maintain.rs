//! `dyncvx maintain`.

use super::{Outcome, interrupted, report};
use clap::Args;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::kronecker::LowRank;
use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Recompute, Refresh};
use dyncvx::random::{Lane, Seed};
use faer::{Mat, MatRef};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;
use std::time::Instant;

/// Relative residual both sides answer to.
const RESIDUAL: f64 = 1e-10;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Order of the matrix weight.
    #[arg(long, default_value_t = 64)]
    n: usize,
    /// Number of constraints, at most n(n+1)/2.
    #[arg(long, default_value_t = 1024)]
    m: usize,
    /// Rank of every change of the weight.
    #[arg(long, default_value_t = 1)]
    rank: usize,
    /// Number of changes, each followed by a query.
    #[arg(long, default_value_t = 200)]
    updates: usize,
    /// Nonzeros a constraint, 0 for dense ones.
    #[arg(long, default_value_t = 3)]
    entries: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the result as JSON, - for standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
    /// Draw cumulative seconds as SVG.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<String>,
    /// Print nothing but errors.
    #[arg(long)]
    quiet: bool,
}

#[derive(Serialize)]
struct Record {
    ratio: Option<f64>,
    naive_seconds: f64,
    maintained_seconds: f64,
    max_relative_difference: f64,
    refactorisations: usize,
    max_residual: f64,
    updates: usize,
    version: &'static str,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut curves = Curves::default();
    let done = plot_can_be_had(arguments)
        .and_then(|()| compare(arguments, &mut curves).map_err(|e| e.to_string()))
        .and_then(|record| {
            if let Some(path) = &arguments.json {
                report::json(path, &record)?;
            }
            if let Some(path) = &arguments.plot {
                curves.draw(path, arguments)?;
            }
            Ok(record.updates == arguments.updates)
        });
    match done {
        Ok(true) => Outcome::Answered,
        Ok(false) => Outcome::Unanswered,
        Err(reason) => Outcome::Unusable(reason),
    }
}

/// Cumulative seconds after every update.
#[derive(Default)]
struct Curves {
    naive: Vec<(f64, f64)>,
    maintained: Vec<(f64, f64)>,
}

#[cfg(feature = "plot")]
fn plot_can_be_had(_: &Arguments) -> Result<(), String> {
    Ok(())
}

/// Refused before the work rather than after it.
#[cfg(not(feature = "plot"))]
fn plot_can_be_had(arguments: &Arguments) -> Result<(), String> {
    match arguments.plot {
        Some(_) => Err("--plot: this build draws nothing (feature `plot` is off)".into()),
        None => Ok(()),
    }
}

impl Curves {
    #[cfg(feature = "plot")]
    fn draw(self, path: &str, arguments: &Arguments) -> Result<(), String> {
        let Arguments { n, m, rank, .. } = arguments;
        let title = format!("n = {n}, m = {m}, rank {rank}: a change and a query each");
        let labels = super::plot::Labels {
            title: &title,
            x: "updates",
            y: "cumulative seconds",
            log: (false, false),
        };
        let series = [
            ("recomputed".to_string(), self.naive),
            ("maintained".to_string(), self.maintained),
        ];
        super::plot::lines(path, labels, &series).map_err(|e| format!("{path}: {e}"))
    }

    #[cfg(not(feature = "plot"))]
    fn draw(self, _: &str, _: &Arguments) -> Result<(), String> {
        Ok(())
    }
}

/// A bounded walk of the weight: `I + Σ V_t V_tᵀ / n` over the last few terms, so that every change is of the asked rank, half
/// of them negative, and none makes the weight ill-conditioned.
struct Walk {
    weight: Mat<f64>,
    terms: std::collections::VecDeque<Mat<f64>>,
}

impl Walk {
    const TERMS: usize = 4;

    fn next(&mut self, rank: usize, rng: &mut impl rand_core::Rng) -> (Mat<f64>, Mat<f64>) {
        let n = self.weight.nrows();
        let (v, sign) = if self.terms.len() < Self::TERMS {
            let v = Mat::from_fn(n, rank, |_, _| -> f64 { StandardNormal.sample(rng) });
            self.terms.push_back(v.clone());
            (v, 1.0)
        } else {
            (
                self.terms
                    .pop_front()
                    .unwrap_or_else(|| Mat::zeros(n, rank)),
                -1.0,
            )
        };
        let c = Mat::from_fn(
            rank,
            rank,
            |i, j| if i == j { sign / n as f64 } else { 0.0 },
        );
        self.weight = &self.weight + &v * &c * v.transpose();
        (v, c)
    }
}

fn compare(arguments: &Arguments, curves: &mut Curves) -> dyncvx::Result<Record> {
    let &Arguments {
        n,
        m,
        rank,
        updates,
        entries,
        seed,
        ..
    } = arguments;
    let invalid = |field, reason: String| Err(dyncvx::Error::InvalidSetting { field, reason });
    if rank == 0 || rank > n {
        return invalid(
            "rank",
            format!("expected 1 to {n}, the order of the weight, found {rank}"),
        );
    }
    if m == 0 {
        return invalid("m", "expected at least 1, found 0".into());
    }
    let a = Constraints::independent(m, &[Block::Psd(n)], entries, seed.into())?;
    let mut rng = Seed::from(seed).stream(Lane::SCRIPT, 0, 0);
    let mut walk = Walk {
        weight: Mat::identity(n, n),
        terms: Default::default(),
    };
    let mut naive = Recompute::new(a.clone());
    naive.update(&[(&walk.weight).into()])?;
    let mut maintained = Kronecker::new(a, &[(&walk.weight).into()])?;

    let bar = progress(arguments.quiet, updates as u64);
    if !arguments.quiet {
        report::say!(
            "one PSD block of order {n}, {m} constraints, rank {rank}: a change and a query each, to residual {RESIDUAL:.0e}"
        );
        report::say!(
            " update   naive s  maintained s   ratio  largest difference  refactorisations"
        );
    }
    let mut record = Record {
        ratio: None,
        naive_seconds: 0.0,
        maintained_seconds: 0.0,
        max_relative_difference: 0.0,
        refactorisations: 0,
        max_residual: 0.0,
        updates: 0,
        version: env!("CARGO_PKG_VERSION"),
    };
    for step in 1..=updates {
        let (v, c) = walk.next(rank, &mut rng);
        let h = Mat::from_fn(n * n, 1, |_, _| -> f64 { StandardNormal.sample(&mut rng) });
        let clock = Instant::now();
        naive.update(&[(&walk.weight).into()])?;
        let (expected, _) = project(&mut naive, h.as_ref(), m)?;
        record.naive_seconds += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let refresh = maintained.update_low_rank(&[LowRank {
            block: 0,
            v: v.as_ref(),
            c: c.as_ref(),
        }])?;
        let (found, accuracy) = project(&mut maintained, h.as_ref(), m)?;
        record.maintained_seconds += clock.elapsed().as_secs_f64();

        let difference = (&found - &expected).norm_l2() / expected.norm_l2();
        // Both zero is agreement; what is not a number must not get lost.
        let difference = if found == expected { 0.0 } else { difference };
        if difference.is_nan() || difference > record.max_relative_difference {
            record.max_relative_difference = difference;
        }
        record.refactorisations += usize::from(matches!(refresh, Refresh::Rebuilt(_)));
        if let Accuracy::Exact { residual, .. } = accuracy {
            record.max_residual = record.max_residual.max(residual);
        }
        record.updates = step;
        let at = step as f64;
        curves.naive.push((at, record.naive_seconds));
        curves.maintained.push((at, record.maintained_seconds));
        record.ratio = report::finite(record.naive_seconds / record.maintained_seconds);
        bar.inc(1);
        if !arguments.quiet && (step == updates || step % updates.div_ceil(10) == 0) {
            let row = format!(
                "{step:7}  {:8.3}  {:12.3}  {:6.2}  {:18.1e}  {:16}",
                record.naive_seconds,
                record.maintained_seconds,
                record.ratio.unwrap_or(f64::NAN),
                record.max_relative_difference,
                record.refactorisations
            );
            bar.suspend(|| report::say!("{row}"));
        }
        if interrupted() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(record)
}

/// `P h`.
fn project(
    p: &mut dyn Projection,
    h: MatRef<'_, f64>,
    m: usize,
) -> dyncvx::Result<(Mat<f64>, Accuracy)> {
    let (mut y, mut out) = (Mat::zeros(m, 1), Mat::zeros(h.nrows(), 1));
    let accuracy = p.query(h, Goal::Residual(RESIDUAL), y.as_mut(), out.as_mut())?;
    Ok((out, accuracy))
}

fn progress(quiet: bool, length: u64) -> ProgressBar {
    let target = if quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta} left") {
        bar.set_style(style);
    }
    bar
}
