use super::super::PsdPlan;
use super::*;
use crate::constraints::{Block, BlockWeight, Constraints, GramWeight, OwnedWeight, Part};

fn wave(k: usize, n: usize) -> Vec<f64> {
    (0..n)
        .map(|i| ((k * k + 3) as f64 * 0.37 * (i + 1) as f64).sin())
        .collect()
}

/// `c u vᵀ + c v uᵀ`.
fn two(c: f64, u: &[f64], v: &[f64]) -> Mat<f64> {
    Mat::from_fn(u.len(), u.len(), |i, j| c * (u[i] * v[j] + v[i] * u[j]))
}

fn constraints(n: usize, rows: &[Mat<f64>]) -> Constraints {
    let mut a = Constraints::builder(rows.len(), &[Block::Psd(n)]).unwrap();
    for (i, row) in rows.iter().enumerate() {
        for (r, c) in (0..n).flat_map(|c| (0..=c).map(move |r| (r, c))) {
            a.entry(i, 0, r, c, row[(r, c)]).unwrap();
        }
    }
    a.build().unwrap()
}

fn positive(n: usize, salt: f64) -> Mat<f64> {
    let f = Mat::from_fn(n, n, |i, j| ((i * j) as f64 + salt * (i + j) as f64).cos());
    let w = &f * f.transpose() + Mat::<f64>::identity(n, n);
    Mat::from_fn(n, n, |i, j| w[(i.max(j), i.min(j))])
}

/// Rows of rank one, of rank two with either sign, of rank two with a zero diagonal, of rank three, of full rank, of one entry and
/// of few entries.
fn mixed(n: usize) -> Vec<Mat<f64>> {
    let mut rows = vec![];
    for k in 0..12 {
        let (u, v) = (wave(k, n), wave(k + 20, n));
        rows.push(two(0.5, &u, &u) + two(-0.3, &v, &v));
        rows.push(two(1.0, &u, &v));
        rows.push(two(0.5, &u, &u));
        rows.push(two(0.1, &u, &u) + two(2.0, &v, &wave(k + 40, n)));
    }
    // All entries are between two halves, so the diagonal is zero.
    let half = |first: bool| -> Vec<f64> {
        let u = wave(5, n).into_iter().enumerate();
        u.map(|(i, u)| if (i < n / 2) == first { u } else { 0.0 })
            .collect()
    };
    rows.push(two(1.0, &half(true), &half(false)));
    rows.push(positive(n, 0.4));
    rows.push(Mat::from_fn(n, n, |i, j| f64::from(u8::from(i + j == 7))));
    rows.push(Mat::from_fn(n, n, |i, j| {
        f64::from(u8::from(i == 3 && j == 3))
    }));
    rows
}

#[test]
fn vectors_and_factors_make_the_row() {
    let n = 30;
    let rows = mixed(n);
    let a = constraints(n, &rows);
    let Part::Psd(held) = &a.parts()[0] else {
        panic!("one matrix block")
    };
    let mut ranks = vec![];
    for (k, row) in rows.iter().enumerate() {
        let Some(found) = Factored::new(held.get(k).1) else {
            ranks.push(None);
            continue;
        };
        ranks.push(Some(found.rank()));
        let c = Mat::from_fn(found.rank(), found.rank(), |i, j| {
            if i == j { found.c[i] } else { 0.0 }
        });
        let made = &found.a * c * found.a.transpose();
        let support = held.get(k).1.support();
        let error = (0..support.len()).flat_map(|i| (0..support.len()).map(move |j| (i, j)));
        let error = error
            .map(|(i, j)| f64::abs(made[(i, j)] - row[(support[i] as usize, support[j] as usize)]));
        assert!(error.fold(0.0, f64::max) < 1e-13 * row.norm_max(), "{k}");
    }
    let expected = [Some(2), Some(2), Some(1), Some(3)];
    assert!((0..48).all(|k| ranks[k] == expected[k % 4]), "{ranks:?}");
    assert_eq!(ranks[48..], [Some(2), None, None, None]);
}

#[test]
fn rows_of_low_rank_meet_all_others_as_the_formula_says() {
    let n = 30;
    let rows = mixed(n);
    let m = rows.len();
    let a = constraints(n, &rows);
    let Part::Psd(held) = &a.parts()[0] else {
        panic!("one matrix block")
    };
    let plan = PsdPlan::new(held);
    let PsdPlan::LowRank(plans) = &plan else {
        panic!("low rank")
    };
    assert!(plans.0.constraint.len() >= 48);
    let (x, z, g) = (positive(n, 0.3), positive(n, 0.8), positive(n, 0.1));
    let (x, z, g) = (x.as_ref(), z.as_ref(), g.as_ref());
    let (one, square, root) = (Mat::<f64>::identity(n, n), z * z, g * g);
    for (weight, p, q) in [
        (BlockWeight::Pair { x, z }, x, z),
        (BlockWeight::Psd(x), x, x),
        (BlockWeight::Root(g), root.as_ref(), root.as_ref()),
        (BlockWeight::OneSided(z), one.as_ref(), square.as_ref()),
    ] {
        let held = OwnedWeight::new_all(a.blocks(), &[weight]).unwrap();
        let GramWeight::Psd(pair) = held[0].gram() else {
            panic!("a matrix weight")
        };
        let mut k = Mat::zeros(m, m);
        plan.add::<f64>(&pair, k.as_mut());
        let trace = |i: usize, j: usize| {
            let product: Mat<f64> = &rows[i] * p * &rows[j] * q;
            (0..n).map(|r| product[(r, r)]).sum::<f64>()
        };
        for (i, j) in (0..m).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let size = (trace(i, i) * trace(j, j)).sqrt();
            let error = (k[(i, j)] - trace(i, j)).abs();
            assert!(error < 1e-11 * size, "{i} {j}: {error:e} of {size:e}");
        }
    }
}
