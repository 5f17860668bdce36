//! The dense factorisation of a Gram matrix that all structures share. The matrix is scaled to a unit diagonal, and its diagonal
//! is shifted where the scaled matrix is singular to working precision.

use super::Assembler;
use crate::clock::Instant;
use crate::constraints::{Constraints, GramWeight, OwnedWeight};
use crate::error::{Error, Result};
use crate::linalg::cholesky::{self, Cholesky};
use crate::linalg::real::Real;
use crate::linalg::shifts::{EXACT_OPERATOR, SHIFTS};
use crate::linalg::{columns, max_abs, product, triangular};
use crate::projection::Seconds;
use core::ops::Range;
use faer::{Mat, MatMut, MatRef};

/// Diagonal entries of the Cholesky factor of the unit-diagonal matrix up to this size prompt a check of the rows for
/// dependence. Rows that differ by rounding errors only leave entries of about 1e-8.
const SUSPICIOUS_PIVOT: f64 = 1e-6;

/// Named in errors.
const GRAM_MATRIX: &str = "Gram matrix";

/// The ingredients of `K = BBᵀ` at a weight, before assembly.
pub(crate) struct GramMatrix<'a> {
    pub rows: &'a Constraints,
    pub assembler: &'a Assembler,
    pub weight: &'a [GramWeight<'a>],
}

/// The factorisation `K = D C D` with `D² = diag(K)`, and `C + shift·I = L Lᵀ`. The unit diagonal of `C` makes the pivots
/// comparable.
///
/// [`SHIFTS`] is a ladder of shifts. The shift used is the first one, within the range that the caller allows, that leaves all
/// pivots positive. With `T = f32` all storage and arithmetic are in single precision.
#[derive(Debug, Clone)]
pub(crate) struct ScaledFactor<T> {
    /// The diagonal of `D⁻¹`.
    inverse_scale: Vec<T>,
    /// `L` in the lower triangle, and `C` above it. `C` serves the next shift and the refinement of answers.
    cholesky: Cholesky<T>,
    /// Index in [`SHIFTS`] of the shift used.
    rung: usize,
    work: Vec<T>,
}

impl<T: Real> ScaledFactor<T> {
    /// A factorisation of no matrix yet.
    pub(crate) fn empty() -> Self {
        Self {
            inverse_scale: vec![],
            cholesky: Cholesky::empty(),
            rung: 0,
            work: vec![],
        }
    }

    /// Assembles and factors `K` in the memory of the last factor. After an error, no system can be solved until a refresh
    /// succeeds.
    ///
    /// The first shift tried is the one before the shift that the last weight needed: consecutive weights need similar shifts.
    ///
    /// # Errors
    /// [`Error::RankDeficient`] when a pivot is zero or nearly zero because rows are combinations of others;
    /// [`Error::NonFinite`] when an entry of `K` is outside the range of `T`; [`Error::NotPositiveDefinite`] when the largest
    /// allowed shift is too small; [`Error::TooLarge`].
    ///
    /// # Complexity
    /// Assembly, and `m³/3` flops per shift tried; `m²` numbers.
    pub(crate) fn refresh(
        &mut self,
        of: &GramMatrix<'_>,
        rungs: Range<usize>,
        seconds: &mut Seconds,
    ) -> Result<()> {
        let clock = Instant::now();
        let square = self.cholesky.reserve(of.rows.len(), "the Gram matrix")?;
        of.assembler.assemble(of.weight, square);
        seconds.assembly += clock.elapsed().as_secs_f64();
        let clock = Instant::now();
        let scaled = self.scale(of.rows, rungs.contains(&0));
        let done = scaled.and_then(|()| self.climb(of.rows, rungs));
        seconds.factorisation += clock.elapsed().as_secs_f64();
        done
    }

    /// Replaces `K` by `C` in both triangles, and stores `D⁻¹`.
    fn scale(&mut self, rows: &Constraints, rank_matters: bool) -> Result<()> {
        let mut square = self.cholesky.square_mut();
        self.inverse_scale.clear();
        for index in 0..square.nrows() {
            let d = square[(index, index)].wide();
            if T::HELD.contains(&d) {
                self.inverse_scale.push(T::narrow(1.0 / d.sqrt()));
            } else if d <= 0.0 {
                // Either a row is zero, or the squares of the weight underflow.
                if rank_matters {
                    rows.check_rank()?;
                }
                let (what, pivot) = (GRAM_MATRIX, index);
                return Err(Error::NotPositiveDefinite { what, pivot });
            } else {
                let what = "diagonal of the Gram matrix";
                return Err(Error::NonFinite { what, index });
            }
        }
        let scale = &self.inverse_scale;
        columns::each(square.as_mut(), |j, column| {
            let below = column[j..].iter_mut().zip(&scale[j..]);
            below.for_each(|(k, d)| *k *= scale[j] * *d);
        });
        product::mirror_lower(square);
        Ok(())
    }

    /// Factors `C` with the first shift of the range that leaves all pivots positive.
    fn climb(&mut self, rows: &Constraints, rungs: Range<usize>) -> Result<()> {
        let m = self.inverse_scale.len();
        let from = self.rung.saturating_sub(1);
        self.rung = from.clamp(rungs.start, rungs.end - 1);
        loop {
            let mut square = self.cholesky.square_mut();
            let diagonal = T::narrow(1.0 + SHIFTS[self.rung]);
            (0..m).for_each(|i| square[(i, i)] = diagonal);
            let done = cholesky::factor_lower_in_place(square.as_mut());
            // Only the pivots without a shift show whether the rows are dependent.
            if self.rung == 0
                && (done.is_err() || smallest_pivot(square.as_ref()) <= SUSPICIOUS_PIVOT)
            {
                rows.check_rank()?;
            }
            match done {
                Ok(()) => return Ok(()),
                Err(pivot) if self.rung + 1 == rungs.end => {
                    let what = GRAM_MATRIX;
                    return Err(Error::NotPositiveDefinite { what, pivot });
                }
                Err(_) => self.rung += 1,
            }
            // The failed attempt overwrote the lower triangle: restore `C` from the upper triangle.
            product::mirror_upper(square);
        }
    }

    /// Makes the next refresh start from the smallest shift, because the rows have changed.
    pub(crate) fn restart(&mut self) {
        self.rung = 0;
    }

    /// The shift used, relative to the diagonal.
    pub(crate) fn shift(&self) -> f64 {
        SHIFTS[self.rung]
    }

    pub(crate) fn dim(&self) -> usize {
        self.cholesky.dim()
    }
}

fn smallest_pivot<T: Real>(lower: MatRef<'_, T>) -> f64 {
    let pivots = (0..lower.nrows()).map(|i| lower[(i, i)].wide());
    pivots.fold(f64::INFINITY, f64::min)
}

impl ScaledFactor<f64> {
    /// A factor that is refined with the exact operator.
    ///
    /// # Errors
    /// As [`ScaledFactor::refresh`].
    pub(crate) fn new(
        rows: &Constraints,
        weight: &[OwnedWeight],
        assembler: &Assembler,
    ) -> Result<Self> {
        let weight: Vec<_> = weight.iter().map(OwnedWeight::gram).collect();
        let of = GramMatrix {
            rows,
            assembler,
            weight: &weight,
        };
        let mut out = Self::empty();
        out.refresh(&of, EXACT_OPERATOR, &mut Seconds::default())?;
        Ok(out)
    }

    /// `rhs ← K⁻¹ rhs`.
    pub(crate) fn solve_in_place(&self, mut rhs: MatMut<'_, f64>) {
        self.scale_rows(rhs.as_mut());
        self.cholesky.solve_in_place(rhs.as_mut());
        self.scale_rows(rhs);
    }

    /// `v ← K⁻¹ v` for one vector.
    ///
    /// # Complexity
    /// `2m²` flops.
    pub(crate) fn solve_vector(&self, v: &mut [f64]) {
        let scale = |v: &mut [f64]| {
            let scaled = v.iter_mut().zip(&self.inverse_scale);
            scaled.for_each(|(v, d)| *v *= d);
        };
        scale(v);
        triangular::solve_lower(self.cholesky.lower(), v);
        triangular::solve_lower_transposed(self.cholesky.lower(), v);
        scale(v);
    }

    /// `out ← K y` with the assembled matrix, without the shift; `scaled` is scratch.
    ///
    /// # Complexity
    /// `2m²` flops.
    pub(crate) fn multiply(&self, y: &[f64], out: &mut [f64], scaled: &mut Vec<f64>) {
        let scale = &self.inverse_scale;
        scaled.clear();
        scaled.extend(y.iter().zip(scale).map(|(y, d)| y / d));
        triangular::unit_symv_upper(self.cholesky.lower(), scaled, out);
        out.iter_mut().zip(scale).for_each(|(o, d)| *o /= d);
    }

    /// `out ← L_Kᵀ u` with `K = L_K L_Kᵀ` and `L_K = D L`. This equals `L_K⁻¹ K u`.
    pub(crate) fn whiten(&self, mut u: Mat<f64>, out: MatMut<'_, f64>) {
        for j in 0..u.ncols() {
            for (i, d) in self.inverse_scale.iter().enumerate() {
                u[(i, j)] /= d;
            }
        }
        product::upper_times(out, self.cholesky.lower().transpose(), u.as_ref());
    }

    /// `z ← L_K⁻ᵀ z`.
    pub(crate) fn unwhiten(&self, mut z: MatMut<'_, f64>) {
        self.cholesky.solve_upper_in_place(z.as_mut());
        self.scale_rows(z);
    }

    /// The diagonal of `D⁻¹`.
    pub(crate) fn inverse_scale(&self) -> &[f64] {
        &self.inverse_scale
    }

    /// `L`. The entries above its diagonal belong to `C`.
    pub(crate) fn cholesky(&self) -> &Cholesky {
        &self.cholesky
    }

    /// Replaces the factor by another one with the same scaling. [`ScaledFactor::multiply`] is invalid afterwards.
    pub(crate) fn replace(&mut self, cholesky: Cholesky) {
        self.cholesky = cholesky;
    }

    fn scale_rows(&self, mut x: MatMut<'_, f64>) {
        for j in 0..x.ncols() {
            for (i, d) in self.inverse_scale.iter().enumerate() {
                x[(i, j)] *= d;
            }
        }
    }
}

impl ScaledFactor<f32> {
    /// `v ← K⁻¹ v` to single precision.
    ///
    /// # Complexity
    /// `2m²` flops, the factor read twice.
    pub(crate) fn solve_vector(&mut self, v: &mut [f64]) {
        // Scale the largest entry to one, so that vectors of any size stay within the range of single precision.
        let largest = max_abs(v);
        if !(largest > 0.0 && largest.is_finite()) {
            return;
        }
        let Self {
            inverse_scale,
            cholesky,
            work,
            ..
        } = self;
        work.clear();
        let scaled = v.iter().zip(&*inverse_scale);
        work.extend(scaled.map(|(v, d)| (v / largest) as f32 * d));
        triangular::solve_lower(cholesky.lower(), work);
        triangular::solve_lower_transposed(cholesky.lower(), work);
        let found = work.iter().zip(&*inverse_scale);
        for (v, (w, d)) in v.iter_mut().zip(found) {
            *v = f64::from(*w) * f64::from(*d) * largest;
        }
    }
}
