//! Sums, closures, and the slack of partial transport.

use super::seam::Objective;
use crate::error::{Error, Result, check_shape};
use crate::transport::kernel::parallel;
use crate::transport::polytope::checks::check_positive;
use std::fmt;

/// `Σ_k w_k f_k` with weights `w_k > 0`.
#[derive(Default)]
pub struct Sum<'a> {
    dims: Vec<usize>,
    terms: Vec<(f64, Box<dyn Objective + 'a>)>,
}

impl fmt::Debug for Sum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sum of {} terms over {:?}", self.terms.len(), self.dims)
    }
}

impl<'a> Sum<'a> {
    /// The empty sum; the first term sets the shape.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `weight · term`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a weight that is not positive, or a shape other than the first term's.
    pub fn with(mut self, weight: f64, term: impl Objective + 'a) -> Result<Self> {
        check_positive("weight", weight)?;
        if self.terms.is_empty() {
            self.dims = term.shape().to_vec();
        } else if self.dims != term.shape() {
            let reason = format!(
                "expected the shape {:?}, found {:?}",
                self.dims,
                term.shape()
            );
            return Err(Error::InvalidSetting {
                field: "term",
                reason,
            });
        }
        self.terms.push((weight, Box::new(term)));
        Ok(self)
    }
}

impl Objective for Sum<'_> {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        self.terms.iter().map(|(w, f)| w * f.value(plan)).sum()
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        let mut total = 0.0;
        let mut part = vec![
            0.0;
            if self.terms.len() > 1 {
                gradient.len()
            } else {
                0
            }
        ];
        for (k, (w, f)) in self.terms.iter().enumerate() {
            if k == 0 {
                total += w * f.gradient(plan, gradient);
                if *w != 1.0 {
                    gradient.iter_mut().for_each(|g| *g *= w);
                }
            } else {
                total += w * f.gradient(plan, &mut part);
                let size = parallel::piece(part.len());
                parallel::update(gradient, size, |first, g| {
                    crate::linalg::axpy(*w, &part[first..first + g.len()], g);
                });
            }
        }
        total
    }

    fn gradient_range(&self) -> Option<f64> {
        self.terms
            .iter()
            .map(|(w, f)| f.gradient_range().map(|r| w * r))
            .sum()
    }

    fn strong_convexity(&self) -> f64 {
        self.terms
            .iter()
            .map(|(w, f)| w * f.strong_convexity())
            .sum()
    }

    fn is_linear(&self) -> bool {
        self.terms.iter().all(|(_, f)| f.is_linear())
    }
}

/// An objective from closures.
///
/// ```
/// use dyncvx::transport::{Function, Objective};
/// let square = Function::new(
///     &[2, 2],
///     |plan: &[f64]| plan.iter().map(|p| p * p).sum(),
///     |plan: &[f64], gradient: &mut [f64]| gradient.iter_mut().zip(plan).for_each(|(g, p)| *g = 2.0 * p),
/// );
/// assert_eq!(square.value(&[0.5, 0.0, 0.0, 0.5]), 0.5);
/// ```
pub struct Function<V, G> {
    dims: Vec<usize>,
    value: V,
    gradient: G,
}

impl<V, G> fmt::Debug for Function<V, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function over {:?}", self.dims)
    }
}

impl<V: Fn(&[f64]) -> f64 + Sync, G: Fn(&[f64], &mut [f64]) + Sync> Function<V, G> {
    /// `value(plan)` and `gradient(plan, out)` of a convex function over couplings of shape `dims`.
    pub fn new(dims: &[usize], value: V, gradient: G) -> Self {
        let dims = dims.to_vec();
        Self {
            dims,
            value,
            gradient,
        }
    }
}

impl<V: Fn(&[f64]) -> f64 + Sync, G: Fn(&[f64], &mut [f64]) + Sync> Objective for Function<V, G> {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        (self.value)(plan)
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        (self.gradient)(plan, gradient);
        (self.value)(plan)
    }
}

/// An `m × n` objective on the `(m + 1) × (n + 1)` couplings of [`Marginals::partial`](crate::transport::Marginals::partial):
/// slack arcs cost nothing.
#[derive(Debug)]
pub struct Padded<O> {
    inner: O,
    dims: [usize; 2],
}

impl<O: Objective> Padded<O> {
    /// Wraps a matrix objective.
    ///
    /// # Errors
    /// [`Error::Shape`] for an objective of more than two measures.
    pub fn new(inner: O) -> Result<Self> {
        check_shape("objective's modes", (2, 1), (inner.shape().len(), 1))?;
        let dims = [inner.shape()[0] + 1, inner.shape()[1] + 1];
        Ok(Self { inner, dims })
    }

    fn block(&self, plan: &[f64]) -> Vec<f64> {
        let [m, n] = self.dims;
        let columns = plan.chunks(m).take(n - 1);
        columns.flat_map(|c| &c[..m - 1]).copied().collect()
    }
}

impl<O: Objective> Objective for Padded<O> {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        self.inner.value(&self.block(plan))
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        let [m, _] = self.dims;
        let block = self.block(plan);
        let mut inner = vec![0.0; block.len()];
        let value = self.inner.gradient(&block, &mut inner);
        gradient.fill(0.0);
        for (out, column) in gradient.chunks_mut(m).zip(inner.chunks(m - 1)) {
            out[..m - 1].copy_from_slice(column);
        }
        value
    }

    fn is_linear(&self) -> bool {
        self.inner.is_linear()
    }
}
