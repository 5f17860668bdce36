//! The exponential mechanism for the median, over the gaps between sorted values.

use super::positive;
use crate::error::{Error, Result};
use crate::random::{unbiased_below, unit};
use rand_core::Rng;

/// A bounded, ordered, evenly spaced set of numbers: the only ones a [`PrivateMedian`] releases.
///
/// It must be chosen without looking at the values whose median is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    lower: f64,
    step: f64,
    points: u64,
}

/// Points whose spacing `f64` can still tell apart in any arithmetic here.
const MAX_POINTS: u64 = 1 << 40;

impl Grid {
    /// `lower`, `lower + step`, … up to the last one not above `upper`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an empty or unbounded range, a step that is not positive, or one so small that
    /// there are more than 2⁴⁰ points or neighbouring points round to the same number.
    pub fn new(lower: f64, upper: f64, step: f64) -> Result<Self> {
        if !(lower.is_finite() && upper.is_finite() && lower <= upper) {
            return Err(Error::InvalidSetting {
                field: "grid",
                reason: format!("expected finite ends in order, found {lower} and {upper}"),
            });
        }
        positive("step", step)?;
        // A range that is a whole number of steps but for rounding keeps its last point.
        let steps = ((upper / step - lower / step) * (1.0 + 4.0 * f64::EPSILON)).floor();
        let coarse = lower.abs().max(upper.abs()) * 4.0 * f64::EPSILON;
        if steps.is_nan() || steps >= MAX_POINTS as f64 || (steps > 0.0 && step <= coarse) {
            return Err(Error::InvalidSetting {
                field: "step",
                reason: format!(
                    "expected a step that gives at most 2^40 distinct points from {lower} to {upper}, found {step}"
                ),
            });
        }
        Ok(Self {
            lower,
            step,
            points: steps as u64 + 1,
        })
    }

    /// `2 half + 1` points, `step` apart and symmetric about 0.
    ///
    /// # Errors
    /// As [`Grid::new`].
    pub fn symmetric(half: u64, step: f64) -> Result<Self> {
        let reach = half as f64 * step;
        let grid = Self::new(-reach, reach, step)?;
        Ok(Self {
            points: 2 * half + 1,
            ..grid
        })
    }

    /// Number of points.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Distance between neighbours.
    pub fn step(&self) -> f64 {
        self.step
    }

    /// The point of this index; the last one for an index beyond it.
    pub fn point(&self, index: u64) -> f64 {
        self.lower + index.min(self.points - 1) as f64 * self.step
    }

    /// Index of the nearest point; an end for a value outside, infinite ones included. `None` for NaN.
    fn nearest(&self, value: f64) -> Option<u64> {
        if value.is_nan() {
            return None;
        }
        // The cast saturates at both ends.
        let index = ((value - self.lower) / self.step).round() as u64;
        Some(index.min(self.points - 1))
    }
}

/// Grid points of equal utility that follow one another, and the probability of releasing one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Index of the first point.
    pub first: u64,
    /// Number of points.
    pub points: u64,
    /// Utility `u` of each of them: 0 for a median, less for what is farther from one.
    pub utility: f64,
    /// Probability that one of them is released.
    pub probability: f64,
}

/// Releases a median of `s` numbers, one number a copy, by the exponential mechanism[^MT07]: grid point `x` with
/// probability proportional to `exp(ε₀ u(x)/2)`, `u(x) = −|rank(x) − s/2|`.
///
/// Values are first moved to their nearest grid point (to an end when they lie outside, infinities included). The rank of a
/// point then is any number between the count of values below it and the count of those not above it, and the one nearest
/// `s/2` counts: with ties, all values equal say, the median itself has utility 0. Replacing one value moves both
/// counts by at most 1, so the utility has sensitivity 1 and a release is `ε₀`-differentially private, and in fact
/// `ε₀`-bounded-range.
///
/// Sampling is exact: the point's piece is drawn by inversion, sums running from the least probable piece up and with a
/// uniform number that keeps its relative precision near 0, then the point uniformly within; every probability is right to
/// a few roundings *of itself*, however small, so that no outcome's likelihood ratio passes `e^{ε₀}(1 + 1e-13)`.
///
/// ```
/// use dyncvx::privacy::{Grid, PrivateMedian};
/// use dyncvx::random::{Lane, Seed};
/// let mut median = PrivateMedian::new(Grid::new(-1.0, 1.0, 1e-3)?, 0.5)?;
/// let mut rng = Seed::from(1).stream(Lane::PRIVACY, 0, 0);
/// let copies: Vec<f64> = (0..200).map(|i| 0.3 + 1e-3 * f64::from(i % 7)).collect();
/// assert!((median.release(&copies, &mut rng)? - 0.303).abs() < 0.02);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Complexity
/// `O(s log s)` time and `O(s)` space, whatever the number of grid points. A release spends `ε₀` of pure differential
/// privacy in the copies; nothing here counts that: see [`Accountant`](super::Accountant).
///
/// [^MT07]: McSherry, Talwar. Mechanism design via differential privacy. FOCS 2007.
#[derive(Debug, Clone)]
pub struct PrivateMedian {
    grid: Grid,
    epsilon: f64,
    index: Vec<u64>,
    pieces: Vec<Piece>,
    order: Vec<u32>,
}

impl PrivateMedian {
    /// The mechanism at `epsilon` a release.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an `epsilon` that is not a finite number above 0.
    pub fn new(grid: Grid, epsilon: f64) -> Result<Self> {
        positive("epsilon", epsilon)?;
        Ok(Self {
            grid,
            epsilon,
            index: vec![],
            pieces: vec![],
            order: vec![],
        })
    }

    /// Where it releases.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// `ε₀`.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Distance in rank from `s/2` that a release keeps with probability `1 − failure`, whatever the values:
    /// `(2/ε₀) ln(points/failure)`. When it is `s/2` or more it promises nothing.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] unless `0 < failure < 1`.
    pub fn rank_error(&self, failure: f64) -> Result<f64> {
        super::probability("failure", failure)?;
        Ok(2.0 / self.epsilon * (self.grid.points as f64 / failure).ln())
    }

    /// Releases a median.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for a NaN, at its index; [`Error::Shape`] without values. Nothing is drawn then.
    pub fn release(&mut self, values: &[f64], rng: &mut impl Rng) -> Result<f64> {
        self.measure(values)?;
        self.order.clear();
        self.order.extend(0..self.pieces.len() as u32);
        let pieces = &self.pieces;
        let p = |k: &u32| pieces[*k as usize].probability;
        self.order
            .sort_unstable_by(|a, b| p(a).total_cmp(&p(b)).then(a.cmp(b)));
        let total: f64 = self.order.iter().map(p).sum();
        let mark = unit(rng) * total;
        let mut sum = 0.0;
        let mut chosen = self.pieces.len() - 1;
        for k in &self.order {
            sum += p(k);
            chosen = *k as usize;
            if mark < sum {
                break;
            }
        }
        let Piece { first, points, .. } = self.pieces[chosen];
        Ok(self.grid.point(first + unbiased_below(rng, points)))
    }

    /// The pieces of the grid and their probabilities for these values, from below up. They depend on the values, and are
    /// as secret as those: for tests and audits.
    ///
    /// # Errors
    /// As [`PrivateMedian::release`].
    pub fn pieces(&mut self, values: &[f64]) -> Result<&[Piece]> {
        self.measure(values)?;
        Ok(&self.pieces)
    }

    fn measure(&mut self, values: &[f64]) -> Result<()> {
        if values.is_empty() {
            return Err(Error::Shape {
                what: "values of a median",
                expected: (1, 1),
                found: (0, 1),
            });
        }
        self.index.clear();
        for (index, v) in values.iter().enumerate() {
            let nearest = self.grid.nearest(*v).ok_or(Error::NonFinite {
                what: "values of a median",
                index,
            })?;
            self.index.push(nearest);
        }
        self.index.sort_unstable();
        let half = 0.5 * values.len() as f64;
        self.pieces.clear();
        let mut next = 0;
        let mut start = 0;
        while start < self.index.len() {
            let at = self.index[start];
            let end = start + self.index[start..].partition_point(|i| *i == at);
            // Free points before this value have rank `start`; the value's own may be ranked `start` to `end`.
            self.push(next, at - next, (start as f64 - half).abs());
            let (low, high) = (start as f64 - half, end as f64 - half);
            self.push(at, 1, low.max(-high).max(0.0));
            next = at + 1;
            start = end;
        }
        self.push(next, self.grid.points - next, half);
        // Utilities are at most 0 and reach it (a median is on the grid): no weight overflows, and those that underflow have
        // a probability below 1e-290.
        let total: f64 = self.pieces.iter().map(|p| p.probability).sum();
        self.pieces.iter_mut().for_each(|p| p.probability /= total);
        Ok(())
    }

    /// A piece at this distance in rank from the median, its weight in place of the probability.
    fn push(&mut self, first: u64, points: u64, distance: f64) {
        if points > 0 {
            self.pieces.push(Piece {
                first,
                points,
                utility: -distance,
                probability: (0.5 * self.epsilon * -distance + (points as f64).ln()).exp(),
            });
        }
    }
}
