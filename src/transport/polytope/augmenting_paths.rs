//! Completing a plan along allowed arcs by augmenting paths: the repair of a rounded plan where a rank-one term would put mass on
//! a forbidden arc.

use std::collections::VecDeque;

/// Moves the missing part of the row masses `mu` and column masses `nu` onto `plan` (`m × n`, column by column) along allowed
/// arcs, rerouting mass of the plan where it must. The plan's marginals must not exceed the masses. Returns the mass that could
/// not be moved: the moved mass is a maximum flow, up to rounding.
pub(crate) fn complete(plan: &mut [f64], mu: &[f64], nu: &[f64], forbidden: &[bool]) -> f64 {
    let mut flow = Flow::new(plan, mu, nu, forbidden);
    flow.fill_greedily();
    while let Some(column) = flow.find_path() {
        flow.augment(column);
    }
    flow.row_missing.iter().filter(|v| **v > 0.0).sum()
}

/// A plan as a flow from rows to columns, and the mass that both sides miss.
struct Flow<'a> {
    plan: &'a mut [f64],
    forbidden: &'a [bool],
    row_missing: Vec<f64>,
    column_missing: Vec<f64>,
    /// Amounts up to this are rounding error, and not worth a path each.
    negligible: f64,
    /// The node before every node of the last search: rows `0..m`, then columns. A row that starts a path is before itself.
    before: Vec<usize>,
}

impl<'a> Flow<'a> {
    fn new(plan: &'a mut [f64], mu: &[f64], nu: &[f64], forbidden: &'a [bool]) -> Self {
        let (m, n) = (mu.len(), nu.len());
        let (mut row_missing, mut column_missing) = (mu.to_vec(), nu.to_vec());
        for j in 0..n {
            for i in 0..m {
                row_missing[i] -= plan[i + m * j];
                column_missing[j] -= plan[i + m * j];
            }
        }
        let total: f64 = mu.iter().sum();
        Self {
            plan,
            forbidden,
            row_missing,
            column_missing,
            negligible: total * f64::EPSILON / (m + n) as f64,
            before: vec![usize::MAX; m + n],
        }
    }

    /// As much as every allowed arc can take, in order.
    fn fill_greedily(&mut self) {
        let m = self.row_missing.len();
        for j in 0..self.column_missing.len() {
            for i in 0..m {
                let amount = self.row_missing[i].min(self.column_missing[j]);
                if amount > 0.0 && !self.forbidden[i + m * j] {
                    self.plan[i + m * j] += amount;
                    self.row_missing[i] -= amount;
                    self.column_missing[j] -= amount;
                }
            }
        }
    }

    /// Searches breadth first from every row that misses mass, along allowed arcs to columns and along mass back to rows.
    /// Returns the first column found that misses mass.
    fn find_path(&mut self) -> Option<usize> {
        let (m, n) = (self.row_missing.len(), self.column_missing.len());
        let before = &mut self.before;
        before.fill(usize::MAX);
        let mut queue: VecDeque<usize> = VecDeque::new();
        for i in (0..m).filter(|i| self.row_missing[*i] > self.negligible) {
            before[i] = i;
            queue.push_back(i);
        }
        while let Some(node) = queue.pop_front() {
            if node < m {
                for j in 0..n {
                    if before[m + j] == usize::MAX && !self.forbidden[node + m * j] {
                        before[m + j] = node;
                        if self.column_missing[j] > self.negligible {
                            return Some(j);
                        }
                        queue.push_back(m + j);
                    }
                }
            } else {
                let j = node - m;
                let column = &self.plan[m * j..m * (j + 1)];
                for (i, (before, mass)) in before.iter_mut().zip(column).enumerate() {
                    if *before == usize::MAX && *mass > self.negligible {
                        *before = node;
                        queue.push_back(i);
                    }
                }
            }
        }
        None
    }

    /// Moves as much as the path to `column` can carry.
    fn augment(&mut self, column: usize) {
        let m = self.row_missing.len();
        // The path backwards, and its bottleneck: both ends, and the mass that it takes back.
        let mut path = Vec::new();
        let mut node = m + column;
        while self.before[node] != node {
            path.push((self.before[node], node));
            node = self.before[node];
        }
        let mut amount = self.row_missing[node].min(self.column_missing[column]);
        for &(from, to) in &path {
            if from >= m {
                amount = amount.min(self.plan[to + m * (from - m)]);
            }
        }
        // The change.
        self.row_missing[node] -= amount;
        self.column_missing[column] -= amount;
        for &(from, to) in &path {
            if from < m {
                self.plan[from + m * (to - m)] += amount;
            } else {
                self.plan[to + m * (from - m)] -= amount;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reroutes_what_a_greedy_fill_blocks() {
        // Row 0 may use both columns, row 1 only column 0: the greedy fill gives column 0 to row 0.
        let mut plan = vec![0.0; 4];
        let left = complete(
            &mut plan,
            &[0.5, 0.5],
            &[0.5, 0.5],
            &[false, false, false, true],
        );
        assert!(left < 1e-15);
        assert_eq!(plan, [0.0, 0.5, 0.5, 0.0]);
    }

    #[test]
    fn finds_that_a_mask_leaves_no_coupling() {
        // Rows 0 and 1 may only use column 0, which takes half of what they hold.
        let forbidden = [false, false, false, true, true, false];
        let mut plan = vec![0.0; 6];
        let left = complete(&mut plan, &[0.4, 0.3, 0.3], &[0.35, 0.65], &forbidden);
        assert!((left - 0.35).abs() < 1e-12, "{left}");
    }
}
