//! One symmetric matrix inside the flat vector that a sketch sees.

use crate::error::{Error, Result};
use faer::{Mat, MatMut, MatRef};

/// The position of a symmetric matrix in a flat vector: `order²` numbers from index `first` on, column by column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// First index in the flat vector.
    pub first: usize,
    /// Order of the matrix.
    pub order: usize,
}

impl Place {
    /// Number of entries, `order²`.
    pub fn len(self) -> usize {
        self.order.saturating_mul(self.order)
    }

    /// Whether the matrix has no entries.
    pub fn is_empty(self) -> bool {
        self.order == 0
    }

    /// Fails with [`Error::OutOfRange`] unless the matrix lies within a flat vector of this length.
    pub(super) fn check_within(self, length: usize) -> Result<()> {
        let end = self.first.saturating_add(self.len());
        if end <= length {
            return Ok(());
        }
        Err(Error::OutOfRange {
            what: "end of a matrix in the flat vector",
            index: end,
            bound: length.saturating_add(1),
        })
    }
}

/// The side from which a vector multiplies the rows of a sketch, each row read as a matrix `M_j`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `M_jᵀ v`.
    Left,
    /// `M_j v`.
    Right,
}

/// Rows of a sketch that have rank one as matrices: row `j` is `scale · vec(u_j v_jᵀ)` with `u_j = u[:, pairs[j].0]` and
/// `v_j = v[:, pairs[j].1]`.
#[derive(Debug, Clone)]
pub struct RankOneRows {
    /// Left vectors, one per column.
    pub u: Mat<f64>,
    /// Right vectors, one per column.
    pub v: Mat<f64>,
    /// The columns of `u` and `v` that make each row.
    pub pairs: Vec<(u32, u32)>,
    /// Factor common to all rows.
    pub scale: f64,
}

impl RankOneRows {
    /// [`Sketch::apply_thin`](super::Sketch::apply_thin) of a sketch with these rows: `M_j v = (v_jᵀv) · scale · u_j`.
    pub(super) fn apply_thin(&self, v: MatRef<'_, f64>, side: Side, mut out: MatMut<'_, f64>) {
        let (outer, inner) = match side {
            Side::Right => (&self.u, &self.v),
            Side::Left => (&self.v, &self.u),
        };
        let (n, products) = (outer.nrows(), inner.transpose() * v);
        for k in 0..v.ncols() {
            for i in 0..n {
                for (j, &(u, v)) in self.pairs.iter().enumerate() {
                    let (outer_column, inner_column) = match side {
                        Side::Right => (u as usize, v as usize),
                        Side::Left => (v as usize, u as usize),
                    };
                    out[(j, k * n + i)] =
                        self.scale * outer[(i, outer_column)] * products[(inner_column, k)];
                }
            }
        }
    }
}
