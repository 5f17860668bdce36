//! `dyncvx transport` as a user calls it.
#![cfg(feature = "cli")]

use std::process::{Command, Output};

fn dyncvx(arguments: &[&str]) -> Output {
    let binary = env!("CARGO_BIN_EXE_dyncvx");
    Command::new(binary)
        .arg("transport")
        .args(arguments)
        .args(["--quiet", "--threads", "1"])
        .output()
        .unwrap()
}

fn file(name: &str, text: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn digits_are_moved_to_a_certified_gap() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let (a, b) = (
        format!("{folder}/digit_three.csv"),
        format!("{folder}/digit_eight.csv"),
    );
    let plan = format!("{}/digits_plan.npy", env!("CARGO_TARGET_TMPDIR"));
    let picture = format!("{}/digits_plan.png", env!("CARGO_TARGET_TMPDIR"));
    let drawing = format!("{}/digits_plan.svg", env!("CARGO_TARGET_TMPDIR"));
    let arguments = [
        "--images",
        &a,
        &b,
        "--method",
        "mirror-sinkhorn",
        "--tol",
        "0.02",
        "--json",
        "-",
        "--plan",
        &plan,
        "--plot",
        &picture,
    ];
    let output = dyncvx(&arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let record = json(&output);
    assert_eq!(record["status"], "solved");
    let number = |k: &str| record[k].as_f64().unwrap();
    assert!(number("objective") - number("lower_bound") <= 0.02 * number("objective"));
    assert!(number("marginal_violation") <= 1e-12);
    assert!(std::fs::read(&plan).unwrap().starts_with(b"\x93NUMPY"));
    assert!(std::fs::read(&picture).unwrap().starts_with(b"\x89PNG"));
    // The picture is an image in turn, and the JSON is written although the answer is not certified.
    let output = dyncvx(&[
        "--images",
        &picture,
        &picture,
        "--resize",
        "8",
        "--method",
        "mirror-sinkhorn",
        "--max-iter",
        "3",
        "--tol",
        "1e-9",
        "--json",
        "-",
        "--plot",
        &drawing,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["status"], "max_iterations");
    assert!(
        std::fs::read_to_string(&drawing)
            .unwrap()
            .starts_with("<svg")
    );
}

#[test]
fn a_cost_matrix_is_read_and_its_plan_written() {
    let cost = file("cost.csv", "# a cost\n0,1,2\n1,0,1\n");
    let (mu, nu) = (
        file("mu.csv", "0.5,0.5\n"),
        file("nu.csv", "0.25\n0.25\n0.5\n"),
    );
    let plan = format!("{}/plan.csv", env!("CARGO_TARGET_TMPDIR"));
    let run = |method: &str| {
        let output = dyncvx(&[
            "--cost", &cost, "--mu", &mu, "--nu", &nu, "--tol", "1e-3", "--json", "-", "--plan",
            &plan, "--method", method,
        ]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{message}");
        let lines: Vec<Vec<f64>> = std::fs::read_to_string(&plan)
            .unwrap()
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
            .collect();
        (json(&output)["objective"].as_f64().unwrap(), lines)
    };
    // 0.25 stays at each of the first two; row 0 sends 0.25 and row 1 sends 0.25 to column 2: 0.25 (2 + 1).
    let (value, rows) = run("mirror-sinkhorn");
    assert!((value - 0.75).abs() <= 1e-3);
    assert!(
        rows.iter()
            .all(|r| r.len() == 3 && (r.iter().sum::<f64>() - 0.5).abs() <= 1e-12)
    );
    let (value, arcs) = run("exact");
    assert_eq!(value, 0.75);
    assert!(arcs.len() <= 4 && arcs.iter().all(|a| a.len() == 3 && a[2] > 0.0));
    for row in 0..2 {
        let sum: f64 = arcs
            .iter()
            .filter(|a| a[0] == f64::from(row))
            .map(|a| a[2])
            .sum();
        assert!((sum - 0.5).abs() <= 1e-15);
    }
}

#[test]
fn exact_plans_are_written_sparse() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    let (a, b) = (
        format!("{folder}/digit_three.csv"),
        format!("{folder}/digit_eight.csv"),
    );
    let path = |name: &str| format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    let (sparse, dense, drawing) = (path("e.npz"), path("e.npy"), path("e.svg"));
    let run = |plan: &str| {
        let output = dyncvx(&[
            "--images", &a, &b, "--json", "-", "--plan", plan, "--plot", &drawing,
        ]);
        assert_eq!(output.status.code(), Some(0));
        json(&output)
    };
    let record = run(&sparse);
    assert_eq!(
        (&record["status"], &record["method"]),
        (&"solved".into(), &"exact".into())
    );
    let gap = record["gap"].as_f64().unwrap();
    assert!(gap <= 1e-9 * record["objective"].as_f64().unwrap());
    run(&dense);
    // Stored files: the last array of the archive is the masses, the dense file's nonzeros are the same numbers.
    let archive = std::fs::read(&sparse).unwrap();
    assert!(archive.starts_with(b"PK\x03\x04"));
    let at = archive.windows(8).position(|w| w == b"data.npy").unwrap() + 8;
    let numbers = |array: &[u8]| -> Vec<f64> {
        let header = 10 + usize::from(u16::from_le_bytes([array[8], array[9]]));
        let body = array[header..].chunks_exact(8);
        body.map(|b| f64::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    let length = u32::from_le_bytes(archive[at - 16..at - 12].try_into().unwrap()) as usize;
    let mut masses = numbers(&archive[at..at + length]);
    let mut whole = numbers(&std::fs::read(&dense).unwrap());
    whole.retain(|v| *v > 0.0);
    masses.sort_by(f64::total_cmp);
    whole.sort_by(f64::total_cmp);
    assert!(masses.len() > 10);
    assert_eq!(masses, whole);
    assert!(
        std::fs::read_to_string(&drawing)
            .unwrap()
            .starts_with("<svg")
    );
}

#[test]
fn unusable_input_ends_with_status_two_and_one_line() {
    let (mu, nu) = (file("m2.csv", "0.5,0.5\n"), file("n2.csv", "0.5,0.5\n"));
    let bad = file("bad.csv", "0,1\n1,x\n");
    let good = file("good.csv", "0,1\n1,0\n");
    let ragged = file("ragged.csv", "0,1\n1\n");
    let heavy = file("heavy.csv", "0.5,0.6\n");
    let negative = file("negative.csv", "1.5,-0.5\n");
    let cases: [(&[&str], &str); 8] = [
        (
            &["--cost", &bad, "--mu", &mu, "--nu", &nu],
            "line 2, column 3: expected a number, found `x`",
        ),
        (
            &["--cost", &ragged, "--mu", &mu, "--nu", &nu],
            "line 2, column 1: expected 2 numbers, found 1",
        ),
        (
            &["--cost", &good, "--mu", &mu, "--nu", &heavy],
            "marginal 1",
        ),
        (
            &["--cost", &good, "--mu", &negative, "--nu", &nu],
            "marginal 0",
        ),
        (
            &["--cost", &good, "--mu", &good, "--nu", &nu],
            "expected a vector",
        ),
        (
            &["--cost", "missing.csv", "--mu", &mu, "--nu", &nu],
            "missing.csv",
        ),
        (&["--images", &negative, &good], "not negative"),
        (&["--images", &good, &good, "--resize", "3"], "--resize"),
    ];
    for (arguments, reason) in cases {
        let output = dyncvx(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(reason), "{message}");
        assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    }
    assert_eq!(dyncvx(&[]).status.code(), Some(2));
}
