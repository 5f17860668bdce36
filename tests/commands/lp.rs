//! `dyncvx lp` as a user runs it.

use crate::common::published::netlib;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const BLENDING: &str = "tests/data/blending.mps";

fn lp(file: &str, options: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .args(["lp", file])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone by now.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in `{text}`"))
}

fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn solves_the_bundled_problem_and_writes_its_solution() {
    let path = file("blending.solution", b"");
    let options = ["--json", "-", "--solution", path.to_str().unwrap()];
    let output = lp(BLENDING, &options, b"");
    assert_eq!(output.status.code(), Some(0));
    let found = json(&output);
    assert_eq!(found["status"], "solved");
    for side in ["primal_objective", "dual_objective"] {
        assert!(
            (found[side].as_f64().unwrap() - 870.0).abs() < 1e-4,
            "{found}"
        );
    }
    let dimacs = found["dimacs"].as_array().unwrap();
    assert!(dimacs.len() == 6 && dimacs.iter().all(|e| e.as_f64().unwrap().abs() <= 1e-8));
    assert!(["direct", "presolve"].contains(&found["engine"].as_str().unwrap()));
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    let table = String::from_utf8(output.stderr).unwrap();
    assert!(
        table.contains("7 rows, 6 variables, 17 nonzeros"),
        "{table}"
    );

    // Values and duals as another solver finds them.
    let text = std::fs::read_to_string(path).unwrap();
    let number = |line: &str, k: usize| -> f64 {
        let found = text.lines().find_map(|l| l.strip_prefix(line));
        let rest = found.unwrap_or_else(|| panic!("no {line:?} in\n{text}"));
        rest.split('\t').nth(k).unwrap().parse().unwrap()
    };
    for (line, k, value) in [
        ("variable\tWHEAT 1", 1, 66.0 + 2.0 / 3.0),
        ("variable\tSOY 2", 1, 40.0),
        ("variable\tKEEP", 2, 1.5),
        ("row\tPROTEIN1", 1, 20.0),
        ("row\tPROTEIN2", 2, 40.0 / 3.0),
        ("row\tFIBRE 1", 1, 4.0),
        ("row\tSTORE", 2, -5.0 / 3.0),
    ] {
        let found = number(line, k);
        assert!(
            (found - value).abs() < 1e-5,
            "{line}: {found} instead of {value}"
        );
    }
    assert_eq!(text.lines().count(), 13);
}

#[test]
fn both_engines_and_standard_input_lead_there() {
    let bytes = std::fs::read(BLENDING).unwrap();
    for engine in ["auto", "direct", "maintained"] {
        let options = [
            "--engine",
            engine,
            "--quiet",
            "--json",
            "-",
            "--threads",
            "1",
        ];
        let output = lp("-", &options, &bytes);
        assert_eq!(
            (output.status.code(), output.stderr.len()),
            (Some(0), 0),
            "{engine}"
        );
        let value = json(&output)["primal_objective"].as_f64().unwrap();
        assert!((value - 870.0).abs() < 1e-4, "{engine}: {value}");
    }
}

#[test]
fn infeasible_and_unbounded_are_answers() {
    let head = "ROWS\n N C\n G A\n L B\nCOLUMNS\n X C -1 A 1\n X B 1\n Y A 1 B 1\n Z C 1 A 1\n Z B -1\nRHS\n";
    let none = format!("{head} R A 3 B 2\nBOUNDS\n UP B Z 0\nENDATA\n");
    let endless =
        "ROWS\n N C\n G A\n G B\nCOLUMNS\n X C -1 A 1\n X B -1\n Y A 1 B 1\nRHS\n R A 1\nENDATA\n";
    for (text, status) in [
        (none.as_str(), "primal_infeasible"),
        (endless, "dual_infeasible"),
    ] {
        let output = lp("-", &["--quiet", "--json", "-"], text.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{status}");
        let found = json(&output);
        assert_eq!(found["status"], status);
        assert_eq!(found["primal_objective"], Value::Null);
    }
}

#[test]
fn what_is_unusable_is_said_in_one_line() {
    let bad = file("bad.mps", b"ROWS\n N C\nCOLUMNS\n X C one\nENDATA\n");
    let bad = bad.to_str().unwrap();
    for (file, options, reason) in [
        (
            bad,
            &[][..],
            format!("{bad}:4:6: expected a number, found `one`"),
        ),
        ("-", &[], "standard input:1:1: expected ENDATA".into()),
        ("nowhere.mps", &[], "nowhere.mps: ".into()),
        (BLENDING, &["--tol", "2"], "setting".into()),
    ] {
        let output = lp(file, options, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains(&reason) && said.lines().count() == 1,
            "{said}"
        );
    }
    let output = lp(
        BLENDING,
        &["--max-iter", "1", "--quiet", "--json", "-"],
        b"",
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["status"], "max_iterations");
}

/// Published problems that the dense engine is quick on. Their optima leave out the constant of the objective, which e226 alone
/// of them has.
#[test]
#[ignore = "needs DYNCVX_DATA"]
fn published_optima() {
    for name in [
        "adlittle", "afiro", "agg2", "bandm", "beaconfd", "blend", "boeing2", "bore3d", "capri",
        "d2q06c", "e226", "etamacro", "fffff800", "forplan", "israel", "kb2", "lotfi", "sc105",
        "scagr7", "share2b", "standmps", "stocfor1",
    ] {
        let (bytes, optimum) = (netlib::file(name), netlib::optimum(name));
        let constant = if name == "e226" { 7.113 } else { 0.0 };
        let found = json(&lp("-", &["--quiet", "--json", "-"], &bytes));
        assert_eq!(found["status"], "solved", "{name}");
        for side in ["primal_objective", "dual_objective"] {
            let value = found[side].as_f64().unwrap() - constant;
            let error = (value - optimum).abs() / optimum.abs().max(1.0);
            assert!(
                error <= 1e-6,
                "{name}: {side} {value} is {error:.1e} off {optimum}"
            );
        }
    }
}

#[test]
#[ignore = "needs DYNCVX_DATA"]
fn infeasible_published_problems_are_certified() {
    for name in [
        "bgdbg1", "galenet", "itest2", "itest6", "klein1", "woodinfe",
    ] {
        let bytes = netlib::file(&format!("infeasible/{name}"));
        let output = lp("-", &["--quiet", "--json", "-"], &bytes);
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert_eq!(json(&output)["status"], "primal_infeasible", "{name}");
    }
}
