//! Every attempt of a solve can be read in its solution: what was tried, in which order, and how it ended.

use dyncvx::constraints::Constraints;
use dyncvx::io::{mps, sdpa};
use dyncvx::ipm::{Ended, Iteration, Method, Pass, Solution, Start, Step};
use dyncvx::problem::{ConicProgram, SemidefiniteProgram};
use dyncvx::solver::{Engine, solve_with};
use dyncvx::{Block, Error, LinearSolver, Settings, Solver, Status};
use std::ops::ControlFlow;

fn published(name: &str) -> SemidefiniteProgram {
    let path = format!(
        "{}/tests/data/published/{name}.dat-s",
        env!("CARGO_MANIFEST_DIR")
    );
    sdpa::read(&std::fs::read(&path).unwrap()[..]).unwrap()
}

fn names(found: &Solution) -> Vec<String> {
    let records = found.attempts.iter();
    records.map(|r| r.attempt.to_string()).collect()
}

/// The least of three numbers of sum 1, of which one costs something.
fn simplex() -> ConicProgram {
    let blocks = [Block::Nonneg(3)];
    let mut a = Constraints::builder(1, &blocks).unwrap();
    for k in 0..3 {
        a.entry(0, 0, k, k, 1.0).unwrap();
    }
    let mut c = Constraints::builder(1, &blocks).unwrap();
    c.entry(0, 0, 1, 1, 1.0).unwrap();
    ConicProgram::new(a.build().unwrap(), vec![1.0], c.build().unwrap()).unwrap()
}

/// Solves, and checks that the observer saw each run under the name that the solution lists.
fn watched(solver: &mut Solver) -> Solution {
    let mut seen: Vec<(String, usize)> = vec![];
    let mut watch = |it: &Iteration| {
        let name = it.attempt.to_string();
        match seen.last_mut() {
            Some((last, iterations)) if *last == name && it.iteration > *iterations => {
                *iterations = it.iteration;
            }
            _ => seen.push((name, it.iteration)),
        }
        ControlFlow::Continue(())
    };
    let found = solver.solve(&mut watch).unwrap();
    let runs = found.attempts.iter();
    let listed: Vec<(String, usize)> = runs
        .filter(|r| r.attempt.step != Step::Restore)
        .map(|r| (r.attempt.to_string(), r.iterations))
        .collect();
    assert_eq!(seen, listed);
    let total: usize = found.attempts.iter().map(|r| r.iterations).sum();
    assert_eq!(found.iterations, total);
    found
}

#[test]
fn one_run_is_one_attempt() {
    let program = published("truss1");
    let mut solver = Solver::new(program.conic().clone(), Settings::default()).unwrap();
    let found = watched(&mut solver);
    assert_eq!(names(&found), ["hkm"]);
    assert_eq!(found.ended, Ended::Converged);
    assert_eq!(found.attempts[0].ended, found.ended);
}

/// `qap6` has no interior: a run gives up, its points cannot be restored, the face that holds them is found and solved on.
#[test]
fn a_face_shows_among_the_attempts() {
    let program = published("qap6");
    let mut solver = Solver::new(program.conic().clone(), Settings::default()).unwrap();
    let found = watched(&mut solver);
    assert_eq!(found.status, Status::Solved);
    assert_eq!(found.ended, Ended::Converged);
    let names = names(&found);
    assert_eq!(names[0], "hkm");
    assert!(found.attempts[0].ended.gave_up());
    let at = |name: &str| names.iter().position(|n| n == name);
    let (search, face) = (at("face1/search/hkm"), at("face1/hkm"));
    assert!(search.is_some() && search < face, "{names:?}");
}

/// Postsolve brings errors: the second pass is to sharper tolerances.
#[test]
fn sharper_tolerances_show_among_the_attempts() {
    let file = "NAME fz\nROWS\n N obj\n L r0\nCOLUMNS\n x0 obj 9\n x0 r0 3\n x1 obj 12\n x1 r0 4\nRANGES\n RNG r0 -2\n\
                BOUNDS\n MI B x0\n UP B x0 10000\n MI B x1\n UP B x1 10000\nENDATA\n";
    let program = mps::read(file.as_bytes()).unwrap();
    let mut solver = LinearSolver::new(program, Settings::default()).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    let passes: Vec<Pass> = found.attempts.iter().map(|r| r.attempt.pass).collect();
    assert_eq!(passes[0], Pass::First, "{passes:?}");
    assert!(passes.contains(&Pass::Tightened), "{passes:?}");
    let total: usize = found.attempts.iter().map(|r| r.iterations).sum();
    assert_eq!(found.iterations, total);
}

/// A warm pass without an answer is followed by a cold one, and the names say so.
#[test]
fn a_cold_pass_shows_after_a_warm_one() {
    let program = simplex();
    let a = program.constraints().clone();
    let mut engine = failing::Failing::new(a, 1);
    let start = Start {
        x: vec![1.0 / 3.0; 3],
        y: vec![-1.0],
        s: vec![1.0, 2.0, 1.0],
    };
    let go = &mut |_: &Iteration| ControlFlow::Continue(());
    let found = solve_with(
        &program,
        &mut engine,
        &Settings::default(),
        Some(&start),
        go,
    )
    .unwrap();
    let names = names(&found);
    assert_eq!(names[0], "warm/linear", "{names:?}");
    assert!(names.contains(&"cold/linear".to_string()), "{names:?}");
}

/// An engine that fails in the middle: the status says that there was trouble, the attempt what it was.
#[test]
fn the_cause_of_a_failure_is_kept() {
    let program = simplex();
    let engine: Engine = Box::new(|a| Ok(Box::new(failing::Failing::new(a.clone(), 3))));
    let mut solver = Solver::with_engine(program, Settings::default(), engine).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    assert!(found.status.is_inconclusive(), "{:?}", found.status);
    let failed = |r: &&dyncvx::ipm::AttemptRecord| {
        r.ended.cause()
            == Some(&Error::NoConvergence {
                what: "test engine",
            })
    };
    assert!(
        found.attempts.iter().any(|r| failed(&r)),
        "{:?}",
        found.attempts
    );
    assert_eq!(found.attempts[0].attempt.step, Step::Run(Method::Linear));
}

mod failing {
    use dyncvx::constraints::{BlockWeight, Constraints, WeightForm, Weighted};
    use dyncvx::projection::{Accuracy, Goal, Projection, Recompute, Refresh, Shape, Support};
    use dyncvx::{Error, Result};
    use faer::MatMut;
    use std::sync::Arc;

    /// Answers until its updates are used up.
    pub(super) struct Failing {
        inner: Recompute,
        left: usize,
    }

    impl Failing {
        pub(super) fn new(a: Arc<Constraints>, left: usize) -> Self {
            Self {
                inner: Recompute::new(a).unwrap(),
                left,
            }
        }
    }

    impl Projection for Failing {
        fn shape(&self) -> Shape {
            self.inner.shape()
        }

        fn supports(&self, form: WeightForm) -> Support {
            self.inner.supports(form)
        }

        fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
            if self.left == 0 {
                return Err(Error::NoConvergence {
                    what: "test engine",
                });
            }
            self.left -= 1;
            self.inner.update(weight)
        }

        fn operator(&mut self, goal: Goal) -> Result<&mut Weighted> {
            self.inner.operator(goal)
        }

        fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
            self.inner.solve(rhs, goal)
        }
    }
}
