//! Short steps along the central path, on exact answers and on sketched, private ones.

use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::ipm::short_step::{CentralPoint, Outcome, Settings, central_point, follow};
use dyncvx::ipm::{self, Ended, Start, Status};
use dyncvx::privacy::{Demand, Plan, Release, calibrated};
use dyncvx::problem::ConicProgram;
use dyncvx::problem::generators::{Recipe, max_cut, random_graph, transportation};
use dyncvx::projection::{
    Direct, Kronecker, Projection, Recompute, Robust, Sketched, robust, sketched,
};
use dyncvx::sketch::{Base, Distribution};
use dyncvx::solver::solve_with;
use dyncvx::{Error, Solver};
use faer::Mat;
use std::ops::ControlFlow;

fn degree(program: &ConicProgram) -> usize {
    let blocks = program.constraints().blocks();
    blocks.iter().map(|b| b.order()).sum()
}

fn lp(n: usize) -> ConicProgram {
    transportation(n, n, 1.into()).unwrap()
}

/// The MAX-CUT relaxation of a random graph on eight vertices.
fn cut() -> ConicProgram {
    let edges = random_graph(8, 16, 1.into()).unwrap();
    let weighted: Vec<_> = edges.into_iter().map(|(u, v)| (u, v, 1.0)).collect();
    max_cut(8, &weighted).unwrap().conic().clone()
}

/// Rows over matrices and numbers at once.
fn mixed() -> ConicProgram {
    let mut recipe = Recipe::new(12, &[Block::Psd(5), Block::Nonneg(6), Block::Psd(3)]);
    recipe.ranks = vec![2, 3, 1];
    recipe.known_optimum(3.into()).unwrap().program
}

fn begin(program: &ConicProgram, settings: &Settings) -> CentralPoint {
    let mut engine = Direct::new(program.constraints().clone()).unwrap();
    let found = central_point(program, &mut engine, settings).unwrap();
    assert_eq!(found.ended, Ended::Converged);
    found
}

fn go(
    program: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    start: &Start,
) -> Outcome {
    let onward = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
    follow(program, projection, settings, start, onward).unwrap()
}

fn optimum(program: &ConicProgram) -> f64 {
    let mut solver = Solver::new(program.clone(), ipm::Settings::default()).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(found.status, Status::Solved);
    found.primal_objective
}

fn exact(program: &ConicProgram) -> Kronecker {
    let a = program.constraints();
    let order = a.blocks().iter().map(|b| b.order()).max().unwrap();
    let (ones, unit) = (vec![1.0; order], Mat::<f64>::identity(order, order));
    let weight: Vec<BlockWeight<'_>> = a
        .blocks()
        .iter()
        .map(|b| match *b {
            Block::Nonneg(n) => BlockWeight::Nonneg(&ones[..n]),
            Block::Psd(n) => BlockWeight::Psd(unit.submatrix(0, 0, n, n)),
        })
        .collect();
    Kronecker::new(a.clone())
        .unwrap()
        .with_weight(&weight)
        .unwrap()
}

fn private(program: &ConicProgram, plan: Plan) -> Robust<Sketched<Kronecker>> {
    let distribution = Distribution::new(Base::Sparse(4), plan.rows).unwrap();
    let sketches = Sketched::new(
        exact(program),
        sketched::Settings::new(distribution, plan.copies, 7u64),
    )
    .unwrap();
    Robust::new(sketches, robust::Settings::new(plan, 8u64)).unwrap()
}

fn planned(program: &ConicProgram, settings: &Settings, start: &CentralPoint) -> Plan {
    let m = program.constraints().len() as u64;
    let answers = start.answers(settings);
    let mut demand = Demand::new(answers, m, 0.2);
    demand.rows = Some(48);
    calibrated::plan(&demand).unwrap()
}

#[test]
fn exact_short_steps_reach_the_optimum_on_every_cone() {
    for (name, program) in [("lp", lp(5)), ("cut", cut()), ("mixed", mixed())] {
        let value = optimum(&program);
        for stale_tol in [0.0, 0.2] {
            let mut settings = Settings::default();
            settings.stale_tol = stale_tol;
            let start = begin(&program, &settings);
            let mut gaps = vec![];
            let found = follow(
                &program,
                &mut exact(&program),
                &settings,
                &start.point,
                &mut |row| {
                    gaps.push(row.mu);
                    ControlFlow::Continue(())
                },
            )
            .unwrap();
            let (solution, counts) = (&found.solution, &found.counts);
            println!("{name}, stale {stale_tol}: {counts:?}");
            assert_eq!(solution.status, Status::Solved);
            assert!(solution.dimacs.max() <= 1e-4);
            assert!((solution.primal_objective - value).abs() <= 2e-4 * (1.0 + value.abs()));
            // Inside the neighbourhood t falls by the same factor every step, and there are no more steps than that takes.
            let factor = 1.0 - 0.5 / (degree(&program) as f64).sqrt();
            assert!(
                gaps.windows(2)
                    .all(|g| g[1] / g[0] < factor * 1.1 && g[1] / g[0] > factor * 0.9)
            );
            assert!(counts.iterations as u64 <= start.answers(&settings));
            assert!(counts.potential <= 1.0 && counts.cut == 0, "{counts:?}");
            assert_eq!(
                counts.iterations,
                counts.kept + counts.low_rank + counts.rebuilt + 1
            );
            match stale_tol {
                0.0 => assert_eq!(counts.kept, 0),
                _ => assert!(counts.kept > counts.iterations / 4),
            }
        }
    }
}

#[test]
fn private_answers_reach_a_gap_of_one_in_ten_thousand() {
    let settings = Settings::default();
    for (name, program) in [("lp", lp(6)), ("cut", cut())] {
        let start = begin(&program, &settings);
        let plan = planned(&program, &settings, &start);
        let mut robust = private(&program, plan);
        let found = go(&program, &mut robust, &settings, &start.point);
        let (solution, counts) = (&found.solution, &found.counts);
        println!("{name}: {counts:?}, {:?}", robust.account());
        assert_eq!(solution.status, Status::Solved);
        let errors = ipm::dimacs(&program, &solution.x, &solution.y, &solution.s).unwrap();
        assert!(errors.max() <= 1e-4 && errors == solution.dimacs);
        let value = optimum(&program);
        assert!((solution.primal_objective - value).abs() <= 2e-4 * (1.0 + value.abs()));
        // Every entry of every answer was released.
        let m = program.constraints().len();
        assert_eq!(robust.account().answered, (counts.answers * m) as u64);
        assert!(counts.answers > 50 && counts.answers <= counts.iterations);
        // The answers were no exact ones, and exact solves few.
        assert!(counts.drift > 0.02 && counts.repairs * 3 < counts.iterations);
        // What the answers say of their error is right within a factor.
        assert!(counts.drift_ratio < 4.0);
        // The last digits, from there.
        let mut direct = Direct::new(program.constraints().clone()).unwrap();
        let last = solve_with(
            &program,
            &mut direct,
            &ipm::Settings::default(),
            Some(&Start::from(solution)),
            &mut |_| ControlFlow::Continue(()),
        )
        .unwrap();
        assert_eq!(last.status, Status::Solved);
        assert!(last.iterations <= 8, "{}", last.iterations);
    }
}

#[test]
fn one_sketch_asked_again_and_again_leads_astray() {
    // Without exact solves in between, to see what the answers are worth.
    let mut settings = Settings::default();
    settings.drift = f64::INFINITY;
    let program = lp(6);
    let start = begin(&program, &settings);
    let one = Distribution::new(Base::Sparse(4), 48).unwrap();
    let mut single = Sketched::new(exact(&program), sketched::Settings::new(one, 1, 7u64)).unwrap();
    let reused = go(&program, &mut single, &settings, &start.point);
    assert_ne!(reused.solution.status, Status::Solved);
    let mut robust = private(&program, planned(&program, &settings, &start));
    let kept = go(&program, &mut robust, &settings, &start.point);
    let residual = |o: &Outcome| o.solution.dimacs.max();
    println!(
        "one: {:.1e}, private: {:.1e}",
        residual(&reused),
        residual(&kept)
    );
    assert!(residual(&kept) < 0.1 * residual(&reused));
}

#[test]
fn the_end_of_the_budget_is_a_status_and_fresh_copies_go_on() {
    let settings = Settings::default();
    let program = lp(5);
    let m = program.constraints().len();
    let start = begin(&program, &settings);
    // Forty answers, and one release short of one more.
    let releases = (41 * m - 1) as u64;
    let mut robust = private(
        &program,
        Plan::custom(
            400,
            48,
            Release {
                sample: 48,
                epsilon: 1.0,
            },
            releases,
        )
        .unwrap(),
    );
    let first = go(&program, &mut robust, &settings, &start.point);
    assert_eq!(first.solution.status, Status::BudgetExhausted);
    assert_eq!(first.solution.status.name(), "budget_exhausted");
    assert_eq!(first.counts.answers, 40);
    assert!(!first.solution.status.is_answer());
    let gap = first.solution.dimacs.gap();
    assert!(gap > settings.tol_gap_rel && gap < 0.5 * start.gap, "{gap}");
    // The point is a start like any other.
    let mut from = Start::from(&first.solution);
    for _ in 0..10 {
        robust.renew().unwrap();
        let next = go(&program, &mut robust, &settings, &from);
        from = Start::from(&next.solution);
        match next.solution.status {
            Status::BudgetExhausted => assert_eq!(next.counts.answers, 40),
            status => {
                assert_eq!(status, Status::Solved);
                assert!(next.solution.dimacs.max() <= 1e-4);
                return;
            }
        }
    }
    panic!("not solved with ten generations of copies");
}

/// Whatever is wrong with the sketch, what is projected is `Bᵀ` times what multiplies.
#[test]
fn answers_in_the_range_are_in_the_range() {
    let program = mixed();
    let a = program.constraints();
    let (m, ambient) = (a.len(), a.ambient());
    let h = Mat::from_fn(ambient, 1, |i, _| (i as f64).sin());
    let mut engines: Vec<(Box<dyn Projection>, bool)> = vec![
        (Box::new(exact(&program)), true),
        (
            Box::new(
                Sketched::new(
                    exact(&program),
                    sketched::Settings::new(
                        Distribution::new(Base::Rademacher, 30).unwrap(),
                        2,
                        7u64,
                    ),
                )
                .unwrap(),
            ),
            false,
        ),
        (
            Box::new(private(
                &program,
                Plan::custom(
                    200,
                    48,
                    Release {
                        sample: 48,
                        epsilon: 1.0,
                    },
                    1000,
                )
                .unwrap(),
            )),
            false,
        ),
    ];
    let mut answers = vec![];
    for (engine, is_exact) in &mut engines {
        let (mut y, mut p) = (Mat::zeros(m, 1), Mat::zeros(ambient, 1));
        engine
            .query_in_range(h.col(0), y.as_mut(), p.as_mut())
            .unwrap();
        let mut again = Mat::zeros(ambient, 1);
        let goal = dyncvx::projection::Goal::AsAbsorbed;
        engine
            .operator(goal)
            .unwrap()
            .apply_transpose(y.as_ref(), again.as_mut())
            .unwrap();
        assert!((&again - &p).norm_max() < 1e-10);
        let off: f64 = answers.first().map_or(0.0, |first| (&p - first).norm_l2());
        assert!(
            *is_exact || (off > 1e-3 && off < 2.0 * h.norm_l2()),
            "{off}"
        );
        answers.push(p);
    }
}

#[test]
fn a_path_ends_as_it_is_told() {
    let settings = Settings::default();
    let program = lp(4);
    let start = begin(&program, &settings);
    let mut engine = Recompute::new(program.constraints().clone()).unwrap();
    let mut ended = |settings: &Settings, stop: usize| {
        let mut seen = 0;
        let found = follow(&program, &mut engine, settings, &start.point, &mut |_| {
            seen += 1;
            match seen > stop {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        let found = found.unwrap();
        (found.solution.status, found.solution.iterations)
    };
    let mut few = settings;
    few.max_iter = 7;
    assert_eq!(ended(&few, usize::MAX), (Status::MaxIterations, 7));
    few.time_limit = 0.0;
    assert_eq!(ended(&few, usize::MAX), (Status::TimeLimit, 0));
    assert_eq!(ended(&settings, 3), (Status::Stopped, 3));
}

#[test]
fn what_is_no_start_is_refused() {
    let settings = Settings::default();
    let program = lp(4);
    let start = begin(&program, &settings).point;
    let mut engine = Direct::new(program.constraints().clone()).unwrap();
    let mut refused = |change: &dyn Fn(&mut Start)| {
        let mut start = start.clone();
        change(&mut start);
        let onward = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
        follow(&program, &mut engine, &settings, &start, onward).unwrap_err()
    };
    assert!(matches!(refused(&|s| s.x.truncate(3)), Error::Shape { .. }));
    assert!(matches!(
        refused(&|s| s.y[1] = f64::NAN),
        Error::NonFinite { index: 1, .. }
    ));
    let outside: [fn(&mut Start); 2] = [|s| s.x[2] = -1.0, |s| s.y[0] = 1e3];
    for outside in outside {
        let error = refused(&outside);
        assert!(
            matches!(error, Error::InvalidSetting { field: "start", .. }),
            "{error}"
        );
    }
    // Another program's projection.
    let other = lp(3);
    let mut engine = Direct::new(other.constraints().clone()).unwrap();
    assert!(matches!(
        central_point(&program, &mut engine, &settings).unwrap_err(),
        Error::Shape { .. }
    ));
    let onward = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
    assert!(follow(&program, &mut engine, &settings, &start, onward).is_err());
}

/// A structure with a laziness of its own would answer for a weight that nobody here knows.
#[test]
fn a_structure_that_stays_behind_is_refused() {
    use dyncvx::projection::kronecker;
    let mut settings = kronecker::Settings::default();
    settings.stale_tol = 0.5;
    let program = cut();
    let unit = Mat::<f64>::identity(8, 8);
    let a = program.constraints().clone();
    let mut lazy = Kronecker::with_settings(a, settings)
        .unwrap()
        .with_weight(&[(&unit).into()])
        .unwrap();
    let start = begin(&program, &Settings::default());
    let onward = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
    let error = follow(
        &program,
        &mut lazy,
        &Settings::default(),
        &start.point,
        onward,
    )
    .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unsupported {
                by: "short_step",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_program_without_a_path_has_no_central_point() {
    // x₀ + x₁ = −1.
    let blocks = [Block::Nonneg(2)];
    let mut a = Constraints::builder(1, &blocks).unwrap();
    a.entry(0, 0, 0, 0, 1.0)
        .unwrap()
        .entry(0, 0, 1, 1, 1.0)
        .unwrap();
    let mut c = Constraints::builder(1, &blocks).unwrap();
    c.entry(0, 0, 0, 0, 1.0).unwrap();
    let program = ConicProgram::new(a.build().unwrap(), vec![-1.0], c.build().unwrap()).unwrap();
    let mut engine = Direct::new(program.constraints().clone()).unwrap();
    let found = central_point(&program, &mut engine, &Settings::default()).unwrap();
    assert!(found.ended.gave_up(), "{:?}", found.ended);
}

#[test]
fn settings_are_checked() {
    type Change = fn(&mut Settings, f64);
    let fields: [(&str, Change, &[f64]); 9] = [
        ("reduction", |s, v| s.reduction = v, &[0.0, 1.1, f64::NAN]),
        ("centring", |s, v| s.centring = v, &[0.0, 2.0]),
        ("radius", |s, v| s.radius = v, &[0.0, 0.6]),
        ("stale_tol", |s, v| s.stale_tol = v, &[-0.1, 1.5, f64::NAN]),
        ("drift", |s, v| s.drift = v, &[0.0, f64::NAN]),
        ("start_gap", |s, v| s.start_gap = v, &[0.0, f64::INFINITY]),
        ("tol_gap_rel", |s, v| s.tol_gap_rel = v, &[0.0, 1.0]),
        ("tol_feas", |s, v| s.tol_feas = v, &[0.0, 1.0]),
        ("time_limit", |s, v| s.time_limit = v, &[-1.0, f64::NAN]),
    ];
    assert!(Settings::default().validate().is_ok());
    for (name, change, values) in fields {
        for &v in values {
            let mut settings = Settings::default();
            change(&mut settings, v);
            match settings.validate().unwrap_err() {
                Error::InvalidSetting { field, .. } => assert_eq!(field, name),
                other => panic!("{name}: {other}"),
            }
        }
    }
}
