//! `dyncvx transport` as a user calls it.

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

/// Random costs and masses as files: the arguments that name them.
fn problem(name: &str, m: usize, n: usize) -> [String; 6] {
    let noise = |k: usize| ((k * k * 7 + k * 29 + 11) % 101) as f64 / 101.0;
    let line = |i: usize| {
        let line: Vec<String> = (0..n)
            .map(|j| ((noise(i) - noise(j + 50)).powi(2) + 0.05 * noise(i * n + j)).to_string())
            .collect();
        line.join(",")
    };
    let cost: Vec<String> = (0..m).map(line).collect();
    let mass = |count: usize, at: usize| {
        let v: Vec<f64> = (0..count).map(|k| 0.1 + noise(k + at)).collect();
        let total: f64 = v.iter().sum();
        let v: Vec<String> = v.iter().map(|v| (v / total).to_string()).collect();
        v.join("\n")
    };
    [
        "--cost".into(),
        file(&format!("{name}.cost.csv"), &cost.join("\n")),
        "--mu".into(),
        file(&format!("{name}.mu.csv"), &mass(m, 3)),
        "--nu".into(),
        file(&format!("{name}.nu.csv"), &mass(n, 40)),
    ]
}

fn lp(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dyncvx"))
        .arg("lp")
        .args(arguments)
        .args(["--quiet", "--threads", "1", "--json", "-"])
        .output()
        .unwrap()
}

#[test]
fn mirror_sinkhorn_saves_the_linear_program_iterations() {
    let given = problem("start", 40, 50);
    let path = |name: &str| format!("{}/start.{name}", env!("CARGO_TARGET_TMPDIR"));
    let (mps, point) = (path("mps"), path("point"));
    let mut arguments: Vec<&str> = given.iter().map(String::as_str).collect();
    arguments.extend(["--method", "mirror-sinkhorn", "--tol", "0.02"]);
    arguments.extend(["--mps", &mps, "--solution", &point, "--json", "-"]);
    let output = dyncvx(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (cold, warm) = (lp(&[&mps]), lp(&[&mps, "--warm-start", &point]));
    let (cold, warm) = (json(&cold), json(&warm));
    let number = |j: &serde_json::Value, k: &str| j[k].as_f64().unwrap();
    assert_eq!(
        (&cold["status"], &warm["status"]),
        (&"solved".into(), &"solved".into())
    );
    assert!((number(&cold, "primal_objective") - number(&warm, "primal_objective")).abs() < 1e-7);
    let (before, after) = (number(&cold, "iterations"), number(&warm, "iterations"));
    println!("{before} iterations, {after} from Mirror Sinkhorn");
    assert!(3.0 * after <= 2.0 * before, "{before} {after}");

    let bad = [
        ("nothing\tx0_0\t0\t0", "`nothing`"),
        ("variable\tx99_0\t0\t0", "x99_0"),
        ("row\tr0\t0", "four fields"),
        ("row\tr0\t0\tnan", "`nan`"),
    ];
    for (text, said) in bad {
        let start = file("bad.point", &format!("# a comment\n{text}\n"));
        let output = lp(&[&mps, "--warm-start", &start]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("line 2") && error.contains(said), "{error}");
    }
}

#[test]
fn points_are_as_good_as_their_distances() {
    let x = file("points.x.csv", "0,0\n1,0\n0,2\n");
    let y = file("points.y.csv", "0,1\n3,0\n");
    let nu = file("points.nu.csv", "0.5\n0.5\n");
    // Unmatched: the mass of y0 comes from x0 and half of x2, say; all by hand: distances of x to y.
    let table = |f: &dyn Fn(f64, f64) -> f64| {
        let (x, y) = (
            [(0.0, 0.0), (1.0, 0.0), (0.0, 2.0)],
            [(0.0, 1.0), (3.0, 0.0)],
        );
        let line = |(a, b): (f64, f64)| {
            let line: Vec<String> = y.iter().map(|(c, d)| f(a - c, b - d).to_string()).collect();
            line.join(",")
        };
        x.map(line).join("\n")
    };
    let mu = file("points.mu.csv", &format!("{0}\n{0}\n{0}\n", 1.0 / 3.0));
    type Distance<'a> = &'a dyn Fn(f64, f64) -> f64;
    let distances: [(&str, Distance<'_>); 3] = [
        ("squared-euclidean", &|a, b| a * a + b * b),
        ("euclidean", &|a, b| a.hypot(b)),
        ("l1", &|a, b| a.abs() + b.abs()),
    ];
    for (name, f) in distances {
        let cost = file(&format!("points.{name}.csv"), &table(f));
        let dense = dyncvx(&["--cost", &cost, "--mu", &mu, "--nu", &nu, "--json", "-"]);
        let arguments = [
            "--points",
            &x,
            &y,
            "--distance",
            name,
            "--nu",
            &nu,
            "--json",
            "-",
        ];
        let (dense, points) = (json(&dense), json(&dyncvx(&arguments)));
        assert_eq!(points["status"], "solved");
        let number = |j: &serde_json::Value| j["objective"].as_f64().unwrap();
        assert!((number(&dense) - number(&points)).abs() < 1e-13, "{name}");
    }
    let three = file("points.z.csv", "0,1,2\n");
    let output = dyncvx(&["--points", &x, &three]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn forbidden_arcs_are_infinite_costs_or_left_out_of_a_list() {
    let masked = file("masked.csv", "1,inf\n2,0.5\n");
    let listed = file("listed.csv", "# row,column,cost\n0,0,1\n1,0,2\n1,1,0.5\n");
    let (mu, nu) = (
        file("masked.mu.csv", "0.5\n0.5\n"),
        file("masked.nu.csv", "0.75\n0.25\n"),
    );
    let common = ["--mu", &mu, "--nu", &nu, "--json", "-"];
    let plan = format!("{}/masked.npz", env!("CARGO_TARGET_TMPDIR"));
    for given in [["--cost", &masked], ["--arcs", &listed]] {
        let output = dyncvx(&[&given[..], &common, &["--plan", &plan]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let record = json(&output);
        assert_eq!(record["status"], "solved");
        assert_eq!(record["objective"], 0.5 + 0.5 + 0.125);
        assert!(record["cut"].is_null());
    }
    // The plan just written is a list of arcs in turn: its masses are now costs.
    let output = dyncvx(&[&["--arcs", &plan][..], &common].concat());
    assert_eq!(json(&output)["objective"], 0.5 * 0.5 + 2.0 * 0.25 * 0.25);
    // Nothing but column 1 for row 1, which holds more: answered, certified.
    let short = file("short.csv", "0,0,1\n1,1,0.5\n");
    let output = dyncvx(&[&["--arcs", &short][..], &common].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let record = json(&output);
    assert_eq!(record["status"], "primal_infeasible");
    assert!(record["objective"].is_null() && record["lower_bound"].is_null());
    assert_eq!(record["cut"]["rows"], serde_json::json!([1]));
    assert_eq!(record["cut"]["columns"], serde_json::json!([1]));
    assert_eq!(record["cut"]["excess"], 0.25);
    let bad = [
        ("0,0\n", "row, column and cost"),
        ("0,0.5,1\n", "column counted from 0"),
        ("-1,0,1\n", "row counted from 0"),
        ("0,2,1\n", "below 2"),
        ("0,0,nan\n", "NaN"),
        ("PK broken", "npz"),
    ];
    for (text, said) in bad {
        let arcs = file("bad.arcs.csv", text);
        let output = dyncvx(&[&["--arcs", &arcs][..], &common].concat());
        assert_eq!(output.status.code(), Some(2), "{text}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(said), "{text}: {error}");
    }
    let sinkhorn = ["--arcs", &listed, "--method", "mirror-sinkhorn"];
    let output = dyncvx(&[&sinkhorn[..], &common].concat());
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn whole_numbers_are_costs() {
    // 2 x 3 entries of eight bytes, by row: what NumPy calls int64.
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let padded = format!("{header:<117}\n");
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.bytes());
    for cost in [3i64, 1, 2, 1, 2, 2] {
        bytes.extend(cost.to_le_bytes());
    }
    let path = format!("{}/whole.npy", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, bytes).unwrap();
    let mu = file("whole.mu.csv", "2\n2\n");
    let nu = file("whole.nu.csv", "1\n1\n2\n");
    let output = dyncvx(&["--cost", &path, "--mu", &mu, "--nu", &nu, "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(json(&output)["objective"], 1.0 + 2.0 + 1.0 + 2.0);
}
