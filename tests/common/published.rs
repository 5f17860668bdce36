//! Published problems that are not in the repository: the folder that `DYNCVX_DATA` names holds them.
//!
//! Tests that read them are `#[ignore = "needs DYNCVX_DATA"]`, and `.ci/run` runs them where the folder exists. A test that is
//! asked for and does not find its data fails.

use std::io::Read;
use std::path::{Path, PathBuf};

/// A file or folder of the published data.
pub fn path(name: &str) -> PathBuf {
    let data = std::env::var_os("DYNCVX_DATA")
        .expect("DYNCVX_DATA must name the folder that holds sdplib, netlib and transport");
    Path::new(&data).join(name)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names, without `suffix`, and contents of all files of a folder that end in `suffix`, in order.
fn files(folder: &str, suffix: &str, unpack: impl Fn(&Path) -> Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let folder = path(folder);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let named = |path: PathBuf| {
        let name = path
            .file_name()?
            .to_str()?
            .strip_suffix(suffix)?
            .to_string();
        Some((name, unpack(&path)))
    };
    paths.into_iter().filter_map(named).collect()
}

/// The entry of a table of comma-separated values, by the name in its first column.
fn entry(table: &str, name: &str, column: usize) -> f64 {
    let text = String::from_utf8(read(&path(table))).unwrap();
    let row = text.lines().find(|l| l.split(',').next() == Some(name));
    let row = row.unwrap_or_else(|| panic!("{name} is not in {table}"));
    row.split(',').nth(column).unwrap().parse().unwrap()
}

pub mod netlib {
    use super::*;

    fn unpacked(path: &Path) -> Vec<u8> {
        let mut bytes = vec![];
        flate2::read::GzDecoder::new(read(path).as_slice())
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    }

    /// Names and contents of all problems, with the infeasible ones.
    pub fn all() -> Vec<(String, Vec<u8>)> {
        let mut out = files("netlib/infeasible", ".mps.gz", unpacked);
        out.extend(files("netlib", ".mps.gz", unpacked));
        out
    }

    /// One problem; the infeasible ones are named `infeasible/NAME`.
    pub fn file(name: &str) -> Vec<u8> {
        unpacked(&path(&format!("netlib/{name}.mps.gz")))
    }

    /// The published optimum of a problem.
    pub fn optimum(name: &str) -> f64 {
        entry("netlib/optimal_values.csv", name, 1)
    }
}

pub mod sdplib {
    use super::*;

    fn unpacked(path: &Path) -> Vec<u8> {
        let mut bytes = vec![];
        lzma_rs::xz_decompress(&mut read(path).as_slice(), &mut bytes).unwrap();
        bytes
    }

    /// Names and contents of all problems.
    pub fn all() -> Vec<(String, Vec<u8>)> {
        files("sdplib", ".dat-s.xz", unpacked)
    }

    pub fn file(name: &str) -> Vec<u8> {
        unpacked(&path(&format!("sdplib/{name}.dat-s.xz")))
    }

    /// The objective of a run in high precision, in the file's convention.
    pub fn optimum(name: &str) -> f64 {
        entry("sdplib/gmp_reference.csv", name, 3)
    }
}
