//! Combinations of rows that leave nothing but diagonal entries.
//!
//! Row operations hide what a single row would show: `X_00 − 2 X_01 = −2` and `2 X_01 = 2` say that `X_00 = 0`. Off-diagonal entries are
//! eliminated without fractions, so that small whole numbers stay exact. A combination counts only when its off-diagonal entries
//! vanish exactly.

use super::Shown;
use crate::constraints::Block;
use crate::linalg::error_free::{ExactSum, power_of_two};
use crate::linalg::max_abs;
use crate::problem::ConicProgram;
use std::collections::BTreeMap;

/// Products of the elimination at most: it is for programs that a person writes down.
const MAX_PRODUCTS: usize = 2_000_000;

/// Whole numbers beyond this are no longer exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Where an entry is: block, row and column.
type Key = (usize, usize, usize);

/// A combination of rows: its off-diagonal entries, and how often every row is in it.
#[derive(Debug, Clone)]
struct Combination {
    off_diagonal: BTreeMap<Key, f64>,
    rows: BTreeMap<usize, f64>,
}

/// What a combination of rows shows about `x`; `None` where none does, or where the program is too large for this.
pub(super) fn show(program: &ConicProgram) -> Option<Shown> {
    let a = program.constraints();
    let mut combinations: Vec<Combination> = (0..a.len())
        .map(|i| Combination {
            off_diagonal: BTreeMap::new(),
            rows: BTreeMap::from([(i, 1.0)]),
        })
        .collect();
    for (i, b, row, col, value) in a.entries() {
        if row != col {
            combinations[i].off_diagonal.insert((b, row, col), value);
        }
    }
    let mut pivots: Vec<(Key, Combination)> = vec![];
    let mut products = 0;
    for mut row in combinations {
        // Rows without off-diagonal entries show by themselves what they show.
        if row.off_diagonal.is_empty() {
            continue;
        }
        for (key, pivot) in &pivots {
            products += pivot.off_diagonal.len() + row.rows.len();
            if products > MAX_PRODUCTS {
                return None;
            }
            row.eliminate(*key, pivot);
        }
        match row.off_diagonal.keys().next().copied() {
            Some(key) => pivots.push((key, row)),
            None => {
                if let Some(shown) = row.shows(program) {
                    return Some(shown);
                }
            }
        }
    }
    None
}

/// `mine ← times mine − less theirs`.
fn combine<K: Ord + Copy>(
    mine: &mut BTreeMap<K, f64>,
    times: f64,
    less: f64,
    theirs: &BTreeMap<K, f64>,
) {
    mine.values_mut().for_each(|v| *v *= times);
    for (k, v) in theirs {
        *mine.entry(*k).or_insert(0.0) -= less * v;
    }
    mine.retain(|_, v| *v != 0.0);
}

impl Combination {
    /// Takes the entry at `key` out, with the pivot that has one there.
    fn eliminate(&mut self, key: Key, pivot: &Self) {
        let Some(&own) = self.off_diagonal.get(&key) else {
            return;
        };
        let other = pivot.off_diagonal[&key];
        combine(&mut self.off_diagonal, other, own, &pivot.off_diagonal);
        combine(&mut self.rows, other, own, &pivot.rows);
        // Numbers of order one again; powers of two round nothing.
        let values = self.off_diagonal.values().chain(self.rows.values());
        let unit = power_of_two(values.fold(0.0f64, |m, v| m.max(v.abs())));
        if unit > 1.0 && unit.is_finite() {
            self.off_diagonal.values_mut().for_each(|v| *v /= unit);
            self.rows.values_mut().for_each(|v| *v /= unit);
        }
    }

    /// What the combination shows, where its off-diagonal entries vanish exactly.
    fn shows(&self, program: &ConicProgram) -> Option<Shown> {
        let (a, b) = (program.constraints(), program.rhs());
        let mut d = vec![0.0; a.len()];
        self.rows.iter().for_each(|(i, v)| d[*i] = *v);
        let largest = max_abs(&d);
        if !(largest > 0.0 && largest < EXACT) {
            return None;
        }
        // The sum of the rows, entry by entry and without rounding.
        let mut sums: BTreeMap<Key, ExactSum> = BTreeMap::new();
        for (i, block, row, col, value) in a.entries() {
            if d[i] != 0.0 {
                sums.entry((block, row, col))
                    .or_default()
                    .add_product(d[i], value);
            }
        }
        let (mut positive, mut negative) = (vec![], vec![]);
        for ((block, row, col), sum) in sums {
            let ball = sum.ball();
            if ball.is_zero() {
                continue;
            }
            if row != col {
                return None;
            }
            match (ball.lower() > 0.0, ball.upper() < 0.0) {
                (true, _) => positive.push((block, row)),
                (_, true) => negative.push((block, row)),
                _ => return None,
            }
        }
        let mut value = ExactSum::default();
        d.iter().zip(b).for_each(|(d, b)| value.add_product(*d, *b));
        let value = value.ball();
        let sign = match (positive.is_empty(), negative.is_empty()) {
            // 0 = b, unless that is rounding.
            (true, true) => return None,
            (false, true) => 1.0,
            (true, false) => -1.0,
            (false, false) => return None,
        };
        d.iter_mut().for_each(|v| *v *= sign);
        if value.is_zero() {
            let of = |block: &Block| vec![false; block.order()];
            let mut dead: Vec<Vec<bool>> = a.blocks().iter().map(of).collect();
            let at = positive.iter().chain(&negative);
            at.for_each(|(block, k)| dead[*block][*k] = true);
            return Some(Shown::Points { d, dead });
        }
        // A sum of diagonal entries with positive factors is negative.
        let against = if sign > 0.0 {
            value.upper() < 0.0
        } else {
            value.lower() > 0.0
        };
        if !against {
            return None;
        }
        let value = sign * value.mid;
        let y: Vec<f64> = d.iter().map(|v| v / value).collect();
        Some(Shown::PrimalInfeasible { y })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::Constraints;

    /// `X_00 − 2 X_01 = b_0` and `6 X_01 = b_1`.
    fn program(b: [f64; 2]) -> ConicProgram {
        let blocks = [Block::Psd(2)];
        let mut a = Constraints::builder(2, &blocks).unwrap();
        a.entry(0, 0, 0, 0, 1.0)
            .unwrap()
            .entry(0, 0, 0, 1, -1.0)
            .unwrap();
        a.entry(1, 0, 0, 1, 3.0).unwrap();
        let c = Constraints::builder(1, &blocks).unwrap().build().unwrap();
        ConicProgram::new(a.build().unwrap(), b.to_vec(), c).unwrap()
    }

    #[test]
    fn a_sum_of_rows_forces_an_index_to_vanish() {
        let Some(Shown::Points { d, dead }) = show(&program([-2.0, 6.0])) else {
            panic!("X_00 = 0 was not found");
        };
        assert_eq!(dead, [[true, false]]);
        assert!(d[0] > 0.0 && (d[0] - 3.0 * d[1]).abs() < 1e-15);
    }

    #[test]
    fn a_sum_of_rows_contradicts_the_cone() {
        let Some(Shown::PrimalInfeasible { y }) = show(&program([-3.0, 6.0])) else {
            panic!("X_00 = −1 was not found");
        };
        assert!((-3.0 * y[0] + 6.0 * y[1] - 1.0).abs() < 1e-15);
        assert!(show(&program([-1.0, 6.0])).is_none());
    }
}
