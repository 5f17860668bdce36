//! The projection engines: their laws, their special forms of weights and rows, and their independence of threads.

#[path = "../common/mod.rs"]
mod common;

mod base_low_rank;
mod bipartite;
mod complement;
mod constraints;
mod direct;
mod independence;
mod iterative;
mod laws;
mod lazy;
mod many;
mod seam;
mod spectral;
mod threads;
