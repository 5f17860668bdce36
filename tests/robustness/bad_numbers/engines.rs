//! Settings, weights and questions.

use super::{linear, program, rows};
use crate::{ABSURD, BAD, survives};
use dyncvx::constraints::{Basis, Block, BlockWeight, Constraints};
use dyncvx::faer::{ColRef, Mat};
use dyncvx::ipm::{Settings, short_step};
use dyncvx::privacy::{Plan, Release};
use dyncvx::projection::{
    Auto, BaseLowRank, Bipartite, Complement, Direct, Goal, Iterative, Kronecker, Projection,
    Recompute, Robust, Sketched, base_low_rank, kronecker, robust, sketched,
};
use dyncvx::sketch::{Base, Distribution};
use dyncvx::{LinearSolver, Result, Solver};
use std::ops::ControlFlow;

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
