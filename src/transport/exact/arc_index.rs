//! Arcs by row and by column, and the potentials of Sinkhorn's method on them.

use super::monitor::Monitor;
use super::settings::ExactSettings;
use super::simplex::ArcList;
use super::solution::Potentials;
use crate::transport::params::FIRST_BETA;

/// Arcs, with an index of those of every row and column.
#[derive(Debug)]
pub(super) struct ArcIndex {
    pub(super) arcs: ArcList,
    rows: LineIndex,
    columns: LineIndex,
}

#[derive(Debug)]
struct LineIndex {
    start: Vec<usize>,
    arcs: Vec<u32>,
}

impl LineIndex {
    fn new(lines: usize, of: impl Iterator<Item = u32> + Clone) -> Self {
        let mut start = vec![0usize; lines + 1];
        of.clone().for_each(|line| start[line as usize + 1] += 1);
        for line in 0..lines {
            start[line + 1] += start[line];
        }
        let (mut next, mut arcs) = (start.clone(), vec![0; start[lines]]);
        for (k, line) in of.enumerate() {
            arcs[next[line as usize]] = k as u32;
            next[line as usize] += 1;
        }
        Self { start, arcs }
    }

    fn line(&self, line: usize) -> &[u32] {
        &self.arcs[self.start[line]..self.start[line + 1]]
    }

    fn len(&self) -> usize {
        self.start.len() - 1
    }
}

impl ArcIndex {
    pub(super) fn new(arcs: ArcList, m: usize, n: usize) -> Self {
        Self {
            rows: LineIndex::new(m, arcs.ends.iter().map(|e| e.0)),
            columns: LineIndex::new(n, arcs.ends.iter().map(|e| e.1)),
            arcs,
        }
    }

    pub(super) fn column(&self, j: usize) -> &[u32] {
        self.columns.line(j)
    }

    /// The arcs of the `k` least reduced costs of every line, each once, least first.
    pub(super) fn least(&self, potentials: &Potentials, k: usize) -> Vec<u32> {
        let (phi, psi) = (&potentials.rows, &potentials.columns);
        let reduced = |a: &u32| {
            let (i, j) = self.arcs.ends[*a as usize];
            self.arcs.costs[*a as usize] - phi[i as usize] - psi[j as usize]
        };
        let (mut wanted, mut line) = (vec![false; self.arcs.len()], vec![]);
        for index in [&self.rows, &self.columns] {
            for l in 0..index.len() {
                line.clear();
                line.extend(index.line(l).iter().map(|a| (reduced(a), *a)));
                if line.len() > k {
                    line.select_nth_unstable_by(k - 1, |a, b| {
                        a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
                    });
                }
                line.iter()
                    .take(k)
                    .for_each(|(_, a)| wanted[*a as usize] = true);
            }
        }
        let all = (0..self.arcs.len() as u32).filter(|a| wanted[*a as usize]);
        let mut found: Vec<(f64, u32)> = all.map(|a| (reduced(&a), a)).collect();
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.into_iter().map(|(_, a)| a).collect()
    }

    /// Potentials of half-steps in the log domain while the temperature falls. Where no coupling lives on the arcs the
    /// half-steps do not converge; the potentials are then only a poorer choice of the first arcs.
    pub(super) fn anneal(
        &self,
        masses: &[Vec<f64>; 2],
        settings: &ExactSettings,
        monitor: &mut Monitor<'_>,
    ) -> Potentials {
        let mut potentials = Potentials::constant(masses[0].len(), masses[1].len(), 0.0);
        let costs = self.arcs.costs.iter();
        let low = costs.clone().copied().fold(f64::INFINITY, f64::min);
        let range = costs.copied().fold(f64::NEG_INFINITY, f64::max) - low;
        let (steps, last) = (settings.half_steps, settings.beta);
        if range.is_nan() || range <= 0.0 || steps == 0 {
            return potentials;
        }
        // Logarithms of the masses, the schedule of the temperature, and one line of exponents at a time.
        let logs = masses
            .each_ref()
            .map(|m| m.iter().map(|v| v.ln()).collect::<Vec<f64>>());
        let first = FIRST_BETA.get();
        let factor = (last / first).powf(1.0 / (steps.max(2) - 1) as f64);
        let (mut beta, mut terms) = (first.min(last) / range, vec![]);
        for step in 0..steps {
            // Rows and columns in turn: every potential makes its line's sum exact, by a log-sum-exp.
            let mode = step % 2;
            let index = [&self.rows, &self.columns][mode];
            let Potentials { rows, columns } = &mut potentials;
            let (normalised, other) = if mode == 0 {
                (rows, &*columns)
            } else {
                (columns, &*rows)
            };
            for (l, potential) in normalised.iter_mut().enumerate() {
                terms.clear();
                terms.extend(index.line(l).iter().map(|a| {
                    let (i, j) = self.arcs.ends[*a as usize];
                    let across = if mode == 0 { j } else { i } as usize;
                    beta * (other[across] - self.arcs.costs[*a as usize]) + logs[1 - mode][across]
                }));
                let most = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                if most.is_finite() {
                    let sum: f64 = terms.iter().map(|t| (t - most).exp()).sum();
                    *potential = -(most + sum.ln()) / beta;
                }
            }
            if monitor.ends(beta * range) {
                break;
            }
            // Both sides are normalised at the first temperature before it falls.
            if step > 0 {
                beta *= factor;
            }
        }
        potentials
    }
}
