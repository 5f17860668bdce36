//! Coordinate-wise embeddings: random `R ∈ R^{b×N}` with `E[RᵀR] = I`.
//!
//! A [`Distribution`] is data: a family and a number of rows. An operator, a [`Sketch`], is drawn from a distribution at an
//! [`Address`]: `(seed, copy, epoch)` on the lane of the family. The same address gives the same operator, for any number of
//! threads. Only Gaussian and Rademacher operators store their `bN` entries; the other families apply `R` without forming its
//! rows.
//!
//! For every fixed `g` and `h`, `E[gᵀRᵀRh] = gᵀh` and `E[(gᵀRᵀRh)²] ≤ (gᵀh)² + (α/b)‖g‖²‖h‖²` with the `α` of
//! [`Distribution::alpha`][^SYYZ23].
//!
//! # When it fails
//! The bound is for a `g` and an `h` that were fixed before `R` was drawn. Whoever has seen answers of a sketch can choose an `h`
//! on which it errs by much more: [`adversary`](crate::adversary) shows how, and [`privacy`](crate::privacy) what to do about
//! it.
//!
//! ```
//! use dyncvx::constraints::Block;
//! use dyncvx::faer::Mat;
//! use dyncvx::sketch::{Address, Base, Distribution, Sketch};
//! # fn main() -> dyncvx::Result<()> {
//! let r = Distribution::new(Base::Gaussian, 400)?.operator(&[Block::Psd(10)], Address::new(7, 0, 0))?;
//! let h = Mat::from_fn(100, 1, |i, _| (i as f64).sin());
//! let mut rh = Mat::zeros(400, 1);
//! r.apply(h.as_ref(), rh.as_mut())?;
//! assert!((rh.norm_l2() / h.norm_l2() - 1.0).abs() < 0.2);
//! # Ok(()) }
//! ```
//!
//! [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
//! Projection Maintenance. ICML 2023, arXiv 2210.11542.

mod blocks;
mod dense;
mod distribution;
mod family;
mod kronecker;
mod matrix;
mod operator;
mod plain;
mod raw;
mod signs;
mod size;
mod sparse;
mod srht;
mod stream;
mod tensor_sketch;
mod tensor_srht;

pub use distribution::Distribution;
pub use family::{Base, Family};
pub use matrix::{Place, RankOneRows, Side};
pub use operator::Sketch;
pub(crate) use operator::for_each_row;
pub use stream::Address;
