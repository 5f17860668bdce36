//! Laws of a projection, and of maintaining one.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::base_low_rank;
use dyncvx::projection::kronecker::{LowRank, Policy, Precision, Rates, Settings};
use dyncvx::projection::{
    Accuracy, BaseLowRank, Complement, Goal, Kronecker, Projection, Reason, Recompute, Refresh,
};
use faer::{Mat, Side};
use quickcheck::{Gen, QuickCheck};
use std::sync::atomic::{AtomicUsize, Ordering};

const EXACT: Goal = Goal::Residual(1e-14);

fn check(tests: u64, seed: u64) -> QuickCheck {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, seed))
        .tests(tests)
}

/// `(multipliers, P h)`.
fn query(p: &mut dyn Projection, h: &Mat<f64>, goal: Goal) -> (Mat<f64>, Mat<f64>) {
    let shape = p.shape();
    let (mut y, mut ph) = (
        Mat::zeros(shape.constraints, h.ncols()),
        Mat::zeros(shape.ambient, h.ncols()),
    );
    p.query(h.as_ref(), goal, y.as_mut(), ph.as_mut()).unwrap();
    (y, ph)
}

/// Every method of a structure against `B` spelled out.
fn agrees_with_dense(p: &mut dyn Projection, a: &Constraints, w: &[Owned], seed: u64, tol: f64) {
    let mut rng = rng(seed);
    let b = dense_b(a, w);
    let h = gaussian(a.ambient(), 2, &mut rng);
    let y = dense_solve(&b, &(&b * &h));
    let ph = b.transpose() * &y;
    let (got_y, got_ph) = query(p, &h, EXACT);
    assert!(
        relative(&got_y, &y) < tol,
        "multipliers {:e}",
        relative(&got_y, &y)
    );
    assert!(
        relative(&got_ph, &ph) < tol,
        "projection {:e}",
        relative(&got_ph, &ph)
    );

    let rhs = gaussian(a.len(), 3, &mut rng);
    let mut got = rhs.clone();
    let accuracy = p.solve(got.as_mut(), EXACT).unwrap();
    let k = &b * b.transpose();
    let residual = (0..3)
        .map(|j| (&k * got.col(j) - rhs.col(j)).norm_l2() / rhs.col(j).norm_l2())
        .fold(0.0, f64::max);
    assert!(residual < 1e-11, "solve {residual:e}");
    let Accuracy::Exact {
        residual: claimed, ..
    } = accuracy
    else {
        panic!("{accuracy:?}")
    };
    assert!(claimed <= 1e-13 && (claimed - residual).abs() < 1e-11);

    let coords: Vec<usize> = (0..a.ambient()).step_by(3).rev().collect();
    let mut some = Mat::zeros(coords.len(), 1);
    p.query_set(h.col(0), &coords, EXACT, some.as_mut())
        .unwrap();
    for (s, &c) in coords.iter().enumerate() {
        assert!(
            (some[(s, 0)] - ph[(c, 0)]).abs() < tol * ph.norm_max(),
            "coordinate {c}"
        );
    }

    let (mut bh, mut bty) = (Mat::zeros(a.len(), 2), Mat::zeros(a.ambient(), 2));
    p.operator(Goal::AsAbsorbed)
        .unwrap()
        .apply(h.as_ref(), bh.as_mut())
        .unwrap();
    p.operator(Goal::AsAbsorbed)
        .unwrap()
        .apply_transpose(y.as_ref(), bty.as_mut())
        .unwrap();
    assert!(relative(&bh, &(&b * &h)) < 1e-12);
    assert!(relative(&bty, &ph) < 1e-12);
}

#[test]
fn recompute_agrees_with_the_definition() {
    fn law(seed: u64, which: u8, form: u8) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 1);
        let mut w = weights(a.blocks(), form % 4 == 1, &mut rng);
        for (w, b) in w.iter_mut().zip(a.blocks()) {
            match (*b, form % 4) {
                (Block::Psd(n), 2) => {
                    *w = Owned::Pair(positive(n, &mut rng), positive(n, &mut rng));
                }
                // Any root, far from symmetric.
                (Block::Psd(n), 3) => {
                    *w = Owned::Root(
                        gaussian(n, n, &mut rng) + Mat::<f64>::identity(n, n) * faer::Scale(4.0),
                    );
                }
                _ => {}
            }
        }
        let mut p = Recompute::new(a.clone()).unwrap();
        assert_eq!(
            p.update(&views(&w)).unwrap(),
            Refresh::Rebuilt(Reason::Always)
        );
        agrees_with_dense(&mut p, &a, &w, seed ^ 2, 1e-9);
        true
    }
    check(120, 11).quickcheck(law as fn(u64, u8, u8) -> bool);
}

#[test]
fn base_low_rank_agrees_with_the_definition() {
    fn law(seed: u64, which: u8, root: bool, rank: u8) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 1);
        let mut settings = base_low_rank::Settings::default();
        settings.rank = [None, Some(0), Some(1), Some(2)][usize::from(rank % 4)];
        settings.min_gap = 1.0;
        let mut draw = || {
            let mut w = weights(a.blocks(), false, &mut rng);
            for (w, b) in w.iter_mut().zip(a.blocks()) {
                if let (Block::Psd(n), true) = (*b, root) {
                    let shift = Mat::<f64>::identity(n, n) * faer::Scale(4.0);
                    *w = Owned::Root(gaussian(n, n, &mut rng) + shift);
                }
            }
            w
        };
        let first = draw();
        let mut p = BaseLowRank::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&views(&first))
            .unwrap();
        agrees_with_dense(&mut p, &a, &first, seed ^ 2, 1e-9);
        let second = draw();
        p.update(&views(&second)).unwrap();
        agrees_with_dense(&mut p, &a, &second, seed ^ 3, 1e-9);
        true
    }
    check(60, 17).quickcheck(law as fn(u64, u8, bool, u8) -> bool);
}

#[test]
fn the_complement_agrees_with_the_definition() {
    fn law(seed: u64, which: u8, root: bool, many: bool) -> bool {
        let mut a = rows(which, seed);
        let mut rng = rng(seed ^ 1);
        if many {
            // All positions, or all but a few of them.
            let positions = |b: &Block| match *b {
                Block::Psd(n) => n * (n + 1) / 2,
                Block::Nonneg(n) => n,
            };
            let all: usize = a.blocks().iter().map(positions).sum();
            let m = all - (seed as usize % 4).min(all - 1);
            let entries = usize::from(which / 6 % 4);
            a = Constraints::independent(m, a.blocks(), entries, seed.into()).unwrap();
        }
        let draw = |rng: &mut rand_chacha::ChaCha20Rng| {
            let mut w = weights(a.blocks(), false, rng);
            for (w, b) in w.iter_mut().zip(a.blocks()) {
                if let (Block::Psd(n), true) = (*b, root) {
                    let shift = Mat::<f64>::identity(n, n) * faer::Scale(4.0);
                    *w = Owned::Root(gaussian(n, n, rng) + shift);
                }
            }
            w
        };
        let mut p: Option<Complement> = None;
        let mut naive = Recompute::new(a.clone()).unwrap();
        for round in 0..2 {
            let w = draw(&mut rng);
            match &mut p {
                Some(p) => drop(p.update(&views(&w)).unwrap()),
                None => {
                    p = Some(
                        Complement::new(a.clone())
                            .unwrap()
                            .with_weight(&views(&w))
                            .unwrap(),
                    );
                }
            }
            let p = p.as_mut().unwrap();
            naive.update(&views(&w)).unwrap();
            let rhs = gaussian(a.len(), 1, &mut rng);
            let [ours, theirs] = [p as &mut dyn Projection, &mut naive].map(|p| {
                match p.solve(rhs.clone().as_mut(), EXACT).unwrap() {
                    Accuracy::Exact { residual, .. } => residual,
                    other => panic!("{other:?}"),
                }
            });
            // As far as a factor of the Gram matrix gets; a random root can be ill-conditioned.
            assert!(ours <= 3.0 * theirs + 1e-13, "{ours:e} {theirs:e}");
            if theirs < 1e-14 {
                agrees_with_dense(p, &a, &w, seed ^ 2 ^ round, 1e-8);
            }
        }
        true
    }
    check(60, 18).quickcheck(law as fn(u64, u8, bool, bool) -> bool);
}

/// A block large enough that every formula of the assembly is taken, against the definition.
#[test]
fn assembly_takes_every_formula() {
    let n = 24;
    let mut builder = Constraints::builder(64, &[Block::Psd(n)]).unwrap();
    let mut rng = rng(5);
    // Rows of rank one: on all indices, which are applied in factored form, and on a few.
    for i in 60..64 {
        let indices: Vec<usize> = if i < 62 {
            (0..n).collect()
        } else {
            vec![i % n, 7, 11]
        };
        let a: Vec<f64> = indices.iter().map(|_| normal(&mut rng)).collect();
        for (s, &c) in indices.iter().enumerate() {
            for (t, &r) in indices.iter().enumerate().filter(|(_, r)| **r <= c) {
                let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                builder.entry(i, 0, r, c, sign * a[s] * a[t]).unwrap();
            }
        }
    }
    for i in 0..60 {
        // Full rows, rows of one column, rows of a few entries: all with an entry of their own.
        for c in 0..n {
            for r in 0..=c {
                let own = (r, c) == (i % n, i % n + (i / n) * 5 % (n - i % n));
                let here = match i % 4 {
                    0 => true,
                    1 => c == i % n || r == i % n,
                    2 => (r + 3 * c) % 29 == i % 29,
                    _ => (r + 5 * c) % 97 == i % 97,
                };
                if own || here {
                    builder
                        .entry(i, 0, r, c, normal(&mut rng) + if own { 6.0 } else { 0.0 })
                        .unwrap();
                }
            }
        }
    }
    let a = builder.build().unwrap();
    for one_sided in [false, true] {
        let w = weights(a.blocks(), one_sided, &mut rng);
        let mut p = Recompute::new(a.clone()).unwrap();
        p.update(&views(&w)).unwrap();
        agrees_with_dense(&mut p, &a, &w, 6, 1e-9);
    }
    let pair = Owned::Pair(positive(n, &mut rng), positive(n, &mut rng));
    let root =
        Owned::Root(gaussian(n, n, &mut rng) + Mat::<f64>::identity(n, n) * faer::Scale(4.0));
    for w in [pair, root] {
        let w = [w];
        let mut p = Recompute::new(a.clone()).unwrap();
        p.update(&views(&w)).unwrap();
        agrees_with_dense(&mut p, &a, &w, 7, 1e-9);
    }
}

#[test]
fn a_projection_is_symmetric_idempotent_and_of_trace_m() {
    fn law(seed: u64, which: u8, one_sided: bool) -> bool {
        let a = rows(which, seed);
        let w = weights(a.blocks(), one_sided, &mut rng(seed ^ 3));
        let (m, ambient) = (a.len(), a.ambient());
        let mut recompute = Recompute::new(a.clone()).unwrap();
        recompute.update(&views(&w)).unwrap();
        let kronecker = Kronecker::new(a.clone())
            .unwrap()
            .with_weight(&views(&w))
            .unwrap();
        let structures: [Box<dyn Projection>; 2] = [Box::new(recompute), Box::new(kronecker)];
        for mut p in structures {
            let (_, full) = query(&mut *p, &Mat::identity(ambient, ambient), EXACT);
            let (_, twice) = query(&mut *p, &full, EXACT);
            assert!(
                relative(&full.transpose().to_owned(), &full) < 1e-11,
                "symmetric"
            );
            assert!(relative(&twice, &full) < 1e-11, "idempotent");
            let trace: f64 = (0..ambient).map(|i| full[(i, i)]).sum();
            assert!(
                (trace - m as f64).abs() < 1e-9 * m as f64,
                "trace {trace}, m {m}"
            );
            let bt = dense_b(&a, &w).transpose().to_owned();
            let (_, pbt) = query(&mut *p, &bt, EXACT);
            assert!(relative(&pbt, &bt) < 1e-11, "P Bᵀ = Bᵀ");
        }
        true
    }
    check(40, 12).quickcheck(law as fn(u64, u8, bool) -> bool);
}

/// One random change of a weight, such that it stays positive definite: `F(I + G C Gᵀ)Fᵀ` with `‖G C Gᵀ‖ < 0.7`.
fn low_rank_change(w: &Mat<f64>, rank: usize, seed: u64) -> (Mat<f64>, Mat<f64>) {
    let (n, mut rng) = (w.nrows(), rng(seed));
    let g = gaussian(n, rank, &mut rng);
    let c = symmetrised(&gaussian(rank, rank, &mut rng));
    let size = (&g * &c * g.transpose()).norm_l2();
    let f = w.llt(Side::Lower).unwrap().L().to_owned();
    // Sometimes large and positive, else indefinite and small.
    if seed.is_multiple_of(3) {
        (f * g, Mat::identity(rank, rank))
    } else {
        (f * g, c * faer::Scale(0.7 / size.max(1e-300)))
    }
}

fn condition(w: &Owned) -> f64 {
    let (Owned::Psd(w) | Owned::OneSided(w)) = w else {
        return 1.0;
    };
    let lambda = w.self_adjoint_eigenvalues(Side::Lower).unwrap();
    lambda[lambda.len() - 1] / lambda[0]
}

/// Rates under which absorbing is always worth it, into the factor or into the inverse, or staying stale is.
fn rates(policy: Policy, invert: bool) -> Rates {
    let update = if invert { 1.0 } else { 1e-9 };
    match policy {
        Policy::Stale => Rates::new(1.0, 1.0, 1e-9, 1e-9, 1.0, 1.0, 1.0),
        _ => Rates::new(1.0, 1.0, 1e-3, 1e-3, 1e-9, 1e-9, update),
    }
}

static LOW_RANK: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

#[test]
fn maintained_equals_recomputed_after_any_script() {
    fn law(seed: u64, which: u8, one_sided: bool, script: Vec<u16>) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 4);
        let mut w = weights(a.blocks(), one_sided, &mut rng);
        let mut naive = Recompute::new(a.clone()).unwrap();
        let mut settings = Settings::default();
        settings.policy =
            [Policy::Absorb, Policy::Auto, Policy::Absorb, Policy::Stale][seed as usize % 4];
        settings.precision = [Precision::Double, Precision::Single][seed as usize / 4 % 2];
        settings.buffer = [None, Some(1), Some(40)][seed as usize / 8 % 3];
        settings.rates = Some(rates(settings.policy, (seed / 32).is_multiple_of(2)));
        let mut kept = Kronecker::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&views(&w))
            .unwrap();
        naive.update(&views(&w)).unwrap();
        for (step, op) in script.into_iter().enumerate() {
            let block = usize::from(op / 8) % w.len();
            let salt = seed ^ (step as u64) << 20 ^ u64::from(op);
            let op = if condition(&w[block]) < 300.0 { op } else { 5 };
            match (op % 8, &mut w[block]) {
                // A change the structure is told.
                (0..=2, Owned::Psd(w) | Owned::OneSided(w)) => {
                    let (v, c) = low_rank_change(w, 1 + usize::from(op / 64 % 2), salt);
                    kept.update_low_rank(&[LowRank {
                        block,
                        v: v.as_ref(),
                        c: c.as_ref(),
                    }])
                    .unwrap();
                    *w = symmetrised(&(&*w + &v * &c * v.transpose()));
                }
                // One it must find.
                (3 | 4, Owned::Psd(w) | Owned::OneSided(w)) => {
                    let (v, c) = low_rank_change(w, 1, salt);
                    *w = symmetrised(&(&*w + &v * &c * v.transpose()));
                }
                (0..=4, Owned::Nonneg(w)) => {
                    let k = usize::from(op / 64) % w.len();
                    w[k] *= 0.2 + 2.0 * uniform(&mut rng);
                }
                // A new weight altogether; also once one is so ill-conditioned that two answers of residual 1e-14 differ by 1e-9.
                (5, _) => w = weights(a.blocks(), one_sided, &mut rng),
                // One that is refused.
                (6, Owned::Psd(m) | Owned::OneSided(m)) => {
                    let n = m.nrows();
                    let mut bad = w.clone();
                    let (Owned::Psd(m) | Owned::OneSided(m)) = &mut bad[block] else {
                        unreachable!()
                    };
                    m[(n - 1, n - 1)] = -1.0;
                    let error = kept.update(&views(&bad)).unwrap_err();
                    assert!(
                        matches!(error, Error::NotPositiveDefinite { .. }),
                        "{error}"
                    );
                }
                _ => {}
            }
            if let Refresh::LowRank { .. } = kept.update(&views(&w)).unwrap() {
                LOW_RANK[usize::from(one_sided)].fetch_add(1, Ordering::Relaxed);
            }
            naive.update(&views(&w)).unwrap();
            let h = gaussian(a.ambient(), 1, &mut rng);
            let ((y, ph), (y0, ph0)) = (query(&mut kept, &h, EXACT), query(&mut naive, &h, EXACT));
            assert!(
                relative(&y, &y0) < 1e-9 && relative(&ph, &ph0) < 1e-9,
                "step {step}: {:e} {:e}",
                relative(&y, &y0),
                relative(&ph, &ph0)
            );
            // Unrefined, the maintained inverse is at most its guard away.
            let (y, _) = query(&mut kept, &h, Goal::AsAbsorbed);
            assert!(
                relative(&y, &y0) < 1e-5,
                "step {step}, maintained: {:e}",
                relative(&y, &y0)
            );
        }
        true
    }
    check(80, 13).quickcheck(law as fn(u64, u8, bool, Vec<u16>) -> bool);
    // The scripts took the maintained path, in both forms.
    assert!(
        LOW_RANK.iter().all(|n| n.load(Ordering::Relaxed) > 100),
        "{LOW_RANK:?}"
    );
}

/// The maintained path is really taken, with the ranks the identities promise.
#[test]
fn a_low_rank_change_is_absorbed_as_such() {
    let a = Constraints::independent(120, &[Block::Psd(20)], 3, 3.into()).unwrap();
    for one_sided in [false, true] {
        let mut w = weights(a.blocks(), one_sided, &mut rng(9));
        let mut settings = Settings::default();
        settings.policy = Policy::Absorb;
        settings.rates = Some(rates(settings.policy, true));
        let mut p = Kronecker::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&views(&w))
            .unwrap();
        let (Owned::Psd(m) | Owned::OneSided(m)) = &mut w[0] else {
            unreachable!()
        };
        let (v, c) = low_rank_change(m, 1, 4);
        *m = symmetrised(&(&*m + &v * &c * v.transpose()));
        let inner = if one_sided { 40 } else { 20 };
        assert_eq!(
            p.update(&views(&w)).unwrap(),
            Refresh::LowRank { rank: 1, inner }
        );
        agrees_with_dense(&mut p, &a, &w, 10, 1e-9);
        assert_eq!(p.update(&views(&w)).unwrap(), Refresh::Kept);
        let told = LowRank {
            block: 0,
            v: v.as_ref(),
            c: c.as_ref(),
        };
        assert_eq!(
            p.update_low_rank(&[told]).unwrap(),
            Refresh::LowRank { rank: 1, inner }
        );
        // Twice the same change at once is one of rank 2.
        let twice = p.update_low_rank(&[told, told]).unwrap();
        assert!(
            matches!(
                twice,
                Refresh::LowRank { rank: 2, .. } | Refresh::Rebuilt(Reason::Rank)
            ),
            "{twice:?}"
        );
        let (Owned::Psd(m) | Owned::OneSided(m)) = &mut w[0] else {
            unreachable!()
        };
        *m = symmetrised(&(&*m + (&v * &c * v.transpose()) * faer::Scale(3.0)));
        agrees_with_dense(&mut p, &a, &w, 11, 1e-8);
    }
}

/// Blocks of right-hand sides, with a factor and with inverses of both precisions: as exact as one by one.
#[test]
fn many_right_hand_sides_are_answered_as_one() {
    let a = Constraints::independent(120, &[Block::Psd(20)], 3, 3.into()).unwrap();
    for (precision, invert) in [
        (Precision::Single, true),
        (Precision::Double, true),
        (Precision::Double, false),
    ] {
        let mut rng = rng(12);
        let mut w = weights(a.blocks(), false, &mut rng);
        let mut settings = Settings::default();
        (settings.policy, settings.precision) = (Policy::Absorb, precision);
        settings.rates = Some(rates(settings.policy, invert));
        settings.buffer = Some(50);
        let mut p = Kronecker::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&views(&w))
            .unwrap();
        for step in 0..4 {
            let Owned::Psd(m) = &mut w[0] else {
                unreachable!()
            };
            let (v, c) = low_rank_change(m, 1, 4 + step);
            *m = symmetrised(&(&*m + &v * &c * v.transpose()));
            p.update(&views(&w)).unwrap();
        }
        assert_eq!(p.contents().unwrap().factor, !invert);
        assert_eq!(p.contents().unwrap().single, precision == Precision::Single);
        let b = dense_b(&a, &w);
        let k = &b * b.transpose();
        // Columns of very different size, one of them zero.
        let rhs = Mat::from_fn(120, 20, |_, j| {
            normal(&mut rng)
                * if j == 7 {
                    0.0
                } else {
                    10f64.powi(8 * j as i32 - 80)
                }
        });
        let mut together = rhs.clone();
        let Accuracy::Exact { residual, .. } = p.solve(together.as_mut(), EXACT).unwrap() else {
            panic!("not exact")
        };
        assert!(residual < 1e-12, "{residual:e}");
        for j in 0..20 {
            let mut one = rhs.subcols(j, 1).to_owned();
            p.solve(one.as_mut(), EXACT).unwrap();
            let size = rhs.col(j).norm_l2();
            let rest = (&k * together.col(j) - rhs.col(j)).norm_l2();
            assert!(rest <= 1e-11 * size, "column {j}: {rest:e}");
            let off = (one.col(0) - together.col(j)).norm_l2();
            assert!(off <= 1e-9 * one.norm_l2(), "column {j}: {off:e}");
        }
        let mut bad = rhs.clone();
        bad[(3, 2)] = f64::NAN;
        let kept = bad.clone();
        assert!(matches!(
            p.solve(bad.as_mut(), EXACT),
            Err(Error::NonFinite { index: 3, .. })
        ));
        assert!(bad.col(1) == kept.col(1));
    }
}

#[test]
fn a_refused_update_leaves_everything_as_it_was() {
    let a = Constraints::independent(30, &[Block::Psd(6), Block::Nonneg(20)], 2, 3.into()).unwrap();
    let w = weights(a.blocks(), false, &mut rng(1));
    let mut recompute = Recompute::new(a.clone()).unwrap();
    recompute.update(&views(&w)).unwrap();
    let kronecker = Kronecker::new(a.clone())
        .unwrap()
        .with_weight(&views(&w))
        .unwrap();
    let h = gaussian(a.ambient(), 1, &mut rng(2));
    let structures: [Box<dyn Projection>; 2] = [Box::new(recompute), Box::new(kronecker)];
    for mut p in structures {
        let before = query(&mut *p, &h, EXACT);
        let (good, numbers) = (positive(6, &mut rng(8)), vec![1.0; 20]);
        let mut refuse = |psd: &Mat<f64>, numbers: &[f64], expected: fn(&Error) -> bool| {
            let error = p.update(&[psd.into(), numbers.into()]).unwrap_err();
            assert!(expected(&error), "{error}");
            assert!(!error.to_string().is_empty());
            let after = query(&mut *p, &h, EXACT);
            assert!(before == after, "the answer changed after: {error}");
        };
        let with = |i: usize, j: usize, v: f64| {
            let mut m = good.clone();
            m[(i, j)] = v;
            m
        };
        refuse(&with(2, 2, -1.0), &numbers, |e| {
            matches!(e, Error::NotPositiveDefinite { pivot: 2, .. })
        });
        refuse(&Mat::zeros(6, 6), &numbers, |e| {
            matches!(e, Error::NotPositiveDefinite { pivot: 0, .. })
        });
        refuse(&with(1, 3, 9.0), &numbers, |e| {
            matches!(e, Error::NotSymmetric { row: 3, col: 1, .. })
        });
        refuse(&with(0, 1, f64::NAN), &numbers, |e| {
            matches!(e, Error::NonFinite { index: 6, .. })
        });
        refuse(&Mat::identity(5, 5), &numbers, |e| {
            matches!(
                e,
                Error::Shape {
                    expected: (6, 6),
                    found: (5, 5),
                    ..
                }
            )
        });
        refuse(&good, &numbers[1..], |e| {
            matches!(
                e,
                Error::Shape {
                    expected: (20, 1),
                    found: (19, 1),
                    ..
                }
            )
        });
        let mut zero = numbers.clone();
        zero[7] = 0.0;
        refuse(&good, &zero, |e| {
            matches!(e, Error::NotPositiveDefinite { pivot: 7, .. })
        });
        zero[7] = f64::INFINITY;
        refuse(&good, &zero, |e| {
            matches!(e, Error::NonFinite { index: 7, .. })
        });
        assert!(matches!(p.update(&[]), Err(Error::Shape { .. })));
        assert!(matches!(
            p.update(&[(&good).into(), (&good).into()]),
            Err(Error::Unsupported { .. })
        ));
        let mut wrong = Mat::zeros(29, 1);
        assert!(matches!(
            p.solve(wrong.as_mut(), EXACT),
            Err(Error::Shape { .. })
        ));
        let mut rhs = Mat::from_fn(30, 1, |i, _| if i == 4 { f64::NAN } else { 1.0 });
        assert!(matches!(
            p.solve(rhs.as_mut(), EXACT),
            Err(Error::NonFinite { index: 4, .. })
        ));
        let mut rhs = Mat::zeros(30, 1);
        assert!(matches!(
            p.solve(rhs.as_mut(), Goal::Residual(-1.0)),
            Err(Error::InvalidSetting { .. })
        ));
        let mut out = Mat::zeros(1, 1);
        let far = p.query_set(h.col(0), &[a.ambient()], EXACT, out.as_mut());
        assert!(matches!(far, Err(Error::OutOfRange { .. })));
        assert!(before == query(&mut *p, &h, EXACT));
    }
}

#[test]
fn kronecker_refuses_what_it_does_not_maintain() {
    let a = Constraints::independent(10, &[Block::Psd(6), Block::Nonneg(3)], 2, 3.into()).unwrap();
    let (x, n) = (Mat::<f64>::identity(6, 6), [1.0; 3]);
    let pair = [
        BlockWeight::Pair {
            x: x.as_ref(),
            z: x.as_ref(),
        },
        n.as_slice().into(),
    ];
    assert!(matches!(
        Kronecker::new(a.clone()).and_then(|p| p.with_weight(&pair)),
        Err(Error::Unsupported {
            by: "Kronecker",
            ..
        })
    ));
    let mut p = Kronecker::new(a.clone())
        .unwrap()
        .with_weight(&[(&x).into(), n.as_slice().into()])
        .unwrap();
    let (v, c) = (
        Mat::from_fn(6, 1, |i, _| i as f64),
        Mat::from_fn(1, 1, |_, _| -1.0),
    );
    let change = |block| LowRank {
        block,
        v: v.as_ref(),
        c: c.as_ref(),
    };
    assert!(matches!(
        p.update_low_rank(&[change(0)]),
        Err(Error::NotPositiveDefinite { .. })
    ));
    assert!(matches!(
        p.update_low_rank(&[change(1)]),
        Err(Error::Unsupported { .. })
    ));
    assert!(matches!(
        p.update_low_rank(&[change(2)]),
        Err(Error::OutOfRange {
            index: 2,
            bound: 2,
            ..
        })
    ));
    assert_eq!(p.update_low_rank(&[]).unwrap(), Refresh::Kept);
    // From two-sided to one-sided: another Gram matrix altogether.
    let one_sided = [BlockWeight::OneSided(x.as_ref()), n.as_slice().into()];
    assert_eq!(
        p.update(&one_sided).unwrap(),
        Refresh::Rebuilt(Reason::Form)
    );
}

#[test]
fn dependent_rows_are_an_error_and_ill_conditioned_weights_are_not() {
    let mut b = Constraints::builder(3, &[Block::Psd(3)]).unwrap();
    for (i, v) in [(0, 1.0), (1, 2.0), (2, -1.0)] {
        b.entry(i, 0, 0, 1, v)
            .unwrap()
            .entry(i, 0, 2, 2, if i == 2 { 5.0 } else { v })
            .unwrap();
    }
    let a = b.build().unwrap();
    let w = Mat::<f64>::identity(3, 3);
    let mut p = Recompute::new(a.clone()).unwrap();
    assert_eq!(
        p.update(&[(&w).into()]),
        Err(Error::RankDeficient { rank: 2, needed: 3 })
    );
    assert!(matches!(p.operator(EXACT), Err(Error::NoWeight)));
    assert_eq!(
        Kronecker::new(a)
            .and_then(|p| p.with_weight(&[(&w).into()]))
            .err(),
        Some(Error::RankDeficient { rank: 2, needed: 3 })
    );

    // A zero row is dependent too.
    let mut b = Constraints::builder(2, &[Block::Psd(2)]).unwrap();
    b.entry(0, 0, 0, 0, 1.0).unwrap();
    let mut p = Recompute::new(b.build().unwrap()).unwrap();
    let w = Mat::<f64>::identity(2, 2);
    assert_eq!(
        p.update(&[(&w).into()]),
        Err(Error::RankDeficient { rank: 1, needed: 2 })
    );

    // Independent rows, but a weight of condition 1e24: the Gram matrix is singular in double precision.
    let a = Constraints::independent(12, &[Block::Psd(6)], 3, 1.into()).unwrap();
    let mut rng = rng(3);
    let q = gaussian(6, 6, &mut rng).qr().compute_Q();
    let d = Mat::from_fn(6, 6, |i, j| {
        if i == j {
            10f64.powi(4 * i as i32 - 12)
        } else {
            0.0
        }
    });
    let w = symmetrised(&(&q * d * q.transpose()));
    let positive = symmetrised(&(&w + Mat::<f64>::identity(6, 6) * faer::Scale(1e-3)));
    let mut p = Recompute::new(a).unwrap();
    p.update(&[(&positive).into()]).unwrap();
}

#[test]
fn structures_are_send_and_sync() {
    fn both<T: Send + Sync>() {}
    both::<Constraints>();
    both::<Settings>();
    both::<Recompute>();
    both::<Kronecker>();
    both::<Box<dyn Projection + Sync>>();
}
