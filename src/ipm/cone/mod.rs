//! Points of the cone: how they are stored, the factors that prove them interior, scalings, and steps to the boundary.

mod interior;
mod scaling;
mod sparsity;
pub(in crate::ipm) mod step;
mod storage;

pub(in crate::ipm) use interior::Interior;
pub(in crate::ipm) use scaling::Scaling;
pub(in crate::ipm) use storage::Storage;
