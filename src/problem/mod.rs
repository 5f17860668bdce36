//! Convex programs: what a solver is given.

mod conic;
pub mod generators;
pub(crate) mod linear;
mod reduction;
mod semidefinite;

pub use conic::ConicProgram;
pub use linear::{
    Limits, LinearCertificate, LinearForm, LinearProgram, LinearSolution, Presolved, ReducedLinear,
    Sense,
};
pub use reduction::{Proof, Reduced};
pub use semidefinite::SemidefiniteProgram;
