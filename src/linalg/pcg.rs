//! Preconditioned conjugate gradients.

use super::{axpy, dot, norm};
use core::ops::Range;
use faer::MatMut;

/// The result of [`pcg`]: `residual` is `‖b − A x‖ / ‖b‖`, computed from `A`, not from the recurrence.
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
    /// Iterations per column.
    pub max_iter: usize,
    /// Iterations within which the residual has to halve. A good factor reduces it fast or, where rounding has taken over, not
    /// at all.
    pub patience: usize,
    /// Whether steps are taken with the quick form of the operator at first.
    pub quick: bool,
}

impl Limits {
    /// Without a limit of patience: conjugate gradients plateau where the preconditioner is poor.
    pub(crate) fn new(tol: f64, max_iter: usize) -> Self {
        Self {
            tol,
            max_iter,
            patience: usize::MAX,
            quick: false,
        }
    }
}

/// The state of one right-hand side.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// `‖b‖`.
    scale: f64,
    /// Relative residual of the best iterate.
    residual: f64,
    iterations: usize,
    /// `rᵀz` of the last step; `None` right after a start or restart.
    rz: Option<f64>,
    /// Whether the last direction is one: `rᵀz` was positive.
    curved: bool,
    /// The last residual of the recurrence, since a start, that was half of the one recorded before, and its iteration.
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

/// The systems to solve, all with one matrix of order `n`.
pub(crate) struct Systems<'a> {
    pub n: usize,
    /// Right-hand sides, one after another.
    pub b: &'a [f64],
    /// The answers, in the same order; an output only.
    pub x: &'a mut [f64],
}

impl Systems<'_> {
    /// Where the numbers of one column are.
    fn column(&self, j: usize) -> Range<usize> {
        j * self.n..(j + 1) * self.n
    }
}

/// Solves `A x = b` for every right-hand side to `‖b − A x‖ ≤ tol ‖b‖`, or as far as it gets. Returns the largest residual and
/// the sum of the iterations.
///
/// The columns advance in step, each by its own recurrence, so that the operator and the preconditioner are applied to all
/// unfinished columns at once. The first candidate is the preconditioner's own answer, so a good factor costs one application
/// of `A`. The residual of the recurrence drifts from the true one near rounding level: where the recurrence claims
/// convergence, the true residual is computed, and while it still falls by half, the iteration is restarted from it (iterative
/// refinement). The best iterate is returned.
pub(crate) fn pcg(
    mut apply: impl FnMut(&[f64], &mut [f64]),
    precondition: impl FnMut(MatMut<'_, f64>),
    systems: Systems<'_>,
    limits: Limits,
    ws: &mut Workspace,
) -> Reached {
    let apply = |v: &[f64], out: &mut [f64], _| apply(v, out);
    pcg_mixed(apply, precondition, systems, limits, ws)
}

/// [`pcg`] for an operator that comes in two forms; its flag asks for the careful one. Residuals are always measured with the
/// careful form. With [`Limits::quick`], steps are taken with the quick form for as long as that reduces the residuals, and with
/// the careful form from then on.
pub(crate) fn pcg_mixed(
    mut apply: impl FnMut(&[f64], &mut [f64], bool),
    mut precondition: impl FnMut(MatMut<'_, f64>),
    mut systems: Systems<'_>,
    limits: Limits,
    ws: &mut Workspace,
) -> Reached {
    let n = systems.n;
    if n == 0 || systems.b.is_empty() {
        return Reached {
            residual: 0.0,
            iterations: 0,
        };
    }
    ws.resize(n, systems.b.len() / n);
    ws.first_candidates(&mut systems, limits, &mut apply, &mut precondition);
    let mut careful = !limits.quick;
    while !ws.active.is_empty() {
        // A direction for every active column, and the operator applied to all of them.
        ws.directions(n, &mut precondition);
        let numbers = n * ws.active.len();
        apply(&ws.z[..numbers], &mut ws.q[..numbers], careful);
        careful |= ws.advance(&mut systems, limits, careful, &mut apply);
    }
    ws.finish(systems.x)
}

impl Workspace {
    /// The preconditioner's own answers, or zero where that is nearer; columns that need more are active.
    fn first_candidates(
        &mut self,
        systems: &mut Systems<'_>,
        limits: Limits,
        apply: &mut impl FnMut(&[f64], &mut [f64], bool),
        precondition: &mut impl FnMut(MatMut<'_, f64>),
    ) {
        let n = systems.n;
        systems.x.copy_from_slice(systems.b);
        let columns = systems.b.len() / n;
        precondition(MatMut::from_column_major_slice_mut(systems.x, n, columns));
        apply(systems.x, &mut self.r, true);
        for (j, b) in systems.b.chunks_exact(n).enumerate() {
            let at = systems.column(j);
            let (x, r) = (&mut systems.x[at.clone()], &mut self.r[at.clone()]);
            let scale = norm(b);
            let mut residual = 0.0;
            if scale == 0.0 {
                x.fill(0.0);
            } else {
                r.iter_mut().zip(b).for_each(|(r, b)| *r = b - *r);
                residual = norm(r) / scale;
                if residual.is_nan() || residual >= 1.0 {
                    x.fill(0.0);
                    r.copy_from_slice(b);
                    residual = 1.0;
                }
            }
            self.best[at].copy_from_slice(x);
            self.columns.push(Column {
                scale,
                residual,
                iterations: 0,
                rz: None,
                curved: false,
                least: (f64::INFINITY, 0),
            });
            if residual > limits.tol && limits.max_iter > 0 {
                self.active.push(j);
            }
        }
    }

    /// The next direction of every active column, one after another in `z`. Columns without a direction ignore their part.
    fn directions(&mut self, n: usize, precondition: &mut impl FnMut(MatMut<'_, f64>)) {
        let count = self.active.len();
        let z = &mut self.z[..n * count];
        let column = |j: usize| j * n..(j + 1) * n;
        for (to, &j) in z.chunks_exact_mut(n).zip(&self.active) {
            to.copy_from_slice(&self.r[column(j)]);
        }
        precondition(MatMut::from_column_major_slice_mut(z, n, count));
        for (z, &j) in z.chunks_exact_mut(n).zip(&self.active) {
            self.columns[j].turn(&self.r[column(j)], z, &mut self.p[column(j)]);
        }
    }

    /// A step of every active column along its direction in `z`, with the operator's answer in `q`; columns that are finished are
    /// no longer active. `true` when a column needs the careful form from now on.
    fn advance(
        &mut self,
        systems: &mut Systems<'_>,
        limits: Limits,
        careful: bool,
        apply: &mut impl FnMut(&[f64], &mut [f64], bool),
    ) -> bool {
        let Self {
            r,
            z,
            best,
            q,
            columns,
            active,
            ..
        } = self;
        let n = systems.n;
        let (mut slot, mut stuck) = (0, false);
        active.retain(|&j| {
            let (at, here) = (systems.column(j), slot * n..(slot + 1) * n);
            slot += 1;
            let (direction, q) = (&z[here.clone()], &mut q[here]);
            let (b, x) = (&systems.b[at.clone()], &mut systems.x[at.clone()]);
            let (column, r, best) = (&mut columns[j], &mut r[at.clone()], &mut best[at]);
            // The recurrence goes on while it has not converged and its residual still halves.
            if column.step(direction, q, x, r) && column.iterations < limits.max_iter {
                let left = norm(r) / column.scale;
                if left > 0.5 * limits.tol && column.goes_on(left, limits.patience) {
                    return true;
                }
            }
            // It stopped: what did it reach?
            let now = true_residual(apply, b, x, r, q) / column.scale;
            let falls = now < 0.5 * column.residual;
            if now < column.residual {
                column.residual = now;
                best.copy_from_slice(x);
            }
            // A restart from the true residual, while restarts help.
            (column.rz, column.least) = (None, (f64::INFINITY, column.iterations));
            let unfinished = column.residual > limits.tol && column.iterations < limits.max_iter;
            if unfinished && !falls && !careful {
                // The quick form has no more to give: from the best iterate, with the careful form.
                stuck = true;
                x.copy_from_slice(best);
                true_residual(apply, b, x, r, q);
                return true;
            }
            falls && unfinished
        });
        stuck
    }

    /// The best iterates, and what they reached.
    fn finish(&mut self, x: &mut [f64]) -> Reached {
        x.copy_from_slice(&self.best);
        let residuals = self.columns.iter().map(|c| c.residual);
        Reached {
            residual: residuals.fold(0.0, f64::max),
            iterations: self.columns.iter().map(|c| c.iterations).sum(),
        }
    }
}

impl Column {
    /// The next direction, from `z`, the preconditioned residual, which it replaces.
    fn turn(&mut self, r: &[f64], z: &mut [f64], p: &mut [f64]) {
        let new = dot(r, z);
        self.curved = new.is_finite() && new > 0.0;
        // On a restart the older direction is ignored: it may be NaN.
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

    /// Diagonal system, preconditioned exactly, except for one outlier per entry of `outliers`.
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
            Systems {
                n,
                b: &b,
                x: &mut x,
            },
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
            Systems {
                n: 2,
                b: &[1.0, 1.0],
                x: &mut x,
            },
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
                Systems {
                    n,
                    b: &b,
                    x: &mut x,
                },
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
                Systems { n, b, x: &mut x },
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
