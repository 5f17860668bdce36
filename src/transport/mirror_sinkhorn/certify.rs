//! Certificates during a run, and the rounded couplings at its end.

use super::run::{MirrorRun, Source};
use super::solution::{MirrorSinkhornSolution, RoundedPlan};
use crate::clock::Instant;
use crate::error::Result;
use crate::ipm::Status;
use crate::transport::objective::Objective;
use crate::transport::polytope::certificate::{dual_bound, masked_lines};
use crate::transport::polytope::rounding::round_unchecked;
use crate::transport::settings::Snapshot;
use crate::transport::verdict;

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
