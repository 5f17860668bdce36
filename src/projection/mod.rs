//! Maintained projections `P = Bᵀ(BBᵀ)⁻¹B`: the one seam between data structures and solvers.
//!
//! `B = A · S(weight)` with sparse symmetric rows `A` over a product of blocks and a weight that changes
//! (see [`BlockWeight`](crate::constraints::BlockWeight) for its forms). [`Recompute`] forms and factors `BBᵀ` anew at every change and is the oracle of
//! all tests and benchmarks; [`Kronecker`] maintains its inverse through low-rank changes of the weight[^SYYZ23].
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
