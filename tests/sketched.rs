//! Sketched set queries over an exact structure.

mod common;

use common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::projection::{Accuracy, Ensemble, Goal, Projection, Recompute, Sketched};
use dyncvx::sketch::{Base, Distribution, Family, Sketch};
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
        let rrh = smoothed(r, &h);
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
        let mut p = Sketched::new(Recompute::new(a.clone()), distribution, 3, 5).unwrap();
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
