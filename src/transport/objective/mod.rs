//! Objectives: the convex functions that are minimised over couplings.

mod combine;
mod entropic;
mod group;
mod linear;
mod quadratic;
mod seam;

pub use combine::{Function, Padded, Sum};
pub use entropic::{Entropic, Relative};
pub use group::{GroupLasso, SquaredNorm};
pub use linear::Linear;
pub use quadratic::Quadratic;
pub use seam::Objective;
pub(crate) use seam::flat;

#[cfg(test)]
mod tests;
