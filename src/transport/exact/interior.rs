//! The interior-point finish: the optimum on the kept arcs from inside, round by round, and the order of the arcs that the
//! network simplex starts from.

use super::central_path::{self, PathPoint};
use super::dense::{DenseRun, InteriorReport};
use super::simplex::ArcList;
use super::solution::{InteriorFailure, Potentials};
use crate::constraints::{Block, Constraints};
use crate::error::Result;
use crate::ipm::{self, Ended, Settings, Start};
use crate::problem::ConicProgram;
use crate::projection::Bipartite;
use crate::solver;
use crate::transport::params::{
    CENTRAL_WARMTH, INTERIOR_ROUNDS, INTERIOR_TOLERANCES, INTERIOR_VIOLATION,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Where the rounds are, in units in which the mean mass of the longer side is 1 and costs go from 0 to 1.
struct InteriorPath {
    masses: Vec<f64>,
    /// `φ`, then `ψ`.
    heights: Vec<f64>,
    /// Mean product of mass and reduced cost.
    mu: f64,
    /// Which of the tolerances is in force.
    stage: usize,
}

/// The linear program on the kept arcs, its engine, and a point to start from.
struct ScaledProgram {
    program: ConicProgram,
    projection: Bipartite,
    /// The marginals that are kept: all but one per component.
    marginals: Vec<usize>,
    start: Start,
}

/// How a round ended.
enum Round {
    Found {
        x: Vec<f64>,
        s: Vec<f64>,
    },
    /// By the clock or the observer.
    Halted,
    Failed(InteriorFailure),
}

impl DenseRun<'_> {
    /// Solves on `kept` from inside, prices all arcs, and adds violated arcs until there are none or too many rounds. Then the
    /// arcs of largest mass over reduced cost come first in `kept`, and `potentials` are those of the last round. A round
    /// that fails ends this; the simplex method goes on from the round before.
    pub(super) fn interior(
        &mut self,
        kept: &mut ArcList,
        potentials: &mut Potentials,
    ) -> Result<InteriorReport> {
        let (m, n) = (potentials.rows.len(), potentials.columns.len());
        let mut report = InteriorReport::default();
        if self.dense.range <= 0.0 || m + n < 3 {
            return Ok(report);
        }
        let mut path = self.path_start(potentials, kept.len());
        loop {
            let found = match self.interior_round(kept, &mut path, &mut report.iterations)? {
                Round::Found { x, s } => (x, s),
                Round::Halted => break,
                Round::Failed(failure) => {
                    report.failure = Some(failure);
                    break;
                }
            };
            // Potentials in the units of the cost, and arcs in the order in which the simplex tries them.
            self.unscale(&path.heights, potentials);
            order_by_ratio(kept, &found.0, &found.1);
            report.rounds += 1;
            let violated = self.violated_arcs(kept, potentials);
            if report.rounds == INTERIOR_ROUNDS.count() {
                break;
            }
            // Arcs join at a warmer point; without new arcs the tolerance gets tighter.
            if violated.is_empty() {
                path.stage += 1;
                if path.stage == INTERIOR_TOLERANCES.len() {
                    break;
                }
            } else {
                path.mu *= CENTRAL_WARMTH.get();
            }
            for (i, j) in violated {
                kept.push(i, j, self.dense.entry(i, j));
            }
        }
        Ok(report)
    }

    fn path_start(&self, potentials: &Potentials, arcs: usize) -> InteriorPath {
        let (m, n) = (potentials.rows.len(), potentials.columns.len());
        let (low, range) = (self.dense.low, self.dense.range);
        let unit = m.max(n) as f64 / self.marginals.total();
        let mut masses = Vec::with_capacity(m + n);
        for (mode, at) in [&self.dense.rows, &self.dense.columns].iter().enumerate() {
            masses.extend(at.iter().map(|i| self.marginals.masses(mode)[*i] * unit));
        }
        let mut heights: Vec<f64> = potentials.rows.iter().map(|p| (p - low) / range).collect();
        heights.extend(potentials.columns.iter().map(|p| p / range));
        InteriorPath {
            masses,
            heights,
            mu: CENTRAL_WARMTH.get() * m.max(n) as f64 / (self.settings.beta * arcs as f64),
            stage: 0,
        }
    }

    /// One run of the interior-point method on the kept arcs. Moves the path's heights and `mu` to where it ended.
    fn interior_round(
        &mut self,
        kept: &ArcList,
        path: &mut InteriorPath,
        iterations: &mut usize,
    ) -> Result<Round> {
        let mut scaled = self.scaled_program(kept, path)?;
        let mut settings = Settings::with_tolerance(INTERIOR_TOLERANCES[path.stage].get());
        settings.time_limit = self.monitor.seconds_left();
        let monitor = &mut self.monitor;
        let mut last_mu = path.mu;
        let mut observer = |it: &ipm::Iteration| {
            last_mu = it.mu;
            if monitor.ends(0.0) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let found = solver::solve_with(
            &scaled.program,
            &mut scaled.projection,
            &settings,
            Some(&scaled.start),
            &mut observer,
        );
        let found = match found {
            Ok(found) => found,
            Err(error) => return Ok(Round::Failed(InteriorFailure::Failed(error))),
        };
        *iterations += found.iterations;
        if self.monitor.ended().is_some() {
            return Ok(Round::Halted);
        }
        // A plan that only orders the arcs need not be exact.
        if !matches!(found.ended, Ended::Converged | Ended::Stalled(_)) {
            return Ok(Round::Failed(InteriorFailure::Unusable(found.ended)));
        }
        path.heights.fill(0.0);
        for (v, y) in scaled.marginals.iter().zip(&found.y) {
            path.heights[*v] = *y;
        }
        path.mu = last_mu;
        Ok(Round::Found {
            x: found.x,
            s: found.s,
        })
    }

    /// The linear program of the kept arcs in the path's units, and a point of it near the central path.
    fn scaled_program(&self, kept: &ArcList, path: &mut InteriorPath) -> Result<ScaledProgram> {
        let (m, n) = (self.dense.rows.len(), self.dense.columns.len());
        let (low, range) = (self.dense.low, self.dense.range);
        let costs: Vec<f64> = kept.costs.iter().map(|c| (c - low) / range).collect();
        let arcs = central_path::PathArcs {
            rows: m,
            ends: &kept.ends,
            costs: &costs,
            masses: &path.masses,
        };
        let PathPoint { x, s } = central_path::central_point(&arcs, &mut path.heights, path.mu);
        let ends: Vec<(usize, usize)> = kept
            .ends
            .iter()
            .map(|(i, j)| (*i as usize, *j as usize))
            .collect();
        let projection = Bipartite::of_arcs(m, n, &ends)?;
        let marginals = projection.kept().to_vec();
        let b = marginals.iter().map(|v| path.masses[*v]).collect();
        let mut cost = Constraints::builder(1, &[Block::Nonneg(costs.len())])?;
        for (k, c) in costs.iter().enumerate() {
            cost.entry(0, 0, k, k, *c)?;
        }
        let program = ConicProgram::new(projection.constraints().clone(), b, cost.build()?)?;
        ground(&mut path.heights, m, &ends, &marginals);
        let y = marginals.iter().map(|v| path.heights[*v]).collect();
        Ok(ScaledProgram {
            program,
            projection,
            marginals,
            start: Start { x, y, s },
        })
    }

    fn unscale(&self, heights: &[f64], potentials: &mut Potentials) {
        let (low, range) = (self.dense.low, self.dense.range);
        for (p, h) in potentials.rows.iter_mut().zip(heights) {
            *p = h * range + low;
        }
        let columns = &heights[potentials.rows.len()..];
        for (p, h) in potentials.columns.iter_mut().zip(columns) {
            *p = h * range;
        }
    }

    /// Violated arcs that are not kept: while the potentials are not feasible, a kept arc may be violated too.
    fn violated_arcs(&self, kept: &ArcList, potentials: &Potentials) -> Vec<(usize, usize)> {
        let known: HashSet<(u32, u32)> = kept.ends.iter().copied().collect();
        let mut violated = self.price(potentials, INTERIOR_VIOLATION.get() * self.dense.range);
        violated.retain(|(i, j)| !known.contains(&(*i as u32, *j as u32)));
        violated
    }
}

/// Puts the arcs of largest mass over reduced cost first.
fn order_by_ratio(kept: &mut ArcList, mass: &[f64], slack: &[f64]) {
    let mut by: Vec<usize> = (0..kept.len()).collect();
    let ratio = |a: usize, b: usize| (mass[b] * slack[a]).total_cmp(&(mass[a] * slack[b]));
    by.sort_by(|a, b| ratio(*a, *b).then(a.cmp(b)));
    kept.ends = by.iter().map(|k| kept.ends[*k]).collect();
    kept.costs = by.iter().map(|k| kept.costs[*k]).collect();
}

/// Shifts the heights of every component so that the height of its marginal that is not kept is zero.
fn ground(heights: &mut [f64], m: usize, arcs: &[(usize, usize)], kept: &[usize]) {
    let mut near: Vec<Vec<usize>> = vec![vec![]; heights.len()];
    for (i, j) in arcs {
        near[*i].push(m + j);
        near[m + j].push(*i);
    }
    let mut dropped = vec![true; heights.len()];
    kept.iter().for_each(|v| dropped[*v] = false);
    let mut seen = dropped.clone();
    for v in (0..heights.len()).filter(|v| dropped[*v]) {
        // Rows and columns move in opposite directions, so that the reduced costs stay.
        let by = if v < m { -heights[v] } else { heights[v] };
        let mut stack = vec![v];
        while let Some(u) = stack.pop() {
            heights[u] += if u < m { by } else { -by };
            for w in &near[u] {
                if !std::mem::replace(&mut seen[*w], true) {
                    stack.push(*w);
                }
            }
        }
    }
}
