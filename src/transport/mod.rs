//! Convex optimisation over transport polytopes.
//!
//! A *coupling* of measures `μ` and `ν` is a matrix `γ ≥ 0` with row sums `μ` and column sums `ν`. For `K` measures it is an
//! array of order `K`. [`minimise`] minimises any convex [`Objective`] over couplings by Mirror Sinkhorn: every iteration is one
//! entropic gradient step and one normalisation.
//!
//! | problem | entry point | memory beside the problem |
//! |---|---|---|
//! | a convex objective | [`minimise`] | 4 to 6 arrays of the coupling's size |
//! | noisy gradients, mini-batches | [`minimise_stochastic`] | the same |
//! | a stream of losses | [`Online`] | 4 arrays |
//! | a linear cost, stored or computed on the fly | [`minimise_linear`] | `O(m + n)` |
//! | a linear cost, to the optimum | [`exact()`] | `O(m + n)` times the arcs kept per point |
//! | a linear cost on given arcs, to the optimum | [`exact_sparse`] | `O(m + n + arcs)` |
//! | barycentres | [`barycentre()`] | that of [`minimise`] |
//! | the entropic baseline | [`sinkhorn()`] | `O(m + n)` |
//!
//! Every plan returned is rounded onto the polytope. It comes with a certified lower bound wherever the objective can be
//! evaluated. Every random number has an address, and every answer is the same for any number of threads.
//!
//! # Known limitations
//!
//! For *linear* costs, gaps below about 1e-3 take many thousand steps of Mirror Sinkhorn; use [`exact()`]. Where gradients are
//! unbounded on the polytope (an entropy without a [`StepRule::StronglyConvex`] rule), the anytime steps get short. Forbidden
//! arcs need two measures.
//!
//! # Rooms
//!
//! `kernel` (passes over memory) ← `polytope` (couplings and bounds) ← `objective` ← `settings`, `step_size`, `prediction`,
//! `verdict` ← `sinkhorn` (linear costs on potentials) ← `mirror_sinkhorn`, `exact`. Imports point to the left.

mod exact;
pub(crate) mod kernel;
mod mirror_sinkhorn;
mod objective;
pub(crate) mod params;
mod polytope;
mod prediction;
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
