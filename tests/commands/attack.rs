//! `dyncvx attack` as a user runs it.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

const SMALL: [&str; 9] = [
    "attack",
    "--n",
    "10",
    "--m",
    "20",
    "--rows",
    "32",
    "--queries",
    "900",
];

fn attack(more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .args(SMALL)
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn compares_one_sketch_the_median_and_the_robust_structure() {
    let output = attack(&["--json", "-"]);
    assert_eq!(output.status.code(), Some(0));
    let found = json(&output);
    for side in ["single", "median", "robust"] {
        let p = |key: &str| found[side][key].as_f64().unwrap();
        assert!(
            p("oblivious_p95") > 0.0 && p("attacked_p95") > 0.0,
            "{found}"
        );
    }
    let p = |side: &str, key: &str| found[side][key].as_f64().unwrap();
    // N = 100: √(N/b) = 1.8 is what one sketch can be driven to.
    assert!(p("single", "attacked_p95") > 3.0 * p("single", "oblivious_p95"));
    assert!(p("robust", "attacked_p95") < 2.0 * p("robust", "oblivious_p95"));
    assert_eq!(found["single"]["copies"], 1);
    assert!(found["robust"]["copies"].as_u64().unwrap() < 900);
    assert_eq!(found["attacker"], "sign-correlation");
    assert!(found["width_ratio"].as_f64().unwrap() > 1.0);
    let spoken = String::from_utf8(output.stderr).unwrap();
    assert!(
        spoken.contains("the exact structure is smaller"),
        "{spoken}"
    );
    // From one seed, with any number of threads.
    for threads in ["1", "2"] {
        let again = attack(&["--json", "-", "--quiet", "--threads", threads]);
        assert!(again.stderr.is_empty());
        assert_eq!(json(&again), found);
    }
    assert!(json(&attack(&["--json", "-", "--quiet", "--seed", "2"])) != found);
}

#[test]
fn every_attacker_runs_and_too_few_copies_are_remarked_on() {
    for name in ["reconstruction", "updates", "potential"] {
        let output = attack(&["--attacker", name, "--copies", "100", "--json", "-"]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        let found = json(&output);
        assert_eq!(found["attacker"], name);
        assert_eq!(found["robust"]["copies"], 100);
        assert_eq!(found["planned_error"], Value::Null);
        assert_eq!(
            found["robust"]["updates"].as_u64().unwrap() > 0,
            name == "updates"
        );
        assert!(
            String::from_utf8(output.stderr)
                .unwrap()
                .contains("nothing is promised")
        );
    }
}

#[cfg(feature = "plot")]
#[test]
fn draws_the_error_against_the_question() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("attack.svg");
    let path = path.to_str().unwrap();
    assert_eq!(attack(&["--plot", path, "--quiet"]).status.code(), Some(0));
    let text = std::fs::read_to_string(path).unwrap();
    for word in ["one sketch", "plain median", "robust", "question", "</svg>"] {
        assert!(text.contains(word), "{word}");
    }
    let nowhere = attack(&["--plot", "no/such/folder/a.svg", "--quiet"]);
    assert_eq!(nowhere.status.code(), Some(2));
}

#[test]
fn bad_usage_is_one_line_and_status_2() {
    for (more, word) in [
        (["--attacker", "nobody"], "nobody"),
        (["--rows", "0"], "rows"),
        (["--rows", "8"], "rows"),
        (["--queries", "0"], "queries"),
        (["--m", "0"], "m"),
        (["--m", "56"], "m"),
        (["--accuracy", "0.01"], "accuracy"),
        (["--copies", "3"], "sample"),
    ] {
        let mut arguments = SMALL.to_vec();
        if let Some(at) = arguments.iter().position(|a| *a == more[0]) {
            arguments.drain(at..at + 2);
        }
        let output = Command::new(env!("CARGO_BIN_EXE_dyncvx"))
            .args(arguments)
            .args(more)
            .arg("--quiet")
            .output()
            .unwrap();
        let spoken = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}: {spoken}");
        assert_eq!(spoken.lines().count(), 1, "{spoken}");
        assert!(spoken.contains(word), "{spoken}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_an_attack_with_a_record() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .args([
            "attack",
            "--queries",
            "1000000",
            "--copies",
            "48",
            "--json",
            "-",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line says that the attack begins.
    let mut spoken = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("growth") {
        line.clear();
        assert!(spoken.read_line(&mut line).unwrap() > 0);
    }
    let drained = std::thread::spawn(move || std::io::copy(&mut spoken, &mut std::io::sink()));
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    drained.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["complete"], false);
}
