//! Smallest eigenvalues by the Lanczos process.

use super::{axpy, dot, norm};
use crate::error::{Error, Result};
use crate::random::{Lane, Seed};
use rand_distr::{Distribution, StandardNormal};

/// Most steps taken; a looser bound is returned then.
const MAX_STEPS: usize = 60;

/// A lower bound of the smallest eigenvalue of the symmetric operator `apply` of order `n`, close where it matters for a
/// step length: either the bound is above `enough`, or it is within the share `accuracy` of the eigenvalue.
///
/// The bound is the smallest Ritz value less its residual, `θ − β|s_k|`[^P98]; from a random start that fails to enclose
/// only if the start is all but orthogonal to the eigenvector, and a caller checks the step by a factorisation anyway.
///
/// # Errors
/// [`Error::NoConvergence`] when the operator gives what is not finite.
///
/// # Complexity
/// At most 60 applications and `O(60² n)` flops for keeping the basis orthogonal.
///
/// [^P98]: Parlett. The Symmetric Eigenvalue Problem. SIAM 1998, chapter 13.
pub(crate) fn smallest_eigenvalue(
    n: usize,
    enough: f64,
    accuracy: f64,
    mut apply: impl FnMut(&[f64], &mut [f64]),
) -> Result<f64> {
    let steps = n.min(MAX_STEPS);
    let mut rng = Seed::default().stream(Lane::PROBE, 1, n as u64);
    let mut basis: Vec<Vec<f64>> = vec![(0..n).map(|_| StandardNormal.sample(&mut rng)).collect()];
    let length = norm(&basis[0]);
    basis[0].iter_mut().for_each(|v| *v /= length);
    let (mut alpha, mut beta) = (vec![], vec![]);
    let mut w = vec![0.0; n];
    let mut bound = f64::NEG_INFINITY;
    for k in 0..steps {
        apply(&basis[k], &mut w);
        alpha.push(dot(&w, &basis[k]));
        // Twice is enough.
        for _ in 0..2 {
            for v in &basis {
                axpy(-dot(&w, v), v, &mut w);
            }
        }
        let next = norm(&w);
        if !(next.is_finite() && alpha[k].is_finite()) {
            let what = "smallest eigenvalue";
            return Err(Error::NoConvergence { what });
        }
        let full = k + 1 == n;
        if full || k % 4 == 3 || k + 1 == steps || next < 1e-14 {
            let (theta, last) = smallest_ritz(&alpha, &beta);
            let residual = if full { 0.0 } else { next * last };
            bound = theta - residual;
            if residual <= accuracy * theta.abs() || bound >= enough || next < 1e-14 {
                return Ok(bound);
            }
        }
        beta.push(next);
        basis.push(w.iter().map(|v| v / next).collect());
    }
    Ok(bound)
}

/// The smallest eigenvalue of a tridiagonal matrix, from below and to nearly all digits, and the size of the last entry of its unit
/// eigenvector.
fn smallest_ritz(alpha: &[f64], beta: &[f64]) -> (f64, f64) {
    const DIGITS: f64 = 1e-14;
    let k = alpha.len();
    let off = |i: usize| if i + 1 < k { beta[i].abs() } else { 0.0 };
    let row = |i: usize| alpha[i] - off(i) - if i > 0 { off(i - 1) } else { 0.0 };
    // Gershgorin below, a Rayleigh quotient above.
    let mut low = (0..k).map(row).fold(f64::INFINITY, f64::min);
    let mut high = alpha.iter().copied().fold(f64::INFINITY, f64::min);
    let size = low.abs().max(high.abs());
    // Below the smallest eigenvalue all pivots are positive.
    let below = |x: f64| {
        let mut pivot = 1.0f64;
        (0..k).all(|i| {
            let before = if i > 0 {
                beta[i - 1] * beta[i - 1] / pivot
            } else {
                0.0
            };
            pivot = alpha[i] - x - before;
            pivot > 0.0
        })
    };
    while high - low > DIGITS * size {
        let middle = 0.5 * (low + high);
        if !(low < middle && middle < high) {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    // From the last entry up, where the eigenvector grows.
    let (mut here, mut after, mut squares) = (1.0f64, 0.0, 1.0f64);
    for i in (1..k).rev() {
        let next = ((low - alpha[i]) * here - off(i) * after) / beta[i - 1];
        (here, after) = (next, here);
        squares += here * here;
    }
    let last = 1.0 / squares.sqrt();
    (low, if last.is_nan() { 1.0 } else { last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::spectral;
    use faer::Mat;

    #[test]
    fn the_smallest_ritz_value_is_that_of_the_tridiagonal_matrix() {
        for k in [1, 2, 5, 40] {
            let alpha: Vec<f64> = (0..k).map(|i| (3.0 * i as f64).sin() - 0.5).collect();
            let beta: Vec<f64> = (0..k).map(|i| 1.2 + (i as f64).cos()).collect();
            let t = Mat::from_fn(k, k, |i, j| match i.abs_diff(j) {
                0 => alpha[i],
                1 => beta[i.min(j)],
                _ => 0.0,
            });
            let (lambda, s) = spectral::eigen(t.as_ref()).unwrap();
            let (theta, last) = smallest_ritz(&alpha, &beta);
            assert!(theta <= lambda[0] + 1e-14 && theta > lambda[0] - 1e-12);
            assert!((last - s[(k - 1, 0)].abs()).abs() < 1e-6, "{k}: {last}");
        }
        let broken = |_: &[f64], out: &mut [f64]| out.fill(f64::NAN);
        assert!(smallest_eigenvalue(3, 0.0, 0.1, broken).is_err());
    }

    #[test]
    fn bounds_the_smallest_eigenvalue_from_below() {
        for n in [1, 2, 7, 150] {
            for shift in [-3.0, 0.0, 5.0] {
                let d: Vec<f64> = (0..n)
                    .map(|i| shift + (i as f64 * 1.7).sin() * 2.0)
                    .collect();
                let least = d.iter().copied().fold(f64::INFINITY, f64::min);
                let apply = |v: &[f64], out: &mut [f64]| {
                    out.iter_mut()
                        .zip(v)
                        .zip(&d)
                        .for_each(|((o, v), d)| *o = d * v);
                };
                let bound = smallest_eigenvalue(n, f64::INFINITY, 0.03, apply).unwrap();
                assert!(
                    bound <= least + 1e-12 && bound >= least - 0.05 * least.abs().max(1.0),
                    "{n} {shift}: {bound} {least}"
                );
            }
        }
    }
}
