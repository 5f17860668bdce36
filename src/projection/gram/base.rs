//! The base `M = Σ_b δ_b² A_b A_bᵀ + A_ℓ diag(w²) A_ℓᵀ`, sparse where the rows have few entries in common.

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

const WHAT: &str = "the sparse base A Aᵀ";

/// Columns per solve.
const PANEL: usize = 64;

/// Products of two entries that `AAᵀ` may be the sum of (2 GB while they are sorted). With more it is not sparse.
const MOST_PRODUCTS: u128 = 1 << 26;

/// The part that does not change with the weight.
#[derive(Debug)]
struct Layout {
    m: usize,
    /// Row and column of every position of the upper triangle, by column; in each column the diagonal is last.
    at: Vec<(u32, u32)>,
    /// `(position, scale, value)`: the position is the sum of its values times their scales.
    terms: Vec<(u32, u32, f64)>,
    /// First scale of every block: a matrix block has one scale, a nonnegative block one per entry.
    first: Vec<usize>,
}

/// `M`, factored.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    layout: Arc<Layout>,
    /// Scales divided by the first one, and the first one.
    relative: Vec<f64>,
    common: f64,
    /// `1/√M_ii`, for the relative scales.
    inverse_scale: Vec<f64>,
    /// The factor of the unit-diagonal matrix; `None` where that is the identity.
    factor: Option<SparseCholesky>,
}

impl Base {
    /// The base for scales of one.
    ///
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::NearlyDependent`], [`Error::TooLarge`]; [`Error::Unsupported`] when `A Aᵀ` is not
    /// sparse.
    ///
    /// # Complexity
    /// For every position that several rows read the square of their number, and a sparse Cholesky factorisation.
    pub(crate) fn new(a: &Constraints) -> Result<Self> {
        // The unit-diagonal A Aᵀ.
        let layout = Layout::new(a)?;
        let ones = vec![1.0; layout.scales(a)];
        let m = layout.m;
        let (values, inverse_scale) = layout.values(&ones);
        if let Some(index) = inverse_scale.iter().position(|d| !d.is_finite()) {
            // A row that vanishes: the rows tell how many others depend on one another.
            a.check_separation()?;
            return Err(Error::NonFinite { what: WHAT, index });
        }
        // Its factor, unless it is the identity.
        let mut factor = None;
        if layout.at.len() > m {
            let (start, row) = layout.pattern();
            let Some(mut sparse) = SparseCholesky::analyse(m, start, row) else {
                let bytes = 8 * layout.at.len() as u128;
                return Err(Error::TooLarge { what: WHAT, bytes });
            };
            // Positive definite beyond the square of the least separation: so are the rows. Otherwise they are asked.
            if !sparse.factor(&layout.shifted(&values, -SEPARATED * SEPARATED)) {
                a.check_separation()?;
            }
            if !sparse.factor(&values) {
                let (what, pivot) = (WHAT, 0);
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

    /// Numbers that are held.
    pub(crate) fn nonzeros(&self) -> usize {
        self.layout.m + self.factor.as_ref().map_or(0, SparseCholesky::nonzeros)
    }

    /// The base for other scales. It is factored again only where their ratios changed.
    ///
    /// # Errors
    /// [`Error::NotPositiveDefinite`] when it is singular to working precision, [`Error::NonFinite`] when it overflows.
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
            return Err(Error::NonFinite { what: WHAT, index });
        }
        if let Some(factor) = &mut out.factor
            && !factor.factor(&values)
        {
            return Err(Error::NotPositiveDefinite {
                what: WHAT,
                pivot: 0,
            });
        }
        (out.relative, out.inverse_scale) = (relative, inverse_scale);
        Ok(out)
    }

    /// `v ← M⁻¹ v`; nothing is allocated.
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

    /// Every column of `x ← M⁻¹ x`.
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
    /// The squares of the nonzeros of every row of `S` for a diagonal base, else `4 nnz(L)` flops a column.
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
                for (k, panel) in columns.chunks(PANEL).enumerate() {
                    let mut dense = padded::zeros(s.nrows(), panel.len());
                    for (j, column) in panel.iter().enumerate() {
                        let to = dense.col_as_slice_mut(j);
                        column.iter().for_each(|&(i, v)| to[i as usize] += v);
                    }
                    factor.solve_columns(&mut dense);
                    let part = scaled.transpose_times(dense.as_ref());
                    out.as_mut()
                        .subcols_mut(k * PANEL, panel.len())
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
        const WHAT: &str = "the products of A Aᵀ";
        let mut first = vec![];
        let mut next = 0;
        for block in a.blocks() {
            first.push(next);
            next += match *block {
                Block::Psd(_) => 1,
                Block::Nonneg(n) => n,
            };
        }
        // By coordinate: the rows that read it.
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
        check_memory(WHAT, 4 * count)?;
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

    /// The upper triangle, compressed by column.
    fn pattern(&self) -> (Vec<usize>, Vec<usize>) {
        let mut start = vec![0usize; self.m + 1];
        self.at
            .iter()
            .for_each(|&(_, c)| start[c as usize + 1] += 1);
        (0..self.m).for_each(|k| start[k + 1] += start[k]);
        (start, self.at.iter().map(|&(r, _)| r as usize).collect())
    }

    /// The values with a shift of the diagonal.
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

    /// Values of the unit-diagonal matrix and `1/√M_ii`, which is not finite where a row vanishes.
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
