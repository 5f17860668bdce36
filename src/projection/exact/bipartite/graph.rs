//! The graph of a transport problem on given arcs, without one vertex a component.

use crate::constraints::{Block, Constraints, Part};
use crate::error::{Error, Result, check_memory};
use crate::linalg::sparse_cholesky::SparseCholesky;

/// Vertices are the constraints that are kept, and one number more for all that were dropped.
#[derive(Debug)]
pub(super) struct Graph {
    /// Whether a vertex is a column of the transport problem.
    is_column: Vec<bool>,
    /// Marginal of every vertex: `0..m` are rows, `m..m + n` columns.
    pub(super) kept: Vec<usize>,
    /// Ends of every arc.
    pub(super) ends: Vec<(u32, u32)>,
}

/// The upper triangle of the Laplacian by column, the diagonal last, and where the arcs go in it.
#[derive(Debug)]
pub(super) struct Pattern {
    diagonal: Vec<usize>,
    /// `usize::MAX` for an arc with a dropped end.
    arc: Vec<usize>,
    nonzeros: usize,
}

impl Graph {
    /// Drops the vertex with the most arcs of each component, and all without arcs.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Duplicate`] for an arc given twice, [`Error::InvalidSetting`] without arcs.
    pub(super) fn new(m: usize, n: usize, arcs: &[(usize, usize)]) -> Result<(Self, Constraints)> {
        if arcs.is_empty() {
            let (field, reason) = ("arcs", "expected at least one, found none".into());
            return Err(Error::InvalidSetting { field, reason });
        }
        // Four numbers per vertex.
        let vertices = m as u128 + n as u128;
        check_memory("the vertices of a plan", 4 * vertices)?;
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
        // By root: the vertex that goes.
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
        let mut builder = Constraints::builder(kept.len(), &[Block::Nonneg(arcs.len())])?;
        for (k, (u, v)) in ends.iter().enumerate() {
            for end in [*u, *v] {
                if end != ground {
                    builder.entry(end as usize, 0, k, k, 1.0)?;
                }
            }
        }
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

    /// The graph whose vertices are rows that were given.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the rows are sums of a transport problem; [`Error::RankDeficient`] where a component
    /// has all its rows.
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
                    // Rows come in ascending order, which makes the second end the later one, as the pattern expects.
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

    /// `out ← B Bᵀ y`, arc by arc: nothing cancels but what the vector brings.
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

    /// Signs that make `B Bᵀ` a Laplacian: those of the columns change.
    pub(super) fn flip(&self, v: &mut [f64]) {
        for (v, is_column) in v.iter_mut().zip(&self.is_column) {
            if *is_column {
                *v = -*v;
            }
        }
    }

    /// Where the exact factor's matrix has entries. `None` when memory ran out.
    pub(super) fn analyse(&self) -> Option<(Pattern, SparseCholesky)> {
        let n = self.len();
        let ground = n as u32;
        // Arcs by their column, which is the later end and has the diagonal.
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

/// Divides the vertices so that no arc joins two of one kind; `None` where they do not divide.
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
/// [`Error::RankDeficient`] where a component has no arc to a vertex that was left out: the sum of its rows of the plan is
/// the sum of its columns.
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

/// The root of a vertex in a forest, whose paths are halved on the way.
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
