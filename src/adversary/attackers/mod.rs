//! The attack suite.

mod directions;
mod oblivious;
mod potential;
mod reconstruction;
mod sign_correlation;
mod weight_mover;

pub use oblivious::Oblivious;
pub use potential::Potential;
pub use reconstruction::Reconstruction;
pub use sign_correlation::SignCorrelation;
pub use weight_mover::WeightMover;

use super::protocol::Attacker;
use crate::random::Seed;

/// Names of the adaptive attackers that [`attacker`] knows.
pub const SUITE: [&str; 4] = ["sign-correlation", "reconstruction", "updates", "potential"];

/// The attacker with this name, one of the [`SUITE`] or `oblivious`; it draws its random numbers from this seed.
pub fn attacker(name: &str, seed: Seed) -> Option<Box<dyn Attacker>> {
    Some(match name {
        "sign-correlation" => Box::new(SignCorrelation::new(seed)),
        "reconstruction" => Box::new(Reconstruction::new(seed)),
        "updates" => Box::new(WeightMover::new(seed)),
        "potential" => Box::new(Potential::new(seed)),
        "oblivious" => Box::new(Oblivious::new(seed)),
        _ => return None,
    })
}
