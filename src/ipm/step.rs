//! How far to go.

use super::interior::Interior;
use super::sparsity::Sparsity;
use crate::constraints::Block;

/// Moves `x` along `dx` by at most `alpha`, shortening until the point is in the interior to working precision. `None`, `x`
/// unchanged, when no useful step is.
pub(super) fn advance(
    blocks: &[Block],
    x: &mut [f64],
    dx: &[f64],
    mut alpha: f64,
    sparsity: Option<&[Sparsity]>,
) -> Option<(f64, Interior)> {
    const SHORTEST: f64 = 1e-10;
    let start = x.to_vec();
    while alpha > SHORTEST {
        for ((x, s), d) in x.iter_mut().zip(&start).zip(dx) {
            *x = s + alpha * d;
        }
        if let Some(interior) = Interior::new(blocks, x, sparsity) {
            return Some((alpha, interior));
        }
        alpha *= 0.8;
    }
    x.copy_from_slice(&start);
    None
}

/// The centring parameter of Mehrotra's heuristic: `(μ_affine/μ)^e`, the exponent growing with the affine steps while
/// `μ` is not yet small.
pub(super) fn centring(mu: f64, affine_mu: f64, affine_step: f64) -> f64 {
    let exponent = if mu > 1e-6 {
        f64::max(1.0, 3.0 * affine_step * affine_step)
    } else {
        1.0
    };
    (affine_mu / mu)
        .clamp(0.0, 1.0)
        .powf(exponent)
        .clamp(1e-8, 1.0)
}
