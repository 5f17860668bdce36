//! The planner by measurement: enough copies for the attack suite, at sizes one can run.
//!
//! Nothing here is proved. `cargo run --release --example calibrate` runs the attackers of
//! [`crate::adversary`] that learn a coordinate against one coordinate of `L = κ√T` Gaussian sketches (`N = 1024`, `b = 64`,
//! `T` = 1000, 4000, 16 000, seven values of `κ`, two seeds), and prints by which factor the worst tenth of an attack
//! exceeds, in its 95th percentile, the oblivious error. At equal `κ` that factor is the same for all `T`: `√T` is the law. The
//! [`TABLE`] holds, for every design `(s, ε₀)`, the 95th percentile of the oblivious error, and, of the values of `κ` measured, the
//! one *after* the least from which on no factor was above [`GROWTH`]: other copies may be less lucky.
//!
//! Why `√T`, and why neither `b` nor `N` matters: `T` questions of unit length `h` whose answers deviate by `σ` find the
//! mean `v̄` of the copies' errors to a correlation with which one more question errs by about `√(2T/π)‖v̄‖²/(Nσ)`, where
//! `‖v̄‖² = N/(bL)` and `σ = c/√b`, `c` the [`deviation`]: relative to `σ` that is `√(2T/π)/(c²L)`.

use super::plan::{DELTA, Demand, Plan};
use crate::error::{Error, Result};

/// How a release is made, and what was measured of it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Design {
    /// Copies drawn.
    pub sample: usize,
    /// `ε₀`.
    pub epsilon: f64,
    /// 95th percentile of the oblivious error, in units of the deviation of one copy.
    pub error: f64,
    /// Copies needed for each `√(Tk)`.
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

/// The measurements.
pub const TABLE: [Design; 6] = [
    design(48, 1.0, 0.49, 12.0),
    design(64, 0.75, 0.47, 16.0),
    design(96, 0.5, 0.42, 16.0),
    design(192, 0.25, 0.37, 32.0),
    design(64, 1.0, 0.39, 24.0),
    design(128, 0.5, 0.33, 32.0),
];

/// By which factor an attack may raise the 95th percentile of the error.
pub const GROWTH: f64 = 1.5;

/// Fewer rows than this were not measured, and a median of so skewed answers is biased.
pub const MIN_ROWS: usize = 16;

/// Standard deviation of a private median of `s` normal copies, in units of theirs: that of their median, `√(π/2s)`, and of
/// the mechanism, whose rank errs like a Laplace variable of scale `2/ε₀`.
pub fn deviation(sample: usize, epsilon: f64) -> f64 {
    let s = sample as f64;
    let laplace = 2.0 / epsilon * (2.0 * std::f64::consts::PI).sqrt() / s;
    (std::f64::consts::FRAC_PI_2 / s + 2.0 * laplace * laplace).sqrt()
}

impl Design {
    /// 95th percentile of the error under attack, relative to `‖g‖‖h‖`: [`GROWTH`] times the oblivious one, with the largest
    /// deviation `√(α/b)` that a copy can have, and the bias `2/(3b)` of the median of a square.
    pub fn error_at(&self, rows: usize, alpha: f64) -> f64 {
        let b = rows as f64;
        GROWTH * self.error * (alpha / b).sqrt() + 2.0 / (3.0 * b)
    }

    /// The fewest rows for that to be at most `accuracy`; infinite when none do.
    fn rows_for(&self, accuracy: f64, alpha: f64) -> f64 {
        // accuracy = p x + q x² with x = 1/√b.
        let (p, q) = (GROWTH * self.error * alpha.sqrt(), 2.0 / 3.0);
        let x = 2.0 * accuracy / (p + (p * p + 4.0 * q * accuracy).sqrt());
        (1.0 / (x * x)).ceil().max(MIN_ROWS as f64)
    }
}

/// The design of the [`TABLE`] that makes `L·b` least, then `s`; [`Plan::error`] is the 95th percentile expected under the
/// attack suite, relative to `‖g‖‖h‖`.
///
/// ```
/// use dyncvx::privacy::{Demand, calibrated};
/// let mut demand = Demand::new(10_000, 1, 0.2);
/// demand.rows = Some(64);
/// let plan = calibrated::plan(&demand)?;
/// assert_eq!(plan.copies, 1200);
/// // What a fresh sketch a question would need is 10 000. A quarter as many are too few, and refused.
/// demand.copies = Some(300);
/// assert!(calibrated::plan(&demand).is_err());
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`] for a demand outside its ranges, for an accuracy that the rows given do not reach with any
/// design, and for fewer copies given than needed.
pub fn plan(demand: &Demand) -> Result<Plan> {
    let releases = demand.releases()?;
    let root = (releases as f64).sqrt();
    let mut best: Option<(f64, Design, f64, f64)> = None;
    let mut reached = f64::INFINITY;
    for design in TABLE {
        let needed = design.rows_for(demand.accuracy, demand.alpha);
        let rows = demand.rows.map_or(needed, |b| b as f64);
        reached = reached.min(design.error_at(rows as usize, demand.alpha));
        if rows < needed || rows > f64::from(u32::MAX) {
            continue;
        }
        let copies = (design.copies_per_root * root)
            .ceil()
            .max(design.sample as f64);
        let width = copies * rows;
        let better =
            best.is_none_or(|(w, d, ..)| width < w || (width == w && design.sample < d.sample));
        if better {
            best = Some((width, design, copies, rows));
        }
    }
    let Some((_, design, copies, rows)) = best else {
        let rows = demand.rows.map_or("2^32".into(), |b| b.to_string());
        return Err(Error::InvalidSetting {
            field: "accuracy",
            reason: format!(
                "{rows} rows reach {reached:.3} at best (and {MIN_ROWS} rows are the fewest), expected no less, found {}",
                demand.accuracy
            ),
        });
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
