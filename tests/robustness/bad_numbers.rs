//! NaN, infinities, empty lists and arguments that do not fit.

use crate::{ABSURD, BAD, refused, survives};
use dyncvx::adversary::{self, Answer, FromFn, GaussianCopies, Structure, Target};
use dyncvx::constraints::{Basis, Block, BlockWeight, Constraints};
use dyncvx::faer::{ColRef, Mat};
use dyncvx::ipm::{self, Settings, Solution, Start, short_step};
use dyncvx::privacy::{Accountant, calibrated, theory};
use dyncvx::privacy::{Charge, Composition, Demand, Grid, Plan, PrivateMedian, Release};
use dyncvx::problem::generators::{self, Recipe};
use dyncvx::problem::{
    ConicProgram, Limits, LinearProgram, LinearSolution, Reduced, SemidefiniteProgram, Sense,
};
use dyncvx::projection::{
    Auto, BaseLowRank, Bipartite, Complement, Direct, Goal, Iterative, Kronecker, Projection,
    Recompute, Robust, Sketched, base_low_rank, kronecker, lazy, robust, sketched,
};
use dyncvx::sketch::{Address, Base, Distribution, Family, Place, Side};
use dyncvx::{Error, LinearSolver, Result, Solver};
use std::ops::ControlFlow;

/// Two rows on a block of order 2 and one of two numbers.
fn rows() -> Constraints {
    let blocks = [Block::Psd(2), Block::Nonneg(2)];
    Constraints::independent(2, &blocks, 2, 1.into()).unwrap()
}

fn program() -> ConicProgram {
    let recipe = Recipe::new(2, &[Block::Psd(2), Block::Nonneg(2)]);
    recipe.known_optimum(1.into()).unwrap().program
}

/// Lists that fit nothing.
fn lists() -> Vec<Vec<f64>> {
    let mut lists = vec![vec![], vec![1.0], vec![1.0; 1000]];
    lists.extend(BAD.map(|v| vec![v]));
    lists.extend(BAD.map(|v| vec![v; 6]));
    lists.extend(BAD.map(|v| vec![v; 2]));
    lists
}

#[test]
fn settings_of_solvers() {
    for v in BAD {
        let mut changed: Vec<Settings> = vec![Settings::with_tolerance(v)];
        let fields: [fn(&mut Settings) -> &mut f64; 7] = [
            |s| &mut s.time_limit,
            |s| &mut s.tol_gap_rel,
            |s| &mut s.tol_gap_abs,
            |s| &mut s.tol_feas,
            |s| &mut s.tol_infeas,
            |s| &mut s.slack,
            |s| &mut s.tol_almost,
        ];
        for field in fields {
            let mut settings = Settings::default();
            *field(&mut settings) = v;
            changed.push(settings);
        }
        for settings in changed {
            let _ = survives(&format!("{settings:?}"), move || {
                Solver::new(program(), settings.clone())?
                    .solve(&mut |_| ControlFlow::Continue(()))?;
                LinearSolver::new(linear(), settings)?.solve(&mut |_| ControlFlow::Continue(()))
            });
        }
        let fields: [fn(&mut short_step::Settings) -> &mut f64; 9] = [
            |s| &mut s.reduction,
            |s| &mut s.centring,
            |s| &mut s.radius,
            |s| &mut s.drift,
            |s| &mut s.start_gap,
            |s| &mut s.tol_gap_rel,
            |s| &mut s.tol_feas,
            |s| &mut s.stale_tol,
            |s| &mut s.time_limit,
        ];
        for (k, field) in fields.into_iter().enumerate() {
            let _ = survives(&format!("short step, field {k}, {v}"), move || {
                let mut settings = short_step::Settings::default();
                *field(&mut settings) = v;
                let _ = settings.steps(4, v);
                settings.validate()?;
                let mut engine = Direct::new(program().constraints().clone())?;
                short_step::central_point(&program(), &mut engine, &settings).map(|_| ())
            });
        }
    }
    for n in [0, 1, usize::MAX] {
        let _ = survives(&format!("max_iter {n}"), move || {
            let mut settings = Settings::default();
            settings.max_iter = n;
            Solver::new(program(), settings)?.solve(&mut |_| ControlFlow::Continue(()))
        });
    }
}

#[test]
fn settings_of_engines() {
    for v in BAD {
        let _ = survives(&format!("stale_tol {v}"), move || {
            let mut settings = kronecker::Settings::default();
            settings.stale_tol = v;
            Kronecker::with_settings(rows(), settings).map(|_| ())
        });
        let _ = survives(&format!("rates {v}"), move || {
            let mut settings = kronecker::Settings::default();
            settings.rates = Some(kronecker::Rates::new(v, v, v, v, v, v, v));
            let mut engine = Kronecker::with_settings(rows(), settings)?;
            ask(&mut engine)
        });
        let fields: [fn(&mut base_low_rank::Settings) -> &mut f64; 2] =
            [|s| &mut s.max_inner, |s| &mut s.min_gap];
        for field in fields {
            let _ = survives(&format!("base and low rank {v}"), move || {
                let mut settings = base_low_rank::Settings::default();
                *field(&mut settings) = v;
                let mut engine = BaseLowRank::with_settings(rows(), settings)?;
                ask(&mut engine)
            });
        }
    }
    for n in [0, 1, ABSURD[0], usize::MAX] {
        let _ = survives(&format!("kronecker {n}"), move || {
            let mut settings = kronecker::Settings::default();
            (settings.max_iter, settings.buffer) = (n, Some(n));
            let mut engine = Kronecker::with_settings(rows(), settings)?;
            ask(&mut engine)
        });
        let _ = survives(&format!("base and low rank {n}"), move || {
            let mut settings = base_low_rank::Settings::default();
            (settings.rank, settings.max_iter) = (Some(n), n);
            let mut engine = BaseLowRank::with_settings(rows(), settings)?;
            ask(&mut engine)
        });
        let _ = survives(&format!("iterative {n}"), move || {
            let mut settings = dyncvx::projection::iterative::Settings::default();
            settings.max_bytes = n as u64;
            let mut engine = Iterative::with_settings(rows(), settings)?;
            ask(&mut engine)
        });
        let _ = survives(&format!("bipartite {n}"), move || {
            let mut settings = dyncvx::projection::bipartite::Settings::default();
            settings.solves = n;
            Bipartite::of_arcs_with(2, 2, &[(0, 0), (1, 1)], settings).map(|_| ())
        });
    }
}

/// Two questions at a good weight.
fn ask(engine: &mut dyn Projection) -> Result<()> {
    let w = Mat::<f64>::identity(2, 2);
    engine.update(&[(&w).into(), BlockWeight::Nonneg(&[1.0, 2.0])])?;
    let mut rhs = Mat::full(2, 2, 1.0);
    engine.solve(rhs.as_mut(), Goal::Residual(1e-9)).map(|_| ())
}

fn engines() -> Vec<(&'static str, Box<dyn Projection>)> {
    let plan = Plan::custom(64, 16, RELEASE, 10).unwrap();
    let sketches = || {
        let distribution = Distribution::new(Base::Rademacher, 16).unwrap();
        let settings = sketched::Settings::new(distribution, 64, 1u64);
        Sketched::new(Direct::new(rows()).unwrap(), settings).unwrap()
    };
    vec![
        ("recompute", Box::new(Recompute::new(rows()).unwrap())),
        ("direct", Box::new(Direct::new(rows()).unwrap())),
        ("auto", Box::new(Auto::new(rows()).unwrap())),
        ("iterative", Box::new(Iterative::new(rows()).unwrap())),
        ("base", Box::new(BaseLowRank::new(rows()).unwrap())),
        ("kronecker", Box::new(Kronecker::new(rows()).unwrap())),
        ("complement", Box::new(Complement::new(rows()).unwrap())),
        ("sketched", Box::new(sketches())),
        (
            "robust",
            Box::new(Robust::new(sketches(), robust::Settings::new(plan, 1u64)).unwrap()),
        ),
    ]
}

const RELEASE: Release = Release {
    sample: 48,
    epsilon: 1.0,
};

#[test]
fn weights_and_questions() {
    for (name, mut engine) in engines() {
        let fresh = survives(&format!("{name}, no weight"), move || {
            let mut rhs = Mat::full(2, 1, 1.0);
            assert!(engine.solve(rhs.as_mut(), Goal::AsAbsorbed).is_err());
            assert!(engine.operator(Goal::AsAbsorbed).is_err());
            Ok(())
        });
        fresh.unwrap();
    }
    for k in 0..engines().len() {
        let name = engines()[k].0;
        // Weights: too few and too many blocks, the wrong kind, sizes and numbers.
        for bad in BAD {
            for size in [0, 1, 2, 3] {
                let _ = survives(
                    &format!("{name}, weight {bad} of order {size}"),
                    move || {
                        let mut engine = engines().remove(k).1;
                        let w = Mat::full(size, size, bad);
                        let thin = Mat::full(size, 1, bad);
                        let numbers = vec![bad; size];
                        let basis = Basis::dense(Mat::<f64>::identity(size, size).as_ref())?;
                        let spectral = || BlockWeight::Spectral {
                            basis: &basis,
                            eigenvalues: &numbers,
                        };
                        let forms = || {
                            [
                                BlockWeight::Psd(w.as_ref()),
                                BlockWeight::Psd(thin.as_ref()),
                                BlockWeight::Root(w.as_ref()),
                                BlockWeight::Root(thin.as_ref()),
                                BlockWeight::OneSided(w.as_ref()),
                                BlockWeight::Nonneg(&numbers),
                                spectral(),
                                BlockWeight::OneSidedSpectral {
                                    basis: &basis,
                                    eigenvalues: &numbers,
                                },
                                BlockWeight::Pair {
                                    x: w.as_ref(),
                                    z: w.as_ref(),
                                },
                            ]
                        };
                        let _ = engine.update(&[]);
                        for form in forms() {
                            let _ = engine.update(&[form]);
                            let _ = engine.update(&[form, BlockWeight::Nonneg(&[1.0, 1.0])]);
                            let _ = engine.update(&[form, form]);
                            let _ = engine.update(&[form, form, form]);
                        }
                        ask(engine.as_mut())
                    },
                );
            }
        }
        // Questions: shapes, numbers, goals and coordinates.
        let _ = survives(&format!("{name}, questions"), move || {
            let mut engine = engines().remove(k).1;
            ask(engine.as_mut())?;
            for goal in BAD
                .map(Goal::Residual)
                .into_iter()
                .chain([Goal::AsAbsorbed])
            {
                for v in BAD {
                    for (r, c) in [(2, 1), (0, 0), (2, 0), (3, 1), (1, 3), (6, 1)] {
                        let mut rhs = Mat::full(r, c, v);
                        let _ = engine.solve(rhs.as_mut(), goal);
                        let h = Mat::full(r, c, v);
                        let (mut y, mut p) = (Mat::zeros(2, c), Mat::zeros(6, c));
                        let _ = engine.query(h.as_ref(), goal, y.as_mut(), p.as_mut());
                        let _ = engine.query(h.as_ref(), goal, p.as_mut(), y.as_mut());
                        let list = vec![v; r];
                        let h = ColRef::from_slice(&list);
                        let _ = engine.query_in_range(h, y.as_mut(), p.as_mut());
                        for coords in [&[][..], &[0], &[usize::MAX], &[5, 5, 6]] {
                            let mut out = Mat::zeros(coords.len(), 1);
                            let _ = engine.query_set(h, coords, goal, out.as_mut());
                            let mut out = Mat::zeros(7, 2);
                            let _ = engine.query_set(h, coords, goal, out.as_mut());
                        }
                    }
                }
            }
            let other = Constraints::independent(3, &[Block::Psd(3)], 2, 1.into())?;
            let _ = engine.replace_values(&other.into());
            Ok(())
        });
    }
}

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

/// Minimise `x + y` where `x + y ≥ 1` and `x` is at most 3.
fn linear() -> LinearProgram {
    let mut program = LinearProgram::new(Sense::Minimise);
    let limits = Limits::new(0.0, 3.0).unwrap();
    let x = program.add_variable("x", 1.0, limits).unwrap();
    let y = program.add_variable("y", 1.0, Limits::NONNEGATIVE).unwrap();
    let least = Limits::at_least(1.0).unwrap();
    program.add_row("r", least, &[(x, 1.0), (y, 1.0)]).unwrap();
    program
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

#[test]
fn privacy() {
    for a in BAD {
        for b in BAD {
            let _ = survives(&format!("grid {a} {b}"), move || {
                for c in BAD {
                    if let Ok(grid) = Grid::new(a, b, c) {
                        let _ = (grid.points(), grid.point(0), grid.point(u64::MAX));
                        median(grid, 1.0)?;
                        let _ = median(grid, a);
                    }
                }
                let _ = Grid::symmetric(3, a);
                median(Grid::new(-1.0, 1.0, 0.5)?, b)
            });
            let _ = survives(&format!("charges {a} {b}"), move || {
                for charge in [
                    Charge::pure(a),
                    Charge::exponential(a),
                    Charge::sampled(a, 1, 2),
                    Charge::sampled(1.0, 0, 0),
                    Charge::sampled(1.0, usize::MAX, usize::MAX),
                    Charge::sampled(1.0, 3, 2),
                ] {
                    let Ok(charge) = charge else { continue };
                    for composition in [
                        Composition::Basic,
                        Composition::Advanced { delta: b },
                        Composition::Zcdp { delta: b },
                    ] {
                        for count in [0, 1, u64::MAX] {
                            let _ = Accountant::exactly(composition, charge, count);
                            let Ok(mut budget) = Accountant::new(composition, a) else {
                                continue;
                            };
                            let _ = budget.spend(charge, count);
                            let _ = (budget.allows(charge, count), budget.spent());
                        }
                    }
                }
                Ok(())
            });
            let _ = survives(&format!("demand {a} {b}"), move || {
                let mut demand = Demand::new(100, 1, a);
                demand.alpha = b;
                let _ = calibrated::plan(&demand);
                let _ = theory::plan(&demand, 0, 0.1);
                let _ = theory::plan(&demand, 10, a);
                let _ = theory::copies(&demand, 10, b);
                let _ = (
                    calibrated::deviation(0, a),
                    dyncvx::privacy::noise_share(0, a, b),
                );
                let release = Release {
                    sample: 48,
                    epsilon: a,
                };
                Plan::custom(64, 16, release, 1)
            });
        }
    }
}

fn median(grid: Grid, epsilon: f64) -> Result<()> {
    let mut rng = dyncvx::random::Seed::from(1u64).stream(dyncvx::random::Lane::GENERATOR, 0, 0);
    let mut median = PrivateMedian::new(grid, epsilon)?;
    let _ = median.release(&[], &mut rng);
    for v in BAD {
        let _ = (
            median.release(&[v; 3], &mut rng),
            median.pieces(&[v]).is_ok(),
        );
        let _ = median.rank_error(v);
    }
    Ok(())
}

#[test]
fn sketches() {
    let families = [
        Family::Plain(Base::Gaussian),
        Family::Plain(Base::Rademacher),
        Family::Plain(Base::Srht),
        Family::Plain(Base::CountSketch),
        Family::Plain(Base::Sparse(0)),
        Family::Plain(Base::Sparse(2)),
        Family::Plain(Base::Sparse(u32::MAX)),
        Family::TensorSrht,
        Family::TensorSketch,
        Family::Kronecker {
            left: Base::Sparse(0),
            right: Base::Gaussian,
            left_rows: 0,
        },
        Family::Kronecker {
            left: Base::Sparse(2),
            right: Base::Gaussian,
            left_rows: 2,
        },
    ];
    for family in families {
        for rows in [0, 1, 4] {
            let _ = survives(&format!("{family:?} {rows}"), move || {
                let distribution = Distribution::new(family, rows)?;
                let _ = distribution.alpha();
                let _ = distribution.operator(&[], Address::new(1u64, 0, 0));
                let blocks = [Block::Psd(2), Block::Nonneg(2)];
                let sketch = distribution.operator(&blocks, Address::new(1u64, 0, 0))?;
                let mut out = [0.0; 3];
                for v in BAD {
                    for (r, c) in [(6, 1), (0, 0), (6, 0), (5, 1), (4, 2), (2, 1), (2, 2)] {
                        let h = Mat::full(r, c, v);
                        let mut to = Mat::full(c, r, v);
                        let mut b = Mat::zeros(rows, c);
                        let _ = sketch.apply(h.as_ref(), b.as_mut());
                        let _ = sketch.apply(h.as_ref(), to.as_mut());
                        let _ = sketch.apply_transpose(h.as_ref(), to.as_mut());
                        for (first, order) in [
                            (0, 2),
                            (0, 0),
                            (1, 2),
                            (5, 2),
                            (usize::MAX, 2),
                            (0, usize::MAX),
                        ] {
                            let at = Place { first, order };
                            let _ = sketch.apply_outer(at, h.as_ref(), h.as_ref(), b.as_mut());
                            let _ = sketch.apply_thin(at, h.as_ref(), Side::Left, b.as_mut());
                            let _ = sketch.apply_thin(at, h.as_ref(), Side::Right, to.as_mut());
                            let _ = sketch.rank_one_rows(at);
                        }
                    }
                    for coords in [&[][..], &[0, 1, 2], &[usize::MAX, 0, 1], &[5; 9]] {
                        let _ = sketch.apply_transpose_at(&[v; 4], coords, &mut out);
                        let _ = sketch.apply_transpose_at(&[v], coords, &mut out);
                    }
                }
                Ok(())
            });
        }
        for accuracy in BAD {
            for ambient in [0, 1, 1000] {
                let _ = survives(&format!("{family:?} to {accuracy}"), move || {
                    let _ = Distribution::for_accuracy(family, ambient, 0.5, accuracy);
                    Distribution::for_accuracy(family, ambient, accuracy, 0.1)
                });
            }
        }
    }
}

#[test]
fn attacks() {
    for v in BAD {
        let _ = survives(&format!("targets and {v}"), move || {
            for answer in [
                Answer::Single,
                Answer::Median(0),
                Answer::Median(9),
                Answer::Private {
                    sample: 2,
                    epsilon: v,
                },
            ] {
                for sizes in [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0], [3, 2, 2]] {
                    let [n, b, l] = sizes;
                    let Ok(mut copies) = GaussianCopies::new(n, b, l, answer, 1.into()) else {
                        continue;
                    };
                    let _ = copies.answer(&[v; 3], &[0], &mut [0.0]);
                    let _ = copies.answer(&[v; 2], &[0, 7], &mut [0.0]);
                    let _ = copies.row(usize::MAX, &mut [0.0; 2]);
                }
            }
            let mut change = adversary::Change {
                v: vec![v],
                gain: v,
            };
            change = change.inverse();
            let _ = change;
            let _ = lazy::batch(&mut [v; 5], v);
            let _ = lazy::batch(&mut [], v);
            let rows = Constraints::independent(2, &[Block::Psd(2)], 2, 1.into())?;
            let weight = Mat::<f64>::identity(2, 2);
            let _ = Structure::with_weight(Direct::new(rows.clone())?, Mat::full(2, 2, v));
            let _ = Structure::with_weight(Direct::new(rows.clone())?, Mat::full(3, 1, v));
            let mut target = Structure::with_weight(Direct::new(rows)?, weight)?;
            let _ = target.update(&[v; 2], v);
            let _ = target.update(&[v; 3], 1.0);
            let _ = target.update(&[], 1.0);
            let _ = target.answer(&[v; 4], &[0], &mut [0.0]);
            let _ = target.answer(&[v; 3], &[0, 9], &mut [0.0]);
            let _ = target.row(4, &mut [0.0; 4]);
            target.row(0, &mut [0.0; 3])
        });
        for name in adversary::SUITE {
            for rows in [
                vec![],
                vec![vec![]],
                vec![vec![v, 1.0], vec![1.0]],
                vec![vec![v; 3]],
            ] {
                let _ = survives(&format!("{name} on {rows:?}"), move || {
                    let mut target = FromFn::new(rows, move |_: &[f64], _| v);
                    let mut attacker =
                        adversary::attacker(name, 1.into()).ok_or(Error::NoWeight)?;
                    let settings = adversary::Settings::new(20, vec![0]);
                    let run =
                        adversary::run(&mut target, attacker.as_mut(), &settings, &mut |_| {
                            ControlFlow::Break(())
                        })?;
                    let _ = (
                        run.p95(),
                        run.worst_p95(),
                        run.curve(0),
                        run.curve(usize::MAX),
                    );
                    Ok(())
                });
            }
        }
    }
    assert!(adversary::attacker("nobody", 1.into()).is_none());
}
