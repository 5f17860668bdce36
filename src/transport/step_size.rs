//! Step lengths, and the bounds on gap and violation that follow from them.

use super::settings::{Settings, StepRule};

/// The steps of a run, and the bounds of our analysis for them (see the table in `papers/mirror-sinkhorn`).
///
/// With `D` the divergence bound, `ω` the largest gradient range, `M` the mass, `S₁ = Σ η_t`, `S₂ = Σ η_t²`:
///
/// * the `η`-weighted average has `f(γ̄) − f* ≤ M (D + ω² S₂/8) / S₁`;
/// * its l1 marginal violation is at most `M κ A √S₂ / S₁` with `κ = K(K−1)/2`, `s = ½(κ + 1) ω √S₂`,
///   `A = s + √(s² + 2D)`, for steps that do not grow;
/// * under `η_t = 1/(αt)` the plain average has `f(γ̄) − f* ≤ M ω² (1 + ln T)/(8 α T)`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Steps {
    /// The rule that was followed (never `Auto`).
    pub rule: StepRule,
    /// Number of steps.
    pub count: usize,
    /// Sum of the steps.
    pub sum: f64,
    /// Sum of the squared steps.
    pub sum_squares: f64,
    /// Largest gradient range met (or the objective's own bound).
    pub range: f64,
    /// Divergence bound `D`.
    pub divergence: f64,
    /// Mass of the couplings.
    pub total: f64,
    /// Number of measures.
    pub modes: usize,
    /// Whether the bounds below are proved for this run: not under backtracking, nor with prediction, nor after a warm
    /// start from potentials.
    pub proved: bool,
    pub(crate) offset: f64,
    pub(crate) scale: f64,
    pub(crate) horizon: usize,
    pub(crate) trial: f64,
}

impl Steps {
    pub(crate) fn new(
        rule: StepRule,
        settings: &Settings,
        divergence: f64,
        total: f64,
        modes: usize,
    ) -> Self {
        Self {
            rule,
            count: 0,
            sum: 0.0,
            sum_squares: 0.0,
            range: 0.0,
            divergence,
            total,
            modes,
            proved: true,
            offset: 0.0,
            scale: 2.0 * settings.step_scale,
            horizon: settings.max_iter,
            trial: 0.0,
        }
    }

    /// Counts the steps that a start at inverse temperature `beta` stands for, so that anytime steps go on from there.
    pub(crate) fn continue_from(&mut self, beta: f64) {
        self.offset = (beta * self.range / (2.0 * self.scale)).powi(2)
            / self.divergence.max(f64::MIN_POSITIVE);
    }

    /// The next step once the gradient's range is known.
    pub(crate) fn next(&self) -> f64 {
        let t = (self.count + 1) as f64 + self.offset;
        // With a constant gradient, or a polytope of one point, any step length serves.
        let over = |t: f64| {
            let range = if self.range > 0.0 { self.range } else { 1.0 };
            let d = if self.divergence > 0.0 {
                self.divergence
            } else {
                1.0
            };
            self.scale / range * (d / t).sqrt()
        };
        match self.rule {
            StepRule::Constant(eta) => eta,
            StepRule::StronglyConvex(alpha) => 1.0 / (alpha * t),
            StepRule::Horizon => over(self.horizon as f64),
            StepRule::Backtracking if self.trial > 0.0 => self.trial,
            StepRule::Backtracking | StepRule::Anytime | StepRule::Auto => over(t),
        }
    }

    /// The anytime step, which backtracking never refuses.
    pub(crate) fn floor(&self) -> f64 {
        Self {
            rule: StepRule::Anytime,
            ..*self
        }
        .next()
    }

    pub(crate) fn record(&mut self, eta: f64) {
        self.count += 1;
        self.sum += eta;
        self.sum_squares += eta * eta;
    }

    /// Bound on `f(γ̄) − f*` of the average before rounding; `None` before the first step and where nothing is proved.
    pub fn gap_bound(&self) -> Option<f64> {
        if self.count == 0 || !self.proved {
            return None;
        }
        let t = self.count as f64;
        Some(
            self.total
                * match self.rule {
                    StepRule::StronglyConvex(alpha) => {
                        self.range * self.range * (1.0 + t.ln()) / (8.0 * alpha * t)
                    }
                    _ => {
                        (self.divergence + self.range * self.range * self.sum_squares / 8.0)
                            / self.sum
                    }
                },
        )
    }

    /// Bound on the l1 marginal violation of the average before rounding, for the rules that have one.
    pub fn violation_bound(&self) -> Option<f64> {
        let rule = matches!(
            self.rule,
            StepRule::Anytime | StepRule::Horizon | StepRule::Constant(_)
        );
        if self.count == 0 || !self.proved || !rule {
            return None;
        }
        let k = self.modes as f64;
        let factor = k * (k - 1.0) / 2.0;
        let root = self.sum_squares.sqrt();
        let s = 0.5 * (factor + 1.0) * self.range * root;
        let a = s + (s * s + 2.0 * self.divergence).sqrt();
        Some(self.total * factor * a * root / self.sum)
    }
}
