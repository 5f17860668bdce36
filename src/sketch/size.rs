//! How many rows a family needs.

use super::family::{Base, Family};
use crate::error::{Result, check_probability, invalid_setting};

/// See [`Distribution::alpha`](super::Distribution::alpha).
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

/// The family, with left rows chosen, and its number of rows: see
/// [`Distribution::for_accuracy`](super::Distribution::for_accuracy).
pub(super) fn for_accuracy(
    family: Family,
    ambient: usize,
    accuracy: f64,
    failure: f64,
) -> Result<(Family, usize)> {
    check_probability("accuracy", accuracy)?;
    check_probability("failure", failure)?;
    match family {
        Family::Plain(base) => {
            let rows = plain(base, ambient, accuracy, failure);
            Ok((family, round_up(rows, base.row_step())?))
        }
        Family::TensorSrht | Family::TensorSketch => {
            let rows = alpha(family, 1) / (accuracy * accuracy * failure);
            Ok((family, round_up(rows, 1)?))
        }
        Family::Kronecker { left, right, .. } => {
            // Chebyshev: (1 + 2/b')² − 1 ≤ ε²δ for b' rows on either side.
            let mut side = 2.0 / ((1.0 + accuracy * accuracy * failure).sqrt() - 1.0);
            if has_exponential_tails(left) && has_exponential_tails(right) {
                let part = |base| plain(base, 0, (1.0 + accuracy).sqrt() - 1.0, failure / 4.0);
                side = side.min(part(left).max(part(right)));
            }
            let left_rows = round_up(side, left.row_step())?;
            let right_rows = round_up(side, right.row_step())?;
            let family = Family::Kronecker {
                left,
                right,
                left_rows,
            };
            Ok((family, left_rows.saturating_mul(right_rows)))
        }
    }
}

/// Whether the exponential tail bound of the family extends to its action on the columns of a matrix.
fn has_exponential_tails(base: Base) -> bool {
    matches!(base, Base::Gaussian | Base::Rademacher)
}

/// Rows of a plain family, by the least of the bounds of
/// [`Distribution::for_accuracy`](super::Distribution::for_accuracy).
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
            let padded = ambient.checked_next_power_of_two().unwrap_or(usize::MAX);
            let flat = 2.0 * (8.0 * padded as f64 / d).ln();
            2.0 * (flat + (flat + 1.0) * e / 3.0) * (4.0 / d).ln() / (e * e)
        }
        Base::CountSketch | Base::Sparse(_) => f64::INFINITY,
    };
    chebyshev.min(tail)
}

/// The least multiple of `step` that is at least `rows`, and not 0.
fn round_up(rows: f64, step: usize) -> Result<usize> {
    // A family without nonzeros is refused when the distribution is made.
    let step = step.max(1);
    let count = (rows / step as f64).ceil();
    if count * step as f64 > f64::from(i32::MAX) {
        let most = i32::MAX;
        let reason = format!(
            "expected an accuracy that {most} rows can reach, found one that needs {rows:e}"
        );
        return invalid_setting("accuracy", reason);
    }
    Ok((count as usize).max(1) * step)
}
