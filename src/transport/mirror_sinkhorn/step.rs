//! One step: at its length by rule, or by backtracking.

use super::{Run, Source, unsupported};
use crate::error::{Error, Result};
use crate::transport::kernel::{self, parallel};
use crate::transport::settings::StepRule;

impl Run<'_> {
    /// One step. `Some(true)`: the gradient at the new point is at hand; `None`: no further.
    pub(super) fn step(&mut self) -> Result<Option<bool>> {
        let mode = (self.steps.count + 1) % self.marginals.shape().len();
        let eta = self.steps.next();
        if self.steps.rule == StepRule::Backtracking {
            return self.backtrack(mode, eta);
        }
        let weight = if matches!(self.steps.rule, StepRule::StronglyConvex(_)) {
            1.0
        } else {
            eta
        };
        self.accumulate(weight);
        self.predict(mode, eta);
        if self
            .state
            .advance(self.marginals, &self.gradient, eta, self.middle, mode)
            .is_err()
        {
            return Ok(None);
        }
        self.done(mode, eta);
        Ok(Some(false))
    }

    /// Carries the potentials of the other modes along: see [`Predict`].
    fn predict(&mut self, mode: usize, eta: f64) {
        if !self.predicted {
            return;
        }
        for (k, u) in self.state.potentials.iter_mut().enumerate() {
            if k != mode {
                crate::linalg::axpy(eta, &self.slope[k], u);
            }
        }
    }

    fn done(&mut self, mode: usize, eta: f64) {
        self.model += eta * (self.value_before() - self.product);
        self.beta += eta;
        self.steps.record(eta);
        self.last_step = eta;
        let (anchor, at) = &mut self.anchor[mode];
        let (slope, potential) = (&mut self.slope[mode], &self.state.potentials[mode]);
        let span = self.beta - *at;
        for ((s, new), old) in slope.iter_mut().zip(potential).zip(&*anchor) {
            *s = if new.is_finite() {
                (new - old) / span
            } else {
                0.0
            };
        }
        anchor.clone_from(potential);
        *at = self.beta;
    }

    pub(super) fn value_before(&self) -> f64 {
        if self.linear {
            self.product
        } else {
            self.value
        }
    }

    pub(super) fn accumulate(&mut self, weight: f64) {
        if let Some(mean) = &mut self.average {
            self.weight += weight;
            let (w, plan) = (weight / self.weight, &self.state.plan);
            let (arch, piece) = (
                self.marginals.layout().arch,
                self.marginals.layout().piece(),
            );
            parallel::update(mean, piece, |first, mean| {
                kernel::average(arch, w, &plan[first..first + mean.len()], mean);
            });
        }
    }

    /// Halves the step until the model lies above the objective; grows it by a quarter afterwards.
    fn backtrack(&mut self, mode: usize, mut eta: f64) -> Result<Option<bool>> {
        let Source::Exact(f) = self.source else {
            return unsupported("backtracking on noisy gradients");
        };
        let marginals = self.marginals;
        let before = self.state.potentials.clone();
        let floor = self.steps.floor();
        let drift = 0.25
            * marginals.total()
            * (self.steps.divergence / (self.steps.count + 1) as f64).sqrt();
        let mut next = vec![0.0; self.gradient.len()];
        let mut done = 0.0;
        for _ in 0..200 {
            eta = eta.max(floor);
            self.predict(mode, eta);
            let (change, middle) = (eta - done, eta / (eta - done) * self.middle);
            if self
                .state
                .advance(marginals, &self.gradient, change, middle, mode)
                .is_err()
            {
                return Ok(None);
            }
            done = eta;
            let value = f.gradient(&self.state.plan, &mut next);
            if !value.is_finite() {
                let what = "objective value";
                return Err(Error::NonFinite { what, index: 0 });
            }
            // With Δu the change of the potentials, η⟨G, γ⁺⟩ + KL(γ⁺‖γ) = Σ_k ⟨marginal_k(γ⁺), Δu_k⟩.
            let (mut lift, mut violation) = (0.0, 0.0);
            for (k, (new, old)) in self.state.potentials.iter().zip(&before).enumerate() {
                let masses = marginals.masses(k);
                let sums = if k == mode {
                    masses.to_vec()
                } else {
                    marginals.layout().marginal(&self.state.plan, k)
                };
                violation += sums
                    .iter()
                    .zip(masses)
                    .map(|(s, m)| (s - m).abs())
                    .sum::<f64>();
                let terms = new.iter().zip(old).zip(&sums);
                lift += terms
                    .filter(|(_, s)| **s > 0.0)
                    .map(|((new, old), s)| s * (new - old))
                    .sum::<f64>();
            }
            let slack = 1e-13 * (self.value.abs() + self.product.abs());
            let model = self.value - self.product + lift / eta + slack;
            if eta <= floor || (value <= model && violation <= drift) {
                self.steps.trial = eta * if self.failed { 1.1 } else { 2.0 };
                self.done(mode, eta);
                std::mem::swap(&mut self.gradient, &mut next);
                self.value = value;
                self.accumulate(eta);
                self.inspect(self.steps.count)?;
                return Ok(Some(true));
            }
            self.failed = true;
            self.state.potentials.clone_from(&before);
            eta *= 0.5;
        }
        Ok(None)
    }
}
