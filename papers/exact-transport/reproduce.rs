//! Draws the times of `benches/peers/transport.py` against the size of the problem, and prints them side by side.
//!
//!     cargo run --release --features plot --example exact_transport -- papers/exact-transport
//!
//! reads `times.csv` in that folder and writes `times.svg` there.

use dyncvx_papers::plot;
use std::collections::BTreeMap;
use std::error::Error;

/// A line of the table: kind, points, solver, seconds, and the rest as it stands.
type Row = (String, usize, String, f64, Vec<String>);

fn read(path: &str) -> Result<Vec<Row>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let mut rows = vec![];
    for line in text.lines().skip(1) {
        let mut fields = line.split(',').map(str::to_string);
        let mut next = || {
            fields
                .next()
                .ok_or(format!("{path}: a field is missing in `{line}`"))
        };
        let (kind, n, solver, seconds) = (next()?, next()?.parse()?, next()?, next()?.parse()?);
        rows.push((kind, n, solver, seconds, fields.collect()));
    }
    Ok(rows)
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or("papers/exact-transport".into());
    let rows = read(&format!("{folder}/times.csv"))?;
    let mut curves: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut emd: BTreeMap<(String, usize), f64> = BTreeMap::new();
    for (kind, n, solver, seconds, _) in &rows {
        let curve = curves.entry(format!("{kind}, {solver}")).or_default();
        curve.push((*n as f64, *seconds));
        if solver == "emd" {
            emd.insert((kind.clone(), *n), *seconds);
        }
    }
    println!(
        "| points | n | finish | `emd`, s | ours, s | times as fast | rounds | arcs | pivots | iterations |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    // By size and finish: the size, the logarithms' sum and count.
    let mut means: BTreeMap<(usize, String), (usize, f64, f64)> = BTreeMap::new();
    for (kind, n, solver, seconds, rest) in rows.iter().filter(|row| row.2 != "emd") {
        let peer = emd.get(&(kind.clone(), *n));
        let (shown, ratio) = match peer {
            Some(peer) => (format!("{peer:.3}"), format!("{:.1}", peer / seconds)),
            None => ("–".into(), "–".into()),
        };
        let counts = rest[..rest.len().min(4)].join(" | ");
        println!("| {kind} | {n} | {solver} | {shown} | {seconds:.3} | {ratio} | {counts} |");
        if let Some(peer) = peer {
            // Images have a square number of pixels, so sizes are equal to a tenth or so.
            let size = (4.0 * (*n as f64).log2()).round() as usize;
            let mean = means.entry((size, solver.clone())).or_default();
            *mean = (mean.0.max(*n), mean.1 + (peer / seconds).ln(), mean.2 + 1.0);
        }
    }
    for ((_, finish), (n, sum, count)) in means {
        println!(
            "n about {n}, {finish}: {:.2} times as fast as emd, geometric mean",
            (sum / count).exp()
        );
    }
    let labels = plot::Labels {
        title: "Exact transport: seconds, one thread",
        x: "points a side",
        y: "seconds",
        log: (true, true),
    };
    let curves: Vec<plot::Series> = curves.into_iter().collect();
    plot::lines(format!("{folder}/times.svg"), labels, &curves)
}
