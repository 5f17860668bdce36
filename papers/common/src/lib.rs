//! What the examples of `papers/`, the benchmarks and some tests share: line charts, streams of weights and instances.

pub mod families;
pub mod karate;
pub mod updates;

/// The charts of the command `dyncvx`: that is published, and cannot depend on this crate.
#[path = "../../../src/cli/plot.rs"]
pub mod plot;
