//! Reading the NETLIB problems at hand.

use std::io::Read;
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    match std::env::var_os("DYNCVX_DATA") {
        Some(data) => Some(Path::new(&data).join("netlib")),
        None => {
            println!("skipped: DYNCVX_DATA is not set");
            None
        }
    }
}

fn unpacked(path: &Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut bytes = vec![];
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// Names and contents of all, the infeasible ones too; `None` when there is no data on this machine.
pub fn files() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = folder()?;
    let mut out = vec![];
    for folder in [folder.join("infeasible"), folder] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".mps.gz") {
                out.push((name.to_string(), unpacked(&path)));
            }
        }
    }
    Some(out)
}

/// One problem; `None` when there is no data on this machine.
pub fn file(name: &str) -> Option<Vec<u8>> {
    Some(unpacked(&folder()?.join(format!("{name}.mps.gz"))))
}

/// The published optimum of a problem.
pub fn optimum(name: &str) -> Option<f64> {
    let table = std::fs::read_to_string(folder()?.join("optimal_values.csv")).unwrap();
    let row = table
        .lines()
        .find_map(|l| l.strip_prefix(&format!("{name},")));
    Some(row.unwrap_or_else(|| panic!("{name}")).parse().unwrap())
}
