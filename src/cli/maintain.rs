//! `dyncvx maintain`: a projection maintained through a stream of updates, against one that is recomputed.

use super::demonstration::{Options, invalid};
use super::{Outcome, interrupted, report};
use clap::Args;
use dyncvx::projection::kronecker::LowRank;
use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Recompute, Refresh};
use dyncvx::random::{Lane, Seed};
use faer::{Mat, MatRef};
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Instant;

/// Relative residual to which both sides answer.
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
    /// Number of changes; a query follows each.
    #[arg(long, default_value_t = 200)]
    updates: usize,
    /// Nonzeros per constraint; 0 makes dense constraints.
    #[arg(long, default_value_t = 3)]
    entries: usize,
    #[command(flatten)]
    options: Options,
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
    #[serde(skip)]
    curves: Curves,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    arguments.options.run(
        || {
            let record = compare(arguments)?;
            let complete = record.updates == arguments.updates;
            Ok((record, complete))
        },
        |path, record| draw(path, arguments, record),
    )
}

/// Cumulative seconds after every update.
#[derive(Default)]
struct Curves {
    naive: Vec<(f64, f64)>,
    maintained: Vec<(f64, f64)>,
}

#[cfg(feature = "plot")]
fn draw(path: &str, arguments: &Arguments, record: &Record) -> Result<(), String> {
    let Arguments { n, m, rank, .. } = arguments;
    let title = format!("n = {n}, m = {m}, rank {rank}: a change and a query each");
    let labels = super::plot::Labels {
        title: &title,
        x: "updates",
        y: "cumulative seconds",
        log: (false, false),
    };
    let series = [
        ("recomputed".to_string(), record.curves.naive.clone()),
        ("maintained".to_string(), record.curves.maintained.clone()),
    ];
    super::plot::lines(path, labels, &series).map_err(|e| format!("{path}: {e}"))
}

#[cfg(not(feature = "plot"))]
fn draw(_: &str, _: &Arguments, _: &Record) -> Result<(), String> {
    Ok(())
}

/// A bounded walk of the weight: `I + Σ V_t V_tᵀ / n` over the last [`Walk::TERMS`] terms. Every change has the rank asked for,
/// half of the changes are negative, and none makes the weight ill-conditioned.
struct Walk {
    weight: Mat<f64>,
    terms: VecDeque<Mat<f64>>,
}

impl Walk {
    const TERMS: usize = 4;

    fn new(n: usize) -> Self {
        Self {
            weight: Mat::identity(n, n),
            terms: VecDeque::new(),
        }
    }

    /// Makes the next change `V C Vᵀ` and returns `V` and `C`.
    fn next(&mut self, rank: usize, rng: &mut impl rand_core::Rng) -> (Mat<f64>, Mat<f64>) {
        let n = self.weight.nrows();
        let oldest = if self.terms.len() < Self::TERMS {
            None
        } else {
            self.terms.pop_front()
        };
        let (v, sign) = match oldest {
            Some(v) => (v, -1.0),
            None => {
                let v = Mat::from_fn(n, rank, |_, _| -> f64 { StandardNormal.sample(rng) });
                self.terms.push_back(v.clone());
                (v, 1.0)
            }
        };
        let scale = sign / n as f64;
        let c = Mat::from_fn(rank, rank, |i, j| if i == j { scale } else { 0.0 });
        self.weight = &self.weight + &v * &c * v.transpose();
        (v, c)
    }
}

impl Record {
    fn new() -> Self {
        Self {
            ratio: None,
            naive_seconds: 0.0,
            maintained_seconds: 0.0,
            max_relative_difference: 0.0,
            refactorisations: 0,
            max_residual: 0.0,
            updates: 0,
            version: env!("CARGO_PKG_VERSION"),
            curves: Curves::default(),
        }
    }

    /// Compares the answers of the two sides.
    fn note_difference(&mut self, found: &Mat<f64>, expected: &Mat<f64>) {
        // Two answers of 0 agree, although their relative difference is NaN; any other NaN has to show.
        let difference = if found == expected {
            0.0
        } else {
            (found - expected).norm_l2() / expected.norm_l2()
        };
        if difference.is_nan() || difference > self.max_relative_difference {
            self.max_relative_difference = difference;
        }
    }

    /// Counts an update as done, after its seconds were added.
    fn finish_update(&mut self, step: usize) {
        self.updates = step;
        let at = step as f64;
        self.curves.naive.push((at, self.naive_seconds));
        self.curves.maintained.push((at, self.maintained_seconds));
        self.ratio = report::finite(self.naive_seconds / self.maintained_seconds);
    }

    /// A row of the table.
    fn row(&self) -> String {
        format!(
            "{:7}  {:8.3}  {:12.3}  {:6.2}  {:18.1e}  {:16}",
            self.updates,
            self.naive_seconds,
            self.maintained_seconds,
            self.ratio.unwrap_or(f64::NAN),
            self.max_relative_difference,
            self.refactorisations
        )
    }
}

fn compare(arguments: &Arguments) -> dyncvx::Result<Record> {
    let &Arguments {
        n,
        m,
        rank,
        updates,
        entries,
        ref options,
    } = arguments;
    if rank == 0 || rank > n {
        let reason = format!("expected 1 to {n}, the order of the weight, found {rank}");
        return invalid("rank", reason);
    }
    let a = options.constraints(m, n, entries)?;
    let mut rng = Seed::from(options.seed).stream(Lane::SCRIPT, 0, 0);
    let mut walk = Walk::new(n);
    let mut naive = Recompute::new(a.clone())?;
    naive.update(&[(&walk.weight).into()])?;
    let mut maintained = Kronecker::new(a)?.with_weight(&[(&walk.weight).into()])?;

    let bar = options.bar(updates as u64, false);
    if !options.quiet {
        report::say!(
            "one PSD block of order {n}, {m} constraints, rank {rank}: a change and a query each, to residual {RESIDUAL:.0e}"
        );
        report::say!(
            " update   naive s  maintained s   ratio  largest difference  refactorisations"
        );
    }
    let mut record = Record::new();
    for step in 1..=updates {
        let (v, c) = walk.next(rank, &mut rng);
        let h = Mat::from_fn(n * n, 1, |_, _| -> f64 { StandardNormal.sample(&mut rng) });

        // Recomputed from the new weight.
        let clock = Instant::now();
        naive.update(&[(&walk.weight).into()])?;
        let (expected, _) = project(&mut naive, h.as_ref(), m)?;
        record.naive_seconds += clock.elapsed().as_secs_f64();

        // Maintained through the change.
        let clock = Instant::now();
        let refresh = maintained.update_low_rank(&[LowRank {
            block: 0,
            v: v.as_ref(),
            c: c.as_ref(),
        }])?;
        let (found, accuracy) = project(&mut maintained, h.as_ref(), m)?;
        record.maintained_seconds += clock.elapsed().as_secs_f64();

        record.note_difference(&found, &expected);
        record.refactorisations += usize::from(matches!(refresh, Refresh::Rebuilt(_)));
        if let Accuracy::Exact { residual, .. } = accuracy {
            record.max_residual = record.max_residual.max(residual);
        }
        record.finish_update(step);
        bar.inc(1);
        if !options.quiet && (step == updates || step % updates.div_ceil(10) == 0) {
            bar.suspend(|| report::say!("{}", record.row()));
        }
        if interrupted() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(record)
}

/// `P h`, and how accurate it is.
fn project(
    p: &mut dyn Projection,
    h: MatRef<'_, f64>,
    m: usize,
) -> dyncvx::Result<(Mat<f64>, Accuracy)> {
    let (mut y, mut out) = (Mat::zeros(m, 1), Mat::zeros(h.nrows(), 1));
    let accuracy = p.query(h, Goal::Residual(RESIDUAL), y.as_mut(), out.as_mut())?;
    Ok((out, accuracy))
}
