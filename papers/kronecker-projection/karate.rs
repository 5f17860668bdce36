//! Two semidefinite programs of a real graph, Zachary's karate club, as SDPA files.
//!
//! `cargo run --example karate -- DIRECTORY` writes `karate_theta.dat-s`, whose value is the Lovász number, and
//! `karate_maxcut.dat-s`, whose value bounds the largest cut. The copies in `tests/data` were written by it.

use dyncvx_papers::karate::files;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err("expected a directory to write to".into());
    };
    for (name, contents) in files()? {
        let path = directory.join(name);
        std::fs::write(&path, &contents)?;
        println!("{}: {} bytes", path.display(), contents.len());
    }
    Ok(())
}
