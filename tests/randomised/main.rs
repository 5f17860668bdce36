//! Sketches, sketched queries, robust sketches, and differential privacy.

#[path = "../common/mod.rs"]
mod common;

mod privacy;
mod privacy_plans;
mod robust;
mod sketch;
mod sketched;
