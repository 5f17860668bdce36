//! The phases of a run, in order.

use super::simplex::{self, Arcs, End};
use super::tree::Tree;
use super::{Dense, ExactSettings, ExactSolution, Finish, initial_tree};
use crate::clock::Instant;
use crate::error::Result;
use crate::ipm::Status;
use crate::transport::kernel::{self, parallel};
use crate::transport::polytope::certificate;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::settings::Observer;

/// All mass in integer units. Sums stay exact, and a mass is off by 1e-18 of the total at most.
pub(super) const UNITS: f64 = (1u64 << 60) as f64;
/// Violated arcs a column that join in a round.
pub(super) const WORST: usize = 4;
/// Reduced costs above this much of the largest cost, with the sign changed, are rounding error.
pub(super) const ROUNDING: f64 = 1e-14;

pub(super) struct Run<'a, 'b> {
    pub(super) dense: Dense<'a>,
    pub(super) marginals: &'a Marginals,
    pub(super) settings: &'a ExactSettings,
    pub(super) scale: f64,
    pub(super) watch: Watch<'b>,
}

/// The clock and the observer, and what they said.
pub(super) struct Watch<'b> {
    pub(super) clock: Instant,
    pub(super) time_limit: f64,
    pub(super) observer: &'b mut Observer<'b>,
    pub(super) calls: usize,
    pub(super) ended: Option<Status>,
}

/// The masses in units; what rounding leaves goes to the largest.
pub(super) fn units(marginals: &Marginals, at: [&[usize]; 2]) -> [Vec<i64>; 2] {
    [0, 1].map(|mode| {
        let (masses, total) = (marginals.masses(mode), marginals.total());
        let units = at[mode]
            .iter()
            .map(|i| ((masses[*i] / total * UNITS) as i64).max(1));
        let mut side: Vec<i64> = units.collect();
        let off = UNITS as i64 - side.iter().sum::<i64>();
        if let Some(largest) = side.iter_mut().max() {
            *largest += off;
        }
        side
    })
}

/// Whether objective and lower bound are within `tol` of the objective (of its terms' `magnitude` at most), or within `floor`.
pub(super) fn closed([objective, lower]: [f64; 2], magnitude: f64, tol: f64, floor: f64) -> bool {
    objective - lower <= (tol * magnitude.min(objective.abs())).max(floor)
}

impl Run<'_, '_> {
    pub(super) fn solve(mut self, start: Option<&[Vec<f64>; 2]>) -> Result<ExactSolution> {
        let mut phases = [0.0; 4];
        let mut mark = Instant::now();
        let mut lap = |phase: usize| {
            phases[phase] += mark.elapsed().as_secs_f64();
            mark = Instant::now();
        };
        let mut potentials = match start {
            Some(start) => self.restrict(start),
            None => self.anneal(),
        };
        lap(0);
        let keep = if self.watch.ended.is_some() {
            1
        } else {
            self.settings.arcs
        };
        let mut kept = initial_tree::candidates(&self.dense, &potentials, keep);
        let supply = units(self.marginals, [&self.dense.rows, &self.dense.columns]);
        let mut tree = initial_tree::tree(&self.dense, &mut kept, &potentials, &supply);
        lap(1);
        let eps = ROUNDING * self.scale;
        let (mut rounds, mut pivots, mut iterations) = (0, 0, 0);
        if self.settings.finish == Finish::InteriorPoint {
            let inside = self.inside(&mut kept, &mut potentials, self.settings.beta)?;
            (rounds, iterations) = (inside.rounds, inside.iterations);
            tree = initial_tree::tree(&self.dense, &mut kept, &potentials, &supply);
            lap(2);
        }
        tree.reprice(&kept.costs);
        while self.watch.ended.is_none() {
            let end = simplex::run(&mut tree, &kept, eps, &mut pivots, &mut |_| {
                self.watch.halt(0.0)
            });
            lap(2);
            if end == End::Halted {
                break;
            }
            rounds += 1;
            let fresh = self.price(&tree.potentials(), eps);
            lap(3);
            if fresh.is_empty() {
                break;
            }
            for (i, j) in fresh {
                kept.push(i, j, self.dense.entry(i, j));
            }
            if rounds == self.settings.max_rounds {
                self.watch.ended = Some(Status::MaxIterations);
            }
            self.watch.halt(0.0);
        }
        let mut answer = self.certify(&tree, &kept);
        lap(3);
        answer.rounds = rounds;
        (answer.pivots, answer.iterations) = (pivots, iterations);
        answer.arcs = kept.len();
        answer.phases = phases;
        answer.seconds = self.watch.clock.elapsed().as_secs_f64();
        Ok(answer)
    }

    pub(super) fn restrict(&self, duals: &[Vec<f64>; 2]) -> [Vec<f64>; 2] {
        let pick = |at: &[usize], v: &[f64]| at.iter().map(|i| v[*i]).collect();
        [
            pick(&self.dense.rows, &duals[0]),
            pick(&self.dense.columns, &duals[1]),
        ]
    }

    /// The worst violated arcs of every column.
    pub(super) fn price(&self, [phi, psi]: &[Vec<f64>; 2], eps: f64) -> Vec<(usize, usize)> {
        let (arch, dense) = (pulp::Arch::new(), &self.dense);
        let parts = parallel::map(psi.len(), phi.len() * psi.len(), |columns| {
            let (mut found, mut worst) = (Vec::new(), Vec::new());
            let mut line = Vec::new();
            for j in columns {
                let line = dense.column(j, &mut line);
                if kernel::min_difference(arch, line, phi) - psi[j] >= -eps {
                    continue;
                }
                let reduced = line.iter().zip(phi).map(|(c, p)| c - p - psi[j]);
                worst.clear();
                worst.extend(reduced.enumerate().filter(|(_, r)| *r < -eps));
                worst.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
                found.extend(worst.iter().take(WORST).map(|(i, _)| (*i, j)));
            }
            found
        });
        parts.concat()
    }

    /// Plan and potentials in the original data, and the status they deserve.
    fn certify(&self, tree: &Tree, arcs: &Arcs) -> ExactSolution {
        let (mu, nu) = (self.marginals.masses(0), self.marginals.masses(1));
        let total = self.marginals.total();
        let (rows, columns) = (&self.dense.rows, &self.dense.columns);
        let mut plan = Vec::new();
        let (mut objective, mut off) = (0.0, [mu.to_vec(), nu.to_vec()]);
        let mut magnitude: f64 = 0.0;
        for node in tree.nodes.iter().filter(|node| node.flow > 0) {
            let (i, j) = arcs.ends[node.arc as usize];
            let mass = node.flow as f64 / UNITS * total;
            let cost = arcs.costs[node.arc as usize];
            plan.push((rows[i as usize], columns[j as usize], mass));
            objective += mass * cost;
            magnitude += mass * cost.abs();
            off[0][rows[i as usize]] -= mass;
            off[1][columns[j as usize]] -= mass;
        }
        plan.sort_unstable_by_key(|(i, j, _)| (*j, *i));
        let marginal_violation: f64 = off.iter().flatten().map(|v| v.abs()).sum();
        let [phi, psi] = tree.potentials();
        let mut potentials = [vec![0.0; mu.len()], vec![0.0; nu.len()]];
        rows.iter()
            .zip(phi)
            .for_each(|(i, v)| potentials[0][*i] = v);
        columns
            .iter()
            .zip(psi)
            .for_each(|(j, v)| potentials[1][*j] = v);
        let cost = self.dense.cost;
        let lines = |j: usize, out: &mut [f64]| cost.fill(j, 0, out);
        let lower_bound = certificate::dual_bound(self.marginals, &lines, &mut potentials);
        // Points without mass get the largest potentials that are feasible.
        for mode in 0..2 {
            if potentials[mode].iter().all(|v| v.is_finite()) {
                continue;
            }
            let mut whole = potentials.clone();
            certificate::c_transform(self.marginals.layout(), &lines, &mut whole, mode);
            for (p, w) in potentials[mode].iter_mut().zip(&whole[mode]) {
                *p = if p.is_finite() { *p } else { *w };
            }
        }
        let floor = ROUNDING * total * self.scale;
        let tol = self.settings.tol_gap_rel;
        let gap_closed = closed([objective, lower_bound], magnitude, tol, floor);
        let exact = marginal_violation <= 1e-12 * total;
        let status = match self.watch.ended {
            _ if gap_closed && exact => Status::Solved,
            Some(status) => status,
            None => Status::InsufficientProgress,
        };
        ExactSolution {
            status,
            plan,
            potentials,
            objective,
            lower_bound,
            marginal_violation,
            ..ExactSolution::nothing()
        }
    }
}
