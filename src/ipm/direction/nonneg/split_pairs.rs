//! Free variables that were split.

use crate::constraints::{Block, Constraints};
use std::collections::HashMap;

/// Pairs of variables that stand for one free variable: opposite columns and opposite costs.
///
/// On their own both grow without bound, and their slacks, whose sum must vanish, block every dual step. So after every step
/// both are moved along the ray on which nothing changes, to where the smaller is of the size of the free variable (or of
/// the mean variable), and their slacks to the central path; and directions keep the sum of the slacks. What is left of it at the
/// end is of the order of `μ`, and counts as dual infeasibility.
#[derive(Debug, Clone, Default)]
pub(in crate::ipm) struct SplitPairs {
    pairs: Vec<(usize, usize)>,
}

impl SplitPairs {
    /// # Complexity
    /// A sort of the nonzeros by variable.
    pub(in crate::ipm) fn find(a: &Constraints, cost: &[f64]) -> Self {
        let mut columns: Vec<Vec<(usize, f64)>> = vec![vec![]; a.ambient()];
        let mut first = vec![];
        (0..a.blocks().len()).for_each(|b| first.push(a.range(b).start));
        for (i, b, r, _, v) in a.entries() {
            if let Block::Nonneg(_) = a.blocks()[b] {
                columns[first[b] + r].push((i, v));
            }
        }
        // By pattern and magnitudes.
        let mut open: HashMap<Vec<(usize, u64)>, Vec<usize>> = HashMap::new();
        let mut pairs = vec![];
        for column in columns.iter_mut() {
            if column.is_empty() {
                continue;
            }
            column.sort_unstable_by_key(|e| e.0);
        }
        for (k, column) in columns.iter().enumerate().filter(|(_, c)| !c.is_empty()) {
            let key: Vec<(usize, u64)> =
                column.iter().map(|e| (e.0, e.1.abs().to_bits())).collect();
            let candidates = open.entry(key).or_default();
            let opposite = |&l: &usize| {
                cost[l] == -cost[k] && columns[l].iter().zip(column).all(|(x, y)| x.1 == -y.1)
            };
            match candidates.iter().position(opposite) {
                Some(at) => pairs.push((candidates.swap_remove(at), k)),
                None => candidates.push(k),
            }
        }
        Self { pairs }
    }

    /// Moves the pairs back, for a mean product `mu`.
    pub(in crate::ipm) fn recentre(&self, x: &mut [f64], s: &mut [f64], mu: f64) {
        if self.pairs.is_empty() {
            return;
        }
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        for &(p, q) in &self.pairs {
            let free = x[p] - x[q];
            let small = free.abs().max(mean);
            (x[p], x[q]) = (small + free.max(0.0), small - free.min(0.0));
            (s[p], s[q]) = (mu / x[p], mu / x[q]);
        }
    }

    /// The dual residual whose removal leaves the sums of the pairs' slacks alone.
    pub(in crate::ipm) fn balance(&self, dual: &mut [f64]) {
        for &(p, q) in &self.pairs {
            let half = 0.5 * (dual[p] - dual[q]);
            (dual[p], dual[q]) = (half, -half);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables 0 and 2 are one free variable, 1 is its own; 3 has the opposite column of 1 at another cost.
    fn pairs() -> SplitPairs {
        let mut a = Constraints::builder(2, &[Block::Nonneg(4)]).unwrap();
        for (i, k, v) in [
            (0, 0, 1.0),
            (1, 0, -2.0),
            (0, 2, -1.0),
            (1, 2, 2.0),
            (0, 1, 3.0),
            (0, 3, -3.0),
        ] {
            a.entry(i, 0, k, k, v).unwrap();
        }
        SplitPairs::find(&a.build().unwrap(), &[5.0, 1.0, -5.0, 2.0])
    }

    #[test]
    fn pairs_are_opposite_in_columns_and_cost() {
        assert_eq!(pairs().pairs, [(0, 2)]);
    }

    #[test]
    fn recentring_keeps_the_free_variable_and_centres_its_slacks() {
        for (p, q) in [(1e9, 1e9 - 3.0), (2.0, 1e12), (1e-9, 1e-9)] {
            let mut x = [p, 1.0, q, 4.0];
            let mut s = [1e-14, 0.5, 3e-15, 0.25];
            let mean = (p + q + 5.0) / 4.0;
            pairs().recentre(&mut x, &mut s, 0.1);
            assert!((x[0] - x[2] - (p - q)).abs() <= 4.0 * f64::EPSILON * p.max(q));
            assert!(
                x[0] > 0.0 && x[2] > 0.0 && x[0].min(x[2]) <= 1.000_001 * mean.max((p - q).abs())
            );
            assert!((x[0] * s[0] - 0.1).abs() < 1e-15 && (x[2] * s[2] - 0.1).abs() < 1e-15);
            assert_eq!((x[1], x[3], s[1], s[3]), (1.0, 4.0, 0.5, 0.25));
        }
    }

    #[test]
    fn balancing_keeps_the_sum_of_the_slacks() {
        let mut dual = [3.0, 7.0, 1.0, -2.0];
        pairs().balance(&mut dual);
        assert_eq!(dual, [1.0, 7.0, -1.0, -2.0]);
    }
}
