//! Constraints, conic and linear programs, and their parts.

use super::{linear, lists, program, rows};
use crate::{BAD, refused, survives};
use dyncvx::constraints::{Block, Constraints};
use dyncvx::ipm::{self, Settings, Solution, Start};
use dyncvx::problem::generators::{self, Recipe};
use dyncvx::problem::{ConicProgram, Limits, LinearSolution, Reduced, SemidefiniteProgram};
use dyncvx::projection::Direct;
use dyncvx::{LinearSolver, Solver};
use std::ops::ControlFlow;

#[test]
fn constraints() {
    refused("no blocks", || {
        Constraints::independent(1, &[], 1, 1.into())
    });
    refused("order 0", || Constraints::builder(1, &[Block::Psd(0)]));
    let _ = survives("no rows, no blocks", || {
        Constraints::builder(0, &[])?.build()
    });
    for list in lists() {
        let _ = survives(&format!("apply {list:?}"), move || {
            let a = rows();
            for (x, y) in [(2, 6), (6, 2), (0, 0)] {
                let (mut x, mut y) = (vec![0.0; x], vec![0.0; y]);
                let _ = a.apply(&list, &mut x);
                let _ = a.adjoint(&list, &mut y);
                let _ = a.apply(&x, &mut y);
                let _ = a.adjoint(&x, &mut y);
            }
            let _ = a.with_values(&list);
            let _ = ConicProgram::new(a.clone(), list.clone(), a.clone());
            let none = Constraints::builder(1, a.blocks())?.build()?;
            let _ = ConicProgram::new(a.clone(), list.clone(), none.clone());
            let other = Constraints::builder(1, &[Block::Psd(1)])?.build()?;
            let _ = ConicProgram::new(a.clone(), list.clone(), other.clone());
            let _ = SemidefiniteProgram::new(list.clone(), a.clone(), none);
            let _ = SemidefiniteProgram::new(list, a, other);
            Ok(())
        });
    }
    for index in [2, 6, usize::MAX] {
        refused("entry", move || {
            let mut builder = Constraints::builder(2, &[Block::Psd(2), Block::Nonneg(2)])?;
            for at in [
                [index, 0, 0, 0],
                [0, index, 0, 0],
                [0, 0, index, 0],
                [0, 1, 0, index],
            ] {
                assert!(builder.entry(at[0], at[1], at[2], at[3], 1.0).is_err());
            }
            let _ = survives("range", move || Ok(rows().range(index)));
            builder.entry(0, 0, 0, 0, f64::NAN).map(|_| ())
        });
    }
}

#[test]
fn problems_and_their_parts() {
    for list in lists() {
        let _ = survives(&format!("reduced {list:?}"), move || {
            let reduced = Reduced::new(&program())?;
            let _ = reduced.restrict(&list, &list, &list);
            let _ = reduced.primal(&list);
            let _ = reduced.multipliers(&list);
            let _ = reduced.slack(&list);
            let _ = ipm::dimacs(&program(), &list, &list, &list);
            let start = || Start {
                x: list.clone(),
                y: list.clone(),
                s: list.clone(),
            };
            let mut solver = Solver::new(program(), Settings::default())?;
            let _ = solver.set_rhs(&list);
            let _ = solver.set_values(&list);
            let _ = solver.warm_start(start());
            let found = solver.solve(&mut |_| ControlFlow::Continue(()));
            let mut engine = Direct::new(program().constraints().clone())?;
            let _ = ipm::solve_from(
                &program(),
                &mut engine,
                &Settings::default(),
                &start(),
                &mut |_| ControlFlow::Continue(()),
            );
            found.map(|_| ())
        });
    }
    let _ = survives("an answer to another problem", || {
        let found = Solver::new(program(), Settings::default())?
            .solve(&mut |_| ControlFlow::Continue(()))?;
        let other = Recipe::new(3, &[Block::Psd(4)])
            .known_optimum(1.into())?
            .program;
        let _ = found.objective_error(&other);
        let _ = found.factor(other.constraints().blocks(), 0);
        let _ = found.factor(program().constraints().blocks(), 7);
        let _ = found.factor(program().constraints().blocks(), usize::MAX);
        let solver = Solver::new(other.clone(), Settings::default())?;
        let _ = solver.ranks(&found);
        let broken = |f: fn(&mut Solution)| {
            let mut found = found.clone();
            f(&mut found);
            let _ = found.objective_error(&program());
            let _ = found.factor(program().constraints().blocks(), 0);
            let _ = dyncvx::verify::conic(&program(), &found);
        };
        broken(|s| s.x.clear());
        broken(|s| s.y.clear());
        broken(|s| s.s.clear());
        broken(|s| s.x.fill(f64::NAN));
        broken(|s| s.y.fill(f64::INFINITY));
        broken(|s| s.s.fill(f64::MAX));
        let _ = dyncvx::verify::conic(&other, &found);
        Ok(())
    });
    for v in BAD {
        for (density, seed) in [(v, 1u64), (0.5, 2)] {
            let _ = survives(&format!("quadratic {v}"), move || {
                let q = generators::random_quadratic(3, density, seed.into())?;
                let _ = generators::binary_quadratic(3, &[(0, 1, v), (0, 1, v), (1, 1, v)]);
                let _ = generators::max_cut(3, &[(0, 1, v)]);
                let _ = generators::max_cut_with_triangles(3, &[(0, 1, v)], &[]);
                Ok(q)
            });
        }
    }
    for n in [0, 1, 2] {
        let _ = survives(&format!("generators of size {n}"), move || {
            let seed = || 1.into();
            let _ = generators::lovasz_theta(n, &[]);
            let _ = generators::max_cut(n, &[]);
            let _ = generators::localisation(n, 3, seed());
            let _ = generators::matrix_completion((n, n), n, n, seed());
            let _ = generators::transportation(n, n, seed());
            let _ = generators::tomography(n as u32, n, n, seed());
            let _ = generators::random_quadratic(n, 1.0, seed());
            let _ = generators::hamming_graph(n as u32, &[]);
            let _ = generators::hamming_graph(n as u32, &[0, 1, 1, 9]);
            let _ = generators::hamming_lovasz_number(n as u32, 0);
            let _ = generators::random_graph(n, n, seed());
            let recipe = Recipe::new(n, &[]);
            let _ = recipe.known_optimum(seed());
            let _ = recipe.primal_infeasible(seed());
            let _ = recipe.dual_infeasible(seed());
            let recipe = Recipe::new(n, &[Block::Nonneg(1)]);
            let _ = recipe.known_optimum(seed());
            let _ = recipe.primal_infeasible(seed());
            let _ = recipe.dual_infeasible(seed());
            Ok(())
        });
    }
}

#[test]
fn linear_programs() {
    for a in BAD {
        for b in BAD {
            let _ = survives(&format!("limits {a} {b}"), move || {
                let limits = Limits::new(a, b)?;
                let _ = (limits.violation(a), limits.violation(f64::NAN));
                let mut program = linear();
                let _ = program.set_constant(a);
                let _ = program.add_variable("z", a, limits);
                let _ = program.add_row("s", limits, &[(0, a), (1, b)]);
                let _ = program.add_row("t", limits, &[(0, 1.0), (0, 1.0)]);
                let _ = program.add_row("u", limits, &[(usize::MAX, 1.0)]);
                let _ = program.add_row("v", limits, &[]);
                LinearSolver::new(program, Settings::default())?
                    .solve(&mut |_| ControlFlow::Continue(()))
            });
        }
    }
    for list in lists() {
        let _ = survives(&format!("linear {list:?}"), move || {
            let program = linear();
            let _ = program.activities(&list);
            let _ = program.objective(&list);
            let _ = program.reduced_costs(&list);
            let _ = program.dual_objective(&list, &list);
            let _ = program.errors(&list, &list, &list);
            let _ = program.primal_certificate(&list);
            let _ = program.dual_certificate(&list);
            let point = LinearSolution {
                x: list.clone(),
                activities: list.clone(),
                row_duals: list.clone(),
                reduced_costs: list.clone(),
            };
            let form = program.conic()?;
            let _ = form.recover(&list, &list, &list);
            let _ = form.direction(&list);
            let _ = form.multipliers(&list);
            let _ = form.point(&point);
            let presolved = program.presolve()?;
            if let dyncvx::problem::Presolved::Reduced(p) = presolved {
                let _ = p.restore(&point);
                let _ = p.restrict(&point);
                let _ = p.restore_multipliers(&list);
                let _ = p.restore_direction(&list);
            }
            let mut solver = LinearSolver::new(program, Settings::default())?;
            let _ = solver.warm_start(point);
            solver.solve(&mut |_| ControlFlow::Continue(())).map(|_| ())
        });
    }
    for i in [1, usize::MAX] {
        let _ = survives("a row that is not there", move || {
            Ok(linear().row(i).count())
        });
    }
}
