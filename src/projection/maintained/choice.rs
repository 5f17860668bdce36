//! Which way answers a weight at the least cost: from counts of operations, and from the steps that were needed before.
//!
//! Costs are seconds at nominal rates, so that a choice depends on the problem and on what was seen of it, not on the clock.

use crate::constraints::{Block, Constraints, Part};
use crate::linalg::machine::{
    DENSE_FLOPS, EIGEN_SECONDS, ENTRY_PAIR_SECONDS, MEMORY_BYTES, PATTERN_FLOPS, PRODUCT_FLOPS,
    ROW_ENTRIES, SINGLE_SPEEDUP,
};

/// How a Newton system is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// A sparse base and a low-rank part as preconditioner.
    Split,
    /// The factor of an earlier weight as preconditioner.
    Stale,
    /// A factor in single precision.
    Single,
    /// A factor in double precision.
    Double,
}

/// Seconds at one shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Costs {
    m: f64,
    /// Forming the Gram matrix.
    pub assembly: f64,
    /// Factoring it in double precision.
    pub double: f64,
    /// One application of the exact operator.
    pub operator: f64,
    /// The eigenvectors of every matrix block.
    pub eigen: f64,
    /// The same matrices multiplied some thirty times.
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
    pub(super) fn fresh(&self, way: Way) -> f64 {
        self.assembly
            + match way {
                Way::Single => self.double / SINGLE_SPEEDUP,
                _ => self.double,
            }
    }

    /// One step of conjugate gradients.
    pub(super) fn step(&self, way: Way, inner: usize) -> f64 {
        let q = inner as f64;
        self.operator
            + match way {
                Way::Split => 8.0 * q * q / MEMORY_BYTES + 8.0 * self.nonzeros / ROW_ENTRIES,
                Way::Stale | Way::Single => 4.0 * self.m * self.m / MEMORY_BYTES,
                Way::Double => 8.0 * self.m * self.m / MEMORY_BYTES,
            }
    }

    /// Making the low-rank part.
    pub(super) fn split(&self, inner: usize) -> f64 {
        let q = inner as f64;
        self.eigen + q * q * q / 3.0 / DENSE_FLOPS + 4.0 * q * q / PATTERN_FLOPS
    }
}

/// What was seen of one preconditioner: the steps of all solves at one weight, and how far off it was by its own account.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    steps: f64,
    distance: f64,
    failed: bool,
}

/// The steps that were needed, and what they let expect.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub costs: Costs,
    split: Option<Seen>,
    /// By the age of the factor, from one on.
    stale: Vec<Seen>,
    /// Steps with a factor of the weight itself: in single, and in double precision.
    fresh: [f64; 2],
    /// Whether single precision is still worth a try.
    pub single: bool,
}

/// Steps expected of what was not tried yet.
const UNTRIED_STALE: f64 = 40.0;
/// Steps both solves take with a fresh factor, at first.
const FRESH: f64 = 6.0;
/// Share of the cost of the next dearer way that a way may spend on steps before it is given up.
const BUDGET: f64 = 0.7;
/// Steps a solve may always take.
const LEAST: f64 = 20.0;

impl Choice {
    pub(super) fn new(a: &Constraints) -> Self {
        Self {
            costs: Costs::new(a),
            split: None,
            stale: vec![],
            fresh: [FRESH; 2],
            single: true,
        }
    }

    /// The factor that would be made: single precision while it serves and its steps do not make up for what it saves.
    pub(super) fn factor(&self) -> Way {
        match self.single && self.made(Way::Single) <= self.made(Way::Double) {
            true => Way::Single,
            false => Way::Double,
        }
    }

    /// Seconds with a fresh factor of one kind.
    fn made(&self, way: Way) -> f64 {
        let steps = self.fresh[usize::from(way == Way::Double)];
        self.costs.fresh(way) + steps * self.costs.step(way, 0)
    }

    /// Seconds with the factor that would be made.
    fn with_factor(&self) -> f64 {
        self.made(self.factor())
    }

    /// Steps of a low-rank split whose small eigenvalues spread by `e^{±spread}`.
    fn split_steps(&self, spread: f64) -> f64 {
        let Some(seen) = self.split else { return 0.0 };
        let steps = seen.steps * (spread - seen.distance).exp().clamp(0.2, 20.0);
        match seen.failed && spread > seen.distance - 1.0 {
            true => f64::INFINITY,
            false => steps,
        }
    }

    fn stale_steps(&self, age: usize) -> f64 {
        match (self.stale.get(age - 1), self.stale.last()) {
            (Some(seen), _) if seen.failed => 2.0 * seen.steps,
            (Some(seen), _) => 1.5 * seen.steps,
            (None, Some(seen)) => 4.0 * seen.steps,
            (None, None) => UNTRIED_STALE,
        }
    }

    /// The way for the next weight. `split` is `(spread, inner)` of a split, `age` how many weights ago the factor at hand was
    /// made, this one counted.
    pub(super) fn way(&self, split: Option<(f64, usize)>, age: Option<usize>) -> Way {
        let mut best = (self.factor(), self.with_factor());
        if let Some(age) = age.filter(|a| *a > 0) {
            let cost = self.stale_steps(age) * self.costs.step(Way::Stale, 0);
            if cost < BUDGET * best.1 {
                best = (Way::Stale, cost);
            }
        }
        if let Some((spread, inner)) = split {
            let steps = self.split_steps(spread) + 2.0;
            let cost = self.costs.split(inner) + steps * self.costs.step(Way::Split, inner);
            if cost < best.1 {
                best = (Way::Split, cost);
            }
        }
        best.0
    }

    /// Steps a solve may take after `taken` at this weight.
    pub(super) fn cap(&self, way: Way, inner: usize, taken: usize) -> usize {
        let next = match way {
            Way::Split | Way::Stale => self.with_factor(),
            Way::Single => 2.0 * self.costs.fresh(Way::Double),
            Way::Double => return usize::MAX,
        };
        let all = BUDGET * next / self.costs.step(way, inner);
        (all - taken as f64).max(LEAST) as usize
    }

    /// What the solves at one weight took. `distance` is the spread of a split, or the age of a factor.
    pub(super) fn saw(&mut self, way: Way, distance: f64, steps: usize, failed: bool) {
        let steps = steps as f64;
        let seen = Seen {
            steps,
            distance,
            failed,
        };
        match way {
            Way::Split => self.split = Some(seen),
            Way::Stale => {
                let age = distance as usize;
                self.stale.truncate(age);
                if self.stale.len() >= age {
                    self.stale[age - 1] = seen;
                } else {
                    self.stale.push(seen);
                }
            }
            Way::Single => {
                self.fresh[0] = steps;
                self.single &= !failed;
            }
            Way::Double => self.fresh[1] = steps,
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
        assert_eq!(choice.way(Some((2.0, 0)), None), Way::Split);
        choice.saw(Way::Split, 2.0, 60, false);
        assert_eq!(choice.way(Some((2.5, 0)), None), Way::Split);
        let cap = choice.cap(Way::Split, 0, 60);
        choice.saw(Way::Split, 4.0, cap + 60, true);
        assert_eq!(choice.way(Some((5.0, 0)), None), Way::Single);
        choice.saw(Way::Single, 0.0, 8, false);
        assert_eq!(choice.way(Some((5.0, 0)), Some(1)), Way::Stale);
        choice.saw(Way::Stale, 1.0, 10_000, true);
        assert_eq!(choice.way(Some((5.0, 0)), Some(1)), Way::Single);
        choice.saw(Way::Single, 0.0, 300, false);
        assert_eq!(choice.way(Some((5.0, 0)), None), Way::Double);
        choice.saw(Way::Double, 0.0, 3, false);
        assert_eq!(choice.way(Some((5.0, 0)), None), Way::Double);
        // A gap has opened.
        assert_eq!(choice.way(Some((1.0, 200)), None), Way::Split);
    }
}
