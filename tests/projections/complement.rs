//! The projection through what the rows leave out.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::{Accuracy, Complement, Goal, Projection, Recompute};
use faer::Mat;

fn solve(p: &mut dyn Projection, rhs: &Mat<f64>) -> (Mat<f64>, f64) {
    let mut y = rhs.clone();
    match p.solve(y.as_mut(), Goal::Residual(1e-12)).unwrap() {
        Accuracy::Exact { residual, .. } => (y, residual),
        other => panic!("{other:?}"),
    }
}

/// The rows of a Lovász number: the trace, and one position each.
fn theta(n: usize, edge: impl Fn(usize, usize) -> bool) -> Constraints {
    let edges: Vec<(usize, usize)> = (0..n)
        .flat_map(|j| (0..j).map(move |i| (i, j)))
        .filter(|&(i, j)| edge(i, j))
        .collect();
    let mut a = Constraints::builder(1 + edges.len(), &[Block::Psd(n)]).unwrap();
    for k in 0..n {
        a.entry(0, 0, k, k, 1.0).unwrap();
    }
    for (k, &(i, j)) in edges.iter().enumerate() {
        a.entry(1 + k, 0, i, j, 1.0).unwrap();
    }
    a.build().unwrap()
}

#[test]
fn what_few_edges_are_missing_is_all_that_is_factored() {
    let n = 14;
    let a = theta(n, |i, j| (i + 2 * j) % 5 != 0);
    let w = positive(n, &mut rng(1));
    let weight = [(&w).into()];
    let mut p = Complement::new(a.clone())
        .unwrap()
        .with_weight(&weight)
        .unwrap();
    assert_eq!(p.rank(), n * (n + 1) / 2 - a.len());
    let mut naive = Recompute::new(a.clone()).unwrap();
    naive.update(&weight).unwrap();
    let rhs = gaussian(a.len(), 2, &mut rng(2));
    let ((y, residual), (expected, _)) = (solve(&mut p, &rhs), solve(&mut naive, &rhs));
    assert!(residual <= 1e-12);
    assert!(relative(&y, &expected) < 1e-9);
    // Nearly all of the basis is single positions: the factors are far smaller than the Gram matrix.
    let c = p.rank();
    assert!(p.bytes() < 8 * (c * c + 10 * n * n), "{}", p.bytes());
}

#[test]
fn nothing_left_out_is_no_trouble() {
    let n = 7;
    let a = theta(n, |_, _| true);
    let mut all = Constraints::builder(a.len() + n - 1, &[Block::Psd(n)]).unwrap();
    for (i, b, r, c, v) in a.entries() {
        all.entry(i, b, r, c, v).unwrap();
    }
    for k in 1..n {
        all.entry(a.len() + k - 1, 0, k, k, 2.0).unwrap();
    }
    let all = all.build().unwrap();
    let w = positive(n, &mut rng(3));
    let mut p = Complement::new(all.clone())
        .unwrap()
        .with_weight(&[(&w).into()])
        .unwrap();
    assert_eq!(p.rank(), 0);
    let (_, residual) = solve(&mut p, &gaussian(all.len(), 1, &mut rng(4)));
    assert!(residual <= 1e-12);
}

#[test]
fn what_it_cannot_take_is_refused_and_changes_nothing() {
    let n = 6;
    let a = theta(n, |i, j| i + j != 5);
    let w = positive(n, &mut rng(5));
    let mut p = Complement::new(a.clone())
        .unwrap()
        .with_weight(&[(&w).into()])
        .unwrap();
    let rhs = gaussian(a.len(), 1, &mut rng(6));
    let (before, _) = solve(&mut p, &rhs);
    let unsupported = |e: Error| matches!(e, Error::Unsupported { .. });
    assert!(unsupported(
        p.update(&[BlockWeight::OneSided(w.as_ref())]).unwrap_err()
    ));
    let (x, z) = (w.as_ref(), w.as_ref());
    assert!(unsupported(
        p.update(&[BlockWeight::Pair { x, z }]).unwrap_err()
    ));
    let mut bad = w.clone();
    bad[(2, 2)] = -1.0;
    let error = p.update(&[(&bad).into()]).unwrap_err();
    assert!(
        matches!(error, Error::NotPositiveDefinite { .. }),
        "{error}"
    );
    assert_eq!(solve(&mut p, &rhs).0, before);
    let mut bad = rhs.clone();
    bad[(1, 0)] = f64::NAN;
    let error = p.solve(bad.as_mut(), Goal::Residual(1e-9)).unwrap_err();
    assert!(
        matches!(error, Error::NonFinite { index: 1, .. }),
        "{error}"
    );

    // More rows than positions, and dependent ones.
    let eye = Mat::<f64>::identity(2, 2);
    let mut many = Constraints::builder(4, &[Block::Psd(2)]).unwrap();
    for k in 0..4 {
        many.entry(k, 0, k % 2, k / 2, 1.0).unwrap();
    }
    let error = Complement::new(many.build().unwrap())
        .and_then(|p| p.with_weight(&[(&eye).into()]))
        .unwrap_err();
    assert_eq!(error, Error::RankDeficient { rank: 3, needed: 4 });
    let mut twice = Constraints::builder(2, &[Block::Psd(2)]).unwrap();
    for k in 0..2 {
        twice.entry(k, 0, 0, 1, 1.0 + k as f64).unwrap();
    }
    let error = Complement::new(twice.build().unwrap())
        .and_then(|p| p.with_weight(&[(&eye).into()]))
        .unwrap_err();
    assert_eq!(error, Error::RankDeficient { rank: 1, needed: 2 });
}
