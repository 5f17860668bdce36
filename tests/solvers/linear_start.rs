//! Points of linear programs on their way into the conic form, and solves that begin from them.

use dyncvx::Error;
use dyncvx::ipm::{Settings, Status};
use dyncvx::problem::{Limits, LinearProgram, LinearSolution, Sense};
use dyncvx::solver::{LinearOutcome, LinearSolver};
use dyncvx::transport::{CostFn, ExactSettings, Marginals, exact, linear_program, unobserved};
use std::ops::ControlFlow;

/// Variables and rows with limits of every kind; feasible at `x = 0.5`, bounded by limits or by costs.
fn program(seed: usize) -> LinearProgram {
    let sense = [Sense::Minimise, Sense::Maximise][seed % 2];
    let sign = [1.0, -1.0][seed % 2];
    let mut program = LinearProgram::new(sense);
    let noise = |k: usize| ((k * k * 31 + k * 17 + seed * 101) % 97) as f64 / 97.0;
    for j in 0..12 {
        let (limits, cost) = match j % 5 {
            0 => (Limits::NONNEGATIVE, sign * (0.2 + noise(j))),
            1 => (Limits::new(-1.0, 1.0 + noise(j)).unwrap(), noise(j) - 0.5),
            2 => (Limits::at_most(2.0).unwrap(), -sign * (0.2 + noise(j))),
            3 => (Limits::new(-3.0, 1.0).unwrap(), 0.7 - noise(j)),
            _ => (Limits::fixed(0.5).unwrap(), 1.0),
        };
        program.add_variable(format!("x{j}"), cost, limits).unwrap();
    }
    for i in 0..7 {
        let row: Vec<(usize, f64)> = (0..12)
            .filter(|j| !(i * 5 + j * 3 + seed).is_multiple_of(4))
            .map(|j| (j, 2.0 * noise(i * 12 + j) - 0.8))
            .collect();
        let at: f64 = row.iter().map(|(_, v)| 0.5 * v).sum();
        let limits = match (i + seed) % 4 {
            0 => Limits::fixed(at),
            1 => Limits::at_least(at - 0.3),
            2 => Limits::at_most(at + 0.2),
            _ => Limits::new(at - 1.0, at + 0.4),
        };
        program
            .add_row(format!("r{i}"), limits.unwrap(), &row)
            .unwrap();
    }
    program
}

fn solve(program: &LinearProgram, start: Option<&LinearSolution>) -> dyncvx::Result<LinearOutcome> {
    let mut solver = LinearSolver::new(program.clone(), Settings::default())?;
    if let Some(start) = start {
        solver.warm_start(start.clone())?;
    }
    solver.solve(&mut |_| ControlFlow::Continue(()))
}

#[test]
fn an_optimum_becomes_one_of_the_conic_form() {
    for seed in 0..40 {
        let program = program(seed);
        let found = solve(&program, None).unwrap();
        assert_eq!(found.status, Status::Solved, "seed {seed}");
        let form = program.conic().unwrap();
        let [x, y, s] = form.point(&found.point).unwrap();
        let (conic, a) = (form.conic(), form.conic().constraints());
        let mut ax = vec![0.0; a.len()];
        a.apply(&x, &mut ax).unwrap();
        for (ax, b) in ax.iter().zip(conic.rhs()) {
            assert!((ax - b).abs() < 1e-6, "seed {seed}: {ax} {b}");
        }
        let (mut c, mut aty) = (vec![0.0; a.ambient()], vec![0.0; a.ambient()]);
        conic.cost().adjoint(&[1.0], &mut c).unwrap();
        a.adjoint(&y, &mut aty).unwrap();
        for k in 0..x.len() {
            assert!((c[k] - aty[k] - s[k]).abs() < 1e-14 * (1.0 + c[k].abs() + aty[k].abs()));
            assert!(
                x[k] > -1e-6 && s[k] > -1e-6,
                "seed {seed}: {} {}",
                x[k],
                s[k]
            );
            assert!((x[k] * s[k]).abs() < 1e-5, "seed {seed}: {} {}", x[k], s[k]);
        }
        let back = form.recover(&x, &y, &s).unwrap();
        for (a, b) in back.x.iter().zip(&found.point.x) {
            assert!((a - b).abs() < 1e-12);
        }
        assert_eq!(back.row_duals.len(), found.point.row_duals.len());
        let again = solve(&program, Some(&found.point)).unwrap();
        assert_eq!(again.status, Status::Solved);
        assert!((again.primal_objective - found.primal_objective).abs() < 1e-6);
    }
}

#[test]
fn an_optimum_to_begin_from_saves_iterations() {
    let cost = CostFn::new(20, 25, |i, j| {
        ((i as f64 / 20.0 - j as f64 / 25.0) * 3.0).sin().powi(2) + 0.1 * ((i * j) % 7) as f64
    });
    let marginals = Marginals::uniform(&[20, 25]).unwrap();
    let program = linear_program(&cost, &marginals).unwrap();
    let answer = exact(
        &cost,
        &marginals,
        &ExactSettings::default(),
        None,
        &mut unobserved,
    )
    .unwrap();
    let start = answer.linear_solution(&cost, &marginals).unwrap();
    // It is the optimum of the linear program.
    let errors = program
        .errors(&start.x, &start.row_duals, &start.reduced_costs)
        .unwrap();
    assert!(errors.iter().all(|e| *e < 1e-10), "{errors:?}");
    let (cold, warm) = (
        solve(&program, None).unwrap(),
        solve(&program, Some(&start)).unwrap(),
    );
    assert_eq!((cold.status, warm.status), (Status::Solved, Status::Solved));
    assert!((warm.primal_objective - answer.objective).abs() < 1e-7);
    assert!(
        2 * warm.iterations <= cold.iterations,
        "{} {}",
        warm.iterations,
        cold.iterations
    );
}

#[test]
fn starts_that_do_not_fit_are_refused() {
    let program = program(0);
    let good = solve(&program, None).unwrap().point;
    let refused = |change: &dyn Fn(&mut LinearSolution)| {
        let mut point = good.clone();
        change(&mut point);
        solve(&program, Some(&point)).map(|_| ()).unwrap_err()
    };
    assert!(matches!(refused(&|p| p.x.truncate(3)), Error::Shape { .. }));
    assert!(matches!(
        refused(&|p| p.row_duals.push(0.0)),
        Error::Shape { .. }
    ));
    assert!(matches!(
        refused(&|p| p.x[2] = f64::NAN),
        Error::NonFinite { index: 2, .. }
    ));
    assert!(matches!(
        refused(&|p| p.row_duals[1] = f64::INFINITY),
        Error::NonFinite { index: 1, .. }
    ));
}
