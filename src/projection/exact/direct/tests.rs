//! The sparse Gram matrix against the naive one.

use super::sparse::SparseGram;
use super::{Direct, Gram};
use crate::constraints::{Block, BlockWeight, Constraints};
use crate::projection::{Accuracy, Goal, Projection, Recompute, Replaced};
use faer::Mat;
use std::sync::Arc;

/// Numbers in (0, 1), from a fixed stream.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + 1e-17
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.next() * n as f64) as usize).min(n - 1)
    }
}

/// `m` rows over two nonnegative blocks: a column of its own for every row, two to four entries in the others, every fifth
/// row a bound on one variable, and `dense` variables that all the other rows read.
fn program(m: usize, dense: usize, draws: &mut Draws) -> Constraints {
    let n = 2 * m;
    let blocks = [Block::Nonneg(n), Block::Nonneg(m + dense)];
    let mut a = Constraints::builder(m, &blocks).unwrap();
    let bound = |i: usize| i % 5 == 4;
    for i in 0..m {
        a.entry(i, 1, i, i, 0.5 + draws.next()).unwrap();
        if bound(i) {
            a.entry(i, 0, i, i, 1.0 + draws.next()).unwrap();
        }
    }
    for k in 0..n {
        let mut rows: Vec<usize> = (0..2 + draws.below(3)).map(|_| draws.below(m)).collect();
        rows.sort_unstable();
        rows.dedup();
        for i in rows.into_iter().filter(|&i| !bound(i)) {
            a.entry(i, 0, k, k, 2.0 * draws.next() - 1.0).unwrap();
        }
    }
    for k in m..m + dense {
        for i in (0..m).filter(|&i| !bound(i)) {
            a.entry(i, 1, k, k, draws.next() - 0.5).unwrap();
        }
    }
    a.build().unwrap()
}

fn weights(a: &Constraints, digits: f64, draws: &mut Draws) -> Vec<Vec<f64>> {
    let one = |b: &Block| {
        (0..b.order())
            .map(|_| 10f64.powf(digits * (draws.next() - 0.5)))
            .collect()
    };
    a.blocks().iter().map(one).collect()
}

/// Largest difference of the two answers, relative to the largest entry, and the residual reported.
fn compare(a: &Constraints, weight: &[BlockWeight<'_>], draws: &mut Draws) -> (f64, f64) {
    let rhs = Mat::from_fn(a.len(), 2, |_, _| draws.next() - 0.5);
    let (mut sparse, mut naive) = (
        Direct::new(a.clone()).unwrap(),
        Recompute::new(a.clone()).unwrap(),
    );
    sparse.update(weight).unwrap();
    naive.update(weight).unwrap();
    let (mut found, mut expected) = (rhs.clone(), rhs);
    let accuracy = sparse.solve(found.as_mut(), Goal::Residual(0.0)).unwrap();
    naive
        .solve(expected.as_mut(), Goal::Residual(1e-14))
        .unwrap();
    let Accuracy::Exact { residual, .. } = accuracy else {
        panic!("{accuracy:?}")
    };
    (
        (&found - &expected).norm_max() / expected.norm_max(),
        residual,
    )
}

#[test]
fn sparse_programs_are_answered_as_the_naive_way_does() {
    let mut draws = Draws(1);
    for (m, dense) in [(150, 0), (400, 0), (400, 3), (700, 12)] {
        let a = program(m, dense, &mut draws);
        let gram = SparseGram::analyse(&a).expect("sparse");
        assert_eq!(gram.taken_out(), dense);
        let w = weights(&a, 3.0, &mut draws);
        let weight: Vec<_> = w.iter().map(|w| BlockWeight::Nonneg(w)).collect();
        let (difference, residual) = compare(&a, &weight, &mut draws);
        // Rounding times the condition of the weights, some 1e6.
        assert!(residual < 1e-10, "{m} {dense}: {residual:e}");
        assert!(difference < 1e-9, "{m} {dense}: {difference:e}");
    }
}

/// Heavy dense variables and rows that hardly anything else holds: what the Woodbury formula takes away is all but what it gives.
#[test]
fn digits_lost_to_dense_columns_come_back() {
    let mut draws = Draws(5);
    let (m, dense) = (400, 6);
    let a = program(m, dense, &mut draws);
    assert_eq!(SparseGram::analyse(&a).expect("sparse").taken_out(), dense);
    let mut w = weights(&a, 3.0, &mut draws);
    for i in (0..m).step_by(m / dense) {
        w[1][i] *= 1e-5;
    }
    w[0].iter_mut().for_each(|w| *w *= 1e-2);
    w[1][m..].iter_mut().for_each(|w| *w *= 10.0);
    let weight: Vec<_> = w.iter().map(|w| BlockWeight::Nonneg(w)).collect();
    let rhs = Mat::from_fn(m, 2, |_, _| draws.next() - 0.5);
    let mut sparse = Direct::new(a.clone()).unwrap();
    sparse.update(&weight).unwrap();
    let mut found = rhs.clone();
    sparse.solve(found.as_mut(), Goal::Residual(1e-13)).unwrap();
    // Measured with the operator, not with the assembled matrix.
    let operator = sparse.operator(Goal::Residual(0.0)).unwrap();
    let (mut up, mut back) = (Mat::zeros(a.ambient(), 2), Mat::zeros(m, 2));
    operator
        .apply_transpose(found.as_ref(), up.as_mut())
        .unwrap();
    operator.apply(up.as_ref(), back.as_mut()).unwrap();
    let residual = (&back - &rhs).norm_l2() / rhs.norm_l2();
    // 5e-9; 4e-2 by refinement alone.
    assert!(residual < 1e-7, "{residual:e}");
}

#[test]
fn small_matrix_blocks_are_answered_as_the_naive_way_does() {
    // A chain: block b meets rows b to b + 2.
    let (count, n) = (120, 4);
    let mut draws = Draws(2);
    let mut a = Constraints::builder(count, &vec![Block::Psd(n); count]).unwrap();
    for b in 0..count {
        for i in b..(b + 3).min(count) {
            a.entry(i, b, i - b, i - b, 1.0 + draws.next()).unwrap();
            a.entry(i, b, 0, 3, draws.next() - 0.5).unwrap();
        }
    }
    let a = a.build().unwrap();
    assert!(SparseGram::analyse(&a).is_some());
    let matrices: Vec<Mat<f64>> = (0..count)
        .map(|_| {
            let f = Mat::from_fn(n, n, |_, _| draws.next() - 0.5);
            &f * f.transpose() + Mat::<f64>::identity(n, n)
        })
        .collect();
    let weight: Vec<_> = matrices.iter().map(BlockWeight::from).collect();
    let (difference, residual) = compare(&a, &weight, &mut draws);
    assert!(
        residual < 1e-13 && difference < 1e-11,
        "{residual:e} {difference:e}"
    );
}

#[test]
fn dependent_rows_leave_a_consistent_system_solvable() {
    let mut draws = Draws(3);
    let base = program(200, 0, &mut draws);
    // Rows 200 to 204 repeat sums of others, row 205 is empty.
    let mut a = Constraints::builder(206, base.blocks()).unwrap();
    let mut extra = std::collections::BTreeMap::new();
    for (i, b, r, c, v) in base.entries() {
        a.entry(i, b, r, c, v).unwrap();
        if i < 10 {
            *extra.entry((200 + i / 2, b, r)).or_insert(0.0) += v;
        }
    }
    for ((i, b, r), v) in extra {
        a.entry(i, b, r, r, v).unwrap();
    }
    let a = a.build().unwrap();
    let w = weights(&a, 4.0, &mut draws);
    let weight: Vec<_> = w.iter().map(|w| BlockWeight::Nonneg(w)).collect();
    // K y for some y.
    let y: Vec<f64> = (0..206).map(|_| draws.next() - 0.5).collect();
    let mut down = vec![0.0; a.ambient()];
    a.adjoint(&y, &mut down).unwrap();
    for (d, w) in down.iter_mut().zip(w.iter().flatten()) {
        *d *= w * w;
    }
    let mut rhs = vec![0.0; 206];
    a.apply(&down, &mut rhs).unwrap();
    let mut direct = Direct::with_settings(a, super::Settings::for_solvers()).unwrap();
    direct.update(&weight).unwrap();
    let mut x = Mat::from_fn(206, 1, |i, _| rhs[i]);
    let accuracy = direct.solve(x.as_mut(), Goal::Residual(1e-12)).unwrap();
    let Accuracy::Exact { residual, .. } = accuracy else {
        panic!("{accuracy:?}")
    };
    assert!(residual < 1e-12, "{residual:e}");
    // Nothing was made large along the kernel.
    assert!(x.norm_max() < 1e6, "{:e}", x.norm_max());
}

#[test]
fn rows_that_all_meet_are_left_to_the_dense_engine() {
    let mut a = Constraints::builder(30, &[Block::Psd(10)]).unwrap();
    for i in 0..30 {
        a.entry(i, 0, i % 10, (i / 3) % 10, 1.0 + i as f64).unwrap();
    }
    assert!(SparseGram::analyse(&a.build().unwrap()).is_none());
}

/// After other values: the answers of a new engine, and the pattern of the old one.
fn other_values_are_taken(a: &Constraints, weight: &[BlockWeight<'_>], draws: &mut Draws) {
    let values: Vec<f64> = a.entries().map(|e| e.4 * (0.5 + draws.next())).collect();
    let other = Arc::new(a.with_values(&values).unwrap());
    assert!(other.same_positions(a));
    let mut held = Direct::new(a.clone()).unwrap();
    held.update(weight).unwrap();
    let before = held.clone();
    assert_eq!(held.replace_values(&other).unwrap(), Replaced::Yes);
    let mut x = Mat::zeros(a.len(), 1);
    assert!(held.solve(x.as_mut(), Goal::AsAbsorbed).is_err());
    if let (Gram::Sparse(old), Gram::Sparse(new)) = (&before.gram, &held.gram) {
        assert!(new.shares_layout(old));
    }
    let mut fresh = Direct::new(other.clone()).unwrap();
    held.update(weight).unwrap();
    fresh.update(weight).unwrap();
    let rhs = Mat::from_fn(a.len(), 1, |_, _| draws.next() - 0.5);
    let (mut found, mut expected) = (rhs.clone(), rhs);
    held.solve(found.as_mut(), Goal::Residual(1e-14)).unwrap();
    fresh
        .solve(expected.as_mut(), Goal::Residual(1e-14))
        .unwrap();
    assert!((&found - &expected).norm_max() <= 1e-9 * expected.norm_max());
    // Entries elsewhere: refused, and nothing changed.
    let moved = Constraints::builder(a.len(), a.blocks())
        .unwrap()
        .build()
        .unwrap();
    assert!(held.replace_values(&Arc::new(moved)).is_err());
    let mut again = expected.clone();
    again.copy_from(&found);
    held.solve(again.as_mut(), Goal::Residual(1e-14)).unwrap();
}

#[test]
fn other_values_keep_the_pattern() {
    let mut draws = Draws(7);
    for dense in [0, 3] {
        let a = program(400, dense, &mut draws);
        let w = weights(&a, 2.0, &mut draws);
        let weight: Vec<_> = w.iter().map(|w| BlockWeight::Nonneg(w)).collect();
        other_values_are_taken(&a, &weight, &mut draws);
    }
    // Small blocks in a sparse matrix, and one block with rows of one, of few and of all entries in a dense one.
    let (count, n) = (120, 4);
    let mut chain = Constraints::builder(count, &vec![Block::Psd(n); count]).unwrap();
    for b in 0..count {
        for i in b..(b + 3).min(count) {
            chain.entry(i, b, i - b, i - b, 1.0 + draws.next()).unwrap();
            chain.entry(i, b, 0, 3, draws.next() - 0.5).unwrap();
        }
    }
    // Every row owns a position.
    let places: Vec<(usize, usize)> = (0..12).flat_map(|c| (0..=c).map(move |r| (r, c))).collect();
    let mut block = Constraints::builder(40, &[Block::Psd(12)]).unwrap();
    for i in 0..40 {
        block.entry(i, 0, places[i].0, places[i].1, 3.0).unwrap();
        let others = match i % 7 {
            0 => 0,
            6 => 38,
            _ => 3,
        };
        for k in 0..others {
            let (r, c) = places[40 + (i + k) % 38];
            block.entry(i, 0, r, c, draws.next() - 0.5).unwrap();
        }
    }
    for a in [chain.build().unwrap(), block.build().unwrap()] {
        let matrices: Vec<Mat<f64>> = a
            .blocks()
            .iter()
            .map(|b| {
                let f = Mat::from_fn(b.order(), b.order(), |_, _| draws.next() - 0.5);
                &f * f.transpose() + Mat::<f64>::identity(b.order(), b.order())
            })
            .collect();
        let weight: Vec<_> = matrices.iter().map(BlockWeight::from).collect();
        other_values_are_taken(&a, &weight, &mut draws);
    }
}
