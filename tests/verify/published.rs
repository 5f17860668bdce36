//! Brackets of the published optima of SDPLIB and NETLIB.

use dyncvx::io::mps;
use dyncvx::ipm::{Settings, Solution, Start};
use dyncvx::problem::{ConicProgram, LinearProgram};
use dyncvx::solver::{LinearOutcome, LinearSolver};
use dyncvx::verify::{Aids, Bounds};
use dyncvx::{Solver, io::sdpa, verify};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

fn run(program: &ConicProgram, tol: f64) -> Option<Solution> {
    let mut settings = Settings::with_tolerance(tol);
    settings.time_limit = 300.0;
    let mut solver = Solver::new(program.clone(), settings).ok()?;
    solver.solve(&mut |_| ControlFlow::Continue(())).ok()
}

/// Of every problem in the table: seconds of the solver and of the proof, bounds in the file's convention.
#[test]
#[ignore = "needs DYNCVX_DATA: brackets of the references of SDPLIB"]
fn references_are_bracketed() {
    run_all();
}

pub fn run_all() {
    let Some(data) = std::env::var_os("DYNCVX_DATA") else {
        return println!("skipped: DYNCVX_DATA is not set");
    };
    let folder = Path::new(&data).join("sdplib");
    let table = std::fs::read_to_string(folder.join("gmp_reference.csv")).unwrap();
    let only = std::env::var("DYNCVX_PROBLEMS").ok();
    let (mut widths, mut tried) = (vec![], 0);
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (name, reference) = (fields[0], fields[3].parse::<f64>());
        if only
            .as_ref()
            .is_some_and(|o| !o.split(',').any(|n| n == name))
        {
            continue;
        }
        let (Ok(packed), Ok(reference)) = (
            std::fs::read(folder.join(format!("{name}.dat-s.xz"))),
            reference,
        ) else {
            continue;
        };
        let mut bytes = Vec::new();
        lzma_rs::xz_decompress(&mut packed.as_slice(), &mut bytes).unwrap();
        let program = sdpa::read(bytes.as_slice()).unwrap();
        let program = program.conic();
        let clock = Instant::now();
        let Some(found) = run(program, 1e-8) else {
            continue;
        };
        let solve = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let mut bounds = verify::conic(program, &found).unwrap();
        let first = clock.elapsed().as_secs_f64();
        let mut how = "direct";
        let direct = (bounds.lower.is_some(), bounds.upper.is_some());
        let clock = Instant::now();
        if found.certificate.is_none() && (bounds.lower.is_none() || bounds.upper.is_none()) {
            how = "interior";
            let inner = run(program, 1e-4).unwrap();
            let interior = Start::from(&inner);
            let aids = Aids {
                interior: Some(&interior),
                traces: &[],
            };
            bounds = verify::conic_with(program, &found, &aids).unwrap();
        }
        let second = clock.elapsed().as_secs_f64();
        tried += 1;
        // The conic program's optimum is the file's with the other sign.
        let Bounds {
            lower,
            upper,
            why_no_lower,
            why_no_upper,
            ..
        } = &bounds;
        let slack = 1e-14 * reference.abs();
        // An infeasible problem has no reference.
        let slack = if bounds.infeasible.is_some() {
            f64::INFINITY
        } else {
            slack
        };
        assert!(
            lower.is_none_or(|l| l <= -reference + slack),
            "{name}: {lower:?} above {reference}"
        );
        assert!(
            upper.is_none_or(|u| u >= -reference - slack),
            "{name}: {upper:?} below {reference}"
        );
        let width = bounds.relative_width();
        let of = |v: &Option<f64>| {
            v.map_or("-".into(), |v| {
                format!("{:.1e}", (v + reference).abs() / (1.0 + reference.abs()))
            })
        };
        println!(
            "{name} {} solve {solve:.2} verify {first:.2} {how} {second:.2} direct {direct:?} lower {} upper {} width {:?} {} {}",
            found.status.name(),
            of(lower),
            of(upper),
            width,
            why_no_lower.map_or(String::new(), |w| format!("| lower: {w}")),
            why_no_upper.map_or(String::new(), |w| format!("| upper: {w}")),
        );
        widths.extend(width);
    }
    widths.sort_by(f64::total_cmp);
    println!(
        "{tried} tried, {} with both bounds, median width {:?}",
        widths.len(),
        widths.get(widths.len() / 2)
    );
}

/// Of every problem of NETLIB: seconds of the solver and of the proof, and how wide the bounds are.
#[test]
#[ignore = "needs DYNCVX_DATA: brackets of the optima of NETLIB"]
fn netlib_is_bracketed() {
    run_netlib();
}

pub fn run_netlib() {
    let Some(data) = std::env::var_os("DYNCVX_DATA") else {
        return println!("skipped: DYNCVX_DATA is not set");
    };
    let folder = Path::new(&data).join("netlib");
    let table = std::fs::read_to_string(folder.join("optimal_values.csv")).unwrap();
    let only = std::env::var("DYNCVX_PROBLEMS").ok();
    let (mut widths, mut tried, mut wrong) = (vec![], 0, vec![]);
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (name, mut reference) = (fields[0], fields[1].parse::<f64>().unwrap());
        match name {
            // The published value leaves out the constant of the objective, which the file has as a right-hand side.
            "e226" => reference += 7.113,
            // Published values that are off by 8e-8 to 1.3e-6; Clarabel finds these with a gap of 1e-12, HiGHS the last.
            "etamacro" => reference = -755.715_232_175,
            "fffff800" => reference = 555_679.565_622,
            "scagr7" => reference = -2_331_389.824_331,
            "pilot87" => reference = 301.710_347_333,
            _ => {}
        }
        if only
            .as_ref()
            .is_some_and(|o| !o.split(',').any(|n| n == name))
        {
            continue;
        }
        let Ok(packed) = std::fs::read(folder.join(format!("{name}.mps.gz"))) else {
            continue;
        };
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_end(&mut bytes)
            .unwrap();
        let program = mps::read(bytes.as_slice()).unwrap();
        let clock = Instant::now();
        let found = run_linear(&program, 1e-8);
        let solve = clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let mut bounds = verify::linear(&program, &found.point, None).unwrap();
        let first = clock.elapsed().as_secs_f64();
        let (clock, mut how) = (Instant::now(), "direct");
        let direct = (bounds.lower.is_some(), bounds.upper.is_some());
        if !(direct.0 && direct.1) {
            how = "interior";
            let inner = run_linear(&program, 1e-4);
            bounds = verify::linear(&program, &found.point, Some(&inner.point)).unwrap();
        }
        let second = clock.elapsed().as_secs_f64();
        tried += 1;
        // The published optima have eleven digits.
        let slack = 2e-9 * (1.0 + reference.abs());
        let Bounds {
            lower,
            upper,
            why_no_lower,
            why_no_upper,
            ..
        } = &bounds;
        let of = |v: &Option<f64>| {
            v.map_or("-".into(), |v| {
                format!("{:.1e}", (v - reference) / (1.0 + reference.abs()))
            })
        };
        let width = bounds.relative_width();
        println!(
            "{name} {} solve {solve:.2} verify {first:.2} {how} {second:.2} direct {direct:?} lower {} upper {} width {width:?} {} {}",
            found.status.name(),
            of(lower),
            of(upper),
            why_no_lower.map_or(String::new(), |w| format!("| lower: {w}")),
            why_no_upper.map_or(String::new(), |w| format!("| upper: {w}")),
        );
        if lower.is_some_and(|l| l > reference + slack)
            || upper.is_some_and(|u| u < reference - slack)
        {
            wrong.push(name.to_string());
        }
        widths.extend(width);
    }
    widths.sort_by(f64::total_cmp);
    println!(
        "{tried} tried, {} with both bounds, median width {:?}",
        widths.len(),
        widths.get(widths.len() / 2)
    );
    assert!(wrong.is_empty(), "on the wrong side: {wrong:?}");
}

fn run_linear(program: &LinearProgram, tol: f64) -> LinearOutcome {
    let mut settings = Settings::with_tolerance(tol);
    settings.time_limit = 300.0;
    let mut solver = LinearSolver::new(program.clone(), settings).unwrap();
    solver.solve(&mut |_| ControlFlow::Continue(())).unwrap()
}
