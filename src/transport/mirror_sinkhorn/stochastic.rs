//! Objectives whose gradients are noisy and unbiased.

use crate::error::{Error, Result};
use crate::transport::objective::Objective;
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal, Uniform};
use std::fmt;

/// A convex function of which only unbiased gradients are drawn.
pub trait StochasticObjective: Sync {
    /// Number of points along each mode.
    fn shape(&self) -> &[usize];

    /// Writes a gradient whose expectation is `∇f(plan)`, and returns an unbiased value (`NaN` if no
    /// cheap one exists). All randomness comes from `rng`.
    fn sample(&self, plan: &[f64], rng: &mut ChaCha20Rng, gradient: &mut [f64]) -> f64;

    /// Upper bound on the range of the noisy gradients, if one is known.
    fn gradient_range(&self) -> Option<f64> {
        None
    }

    /// `f` itself, for values and certificates, if it can be evaluated.
    fn expectation(&self) -> Option<&dyn Objective> {
        None
    }
}

/// The distribution of the noise a [`Noisy`] objective adds to every entry of the gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Noise {
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform on `[−a, a]`.
    Uniform(f64),
}

/// An objective whose gradients carry independent noise in every entry.
#[derive(Debug, Clone)]
pub struct Noisy<O> {
    objective: O,
    noise: Noise,
}

impl<O: Objective> Noisy<O> {
    /// Adds the noise to the gradients of `objective`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a size that is negative or not finite.
    pub fn new(objective: O, noise: Noise) -> Result<Self> {
        let (Noise::Normal(size) | Noise::Uniform(size)) = noise;
        if !(size >= 0.0 && size.is_finite()) {
            let reason = format!("expected a finite number ≥ 0, found {size}");
            return Err(Error::InvalidSetting {
                field: "noise",
                reason,
            });
        }
        Ok(Self { objective, noise })
    }
}

impl<O: Objective> StochasticObjective for Noisy<O> {
    fn shape(&self) -> &[usize] {
        self.objective.shape()
    }

    fn sample(&self, plan: &[f64], rng: &mut ChaCha20Rng, gradient: &mut [f64]) -> f64 {
        let value = self.objective.gradient(plan, gradient);
        match self.noise {
            Noise::Normal(size) => {
                for g in gradient {
                    let z: f64 = StandardNormal.sample(rng);
                    *g += size * z;
                }
            }
            Noise::Uniform(size) => {
                if let Ok(uniform) = Uniform::new_inclusive(-size, size) {
                    for g in gradient {
                        *g += uniform.sample(rng);
                    }
                }
            }
        }
        value
    }

    fn gradient_range(&self) -> Option<f64> {
        match self.noise {
            Noise::Normal(_) => None,
            Noise::Uniform(size) => self.objective.gradient_range().map(|r| r + 2.0 * size),
        }
    }

    fn expectation(&self) -> Option<&dyn Objective> {
        Some(&self.objective)
    }
}

/// The mean of many objectives, of which a few are drawn at each step, with replacement.
pub struct MiniBatch<'a> {
    terms: Vec<Box<dyn Objective + 'a>>,
    batch: usize,
    dims: Vec<usize>,
}

impl fmt::Debug for MiniBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MiniBatch of {} out of {} terms over {:?}",
            self.batch,
            self.terms.len(),
            self.dims
        )
    }
}

impl<'a> MiniBatch<'a> {
    /// `terms`, all of one shape, of which `batch` are drawn per step.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for no terms, a batch of 0, or shapes that differ.
    pub fn new(terms: Vec<Box<dyn Objective + 'a>>, batch: usize) -> Result<Self> {
        let fail = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        let Some(first) = terms.first() else {
            return fail("terms", "expected at least one, found none".into());
        };
        if batch == 0 {
            return fail("batch", "expected at least 1, found 0".into());
        }
        let dims = first.shape().to_vec();
        if let Some(other) = terms.iter().find(|t| t.shape() != dims) {
            return fail(
                "terms",
                format!("expected the shape {dims:?}, found {:?}", other.shape()),
            );
        }
        Ok(Self { terms, batch, dims })
    }

    fn mean(&self, plan: &[f64], which: &[usize], gradient: &mut [f64]) -> f64 {
        let weight = 1.0 / which.len() as f64;
        let mut part = vec![0.0; gradient.len()];
        gradient.fill(0.0);
        let mut value = 0.0;
        for k in which {
            value += weight * self.terms[*k].gradient(plan, &mut part);
            crate::linalg::axpy(weight, &part, gradient);
        }
        value
    }
}

impl StochasticObjective for MiniBatch<'_> {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn sample(&self, plan: &[f64], rng: &mut ChaCha20Rng, gradient: &mut [f64]) -> f64 {
        let Ok(any) = Uniform::new(0, self.terms.len()) else {
            return f64::NAN;
        };
        let which: Vec<usize> = (0..self.batch).map(|_| any.sample(rng)).collect();
        self.mean(plan, &which, gradient)
    }

    fn gradient_range(&self) -> Option<f64> {
        self.terms
            .iter()
            .map(|t| t.gradient_range())
            .try_fold(0.0, |m: f64, r| r.map(|r| m.max(r)))
    }

    fn expectation(&self) -> Option<&dyn Objective> {
        Some(self)
    }
}

impl Objective for MiniBatch<'_> {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        self.terms.iter().map(|t| t.value(plan)).sum::<f64>() / self.terms.len() as f64
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        let all: Vec<usize> = (0..self.terms.len()).collect();
        self.mean(plan, &all, gradient)
    }
}
