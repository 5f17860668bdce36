//! Sketched set queries over an exact structure.

mod common;

use common::*;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::{Accuracy, Ensemble, Goal, Projection, Recompute, Sketched};
use dyncvx::sketch::{Base, Distribution};
use faer::Mat;

/// `Y` and `R` are what they should be: the answers are `P RᵀR h`, worked out densely.
#[test]
fn answers_are_those_of_the_definition() {
    let a = Constraints::independent(20, &[Block::Psd(6), Block::Nonneg(5)], 3, 1.into()).unwrap();
    let w = weights(a.blocks(), false, &mut rng(1));
    let mut inner = Recompute::new(a.clone());
    inner.update(&views(&w)).unwrap();
    let distribution = Distribution::new(Base::Gaussian, 24).unwrap();
    let mut p = Sketched::new(inner, distribution, 3, 5).unwrap();
    let h = gaussian(a.ambient(), 1, &mut rng(2));
    let b = dense_b(&a, &w);
    let coords = [0, 7, 38, 40];
    let mut out = Mat::zeros(4, 2);
    let accuracy = p
        .query_set_of(&[2, 0], h.col(0), &coords, out.as_mut())
        .unwrap();
    assert!(matches!(accuracy, Accuracy::Sketched { .. }));
    for (s, l) in [2, 0].into_iter().enumerate() {
        let r = p.sketch(l).unwrap();
        let mut rh = Mat::zeros(24, 1);
        r.apply(h.as_ref(), rh.as_mut()).unwrap();
        let mut rrh = Mat::zeros(a.ambient(), 1);
        r.apply_transpose(rh.as_ref(), rrh.as_mut()).unwrap();
        let expected = b.transpose() * dense_solve(&b, &(&b * &rrh));
        for (i, &c) in coords.iter().enumerate() {
            assert!((out[(i, s)] - expected[(c, 0)]).abs() < 1e-10);
        }
    }
    let mut exact = Mat::zeros(4, 1);
    let accuracy = p
        .query_set(h.col(0), &coords, Goal::Residual(1e-12), exact.as_mut())
        .unwrap();
    assert!(matches!(accuracy, Accuracy::Exact { .. }));
}
