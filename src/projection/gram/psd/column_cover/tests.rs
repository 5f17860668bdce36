use super::super::PsdPlan;
use super::*;
use crate::constraints::{Block, BlockWeight, Constraints, GramWeight, OwnedWeight, Part};

/// Rows `E_ij D + Dᵀ E_ij`, some diagonal rows of `n` terms each, and a row with a dense corner. One constraint does not touch the
/// block.
fn inequality(n: usize) -> Vec<Option<Mat<f64>>> {
    let data = |i: usize, j: usize| ((3 * i + 7 * j) as f64).sin();
    let diagonal = |k: usize| {
        Mat::from_fn(n, n, |i, j| match i == j {
            true => 2.0 + data(k, i),
            false => 0.0,
        })
    };
    let mut rows: Vec<_> = (0..=n / 2).map(|k| Some(diagonal(k))).collect();
    rows[1] = None;
    for (i, j) in (0..n / 2).flat_map(|i| (i..n / 2).map(move |j| (i, j))) {
        let mut row = Mat::zeros(n, n);
        for (c, (p, q)) in (0..n).flat_map(|c| [(c, (i, j)), (c, (j, i))]) {
            row[(p, c)] += data(q, c);
            row[(c, p)] += data(q, c);
        }
        rows.push(Some(row));
    }
    let corner = Mat::from_fn(n, n, |i, j| {
        if i.max(j) < 5 {
            data(i.min(j), i.max(j))
        } else {
            0.0
        }
    });
    rows.push(Some(corner));
    rows
}

#[test]
fn rows_that_few_columns_cover_meet_as_the_formula_says() {
    let n = 24;
    let rows = inequality(n);
    let m = rows.len();
    let mut a = Constraints::builder(m, &[Block::Psd(n)]).unwrap();
    for (i, row) in rows.iter().enumerate() {
        for (r, c) in (0..n).flat_map(|c| (0..=c).map(move |r| (r, c))) {
            let value = row.as_ref().map_or(0.0, |row| row[(r, c)]);
            a.entry(i, 0, r, c, value).unwrap();
        }
    }
    let a = a.build().unwrap();
    let Part::Psd(held) = &a.parts()[0] else {
        panic!("one matrix block")
    };
    let covered = ColumnCover::new(held).unwrap();
    // Some batches end at the limit on terms, others at the limit on rows.
    assert!(covered.batch(0) < n / 2 && covered.batch(n / 2) == BATCH);
    let plan = PsdPlan::new(held);
    assert!(matches!(plan, PsdPlan::ColumnCover(_)));
    let positive = |salt: f64| {
        let f = Mat::from_fn(n, n, |i, j| ((i * j) as f64 + salt * (i + j) as f64).cos());
        let w = &f * f.transpose() + Mat::<f64>::identity(n, n);
        Mat::from_fn(n, n, |i, j| w[(i.max(j), i.min(j))])
    };
    let (x, z) = (positive(0.3), positive(0.8));
    let (x, z) = (x.as_ref(), z.as_ref());
    let (one, square) = (Mat::<f64>::identity(n, n), z * z);
    for (weight, p, q) in [
        (BlockWeight::Pair { x, z }, x, z),
        (BlockWeight::Psd(x), x, x),
        (BlockWeight::OneSided(z), one.as_ref(), square.as_ref()),
    ] {
        let held = OwnedWeight::new_all(a.blocks(), &[weight]).unwrap();
        let mut k = Mat::<f64>::zeros(m, m);
        let GramWeight::Psd(pair) = held[0].gram() else {
            panic!("a matrix weight")
        };
        plan.add(&pair, k.as_mut());
        let mut size = 0.0;
        let mut error = 0.0;
        for (i, j) in (0..m).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let expected = match (&rows[i], &rows[j]) {
                (Some(a), Some(b)) => {
                    let product: Mat<f64> = a * p * b * q;
                    (0..n).map(|r| product[(r, r)]).sum()
                }
                _ => 0.0,
            };
            size = f64::max(size, f64::abs(expected));
            error = f64::max(error, f64::abs(expected - k[(i, j)]));
        }
        assert!(error < 1e-12 * size, "{error:e} of {size:e}");
    }
}

#[test]
fn other_values_keep_the_cover() {
    let n = 24;
    let rows = inequality(n);
    let mut a = Constraints::builder(rows.len(), &[Block::Psd(n)]).unwrap();
    for (i, row) in rows.iter().enumerate() {
        for (r, c) in (0..n).flat_map(|c| (0..=c).map(move |r| (r, c))) {
            let value = row.as_ref().map_or(0.0, |row| row[(r, c)]);
            a.entry(i, 0, r, c, value).unwrap();
        }
    }
    let a = a.build().unwrap();
    let values: Vec<f64> = a.entries().map(|e| e.4.exp()).collect();
    let other = a.with_values(&values).unwrap();
    let (Part::Psd(old), Part::Psd(new)) = (&a.parts()[0], &other.parts()[0]) else {
        panic!("one matrix block")
    };
    let (mut taken, fresh) = (
        ColumnCover::new(old).unwrap(),
        ColumnCover::new(new).unwrap(),
    );
    let term = taken.term.as_ptr();
    assert!(taken.replace_values(new));
    assert_eq!(taken.term.as_ptr(), term);
    assert_eq!(taken.term, fresh.term);
    let both = taken.columns.iter().zip(&fresh.columns);
    both.for_each(|(a, b)| assert_eq!(a.w, b.w));
}

#[test]
fn rows_of_scattered_entries_are_not_taken() {
    let n = 30;
    let mut a = Constraints::builder(n, &[Block::Psd(n)]).unwrap();
    for i in 0..n {
        a.entry(i, 0, i, i, 1.0).unwrap();
        a.entry(i, 0, i, (7 * i + 1) % n, 1.0).ok();
    }
    let a = a.build().unwrap();
    let Part::Psd(held) = &a.parts()[0] else {
        panic!("one matrix block")
    };
    assert!(ColumnCover::new(held).is_none());
}
