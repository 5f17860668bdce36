//! Bounds that are theorems, against exact arithmetic and published references.

#[path = "../common/mod.rs"]
mod common;

mod conic;
mod differential;
mod exact;
mod linear;
mod published;
mod transport;
