//! Privacy, sketches and attacks.

use crate::{BAD, survives};
use dyncvx::adversary::{self, Answer, FromFn, GaussianCopies, Structure, Target};
use dyncvx::constraints::{Block, Constraints};
use dyncvx::faer::Mat;
use dyncvx::privacy::{Accountant, calibrated, theory};
use dyncvx::privacy::{Charge, Composition, Demand, Grid, Plan, PrivateMedian, Release};
use dyncvx::projection::{Direct, lazy};
use dyncvx::sketch::{Address, Base, Distribution, Family, Place, Side};
use dyncvx::{Error, Result};
use std::ops::ControlFlow;

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
