//! Where the rows on one block have entries: all that `Σ y_i A_i` fills, and all of `U` that `⟨A_i, U⟩` reads.

use super::positions::{both_triangles, position, row_and_column, union};
use super::rows::SparseSymmetric;
use crate::linalg::machine::PRODUCT_OVER_COLUMN_SUMS;
use crate::linalg::padded;
use crate::linalg::{par, real::Real};
use faer::{Mat, MatMut, MatRef};
use pulp::Arch;

/// Positions read together by one thread.
#[cfg(feature = "rayon")]
const CHUNK: usize = 256;

/// The union of the patterns of the rows on a PSD block.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    order: usize,
    /// Positions `row ≤ col`, by column.
    row: Vec<u32>,
    col: Vec<u32>,
    /// Position of every entry of every row, in their order.
    place: Vec<u32>,
    /// Both triangles by column: where each column starts, and row and position of its entries.
    start: Vec<usize>,
    full: Vec<(u32, u32)>,
    halves: Option<Halves>,
}

/// Two sets of indices such that every position has one index in each: the rows read and fill one block off the diagonal.
#[derive(Debug, Clone)]
pub(crate) struct Halves {
    pub left: Vec<u32>,
    pub right: Vec<u32>,
    /// Every position as a row of the left and a column of the right half.
    at: Vec<(u32, u32)>,
}

impl Halves {
    /// `None` when there is no such partition, or products of whole halves cost more than those along the pattern.
    fn new(
        order: usize,
        row: &[u32],
        col: &[u32],
        neighbours: impl Fn(usize) -> Vec<u32>,
    ) -> Option<Self> {
        const UNSEEN: u8 = 2;
        let mut side = vec![UNSEEN; order];
        let (mut queue, mut sizes) = (vec![], [0usize; 2]);
        for root in 0..order {
            if side[root] != UNSEEN || neighbours(root).is_empty() {
                continue;
            }
            side[root] = 0;
            sizes[0] += 1;
            queue.push(root);
            while let Some(v) = queue.pop() {
                for w in neighbours(v) {
                    let w = w as usize;
                    if side[w] == UNSEEN {
                        side[w] = 1 - side[v];
                        sizes[side[w] as usize] += 1;
                        queue.push(w);
                    } else if side[w] == side[v] {
                        return None;
                    }
                }
            }
        }
        let along = 3 * order * row.len();
        let whole = sizes[0] * sizes[1] * (sizes[0] + 3 * sizes[1]);
        if whole > 4 * PRODUCT_OVER_COLUMN_SUMS * along {
            return None;
        }
        let list = |which: u8| -> Vec<u32> {
            (0..order as u32)
                .filter(|&v| side[v as usize] == which)
                .collect()
        };
        let (left, right) = (list(0), list(1));
        let mut place = vec![0u32; order];
        for half in [&left, &right] {
            half.iter()
                .enumerate()
                .for_each(|(k, &v)| place[v as usize] = k as u32);
        }
        let at = row.iter().zip(col).map(|(&r, &c)| match side[r as usize] {
            0 => (place[r as usize], place[c as usize]),
            _ => (place[c as usize], place[r as usize]),
        });
        let at = at.collect();
        Some(Self { left, right, at })
    }

    /// `B` of the sum `[0 B; Bᵀ 0]` from its values at the positions.
    pub(crate) fn fill(&self, values: &[f64], b: &mut Mat<f64>) {
        if b.shape() != (self.left.len(), self.right.len()) {
            *b = padded::zeros(self.left.len(), self.right.len());
        }
        b.fill(0.0);
        for (&(i, j), v) in self.at.iter().zip(values) {
            b[(i as usize, j as usize)] = *v;
        }
    }

    /// `scale · U` at the positions, for the block `U` of a matrix.
    pub(crate) fn read(&self, scale: f64, u: &Mat<f64>, out: &mut Vec<f64>) {
        out.clear();
        out.extend(
            self.at
                .iter()
                .map(|&(i, j)| scale * u[(i as usize, j as usize)]),
        );
    }
}

impl Pattern {
    /// `None` when products of full matrices are cheaper than those along the pattern.
    pub(crate) fn new<'a>(
        order: usize,
        rows: impl Fn() -> Box<dyn Iterator<Item = SparseSymmetric<'a>> + 'a>,
    ) -> Option<Self> {
        let mut keys: Vec<u64> = rows()
            .flat_map(|a| a.iter().map(|(r, c, _)| position(r, c)))
            .collect();
        union(&mut keys);
        let on_diagonal = |k: &&u64| {
            let (row, col) = row_and_column(**k);
            row == col
        };
        let diagonal = keys.iter().filter(on_diagonal).count();
        let nonzeros = 2 * keys.len() - diagonal;
        // One sum a nonzero and one inner product a position, against two products of full matrices.
        if PRODUCT_OVER_COLUMN_SUMS * (nonzeros + keys.len()) > 2 * order * order {
            return None;
        }
        let place = rows()
            .flat_map(|a| a.iter().map(|(r, c, _)| position(r, c)))
            .map(|k| keys.partition_point(|&other| other < k) as u32)
            .collect();
        let places = keys.iter().map(|&k| row_and_column(k));
        let (row, col): (Vec<u32>, Vec<u32>) = places.map(|(r, c)| (r as u32, c as u32)).unzip();
        let (start, full) = both_triangles(order, &keys);
        let neighbours = |v: usize| {
            full[start[v]..start[v + 1]]
                .iter()
                .map(|e: &(u32, u32)| e.0)
                .collect()
        };
        let halves = Halves::new(order, &row, &col, neighbours);
        Some(Self {
            order,
            row,
            col,
            place,
            start,
            full,
            halves,
        })
    }

    /// Number of positions.
    pub(crate) fn len(&self) -> usize {
        self.row.len()
    }

    /// Where the positions lie between two sets of indices.
    pub(crate) fn halves(&self) -> Option<&Halves> {
        self.halves.as_ref()
    }

    /// `Σ y_i A_i` at the positions, from the values `y_i (A_i)_rc` of all entries in their order.
    pub(crate) fn sums(&self, entries: impl Iterator<Item = f64>, upper: &mut Vec<f64>) {
        upper.clear();
        upper.resize(self.row.len(), 0.0);
        for (&p, v) in self.place.iter().zip(entries) {
            upper[p as usize] += v;
        }
    }

    /// `Σ y_i A_i` from the values `y_i (A_i)_rc` of all entries in their order; `upper` is scratch.
    pub(crate) fn gather(
        &self,
        entries: impl Iterator<Item = f64>,
        upper: &mut Vec<f64>,
        sum: &mut Vec<(u32, f64)>,
    ) {
        self.sums(entries, upper);
        sum.clear();
        sum.extend(self.full.iter().map(|&(r, p)| (r, upper[p as usize])));
    }

    /// `out ← W S` for the sum `S`; columns of `S` that are empty give zeros.
    ///
    /// # Complexity
    /// `2n` flops a nonzero of `S`.
    pub(crate) fn times(&self, w: MatRef<'_, f64>, sum: &[(u32, f64)], mut out: MatMut<'_, f64>) {
        let arch = Arch::new();
        let column = |c: usize, out: MatMut<'_, f64>| {
            if let Some(out) = out.col_mut(0).try_as_col_major_mut() {
                let out = out.as_slice_mut();
                out.fill(0.0);
                f64::gather(arch, w, 0, &sum[self.start[c]..self.start[c + 1]], out);
            }
        };
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(_) = par(2 * self.order * sum.len()) {
            use rayon::prelude::*;
            out.par_col_chunks_mut(1)
                .enumerate()
                .for_each(|(c, out)| column(c, out));
            return;
        }
        for c in 0..self.order {
            column(c, out.as_mut().subcols_mut(c, 1));
        }
    }

    /// Entries of `U = LᵀT` that the rows read: `U_rc + U_cr`, or `U_rr`, at every position. Twice one entry when `U` is
    /// known to be symmetric.
    ///
    /// # Complexity
    /// `2n` flops a position, twice that when `U` is not symmetric.
    pub(crate) fn products(
        &self,
        l: MatRef<'_, f64>,
        t: MatRef<'_, f64>,
        symmetric: bool,
        out: &mut Vec<f64>,
    ) {
        let arch = Arch::new();
        let one = |p: usize| {
            let (r, c) = (self.row[p], self.col[p]);
            let first = f64::dot(arch, slice(l, r as usize), slice(t, c as usize));
            match (r == c, symmetric) {
                (true, _) => first,
                (false, true) => 2.0 * first,
                (false, false) => {
                    first + f64::dot(arch, slice(l, c as usize), slice(t, r as usize))
                }
            }
        };
        out.resize(self.row.len(), 0.0);
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(_) = par(2 * self.order * self.row.len()) {
            use rayon::prelude::*;
            out.par_chunks_mut(CHUNK).enumerate().for_each(|(k, out)| {
                let values = out.iter_mut().enumerate();
                values.for_each(|(i, o)| *o = one(k * CHUNK + i));
            });
            return;
        }
        let _ = par;
        out.iter_mut().enumerate().for_each(|(p, o)| *o = one(p));
    }

    /// The same for `U = T` itself.
    pub(crate) fn entries(&self, t: MatRef<'_, f64>, out: &mut Vec<f64>) {
        out.clear();
        let at = self.row.iter().zip(&self.col);
        out.extend(at.map(|(&r, &c)| match (r as usize, c as usize) {
            (r, c) if r == c => t[(r, r)],
            (r, c) => t[(r, c)] + t[(c, r)],
        }));
    }

    /// Position of every entry of every row, in their order.
    pub(crate) fn place(&self) -> &[u32] {
        &self.place
    }
}

/// A column, which every matrix that is owned has contiguous.
fn slice(m: MatRef<'_, f64>, c: usize) -> &[f64] {
    m.col(c)
        .try_as_col_major()
        .map_or(&[][..], |c| c.as_slice())
}

#[cfg(test)]
mod tests {
    use crate::constraints::{Block, Constraints, Part};
    use crate::linalg::product::transpose;
    use faer::Mat;

    #[test]
    fn other_values_share_the_pattern() {
        let few = Constraints::independent(9, &[Block::Psd(12)], 2, 3.into()).unwrap();
        let values: Vec<f64> = few.entries().map(|e| 2.0 * e.4 + 7.0).collect();
        let other = few.with_values(&values).unwrap();
        assert!(other.entries().map(|e| e.4).eq(values.iter().copied()));
        let (Part::Psd(old), Part::Psd(new)) = (&few.parts()[0], &other.parts()[0]) else {
            panic!("one matrix block");
        };
        let (old, new) = (old.pattern().unwrap(), new.pattern().unwrap());
        assert!(core::ptr::eq(old, new));
        // A zero gives its position up.
        let mut values = values;
        values[0] = 0.0;
        let fewer = few.with_values(&values).unwrap();
        assert!(fewer.nonzeros() + 1 == few.nonzeros() && !fewer.same_positions(&few));
    }

    #[test]
    fn products_along_the_pattern_are_those_of_full_matrices() {
        let n = 12;
        let few = Constraints::independent(9, &[Block::Psd(n)], 2, 3.into()).unwrap();
        let Part::Psd(rows) = &few.parts()[0] else {
            panic!("one matrix block");
        };
        let pattern = rows.pattern().unwrap();
        let y: Vec<f64> = (0..9).map(|i| 1.0 + i as f64).collect();
        let mut s = Mat::zeros(n, n);
        rows.adjoint(&y, &mut vec![], s.as_mut());
        let p = Mat::from_fn(n, n, |i, j| ((3 * i + 5 * j) as f64).sin());
        let q = Mat::from_fn(n, n, |i, j| ((i * j) as f64).cos() + ((i + j) as f64).sin());
        let (mut sum, mut read) = (vec![], vec![]);
        rows.sum_along(pattern, &y, &mut read, &mut sum);
        let (mut product, mut turned) = (Mat::zeros(n, n), Mat::zeros(n, n));
        pattern.times(q.as_ref(), &sum, product.as_mut());
        assert!((&product - &q * &s).norm_max() < 1e-13);
        transpose(product.as_ref(), turned.as_mut());
        assert_eq!(turned, product.transpose());
        for symmetric in [false, true] {
            let left = if symmetric { &q } else { &p };
            pattern.products(left.as_ref(), turned.as_ref(), symmetric, &mut read);
            let (mut expected, mut got) = (vec![0.0; 9], vec![0.0; 9]);
            rows.apply(
                (left.transpose() * &s * &q).as_ref(),
                &mut vec![],
                &mut expected,
            );
            rows.apply_along(pattern, &read, &mut got);
            assert!((0..9).all(|i| (got[i] - expected[i]).abs() < 1e-11));
        }
        let full = Constraints::independent(60, &[Block::Psd(n)], 2, 3.into()).unwrap();
        let Part::Psd(rows) = &full.parts()[0] else {
            panic!("one matrix block");
        };
        assert!(rows.pattern().is_none());
    }
}
