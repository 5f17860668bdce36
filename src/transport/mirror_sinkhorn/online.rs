//! The online game: play a coupling, see a loss, pay it.

use super::coupling::{Coupling, GradientStep};
use super::minimise::minimise;
use crate::error::{Error, Result, check_shape};
use crate::transport::kernel;
use crate::transport::objective::{Linear, Objective};
use crate::transport::polytope::checks::check_positive;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::polytope::rounding::round_unchecked;
use crate::transport::polytope::shape::extremes;
use crate::transport::settings::{InitialCoupling, Settings, unobserved};
use crate::transport::sinkhorn::{SinkhornSettings, sinkhorn};

/// Settings of [`Online`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `range` | 1 | bound on the range of every loss's gradient | > 0 |
/// | `horizon` | none | number of rounds, if known; otherwise the game restarts after 1, 2, 4, … rounds | ≥ 1 |
/// | `step_scale` | 1 | multiplies the step `(2/range) √(D/T)` | > 0 |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OnlineSettings {
    /// Bound on the range of the gradients.
    pub range: f64,
    /// Number of rounds, if known.
    pub horizon: Option<usize>,
    /// Multiplies the step.
    pub step_scale: f64,
}

impl Default for OnlineSettings {
    fn default() -> Self {
        Self {
            range: 1.0,
            horizon: None,
            step_scale: 1.0,
        }
    }
}

impl OnlineSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] with the first field that is out of range.
    pub fn validate(&self) -> Result<()> {
        check_positive("range", self.range)?;
        check_positive("step_scale", self.step_scale)?;
        if self.horizon == Some(0) {
            let reason = "expected at least 1 round, found 0".into();
            return Err(Error::InvalidSetting {
                field: "horizon",
                reason,
            });
        }
        Ok(())
    }
}

/// Regret so far, against the best fixed coupling in hindsight.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Regret {
    /// Rounds played.
    pub rounds: usize,
    /// `Σ f_t(γ_t)`.
    pub loss: f64,
    /// Certified lower bound on `min_γ Σ (f_t(γ_t) + ⟨G_t, γ − γ_t⟩)`, hence on the loss of every fixed coupling.
    pub comparator: f64,
    /// `loss − comparator`: the regret is at most this.
    pub certified: f64,
    /// The bound of our analysis: `M (D/η + η ω² T/8)` per epoch.
    pub bound: f64,
}

/// Mirror Sinkhorn against a stream of convex losses on the couplings of fixed measures.
///
/// Each round: play [`Online::plan`], then [`Online::reveal`] the loss. The regret of the plays against every fixed coupling is
/// at most `0.75 M ω √(D T)` for a known horizon and `(2 + √2)` times that without one (restarts at 1, 2, 4, … rounds),
/// whatever the losses. Plays have one marginal exact in turn; [`Online::feasible`] rounds them.
///
/// ```
/// use dyncvx::transport::{Linear, Marginals, Online, OnlineSettings};
/// let mut game = Online::new(Marginals::uniform(&[2, 2])?, OnlineSettings::default())?;
/// for t in 0..100 {
///     let flip = (t % 3 == 0) as u8 as f64;
///     game.reveal(&Linear::new(&[2, 2], vec![flip, 1.0 - flip, 1.0 - flip, flip])?)?;
/// }
/// let regret = game.regret()?;
/// assert!(regret.certified <= regret.bound);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Complexity
/// A round costs the loss's gradient and three passes over the `N` entries; space `4N`.
#[derive(Debug, Clone)]
pub struct Online {
    marginals: Marginals,
    settings: OnlineSettings,
    coupling: Coupling,
    sum: Vec<f64>,
    rounds: usize,
    /// Rounds played of this epoch, and its length.
    played: usize,
    epoch: usize,
    loss: f64,
    constant: f64,
    bound: f64,
}

impl Online {
    /// A game on the couplings of `marginals`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn new(marginals: Marginals, settings: OnlineSettings) -> Result<Self> {
        settings.validate()?;
        let coupling = Coupling::independent(&marginals);
        let sum = vec![0.0; coupling.plan.len()];
        let epoch = settings.horizon.unwrap_or(1);
        let mut it = Self {
            marginals,
            settings,
            coupling,
            sum,
            rounds: 0,
            played: 0,
            epoch,
            loss: 0.0,
            constant: 0.0,
            bound: 0.0,
        };
        it.bound = it.start_cost();
        Ok(it)
    }

    fn divergence(&self) -> f64 {
        let d = self.marginals.divergence();
        if d > 0.0 { d } else { 1.0 }
    }

    fn eta(&self) -> f64 {
        2.0 * self.settings.step_scale / self.settings.range
            * (self.divergence() / self.epoch as f64).sqrt()
    }

    /// `M D/η`: the part of the bound that the distance of an epoch's start from the comparator costs.
    fn start_cost(&self) -> f64 {
        self.marginals.total() * self.marginals.divergence() / self.eta()
    }

    /// The coupling to play: one marginal exact, the other off by at most the last step's movement.
    pub fn plan(&self) -> &[f64] {
        &self.coupling.plan
    }

    /// The coupling to play, rounded onto the polytope.
    pub fn feasible(&self) -> Vec<f64> {
        let mut plan = self.coupling.plan.clone();
        round_unchecked(&mut plan, &self.marginals);
        plan
    }

    /// Plays the current coupling against `loss`, moves to the next, and returns the loss paid.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a loss of another shape, a gradient whose range exceeds the setting, or more rounds
    /// than the horizon; [`Error::NonFinite`]. On an error the round did not take place.
    pub fn reveal(&mut self, loss: &dyn Objective) -> Result<f64> {
        if loss.shape() != self.marginals.shape() {
            let reason = format!(
                "expected the shape {:?}, found {:?}",
                self.marginals.shape(),
                loss.shape()
            );
            return Err(Error::InvalidSetting {
                field: "loss",
                reason,
            });
        }
        let mut gradient = vec![0.0; self.coupling.plan.len()];
        let value = loss.gradient(&self.coupling.plan, &mut gradient);
        self.reveal_gradient(value, &gradient)
    }

    /// As [`Online::reveal`], from the loss at the current coupling and its gradient there.
    ///
    /// # Errors
    /// As [`Online::reveal`]; [`Error::Shape`].
    pub fn reveal_gradient(&mut self, value: f64, gradient: &[f64]) -> Result<f64> {
        check_shape(
            "gradient",
            (self.coupling.plan.len(), 1),
            (gradient.len(), 1),
        )?;
        if !value.is_finite() {
            let what = "loss";
            return Err(Error::NonFinite { what, index: 0 });
        }
        let (low, high) = extremes(self.marginals.layout().arch, gradient)?;
        let range = self.settings.range;
        if high - low > range * (1.0 + 1e-12) {
            let reason = format!(
                "expected gradients of range at most {range}, found {}",
                high - low
            );
            return Err(Error::InvalidSetting {
                field: "range",
                reason,
            });
        }
        if self.settings.horizon.is_some_and(|t| self.rounds >= t) {
            let reason = format!("expected at most {} rounds", self.rounds);
            return Err(Error::InvalidSetting {
                field: "horizon",
                reason,
            });
        }
        let paid = self.marginals.layout().inner(gradient, &self.coupling.plan);
        let eta = self.eta();
        let mode = (self.played + 1) % self.marginals.shape().len();
        let step = GradientStep {
            gradient,
            eta,
            middle: 0.5 * (low + high),
            mode,
        };
        if self.coupling.advance(&self.marginals, &step).is_err() {
            let what = "normalisation";
            return Err(Error::NonFinite { what, index: 0 });
        }
        self.loss += value;
        self.constant += value - paid;
        kernel::add(self.marginals.layout().arch, gradient, &mut self.sum);
        self.bound += self.marginals.total() * eta * range * range / 8.0;
        self.rounds += 1;
        self.played += 1;
        if self.played == self.epoch && self.settings.horizon.is_none() {
            // Start again for twice as long.
            self.coupling = Coupling::independent(&self.marginals);
            self.epoch *= 2;
            self.played = 0;
            self.bound += self.start_cost();
        }
        Ok(value)
    }

    /// Regret so far, with a certified comparator. The comparator minimises a linear cost over the couplings; it is found
    /// approximately, and bounded from below.
    ///
    /// # Errors
    /// None in practice: those of [`sinkhorn`](crate::transport::sinkhorn()) for two measures, and those of
    /// [`minimise`](crate::transport::minimise) otherwise.
    ///
    /// # Complexity
    /// Some hundred passes over the entries.
    pub fn regret(&self) -> Result<Regret> {
        let cost = Linear::new(self.marginals.shape(), self.sum.clone())?;
        let range = cost.gradient_range().unwrap_or(0.0);
        let lower = if self.marginals.shape().len() == 2
            && self.marginals.forbidden().is_none()
            && range > 0.0
        {
            let settings = SinkhornSettings {
                epsilon: 1e-3 * range,
                max_iter: 500,
                tol_feas: 1e-4,
                ..Default::default()
            };
            sinkhorn(&cost, &self.marginals, &settings)?.lower_bound
        } else {
            let settings = Settings {
                average: false,
                ..Settings::default()
            };
            minimise(
                &cost,
                &self.marginals,
                &settings,
                InitialCoupling::Independent,
                &mut unobserved,
            )?
            .lower_bound
        };
        let comparator = self.constant + lower;
        let (rounds, loss, bound) = (self.rounds, self.loss, self.bound);
        Ok(Regret {
            rounds,
            loss,
            comparator,
            certified: loss - comparator,
            bound,
        })
    }
}
