//! Certificates during a run, and the rounded couplings at its end.

use super::{MirrorRun, Source};
use crate::clock::Instant;
use crate::error::Result;
use crate::ipm::Status;
use crate::transport::objective::Objective;
use crate::transport::polytope::certificate::{dual_bound, masked_lines};
use crate::transport::polytope::rounding::round_unchecked;
use crate::transport::settings::Snapshot;
use crate::transport::step_size::Steps;
use crate::transport::verdict;

/// A coupling that was rounded onto the polytope.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RoundedPlan {
    /// The plan, first index fastest.
    pub plan: Vec<f64>,
    /// Objective at the plan (`NaN` when a stochastic objective's expectation is unknown).
    pub value: f64,
    /// l1 marginal violation of the plan: rounding error.
    pub marginal_violation: f64,
    /// l1 marginal violation before rounding.
    pub raw_violation: f64,
    /// Objective before rounding.
    pub raw_value: f64,
}

/// What [`minimise`](super::minimise) and [`minimise_stochastic`](super::minimise_stochastic) return.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MirrorSinkhornSolution {
    /// Why the iteration ended.
    pub status: Status,
    /// The last iterate.
    pub last: RoundedPlan,
    /// The average of the iterates, when [`Settings::average`](crate::transport::Settings::average) is on.
    pub average: Option<RoundedPlan>,
    /// Certified lower bound on the minimum; minus infinity when none was found.
    pub lower_bound: f64,
    /// Step lengths and the bounds they imply.
    pub steps: Steps,
    /// One vector per measure: `γ = exp(log kernel + Σ_k u_k)` with, for linear objectives, kernel `−β C` (`β` is
    /// `steps.sum` plus that of the start): a warm start.
    pub potentials: Vec<Vec<f64>>,
    /// Inverse temperature of a linear objective, the start's included.
    pub beta: f64,
    /// Wall seconds.
    pub seconds: f64,
}

impl MirrorSinkhornSolution {
    /// The answer of smaller value.
    pub fn best(&self) -> &RoundedPlan {
        match &self.average {
            Some(a) if a.value < self.last.value => a,
            _ => &self.last,
        }
    }

    /// Objective of the best answer.
    pub fn objective(&self) -> f64 {
        self.best().value
    }

    /// Certified gap of the best answer.
    pub fn gap(&self) -> f64 {
        self.objective() - self.lower_bound
    }
}

impl MirrorRun<'_> {
    /// Rounds, evaluates and bounds at the current point, whose gradient is known.
    pub(super) fn certify(&mut self) {
        let marginals = self.marginals;
        self.violation = marginals.violation_of(&self.coupling.plan);
        let Some(f) = self.source.exact() else { return };
        self.current = f64::INFINITY;
        for plan in [Some(&self.coupling.plan), self.average.as_ref()]
            .into_iter()
            .flatten()
        {
            let mut rounded = plan.clone();
            round_unchecked(&mut rounded, marginals);
            self.current = self.current.min(f.value(&rounded));
        }
        self.upper = self.upper.min(self.current);
        if self.steps.count == 0 {
            return;
        }
        self.lower = if self.linear {
            let lines = masked_lines(marginals, &self.gradient);
            self.lower
                .max(dual_bound(marginals, &lines, &mut self.duals(self.beta)))
        } else {
            self.lower
                .max(self.local_bound(f))
                .max(self.averaged_bound())
        };
    }

    /// Bound from the linear model `f(γ) + ⟨G, · − γ⟩` at the current point, by two choices of potentials.
    fn local_bound(&self, f: &dyn Objective) -> f64 {
        let marginals = self.marginals;
        let (mut value, mut product) = (self.value, self.product);
        // Noisy gradients bound nothing: evaluate the objective itself.
        let mut exact = Vec::new();
        let noisy = matches!(self.source, Source::Noisy(_));
        if noisy {
            exact = vec![0.0; self.gradient.len()];
            value = f.gradient(&self.coupling.plan, &mut exact);
            product = marginals.layout().inner(&exact, &self.coupling.plan);
        }
        let gradient = if noisy { &exact } else { &self.gradient };
        let lines = masked_lines(marginals, gradient);
        let mut slopes = self.slopes.slopes().to_vec();
        let by_slopes = value - product + dual_bound(marginals, &lines, &mut slopes);
        let mut duals = self.duals(self.beta);
        by_slopes.max(value - product + dual_bound(marginals, &lines, &mut duals))
    }

    /// Bound from the average of the linear models so far: minus infinity where the kernel is not their sum.
    fn averaged_bound(&self) -> f64 {
        if !self.modelled {
            return f64::NEG_INFINITY;
        }
        let n = self.marginals.layout().line();
        let (kernel, sum) = (&self.coupling.log_kernel, self.steps.sum);
        let mean = |l: usize, out: &mut [f64]| {
            for (o, k) in out.iter_mut().zip(&kernel[l * n..]) {
                *o = -k / sum;
            }
        };
        self.model / sum + dual_bound(self.marginals, &mean, &mut self.duals(sum))
    }

    /// Dual potentials at inverse temperature `beta`. Without the logarithms of the masses they are closer to the dual solution.
    fn duals(&self, beta: f64) -> Vec<Vec<f64>> {
        let dual = |(mode, u): (usize, &Vec<f64>)| {
            let logs = self.marginals.logs(mode);
            u.iter().zip(logs).map(|(u, l)| (u - l) / beta).collect()
        };
        self.coupling
            .potentials
            .iter()
            .enumerate()
            .map(dual)
            .collect()
    }

    pub(super) fn judge(&self) -> Option<Status> {
        let iterate = verdict::Iterate {
            value: self.current,
            lower_bound: self.lower,
            raw_violation: self.violation,
            total: self.marginals.total(),
        };
        iterate.judge(self.settings)
    }

    pub(super) fn report(&self, clock: Instant) -> Snapshot {
        Snapshot {
            iteration: self.steps.count,
            step: self.last_step,
            beta: self.beta,
            value: self.value,
            upper: self.upper,
            lower: self.lower,
            violation: self.violation,
            seconds: clock.elapsed().as_secs_f64(),
        }
    }

    pub(super) fn finish(self, status: Status, clock: Instant) -> Result<MirrorSinkhornSolution> {
        let marginals = self.marginals;
        let exact = self.source.exact();
        let answer = |mut plan: Vec<f64>| {
            let raw_violation = marginals.violation_of(&plan);
            let value = |plan: &[f64]| exact.map_or(f64::NAN, |f| f.value(plan));
            let raw_value = value(&plan);
            let marginal_violation = round_unchecked(&mut plan, marginals);
            RoundedPlan {
                value: value(&plan),
                plan,
                marginal_violation,
                raw_violation,
                raw_value,
            }
        };
        let average = self.average.filter(|_| self.weight > 0.0).map(answer);
        Ok(MirrorSinkhornSolution {
            status,
            last: answer(self.coupling.plan),
            average,
            lower_bound: self.lower,
            steps: self.steps,
            potentials: self.coupling.potentials,
            beta: self.beta,
            seconds: clock.elapsed().as_secs_f64(),
        })
    }
}
