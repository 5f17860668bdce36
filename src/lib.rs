//! Dynamic data structures for convex programming.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod constraints;
pub mod error;
pub mod ipm;
pub mod io;
mod linalg;
pub mod problem;
pub mod projection;
pub mod random;

pub use error::{Error, Result};
