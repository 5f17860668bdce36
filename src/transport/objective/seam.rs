//! The interface of an objective, and loops that objectives share.

use crate::transport::kernel::parallel;
use faer::MatRef;

/// A convex function of a coupling.
///
/// A coupling is a flat array with the first index fastest: entry `(i, j)` of an `m × n` plan is `plan[i + m j]`. Plans passed to
/// an objective are nonnegative. Their total is right up to the violation of one marginal.
pub trait Objective: Sync {
    /// Number of points along each mode.
    fn shape(&self) -> &[usize];

    /// `f(plan)`.
    fn value(&self, plan: &[f64]) -> f64;

    /// Writes `∇f(plan)` (a subgradient where `f` has a kink), and returns `f(plan)`.
    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64;

    /// An upper bound on the range (largest minus least entry) of the gradient over all couplings, if one is known;
    /// otherwise the largest range seen so far sets the step.
    fn gradient_range(&self) -> Option<f64> {
        None
    }

    /// `α ≥ 0` with `f(y) ≥ f(x) + ⟨∇f(x), y − x⟩ + α KL(y‖x)`: strong convexity relative to the entropy.
    fn strong_convexity(&self) -> f64 {
        0.0
    }

    /// Whether the gradient is the same everywhere.
    fn is_linear(&self) -> bool {
        false
    }
}

/// The entries of a matrix, column by column.
pub(crate) fn flat(a: MatRef<'_, f64>) -> Vec<f64> {
    let mut out = Vec::with_capacity(a.nrows() * a.ncols());
    for j in 0..a.ncols() {
        out.extend((0..a.nrows()).map(|i| a[(i, j)]));
    }
    out
}

/// With `(h, slope) = g(i, plan[i])`: writes the slopes, and returns `Σ h`.
pub(crate) fn entrywise(
    plan: &[f64],
    out: &mut [f64],
    g: impl Fn(usize, f64) -> (f64, f64) + Sync,
) -> f64 {
    let size = parallel::piece(plan.len());
    let parts = parallel::update(out, size, |first, out| {
        let mut sum = 0.0;
        for (k, o) in out.iter_mut().enumerate() {
            let (value, slope) = g(first + k, plan[first + k]);
            sum += value;
            *o = slope;
        }
        sum
    });
    parts.into_iter().sum()
}
