//! Points near the central path of a transport problem, from potentials.

use crate::transport::params::{CENTRAL_PASSES, CENTRAL_VIOLATION};

/// Scalings of `x` towards the marginals: more would take the products `x s` too far apart.
const SCALINGS: usize = 3;
/// Newton steps per row or column, at most, and the relative step at which they end: Newton's method converges quadratically
/// here, and the line is visited again in the next pass.
const NEWTON_STEPS: usize = 20;
const NEWTON_ROUNDING: f64 = 1e-10;

/// A transport problem on arcs, by node: rows `0..m`, then columns.
pub(super) struct PathArcs<'a> {
    pub(super) rows: usize,
    /// Row and column of every arc, the column counted from 0.
    pub(super) ends: &'a [(u32, u32)],
    pub(super) costs: &'a [f64],
    pub(super) masses: &'a [f64],
}

/// Masses and reduced costs of the arcs.
pub(super) struct PathPoint {
    pub(super) x: Vec<f64>,
    pub(super) s: Vec<f64>,
}

impl PathArcs<'_> {
    fn slack(&self, heights: &[f64], k: usize) -> f64 {
        let (i, j) = self.ends[k];
        self.costs[k] - heights[i as usize] - heights[self.rows + j as usize]
    }

    /// The arcs at every node.
    fn incident(&self, nodes: usize) -> Vec<Vec<u32>> {
        let mut lines: Vec<Vec<u32>> = vec![vec![]; nodes];
        for (k, (i, j)) in self.ends.iter().enumerate() {
            lines[*i as usize].push(k as u32);
            lines[self.rows + *j as usize].push(k as u32);
        }
        lines
    }
}

/// Moves potentials (heights: `φ`, then `ψ`) to where `x = μ/s`, `s = C − φ − ψ`, has the marginals: to the central path at `μ`.
///
/// That point is the maximum of `⟨masses, heights⟩ + μ Σ log s`. It is approached line by line, as Sinkhorn's method
/// approaches the maximum of the entropic dual. The marginals are then met by scaling `x`, so that `x s` is near `μ` and not
/// exactly `μ`. Nodes without arcs keep their potential.
///
/// # Complexity
/// `O(arcs)` per pass.
pub(super) fn central_point(arcs: &PathArcs<'_>, heights: &mut [f64], mu: f64) -> PathPoint {
    let (m, nodes) = (arcs.rows, heights.len());
    let lines = arcs.incident(nodes);
    let mut slacks = vec![];
    for pass in 0..CENTRAL_PASSES.count() {
        let mut off = 0.0;
        // Rows, then columns: the moves of the columns measure how far the rows were off.
        for v in 0..nodes {
            let (line, mass) = (&lines[v], arcs.masses[v]);
            if line.is_empty() || mass <= 0.0 {
                continue;
            }
            slacks.clear();
            slacks.extend(line.iter().map(|k| arcs.slack(heights, *k as usize)));
            let least = slacks.iter().copied().fold(f64::INFINITY, f64::min);
            if v >= m {
                off += if least > 0.0 {
                    let sum: f64 = slacks.iter().map(|s| mu / s).sum();
                    (sum - mass).abs()
                } else {
                    mass
                };
            }
            heights[v] += least - least_slack(&slacks, least, mass, mu);
        }
        if pass > 0 && off <= CENTRAL_VIOLATION.get() * arcs.masses[m..].iter().sum::<f64>() {
            break;
        }
    }
    let s: Vec<f64> = (0..arcs.ends.len())
        .map(|k| arcs.slack(heights, k))
        .collect();
    let mut x: Vec<f64> = s.iter().map(|s| mu / s.max(f64::MIN_POSITIVE)).collect();
    for _ in 0..SCALINGS {
        for (v, line) in lines.iter().enumerate() {
            let sum: f64 = line.iter().map(|k| x[*k as usize]).sum();
            if sum > 0.0 && sum.is_finite() {
                let by = arcs.masses[v] / sum;
                line.iter().for_each(|k| x[*k as usize] *= by);
            }
        }
    }
    PathPoint { x, s }
}

/// The least slack `t` of a line for which `Σ μ/(s − least + t)` is its mass.
///
/// The sum is convex and decreasing in `t`: Newton's method climbs to the root from the left.
fn least_slack(slacks: &[f64], least: f64, mass: f64, mu: f64) -> f64 {
    let mut t = mu / mass;
    for _ in 0..NEWTON_STEPS {
        let (mut value, mut slope) = (-mass, 0.0);
        for s in slacks {
            let x = mu / (s - least + t);
            value += x;
            slope += x * x / mu;
        }
        let step = value / slope;
        t += step;
        if step <= NEWTON_ROUNDING * t {
            break;
        }
    }
    t
}
