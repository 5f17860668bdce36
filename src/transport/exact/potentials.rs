//! Potentials that choose the arcs: Sinkhorn half-steps at temperatures that fall, on a sample of the points first.

use super::Dense;
use super::dense::{Run, Watch};
use crate::random::{Lane, Seed};
use crate::transport::objective::Linear;
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::settings::HalfStepPrecision;
use crate::transport::sinkhorn::half_steps::HalfSteps;
use rand_core::Rng;

/// Inverse temperature at the beginning, for a cost of range 1.
pub(super) const FIRST: f64 = 10.0;
/// Points from which on half-steps grow with the square of their number, and by how much at most. Measured on points in the plane: 40 do
/// for 10 000; for 20 000 it takes 100 s with 40, 53 s with 160 (a sixth of the pivots).
const MANY: f64 = 1e4;
const MOST: f64 = 10.0;
/// A level has this many times fewer points than the next finer one.
const COARSER: usize = 4;
/// Points of the coarsest level at least.
const COARSEST: usize = 200;
/// A level ends this many times warmer than the next finer one: beyond that the noise of the sample costs more than it saves.
const WARMER: f64 = 32.0;

/// The cost moved and scaled onto [0, 1]: f32 keeps its digits there.
struct Unit<'a>(&'a Dense<'a>);

impl Cost for Unit<'_> {
    fn shape(&self) -> (usize, usize) {
        self.0.cost.shape()
    }

    fn fill(&self, column: usize, first: usize, out: &mut [f64]) {
        let (low, by) = (self.0.low, 1.0 / self.0.range);
        match self.0.cost.dense() {
            Some(cost) => {
                let at = column * self.shape().0 + first;
                out.copy_from_slice(&cost[at..at + out.len()]);
            }
            None => self.0.cost.fill(column, first, out),
        }
        out.iter_mut().for_each(|c| *c = (*c - low) * by);
    }

    fn fill_single(&self, column: usize, first: usize, out: &mut [f32]) {
        let (low, by) = (self.0.low, 1.0 / self.0.range);
        if let Some(cost) = self.0.cost.dense() {
            let at = column * self.shape().0 + first;
            for (o, c) in out.iter_mut().zip(&cost[at..]) {
                *o = ((c - low) * by) as f32;
            }
            return;
        }
        self.0.cost.fill_single(column, first, out);
        out.iter_mut()
            .for_each(|c| *c = ((f64::from(*c) - low) * by) as f32);
    }
}

/// Some columns of a cost.
struct Columns<'a>(&'a dyn Cost, &'a [usize]);

impl Cost for Columns<'_> {
    fn shape(&self) -> (usize, usize) {
        (self.0.shape().0, self.1.len())
    }

    fn fill(&self, column: usize, first: usize, out: &mut [f64]) {
        self.0.fill(self.1[column], first, out);
    }

    fn fill_single(&self, column: usize, first: usize, out: &mut [f32]) {
        self.0.fill_single(self.1[column], first, out);
    }
}

impl Run<'_, '_> {
    /// Potentials for the points of positive mass; zero where the cost is constant.
    pub(super) fn anneal(&mut self) -> [Vec<f64>; 2] {
        let shape = self.dense.cost.shape();
        let mut duals = [vec![0.0; shape.0], vec![0.0; shape.1]];
        // On so many points more would be spent in pivots.
        let points = self.dense.rows.len().min(self.dense.columns.len()) as f64;
        let more = (points / MANY).max(1.0).powi(2).min(MOST);
        let beta = self.settings.beta;
        let steps = (more * self.settings.half_steps as f64) as usize;
        if self.dense.range > 0.0 && steps > 0 {
            let unit = Unit(&self.dense);
            let (low, by) = (self.dense.low, 1.0 / self.dense.range);
            let single = |c: &[f64]| c.iter().map(|c| ((c - low) * by) as f32).collect();
            let mut half = HalfSteps::new(&unit, self.marginals, HalfStepPrecision::Single);
            half.stored_single = self.dense.cost.dense().map(single);
            duals = level(half, [beta, steps as f64], 0, &mut self.watch);
            duals
                .iter_mut()
                .flatten()
                .for_each(|v| *v *= self.dense.range);
        }
        self.restrict(&duals)
    }
}

/// Half-steps on all points of a level, from the next coarser one's potentials.
fn level(
    mut half: HalfSteps<'_>,
    [goal, steps]: [f64; 2],
    depth: u64,
    watch: &mut Watch<'_>,
) -> [Vec<f64>; 2] {
    let (m, n) = half.cost.shape();
    let (mut beta, mut first, mut count) = (FIRST.min(goal), 0, steps as usize);
    if m.min(n) >= COARSER * COARSEST {
        let goal = goal / WARMER;
        if let Some(rows) = coarser(&half, [goal, steps], depth, watch) {
            half.potentials[0] = rows;
            (beta, first, count) = (goal, 1, count.div_ceil(2));
        }
    }
    let factor = (goal / beta).powf(1.0 / count.max(2) as f64);
    for step in first..first + count {
        // Potentials that cannot be had in f32 are a worse choice of arcs, no more.
        if half.normalise(step % 2, beta).is_err() || watch.halt(beta) {
            break;
        }
        if step + 1 < first + count {
            half.carry(0, factor);
            half.carry(1, factor);
            beta *= factor;
        }
    }
    let dual = |mode: usize| {
        let pairs = half.potentials[mode].iter().zip(&half.logs[mode]);
        pairs.map(|(u, log)| (u - log) / beta).collect()
    };
    [dual(0), dual(1)]
}

/// Row potentials for the half-steps `half` at inverse temperature `goal`, from a sample of rows and columns.
fn coarser(
    half: &HalfSteps<'_>,
    [goal, steps]: [f64; 2],
    depth: u64,
    watch: &mut Watch<'_>,
) -> Option<Vec<f64>> {
    let sample = [0, 1].map(|mode| sample(half.marginals.masses(mode), mode as u64 + 2 * depth));
    let [(rows, mu), (columns, nu)] = &sample;
    let mut line = vec![0.0; half.cost.shape().0];
    let mut cost = Vec::with_capacity(rows.len() * columns.len());
    for j in columns {
        half.cost.fill(*j, 0, &mut line);
        cost.extend(rows.iter().map(|i| line[*i]));
    }
    let cost = Linear::new(&[rows.len(), columns.len()], cost).ok()?;
    let marginals = Marginals::new(mu, nu).ok()?;
    let coarse = HalfSteps::new(&cost, &marginals, HalfStepPrecision::Single);
    let [_, psi] = level(coarse, [goal, steps], depth + 1, watch);
    let cost = Columns(half.cost, columns);
    let marginals = Marginals::new(half.marginals.masses(0), marginals.masses(1)).ok()?;
    let mut fine = HalfSteps::new(&cost, &marginals, HalfStepPrecision::Single);
    for ((v, psi), log) in fine.potentials[1].iter_mut().zip(psi).zip(&fine.logs[1]) {
        *v = log + goal * psi;
    }
    fine.normalise(0, goal).ok()?;
    fine.potentials.into_iter().next()
}

/// A sample of the points of positive mass and masses for it, whose sum is that of `masses`.
///
/// Half of the chance of a point is its mass and half is even; strata of equal chance follow the order of the points.
fn sample(masses: &[f64], stream: u64) -> (Vec<usize>, Vec<f64>) {
    let total: f64 = masses.iter().sum();
    let positive = masses.iter().filter(|v| **v > 0.0).count();
    let count = (positive / COARSER).max(1);
    let chance = |mass: f64| 0.5 * count as f64 * (mass / total + 1.0 / positive as f64);
    let mut rng = Seed::default().stream(Lane::TRANSPORT, 1, stream);
    let mut uniform = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let (mut at, mut weights) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut sum, mut stratum, mut next) = (0.0, 0.0, uniform());
    for (i, mass) in masses.iter().enumerate().filter(|(_, v)| **v > 0.0) {
        let chance = chance(*mass);
        sum += chance;
        let mut hits = 0.0;
        while next < sum {
            hits += 1.0;
            stratum += 1.0;
            next = stratum + uniform();
        }
        if hits > 0.0 {
            at.push(i);
            weights.push(hits * mass / chance);
        }
    }
    let off = total / weights.iter().sum::<f64>();
    weights.iter_mut().for_each(|w| *w *= off);
    (at, weights)
}
