//! Structures that factor the Gram matrix, or a matrix that takes its place, again at every weight.

pub mod bipartite;
mod complement;
pub mod direct;
mod recompute;

pub use bipartite::Bipartite;
pub use complement::Complement;
pub use direct::Direct;
pub use recompute::Recompute;
