//! `B = A · S(weight)`.

mod columns;
mod congruence;
mod difference;
mod rank_one;

use congruence::Congruence;
pub(crate) use difference::{Directions, Moved, MovedPart};

use super::gram_operator::{corner, fit};
use super::{Constraints, OwnedWeight, Part};
use crate::error::{Error, Result, check_shape};
use crate::linalg::spectral;
use faer::prelude::ReborrowMut as _;
use faer::{Mat, MatMut, MatRef};
use std::sync::Arc;

/// The roots of the weight on one block: row `i` of `B` is `a_i ∘ w`, or `vec(L A_i R)`.
#[derive(Debug, Clone)]
enum Root {
    Nonneg(Vec<f64>),
    Psd(Box<Congruence>),
}

/// Work space of [`Weighted`].
#[derive(Debug, Clone)]
struct Work {
    sum: Mat<f64>,
    half: Mat<f64>,
    full: Mat<f64>,
    flat: Vec<f64>,
    triangle: Vec<f64>,
    /// Columns of the rows of rank one.
    thin: Vec<f64>,
    /// One vector of `R^m`.
    column: Vec<f64>,
    /// Lent to a query.
    lent: Vec<f64>,
    along: Vec<(u32, f64)>,
    read: Vec<f64>,
    /// One block off the diagonal.
    block: Mat<f64>,
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
    pub(crate) fn new(a: Arc<Constraints>, weight: &[OwnedWeight]) -> Result<Self> {
        const WHAT: &str = "weight of a positive semidefinite block";
        let root = |w: &Mat<f64>| spectral::square_root(WHAT, w.as_ref());
        let mut roots = Vec::with_capacity(weight.len());
        for (held, part) in weight.iter().zip(a.parts()) {
            let (left, right) = match held {
                OwnedWeight::Nonneg(w) => {
                    roots.push(Root::Nonneg(w.clone()));
                    continue;
                }
                OwnedWeight::TwoSided(w) => (Some(root(w)?), None),
                OwnedWeight::Spectral(s) => match s.one_sided() {
                    false => (Some(s.root()), None),
                    true => (None, s.weight().cloned()),
                },
                OwnedWeight::Root { g, .. } => (Some(g.transpose().to_owned()), None),
                OwnedWeight::OneSided { w, .. } => (None, Some(w.clone())),
                OwnedWeight::Pair { x, z } => (Some(root(x)?), Some(root(z)?)),
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
            triangle: vec![],
            thin: vec![],
            column: vec![],
            lent: vec![],
            along: vec![],
            read: vec![],
            block: Mat::new(),
        };
        Ok(Self { a, roots, work })
    }

    /// Numbers a query may use and give back with [`Weighted::give_back`], so that it need not allocate them.
    pub(crate) fn lend(&mut self, count: usize) -> Vec<f64> {
        let mut lent = core::mem::take(&mut self.work.lent);
        lent.resize(count, 0.0);
        lent
    }

    pub(crate) fn give_back(&mut self, lent: Vec<f64>) {
        self.work.lent = lent;
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
        let mut u = core::mem::take(&mut self.work.column);
        u.resize(m, 0.0);
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
                        congruence.up(rows, false, &mut self.work, &mut u);
                    }
                    _ => {}
                }
            }
            for (i, v) in u.iter().enumerate() {
                out[(i, j)] = *v;
            }
        }
        self.work.column = u;
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
                    congruence.up(rows, true, &mut self.work, out);
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
        let mut column = core::mem::take(&mut self.work.column);
        column.resize(m, 0.0);
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
        self.work.column = column;
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
                    rows.adjoint_unfactored(y, &mut self.work.triangle, fit(&mut self.work.sum, n));
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
