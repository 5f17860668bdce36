//! Time against the number of constraints, from a table of measurements: fits the growth, and draws it.
//!
//!     cargo run --release --features plot --example growth -- TABLE.csv FOLDER TITLE OUT.svg
//!
//! The table has a column `problem` and columns `SOLVER_cpu` (seconds) and `SOLVER_status`; `FOLDER/problem.dat-s` is the problem, whose `m` is
//! read from it. Problems that a solver did not end with are left out of its curve.

use dyncvx::io::sdpa;
use dyncvx_papers::plot::{Labels, Series, lines};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Fields of a line; quotes keep commas.
fn fields(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => out.last_mut().into_iter().for_each(|f| f.push(c)),
        }
    }
    out
}

/// Whether a solver's own word for how it ended is that of an answer.
fn answered(status: &str) -> bool {
    let status = status.to_lowercase();
    ["solved", "success", "pdopt", "converged"]
        .iter()
        .any(|word| status.contains(word))
        && !status.contains("almost")
}

/// Solver by solver, `(m, seconds)` in the order of `m`.
fn curves(table: &str, mut order: impl FnMut(&str) -> Outcome<usize>) -> Outcome<Vec<Series>> {
    let mut rows = table.lines().filter(|l| !l.trim().is_empty());
    let header = fields(rows.next().ok_or("expected a header")?);
    let column = |name: &str| header.iter().position(|h| h == name);
    let problem = column("problem").ok_or("expected a column `problem`")?;
    let mut all: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for row in rows {
        let row = fields(row);
        let get = |k: usize| row.get(k).map_or("", |f| f.as_str());
        let m = order(get(problem))? as f64;
        for (k, name) in header.iter().enumerate() {
            let Some(solver) = name.strip_suffix("_cpu") else {
                continue;
            };
            let ended = column(&format!("{solver}_status")).is_none_or(|s| answered(get(s)));
            if let (true, Ok(seconds)) = (ended, get(k).parse::<f64>()) {
                all.entry(solver.into()).or_default().push((m, seconds));
            }
        }
    }
    for points in all.values_mut() {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Ok(all.into_iter().collect())
}

/// Least-squares slope of the logarithms; `None` with fewer than two values of `m`.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|p| p.1 > 0.0)
        .map(|p| (p.0.ln(), p.1.ln()))
        .collect();
    let n = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let spread: f64 = logs.iter().map(|p| (p.0 - x).powi(2)).sum();
    let along: f64 = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    (spread > 0.0).then(|| along / spread)
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, folder, title, out] = &arguments[..] else {
        return Err("expected TABLE.csv FOLDER TITLE OUT.svg".into());
    };
    let all = curves(&std::fs::read_to_string(table)?, |problem| {
        let path = Path::new(folder).join(format!("{problem}.dat-s"));
        let file = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(sdpa::read(&file[..])?.costs().len())
    })?;
    let mut named = vec![];
    for (solver, points) in all {
        let grows = slope(&points).map_or(String::new(), |s| format!(" ~ m^{s:.2}"));
        println!("{solver}{grows}");
        points
            .iter()
            .for_each(|(m, seconds)| println!("  {m:>8} {seconds:>10.2}"));
        named.push((format!("{solver}{grows}"), points));
    }
    let labels = Labels {
        title,
        x: "constraints m",
        y: "CPU seconds",
        log: (true, true),
    };
    lines(out, labels, &named)
}
