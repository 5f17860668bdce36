//! Where to begin.

use crate::constraints::Block;
use crate::problem::ConicProgram;

/// Multiples of the identity, large enough for the scale of the data block by block[^TTT03]:
/// `ξ = max(10, √n, n max_i (1+|b_i|)/(1+‖A_i‖))`, `η = max(10, √n, ‖C‖, max_i ‖A_i‖)`, norms on the block.
///
/// [^TTT03]: Tütüncü, Toh, Todd. Solving semidefinite-quadratic-linear programs using SDPT3. Math. Prog. 2003.
pub(super) fn point(problem: &ConicProgram) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let a = problem.constraints();
    let blocks = a.blocks();
    // Squared Frobenius norms of every row on every block; an entry off the diagonal counts twice.
    let weight = |r: usize, c: usize, v: f64| if r == c { v * v } else { 2.0 * v * v };
    let mut rows: Vec<Vec<(usize, f64)>> = vec![vec![]; blocks.len()];
    for (i, b, r, c, v) in a.entries() {
        match rows[b].last_mut() {
            Some((last, sum)) if *last == i => *sum += weight(r, c, v),
            _ => rows[b].push((i, weight(r, c, v))),
        }
    }
    let mut cost = vec![0.0; blocks.len()];
    for (_, b, r, c, v) in problem.cost().entries() {
        cost[b] += weight(r, c, v);
    }
    let (mut x, mut s) = (vec![0.0; a.ambient()], vec![0.0; a.ambient()]);
    for (b, block) in blocks.iter().enumerate() {
        let n = block.order() as f64;
        let growth = if let Block::Psd(_) = block {
            n
        } else {
            n.sqrt()
        };
        let (mut xi, mut eta) = (n.sqrt().max(10.0), n.sqrt().max(10.0).max(cost[b].sqrt()));
        for &(i, squared) in &rows[b] {
            xi = xi.max(growth * (1.0 + problem.rhs()[i].abs()) / (1.0 + squared.sqrt()));
            eta = eta.max(squared.sqrt());
        }
        let at = a.range(b);
        let step = if let Block::Psd(n) = *block { n + 1 } else { 1 };
        for k in at.step_by(step) {
            x[k] = xi;
            s[k] = eta;
        }
    }
    (x, vec![0.0; a.len()], s)
}
