//! Optimal transport to a certified optimum: Sinkhorn potentials choose the arcs, the network simplex finishes[^ZG22].
//!
//! [^ZG22]: Zanetti, Gondzio. *An interior point–inspired algorithm for linear programs arising in discrete optimal transport.*
//! INFORMS Journal on Computing 35, 2023 (column generation on the support; here with a simplex finish).

mod arc_index;
mod central_path;
mod dense;
mod initial_tree;
mod interior;
mod potentials;
mod program;
mod simplex;
mod sparse;
mod tree;

use super::polytope::cost::{self, Cost};
use super::polytope::marginals::Marginals;
use super::settings::{Observer, Snapshot};
use crate::clock::Instant;
use crate::error::{Error, Result, check_finite, check_shape};
use crate::ipm::Status;
use dense::{Run, Watch};
pub use program::linear_program;
pub use sparse::{Cut, exact_sparse};

/// Settings of [`exact`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `half_steps` | 40 | Sinkhorn half-steps that choose the arcs, unless potentials are given; half as many where a sample went before, and beyond 10 000 points more by the square of their number, ten times at most | any |
/// | `beta` | 3000 | inverse temperature they end at, for a cost of range 1 | ≥ 10 |
/// | `arcs` | 16 | arcs kept a row and a column at first | ≥ 1 |
/// | `max_rounds` | 1000 | pricings of all arcs at most | ≥ 1 |
/// | `tol_gap_rel` | 1e-9 | certified gap over the objective at which the answer counts as optimal | ≥ 0 |
/// | `time_limit` | ∞ | seconds | > 0 |
/// | `finish` | automatic | what solves on the arcs kept, see [`Finish`] | |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExactSettings {
    /// Half-steps that choose the arcs.
    pub half_steps: usize,
    /// Inverse temperature they end at.
    pub beta: f64,
    /// Arcs kept a row and a column at first.
    pub arcs: usize,
    /// Pricings at most.
    pub max_rounds: usize,
    /// Relative certified gap.
    pub tol_gap_rel: f64,
    /// Seconds.
    pub time_limit: f64,
    /// What solves on the arcs kept.
    pub finish: Finish,
}

/// What solves on the arcs that were kept. Either way the answer is a vertex with the same certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Finish {
    /// What measured faster.
    #[default]
    Auto,
    /// The network simplex.
    Simplex,
    /// The interior-point method on [`Bipartite`](crate::projection::Bipartite), with pricing and warm starts between its rounds;
    /// the network simplex goes from the tree of the arcs with the most mass over reduced cost to a vertex.
    InteriorPoint,
}

impl Default for ExactSettings {
    fn default() -> Self {
        Self {
            half_steps: 40,
            beta: 3000.0,
            arcs: 16,
            max_rounds: 1000,
            tol_gap_rel: 1e-9,
            time_limit: f64::INFINITY,
            finish: Finish::default(),
        }
    }
}

impl ExactSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn validate(&self) -> Result<()> {
        let fail = |field, reason: String| Err(Error::InvalidSetting { field, reason });
        if !(self.beta >= 10.0 && self.beta.is_finite()) {
            let reason = format!("expected a finite number ≥ 10, found {}", self.beta);
            return fail("beta", reason);
        }
        for (field, v) in [("arcs", self.arcs), ("max_rounds", self.max_rounds)] {
            if v == 0 {
                return fail(field, "expected at least 1, found 0".into());
            }
        }
        if !(self.tol_gap_rel >= 0.0 && self.tol_gap_rel.is_finite()) {
            let reason = format!("expected a finite number ≥ 0, found {}", self.tol_gap_rel);
            return fail("tol_gap_rel", reason);
        }
        if self.time_limit.is_nan() || self.time_limit <= 0.0 {
            let reason = format!("expected a positive number, found {}", self.time_limit);
            return fail("time_limit", reason);
        }
        Ok(())
    }
}

/// What [`exact`] returns.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExactSolution {
    /// [`Status::Solved`] with a certified gap within the tolerance, or why it ended before.
    pub status: Status,
    /// Row, column and mass of every arc that carries some: at most `m + n − 1`.
    pub plan: Vec<(usize, usize, f64)>,
    /// `φ`, `ψ` with `φ_i + ψ_j ≤ C_ij` everywhere: a warm start for a changed cost or changed masses.
    pub potentials: [Vec<f64>; 2],
    /// `⟨C, plan⟩`.
    pub objective: f64,
    /// `⟨μ, φ⟩ + ⟨ν, ψ⟩`, which no coupling's cost is below.
    pub lower_bound: f64,
    /// l1 marginal violation of the plan: rounding error.
    pub marginal_violation: f64,
    /// Pricings of all arcs.
    pub rounds: usize,
    /// Pivots of the network simplex.
    pub pivots: usize,
    /// Iterations of the interior-point method.
    pub iterations: usize,
    /// Arcs kept at the end.
    pub arcs: usize,
    /// Wall seconds.
    pub seconds: f64,
    /// Wall seconds of the potentials, the choice of arcs, the finish, and pricing with the certificate.
    pub phases: [f64; 4],
    /// Why there is no coupling, where the status is [`Status::PrimalInfeasible`]: only where arcs are forbidden. The plan is empty
    /// then, objective and bound are infinite, and the potentials are 1 on the cut's rows and −1 on its columns: feasible at cost
    /// 0 on every arc allowed, and worth more than 0.
    pub cut: Option<Cut>,
}

impl ExactSolution {
    fn nothing() -> Self {
        Self {
            status: Status::InsufficientProgress,
            plan: vec![],
            potentials: [vec![], vec![]],
            objective: f64::NAN,
            lower_bound: f64::NAN,
            marginal_violation: f64::NAN,
            rounds: 0,
            pivots: 0,
            iterations: 0,
            arcs: 0,
            seconds: 0.0,
            phases: [0.0; 4],
            cut: None,
        }
    }
}

fn check_start(start: Option<&[Vec<f64>; 2]>, marginals: &Marginals) -> Result<()> {
    for (mode, v) in start.into_iter().flatten().enumerate() {
        check_shape("potential", (marginals.shape()[mode], 1), (v.len(), 1))?;
        check_finite("potential", v)?;
    }
    Ok(())
}

/// The arcs of a cost that is infinite elsewhere, or forbidden by the marginals.
///
/// # Errors
/// [`Error::NonFinite`] for a NaN or minus infinity.
fn allowed(cost: &dyn Cost, marginals: &Marginals) -> Result<Vec<(usize, usize, f64)>> {
    let (m, n) = cost.shape();
    let (mut arcs, mut line) = (vec![], vec![0.0; m]);
    for j in 0..n {
        cost.fill(j, 0, &mut line);
        for (i, c) in line.iter().enumerate() {
            if marginals.forbidden().is_some_and(|f| f[i + m * j]) || *c == f64::INFINITY {
                continue;
            }
            if !c.is_finite() {
                let (what, index) = ("cost", i + m * j);
                return Err(Error::NonFinite { what, index });
            }
            arcs.push((i, j, *c));
        }
    }
    Ok(arcs)
}

/// A cost between the points of positive mass.
pub(super) struct Dense<'a> {
    cost: &'a dyn Cost,
    rows: Vec<usize>,
    columns: Vec<usize>,
    low: f64,
    range: f64,
}

impl Dense<'_> {
    /// A column, in place where it is stored.
    fn column<'b>(&'b self, j: usize, buffer: &'b mut Vec<f64>) -> &'b [f64] {
        let (j, m) = (self.columns[j], self.cost.shape().0);
        if self.rows.len() == m {
            if let Some(cost) = self.cost.dense() {
                return &cost[j * m..(j + 1) * m];
            }
            buffer.resize(m, 0.0);
            self.cost.fill(j, 0, buffer);
            return buffer;
        }
        buffer.resize(m, 0.0);
        self.cost.fill(j, 0, buffer);
        // Kept rows are in order, so none is overwritten before it is read.
        for (k, i) in self.rows.iter().enumerate() {
            buffer[k] = buffer[*i];
        }
        &buffer[..self.rows.len()]
    }

    fn entry(&self, i: usize, j: usize) -> f64 {
        let mut out = [0.0];
        self.cost.fill(self.columns[j], self.rows[i], &mut out);
        out[0]
    }
}

/// Minimises a linear cost over the couplings of two measures, to a vertex with a certificate of its optimality.
///
/// Log-domain Sinkhorn half-steps with falling temperature give potentials; the arcs of the least reduced costs and a feasible
/// tree are kept; the network simplex solves on them, all arcs are priced, violated ones join, until there are none. `start`
/// takes the place of the half-steps: [`ExactSolution::potentials`] of a similar problem. The observer is called after every half-step,
/// every 1024 pivots and every round; of what it sees, `iteration` counts these calls, `beta` is the inverse temperature and
/// `seconds` the time; the rest is not known on the way.
///
/// ```
/// use dyncvx::transport::{unobserved, CostFn, ExactSettings, Marginals, Status, exact};
/// let cost = CostFn::new(30, 40, |i, j| (i as f64 / 30.0 - j as f64 / 40.0).powi(2));
/// let marginals = Marginals::uniform(&[30, 40])?;
/// let answer = exact(&cost, &marginals, &ExactSettings::default(), None, &mut unobserved)?;
/// assert_eq!(answer.status, Status::Solved);
/// assert!(answer.objective - answer.lower_bound <= 1e-9 * answer.objective);
/// assert!(answer.plan.len() < 70);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// Arcs of infinite cost, and those the marginals forbid, carry nothing: then [`exact_sparse`] solves on the others, which finds
/// [`Status::PrimalInfeasible`] where no coupling lives on them.
///
/// The gap counts as closed within `tol_gap_rel` of the objective, or, where that is itself rounding error, within 1e-14 of
/// the mass times the largest entry of the cost.
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`] in the cost (infinity excepted) or `start`, [`Error::InvalidSetting`];
/// [`Error::Unsupported`] for more than two measures.
///
/// # Complexity
/// `O(mn)` a half-step and a round; a pivot costs what it moves of the tree. Space `O((m + n) arcs)` beside the cost.
pub fn exact(
    cost: &dyn Cost,
    marginals: &Marginals,
    settings: &ExactSettings,
    start: Option<&[Vec<f64>; 2]>,
    observer: &mut Observer<'_>,
) -> Result<ExactSolution> {
    settings.validate()?;
    let by = "exact transport";
    let [m, n] = *marginals.shape() else {
        let what = "more than two measures";
        return Err(Error::Unsupported { what, by });
    };
    check_shape("cost", (m, n), cost.shape())?;
    check_start(start, marginals)?;
    if marginals.shape().iter().sum::<usize>() >= tree::NONE as usize {
        let (what, by) = ("2^32 or more points", "exact transport");
        return Err(Error::Unsupported { what, by });
    }
    let clock = Instant::now();
    let range = match marginals.forbidden() {
        Some(_) => None,
        None => match cost::range(cost) {
            Err(Error::NonFinite { .. }) => None,
            range => Some(range?),
        },
    };
    let Some((low, high)) = range else {
        let arcs = allowed(cost, marginals)?;
        let mut answer = exact_sparse(&arcs, marginals, settings, start, observer)?;
        answer.seconds = clock.elapsed().as_secs_f64();
        return Ok(answer);
    };
    let positive = |mode: usize| -> Vec<usize> {
        let masses = marginals.masses(mode).iter().enumerate();
        masses.filter(|(_, v)| **v > 0.0).map(|(i, _)| i).collect()
    };
    let dense = Dense {
        cost,
        rows: positive(0),
        columns: positive(1),
        low,
        range: high - low,
    };
    if !dense.range.is_finite() {
        let (what, by) = ("a cost whose range overflows", "exact transport");
        return Err(Error::Unsupported { what, by });
    }
    let scale = low.abs().max(high.abs());
    Run {
        dense,
        marginals,
        settings,
        scale,
        watch: Watch::new(settings, clock, observer),
    }
    .solve(start)
}

impl<'b> Watch<'b> {
    fn new(settings: &ExactSettings, clock: Instant, observer: &'b mut Observer<'b>) -> Self {
        Self {
            clock,
            time_limit: settings.time_limit,
            observer,
            calls: 0,
            ended: None,
        }
    }

    /// Tells the observer, and notes when it or the clock ends the run.
    fn halt(&mut self, beta: f64) -> bool {
        let seconds = self.clock.elapsed().as_secs_f64();
        self.calls += 1;
        if seconds > self.time_limit {
            self.ended = Some(Status::TimeLimit);
        }
        let seen = Snapshot {
            iteration: self.calls,
            step: 0.0,
            beta,
            value: f64::NAN,
            upper: f64::INFINITY,
            lower: f64::NEG_INFINITY,
            violation: f64::NAN,
            seconds,
        };
        if (self.observer)(&seen).is_break() {
            self.ended = Some(Status::Stopped);
        }
        self.ended.is_some()
    }
}
