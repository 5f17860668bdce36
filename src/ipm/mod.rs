//! An interior-point method that sees nothing of a problem's linear algebra but a [`Projection`].
//!
//! Every Newton step of a primal–dual method for `min ⟨c, x⟩, A x = b, x ∈ K` is a solve with the Gram matrix of `B = A·S(W)` at
//! the weight `W` of the current point. The method moves the weight with [`Projection::update`] and calls [`Projection::solve`];
//! any structure behind that trait will do.
//!
//! This module makes *one run of one method* and says why it [ended](Ended). What the point is worth is a [`Status`], decided in
//! one place for conic, linear and transport programs. What is tried after a run that gave up is decided by
//! [`solver`](crate::solver), not here.

mod attempt;
mod cone;
mod dimacs;
mod direction;
mod low_rank_factor;
mod objective_error;
pub(crate) mod params;
mod run;
mod settings;
pub mod short_step;
mod solution;
mod solve;
mod start;
mod status;
mod termination;
pub(crate) mod verdict;

pub use crate::problem::BackwardErrors;
pub use attempt::{Attempt, AttemptRecord, Method, Pass, Step};
pub use dimacs::{Dimacs, dimacs};
pub(crate) use dimacs::{
    PointErrors, dimacs_outside, dual_certificate, outside_cone, primal_certificate,
};
pub use low_rank_factor::Factor;
pub use objective_error::ObjectiveError;
pub(crate) use objective_error::objective_error;
pub(crate) use run::{Finished, Request, run};
pub use settings::{SearchDirection, Settings};
pub use solution::{Certificate, Phases, Solution};
pub use solve::{Iteration, Observer, solve, solve_from};
pub(crate) use solve::{check, first_direction, is_linear, takes_hkm};
pub use start::Start;
pub use status::Status;
pub use termination::{Ended, Stall};

#[allow(unused_imports, reason = "for the links above")]
use crate::projection::Projection;
