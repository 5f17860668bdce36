//! Limits of variables that the rows imply, rounded outward.

use super::stated::{Range, Stated};
use crate::linalg::error_free::{add_down, add_up, div_up, mul_up};

/// Passes over the rows: limits found in one may lead to others in the next.
const PASSES: usize = 4;

/// A sum of lower bounds, rounded down, and how many of them are missing.
#[derive(Clone, Copy, Default)]
struct Least {
    sum: f64,
    missing: usize,
}

impl Least {
    fn add(&mut self, term: f64) {
        if term == f64::NEG_INFINITY {
            self.missing += 1;
        } else {
            self.sum = add_down(self.sum, term);
        }
    }

    /// The sum without one of its terms.
    fn without(self, term: f64) -> f64 {
        match (self.missing, term == f64::NEG_INFINITY) {
            (1, true) => self.sum,
            // The sum is not above the sum of the terms as they were added, rounded down each.
            (0, false) => add_down(self.sum, -term),
            _ => f64::NEG_INFINITY,
        }
    }
}

/// The least that `a x` can be, rounded down.
fn least(a: f64, range: Range) -> f64 {
    let end = if a > 0.0 { range.lower } else { range.upper };
    if end.is_finite() {
        -mul_up(-a, end)
    } else {
        f64::NEG_INFINITY
    }
}

/// Ranges that hold every feasible point: those that are stated, and for what is missing there those that rows imply.
///
/// # Complexity
/// Four passes over the nonzeros.
pub(super) fn ranges(stated: &Stated) -> Vec<Range> {
    let mut ranges = stated.variables.clone();
    for _ in 0..PASSES {
        let mut changed = false;
        for (row, entries) in stated.rows.iter().zip(&stated.entries) {
            // The row from above, and its negative: Σ a x ≤ u and Σ (−a) x ≤ −l.
            for (sign, limit) in [(1.0, row.upper), (-1.0, -row.lower)] {
                if limit.is_finite() {
                    changed |= tighten(&mut ranges, entries, sign, limit);
                }
            }
        }
        if !changed {
            break;
        }
    }
    ranges
}

/// Fills in limits that are missing from `Σ sign a x ≤ limit`; whether any was found.
fn tighten(ranges: &mut [Range], entries: &[(u32, f64)], sign: f64, limit: f64) -> bool {
    let mut total = Least::default();
    for (j, v) in entries {
        total.add(least(sign * v, ranges[*j as usize]));
    }
    if total.missing > 1 {
        return false;
    }
    let mut changed = false;
    for (j, v) in entries {
        let (a, range) = (sign * v, &mut ranges[*j as usize]);
        let open = if a > 0.0 {
            range.upper == f64::INFINITY
        } else {
            range.lower == f64::NEG_INFINITY
        };
        let others = total.without(least(a, *range));
        if !open || others == f64::NEG_INFINITY {
            continue;
        }
        // a x ≤ limit − others.
        let room = add_up(limit, -others);
        if a > 0.0 {
            range.upper = div_up(room, a);
            changed |= range.upper.is_finite();
        } else {
            let lower = -div_up(room, -a);
            range.lower = lower;
            changed |= lower.is_finite();
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Limits, LinearProgram, Sense};

    #[test]
    fn limits_follow_from_rows_and_from_each_other() {
        let mut program = LinearProgram::new(Sense::Minimise);
        let free = Limits::FREE;
        let x = program.add_variable("x", 0.0, Limits::NONNEGATIVE).unwrap();
        let y = program.add_variable("y", 0.0, Limits::NONNEGATIVE).unwrap();
        let z = program.add_variable("z", 0.0, free).unwrap();
        let w = program.add_variable("w", 0.0, free).unwrap();
        program
            .add_row("a", Limits::at_most(1.0).unwrap(), &[(x, 3.0), (y, 7.0)])
            .unwrap();
        program
            .add_row("b", Limits::fixed(2.0).unwrap(), &[(z, 1.0), (x, 1.0)])
            .unwrap();
        program
            .add_row("c", Limits::at_most(5.0).unwrap(), &[(w, 1.0), (z, 1.0)])
            .unwrap();
        let found = ranges(&Stated::new(&program));
        let near = |v: f64, to: f64| v >= to && v <= to + 1e-14;
        assert!(near(found[x].upper, 1.0 / 3.0) && near(found[y].upper, 1.0 / 7.0));
        // z = 2 − x, w ≤ 5 − z.
        assert!(near(found[z].upper, 2.0) && near(-found[z].lower, 1.0 / 3.0 - 2.0));
        assert!(near(found[w].upper, 5.0 - (2.0 - 1.0 / 3.0)));
        assert_eq!(found[w].lower, f64::NEG_INFINITY);
    }
}
