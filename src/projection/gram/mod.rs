//! What the engines share: forming and factoring the Gram matrix `K = BBᵀ`, and refining answers with the exact operator.

mod assemble;
mod base;
mod factor;
mod inverse;
mod psd;
mod refine;

pub(crate) use assemble::Assembler;
pub(crate) use base::Base;
pub(crate) use factor::{GramMatrix, ScaledFactor};
pub(in crate::projection) use inverse::GramInverse;
pub use inverse::Precision;
pub(crate) use psd::PsdPlan;
pub(crate) use refine::{MAX_ITER, Refiner, each_column};
