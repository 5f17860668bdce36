//! The entry points of Mirror Sinkhorn.

use super::run::{Source, run};
use super::solution::MirrorSinkhornSolution;
use super::stochastic::StochasticObjective;
use crate::error::Result;
use crate::transport::objective::Objective;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::settings::{InitialCoupling, Observer, Settings};

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
/// [`Error::Shape`](crate::Error::Shape) for an objective of another shape; [`Error::InvalidSetting`](crate::Error::InvalidSetting); [`Error::NonFinite`](crate::Error::NonFinite) when the objective
/// returns a gradient or value that is not finite; [`Error::Unsupported`](crate::Error::Unsupported) for a start from potentials with an objective
/// that is not linear, or single precision; the errors of a start's plan are those of [`round`](crate::transport::round()).
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
/// As [`minimise`]; [`Error::Unsupported`](crate::Error::Unsupported) for the backtracking rule.
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
