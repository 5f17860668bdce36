//! The transport polytope: couplings of given measures, the linear costs on it, rounding onto it, and lower bounds over it.

mod augmenting_paths;
pub(crate) mod certificate;
pub(crate) mod checks;
pub(crate) mod cost;
pub(crate) mod marginals;
pub(crate) mod rounding;
pub(crate) mod shape;
