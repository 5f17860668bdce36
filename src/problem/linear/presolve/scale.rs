//! Scaling by powers of two.

use crate::problem::linear::program::LinearProgram;

/// Passes over rows and columns: the factors change little after the third.
const SCALING_PASSES: usize = 4;

/// Powers of two for rows and variables that bring the geometric mean of the smallest and the largest entry of each near 1.
/// Rows and variables without entries get 1.
pub(super) fn powers(
    program: &LinearProgram,
    rows: &[usize],
    variables: &[usize],
) -> (Vec<f64>, Vec<f64>) {
    let mut place = vec![None; program.variables().len()];
    for (k, &j) in variables.iter().enumerate() {
        place[j] = Some(k);
    }
    let mut entries = vec![];
    for (k, &i) in rows.iter().enumerate() {
        let row = program.row(i);
        entries.extend(row.filter_map(|(j, v)| Some((k, place[j]?, v.abs().log2()))));
    }
    // Binary logarithms of the factors.
    let (mut row, mut column) = (vec![0.0; rows.len()], vec![0.0; variables.len()]);
    for _ in 0..SCALING_PASSES {
        negate_middle(
            entries.iter().map(|&(i, j, v)| (i, v + column[j])),
            &mut row,
        );
        negate_middle(
            entries.iter().map(|&(i, j, v)| (j, v + row[i])),
            &mut column,
        );
    }
    let power = |l: Vec<f64>| l.into_iter().map(|l| l.round().exp2()).collect();
    (power(row), power(column))
}

/// `out[k] ←` minus the middle of the smallest and the largest number with index `k`; unchanged without such a number.
fn negate_middle(numbers: impl Iterator<Item = (usize, f64)>, out: &mut [f64]) {
    let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); out.len()];
    for (k, v) in numbers {
        ends[k] = (ends[k].0.min(v), ends[k].1.max(v));
    }
    for (out, (low, high)) in out.iter_mut().zip(ends) {
        if low <= high {
            *out = -0.5 * (low + high);
        }
    }
}
