//! The published problems of `tests/data/published`, from the command line: statuses and reference objectives.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn solve(command: &str, file: &str) -> Value {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/published")
        .join(file);
    assert!(
        path.is_file(),
        "{} is missing: the repository holds it, the package does not",
        path.display()
    );
    let output = Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .arg(command)
        .arg(path)
        .args(["--quiet", "--json", "-"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{file}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_solved(command: &str, file: &str, optimum: f64) {
    let found = solve(command, file);
    assert_eq!(found["status"], "solved", "{file}");
    for side in ["primal_objective", "dual_objective"] {
        let value = found[side].as_f64().unwrap();
        let error = (value - optimum).abs() / optimum.abs().max(1.0);
        assert!(
            error <= 1e-6,
            "{file}: {side} {value} is {error:.1e} off {optimum}"
        );
    }
}

/// References from SDPA-GMP in high precision. The feasible set of `qap6` has no interior.
#[test]
fn semidefinite_programs() {
    for (name, optimum) in [
        ("truss1", -8.99999631528689),
        ("control1", 17.784626717523405),
        ("theta1", 23.0),
        ("mcp100", 226.15735148330884),
        ("qap6", -381.4384021736792),
    ] {
        assert_solved("sdp", &format!("{name}.dat-s"), optimum);
    }
}

#[test]
fn linear_programs() {
    for (name, optimum) in [
        ("afiro", -464.75314286),
        ("sc105", -52.202061212),
        ("kb2", -1749.9001299),
    ] {
        assert_solved("lp", &format!("{name}.mps"), optimum);
    }
}

#[test]
fn infeasible_linear_programs() {
    for name in ["galenet", "klein1"] {
        let found = solve("lp", &format!("{name}.mps"));
        assert_eq!(found["status"], "primal_infeasible", "{name}");
    }
}
