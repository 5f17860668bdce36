//! A run on a cost that is finite everywhere: potentials, arcs, optimum on the arcs, pricing, certificate.

use super::basic_plan::{BasicArc, BasicPlan, units};
use super::dense_cost::DenseCost;
use super::initial_tree;
use super::monitor::{Monitor, Stopwatch};
use super::settings::{ExactSettings, Finish};
use super::simplex::{self, ArcList, Ended};
use super::solution::{ExactSolution, InteriorFailure, PhaseSeconds, Potentials};
use super::tree::Tree;
use crate::error::Result;
use crate::ipm;
use crate::transport::kernel::{self, parallel};
use crate::transport::params::PRICED_PER_COLUMN;
use crate::transport::polytope::certificate;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::verdict::{self, COST_ROUNDING};

pub(super) struct DenseRun<'a> {
    pub(super) dense: DenseCost<'a>,
    pub(super) marginals: &'a Marginals,
    pub(super) settings: &'a ExactSettings,
    pub(super) largest_cost: f64,
    /// The same, or 0 where that is far above what is typical.
    pub(super) moderate_cost: f64,
    pub(super) monitor: Monitor<'a>,
}

/// What an interior finish did.
#[derive(Debug, Default)]
pub(super) struct InteriorReport {
    pub(super) rounds: usize,
    pub(super) iterations: usize,
    pub(super) failure: Option<InteriorFailure>,
}

impl DenseRun<'_> {
    pub(super) fn solve(mut self, start: Option<&Potentials>) -> Result<ExactSolution> {
        let mut phases = PhaseSeconds::default();
        let mut watch = Stopwatch::start();
        // Potentials: those of a similar problem, or of Sinkhorn's method.
        let mut potentials = match start {
            Some(start) => start.restricted(&self.dense.rows, &self.dense.columns),
            None => self.anneal(),
        };
        phases.potentials = watch.lap();
        // The arcs of least reduced cost, and a feasible tree; one arc per line where there is no time left to use more.
        let keep = if self.monitor.ended().is_some() {
            1
        } else {
            // No line has more arcs.
            let most = self.dense.rows.len().max(self.dense.columns.len());
            self.settings.arcs.min(most)
        };
        let mut kept = initial_tree::candidates(&self.dense, &potentials, keep);
        let supply = units(self.marginals, [&self.dense.rows, &self.dense.columns]);
        let mut tree = initial_tree::tree(&self.dense, &mut kept, &potentials, &supply);
        phases.feasibility = watch.lap();
        // From inside, where asked for: this reorders the arcs and adds to them, so that the tree is made again.
        let mut interior = InteriorReport::default();
        if self.settings.finish == Finish::InteriorPoint {
            interior = self.interior(&mut kept, &mut potentials)?;
            tree = initial_tree::tree(&self.dense, &mut kept, &potentials, &supply);
            phases.optimum = watch.lap();
        }
        // Optimum on the arcs kept, then pricing of all arcs, until no arc is violated.
        tree.reprice(&kept.costs);
        let tolerance = COST_ROUNDING * self.largest_cost;
        let (mut rounds, mut pivots) = (interior.rounds, 0);
        while self.monitor.ended().is_none() {
            let mut halt = || self.monitor.ends(0.0);
            let ended = simplex::run(&mut tree, &kept, tolerance, &mut pivots, &mut halt);
            phases.optimum += watch.lap();
            if ended == Ended::Halted {
                break;
            }
            rounds += 1;
            let violated = self.price(&tree.potentials(), tolerance);
            phases.certificate += watch.lap();
            if violated.is_empty() {
                break;
            }
            for (i, j) in violated {
                kept.push(i, j, self.dense.entry(i, j));
            }
            if rounds == self.settings.max_rounds {
                self.monitor.end(ipm::Ended::IterationLimit);
            }
            self.monitor.ends(0.0);
        }
        let mut answer = self.certify(&tree, &kept);
        phases.certificate += watch.lap();
        answer.rounds = rounds;
        answer.pivots = pivots;
        answer.iterations = interior.iterations;
        answer.interior_failure = interior.failure;
        answer.arcs = kept.len();
        answer.phases = phases;
        answer.seconds = self.monitor.seconds();
        Ok(answer)
    }

    /// The worst violated arcs of every column.
    pub(super) fn price(&self, potentials: &Potentials, tolerance: f64) -> Vec<(usize, usize)> {
        let (phi, psi) = (&potentials.rows, &potentials.columns);
        let (arch, dense) = (pulp::Arch::new(), &self.dense);
        let per_column = PRICED_PER_COLUMN.count();
        let parts = parallel::map(psi.len(), phi.len() * psi.len(), |columns| {
            let (mut found, mut worst) = (Vec::new(), Vec::new());
            let mut line = Vec::new();
            for j in columns {
                let line = dense.column(j, &mut line);
                if kernel::min_difference(arch, line, phi) - psi[j] >= -tolerance {
                    continue;
                }
                let reduced = line.iter().zip(phi).map(|(c, p)| c - p - psi[j]);
                worst.clear();
                worst.extend(reduced.enumerate().filter(|(_, r)| *r < -tolerance));
                worst.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
                found.extend(worst.iter().take(per_column).map(|(i, _)| (*i, j)));
            }
            found
        });
        parts.concat()
    }

    /// Plan and potentials in the data as given, and the status they deserve.
    fn certify(&self, tree: &Tree, arcs: &ArcList) -> ExactSolution {
        let (rows, columns) = (&self.dense.rows, &self.dense.columns);
        let basis = tree.nodes.iter().filter(|node| node.flow > 0);
        let plan = BasicPlan::measure(
            self.marginals,
            basis.map(|node| {
                let (i, j) = arcs.ends[node.arc as usize];
                BasicArc {
                    row: rows[i as usize],
                    column: columns[j as usize],
                    flow: node.flow,
                    cost: arcs.costs[node.arc as usize],
                }
            }),
        );
        let (lower_bound, potentials) = self.feasible_potentials(tree);
        let vertex = verdict::Vertex {
            objective: plan.objective,
            lower_bound,
            magnitude: plan.magnitude,
            marginal_violation: plan.marginal_violation,
            total: self.marginals.total(),
            dual_magnitude: potentials.magnitude(self.marginals),
            moderate_cost: self.moderate_cost,
        };
        ExactSolution {
            status: vertex.judge(self.settings.tol_gap_rel, self.monitor.ended()),
            plan: plan.entries,
            potentials,
            objective: plan.objective,
            lower_bound,
            marginal_violation: plan.marginal_violation,
            ..ExactSolution::empty()
        }
    }

    /// The tree's potentials made feasible on all arcs, and the bound they give.
    fn feasible_potentials(&self, tree: &Tree) -> (f64, Potentials) {
        let [m, n] = [0, 1].map(|mode| self.marginals.masses(mode).len());
        let mut potentials = [vec![0.0; m], vec![0.0; n]];
        let Potentials {
            rows: phi,
            columns: psi,
        } = tree.potentials();
        for (i, v) in self.dense.rows.iter().zip(phi) {
            potentials[0][*i] = v;
        }
        for (j, v) in self.dense.columns.iter().zip(psi) {
            potentials[1][*j] = v;
        }
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
        let [rows, columns] = potentials;
        (lower_bound, Potentials { rows, columns })
    }
}
