//! The solvers from end to end: semidefinite and linear programs, their reductions, starts, and known answers.

#[path = "../common/mod.rs"]
mod common;

mod attempts;
mod face;
mod families;
mod generators;
mod ipm;
mod karate;
mod linear;
mod linear_start;
mod own_scale;
mod reduce;
mod regressions;
mod robustness;
mod semidefinite;
mod short_step;
mod verified;
mod warm_start;
