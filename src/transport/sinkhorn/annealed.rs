//! Mirror Sinkhorn on a linear cost: annealed Sinkhorn[^C24], which keeps no coupling in memory.
//!
//! [^C24]: Chizat. *Annealed Sinkhorn for optimal transport: convergence, regularization path and debiasing.*
//! arXiv 2408.11620.

use super::half_steps::HalfSteps;
use super::implicit_plan::ImplicitPlan;
use crate::clock::Instant;
use crate::error::{Error, Result, check_shape};
use crate::ipm::Status;
use crate::transport::polytope::cost::{self, Cost};
use crate::transport::polytope::marginals::Marginals;
use crate::transport::polytope::shape::Breakdown;
use crate::transport::prediction::PotentialSlopes;
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

/// What the errors of [`minimise_linear`] name.
const BY: &str = "Mirror Sinkhorn on potentials";

/// Refuses what methods on the potentials of two measures cannot take.
pub(crate) fn check_two_measures(
    cost: &dyn Cost,
    marginals: &Marginals,
    by: &'static str,
) -> Result<()> {
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

/// Minimises a linear cost in `O(m + n)` memory beside the cost itself. Only the last iterate is returned, as potentials.
///
/// For a linear cost the iterates of Mirror Sinkhorn are `γ_t = exp(u_i + v_j − β_t C_ij)`, where `β_t` is the sum of the steps.
/// So every step is one half-step of Sinkhorn's method at a lower temperature.
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
/// measures, forbidden arcs ([`minimise`](crate::transport::minimise) takes them), a start from a plan, and the backtracking and
/// strongly convex rules. [`Settings::average`] is ignored.
///
/// # Complexity
/// A step reads the cost once, with one exponential per entry; a check reads it about six times. Space `O(m + n)`, 16 partial
/// sums of length `m`, and with [`HalfStepPrecision::Single`](super::HalfStepPrecision::Single) an f32 copy of a stored cost.
pub fn minimise_linear(
    cost: &dyn Cost,
    marginals: &Marginals,
    settings: &Settings,
    start: InitialCoupling<'_>,
    observer: &mut Observer<'_>,
) -> Result<SinkhornSolution> {
    let clock = Instant::now();
    settings.validate()?;
    check_two_measures(cost, marginals, BY)?;
    let mut run = AnnealedRun::new(cost, marginals, settings, start)?;
    let mut best = BestCertificate::default();
    let mut next_check = settings.next_check(0);
    let status = loop {
        // Round and bound now and then; a closed gap ends the run.
        let t = run.steps.count;
        if t >= next_check || t == settings.max_iter {
            best.update(&mut run.half, run.beta);
            next_check = settings.next_check(t);
            if let Some(status) = best.judge(settings, marginals.total()) {
                break status;
            }
        }
        // Limits.
        if t == settings.max_iter {
            break Status::MaxIterations;
        }
        if clock.elapsed().as_secs_f64() >= settings.time_limit {
            break Status::TimeLimit;
        }
        // One half-step at the next temperature.
        let Ok(step) = run.step() else {
            break Status::NumericalError;
        };
        let seen = Snapshot {
            iteration: run.steps.count,
            step: step.eta,
            beta: run.beta,
            value: f64::NAN,
            upper: best.value,
            lower: best.lower,
            violation: step.violation,
            seconds: clock.elapsed().as_secs_f64(),
        };
        if observer(&seen).is_break() {
            break Status::Stopped;
        }
    };
    let seconds = || clock.elapsed().as_secs_f64();
    Ok(best.finish(run.half, run.beta, status, run.steps, seconds))
}

/// Half-steps at a temperature that falls by the step rule.
struct AnnealedRun<'a> {
    half: HalfSteps<'a>,
    steps: Steps,
    slopes: PotentialSlopes,
    predicts: bool,
    /// Inverse temperature: the sum of the steps, the start's included.
    beta: f64,
}

/// A step that was taken.
struct Step {
    eta: f64,
    /// l1 violation of the normalised marginal before the step.
    violation: f64,
}

impl<'a> AnnealedRun<'a> {
    fn new(
        cost: &'a dyn Cost,
        marginals: &'a Marginals,
        settings: &Settings,
        start: InitialCoupling<'_>,
    ) -> Result<Self> {
        let rule = match settings.step {
            StepRule::Auto => StepRule::Anytime,
            StepRule::Backtracking | StepRule::StronglyConvex(_) => {
                let what = "the backtracking or strongly convex rule";
                return Err(Error::Unsupported { what, by: BY });
            }
            rule => rule,
        };
        let mut steps = Steps::new(rule, settings, marginals.divergence(), marginals.total(), 2);
        let (low, high) = cost::range(cost)?;
        steps.range = high - low;
        let predicts = settings.predicts(rule, true);
        let mut half = HalfSteps::new(cost, marginals, settings.precision);
        let mut beta = 0.0;
        match start {
            InitialCoupling::Independent => {}
            InitialCoupling::Plan(_) => {
                let what = "a start from a plan";
                return Err(Error::Unsupported { what, by: BY });
            }
            InitialCoupling::Potentials {
                beta: from,
                potentials,
            } => {
                check_potentials(marginals, from, potentials)?;
                half.potentials = potentials.to_vec();
                beta = from;
                steps.continue_from(beta);
            }
        }
        steps.proved = !predicts && beta == 0.0;
        Ok(Self {
            slopes: PotentialSlopes::flat(&half.potentials, beta),
            half,
            steps,
            predicts,
            beta,
        })
    }

    fn step(&mut self) -> Result<Step, Breakdown> {
        let (mode, eta) = ((self.steps.count + 1) % 2, self.steps.next());
        // The next normalisation overwrites this potential: updating it keeps its exponentials in range.
        let potentials = &mut self.half.potentials;
        self.slopes.carry(mode, eta, &mut potentials[mode]);
        if self.predicts {
            self.slopes.carry(1 - mode, eta, &mut potentials[1 - mode]);
        }
        self.beta += eta;
        let violation = self.half.normalise(mode, self.beta)?;
        self.steps.record(eta);
        let normalised = &self.half.potentials[mode];
        self.slopes.record(mode, normalised, self.beta);
        Ok(Step { eta, violation })
    }
}

/// The best bound so far, and the rounded plan of the last check.
pub(crate) struct BestCertificate {
    plan: ImplicitPlan,
    value: f64,
    lower: f64,
    raw_violation: f64,
    marginal_violation: f64,
    /// Inverse temperature of the last check; −1 before the first.
    beta: f64,
}

impl Default for BestCertificate {
    fn default() -> Self {
        Self {
            plan: ImplicitPlan::default(),
            value: f64::INFINITY,
            lower: f64::NEG_INFINITY,
            raw_violation: f64::INFINITY,
            marginal_violation: f64::INFINITY,
            beta: -1.0,
        }
    }
}

impl BestCertificate {
    /// Rounds and bounds at the present potentials.
    pub(crate) fn update(&mut self, half: &mut HalfSteps<'_>, beta: f64) {
        let rounded = half.round(beta);
        if beta > 0.0 {
            self.lower = self.lower.max(half.lower_bound(beta));
        }
        self.beta = beta;
        self.plan = rounded.plan;
        self.value = rounded.value;
        self.raw_violation = rounded.raw_violation;
        self.marginal_violation = rounded.violation;
    }

    pub(crate) fn judge(&self, settings: &Settings, total: f64) -> Option<Status> {
        let iterate = verdict::Iterate {
            value: self.value,
            lower_bound: self.lower,
            raw_violation: self.raw_violation,
            total,
        };
        iterate.judge(settings)
    }

    /// The answer of a run that ended here.
    pub(crate) fn finish(
        mut self,
        mut half: HalfSteps<'_>,
        beta: f64,
        status: Status,
        steps: Steps,
        seconds: impl Fn() -> f64,
    ) -> SinkhornSolution {
        // After a breakdown the last point that was rounded is the answer.
        if self.beta < 0.0 || (self.beta != beta && status != Status::NumericalError) {
            self.update(&mut half, beta);
        }
        SinkhornSolution {
            status,
            plan: self.plan,
            value: self.value,
            lower_bound: self.lower,
            marginal_violation: self.marginal_violation,
            raw_violation: self.raw_violation,
            potentials: half.potentials,
            beta,
            steps,
            seconds: seconds(),
        }
    }
}
