//! CountSketch and sparse embeddings: a few signs per column.

use super::matrix::{Place, Side};
use super::raw::RawSketch;
use super::stream::Stream;
use crate::error::{Result, check_memory};
use crate::random::below;
use faer::prelude::ReborrowMut as _;
use faer::{MatMut, MatRef};
use rand_core::Rng;

/// `s` entries `±1/√s` per column, one in each of `s` bands of `b/s` rows. CountSketch has `s = 1`.
#[derive(Debug, Clone)]
pub(super) struct Sparse {
    rows: usize,
    nonzeros: usize,
    /// `2 · row + (1 if negative)` for every nonzero, column after column.
    places: Vec<u32>,
}

impl Sparse {
    pub(super) fn new(rows: usize, cols: usize, nonzeros: usize, stream: Stream) -> Result<Self> {
        check_memory("a sparse sketch", cols as u128 * nonzeros as u128)?;
        let band = rows / nonzeros.max(1);
        let mut rng = stream.part(0);
        let places = (0..cols * nonzeros)
            .map(|k| {
                let row = k % nonzeros * band + below(&mut rng, band);
                2 * row as u32 + (rng.next_u32() & 1)
            })
            .collect();
        Ok(Self {
            rows,
            nonzeros,
            places,
        })
    }

    fn scale(&self) -> f64 {
        1.0 / (self.nonzeros as f64).sqrt()
    }

    /// Row of each nonzero of a column, and whether it is negative.
    fn column(&self, c: usize) -> impl Iterator<Item = (usize, bool)> + '_ {
        self.places[c * self.nonzeros..][..self.nonzeros]
            .iter()
            .map(|&p| ((p / 2) as usize, p & 1 == 1))
    }
}

/// `±x`.
#[inline(always)]
fn signed(negative: bool, x: f64) -> f64 {
    if negative { -x } else { x }
}

impl RawSketch for Sparse {
    fn nrows(&self) -> usize {
        self.rows
    }

    fn ncols(&self) -> usize {
        self.places.len() / self.nonzeros
    }

    fn bytes(&self) -> usize {
        4 * self.places.len()
    }

    /// # Complexity
    /// `s` additions per entry.
    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let scale = self.scale();
        let mut sum = vec![0.0; self.rows];
        for j in 0..h.ncols() {
            sum.fill(0.0);
            for (x, places) in h.col(j).iter().zip(self.places.chunks_exact(self.nonzeros)) {
                let x = scale * x;
                for &p in places {
                    // The low bit of the place flips the sign bit of x.
                    sum[(p / 2) as usize] += f64::from_bits(x.to_bits() ^ u64::from(p & 1) << 63);
                }
            }
            for (i, s) in sum.iter().enumerate() {
                out[(i, j)] = *s;
            }
        }
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let scale = self.scale();
        for j in 0..v.ncols() {
            for c in 0..self.ncols() {
                let sum: f64 = self.column(c).map(|(r, neg)| signed(neg, v[(r, j)])).sum();
                out[(c, j)] = scale * sum;
            }
        }
    }

    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) {
        let scale = self.scale();
        for (o, &c) in out.iter_mut().zip(coords) {
            let sum: f64 = self.column(c).map(|(r, neg)| signed(neg, v[r])).sum();
            *o = scale * sum;
        }
    }

    /// # Complexity
    /// `n² s` additions per column of `v`.
    fn apply_thin(&self, at: Place, v: MatRef<'_, f64>, side: Side, mut out: MatMut<'_, f64>) {
        let (n, scale) = (at.order, self.scale());
        for k in 0..v.ncols() {
            let mut to = out.rb_mut().subcols_mut(k * n, n);
            to.fill(0.0);
            for c in 0..n {
                for i in 0..n {
                    let (x, slot) = match side {
                        Side::Right => (v[(c, k)], i),
                        Side::Left => (v[(i, k)], c),
                    };
                    for (r, neg) in self.column(at.first + c * n + i) {
                        to[(r, slot)] += signed(neg, scale * x);
                    }
                }
            }
        }
    }
}
