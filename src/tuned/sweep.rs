//! Moves every threshold to both ends of its interval and asks the bundled problems for the same answers.
//!
//! The thresholds are global, so that this runs alone: `cargo test --all-features --lib tuned::sweep -- --ignored --test-threads=1`.

use super::Tuned;
use crate::constraints::{Block, BlockWeight, Constraints};
use crate::io::{mps, sdpa};
use crate::ipm::Settings;
use crate::problem::generators::{binary_quadratic, lovasz_theta, random_graph, random_quadratic};
use crate::problem::{ConicProgram, Limits, LinearProgram, SemidefiniteProgram, Sense};
use crate::projection::{
    Auto, BaseLowRank, Complement, Direct, Goal, Iterative, Kronecker, Projection, Recompute,
    direct,
};
use crate::solver::{Engine, LinearSolver, Solver};
use crate::transport::{
    CostFn, ExactSettings, Finish, Marginals, SinkhornSettings, exact, sinkhorn, unobserved,
};
use faer::Mat;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Every area's thresholds, and the problems that they can influence.
const AREAS: &[(&[&Tuned], &[Problems])] = &[
    (crate::ipm::params::ALL, &[semidefinite, linear]),
    (crate::solver::params::ALL, &[semidefinite, linear]),
    (
        crate::constraints::independence::params::ALL,
        &[semidefinite, linear, updates],
    ),
    (
        crate::problem::linear::presolve::params::ALL,
        &[linear, presolve],
    ),
    (
        crate::problem::reduction::params::ALL,
        &[semidefinite, linear],
    ),
    (crate::projection::params::ALL, &[semidefinite, updates]),
    (direct::params::ALL, &[semidefinite, linear, updates]),
    (crate::transport::params::ALL, &[transport]),
];

/// What a problem was answered with.
#[derive(Debug, Clone)]
struct Answer {
    problem: String,
    status: String,
    /// NaN where the status is an infeasibility.
    objective: f64,
    /// Relative difference of objectives that counts as the same.
    tolerance: f64,
}

impl Answer {
    fn new(problem: impl Into<String>, status: impl Debug, objective: f64) -> Self {
        Self {
            problem: problem.into(),
            status: format!("{status:?}"),
            objective,
            tolerance: 1e-6,
        }
    }

    fn differs(&self, other: &Self) -> bool {
        let off = (self.objective - other.objective).abs() / self.objective.abs();
        let both_infeasible = self.objective.is_nan() && other.objective.is_nan();
        self.status != other.status || (off.is_nan() || off > self.tolerance) && !both_infeasible
    }
}

type Problems = fn() -> Vec<Answer>;

fn bundled(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn engine(name: &str) -> Option<Engine> {
    match name {
        "direct" => Some(Box::new(|a| {
            let settings = direct::Settings::for_solvers();
            Ok(Box::new(Direct::with_settings(Arc::clone(a), settings)?))
        })),
        "iterative" => Some(Box::new(|a| Ok(Box::new(Iterative::new(Arc::clone(a))?)))),
        _ => None,
    }
}

fn conic(name: &str, program: &SemidefiniteProgram, by: &str) -> Answer {
    let program: ConicProgram = program.conic().clone();
    let solver = match engine(by) {
        Some(engine) => Solver::with_engine(program, Settings::default(), engine),
        None => Solver::new(program, Settings::default()),
    };
    let found = solver.unwrap().solve(&mut |_| ControlFlow::Continue(()));
    let found = found.unwrap_or_else(|e| panic!("{name}: {e}"));
    Answer::new(
        format!("{name} by {by}"),
        found.status,
        found.primal_objective,
    )
}

/// Bundled and generated semidefinite programs, small ones by every engine that solves them to full accuracy.
fn semidefinite() -> Vec<Answer> {
    let mut out = vec![];
    for (name, engines) in [
        ("karate_maxcut", &["auto", "direct", "iterative"][..]),
        ("karate_theta", &["auto", "direct", "iterative"]),
        ("published/truss1", &["auto", "direct", "iterative"]),
        ("published/control1", &["auto"]),
        ("published/theta1", &["auto", "iterative"]),
        ("published/mcp100", &["auto"]),
        ("published/qap6", &["auto"]),
    ] {
        let program = sdpa::read(&bundled(&format!("{name}.dat-s"))[..]).unwrap();
        out.extend(engines.iter().map(|by| conic(name, &program, by)));
    }
    let edges = random_graph(24, 120, 1.into()).unwrap();
    let theta = lovasz_theta(24, &edges).unwrap();
    let quadratic = binary_quadratic(30, &random_quadratic(30, 0.1, 1.into()).unwrap()).unwrap();
    out.push(conic("random theta", &theta, "auto"));
    out.push(conic("binary quadratic", &quadratic, "auto"));
    out
}

/// An assignment program of order `n`: degenerate, with dependent rows, optimum known to be integral.
fn assignment(n: usize) -> LinearProgram {
    let mut program = LinearProgram::new(Sense::Minimise);
    for k in 0..n * n {
        let cost = (0.618_034 * (k * k) as f64).fract();
        program
            .add_variable(format!("x{k}"), cost, Limits::NONNEGATIVE)
            .unwrap();
    }
    let one = Limits::fixed(1.0).unwrap();
    for i in 0..n {
        let row: Vec<_> = (0..n).map(|j| (i * n + j, 1.0)).collect();
        let column: Vec<_> = (0..n).map(|j| (j * n + i, 1.0)).collect();
        program.add_row(format!("r{i}"), one, &row).unwrap();
        program.add_row(format!("c{i}"), one, &column).unwrap();
    }
    program
}

/// Bundled and generated linear programs, infeasible ones among them.
fn linear() -> Vec<Answer> {
    let mut programs = vec![("assignment".to_string(), assignment(12))];
    for name in [
        "blending",
        "published/afiro",
        "published/sc105",
        "published/kb2",
        "published/galenet",
        "published/klein1",
    ] {
        let program = mps::read(&bundled(&format!("{name}.mps"))[..]).unwrap();
        programs.push((name.to_string(), program));
    }
    let solve = |(name, program): (String, LinearProgram)| {
        let mut solver = LinearSolver::new(program, Settings::default()).unwrap();
        let found = solver.solve(&mut |_| ControlFlow::Continue(()));
        let found = found.unwrap_or_else(|e| panic!("{name}: {e}"));
        let infeasible = found.certificate.is_some();
        let objective = if infeasible {
            f64::NAN
        } else {
            found.primal_objective
        };
        Answer::new(name, found.status, objective)
    };
    programs.into_iter().map(solve).collect()
}

/// What presolve leaves of programs that all its reductions apply to, and which infeasibilities it proves.
fn presolve() -> Vec<Answer> {
    let found = crate::problem::linear::presolve::params::tests::found();
    let answer = |left| Answer::new("presolve", left, 1.0);
    found.into_iter().map(answer).collect()
}

/// Answers of the engines along a script of weights, against those of [`Recompute`].
fn updates() -> Vec<Answer> {
    const ORDER: usize = 9;
    const STEPS: usize = 18;
    let blocks = [Block::Psd(ORDER), Block::Nonneg(7)];
    let rows = Arc::new(Constraints::independent(16, &blocks, 4, 3.into()).unwrap());
    let wave = |k: usize, t: usize| ((k * k + 3 * k + 1) as f64 * 0.37 + t as f64).sin();
    // A few directions come and go: changes of low rank, and every sixth one a change of everything.
    let weight = |t: usize| {
        let scale = 1.0 + 0.3 * (t / 6) as f64;
        let far = 10f64.powi((t / 9) as i32);
        let psd = Mat::from_fn(ORDER, ORDER, |i, j| {
            let fixed = if i == j { scale } else { 0.0 };
            let moving: f64 = (t..t + 3).map(|s| wave(i, s) * wave(j, s)).sum();
            fixed + 0.2 * far * moving
        });
        let nonneg: Vec<f64> = (0..7).map(|k| far * (1.2 + wave(k, t % 5))).collect();
        (psd, nonneg)
    };
    let engines: Vec<(&str, Box<dyn Projection>)> = vec![
        ("Auto", Box::new(Auto::new(rows.clone()).unwrap())),
        ("Direct", Box::new(Direct::new(rows.clone()).unwrap())),
        ("Iterative", Box::new(Iterative::new(rows.clone()).unwrap())),
        ("Kronecker", Box::new(Kronecker::new(rows.clone()).unwrap())),
        (
            "BaseLowRank",
            Box::new(BaseLowRank::new(rows.clone()).unwrap()),
        ),
        (
            "Complement",
            Box::new(Complement::new(rows.clone()).unwrap()),
        ),
    ];
    let shape = (rows.len(), rows.ambient());
    let h = Mat::from_fn(shape.1, 1, |i, _| wave(i, 5));
    let mut oracle = Recompute::new(rows.clone()).unwrap();

    let follow = |p: &mut dyn Projection| -> Vec<Mat<f64>> {
        let step = |t: usize| {
            let (psd, nonneg) = weight(t);
            p.update(&[BlockWeight::Psd(psd.as_ref()), BlockWeight::Nonneg(&nonneg)])
                .unwrap();
            let (mut y, mut ph) = (Mat::zeros(shape.0, 1), Mat::zeros(shape.1, 1));
            let goal = Goal::Residual(1e-9);
            p.query(h.as_ref(), goal, y.as_mut(), ph.as_mut()).unwrap();
            ph
        };
        (0..STEPS).map(step).collect()
    };
    let expected = follow(&mut oracle);
    let norm: f64 = expected.iter().map(|ph| ph.norm_l2()).sum();
    let compared = |(name, mut engine): (&str, Box<dyn Projection>)| {
        let found = follow(engine.as_mut());
        let off = found
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).norm_l2() / b.norm_l2());
        let worst = off.fold(0.0, f64::max);
        Answer::new(format!("updates of {name}"), worst <= 1e-7, norm)
    };
    engines.into_iter().map(compared).collect()
}

/// Exact transport by both finishes, once large enough for a coarser level, and the plan of Sinkhorn's algorithm.
fn transport() -> Vec<Answer> {
    let place = |k: usize, a: f64| (k as f64 * a).fract();
    let cost = |m, n| {
        CostFn::new(m, n, move |i, j| {
            (place(i, 0.618_034) - place(j, 0.414_214)).powi(2)
                + (place(i, 0.754_878) - place(j, 0.569_840)).powi(2)
        })
    };
    let large = Marginals::uniform(&[840, 820]).unwrap();
    let small = Marginals::uniform(&[60, 50]).unwrap();
    let mut settings = ExactSettings::default();
    let simplex = exact(&cost(840, 820), &large, &settings, None, &mut unobserved).unwrap();
    settings.finish = Finish::InteriorPoint;
    let interior = exact(&cost(60, 50), &small, &settings, None, &mut unobserved).unwrap();
    let rough = sinkhorn(&cost(60, 50), &small, &SinkhornSettings::default()).unwrap();
    let finished = (interior.status, interior.interior_failure.is_none());
    vec![
        Answer::new(
            "exact transport, simplex",
            simplex.status,
            simplex.objective,
        ),
        Answer::new(
            "exact transport, interior point",
            finished,
            interior.objective,
        ),
        Answer {
            // The algorithm ends within a tolerance of its own.
            tolerance: 1e-3,
            ..Answer::new("Sinkhorn", rough.status, rough.value)
        },
    ]
}

/// The answers of problems that were solved before a threshold moved: each set of problems once.
struct Plain(Vec<(Problems, Vec<Answer>)>);

impl Plain {
    fn get(&mut self, problems: Problems) -> &[Answer] {
        let found = self
            .0
            .iter()
            .position(|(p, _)| std::ptr::fn_addr_eq(*p, problems));
        let at = found.unwrap_or_else(|| {
            self.0.push((problems, problems()));
            self.0.len() - 1
        });
        &self.0[at].1
    }
}

#[test]
#[ignore = "minutes, and alone in its process: .ci/run runs it"]
fn every_threshold_can_move_across_its_interval() {
    let mut plain = Plain(vec![]);
    let mut wrong = vec![];
    for (thresholds, sets) in AREAS {
        for threshold in *thresholds {
            for &problems in *sets {
                let expected = plain.get(problems);
                for end in threshold.interval {
                    threshold.set(Some(end));
                    let found = std::panic::catch_unwind(problems);
                    threshold.set(None);
                    let name = threshold.name;
                    let Ok(found) = found else {
                        wrong.push(format!("{name} at {end:e} panicked"));
                        continue;
                    };
                    for (expected, found) in expected.iter().zip(&found) {
                        if expected.differs(found) {
                            wrong.push(format!(
                                "{name} at {end:e}: {} is {} {:.9e} instead of {} {:.9e}",
                                found.problem,
                                found.status,
                                found.objective,
                                expected.status,
                                expected.objective
                            ));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The comparison would find a change of status or of objective.
#[test]
fn answers_are_told_apart() {
    let solved = Answer::new("a", "Solved", 10.0);
    let infeasible = Answer::new("a", "PrimalInfeasible", f64::NAN);
    assert!(!solved.differs(&Answer::new("a", "Solved", 10.0 + 1e-6)));
    assert!(solved.differs(&Answer::new("a", "Solved", 10.0 + 1e-4)));
    assert!(solved.differs(&Answer::new("a", "Solved", f64::NAN)));
    assert!(solved.differs(&Answer::new("a", "AlmostSolved", 10.0)));
    assert!(solved.differs(&infeasible) && infeasible.differs(&solved));
    assert!(!infeasible.differs(&infeasible));
}

/// The sweep says nothing if the problems are not answered to begin with.
#[test]
fn every_problem_is_answered() {
    for answer in [semidefinite as Problems, linear, updates, transport]
        .into_iter()
        .flat_map(|f| f())
    {
        let rough = answer.problem == "Sinkhorn" && answer.status == "AlmostSolved";
        let solved = answer.status.contains("Solved") && !answer.status.contains("Almost");
        let infeasible = answer.objective.is_nan() && answer.status == "PrimalInfeasible";
        let followed = answer.problem.starts_with("updates") && answer.status == "true";
        assert!(rough || solved || infeasible || followed, "{answer:?}");
    }
}
