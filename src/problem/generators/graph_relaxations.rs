//! Relaxations of graph problems.

use crate::constraints::{Block, Constraints};
use crate::error::{Error, Result};
use crate::problem::SemidefiniteProgram;
use std::collections::HashMap;

/// The Lovász number of a graph: `max ⟨J, Y⟩` subject to `tr Y = 1`, `Y_ij = 0` on every edge, `Y ⪰ 0`, where `J` is all
/// ones. It lies between the independence number of the graph and the chromatic number of its complement.
///
/// As in the `theta` files of SDPLIB: `F_0 = J`, `F_1 = I`, one more matrix per edge, in the order given, and costs
/// `(1, 0, …, 0)`. The optimal value is the Lovász number itself.
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
/// As in the `mcp` and `maxG` files of SDPLIB: `F_0 = L/4`, `F_i = e_i e_iᵀ`, all costs 1. The optimal value is the bound itself.
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
    let mut matrices = Constraints::builder(n, &blocks)?;
    let mut degree = vec![0.0; n];
    for &(u, v, weight) in edges {
        laplacian.entry(0, 0, u, v, -weight / 4.0)?;
        degree[u] += weight;
        degree[v] += weight;
    }
    for (k, degree) in degree.iter().enumerate() {
        laplacian.entry(0, 0, k, k, degree / 4.0)?;
        matrices.entry(k, 0, k, k, 1.0)?;
    }
    SemidefiniteProgram::new(vec![1.0; n], matrices.build()?, laplacian.build()?)
}

/// [`max_cut`] with the triangle inequalities[^P89] of these triples of vertices. A cut separates none or two of the three pairs of a
/// triple, so that
///
/// ```text
/// X_ij + X_ik + X_jk ≥ −1,   X_ij − X_ik − X_jk ≥ −1,   and the latter with i, j, k in turn.
/// ```
///
/// As an SDPA file states it: the `n` matrices of [`max_cut`], then four per triple, each with its own slack in a second block of
/// `4·triples` numbers. With all triples, the bound is the largest cut itself for graphs without a minor `K₅`, for example
/// planar graphs[^BM86].
///
/// ```
/// let triangle = [(0, 1, 1.0), (1, 2, 1.0), (0, 2, 1.0)];
/// let program = dyncvx::problem::generators::max_cut_with_triangles(3, &triangle, &[[0, 1, 2]])?;   // its value is 2
/// assert_eq!(program.costs(), [1.0, 1.0, 1.0, -1.0, -1.0, -1.0, -1.0]);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// As [`max_cut`]; [`Error::OutOfRange`] for a vertex of a triple, [`Error::InvalidSetting`] without triples and for a triple with a
/// repeated vertex, [`Error::Duplicate`] for a triple given twice.
///
/// # Complexity
/// As [`max_cut`], and `O(triples)`.
///
/// [^P89]: Padberg. The boolean quadric polytope: some characteristics, facets and relatives. Mathematical Programming 45, 1989.
/// [^BM86]: Barahona, Mahjoub. On the cut polytope. Mathematical Programming 36, 1986.
pub fn max_cut_with_triangles(
    n: usize,
    edges: &[(usize, usize, f64)],
    triples: &[[usize; 3]],
) -> Result<SemidefiniteProgram> {
    let plain = max_cut(n, edges)?;
    check_triples(n, triples)?;
    let slacks = 4 * triples.len();
    let blocks = [Block::Psd(n), Block::Nonneg(slacks)];
    let mut constant = Constraints::builder(1, &blocks)?;
    for (_, _, row, col, value) in plain.constant().entries() {
        constant.entry(0, 0, row, col, value)?;
    }
    let mut matrices = Constraints::builder(n + slacks, &blocks)?;
    for k in 0..n {
        matrices.entry(k, 0, k, k, 1.0)?;
    }
    for (t, &[i, j, k]) in triples.iter().enumerate() {
        let signs = [
            [1.0, 1.0, 1.0],
            [1.0, -1.0, -1.0],
            [-1.0, 1.0, -1.0],
            [-1.0, -1.0, 1.0],
        ];
        for (which, [ij, ik, jk]) in signs.into_iter().enumerate() {
            let slack = 4 * t + which;
            matrices
                .entry(n + slack, 0, i, j, 0.5 * ij)?
                .entry(n + slack, 0, i, k, 0.5 * ik)?
                .entry(n + slack, 0, j, k, 0.5 * jk)?
                .entry(n + slack, 1, slack, slack, -1.0)?;
        }
    }
    let mut costs = vec![1.0; n];
    costs.resize(n + slacks, -1.0);
    SemidefiniteProgram::new(costs, matrices.build()?, constant.build()?)
}

fn check_triples(n: usize, triples: &[[usize; 3]]) -> Result<()> {
    if triples.is_empty() {
        return Err(Error::InvalidSetting {
            field: "triples",
            reason: "expected one or more, found none".into(),
        });
    }
    let mut seen = HashMap::new();
    for (entry, triple) in triples.iter().enumerate() {
        let mut sorted = *triple;
        sorted.sort_unstable();
        if sorted[2] >= n {
            return Err(Error::OutOfRange {
                what: "vertex",
                index: sorted[2],
                bound: n,
            });
        }
        if sorted[0] == sorted[1] || sorted[1] == sorted[2] {
            return Err(Error::InvalidSetting {
                field: "triples",
                reason: format!("expected three vertices, found {triple:?}"),
            });
        }
        if let Some(previous) = seen.insert(sorted, entry) {
            return Err(Error::Duplicate {
                what: "triples",
                entry,
                previous,
            });
        }
    }
    Ok(())
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
