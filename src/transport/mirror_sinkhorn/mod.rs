//! Mirror Sinkhorn[^BB23]: a gradient step in the log domain and one normalisation, over and over.
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
use super::settings::{
    HalfStepPrecision, InitialCoupling, Observer, Settings, StepRule, check_potentials,
};
use super::step_size::Steps;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::ipm::Status;
use crate::random::Lane;
use coupling::Coupling;

pub use answer::{MirrorSinkhornSolution, RoundedPlan};
pub use barycentre::{Barycentre, barycentre, barycentre_cost};
pub use online::{Online, OnlineSettings, Regret};
pub use stochastic::{MiniBatch, Noise, Noisy, StochasticObjective};

/// Part of the independent coupling in a warm start from a plan.
const MIX: f64 = 1e-5;

/// Minimises a convex objective over the couplings of `marginals`.
///
/// The last iterate and (by default) the average are rounded onto the polytope. The lower bound is the better of two
/// certificates taken at checks: the linear model `f(γ_t) + ⟨G_t, · − γ_t⟩` at the current point, and the average of
/// these models with the steps as weights; the minimum of a linear model is bounded by feasible dual potentials, which
/// the iteration's own potentials yield after one c-transform each.
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
/// A step costs one gradient, two passes over the `N` entries (one for the columns of a matrix) with one exponential an
/// entry, one more with the average; space `4N` to `6N` numbers. A check costs about ten passes. Steps from one normalisation
/// to the next are in order: mode `t mod K` at step `t`.
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

/// The same with unbiased noisy gradients.
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

#[derive(Clone, Copy)]
enum Source<'a> {
    Exact(&'a dyn Objective),
    Noisy(&'a dyn StochasticObjective),
}

impl<'a> Source<'a> {
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

struct Run<'a> {
    source: Source<'a>,
    marginals: &'a Marginals,
    settings: &'a Settings,
    state: Coupling,
    steps: Steps,
    gradient: Vec<f64>,
    value: f64,
    middle: f64,
    /// `⟨G, γ⟩` at the current point.
    product: f64,
    average: Option<Vec<f64>>,
    weight: f64,
    /// `Σ η_t (f(γ_t) − ⟨G_t, γ_t⟩)`: the constant of the averaged model.
    model: f64,
    modelled: bool,
    linear: bool,
    beta: f64,
    /// Each mode's potential after its last normalisation and `β` then; its slope in `β` between its last two.
    anchor: Vec<(Vec<f64>, f64)>,
    slope: Vec<Vec<f64>>,
    predicted: bool,
    /// Whether a trial step was refused yet.
    failed: bool,
    last_step: f64,
    lower: f64,
    /// Best rounded value so far, and at the last check: only the latter's plan is there to be returned.
    upper: f64,
    current: f64,
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
    let mut run = Run::new(source, marginals, settings, start)?;
    let mut check = settings.next_check(0);
    let mut ready = false;
    let status = loop {
        let t = run.steps.count;
        if !ready {
            run.evaluate(t)?;
        }
        if t >= check || t == settings.max_iter {
            run.certify();
            check = settings.next_check(t);
            if let Some(status) = run.judge() {
                break status;
            }
        }
        if t == settings.max_iter {
            break Status::MaxIterations;
        }
        if clock.elapsed().as_secs_f64() >= settings.time_limit {
            break Status::TimeLimit;
        }
        ready = match run.step()? {
            Some(ready) => ready,
            None => break Status::NumericalError,
        };
        if observer(&run.report(clock)).is_break() {
            break Status::Stopped;
        }
    };
    run.finish(status, clock)
}

impl<'a> Run<'a> {
    fn new(
        source: Source<'a>,
        marginals: &'a Marginals,
        settings: &'a Settings,
        start: InitialCoupling<'_>,
    ) -> Result<Self> {
        let (shape, range) = match source {
            Source::Exact(f) => (f.shape(), f.gradient_range()),
            Source::Noisy(f) => (f.shape(), f.gradient_range()),
        };
        if shape != marginals.shape() {
            let reason = format!(
                "expected the marginals' shape {:?}, found {shape:?}",
                marginals.shape()
            );
            return Err(Error::InvalidSetting {
                field: "objective",
                reason,
            });
        }
        if settings.precision != HalfStepPrecision::Double {
            return unsupported("single precision");
        }
        let linear = matches!(source, Source::Exact(f) if f.is_linear());
        let len = marginals.layout().len();
        let mut gradient = vec![0.0; len];
        let mut steps = Steps::new(
            rule(source, settings)?,
            settings,
            marginals.divergence(),
            marginals.total(),
            shape.len(),
        );
        steps.range = range.unwrap_or(0.0);
        let mut beta = 0.0;
        let state = match start {
            InitialCoupling::Independent => Coupling::independent(marginals),
            InitialCoupling::Plan(plan) => {
                let mut plan = plan.to_vec();
                round(&mut plan, marginals)?;
                let independent = marginals.independent();
                for (p, q) in plan.iter_mut().zip(independent) {
                    *p += MIX * (q - *p);
                }
                // The start is at least MIX times the independent coupling.
                steps.divergence -= MIX.ln();
                Coupling::from_plan(marginals, plan)
            }
            InitialCoupling::Potentials {
                beta: start,
                potentials,
            } => {
                let Source::Exact(f) = source else {
                    return unsupported("a start from potentials with noisy gradients");
                };
                if !linear {
                    return unsupported(
                        "a start from potentials with an objective that is not linear",
                    );
                }
                check_potentials(marginals, start, potentials)?;
                beta = start;
                let (scale, range) = (steps.scale, steps.range);
                steps.offset = (beta * range / (2.0 * scale)).powi(2)
                    / steps.divergence.max(f64::MIN_POSITIVE);
                f.gradient(&marginals.independent(), &mut gradient);
                Coupling::from_potentials(marginals, &gradient, beta, potentials)
            }
        };
        let exact = matches!(source, Source::Exact(_));
        let predicted = settings.predicts(steps.rule, exact);
        let warm = matches!(start, InitialCoupling::Potentials { .. });
        steps.proved = !predicted && !warm && steps.rule != StepRule::Backtracking;
        // The averaged model needs a kernel that holds nothing but gradients.
        let modelled =
            matches!(source, Source::Exact(_)) && !matches!(start, InitialCoupling::Plan(_));
        let anchor = state.potentials.iter().map(|u| (u.clone(), beta)).collect();
        Ok(Self {
            source,
            marginals,
            settings,
            state,
            steps,
            gradient,
            value: f64::NAN,
            middle: 0.0,
            product: 0.0,
            average: settings.average.then(|| vec![0.0; len]),
            weight: 0.0,
            model: 0.0,
            modelled,
            linear,
            beta,
            anchor,
            slope: shape.iter().map(|n| vec![0.0; *n]).collect(),
            predicted,
            failed: false,
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
            Source::Exact(f) if self.linear && t > 0 => self.value = f.value(&self.state.plan),
            Source::Exact(f) => self.value = f.gradient(&self.state.plan, &mut self.gradient),
            Source::Noisy(f) => {
                let mut rng = self.settings.seed.stream(Lane::TRANSPORT, 0, t as u64);
                self.value = f.sample(&self.state.plan, &mut rng, &mut self.gradient);
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
                .inner(&self.gradient, &self.state.plan)
        } else {
            0.0
        };
        Ok(())
    }
}
