//! Sketched set queries over an exact structure.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::kronecker::LowRank;
use dyncvx::projection::{
    Accuracy, Ensemble, Goal, Kronecker, Projection, Recompute, Sketched, sketched,
};
use dyncvx::sketch::{Address, Base, Distribution, Family, Sketch};
use faer::Mat;
use quickcheck::{Gen, QuickCheck};
use std::sync::atomic::{AtomicU64, Ordering};

/// Sparse rows with an entry of their own, and two of rank one on all indices, over two matrices and some numbers.
fn mixed_rows(m: usize) -> Constraints {
    let blocks = [Block::Psd(9), Block::Nonneg(5), Block::Psd(4)];
    let mut builder = Constraints::builder(m, &blocks).unwrap();
    let mut rng = rng(8);
    for i in 0..m {
        let (r, c) = (i % 9, (i % 9 + i / 9) % 9);
        builder.entry(i, 0, r.min(c), r.max(c), 3.0).unwrap();
        builder.entry(i, 1, i % 5, i % 5, normal(&mut rng)).unwrap();
        builder
            .entry(i, 2, i % 3, 3, normal(&mut rng))
            .unwrap()
            .entry(i, 2, 1, 1, normal(&mut rng))
            .unwrap();
    }
    let sparse = builder.build().unwrap();
    let mut builder = Constraints::builder(m + 2, &blocks).unwrap();
    for (i, b, r, c, v) in sparse.entries() {
        builder.entry(i, b, r, c, v).unwrap();
    }
    for i in m..m + 2 {
        let a: Vec<f64> = (0..9).map(|_| 1.0 + normal(&mut rng)).collect();
        for c in 0..9 {
            for r in 0..=c {
                builder.entry(i, 0, r, c, a[r] * a[c]).unwrap();
            }
        }
    }
    builder.build().unwrap()
}

/// `Y` and `R` are what they should be: the answers are `P RᵀR h`, worked out densely, for every way to `BRᵀ`.
#[test]
fn answers_are_those_of_the_definition() {
    let kronecker = Family::Kronecker {
        left: Base::Srht,
        right: Base::Sparse(3),
        left_rows: 6,
    };
    let families: [Family; 5] = [
        Base::Gaussian.into(),
        Base::CountSketch.into(),
        kronecker,
        Family::TensorSrht,
        Family::TensorSketch,
    ];
    let dense = Constraints::independent(20, &[Block::Psd(8)], 0, 1.into()).unwrap();
    for (a, form) in [(mixed_rows(20), 0), (dense, 0)]
        .into_iter()
        .chain((1..4).map(|form| (mixed_rows(20), form)))
    {
        let mut rng = rng(form);
        let mut w = weights(a.blocks(), form == 1, &mut rng);
        for (w, b) in w.iter_mut().zip(a.blocks()) {
            match (form, *b) {
                (2, Block::Psd(n)) => {
                    *w = Owned::Root(
                        gaussian(n, n, &mut rng) + Mat::<f64>::identity(n, n) * faer::Scale(4.0),
                    );
                }
                (3, Block::Psd(n)) => {
                    *w = Owned::Pair(positive(n, &mut rng), positive(n, &mut rng));
                }
                _ => {}
            }
        }
        let mut inner = Recompute::new(a.clone()).unwrap();
        inner.update(&views(&w)).unwrap();
        let h = gaussian(a.ambient(), 1, &mut rng);
        let b = dense_b(&a, &w);
        let coords = [0, 7, a.ambient() / 2, a.ambient() - 1, 7];
        // N = 102 (64 for dense rows): fewer and more than all copies have rows.
        for (family, rows) in families.into_iter().flat_map(|f| [(f, 18), (f, 36)]) {
            let distribution = Distribution::new(family, rows).unwrap();
            let mut p =
                Sketched::new(inner.clone(), sketched::Settings::new(distribution, 3, 5)).unwrap();
            let mut out = Mat::zeros(coords.len(), 2);
            let accuracy = p
                .query_set_of(&[2, 0], h.col(0), &coords, out.as_mut())
                .unwrap();
            assert!(matches!(accuracy, Accuracy::Sketched { .. }));
            for (s, l) in [2, 0].into_iter().enumerate() {
                let rrh = smoothed(p.sketch(l).unwrap(), &h);
                let expected = b.transpose() * dense_solve(&b, &(&b * &rrh));
                for (i, &c) in coords.iter().enumerate() {
                    let off = (out[(i, s)] - expected[(c, 0)]).abs();
                    assert!(off < 1e-9 * expected.norm_max(), "{family:?}: {off:e}");
                }
            }
            let accuracy = p
                .query_set(
                    h.col(0),
                    &coords,
                    Goal::Residual(1e-12),
                    out.as_mut().subcols_mut(0, 1),
                )
                .unwrap();
            assert!(matches!(accuracy, Accuracy::Exact { .. }));
        }
    }
}

/// `z = L_K⁻¹BRᵀRh` for some factor of `K`: `‖z‖² = uᵀKu` with `u = K⁻¹BRᵀRh`, and `BᵀL_K⁻ᵀz = P RᵀR h`.
#[test]
fn whitened_multipliers_lead_back_to_the_projection() {
    for form in 0..4 {
        let a =
            Constraints::independent(20, &[Block::Psd(6), Block::Nonneg(5)], 3, 1.into()).unwrap();
        let mut rng = rng(form);
        let mut w = weights(a.blocks(), form == 1, &mut rng);
        match form {
            2 => w[0] = Owned::Root(gaussian(6, 6, &mut rng)),
            3 => w[0] = Owned::Pair(positive(6, &mut rng), positive(6, &mut rng)),
            _ => {}
        }
        let distribution = Distribution::new(Family::TensorSrht, 24).unwrap();
        let mut p = Sketched::new(
            Recompute::new(a.clone()).unwrap(),
            sketched::Settings::new(distribution, 3, 5),
        )
        .unwrap();
        let h = gaussian(a.ambient(), 1, &mut rng);
        let mut z = Mat::zeros(20, 2);
        let early = p.whitened_of(&[1, 2], h.col(0), z.as_mut());
        assert_eq!(early, Err(Error::NoWeight));
        p.update(&views(&w)).unwrap();
        p.whitened_of(&[1, 2], h.col(0), z.as_mut()).unwrap();
        let (mut y, mut projected) = (Mat::zeros(20, 2), Mat::zeros(a.ambient(), 2));
        p.unwhiten(z.as_ref(), y.as_mut(), projected.as_mut())
            .unwrap();
        let b = dense_b(&a, &w);
        for (s, l) in [1, 2].into_iter().enumerate() {
            let rrh = smoothed(p.sketch(l).unwrap(), &h);
            let u = dense_solve(&b, &(&b * &rrh));
            let expected = b.transpose() * &u;
            let close = |x: &Mat<f64>, y: &Mat<f64>| (x - y).norm_l2() < 1e-8 * y.norm_l2();
            assert!(close(&projected.subcols(s, 1).to_owned(), &expected));
            assert!(close(&y.subcols(s, 1).to_owned(), &u));
            let (found, length) = (z.col(s).norm_l2(), expected.norm_l2());
            assert!((found - length).abs() < 1e-8 * length, "{form}");
        }
    }
}

/// `RᵀR h`.
fn smoothed(r: &dyn Sketch, h: &Mat<f64>) -> Mat<f64> {
    let (mut rh, mut rrh) = (Mat::zeros(r.nrows(), 1), Mat::zeros(r.ncols(), 1));
    r.apply(h.as_ref(), rh.as_mut()).unwrap();
    r.apply_transpose(rh.as_ref(), rrh.as_mut()).unwrap();
    rrh
}

static FOLLOWED: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// `Y` after any script of updates is `Y` made anew: one-sided, two-sided, roots and pairs, several blocks.
#[test]
fn maintained_equals_recomputed_after_any_script() {
    fn law(seed: u64, which: u8, form: u8, script: Vec<u8>) -> bool {
        let (blocks, m): (&[Block], usize) = [
            (&[Block::Psd(8)][..], 33),
            (&[Block::Psd(4), Block::Nonneg(6), Block::Psd(3)][..], 18),
            (&[Block::Nonneg(3), Block::Psd(7)][..], 26),
        ][usize::from(which) % 3];
        let form = usize::from(form) % 4;
        let a = Constraints::independent(m, blocks, 3, seed.into()).unwrap();
        let mut rng = rng(seed ^ 9);
        let fresh = |rng: &mut _| {
            let mut w = weights(a.blocks(), form == 1, rng);
            for w in &mut w {
                if let Owned::Psd(m) = w {
                    let n = m.nrows();
                    match form {
                        2 => *w = Owned::Root(m.clone() + gaussian(n, n, rng) * faer::Scale(0.1)),
                        3 => *w = Owned::Pair(m.clone(), positive(n, rng)),
                        _ => {}
                    }
                }
            }
            w
        };
        let mut w = fresh(&mut rng);
        let family: Family = match seed % 4 {
            0 => Base::CountSketch.into(),
            1 => Family::TensorSrht,
            2 => Family::TensorSketch,
            _ => Family::Kronecker {
                left: Base::Gaussian,
                right: Base::Rademacher,
                left_rows: 6,
            },
        };
        let distribution = Distribution::new(family, 24).unwrap();
        let mut naive = Recompute::new(a.clone()).unwrap();
        naive.update(&views(&w)).unwrap();
        // A pair is not Kronecker's to maintain.
        let direct = form == 3 || seed.is_multiple_of(3);
        let kept: Box<dyn Projection> = match direct {
            true => Box::new(naive.clone()),
            false => Box::new(
                Kronecker::new(a.clone())
                    .unwrap()
                    .with_weight(&views(&w))
                    .unwrap(),
            ),
        };
        let mut kept =
            Sketched::new(kept, sketched::Settings::new(distribution, 16, seed)).unwrap();
        for op in script {
            let block = usize::from(op / 8) % w.len();
            let push = |x: &Mat<f64>, rng: &mut _| {
                let v = gaussian(x.nrows(), 1, rng) * faer::Scale(0.3);
                x + &v * v.transpose()
            };
            match (op % 8, &mut w[block]) {
                (0..=4, Owned::Psd(x) | Owned::OneSided(x)) => *x = push(x, &mut rng),
                (0..=4, Owned::Root(g)) => {
                    let n = g.nrows();
                    *g = &*g
                        + gaussian(n, 1, &mut rng)
                            * gaussian(1, n, &mut rng)
                            * faer::Scale(0.1 / n as f64);
                }
                (0..=4, Owned::Pair(x, z)) => {
                    *z = push(z, &mut rng);
                    if op % 2 == 0 {
                        *x = push(x, &mut rng);
                    }
                }
                (0..=4, Owned::Nonneg(w)) => {
                    let k = usize::from(op / 8) % w.len();
                    w[k] *= 0.2 + 2.0 * uniform(&mut rng);
                }
                (5, _) => w = fresh(&mut rng),
                (6, Owned::Psd(x) | Owned::OneSided(x)) => {
                    let good = x.clone();
                    x[(0, 0)] = -1.0;
                    let refused = kept.update(&views(&w));
                    assert!(matches!(refused, Err(Error::NotPositiveDefinite { .. })));
                    let (Owned::Psd(x) | Owned::OneSided(x)) = &mut w[block] else {
                        unreachable!()
                    };
                    *x = good;
                }
                _ => {}
            }
            kept.update(&views(&w)).unwrap();
            naive.update(&views(&w)).unwrap();
            let mut anew = Sketched::new(
                naive.clone(),
                sketched::Settings::new(distribution, 16, seed),
            )
            .unwrap();
            let h = gaussian(a.ambient(), 1, &mut rng);
            let (coords, which): (Vec<usize>, Vec<usize>) =
                ((0..a.ambient()).collect(), (0..16).collect());
            let [mut found, mut expected] = [(); 2].map(|()| Mat::zeros(coords.len(), 16));
            kept.query_set_of(&which, h.col(0), &coords, found.as_mut())
                .unwrap();
            anew.query_set_of(&which, h.col(0), &coords, expected.as_mut())
                .unwrap();
            let off = relative(&found, &expected);
            // Kronecker's own answers are good to some 1e-7, and kept so.
            let limit = if direct { 1e-8 } else { 1e-5 };
            assert!(off < limit, "{family:?}, form {form}: {off:e}");
        }
        FOLLOWED[form].fetch_add(kept.updates_followed(), Ordering::Relaxed);
        true
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(24, 31))
        .tests(80)
        .quickcheck(law as fn(u64, u8, u8, Vec<u8>) -> bool);
    assert!(
        FOLLOWED.iter().all(|n| n.load(Ordering::Relaxed) > 30),
        "{FOLLOWED:?}"
    );
}

/// The truth about the error: with Gaussian sketches the variance of coordinate `i` is `(‖P_i‖²‖h‖² + (P_i·h)²)/b`, the squared
/// l2 error is `(m‖h‖² + ‖P h‖²)/b` on average, and that is more than `‖h‖²` when `b < m`.
#[test]
fn errors_are_small_per_coordinate_and_not_in_l2() {
    const COPIES: usize = 400;
    let (n, m, b) = (12, 64, 16);
    let a = Constraints::independent(m, &[Block::Psd(n)], 3, 2.into()).unwrap();
    let w = weights(a.blocks(), false, &mut rng(3));
    let mut inner = Recompute::new(a.clone()).unwrap();
    inner.update(&views(&w)).unwrap();
    let h = gaussian(n * n, 1, &mut rng(4));
    let dense = dense_b(&a, &w);
    let exact = dense.transpose() * dense_solve(&dense, &dense);
    let ph = &exact * &h;
    let distribution = Distribution::new(Base::Gaussian, b).unwrap();
    let mut p = Sketched::new(inner, sketched::Settings::new(distribution, COPIES, 6)).unwrap();
    let (which, coords): (Vec<usize>, Vec<usize>) = ((0..COPIES).collect(), (0..n * n).collect());
    let mut found = Mat::zeros(n * n, COPIES);
    let accuracy = p
        .query_set_of(&which, h.col(0), &coords, found.as_mut())
        .unwrap();
    // Within six standard errors of the mean of the squares.
    let close = |squares: &[f64], expected: f64| {
        let k = squares.len() as f64;
        let mean = squares.iter().sum::<f64>() / k;
        let spread = squares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (k - 1.0);
        assert!(
            (mean - expected).abs() < 6.0 * (spread / k).sqrt(),
            "{mean} for {expected}"
        );
        mean
    };
    let length = h.norm_l2();
    for i in (0..n * n).step_by(7) {
        let squares: Vec<f64> = (0..COPIES)
            .map(|l| (found[(i, l)] - ph[(i, 0)]).powi(2))
            .collect();
        let own = exact.col(i).norm_l2() * length;
        close(&squares, (own * own + ph[(i, 0)].powi(2)) / b as f64);
    }
    let squares: Vec<f64> = (0..COPIES)
        .map(|l| (found.col(l) - ph.col(0)).squared_norm_l2())
        .collect();
    let expected = (m as f64 * length * length + ph.squared_norm_l2()) / b as f64;
    let mean = close(&squares, expected);
    assert!(mean > 3.0 * length * length);
    // The promised error is that of a coordinate, root mean square.
    let Accuracy::Sketched { expected_error } = accuracy else {
        panic!("{accuracy:?}")
    };
    let rms = (mean / (n * n) as f64).sqrt();
    assert!(
        (rms / expected_error - 1.0).abs() < 0.05,
        "{rms} {expected_error}"
    );
    // The mean of all copies is a sketch of COPIES·b rows.
    let mut together = Mat::zeros(n * n, 1);
    let accuracy = p
        .query_set(h.col(0), &coords, Goal::AsAbsorbed, together.as_mut())
        .unwrap();
    let Accuracy::Sketched {
        expected_error: smaller,
    } = accuracy
    else {
        panic!("{accuracy:?}")
    };
    assert!((smaller * (COPIES as f64).sqrt() / expected_error - 1.0).abs() < 1e-12);
    let rms = ((&together - &ph).squared_norm_l2() / (n * n) as f64).sqrt();
    assert!(rms < 2.0 * smaller, "{rms} {smaller}");
    // The full query is the same answer, with its multipliers.
    let (mut y, mut all) = (Mat::zeros(m, 1), Mat::zeros(n * n, 1));
    p.query(h.as_ref(), Goal::AsAbsorbed, y.as_mut(), all.as_mut())
        .unwrap();
    assert!(relative(&all, &together) < 1e-10);
    assert!(relative(&(dense.transpose() * &y), &all) < 1e-10);
}

#[test]
fn renewed_copies_are_those_of_the_next_epoch() {
    let a = Constraints::independent(12, &[Block::Psd(5)], 3, 2.into()).unwrap();
    let w = weights(a.blocks(), true, &mut rng(3));
    let distribution = Distribution::new(Base::Sparse(2), 8).unwrap();
    let mut p = Sketched::new(
        Recompute::new(a).unwrap(),
        sketched::Settings::new(distribution, 2, 6),
    )
    .unwrap();
    p.update(&views(&w)).unwrap();
    let h = gaussian(25, 1, &mut rng(4));
    let ask = |p: &mut Sketched<Recompute>| {
        let mut out = Mat::zeros(3, 2);
        p.query_set_of(&[0, 1], h.col(0), &[0, 7, 24], out.as_mut())
            .unwrap();
        out
    };
    let first = ask(&mut p);
    assert!(first.col(0) != first.col(1));
    let bytes = p.bytes();
    p.renew().unwrap();
    assert_eq!((p.epoch(), p.copies(), Ensemble::rows(&p)), (1, 2, 8));
    assert_eq!(p.bytes(), bytes);
    let second = ask(&mut p);
    assert!(first != second);
    let copy = p.sketch(1).unwrap();
    let same = distribution
        .operator(&[Block::Psd(5)], Address::new(6, 1, 1))
        .unwrap();
    assert!(smoothed(copy, &h) == smoothed(&*same, &h));
}

#[test]
fn what_does_not_fit_is_refused() {
    let a = Constraints::independent(12, &[Block::Psd(5)], 3, 2.into()).unwrap();
    let distribution = Distribution::new(Base::Srht, 8).unwrap();
    let none = Sketched::new(
        Recompute::new(a.clone()).unwrap(),
        sketched::Settings::new(distribution, 0, 6),
    );
    assert!(matches!(none.err(), Some(Error::InvalidSetting { .. })));
    let mut p = Sketched::new(
        Recompute::new(a.clone()).unwrap(),
        sketched::Settings::new(distribution, 2, 6),
    )
    .unwrap();
    let (h, mut out) = (Mat::<f64>::zeros(25, 1), Mat::zeros(2, 1));
    let early = p.query_set(h.col(0), &[0, 1], Goal::AsAbsorbed, out.as_mut());
    assert_eq!(early, Err(Error::NoWeight));
    p.update(&views(&weights(a.blocks(), false, &mut rng(1))))
        .unwrap();
    let far = p.query_set(h.col(0), &[0, 25], Goal::AsAbsorbed, out.as_mut());
    assert!(matches!(far, Err(Error::OutOfRange { index: 25, .. })));
    let far = p.query_set_of(&[2], h.col(0), &[0, 1], out.as_mut());
    assert!(matches!(far, Err(Error::OutOfRange { index: 2, .. })));
    let short = p.query_set_of(&[1], h.subrows(0, 24).col(0), &[0, 1], out.as_mut());
    assert!(matches!(short, Err(Error::Shape { .. })));
    let shape = p.query_set_of(&[0, 1], h.col(0), &[0, 1], out.as_mut());
    assert!(matches!(shape, Err(Error::Shape { .. })));
    let bad = Mat::from_fn(25, 1, |i, _| if i == 3 { f64::NAN } else { 0.0 });
    let refused = p.query_set_of(&[1], bad.col(0), &[0, 1], out.as_mut());
    assert!(matches!(refused, Err(Error::NonFinite { index: 3, .. })));
    let (mut y, mut x) = (Mat::zeros(11, 1), Mat::zeros(25, 1));
    let refused = p.unwhiten(Mat::zeros(12, 1).as_ref(), y.as_mut(), x.as_mut());
    assert!(matches!(refused, Err(Error::Shape { .. })));
}

#[test]
fn an_inner_change_of_its_own_kind_is_followed() {
    let a = Constraints::independent(40, &[Block::Psd(9)], 3, 2.into()).unwrap();
    let mut rng = rng(3);
    let w = positive(9, &mut rng);
    let inner = Kronecker::new(a.clone())
        .unwrap()
        .with_weight(&[BlockWeight::OneSided(w.as_ref())])
        .unwrap();
    let distribution = Distribution::new(Family::TensorSketch, 40).unwrap();
    let mut p = Sketched::new(inner, sketched::Settings::new(distribution, 2, 6)).unwrap();
    let h = gaussian(81, 1, &mut rng);
    let ask = |p: &mut dyn Projection| {
        let mut out = Mat::zeros(81, 1);
        let coords: Vec<usize> = (0..81).collect();
        p.query_set(h.col(0), &coords, Goal::AsAbsorbed, out.as_mut())
            .unwrap();
        out
    };
    let before = ask(&mut p);
    let (v, c) = (gaussian(9, 1, &mut rng), Mat::from_fn(1, 1, |_, _| 0.5));
    let change = |c: &Mat<f64>, p: &mut Kronecker| {
        p.update_low_rank(&[LowRank {
            block: 0,
            v: v.as_ref(),
            c: c.as_ref(),
        }])
    };
    let bad = Mat::from_fn(1, 1, |_, _| -100.0);
    let refused = p.update_with(|inner| change(&bad, inner));
    assert!(matches!(refused, Err(Error::NotPositiveDefinite { .. })));
    assert!(before == ask(&mut p));
    p.update_with(|inner| change(&c, inner)).unwrap();
    assert_eq!(p.updates_followed(), 1);
    let moved = symmetrised(&(&w + &v * &c * v.transpose()));
    let mut naive = Recompute::new(a).unwrap();
    naive
        .update(&[BlockWeight::OneSided(moved.as_ref())])
        .unwrap();
    let mut anew = Sketched::new(naive, sketched::Settings::new(distribution, 2, 6)).unwrap();
    let off = relative(&ask(&mut p), &ask(&mut anew));
    assert!(off < 1e-5, "{off:e}");
}
