//! The choice of the cheapest preconditioner for a weight, from counts of operations and from the steps needed before.
//!
//! Costs are seconds at nominal rates. So a choice depends on the problem and on the recorded steps, and not on the clock.

use crate::constraints::{Block, Constraints, Part};
use crate::linalg::machine::{
    DENSE_FLOPS, EIGEN_SECONDS, ENTRY_PAIR_SECONDS, MEMORY_BYTES, PATTERN_FLOPS, PRODUCT_FLOPS,
    ROW_ENTRIES, SINGLE_SPEEDUP,
};
use crate::projection::params::{MIN_STEPS, STEP_BUDGET_SHARE, UNTRIED_FRESH, UNTRIED_STALE};

/// The preconditioner of the conjugate gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preconditioner {
    /// A sparse base and a low-rank part.
    Split,
    /// The factor of an earlier weight.
    Stale,
    /// A factor in single precision.
    Single,
    /// A factor in double precision.
    Double,
}

/// Seconds of the parts of an answer, for one set of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Costs {
    m: f64,
    /// Forming the Gram matrix.
    pub assembly: f64,
    /// Factoring the Gram matrix in double precision.
    pub double: f64,
    /// One application of the exact operator.
    pub operator: f64,
    /// Computing the eigenvectors of every matrix block.
    pub eigen: f64,
    /// About thirty products of matrices of the order of every matrix block: the work of a solver on the weight.
    pub scaling: f64,
    nonzeros: f64,
}

impl Costs {
    pub(crate) fn new(a: &Constraints) -> Self {
        let m = a.len() as f64;
        let mut out = Self {
            m,
            assembly: 0.0,
            double: m * m * m / 3.0 / DENSE_FLOPS,
            operator: 0.0,
            eigen: 0.0,
            scaling: 0.0,
            nonzeros: a.nonzeros() as f64,
        };
        for (part, block) in a.parts().iter().zip(a.blocks()) {
            let Block::Psd(n) = *block else { continue };
            let cube = (n as f64).powi(3);
            out.eigen += EIGEN_SECONDS * cube;
            out.scaling += 60.0 * cube / PRODUCT_FLOPS;
            let Part::Psd(rows) = part else { continue };
            let (entries, touching) = (rows.nonzeros() as f64, rows.touching() as f64);
            let pairs = ENTRY_PAIR_SECONDS * entries * entries;
            let full = touching * (4.0 * cube / PRODUCT_FLOPS + entries / ROW_ENTRIES);
            out.assembly += pairs.min(full);
            out.operator += match rows.pattern() {
                Some(pattern) if pattern.halves().is_some() => cube / PRODUCT_FLOPS,
                Some(pattern) => 6.0 * (n * pattern.len()) as f64 / PATTERN_FLOPS,
                None => 4.0 * cube / PRODUCT_FLOPS,
            };
            out.operator += 4.0 * entries / ROW_ENTRIES;
        }
        out
    }

    /// Forming and factoring the Gram matrix.
    pub(super) fn fresh(&self, kind: Preconditioner) -> f64 {
        self.assembly
            + match kind {
                Preconditioner::Single => self.double / SINGLE_SPEEDUP,
                _ => self.double,
            }
    }

    /// One step of conjugate gradients.
    pub(super) fn step(&self, kind: Preconditioner, inner: usize) -> f64 {
        let q = inner as f64;
        self.operator
            + match kind {
                Preconditioner::Split => {
                    8.0 * q * q / MEMORY_BYTES + 8.0 * self.nonzeros / ROW_ENTRIES
                }
                Preconditioner::Stale | Preconditioner::Single => {
                    4.0 * self.m * self.m / MEMORY_BYTES
                }
                Preconditioner::Double => 8.0 * self.m * self.m / MEMORY_BYTES,
            }
    }

    /// Computing the low-rank part.
    pub(super) fn split(&self, inner: usize) -> f64 {
        let q = inner as f64;
        self.eigen + q * q * q / 3.0 / DENSE_FLOPS + 4.0 * q * q / PATTERN_FLOPS
    }
}

/// The record of one preconditioner at one weight.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    /// Steps of all solves at the weight.
    steps: f64,
    /// The spread of a split, or the age of a factor.
    distance: f64,
    /// Whether the preconditioner was given up.
    failed: bool,
}

/// The recorded steps of every preconditioner, and the predictions made from them.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub costs: Costs,
    split: Option<Seen>,
    /// Records by the age of the factor, starting with age one.
    stale: Vec<Seen>,
    /// Steps with a factor of the weight itself, in single and in double precision.
    fresh: [f64; 2],
    /// Whether single precision is still tried.
    pub single: bool,
}

impl Choice {
    pub(super) fn new(a: &Constraints) -> Self {
        Self {
            costs: Costs::new(a),
            split: None,
            stale: vec![],
            fresh: [UNTRIED_FRESH.get(); 2],
            single: true,
        }
    }

    /// The precision of the next factor: single while single precision works and is cheaper, additional steps included.
    pub(super) fn factor(&self) -> Preconditioner {
        match self.single && self.made(Preconditioner::Single) <= self.made(Preconditioner::Double)
        {
            true => Preconditioner::Single,
            false => Preconditioner::Double,
        }
    }

    /// Seconds of making and using a new factor of one kind.
    fn made(&self, kind: Preconditioner) -> f64 {
        let steps = self.fresh[usize::from(kind == Preconditioner::Double)];
        self.costs.fresh(kind) + steps * self.costs.step(kind, 0)
    }

    /// Seconds of making and using the next factor.
    fn with_factor(&self) -> f64 {
        self.made(self.factor())
    }

    /// Predicted steps of a split whose small eigenvalues spread by `e^{±spread}`.
    fn split_steps(&self, spread: f64) -> f64 {
        let Some(seen) = self.split else { return 0.0 };
        let steps = seen.steps * (spread - seen.distance).exp().clamp(0.2, 20.0);
        match seen.failed && spread > seen.distance - 1.0 {
            true => f64::INFINITY,
            false => steps,
        }
    }

    /// Predicted steps with a factor that is `age` updates old.
    fn stale_steps(&self, age: usize) -> f64 {
        match (self.stale.get(age - 1), self.stale.last()) {
            (Some(seen), _) if seen.failed => 2.0 * seen.steps,
            (Some(seen), _) => 1.5 * seen.steps,
            (None, Some(seen)) => 4.0 * seen.steps,
            (None, None) => UNTRIED_STALE.get(),
        }
    }

    /// The cheapest preconditioner for the next weight. `split` is `(spread, inner)` of a split. `age` is the number of updates since
    /// the present factor was made, including the update in progress.
    pub(super) fn cheapest(
        &self,
        split: Option<(f64, usize)>,
        age: Option<usize>,
    ) -> Preconditioner {
        let mut best = (self.factor(), self.with_factor());
        if let Some(age) = age.filter(|a| *a > 0) {
            let cost = self.stale_steps(age) * self.costs.step(Preconditioner::Stale, 0);
            if cost < STEP_BUDGET_SHARE.get() * best.1 {
                best = (Preconditioner::Stale, cost);
            }
        }
        if let Some((spread, inner)) = split {
            let steps = self.split_steps(spread) + 2.0;
            let cost =
                self.costs.split(inner) + steps * self.costs.step(Preconditioner::Split, inner);
            if cost < best.1 {
                best = (Preconditioner::Split, cost);
            }
        }
        best.0
    }

    /// Largest number of steps of a solve, after `taken` steps at this weight.
    pub(super) fn cap(&self, kind: Preconditioner, inner: usize, taken: usize) -> usize {
        let next = match kind {
            Preconditioner::Split | Preconditioner::Stale => self.with_factor(),
            Preconditioner::Single => 2.0 * self.costs.fresh(Preconditioner::Double),
            Preconditioner::Double => return usize::MAX,
        };
        let all = STEP_BUDGET_SHARE.get() * next / self.costs.step(kind, inner);
        (all - taken as f64).max(MIN_STEPS.get()) as usize
    }

    /// Records the steps of the solves at one weight. `distance` is the spread of a split, or the age of a factor.
    pub(super) fn record(
        &mut self,
        kind: Preconditioner,
        distance: f64,
        steps: usize,
        failed: bool,
    ) {
        let steps = steps as f64;
        let seen = Seen {
            steps,
            distance,
            failed,
        };
        match kind {
            Preconditioner::Split => self.split = Some(seen),
            Preconditioner::Stale => {
                let age = distance as usize;
                self.stale.truncate(age);
                if self.stale.len() >= age {
                    self.stale[age - 1] = seen;
                } else {
                    self.stale.push(seen);
                }
            }
            Preconditioner::Single => {
                self.fresh[0] = steps;
                self.single &= !failed;
            }
            Preconditioner::Double => self.fresh[1] = steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theta(n: usize, m: usize) -> Constraints {
        let mut a = Constraints::builder(m, &[Block::Psd(n)]).unwrap();
        let positions = (0..n).flat_map(|c| (0..c).map(move |r| (r, c)));
        for (i, (r, c)) in positions.take(m).enumerate() {
            a.entry(i, 0, r, c, 1.0).unwrap();
        }
        a.build().unwrap()
    }

    #[test]
    fn steps_that_cost_more_than_a_factor_lead_to_one_and_few_lead_back() {
        let a = theta(150, 9000);
        let mut choice = Choice::new(&a);
        assert_eq!(choice.cheapest(Some((2.0, 0)), None), Preconditioner::Split);
        choice.record(Preconditioner::Split, 2.0, 60, false);
        assert_eq!(choice.cheapest(Some((2.5, 0)), None), Preconditioner::Split);
        let cap = choice.cap(Preconditioner::Split, 0, 60);
        choice.record(Preconditioner::Split, 4.0, cap + 60, true);
        assert_eq!(
            choice.cheapest(Some((5.0, 0)), None),
            Preconditioner::Single
        );
        choice.record(Preconditioner::Single, 0.0, 8, false);
        assert_eq!(
            choice.cheapest(Some((5.0, 0)), Some(1)),
            Preconditioner::Stale
        );
        choice.record(Preconditioner::Stale, 1.0, 10_000, true);
        assert_eq!(
            choice.cheapest(Some((5.0, 0)), Some(1)),
            Preconditioner::Single
        );
        choice.record(Preconditioner::Single, 0.0, 300, false);
        assert_eq!(
            choice.cheapest(Some((5.0, 0)), None),
            Preconditioner::Double
        );
        choice.record(Preconditioner::Double, 0.0, 3, false);
        assert_eq!(
            choice.cheapest(Some((5.0, 0)), None),
            Preconditioner::Double
        );
        // The spread is smaller now, so the split is cheap again.
        assert_eq!(
            choice.cheapest(Some((1.0, 200)), None),
            Preconditioner::Split
        );
    }
}
