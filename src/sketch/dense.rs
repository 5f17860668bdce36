//! Gaussian and Rademacher sketches: independent entries, stored.

use super::matrix::{Place, Side};
use super::raw::RawSketch;
use super::stream::Stream;
use crate::error::{Result, check_memory};
use crate::linalg::padded;
use crate::linalg::product::gemm;
use crate::linalg::real::Real as _;
use faer::prelude::ReborrowMut as _;
use faer::{Accum, Mat, MatMut, MatRef};
use pulp::Arch;
use rand_core::Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// Columns that one part of the stream draws. Another value would draw other sketches.
const COLUMNS_PER_PART: usize = 64;

/// Entries from which on several threads draw: fewer take some hundred microseconds, about what it takes to share them out.
#[cfg(feature = "rayon")]
const MIN_PARALLEL_ENTRIES: usize = 100_000;

/// Number of vectors from which on a matrix product is faster than one pass over `R` per vector.
const MIN_PRODUCT_VECTORS: usize = 4;

/// The distribution of the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries {
    /// Normal with variance `1/b`.
    Gaussian,
    /// `±1/√b`.
    Rademacher,
}

/// `b × N` independent entries.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    matrix: Mat<f64>,
}

impl Dense {
    pub(super) fn new(entries: Entries, rows: usize, cols: usize, stream: Stream) -> Result<Self> {
        check_memory("a dense sketch", rows as u128 * cols as u128)?;
        let mut matrix = padded::zeros(rows, cols);
        let scale = 1.0 / (rows as f64).sqrt();
        let fill = |chunk: usize, mut part: MatMut<'_, f64>| {
            let mut rng = stream.part(chunk as u32);
            for j in 0..part.ncols() {
                match entries {
                    Entries::Gaussian => (0..rows).for_each(|i| {
                        let x: f64 = StandardNormal.sample(&mut rng);
                        part[(i, j)] = scale * x;
                    }),
                    Entries::Rademacher => {
                        for i0 in (0..rows).step_by(64) {
                            let mut bits = rng.next_u64();
                            for i in i0..rows.min(i0 + 64) {
                                part[(i, j)] = if bits & 1 == 0 { scale } else { -scale };
                                bits >>= 1;
                            }
                        }
                    }
                }
            }
        };
        #[cfg(feature = "rayon")]
        if rows * cols > MIN_PARALLEL_ENTRIES && rayon::current_num_threads() > 1 {
            use rayon::prelude::*;
            matrix
                .as_mut()
                .par_col_chunks_mut(COLUMNS_PER_PART)
                .enumerate()
                .for_each(|(chunk, part)| fill(chunk, part));
            return Ok(Self { matrix });
        }
        for first in (0..cols).step_by(COLUMNS_PER_PART) {
            let width = COLUMNS_PER_PART.min(cols - first);
            fill(
                first / COLUMNS_PER_PART,
                matrix.as_mut().subcols_mut(first, width),
            );
        }
        Ok(Self { matrix })
    }

    /// The `b × n` part of `R` that meets column `c` of the matrix at `at`.
    fn panel(&self, at: Place, c: usize) -> MatRef<'_, f64> {
        self.matrix.subcols(at.first + c * at.order, at.order)
    }
}

impl RawSketch for Dense {
    fn nrows(&self) -> usize {
        self.matrix.nrows()
    }

    fn ncols(&self) -> usize {
        self.matrix.ncols()
    }

    fn bytes(&self) -> usize {
        8 * self.nrows() * self.ncols()
    }

    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        if h.ncols() >= MIN_PRODUCT_VECTORS {
            gemm(out, Accum::Replace, 1.0, self.matrix.as_ref(), h);
            return;
        }
        // Reading R takes most of the time: one pass per vector.
        let (arch, mut sum) = (Arch::new(), vec![0.0; self.nrows()]);
        for j in 0..h.ncols() {
            sum.fill(0.0);
            let entries = h.col(j).iter().enumerate();
            let list: Vec<(u32, f64)> = entries.map(|(c, x)| (c as u32, *x)).collect();
            f64::gather(arch, self.matrix.as_ref(), 0, &list, &mut sum);
            sum.iter().enumerate().for_each(|(i, s)| out[(i, j)] = *s);
        }
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        gemm(out, Accum::Replace, 1.0, self.matrix.transpose(), v);
    }

    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) {
        out.iter_mut()
            .zip(coords)
            .for_each(|(o, &c)| *o = crate::linalg::dot(self.matrix.col_as_slice(c), v));
    }

    fn apply_outer(
        &self,
        at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        mut out: MatMut<'_, f64>,
    ) {
        // R vec(u vᵀ) = Σ_c R_c (v_c u): one column of the matrices at a time, without storing their n² products.
        out.fill(0.0);
        let mut scaled = padded::zeros(at.order, u.ncols());
        for c in 0..at.order {
            for k in 0..u.ncols() {
                for i in 0..at.order {
                    scaled[(i, k)] = u[(i, k)] * v[(c, k)];
                }
            }
            let panel = self.panel(at, c);
            gemm(out.rb_mut(), Accum::Add, 1.0, panel, scaled.as_ref());
        }
    }

    fn apply_thin(&self, at: Place, v: MatRef<'_, f64>, side: Side, mut out: MatMut<'_, f64>) {
        let n = at.order;
        out.fill(0.0);
        for c in 0..n {
            let panel = self.panel(at, c);
            match side {
                // Row entry (i, c) of M_j times v_c adds to (M_j v)_i.
                Side::Right => {
                    for k in 0..v.ncols() {
                        let to = out.rb_mut().subcols_mut(k * n, n);
                        let x = v[(c, k)];
                        faer::zip!(to, panel).for_each(|faer::unzip!(to, p)| *to += x * *p);
                    }
                }
                Side::Left => {
                    let mut product = padded::zeros(self.nrows(), v.ncols());
                    gemm(product.as_mut(), Accum::Replace, 1.0, panel, v);
                    for k in 0..v.ncols() {
                        out.rb_mut().col_mut(k * n + c).copy_from(product.col(k));
                    }
                }
            }
        }
    }
}
