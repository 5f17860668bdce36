#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::disallowed_methods)]
// Nothing that a caller passes may panic, and a library prints nothing.
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used
    )
)]

pub mod adversary;
mod clock;
pub mod constraints;
pub mod error;
pub mod io;
pub mod ipm;
mod linalg;
mod memory;
pub mod privacy;
pub mod problem;
pub mod projection;
pub mod random;
pub mod sketch;
pub mod solver;
pub mod transport;
mod tuned;
pub mod verify;

pub use constraints::{Block, Constraints};
pub use error::{Error, Result};
/// The matrices of this library's interface, in the version it is built with.
pub use faer;
pub use ipm::{Settings, Status};
pub use problem::{ConicProgram, LinearProgram};
pub use solver::{LinearSolver, Solver};
/// The sparse matrices [`constraints::Constraints::from_sprs`] reads.
pub use sprs;
