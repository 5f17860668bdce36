//! How far to go.

use super::interior::Interior;
use super::storage::Storage;

/// Steps below this are none.
pub(in crate::ipm) const SHORTEST: f64 = 1e-10;

/// What a step is shortened by until it ends in the interior.
pub(in crate::ipm) const SHORTER: f64 = 0.8;

/// `to ← x + α dx` for `α` at most `alpha`, shortened until the point is in the interior to working precision; its factors are then
/// in `interior`. `None` when no useful step is.
pub(in crate::ipm) fn advance(
    space: &Storage,
    (x, dx): (&[f64], &[f64]),
    mut alpha: f64,
    to: &mut [f64],
    interior: &mut Interior,
) -> Option<f64> {
    while alpha > SHORTEST {
        for ((to, x), d) in to.iter_mut().zip(x).zip(dx) {
            *to = x + alpha * d;
        }
        if interior.move_to(space, to) {
            return Some(alpha);
        }
        alpha *= SHORTER;
    }
    None
}

/// The centring parameter of Mehrotra's heuristic: `(μ_affine/μ)^e`, the exponent growing with the affine steps while
/// `μ` is not yet small.
pub(in crate::ipm) fn centring(mu: f64, affine_mu: f64, affine_step: f64) -> f64 {
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
