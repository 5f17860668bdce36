//! Bounds that are theorems: lower and upper bounds of an optimum that hold in exact arithmetic for the program as it is stated.
//!
//! A solver's answer is measured in floating point. The functions of this module take such an answer, and prove from it what can be
//! proved: every number they return was rounded outward, every matrix called semidefinite has a Cholesky factor whose rounding
//! errors are bounded. An inaccurate or wrong answer gives a weak bound or none, never a false one.
//!
//! | program | entry point | lower bound | upper bound |
//! |---|---|---|---|
//! | [`ConicProgram`](crate::problem::ConicProgram) | [`conic()`] | `bᵀy` with a slack proved in the cone | `⟨c, x⟩` for an `x` with `A x = b` exactly |
//! | [`LinearProgram`](crate::problem::LinearProgram) | [`linear()`] | the dual value over the box of limits | the value of an exactly feasible `x` |
//! | transport | [`transport()`], [`transport_sparse`] | potentials that are feasible after directed rounding | the plan's exact cost |
//!
//! The derivations, with sources, constants and measured widths, are in `papers/verified-bounds/`.
//!
//! # Known limitations
//!
//! An upper bound needs an `x` in the interior of the cone with linearly independent rows, a lower bound a slack in the interior:
//! where a program has none, [`Bounds`] says which side is missing and why.

#![allow(
    clippy::neg_cmp_op_on_partial_ord,
    reason = "a comparison with NaN must fail as a proof, so proofs are negated and not their failures stated"
)]

mod closer;
mod cone;
mod conic;
mod enclosure;
mod linear;
mod reason;
mod symmetric;
mod transport;

pub(crate) use conic::infeasible;
pub use conic::{Aids, conic, conic_with};
pub use linear::{linear, linear_certificate};
pub use reason::{Bounds, Infeasible, Reason};
pub use transport::{TransportBounds, transport, transport_cut, transport_sparse};

/// Shares of an interior point that are mixed into a point at the boundary, in the order in which they are tried.
const SHARES: [f64; 6] = [1e-9, 1e-7, 1e-5, 1e-3, 1e-1, 1.0];

/// The bound of the smallest share that proves one. Between that share and the one before, which did not, two more are tried: the
/// width of a bound is nearly proportional to the share.
fn smallest_share(mut bound: impl FnMut(f64) -> Result<f64, Reason>) -> Result<f64, Reason> {
    let mut last = Err(Reason::NoPoint);
    for share in SHARES {
        last = bound(share);
        if last.is_ok() {
            let half = bound(share / 10.0);
            let smaller = if half.is_ok() {
                share / 40.0
            } else {
                share / 3.0
            };
            return bound(smaller).or(half).or(last);
        }
    }
    last
}
