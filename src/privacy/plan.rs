//! How many copies a private median needs for what is asked of it.

use super::accountant::{Accountant, Charge, Composition};
use crate::error::{Result, check_positive, check_probability, check_range, invalid_setting};

/// What a planner is asked for.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `queries` | – | questions `T` that one generation of copies has to answer | ≥ 1 |
/// | `coords` | 1 | numbers `k` released per question | ≥ 1 |
/// | `accuracy` | – | error of an answer, relative to `‖g‖‖h‖` | above 0, below 1 |
/// | `rows` | `None` | rows `b` of a copy; `None`: the planner minimises `L·b` | ≥ 1 |
/// | `alpha` | 2 | second-moment constant `α` of the sketch family | ≥ 1 |
/// | `copies` | `None` | number of copies that exist; `None`: as many as needed | ≥ 1 |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Demand {
    /// Questions `T`.
    pub queries: u64,
    /// Numbers `k` released per question.
    pub coords: u64,
    /// Error relative to `‖g‖‖h‖`.
    pub accuracy: f64,
    /// Rows `b` of a copy.
    pub rows: Option<usize>,
    /// `α` in `E[(gᵀRᵀRh)²] ≤ (gᵀh)² + (α/b)‖g‖²‖h‖²`: 2 for the plain families.
    pub alpha: f64,
    /// Number of copies that exist.
    pub copies: Option<usize>,
}

impl Demand {
    /// `T` questions of `k` coordinates with this relative accuracy; the planner chooses the rest.
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
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for a field outside its range.
    pub(super) fn releases(&self) -> Result<u64> {
        check_probability("accuracy", self.accuracy)?;
        check_positive("alpha", self.alpha)?;
        if self.alpha < 1.0 {
            let reason = format!("expected at least 1, found {}", self.alpha);
            return invalid_setting("alpha", reason);
        }
        for (field, value) in [("rows", self.rows), ("copies", self.copies)] {
            check_range(field, 1..=usize::MAX, value.unwrap_or(1))?;
        }
        match self.queries.checked_mul(self.coords) {
            Some(0) => invalid_setting("queries", "expected at least one release, found none"),
            Some(releases) => Ok(releases),
            None => {
                let (queries, coords) = (self.queries, self.coords);
                let reason =
                    format!("expected fewer than 2^64 releases, found {queries} x {coords}");
                invalid_setting("queries", reason)
            }
        }
    }

    /// `needed` as a number of copies.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) when fewer copies exist.
    pub(super) fn check_copies(&self, needed: f64) -> Result<usize> {
        let given = self.copies.map_or(u32::MAX as f64, |c| c as f64);
        if needed <= given {
            return Ok(needed.ceil() as usize);
        }
        let Self {
            queries,
            coords,
            accuracy,
            ..
        } = self;
        let found = self
            .copies
            .map_or("room for 2^32".into(), |c| c.to_string());
        let reason = format!(
            "{queries} questions of {coords} coordinates to {accuracy} need {needed:.0} copies, found {found}"
        );
        invalid_setting("copies", reason)
    }
}

/// How one number is released: a private median of a few copies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Release {
    /// Number `s` of copies that are drawn.
    pub sample: usize,
    /// `ε₀` of the mechanism.
    pub epsilon: f64,
}

/// The number of copies and of their rows, and how each release is made.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Copies `L`.
    pub copies: usize,
    /// Rows `b` of each copy.
    pub rows: usize,
    /// Number `s` of copies that are drawn for a release.
    pub sample: usize,
    /// `ε₀` of a release.
    pub epsilon: f64,
    /// Number of releases that the budget covers.
    pub releases: u64,
    /// Promised error, relative to `‖g‖‖h‖`; the planner's documentation says in which sense.
    pub error: f64,
    /// `δ` at which the budget is read.
    pub delta: f64,
}

/// Largest share of releases that may be pure noise: half of the 5 % that a 95th percentile leaves out.
const MAX_NOISE_SHARE: f64 = 0.025;

/// `δ` at which budgets are read, unless a planner needs another value.
pub(super) const DELTA: f64 = 1e-6;

impl Plan {
    /// A plan of the caller's own. It promises no accuracy: [`Plan::error`] is infinite.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless `1 ≤ sample ≤ copies`, for an `epsilon` that is not
    /// positive, for no rows or releases, and for a `sample · epsilon` so small that more than 2.5 % of the releases would be
    /// uniform noise from the grid, see [`noise_share`].
    pub fn custom(copies: usize, rows: usize, release: Release, releases: u64) -> Result<Self> {
        let plan = Self {
            copies,
            rows,
            sample: release.sample,
            epsilon: release.epsilon,
            releases,
            error: f64::INFINITY,
            delta: DELTA,
        };
        plan.validate()?;
        Ok(plan)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        self.charge()?;
        check_probability("delta", self.delta)?;
        check_range("rows", 1..=usize::MAX, self.rows)?;
        if self.releases == 0 {
            return invalid_setting("releases", "expected at least 1, found 0");
        }
        let (sample, epsilon) = (self.sample, self.epsilon);
        let share = noise_share(sample, epsilon, (self.rows as f64).sqrt());
        if share > MAX_NOISE_SHARE {
            let (percent, product) = (100.0 * share, sample as f64 * epsilon);
            let reason = format!(
                "{sample} copies at epsilon {epsilon} would make {percent:.0} % of the releases pure noise: \
                 expected sample x epsilon of about 32 or more, found {product}"
            );
            return invalid_setting("sample", reason);
        }
        Ok(())
    }

    /// Cost of a release.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless `1 ≤ sample ≤ copies` and `epsilon` is positive.
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

    /// Number of rows `L·b` of all sketches together. At `N` or more, the exact structure is smaller.
    pub fn width(&self) -> u128 {
        self.copies as u128 * self.rows as u128
    }
}

/// Bound on the probability that a private median of `s` values is pure noise, that is, lies outside all of them. The values
/// are taken to be normal about their median; the grid reaches `half` of their standard deviations to either side.
///
/// Grid points outside the values have weight `e^{−ε₀s/4}` relative to the median, over a length of at most `2·half`. Near the
/// median the weights fall off over `2/ε₀` ranks on either side, which is a length of `2·2√(2π)/(ε₀ s)`.
pub fn noise_share(sample: usize, epsilon: f64, half: f64) -> f64 {
    let s = sample as f64;
    let outside = 2.0 * half * (-0.25 * epsilon * s).exp();
    let inside = 4.0 * (2.0 * std::f64::consts::PI).sqrt() / (epsilon * s);
    // Few copies do not spread over more than the grid.
    outside / (outside + inside.min(2.0 * half))
}
