//! Projections `P = Bᵀ(BBᵀ)⁻¹B` under a changing weight: the interface between data structures and solvers.
//!
//! `B` is `A · S(weight)`. The rows of `A` are sparse symmetric matrices over a product of blocks, and
//! [`BlockWeight`](crate::constraints::BlockWeight) lists the forms of the weight. All structures implement [`Projection`] and are
//! used the same way: `X::new(rows)`, then [`Projection::update`] for every weight.
//!
//! | structures | source of the answers |
//! |---|---|
//! | [`Recompute`], [`Direct`], [`Bipartite`], [`Complement`] | a factorisation at every weight. Tests and benchmarks compare with [`Recompute`] |
//! | [`Kronecker`] | the inverse of `BBᵀ`, maintained under low-rank changes of the weight[^SYYZ23] |
//! | [`Iterative`], [`BaseLowRank`] | conjugate gradients on the exact operator, with a preconditioner |
//! | [`Sketched`], [`Robust`], [`PlainMedian`] | random sketches over one of the structures above |
//! | [`Auto`] | [`Direct`] or [`Iterative`], chosen by counts of operations |
//!
//! [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
//! Projection Maintenance. ICML 2023, arXiv 2210.11542.

pub mod auto;
mod exact;
mod forward;
mod gram;
pub mod iterative;
pub mod kronecker;
pub mod lazy;
pub(crate) mod params;
mod randomised;
mod report;
mod seam;

pub use auto::Auto;
pub use exact::{Bipartite, Complement, Direct, Recompute, bipartite, direct};
pub use iterative::{BaseLowRank, Iterative, base_low_rank};
pub use kronecker::Kronecker;
pub use randomised::{Ensemble, PlainMedian, Robust, Sketched, robust, sketched};
pub use report::{Reason, Refresh, Report, Seconds};
pub use seam::{Accuracy, Goal, Projection, Replaced, Shape, Support};
use seam::{check_forms, query, query_set};
