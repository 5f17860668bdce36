//! The provable planner: its plans hold against every adversary, but need more copies than a machine can store.
//!
//! **Theorem** (composed here from known parts; the constants are ours). Let a copy err on a fixed question by more than
//! `η‖g‖‖h‖` with probability at most 1/100, which `b = ⌈100 α/η²⌉` rows ensure (Chebyshev). Let `n = Tk` releases be
//! made, each by a private median at `ε₀` of `s` of `L` copies, drawn without replacement, over a grid of `|G|` points. Let `β`
//! be the failure probability, and
//!
//! * `s ≥ 50 ln(3n/β)`,
//! * `ε₀ ≥ (20/3) ln(3n|G|/β)/s`,
//! * `ρ + 2√(ρ ln(1/δ)) ≤ ε` for `ρ = n ε'²/2`, `ε' = ln(1 + (s/L)(e^{ε₀} − 1))`, `ε = 9/1000`, `δ = βε/(3n)`,
//! * `L ≥ ε⁻² ln(2ε/δ)`.
//!
//! Then, with probability at least `1 − β`, all `n` releases are within `η‖g‖‖h‖` plus half a grid step of the exact answers, even
//! if each question depends on all earlier answers.
//!
//! *Proof.* The transcript is `(ε, δ)`-differentially private in the copies: the exponential mechanism is `ε₀`-private[^MT07],
//! sampling amplifies it to `ε'`[^BBG18], pure `ε'` is `ε'²/2`-zCDP, and zCDP adds up and converts to `(ε, δ)`[^BS16]. The question of each
//! release is post-processing of it, so that by generalisation[^BNSSSU16] the fraction of the `L` copies that err on it
//! exceeds 1/100 by 10ε = 9/100 or more with probability below `δ/ε = β/(3n)`: otherwise 9/10 of them are right. Of a sample more than
//! 1/5 are wrong with probability at most `exp(−2s/100) ≤ β/(3n)` (Hoeffding). The released point is more than
//! `(2/ε₀) ln(3n|G|/β) ≤ 3s/10` ranks away from `s/2` with probability at most `β/(3n)`; otherwise it lies between
//! values that are right. The three failure probabilities of all releases add up to `β`. ∎
//!
//! # Known limits
//! `L` grows like `√n` up to logarithms, but its constant is near 10⁵: `n = 10⁴` needs 10⁷ copies, and `L` is below `n` only
//! for `n` above about 2·10¹⁰.
//!
//! [^MT07]: McSherry, Talwar. Mechanism design via differential privacy. FOCS 2007.
//! [^BBG18]: Balle, Barthe, Gaboardi. Privacy amplification by subsampling. NeurIPS 2018.
//! [^BS16]: Bun, Steinke. Concentrated differential privacy. TCC 2016.
//! [^BNSSSU16]: Bassily, Nissim, Smith, Steinke, Stemmer, Ullman. Algorithmic stability for adaptive data analysis. STOC 2016;
//! as Hassidim et al. (NeurIPS 2020) use it.

use super::plan::{Demand, Plan};
use crate::error::{Result, check_probability, invalid_setting};

/// `ε` of the whole conversation: 10ε = 9/100.
const CONVERSATION_EPSILON: f64 = 0.009;
/// Largest probability that one copy errs on one question.
const MAX_COPY_FAILURE: f64 = 0.01;

/// A plan with enough copies for every adversary, with probability `1 − failure`, over a grid of this many points.
///
/// [`Plan::error`] is the accuracy of the demand; half a grid step is added to the error of an answer.
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for a demand outside its ranges, for fewer rows than the accuracy
/// needs, and for fewer copies than the theorem needs.
pub fn plan(demand: &Demand, grid_points: u64, failure: f64) -> Result<Plan> {
    let n = demand.releases()?;
    check_probability("failure", failure)?;
    if grid_points == 0 {
        return invalid_setting("grid_points", "expected at least 1, found 0");
    }
    let needed_rows = (demand.alpha / (MAX_COPY_FAILURE * demand.accuracy.powi(2))).ceil();
    let rows = demand.rows.unwrap_or(needed_rows as usize);
    if (rows as f64) < needed_rows {
        let accuracy = demand.accuracy;
        let reason = format!(
            "expected at least {needed_rows} rows for an accuracy of {accuracy}, found {rows}"
        );
        return invalid_setting("rows", reason);
    }
    let events = (3.0 * n as f64 / failure).ln();
    let sample = (50.0 * events).ceil();
    let epsilon = 20.0 / 3.0 * (events + (grid_points as f64).ln()) / sample;
    let delta = failure * CONVERSATION_EPSILON / (3.0 * n as f64);
    // root = √ρ solves ρ + 2√ρ √l = ε; the formula avoids cancellation.
    let l = (1.0 / delta).ln();
    let root = CONVERSATION_EPSILON / ((l + CONVERSATION_EPSILON).sqrt() + l.sqrt());
    let amplified = root * (2.0 / n as f64).sqrt();
    let copies = sample * epsilon.exp_m1() / amplified.exp_m1();
    let copies = copies
        .max(
            (2.0 * CONVERSATION_EPSILON / delta).ln()
                / (CONVERSATION_EPSILON * CONVERSATION_EPSILON),
        )
        .max(sample);
    let plan = Plan {
        copies: demand.check_copies(copies)?,
        rows,
        sample: sample as usize,
        epsilon,
        releases: n,
        error: demand.accuracy,
        delta,
    };
    plan.validate()?;
    Ok(plan)
}

/// The number of copies of a plan without a limit on copies, for plots.
///
/// # Errors
/// As [`plan`].
pub fn copies(demand: &Demand, grid_points: u64, failure: f64) -> Result<f64> {
    let demand = Demand {
        copies: Some(usize::MAX),
        ..*demand
    };
    plan(&demand, grid_points, failure).map(|p| p.copies as f64)
}
