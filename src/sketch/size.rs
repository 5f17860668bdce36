//! How many rows a family needs.

use super::distribution::{Base, Distribution, Family};
use crate::error::{Error, Result};

pub(super) fn alpha(family: Family, rows: usize) -> f64 {
    match family {
        Family::Plain(_) => 2.0,
        Family::TensorSrht => 9.0,
        Family::TensorSketch => 11.0,
        Family::Kronecker { left_rows, .. } => {
            let (left, right) = (left_rows as f64, (rows / left_rows) as f64);
            rows as f64 * ((1.0 + 2.0 / left) * (1.0 + 2.0 / right) - 1.0)
        }
    }
}

pub(super) fn for_accuracy(
    family: Family,
    ambient: usize,
    accuracy: f64,
    failure: f64,
) -> Result<Distribution> {
    for (field, x) in [("accuracy", accuracy), ("failure", failure)] {
        if !(x > 0.0 && x < 1.0) {
            let reason = format!("expected a number between 0 and 1, found {x}");
            return Err(Error::InvalidSetting { field, reason });
        }
    }
    match family {
        Family::Plain(base) => Distribution::new(
            base,
            whole(plain(base, ambient, accuracy, failure), step(base))?,
        ),
        Family::TensorSrht | Family::TensorSketch => {
            let rows = alpha(family, 1) / (accuracy * accuracy * failure);
            Distribution::new(family, whole(rows, 1)?)
        }
        Family::Kronecker { left, right, .. } => {
            // (1 + 2/b')² − 1 ≤ ε²δ on either side.
            let mut side = 2.0 / ((1.0 + accuracy * accuracy * failure).sqrt() - 1.0);
            if exponential(left) && exponential(right) {
                let part = |base| plain(base, 0, (1.0 + accuracy).sqrt() - 1.0, failure / 4.0);
                side = side.min(part(left).max(part(right)));
            }
            let (left_rows, right_rows) = (whole(side, step(left))?, whole(side, step(right))?);
            let rows = left_rows.saturating_mul(right_rows);
            let family = Family::Kronecker {
                left,
                right,
                left_rows,
            };
            Distribution::new(family, rows)
        }
    }
}

/// Rows come in multiples of this.
fn step(base: Base) -> usize {
    match base {
        Base::Sparse(s) => (s as usize).max(1),
        _ => 1,
    }
}

/// Whether the tail bound of the family extends to its action on the columns of a matrix.
fn exponential(base: Base) -> bool {
    matches!(base, Base::Gaussian | Base::Rademacher)
}

/// The least of the bounds of [`Distribution::for_accuracy`].
fn plain(base: Base, ambient: usize, accuracy: f64, failure: f64) -> f64 {
    let (e, d) = (accuracy, failure);
    let chebyshev = 2.0 / (e * e * d);
    let tail = match base {
        Base::Gaussian => {
            let root = 0.5 * ((1.0 + 2.0 * e).sqrt() - 1.0);
            (2.0 / d).ln() / (root * root)
        }
        Base::Rademacher => 2.0 * (4.0 / d).ln() / (e * e / 2.0 - e * e * e / 3.0),
        Base::Srht => {
            let flat = 2.0 * (8.0 * ambient.next_power_of_two() as f64 / d).ln();
            2.0 * (flat + (flat + 1.0) * e / 3.0) * (4.0 / d).ln() / (e * e)
        }
        Base::CountSketch | Base::Sparse(_) => f64::INFINITY,
    };
    chebyshev.min(tail)
}

/// The next multiple of `step`.
fn whole(rows: f64, step: usize) -> Result<usize> {
    let count = (rows / step as f64).ceil();
    if count * step as f64 > f64::from(i32::MAX) {
        return Err(Error::InvalidSetting {
            field: "accuracy",
            reason: format!(
                "expected one that fewer than {} rows reach, found one that needs {rows:e}",
                i32::MAX
            ),
        });
    }
    Ok((count as usize).max(1) * step)
}
