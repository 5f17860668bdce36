//! Reproduces the statements of `papers/robust-path`: prints tables and, given a folder, writes SVG plots.
//!
//!     cargo run --release --features plot --example robust_path -- papers/robust-path

use dyncvx::constraints::{Block, BlockWeight, Constraints, WeightForm, Weighted};
use dyncvx::faer::{ColRef, Mat, MatMut};
use dyncvx::io::sdpa;
use dyncvx::ipm::short_step::{self, CentralPoint, Counts, Settings};
use dyncvx::ipm::{self, Solution, Start};
use dyncvx::privacy::{Demand, Plan, calibrated};
use dyncvx::problem::ConicProgram;
use dyncvx::problem::generators::transportation;
use dyncvx::projection::{
    Accuracy, Auto, Direct, Ensemble as _, Goal, Kronecker, Projection, Refresh, Robust, Shape,
    Sketched, Support, robust, sketched,
};
use dyncvx::sketch::{Base, Distribution};
use dyncvx::solver::solve_with;
use dyncvx_papers::plot::{Labels, Series, lines};
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::Arc;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// The maintained structure at the identity.
fn exact(a: &Arc<Constraints>) -> Outcome<Kronecker> {
    let ones: Vec<Vec<f64>> = a.blocks().iter().map(|b| vec![1.0; b.order()]).collect();
    let units: Vec<Mat<f64>> = a
        .blocks()
        .iter()
        .map(|b| Mat::identity(b.order(), b.order()))
        .collect();
    let weight: Vec<BlockWeight<'_>> = a
        .blocks()
        .iter()
        .enumerate()
        .map(|(k, b)| match b {
            Block::Nonneg(_) => BlockWeight::Nonneg(&ones[k]),
            Block::Psd(_) => BlockWeight::Psd(units[k].as_ref()),
        })
        .collect();
    Ok(Kronecker::new(a.clone())?.with_weight(&weight)?)
}

/// A sketch that is drawn anew for every question: as noisy as one that is reused, but no asker can have learned about it.
struct Fresh(Sketched<Kronecker>);

impl Projection for Fresh {
    fn shape(&self) -> Shape {
        self.0.shape()
    }

    fn supports(&self, form: WeightForm) -> Support {
        self.0.supports(form)
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> dyncvx::Result<Refresh> {
        self.0.update(weight)
    }

    fn operator(&mut self, goal: Goal) -> dyncvx::Result<&mut Weighted> {
        self.0.operator(goal)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> dyncvx::Result<Accuracy> {
        self.0.solve(rhs, goal)
    }

    fn query_in_range(
        &mut self,
        h: ColRef<'_, f64>,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> dyncvx::Result<Accuracy> {
        self.0.renew()?;
        self.0.query_in_range(h, multipliers, projected)
    }
}

/// One run along the path.
struct Run {
    name: String,
    solution: Solution,
    counts: Counts,
    copies: usize,
    releases: u64,
    width: f64,
    spent: String,
    seconds: f64,
    gap: Vec<(f64, f64)>,
    residual: Vec<(f64, f64)>,
}

fn run(
    name: &str,
    program: &ConicProgram,
    start: &Start,
    projection: &mut dyn Projection,
    settings: &Settings,
) -> Outcome<Run> {
    let (mut gap, mut residual) = (vec![], vec![]);
    let clock = std::time::Instant::now();
    let found = short_step::follow(program, projection, settings, start, &mut |row| {
        gap.push((row.iteration as f64, row.gap));
        residual.push((row.iteration as f64, row.primal_infeasibility));
        ControlFlow::Continue(())
    })?;
    Ok(Run {
        name: name.into(),
        solution: found.solution,
        counts: found.counts,
        copies: 0,
        releases: 0,
        width: 0.0,
        spent: "-".into(),
        seconds: clock.elapsed().as_secs_f64(),
        gap,
        residual,
    })
}

fn table(runs: &[Run]) {
    println!(
        "{:<24} {:<20} {:>6} {:>7} {:>7} {:>8} {:>6} {:>9} {:>6} {:>6} {:>6} {:>6} {:>9} {:>9} {:>8}",
        "run",
        "status",
        "steps",
        "repairs",
        "copies",
        "releases",
        "L*b/N",
        "spent",
        "rank",
        "moves",
        "kept",
        "cut",
        "drift",
        "gap",
        "dimacs"
    );
    for r in runs {
        let c = &r.counts;
        println!(
            "{:<24} {:<20} {:>6} {:>7} {:>7} {:>8} {:>6.1} {:>9} {:>6} {:>6} {:>6} {:>6} {:>9} {:>9.2e} {:>8.1e}  {:.1} s",
            r.name,
            r.solution.status.name(),
            c.iterations,
            c.repairs,
            r.copies,
            r.releases,
            r.width,
            r.spent,
            c.rank,
            c.low_rank + c.rebuilt,
            c.kept,
            c.cut,
            format!("{:.2}/{:.1}", c.drift, c.drift_ratio),
            r.solution.dimacs.gap(),
            r.solution.dimacs.max(),
            r.seconds
        );
    }
}

/// One program, followed in every way.
fn reproduce(
    folder: Option<&str>,
    key: &str,
    title: &str,
    program: &ConicProgram,
    rows: usize,
) -> Outcome<()> {
    let settings = Settings::default();
    let a = program.constraints().clone();
    let (m, ambient) = (a.len(), a.ambient());
    let centre: CentralPoint =
        short_step::central_point(program, &mut Direct::new(a.clone())?, &settings)?;
    println!(
        "\n{title}: N = {ambient}, m = {m}, degree {}; central point after {} exact steps, relative gap {:.2}",
        centre.degree, centre.iterations, centre.gap
    );
    let answers = centre.answers(&settings);
    let start = &centre.point;
    let mut runs = vec![run("exact", program, start, &mut exact(&a)?, &settings)?];

    let mut demand = Demand::new(answers, m as u64, 0.2);
    demand.rows = Some(rows);
    let plan: Plan = calibrated::plan(&demand)?;
    let distribution = Distribution::new(Base::Sparse(4), plan.rows)?;
    let clock = std::time::Instant::now();
    let sketches = Sketched::new(
        exact(&a)?,
        sketched::Settings::new(distribution, plan.copies, 7u64),
    )?;
    println!(
        "budget: {answers} answers of {m}, {} copies of {} rows, s = {}, epsilon {}; made in {:.1} s",
        plan.copies,
        plan.rows,
        plan.sample,
        plan.epsilon,
        clock.elapsed().as_secs_f64()
    );
    let mut robust = Robust::new(sketches, robust::Settings::new(plan, 8u64))?;
    let mut private = run("private", program, start, &mut robust, &settings)?;
    let report = robust.account();
    (private.copies, private.width) = (report.copies, report.width_ratio);
    private.releases = report.answered;
    private.spent = format!("{:.0}/{:.0}", report.spent, report.limit);
    let last = Start::from(&private.solution);
    runs.push(private);

    // No exact solves but at the end: what the answers alone are worth.
    let mut alone = settings;
    alone.drift = f64::INFINITY;
    let one = Distribution::new(Base::Sparse(4), rows)?;
    for (settings, suffix) in [(settings, ""), (alone, ", no repairs")] {
        let sketch = || -> Outcome<_> {
            Ok(Sketched::new(
                exact(&a)?,
                sketched::Settings::new(one, 1, 7u64),
            )?)
        };
        let mut add = |name: &str, projection: &mut dyn Projection| -> Outcome<()> {
            let name = format!("{name}{suffix}");
            let mut done = run(&name, program, start, projection, &settings)?;
            (done.copies, done.width) = (1, rows as f64 / ambient as f64);
            runs.push(done);
            Ok(())
        };
        add("one sketch", &mut sketch()?)?;
        add("fresh sketches", &mut Fresh(sketch()?))?;
    }
    robust.renew()?;
    let mut unrepaired = run("private, no repairs", program, start, &mut robust, &alone)?;
    (unrepaired.copies, unrepaired.width) = (report.copies, report.width_ratio);
    unrepaired.releases = robust.account().answered;
    runs.push(unrepaired);
    table(&runs);
    let end = solve_with(
        program,
        &mut Auto::new(a)?,
        &ipm::Settings::default(),
        Some(&last),
        &mut |_| ControlFlow::Continue(()),
    )?;
    println!(
        "handed on: {} after {} further steps, objective {:.10}, DIMACS {:.1e}",
        end.status.name(),
        end.iterations,
        end.primal_objective,
        end.dimacs.max()
    );
    if let Some(folder) = folder {
        let draw = |what: &str, name: &str, of: &dyn Fn(&Run) -> Vec<(f64, f64)>| {
            let title = format!("{title}: {what}");
            let labels = Labels {
                title: &title,
                x: "step",
                y: "",
                log: (false, true),
            };
            let all: Vec<Series> = runs.iter().map(|r| (r.name.clone(), of(r))).collect();
            lines(format!("{folder}/{key}-{name}.svg"), labels, &all)
        };
        draw("relative residual of A x = b", "residual", &|r| {
            r.residual.clone()
        })?;
        draw("relative gap", "gap", &|r| r.gap.clone())?;
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let folder = std::env::args().nth(1);
    let folder = folder.as_deref();
    let lp = transportation(20, 20, 1.into())?;
    let karate = sdpa::read(&include_bytes!("../../tests/data/karate_maxcut.dat-s")[..])?;
    reproduce(
        folder,
        "karate",
        "MAX-CUT of the karate club",
        karate.conic(),
        64,
    )?;
    reproduce(folder, "transport", "20 x 20 transport", &lp, 64)
}
