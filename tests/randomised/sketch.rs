//! Laws of sketches: one family as good as another.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::Block;
use dyncvx::sketch::{Address, Base, Distribution, Family, Place, Side, Sketch};
use faer::Mat;
use quickcheck::{Gen, QuickCheck};

/// Standard errors allowed: a chance of 2e-9 a comparison by the normal law, and seeds are fixed.
const Z: f64 = 6.0;

/// Every family, with 16 rows.
fn families() -> Vec<Distribution> {
    let kronecker = |left, right| Family::Kronecker {
        left,
        right,
        left_rows: 4,
    };
    [
        Base::Gaussian.into(),
        Base::Rademacher.into(),
        Base::Srht.into(),
        Base::CountSketch.into(),
        Base::Sparse(4).into(),
        kronecker(Base::Gaussian, Base::Gaussian),
        kronecker(Base::Srht, Base::Sparse(2)),
        Family::TensorSrht,
        Family::TensorSketch,
    ]
    .into_iter()
    .map(|f: Family| Distribution::new(f, 16).unwrap())
    .collect()
}

fn matrix(r: &dyn Sketch) -> Mat<f64> {
    let mut out = Mat::zeros(r.ncols(), r.nrows());
    let identity = Mat::<f64>::identity(r.nrows(), r.nrows());
    r.apply_transpose(identity.as_ref(), out.as_mut()).unwrap();
    out.transpose().to_owned()
}

/// `M_j`, row `j` at a place.
fn row(r: &Mat<f64>, j: usize, at: Place) -> Mat<f64> {
    let n = at.order;
    Mat::from_fn(n, n, |i, c| r[(j, at.first + c * n + i)])
}

#[test]
fn every_way_of_applying_is_the_same_matrix() {
    fn law(seed: u64, family: u8, orders: (u8, u8)) -> bool {
        let all = families();
        let distribution = all[usize::from(family) % all.len()];
        let (n, k) = (
            1 + usize::from(orders.0) % 21,
            1 + usize::from(orders.1) % 9,
        );
        let blocks = [Block::Psd(n), Block::Nonneg(k), Block::Psd(2)];
        let r = distribution
            .operator(&blocks, Address::new(seed, 3, 1))
            .unwrap();
        let (b, total) = (16, n * n + k + 4);
        assert_eq!((r.nrows(), r.ncols()), (b, total));
        let full = matrix(&*r);
        let mut rng = rng(seed);
        let h = gaussian(total, 3, &mut rng);
        let mut rh = Mat::zeros(b, 3);
        r.apply(h.as_ref(), rh.as_mut()).unwrap();
        assert!((&rh - &full * &h).norm_max() < 1e-12);
        let v = gaussian(b, 1, &mut rng);
        let (back, coords) = (full.transpose() * &v, [total - 1, 0, n * n, total / 2]);
        let mut some = [0.0; 4];
        r.apply_transpose_at(v.col_as_slice(0), &coords, &mut some)
            .unwrap();
        for (x, &c) in some.iter().zip(&coords) {
            assert!((x - back[(c, 0)]).abs() < 1e-12);
        }
        for at in [
            Place { first: 0, order: n },
            Place {
                first: n * n + k,
                order: 2,
            },
        ] {
            let n = at.order;
            let (u, v) = (gaussian(n, 19, &mut rng), gaussian(n, 19, &mut rng));
            let mut outer = Mat::zeros(b, 19);
            r.apply_outer(at, u.as_ref(), v.as_ref(), outer.as_mut())
                .unwrap();
            let mut thin = Mat::zeros(b, 19 * n);
            for side in [Side::Left, Side::Right] {
                r.apply_thin(at, v.as_ref(), side, thin.as_mut()).unwrap();
                for j in 0..b {
                    let m = row(&full, j, at);
                    let m = if side == Side::Left {
                        m.transpose().to_owned()
                    } else {
                        m
                    };
                    let product = m * &v;
                    for k in 0..19 {
                        for i in 0..n {
                            assert!((thin[(j, k * n + i)] - product[(i, k)]).abs() < 1e-11);
                        }
                    }
                }
            }
            for j in 0..b {
                let m = row(&full, j, at);
                for k in 0..19 {
                    let expected = u.col(k).transpose() * &m * v.col(k);
                    assert!((outer[(j, k)] - expected).abs() < 1e-11);
                }
            }
            if let Some(rows) = r.rank_one_rows(at) {
                for (j, &(p, q)) in rows.pairs.iter().enumerate() {
                    let (u, v) = (rows.u.col(p as usize), rows.v.col(q as usize));
                    let m = u.as_mat() * v.transpose().as_mat() * faer::Scale(rows.scale);
                    assert!((m - row(&full, j, at)).norm_max() < 1e-13);
                }
            }
        }
        true
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, 21))
        .tests(150)
        .quickcheck(law as fn(u64, u8, (u8, u8)) -> bool);
}

/// Vectors of length one with inner product near 0.6: spread out, of few entries (the worst case of hashing), and `vec(u vᵀ)`.
fn pairs(n: usize, total: usize) -> Vec<(Mat<f64>, Mat<f64>)> {
    let mut rng = rng(77);
    let unit = |x: Mat<f64>| {
        let s = 1.0 / x.norm_l2();
        x * faer::Scale(s)
    };
    let spread = unit(gaussian(total, 1, &mut rng));
    let near = unit(&spread * faer::Scale(0.8) + unit(gaussian(total, 1, &mut rng)));
    let few = |at: [usize; 2]| {
        Mat::from_fn(total, 1, |i, _| {
            f64::from(u8::from(at.contains(&i))) / 2f64.sqrt()
        })
    };
    let (u, v) = (
        unit(gaussian(n, 2, &mut rng)),
        unit(gaussian(n, 2, &mut rng)),
    );
    let outer = |k: usize| {
        unit(Mat::from_fn(total, 1, |i, _| match i < n * n {
            true => (u[(i % n, 0)] + u[(i % n, k)]) * v[(i / n, k)],
            false => 0.0,
        }))
    };
    vec![
        (spread, near),
        (few([0, 9]), few([9, 17])),
        (outer(0), outer(1)),
    ]
}

fn inner(g: &Mat<f64>, h: &Mat<f64>) -> f64 {
    (g.transpose() * h)[(0, 0)]
}

/// `gᵀRᵀRh` of a draw.
fn sketched(r: &dyn Sketch, g: &Mat<f64>, h: &Mat<f64>) -> f64 {
    let both = Mat::from_fn(
        r.ncols(),
        2,
        |i, j| if j == 0 { g[(i, 0)] } else { h[(i, 0)] },
    );
    let mut out = Mat::zeros(r.nrows(), 2);
    r.apply(both.as_ref(), out.as_mut()).unwrap();
    out.col(0).transpose() * out.col(1)
}

/// Mean of `x` and its standard error.
fn mean(x: &[f64]) -> (f64, f64) {
    let k = x.len() as f64;
    let mean = x.iter().sum::<f64>() / k;
    let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (k - 1.0);
    (mean, (variance / k).sqrt())
}

/// What the variance should be where it is known exactly.
fn variance(distribution: Distribution, g: &Mat<f64>, h: &Mat<f64>) -> Option<f64> {
    let shared: f64 = (0..g.nrows())
        .map(|i| (g[(i, 0)] * h[(i, 0)]).powi(2))
        .sum();
    let loss = match distribution.family() {
        Family::Plain(Base::Gaussian) => 0.0,
        Family::Plain(_) => 2.0,
        _ => return None,
    };
    Some((1.0 + inner(g, h).powi(2) - loss * shared) / distribution.rows() as f64)
}

/// Unbiased, with the variance that is promised: exactly where a formula is known, at most `α/b` elsewhere.
#[test]
fn moments_are_those_promised() {
    const DRAWS: u32 = 4000;
    for distribution in families() {
        for blocks in [vec![Block::Psd(8)], vec![Block::Psd(6), Block::Nonneg(5)]] {
            let (n, total) = (blocks[0].order(), blocks.iter().map(|b| b.ambient()).sum());
            let vectors = pairs(n, total);
            let mut found = vec![vec![]; vectors.len()];
            for copy in 0..DRAWS {
                let r = distribution
                    .operator(&blocks, Address::new(11, copy, 0))
                    .unwrap();
                for (found, (g, h)) in found.iter_mut().zip(&vectors) {
                    found.push(sketched(&*r, g, h));
                }
            }
            for (which, (found, (g, h))) in found.iter().zip(&vectors).enumerate() {
                let what = format!("{distribution:?} {blocks:?} pair {which}");
                let (truth, bound) = (inner(g, h), distribution.alpha() / 16.0);
                let (average, _) = mean(found);
                let limit = Z * (bound / f64::from(DRAWS)).sqrt();
                assert!(
                    (average - truth).abs() < limit,
                    "{what}: {average} for {truth}"
                );
                let squares: Vec<f64> = found.iter().map(|x| (x - truth).powi(2)).collect();
                let (second, error) = mean(&squares);
                assert!(second - Z * error <= bound, "{what}: {second} over {bound}");
                if let Some(exact) = variance(distribution, g, h) {
                    assert!(
                        (second - exact).abs() < Z * error,
                        "{what}: {second} for {exact}"
                    );
                }
            }
        }
    }
}

/// For `g = g₁ ⊗ g₂` the structured families have exact variances too.
#[test]
fn structured_variances_are_products() {
    const DRAWS: u32 = 6000;
    let (n, b) = (8usize, 16usize);
    let mut rng = rng(5);
    let mut unit = || {
        let x = gaussian(n, 1, &mut rng);
        let s = 1.0 / x.norm_l2();
        x * faer::Scale(s)
    };
    let (g, h) = ([unit(), unit()], [unit(), unit()]);
    let flat =
        |x: &[Mat<f64>; 2]| Mat::from_fn(n * n, 1, |i, _| x[1][(i % n, 0)] * x[0][(i / n, 0)]);
    let dots = [inner(&g[0], &h[0]), inner(&g[1], &h[1])];
    let shared = |k: usize| -> f64 { (0..n).map(|i| (g[k][(i, 0)] * h[k][(i, 0)]).powi(2)).sum() };
    let square = (dots[0] * dots[1]).powi(2);
    // E[x²] of one side with `rows` rows.
    let side =
        |k: usize, rows: f64| dots[k].powi(2) + (1.0 + dots[k].powi(2) - 2.0 * shared(k)) / rows;
    let kronecker = Family::Kronecker {
        left: Base::Srht,
        right: Base::Rademacher,
        left_rows: 4,
    };
    let row = |k: usize| 1.0 + 2.0 * dots[k].powi(2) - 2.0 * shared(k);
    for (family, exact) in [
        (kronecker, side(0, 4.0) * side(1, 4.0) - square),
        (Family::TensorSrht, (row(0) * row(1) - square) / b as f64),
    ] {
        let distribution = Distribution::new(family, b).unwrap();
        let squares: Vec<f64> = (0..DRAWS)
            .map(|copy| {
                let address = Address::new(12, copy, 0);
                let r = distribution.operator(&[Block::Psd(n)], address).unwrap();
                (sketched(&*r, &flat(&g), &flat(&h)) - dots[0] * dots[1]).powi(2)
            })
            .collect();
        let (second, error) = mean(&squares);
        assert!(
            (second - exact).abs() < Z * error,
            "{family:?}: {second} for {exact}"
        );
    }
}

/// With the rows that `for_accuracy` picks, failures are no more frequent than asked.
#[test]
fn tails_are_within_the_failure_probability() {
    const DRAWS: u32 = 1000;
    let (accuracy, failure) = (0.7, 0.1);
    let (blocks, vectors) = ([Block::Psd(6)], pairs(6, 36));
    for family in families().iter().map(|d| d.family()) {
        let distribution = Distribution::for_accuracy(family, 36, accuracy, failure).unwrap();
        for (which, (g, h)) in vectors.iter().enumerate() {
            let failures = (0..DRAWS)
                .filter(|&copy| {
                    let r = distribution
                        .operator(&blocks, Address::new(13, copy, which as u64))
                        .unwrap();
                    (sketched(&*r, g, h) - inner(g, h)).abs() > accuracy
                })
                .count();
            let expected = f64::from(DRAWS) * failure;
            let limit = expected + Z * (expected * (1.0 - failure)).sqrt();
            assert!(
                (failures as f64) < limit,
                "{distribution:?} pair {which}: {failures} failures"
            );
        }
    }
}

/// Rows worked out by hand from the bounds in the documentation.
#[test]
fn rows_are_those_of_the_bounds() {
    let rows = |family: Family, ambient, e, d| {
        Distribution::for_accuracy(family, ambient, e, d)
            .unwrap()
            .rows()
    };
    // x = ln 2000 = 7.6009, y = (√1.5 − 1)/2 = 0.112372: 601.92.
    assert_eq!(rows(Base::Gaussian.into(), 100, 0.25, 1e-3), 602);
    // 2 ln 4000 / (0.03125 − 0.0052083): 637.0.
    assert_eq!(rows(Base::Rademacher.into(), 100, 0.25, 1e-3), 637);
    // 2/(0.25² · 0.05) = 640; the other bounds are above.
    assert_eq!(rows(Base::CountSketch.into(), 100, 0.25, 0.05), 640);
    assert_eq!(rows(Base::Sparse(3).into(), 100, 0.25, 0.05), 642);
    assert_eq!(rows(Base::Srht.into(), 100, 0.25, 0.05), 640);
    // t = 2 ln(8 · 128 / 1e-6) = 41.494; 2(t + (t + 1)/12) ln(4e6)/0.0625 = 21907.7.
    assert_eq!(rows(Base::Srht.into(), 100, 0.25, 1e-6), 21908);
    assert_eq!(rows(Family::TensorSrht, 100, 0.5, 0.1), 360);
    assert_eq!(rows(Family::TensorSketch, 100, 0.5, 0.1), 440);
    let kronecker = Family::Kronecker {
        left: Base::CountSketch,
        right: Base::CountSketch,
        left_rows: 1,
    };
    // 2/(√(1 + 0.25·0.1) − 1) = 160.99 a side.
    assert_eq!(rows(kronecker, 100, 0.5, 0.1), 161 * 161);
    for (e, d) in [
        (0.0, 0.1),
        (1.0, 0.1),
        (f64::NAN, 0.1),
        (0.1, 0.0),
        (0.1, 1.0),
    ] {
        let refused = Distribution::for_accuracy(Base::Gaussian, 10, e, d);
        assert!(matches!(refused, Err(Error::InvalidSetting { .. })));
    }
    let refused = Distribution::for_accuracy(Base::CountSketch, 10, 1e-3, 1e-6);
    assert!(matches!(refused, Err(Error::InvalidSetting { .. })));
}

/// Two columns of every family, to the last bit. A change here is a breaking change.
#[test]
fn values_are_stable() {
    let blocks = [Block::Psd(3), Block::Nonneg(2)];
    let kronecker = Family::Kronecker {
        left: Base::Gaussian,
        right: Base::CountSketch,
        left_rows: 2,
    };
    let expected: [(Family, [[f64; 4]; 2]); 8] = [
        (
            Base::Gaussian.into(),
            [
                [
                    0.06045274607552668,
                    0.2856605417082401,
                    0.3246133728998898,
                    0.4412564468830584,
                ],
                [
                    0.0009561544726470632,
                    -0.5964249260151476,
                    1.0533401579299155,
                    -0.4462764260843505,
                ],
            ],
        ),
        (
            Base::Rademacher.into(),
            [[-0.5, -0.5, 0.5, -0.5], [-0.5, -0.5, -0.5, 0.5]],
        ),
        (
            Base::Srht.into(),
            [[-0.5, -0.5, 0.5, 0.5], [-0.5, -0.5, 0.5, -0.5]],
        ),
        (
            Base::CountSketch.into(),
            [[0.0, 0.0, -1.0, 0.0], [-1.0, 0.0, 0.0, 0.0]],
        ),
        (
            Base::Sparse(2).into(),
            [
                [-0.7071067811865475, 0.0, 0.0, 0.7071067811865475],
                [0.7071067811865475, 0.0, 0.0, 0.7071067811865475],
            ],
        ),
        (
            kronecker,
            [
                [-0.23430034478607245, 0.0, -0.03458439686676797, 0.0],
                [
                    0.6606879749022849,
                    -0.7804974469063964,
                    -0.8692610699901328,
                    -0.0767364607506863,
                ],
            ],
        ),
        (
            Family::TensorSrht,
            [[-0.5, -0.5, -0.5, -0.5], [0.5, -0.5, -0.5, 0.5]],
        ),
        (
            Family::TensorSketch,
            [[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]],
        ),
    ];
    let found = expected.map(|(family, _)| {
        let r = Distribution::new(family, 4)
            .unwrap()
            .operator(&blocks, Address::new(7, 1, 2))
            .unwrap();
        let full = matrix(&*r);
        (
            family,
            [4, 10].map(|c| core::array::from_fn(|j| full[(j, c)])),
        )
    });
    assert_eq!(found, expected);
}

#[test]
fn threads_change_nothing() {
    let blocks = [Block::Psd(45)];
    let h = gaussian(2025, 40, &mut rng(3));
    for distribution in families() {
        let distribution = Distribution::new(distribution.family(), 64).unwrap();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let r = distribution
                    .operator(&blocks, Address::new(4, 0, 0))
                    .unwrap();
                let mut rh = Mat::zeros(64, 40);
                r.apply(h.as_ref(), rh.as_mut()).unwrap();
                (matrix(&*r), rh)
            })
        };
        let (one, three) = (run(1), run(3));
        assert!(one == three, "{distribution:?}");
    }
}

#[test]
fn addresses_are_independent() {
    for distribution in families() {
        let of = |seed: u64, copy, epoch| {
            let address = Address::new(seed, copy, epoch);
            matrix(
                &*distribution
                    .operator(&[Block::Psd(4), Block::Psd(4)], address)
                    .unwrap(),
            )
        };
        let first = of(1, 0, 0);
        assert!(first == of(1, 0, 0));
        for other in [of(2, 0, 0), of(1, 1, 0), of(1, 0, 1)] {
            assert!(first != other, "{distribution:?}");
        }
        // Blocks alike have operators of their own.
        assert!(
            first.subcols(0, 16) != first.subcols(16, 16),
            "{distribution:?}"
        );
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let invalid = |d: dyncvx::Result<Distribution>| matches!(d, Err(Error::InvalidSetting { .. }));
    assert!(invalid(Distribution::new(Base::Gaussian, 0)));
    assert!(invalid(Distribution::new(Base::Sparse(3), 16)));
    assert!(invalid(Distribution::new(Base::Sparse(0), 16)));
    let kronecker = |left_rows| Family::Kronecker {
        left: Base::Sparse(2),
        right: Base::Gaussian,
        left_rows,
    };
    assert!(invalid(Distribution::new(kronecker(0), 16)));
    assert!(invalid(Distribution::new(kronecker(3), 16)));
    assert!(invalid(Distribution::new(kronecker(1), 16)));
    let d = Distribution::new(Family::TensorSketch, 16).unwrap();
    assert!(matches!(
        d.operator(&[], Address::new(1, 0, 0)),
        Err(Error::InvalidSetting { .. })
    ));
    for distribution in families() {
        let blocks = [Block::Psd(3), Block::Nonneg(2)];
        let r = distribution
            .operator(&blocks, Address::new(1, 0, 0))
            .unwrap();
        let shape = |done: dyncvx::Result<()>| matches!(done, Err(Error::Shape { .. }));
        let zeros = |i, j| Mat::<f64>::zeros(i, j);
        let (mut out, mut back) = (zeros(16, 2), zeros(11, 2));
        assert!(shape(r.apply(zeros(10, 2).as_ref(), out.as_mut())));
        assert!(shape(r.apply(zeros(11, 1).as_ref(), out.as_mut())));
        assert!(shape(
            r.apply_transpose(zeros(15, 2).as_ref(), back.as_mut())
        ));
        assert!(shape(r.apply_transpose_at(&[0.0; 15], &[0], &mut [0.0])));
        assert!(shape(r.apply_transpose_at(&[0.0; 16], &[0], &mut [0.0; 2])));
        let far = r.apply_transpose_at(&[0.0; 16], &[11], &mut [0.0]);
        assert!(matches!(
            far,
            Err(Error::OutOfRange {
                index: 11,
                bound: 11,
                ..
            })
        ));
        let at = |first, order| Place { first, order };
        let u = zeros(3, 2);
        assert!(shape(r.apply_outer(
            at(0, 2),
            u.as_ref(),
            u.as_ref(),
            out.as_mut()
        )));
        let far = r.apply_outer(at(5, 3), u.as_ref(), u.as_ref(), out.as_mut());
        assert!(matches!(far, Err(Error::OutOfRange { .. })));
        let far = r.apply_outer(at(usize::MAX, 3), u.as_ref(), u.as_ref(), out.as_mut());
        assert!(matches!(far, Err(Error::OutOfRange { .. })));
        assert!(shape(r.apply_thin(
            at(0, 3),
            u.as_ref(),
            Side::Left,
            out.as_mut()
        )));
        let structured = !matches!(distribution.family(), Family::Plain(_));
        let (u, mut one) = (zeros(2, 1), zeros(16, 1));
        let shifted = r.apply_outer(at(1, 2), u.as_ref(), u.as_ref(), one.as_mut());
        assert_eq!(shifted.is_err(), structured, "{distribution:?}");
        assert_eq!(
            matches!(shifted, Err(Error::Unsupported { .. })),
            structured
        );
    }
}

#[test]
fn sketches_are_send_and_sync() {
    fn both<T: Send + Sync>() {}
    both::<Box<dyn Sketch>>();
}
