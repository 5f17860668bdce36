//! Mirror Sinkhorn on a linear cost, where it is annealed Sinkhorn[^C24] and needs no coupling in memory.
//!
//! [^C24]: Chizat. *Annealed Sinkhorn for optimal transport: convergence, regularization path and debiasing.*
//! arXiv 2408.11620.

use super::half_steps::{HalfSteps, ImplicitPlan};
use crate::clock::Instant;
use crate::error::{Error, Result, check_shape};
use crate::ipm::Status;
use crate::transport::polytope::cost::{self, Cost};
use crate::transport::polytope::marginals::Marginals;
use crate::transport::settings::{
    InitialCoupling, Observer, Settings, Snapshot, StepRule, check_potentials,
};
use crate::transport::step_size::Steps;
use crate::transport::verdict;

/// What [`minimise_linear`] and [`sinkhorn`](super::sinkhorn()) return.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SinkhornSolution {
    /// Why the iteration ended.
    pub status: Status,
    /// The rounded last iterate.
    pub plan: ImplicitPlan,
    /// `⟨C, plan⟩`.
    pub value: f64,
    /// Certified lower bound on the minimum.
    pub lower_bound: f64,
    /// l1 marginal violation of the plan: rounding error.
    pub marginal_violation: f64,
    /// l1 marginal violation before rounding.
    pub raw_violation: f64,
    /// `(u, v)` before rounding: a warm start.
    pub potentials: Vec<Vec<f64>>,
    /// Inverse temperature.
    pub beta: f64,
    /// Steps taken.
    pub steps: Steps,
    /// Wall seconds.
    pub seconds: f64,
}

impl SinkhornSolution {
    /// Certified gap of the plan.
    pub fn gap(&self) -> f64 {
        self.value - self.lower_bound
    }
}

pub(crate) fn check(cost: &dyn Cost, marginals: &Marginals, by: &'static str) -> Result<()> {
    if marginals.shape().len() != 2 {
        let what = "more than two measures";
        return Err(Error::Unsupported { what, by });
    }
    if marginals.forbidden().is_some() {
        let what = "forbidden arcs";
        return Err(Error::Unsupported { what, by });
    }
    check_shape(
        "cost",
        (marginals.shape()[0], marginals.shape()[1]),
        cost.shape(),
    )
}

/// Minimises a linear cost in `O(m + n)` memory beside the cost itself; only the last iterate is returned, as potentials.
///
/// For a linear cost Mirror Sinkhorn is `γ_t = exp(u_i + v_j − β_t C_ij)` with `β_t` the sum of the steps, so a step is one
/// half-step of Sinkhorn at a temperature that falls.
///
/// ```
/// use dyncvx::transport::{unobserved, CostFn, Marginals, Settings, InitialCoupling, minimise_linear};
/// let cost = CostFn::new(30, 40, |i, j| (i as f64 / 30.0 - j as f64 / 40.0).powi(2));
/// let marginals = Marginals::uniform(&[30, 40])?;
/// let mut settings = Settings::default();
/// settings.tol_gap_abs = 2e-3;
/// let solution = minimise_linear(&cost, &marginals, &settings, InitialCoupling::Independent, &mut unobserved)?;
/// assert!(solution.lower_bound <= solution.value && solution.gap() <= 2e-3);
/// assert!(solution.marginal_violation < 1e-12);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] in the cost, [`Error::InvalidSetting`]; [`Error::Unsupported`] for more than two
/// measures, forbidden arcs ([`minimise`](super::minimise) takes them), a start from a plan, and the backtracking and
/// strongly convex rules. The average is not kept, whatever [`Settings::average`] says.
///
/// # Complexity
/// A step reads the cost once with one exponential an entry, a check about six times. Space `O(m + n)`, 16 partial
/// sums of length `m`, and with [`HalfStepPrecision::Single`](super::HalfStepPrecision::Single) an f32 copy of a stored cost.
pub fn minimise_linear(
    cost: &dyn Cost,
    marginals: &Marginals,
    settings: &Settings,
    start: InitialCoupling<'_>,
    observer: &mut Observer<'_>,
) -> Result<SinkhornSolution> {
    let by = "Mirror Sinkhorn on potentials";
    let clock = Instant::now();
    settings.validate()?;
    check(cost, marginals, by)?;
    let rule = match settings.step {
        StepRule::Auto => StepRule::Anytime,
        StepRule::Backtracking | StepRule::StronglyConvex(_) => {
            let what = "the backtracking or strongly convex rule";
            return Err(Error::Unsupported { what, by });
        }
        rule => rule,
    };
    let mut steps = Steps::new(rule, settings, marginals.divergence(), marginals.total(), 2);
    let (low, high) = cost::range(cost)?;
    steps.range = high - low;
    let predict = settings.predicts(rule, true);
    let mut half = HalfSteps::new(cost, marginals, settings.precision);
    let mut beta = 0.0;
    match start {
        InitialCoupling::Independent => {}
        InitialCoupling::Plan(_) => {
            return Err(Error::Unsupported {
                what: "a start from a plan",
                by,
            });
        }
        InitialCoupling::Potentials {
            beta: from,
            potentials,
        } => {
            check_potentials(marginals, from, potentials)?;
            half.potentials = potentials.to_vec();
            beta = from;
            steps.offset = (beta * steps.range / (2.0 * steps.scale)).powi(2)
                / steps.divergence.max(f64::MIN_POSITIVE);
        }
    }
    steps.proved = !predict && beta == 0.0;
    // Each potential after its last normalisation and β then; its slope in β between its last two.
    let mut anchor: Vec<(Vec<f64>, f64)> =
        half.potentials.iter().map(|u| (u.clone(), beta)).collect();
    let mut slope: Vec<Vec<f64>> = half.potentials.iter().map(|u| vec![0.0; u.len()]).collect();
    let mut best = Best::default();
    let mut next = settings.next_check(0);
    let status = loop {
        let t = steps.count;
        if t >= next || t == settings.max_iter {
            best.take(&mut half, beta);
            next = settings.next_check(t);
            if let Some(status) = best.judge(settings, marginals.total()) {
                break status;
            }
        }
        if t == settings.max_iter {
            break Status::MaxIterations;
        }
        if clock.elapsed().as_secs_f64() >= settings.time_limit {
            break Status::TimeLimit;
        }
        let (mode, eta) = ((t + 1) % 2, steps.next());
        // The normalised potential is overwritten: moving it too only keeps its exponentials in range.
        crate::linalg::axpy(eta, &slope[mode], &mut half.potentials[mode]);
        if predict {
            crate::linalg::axpy(eta, &slope[1 - mode], &mut half.potentials[1 - mode]);
        }
        beta += eta;
        let Ok(violation) = half.normalise(mode, beta) else {
            break Status::NumericalError;
        };
        steps.record(eta);
        let (old, at) = &mut anchor[mode];
        for ((s, new), old) in slope[mode]
            .iter_mut()
            .zip(&half.potentials[mode])
            .zip(&mut *old)
        {
            *s = if new.is_finite() {
                (new - *old) / (beta - *at)
            } else {
                0.0
            };
            *old = *new;
        }
        *at = beta;
        let seen = Snapshot {
            iteration: steps.count,
            step: eta,
            beta,
            value: f64::NAN,
            upper: best.value,
            lower: best.lower,
            violation,
            seconds: clock.elapsed().as_secs_f64(),
        };
        if observer(&seen).is_break() {
            break Status::Stopped;
        }
    };
    Ok(best.finish(half, beta, status, steps, clock))
}

/// The best certificate so far, and the rounded point of the last check.
pub(crate) struct Best {
    value: f64,
    lower: f64,
    raw: f64,
    violation: f64,
    plan: ImplicitPlan,
    at: f64,
}

impl Default for Best {
    fn default() -> Self {
        let plan = ImplicitPlan::default();
        let (value, lower) = (f64::INFINITY, f64::NEG_INFINITY);
        Self {
            value,
            lower,
            raw: f64::INFINITY,
            violation: f64::INFINITY,
            plan,
            at: -1.0,
        }
    }
}

impl Best {
    pub(crate) fn take(&mut self, half: &mut HalfSteps<'_>, beta: f64) {
        let (plan, rounded) = half.round(beta);
        if beta > 0.0 {
            self.lower = self.lower.max(half.lower_bound(beta));
        }
        self.raw = rounded.raw_violation;
        self.at = beta;
        (self.plan, self.value, self.violation) = (plan, rounded.value, rounded.violation);
    }

    pub(crate) fn judge(&self, settings: &Settings, total: f64) -> Option<Status> {
        let iterate = verdict::Iterate {
            value: self.value,
            lower_bound: self.lower,
            raw_violation: self.raw,
            total,
        };
        iterate.judge(settings)
    }

    pub(crate) fn finish(
        mut self,
        mut half: HalfSteps<'_>,
        beta: f64,
        status: Status,
        steps: Steps,
        clock: Instant,
    ) -> SinkhornSolution {
        // After a breakdown the last point that was rounded is the answer.
        if self.at < 0.0 || (self.at != beta && status != Status::NumericalError) {
            self.take(&mut half, beta);
        }
        SinkhornSolution {
            status,
            plan: self.plan,
            value: self.value,
            lower_bound: self.lower,
            marginal_violation: self.violation,
            raw_violation: self.raw,
            potentials: half.potentials,
            beta,
            steps,
            seconds: clock.elapsed().as_secs_f64(),
        }
    }
}
