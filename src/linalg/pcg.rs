//! Preconditioned conjugate gradients.

use super::{axpy, dot, norm};
use faer::MatMut;

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
    best: Vec<f64>,
    q: Vec<f64>,
    columns: Vec<Column>,
    active: Vec<usize>,
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Relative residual that is enough.
    pub tol: f64,
    /// Iterations a column.
    pub max_iter: usize,
    /// Iterations within which the residual has to halve: a good factor brings it down fast or, where rounding has taken over, not
    /// at all.
    pub patience: usize,
}

impl Limits {
    /// With all the patience there is: conjugate gradients may well plateau where the preconditioner is poor.
    pub(crate) fn new(tol: f64, max_iter: usize) -> Self {
        Self {
            tol,
            max_iter,
            patience: usize::MAX,
        }
    }
}

/// Where one right-hand side stands.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// `‖b‖`.
    scale: f64,
    /// Of the best iterate.
    residual: f64,
    iterations: usize,
    /// `rᵀz` of the last step; `None` right after a start.
    rz: Option<f64>,
    /// Whether the last direction is one.
    curved: bool,
    /// Of the recurrence: the least residual since a start that halved the one before, and the iteration it was reached at.
    least: (f64, usize),
}

impl Workspace {
    fn resize(&mut self, n: usize, columns: usize) {
        for v in [
            &mut self.r,
            &mut self.z,
            &mut self.p,
            &mut self.best,
            &mut self.q,
        ] {
            v.resize(n * columns, 0.0);
        }
        self.columns.clear();
        self.active.clear();
    }
}

/// Solves `A x = b` for every column of `b` to `‖b − A x‖ ≤ tol ‖b‖`, or as far as it gets; `x` is an output only. Vectors have
/// length `n`; `b` and `x` hold theirs one after another. Returns the largest residual and the sum of the iterations.
///
/// The columns advance in step, each by its own recurrence, so that the operator and the preconditioner meet all that are not
/// finished at once. The first candidate is the preconditioner's own answer, so a good factor costs one application of `A`. The
/// recurrence's residual drifts from the true one near rounding level: at its claimed convergence the true one is
/// computed and, while that still falls by half, the iteration restarted from it (iterative refinement). The best
/// iterate is returned.
pub(crate) fn pcg(
    mut apply: impl FnMut(&[f64], &mut [f64]),
    precondition: impl FnMut(MatMut<'_, f64>),
    n: usize,
    b: &[f64],
    x: &mut [f64],
    limits: Limits,
    ws: &mut Workspace,
) -> Reached {
    let apply = |v: &[f64], out: &mut [f64], _| apply(v, out);
    pcg_mixed(apply, precondition, n, b, x, (limits, false), ws)
}

/// The same for an operator that comes in two forms, the second flag saying whether the careful one is asked for: residuals are
/// measured with that one, steps taken with the other while that gets them down (where `quick`), and with the careful one
/// from then on.
pub(crate) fn pcg_mixed(
    mut apply: impl FnMut(&[f64], &mut [f64], bool),
    mut precondition: impl FnMut(MatMut<'_, f64>),
    n: usize,
    b: &[f64],
    x: &mut [f64],
    (limits, quick): (Limits, bool),
    ws: &mut Workspace,
) -> Reached {
    let Limits {
        tol,
        max_iter,
        patience,
    } = limits;
    let mut careful = !quick;
    let mut reached = Reached {
        residual: 0.0,
        iterations: 0,
    };
    if n == 0 || b.is_empty() {
        return reached;
    }
    ws.resize(n, b.len() / n);
    let Workspace {
        r,
        z,
        p,
        best,
        q,
        columns,
        active,
    } = ws;
    let at = |j: usize| j * n..(j + 1) * n;
    x.copy_from_slice(b);
    precondition(MatMut::from_column_major_slice_mut(x, n, b.len() / n));
    apply(x, r, true);
    for (j, b) in b.chunks_exact(n).enumerate() {
        let (x, r) = (&mut x[at(j)], &mut r[at(j)]);
        let scale = norm(b);
        let mut residual = 0.0;
        if scale == 0.0 {
            x.fill(0.0);
        } else {
            r.iter_mut().zip(b).for_each(|(r, b)| *r = b - *r);
            residual = norm(r) / scale;
            if residual.is_nan() || residual >= 1.0 {
                // Worse than nothing: start from zero.
                x.fill(0.0);
                r.copy_from_slice(b);
                residual = 1.0;
            }
        }
        best[at(j)].copy_from_slice(x);
        columns.push(Column {
            scale,
            residual,
            iterations: 0,
            rz: None,
            curved: false,
            least: (f64::INFINITY, 0),
        });
        if residual > tol && max_iter > 0 {
            active.push(j);
        }
    }
    while !active.is_empty() {
        let count = active.len();
        let z = &mut z[..n * count];
        for (to, &j) in z.chunks_exact_mut(n).zip(active.iter()) {
            to.copy_from_slice(&r[at(j)]);
        }
        precondition(MatMut::from_column_major_slice_mut(z, n, count));
        for (z, &j) in z.chunks_exact_mut(n).zip(active.iter()) {
            columns[j].turn(&r[at(j)], z, &mut p[at(j)]);
        }
        // Where there is no direction, this answers for nothing.
        let q = &mut q[..n * count];
        apply(z, q, careful);
        let mut slot = 0;
        let mut stuck = false;
        active.retain(|&j| {
            let (p, q) = (&z[at(slot)], &mut q[at(slot)]);
            slot += 1;
            let (c, x, r) = (&mut columns[j], &mut x[at(j)], &mut r[at(j)]);
            if c.step(p, q, x, r) && c.iterations < max_iter {
                let left = norm(r) / c.scale;
                if left > 0.5 * tol && c.goes_on(left, patience) {
                    return true;
                }
            }
            let now = true_residual(&mut apply, &b[at(j)], x, r, q) / c.scale;
            let falls = now < 0.5 * c.residual;
            if now < c.residual {
                c.residual = now;
                best[at(j)].copy_from_slice(x);
            }
            (c.rz, c.least) = (None, (f64::INFINITY, c.iterations));
            let go_on = c.residual > tol && c.iterations < max_iter;
            if go_on && !falls && !careful {
                // From the best iterate, with the careful form.
                stuck = true;
                x.copy_from_slice(&best[at(j)]);
                true_residual(&mut apply, &b[at(j)], x, r, q);
                return true;
            }
            falls && go_on
        });
        careful |= stuck;
    }
    x.copy_from_slice(best);
    for c in columns {
        reached.residual = reached.residual.max(c.residual);
        reached.iterations += c.iterations;
    }
    reached
}

impl Column {
    /// The next direction, from `z`, the preconditioned residual, which it replaces.
    fn turn(&mut self, r: &[f64], z: &mut [f64], p: &mut [f64]) {
        let new = dot(r, z);
        self.curved = new.is_finite() && new > 0.0;
        // Nothing of an older direction at a start, not even what is no number.
        if let Some(old) = self.rz.replace(new) {
            let beta = new / old;
            z.iter_mut().zip(&*p).for_each(|(z, p)| *z += beta * p);
        }
        p.copy_from_slice(z);
    }

    /// Whether the residual halved within so many steps.
    fn goes_on(&mut self, left: f64, patience: usize) -> bool {
        if left <= 0.5 * self.least.0 {
            self.least = (left, self.iterations);
        }
        self.iterations - self.least.1 < patience
    }

    /// A step along `p`, with `q = A p`; `false`, and no step, where the operator or the preconditioner is not positive definite
    /// to working precision.
    fn step(&mut self, p: &[f64], q: &[f64], x: &mut [f64], r: &mut [f64]) -> bool {
        let curvature = dot(p, q);
        let Some(rz) = self.rz.filter(|_| self.curved) else {
            return false;
        };
        if !(curvature.is_finite() && curvature > 0.0) {
            return false;
        }
        axpy(rz / curvature, p, x);
        axpy(-rz / curvature, q, r);
        self.iterations += 1;
        true
    }
}

/// `r ← b − A x`; returns its norm.
fn true_residual(
    apply: &mut impl FnMut(&[f64], &mut [f64], bool),
    b: &[f64],
    x: &[f64],
    r: &mut [f64],
    q: &mut [f64],
) -> f64 {
    apply(x, q, true);
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
                    .for_each(|((o, v), d)| *o = d * v);
            },
            |mut v| (0..n).for_each(|i| v[(i, 0)] /= m[i]),
            n,
            &b,
            &mut x,
            Limits::new(tol, 100),
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
            2,
            &[1.0, 1.0],
            &mut x,
            Limits::new(1e-12, 1),
            &mut Workspace::default(),
        );
        assert!(reached.residual > 1e-12 && reached.residual < 1.0);
    }

    /// Thirty eigenvalues over eight decades hold the residual up for long: patience with that ends first, and what is returned is the
    /// best that was seen, truly measured.
    #[test]
    fn gives_up_a_residual_that_does_not_halve() {
        let n = 30;
        let d: Vec<f64> = (0..n)
            .map(|i| 10f64.powf(8.0 * i as f64 / n as f64))
            .collect();
        let b = vec![1.0; n];
        let solve = |patience: usize| {
            let mut x = vec![0.0; n];
            let limits = Limits {
                patience,
                ..Limits::new(1e-10, 1000)
            };
            let apply = |v: &[f64], out: &mut [f64]| (0..n).for_each(|i| out[i] = d[i] * v[i]);
            let reached = pcg(
                apply,
                |_| {},
                n,
                &b,
                &mut x,
                limits,
                &mut Workspace::default(),
            );
            let rest: Vec<f64> = (0..n).map(|i| b[i] - d[i] * x[i]).collect();
            (reached, norm(&rest) / norm(&b))
        };
        let (all, _) = solve(usize::MAX);
        let (some, left) = solve(3);
        assert!(all.residual <= 1e-10 && all.iterations > 20, "{all:?}");
        assert!(some.iterations < 20 && some.residual > 1e-10, "{some:?}");
        assert!((some.residual - left).abs() <= 1e-12);
    }

    /// Columns that finish at different times, one of them zero, one that the preconditioner answers.
    #[test]
    fn columns_in_step_do_as_each_alone() {
        let (n, k) = (50, 5);
        let d: Vec<f64> = (0..n).map(|i| 10f64.powf(i as f64 / 20.0)).collect();
        let m: Vec<f64> = (0..n)
            .map(|i| d[i] * (1.0 + ((i / 3) % 9) as f64))
            .collect();
        let mut b = vec![0.0; n * k];
        for j in (0..k).filter(|j| *j != 2) {
            // Column j meets j of the preconditioner's wrong factors.
            for i in (0..n).filter(|i| (i / 3) % 9 <= 2 * j) {
                b[j * n + i] = (1.0 + (i * j) as f64).sin();
            }
        }
        let solve = |b: &[f64], ws: &mut Workspace| {
            let mut x = vec![f64::NAN; b.len()];
            let reached = pcg(
                |v, out| (0..v.len()).for_each(|i| out[i] = d[i % n] * v[i]),
                |mut v| (0..v.ncols()).for_each(|j| (0..n).for_each(|i| v[(i, j)] /= m[i])),
                n,
                b,
                &mut x,
                Limits::new(1e-12, 60),
                ws,
            );
            (reached, x)
        };
        let mut ws = Workspace::default();
        let (all, x) = solve(&b, &mut ws);
        let mut iterations = vec![];
        for j in 0..k {
            let (one, alone) = solve(&b[j * n..(j + 1) * n], &mut ws);
            assert_eq!(alone, x[j * n..(j + 1) * n]);
            assert!(one.residual <= all.residual && one.residual <= 1e-12);
            iterations.push(one.iterations);
        }
        assert_eq!(all.iterations, iterations.iter().sum::<usize>());
        assert!(iterations[0] == 0 && iterations[2] == 0 && iterations[1] < iterations[4]);
    }
}
