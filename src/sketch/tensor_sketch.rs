//! TensorSketch on one matrix.

use super::matrix::{Place, Side};
use super::raw::RawSketch;
use super::signs::Signs;
use super::stream::Stream;
use crate::random::below;
use faer::{MatMut, MatRef};

/// Entry `(i, c)` goes to row `(h₁(c) + h₂(i)) mod b` with the sign `σ₁(c) σ₂(i)`.
#[derive(Debug, Clone)]
pub(super) struct TensorSketch {
    rows: usize,
    /// Hash of the column index: `h₁`, `σ₁`.
    left: Hash,
    /// Hash of the row index: `h₂`, `σ₂`.
    right: Hash,
}

/// A bucket and a sign for every index.
#[derive(Debug, Clone)]
struct Hash {
    bucket: Vec<u32>,
    signs: Signs,
}

impl TensorSketch {
    pub(super) fn new(rows: usize, order: usize, stream: Stream) -> Self {
        let mut rng = stream.part(0);
        let mut hash = || Hash {
            bucket: (0..order).map(|_| below(&mut rng, rows) as u32).collect(),
            signs: Signs::new(order, &mut rng),
        };
        Self {
            rows,
            left: hash(),
            right: hash(),
        }
    }

    fn order(&self) -> usize {
        self.left.bucket.len()
    }

    /// The row of the sketch that entry `(i, c)` adds to.
    fn row(&self, i: usize, c: usize) -> usize {
        let sum = self.left.bucket[c] as usize + self.right.bucket[i] as usize;
        if sum >= self.rows {
            sum - self.rows
        } else {
            sum
        }
    }

    /// `σ₁(c) σ₂(i) x`.
    fn signed(&self, i: usize, c: usize, x: f64) -> f64 {
        self.left.signs.times(c, self.right.signs.times(i, x))
    }
}

impl Hash {
    /// `out ←` the CountSketch of column `k` of `x`.
    fn sketch(&self, x: MatRef<'_, f64>, k: usize, out: &mut [f64]) {
        out.fill(0.0);
        for (i, &b) in self.bucket.iter().enumerate() {
            out[b as usize] += self.signs.times(i, x[(i, k)]);
        }
    }
}

impl RawSketch for TensorSketch {
    fn nrows(&self) -> usize {
        self.rows
    }

    fn ncols(&self) -> usize {
        self.order() * self.order()
    }

    fn bytes(&self) -> usize {
        [&self.left, &self.right]
            .iter()
            .map(|h| 4 * h.bucket.len() + h.signs.bytes())
            .sum()
    }

    /// # Complexity
    /// One addition per entry.
    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let n = self.order();
        let mut sum = vec![0.0; self.rows];
        for j in 0..h.ncols() {
            sum.fill(0.0);
            for c in 0..n {
                for i in 0..n {
                    sum[self.row(i, c)] += self.signed(i, c, h[(c * n + i, j)]);
                }
            }
            for (i, s) in sum.iter().enumerate() {
                out[(i, j)] = *s;
            }
        }
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let n = self.order();
        for j in 0..v.ncols() {
            for c in 0..n {
                for i in 0..n {
                    out[(c * n + i, j)] = self.signed(i, c, v[(self.row(i, c), j)]);
                }
            }
        }
    }

    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) {
        let n = self.order();
        for (o, &at) in out.iter_mut().zip(coords) {
            *o = self.signed(at % n, at / n, v[self.row(at % n, at / n)]);
        }
    }

    /// # Complexity
    /// `n·min(n, b)` additions per column: the CountSketch of `u vᵀ` is the cyclic convolution of those of `u` and `v`, and
    /// that of `u` is added term by term.
    fn apply_outer(
        &self,
        _at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) {
        let (n, b) = (self.order(), self.rows);
        let mut half = vec![0.0; b];
        out.fill(0.0);
        for k in 0..u.ncols() {
            if b < n {
                self.left.sketch(v, k, &mut half);
            }
            for i in 0..n {
                let (shift, x) = (
                    self.right.bucket[i] as usize,
                    self.right.signs.times(i, u[(i, k)]),
                );
                if b < n {
                    for (t, h) in half.iter().enumerate() {
                        out[((t + shift) % b, k)] += x * h;
                    }
                } else {
                    for c in 0..n {
                        out[(self.row(i, c), k)] += x * self.left.signs.times(c, v[(c, k)]);
                    }
                }
            }
        }
    }

    /// # Complexity
    /// `bn` numbers per column of `v`, each read from the CountSketch of that column.
    fn apply_thin(&self, _at: Place, v: MatRef<'_, f64>, side: Side, mut out: MatMut<'_, f64>) {
        let (n, b) = (self.order(), self.rows);
        let (here, other) = match side {
            Side::Right => (&self.right, &self.left),
            Side::Left => (&self.left, &self.right),
        };
        let mut half = vec![0.0; b];
        for k in 0..v.ncols() {
            other.sketch(v, k, &mut half);
            for i in 0..n {
                let shift = here.bucket[i] as usize;
                for j in 0..b {
                    let x = half[if j >= shift { j - shift } else { j + b - shift }];
                    out[(j, k * n + i)] = here.signs.times(i, x);
                }
            }
        }
    }
}
