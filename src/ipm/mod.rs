//! An interior-point harness that sees nothing of a problem's linear algebra but a [`Projection`].
//!
//! Every Newton step of a primal–dual method for `min ⟨c, x⟩, A x = b, x ∈ K` is a solve with the Gram matrix of `B = A·S(W)`
//! at the Nesterov–Todd weight `W`: the harness moves the weight with [`Projection::update`] and calls
//! [`Projection::solve`]. Any structure behind that seam will do.

mod direction;
mod hkm;
mod interior;
mod linear;
mod nonneg;
mod objective_error;
mod rank;
mod residuals;
mod restore;
mod run;
mod scaling;
mod settings;
pub mod short_step;
mod solve;
mod space;
mod sparsity;
mod start;
mod status;
mod step;

pub use linear::{ConicSolve, ConicSolveFrom, LinearOutcome, solve_linear, solve_linear_from};
pub use objective_error::ObjectiveError;
pub use rank::Factor;
pub use residuals::{Dimacs, dimacs};
pub(crate) use residuals::{dimacs_outside, dual_certificate, outside_cone, primal_certificate};
pub(crate) use run::ran_away;
pub use settings::{SearchDirection, Settings};
pub use solve::{Iteration, Observer, solve, solve_from};
pub use start::Start;
pub use status::{Certificate, Phases, Solution, Status};

#[allow(unused_imports, reason = "for the links above")]
use crate::projection::Projection;
