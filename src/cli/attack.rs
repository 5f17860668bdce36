//! `dyncvx attack`: an adaptive adversary against one sketch, the plain median of a few, and the robust structure.

use super::demonstration::Options;
use super::{Outcome, interrupted, report};
use clap::Args;
use dyncvx::adversary::{self, PlainMedian, Progress, Run, SUITE, Settings, Structure, Target};
use dyncvx::privacy::{Demand, Plan, Release, calibrated};
use dyncvx::projection::{Goal, Kronecker, Projection, Robust, Sketched, robust, sketched};
use dyncvx::random::{Lane, Seed};
use dyncvx::sketch::{Base, Distribution};
use faer::Mat;
use indicatif::ProgressBar;
use rand_distr::{Distribution as _, StandardNormal};
use serde::Serialize;
use std::ops::ControlFlow;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Order of the matrix weight; N = n².
    #[arg(long, default_value_t = 32)]
    n: usize,
    /// Number of constraints, at most n(n+1)/2.
    #[arg(long, default_value_t = 64)]
    m: usize,
    /// Copies of the robust structure; by default as many as the calibrated planner asks for.
    #[arg(long, value_name = "L")]
    copies: Option<usize>,
    /// Rows of each sketch.
    #[arg(long, default_value_t = 64)]
    rows: usize,
    /// Number of questions that the adversary asks.
    #[arg(long, default_value_t = 10_000)]
    queries: usize,
    /// Error that the robust structure is planned for, relative to the lengths of row and question.
    #[arg(long, default_value_t = 0.2)]
    accuracy: f64,
    /// Attacker: sign-correlation, reconstruction, updates or potential.
    #[arg(long, value_name = "NAME", default_value = SUITE[0])]
    attacker: String,
    #[command(flatten)]
    options: Options,
}

#[derive(Serialize)]
struct Side {
    oblivious_p95: Option<f64>,
    attacked_p95: Option<f64>,
    copies: usize,
    updates: usize,
    #[serde(skip)]
    #[cfg_attr(
        not(feature = "plot"),
        expect(dead_code, reason = "only a plot shows it")
    )]
    curve: Vec<(f64, f64)>,
}

#[derive(Serialize)]
struct Record {
    attacker: String,
    single: Side,
    median: Side,
    robust: Side,
    queries: usize,
    rows: usize,
    ambient: usize,
    sample: usize,
    privacy_epsilon: f64,
    planned_error: Option<f64>,
    width_ratio: f64,
    bytes: usize,
    complete: bool,
    version: &'static str,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    if !SUITE.contains(&arguments.attacker.as_str()) {
        return Outcome::Unusable(format!(
            "--attacker: expected one of {}, found {}",
            SUITE.join(", "),
            arguments.attacker
        ));
    }
    arguments.options.run(
        || {
            let record = compare(arguments)?;
            let complete = record.complete;
            Ok((record, complete))
        },
        draw,
    )
}

#[cfg(feature = "plot")]
fn draw(path: &str, record: &Record) -> Result<(), String> {
    use super::plot::{Labels, lines};
    let side = |label: String, side: &Side| (label, side.curve.clone());
    let named = |label: &str, s: &Side| side(format!("{label}, {} copies", s.copies), s);
    let calm = |label: &str, side: &Side| {
        let level = side.oblivious_p95.unwrap_or(f64::NAN);
        let ends = [0.0, record.queries as f64];
        (
            format!("{label}, oblivious"),
            ends.map(|q| (q, level)).to_vec(),
        )
    };
    let all = [
        side("one sketch".into(), &record.single),
        named("plain median", &record.median),
        named("robust", &record.robust),
        calm("one sketch", &record.single),
        calm("plain median", &record.median),
        calm("robust", &record.robust),
    ];
    let title = format!(
        "{}: N = {}, b = {}, 95th percentile of |error| / ‖g‖‖h‖",
        record.attacker, record.ambient, record.rows
    );
    let labels = Labels {
        title: &title,
        x: "question",
        y: "error",
        log: (false, true),
    };
    lines(path, labels, &all).map_err(|e| format!("{path}: {e}"))
}

#[cfg(not(feature = "plot"))]
fn draw(_: &str, _: &Record) -> Result<(), String> {
    Ok(())
}

/// Points of a plotted curve.
const WINDOWS: usize = 50;

/// Runs attacks on one structure after the other, under one bar.
struct Contest<'a> {
    arguments: &'a Arguments,
    settings: Settings,
    bar: ProgressBar,
    complete: bool,
}

impl Contest<'_> {
    fn run(&mut self, what: &str, target: &mut dyn Target, attacker: &str) -> dyncvx::Result<Run> {
        let seed = Seed::from(self.arguments.options.seed);
        let mut attacker =
            adversary::attacker(attacker, seed).ok_or(dyncvx::Error::Unsupported {
                what: "an attacker of this name",
                by: "dyncvx attack",
            })?;
        let (bar, mut worst) = (&self.bar, 0.0f64);
        let mut observe = |p: &Progress| {
            worst = worst.max(p.error);
            bar.inc(1);
            if p.round.is_multiple_of(64) {
                bar.set_message(format!("{what}: error {:.3}, worst {worst:.3}", p.error));
            }
            if interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let run = adversary::run(target, attacker.as_mut(), &self.settings, &mut observe)?;
        self.complete &= run.complete;
        Ok(run)
    }

    /// Measures a structure under oblivious and under adaptive questions. `rebuild` makes the structure for the second run from
    /// that of the first.
    fn both<P: Projection>(
        &mut self,
        what: &str,
        copies: usize,
        weight: &Mat<f64>,
        structure: P,
        rebuild: impl FnOnce(P) -> dyncvx::Result<P>,
    ) -> dyncvx::Result<(Side, P)> {
        let mut target = Structure::with_weight(structure, weight.clone())?;
        let calm = self.run(what, &mut target, "oblivious")?;
        let mut target = Structure::with_weight(rebuild(target.into_inner())?, weight.clone())?;
        let name = self.arguments.attacker.clone();
        let attacked = self.run(what, &mut target, &name)?;
        let middle = |r: &std::ops::Range<usize>| 0.5 * (r.start + r.end) as f64;
        let side = Side {
            oblivious_p95: report::finite(calm.p95()),
            attacked_p95: report::finite(attacked.worst_p95()),
            copies,
            updates: attacked.updates,
            curve: (attacked.curve(WINDOWS).iter())
                .map(|(range, p)| (middle(range), *p))
                .collect(),
        };
        if !self.arguments.options.quiet {
            let row = format!(
                "{what:<14} {copies:6}  {:10.3}  {:10.3}  {:6.2}",
                calm.p95(),
                attacked.worst_p95(),
                attacked.worst_p95() / calm.p95()
            );
            self.bar.suspend(|| report::say!("{row}"));
        }
        Ok((side, target.into_inner()))
    }
}

/// The plan of the calibrated planner, or the same releases with the copies asked for on the command line.
fn planned(arguments: &Arguments) -> dyncvx::Result<Plan> {
    let mut demand = Demand::new(arguments.queries as u64, 1, arguments.accuracy);
    demand.rows = Some(arguments.rows);
    let plan = calibrated::plan(&demand)?;
    let Some(copies) = arguments.copies else {
        return Ok(plan);
    };
    if copies < plan.copies && !arguments.options.quiet {
        report::say!(
            "dyncvx: warning: the calibrated planner asks for {} copies; with {copies} nothing is promised",
            plan.copies
        );
    }
    let release = Release {
        sample: plan.sample,
        epsilon: plan.epsilon,
    };
    Plan::custom(copies, arguments.rows, release, plan.releases)
}

/// A random weight `0.3 I + G Gᵀ/n`, with a condition number of about 15.
fn random_weight(n: usize, seed: u64) -> Mat<f64> {
    let mut rng = Seed::from(seed).stream(Lane::SCRIPT, 0, 0);
    let g = Mat::from_fn(n, n, |_, _| -> f64 { StandardNormal.sample(&mut rng) });
    Mat::from_fn(n, n, |i, j| {
        let sum: f64 = (0..n).map(|k| g[(i, k)] * g[(j, k)]).sum();
        sum / n as f64 + if i == j { 0.3 } else { 0.0 }
    })
}

/// The lines above the table.
fn say_head(arguments: &Arguments, width: f64) {
    let &Arguments {
        n,
        m,
        rows,
        queries,
        ref attacker,
        ..
    } = arguments;
    let remark = if width >= 1.0 {
        " (1 or more: the exact structure is smaller, and never leaks)"
    } else {
        ""
    };
    report::say!(
        "N = {}, {m} constraints, b = {rows}: {queries} questions by `{attacker}`; L·b/N = {width:.1}{remark}",
        n * n
    );
    report::say!("                copies   oblivious    attacked  growth");
}

fn compare(arguments: &Arguments) -> dyncvx::Result<Record> {
    let &Arguments {
        n,
        m,
        rows,
        queries,
        ref options,
        ..
    } = arguments;
    let plan = planned(arguments)?;
    let a = options.constraints(m, n, 3)?;
    let weight = random_weight(n, options.seed);
    let mut exact = Kronecker::new(a)?.with_weight(&[(&weight).into()])?;
    let watch = longest(&mut exact, n)?;
    let distribution = Distribution::new(Base::Srht, rows)?;
    let sketched = |copies| {
        Sketched::new(
            exact.clone(),
            sketched::Settings::new(distribution, copies, options.seed),
        )
    };
    // Three structures, each under oblivious and under adaptive questions.
    let bar = options.bar(6 * queries as u64, true);
    if !options.quiet {
        say_head(arguments, plan.width() as f64 / (n * n) as f64);
    }
    let mut contest = Contest {
        arguments,
        settings: Settings::new(queries, vec![watch]),
        bar,
        complete: true,
    };
    let (single, _) = contest.both("one sketch", 1, &weight, sketched(1)?, Ok)?;
    let few = plan.sample;
    let plain = PlainMedian::new(sketched(few)?, few)?;
    let (median, _) = contest.both("plain median", few, &weight, plain, Ok)?;
    // The adaptive run gets a fresh budget: the oblivious run has spent the first one.
    let fresh = |sketches| Robust::new(sketches, robust::Settings::new(plan, options.seed));
    let robust = fresh(sketched(plan.copies)?)?;
    let again = |p: Robust<_>| fresh(p.into_inner());
    let (robust, structure) = contest.both("robust", plan.copies, &weight, robust, again)?;
    contest.bar.finish_and_clear();
    let report = structure.account();
    Ok(Record {
        attacker: arguments.attacker.clone(),
        single,
        median,
        robust,
        queries,
        rows,
        ambient: n * n,
        sample: plan.sample,
        privacy_epsilon: plan.epsilon,
        planned_error: report::finite(plan.error),
        width_ratio: report.width_ratio,
        bytes: report.bytes,
        complete: contest.complete,
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The diagonal coordinate whose row of the projection is longest.
fn longest(p: &mut Kronecker, n: usize) -> dyncvx::Result<usize> {
    let m = p.shape().constraints;
    let e = Mat::from_fn(n * n, n, |i, k| f64::from(u8::from(i == k * (n + 1))));
    let (mut y, mut out) = (Mat::zeros(m, n), Mat::zeros(n * n, n));
    p.query(e.as_ref(), Goal::Residual(1e-10), y.as_mut(), out.as_mut())?;
    let best = (0..n).max_by(|a, b| {
        let leverage = |k: usize| out[(k * (n + 1), k)];
        leverage(*a).total_cmp(&leverage(*b))
    });
    Ok(best.unwrap_or(0) * (n + 1))
}
