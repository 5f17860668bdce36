//! The readers and writers of SDPA and MPS files.

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod mangled;
mod mps;
mod netlib_read;
mod sdpa;
mod sdpa_refused;
mod sdplib_read;
mod table;
