//! Relaxations of graph problems.

use crate::constraints::{Block, Constraints};
use crate::error::{Error, Result};
use crate::problem::SemidefiniteProgram;
use std::collections::HashMap;

/// The Lovász number of a graph: `max ⟨J, Y⟩` subject to `tr Y = 1`, `Y_ij = 0` on every edge, `Y ⪰ 0`, where `J` is all
/// ones. It lies between the independence number of the graph and the chromatic number of its complement.
///
/// As in SDPLIB's `theta` files: `F_0 = J`, `F_1 = I`, one further matrix an edge, in the order given, and costs
/// `(1, 0, …, 0)`; the optimal value is the Lovász number itself.
///
/// ```
/// let pentagon = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)];
/// let program = dyncvx::problem::generators::lovasz_theta(5, &pentagon)?;   // its value is √5
/// assert_eq!((program.costs().len(), program.constant().nonzeros()), (6, 15));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::OutOfRange`] for a vertex that is not below `n`; [`Error::InvalidSetting`] for `n = 0` or a loop;
/// [`Error::Duplicate`] for an edge given twice, in either direction.
///
/// # Complexity
/// `O(n² + edges)`.
pub fn lovasz_theta(n: usize, edges: &[(usize, usize)]) -> Result<SemidefiniteProgram> {
    check_edges(n, edges.iter().copied())?;
    let blocks = [Block::Psd(n)];
    let mut ones = Constraints::builder(1, &blocks)?;
    let mut matrices = Constraints::builder(1 + edges.len(), &blocks)?;
    for col in 0..n {
        for row in 0..=col {
            ones.entry(0, 0, row, col, 1.0)?;
        }
        matrices.entry(0, 0, col, col, 1.0)?;
    }
    for (k, &(u, v)) in edges.iter().enumerate() {
        matrices.entry(1 + k, 0, u, v, 1.0)?;
    }
    let mut costs = vec![0.0; 1 + edges.len()];
    costs[0] = 1.0;
    SemidefiniteProgram::new(costs, matrices.build()?, ones.build()?)
}

/// The semidefinite relaxation of MAX-CUT over edges `(u, v, weight)`: `max ¼⟨L, Y⟩` subject to `Y_ii = 1`, `Y ⪰ 0`, where
/// `L` is the weighted Laplacian. With nonnegative weights the value is an upper bound on every cut, and at most 1/0.878 of
/// the largest.
///
/// As in SDPLIB's `mcp` and `maxG` files: `F_0 = L/4`, `F_i = e_i e_iᵀ`, all costs 1; the optimal value is the bound itself.
///
/// ```
/// let triangle = [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0)];
/// let program = dyncvx::problem::generators::max_cut(3, &triangle)?;        // its value is 9/4
/// assert_eq!(program.constant().entries().next(), Some((0, 0, 0, 0, 0.5)));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// As [`lovasz_theta`], and [`Error::NonFinite`] for a weight or a sum of weights that is not finite.
///
/// # Complexity
/// `O(n + edges log edges)`.
pub fn max_cut(n: usize, edges: &[(usize, usize, f64)]) -> Result<SemidefiniteProgram> {
    check_edges(n, edges.iter().map(|&(u, v, _)| (u, v)))?;
    let blocks = [Block::Psd(n)];
    let mut laplacian = Constraints::builder(1, &blocks)?;
    let mut degree = vec![0.0; n];
    for &(u, v, weight) in edges {
        laplacian.entry(0, 0, u, v, -weight / 4.0)?;
        degree[u] += weight;
        degree[v] += weight;
    }
    let mut matrices = Constraints::builder(n, &blocks)?;
    for (k, degree) in degree.iter().enumerate() {
        laplacian.entry(0, 0, k, k, degree / 4.0)?;
        matrices.entry(k, 0, k, k, 1.0)?;
    }
    SemidefiniteProgram::new(vec![1.0; n], matrices.build()?, laplacian.build()?)
}

fn check_edges(n: usize, edges: impl Iterator<Item = (usize, usize)>) -> Result<()> {
    let mut seen = HashMap::new();
    for (entry, (u, v)) in edges.enumerate() {
        if let Some(index) = [u, v].into_iter().find(|&w| w >= n) {
            return Err(Error::OutOfRange {
                what: "vertex",
                index,
                bound: n,
            });
        }
        if u == v {
            return Err(Error::InvalidSetting {
                field: "edges",
                reason: format!("expected two vertices, found vertex {u} twice in edge {entry}"),
            });
        }
        if let Some(previous) = seen.insert((u.min(v), u.max(v)), entry) {
            return Err(Error::Duplicate {
                what: "edges",
                entry,
                previous,
            });
        }
    }
    Ok(())
}
