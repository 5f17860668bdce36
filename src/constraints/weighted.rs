//! `B = A · S(weight)`.

use super::operator::fit;
use super::{Constraints, HeldWeight, Part};
use crate::error::{Error, Result, check_shape};
use crate::linalg::{product::gemm, spectral};
use faer::{Accum, Mat, MatMut, MatRef};
use std::sync::Arc;

/// The roots of the weight on one block: row `i` of `B` is `a_i ∘ w`, or `vec(L A_i R)` with symmetric `L` and `R`.
#[derive(Debug, Clone)]
enum Root {
    Nonneg(Vec<f64>),
    /// `L = R`.
    TwoSided(Mat<f64>),
    /// `L = I`.
    OneSided(Mat<f64>),
    Pair {
        left: Mat<f64>,
        right: Mat<f64>,
    },
}

impl Root {
    /// `(L, R)` on a PSD block, `None` for the identity.
    fn sides(&self) -> Option<(Option<MatRef<'_, f64>>, MatRef<'_, f64>)> {
        match self {
            Root::Nonneg(_) => None,
            Root::TwoSided(s) => Some((Some(s.as_ref()), s.as_ref())),
            Root::OneSided(w) => Some((None, w.as_ref())),
            Root::Pair { left, right } => Some((Some(left.as_ref()), right.as_ref())),
        }
    }
}

/// The weighted rows `B = A · S(weight) ∈ R^{m×N}`, as an operator.
#[derive(Debug, Clone)]
pub struct Weighted {
    a: Arc<Constraints>,
    roots: Vec<Root>,
    sum: Vec<f64>,
    half: Mat<f64>,
    full: Mat<f64>,
}

impl Weighted {
    /// # Complexity
    /// `9n³` flops a two-sided block for its root.
    pub(crate) fn new(a: Arc<Constraints>, weight: &[HeldWeight]) -> Result<Self> {
        const WHAT: &str = "weight of a positive semidefinite block";
        let root = |w: &Mat<f64>| spectral::square_root(WHAT, w.as_ref());
        let roots = weight
            .iter()
            .map(|held| {
                Ok(match held {
                    HeldWeight::Nonneg(w) => Root::Nonneg(w.clone()),
                    HeldWeight::TwoSided(w) => Root::TwoSided(root(w)?),
                    HeldWeight::OneSided { w, .. } => Root::OneSided(w.clone()),
                    HeldWeight::Pair { x, z } => Root::Pair {
                        left: root(x)?,
                        right: root(z)?,
                    },
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            a,
            roots,
            sum: Vec::new(),
            half: Mat::new(),
            full: Mat::new(),
        })
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
            for b in 0..self.roots.len() {
                let at = self.a.range(b);
                self.sum.resize(at.len(), 0.0);
                for (s, r) in self.sum.iter_mut().zip(at) {
                    *s = h[(r, j)];
                }
                self.transform(b);
                match &self.a.parts()[b] {
                    Part::Psd(rows) => rows.apply(corner(&self.full, rows.order()), &mut u),
                    Part::Nonneg(rows) => rows.apply(&self.sum, &mut u),
                }
            }
            for (i, v) in u.iter().enumerate() {
                out[(i, j)] = *v;
            }
        }
        Ok(())
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
            for b in 0..self.roots.len() {
                let at = self.a.range(b);
                self.sum.resize(at.len(), 0.0);
                self.a.adjoint_block(b, &column, &mut self.sum);
                self.transform(b);
                match self.a.blocks()[b] {
                    super::Block::Nonneg(_) => {
                        for (r, v) in at.zip(&self.sum) {
                            out[(r, j)] = *v;
                        }
                    }
                    super::Block::Psd(n) => {
                        let full = corner(&self.full, n);
                        for c in 0..n {
                            for r in 0..n {
                                out[(at.start + r + c * n, j)] = full[(r, c)];
                            }
                        }
                    }
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
        for b in 0..self.roots.len() {
            let at = self.a.range(b);
            if !coords.iter().any(|c| at.contains(c)) {
                continue;
            }
            self.sum.resize(at.len(), 0.0);
            self.a.adjoint_block(b, y, &mut self.sum);
            for (&c, o) in coords
                .iter()
                .zip(out.iter_mut())
                .filter(|(c, _)| at.contains(c))
            {
                let local = c - at.start;
                *o = match &self.roots[b] {
                    Root::Nonneg(w) => self.sum[local] * w[local],
                    psd => {
                        let Some((left, right)) = psd.sides() else {
                            continue;
                        };
                        let n = right.nrows();
                        let sum = MatRef::from_column_major_slice(&self.sum, n, n);
                        let (row, right) = (local % n, right.col(local / n));
                        let times_right = |i: usize| sum.col(i).transpose() * right;
                        match left {
                            None => times_right(row),
                            Some(left) => (0..n).map(|i| left[(i, row)] * times_right(i)).sum(),
                        }
                    }
                };
            }
        }
        Ok(())
    }

    /// `L M R` of the block in `self.sum` into `self.full` (the roots are symmetric: `B` and `Bᵀ` use the same map); a
    /// nonnegative block stays in `self.sum`.
    fn transform(&mut self, b: usize) {
        let Some((left, right)) = self.roots[b].sides() else {
            if let Root::Nonneg(w) = &self.roots[b] {
                self.sum.iter_mut().zip(w).for_each(|(s, w)| *s *= w);
            }
            return;
        };
        let n = right.nrows();
        let sum = MatRef::from_column_major_slice(&self.sum, n, n);
        match left {
            None => gemm(fit(&mut self.full, n), Accum::Replace, 1.0, sum, right),
            Some(left) => {
                gemm(fit(&mut self.half, n), Accum::Replace, 1.0, sum, right);
                gemm(
                    fit(&mut self.full, n),
                    Accum::Replace,
                    1.0,
                    left,
                    corner(&self.half, n),
                );
            }
        }
    }
}

fn corner(m: &Mat<f64>, n: usize) -> MatRef<'_, f64> {
    m.as_ref().submatrix(0, 0, n, n)
}
