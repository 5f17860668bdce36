//! A cost whose largest entries are cut off.
//!
//! Entries that stand for "never" (1e20, 1e32) swallow the digits of the others: potentials reach along arcs, and a potential of 1e32
//! knows nothing of a cost of 1. Cutting entries off lowers the cost, so that potentials which are feasible for the cut cost are
//! feasible for the stated one. A plan that is optimal for the cut cost and uses no arc that was cut costs the same in both. Hence that plan is
//! optimal, with the same certificate. A plan that uses such an arc asks for a higher cap.

use super::solution::ExactSolution;
use crate::linalg::error_free::ExactSum;
use crate::transport::kernel::parallel;
use crate::transport::params::{CAP, WIDE_COST};
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::marginals::Marginals;

/// Mass, over the total, that rounding of masses may leave for arcs that no plan needs.
pub(super) const RESIDUE: f64 = 1e-14;

/// The least entries of the rows and columns of a cost, and what a plan is likely to pay at most along one arc.
pub(super) struct LineMinima {
    rows: Vec<f64>,
    columns: Vec<f64>,
    /// Caps from the lowest to the last that cuts an entry off; none unless the range of the cost is so wide that caps may help.
    pub(super) caps: Vec<f64>,
}

impl LineMinima {
    /// # Complexity
    /// One pass over the cost.
    pub(super) fn new(cost: &dyn Cost, marginals: &Marginals, largest: f64) -> Self {
        let (m, n) = cost.shape();
        let parts = parallel::map(n, m * n, |range| {
            let (mut rows, mut columns) = (vec![f64::INFINITY; m], Vec::with_capacity(range.len()));
            let (mut line, mut smallest) = (vec![0.0; m], f64::INFINITY);
            for j in range {
                cost.fill(j, 0, &mut line);
                columns.push(line.iter().copied().fold(f64::INFINITY, f64::min));
                for (r, c) in rows.iter_mut().zip(&line) {
                    *r = r.min(*c);
                    smallest = smallest.min(if *c == 0.0 { f64::INFINITY } else { c.abs() });
                }
            }
            (rows, columns, smallest)
        });
        let (mut rows, mut columns) = (vec![f64::INFINITY; m], Vec::with_capacity(n));
        let mut smallest = f64::INFINITY;
        for (part, more, least) in parts {
            rows.iter_mut().zip(part).for_each(|(r, p)| *r = r.min(p));
            columns.extend(more);
            smallest = smallest.min(least);
        }
        // Lines without mass pay nothing, and must not lift the caps of the others.
        let masses = [0, 1].map(|mode| marginals.masses(mode));
        for (least, masses) in [(&mut rows, masses[0]), (&mut columns, masses[1])] {
            let pairs = least.iter_mut().zip(masses);
            let idle = pairs.filter(|(_, mass)| **mass == 0.0);
            idle.for_each(|(v, _)| *v = f64::NEG_INFINITY);
        }
        let paid = |v: &[f64], mode: usize| -> Vec<f64> {
            let pairs = v.iter().zip(marginals.masses(mode));
            pairs
                .filter(|(_, mass)| **mass > 0.0)
                .map(|(v, _)| v.abs())
                .collect()
        };
        let sizes = [paid(&rows, 0), paid(&columns, 1)].concat();
        let caps = caps(sizes, smallest, largest);
        Self {
            rows,
            columns,
            caps,
        }
    }
}

/// Caps for a cost with this largest entry, this smallest entry that is not zero and these sizes of the least entries of its lines, from
/// the lowest to the last that cuts an entry off.
///
/// A plan pays at least the least entry of each line: the median of these sizes says what is typical. Where that leaves nothing to cut off,
/// lines may be large throughout, and the smallest entry decides whether the range is beyond what double precision holds.
pub(super) fn caps(mut sizes: Vec<f64>, smallest: f64, largest: f64) -> Vec<f64> {
    sizes.sort_unstable_by(f64::total_cmp);
    let median = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
    let typical = if median > 0.0 && largest > WIDE_COST.get() * median {
        median
    } else if largest > WIDE_COST.get().powi(2) * smallest {
        smallest
    } else {
        return vec![];
    };
    let step = CAP.get();
    core::iter::successors(Some(step * typical), |cap| Some(cap * step))
        .take_while(|cap| *cap < largest)
        .collect()
}

/// The cost, no entry of which exceeds the larger of the least entries of its row and column by more than the cap.
pub(super) struct CappedCost<'a> {
    pub(super) cost: &'a dyn Cost,
    pub(super) minima: &'a LineMinima,
    pub(super) cap: f64,
}

impl CappedCost<'_> {
    /// The answer as one for the stated cost; `None` where mass goes along an arc that was cut. Mass that is rounding of the masses
    /// alone is left out of the plan.
    pub(super) fn stated(
        &self,
        mut answer: ExactSolution,
        marginals: &Marginals,
    ) -> Option<ExactSolution> {
        let cut = |arc: &&(usize, usize, f64)| !self.is_exact(arc.0, arc.1);
        let residue: f64 = answer.plan.iter().filter(cut).map(|arc| arc.2).sum();
        if residue == 0.0 {
            return Some(answer);
        }
        if residue > RESIDUE * marginals.total() {
            return None;
        }
        answer.plan.retain(|arc| self.is_exact(arc.0, arc.1));
        let (mut objective, mut cost) = (ExactSum::default(), [0.0]);
        for (i, j, mass) in &answer.plan {
            self.cost.fill(*j, *i, &mut cost);
            objective.add_product(*mass, cost[0]);
        }
        answer.objective = objective.ball().mid;
        answer.marginal_violation += 2.0 * residue;
        Some(answer)
    }

    /// Whether an arc costs what it costs in the stated program.
    fn is_exact(&self, row: usize, column: usize) -> bool {
        let (mut stated, mut capped) = ([0.0], [0.0]);
        self.cost.fill(column, row, &mut stated);
        self.fill(column, row, &mut capped);
        stated == capped
    }
}

impl Cost for CappedCost<'_> {
    fn shape(&self) -> (usize, usize) {
        self.cost.shape()
    }

    fn fill(&self, column: usize, first: usize, out: &mut [f64]) {
        self.cost.fill(column, first, out);
        let least = self.minima.columns[column];
        for (c, row) in out.iter_mut().zip(&self.minima.rows[first..]) {
            // Between two lines without mass any cost will do.
            let line = row.max(least);
            let line = if line.is_finite() { line } else { 0.0 };
            *c = c.min(line + self.cap);
        }
    }
}
