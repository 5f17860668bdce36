//! The subsampled randomised Hadamard transform.

use super::raw::RawSketch;
use super::signs::Signs;
use super::stream::Stream;
use crate::linalg::hadamard;
use crate::random::below;
use faer::{MatMut, MatRef};
use pulp::Arch;

/// `R = b^{−½} S H D`: signs `D`, the Walsh–Hadamard transform `H` of the next power of two, and a choice `S` of `b` rows.
#[derive(Debug, Clone)]
pub(super) struct Srht {
    cols: usize,
    /// Length of the transform: the next power of two.
    padded: usize,
    signs: Signs,
    /// Rows of the transform that were drawn.
    rows: Vec<u32>,
}

impl Srht {
    pub(super) fn new(rows: usize, cols: usize, stream: Stream) -> Self {
        let padded = cols.next_power_of_two();
        let mut rng = stream.part(0);
        let signs = Signs::new(cols, &mut rng);
        let rows = (0..rows).map(|_| below(&mut rng, padded) as u32).collect();
        Self {
            cols,
            padded,
            signs,
            rows,
        }
    }

    fn scale(&self) -> f64 {
        1.0 / (self.rows.len() as f64).sqrt()
    }
}

impl RawSketch for Srht {
    fn nrows(&self) -> usize {
        self.rows.len()
    }

    fn ncols(&self) -> usize {
        self.cols
    }

    fn bytes(&self) -> usize {
        self.signs.bytes() + 4 * self.rows.len()
    }

    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let (arch, scale) = (Arch::new(), self.scale());
        let mut work = vec![0.0; self.padded];
        for j in 0..h.ncols() {
            for (i, (w, x)) in work.iter_mut().zip(h.col(j).iter()).enumerate() {
                *w = self.signs.times(i, *x);
            }
            work[self.cols..].fill(0.0);
            hadamard::transform(arch, &mut work);
            for (s, &row) in self.rows.iter().enumerate() {
                out[(s, j)] = scale * work[row as usize];
            }
        }
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let (arch, scale) = (Arch::new(), self.scale());
        let mut work = vec![0.0; self.padded];
        for j in 0..v.ncols() {
            work.fill(0.0);
            for (s, &row) in self.rows.iter().enumerate() {
                work[row as usize] += scale * v[(s, j)];
            }
            hadamard::transform(arch, &mut work);
            for i in 0..self.cols {
                out[(i, j)] = self.signs.times(i, work[i]);
            }
        }
    }

    /// # Complexity
    /// `b` additions per coordinate: entry `(r, c)` of `H` is the parity of the bits of `r` and `c`.
    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) {
        let scale = self.scale();
        for (o, &c) in out.iter_mut().zip(coords) {
            let sign = |row: u32| 1.0 - 2.0 * f64::from((row & c as u32).count_ones() % 2);
            let sum: f64 = self.rows.iter().zip(v).map(|(&r, v)| sign(r) * v).sum();
            *o = self.signs.times(c, scale * sum);
        }
    }
}
