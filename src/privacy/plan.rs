//! What is asked of a private median of copies, and what it takes.

use super::{Accountant, Charge, Composition, positive};
use crate::error::{Error, Result};

/// What a planner is asked for.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `queries` | – | questions `T` that one generation of copies is to answer | ≥ 1 |
/// | `coords` | 1 | numbers `k` released a question | ≥ 1 |
/// | `accuracy` | – | error of an answer, relative to `‖g‖‖h‖` | above 0, below 1 |
/// | `rows` | `None` | rows `b` of a copy; `None`: the planner minimises `L·b` | ≥ 1 |
/// | `alpha` | 2 | second-moment constant `α` of the sketch family | ≥ 1 |
/// | `copies` | `None` | copies that there are; `None`: as many as it takes | ≥ 1 |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Demand {
    /// Questions `T`.
    pub queries: u64,
    /// Numbers `k` released a question.
    pub coords: u64,
    /// Error relative to `‖g‖‖h‖`.
    pub accuracy: f64,
    /// Rows `b` of a copy.
    pub rows: Option<usize>,
    /// `α` in `E[(gᵀRᵀRh)²] ≤ (gᵀh)² + (α/b)‖g‖²‖h‖²`: 2 for the plain families.
    pub alpha: f64,
    /// Copies given.
    pub copies: Option<usize>,
}

impl Demand {
    /// `T` questions of `k` coordinates to this relative accuracy; the planner chooses the rest.
    pub fn new(queries: u64, coords: u64, accuracy: f64) -> Self {
        Self {
            queries,
            coords,
            accuracy,
            rows: None,
            alpha: 2.0,
            copies: None,
        }
    }

    /// Number of releases `T·k`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a field outside its range.
    pub(super) fn releases(&self) -> Result<u64> {
        super::probability("accuracy", self.accuracy)?;
        positive("alpha", self.alpha)?;
        let invalid = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        if self.alpha < 1.0 {
            return invalid(
                "alpha",
                format!("expected at least 1, found {}", self.alpha),
            );
        }
        for (field, value) in [("rows", self.rows), ("copies", self.copies)] {
            if value == Some(0) {
                return invalid(field, "expected at least 1, found 0".into());
            }
        }
        match self.queries.checked_mul(self.coords) {
            Some(0) => invalid(
                "queries",
                "expected at least one release, found none".into(),
            ),
            Some(n) => Ok(n),
            None => invalid(
                "queries",
                format!(
                    "expected fewer than 2^64 releases, found {} x {}",
                    self.queries, self.coords
                ),
            ),
        }
    }

    /// Fails with [`Error::InvalidSetting`] when fewer copies are given than `needed`.
    pub(super) fn check_copies(&self, needed: f64) -> Result<usize> {
        let given = self.copies.map_or(u32::MAX as f64, |c| c as f64);
        if needed <= given {
            return Ok(needed.ceil() as usize);
        }
        Err(Error::InvalidSetting {
            field: "copies",
            reason: format!(
                "{} questions of {} coordinates to {} need {needed:.0} copies, found {}",
                self.queries,
                self.coords,
                self.accuracy,
                self.copies
                    .map_or("room for 2^32".into(), |c| c.to_string())
            ),
        })
    }
}

/// How many copies of how many rows, and how each release is made.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Copies `L`.
    pub copies: usize,
    /// Rows `b` of each.
    pub rows: usize,
    /// Copies `s` drawn for a release.
    pub sample: usize,
    /// `ε₀` of a release.
    pub epsilon: f64,
    /// Releases that the budget covers.
    pub releases: u64,
    /// Error promised, relative to `‖g‖‖h‖`: how, says the planner.
    pub error: f64,
    /// `δ` at which the budget is read.
    pub delta: f64,
}

/// Releases that may be pure noise: half of what a 95th percentile leaves out.
const NOISE: f64 = 0.025;

impl Plan {
    /// A plan of one's own: no accuracy is promised for it but that a release is not pure noise.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a sample that is none, an `epsilon` that is not positive, no releases, and for a
    /// `sample · epsilon` so small that more than 2.5 % of the releases would be uniform noise from the grid, see
    /// [`noise_share`].
    pub fn custom(
        copies: usize,
        rows: usize,
        (sample, epsilon): (usize, f64),
        releases: u64,
    ) -> Result<Self> {
        let plan = Self {
            copies,
            rows,
            sample,
            epsilon,
            releases,
            error: f64::INFINITY,
            delta: DELTA,
        };
        plan.validate()?;
        Ok(plan)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        self.charge()?;
        super::probability("delta", self.delta)?;
        let invalid = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        if self.rows == 0 || self.releases == 0 {
            return invalid("rows", "expected at least one row and one release".into());
        }
        let share = noise_share(self.sample, self.epsilon, (self.rows as f64).sqrt());
        if share > NOISE {
            return invalid(
                "sample",
                format!(
                    "{} copies at epsilon {} would make {:.0} % of the releases pure noise: expected sample x epsilon of about 32 or more, found {}",
                    self.sample,
                    self.epsilon,
                    100.0 * share,
                    self.sample as f64 * self.epsilon
                ),
            );
        }
        Ok(())
    }

    /// Cost of a release.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] unless `1 ≤ sample ≤ copies` and `epsilon` is positive.
    pub fn charge(&self) -> Result<Charge> {
        Charge::sampled(self.epsilon, self.sample, self.copies)
    }

    /// A budget that exactly [`Plan::releases`] releases use up.
    ///
    /// # Errors
    /// As [`Plan::charge`].
    pub fn accountant(&self) -> Result<Accountant> {
        let delta = self.delta;
        Accountant::exactly(Composition::Zcdp { delta }, self.charge()?, self.releases)
    }

    /// Width `L·b` of all sketches together: the exact structure is smaller when this is `N` or more.
    pub fn width(&self) -> u128 {
        self.copies as u128 * self.rows as u128
    }
}

/// `δ` at which budgets are read unless a planner needs another.
pub(super) const DELTA: f64 = 1e-6;

/// Bound on the probability that a release of the private median lies outside all sampled values, for `s` of them spread
/// normally about the median with deviation `σ` and a grid of half-width `half` (in units of `σ`): outside, weights are
/// `e^{−ε₀s/4}` of the best, over a length `2·half`; near the median they fall off over `2/ε₀` ranks either side, which
/// is a length of `2·2√(2π)/(ε₀ s)`.
pub fn noise_share(sample: usize, epsilon: f64, half: f64) -> f64 {
    let s = sample as f64;
    let outside = 2.0 * half * (-0.25 * epsilon * s).exp();
    let inside = 4.0 * (2.0 * std::f64::consts::PI).sqrt() / (epsilon * s);
    // Few copies do not spread over more than the grid.
    outside / (outside + inside.min(2.0 * half))
}
