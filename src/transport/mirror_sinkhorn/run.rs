//! The iteration of Mirror Sinkhorn.

use super::coupling::Coupling;
use super::solution::MirrorSinkhornSolution;
use super::stochastic::StochasticObjective;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::ipm::Status;
use crate::random::Lane;
use crate::transport::objective::Objective;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::polytope::rounding::round;
use crate::transport::polytope::shape::extremes;
use crate::transport::prediction::PotentialSlopes;
use crate::transport::settings::{
    HalfStepPrecision, InitialCoupling, Observer, Settings, StepRule, check_potentials,
};
use crate::transport::step_size::Steps;

/// Share of the independent coupling in a warm start from a plan: it keeps every allowed arc positive.
const INDEPENDENT_SHARE: f64 = 1e-5;

/// Where gradients come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
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
    pub(super) fn exact(self) -> Option<&'a dyn Objective> {
        match self {
            Source::Exact(f) => Some(f),
            Source::Noisy(f) => f.expectation(),
        }
    }
}

pub(super) fn unsupported<T>(what: &'static str) -> Result<T> {
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

pub(super) struct MirrorRun<'a> {
    pub(super) source: Source<'a>,
    pub(super) marginals: &'a Marginals,
    pub(super) settings: &'a Settings,
    pub(super) coupling: Coupling,
    pub(super) steps: Steps,
    pub(super) slopes: PotentialSlopes,
    /// Whether the potentials that a step does not normalise are carried along.
    pub(super) predicts: bool,
    /// Gradient, value, and middle of the gradient's range at the current point.
    pub(super) gradient: Vec<f64>,
    pub(super) value: f64,
    pub(super) middle: f64,
    /// `⟨G, γ⟩` at the current point.
    pub(super) product: f64,
    /// The weighted average of the iterates, and the sum of the weights.
    pub(super) average: Option<Vec<f64>>,
    pub(super) weight: f64,
    /// `Σ η_t (f(γ_t) − ⟨G_t, γ_t⟩)`: the constant of the averaged model.
    pub(super) model: f64,
    /// Whether the averaged model bounds the objective.
    pub(super) modelled: bool,
    pub(super) linear: bool,
    pub(super) beta: f64,
    /// Whether backtracking has refused a trial step.
    pub(super) refused: bool,
    pub(super) last_step: f64,
    /// Best bound and best rounded value so far.
    pub(super) lower: f64,
    pub(super) upper: f64,
    /// Best rounded value at the last check. Only the plan of the last check can be returned.
    pub(super) current: f64,
    /// l1 marginal violation at the last check, before rounding.
    pub(super) violation: f64,
}

/// How a step ended.
pub(super) enum StepEnd {
    /// At a new point, with value and gradient evaluated there or not.
    Taken { evaluated: bool },
    /// A point of positive mass has no arc with a finite weight, or no step is short enough.
    Impossible,
}

pub(super) fn run(
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

    pub(super) fn inspect(&mut self, t: usize) -> Result<()> {
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
