//! Points near the central path of a transport problem, from potentials.

/// Passes over rows and columns, at most, and the relative violation of the marginals at which they end.
const PASSES: usize = 100;
const NEAR: f64 = 1e-3;
/// Scalings of `x` towards the marginals: more would take the products too far apart.
const SCALINGS: usize = 3;
/// Newton steps a line.
const STEPS: usize = 20;

/// A transport problem on arcs, by node: rows `0..m`, then columns.
pub(crate) struct Arcs<'a> {
    pub(crate) rows: usize,
    /// Row and column, the latter counted from 0.
    pub(crate) ends: &'a [(u32, u32)],
    pub(crate) costs: &'a [f64],
    pub(crate) masses: &'a [f64],
}

/// Moves potentials (heights: `φ`, then `ψ`) to where `x = μ/s`, `s = C − φ − ψ`, has the marginals: to the central path at `μ`.
///
/// That is the maximum of `⟨masses, heights⟩ + μ Σ log s`, approached line by line as Sinkhorn's method approaches that of the
/// entropic dual. The marginals are then met by scaling `x`, so that `x s` is near `μ` and not exactly `μ`. Returns `x` and `s`;
/// nodes without arcs keep their potential.
///
/// # Complexity
/// `O(arcs)` a pass.
pub(crate) fn central(arcs: &Arcs<'_>, heights: &mut [f64], mu: f64) -> (Vec<f64>, Vec<f64>) {
    let (m, nodes) = (arcs.rows, heights.len());
    let mut lines: Vec<Vec<u32>> = vec![vec![]; nodes];
    for (k, (i, j)) in arcs.ends.iter().enumerate() {
        lines[*i as usize].push(k as u32);
        lines[m + *j as usize].push(k as u32);
    }
    let slack = |heights: &[f64], k: usize| {
        let (i, j) = arcs.ends[k];
        arcs.costs[k] - heights[i as usize] - heights[m + j as usize]
    };
    let mut own = vec![];
    for pass in 0..PASSES {
        let mut off = 0.0;
        // Rows, then columns; what the columns had to be moved by says how far the rows were off.
        for v in 0..nodes {
            let (line, mass) = (&lines[v], arcs.masses[v]);
            if line.is_empty() || mass <= 0.0 {
                continue;
            }
            own.clear();
            own.extend(line.iter().map(|k| slack(heights, *k as usize)));
            let least = own.iter().copied().fold(f64::INFINITY, f64::min);
            let sum = |t: f64| own.iter().map(|s| mu / (s - least + t)).sum::<f64>();
            if v >= m {
                off += (sum(least) - mass).abs() * f64::from(u8::from(least > 0.0));
                off += mass * f64::from(u8::from(least <= 0.0));
            }
            // Convex and decreasing: Newton's method climbs to the root from the left.
            let mut t = mu / mass;
            for _ in 0..STEPS {
                let (mut value, mut slope) = (-mass, 0.0);
                for s in &own {
                    let x = mu / (s - least + t);
                    value += x;
                    slope += x * x / mu;
                }
                let step = value / slope;
                t += step;
                if step <= 1e-10 * t {
                    break;
                }
            }
            heights[v] += least - t;
        }
        if pass > 0 && off <= NEAR * arcs.masses[m..].iter().sum::<f64>() {
            break;
        }
    }
    let s: Vec<f64> = (0..arcs.ends.len()).map(|k| slack(heights, k)).collect();
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
    (x, s)
}
