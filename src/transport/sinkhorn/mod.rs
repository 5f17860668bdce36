//! Plain Sinkhorn in the log domain with ε-scaling: the baseline, and a source of warm starts.

pub(crate) mod annealed;
pub(crate) mod half_steps;
mod implicit_plan;

use super::params::STAGE_VIOLATION;
use super::polytope::checks::check_positive;
use super::polytope::cost::{self, Cost};
use super::polytope::marginals::Marginals;
use super::settings::{HalfStepPrecision, Settings, StepRule};
use super::step_size::Steps;
use super::verdict::meets_marginals;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::ipm::Status;
use annealed::BestCertificate;
pub use annealed::{SinkhornSolution, minimise_linear};
use half_steps::HalfSteps;
pub use implicit_plan::ImplicitPlan;

/// Settings of [`sinkhorn`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `epsilon` | 0.01 | regularisation, in units of the cost | > 0 |
/// | `scaling` | 4 | factor between the `ε` of consecutive stages; with 1 the run starts at `epsilon` | ≥ 1 |
/// | `max_iter` | 10 000 | half-steps at most, all stages | ≥ 1 |
/// | `stage_iter` | 10 | half-steps at most in every stage but the last | ≥ 1 |
/// | `time_limit` | ∞ | seconds | > 0 |
/// | `tol_feas` | 1e-6 | l1 marginal violation over the mass at which the last stage ends | ≥ 0 |
/// | `precision` | `Double` | type of the half-steps | |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SinkhornSettings {
    /// Regularisation.
    pub epsilon: f64,
    /// Factor between stages.
    pub scaling: f64,
    /// Half-steps at most.
    pub max_iter: usize,
    /// Half-steps at most in every stage but the last.
    pub stage_iter: usize,
    /// Seconds.
    pub time_limit: f64,
    /// Marginal violation relative to the mass.
    pub tol_feas: f64,
    /// Type of the half-steps.
    pub precision: HalfStepPrecision,
}

impl Default for SinkhornSettings {
    fn default() -> Self {
        Self {
            epsilon: 0.01,
            scaling: 4.0,
            max_iter: 10_000,
            stage_iter: 10,
            time_limit: f64::INFINITY,
            tol_feas: 1e-6,
            precision: HalfStepPrecision::Double,
        }
    }
}

impl SinkhornSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] with the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        check_positive("epsilon", self.epsilon)?;
        let fail = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        if !(self.scaling >= 1.0 && self.scaling.is_finite()) {
            return fail(
                "scaling",
                format!("expected a finite number ≥ 1, found {}", self.scaling),
            );
        }
        if self.max_iter == 0 || self.stage_iter == 0 {
            return fail("max_iter", "expected at least 1 half-step, found 0".into());
        }
        if self.time_limit.is_nan() || self.time_limit <= 0.0 {
            return fail(
                "time_limit",
                format!("expected a positive number, found {}", self.time_limit),
            );
        }
        if !(self.tol_feas >= 0.0 && self.tol_feas.is_finite()) {
            return fail(
                "tol_feas",
                format!("expected a finite number ≥ 0, found {}", self.tol_feas),
            );
        }
        Ok(())
    }
}

/// Sinkhorn's algorithm for `min ⟨C, γ⟩ + ε KL(γ‖1)`: makes the marginals of `exp((φ_i + ψ_j − C_ij)/ε)` exact in turn.
///
/// The result is the rounded plan with a certified lower bound for the *unregularised* cost; its status is
/// [`Status::AlmostSolved`] when the marginal violation reached `tol_feas`. The potentials are a warm start for
/// [`minimise_linear`](super::minimise_linear) at `β = 1/ε`.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`], [`Error::InvalidSetting`]; [`Error::Unsupported`] for more than two measures or
/// forbidden arcs.
///
/// # Complexity
/// As [`minimise_linear`](super::minimise_linear): a half-step is one pass with one exponential per entry; `O(m + n)` space.
pub fn sinkhorn(
    cost: &dyn Cost,
    marginals: &Marginals,
    settings: &SinkhornSettings,
) -> Result<SinkhornSolution> {
    let clock = Instant::now();
    settings.validate()?;
    annealed::check_two_measures(cost, marginals, "Sinkhorn on potentials")?;
    let (low, high) = cost::range(cost)?;
    let target = 1.0 / settings.epsilon;
    let mut half = HalfSteps::new(cost, marginals, settings.precision);
    let mut steps = Steps::new(
        StepRule::Constant(target),
        &Settings::default(),
        marginals.divergence(),
        marginals.total(),
        2,
    );
    steps.proved = false;
    steps.range = high - low;
    let mut beta = if settings.scaling > 1.0 && high > low {
        target.min(1.0 / (high - low))
    } else {
        target
    };
    let mut stage = 0;
    let status = loop {
        let Ok(violation) = half.normalise((steps.count + 1) % 2, beta) else {
            break Status::NumericalError;
        };
        steps.count += 1;
        stage += 1;
        let last = beta == target;
        if last && stage > 1 && meets_marginals(violation, marginals.total(), settings.tol_feas) {
            break Status::AlmostSolved;
        }
        if steps.count == settings.max_iter {
            break Status::MaxIterations;
        }
        if clock.elapsed().as_secs_f64() >= settings.time_limit {
            break Status::TimeLimit;
        }
        // A coarse stage ends early: the next stage gains nothing from a more exact start.
        if !last
            && stage > 1
            && (stage >= settings.stage_iter
                || meets_marginals(violation, marginals.total(), STAGE_VIOLATION.get()))
        {
            let next = target.min(beta * settings.scaling);
            half.carry(0, next / beta);
            half.carry(1, next / beta);
            beta = next;
            stage = 0;
        }
    };
    steps.sum = beta;
    let seconds = || clock.elapsed().as_secs_f64();
    Ok(BestCertificate::default().finish(half, beta, status, steps, seconds))
}
