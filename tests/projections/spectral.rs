//! Spectral weights: a fixed eigenbasis, dense or sparse, and eigenvalues that move. The laws are those of dense weights.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Basis, Block, BlockWeight, Constraints};
use dyncvx::projection::kronecker::{LowRank, Policy, Precision, Rates, Settings};
use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Recompute, Refresh};
use faer::Mat;
use quickcheck::{Gen, QuickCheck};
use rand_chacha::ChaCha20Rng;
use std::sync::atomic::{AtomicUsize, Ordering};

const EXACT: Goal = Goal::Residual(1e-14);

fn check(tests: u64, seed: u64) -> QuickCheck {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, seed))
        .tests(tests)
}

/// An orthogonal matrix: a dense one, or rotations of disjoint pairs after a permutation.
fn basis(n: usize, sparse: bool, rng: &mut ChaCha20Rng) -> Basis {
    if !sparse {
        return Basis::dense(gaussian(n, n, rng).qr().compute_Q().as_ref()).unwrap();
    }
    let mut places: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        places.swap(i, (uniform(rng) * (i + 1) as f64) as usize);
    }
    let mut entries = sprs::TriMat::new((n, n));
    for (j, pair) in places.chunks(2).enumerate() {
        let (s, c) = (6.0 * uniform(rng)).sin_cos();
        match *pair {
            [p, q] => {
                entries.add_triplet(p, 2 * j, c);
                entries.add_triplet(q, 2 * j, s);
                entries.add_triplet(p, 2 * j + 1, -s);
                entries.add_triplet(q, 2 * j + 1, c);
            }
            [p] => entries.add_triplet(p, 2 * j, -1.0),
            _ => unreachable!(),
        }
    }
    Basis::sparse(entries.to_csr::<usize>().view()).unwrap()
}

/// The weight of one block.
#[derive(Clone)]
enum Held {
    Numbers(Vec<f64>),
    Spectral(Basis, Vec<f64>, bool),
    /// After a low-rank change, which no basis follows.
    Dense(Mat<f64>, bool),
}

impl Held {
    fn view(&self) -> BlockWeight<'_> {
        match self {
            Held::Numbers(w) => w.as_slice().into(),
            Held::Spectral(basis, eigenvalues, false) => {
                BlockWeight::Spectral { basis, eigenvalues }
            }
            Held::Spectral(basis, eigenvalues, true) => {
                BlockWeight::OneSidedSpectral { basis, eigenvalues }
            }
            Held::Dense(w, false) => BlockWeight::Psd(w.as_ref()),
            Held::Dense(w, true) => BlockWeight::OneSided(w.as_ref()),
        }
    }

    fn owned(&self) -> Owned {
        match self {
            Held::Numbers(w) => Owned::Nonneg(w.clone()),
            Held::Spectral(basis, lambda, one_sided) => {
                let u = basis.matrix();
                let n = u.nrows();
                let scaled = Mat::from_fn(n, n, |i, j| u[(i, j)] * lambda[j]);
                let w = symmetrised(&(scaled * u.transpose()));
                if *one_sided {
                    Owned::OneSided(w)
                } else {
                    Owned::Psd(w)
                }
            }
            Held::Dense(w, true) => Owned::OneSided(w.clone()),
            Held::Dense(w, false) => Owned::Psd(w.clone()),
        }
    }
}

fn held(blocks: &[Block], one_sided: bool, sparse: bool, rng: &mut ChaCha20Rng) -> Vec<Held> {
    let numbers =
        |n: usize, rng: &mut ChaCha20Rng| (0..n).map(|_| 0.3 + 2.0 * uniform(rng)).collect();
    blocks
        .iter()
        .map(|b| match *b {
            Block::Nonneg(n) => Held::Numbers(numbers(n, rng)),
            Block::Psd(n) => Held::Spectral(basis(n, sparse, rng), numbers(n, rng), one_sided),
        })
        .collect()
}

fn views_of(weights: &[Held]) -> Vec<BlockWeight<'_>> {
    weights.iter().map(Held::view).collect()
}

fn owned(weights: &[Held]) -> Vec<Owned> {
    weights.iter().map(Held::owned).collect()
}

fn query(p: &mut dyn Projection, h: &Mat<f64>, goal: Goal) -> (Mat<f64>, Mat<f64>) {
    let shape = p.shape();
    let (mut y, mut ph) = (
        Mat::zeros(shape.constraints, h.ncols()),
        Mat::zeros(shape.ambient, h.ncols()),
    );
    p.query(h.as_ref(), goal, y.as_mut(), ph.as_mut()).unwrap();
    (y, ph)
}

/// Rates under which absorbing is always worth it: into the inverse, or into the factor.
fn absorbing(invert: bool) -> Rates {
    Rates::new(
        1.0,
        1.0,
        1e-3,
        1e-3,
        1e-9,
        1e-9,
        if invert { 1.0 } else { 1e-9 },
    )
}

#[test]
fn a_spectral_weight_is_the_dense_weight_it_stands_for() {
    fn law(seed: u64, which: u8, one_sided: bool, sparse: bool) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 1);
        let w = held(a.blocks(), one_sided, sparse, &mut rng);
        let dense = owned(&w);
        let b = dense_b(&a, &dense);
        let h = gaussian(a.ambient(), 2, &mut rng);
        let expected = b.transpose() * dense_solve(&b, &(&b * &h));
        let mut recompute = Recompute::new(a.clone()).unwrap();
        recompute.update(&views_of(&w)).unwrap();
        let kept = Kronecker::new(a.clone())
            .unwrap()
            .with_weight(&views_of(&w))
            .unwrap();
        let structures: [Box<dyn Projection>; 2] = [Box::new(recompute), Box::new(kept)];
        for mut p in structures {
            let (_, ph) = query(&mut *p, &h, EXACT);
            assert!(
                relative(&ph, &expected) < 1e-9,
                "{:e}",
                relative(&ph, &expected)
            );
            let (_, twice) = query(&mut *p, &ph, EXACT);
            assert!(relative(&twice, &ph) < 1e-11, "idempotent");
            let bt = b.transpose().to_owned();
            let (_, pbt) = query(&mut *p, &bt, EXACT);
            assert!(relative(&pbt, &bt) < 1e-11, "P Bᵀ = Bᵀ");
        }
        true
    }
    check(40, 51).quickcheck(law as fn(u64, u8, bool, bool) -> bool);
}

static ABSORBED: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

#[test]
fn maintained_equals_recomputed_after_any_script_of_eigenvalues() {
    fn law(seed: u64, which: u8, one_sided: bool, sparse: bool, script: Vec<u16>) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 4);
        let mut w = held(a.blocks(), one_sided, sparse, &mut rng);
        let mut settings = Settings::default();
        settings.policy =
            [Policy::Absorb, Policy::Absorb, Policy::Auto, Policy::Stale][seed as usize % 4];
        settings.precision = [Precision::Double, Precision::Single][seed as usize / 4 % 2];
        settings.buffer = [None, Some(1), Some(40)][seed as usize / 8 % 3];
        settings.stale_tol = [0.0, 0.0, 0.3][seed as usize / 24 % 3];
        settings.rates = Some(absorbing((seed / 72).is_multiple_of(2)));
        let mut kept = Kronecker::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&views_of(&w))
            .unwrap();
        let mut naive = Recompute::new(a.clone()).unwrap();
        let total: usize = a.blocks().iter().map(|b| b.order()).sum();
        for (step, op) in script.into_iter().take(24).enumerate() {
            let mut told = vec![];
            for t in 0..1 + usize::from(op / 8 % 3) {
                let index = (usize::from(op / 64) + 7 * t) % total;
                if told.iter().any(|(i, _)| *i == index) {
                    continue;
                }
                let (mut at, mut block) = (index, 0);
                while at >= a.blocks()[block].order() {
                    at -= a.blocks()[block].order();
                    block += 1;
                }
                if let Held::Numbers(l) | Held::Spectral(_, l, _) = &mut w[block] {
                    // Now and then far; always between 0.05 and 20.
                    let by = if op % 5 == 0 { 8.0 } else { 1.5f64 };
                    let value = (l[at] * by.powf(2.0 * uniform(&mut rng) - 1.0)).clamp(0.05, 20.0);
                    l[at] = value;
                    told.push((index, value));
                }
            }
            let refresh = match op % 8 {
                // Found, not told.
                0 | 1 => kept.update(&views_of(&w)).unwrap(),
                // Another basis.
                2 if op % 3 == 0 => {
                    w = held(a.blocks(), one_sided, !sparse, &mut rng);
                    kept.update(&views_of(&w)).unwrap()
                }
                // Out of the basis, and back into it.
                3 if op % 3 == 0 => {
                    kept.update_eigenvalues(&told).unwrap();
                    let block = a
                        .blocks()
                        .iter()
                        .position(|b| matches!(b, Block::Psd(_)))
                        .unwrap();
                    let v = gaussian(a.blocks()[block].order(), 1, &mut rng) * faer::Scale(0.3);
                    let c = Mat::from_fn(1, 1, |_, _| 1.0);
                    let told = LowRank {
                        block,
                        v: v.as_ref(),
                        c: c.as_ref(),
                    };
                    let refresh = kept.update_low_rank(&[told]).unwrap();
                    let before = w[block].clone();
                    if let Owned::Psd(m) | Owned::OneSided(m) = before.owned() {
                        w[block] = Held::Dense(symmetrised(&(m + &v * v.transpose())), one_sided);
                    }
                    naive.update(&views_of(&w)).unwrap();
                    agree(&mut kept, &mut naive, settings.stale_tol, &mut rng, step);
                    w[block] = before;
                    kept.update(&views_of(&w)).unwrap();
                    refresh
                }
                _ => kept.update_eigenvalues(&told).unwrap(),
            };
            if let Refresh::LowRank { .. } = refresh {
                ABSORBED[usize::from(one_sided) + 2 * usize::from(sparse)]
                    .fetch_add(1, Ordering::Relaxed);
            }
            naive
                .update(&owned(&w).iter().map(Owned::view).collect::<Vec<_>>())
                .unwrap();
            agree(&mut kept, &mut naive, settings.stale_tol, &mut rng, step);
        }
        true
    }
    check(60, 52).quickcheck(law as fn(u64, u8, bool, bool, Vec<u16>) -> bool);
    assert!(
        ABSORBED.iter().all(|n| n.load(Ordering::Relaxed) > 30),
        "{ABSORBED:?}"
    );
}

fn agree(
    kept: &mut Kronecker,
    naive: &mut Recompute,
    stale_tol: f64,
    rng: &mut ChaCha20Rng,
    step: usize,
) {
    let h = gaussian(kept.shape().ambient, 1, rng);
    let ((y, ph), (y0, ph0)) = (query(kept, &h, EXACT), query(naive, &h, EXACT));
    assert!(
        relative(&y, &y0) < 1e-9 && relative(&ph, &ph0) < 1e-9,
        "step {step}: {:e} {:e}",
        relative(&y, &y0),
        relative(&ph, &ph0)
    );
    let mut rhs = gaussian(y0.nrows(), 1, rng);
    let mut exact = rhs.clone();
    naive.solve(exact.as_mut(), EXACT).unwrap();
    match kept.solve(rhs.as_mut(), Goal::AsAbsorbed).unwrap() {
        Accuracy::Approximate { epsilon } => assert!(epsilon <= stale_tol + 1e-12),
        _ => assert!(
            relative(&rhs, &exact) < 1e-5,
            "maintained {:e}",
            relative(&rhs, &exact)
        ),
    }
}

/// The inner dimensions the identities promise, absorbed as such, in both forms and with both kinds of basis.
#[test]
fn eigenvalues_are_absorbed_with_the_rank_promised() {
    let n = 20;
    for entries in [3, 0] {
        let a = Constraints::independent(190, &[Block::Psd(n)], entries, 3.into()).unwrap();
        for (one_sided, sparse) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut rng = rng(9);
            let mut w = held(a.blocks(), one_sided, sparse, &mut rng);
            let mut settings = Settings::default();
            settings.policy = Policy::Absorb;
            settings.precision = Precision::Double;
            settings.rates = Some(absorbing(true));
            let mut p = Kronecker::with_settings(a.clone(), settings)
                .unwrap()
                .with_weight(&views_of(&w))
                .unwrap();
            let Held::Spectral(_, lambda, _) = &mut w[0] else {
                unreachable!()
            };
            // Up, down and hardly: all signs of pairs.
            let told = [
                (4, 2.0 * lambda[4]),
                (11, 0.4 * lambda[11]),
                (17, 1.01 * lambda[17]),
            ];
            told.iter().for_each(|&(k, v)| lambda[k] = v);
            let inner = if one_sided { 3 * n } else { 3 * n - 3 };
            assert_eq!(
                p.update_eigenvalues(&told).unwrap(),
                Refresh::LowRank { rank: 3, inner },
            );
            // The inverse alone, unrefined: it was really moved there.
            let mut y = gaussian(190, 1, &mut rng);
            let b = dense_b(&a, &owned(&w));
            let exact = dense_solve(&b, &y);
            let Accuracy::Exact {
                residual,
                iterations,
            } = p.solve(y.as_mut(), Goal::AsAbsorbed).unwrap()
            else {
                panic!()
            };
            assert!(
                residual < 1e-11 && iterations == 0,
                "{residual:e}, {iterations} steps"
            );
            assert!(relative(&y, &exact) < 1e-9);
            assert_eq!(p.update(&views_of(&w)).unwrap(), Refresh::Kept);
        }
    }
}

/// The paper's own update: eigenvalues beyond the threshold, in batches, and nothing else.
#[test]
fn only_eigenvalues_beyond_the_threshold_are_absorbed() {
    let n = 24;
    let a = Constraints::independent(260, &[Block::Psd(n)], 3, 5.into()).unwrap();
    for (one_sided, sparse) in [(false, false), (true, true)] {
        let mut rng = rng(6);
        let basis = basis(n, sparse, &mut rng);
        let start: Vec<f64> = (0..n).map(|_| 0.5 + uniform(&mut rng)).collect();
        let mut lambda = start.clone();
        let mut settings = Settings::default();
        settings.stale_tol = 0.5;
        settings.trace = true;
        // The three end four hundred times as large as they began.
        settings.precision = Precision::Double;
        settings.rates = Some(absorbing(true));
        let first = Held::Spectral(basis.clone(), lambda.clone(), one_sided);
        let mut p = Kronecker::with_settings(a.clone(), settings)
            .unwrap()
            .with_weight(&[first.view()])
            .unwrap();
        let mut ranks = vec![];
        for t in 1..=40 {
            // Three move fast, the others hardly.
            let speed = |k: usize| {
                if k.is_multiple_of(8) {
                    0.15
                } else {
                    0.002 * (k % 5) as f64
                }
            };
            let told: Vec<(usize, f64)> = (0..n)
                .map(|k| (k, start[k] * (speed(k) * f64::from(t)).exp()))
                .collect();
            told.iter().for_each(|&(k, v)| lambda[k] = v);
            match p.update_eigenvalues(&told).unwrap() {
                Refresh::Stale { rank } => assert!((3..=n).contains(&rank)),
                Refresh::LowRank { rank, .. } => ranks.push(rank),
                other => panic!("{other:?}"),
            }
            assert!(p.trace().last().unwrap().left <= 0.5);
        }
        assert!(
            ranks.len() <= 10 && ranks.iter().all(|&r| r == 3),
            "{ranks:?}"
        );
        let weight = Held::Spectral(basis, lambda, one_sided);
        let b = dense_b(&a, &[weight.owned()]);
        let mut y = gaussian(260, 1, &mut rng);
        let exact = dense_solve(&b, &y);
        p.solve(y.as_mut(), Goal::Residual(1e-13)).unwrap();
        assert!(relative(&y, &exact) < 1e-9);
    }
}

#[test]
fn what_is_no_spectral_weight_is_refused_and_changes_nothing() {
    let blocks = [Block::Psd(4), Block::Nonneg(3), Block::Psd(5)];
    let a = Constraints::independent(12, &blocks, 2, 3.into()).unwrap();
    let mut rng = rng(1);
    let (u, lambda) = (basis(4, false, &mut rng), vec![1.0, 2.0, 3.0, 4.0]);
    let (w, dense) = (vec![1.0; 3], positive(5, &mut rng));
    let spectral = |eigenvalues| BlockWeight::Spectral {
        basis: &u,
        eigenvalues,
    };
    type Weight<'a> = [BlockWeight<'a>; 3];
    fn whole<'a>(first: BlockWeight<'a>, w: &'a [f64], dense: &'a Mat<f64>) -> Weight<'a> {
        [first, w.into(), dense.into()]
    }
    let mut p = Kronecker::new(a.clone())
        .unwrap()
        .with_weight(&whole(spectral(&lambda), &w, &dense))
        .unwrap();
    let h = gaussian(a.ambient(), 1, &mut rng);
    let before = query(&mut p, &h, EXACT);
    let mut refused = |values: &[(usize, f64)], expected: Error| {
        assert_eq!(p.update_eigenvalues(values), Err(expected));
        assert!(before == query(&mut p, &h, EXACT));
    };
    let what = "eigenvalue";
    refused(
        &[(0, 2.0), (12, 1.0)],
        Error::OutOfRange {
            what,
            index: 12,
            bound: 12,
        },
    );
    refused(
        &[(1, 2.0), (5, 1.0), (1, 2.0)],
        Error::Duplicate {
            what,
            entry: 2,
            previous: 0,
        },
    );
    refused(
        &[(1, 2.0), (2, 0.0)],
        Error::NotPositiveDefinite { what, pivot: 2 },
    );
    refused(&[(6, -1.0)], Error::NotPositiveDefinite { what, pivot: 6 });
    for value in [f64::NAN, f64::INFINITY] {
        refused(&[(3, value)], Error::NonFinite { what, index: 3 });
    }
    let (what, by) = (
        "a change of eigenvalues",
        "a weight that was not given by its eigenvalues",
    );
    refused(&[(0, 2.0), (7, 1.0)], Error::Unsupported { what, by });
    let what = "eigenvalues of a spectral weight";
    let mut refused = |eigenvalues: &[f64], expected: Error| {
        assert_eq!(
            p.update(&whole(
                BlockWeight::Spectral {
                    basis: &u,
                    eigenvalues
                },
                &w,
                &dense
            )),
            Err(expected)
        );
        assert!(before == query(&mut p, &h, EXACT));
    };
    refused(
        &lambda[1..],
        Error::Shape {
            what,
            expected: (4, 1),
            found: (3, 1),
        },
    );
    refused(
        &[1.0, 0.0, 1.0, 1.0],
        Error::NotPositiveDefinite { what, pivot: 1 },
    );
    refused(
        &[1.0, 1.0, f64::NAN, 1.0],
        Error::NonFinite { what, index: 2 },
    );
    // A basis of another order.
    let other = basis(5, false, &mut rng);
    let five = [1.0; 5];
    let weight = BlockWeight::Spectral {
        basis: &other,
        eigenvalues: &five,
    };
    let error = p.update(&[weight, w.as_slice().into(), (&dense).into()]);
    let (expected, found) = ((4, 4), (5, 5));
    assert_eq!(
        error,
        Err(Error::Shape {
            what: "eigenbasis",
            expected,
            found
        })
    );
    assert!(before == query(&mut p, &h, EXACT));
    // Numbers of the nonnegative block count in their place.
    p.update_eigenvalues(&[(5, 3.0), (0, 1.5)]).unwrap();
    let mut naive = Recompute::new(a).unwrap();
    let (w, lambda) = ([1.0, 3.0, 1.0], [1.5, 2.0, 3.0, 4.0]);
    naive
        .update(&[spectral(&lambda), w.as_slice().into(), (&dense).into()])
        .unwrap();
    let (now, expected) = (query(&mut p, &h, EXACT), query(&mut naive, &h, EXACT));
    assert!(relative(&now.1, &expected.1) < 1e-11 && relative(&now.0, &expected.0) < 1e-9);
}

#[test]
fn a_basis_must_be_orthogonal() {
    let mut rng = rng(2);
    let q = gaussian(7, 7, &mut rng).qr().compute_Q();
    assert!(!Basis::dense(q.as_ref()).unwrap().is_sparse());
    let with = |i: usize, j: usize, v: f64| {
        let mut m = q.clone();
        m[(i, j)] = v;
        Basis::dense(m.as_ref()).unwrap_err()
    };
    assert!(matches!(
        with(3, 2, q[(3, 2)] + 1e-10),
        Error::NotOrthogonal { .. }
    ));
    assert!(matches!(
        with(3, 2, f64::NAN),
        Error::NonFinite { index: 17, .. }
    ));
    assert!(matches!(
        Basis::dense(q.subcols(0, 6)),
        Err(Error::Shape {
            expected: (7, 7),
            found: (7, 6),
            ..
        })
    ));
    let entries = |list: &[(usize, usize, f64)], cols: usize| {
        let mut m = sprs::TriMat::new((8, cols));
        list.iter().for_each(|&(i, j, v)| m.add_triplet(i, j, v));
        Basis::sparse(m.to_csc::<usize>().view())
    };
    let diagonal: Vec<(usize, usize, f64)> = (0..8).map(|k| (k, 7 - k, -1.0)).collect();
    assert!(entries(&diagonal, 8).unwrap().is_sparse());
    let twice = [diagonal.clone(), vec![(0, 3, 0.5)]].concat();
    assert!(matches!(
        entries(&twice, 8),
        Err(Error::NotOrthogonal { .. })
    ));
    assert!(matches!(
        entries(&diagonal[1..], 8),
        Err(Error::NotOrthogonal {
            row: 7,
            col: 7,
            product: 0.0,
            ..
        })
    ));
    assert!(matches!(entries(&diagonal, 9), Err(Error::Shape { .. })));
    let infinite = [diagonal, vec![(0, 3, f64::INFINITY)]].concat();
    assert!(matches!(
        entries(&infinite, 8),
        Err(Error::NonFinite { index: 24, .. })
    ));
}
