//! Coordinate-wise embeddings: random `R ∈ R^{b×N}` with `E[RᵀR] = I`, applied without long random rows where the family
//! allows it.
//!
//! A [`Distribution`] is data (family and number of rows); an operator is a distribution and a position in the streams of a
//! seed, its [`Address`]: `(seed, copy, epoch)` on the lane of the family. The same address gives the same operator, for any
//! number of threads.
//!
//! For every fixed `g` and `h`, `E[gᵀRᵀRh] = gᵀh` and `E[(gᵀRᵀRh)²] ≤ (gᵀh)² + (α/b)‖g‖²‖h‖²` with the `α` of
//! [`Distribution::alpha`][^SYYZ23]. *Fixed* is meant: one who has seen answers of a sketch can choose an `h` on which it errs
//! by much more.
//!
//! ```
//! use dyncvx::constraints::Block;
//! use dyncvx::faer::Mat;
//! use dyncvx::sketch::{Address, Base, Distribution, Sketch};
//! # fn main() -> dyncvx::Result<()> {
//! let r = Distribution::new(Base::Gaussian, 400)?.operator(&[Block::Psd(10)], Address::new(7, 0, 0))?;
//! let h = Mat::from_fn(100, 1, |i, _| (i as f64).sin());
//! let mut rh = Mat::zeros(400, 1);
//! r.apply(h.as_ref(), rh.as_mut())?;
//! assert!((rh.norm_l2() / h.norm_l2() - 1.0).abs() < 0.2);
//! # Ok(()) }
//! ```
//!
//! [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
//! Projection Maintenance. ICML 2023, arXiv 2210.11542.

mod blocks;
mod dense;
mod distribution;
mod kronecker;
mod signs;
mod size;
mod sparse;
mod srht;
mod tensor_sketch;
mod tensor_srht;

pub use distribution::{Address, Base, Distribution, Family};

use crate::error::{Error, Result, check_shape};
use crate::linalg::padded;
use crate::linalg::product::gemm;
use core::fmt::Debug;
use faer::prelude::{Reborrow as _, ReborrowMut as _};
use faer::{Accum, Mat, MatMut, MatRef};

/// Rows handled together by the general ways: `N` times as many numbers are held for a moment.
const PANEL: usize = 16;

/// Where a symmetric matrix lies in a flat vector: `order²` numbers from `first` on, down the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// First index in the flat vector.
    pub first: usize,
    /// Order of the matrix.
    pub order: usize,
}

impl Place {
    /// Flat length.
    pub fn len(self) -> usize {
        self.order.saturating_mul(self.order)
    }

    /// Whether nothing lies here.
    pub fn is_empty(self) -> bool {
        self.order == 0
    }
}

/// From which side the rows of a sketch, seen as matrices, are multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `M_jᵀ v`.
    Left,
    /// `M_j v`.
    Right,
}

/// Rows of a sketch on one matrix that are all of rank one: row `j` is `scale · vec(u_j v_jᵀ)` with `u_j = u[:, pair_j.0]`,
/// `v_j = v[:, pair_j.1]`.
#[derive(Debug, Clone)]
pub struct RankOneRows {
    /// Left vectors, one a column.
    pub u: Mat<f64>,
    /// Right vectors, one a column.
    pub v: Mat<f64>,
    /// Which two make each row.
    pub pairs: Vec<(u32, u32)>,
    /// Common factor.
    pub scale: f64,
}

impl RankOneRows {
    /// [`Sketch::apply_thin`] with these rows.
    fn apply_thin(&self, v: MatRef<'_, f64>, side: Side, mut out: MatMut<'_, f64>) {
        let (mine, other) = match side {
            Side::Right => (&self.u, &self.v),
            Side::Left => (&self.v, &self.u),
        };
        let (n, along) = (mine.nrows(), other.transpose() * v);
        for k in 0..v.ncols() {
            for i in 0..n {
                for (j, &(u, v)) in self.pairs.iter().enumerate() {
                    let (m, o) = match side {
                        Side::Right => (u as usize, v as usize),
                        Side::Left => (v as usize, u as usize),
                    };
                    out[(j, k * n + i)] = self.scale * mine[(i, m)] * along[(o, k)];
                }
            }
        }
    }
}

/// A random linear map `R : R^N → R^b` with `E[RᵀR] = I`, drawn.
///
/// Object-safe. `M_j` below is row `j` of `R` on the matrix at a [`Place`], as a matrix: `R vec(H)` has the entries `⟨M_j, H⟩`.
///
/// # Errors
/// Every method returns [`Error::Shape`] for arguments that do not fit and [`Error::OutOfRange`] for coordinates or
/// places outside `N`.
pub trait Sketch: Debug + Send + Sync {
    /// Rows `b`.
    fn nrows(&self) -> usize;

    /// Columns `N`.
    fn ncols(&self) -> usize;

    /// Bytes held.
    fn bytes(&self) -> usize;

    /// `out ← R h`, column by column: `h` is `N × k`, `out` is `b × k`.
    fn apply(&self, h: MatRef<'_, f64>, out: MatMut<'_, f64>) -> Result<()>;

    /// `out ← Rᵀ v`, column by column: `v` is `b × k`, `out` is `N × k`.
    fn apply_transpose(&self, v: MatRef<'_, f64>, out: MatMut<'_, f64>) -> Result<()>;

    /// Entries `coords` of `Rᵀ v` for one column `v`.
    ///
    /// # Complexity
    /// One [`Sketch::apply_transpose`] unless the family has columns at hand.
    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()> {
        check_coords(self.ncols(), coords, out)?;
        let mut full = padded::zeros(self.ncols(), 1);
        let v = MatRef::from_column_major_slice(v, v.len(), 1);
        self.apply_transpose(v, full.as_mut())?;
        out.iter_mut()
            .zip(coords)
            .for_each(|(o, &c)| *o = full[(c, 0)]);
        Ok(())
    }

    /// `out[:, k] ← R vec(u_k v_kᵀ)` on the matrix at `at`, zeros elsewhere: `u` and `v` are `n × r`, `out` is `b × r`. A
    /// structured update is a sum of such columns: `vec(A_i V Xᵀ)` with `u = A_i V`, `v = X`, or a row `vec(GᵀA_iG)` of `B`
    /// with one term an entry of `A_i`.
    ///
    /// # Complexity
    /// One [`Sketch::apply`] a column unless the family is structured.
    fn apply_outer(
        &self,
        at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) -> Result<()> {
        check_outer(self.nrows(), self.ncols(), at, u, v, out.rb())?;
        let (n, r) = (at.order, u.ncols());
        let mut flat = padded::zeros(self.ncols(), PANEL.min(r));
        for k0 in (0..r).step_by(PANEL) {
            let width = PANEL.min(r - k0);
            for k in 0..width {
                for c in 0..n {
                    for i in 0..n {
                        flat[(at.first + c * n + i, k)] = u[(i, k0 + k)] * v[(c, k0 + k)];
                    }
                }
            }
            self.apply(flat.subcols(0, width), out.rb_mut().subcols_mut(k0, width))?;
        }
        Ok(())
    }

    /// `out[j, k·n + i] ← (M_j v_k)_i`, or `(M_jᵀ v_k)_i` from the left: `v` is `n × r`, `out` is `b × nr`. From the right this
    /// is `R (V ⊗ I)`.
    ///
    /// # Complexity
    /// `b` rows of `R`, one panel at a time, and `2bn²r` flops, unless the family is structured.
    fn apply_thin(
        &self,
        at: Place,
        v: MatRef<'_, f64>,
        side: Side,
        mut out: MatMut<'_, f64>,
    ) -> Result<()> {
        check_thin(self.nrows(), self.ncols(), at, v, out.rb())?;
        let (n, r) = (at.order, v.ncols());
        let mut product = padded::zeros(n, r);
        for_each_row(self, |j, row| {
            let m = row.subrows(at.first, at.len());
            let Some(m) = m.try_as_col_major() else {
                return;
            };
            let m = MatRef::from_column_major_slice(m.as_slice(), n, n);
            let m = if side == Side::Left { m.transpose() } else { m };
            gemm(product.as_mut(), Accum::Replace, 1.0, m, v);
            for k in 0..r {
                for i in 0..n {
                    out[(j, k * n + i)] = product[(i, k)];
                }
            }
        })
    }

    /// The rows on the matrix at `at`, where they are of rank one.
    fn rank_one_rows(&self, _at: Place) -> Option<RankOneRows> {
        None
    }
}

/// Calls `f(j, row)` with every row of `R` as a column of length `N`, a panel of them in memory at a time.
pub(crate) fn for_each_row<S: Sketch + ?Sized>(
    sketch: &S,
    mut f: impl FnMut(usize, faer::ColRef<'_, f64>),
) -> Result<()> {
    let b = sketch.nrows();
    let mut rows = padded::zeros(sketch.ncols(), PANEL.min(b));
    for j0 in (0..b).step_by(PANEL) {
        let width = PANEL.min(b - j0);
        let pick = padded::from_fn(b, width, |i, j| f64::from(u8::from(i == j0 + j)));
        sketch.apply_transpose(pick.as_ref(), rows.as_mut().subcols_mut(0, width))?;
        (0..width).for_each(|j| f(j0 + j, rows.as_ref().col(j)));
    }
    Ok(())
}

/// Shapes of [`Sketch::apply`] and [`Sketch::apply_transpose`].
fn check_apply(
    (rows, cols): (usize, usize),
    from: MatRef<'_, f64>,
    to: MatRef<'_, f64>,
) -> Result<()> {
    check_shape("vectors to sketch", (cols, from.ncols()), from.shape())?;
    check_shape("sketched vectors", (rows, from.ncols()), to.shape())
}

fn check_coords(cols: usize, coords: &[usize], out: &[f64]) -> Result<()> {
    check_shape("coordinates", (coords.len(), 1), (out.len(), 1))?;
    match coords.iter().find(|&&c| c >= cols) {
        None => Ok(()),
        Some(&index) => Err(Error::OutOfRange {
            what: "coordinate",
            index,
            bound: cols,
        }),
    }
}

fn check_place(cols: usize, at: Place) -> Result<()> {
    match at.first.checked_add(at.len()) {
        Some(end) if end <= cols => Ok(()),
        _ => Err(Error::OutOfRange {
            what: "end of a matrix in the flat vector",
            index: at.first.saturating_add(at.len()),
            bound: cols.saturating_add(1),
        }),
    }
}

fn check_outer(
    rows: usize,
    cols: usize,
    at: Place,
    u: MatRef<'_, f64>,
    v: MatRef<'_, f64>,
    out: MatRef<'_, f64>,
) -> Result<()> {
    check_place(cols, at)?;
    check_shape("left vectors", (at.order, u.ncols()), u.shape())?;
    check_shape("right vectors", u.shape(), v.shape())?;
    check_shape("sketched matrices", (rows, u.ncols()), out.shape())
}

fn check_thin(
    rows: usize,
    cols: usize,
    at: Place,
    v: MatRef<'_, f64>,
    out: MatRef<'_, f64>,
) -> Result<()> {
    check_place(cols, at)?;
    check_shape("thin factor", (at.order, v.ncols()), v.shape())?;
    check_shape(
        "sketched thin factor",
        (rows, at.order * v.ncols()),
        out.shape(),
    )
}
