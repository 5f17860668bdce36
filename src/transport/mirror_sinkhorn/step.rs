//! One step: at its length by rule, or by backtracking.

use super::coupling::GradientStep;
use super::run::{MirrorRun, Source, StepEnd, unsupported};
use crate::error::{Error, Result};
use crate::transport::kernel::{self, parallel};
use crate::transport::settings::StepRule;

/// Growth of a trial step after an accepted one: doubling until the first refusal, cautious afterwards.
const FIRST_GROWTH: f64 = 2.0;
const LATER_GROWTH: f64 = 1.1;
/// Halvings of a trial step, at most: enough to leave the range of doubles.
const MAX_HALVINGS: usize = 200;
/// Marginal violation that a step may leave, over the mass and `√(D/t)`: the order that bounds a linear objective's steps.
const DRIFT: f64 = 0.25;
/// Rounding error of the model's value, relative to its terms.
const MODEL_ROUNDING: f64 = 1e-13;

impl MirrorRun<'_> {
    pub(super) fn step(&mut self) -> Result<StepEnd> {
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
        let step = GradientStep {
            gradient: &self.gradient,
            eta,
            middle: self.middle,
            mode,
        };
        if self.coupling.advance(self.marginals, &step).is_err() {
            return Ok(StepEnd::Impossible);
        }
        self.record(mode, eta);
        Ok(StepEnd::Taken { evaluated: false })
    }

    /// Moves the potentials that the step does not normalise to where they are expected after it.
    fn predict(&mut self, mode: usize, eta: f64) {
        if !self.predicts {
            return;
        }
        for (k, u) in self.coupling.potentials.iter_mut().enumerate() {
            if k != mode {
                self.slopes.carry(k, eta, u);
            }
        }
    }

    /// Notes a step that was taken.
    fn record(&mut self, mode: usize, eta: f64) {
        self.model += eta * (self.value_before() - self.product);
        self.beta += eta;
        self.steps.record(eta);
        self.last_step = eta;
        let normalised = &self.coupling.potentials[mode];
        self.slopes.record(mode, normalised, self.beta);
    }

    /// The objective at the point that the step left.
    pub(super) fn value_before(&self) -> f64 {
        if self.linear {
            self.product
        } else {
            self.value
        }
    }

    /// Adds the current point to the average.
    pub(super) fn accumulate(&mut self, weight: f64) {
        if let Some(mean) = &mut self.average {
            self.weight += weight;
            let (w, plan) = (weight / self.weight, &self.coupling.plan);
            let (arch, piece) = (
                self.marginals.layout().arch,
                self.marginals.layout().piece(),
            );
            parallel::update(mean, piece, |first, mean| {
                kernel::average(arch, w, &plan[first..first + mean.len()], mean);
            });
        }
    }

    /// Halves the step until the model `f + ⟨G, Δ⟩ + KL/η` lies above the objective and the marginals are not too far off.
    fn backtrack(&mut self, mode: usize, mut eta: f64) -> Result<StepEnd> {
        let Source::Exact(f) = self.source else {
            return unsupported("backtracking on noisy gradients");
        };
        let marginals = self.marginals;
        let before = self.coupling.potentials.clone();
        let floor = self.steps.floor();
        let drift = DRIFT
            * marginals.total()
            * (self.steps.divergence / (self.steps.count + 1) as f64).sqrt();
        let mut next = vec![0.0; self.gradient.len()];
        // The kernel holds this much of the step; a shorter trial takes the rest back.
        let mut taken = 0.0;
        for _ in 0..MAX_HALVINGS {
            // The trial point, and the objective there.
            eta = eta.max(floor);
            self.predict(mode, eta);
            let step = GradientStep {
                gradient: &self.gradient,
                eta: eta - taken,
                middle: eta / (eta - taken) * self.middle,
                mode,
            };
            if self.coupling.advance(marginals, &step).is_err() {
                return Ok(StepEnd::Impossible);
            }
            taken = eta;
            let value = f.gradient(&self.coupling.plan, &mut next);
            if !value.is_finite() {
                let what = "objective value";
                return Err(Error::NonFinite { what, index: 0 });
            }
            let Change { lift, violation } = self.change_since(&before, mode);
            // The anytime step needs no test.
            let slack = MODEL_ROUNDING * (self.value.abs() + self.product.abs());
            let model = self.value - self.product + lift / eta + slack;
            if eta <= floor || (value <= model && violation <= drift) {
                self.steps.trial = eta
                    * if self.refused {
                        LATER_GROWTH
                    } else {
                        FIRST_GROWTH
                    };
                self.record(mode, eta);
                std::mem::swap(&mut self.gradient, &mut next);
                self.value = value;
                self.accumulate(eta);
                self.inspect(self.steps.count)?;
                return Ok(StepEnd::Taken { evaluated: true });
            }
            self.refused = true;
            self.coupling.potentials.clone_from(&before);
            eta *= 0.5;
        }
        Ok(StepEnd::Impossible)
    }

    /// How the coupling changed since the potentials were `before`, with the marginal of `mode` exact.
    fn change_since(&self, before: &[Vec<f64>], mode: usize) -> Change {
        let marginals = self.marginals;
        let (mut lift, mut violation) = (0.0, 0.0);
        for (k, (new, old)) in self.coupling.potentials.iter().zip(before).enumerate() {
            let masses = marginals.masses(k);
            let sums = if k == mode {
                masses.to_vec()
            } else {
                marginals.layout().marginal(&self.coupling.plan, k)
            };
            let pairs = sums.iter().zip(masses);
            violation += pairs.map(|(s, m)| (s - m).abs()).sum::<f64>();
            let terms = new.iter().zip(old).zip(&sums);
            lift += terms
                .filter(|(_, s)| **s > 0.0)
                .map(|((new, old), s)| s * (new - old))
                .sum::<f64>();
        }
        Change { lift, violation }
    }
}

/// What a trial step changed.
struct Change {
    /// `η⟨G, γ⁺⟩ + KL(γ⁺‖γ) = Σ_k ⟨marginal_k(γ⁺), Δu_k⟩`, with `Δu` the change of the potentials.
    lift: f64,
    /// l1 marginal violation after the step.
    violation: f64,
}
