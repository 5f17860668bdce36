//! Convex optimisation over transport polytopes.
//!
//! A *coupling* of measures `μ` and `ν` is a matrix `γ ≥ 0` with row sums `μ` and column sums `ν` (for `K` measures: an order-`K` array).
//! [`minimise`] minimises any convex [`Objective`] over them by Mirror Sinkhorn: an entropic gradient step and one normalisation at a time.
//!
//! | problem | entry point | memory beside the problem |
//! |---|---|---|
//! | a convex objective | [`minimise`] | 4 to 6 arrays of the coupling's size |
//! | noisy gradients, mini-batches | [`minimise_stochastic`] | the same |
//! | a stream of losses | [`Online`] | 4 arrays |
//! | a linear cost, stored or computed on the fly | [`minimise_linear`] | `O(m + n)` |
//! | a linear cost, to the optimum | [`exact()`] | `O(m + n)` times the arcs kept |
//! | barycentres | [`barycentre()`] | that of [`minimise`] |
//! | the entropic baseline | [`sinkhorn()`] | `O(m + n)` |
//!
//! Every answer is rounded onto the polytope and comes with a certified lower bound where the objective can be evaluated.
//! Randomness, where there is any, is addressed; every number is the same for any number of threads.
//!
//! # Known limitations
//!
//! For *linear* costs gaps below about 1e-3 need many thousand steps of Mirror Sinkhorn: [`exact()`] is better there. Gradients that are unbounded on the
//! polytope (an entropy without a [`StepRule::StronglyConvex`] rule) make the anytime steps short. Masks need two measures.

mod exact;
pub(crate) mod kernel;
mod mirror_sinkhorn;
mod objective;
pub(crate) mod params;
mod polytope;
mod settings;
mod sinkhorn;
mod step_size;
mod verdict;

pub use crate::ipm::Status;
pub use exact::{
    Cut, ExactSettings, ExactSolution, Finish, InteriorFailure, PhaseSeconds, Potentials, exact,
    exact_sparse, linear_program,
};
pub use mirror_sinkhorn::{
    Barycentre, MiniBatch, MirrorSinkhornSolution, Noise, Noisy, Online, OnlineSettings, Regret,
    RoundedPlan, StochasticObjective, barycentre, barycentre_cost, minimise, minimise_stochastic,
};
pub use objective::{
    Entropic, Function, GroupLasso, Linear, Objective, Padded, Quadratic, Relative, SquaredNorm,
    Sum,
};
pub use polytope::certificate::lower_bound;
pub use polytope::cost::{Cost, CostFn, Distance, PointClouds};
pub use polytope::marginals::Marginals;
pub use polytope::rounding::round;
pub use settings::{
    HalfStepPrecision, InitialCoupling, Observer, Predict, Settings, Snapshot, StepRule, unobserved,
};
pub use sinkhorn::{ImplicitPlan, SinkhornSettings, SinkhornSolution, minimise_linear, sinkhorn};
pub use step_size::Steps;
