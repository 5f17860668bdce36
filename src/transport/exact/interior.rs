//! The interior-point finish: the optimum on the kept arcs from inside, round by round, and what it leaves to the simplex method.

use super::central_path::{self, central};
use super::dense::Run;
use super::simplex::Arcs;
use crate::constraints::{Block, Constraints};
use crate::error::Result;
use crate::ipm::{self, Settings, Start, Status};
use crate::problem::ConicProgram;
use crate::projection::Bipartite;
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Relative tolerances of the interior-point method, one after another: arcs join while the point is far from the boundary. The
/// last is no smaller since its plan only orders the arcs; a vertex is found from there.
const TOLS: [f64; 3] = [1e-3, 1e-5, 1e-8];
/// Rounds of pricing from inside, at most; the simplex method prices what is left.
const ROUNDS: usize = 40;
/// Reduced costs above this much of the range of the cost, with the sign changed, are left to the simplex method.
const VIOLATED: f64 = 1e-7;

/// Times the mean product of a point, for the next to be central there: where arcs joined, and at the mean product `1/β` of mass
/// and reduced cost that Sinkhorn's method leaves an arc.
const WARMER: f64 = 5.0;

/// What an interior finish did.
#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) rounds: usize,
    pub(super) iterations: usize,
}

impl Run<'_, '_> {
    /// Solves on `kept` from inside, prices, and takes violated arcs in until there are few. Then the arcs with the most mass over
    /// reduced cost come first, and `potentials` are those of the last round.
    pub(super) fn inside(
        &mut self,
        kept: &mut Arcs,
        potentials: &mut [Vec<f64>; 2],
        beta: f64,
    ) -> Result<Inside> {
        let (m, n) = (potentials[0].len(), potentials[1].len());
        let (low, range) = (self.dense.low, self.dense.range);
        let mut out = Inside::default();
        if range <= 0.0 || m + n < 3 {
            return Ok(out);
        }
        // Masses of mean 1 and costs from 0 to 1.
        let unit = m.max(n) as f64 / self.marginals.total();
        let mut masses = Vec::with_capacity(m + n);
        for (mode, at) in [&self.dense.rows, &self.dense.columns].iter().enumerate() {
            masses.extend(at.iter().map(|i| self.marginals.masses(mode)[*i] * unit));
        }
        let mut heights: Vec<f64> = potentials[0].iter().map(|p| (p - low) / range).collect();
        heights.extend(potentials[1].iter().map(|p| p / range));
        let mut mu = WARMER * m.max(n) as f64 / (beta * kept.len() as f64);
        let mut sharp = 0;
        loop {
            let costs: Vec<f64> = kept.costs.iter().map(|c| (c - low) / range).collect();
            let arcs = central_path::Arcs {
                rows: m,
                ends: &kept.ends,
                costs: &costs,
                masses: &masses,
            };
            let (x, s) = central(&arcs, &mut heights, mu);
            let pairs: Vec<(usize, usize)> = kept
                .ends
                .iter()
                .map(|(i, j)| (*i as usize, *j as usize))
                .collect();
            let mut projection = Bipartite::new(m, n, &pairs)?;
            let marginals = projection.kept().to_vec();
            let b = marginals.iter().map(|v| masses[*v]).collect();
            let mut cost = Constraints::builder(1, &[Block::Nonneg(costs.len())])?;
            for (k, c) in costs.iter().enumerate() {
                cost.entry(0, 0, k, k, *c)?;
            }
            let program = ConicProgram::new(projection.constraints().clone(), b, cost.build()?)?;
            ground(&mut heights, m, &pairs, &marginals);
            let y = marginals.iter().map(|v| heights[*v]).collect();
            let mut settings = Settings::with_tolerance(TOLS[sharp]);
            let elapsed = self.watch.clock.elapsed().as_secs_f64();
            settings.time_limit = (self.settings.time_limit - elapsed).max(0.0);
            let watch = &mut self.watch;
            let mut last = mu;
            let mut observer = |it: &ipm::Iteration| {
                last = it.mu;
                match watch.halt(0.0) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            let start = Start { x, y, s };
            let found =
                ipm::solve_from(&program, &mut projection, &settings, &start, &mut observer);
            // Whatever stands in the way here, the simplex method goes on from where this came to.
            let Ok(found) = found else {
                break;
            };
            out.iterations += found.iterations;
            let usable = matches!(
                found.status,
                Status::Solved | Status::AlmostSolved | Status::InsufficientProgress
            );
            if self.watch.ended.is_some() || !usable {
                break;
            }
            heights.fill(0.0);
            for (v, y) in marginals.iter().zip(&found.y) {
                heights[*v] = *y;
            }
            for (p, h) in potentials[0].iter_mut().zip(&heights) {
                *p = h * range + low;
            }
            for (p, h) in potentials[1].iter_mut().zip(&heights[m..]) {
                *p = h * range;
            }
            order(kept, &found.x, &found.s);
            mu = last;
            out.rounds += 1;
            // Short of dual feasibility an arc may be violated that is kept.
            let known: HashSet<(u32, u32)> = kept.ends.iter().copied().collect();
            let mut fresh = self.price(potentials, VIOLATED * range);
            fresh.retain(|(i, j)| !known.contains(&(*i as u32, *j as u32)));
            if out.rounds == ROUNDS {
                break;
            }
            if fresh.is_empty() {
                sharp += 1;
                if sharp == TOLS.len() {
                    break;
                }
            } else {
                mu *= WARMER;
            }
            for (i, j) in fresh {
                kept.push(i, j, self.dense.entry(i, j));
            }
        }
        Ok(out)
    }
}

/// Puts the arcs with the most mass over reduced cost first.
fn order(kept: &mut Arcs, mass: &[f64], slack: &[f64]) {
    let mut by: Vec<usize> = (0..kept.len()).collect();
    let ratio = |a: usize, b: usize| (mass[b] * slack[a]).total_cmp(&(mass[a] * slack[b]));
    by.sort_by(|a, b| ratio(*a, *b).then(a.cmp(b)));
    kept.ends = by.iter().map(|k| kept.ends[*k]).collect();
    kept.costs = by.iter().map(|k| kept.costs[*k]).collect();
}

/// Shifts the heights of every component so that the one of its marginal that is not kept is zero.
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
        // What a row gains a column loses.
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
