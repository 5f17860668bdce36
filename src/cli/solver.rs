//! What the commands that run the interior-point solver share.

use super::verified::Verified;
use super::{interrupted, report};
use clap::{Args, ValueEnum};
use dyncvx::constraints::NearlyDependent;
use dyncvx::io::{Noted, ParseError};
use dyncvx::ipm::{
    Attempt, AttemptRecord, BackwardErrors, Dimacs, Ended, Iteration, Phases, SearchDirection,
    Settings, Status,
};
use dyncvx::projection::{Auto, Direct, Iterative, Refresh, auto, direct, iterative};
use dyncvx::solver;
use serde::Serialize;
use std::cell::RefCell;
use std::io::Read;
use std::ops::ControlFlow;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// What answers the Newton systems.
    #[arg(long, value_enum, default_value_t = Engine::Auto)]
    pub engine: Engine,
    /// How complementarity is linearised; hkm needs the direct engine.
    #[arg(long, value_enum, default_value_t = Direction::Auto)]
    direction: Direction,
    /// Relative tolerance of gap and feasibility.
    #[arg(long, default_value_t = 1e-8)]
    tol: f64,
    /// Largest number of iterations.
    #[arg(long, value_name = "N")]
    max_iter: Option<usize>,
    /// Seconds.
    #[arg(long, value_name = "S")]
    time_limit: Option<f64>,
    /// Prove bounds of the optimum, or the infeasibility, in exact arithmetic, with one more solve to loose tolerances where the answer
    /// alone proves too little.
    #[arg(long)]
    pub verify: bool,
    /// Write the result as JSON, - for standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<String>,
    /// Print nothing but errors.
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(super) enum Engine {
    /// Choose for me.
    Auto,
    /// Form and factor the Gram matrix at every step.
    Direct,
    /// Preconditioned conjugate gradients on the exact operator: a base and a low-rank part, an old factor or one in single
    /// precision as preconditioner.
    #[value(alias = "maintained")]
    Iterative,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Direction {
    /// Choose for me.
    Auto,
    /// Nesterov–Todd.
    Nt,
    /// Helmberg–Kojima–Monteiro.
    Hkm,
}

impl Options {
    pub(super) fn settings(&self) -> Result<Settings, String> {
        let mut settings = Settings::with_tolerance(self.tol);
        settings.max_iter = self.max_iter.unwrap_or(settings.max_iter);
        settings.time_limit = self.time_limit.unwrap_or(settings.time_limit);
        settings.direction = match self.direction {
            Direction::Auto => SearchDirection::Auto,
            Direction::Nt => SearchDirection::NesterovTodd,
            Direction::Hkm => SearchDirection::Hkm,
        };
        settings.validate().map_err(|e| e.to_string())?;
        Ok(settings)
    }

    /// Draws the table row by row, and ends the solve when the user does. `stated` puts an iteration into the file's
    /// convention.
    pub(super) fn observer(
        &self,
        used: &EnginesUsed,
        stated: impl Fn(Iteration) -> Iteration,
    ) -> impl FnMut(&Iteration) -> ControlFlow<()> {
        let quiet = self.quiet;
        let mut last: Option<Attempt> = None;
        move |it| {
            used.note(it.refresh);
            if !quiet {
                if last.replace(it.attempt) != Some(it.attempt) {
                    report::table_attempt(&it.attempt);
                }
                report::table_row(&stated(*it));
            }
            if interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
}

/// Sees nothing, and ends a run that proves when the user does.
pub(super) fn quiet_observer(_: &Iteration) -> ControlFlow<()> {
    if interrupted() {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// The name of a file in messages.
pub(super) fn name(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

/// Reads a file, or standard input for `-`, by one of the readers. What the reader left out is told on standard error
/// unless `quiet`, and returned for the result.
pub(super) fn read<P>(
    file: &str,
    quiet: bool,
    reader: impl Fn(&[u8]) -> Result<Noted<P>, ParseError>,
) -> Result<(P, Vec<String>), String> {
    let mut bytes = Vec::new();
    let done = if file == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|mut f| f.read_to_end(&mut bytes))
    };
    let name = name(file);
    done.map_err(|e| format!("{name}: {e}"))?;
    let noted =
        reader(&bytes).map_err(|e| format!("{name}:{}:{}: {}", e.line, e.column, e.reason))?;
    let notices: Vec<String> = noted.notices.iter().map(ToString::to_string).collect();
    for notice in notices.iter().filter(|_| !quiet) {
        report::say!("{name}: notice: {notice}");
    }
    Ok((noted.content, notices))
}

/// How to make the engine for given rows.
pub(super) fn engine(which: Engine) -> solver::Engine {
    match which {
        Engine::Auto => Box::new(|a| {
            let settings = auto::Settings::for_solvers();
            Ok(Box::new(Auto::with_settings(a.clone(), settings)?))
        }),
        Engine::Direct => Box::new(|a| {
            let settings = direct::Settings::for_solvers();
            Ok(Box::new(Direct::with_settings(a.clone(), settings)?))
        }),
        Engine::Iterative => Box::new(|a| {
            let mut settings = iterative::Settings::default();
            settings.nearly_dependent = NearlyDependent::Accept;
            Ok(Box::new(Iterative::with_settings(a.clone(), settings)?))
        }),
    }
}

/// The engines that answered Newton systems, in the order of their first use.
#[derive(Debug, Default)]
pub(super) struct EnginesUsed(RefCell<Vec<&'static str>>);

impl EnginesUsed {
    fn note(&self, refresh: Option<Refresh>) {
        let Some(name) = refresh.map(report::engine_name) else {
            return;
        };
        let mut seen = self.0.borrow_mut();
        if !seen.contains(&name) {
            seen.push(name);
        }
    }

    /// `direct`, or `split+single` and the like.
    pub(super) fn name(&self) -> String {
        match self.0.borrow().as_slice() {
            [] => "direct".into(),
            seen => seen.join("+"),
        }
    }
}

/// What a solve found, in the file's convention.
pub(super) struct Answer<'a> {
    pub status: Status,
    pub ended: &'a Ended,
    pub attempts: &'a [AttemptRecord],
    pub primal_objective: f64,
    pub dual_objective: f64,
    pub dimacs: Dimacs,
    pub backward: BackwardErrors,
    /// The row and the column of the largest errors in their own scale, as the file names them.
    pub worst: [Option<String>; 2],
    pub iterations: usize,
    pub seconds: f64,
    pub phases: &'a Phases,
}

/// One attempt for machines.
#[derive(Serialize)]
struct AttemptLine {
    what: String,
    iterations: usize,
    ended: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

impl AttemptLine {
    fn new(record: &AttemptRecord) -> Self {
        Self {
            what: record.attempt.to_string(),
            iterations: record.iterations,
            ended: record.ended.name(),
            cause: record.ended.cause().map(ToString::to_string),
        }
    }
}

/// The result for machines. Objectives are the file's.
#[derive(Serialize)]
pub(super) struct Record {
    pub status: &'static str,
    /// Why the attempt that led to the point ended, and what failed if something did.
    ended: &'static str,
    cause: Option<String>,
    pub primal_objective: Option<f64>,
    pub dual_objective: Option<f64>,
    pub gap: Option<f64>,
    pub dimacs: [Option<f64>; 6],
    /// The largest error of a row and of a column, each in its own scale.
    row_error: Option<f64>,
    column_error: Option<f64>,
    /// The row and the column that have them, where a row and a column do.
    worst_row: Option<String>,
    worst_column: Option<String>,
    pub iterations: usize,
    /// Every attempt, in order.
    attempts: Vec<AttemptLine>,
    pub engine: String,
    /// Of every block of the primal in the solver's terms, where there is one.
    pub rank: Option<Vec<usize>>,
    /// What errors may count for in the objectives, where there are matrices.
    pub objective_error: Option<ObjectiveErrors>,
    /// What the reader left out of the file, or decided where the file is ambiguous.
    notices: Vec<String>,
    /// Bounds that hold in exact arithmetic, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    pub seconds: Seconds,
    phases: Breakdown,
    version: &'static str,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct ObjectiveErrors {
    pub primal: f64,
    pub dual: f64,
}

#[derive(Serialize)]
pub(super) struct Seconds {
    pub read: f64,
    pub setup: f64,
    pub solve: f64,
}

/// What the seconds of the solver went to.
#[derive(Serialize)]
struct Breakdown {
    assembly: f64,
    factorisation: f64,
    directions: f64,
    steps: f64,
    checks: f64,
}

impl Record {
    /// Objectives of an infeasible problem do not exist.
    pub(super) fn new(
        answer: &Answer<'_>,
        engine: String,
        notices: Vec<String>,
        seconds: Seconds,
    ) -> Self {
        let exists = !answer.status.is_infeasible();
        let value = |v: f64| if exists { report::finite(v) } else { None };
        let (dimacs, phases) = (answer.dimacs.0, answer.phases);
        Self {
            status: answer.status.name(),
            ended: answer.ended.name(),
            cause: answer.ended.cause().map(ToString::to_string),
            primal_objective: value(answer.primal_objective),
            dual_objective: value(answer.dual_objective),
            gap: value(dimacs[4]),
            dimacs: dimacs.map(report::finite),
            row_error: report::finite(answer.backward.row),
            column_error: report::finite(answer.backward.column),
            worst_row: answer.worst[0].clone(),
            worst_column: answer.worst[1].clone(),
            iterations: answer.iterations,
            attempts: answer.attempts.iter().map(AttemptLine::new).collect(),
            engine,
            rank: None,
            objective_error: None,
            notices,
            verified: None,
            seconds,
            phases: Breakdown {
                assembly: phases.assembly,
                factorisation: phases.factorisation,
                directions: phases.directions,
                steps: phases.steps,
                checks: phases.checks,
            },
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
