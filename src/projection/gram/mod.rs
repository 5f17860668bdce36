//! Forming and factoring the Gram matrix `K = BBᵀ`, and refining answers with the exact operator: what the structures
//! share.

mod assemble;
mod factor;
mod psd;
mod refine;

pub(crate) use assemble::Assembler;
pub(crate) use factor::{Factor, RankCheck};
pub(crate) use refine::{MAX_ITER, Preconditioner, Refiner};
