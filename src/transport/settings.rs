//! Settings of Mirror Sinkhorn, its starts, and what an observer sees.

use super::polytope::checks::check_positive;
use super::polytope::marginals::Marginals;
use crate::error::{Error, Result, check_shape};
use crate::random::Seed;
use std::ops::ControlFlow;

/// How long the steps are. `ω` is the range of the gradient, `D` the divergence bound
/// [`Marginals::divergence`](super::Marginals::divergence), `c = 2 · step_scale`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum StepRule {
    /// [`StronglyConvex`](StepRule::StronglyConvex) when the objective says so, [`Anytime`](StepRule::Anytime) for
    /// linear and stochastic ones, [`Backtracking`](StepRule::Backtracking) for all others.
    #[default]
    Auto,
    /// `η_t = (c/ω) √(D/t)`.
    Anytime,
    /// `η = (c/ω) √(D/T)` with the horizon `T = max_iter`.
    Horizon,
    /// `η_t = 1/(α t)` for an objective that is `α`-strongly convex relative to the entropy.
    StronglyConvex(f64),
    /// The longest step, within a factor of two, for which the model `f + ⟨G, Δ⟩ + KL/η` lies above `f` and the marginal
    /// violation after it is at most `¼ √(D/t)` of the mass (which is what bounds a linear objective's steps); never
    /// shorter than the anytime step.
    Backtracking,
    /// `η` the same at every step.
    Constant(f64),
}

/// Floating-point type of the half-steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HalfStepPrecision {
    /// f64 throughout.
    #[default]
    Double,
    /// Costs and exponentials in f32, and sums in f64 after every 256 terms. Rounding and certificates stay in f64. The error of the
    /// potentials is about 1e-7 β range(C), which adds that much to the marginal violation before rounding.
    Single,
}

/// Whether a step also moves the potentials of the measures that it does not normalise: `u ← u + η φ`. Here `φ` is the slope
/// `Δu/Δβ` between the last two normalisations of that measure, an estimate of its dual potential.
///
/// This is a step on the same problem, since adding `a_i + b_j + …` to the gradient changes nothing on the polytope. With minus
/// the dual potentials as that sum, a step no longer moves the marginals by `η φ_i`. The marginal violation of a smooth run falls
/// from `O(η)` to second order, and with it the gap. The bounds of [`Steps`](super::Steps) are proved without prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Predict {
    /// On for exact gradients where [`StepRule::Auto`] chose the rule, and under backtracking; otherwise off.
    #[default]
    Auto,
    /// On.
    On,
    /// Off: Mirror Sinkhorn as published.
    Off,
}

/// Settings of Mirror Sinkhorn.
///
/// What a [`Status`](crate::ipm::Status) means here:
///
/// * `Solved`: the certified gap of the rounded plan is within `tol_gap_rel` or `tol_gap_abs`;
/// * `AlmostSolved`: the violation before rounding reached `tol_feas`, while the gap is not certified to a tolerance;
/// * `NumericalError`: a point of positive mass has no arc of finite weight left, or no step was short enough.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `step` | `Auto` | step rule | see [`StepRule`] |
/// | `step_scale` | 1 | multiplies the steps of the anytime and horizon rules | > 0 |
/// | `max_iter` | 1000 | normalisations, at most; also the horizon of [`StepRule::Horizon`] | ≥ 1 |
/// | `time_limit` | ∞ | seconds | > 0 |
/// | `tol_gap_rel` | 0 | certified gap over `abs(objective)`; 0 switches it off | ≥ 0 |
/// | `tol_gap_abs` | 0 | certified gap; 0 switches it off | ≥ 0 |
/// | `tol_feas` | 0 | l1 marginal violation before rounding, over the mass; 0 switches it off | ≥ 0 |
/// | `check_every` | 0 | steps between certificates; with 0 every 10, later every tenth of the steps so far | |
/// | `predict` | `Auto` | whether steps move the other potentials too | see [`Predict`] |
/// | `average` | true | keep and return the average too (`O(N)` memory, and `O(N)` time per step) | |
/// | `precision` | `Double` | type of the half-steps for linear costs without average | |
/// | `seed` | 0 | randomness of stochastic gradients | |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Step rule.
    pub step: StepRule,
    /// Multiplies the steps of the anytime and horizon rules.
    pub step_scale: f64,
    /// Normalisations at most.
    pub max_iter: usize,
    /// Seconds.
    pub time_limit: f64,
    /// Certified gap relative to the objective.
    pub tol_gap_rel: f64,
    /// Certified gap.
    pub tol_gap_abs: f64,
    /// Marginal violation before rounding, relative to the mass.
    pub tol_feas: f64,
    /// Steps between certificates.
    pub check_every: usize,
    /// Whether the potentials that are not normalised are carried along.
    pub predict: Predict,
    /// Whether the average is kept.
    pub average: bool,
    /// Type of the half-steps.
    pub precision: HalfStepPrecision,
    /// Randomness of stochastic gradients.
    pub seed: Seed,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            step: StepRule::Auto,
            step_scale: 1.0,
            max_iter: 1000,
            time_limit: f64::INFINITY,
            tol_gap_rel: 0.0,
            tol_gap_abs: 0.0,
            tol_feas: 0.0,
            check_every: 0,
            predict: Predict::Auto,
            average: true,
            precision: HalfStepPrecision::Double,
            seed: Seed::default(),
        }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] with the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fail = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        for (field, v) in [
            ("step_scale", self.step_scale),
            ("time_limit", self.time_limit),
        ] {
            if v.is_nan() || v <= 0.0 {
                return fail(field, format!("expected a positive number, found {v}"));
            }
        }
        if self.step_scale.is_infinite() {
            return fail(
                "step_scale",
                "expected a finite number, found infinity".into(),
            );
        }
        let tolerances = [
            ("tol_gap_rel", self.tol_gap_rel),
            ("tol_gap_abs", self.tol_gap_abs),
            ("tol_feas", self.tol_feas),
        ];
        for (field, v) in tolerances {
            if !(v >= 0.0 && v.is_finite()) {
                return fail(field, format!("expected a finite number ≥ 0, found {v}"));
            }
        }
        if self.max_iter == 0 {
            return fail("max_iter", "expected at least 1, found 0".into());
        }
        if let StepRule::Constant(v) | StepRule::StronglyConvex(v) = self.step
            && !(v > 0.0 && v.is_finite())
        {
            return fail(
                "step",
                format!("expected a positive finite number, found {v}"),
            );
        }
        Ok(())
    }

    /// Whether a run with these settings predicts, once its rule is known.
    pub(crate) fn predicts(&self, rule: StepRule, exact: bool) -> bool {
        match self.predict {
            Predict::Auto => {
                exact && (self.step == StepRule::Auto || rule == StepRule::Backtracking)
            }
            Predict::On => true,
            Predict::Off => false,
        }
    }

    /// The first check after step `t`.
    pub(crate) fn next_check(&self, t: usize) -> usize {
        t + if self.check_every > 0 {
            self.check_every
        } else {
            (t / 10).max(10)
        }
    }
}

/// What an observer sees, once per step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Steps done.
    pub iteration: usize,
    /// Length of the last step.
    pub step: f64,
    /// Sum of the steps: the inverse temperature of a linear objective.
    pub beta: f64,
    /// Value (or its estimate) at the current coupling, before rounding.
    pub value: f64,
    /// Value of the best rounded plan so far; infinity before the first check.
    pub upper: f64,
    /// Certified lower bound so far; minus infinity before the first.
    pub lower: f64,
    /// l1 marginal violation at the last check, before rounding.
    pub violation: f64,
    /// Seconds since the start.
    pub seconds: f64,
}

/// Watches a run, and ends it by returning [`ControlFlow::Break`]. Pass [`unobserved`] where nothing watches.
pub type Observer<'a> = dyn FnMut(&Snapshot) -> ControlFlow<()> + 'a;

/// The observer that ignores what it sees.
pub fn unobserved(_: &Snapshot) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Where an iteration starts.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub enum InitialCoupling<'a> {
    /// The product of the marginals.
    #[default]
    Independent,
    /// A coupling. It is mixed with 1e-5 of the product of the marginals, so that no allowed arc stays at zero.
    Plan(&'a [f64]),
    /// For linear objectives, `γ = exp(Σ_k u_k − β C)` as an earlier run returned it. The anytime steps go on from that `β`.
    Potentials {
        /// Inverse temperature.
        beta: f64,
        /// One vector per measure; minus infinity at zero masses.
        potentials: &'a [Vec<f64>],
    },
}

/// Checks potentials to start from: one per point, finite at positive masses and minus infinity at zero masses.
pub(crate) fn check_potentials(
    marginals: &Marginals,
    beta: f64,
    potentials: &[Vec<f64>],
) -> Result<()> {
    check_positive("beta", beta)?;
    check_shape(
        "potentials",
        (marginals.shape().len(), 1),
        (potentials.len(), 1),
    )?;
    for (mode, v) in potentials.iter().enumerate() {
        check_shape("potential", (marginals.shape()[mode], 1), (v.len(), 1))?;
        let masses = marginals.masses(mode);
        if let Some(index) = v
            .iter()
            .zip(masses)
            .position(|(u, m)| *m > 0.0 && !u.is_finite())
        {
            let what = "potential";
            return Err(Error::NonFinite { what, index });
        }
        if let Some(at) = v
            .iter()
            .zip(masses)
            .position(|(u, m)| *m == 0.0 && *u != f64::NEG_INFINITY)
        {
            let reason = format!("expected a potential of minus infinity at the zero mass {at}");
            return Err(Error::Marginals { mode, reason });
        }
    }
    Ok(())
}
