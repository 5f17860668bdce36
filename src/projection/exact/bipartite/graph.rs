//! The graph of a transport problem on given arcs, without one vertex per component.

use crate::constraints::{Block, Constraints, Part};
use crate::error::{Error, Result, check_memory};
use crate::linalg::sparse_cholesky::SparseCholesky;

/// The vertices are the kept marginals, numbered from 0. All dropped marginals share the next number, the ground.
#[derive(Debug)]
pub(super) struct Graph {
    /// Whether a vertex is the marginal of a column of the plan.
    is_column: Vec<bool>,
    /// Marginal of every vertex: `0..m` are rows, `m..m + n` columns.
    pub(super) kept: Vec<usize>,
    /// The two end vertices of every arc.
    pub(super) ends: Vec<(u32, u32)>,
}

/// Positions in the upper triangle of the Laplacian, compressed by column with the diagonal entry last.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Position of every diagonal entry.
    diagonal: Vec<usize>,
    /// Position of every arc; `usize::MAX` for an arc with a dropped end.
    arc: Vec<usize>,
    nonzeros: usize,
}

impl Graph {
    /// The graph and the rows of `A`. In each component the vertex with the most arcs is dropped; a vertex without arcs is a
    /// component of its own.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Duplicate`] for an arc given twice, [`Error::InvalidSetting`] without arcs.
    pub(super) fn new(m: usize, n: usize, arcs: &[(usize, usize)]) -> Result<(Self, Constraints)> {
        if arcs.is_empty() {
            let (field, reason) = ("arcs", "expected at least one, found none".into());
            return Err(Error::InvalidSetting { field, reason });
        }
        // Four numbers are stored per vertex.
        let vertices = m as u128 + n as u128;
        check_memory("the vertices of a plan", 4 * vertices)?;
        // Find the components, and count the arcs of each vertex.
        let mut degree = vec![0usize; m + n];
        let mut above: Vec<usize> = (0..m + n).collect();
        for &(i, j) in arcs {
            for (what, index, bound) in [("row of an arc", i, m), ("column of an arc", j, n)] {
                if index >= bound {
                    return Err(Error::OutOfRange { what, index, bound });
                }
            }
            degree[i] += 1;
            degree[m + j] += 1;
            let (a, b) = (root(&mut above, i), root(&mut above, m + j));
            above[a] = b;
        }
        // Per root, the vertex that its component drops.
        let mut out = vec![usize::MAX; m + n];
        for v in 0..m + n {
            let known = &mut out[root(&mut above, v)];
            if *known == usize::MAX || degree[v] > degree[*known] {
                *known = v;
            }
        }
        let kept: Vec<usize> = (0..m + n)
            .filter(|v| out[root(&mut above, *v)] != *v)
            .collect();
        let ground = kept.len() as u32;
        let mut vertex = vec![ground; m + n];
        for (k, v) in kept.iter().enumerate() {
            vertex[*v] = k as u32;
        }
        let ends: Vec<(u32, u32)> = arcs
            .iter()
            .map(|(i, j)| (vertex[*i], vertex[m + j]))
            .collect();
        // The rows of A: every arc adds to the marginals of its two ends.
        let mut builder = Constraints::builder(kept.len(), &[Block::Nonneg(arcs.len())])?;
        for (k, (u, v)) in ends.iter().enumerate() {
            for end in [*u, *v] {
                if end != ground {
                    builder.entry(end as usize, 0, k, k, 1.0)?;
                }
            }
        }
        // Two equal arcs would be one variable twice.
        let mut pairs: Vec<(usize, usize, usize)> = arcs
            .iter()
            .enumerate()
            .map(|(k, (i, j))| (*i, *j, k))
            .collect();
        pairs.sort_unstable();
        for pair in pairs.windows(2) {
            if (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1) {
                return Err(Error::Duplicate {
                    what: "arcs",
                    entry: pair[1].2,
                    previous: pair[0].2,
                });
            }
        }
        let is_column = kept.iter().map(|v| *v >= m).collect();
        let graph = Self {
            is_column,
            kept,
            ends,
        };
        Ok((graph, builder.build()?))
    }

    /// The graph whose vertices are the rows of `a`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the rows are marginals of a plan; [`Error::RankDeficient`] where the rows include all
    /// marginals of a component.
    pub(super) fn of_rows(a: &Constraints) -> Result<Self> {
        let unsupported = |what| Error::Unsupported {
            what,
            by: "Bipartite",
        };
        let (&[Block::Nonneg(arcs)], [Part::Nonneg(rows)]) = (a.blocks(), a.parts()) else {
            return Err(unsupported("rows on anything but one nonnegative block"));
        };
        let (m, ground) = (a.len(), a.len() as u32);
        let mut ends = vec![(ground, ground); arcs];
        for (row, index, value) in rows.iter() {
            if value.iter().any(|v| *v != 1.0) {
                return Err(unsupported("a sum with a coefficient that is not 1"));
            }
            for &k in index {
                let arc = &mut ends[k as usize];
                *arc = match *arc {
                    (u, v) if u == ground && v == ground => (row as u32, ground),
                    // Rows ascend, so the second end is the later one. The pattern relies on this order.
                    (u, v) if v == ground => (u, row as u32),
                    _ => return Err(unsupported("a variable in more than two rows")),
                };
            }
        }
        let mut pairs: Vec<_> = ends.iter().filter(|(_, v)| *v != ground).collect();
        pairs.sort_unstable();
        if pairs.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(unsupported("two variables in the same two rows"));
        }
        let is_column = two_colours(m, &ends)
            .ok_or_else(|| unsupported("rows that are not the two marginals of a plan"))?;
        check_grounded(m, &ends)?;
        Ok(Self {
            is_column,
            kept: (0..m).collect(),
            ends,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// `out ← B Bᵀ y`, summed arc by arc: the only cancellation is the one within `y`.
    pub(super) fn apply(&self, squares: &[f64], y: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        let ground = self.len() as u32;
        for ((u, v), d) in self.ends.iter().zip(squares) {
            let (u, v, at) = (*u as usize, *v as usize, |k: u32| k != ground);
            match (at(u as u32), at(v as u32)) {
                (true, true) => {
                    let flow = d * (y[u] + y[v]);
                    out[u] += flow;
                    out[v] += flow;
                }
                (true, false) => out[u] += d * y[u],
                (false, true) => out[v] += d * y[v],
                (false, false) => {}
            }
        }
    }

    /// The diagonal of `B Bᵀ`.
    pub(super) fn diagonal(&self, squares: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.len() + 1];
        for ((u, v), d) in self.ends.iter().zip(squares) {
            out[*u as usize] += d;
            out[*v as usize] += d;
        }
        out.truncate(self.len());
        out
    }

    /// Changes the sign of the entries that belong to columns of the plan. With these signs `B Bᵀ` is a Laplacian.
    pub(super) fn flip(&self, v: &mut [f64]) {
        for (v, is_column) in v.iter_mut().zip(&self.is_column) {
            if *is_column {
                *v = -*v;
            }
        }
    }

    /// The pattern of the Laplacian and the symbolic factorisation; `None` when memory ran out.
    pub(super) fn analyse(&self) -> Option<(Pattern, SparseCholesky)> {
        let n = self.len();
        let ground = n as u32;
        // An arc belongs to the column of its later end. Each column also has its diagonal entry.
        let mut start = vec![0usize; n + 1];
        for (u, v) in self.ends.iter().filter(|(_, v)| *v != ground) {
            start[*v as usize + 1] += usize::from(*u != ground);
        }
        for v in 0..n {
            start[v + 1] += start[v] + 1;
        }
        let mut by_column: Vec<Vec<(usize, usize)>> = vec![vec![]; n];
        for (k, (u, v)) in self.ends.iter().enumerate() {
            if *u != ground && *v != ground {
                by_column[*v as usize].push((*u as usize, k));
            }
        }
        let nonzeros = start[n];
        let (mut row, mut arc) = (
            Vec::with_capacity(nonzeros),
            vec![usize::MAX; self.ends.len()],
        );
        let mut diagonal = Vec::with_capacity(n);
        for (v, list) in by_column.iter_mut().enumerate() {
            list.sort_unstable();
            for (u, k) in list {
                arc[*k] = row.len();
                row.push(*u);
            }
            diagonal.push(row.len());
            row.push(v);
        }
        let factor = SparseCholesky::analyse(n, start, row)?;
        let pattern = Pattern {
            diagonal,
            arc,
            nonzeros,
        };
        Some((pattern, factor))
    }
}

/// Divides the vertices into rows and columns of the plan such that every arc joins a row and a column. `None` where no such
/// division exists.
fn two_colours(m: usize, ends: &[(u32, u32)]) -> Option<Vec<bool>> {
    let ground = m as u32;
    let mut neighbours = vec![vec![]; m];
    for &(u, v) in ends.iter().filter(|(u, v)| *u != ground && *v != ground) {
        neighbours[u as usize].push(v as usize);
        neighbours[v as usize].push(u as usize);
    }
    let mut colour: Vec<Option<bool>> = vec![None; m];
    let mut queue = vec![];
    for first in 0..m {
        if colour[first].is_some() {
            continue;
        }
        colour[first] = Some(false);
        queue.push((first, false));
        while let Some((u, is_column)) = queue.pop() {
            for &v in &neighbours[u] {
                match colour[v] {
                    None => {
                        colour[v] = Some(!is_column);
                        queue.push((v, !is_column));
                    }
                    Some(other) if other == is_column => return None,
                    Some(_) => {}
                }
            }
        }
    }
    Some(colour.into_iter().map(|c| c == Some(true)).collect())
}

/// # Errors
/// [`Error::RankDeficient`] where a component has no arc to the ground. The row marginals and the column marginals of such a
/// component have the same sum, so they are dependent.
fn check_grounded(m: usize, ends: &[(u32, u32)]) -> Result<()> {
    let mut above: Vec<usize> = (0..=m).collect();
    for &(u, v) in ends {
        let (a, b) = (root(&mut above, u as usize), root(&mut above, v as usize));
        above[a] = b;
    }
    let ground = root(&mut above, m);
    let mut apart: Vec<usize> = (0..m)
        .map(|v| root(&mut above, v))
        .filter(|r| *r != ground)
        .collect();
    apart.sort_unstable();
    apart.dedup();
    if apart.is_empty() {
        return Ok(());
    }
    Err(Error::RankDeficient {
        rank: m - apart.len(),
        needed: m,
    })
}

/// The root of a vertex in a union-find forest, with path halving.
fn root(above: &mut [usize], mut k: usize) -> usize {
    while above[k] != k {
        above[k] = above[above[k]];
        k = above[k];
    }
    k
}

impl Pattern {
    /// The Laplacian scaled by `scale` from both sides.
    pub(super) fn assemble(
        &self,
        graph: &Graph,
        squares: &[f64],
        diagonal: &[f64],
        scale: &[f64],
        values: &mut Vec<f64>,
    ) {
        values.clear();
        values.resize(self.nonzeros, 0.0);
        for ((at, d), s) in self.diagonal.iter().zip(diagonal).zip(scale) {
            values[*at] = d * s * s;
        }
        let arcs = self.arc.iter().zip(&graph.ends).zip(squares);
        for ((at, (u, v)), d) in arcs.filter(|((at, _), _)| **at != usize::MAX) {
            values[*at] = -d * scale[*u as usize] * scale[*v as usize];
        }
    }
}
