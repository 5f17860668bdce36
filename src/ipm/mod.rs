//! An interior-point harness that sees nothing of a problem's linear algebra but a [`Projection`].
//!
//! Every Newton step of a primal–dual method for `min ⟨c, x⟩, A x = b, x ∈ K` is a solve with the Gram matrix of `B = A·S(W)`
//! at the Nesterov–Todd weight `W`: the harness moves the weight with [`Projection::update`] and calls
//! [`Projection::solve`]. Any structure behind that seam will do.

mod cone;
mod dimacs;
mod direction;
mod linear;
mod low_rank_factor;
mod objective_error;
mod restore;
mod run;
mod settings;
pub mod short_step;
mod solve;
mod start;
mod status;

pub use dimacs::{Dimacs, dimacs};
pub(crate) use dimacs::{dimacs_outside, dual_certificate, outside_cone, primal_certificate};
pub use linear::{ConicSolve, ConicSolveFrom, LinearOutcome, solve_linear, solve_linear_from};
pub use low_rank_factor::Factor;
pub use objective_error::ObjectiveError;
pub(crate) use run::ran_away;
pub use settings::{SearchDirection, Settings};
pub use solve::{Iteration, Observer, solve, solve_from};
pub use start::Start;
pub use status::{Certificate, Phases, Solution, Status};

#[allow(unused_imports, reason = "for the links above")]
use crate::projection::Projection;
