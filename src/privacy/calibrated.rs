//! The planner by measurement: enough copies for the attack suite, at sizes that a machine can run.
//!
//! `cargo run --release --example calibrate` makes the measurements. It runs the attackers of [`crate::adversary`] that learn a
//! coordinate against one coordinate of `L = κ√T` Gaussian sketches: `N = 1024`, `b = 64`, `T` = 1000, 4000 and 16 000, seven
//! values of `κ`, two seeds. For each attack it prints the growth: the 95th percentile of the error in the worst tenth of the
//! attack, over the 95th percentile of the oblivious error. At equal `κ` the growth is the same for all `T`, so that `L ∝ √T`.
//!
//! The [`TABLE`] holds two numbers for every design `(s, ε₀)`: the 95th percentile of the oblivious error, and a `κ`. Of the
//! measured values, it is the one *after* the least `κ` from which on no growth exceeded [`GROWTH`]; the spare step is for
//! copies that are less lucky than the measured ones.
//!
//! Why `√T`, and why neither `b` nor `N` matters: let `v̄` be the mean error vector of the copies, and `σ` the standard deviation
//! of an answer. After `T` questions of unit length an attacker knows `v̄` well enough for its next question to err by about
//! `√(2T/π)‖v̄‖²/(Nσ)`. With `‖v̄‖² = N/(bL)` and `σ = c/√b`, `c` the [`deviation`], this is `√(2T/π)/(c²L)` relative to `σ`.
//!
//! # Known limits
//! Nothing here is proved. Other attackers may do better, and other families than Gaussian sketches were not measured.

use super::plan::{DELTA, Demand, Plan};
use crate::error::{Result, invalid_setting};

/// A way to make releases, with its measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Design {
    /// Number `s` of copies drawn for a release.
    pub sample: usize,
    /// `ε₀` of a release.
    pub epsilon: f64,
    /// 95th percentile of the oblivious error, in units of the standard deviation of one copy.
    pub error: f64,
    /// Number of copies needed, over `√(Tk)`.
    pub copies_per_root: f64,
}

const fn design(sample: usize, epsilon: f64, error: f64, copies_per_root: f64) -> Design {
    Design {
        sample,
        epsilon,
        error,
        copies_per_root,
    }
}

/// The designs that were measured.
pub const TABLE: [Design; 6] = [
    design(48, 1.0, 0.49, 12.0),
    design(64, 0.75, 0.47, 16.0),
    design(96, 0.5, 0.42, 16.0),
    design(192, 0.25, 0.37, 32.0),
    design(64, 1.0, 0.39, 24.0),
    design(128, 0.5, 0.33, 32.0),
];

/// The factor by which an attack may raise the 95th percentile of the error. The [`TABLE`] was measured for this factor:
/// another one needs another table.
pub const GROWTH: f64 = 1.5;

/// Least number of rows. Fewer were not measured, and their answers are so skewed that the median is biased.
pub const MIN_ROWS: usize = 16;

/// Standard deviation of a private median of `s` normal copies, in units of the standard deviation of one copy. It has two
/// parts: the deviation `√(π/2s)` of their median, and the mechanism, whose rank errs like a Laplace variable of scale `2/ε₀`.
pub fn deviation(sample: usize, epsilon: f64) -> f64 {
    let s = sample as f64;
    let laplace = 2.0 / epsilon * (2.0 * std::f64::consts::PI).sqrt() / s;
    (std::f64::consts::FRAC_PI_2 / s + 2.0 * laplace * laplace).sqrt()
}

impl Design {
    /// 95th percentile of the error under attack, relative to `‖g‖‖h‖`: [`GROWTH`] times the oblivious error of copies with the
    /// largest possible deviation `√(α/b)`, plus the bias `2/(3b)` of the median of a square.
    pub fn error_at(&self, rows: usize, alpha: f64) -> f64 {
        let b = rows as f64;
        GROWTH * self.error * (alpha / b).sqrt() + 2.0 / (3.0 * b)
    }

    /// The fewest rows with which [`Design::error_at`] is at most `accuracy`.
    fn rows_for(&self, accuracy: f64, alpha: f64) -> f64 {
        // Solves accuracy = p x + q x² for x = 1/√b.
        let (p, q) = (GROWTH * self.error * alpha.sqrt(), 2.0 / 3.0);
        let x = 2.0 * accuracy / (p + (p * p + 4.0 * q * accuracy).sqrt());
        (1.0 / (x * x)).ceil().max(MIN_ROWS as f64)
    }
}

/// The plan with the least `L·b`, and then the least `s`, of all designs of the [`TABLE`]. [`Plan::error`] is the 95th percentile
/// of the error that is expected under the attack suite, relative to `‖g‖‖h‖`.
///
/// ```
/// use dyncvx::privacy::{Demand, calibrated};
/// let mut demand = Demand::new(10_000, 1, 0.2);
/// demand.rows = Some(64);
/// let plan = calibrated::plan(&demand)?;
/// assert_eq!(plan.copies, 1200);
/// // A fresh sketch per question would need 10 000 copies. A quarter of the 1200 are too few, and are refused.
/// demand.copies = Some(300);
/// assert!(calibrated::plan(&demand).is_err());
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for a demand outside its ranges, for an accuracy that no design
/// reaches with the given rows, and for fewer copies than are needed.
pub fn plan(demand: &Demand) -> Result<Plan> {
    let releases = demand.releases()?;
    let root = (releases as f64).sqrt();
    let mut best: Option<Candidate> = None;
    let mut least_error = f64::INFINITY;
    for design in TABLE {
        let needed = design.rows_for(demand.accuracy, demand.alpha);
        let rows = demand.rows.map_or(needed, |b| b as f64);
        least_error = least_error.min(design.error_at(rows as usize, demand.alpha));
        if rows < needed || rows > f64::from(u32::MAX) {
            continue;
        }
        let copies = (design.copies_per_root * root)
            .ceil()
            .max(design.sample as f64);
        let candidate = Candidate {
            design,
            copies,
            rows,
        };
        if best.is_none_or(|best| candidate.is_smaller_than(&best)) {
            best = Some(candidate);
        }
    }
    let Some(Candidate {
        design,
        copies,
        rows,
    }) = best
    else {
        let rows = demand.rows.map_or("2^32".into(), |b| b.to_string());
        let accuracy = demand.accuracy;
        let reason = format!(
            "expected at least {least_error:.3}, the best that {rows} rows can reach \
             (at least {MIN_ROWS} rows are needed), found {accuracy}"
        );
        return invalid_setting("accuracy", reason);
    };
    let rows = rows as usize;
    let plan = Plan {
        copies: demand.check_copies(copies)?,
        rows,
        sample: design.sample,
        epsilon: design.epsilon,
        releases,
        error: design.error_at(rows, demand.alpha),
        delta: DELTA,
    };
    plan.validate()?;
    Ok(plan)
}

/// A design with the numbers of copies and rows that the demand needs.
#[derive(Clone, Copy)]
struct Candidate {
    design: Design,
    copies: f64,
    rows: f64,
}

impl Candidate {
    fn is_smaller_than(&self, other: &Self) -> bool {
        let (width, other_width) = (self.copies * self.rows, other.copies * other.rows);
        width < other_width || (width == other_width && self.design.sample < other.design.sample)
    }
}
