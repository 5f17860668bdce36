//! `S₁ ⊗ S₂` on one matrix.

use super::distribution::{Address, Base, Stream, plain};
use super::{Place, RankOneRows, Side, Sketch, check_apply, check_outer, check_thin};
use crate::error::Result;
use crate::linalg::padded;
use crate::random::Lane;
use faer::prelude::Reborrow as _;
use faer::{Mat, MatMut, MatRef};

/// `(S₁ ⊗ S₂) vec(H) = vec(S₂ H S₁ᵀ)`; row `j₁b₂ + j₂` belongs to row `j₁` of `S₁` and `j₂` of `S₂`.
#[derive(Debug)]
pub(super) struct Kronecker {
    order: usize,
    left: Box<dyn Sketch>,
    right: Box<dyn Sketch>,
}

impl Kronecker {
    pub(super) fn new(
        (left, left_rows): (Base, usize),
        (right, right_rows): (Base, usize),
        order: usize,
        address: Address,
        block: u32,
    ) -> Result<Self> {
        let stream = |lane| Stream::new(address, lane, block);
        Ok(Self {
            order,
            left: plain(left, left_rows, order, stream(Lane::KRONECKER_LEFT))?,
            right: plain(right, right_rows, order, stream(Lane::KRONECKER_RIGHT))?,
        })
    }

    fn sides(&self) -> (usize, usize) {
        (self.left.nrows(), self.right.nrows())
    }
}

/// A column as a matrix of `rows` rows.
fn folded(x: MatRef<'_, f64>, j: usize, rows: usize, cols: usize) -> Mat<f64> {
    padded::from_fn(rows, cols, |r, c| x[(c * rows + r, j)])
}

impl Sketch for Kronecker {
    fn nrows(&self) -> usize {
        self.left.nrows() * self.right.nrows()
    }

    fn ncols(&self) -> usize {
        self.order * self.order
    }

    fn bytes(&self) -> usize {
        self.left.bytes() + self.right.bytes()
    }

    /// # Complexity
    /// `S₂` on `n` vectors and `S₁` on `b₂`.
    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) -> Result<()> {
        check_apply((self.nrows(), self.ncols()), h, out.rb())?;
        let (n, (b1, b2)) = (self.order, self.sides());
        let (mut half, mut both) = (padded::zeros(b2, n), padded::zeros(b1, b2));
        for j in 0..h.ncols() {
            self.right
                .apply(folded(h, j, n, n).as_ref(), half.as_mut())?;
            self.left.apply(half.transpose(), both.as_mut())?;
            for j1 in 0..b1 {
                for j2 in 0..b2 {
                    out[(j1 * b2 + j2, j)] = both[(j1, j2)];
                }
            }
        }
        Ok(())
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) -> Result<()> {
        check_apply((self.ncols(), self.nrows()), v, out.rb())?;
        let (n, (b1, b2)) = (self.order, self.sides());
        let (mut half, mut both) = (padded::zeros(n, b1), padded::zeros(n, n));
        for j in 0..v.ncols() {
            self.right
                .apply_transpose(folded(v, j, b2, b1).as_ref(), half.as_mut())?;
            self.left.apply_transpose(half.transpose(), both.as_mut())?;
            for c in 0..n {
                for i in 0..n {
                    out[(c * n + i, j)] = both[(c, i)];
                }
            }
        }
        Ok(())
    }

    /// # Complexity
    /// Both factors on `r` vectors, and `br` products.
    fn apply_outer(
        &self,
        at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) -> Result<()> {
        check_outer(self.nrows(), self.ncols(), at, u, v, out.rb())?;
        let ((b1, b2), r) = (self.sides(), u.ncols());
        let (mut left, mut right) = (padded::zeros(b1, r), padded::zeros(b2, r));
        self.left.apply(v, left.as_mut())?;
        self.right.apply(u, right.as_mut())?;
        for k in 0..r {
            for j1 in 0..b1 {
                for j2 in 0..b2 {
                    out[(j1 * b2 + j2, k)] = left[(j1, k)] * right[(j2, k)];
                }
            }
        }
        Ok(())
    }

    fn apply_thin(
        &self,
        at: Place,
        v: MatRef<'_, f64>,
        side: Side,
        out: MatMut<'_, f64>,
    ) -> Result<()> {
        check_thin(self.nrows(), self.ncols(), at, v, out.rb())?;
        if let Some(rows) = self.rank_one_rows(at) {
            rows.apply_thin(v, side, out);
        }
        Ok(())
    }

    fn rank_one_rows(&self, at: Place) -> Option<RankOneRows> {
        let (b1, b2) = self.sides();
        let rows = |sketch: &dyn Sketch| {
            let mut out = padded::zeros(sketch.ncols(), sketch.nrows());
            let identity = Mat::<f64>::identity(sketch.nrows(), sketch.nrows());
            let done = sketch.apply_transpose(identity.as_ref(), out.as_mut());
            done.ok().map(|()| out)
        };
        let pair = |j: usize| ((j % b2) as u32, (j / b2) as u32);
        (at.first == 0 && at.order == self.order).then_some(())?;
        Some(RankOneRows {
            u: rows(&*self.right)?,
            v: rows(&*self.left)?,
            pairs: (0..b1 * b2).map(pair).collect(),
            scale: 1.0,
        })
    }
}
