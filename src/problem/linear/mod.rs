//! Linear programs with limits on rows and variables: the program, its conic form, and presolve.

mod backward_error;
mod certificate;
mod conic_form;
mod distant;
mod limits;
pub(crate) mod presolve;
mod program;
mod solution;

pub use certificate::LinearCertificate;
pub use conic_form::LinearForm;
pub use limits::Limits;
pub use presolve::{Presolved, ReducedLinear};
pub use program::{LinearProgram, Sense};
pub use solution::LinearSolution;
