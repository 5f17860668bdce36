//! Preconditioned conjugate gradients.

use super::{axpy, dot, norm};

/// What [`pcg`] reached: `residual` is `‖b − A x‖ / ‖b‖`, computed from `A`, not from the recurrence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reached {
    pub residual: f64,
    pub iterations: usize,
}

/// Vectors that [`pcg`] needs besides `x` and `b`, kept by the caller so that repeated solves allocate nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workspace {
    r: Vec<f64>,
    z: Vec<f64>,
    p: Vec<f64>,
    q: Vec<f64>,
    best: Vec<f64>,
}

impl Workspace {
    fn resize(&mut self, n: usize) {
        for v in [
            &mut self.r,
            &mut self.z,
            &mut self.p,
            &mut self.q,
            &mut self.best,
        ] {
            v.resize(n, 0.0);
        }
    }
}

/// Solves `A x = b` to `‖b − A x‖ ≤ tol ‖b‖`, or as far as it gets; `x` is an output only.
///
/// The first candidate is the preconditioner's own answer, so a good factor costs one application of `A`. The
/// recurrence's residual drifts from the true one near rounding level: at its claimed convergence the true one is
/// computed and, while that still falls by half, the iteration restarted from it (iterative refinement). The best
/// iterate is returned.
pub(crate) fn pcg(
    mut apply: impl FnMut(&[f64], &mut [f64]),
    mut precondition: impl FnMut(&mut [f64]),
    b: &[f64],
    x: &mut [f64],
    tol: f64,
    max_iter: usize,
    ws: &mut Workspace,
) -> Reached {
    ws.resize(b.len());
    let Workspace { r, z, p, q, best } = ws;
    let scale = norm(b);
    x.fill(0.0);
    if scale == 0.0 {
        return Reached {
            residual: 0.0,
            iterations: 0,
        };
    }
    x.copy_from_slice(b);
    precondition(x);
    let mut residual = true_residual(&mut apply, b, x, r, q) / scale;
    if residual.is_nan() || residual >= 1.0 {
        // Worse than nothing: start from zero.
        x.fill(0.0);
        r.copy_from_slice(b);
        residual = 1.0;
    }
    best.copy_from_slice(x);
    let mut iterations = 0;
    while residual > tol && iterations < max_iter {
        let mut rz = 0.0;
        for step in 0.. {
            z.copy_from_slice(r);
            precondition(z);
            let new = dot(r, z);
            if !(new.is_finite() && new > 0.0) {
                break;
            }
            let beta = if step == 0 { 0.0 } else { new / rz };
            for (pi, zi) in p.iter_mut().zip(z.iter()) {
                *pi = zi + beta * *pi;
            }
            rz = new;
            apply(p, q);
            let curvature = dot(p, q);
            if !(curvature.is_finite() && curvature > 0.0) {
                break;
            }
            axpy(rz / curvature, p, x);
            axpy(-rz / curvature, q, r);
            iterations += 1;
            if norm(r) <= 0.5 * tol * scale || iterations >= max_iter {
                break;
            }
        }
        let reached = true_residual(&mut apply, b, x, r, q) / scale;
        let falls = reached < 0.5 * residual;
        if reached < residual {
            residual = reached;
            best.copy_from_slice(x);
        }
        if !falls {
            break;
        }
    }
    x.copy_from_slice(best);
    Reached {
        residual,
        iterations,
    }
}

/// `r ← b − A x`; returns its norm.
fn true_residual(
    apply: &mut impl FnMut(&[f64], &mut [f64]),
    b: &[f64],
    x: &[f64],
    r: &mut [f64],
    q: &mut [f64],
) -> f64 {
    apply(x, q);
    for ((ri, bi), qi) in r.iter_mut().zip(b).zip(q.iter()) {
        *ri = bi - qi;
    }
    norm(r)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Diagonal system, exactly preconditioned but for one outlier per entry of `outliers`.
    fn run(outliers: usize, tol: f64) -> (Reached, f64) {
        let n = 60;
        let d: Vec<f64> = (0..n).map(|i| 10f64.powf(i as f64 / 10.0)).collect();
        let m: Vec<f64> = d
            .iter()
            .enumerate()
            .map(|(i, v)| {
                if i < outliers {
                    v * (2.0 + i as f64)
                } else {
                    *v
                }
            })
            .collect();
        let b: Vec<f64> = (0..n).map(|i| 1.0 + (i as f64).sin()).collect();
        let mut x = vec![0.0; n];
        let reached = pcg(
            |v, out| {
                out.iter_mut()
                    .zip(v)
                    .zip(&d)
                    .for_each(|((o, v), d)| *o = d * v)
            },
            |v| v.iter_mut().zip(&m).for_each(|(v, m)| *v /= m),
            &b,
            &mut x,
            tol,
            100,
            &mut Workspace::default(),
        );
        let err = x
            .iter()
            .zip(&d)
            .zip(&b)
            .map(|((x, d), b)| (x * d - b).powi(2))
            .sum::<f64>()
            .sqrt()
            / norm(&b);
        (reached, err)
    }

    #[test]
    fn takes_one_iteration_per_distinct_eigenvalue() {
        let (exact, err) = run(0, 1e-14);
        assert_eq!(exact.iterations, 0);
        assert!(err <= 1e-14);
        let (five, err) = run(5, 1e-12);
        assert!(five.iterations <= 6, "{five:?}");
        assert!(err <= 1e-12 && (five.residual - err).abs() <= 1e-15);
    }

    #[test]
    fn reports_what_it_reached_when_the_iterations_run_out() {
        let mut x = [0.0; 2];
        let reached = pcg(
            |v, out| out.copy_from_slice(&[v[0], 1e4 * v[1]]),
            |_| {},
            &[1.0, 1.0],
            &mut x,
            1e-12,
            1,
            &mut Workspace::default(),
        );
        assert!(reached.residual > 1e-12 && reached.residual < 1.0);
    }
}
