//! Convex programs: what a solver is given.

mod conic;
pub(crate) mod face;
pub mod generators;
mod linear;
mod reduce;
mod semidefinite;

pub use conic::ConicProgram;
pub use linear::{
    Limits, LinearCertificate, LinearForm, LinearProgram, LinearSolution, Presolved, ReducedLinear,
    Sense,
};
pub(crate) use reduce::dependent_rows;
pub use reduce::{Proof, Reduced};
pub use semidefinite::SemidefiniteProgram;
