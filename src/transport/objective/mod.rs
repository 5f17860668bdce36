//! Objectives: the convex functions that are minimised over couplings.

mod combine;
mod entropic;
mod group;
mod quadratic;

pub use combine::{Function, Padded, Sum};
pub use entropic::{Entropic, Relative};
pub use group::{GroupLasso, SquaredNorm};
pub use quadratic::Quadratic;

use crate::error::{Result, check_finite, check_shape};
use crate::transport::kernel::{self, parallel};
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::shape::Shape;
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

/// `⟨C, γ⟩`.
#[derive(Debug, Clone)]
pub struct Linear {
    shape: Shape,
    cost: Vec<f64>,
    range: f64,
}

impl Linear {
    /// The cost array, flat with the first index fastest, of shape `dims`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite).
    pub fn new(dims: &[usize], cost: Vec<f64>) -> Result<Self> {
        let shape = Shape::new(dims)?;
        check_shape("cost", (shape.len(), 1), (cost.len(), 1))?;
        check_finite("cost", &cost)?;
        let (low, high, _) = kernel::extremes(shape.arch, &cost);
        let range = if cost.is_empty() { 0.0 } else { high - low };
        Ok(Self { shape, cost, range })
    }

    /// The cost matrix.
    ///
    /// # Errors
    /// As [`Linear::new`].
    pub fn from_mat(cost: MatRef<'_, f64>) -> Result<Self> {
        Self::new(&[cost.nrows(), cost.ncols()], flat(cost))
    }

    /// The cost array.
    pub fn cost(&self) -> &[f64] {
        &self.cost
    }
}

impl Objective for Linear {
    fn shape(&self) -> &[usize] {
        self.shape.dims()
    }

    fn value(&self, plan: &[f64]) -> f64 {
        self.shape.inner(&self.cost, plan)
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.copy_from_slice(&self.cost);
        self.value(plan)
    }

    fn gradient_range(&self) -> Option<f64> {
        Some(self.range)
    }

    fn is_linear(&self) -> bool {
        true
    }
}

impl Cost for Linear {
    /// (0, 0) for a cost of more than two measures, which no pair of marginals fits.
    fn shape(&self) -> (usize, usize) {
        match Objective::shape(self) {
            [m, n] => (*m, *n),
            _ => (0, 0),
        }
    }

    fn fill(&self, column: usize, first: usize, out: &mut [f64]) {
        let at = column * Cost::shape(self).0 + first;
        out.copy_from_slice(&self.cost()[at..at + out.len()]);
    }

    fn dense(&self) -> Option<&[f64]> {
        Some(self.cost())
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

#[cfg(test)]
mod tests;
