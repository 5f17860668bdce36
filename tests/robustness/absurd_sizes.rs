//! Sizes that no machine can hold are refused before memory is asked for.

use crate::{ABSURD, refused, survives};
use dyncvx::Result;
use dyncvx::adversary::{self, Answer, FromFn, GaussianCopies};
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::faer::Mat;
use dyncvx::ipm::short_step;
use dyncvx::privacy::{Accountant, Charge, Composition, Demand, Grid, Plan, Release, Sampler};
use dyncvx::privacy::{calibrated, theory};
use dyncvx::problem::generators::{self, Recipe};
use dyncvx::projection::{
    Auto, BaseLowRank, Bipartite, Complement, Direct, Iterative, Kronecker, PlainMedian,
    Projection, Recompute, Sketched, sketched,
};
use dyncvx::sketch::{Address, Base, Distribution, Family};
use dyncvx::sprs::CsMat;
use std::sync::Arc;

#[test]
fn constraints() {
    // A matrix of order 2²⁵ has 9e15 bytes.
    for n in ABSURD.into_iter().chain([1 << 25]) {
        for blocks in [
            vec![Block::Psd(n)],
            vec![Block::Nonneg(n.max(1 << 36))],
            vec![Block::Nonneg(n), Block::Psd(n)],
        ] {
            let given = blocks.clone();
            refused(&format!("builder {blocks:?}"), move || {
                Constraints::builder(1, &given)
            });
            let given = blocks.clone();
            refused(&format!("independent {blocks:?}"), move || {
                Constraints::independent(1, &given, 3, 1.into())
            });
            let given = blocks.clone();
            refused(&format!("from_sprs {blocks:?}"), move || {
                let a = CsMat::zero((1, 1));
                Constraints::from_sprs(&given, a.view())
            });
        }
        let _ = survives(&format!("builder of {n} rows"), move || {
            Constraints::builder(n, &[Block::Psd(2)])
        });
        refused(&format!("independent {n} rows"), move || {
            Constraints::independent(n, &[Block::Psd(2)], 3, 1.into())
        });
        // More entries than there are: all of them.
        let _ = survives(&format!("independent, {n} entries"), move || {
            Constraints::independent(2, &[Block::Psd(2)], n, 1.into())
        });
    }
}

/// How to make an engine.
type Make = fn(Arc<Constraints>) -> Result<Box<dyn Projection>>;

/// Rows that fit, and whose Gram matrix does not.
#[test]
fn gram_matrices() {
    const MANY: usize = 1 << 20;
    let rows = || {
        let mut builder = Constraints::builder(MANY, &[Block::Nonneg(MANY), Block::Psd(2)])?;
        for i in 0..MANY {
            // One number is in all rows, so that the Gram matrix is dense.
            builder.entry(i, 0, i, i, 1.0)?;
            builder.entry(i, 1, 0, 0, 1.0)?;
        }
        builder.build()
    };
    let rows = Arc::new(rows().unwrap());
    let engines: [(&str, Make); 7] = [
        ("recompute", |a| Ok(Box::new(Recompute::new(a)?))),
        ("direct", |a| Ok(Box::new(Direct::new(a)?))),
        ("auto", |a| Ok(Box::new(Auto::new(a)?))),
        ("iterative", |a| Ok(Box::new(Iterative::new(a)?))),
        ("base", |a| Ok(Box::new(BaseLowRank::new(a)?))),
        ("kronecker", |a| Ok(Box::new(Kronecker::new(a)?))),
        ("complement", |a| Ok(Box::new(Complement::new(a)?))),
    ];
    for (name, engine) in engines {
        let rows = rows.clone();
        let _ = survives(name, move || {
            let mut engine = engine(rows)?;
            let numbers = vec![1.0; MANY];
            let weight = Mat::<f64>::identity(2, 2);
            let weight = [BlockWeight::Nonneg(&numbers), (&weight).into()];
            engine.update(&weight).map(|_| ())
        });
    }
}

#[test]
fn generators_of_programs() {
    for n in ABSURD {
        let seed = || 1.into();
        refused(&format!("lovasz {n}"), move || {
            generators::lovasz_theta(n, &[])
        });
        refused(&format!("max_cut {n}"), move || generators::max_cut(n, &[]));
        refused(&format!("triangles {n}"), move || {
            generators::max_cut_with_triangles(n, &[], &[[0, 1, 2]])
        });
        refused(&format!("localisation {n}"), move || {
            generators::localisation(n, 3, seed())
        });
        refused(&format!("localisation links {n}"), move || {
            generators::localisation(3, n, seed())
        });
        for (shape, rank, observed) in [
            ((n, n), 1, 1),
            ((n, 2), 1, 1),
            ((2, n), 1, 1),
            ((n, n), n, 1),
            ((n, n), 1, n),
            ((3, 3), n, 1),
            ((3, 3), 1, n),
        ] {
            refused(
                &format!("completion {shape:?} {rank} {observed}"),
                move || generators::matrix_completion(shape, rank, observed, seed()),
            );
        }
        for (m, k) in [(n, 1), (1, n), (n, n), (n, 2), (3, n)] {
            refused(&format!("transportation {m} {k}"), move || {
                generators::transportation(m, k, seed())
            });
        }
        let qubits = n.min(u32::MAX as usize) as u32;
        refused(&format!("tomography {qubits}"), move || {
            generators::tomography(qubits, 1, 1, seed())
        });
        refused(&format!("tomography rank {n}"), move || {
            generators::tomography(2, n, 1, seed())
        });
        refused(&format!("tomography measured {n}"), move || {
            generators::tomography(2, 1, n, seed())
        });
        refused(&format!("binary_quadratic {n}"), move || {
            generators::binary_quadratic(n, &[])
        });
        refused(&format!("random_quadratic {n}"), move || {
            generators::random_quadratic(n, 0.0, seed())
        });
        refused(&format!("hamming_graph {qubits}"), move || {
            generators::hamming_graph(qubits, &[1])
        });
        refused(&format!("hamming_lovasz_number {qubits}"), move || {
            generators::hamming_lovasz_number(qubits, 1)
        });
        for (vertices, edges) in [(n, n), (3, n), (n, usize::MAX / 16)] {
            refused(&format!("random_graph {vertices} {edges}"), move || {
                generators::random_graph(vertices, edges, seed())
            });
        }
        let _ = survives(&format!("random_graph {n}, one edge"), move || {
            generators::random_graph(n, 1, seed())
        });
    }
}

#[test]
fn recipes() {
    for n in ABSURD {
        let recipes = [
            Recipe::new(n, &[Block::Psd(2)]),
            Recipe::new(2, &[Block::Psd(n)]),
            Recipe::new(2, &[Block::Nonneg(n)]),
            Recipe::new(2, &[Block::Nonneg(n), Block::Nonneg(n)]),
        ];
        for recipe in recipes {
            let name = format!("{recipe:?}");
            let of = |recipe: &Recipe| recipe.clone();
            let r = of(&recipe);
            refused(&format!("validate {name}"), move || r.validate());
            let r = of(&recipe);
            refused(&format!("known_optimum {name}"), move || {
                r.known_optimum(1.into())
            });
            let r = of(&recipe);
            refused(&format!("primal_infeasible {name}"), move || {
                r.primal_infeasible(1.into())
            });
            refused(&format!("dual_infeasible {name}"), move || {
                recipe.dual_infeasible(1.into())
            });
        }
        for entries in [0, n] {
            let mut recipe = Recipe::new(2, &[Block::Psd(3)]);
            recipe.entries = Some(entries);
            let _ = survives(&format!("{entries} entries"), move || {
                let known = recipe.known_optimum(1.into()).map(|_| ());
                recipe.primal_infeasible(1.into()).map(|_| ())?;
                recipe.dual_infeasible(1.into()).map(|_| ())?;
                known
            });
        }
        let mut recipe = Recipe::new(2, &[Block::Psd(3)]);
        recipe.ranks = vec![n];
        refused("ranks", move || recipe.known_optimum(1.into()));
    }
}

#[test]
fn sketches() {
    let families = [
        Family::Plain(Base::Gaussian),
        Family::Plain(Base::Rademacher),
        Family::Plain(Base::Srht),
        Family::Plain(Base::CountSketch),
        Family::TensorSrht,
        Family::TensorSketch,
    ];
    for n in ABSURD {
        for family in families {
            refused(&format!("{family:?} {n}"), move || {
                Distribution::new(family, n)
            });
            let few = Distribution::new(family, 4).unwrap();
            for block in [Block::Psd(n), Block::Nonneg(n)] {
                refused(&format!("{few:?} on {block:?}"), move || {
                    few.operator(&[block, block], Address::new(1u64, 0, 0))
                        .map(|_| ())
                });
            }
            let _ = survives(&format!("for_accuracy {family:?} {n}"), move || {
                Distribution::for_accuracy(family, n, 0.5, 0.5)
            });
        }
        refused(&format!("left rows {n}"), move || {
            let (left, right) = (Base::Gaussian, Base::Gaussian);
            let left_rows = n;
            Distribution::new(
                Family::Kronecker {
                    left,
                    right,
                    left_rows,
                },
                4,
            )
        });
    }
    // The most rows that a distribution may have, on a plain vector: too many numbers.
    for base in [Base::Gaussian, Base::Rademacher] {
        refused(&format!("{base:?}, most rows"), move || {
            let most = Distribution::new(base, i32::MAX as usize)?;
            let address = Address::new(1u64, 0, 0);
            most.operator(&[Block::Psd(60_000)], address).map(|_| ())
        });
    }
    for n in ABSURD {
        refused(&format!("{n} copies"), move || {
            let a = Constraints::independent(2, &[Block::Psd(2)], 1, 1.into())?;
            let distribution = Distribution::new(Base::CountSketch, 2)?;
            Sketched::new(
                Direct::new(a)?,
                sketched::Settings::new(distribution, n, 1u64),
            )
        });
        refused(&format!("median of {n}"), move || {
            let a = Constraints::independent(2, &[Block::Psd(2)], 1, 1.into())?;
            let distribution = Distribution::new(Base::CountSketch, 2)?;
            let settings = sketched::Settings::new(distribution, 2, 1u64);
            PlainMedian::new(Sketched::new(Direct::new(a)?, settings)?, n)
        });
    }
    for copies in [1 << 24, 1 << 28, u32::MAX as usize] {
        for rows in [1 << 20, i32::MAX as usize] {
            refused(&format!("{copies} copies of {rows} rows"), move || {
                let a = Constraints::independent(2, &[Block::Psd(2)], 1, 1.into())?;
                let distribution = Distribution::new(Base::CountSketch, rows)?;
                let settings = sketched::Settings::new(distribution, copies, 1u64);
                Sketched::new(Direct::new(a)?, settings)
            });
        }
    }
    refused("u32::MAX copies", || {
        let a = Constraints::independent(2, &[Block::Psd(2)], 1, 1.into())?;
        let distribution = Distribution::new(Base::CountSketch, i32::MAX as usize)?;
        let settings = sketched::Settings::new(distribution, u32::MAX as usize, 1u64);
        Sketched::new(Direct::new(a)?, settings)
    });
}

#[test]
fn privacy() {
    for n in ABSURD {
        refused(&format!("{n} copies"), move || Sampler::new(n, 1));
        refused(&format!("a sample of {n}"), move || Sampler::new(3, n));
        refused(&format!("a sample of all {n}"), move || Sampler::new(n, n));
        let count = n as u64;
        let _ = survives(&format!("symmetric {n}"), move || {
            Grid::symmetric(count, 1.0)
        });
        let _ = survives(&format!("symmetric tiny {n}"), move || {
            Grid::symmetric(count, 5e-324)
        });
        let _ = survives(&format!("exactly {n}"), move || {
            let mut a = Accountant::exactly(Composition::Basic, Charge::pure(1.0)?, count)?;
            a.spend(Charge::pure(1.0)?, count)?;
            // Beyond 2⁵³ a sum of doubles does not see another one.
            assert!(count > 1 << 53 || !a.allows(Charge::pure(1.0)?, 1));
            Ok(a.answered())
        });
        for (queries, coords, rows, copies) in [
            (count, 1, None, None),
            (1, count, None, None),
            (count, count, None, None),
            (1, 1, Some(n), None),
            (1, 1, None, Some(n)),
            (1, 1, Some(n), Some(n)),
        ] {
            let demand = move |accuracy| {
                let mut demand = Demand::new(queries, coords, accuracy);
                (demand.rows, demand.copies) = (rows, copies);
                demand
            };
            for accuracy in [0.5, 1e-3, 1e-15, 1e-300] {
                let name = format!("{queries} {coords} {rows:?} {copies:?} {accuracy}");
                let _ = survives(&format!("calibrated {name}"), move || {
                    calibrated::plan(&demand(accuracy))
                });
                for points in [1, 1000, u64::MAX] {
                    let _ = survives(&format!("theory {name}"), move || {
                        theory::plan(&demand(accuracy), points, 1e-300)
                    });
                    let _ = survives(&format!("theory copies {name}"), move || {
                        theory::copies(&demand(accuracy), points, 0.5)
                    });
                }
            }
        }
        let release = Release {
            sample: 48,
            epsilon: 1.0,
        };
        let _ = survives(&format!("custom {n}"), move || {
            let plan = Plan::custom(n, n, release, n as u64)?;
            let _ = (plan.width(), plan.accountant()?, plan.charge()?);
            Ok(())
        });
    }
}

#[test]
fn attacks() {
    for n in ABSURD {
        for (ambient, rows, copies) in [(n, 1, 1), (2, 2, n), (n, n, n), (2, n, 1)] {
            refused(&format!("copies {ambient} {rows} {copies}"), move || {
                GaussianCopies::new(ambient, rows, copies, Answer::Single, 1.into()).map(|_| ())
            });
        }
        refused(&format!("restrict {n}"), move || {
            let copies = GaussianCopies::new(3, 2, 2, Answer::Single, 1.into())?;
            copies.restrict(n, Answer::Single, 1.into()).map(|_| ())
        });
        for name in adversary::SUITE {
            refused(&format!("{n} questions of {name}"), move || {
                let mut target = FromFn::new(vec![vec![1.0, 2.0]], |h: &[f64], _| h[0]);
                let mut attacker = adversary::attacker(name, 1.into()).unwrap();
                let settings = adversary::Settings::new(n, vec![0]);
                adversary::run(
                    &mut target,
                    attacker.as_mut(),
                    &settings,
                    &mut adversary::unobserved,
                )
            });
            refused(&format!("{name} watches {n}"), move || {
                let mut target = FromFn::new(vec![vec![1.0, 2.0]], |h: &[f64], _| h[0]);
                let mut attacker = adversary::attacker(name, 1.into()).unwrap();
                let settings = adversary::Settings::new(20, vec![n]);
                adversary::run(
                    &mut target,
                    attacker.as_mut(),
                    &settings,
                    &mut adversary::unobserved,
                )
            });
        }
    }
}

#[test]
fn arcs_and_steps() {
    for n in ABSURD {
        for (m, k) in [(n, 1), (1, n), (n, n)] {
            refused(&format!("arcs of {m} x {k}"), move || {
                Bipartite::of_arcs(m, k, &[(0, 0)])
            });
        }
        let steps = survives("steps", move || {
            let settings = short_step::Settings::default();
            Ok(settings.steps(n, 1e-300))
        });
        assert!(steps.is_ok());
    }
}
