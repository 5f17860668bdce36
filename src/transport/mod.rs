//! Convex optimisation over transport polytopes.

mod barycentre;
mod bound;
mod certificate;
mod cost;
mod half_steps;
pub(crate) mod kernel;
mod linear;
mod marginals;
mod masked;
mod mirror_sinkhorn;
mod objective;
mod online;
mod parallel;
mod rounding;
mod settings;
mod shape;
mod sinkhorn;
mod state;
mod stochastic;

pub use crate::ipm::Status;
pub use barycentre::{Barycentre, barycentre, barycentre_cost};
pub use bound::Steps;
pub use certificate::lower_bound;
pub use cost::{Cost, CostFn, PointClouds};
pub use half_steps::ImplicitPlan;
pub use linear::{LinearSolution, minimize_linear};
pub use marginals::Marginals;
pub use mirror_sinkhorn::{Answer, Solution, minimize, minimize_stochastic};
pub use objective::{
    Entropic, Function, GroupLasso, Linear, Objective, Padded, Quadratic, Relative, SquaredNorm,
    Sum,
};
pub use online::{Online, OnlineSettings, Regret};
pub use rounding::round;
pub use settings::{Iteration, Observer, Precision, Predict, Settings, Start, StepRule};
pub use sinkhorn::{SinkhornSettings, sinkhorn};
pub use stochastic::{MiniBatch, Noise, Noisy, StochasticObjective};

/// Streams of noisy gradients.
pub(crate) const TRANSPORT: crate::random::Lane = crate::random::Lane(40);
