//! `B = A · S(weight)`.

mod columns;
mod moved;
mod outer;

pub(crate) use moved::{Directions, Moved, MovedPart};

use super::operator::{corner, fit};
use super::{Constraints, HeldWeight, Part, SymmetricRows};
use crate::error::{Error, Result, check_shape};
use crate::linalg::{product::gemm, spectral};
use faer::prelude::ReborrowMut as _;
use faer::{Accum, Mat, MatMut, MatRef};
use std::sync::Arc;

/// The roots of the weight on one block: row `i` of `B` is `a_i ∘ w`, or `vec(L A_i R)`.
#[derive(Debug, Clone)]
enum Root {
    Nonneg(Vec<f64>),
    Psd(Box<Congruence>),
}

/// `A ↦ L A R` on one PSD block.
#[derive(Debug, Clone)]
struct Congruence {
    /// `None` for the identity.
    left: Option<Mat<f64>>,
    /// `None` for `Lᵀ`.
    right: Option<Mat<f64>>,
    /// Constraint and sign of every row `σ a aᵀ` that is applied through `L a` and `Rᵀa`: they have the digits that sums
    /// over the entries of `L A R` would lose to cancellation when `a` lies near the kernel of an ill-conditioned root.
    factored: Vec<(usize, f64)>,
    /// Columns `L a`.
    left_a: Mat<f64>,
    /// Columns `Rᵀ a`.
    right_a: Mat<f64>,
}

impl Congruence {
    fn new(rows: &SymmetricRows, left: Option<Mat<f64>>, right: Option<Mat<f64>>) -> Self {
        let n = rows.order();
        let (mut factored, mut list) = (vec![], vec![]);
        for k in 0..rows.touching() {
            if let Some(a) = rows.factored(k) {
                factored.push((rows.get(k).0, a.sign));
                list.push(a);
            }
        }
        let mut out = Self {
            left,
            right,
            factored,
            left_a: Mat::new(),
            right_a: Mat::new(),
        };
        let columns = |side: Option<MatRef<'_, f64>>| {
            let mut m = Mat::zeros(n, list.len());
            for (j, a) in list.iter().enumerate() {
                a.times(
                    side.unwrap_or(Mat::<f64>::identity(n, n).as_ref()),
                    m.col_as_slice_mut(j),
                );
            }
            m
        };
        out.left_a = columns(out.left());
        out.right_a = columns(Some(out.right().transpose()));
        out
    }

    fn left(&self) -> Option<MatRef<'_, f64>> {
        self.left.as_ref().map(|l| l.as_ref())
    }

    fn right(&self) -> MatRef<'_, f64> {
        match (&self.right, &self.left) {
            (Some(r), _) => r.as_ref(),
            (None, Some(l)) => l.transpose(),
            // Never built: a weight has at least one side.
            (None, None) => MatRef::from_column_major_slice(&[], 0, 0),
        }
    }

    /// `full ← Σ y_i L A_i R`.
    fn down(&self, rows: &SymmetricRows, y: &[f64], work: &mut Work) {
        let n = rows.order();
        rows.adjoint_unfactored(y, fit(&mut work.sum, n));
        match self.left() {
            None => gemm(
                fit(&mut work.full, n),
                Accum::Replace,
                1.0,
                corner(&work.sum, n),
                self.right(),
            ),
            Some(left) => {
                gemm(
                    fit(&mut work.half, n),
                    Accum::Replace,
                    1.0,
                    left,
                    corner(&work.sum, n),
                );
                gemm(
                    fit(&mut work.full, n),
                    Accum::Replace,
                    1.0,
                    corner(&work.half, n),
                    self.right(),
                );
            }
        }
        if !self.factored.is_empty() {
            let scaled = Mat::from_fn(n, self.factored.len(), |i, j| {
                let (row, sign) = self.factored[j];
                self.left_a[(i, j)] * sign * y[row]
            });
            gemm(
                fit(&mut work.full, n),
                Accum::Add,
                1.0,
                scaled.as_ref(),
                self.right_a.transpose(),
            );
        }
    }

    /// `out_i += ⟨L A_i R, full⟩`.
    fn up(&self, rows: &SymmetricRows, work: &mut Work, out: &mut [f64]) {
        let n = rows.order();
        if !self.factored.is_empty() {
            let mut product = Mat::zeros(n, self.factored.len());
            gemm(
                product.as_mut(),
                Accum::Replace,
                1.0,
                corner(&work.full, n),
                self.right_a.as_ref(),
            );
            for (j, &(row, sign)) in self.factored.iter().enumerate() {
                out[row] += sign * (self.left_a.col(j).transpose() * product.col(j));
            }
        }
        gemm(
            fit(&mut work.half, n),
            Accum::Replace,
            1.0,
            corner(&work.full, n),
            self.right().transpose(),
        );
        match self.left() {
            None => rows.apply_unfactored(corner(&work.half, n), out),
            Some(left) => {
                gemm(
                    fit(&mut work.sum, n),
                    Accum::Replace,
                    1.0,
                    left.transpose(),
                    corner(&work.half, n),
                );
                rows.apply_unfactored(corner(&work.sum, n), out);
            }
        }
    }
}

/// Work space of [`Weighted`].
#[derive(Debug, Clone)]
struct Work {
    sum: Mat<f64>,
    half: Mat<f64>,
    full: Mat<f64>,
    flat: Vec<f64>,
}

/// The weighted rows `B = A · S(weight) ∈ R^{m×N}`, as an operator.
#[derive(Debug, Clone)]
pub struct Weighted {
    a: Arc<Constraints>,
    roots: Vec<Root>,
    work: Work,
}

impl Weighted {
    /// # Complexity
    /// `9n³` flops a two-sided block for its root.
    pub(crate) fn new(a: Arc<Constraints>, weight: &[HeldWeight]) -> Result<Self> {
        const WHAT: &str = "weight of a positive semidefinite block";
        let root = |w: &Mat<f64>| spectral::square_root(WHAT, w.as_ref());
        let mut roots = Vec::with_capacity(weight.len());
        for (held, part) in weight.iter().zip(a.parts()) {
            let (left, right) = match held {
                HeldWeight::Nonneg(w) => {
                    roots.push(Root::Nonneg(w.clone()));
                    continue;
                }
                HeldWeight::TwoSided(w) => (Some(root(w)?), None),
                HeldWeight::Root { g, .. } => (Some(g.transpose().to_owned()), None),
                HeldWeight::OneSided { w, .. } => (None, Some(w.clone())),
                HeldWeight::Pair { x, z } => (Some(root(x)?), Some(root(z)?)),
            };
            if let Part::Psd(rows) = part {
                roots.push(Root::Psd(Box::new(Congruence::new(rows, left, right))));
            }
        }
        let work = Work {
            sum: Mat::new(),
            half: Mat::new(),
            full: Mat::new(),
            flat: vec![],
        };
        Ok(Self { a, roots, work })
    }

    /// The rows `A`.
    pub fn constraints(&self) -> &Constraints {
        &self.a
    }

    /// `out ← B h`, column by column: `h` is `N × k`, `out` is `m × k`.
    ///
    /// # Errors
    /// [`Error::Shape`].
    ///
    /// # Complexity
    /// Per column one pass over the nonzeros and `4n³` flops a two-sided block (`2n³` one-sided).
    pub fn apply(&mut self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) -> Result<()> {
        let (m, ambient, k) = (self.a.len(), self.a.ambient(), h.ncols());
        check_shape("h", (ambient, k), h.shape())?;
        check_shape("B h", (m, k), out.shape())?;
        let mut u = vec![0.0; m];
        for j in 0..k {
            u.fill(0.0);
            for (b, (root, part)) in self.roots.iter().zip(self.a.parts()).enumerate() {
                let at = self.a.range(b);
                match (root, part) {
                    (Root::Nonneg(w), Part::Nonneg(rows)) => {
                        self.work.flat.clear();
                        self.work
                            .flat
                            .extend(w.iter().zip(at).map(|(w, r)| w * h[(r, j)]));
                        rows.apply(&self.work.flat, &mut u);
                    }
                    (Root::Psd(congruence), Part::Psd(rows)) => {
                        let n = rows.order();
                        let mut full = fit(&mut self.work.full, n);
                        for c in 0..n {
                            full.rb_mut()
                                .col_mut(c)
                                .copy_from(h.col(j).subrows(at.start + c * n, n));
                        }
                        congruence.up(rows, &mut self.work, &mut u);
                    }
                    _ => {}
                }
            }
            for (i, v) in u.iter().enumerate() {
                out[(i, j)] = *v;
            }
        }
        Ok(())
    }

    /// `out ← B Bᵀ y`.
    pub(crate) fn gram(&mut self, y: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (root, part) in self.roots.iter().zip(self.a.parts()) {
            match (root, part) {
                (Root::Nonneg(w), Part::Nonneg(rows)) => {
                    self.work.flat.resize(w.len(), 0.0);
                    rows.adjoint(y, &mut self.work.flat);
                    self.work
                        .flat
                        .iter_mut()
                        .zip(w)
                        .for_each(|(s, w)| *s *= w * w);
                    rows.apply(&self.work.flat, out);
                }
                (Root::Psd(congruence), Part::Psd(rows)) => {
                    congruence.down(rows, y, &mut self.work);
                    congruence.up(rows, &mut self.work, out);
                }
                _ => {}
            }
        }
    }

    /// `out ← Bᵀ y`, column by column: `y` is `m × k`, `out` is `N × k`.
    ///
    /// # Errors
    /// [`Error::Shape`].
    ///
    /// # Complexity
    /// As [`Weighted::apply`].
    pub fn apply_transpose(&mut self, y: MatRef<'_, f64>, mut out: MatMut<'_, f64>) -> Result<()> {
        let (m, ambient, k) = (self.a.len(), self.a.ambient(), y.ncols());
        check_shape("y", (m, k), y.shape())?;
        check_shape("Bᵀ y", (ambient, k), out.shape())?;
        let mut column = vec![0.0; m];
        for j in 0..k {
            for (i, v) in column.iter_mut().enumerate() {
                *v = y[(i, j)];
            }
            for (b, (root, part)) in self.roots.iter().zip(self.a.parts()).enumerate() {
                let at = self.a.range(b);
                match (root, part) {
                    (Root::Nonneg(w), Part::Nonneg(rows)) => {
                        self.work.flat.resize(w.len(), 0.0);
                        rows.adjoint(&column, &mut self.work.flat);
                        for ((r, v), w) in at.zip(&self.work.flat).zip(w) {
                            out[(r, j)] = v * w;
                        }
                    }
                    (Root::Psd(congruence), Part::Psd(rows)) => {
                        congruence.down(rows, &column, &mut self.work);
                        let n = rows.order();
                        let full = corner(&self.work.full, n);
                        for c in 0..n {
                            let to = out.rb_mut().col_mut(j).subrows_mut(at.start + c * n, n);
                            { to }.copy_from(full.col(c));
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Entries `coords` of `Bᵀ y` for one column `y`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfRange`].
    ///
    /// # Complexity
    /// One pass over the nonzeros for `M = Σ y_i A_i`, then per coordinate `2n²` flops (`2n` one-sided): two products with
    /// rows of the roots, never the whole `L M R`.
    pub fn apply_transpose_at(
        &mut self,
        y: &[f64],
        coords: &[usize],
        out: &mut [f64],
    ) -> Result<()> {
        let ambient = self.a.ambient();
        check_shape("y", (self.a.len(), 1), (y.len(), 1))?;
        check_shape("coordinates", (coords.len(), 1), (out.len(), 1))?;
        if let Some(&index) = coords.iter().find(|&&c| c >= ambient) {
            return Err(Error::OutOfRange {
                what: "coordinate",
                index,
                bound: ambient,
            });
        }
        for (b, (root, part)) in self.roots.iter().zip(self.a.parts()).enumerate() {
            let at = self.a.range(b);
            if !coords.iter().any(|c| at.contains(c)) {
                continue;
            }
            let wanted = coords
                .iter()
                .zip(out.iter_mut())
                .filter(|(c, _)| at.contains(c));
            match (root, part) {
                (Root::Nonneg(w), Part::Nonneg(rows)) => {
                    self.work.flat.resize(w.len(), 0.0);
                    rows.adjoint(y, &mut self.work.flat);
                    wanted.for_each(|(c, o)| *o = w[c - at.start] * self.work.flat[c - at.start]);
                }
                (Root::Psd(congruence), Part::Psd(rows)) => {
                    let n = rows.order();
                    rows.adjoint_unfactored(y, fit(&mut self.work.sum, n));
                    let sum = corner(&self.work.sum, n);
                    for (c, o) in wanted {
                        let (row, col) = ((c - at.start) % n, (c - at.start) / n);
                        let right = congruence.right().col(col);
                        // The sum is symmetric: its columns are its rows.
                        let times_right = |i: usize| sum.col(i).transpose() * right;
                        *o = match congruence.left() {
                            None => times_right(row),
                            Some(left) => (0..n).map(|i| left[(row, i)] * times_right(i)).sum(),
                        };
                        for (j, &(constraint, sign)) in congruence.factored.iter().enumerate() {
                            let (l, r) =
                                (congruence.left_a[(row, j)], congruence.right_a[(col, j)]);
                            *o += sign * y[constraint] * l * r;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
