//! Where a linear program begins.

use crate::constraints::BlockWeight;
use crate::error::Result;
use crate::linalg::{dot, max_abs};
use crate::problem::ConicProgram;
use crate::projection::{Goal, Projection};
use faer::MatMut;

/// Share of the largest cost under which the least dual slack is nothing but rounding.
const ROUNDING: f64 = 1e-10;

/// Mehrotra's start[^M92] `(x, y, s)`: the least-norm solutions of `A x = b` and of `Aᵀy + s = c`, shifted into the cone and then
/// by what balances their products. Moves the projection to the unit weight.
///
/// [^M92]: Mehrotra. On the implementation of a primal-dual interior point method. SIAM J. Optim. 2, 1992.
///
/// # Errors
/// What the projection refuses the unit weight with.
pub(in crate::ipm) fn mehrotra(
    problem: &ConicProgram,
    cost: &[f64],
    projection: &mut dyn Projection,
) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    let a = problem.constraints();
    let (m, n) = (a.len(), a.ambient());
    let ones = vec![1.0; n];
    let weight: Vec<BlockWeight<'_>> = (0..a.blocks().len())
        .map(|b| BlockWeight::Nonneg(&ones[a.range(b)]))
        .collect();
    projection.update(&weight)?;
    // A c and b as two columns.
    let mut both = vec![0.0; 2 * m];
    a.apply(cost, &mut both[..m])?;
    both[m..].copy_from_slice(problem.rhs());
    let columns = MatMut::from_column_major_slice_mut(&mut both, m, 2);
    projection.solve(columns, Goal::Residual(1e-10))?;
    let (mut x, mut s) = (vec![0.0; n], vec![0.0; n]);
    a.adjoint(&both[m..], &mut x)?;
    both.truncate(m);
    a.adjoint(&both, &mut s)?;
    s.iter_mut().zip(cost).for_each(|(s, c)| *s = c - *s);
    if max_abs(&s) <= ROUNDING * max_abs(cost) {
        // A cost that is a combination of rows: what is left of it is no measure of anything.
        s.fill(0.0);
    }
    let least = |v: &[f64]| v.iter().copied().fold(f64::INFINITY, f64::min);
    let lift = |v: &mut [f64]| {
        let by = (-1.5 * least(v)).max(0.0);
        v.iter_mut().for_each(|v| *v += by);
    };
    lift(&mut x);
    lift(&mut s);
    let product = dot(&x, &s);
    let (of_x, of_s): (f64, f64) = (x.iter().sum(), s.iter().sum());
    let shift = |sum: f64| {
        let by = 0.5 * product / sum;
        // Where one of the two vanishes, products say nothing about scale.
        if by.is_finite() && by > 0.0 { by } else { 1.0 }
    };
    let (dx, ds) = (shift(of_s), shift(of_x));
    x.iter_mut().for_each(|v| *v += dx);
    s.iter_mut().for_each(|v| *v += ds);
    Ok((x, both, s))
}
