//! The attacker that also chooses the updates.

use super::{Attacker, Reconstruction, normalise};
use crate::adversary::{Change, View};
use crate::random::Seed;

/// Reconstructs as [`Reconstruction`] does, and now and then changes the weight by rank one along the dominant
/// eigenvector of the direction it has learned, read as a matrix; it keeps changes under which its own questions err
/// more, and takes back the others.
///
/// An update redraws no randomness: what was learned about the sketch stays true, while the rows are turned by the
/// attacker.
///
/// # Complexity
/// That of [`Reconstruction`], and `O(n²)` a change.
#[derive(Debug, Clone)]
pub struct Mover {
    inner: Reconstruction,
    changes: usize,
    made: usize,
    /// Errors of the questions that used what was learned: since the last change, and in the period before.
    sum: f64,
    count: usize,
    before: f64,
    last: Option<Change>,
    sign: f64,
}

/// Changes an attack makes unless told otherwise: each may cost a structure as much as many answers.
const CHANGES: usize = 12;
/// Relative size of a change.
const GAIN: f64 = 0.5;

impl Mover {
    /// With coins from this seed, and twelve changes in all.
    pub fn new(seed: Seed) -> Self {
        Self::with_changes(seed, CHANGES)
    }

    /// With this many changes, evenly spread.
    pub fn with_changes(seed: Seed, changes: usize) -> Self {
        Self {
            inner: Reconstruction::tracking(seed, 0.2),
            changes,
            made: 0,
            sum: 0.0,
            count: 0,
            before: 0.0,
            last: None,
            sign: 1.0,
        }
    }

    /// The eigenvector of largest absolute eigenvalue of the symmetric part of `mat(x)`, by power iteration.
    fn dominant(x: &[f64], n: usize) -> Vec<f64> {
        let mut v: Vec<f64> = (0..n).map(|i| 1.0 + 0.1 * (i as f64).sin()).collect();
        normalise(&mut v);
        for _ in 0..50 {
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

impl Attacker for Mover {
    fn name(&self) -> &'static str {
        "updates"
    }

    fn ask(&mut self, view: &View<'_>, h: &mut [f64], coords: &mut Vec<usize>) {
        self.inner.ask(view, h, coords);
    }

    fn learn(&mut self, view: &View<'_>, h: &[f64], answers: &[f64], errors: &[f64]) {
        self.inner.learn(view, h, answers, errors);
        if let Some(e) = self.inner.using.and_then(|k| errors.get(k)) {
            self.sum += e.abs();
            self.count += 1;
        }
    }

    fn change(&mut self, view: &View<'_>) -> Option<Change> {
        let n = view.order.filter(|n| n * n <= view.ambient)?;
        // The first change comes once something has been learned.
        let due = (self.made + 1) * view.rounds / (self.changes + 1);
        if self.made >= self.changes || view.round < due {
            return None;
        }
        self.made += 1;
        let now = self.sum / self.count.max(1) as f64;
        (self.sum, self.count) = (0.0, 0);
        if let Some(Change { v, gain }) = self.last.take().filter(|_| now < self.before) {
            self.sign = -self.sign;
            return Some(Change {
                v,
                gain: -gain / (1.0 + gain),
            });
        }
        self.before = now;
        let v = Self::dominant(self.inner.estimates.first()?, n);
        let gain = if self.sign > 0.0 {
            GAIN
        } else {
            -GAIN / (1.0 + GAIN)
        };
        let change = Change { v, gain };
        self.last = Some(change.clone());
        Some(change)
    }
}
