//! Structures that answer from random sketches, from several independent copies of a sketch, and from private medians of copies.

mod ensemble;
mod plain_median;
pub mod robust;
pub mod sketched;

pub use ensemble::Ensemble;
pub use plain_median::PlainMedian;
pub use robust::Robust;
pub use sketched::Sketched;
