//! The trait of drawn sketches, and the one place that checks what a caller passes to them.

use super::matrix::{Place, RankOneRows, Side};
use super::raw::{RawSketch, rows_by_panels};
use crate::error::{Result, check_index, check_shape};
use core::fmt::Debug;
use faer::prelude::Reborrow as _;
use faer::{ColRef, MatMut, MatRef};

/// A random linear map `R : R^N → R^b` with `E[RᵀR] = I`, drawn by
/// [`Distribution::operator`](super::Distribution::operator).
///
/// Object-safe. `M_j` below is row `j` of `R` restricted to the matrix at a [`Place`] and read as a matrix, so that `R vec(H)`
/// has the entries `⟨M_j, H⟩`.
///
/// # Errors
/// Every method returns [`Error::Shape`](crate::Error::Shape) for arguments whose shapes do not fit and
/// [`Error::OutOfRange`](crate::Error::OutOfRange) for coordinates or places outside `N`.
pub trait Sketch: Debug + Send + Sync {
    /// Number of rows `b`.
    fn nrows(&self) -> usize;

    /// Number of columns `N`.
    fn ncols(&self) -> usize;

    /// Memory that the operator takes, in bytes.
    fn bytes(&self) -> usize;

    /// `out ← R h`, column by column: `h` is `N × k`, `out` is `b × k`.
    fn apply(&self, h: MatRef<'_, f64>, out: MatMut<'_, f64>) -> Result<()>;

    /// `out ← Rᵀ v`, column by column: `v` is `b × k`, `out` is `N × k`.
    fn apply_transpose(&self, v: MatRef<'_, f64>, out: MatMut<'_, f64>) -> Result<()>;

    /// Entries `coords` of `Rᵀ v` for one column `v`.
    ///
    /// # Complexity
    /// One [`Sketch::apply_transpose`], unless the family can form single columns of `R`.
    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()>;

    /// `out[:, k] ← R vec(u_k v_kᵀ)`, where `vec(u_k v_kᵀ)` stands at `at` and zeros elsewhere: `u` and `v` are `n × r`, `out` is
    /// `b × r`. A structured update is a sum of such columns: `vec(A_i V Xᵀ)` with `u = A_i V` and `v = X`, or a row `vec(GᵀA_iG)`
    /// of `B` with one term per entry of `A_i`.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) from a structured family for a matrix that is not one of its blocks.
    ///
    /// # Complexity
    /// One [`Sketch::apply`] per column, unless the family is structured.
    fn apply_outer(
        &self,
        at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        out: MatMut<'_, f64>,
    ) -> Result<()>;

    /// `out[j, k·n + i] ← (M_j v_k)_i`, or `(M_jᵀ v_k)_i` from the left: `v` is `n × r`, `out` is `b × nr`. From the right this
    /// is `R (V ⊗ I)`.
    ///
    /// # Errors
    /// As [`Sketch::apply_outer`].
    ///
    /// # Complexity
    /// `b` rows of `R`, formed a few at a time, and `2bn²r` flops, unless the family is structured.
    fn apply_thin(
        &self,
        at: Place,
        v: MatRef<'_, f64>,
        side: Side,
        out: MatMut<'_, f64>,
    ) -> Result<()>;

    /// The rows on the matrix at `at`, if the family makes them of rank one.
    fn rank_one_rows(&self, at: Place) -> Option<RankOneRows>;
}

/// Calls `visit(j, row)` with every row of `R` as a column of length `N`. A few rows are in memory at a time.
pub(crate) fn for_each_row(
    sketch: &dyn Sketch,
    visit: impl FnMut(usize, ColRef<'_, f64>),
) -> Result<()> {
    let transposed =
        |units: MatRef<'_, f64>, rows: MatMut<'_, f64>| sketch.apply_transpose(units, rows);
    rows_by_panels(sketch.nrows(), sketch.ncols(), transposed, visit)
}

/// An operator of any family, behind the checks that all families need.
#[derive(Debug)]
pub(super) struct Checked(pub(super) Box<dyn RawSketch>);

impl Sketch for Checked {
    fn nrows(&self) -> usize {
        self.0.nrows()
    }

    fn ncols(&self) -> usize {
        self.0.ncols()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn apply(&self, h: MatRef<'_, f64>, out: MatMut<'_, f64>) -> Result<()> {
        check_shape("vectors to sketch", (self.ncols(), h.ncols()), h.shape())?;
        check_shape("sketched vectors", (self.nrows(), h.ncols()), out.shape())?;
        self.0.apply(h, out);
        Ok(())
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, out: MatMut<'_, f64>) -> Result<()> {
        check_shape("sketched vectors", (self.nrows(), v.ncols()), v.shape())?;
        check_shape(
            "vectors lifted from a sketch",
            (self.ncols(), v.ncols()),
            out.shape(),
        )?;
        self.0.apply_transpose(v, out);
        Ok(())
    }

    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()> {
        check_shape("sketched vector", (self.nrows(), 1), (v.len(), 1))?;
        check_shape("coordinates", (coords.len(), 1), (out.len(), 1))?;
        for &coord in coords {
            check_index("coordinate", coord, self.ncols())?;
        }
        self.0.apply_transpose_at(v, coords, out);
        Ok(())
    }

    fn apply_outer(
        &self,
        at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        out: MatMut<'_, f64>,
    ) -> Result<()> {
        at.check_within(self.ncols())?;
        check_shape("left vectors", (at.order, u.ncols()), u.shape())?;
        check_shape("right vectors", u.shape(), v.shape())?;
        check_shape(
            "sketched matrices",
            (self.nrows(), u.ncols()),
            out.rb().shape(),
        )?;
        self.0.check_matrix(at)?;
        self.0.apply_outer(at, u, v, out);
        Ok(())
    }

    fn apply_thin(
        &self,
        at: Place,
        v: MatRef<'_, f64>,
        side: Side,
        out: MatMut<'_, f64>,
    ) -> Result<()> {
        at.check_within(self.ncols())?;
        check_shape("thin factor", (at.order, v.ncols()), v.shape())?;
        let expected = (self.nrows(), at.order * v.ncols());
        check_shape("sketched thin factor", expected, out.rb().shape())?;
        self.0.check_matrix(at)?;
        self.0.apply_thin(at, v, side, out);
        Ok(())
    }

    fn rank_one_rows(&self, at: Place) -> Option<RankOneRows> {
        self.0.rank_one_rows(at)
    }
}
