//! The command as a user runs it.

use crate::common::dense;
use dyncvx::io::sdpa;
use dyncvx::problem::generators::max_cut;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn dyncvx(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in `{text}`"))
}

/// A file in a directory of this test run.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

const MAXCUT: &str = "tests/data/karate_maxcut.dat-s";
const THETA: &str = "tests/data/karate_theta.dat-s";

#[test]
fn solves_the_bundled_problems() {
    // Values of tests/data/README.md, found independently of this project.
    for (path, value) in [(MAXCUT, 63.489_461_927_15), (THETA, 20.0)] {
        for engine in ["auto", "direct", "maintained"] {
            let output = dyncvx(&[
                "sdp",
                path,
                "--json",
                "-",
                "--engine",
                engine,
                "--threads",
                "1",
            ]);
            assert_eq!(output.status.code(), Some(0));
            let found = json(&output);
            assert_eq!(found["status"], "solved");
            let primal = found["primal_objective"].as_f64().unwrap();
            let dual = found["dual_objective"].as_f64().unwrap();
            assert!((primal - value).abs() < 1e-6 * value && (dual - value).abs() < 1e-6 * value);
            // min Σ c_i x_i is reached from above.
            assert!(primal >= dual);
            let dimacs = found["dimacs"].as_array().unwrap();
            assert_eq!(dimacs.len(), 6);
            assert!(dimacs.iter().all(|e| e.as_f64().unwrap().abs() <= 1e-8));
            assert!(found["gap"].as_f64().unwrap() <= 1e-8);
            assert!(found["iterations"].as_u64().unwrap() > 3);
            // Small as these are, a factorisation is never worth avoiding.
            let ways = found["engine"].as_str().unwrap();
            assert_eq!(ways == "direct", engine != "maintained", "{ways}");
            let known = |way: &str| ["split", "stale", "single", "direct"].contains(&way);
            assert!(ways.split('+').all(known), "{ways}");
            assert_eq!(found["rank"].as_array().unwrap().len(), 1);
            for side in ["primal", "dual"] {
                let error = found["objective_error"][side].as_f64().unwrap();
                assert!((0.0..1e-7).contains(&error), "{error:e}");
            }
            assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
            for part in ["read", "setup", "solve"] {
                assert!(found["seconds"][part].as_f64().unwrap() >= 0.0);
            }
            // The table went to standard error, with a row an iteration.
            let table = String::from_utf8(output.stderr).unwrap();
            assert!(table.lines().count() as u64 > found["iterations"].as_u64().unwrap());
        }
    }
}

#[test]
fn both_directions_lead_there() {
    let output = dyncvx(&[
        "sdp",
        MAXCUT,
        "--quiet",
        "--json",
        "-",
        "--direction",
        "hkm",
    ]);
    assert_eq!(json(&output)["status"], "solved");
    assert!((json(&output)["primal_objective"].as_f64().unwrap() - 63.489_461_927_15).abs() < 1e-5);
    // A pair of weights is not maintained: said so, not worked around.
    let output = dyncvx(&[
        "sdp",
        MAXCUT,
        "--direction",
        "hkm",
        "--engine",
        "maintained",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("not supported by Iterative")
    );
}

#[test]
fn quiet_is_quiet_and_json_can_go_to_a_file() {
    let path = file("result.json", b"");
    let output = dyncvx(&["sdp", MAXCUT, "--quiet", "--json", path.to_str().unwrap()]);
    assert_eq!(
        (
            output.status.code(),
            output.stdout.len(),
            output.stderr.len()
        ),
        (Some(0), 0, 0)
    );
    let found: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(found["status"], "solved");
}

#[test]
fn reads_standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .args(["sdp", "-", "--quiet", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&std::fs::read(MAXCUT).unwrap())
        .unwrap();
    assert_eq!(json(&child.wait_with_output().unwrap())["status"], "solved");
}

/// The written point is feasible, and optimal, when everything is worked out here from the file's own definitions.
#[test]
fn writes_a_solution_that_checks_out() {
    let path = file("karate.solution", b"");
    let output = dyncvx(&[
        "sdp",
        MAXCUT,
        "--quiet",
        "--solution",
        path.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(0));
    let text = std::fs::read_to_string(path).unwrap();
    let program = sdpa::read(&std::fs::read(MAXCUT).unwrap()).unwrap();
    let x: Vec<f64> = text
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .map(|v| v.parse().unwrap())
        .collect();
    assert_eq!(x.len(), 34);
    let n = 34;
    let mut matrices = [vec![vec![0.0; n]; n], vec![vec![0.0; n]; n]];
    for line in text.lines().skip(1) {
        let mut numbers = line.split_whitespace();
        let mut index = || numbers.next().unwrap().parse::<usize>().unwrap();
        let (which, block, i, j) = (index(), index(), index(), index());
        let value: f64 = numbers.next().unwrap().parse().unwrap();
        assert_eq!(block, 1);
        matrices[which - 1][i - 1][j - 1] = value;
        matrices[which - 1][j - 1][i - 1] = value;
    }
    // X = Σ x_i F_i − F_0.
    let mut expected = vec![vec![0.0; n]; n];
    for (_, _, r, c, v) in program.constant().entries() {
        expected[r][c] -= v;
    }
    for (i, _, r, c, v) in program.matrices().entries() {
        expected[r][c] += x[i] * v;
    }
    for r in 0..n {
        for c in r..n {
            assert!((matrices[0][r][c] - expected[r][c]).abs() < 1e-9);
        }
    }
    // ⟨F_i, Y⟩ = c_i, both matrices positive semidefinite, equal objectives.
    assert!((0..n).all(|i| (matrices[1][i][i] - 1.0).abs() < 1e-7));
    let dual: f64 = program
        .constant()
        .entries()
        .map(|(_, _, r, c, v)| v * matrices[1][r][c] * if r == c { 1.0 } else { 2.0 })
        .sum();
    assert!((x.iter().sum::<f64>() - dual).abs() < 1e-5);
    for m in matrices {
        assert!(
            dense::eigenvalues(m)
                .into_iter()
                .fold(f64::INFINITY, f64::min)
                > -1e-7
        );
    }
}

#[test]
fn an_unanswered_question_ends_with_status_1_and_a_record() {
    for (arguments, status) in [
        (["--max-iter", "2"], "max_iterations"),
        (["--time-limit", "0"], "time_limit"),
    ] {
        let output = dyncvx(&[&["sdp", MAXCUT, "--json", "-"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(json(&output)["status"], status);
    }
}

#[test]
fn ctrl_c_ends_a_solve_with_the_best_point_so_far() {
    // Large enough to be interrupted: a ring with chords.
    let n = 260;
    let edges: Vec<(usize, usize, f64)> = (0..n)
        .flat_map(|i| {
            [
                (i, (i + 1) % n, 1.0),
                (i, (i + 7) % n, 1.5),
                (i, (i + 31) % n, 0.5),
            ]
        })
        .collect();
    let edges: Vec<_> = edges
        .into_iter()
        .map(|(u, v, w)| (u.min(v), u.max(v), w))
        .collect();
    let mut bytes = Vec::new();
    sdpa::write(&max_cut(n, &edges).unwrap(), &mut bytes).unwrap();
    let path = file("ring.dat-s", &bytes);
    let mut child = Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .args([
            "sdp",
            path.to_str().unwrap(),
            "--json",
            "-",
            "--threads",
            "1",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut table = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // Title, head, and the rows of iterations 0 to 2.
    for _ in 0..5 {
        table.read_line(&mut line).unwrap();
    }
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    table.read_to_string(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{line}");
    let found = json(&output);
    assert_eq!(found["status"], "stopped");
    assert!(found["primal_objective"].as_f64().unwrap() > 0.0);
}

#[test]
fn unusable_input_is_one_line_and_status_2() {
    let good = std::fs::read_to_string(MAXCUT).unwrap();
    let head = "1\n1\n2\n1.0\n";
    let bad: Vec<(&str, String, &str)> = vec![
        (
            "truncated",
            good[..good.len() * 2 / 3]
                .trim_end()
                .rsplit_once(' ')
                .unwrap()
                .0
                .into(),
            "",
        ),
        ("letters", format!("{head}0 1 1 1 abc\n"), ":5:9:"),
        ("range", format!("{head}0 1 1 3 1.0\n"), ":5:7:"),
        ("matrix", format!("{head}2 1 1 1 1.0\n"), ":5:1:"),
        ("empty", String::new(), ":1:1:"),
        ("zero_block", "1\n1\n0\n1.0\n".into(), ":3:1:"),
        ("nan", format!("{head}0 1 1 1 NaN\n"), ":5:9:"),
        (
            "unsymmetric",
            format!("{head}1 1 1 2 1.0\n1 1 2 1 2.0\n"),
            ":6:",
        ),
    ];
    for (name, content, place) in bad {
        let path = file(&format!("{name}.dat-s"), content.as_bytes());
        let output = dyncvx(&["sdp", path.to_str().unwrap(), "--json", "-"]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {message}");
        assert!(output.stdout.is_empty(), "{name}");
        assert_eq!(message.lines().count(), 1, "{name}: {message}");
        assert!(
            message.contains(&format!("{name}.dat-s:")) && message.contains(place),
            "{name}: {message}"
        );
        assert!(
            message.contains("expected") && message.contains("found"),
            "{name}: {message}"
        );
    }
    for path in ["tests/data/no_such_file.dat-s", "tests/data"] {
        let output = dyncvx(&["sdp", path, "--json", "-"]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), message.lines().count()),
            (Some(2), 1),
            "{message}"
        );
        assert!(message.contains(path), "{message}");
    }
    // A size that a file merely claims is refused where it stands.
    let path = file("large.dat-s", b"1\n1\n99999999\n1.0\n1 1 1 1 1.0\n");
    let output = dyncvx(&["sdp", path.to_str().unwrap()]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.lines().count() == 1 && message.contains("large.dat-s:3:1: "),
        "{message}"
    );
    // Dependent rows are no reason to refuse.
    let path = file(
        "dependent.dat-s",
        b"2\n1\n2\n1.0 2.0\n1 1 1 2 1.0\n2 1 1 2 2.0\n0 1 1 1 -1.0\n",
    );
    let output = dyncvx(&["sdp", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn bad_usage_is_status_2() {
    let usages: [&[&str]; 11] = [
        &[],
        &["nonsense"],
        &["sdp"],
        &["sdp", MAXCUT, "--engine", "magic"],
        &["sdp", MAXCUT, "--tol", "-1"],
        &["sdp", MAXCUT, "--tol", "much"],
        &["sdp", MAXCUT, "--time-limit", "NaN"],
        &["sdp", MAXCUT, "--threads", "0"],
        &["sdp", MAXCUT, "--threads", "100000000"],
        &["maintain", "--n", "8", "--m", "37"],
        &["maintain", "--n", "4000000", "--m", "37"],
    ];
    for usage in usages {
        let output = dyncvx(usage);
        assert_eq!(output.status.code(), Some(2), "{usage:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{usage:?}"
        );
    }
    for usage in [
        ["maintain", "--rank", "0"],
        ["maintain", "--rank", "65"],
        ["maintain", "--m", "0"],
    ] {
        assert_eq!(dyncvx(&usage).status.code(), Some(2), "{usage:?}");
    }
    // An output that cannot be written is unusable as well.
    assert_eq!(
        dyncvx(&["sdp", MAXCUT, "--quiet", "--json", "tests/data"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn maintain_compares_with_recomputing() {
    for (n, m, entries) in [("32", "400", "3"), ("12", "60", "0")] {
        let output = dyncvx(&[
            "maintain",
            "--n",
            n,
            "--m",
            m,
            "--rank",
            "1",
            "--updates",
            "20",
            "--entries",
            entries,
            "--json",
            "-",
        ]);
        assert_eq!(output.status.code(), Some(0));
        let found = json(&output);
        assert_eq!(found["updates"], 20);
        let (naive, kept) = (
            found["naive_seconds"].as_f64().unwrap(),
            found["maintained_seconds"].as_f64().unwrap(),
        );
        assert!(naive > 0.0 && kept > 0.0);
        assert!((found["ratio"].as_f64().unwrap() - naive / kept).abs() < 1e-9 * naive / kept);
        assert!(found["max_relative_difference"].as_f64().unwrap() < 1e-8);
        assert!(found["max_residual"].as_f64().unwrap() <= 1e-10);
        assert!(found["refactorisations"].as_u64().unwrap() <= 20);
    }
}

#[test]
fn maintain_draws_what_it_measured() {
    let path = file("maintain.svg", b"");
    let plot = path.to_str().unwrap();
    let output = dyncvx(&[
        "maintain",
        "--n",
        "6",
        "--m",
        "12",
        "--updates",
        "5",
        "--quiet",
        "--plot",
        plot,
    ]);
    if cfg!(feature = "plot") {
        assert_eq!(output.status.code(), Some(0));
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for text in ["recomputed", "maintained", "cumulative seconds"] {
            assert!(svg.contains(text), "{text}");
        }
        // Two curves of five updates: a line each, and a dot a point.
        assert_eq!(svg.matches("<circle").count(), 10);
    } else {
        // Refused at once, not after the work.
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("--plot"), "{message}");
    }
}
