//! Potentials that choose the first arcs: Sinkhorn half-steps while the temperature falls, on a sample of the points first.

use super::dense::DenseRun;
use super::dense_cost::DenseCost;
use super::monitor::Monitor;
use super::solution::Potentials;
use crate::random::{Lane, Seed};
use crate::transport::objective::Linear;
use crate::transport::params::{
    COARSE_WARMTH, COARSENING, FIRST_BETA, MANY_POINTS, MAX_STEP_GROWTH, MIN_LEVEL_POINTS,
};
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::settings::HalfStepPrecision;
use crate::transport::sinkhorn::half_steps::HalfSteps;
use rand_core::Rng;

/// The cost moved and scaled onto [0, 1]: f32 keeps its digits there.
struct UnitCost<'a>(&'a DenseCost<'a>);

impl Cost for UnitCost<'_> {
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
struct SampledColumns<'a>(&'a dyn Cost, &'a [usize]);

impl Cost for SampledColumns<'_> {
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

/// How the half-steps of a level are spread over the temperatures.
#[derive(Clone, Copy)]
struct Schedule {
    /// Inverse temperature of the last half-step.
    last_beta: f64,
    /// Half-steps, without a coarser level before.
    steps: usize,
}

impl DenseRun<'_> {
    /// Potentials for the points of positive mass; zero where the cost is constant.
    pub(super) fn anneal(&mut self) -> Potentials {
        let (m, n) = self.dense.cost.shape();
        let mut potentials = Potentials::constant(m, n, 0.0);
        // With many points, fewer half-steps would cost more time in pivots than they save.
        let points = self.dense.rows.len().min(self.dense.columns.len()) as f64;
        let growth = (points / MANY_POINTS.get()).max(1.0).powi(2);
        let steps = growth.min(MAX_STEP_GROWTH.get()) * self.settings.half_steps as f64;
        let schedule = Schedule {
            last_beta: self.settings.beta,
            steps: steps as usize,
        };
        if self.dense.range > 0.0 && schedule.steps > 0 {
            let unit = UnitCost(&self.dense);
            let (low, by) = (self.dense.low, 1.0 / self.dense.range);
            let single = |c: &[f64]| c.iter().map(|c| ((c - low) * by) as f32).collect();
            let mut half = HalfSteps::new(&unit, self.marginals, HalfStepPrecision::Single);
            half.stored_single = self.dense.cost.dense().map(single);
            potentials = level(half, schedule, 0, &mut self.monitor);
            let all = potentials.rows.iter_mut().chain(&mut potentials.columns);
            all.for_each(|v| *v *= self.dense.range);
        }
        potentials.restricted(&self.dense.rows, &self.dense.columns)
    }
}

/// Half-steps on all points of a level, from the potentials of the next coarser level.
fn level(
    mut half: HalfSteps<'_>,
    schedule: Schedule,
    depth: u64,
    monitor: &mut Monitor<'_>,
) -> Potentials {
    let (m, n) = half.cost.shape();
    let goal = schedule.last_beta;
    // With many points, a sample of them is annealed first, to a warmer temperature, and half of the steps remain.
    let (mut beta, mut first, mut count) = (FIRST_BETA.get().min(goal), 0, schedule.steps);
    if m.min(n) >= COARSENING.count() * MIN_LEVEL_POINTS.count() {
        let coarse = Schedule {
            last_beta: goal / COARSE_WARMTH.get(),
            ..schedule
        };
        if let Some(rows) = coarser(&half, coarse, depth, monitor) {
            half.potentials[0] = rows;
            (beta, first, count) = (coarse.last_beta, 1, count.div_ceil(2));
        }
    }
    let factor = (goal / beta).powf(1.0 / count.max(2) as f64);
    for step in first..first + count {
        // A half-step that breaks down in f32 leaves a poorer choice of arcs, and nothing worse.
        if half.normalise(step % 2, beta).is_err() || monitor.ends(beta) {
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
    Potentials {
        rows: dual(0),
        columns: dual(1),
    }
}

/// Row potentials for the half-steps `half` at the schedule's last temperature, from a sample of rows and columns.
fn coarser(
    half: &HalfSteps<'_>,
    schedule: Schedule,
    depth: u64,
    monitor: &mut Monitor<'_>,
) -> Option<Vec<f64>> {
    // The problem between sampled rows and sampled columns.
    let [rows, columns] =
        [0, 1].map(|mode| Sample::draw(half.marginals.masses(mode), mode as u64 + 2 * depth));
    let mut line = vec![0.0; half.cost.shape().0];
    let mut cost = Vec::with_capacity(rows.points.len() * columns.points.len());
    for j in &columns.points {
        half.cost.fill(*j, 0, &mut line);
        cost.extend(rows.points.iter().map(|i| line[*i]));
    }
    let cost = Linear::new(&[rows.points.len(), columns.points.len()], cost).ok()?;
    let sampled = Marginals::new(&rows.masses, &columns.masses).ok()?;
    let coarse = HalfSteps::new(&cost, &sampled, HalfStepPrecision::Single);
    let psi = level(coarse, schedule, depth + 1, monitor).columns;
    // One half-step of all rows against the sampled columns.
    let cost = SampledColumns(half.cost, &columns.points);
    let marginals = Marginals::new(half.marginals.masses(0), sampled.masses(1)).ok()?;
    let mut fine = HalfSteps::new(&cost, &marginals, HalfStepPrecision::Single);
    let goal = schedule.last_beta;
    for ((v, psi), log) in fine.potentials[1].iter_mut().zip(psi).zip(&fine.logs[1]) {
        *v = log + goal * psi;
    }
    fine.normalise(0, goal).ok()?;
    fine.potentials.into_iter().next()
}

/// A sample of the points of positive mass, with masses whose sum is that of all masses.
struct Sample {
    points: Vec<usize>,
    masses: Vec<f64>,
}

impl Sample {
    /// Draws with chances that are half proportional to the mass and half equal, once in every stratum of equal chance. The strata
    /// follow the order of the points.
    fn draw(masses: &[f64], stream: u64) -> Self {
        let total: f64 = masses.iter().sum();
        let positive = masses.iter().filter(|v| **v > 0.0).count();
        let count = (positive / COARSENING.count()).max(1);
        let chance = |mass: f64| 0.5 * count as f64 * (mass / total + 1.0 / positive as f64);
        let mut rng = Seed::default().stream(Lane::TRANSPORT, 1, stream);
        let mut uniform = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let (mut points, mut weights) = (Vec::with_capacity(count), Vec::with_capacity(count));
        // One draw per stratum: it hits the point within whose chance it falls.
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
                points.push(i);
                weights.push(hits * mass / chance);
            }
        }
        let off = total / weights.iter().sum::<f64>();
        weights.iter_mut().for_each(|w| *w *= off);
        Self {
            points,
            masses: weights,
        }
    }
}
