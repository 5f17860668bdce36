//! Rows and weights as a caller may hand them over.

use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::projection::{Kronecker, Projection, Recompute};
use dyncvx::sprs::TriMat;

#[test]
fn a_sparse_matrix_with_nan_in_either_triangle_is_refused() {
    for col in [1, 2] {
        let mut rows = TriMat::new((1, 4));
        rows.add_triplet(0, 0, 1.0);
        rows.add_triplet(0, col, f64::NAN);
        let error = Constraints::from_sprs(&[Block::Psd(2)], rows.to_csr::<usize>().view());
        assert!(
            matches!(error, Err(Error::NonFinite { index, .. }) if index == col),
            "{error:?}"
        );
    }
}

#[test]
fn sizes_and_ranges_that_do_not_exist_are_no_panic() {
    assert_eq!(Block::Psd(usize::MAX).ambient(), usize::MAX);
    let a = Constraints::independent(2, &[Block::Psd(2), Block::Nonneg(3)], 1, 1.into()).unwrap();
    assert_eq!((a.range(0), a.range(1)), (0..4, 4..7));
    assert_eq!((a.range(2), a.range(usize::MAX)), (7..7, 7..7));
}

#[test]
fn what_cannot_be_stored_is_refused() {
    for blocks in [[Block::Psd(99_999_999)], [Block::Psd(usize::MAX)]] {
        let error = Constraints::builder(1, &blocks);
        assert!(matches!(error, Err(Error::TooLarge { .. })), "{error:?}");
    }
    let error = Constraints::independent(1, &[Block::Psd(4_000_000)], 2, 1.into());
    assert!(matches!(error, Err(Error::TooLarge { .. })), "{error:?}");
    let a = Constraints::builder(20_000_000, &[Block::Nonneg(1)]);
    let a = a.unwrap().build().unwrap();
    let error = Recompute::new(a)
        .unwrap()
        .update(&[BlockWeight::Nonneg(&[1.0])]);
    assert!(matches!(error, Err(Error::TooLarge { .. })), "{error:?}");
}

#[test]
fn a_weight_whose_squares_vanish_is_refused() {
    let mut a = Constraints::builder(1, &[Block::Nonneg(1)]).unwrap();
    a.entry(0, 0, 0, 0, 1.0).unwrap();
    let a = a.build().unwrap();
    let tiny = [BlockWeight::Nonneg(&[1e-200])];
    let mut naive = Recompute::new(a.clone()).unwrap();
    let mut maintained = Kronecker::new(a)
        .unwrap()
        .with_weight(&[BlockWeight::Nonneg(&[1.0])])
        .unwrap();
    for error in [naive.update(&tiny), maintained.update(&tiny)] {
        assert!(
            matches!(error, Err(Error::NotPositiveDefinite { .. })),
            "{error:?}"
        );
    }
}
