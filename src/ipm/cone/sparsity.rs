//! Where the dual side of a problem has entries: `S = C − Σ y_i A_i` fills no more than the union of the patterns.

use crate::constraints::positions::{both_triangles, position, row_and_column, union};
use crate::constraints::{Block, Part};
use crate::linalg::machine::PRODUCT_OVER_COLUMN_SUMS;
use crate::linalg::product::gemm;
use crate::linalg::real::Real;
use crate::linalg::row_solves::RowSolver;
use crate::problem::ConicProgram;
use faer::{Accum, MatMut, MatRef};
use pulp::Arch;

/// What is known of one block, and with it how its part of a dual vector is stored.
#[derive(Debug, Clone)]
pub(in crate::ipm) enum Sparsity {
    /// Nothing that pays: stored in full.
    Dense,
    /// Rows that are kept apart fill `S`, the others read few positions: stored in full.
    Filled(Pattern),
    /// Only the entries on the pattern are stored, down its columns.
    Packed(Box<Packed>),
}

/// Both triangles by column, diagonal included, ascending.
#[derive(Debug, Clone)]
pub(in crate::ipm) struct Pattern {
    start: Vec<usize>,
    row: Vec<u32>,
}

/// A block whose `S` has few entries.
#[derive(Debug, Clone)]
pub(in crate::ipm) struct Packed {
    pattern: Pattern,
    /// Position of every entry of the rows `A`, in their order, and of the cost.
    rows: Vec<u32>,
    cost: Vec<u32>,
    /// Positions below the diagonal and their mirror images.
    twin: Vec<(u32, u32)>,
    /// For `S` itself, where its factor stays sparse.
    solver: Option<RowSolver>,
}

impl Sparsity {
    /// Of every block.
    ///
    /// # Complexity
    /// A sort of the nonzeros of `A` and `C`, and a symbolic factorisation a block.
    pub(in crate::ipm) fn of(problem: &ConicProgram) -> Vec<Self> {
        let (a, c) = (problem.constraints(), problem.cost());
        let parts = a.blocks().iter().zip(a.parts()).zip(c.parts());
        parts
            .map(|((block, rows), cost)| match *block {
                Block::Psd(n) => Self::psd(n, rows, cost),
                Block::Nonneg(_) => Sparsity::Dense,
            })
            .collect()
    }

    fn psd(n: usize, rows: &Part, cost: &Part) -> Self {
        let (mut keys, mut filled) = (vec![], false);
        for (part, is_cost) in [(rows, false), (cost, true)] {
            let Part::Psd(rows) = part else { continue };
            for k in 0..rows.touching() {
                // Rows of rank one are kept apart: only S itself is filled by them.
                if !is_cost && rows.factored(k).is_some() && rows.packed().is_none() {
                    filled = true;
                } else {
                    keys.extend(rows.get(k).1.iter().map(|(r, c, _)| position(r, c)));
                }
            }
            // Of many rows with the same entries one copy is enough.
            union(&mut keys);
        }
        keys.extend((0..n).map(|k| position(k, k)));
        union(&mut keys);
        let nonzeros = 2 * keys.len() - n;
        if PRODUCT_OVER_COLUMN_SUMS * nonzeros > n * n {
            return Sparsity::Dense;
        }
        let (start, entries) = both_triangles(n, &keys);
        let row = entries.iter().map(|e| e.0).collect();
        let pattern = Pattern { start, row };
        if filled {
            return Sparsity::Filled(pattern);
        }
        let places = |part: &Part| match part {
            Part::Psd(rows) => rows
                .iter()
                .flat_map(|(_, a)| a.iter())
                .map(|(r, c, _)| pattern.place(r, c))
                .collect(),
            Part::Nonneg(_) => vec![],
        };
        let below = (0..n).flat_map(|c| pattern.column(c).map(move |(at, r)| (at, r, c)));
        let twin = below
            .filter(|&(_, r, c)| r > c)
            .map(|(at, r, c)| (at as u32, pattern.place(c, r)));
        // The upper triangle alone, for the factor of `S`.
        let mut upper = vec![0; n + 1];
        let places_above = keys.iter().map(|&k| row_and_column(k));
        places_above.clone().for_each(|(_, c)| upper[c + 1] += 1);
        (0..n).for_each(|c| upper[c + 1] += upper[c]);
        let above = places_above.map(|(r, _)| r).collect();
        Sparsity::Packed(Box::new(Packed {
            rows: places(rows),
            cost: places(cost),
            twin: twin.collect(),
            solver: RowSolver::analyse(n, upper, above),
            pattern,
        }))
    }

    /// Numbers that a dual vector has on the block.
    pub(in crate::ipm) fn stored(&self, block: Block) -> usize {
        match self {
            Sparsity::Packed(packed) => packed.pattern.row.len(),
            _ => block.ambient(),
        }
    }

    /// A copy of the solver of a sparse factor.
    pub(in crate::ipm) fn solver(&self) -> Option<&RowSolver> {
        match self {
            Sparsity::Packed(packed) => packed.solver.as_ref(),
            _ => None,
        }
    }

    /// `out ← x d`, or `out += x d`, for a symmetric `d` with entries on the pattern alone, stored as dual vectors are.
    pub(in crate::ipm) fn times(
        &self,
        x: MatRef<'_, f64>,
        d: &[f64],
        accum: Accum,
        mut out: MatMut<'_, f64>,
    ) {
        let n = x.ncols();
        let (pattern, packed) = match self {
            Sparsity::Dense => {
                return gemm(out, accum, 1.0, x, MatRef::from_column_major_slice(d, n, n));
            }
            Sparsity::Filled(pattern) => (pattern, false),
            Sparsity::Packed(packed) => (&packed.pattern, true),
        };
        let arch = Arch::new();
        let column = |c: usize, list: &mut Vec<(u32, f64)>, out: MatMut<'_, f64>| {
            list.clear();
            list.extend(pattern.column(c).map(|(at, r)| {
                let place = if packed { at } else { r + c * n };
                (r as u32, d[place])
            }));
            if let Some(out) = out.col_mut(0).try_as_col_major_mut() {
                let out = out.as_slice_mut();
                if matches!(accum, Accum::Replace) {
                    out.fill(0.0);
                }
                f64::gather(arch, x, 0, list, out);
            }
        };
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(_) = crate::linalg::par(2 * x.nrows() * pattern.row.len()) {
            use rayon::prelude::*;
            out.par_col_chunks_mut(1)
                .enumerate()
                .for_each_init(Vec::new, |list, (c, out)| column(c, list, out));
            return;
        }
        let mut list = vec![];
        for c in 0..n {
            column(c, &mut list, out.as_mut().subcols_mut(c, 1));
        }
    }

    /// `out ← dS v` for the whole of a dual direction.
    pub(in crate::ipm) fn multiply(&self, d: &[f64], v: &[f64], out: &mut [f64]) {
        let n = v.len();
        match self {
            Sparsity::Packed(packed) => {
                for (c, out) in out.iter_mut().enumerate() {
                    *out = packed.pattern.column(c).map(|(at, r)| d[at] * v[r]).sum();
                }
            }
            _ => f64::symv(
                Arch::new(),
                MatRef::from_column_major_slice(d, n, n),
                v,
                out,
            ),
        }
    }
}

impl Pattern {
    /// Position and row of the entries of a column.
    fn column(&self, c: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let at = self.start[c]..self.start[c + 1];
        at.clone().zip(self.row[at].iter().map(|&r| r as usize))
    }

    fn place(&self, r: usize, c: usize) -> u32 {
        let rows = &self.row[self.start[c]..self.start[c + 1]];
        (self.start[c] + rows.partition_point(|&other| (other as usize) < r)) as u32
    }
}

impl Packed {
    /// Adds the values of the rows (or the cost), in their order, to both triangles of `out`, which was zero.
    pub(in crate::ipm) fn gather(
        &self,
        of_cost: bool,
        entries: impl Iterator<Item = f64>,
        out: &mut [f64],
    ) {
        let places = if of_cost { &self.cost } else { &self.rows };
        for (&at, v) in places.iter().zip(entries) {
            out[at as usize] += v;
        }
        for &(below, above) in &self.twin {
            out[below as usize] = out[above as usize];
        }
    }

    /// Calls `f` with the position of every entry, and where it stands in the full block.
    pub(in crate::ipm) fn for_each(&self, mut f: impl FnMut(usize, usize)) {
        let n = self.pattern.start.len() - 1;
        for c in 0..n {
            self.pattern.column(c).for_each(|(at, r)| f(at, r + c * n));
        }
    }

    /// The entries on and above the diagonal, down the columns.
    pub(in crate::ipm) fn upper<'a>(&'a self, d: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        (0..self.pattern.start.len() - 1).flat_map(move |c| {
            let above = self.pattern.column(c).take_while(move |&(_, r)| r <= c);
            above.map(|(at, _)| d[at])
        })
    }
}
