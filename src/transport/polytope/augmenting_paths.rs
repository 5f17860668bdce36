//! Completing a plan along allowed arcs by augmenting paths: the repair of a rounded plan where a rank-one term would put mass on
//! a forbidden arc.

use std::collections::VecDeque;

/// Moves what is missing of the row masses `mu` and column masses `nu` onto `plan` (`m × n`, column by column) along
/// allowed arcs, rerouting present mass where it must. The plan's marginals must not exceed the masses. Returns the
/// mass that could not be moved: a maximum flow, up to rounding.
pub(crate) fn complete(plan: &mut [f64], mu: &[f64], nu: &[f64], forbidden: &[bool]) -> f64 {
    let (m, n) = (mu.len(), nu.len());
    let mut row_left = mu.to_vec();
    let mut col_left = nu.to_vec();
    for j in 0..n {
        for i in 0..m {
            row_left[i] -= plan[i + m * j];
            col_left[j] -= plan[i + m * j];
        }
    }
    let total: f64 = mu.iter().sum();
    // Amounts below this are rounding error, and not worth a path each.
    let crumb = total * f64::EPSILON / (m + n) as f64;
    for j in 0..n {
        for i in 0..m {
            let amount = row_left[i].min(col_left[j]);
            if amount > 0.0 && !forbidden[i + m * j] {
                plan[i + m * j] += amount;
                row_left[i] -= amount;
                col_left[j] -= amount;
            }
        }
    }
    let mut from = vec![usize::MAX; m + n];
    loop {
        // Breadth first from every row with something left: row -> column on allowed arcs, column -> row on mass.
        from.fill(usize::MAX);
        let mut queue: VecDeque<usize> = VecDeque::new();
        for i in (0..m).filter(|i| row_left[*i] > crumb) {
            from[i] = i;
            queue.push_back(i);
        }
        let mut end = None;
        'search: while let Some(node) = queue.pop_front() {
            if node < m {
                for j in 0..n {
                    if from[m + j] == usize::MAX && !forbidden[node + m * j] {
                        from[m + j] = node;
                        if col_left[j] > crumb {
                            end = Some(j);
                            break 'search;
                        }
                        queue.push_back(m + j);
                    }
                }
            } else {
                let j = node - m;
                for i in 0..m {
                    if from[i] == usize::MAX && plan[i + m * j] > crumb {
                        from[i] = node;
                        queue.push_back(i);
                    }
                }
            }
        }
        let Some(end) = end else { break };
        // The path back, its bottleneck, and the change.
        let mut path = Vec::new();
        let mut node = m + end;
        while from[node] != node {
            path.push((from[node], node));
            node = from[node];
        }
        let mut amount = row_left[node].min(col_left[end]);
        for &(a, b) in &path {
            if a >= m {
                amount = amount.min(plan[b + m * (a - m)]);
            }
        }
        row_left[node] -= amount;
        col_left[end] -= amount;
        for &(a, b) in &path {
            if a < m {
                plan[a + m * (b - m)] += amount;
            } else {
                plan[b + m * (a - m)] -= amount;
            }
        }
    }
    row_left.iter().filter(|v| **v > 0.0).sum()
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
