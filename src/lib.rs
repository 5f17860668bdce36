//! Dynamic data structures for convex programming.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod constraints;
pub mod error;
pub mod io;
pub mod ipm;
mod linalg;
pub mod problem;
pub mod projection;
pub mod random;

pub use error::{Error, Result};
