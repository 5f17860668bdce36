//! TensorSRHT on one matrix.

use super::matrix::{Place, RankOneRows, Side};
use super::raw::RawSketch;
use super::signs::Signs;
use super::stream::Stream;
use crate::linalg::hadamard;
use crate::linalg::padded;
use crate::random::below;
use faer::{Mat, MatMut, MatRef};
use pulp::Arch;

/// `b^{−½} S (H D₁ ⊗ H D₂)`, where `S` chooses `b` pairs of rows of the two transforms.
#[derive(Debug, Clone)]
pub(super) struct TensorSrht {
    order: usize,
    /// Length of either transform: the next power of two.
    padded: usize,
    /// `D₁`, for the column index.
    left: Signs,
    /// `D₂`, for the row index.
    right: Signs,
    pairs: Vec<(u32, u32)>,
}

impl TensorSrht {
    pub(super) fn new(rows: usize, order: usize, stream: Stream) -> Self {
        let padded = order.next_power_of_two();
        let mut rng = stream.part(0);
        let (left, right) = (Signs::new(order, &mut rng), Signs::new(order, &mut rng));
        let pairs = (0..rows)
            .map(|_| {
                let left = below(&mut rng, padded) as u32;
                (left, below(&mut rng, padded) as u32)
            })
            .collect();
        Self {
            order,
            padded,
            left,
            right,
            pairs,
        }
    }

    fn scale(&self) -> f64 {
        1.0 / (self.pairs.len() as f64).sqrt()
    }

    /// Index of a pair of rows of the two transforms in the transform of all padded entries.
    fn index(&self, (left, right): (u32, u32)) -> usize {
        left as usize * self.padded + right as usize
    }

    /// Columns `H D x_k` of the padded length.
    fn transformed(&self, signs: &Signs, x: MatRef<'_, f64>) -> Mat<f64> {
        let mut out = padded::zeros(self.padded, x.ncols());
        for k in 0..x.ncols() {
            let to = out.col_as_slice_mut(k);
            (0..self.order).for_each(|i| to[i] = signs.times(i, x[(i, k)]));
            hadamard::transform(Arch::new(), to);
        }
        out
    }
}

impl RawSketch for TensorSrht {
    fn nrows(&self) -> usize {
        self.pairs.len()
    }

    fn ncols(&self) -> usize {
        self.order * self.order
    }

    fn bytes(&self) -> usize {
        self.left.bytes() + self.right.bytes() + 8 * self.pairs.len()
    }

    /// # Complexity
    /// One transform of the padded `n²` entries: `H ⊗ H` is a Walsh–Hadamard transform itself.
    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let (n, padded, scale) = (self.order, self.padded, self.scale());
        let mut work = vec![0.0; padded * padded];
        for j in 0..h.ncols() {
            work.fill(0.0);
            for c in 0..n {
                let one = self.left.times(c, 1.0);
                let to = &mut work[c * padded..][..n];
                for (i, w) in to.iter_mut().enumerate() {
                    *w = one * self.right.times(i, h[(c * n + i, j)]);
                }
            }
            hadamard::transform(Arch::new(), &mut work);
            for (s, &pair) in self.pairs.iter().enumerate() {
                out[(s, j)] = scale * work[self.index(pair)];
            }
        }
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let (n, padded, scale) = (self.order, self.padded, self.scale());
        let mut work = vec![0.0; padded * padded];
        for j in 0..v.ncols() {
            work.fill(0.0);
            for (s, &pair) in self.pairs.iter().enumerate() {
                work[self.index(pair)] += scale * v[(s, j)];
            }
            hadamard::transform(Arch::new(), &mut work);
            for c in 0..n {
                let one = self.left.times(c, 1.0);
                for i in 0..n {
                    out[(c * n + i, j)] = one * self.right.times(i, work[c * padded + i]);
                }
            }
        }
    }

    /// # Complexity
    /// Two transforms of length `n` and `b` products per column.
    fn apply_outer(
        &self,
        _at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) {
        let (left, right) = (
            self.transformed(&self.left, v),
            self.transformed(&self.right, u),
        );
        for k in 0..u.ncols() {
            for (s, &(j1, j2)) in self.pairs.iter().enumerate() {
                out[(s, k)] = self.scale() * left[(j1 as usize, k)] * right[(j2 as usize, k)];
            }
        }
    }

    fn apply_thin(&self, at: Place, v: MatRef<'_, f64>, side: Side, out: MatMut<'_, f64>) {
        if let Some(rows) = self.rank_one_rows(at) {
            rows.apply_thin(v, side, out);
        }
    }

    fn rank_one_rows(&self, at: Place) -> Option<RankOneRows> {
        (at.first == 0 && at.order == self.order).then_some(())?;
        let row = |signs: &Signs, j: u32, i: usize| {
            let parity = (j & i as u32).count_ones() % 2;
            signs.times(i, 1.0 - 2.0 * f64::from(parity))
        };
        let (n, b) = (self.order, self.nrows());
        Some(RankOneRows {
            u: padded::from_fn(n, b, |i, s| row(&self.right, self.pairs[s].1, i)),
            v: padded::from_fn(n, b, |i, s| row(&self.left, self.pairs[s].0, i)),
            pairs: (0..b as u32).map(|s| (s, s)).collect(),
            scale: self.scale(),
        })
    }
}
