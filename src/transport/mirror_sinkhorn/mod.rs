//! Mirror Sinkhorn[^BB23]: every iteration is a gradient step in the log domain and one normalisation.
//!
//! [^BB23]: Ballu, Berthet. *Mirror Sinkhorn: fast online optimization on transport polytopes.* ICML 2023,
//! arXiv 2211.10420.

mod answer;
mod barycentre;
mod coupling;
mod online;
mod step;
mod stochastic;

use super::objective::Objective;
use super::polytope::marginals::Marginals;
use super::polytope::rounding::round;
use super::polytope::shape::extremes;
use super::prediction::PotentialSlopes;
use super::settings::{
    HalfStepPrecision, InitialCoupling, Observer, Settings, StepRule, check_potentials,
};
use super::step_size::Steps;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::ipm::Status;
use crate::random::Lane;
use coupling::Coupling;
use step::StepEnd;

pub use answer::{MirrorSinkhornSolution, RoundedPlan};
pub use barycentre::{Barycentre, barycentre, barycentre_cost};
pub use online::{Online, OnlineSettings, Regret};
pub use stochastic::{MiniBatch, Noise, Noisy, StochasticObjective};

/// Share of the independent coupling in a warm start from a plan: it keeps every allowed arc positive.
const INDEPENDENT_SHARE: f64 = 1e-5;

/// Minimises a convex objective over the couplings of `marginals`.
///
/// The last iterate and (by default) the average are rounded onto the polytope. The lower bound is the better of two
/// certificates, computed at checks: from the linear model `f(γ_t) + ⟨G_t, · − γ_t⟩` at the current point, and from the average
/// of these models with the steps as weights. The minimum of a linear model is bounded by feasible dual potentials, and the
/// potentials of the iteration become feasible by one c-transform each.
///
/// ```
/// use dyncvx::transport::{unobserved, Entropic, Linear, Marginals, Settings, InitialCoupling, Status, Sum, minimise};
/// let marginals = Marginals::new(&[0.4, 0.6], &[0.5, 0.5])?;
/// let cost = Linear::new(&[2, 2], vec![0.0, 1.0, 1.0, 0.0])?;
/// let objective = Sum::new().with(1.0, cost)?.with(1.0, Entropic::new(&[2, 2], 0.1)?)?;
/// let mut settings = Settings::default();
/// settings.tol_gap_rel = 1e-9;
/// let solution = minimise(&objective, &marginals, &settings, InitialCoupling::Independent, &mut unobserved)?;
/// assert_eq!(solution.status, Status::Solved);
/// assert!(solution.gap() <= 1e-9 * solution.objective().abs());
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for an objective of another shape; [`Error::InvalidSetting`]; [`Error::NonFinite`] when the objective
/// returns a gradient or value that is not finite; [`Error::Unsupported`] for a start from potentials with an objective
/// that is not linear, or single precision; the errors of a start's plan are those of [`round`](round()).
///
/// # Complexity
/// A step costs one gradient and two passes over the `N` entries (one pass for the columns of a matrix) with one exponential per
/// entry; the average costs one more pass. Space `4N` to `6N` numbers. A check costs about ten passes. Step `t` normalises
/// measure `t mod K`.
///
/// # Deviations
/// The paper's anytime step is `(1/B)√(δ/t)` with `B = ‖G‖_∞`, `δ = ‖log μ‖_∞ + ‖log ν‖_∞`; ours is `(2/ω)√(D/t)` with the
/// gradient's range `ω ≤ 2B` and the divergence bound `D ≤ δ`. Its average is plain; ours has the steps as weights, except
/// under the strongly convex rule. Rounding, certificates, the other step rules and the bounds are ours.
pub fn minimise(
    objective: &dyn Objective,
    marginals: &Marginals,
    settings: &Settings,
    start: InitialCoupling<'_>,
    observer: &mut Observer<'_>,
) -> Result<MirrorSinkhornSolution> {
    run(
        Source::Exact(objective),
        marginals,
        settings,
        start,
        observer,
    )
}

/// Minimises a convex objective of which only unbiased noisy gradients are known.
///
/// Values and certificates use [`StochasticObjective::expectation`] where there is one; without it values are `NaN` and
/// there is no lower bound. Gradients at step `t` draw from the stream `(seed, TRANSPORT, 0, t)`.
///
/// # Errors
/// As [`minimise`]; [`Error::Unsupported`] for the backtracking rule.
///
/// # Complexity
/// As [`minimise`].
pub fn minimise_stochastic(
    objective: &dyn StochasticObjective,
    marginals: &Marginals,
    settings: &Settings,
    start: InitialCoupling<'_>,
    observer: &mut Observer<'_>,
) -> Result<MirrorSinkhornSolution> {
    run(
        Source::Noisy(objective),
        marginals,
        settings,
        start,
        observer,
    )
}

/// Where gradients come from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Exact(&'a dyn Objective),
    Noisy(&'a dyn StochasticObjective),
}

impl<'a> Source<'a> {
    fn shape(self) -> &'a [usize] {
        match self {
            Source::Exact(f) => f.shape(),
            Source::Noisy(f) => f.shape(),
        }
    }

    fn gradient_range(self) -> Option<f64> {
        match self {
            Source::Exact(f) => f.gradient_range(),
            Source::Noisy(f) => f.gradient_range(),
        }
    }

    /// The objective itself, where it can be evaluated.
    fn exact(self) -> Option<&'a dyn Objective> {
        match self {
            Source::Exact(f) => Some(f),
            Source::Noisy(f) => f.expectation(),
        }
    }
}

fn unsupported<T>(what: &'static str) -> Result<T> {
    let by = "Mirror Sinkhorn on a dense coupling";
    Err(Error::Unsupported { what, by })
}

/// The step rule to follow: never [`StepRule::Auto`].
fn rule(source: Source<'_>, settings: &Settings) -> Result<StepRule> {
    let rule = match (settings.step, source) {
        (StepRule::Auto, Source::Exact(f)) => {
            let alpha = f.strong_convexity();
            if alpha > 0.0 {
                StepRule::StronglyConvex(alpha)
            } else if f.is_linear() {
                StepRule::Anytime
            } else {
                StepRule::Backtracking
            }
        }
        (StepRule::Auto, Source::Noisy(_)) => StepRule::Anytime,
        (StepRule::Backtracking, Source::Noisy(_)) => {
            return unsupported("backtracking on noisy gradients");
        }
        (rule, _) => rule,
    };
    Ok(rule)
}

struct MirrorRun<'a> {
    source: Source<'a>,
    marginals: &'a Marginals,
    settings: &'a Settings,
    coupling: Coupling,
    steps: Steps,
    slopes: PotentialSlopes,
    /// Whether the potentials that a step does not normalise are carried along.
    predicts: bool,
    /// Gradient, value, and middle of the gradient's range at the current point.
    gradient: Vec<f64>,
    value: f64,
    middle: f64,
    /// `⟨G, γ⟩` at the current point.
    product: f64,
    /// The weighted average of the iterates, and the sum of the weights.
    average: Option<Vec<f64>>,
    weight: f64,
    /// `Σ η_t (f(γ_t) − ⟨G_t, γ_t⟩)`: the constant of the averaged model.
    model: f64,
    /// Whether the averaged model bounds the objective.
    modelled: bool,
    linear: bool,
    beta: f64,
    /// Whether backtracking has refused a trial step.
    refused: bool,
    last_step: f64,
    /// Best bound and best rounded value so far.
    lower: f64,
    upper: f64,
    /// Best rounded value at the last check. Only the plan of the last check can be returned.
    current: f64,
    /// l1 marginal violation at the last check, before rounding.
    violation: f64,
}

fn run(
    source: Source<'_>,
    marginals: &Marginals,
    settings: &Settings,
    start: InitialCoupling<'_>,
    observer: &mut Observer<'_>,
) -> Result<MirrorSinkhornSolution> {
    let clock = Instant::now();
    settings.validate()?;
    let mut run = MirrorRun::new(source, marginals, settings, start)?;
    let mut check = settings.next_check(0);
    let mut evaluated = false;
    let status = loop {
        // Value and gradient, which backtracking has already.
        let t = run.steps.count;
        if !evaluated {
            run.evaluate(t)?;
        }
        // Round and bound now and then; a closed gap ends the run.
        if t >= check || t == settings.max_iter {
            run.certify();
            check = settings.next_check(t);
            if let Some(status) = run.judge() {
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
        // A gradient step and one normalisation.
        evaluated = match run.step()? {
            StepEnd::Taken { evaluated } => evaluated,
            StepEnd::Impossible => break Status::NumericalError,
        };
        if observer(&run.report(clock)).is_break() {
            break Status::Stopped;
        }
    };
    run.finish(status, clock)
}

/// The coupling that a run starts from, and its inverse temperature.
struct StartingPoint {
    coupling: Coupling,
    beta: f64,
}

impl StartingPoint {
    /// Sets what the step lengths must know of the start.
    fn new(
        source: Source<'_>,
        marginals: &Marginals,
        start: InitialCoupling<'_>,
        steps: &mut Steps,
    ) -> Result<Self> {
        let (coupling, beta) = match start {
            InitialCoupling::Independent => (Coupling::independent(marginals), 0.0),
            InitialCoupling::Plan(plan) => {
                let mut plan = plan.to_vec();
                round(&mut plan, marginals)?;
                let independent = marginals.independent();
                for (p, q) in plan.iter_mut().zip(independent) {
                    *p += INDEPENDENT_SHARE * (q - *p);
                }
                // The start is at least this share of the independent coupling.
                steps.divergence -= INDEPENDENT_SHARE.ln();
                (Coupling::from_plan(marginals, plan), 0.0)
            }
            InitialCoupling::Potentials { beta, potentials } => {
                let Source::Exact(f) = source else {
                    return unsupported("a start from potentials with noisy gradients");
                };
                if !f.is_linear() {
                    return unsupported(
                        "a start from potentials with an objective that is not linear",
                    );
                }
                check_potentials(marginals, beta, potentials)?;
                steps.continue_from(beta);
                let mut cost = vec![0.0; marginals.layout().len()];
                f.gradient(&marginals.independent(), &mut cost);
                let coupling = Coupling::from_potentials(marginals, &cost, beta, potentials);
                (coupling, beta)
            }
        };
        Ok(Self { coupling, beta })
    }
}

impl<'a> MirrorRun<'a> {
    fn new(
        source: Source<'a>,
        marginals: &'a Marginals,
        settings: &'a Settings,
        start: InitialCoupling<'_>,
    ) -> Result<Self> {
        let shape = source.shape();
        if shape != marginals.shape() {
            let expected = marginals.shape();
            let reason = format!("expected the marginals' shape {expected:?}, found {shape:?}");
            let field = "objective";
            return Err(Error::InvalidSetting { field, reason });
        }
        if settings.precision != HalfStepPrecision::Double {
            return unsupported("single precision");
        }
        let mut steps = Steps::new(
            rule(source, settings)?,
            settings,
            marginals.divergence(),
            marginals.total(),
            shape.len(),
        );
        steps.range = source.gradient_range().unwrap_or(0.0);
        let StartingPoint { coupling, beta } =
            StartingPoint::new(source, marginals, start, &mut steps)?;
        // Which bounds hold depends on the start and the rule.
        let exact = matches!(source, Source::Exact(_));
        let predicts = settings.predicts(steps.rule, exact);
        let warm = matches!(start, InitialCoupling::Potentials { .. });
        steps.proved = !predicts && !warm && steps.rule != StepRule::Backtracking;
        let len = marginals.layout().len();
        Ok(Self {
            source,
            marginals,
            settings,
            slopes: PotentialSlopes::flat(&coupling.potentials, beta),
            coupling,
            steps,
            gradient: vec![0.0; len],
            value: f64::NAN,
            middle: 0.0,
            product: 0.0,
            average: settings.average.then(|| vec![0.0; len]),
            weight: 0.0,
            model: 0.0,
            // The averaged model needs a kernel that holds nothing but gradients.
            modelled: exact && !matches!(start, InitialCoupling::Plan(_)),
            linear: matches!(source, Source::Exact(f) if f.is_linear()),
            beta,
            predicts,
            refused: false,
            last_step: 0.0,
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
            current: f64::INFINITY,
            violation: 0.0,
        })
    }

    /// Gradient, value and range at the current point.
    fn evaluate(&mut self, t: usize) -> Result<()> {
        match self.source {
            // The gradient of a linear objective stays.
            Source::Exact(f) if self.linear && t > 0 => self.value = f.value(&self.coupling.plan),
            Source::Exact(f) => self.value = f.gradient(&self.coupling.plan, &mut self.gradient),
            Source::Noisy(f) => {
                let mut rng = self.settings.seed.stream(Lane::TRANSPORT, 0, t as u64);
                self.value = f.sample(&self.coupling.plan, &mut rng, &mut self.gradient);
            }
        }
        self.inspect(t)
    }

    fn inspect(&mut self, t: usize) -> Result<()> {
        let exact = matches!(self.source, Source::Exact(_));
        if exact && !self.value.is_finite() {
            let what = "objective value";
            return Err(Error::NonFinite { what, index: 0 });
        }
        if !self.linear || t == 0 {
            let (low, high) = extremes(self.marginals.layout().arch, &self.gradient)?;
            self.middle = 0.5 * (low + high);
            self.steps.range = self.steps.range.max(high - low);
        }
        self.product = if self.linear {
            self.value
        } else if exact {
            self.marginals
                .layout()
                .inner(&self.gradient, &self.coupling.plan)
        } else {
            0.0
        };
        Ok(())
    }
}
