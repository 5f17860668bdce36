//! What the readers leave out of a file reaches the user: on standard error and in the result.

use serde_json::Value;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dyncvx"));
    command.args(arguments).output().unwrap()
}

const TWO_SETS: &str = "tests/data/cases/mps_two_bound_sets.mps";

#[test]
fn a_second_set_is_told_on_standard_error_and_in_the_result() {
    let output = run(&["lp", TWO_SETS, "--json", "-"]);
    assert_eq!(output.status.code(), Some(0));
    let expected =
        "line 12: set `BND` of BOUNDS is left out with its 1 entry: the first set counts, `BOUND`";
    let errors = String::from_utf8(output.stderr).unwrap();
    let line = format!("{TWO_SETS}: notice: {expected}\n");
    assert!(errors.contains(&line), "{errors}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["status"], "solved");
    assert!((found["primal_objective"].as_f64().unwrap() + 100.0).abs() < 1e-5);
    assert_eq!(found["notices"], serde_json::json!([expected]));

    // A quiet command tells it in the result only.
    let output = run(&["lp", TWO_SETS, "--json", "-", "--quiet"]);
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["notices"], serde_json::json!([expected]));
}

#[test]
fn a_file_that_was_read_whole_has_no_notices() {
    let output = run(&["lp", "tests/data/cases/mps_bom.mps", "--json", "-"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(!String::from_utf8(output.stderr).unwrap().contains("notice"));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["notices"], serde_json::json!([]));
}

#[test]
fn an_integer_section_is_refused_with_its_place() {
    let file = "tests/data/cases/sdpa_integer.dat-s";
    let output = run(&["sdp", file]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.starts_with(&format!("dyncvx: {file}:9:1: ")),
        "{errors}"
    );
    assert!(errors.contains("found the section `*INTEGER`"), "{errors}");
}

fn file(name: &str, content: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, content).unwrap();
    path
}

/// Masses as a spreadsheet writes them, and a packed sparse matrix of SciPy.
#[test]
fn transport_reads_what_other_programs_write() {
    let mu = file("notices.mu.csv", "\u{feff}mass\r\n1\r\n2\r\n");
    let nu = file("notices.nu.csv", "1;1;1\n");
    let masses = ["--mu", &mu, "--nu", &nu, "--json", "-"];
    let arcs = "tests/data/tables/csr.npz";
    let output = run(&[&["transport", "--arcs", arcs][..], &masses].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Row 0 to column 0 for 1, row 1 to column 1 for 0.5, and to column 2 for nothing.
    assert_eq!(found["objective"], 1.5);
    let said = format!("{mu}: line 1: the column names `mass` are left out");
    assert_eq!(found["notices"], serde_json::json!([said]));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains(&format!("notice: {said}\n")), "{errors}");

    // The matrix states its shape, and no pair may be given twice.
    for (arcs, nu, expected) in [
        (
            arcs,
            file("notices.short.csv", "2 1\n"),
            "expected 2 x 2 costs",
        ),
        (
            "tests/data/tables/repeated.npz",
            nu,
            "arc 3: expected every pair",
        ),
    ] {
        let output = run(&["transport", "--arcs", arcs, "--mu", &mu, "--nu", &nu]);
        assert_eq!(output.status.code(), Some(2));
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(expected), "{errors}");
    }
}
