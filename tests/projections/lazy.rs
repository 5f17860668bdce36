//! Laziness: what stays unabsorbed is within the drift that was allowed, and refined answers do not notice.

use crate::common::*;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::kronecker::{LowRank, Policy, Rates, Settings};
use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Recompute, Refresh};
use faer::Mat;
use quickcheck::{Gen, QuickCheck};

/// `xᵀ K x`.
fn energy(b: &Mat<f64>, x: &Mat<f64>) -> f64 {
    let bx = b.transpose() * x;
    bx.squared_norm_l2()
}

#[test]
fn a_stale_answer_is_within_its_epsilon_and_a_refined_one_exact() {
    fn law(seed: u64, which: u8, one_sided: bool, script: Vec<u8>) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 21);
        let mut w = weights(a.blocks(), one_sided, &mut rng);
        let mut settings = Settings::default();
        settings.stale_tol = 0.4;
        settings.trace = true;
        let mut p = Kronecker::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&views(&w))
            .unwrap();
        for op in script.iter().take(12) {
            for w in &mut w {
                match w {
                    Owned::Psd(m) | Owned::OneSided(m) => {
                        // A small drift everywhere, and now and then a large one in one direction.
                        let n = m.nrows();
                        let big = if op % 3 == 0 { 1.0 } else { 0.0 };
                        let v = gaussian(n, 1, &mut rng);
                        let scale = 1.0 + 0.1 * (uniform(&mut rng) - 0.5);
                        let gain = big / n as f64;
                        *m = symmetrised(
                            &(&*m * faer::Scale(scale) + (&v * v.transpose()) * faer::Scale(gain)),
                        );
                    }
                    Owned::Nonneg(v) => v
                        .iter_mut()
                        .for_each(|v| *v *= 1.0 + 0.3 * (uniform(&mut rng) - 0.5)),
                    _ => unreachable!(),
                }
            }
            p.update(&views(&w)).unwrap();
            let left = p.trace().last().unwrap().left;
            assert!(left <= settings.stale_tol + 1e-12, "left {left}");

            let rhs = gaussian(a.len(), 1, &mut rng);
            let b = dense_b(&a, &w);
            let exact = dense_solve(&b, &rhs);
            let mut refined = rhs.clone();
            let accuracy = p.solve(refined.as_mut(), Goal::Residual(1e-13)).unwrap();
            assert!(
                matches!(accuracy, Accuracy::Exact { residual, .. } if residual <= 1e-12),
                "{accuracy:?}"
            );
            assert!(relative(&refined, &exact) < 1e-8);

            let mut stale = rhs.clone();
            match p.solve(stale.as_mut(), Goal::AsAbsorbed).unwrap() {
                Accuracy::Approximate { epsilon } => {
                    assert!(epsilon <= settings.stale_tol + 1e-12);
                    // e^{-2ε} K̃ ⪯ K ⪯ e^{2ε} K̃ bounds the error in the energy norm.
                    let error = energy(&b, &(&stale - &exact)).sqrt();
                    let bound = ((2.0 * epsilon).exp() - 1.0) * energy(&b, &exact).sqrt();
                    assert!(
                        error <= bound * (1.0 + 1e-6) + 1e-9 * energy(&b, &exact).sqrt(),
                        "{error:e} {bound:e}"
                    );
                }
                Accuracy::Exact { residual, .. } => assert!(residual <= 1e-7),
                other => panic!("{other:?}"),
            }
        }
        true
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(30, 31))
        .tests(60)
        .quickcheck(law as fn(u64, u8, bool, Vec<u8>) -> bool);
}

/// A path along which few directions move: most updates absorb nothing.
#[test]
fn short_steps_are_mostly_free() {
    let n = 30;
    let a = Constraints::independent(400, &[Block::Psd(n)], 3, 5.into()).unwrap();
    let mut rng = rng(6);
    let q = gaussian(n, n, &mut rng).qr().compute_Q();
    let weight = |t: f64| {
        let d = Mat::from_fn(n, n, |i, j| {
            if i != j {
                0.0
            } else if i < 3 {
                (0.15 * t).exp()
            } else {
                (0.01 * t).exp()
            }
        });
        symmetrised(&(&q * d * q.transpose()))
    };
    let mut settings = Settings::default();
    settings.stale_tol = 0.5;
    // Decisions that no clock has a say in.
    settings.rates = Some(Rates::new(1.0, 1.0, 1e-3, 1e-3, 1e-6, 1e-6, 1e-6));
    let mut p = Kronecker::with_settings(a.clone(), settings)
        .unwrap()
        .with_weight(&[(&weight(0.0)).into()])
        .unwrap();
    let mut free = 0;
    for t in 1..=40 {
        if let Refresh::Stale { .. } = p.update(&[(&weight(f64::from(t))).into()]).unwrap() {
            free += 1;
        }
    }
    assert!(free >= 25, "{free} of 40 were free");
    // Three directions, each absorbed about every fourth step.
    let rank = p.counters().absorbed_rank;
    assert!((24..=48).contains(&rank), "absorbed rank {rank}");
    let mut naive = Recompute::new(a).unwrap();
    naive.update(&[(&weight(40.0)).into()]).unwrap();
    let rhs = gaussian(400, 2, &mut rng);
    let (mut y, mut y0) = (rhs.clone(), rhs);
    p.solve(y.as_mut(), Goal::Residual(1e-13)).unwrap();
    naive.solve(y0.as_mut(), Goal::Residual(1e-13)).unwrap();
    assert!(relative(&y, &y0) < 1e-9);
}

/// Ten thousand random updates: answers stay exact, and memory does not grow.
#[test]
fn ten_thousand_updates_lose_nothing() {
    let (n, m) = (18, 120);
    let a = Constraints::independent(m, &[Block::Psd(n)], 3, 7.into()).unwrap();
    let mut rng = rng(8);
    let mut w = positive(n, &mut rng);
    // Absorbed into the inverse every time: nothing but a guard may rebuild.
    let mut settings = Settings::default();
    settings.policy = Policy::Absorb;
    settings.rates = Some(Rates::new(1.0, 1.0, 1e-3, 1e-3, 1e-6, 1e-6, 1.0));
    let mut p = Kronecker::with_settings(a, settings)
        .unwrap()
        .with_weight(&[(&w).into()])
        .unwrap();
    let (mut worst, mut most) = (0.0f64, [0; 2]);
    let mut terms = std::collections::VecDeque::new();
    for step in 0..10_000 {
        let v = gaussian(n, 1, &mut rng);
        let sign = if terms.len() == n { -1.0 } else { 1.0 };
        let v = if sign < 0.0 {
            terms.pop_front().unwrap()
        } else {
            terms.push_back(v.clone());
            v
        };
        w = symmetrised(&(&w + (&v * v.transpose()) * faer::Scale(sign / n as f64)));
        // Told and found in turns.
        let refresh = match step % 2 {
            0 => p.update(&[(&w).into()]),
            _ => p.update_low_rank(&[LowRank {
                block: 0,
                v: v.as_ref(),
                c: Mat::from_fn(1, 1, |_, _| sign / n as f64).as_ref(),
            }]),
        };
        refresh.unwrap();
        let half = usize::from(step >= 5000);
        most[half] = most[half].max(p.contents().unwrap().bytes);
        if step % 5 == 0 {
            let mut rhs = gaussian(m, 1, &mut rng);
            let Accuracy::Exact { residual, .. } =
                p.solve(rhs.as_mut(), Goal::Residual(1e-10)).unwrap()
            else {
                panic!()
            };
            worst = worst.max(residual);
        }
    }
    assert!(worst <= 1e-10, "residual {worst:e}");
    // No more in the second half than in the first, and never more than the buffer's limit beside the inverse.
    assert!(
        most[1] <= most[0] && most[0] <= 4 * 8 * m * m,
        "{most:?} bytes"
    );
    let c = p.counters();
    assert!(c.absorbed > 9000 && c.rebuilds < 100, "{c:?}");
}
