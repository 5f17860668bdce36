//! Entropic and Kullback–Leibler terms.

use super::seam::{Objective, entrywise};
use crate::error::{Result, check_finite, check_shape};
use crate::transport::kernel::parallel;
use crate::transport::polytope::checks::check_positive;

/// `ε Σ γ (log γ − 1)`; 0 log 0 = 0. Strongly convex relative to the entropy with constant `ε`.
///
/// Add it to a [`Linear`](super::Linear) cost in a [`Sum`](super::Sum) for entropic transport. The gradient `ε log γ` is
/// that of the least positive double where `γ` is 0.
#[derive(Debug, Clone)]
pub struct Entropic {
    dims: Vec<usize>,
    epsilon: f64,
}

impl Entropic {
    /// Regularisation of strength `epsilon > 0`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting).
    pub fn new(dims: &[usize], epsilon: f64) -> Result<Self> {
        check_positive("epsilon", epsilon)?;
        let dims = dims.to_vec();
        Ok(Self { dims, epsilon })
    }
}

/// `p log p − p`, and `log p` kept finite.
fn entropy(p: f64) -> (f64, f64) {
    let log = p.max(f64::MIN_POSITIVE).ln();
    (p * (log - 1.0), log)
}

impl Objective for Entropic {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        self.epsilon * parallel::sum(plan.len(), |r| plan[r].iter().map(|p| entropy(*p).0).sum())
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        let sum = entrywise(plan, gradient, |_, p| {
            let (value, log) = entropy(p);
            (value, self.epsilon * log)
        });
        self.epsilon * sum
    }

    fn strong_convexity(&self) -> f64 {
        self.epsilon
    }
}

/// `ε KL(γ‖ξ) = ε Σ (γ log(γ/ξ) − γ + ξ)` for a reference `ξ > 0`.
#[derive(Debug, Clone)]
pub struct Relative {
    dims: Vec<usize>,
    reference: Vec<f64>,
    logs: Vec<f64>,
    epsilon: f64,
}

impl Relative {
    /// The reference, flat with the first index fastest, and the strength.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite); [`Error::InvalidSetting`](crate::Error::InvalidSetting) for a reference or a strength that is not positive.
    pub fn new(dims: &[usize], reference: Vec<f64>, epsilon: f64) -> Result<Self> {
        check_positive("epsilon", epsilon)?;
        check_shape(
            "reference",
            (dims.iter().product(), 1),
            (reference.len(), 1),
        )?;
        check_finite("reference", &reference)?;
        reference
            .iter()
            .try_for_each(|r| check_positive("reference", *r))?;
        let logs = reference.iter().map(|r| r.ln()).collect();
        let dims = dims.to_vec();
        Ok(Self {
            dims,
            reference,
            logs,
            epsilon,
        })
    }

    fn at(&self, i: usize, p: f64) -> (f64, f64) {
        let (value, log) = entropy(p);
        let slope = log - self.logs[i];
        (
            value - p * self.logs[i] + self.reference[i],
            self.epsilon * slope,
        )
    }
}

impl Objective for Relative {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        let sum = parallel::sum(plan.len(), |r| r.map(|i| self.at(i, plan[i]).0).sum());
        self.epsilon * sum
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        self.epsilon * entrywise(plan, gradient, |i, p| self.at(i, p))
    }

    fn strong_convexity(&self) -> f64 {
        self.epsilon
    }
}
