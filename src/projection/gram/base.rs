//! The sparse base `M = Σ_b δ_b² A_b A_bᵀ + A_ℓ diag(w²) A_ℓᵀ`: the Gram matrix at a weight that is a multiple `δ_b` of the identity on
//! every matrix block `b`, and `w` on the nonnegative blocks `ℓ`. It is sparse where the rows have few entries in common.

use crate::constraints::independence::SEPARATED;
use crate::constraints::positions::{position, row_and_column};
use crate::constraints::{Block, Constraints};
use crate::error::{Error, Result, check_memory};
use crate::linalg::padded;
use crate::linalg::sparse::Rows;
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::linalg::{par, product};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat};
use std::sync::Arc;

/// Named in errors.
const SPARSE_BASE: &str = "the sparse base A Aᵀ";

/// Columns solved together. The limit bounds the memory of their dense copies.
const COLUMNS_PER_PANEL: usize = 64;

/// Largest number of products of two entries that `AAᵀ` is summed from; these products take 2 GB while they are sorted. A matrix
/// with more products counts as dense.
const MOST_PRODUCTS: u128 = 1 << 26;

/// The part that does not depend on the weight.
#[derive(Debug)]
struct Layout {
    m: usize,
    /// Row and column of every position of the upper triangle, by column, with the diagonal last in each column.
    at: Vec<(u32, u32)>,
    /// Triples `(position, scale, value)`. The entry at a position is the sum of its values times their scales.
    terms: Vec<(u32, u32, f64)>,
    /// First scale of every block: a matrix block has one scale, a nonnegative block one per entry.
    first: Vec<usize>,
}

/// `M` and its sparse factor.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    layout: Arc<Layout>,
    /// Scales divided by the first scale.
    relative: Vec<f64>,
    /// The first scale.
    common: f64,
    /// `1/√M_ii` at the relative scales.
    inverse_scale: Vec<f64>,
    /// The factor of `M` scaled to a unit diagonal; `None` where the scaled matrix is the identity.
    factor: Option<SparseCholesky>,
}

impl Base {
    /// The base with every scale equal to one.
    ///
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::NearlyDependent`], [`Error::TooLarge`]; [`Error::Unsupported`] when `A Aᵀ` is not
    /// sparse.
    ///
    /// # Complexity
    /// Per position of a block, the square of the number of rows that read it; and a sparse Cholesky factorisation.
    pub(crate) fn new(a: &Constraints) -> Result<Self> {
        // Form A Aᵀ, scaled to a unit diagonal.
        let layout = Layout::new(a)?;
        let ones = vec![1.0; layout.scales(a)];
        let m = layout.m;
        let (values, inverse_scale) = layout.values(&ones);
        if let Some(index) = inverse_scale.iter().position(|d| !d.is_finite()) {
            // A row is zero. The check of the rows gives the error with the rank.
            a.check_separation()?;
            let what = SPARSE_BASE;
            return Err(Error::NonFinite { what, index });
        }
        // Factor the matrix, unless it is the identity.
        let mut factor = None;
        if layout.at.len() > m {
            let (start, row) = layout.pattern();
            let Some(mut sparse) = SparseCholesky::analyse(m, start, row) else {
                let bytes = 8 * layout.at.len() as u128;
                let what = SPARSE_BASE;
                return Err(Error::TooLarge { what, bytes });
            };
            // If the smallest eigenvalue is above the square of the least separation, the rows are separated. Otherwise
            // this test decides nothing, and the rows are checked.
            if !sparse.factor(&layout.shifted(&values, -SEPARATED * SEPARATED)) {
                a.check_separation()?;
            }
            if !sparse.factor(&values) {
                let (what, pivot) = (SPARSE_BASE, 0);
                return Err(Error::NotPositiveDefinite { what, pivot });
            }
            factor = Some(sparse);
        }
        Ok(Self {
            layout: Arc::new(layout),
            relative: ones,
            common: 1.0,
            inverse_scale,
            factor,
        })
    }

    /// Number of stored values: nonzeros of the factor and scales.
    pub(crate) fn nonzeros(&self) -> usize {
        self.layout.m + self.factor.as_ref().map_or(0, SparseCholesky::nonzeros)
    }

    /// The base for other scales. The matrix is factored again only if the ratios of the scales changed.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] when the matrix is singular to working precision, [`Error::NonFinite`] when it overflows.
    pub(crate) fn at(&self, scales: &[f64]) -> Result<Self> {
        let common = scales.first().copied().unwrap_or(1.0);
        let relative: Vec<f64> = scales.iter().map(|s| s / common).collect();
        let mut out = self.clone();
        out.common = common;
        if relative == self.relative {
            return Ok(out);
        }
        let (values, inverse_scale) = self.layout.values(&relative);
        if let Some(index) = inverse_scale.iter().position(|d| !d.is_finite()) {
            let what = SPARSE_BASE;
            return Err(Error::NonFinite { what, index });
        }
        if let Some(factor) = &mut out.factor
            && !factor.factor(&values)
        {
            return Err(Error::NotPositiveDefinite {
                what: SPARSE_BASE,
                pivot: 0,
            });
        }
        (out.relative, out.inverse_scale) = (relative, inverse_scale);
        Ok(out)
    }

    /// `v ← M⁻¹ v`, without allocation.
    pub(crate) fn solve_in_place(&mut self, v: &mut [f64]) {
        v.iter_mut()
            .zip(&self.inverse_scale)
            .for_each(|(v, d)| *v *= d);
        if let Some(factor) = &mut self.factor {
            factor.solve_in_place(v);
        }
        v.iter_mut()
            .zip(&self.inverse_scale)
            .for_each(|(v, d)| *v *= d / self.common);
    }

    /// `x ← M⁻¹ x` for every column.
    pub(crate) fn solve_columns(&self, x: &mut Mat<f64>) {
        let scale = |x: &mut Mat<f64>, common: f64| {
            for j in 0..x.ncols() {
                let column = x.col_as_slice_mut(j).iter_mut();
                column
                    .zip(&self.inverse_scale)
                    .for_each(|(v, d)| *v *= d / common);
            }
        };
        scale(x, 1.0);
        if let Some(factor) = &self.factor {
            factor.solve_columns(x);
        }
        scale(x, self.common);
    }

    /// `SᵀM⁻¹S`, both triangles.
    ///
    /// # Complexity
    /// For a diagonal base, the sum of the squared numbers of nonzeros of the rows of `S`. Otherwise `4 nnz(L)` flops per column.
    pub(crate) fn inner(&self, s: &Rows) -> Mat<f64> {
        let q = s.ncols();
        let mut out = padded::zeros(q, q);
        let mut scaled = s.clone();
        scaled.scale_rows(&self.inverse_scale);
        match &self.factor {
            None if 4 * s.nonzeros() >= s.nrows() * q => {
                let dense = scaled.dense::<f64>();
                let par = par(s.nrows() * q * q);
                let (left, right) = (dense.transpose(), dense.as_ref());
                matmul(out.as_mut(), Accum::Replace, left, right, 1.0, par);
            }
            None => {
                for i in 0..scaled.nrows() {
                    for (c, x) in scaled.row(i) {
                        let to = out.col_as_slice_mut(c);
                        scaled.row(i).for_each(|(r, y)| to[r] += x * y);
                    }
                }
            }
            Some(factor) => {
                let columns = scaled.columns::<f64>();
                for (k, panel) in columns.chunks(COLUMNS_PER_PANEL).enumerate() {
                    let mut dense = padded::zeros(s.nrows(), panel.len());
                    for (j, column) in panel.iter().enumerate() {
                        let to = dense.col_as_slice_mut(j);
                        column.iter().for_each(|&(i, v)| to[i as usize] += v);
                    }
                    factor.solve_columns(&mut dense);
                    let part = scaled.transpose_times(dense.as_ref());
                    out.as_mut()
                        .subcols_mut(k * COLUMNS_PER_PANEL, panel.len())
                        .copy_from(&part);
                }
                product::mirror_lower(out.as_mut());
            }
        }
        out * faer::Scale(1.0 / self.common)
    }
}

impl Layout {
    fn new(a: &Constraints) -> Result<Self> {
        // Number the scales through all blocks.
        let mut first = vec![];
        let mut next = 0;
        for block in a.blocks() {
            first.push(next);
            next += match *block {
                Block::Psd(_) => 1,
                Block::Nonneg(n) => n,
            };
        }
        // Group the entries by coordinate: every two rows that read one coordinate give a product.
        let mut entries: Vec<(u32, u64, u32, f64)> = a
            .entries()
            .map(|(i, b, r, c, v)| (b as u32, position(r, c), i as u32, v))
            .collect();
        entries.sort_unstable_by_key(|e| (e.0, e.1, e.2));
        let same = |x: &(u32, u64, u32, f64), y: &(u32, u64, u32, f64)| (x.0, x.1) == (y.0, y.1);
        let count: u128 = entries
            .chunk_by(same)
            .map(|g| g.len() as u128 * (g.len() as u128 + 1) / 2)
            .sum();
        if count > MOST_PRODUCTS {
            return Err(Error::Unsupported {
                what: "rows with so many entries in common",
                by: "a sparse base",
            });
        }
        check_memory("the products of A Aᵀ", 4 * count)?;
        let mut products = Vec::with_capacity(count as usize);
        for group in entries.chunk_by(same) {
            let (block, key) = (group[0].0 as usize, group[0].1);
            let (r, c) = row_and_column(key);
            let (scale, twice) = match a.blocks()[block] {
                Block::Psd(_) => (first[block], if r == c { 1.0 } else { 2.0 }),
                Block::Nonneg(_) => (first[block] + r, 1.0),
            };
            for (k, x) in group.iter().enumerate() {
                for y in &group[..=k] {
                    products.push((x.2, y.2, scale as u32, twice * x.3 * y.3));
                }
            }
        }
        // Merge the products of one position and one scale into one term.
        products.sort_unstable_by_key(|p| (p.0, p.1, p.2));
        let mut at: Vec<(u32, u32)> = vec![];
        let mut terms: Vec<(u32, u32, f64)> = vec![];
        for (col, row, scale, value) in products {
            if at.last() != Some(&(row, col)) {
                at.push((row, col));
            }
            let position = at.len() as u32 - 1;
            match terms.last_mut() {
                Some(t) if (t.0, t.1) == (position, scale) => t.2 += value,
                _ => terms.push((position, scale, value)),
            }
        }
        Ok(Self {
            m: a.len(),
            at,
            terms,
            first,
        })
    }

    /// Column starts and row numbers of the upper triangle, compressed by column.
    fn pattern(&self) -> (Vec<usize>, Vec<usize>) {
        let mut start = vec![0usize; self.m + 1];
        self.at
            .iter()
            .for_each(|&(_, c)| start[c as usize + 1] += 1);
        (0..self.m).for_each(|k| start[k + 1] += start[k]);
        (start, self.at.iter().map(|&(r, _)| r as usize).collect())
    }

    /// The values with `shift` added to the diagonal.
    fn shifted(&self, values: &[f64], shift: f64) -> Vec<f64> {
        let diagonal = self.at.iter().map(|(r, c)| r == c);
        let values = values.iter().zip(diagonal);
        values
            .map(|(v, d)| if d { v + shift } else { *v })
            .collect()
    }

    /// Number of scales.
    fn scales(&self, a: &Constraints) -> usize {
        match (self.first.last(), a.blocks().last()) {
            (Some(first), Some(Block::Nonneg(n))) => first + n,
            (Some(first), _) => first + 1,
            _ => 0,
        }
    }

    /// The values of `M` scaled to a unit diagonal, and `1/√M_ii`, which is not finite where a row is zero.
    fn values(&self, scales: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut values = vec![0.0; self.at.len()];
        for &(position, scale, value) in &self.terms {
            values[position as usize] += scales[scale as usize] * value;
        }
        let mut inverse_scale = vec![f64::INFINITY; self.m];
        for (&(r, c), v) in self.at.iter().zip(&values) {
            if r == c {
                inverse_scale[r as usize] = 1.0 / v.sqrt();
            }
        }
        for (&(r, c), v) in self.at.iter().zip(&mut values) {
            *v *= inverse_scale[r as usize] * inverse_scale[c as usize];
        }
        (values, inverse_scale)
    }
}
