//! Many right-hand sides at once are answered as each alone, to rounding.

use crate::common::*;
use dyncvx::projection::kronecker::{Policy, Precision, Rates, Settings};
use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Recompute};
use faer::Mat;
use quickcheck::{Gen, QuickCheck};

fn iterations(accuracy: Accuracy) -> usize {
    match accuracy {
        Accuracy::Exact { iterations, .. } => iterations,
        _ => 0,
    }
}

#[test]
fn columns_together_are_answered_as_each_alone() {
    fn law(seed: u64, which: u8, one_sided: bool, k: u8) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 61);
        let mut w = weights(a.blocks(), one_sided, &mut rng);
        let mut settings = Settings::default();
        settings.policy = [Policy::Absorb, Policy::Stale][seed as usize % 2];
        settings.stale_tol = [0.0, 0.4][seed as usize / 2 % 2];
        settings.precision = [Precision::Double, Precision::Single][seed as usize / 4 % 2];
        let invert = (seed / 8).is_multiple_of(2);
        let (absorb, update) = (1e-9, if invert { 1.0 } else { 1e-9 });
        settings.rates = Some(Rates::new(1.0, 1.0, 1e-3, 1e-3, absorb, absorb, update));
        let mut kept = Kronecker::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&views(&w))
            .unwrap();
        for step in 0..3 {
            for w in &mut w {
                match w {
                    Owned::Psd(m) | Owned::OneSided(m) => {
                        let v = gaussian(m.nrows(), 1, &mut rng);
                        *m = symmetrised(&(&*m + (&v * v.transpose()) * faer::Scale(0.1)));
                    }
                    Owned::Nonneg(w) => w[step % 3] *= 1.3,
                    _ => unreachable!(),
                }
            }
            kept.update(&views(&w)).unwrap();
        }
        let mut naive = Recompute::new(a.clone()).unwrap();
        naive.update(&views(&w)).unwrap();
        let k = 1 + usize::from(k) % 9;
        // Columns of all sizes, and one that is zero.
        let mut rhs = gaussian(a.len(), k, &mut rng);
        for j in 0..k {
            let size = if j == 3 {
                0.0
            } else {
                1e3f64.powi(j as i32 % 4)
            };
            rhs.col_mut(j).iter_mut().for_each(|v| *v *= size);
        }
        let structures: [&mut dyn Projection; 2] = [&mut kept, &mut naive];
        for p in structures {
            for goal in [Goal::Residual(1e-12), Goal::AsAbsorbed] {
                let mut together = rhs.clone();
                let all = p.solve(together.as_mut(), goal).unwrap();
                let mut steps = 0;
                for j in 0..k {
                    let mut alone = Mat::from_fn(a.len(), 1, |i, _| rhs[(i, j)]);
                    let one = p.solve(alone.as_mut(), goal).unwrap();
                    steps += iterations(one);
                    let column = together.subcols(j, 1).to_owned();
                    // Both are within the residual asked for of the answer.
                    let tol = if goal == Goal::AsAbsorbed { 1e-5 } else { 1e-9 };
                    assert!(
                        (&column - &alone).norm_l2() <= tol * alone.norm_l2(),
                        "column {j} of {k}: {:e}",
                        relative(&column, &alone)
                    );
                }
                // In step or not, a column takes as many steps, but for one that rounding adds.
                assert!(
                    iterations(all).abs_diff(steps) <= k,
                    "{all:?}, {steps} alone"
                );
            }
            // Through the whole of a query too.
            let h = gaussian(a.ambient(), k, &mut rng);
            let ask = |p: &mut dyn Projection, h: &Mat<f64>| {
                let (mut y, mut ph) = (Mat::zeros(a.len(), h.ncols()), h.clone());
                p.query(h.as_ref(), Goal::Residual(1e-13), y.as_mut(), ph.as_mut())
                    .unwrap();
                ph
            };
            let together = ask(p, &h);
            for j in 0..k {
                let alone = ask(p, &h.subcols(j, 1).to_owned());
                assert!(relative(&together.subcols(j, 1).to_owned(), &alone) < 1e-10);
            }
        }
        true
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, 62))
        .tests(60)
        .quickcheck(law as fn(u64, u8, bool, u8) -> bool);
}
