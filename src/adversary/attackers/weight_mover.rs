//! The attacker that also changes the weight.

use super::directions::normalise;
use super::reconstruction::Reconstruction;
use crate::adversary::protocol::{Attacker, Change, View};
use crate::random::Seed;

/// Reconstructs as [`Reconstruction`] does, and now and then changes the weight by rank one: along the dominant eigenvector
/// of the direction that it has learned, read as a matrix. It keeps changes after which its own questions err more, and
/// takes the others back.
///
/// An update of the structure draws no new random numbers. What was learned about the sketch stays true, while the attacker
/// turns the rows.
///
/// # Complexity
/// That of [`Reconstruction`], and `O(n²)` per change.
#[derive(Debug, Clone)]
pub struct WeightMover {
    inner: Reconstruction,
    /// Changes it may make.
    max_changes: usize,
    changes: usize,
    /// Sum and number of the errors, since the last change, of questions that used what was learned.
    error_sum: f64,
    error_count: usize,
    /// Their mean in the period before the last change.
    mean_before: f64,
    /// The last change, unless that took back an earlier one.
    last_change: Option<Change>,
    /// Whether the next change enlarges the weight.
    enlarge: bool,
}

/// Changes per attack by default: each may cost the structure as much as many answers.
const MAX_CHANGES: usize = 12;
/// Relative size of a change.
const GAIN: f64 = 0.5;
/// Least step of the reconstruction: it has to follow rows that change.
const MIN_STEP: f64 = 0.2;
/// Steps of the power iteration for the dominant eigenvector: a rough direction is enough.
const POWER_STEPS: usize = 50;

impl WeightMover {
    /// An attacker that draws its random numbers from this seed and makes twelve changes.
    pub fn new(seed: Seed) -> Self {
        Self::with_changes(seed, MAX_CHANGES)
    }

    /// An attacker with this many changes, evenly spread.
    pub fn with_changes(seed: Seed, max_changes: usize) -> Self {
        Self {
            inner: Reconstruction::tracking(seed, MIN_STEP),
            max_changes,
            changes: 0,
            error_sum: 0.0,
            error_count: 0,
            mean_before: 0.0,
            last_change: None,
            enlarge: true,
        }
    }

    /// The eigenvector with the largest absolute eigenvalue of the symmetric part of `mat(x)`, by power iteration.
    fn dominant(x: &[f64], n: usize) -> Vec<f64> {
        let mut v: Vec<f64> = (0..n).map(|i| 1.0 + 0.1 * (i as f64).sin()).collect();
        normalise(&mut v);
        for _ in 0..POWER_STEPS {
            let mut next: Vec<f64> = (0..n)
                .map(|i| {
                    (0..n)
                        .map(|j| 0.5 * (x[i + n * j] + x[j + n * i]) * v[j])
                        .sum()
                })
                .collect();
            if !normalise(&mut next) {
                break;
            }
            v = next;
        }
        v
    }
}

impl Attacker for WeightMover {
    fn name(&self) -> &'static str {
        "updates"
    }

    fn ask(&mut self, view: &View<'_>, h: &mut [f64], coords: &mut Vec<usize>) {
        self.inner.ask(view, h, coords);
    }

    fn learn(&mut self, view: &View<'_>, h: &[f64], answers: &[f64], errors: &[f64]) {
        self.inner.learn(view, h, answers, errors);
        if let Some(e) = self.inner.used().and_then(|k| errors.get(k)) {
            self.error_sum += e.abs();
            self.error_count += 1;
        }
    }

    fn change(&mut self, view: &View<'_>) -> Option<Change> {
        let n = view.order.filter(|n| n * n <= view.ambient)?;
        // The first change waits for a period of learning.
        let due = (self.changes + 1) * view.rounds / (self.max_changes + 1);
        if self.changes >= self.max_changes || view.round < due {
            return None;
        }
        self.changes += 1;
        let mean = self.error_sum / self.error_count.max(1) as f64;
        (self.error_sum, self.error_count) = (0.0, 0);
        // A change that made the errors smaller is taken back, and the next one has the other sign.
        if let Some(worse) = self.last_change.take().filter(|_| mean < self.mean_before) {
            self.enlarge = !self.enlarge;
            return Some(worse.inverse());
        }
        self.mean_before = mean;
        let v = Self::dominant(self.inner.first_estimate()?, n);
        let enlarged = Change { v, gain: GAIN };
        let change = if self.enlarge {
            enlarged
        } else {
            enlarged.inverse()
        };
        self.last_change = Some(change.clone());
        Some(change)
    }
}
