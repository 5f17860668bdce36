//! Smallest eigenvalues by the Lanczos process.

use super::{axpy, dot, norm, spectral};
use crate::error::Result;
use crate::random::{Lane, Seed};
use faer::Mat;
use rand_distr::{Distribution, StandardNormal};

/// Most steps taken; a looser bound is returned then.
const MAX_STEPS: usize = 60;

/// A lower bound of the smallest eigenvalue of the symmetric operator `apply` of order `n`, close where it matters for a
/// step length: either the bound is above `enough`, or it is within the share `accuracy` of the eigenvalue.
///
/// The bound is the smallest Ritz value less its residual, `θ − β|s_k|`[^P98]; from a random start that fails to enclose
/// only if the start is all but orthogonal to the eigenvector, and a caller checks the step by a factorisation anyway.
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
        let full = k + 1 == n;
        if full || k % 4 == 3 || k + 1 == steps || next < 1e-14 {
            let size = alpha.len();
            let t = Mat::from_fn(size, size, |i, j| match i.abs_diff(j) {
                0 => alpha[i],
                1 => beta[i.min(j)],
                _ => 0.0,
            });
            let (theta, s) = spectral::eigen(t.as_ref())?;
            let residual = if full {
                0.0
            } else {
                next * s[(size - 1, 0)].abs()
            };
            bound = theta[0] - residual;
            if residual <= accuracy * theta[0].abs() || bound >= enough || next < 1e-14 {
                return Ok(bound);
            }
        }
        beta.push(next);
        basis.push(w.iter().map(|v| v / next).collect());
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                        .for_each(|((o, v), d)| *o = d * v)
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
