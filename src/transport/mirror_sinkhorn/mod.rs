//! Mirror Sinkhorn[^BB23]: every iteration is a gradient step in the log domain and one normalisation.
//!
//! [^BB23]: Ballu, Berthet. *Mirror Sinkhorn: fast online optimization on transport polytopes.* ICML 2023,
//! arXiv 2211.10420.

mod barycentre;
mod certify;
mod coupling;
mod minimise;
mod online;
mod run;
mod solution;
mod step;
mod stochastic;

pub use barycentre::{Barycentre, barycentre, barycentre_cost};
pub use minimise::{minimise, minimise_stochastic};
pub use online::{Online, OnlineSettings, Regret};
pub use solution::{MirrorSinkhornSolution, RoundedPlan};
pub use stochastic::{MiniBatch, Noise, Noisy, StochasticObjective};
