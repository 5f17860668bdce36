//! Blocks of variables, and the rows `A` that constrain them.
//!
//! A variable `x` is a list of blocks: a symmetric matrix of order `n` stored as `n²` numbers down the columns, or `n`
//! nonnegative numbers. All blocks after one another make a vector of length `N`. Row `i` of `A` holds one sparse
//! symmetric matrix (or sparse vector) `A_i` per block, `(A x)_i = Σ_blocks ⟨A_i, X⟩`.

mod gram_operator;
pub(crate) mod independence;
mod pattern;
pub(crate) mod positions;
mod random_rows;
mod rows;
mod weight;
mod weighted;

pub(crate) use gram_operator::GramOperator;
pub use independence::NearlyDependent;
pub(crate) use rows::{NonnegRows, RankOne, SparseSymmetric, SymmetricRows};
pub use weight::{Basis, BlockWeight, WeightForm};
pub(crate) use weight::{
    GramPair, GramWeight, OwnedWeight, Spectral, WeightCow, positive_definite, symmetric,
};
pub use weighted::Weighted;
pub(crate) use weighted::{Directions, Moved, MovedPart};

use crate::error::{Error, Result, check_memory};
use faer::{MatMut, MatRef};

/// One block of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Block {
    /// Symmetric positive semidefinite matrices of this order.
    Psd(usize),
    /// This many nonnegative numbers.
    Nonneg(usize),
}

impl Block {
    /// Order of the matrix, or number of entries: the block's share of the barrier parameter `ν`.
    pub fn order(self) -> usize {
        match self {
            Block::Psd(n) | Block::Nonneg(n) => n,
        }
    }

    /// Length of the block in a flat vector: `n²` (or `usize::MAX` when that is larger), or `n`.
    pub fn ambient(self) -> usize {
        match self {
            Block::Psd(n) => n.saturating_mul(n),
            Block::Nonneg(n) => n,
        }
    }
}

/// The rows of one block.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Psd(SymmetricRows),
    Nonneg(NonnegRows),
}

/// The matrix `A ∈ R^{m×N}`: sparse symmetric rows over a product of blocks.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// # fn main() -> dyncvx::Result<()> {
/// // trace(X) and X_01 + X_10 + x_2 over one 2 x 2 matrix and three numbers.
/// let mut a = Constraints::builder(2, &[Block::Psd(2), Block::Nonneg(3)])?;
/// a.entry(0, 0, 0, 0, 1.0)?.entry(0, 0, 1, 1, 1.0)?;
/// a.entry(1, 0, 0, 1, 1.0)?.entry(1, 1, 2, 2, 1.0)?;
/// let a = a.build()?;
/// let mut ax = [0.0; 2];
/// a.apply(&[5.0, 7.0, 7.0, 6.0, 0.0, 0.0, 1.0], &mut ax)?;
/// assert_eq!(ax, [11.0, 15.0]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Constraints {
    m: usize,
    blocks: Vec<Block>,
    /// Start of each block in a flat vector, and `N` at the end.
    offsets: Vec<usize>,
    parts: Vec<Part>,
    checks: independence::RowChecks,
}

impl Constraints {
    /// Starts an empty `A` with `m` rows over the given blocks.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for a block of order 0, [`Error::TooLarge`] when a vector of `R^N` could not be stored.
    pub fn builder(m: usize, blocks: &[Block]) -> Result<Builder> {
        let mut total: u128 = 0;
        for b in blocks {
            let n = b.order() as u128;
            if n == 0 {
                let reason = "a block needs order 1 or more, found 0".into();
                return Err(Error::InvalidSetting {
                    field: "blocks",
                    reason,
                });
            }
            total = total.saturating_add(if let Block::Psd(_) = b { n * n } else { n });
        }
        const WHAT: &str = "one vector of the ambient space";
        // Indices are stored in 32 bits.
        let orders = blocks.iter().map(|b| b.order()).max().unwrap_or(0);
        let numbers = total.max(m as u128);
        if orders.max(m).max(blocks.len()) > u32::MAX as usize {
            let bytes = numbers.saturating_mul(8);
            return Err(Error::TooLarge { what: WHAT, bytes });
        }
        check_memory(WHAT, numbers)?;
        Ok(Builder {
            m,
            blocks: blocks.to_vec(),
            entries: Vec::new(),
        })
    }

    /// Reads `A` from an `m × N` sparse matrix whose row `i` is `vec(A_i)ᵀ`, all blocks after one another.
    ///
    /// # Errors
    /// [`Error::Shape`] when the columns are not `N`; [`Error::NotSymmetric`] when the part of a row on a PSD block
    /// is not symmetric (to the last bit); [`Error::NonFinite`].
    pub fn from_sprs(blocks: &[Block], a: sprs::CsMatView<'_, f64>) -> Result<Self> {
        let mut builder = Self::builder(a.rows(), blocks)?;
        let mut offsets = vec![0];
        for b in blocks {
            offsets.push(offsets[offsets.len() - 1] + b.ambient());
        }
        let n_total = offsets[blocks.len()];
        if a.cols() != n_total {
            let (expected, found) = ((a.rows(), n_total), (a.rows(), a.cols()));
            return Err(Error::Shape {
                what: "sparse constraint matrix",
                expected,
                found,
            });
        }
        let csr = a.to_csr();
        for (i, row) in csr.outer_iterator().enumerate() {
            for (col, &value) in row.iter() {
                if !value.is_finite() {
                    let (what, index) = ("sparse constraint matrix", i + col * a.rows());
                    return Err(Error::NonFinite { what, index });
                }
                let b = offsets.partition_point(|&o| o <= col) - 1;
                let at = col - offsets[b];
                match blocks[b] {
                    Block::Nonneg(_) => builder.entry(i, b, at, at, value)?,
                    Block::Psd(n) => {
                        let (r, c) = (at % n, at / n);
                        let twin = row.get(offsets[b] + c + r * n).copied().unwrap_or(0.0);
                        if twin != value {
                            return Err(Error::NotSymmetric {
                                what: "constraint row",
                                row: r,
                                col: c,
                            });
                        }
                        if r <= c {
                            builder.entry(i, b, r, c, value)?
                        } else {
                            &mut builder
                        }
                    }
                };
            }
        }
        builder.build()
    }

    /// Number of rows `m`.
    pub fn len(&self) -> usize {
        self.m
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.m == 0
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Length `N` of a vector of the ambient space.
    pub fn ambient(&self) -> usize {
        self.offsets[self.blocks.len()]
    }

    /// Stored nonzeros: one triangle of each symmetric matrix.
    pub fn nonzeros(&self) -> usize {
        self.parts
            .iter()
            .map(|p| match p {
                Part::Psd(rows) => rows.nonzeros(),
                Part::Nonneg(rows) => rows.nonzeros(),
            })
            .sum()
    }

    /// Where a block lies in a flat vector; the empty range at its end for a block that does not exist.
    pub fn range(&self, block: usize) -> core::ops::Range<usize> {
        let at = |b: usize| self.offsets.get(b).copied().unwrap_or(self.ambient());
        at(block)..at(block.saturating_add(1))
    }

    /// `(constraint, block, row, col, value)` of every stored nonzero, upper triangles, block by block.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, usize, usize, f64)> + '_ {
        self.parts
            .iter()
            .enumerate()
            .flat_map(|(b, part)| -> Box<dyn Iterator<Item = _> + '_> {
                match part {
                    Part::Psd(rows) => Box::new(rows.iter().flat_map(move |(i, row)| {
                        row.iter().map(move |(r, c, v)| (i, b, r, c, v))
                    })),
                    Part::Nonneg(rows) => Box::new(rows.iter().flat_map(move |(i, idx, val)| {
                        idx.iter()
                            .zip(val)
                            .map(move |(&k, &v)| (i, b, k as usize, k as usize, v))
                    })),
                }
            })
    }

    /// The same positions with other values, in the order of [`Constraints::entries`]. A zero gives its position up.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`].
    ///
    /// # Complexity
    /// A pass over the nonzeros; a sort of them when there are zeros.
    pub fn with_values(&self, values: &[f64]) -> Result<Self> {
        crate::error::check_shape("values", (self.nonzeros(), 1), (values.len(), 1))?;
        crate::error::check_finite("values", values)?;
        if values.iter().all(|&v| v != 0.0) {
            let mut rest = values;
            let parts = self.parts.iter().map(|part| {
                let count = match part {
                    Part::Psd(rows) => rows.nonzeros(),
                    Part::Nonneg(rows) => rows.nonzeros(),
                };
                let (mine, later) = rest.split_at(count);
                rest = later;
                match part {
                    Part::Psd(rows) => Part::Psd(rows.with_values(mine)),
                    Part::Nonneg(rows) => Part::Nonneg(rows.with_values(mine)),
                }
            });
            return Ok(Self {
                m: self.m,
                blocks: self.blocks.clone(),
                offsets: self.offsets.clone(),
                parts: parts.collect(),
                checks: Default::default(),
            });
        }
        let mut builder = Self::builder(self.m, &self.blocks)?;
        for ((i, b, row, col, _), &value) in self.entries().zip(values) {
            builder.entry(i, b, row, col, value)?;
        }
        builder.build()
    }

    /// Whether another matrix has its entries at the same positions.
    pub(crate) fn same_positions(&self, other: &Self) -> bool {
        let mut parts = self.parts.iter().zip(&other.parts);
        (self.m, &self.blocks) == (other.m, &other.blocks)
            && parts.all(|both| match both {
                (Part::Psd(mine), Part::Psd(theirs)) => mine.same_positions(theirs),
                (Part::Nonneg(mine), Part::Nonneg(theirs)) => mine.same_positions(theirs),
                _ => false,
            })
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// `out ← A x`. A matrix block need not be symmetric: its symmetric part counts.
    ///
    /// # Errors
    /// [`Error::Shape`].
    ///
    /// # Complexity
    /// One pass over the nonzeros.
    pub fn apply(&self, x: &[f64], out: &mut [f64]) -> Result<()> {
        crate::error::check_shape("x", (self.ambient(), 1), (x.len(), 1))?;
        crate::error::check_shape("A x", (self.m, 1), (out.len(), 1))?;
        out.fill(0.0);
        for b in 0..self.blocks.len() {
            self.apply_block(b, &x[self.range(b)], out);
        }
        Ok(())
    }

    /// `out ← Aᵀ y`, both triangles of every matrix block.
    ///
    /// # Errors
    /// [`Error::Shape`].
    ///
    /// # Complexity
    /// One pass over the nonzeros and one over `out`.
    pub fn adjoint(&self, y: &[f64], out: &mut [f64]) -> Result<()> {
        crate::error::check_shape("y", (self.m, 1), (y.len(), 1))?;
        crate::error::check_shape("Aᵀ y", (self.ambient(), 1), (out.len(), 1))?;
        for b in 0..self.blocks.len() {
            self.adjoint_block(b, y, &mut out[self.range(b)]);
        }
        Ok(())
    }

    /// Adds the block's share of `A x` to `out`.
    pub(crate) fn apply_block(&self, block: usize, x: &[f64], out: &mut [f64]) {
        match &self.parts[block] {
            Part::Psd(rows) => rows.apply(
                MatRef::from_column_major_slice(x, rows.order(), rows.order()),
                &mut vec![],
                out,
            ),
            Part::Nonneg(rows) => rows.apply(x, out),
        }
    }

    /// The block's part of `Aᵀ y`.
    pub(crate) fn adjoint_block(&self, block: usize, y: &[f64], out: &mut [f64]) {
        match &self.parts[block] {
            Part::Psd(rows) => rows.adjoint(
                y,
                &mut vec![],
                MatMut::from_column_major_slice_mut(out, rows.order(), rows.order()),
            ),
            Part::Nonneg(rows) => rows.adjoint(y, out),
        }
    }
}

/// One nonzero on its way into [`Constraints`].
#[derive(Debug, Clone, Copy)]
struct Entry {
    block: u32,
    constraint: u32,
    row: u32,
    col: u32,
    value: f64,
}

/// Collects the nonzeros of [`Constraints`], in any order.
#[derive(Debug, Clone)]
pub struct Builder {
    m: usize,
    blocks: Vec<Block>,
    entries: Vec<Entry>,
}

impl Builder {
    /// Sets entries `(row, col)` and `(col, row)` of the matrix of one constraint on one block; on a nonnegative block
    /// `row` and `col` are the same index.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::NonFinite`], [`Error::TooLarge`] after 2³² − 1 entries; an entry off the diagonal of a nonnegative block is
    /// [`Error::Unsupported`].
    pub fn entry(
        &mut self,
        constraint: usize,
        block: usize,
        row: usize,
        col: usize,
        value: f64,
    ) -> Result<&mut Self> {
        let check = |what, index, bound| {
            if index < bound {
                Ok(())
            } else {
                Err(Error::OutOfRange { what, index, bound })
            }
        };
        check("constraint", constraint, self.m)?;
        check("block", block, self.blocks.len())?;
        let order = self.blocks[block].order();
        check("row", row, order)?;
        check("column", col, order)?;
        if !value.is_finite() {
            return Err(Error::NonFinite {
                what: "constraint entry",
                index: self.entries.len(),
            });
        }
        if row != col && matches!(self.blocks[block], Block::Nonneg(_)) {
            return Err(Error::Unsupported {
                what: "an entry off the diagonal",
                by: "a nonnegative block",
            });
        }
        if self.entries.len() == u32::MAX as usize {
            let bytes = self.entries.len() as u128 * size_of::<Entry>() as u128;
            return Err(Error::TooLarge {
                what: "constraint entries",
                bytes,
            });
        }
        let (row, col) = (row.min(col) as u32, row.max(col) as u32);
        self.entries.push(Entry {
            block: block as u32,
            constraint: constraint as u32,
            row,
            col,
            value,
        });
        Ok(self)
    }

    /// Number of entries so far; the next one has this index in an [`Error::Duplicate`].
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry yet.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sorts the entries into rows. Zeros are dropped.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a position was given twice, `(i, j)` and `(j, i)` being one position.
    pub fn build(self) -> Result<Constraints> {
        let Builder { m, blocks, entries } = self;
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        let key = |&k: &u32| {
            let e = &entries[k as usize];
            (e.block, e.constraint, e.col, e.row, k)
        };
        #[cfg(feature = "rayon")]
        rayon::slice::ParallelSliceMut::par_sort_unstable_by_key(&mut order[..], key);
        #[cfg(not(feature = "rayon"))]
        order.sort_unstable_by_key(key);
        for pair in order.windows(2) {
            let (a, b) = (key(&pair[0]), key(&pair[1]));
            if (a.0, a.1, a.2, a.3) == (b.0, b.1, b.2, b.3) {
                return Err(Error::Duplicate {
                    what: "constraint entries",
                    entry: b.4 as usize,
                    previous: a.4 as usize,
                });
            }
        }
        let mut offsets = vec![0];
        let mut parts = Vec::with_capacity(blocks.len());
        let mut sorted = order
            .iter()
            .map(|&k| &entries[k as usize])
            .filter(|e| e.value != 0.0)
            .peekable();
        for (b, block) in blocks.iter().enumerate() {
            offsets.push(offsets[b] + block.ambient());
            let mine = core::iter::from_fn(|| sorted.next_if(|e| e.block as usize == b));
            let mine = mine.map(|e| (e.constraint, e.row, e.col, e.value));
            parts.push(match *block {
                Block::Psd(n) => Part::Psd(SymmetricRows::from_sorted(n, mine)),
                Block::Nonneg(n) => Part::Nonneg(NonnegRows::from_sorted(n, mine)),
            });
        }
        Ok(Constraints {
            m,
            blocks,
            offsets,
            parts,
            checks: Default::default(),
        })
    }
}
