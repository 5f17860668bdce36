//! Linear objectives, which are also stored costs.

use super::seam::{Objective, flat};
use crate::error::{Result, check_finite, check_shape};
use crate::transport::kernel;
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::shape::Shape;
use faer::MatRef;

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
