//! `S₁ ⊗ S₂` on one matrix.

use super::matrix::{Place, RankOneRows, Side};
use super::raw::RawSketch;
use crate::linalg::padded;
use faer::{Mat, MatMut, MatRef};

/// `(S₁ ⊗ S₂) vec(H) = vec(S₂ H S₁ᵀ)`. Row `j₁b₂ + j₂` comes from row `j₁` of `S₁` and row `j₂` of `S₂`.
#[derive(Debug)]
pub(super) struct Kronecker {
    /// `S₁`, of `b₁` rows.
    left: Box<dyn RawSketch>,
    /// `S₂`, of `b₂` rows.
    right: Box<dyn RawSketch>,
}

impl Kronecker {
    /// The product of two operators with equally many columns.
    pub(super) fn new(left: Box<dyn RawSketch>, right: Box<dyn RawSketch>) -> Self {
        Self { left, right }
    }

    /// Order `n` of the matrix.
    fn order(&self) -> usize {
        self.left.ncols()
    }

    /// `b₁` and `b₂`.
    fn row_counts(&self) -> (usize, usize) {
        (self.left.nrows(), self.right.nrows())
    }
}

/// Column `j` of `x` as a `rows × cols` matrix.
fn folded(x: MatRef<'_, f64>, j: usize, rows: usize, cols: usize) -> Mat<f64> {
    padded::from_fn(rows, cols, |r, c| x[(c * rows + r, j)])
}

impl RawSketch for Kronecker {
    fn nrows(&self) -> usize {
        self.left.nrows() * self.right.nrows()
    }

    fn ncols(&self) -> usize {
        self.order() * self.order()
    }

    fn bytes(&self) -> usize {
        self.left.bytes() + self.right.bytes()
    }

    /// # Complexity
    /// That of `S₂` on `n` vectors and of `S₁` on `b₂` vectors.
    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let (n, (b1, b2)) = (self.order(), self.row_counts());
        let (mut half, mut both) = (padded::zeros(b2, n), padded::zeros(b1, b2));
        for j in 0..h.ncols() {
            self.right.apply(folded(h, j, n, n).as_ref(), half.as_mut());
            self.left.apply(half.transpose(), both.as_mut());
            for j1 in 0..b1 {
                for j2 in 0..b2 {
                    out[(j1 * b2 + j2, j)] = both[(j1, j2)];
                }
            }
        }
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let (n, (b1, b2)) = (self.order(), self.row_counts());
        let (mut half, mut both) = (padded::zeros(n, b1), padded::zeros(n, n));
        for j in 0..v.ncols() {
            self.right
                .apply_transpose(folded(v, j, b2, b1).as_ref(), half.as_mut());
            self.left.apply_transpose(half.transpose(), both.as_mut());
            for c in 0..n {
                for i in 0..n {
                    out[(c * n + i, j)] = both[(c, i)];
                }
            }
        }
    }

    /// # Complexity
    /// That of both factors on `r` vectors, and `br` products.
    fn apply_outer(
        &self,
        _at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) {
        let ((b1, b2), r) = (self.row_counts(), u.ncols());
        let (mut left, mut right) = (padded::zeros(b1, r), padded::zeros(b2, r));
        self.left.apply(v, left.as_mut());
        self.right.apply(u, right.as_mut());
        for k in 0..r {
            for j1 in 0..b1 {
                for j2 in 0..b2 {
                    out[(j1 * b2 + j2, k)] = left[(j1, k)] * right[(j2, k)];
                }
            }
        }
    }

    fn apply_thin(&self, at: Place, v: MatRef<'_, f64>, side: Side, out: MatMut<'_, f64>) {
        if let Some(rows) = self.rank_one_rows(at) {
            rows.apply_thin(v, side, out);
        }
    }

    fn rank_one_rows(&self, at: Place) -> Option<RankOneRows> {
        let (b1, b2) = self.row_counts();
        let rows = |factor: &dyn RawSketch| {
            let mut out = padded::zeros(factor.ncols(), factor.nrows());
            let identity = Mat::<f64>::identity(factor.nrows(), factor.nrows());
            factor.apply_transpose(identity.as_ref(), out.as_mut());
            out
        };
        let pair = |j: usize| ((j % b2) as u32, (j / b2) as u32);
        (at.first == 0 && at.order == self.order()).then_some(())?;
        Some(RankOneRows {
            u: rows(&*self.right),
            v: rows(&*self.left),
            pairs: (0..b1 * b2).map(pair).collect(),
            scale: 1.0,
        })
    }
}
