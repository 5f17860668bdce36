//! Structures that answer from random sketches, and their copies.

mod ensemble;
mod plain_median;
pub mod robust;
pub mod sketched;

pub use ensemble::Ensemble;
pub use plain_median::PlainMedian;
pub use robust::Robust;
pub use sketched::Sketched;
