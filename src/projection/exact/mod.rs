//! Structures that answer from a factorisation of the weight they were given.

pub mod bipartite;
mod complement;
pub mod direct;
mod recompute;

pub use bipartite::Bipartite;
pub use complement::Complement;
pub use direct::Direct;
pub use recompute::Recompute;
