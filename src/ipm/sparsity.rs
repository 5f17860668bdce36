//! Where the dual side of a problem has entries: `S = C − Σ y_i A_i` fills no more than the union of the patterns.

use crate::constraints::{Block, Part};
use crate::linalg::product::gemm;
use crate::linalg::real::Real;
use crate::linalg::row_solves::RowSolver;
use crate::problem::ConicProgram;
use faer::{Accum, MatMut, MatRef};
use pulp::Arch;

/// How many operations a second a matrix product does for one of a sum over columns.
const PRODUCT_ADVANTAGE: usize = 3;

/// What is known of one block.
#[derive(Debug, Clone)]
pub(super) enum Sparsity {
    /// Nothing that pays.
    Dense,
    /// Both triangles of the pattern by column, diagonal included, ascending.
    Sparse {
        start: Vec<usize>,
        row: Vec<u32>,
        /// Whether rows that are kept apart fill `S` all the same.
        filled: bool,
        /// For `S` itself, where its factor stays sparse.
        solver: Option<RowSolver>,
    },
}

impl Sparsity {
    /// Of every block.
    ///
    /// # Complexity
    /// A sort of the nonzeros of `A` and `C`, and a symbolic factorisation a block.
    pub(super) fn of(problem: &ConicProgram) -> Vec<Self> {
        let a = problem.constraints();
        let mut keys: Vec<Vec<u64>> = vec![vec![]; a.blocks().len()];
        let mut dense = vec![false; keys.len()];
        for rows in [&**a, problem.cost()] {
            for (b, part) in rows.parts().iter().enumerate() {
                let Part::Psd(rows) = part else { continue };
                for k in 0..rows.touching() {
                    // Rows of rank one are kept apart: only S itself is filled by them.
                    if rows.factored(k).is_some()
                        && rows.packed().is_none()
                        && core::ptr::eq(part, &a.parts()[b])
                    {
                        dense[b] = true;
                    } else {
                        keys[b].extend(rows.get(k).1.iter().map(|(r, c, _)| key(r, c)));
                    }
                }
            }
        }
        a.blocks()
            .iter()
            .zip(keys.into_iter().zip(dense))
            .map(|(block, (keys, dense))| match *block {
                Block::Psd(n) => Self::psd(n, keys, dense),
                Block::Nonneg(_) => Sparsity::Dense,
            })
            .collect()
    }

    fn psd(n: usize, mut keys: Vec<u64>, dense: bool) -> Self {
        keys.extend((0..n).map(|k| key(k, k)));
        keys.sort_unstable();
        keys.dedup();
        let nonzeros = 2 * keys.len() - n;
        if PRODUCT_ADVANTAGE * nonzeros > n * n {
            return Sparsity::Dense;
        }
        let mut upper = vec![0; n + 1];
        keys.iter().for_each(|k| upper[(k >> 32) as usize + 1] += 1);
        (0..n).for_each(|c| upper[c + 1] += upper[c]);
        let rows = keys.iter().map(|k| (k & MASK) as usize).collect();
        let solver = if dense {
            None
        } else {
            RowSolver::analyse(n, upper, rows)
        };
        let mirrored = keys.iter().filter(|&&k| k >> 32 != k & MASK);
        let mirrored: Vec<u64> = mirrored
            .map(|k| key_lower((k >> 32) as usize, (k & MASK) as usize))
            .collect();
        keys.extend(mirrored);
        keys.sort_unstable();
        let mut start = vec![0; n + 1];
        keys.iter().for_each(|k| start[(k >> 32) as usize + 1] += 1);
        (0..n).for_each(|c| start[c + 1] += start[c]);
        let row = keys.iter().map(|k| (k & MASK) as u32).collect();
        let filled = dense;
        Sparsity::Sparse {
            start,
            row,
            filled,
            solver,
        }
    }

    /// A copy of the solver of a sparse factor.
    pub(super) fn solver(&self) -> Option<&RowSolver> {
        match self {
            Sparsity::Sparse { solver, .. } => solver.as_ref(),
            Sparsity::Dense => None,
        }
    }

    /// `out ← x d`, or `out += x d`, for a symmetric `d` with entries on the pattern alone.
    pub(super) fn times(
        &self,
        x: MatRef<'_, f64>,
        d: MatRef<'_, f64>,
        accum: Accum,
        mut out: MatMut<'_, f64>,
    ) {
        let Sparsity::Sparse { start, row, .. } = self else {
            return gemm(out, accum, 1.0, x, d);
        };
        let arch = Arch::new();
        let column = |c: usize, list: &mut Vec<(u32, f64)>, out: MatMut<'_, f64>| {
            list.clear();
            list.extend(
                row[start[c]..start[c + 1]]
                    .iter()
                    .map(|&r| (r, d[(r as usize, c)])),
            );
            if let Some(out) = out.col_mut(0).try_as_col_major_mut() {
                let out = out.as_slice_mut();
                if matches!(accum, Accum::Replace) {
                    out.fill(0.0);
                }
                f64::gather(arch, x, 0, list, out);
            }
        };
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(_) = crate::linalg::par(2 * x.nrows() * row.len()) {
            use rayon::prelude::*;
            out.par_col_chunks_mut(1)
                .enumerate()
                .for_each_init(Vec::new, |list, (c, out)| column(c, list, out));
            return;
        }
        let mut list = vec![];
        for c in 0..x.ncols() {
            column(c, &mut list, out.as_mut().subcols_mut(c, 1));
        }
    }

    /// `out ← dS v` for the whole of a dual direction.
    pub(super) fn multiply(&self, d: MatRef<'_, f64>, v: &[f64], out: &mut [f64]) {
        match self {
            Sparsity::Sparse {
                start,
                row,
                filled: false,
                ..
            } => {
                for (c, out) in out.iter_mut().enumerate() {
                    let at = &row[start[c]..start[c + 1]];
                    *out = at.iter().map(|&r| d[(r as usize, c)] * v[r as usize]).sum();
                }
            }
            _ => f64::symv(Arch::new(), d, v, out),
        }
    }
}

const MASK: u64 = u32::MAX as u64;

/// Ordered by column, then row, of the upper triangle.
fn key(r: usize, c: usize) -> u64 {
    key_lower(r.min(c), r.max(c))
}

fn key_lower(r: usize, c: usize) -> u64 {
    (c as u64) << 32 | r as u64
}
