//! Convex programs, and what is done to them before they are solved.

mod backward_error;
mod conic;
pub mod generators;
pub(crate) mod linear;
pub(crate) mod reduction;
mod semidefinite;

pub use backward_error::BackwardErrors;
pub(crate) use backward_error::{Outside, OwnScales, Units};
pub use conic::ConicProgram;
pub use linear::{
    Limits, LinearCertificate, LinearForm, LinearProgram, LinearSolution, Presolved, ReducedLinear,
    Sense,
};
pub use reduction::{Proof, Reduced};
pub use semidefinite::SemidefiniteProgram;
