//! The command line as a user runs it.

#![cfg(feature = "cli")]

#[path = "../common/mod.rs"]
mod common;

mod attack;
mod bundled;
mod general;
mod lp;
mod notices;
mod sdplib;
mod transport;
