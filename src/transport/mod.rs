//! Convex optimisation over transport polytopes.

mod bound;
mod certificate;
pub(crate) mod kernel;
mod marginals;
mod masked;
mod mirror_sinkhorn;
mod objective;
mod parallel;
mod rounding;
mod settings;
mod shape;
mod state;
mod stochastic;

pub use bound::Steps;
pub use certificate::lower_bound;
pub use marginals::Marginals;
pub use mirror_sinkhorn::{Answer, Solution, minimize, minimize_stochastic};
pub use objective::{
    Entropic, Function, GroupLasso, Linear, Objective, Padded, Quadratic, Relative, SquaredNorm,
    Sum,
};
pub use rounding::round;
pub use settings::{Iteration, Observer, Precision, Settings, Start, Status, StepRule};
pub use stochastic::{MiniBatch, Noise, Noisy, StochasticObjective};

/// Streams of noisy gradients.
pub(crate) const TRANSPORT: crate::random::Lane = crate::random::Lane(40);
