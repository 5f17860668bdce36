//! The private median: the exponential mechanism over the grid points between sorted values.

use crate::error::{Error, Result, check_positive, check_probability, invalid_setting};
use crate::random::{unbiased_below, unit};
use rand_core::Rng;

/// Evenly spaced numbers in a bounded range: a [`PrivateMedian`] releases nothing else.
///
/// Privacy holds only if the grid was chosen without looking at the values whose median is released.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    lower: f64,
    step: f64,
    points: u64,
}

/// Most points of a grid: `f64` tells neighbours apart in all arithmetic here, with 12 bits to spare.
const MAX_POINTS: u64 = 1 << 40;

impl Grid {
    /// The points `lower`, `lower + step`, … that are not above `upper`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an empty or unbounded range, a step that is not positive, or one so small that
    /// there are more than 2⁴⁰ points or neighbouring points round to the same number.
    pub fn new(lower: f64, upper: f64, step: f64) -> Result<Self> {
        if !(lower.is_finite() && upper.is_finite() && lower <= upper) {
            let reason = format!("expected finite ends in order, found {lower} and {upper}");
            return invalid_setting("grid", reason);
        }
        check_positive("step", step)?;
        // The slack keeps the last point of a range that is a whole number of steps up to rounding.
        let steps = ((upper / step - lower / step) * (1.0 + 4.0 * f64::EPSILON)).floor();
        let coarse = lower.abs().max(upper.abs()) * 4.0 * f64::EPSILON;
        if steps.is_nan() || steps >= MAX_POINTS as f64 || (steps > 0.0 && step <= coarse) {
            let reason = format!(
                "expected a step that gives at most 2^40 distinct points from {lower} to {upper}, found {step}"
            );
            return invalid_setting("step", reason);
        }
        Ok(Self {
            lower,
            step,
            points: steps as u64 + 1,
        })
    }

    /// `2·half + 1` points at distance `step`, symmetric about 0.
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

    /// The point with this index; the last point for an index beyond it.
    pub fn point(&self, index: u64) -> f64 {
        self.lower + index.min(self.points - 1) as f64 * self.step
    }

    /// Index of the nearest point; for values outside the range, infinities included, that of the nearer end. `None` for
    /// NaN.
    fn nearest(&self, value: f64) -> Option<u64> {
        if value.is_nan() {
            return None;
        }
        // The cast saturates at both ends.
        let index = ((value - self.lower) / self.step).round() as u64;
        Some(index.min(self.points - 1))
    }
}

/// A run of neighbouring grid points with equal utility, and the probability of releasing one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Index of the first point.
    pub first: u64,
    /// Number of points.
    pub points: u64,
    /// Utility `u` of each point: 0 at a median, and minus the distance in rank from it elsewhere.
    pub utility: f64,
    /// Probability that a point of this run is released.
    pub probability: f64,
}

/// Releases a median of `s` numbers, one per copy, by the exponential mechanism[^MT07]: grid point `x` with probability
/// proportional to `exp(ε₀ u(x)/2)`, `u(x) = −|rank(x) − s/2|`.
///
/// Each value is first moved to the nearest grid point; values outside the grid, infinities included, move to its ends. The
/// rank of a point is then any number between the count of values below it and the count of values not above it, and the
/// utility takes the rank nearest `s/2`. So a median has utility 0 even if all values are equal. Replacing one value moves
/// both counts by at most 1: the utility has sensitivity 1, and a release is `ε₀`-differentially private, in fact
/// `ε₀`-bounded-range.
///
/// Sampling is exact up to rounding. The run of equal utility is drawn by inversion, the point uniformly within the run.
/// Inversion sums from the least probable run up, and its uniform number keeps relative precision near 0. Every probability
/// therefore has a relative error of a few roundings, however small it is, and no likelihood ratio exceeds
/// `e^{ε₀}(1 + 1e-13)`.
///
/// # When it fails
/// With few values, or a small `ε₀`, most of the probability lies on grid points outside all values: a release is then noise
/// from the grid. [`noise_share`](super::noise_share) bounds how often.
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
/// `O(s log s)` time and `O(s)` space, independent of the number of grid points. A release spends `ε₀` of pure differential
/// privacy in the copies; an [`Accountant`](super::Accountant) has to count it.
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
    /// The mechanism with `epsilon` per release.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an `epsilon` that is not a finite number above 0.
    pub fn new(grid: Grid, epsilon: f64) -> Result<Self> {
        check_positive("epsilon", epsilon)?;
        Ok(Self {
            grid,
            epsilon,
            index: vec![],
            pieces: vec![],
            order: vec![],
        })
    }

    /// The points that it releases.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// `ε₀`.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Largest distance in rank from `s/2` of a release, with probability `1 − failure` and for all values:
    /// `(2/ε₀) ln(points/failure)`. At `s/2` or more this promises nothing.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] unless `0 < failure < 1`.
    pub fn rank_error(&self, failure: f64) -> Result<f64> {
        check_probability("failure", failure)?;
        Ok(2.0 / self.epsilon * (self.grid.points as f64 / failure).ln())
    }

    /// Releases a median.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the index of a NaN; [`Error::Shape`] without values. No random number is drawn then.
    pub fn release(&mut self, values: &[f64], rng: &mut impl Rng) -> Result<f64> {
        self.measure(values)?;
        // Small probabilities first: their sum keeps its relative precision.
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

    /// The runs of the grid and their probabilities for these values, in ascending order: for tests and audits. They are as
    /// secret as the values.
    ///
    /// # Errors
    /// As [`PrivateMedian::release`].
    pub fn pieces(&mut self, values: &[f64]) -> Result<&[Piece]> {
        self.measure(values)?;
        Ok(&self.pieces)
    }

    /// Splits the grid into runs of equal utility for these values.
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
            // Points between the last value and this one have rank `start`; the point of the value itself may take any rank
            // from `start` to `end`.
            self.push(next, at - next, (start as f64 - half).abs());
            let (low, high) = (start as f64 - half, end as f64 - half);
            self.push(at, 1, low.max(-high).max(0.0));
            next = at + 1;
            start = end;
        }
        self.push(next, self.grid.points - next, half);
        // The largest utility is 0, because some grid point is a median: no weight overflows, and weights that underflow
        // have a probability below 1e-290.
        let total: f64 = self.pieces.iter().map(|p| p.probability).sum();
        self.pieces.iter_mut().for_each(|p| p.probability /= total);
        Ok(())
    }

    /// Adds a run at this distance in rank from the median, with its weight in place of the probability.
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
