//! From multipliers on a face back to those of the program.
//!
//! With `s = c − Aᵀy` and the basis `[U V]` of kernel and range, `s_UU` is semidefinite on the face, `s_UV` is anything. Moving
//! `y` by `−t d` adds `t Z`, which is positive definite on `V`, and lifts `s` to within `τ` of the cone once
//! `t VᵀZV ⪰ s_VU (s_UU + τ)⁻¹ s_UV − s_VV`. Multipliers `δ` with `UᵀAᵀ(δ)U = 0`, which rows that the face made dependent have,
//! leave `s_UU` and the objective as they are and make `s_UV` smaller first.

use super::split::{Part, Split, in_basis};
use crate::constraints::Constraints;
use crate::error::Result;
use crate::linalg::machine::CORRECTION_BUDGET;
use crate::linalg::padded;
use crate::linalg::{axpy, dot, norm, spectral};
use faer::{Accum, Mat, MatRef};

/// Squares of singular values of the correction below this share of the largest are rounding.
const RANK: f64 = 1e-14;

/// Entries of `UᵀAᵀ(δ)V` relative to `Aᵀδ` that are rounding: multipliers that leave no more expose the face themselves.
const ROUNDING: f64 = 1e-12;

/// What of a dual slack stands between kernel and range, weighted by `(s_UU + τ)^-½`.
pub(crate) struct Correction {
    /// `U` in the eigenbasis of `s_UU`, columns divided by `√(λ + τ)`, and `V`; for every matrix block with both.
    frames: Vec<Option<(Mat<f64>, Mat<f64>)>>,
    tau: f64,
}

impl Correction {
    /// # Errors
    /// [`Error::NoConvergence`](crate::Error::NoConvergence).
    ///
    /// # Complexity
    /// The eigenvectors of `s_UU`.
    pub(crate) fn new(split: &Split, s: &[f64], tau: f64) -> Result<Self> {
        let (mut at, mut frames) = (0, vec![]);
        for part in &split.parts {
            let (vectors, kernel) = match part {
                Part::Matrix { vectors, kernel } => (vectors, *kernel),
                Part::Numbers { kernel } => {
                    at += kernel.len();
                    frames.push(None);
                    continue;
                }
            };
            let n = vectors.nrows();
            let s = MatRef::from_column_major_slice(&s[at..at + n * n], n, n);
            at += n * n;
            if kernel == 0 || kernel == n {
                frames.push(None);
                continue;
            }
            let u = vectors.as_ref().subcols(0, kernel);
            let (values, rotation) = spectral::eigen(in_basis(s, u).as_ref())?;
            let mut frame = product(u, rotation.as_ref());
            for (j, value) in values.iter().enumerate() {
                let scale = 1.0 / (value.max(0.0) + tau).sqrt();
                (0..n).for_each(|i| frame[(i, j)] *= scale);
            }
            frames.push(Some((
                frame,
                vectors.subcols(kernel, n - kernel).to_owned(),
            )));
        }
        Ok(Self { frames, tau })
    }

    /// `vec((s_UU + τ)^-½ Uᵀ s V)` over all blocks.
    fn between(&self, split: &Split, s: &[f64]) -> Vec<f64> {
        let (mut at, mut out) = (0, vec![]);
        for (part, frame) in split.parts.iter().zip(&self.frames) {
            let n = match part {
                Part::Matrix { vectors, .. } => vectors.nrows(),
                Part::Numbers { kernel } => {
                    at += kernel.len();
                    continue;
                }
            };
            let s = MatRef::from_column_major_slice(&s[at..at + n * n], n, n);
            at += n * n;
            if let Some((u, v)) = frame {
                let half = product(s, v.as_ref());
                let both = product(u.transpose(), half.as_ref());
                (0..both.ncols()).for_each(|j| out.extend_from_slice(both.col_as_slice(j)));
            }
        }
        out
    }

    /// Adds to `y` the combination of `nulls`, multipliers with `UᵀAᵀ(δ)U = 0`, that leaves the least of `s_UV` in this metric.
    ///
    /// # Errors
    /// [`Error::NoConvergence`](crate::Error::NoConvergence), [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// For `k` multipliers `k` products with `V`, `k²` inner products of that size and the eigenvectors of a matrix of order
    /// `k`; nothing where that is too much.
    pub(crate) fn apply(
        &self,
        a: &Constraints,
        split: &Split,
        s: &[f64],
        nulls: &[Vec<(usize, f64)>],
        y: &mut [f64],
    ) -> Result<()> {
        let wanted = self.between(split, s);
        let k = nulls.len();
        let flops = |f: &Option<(Mat<f64>, Mat<f64>)>| {
            f.as_ref()
                .map_or(0, |(u, v)| u.nrows() * u.nrows() * v.ncols())
        };
        let each: usize = self.frames.iter().map(flops).sum();
        let work = (k * wanted.len()).max(k * each / 100).max(k * k * k / 10);
        if k == 0 || wanted.is_empty() || work > CORRECTION_BUDGET {
            return Ok(());
        }
        let (mut columns, mut lengths, mut flat) = (vec![], vec![], vec![0.0; a.ambient()]);
        for null in nulls {
            let mut one = vec![0.0; a.len()];
            null.iter().for_each(|&(i, v)| one[i] += v);
            a.adjoint(&one, &mut flat)?;
            let length = norm(&flat).max(f64::MIN_POSITIVE);
            let mut column = self.between(split, &flat);
            column.iter_mut().for_each(|v| *v /= length);
            columns.push(column);
            lengths.push(length);
        }
        // Normal equations of min ‖wanted − Σ α_k column_k‖, whose solution need not be unique.
        let matrix = padded::from_fn(wanted.len(), k, |i, j| columns[j][i]);
        let mut gram = padded::zeros(k, k);
        crate::linalg::product::gemm(
            gram.as_mut(),
            Accum::Replace,
            1.0,
            matrix.transpose(),
            matrix.as_ref(),
        );
        let (values, vectors) = spectral::eigen(gram.as_ref())?;
        let rhs: Vec<f64> = columns.iter().map(|c| dot(c, &wanted)).collect();
        let mut alpha = vec![0.0; k];
        let zero = (RANK * values[k - 1]).max(k as f64 * ROUNDING * ROUNDING / self.tau);
        for (j, value) in values.iter().enumerate() {
            if *value > zero {
                let vector = vectors.col_as_slice(j);
                axpy(dot(vector, &rhs) / value, vector, &mut alpha);
            }
        }
        for ((null, alpha), length) in nulls.iter().zip(&alpha).zip(&lengths) {
            null.iter().for_each(|&(i, v)| y[i] += alpha / length * v);
        }
        Ok(())
    }

    /// The `t` that brings `s + tZ` to within about `τ` of the cone.
    ///
    /// # Errors
    /// [`Error::NoConvergence`](crate::Error::NoConvergence).
    ///
    /// # Complexity
    /// Eigenvalues of the order of the range, on every block.
    pub(crate) fn distance(&self, split: &Split, s: &[f64], z: &[f64]) -> Result<f64> {
        let (mut at, mut most) = (0, 0.0f64);
        for (part, frame) in split.parts.iter().zip(&self.frames) {
            let (vectors, kernel) = match part {
                Part::Matrix { vectors, kernel } => (vectors, *kernel),
                Part::Numbers { kernel } => {
                    for (k, in_kernel) in kernel.iter().enumerate() {
                        if !in_kernel {
                            most = most.max(-s[at + k] / z[at + k]);
                        }
                    }
                    at += kernel.len();
                    continue;
                }
            };
            let n = vectors.nrows();
            let flat = |w: &'_ [f64]| padded::from_fn(n, n, |i, j| w[at + i + j * n]);
            let (s, z) = (flat(s), flat(z));
            at += n * n;
            if kernel == n {
                continue;
            }
            let v = vectors.subcols(kernel, n - kernel);
            let mut needed = in_basis(s.as_ref(), v);
            needed
                .col_iter_mut()
                .for_each(|c| c.iter_mut().for_each(|x| *x = -*x));
            if let Some((u, _)) = frame {
                let cross = product(u.transpose(), product(s.as_ref(), v).as_ref());
                crate::linalg::product::gemm(
                    needed.as_mut(),
                    Accum::Add,
                    1.0,
                    cross.transpose(),
                    cross.as_ref(),
                );
            }
            // Relative to VᵀZV, in its eigenbasis.
            let (values, q) = spectral::eigen(in_basis(z.as_ref(), v).as_ref())?;
            let mut seen = in_basis(needed.as_ref(), q.as_ref());
            for j in 0..n - kernel {
                for i in 0..n - kernel {
                    seen[(i, j)] /= (values[i] * values[j]).max(f64::MIN_POSITIVE).sqrt();
                }
            }
            most = most.max(spectral::eigenvalues(seen.as_ref())?[n - kernel - 1]);
        }
        Ok(most)
    }
}

/// What to try around a distance: `s_UU` may be worth more or less than thought, and rounding grows with `t`.
pub(crate) fn step_sizes(distance: f64) -> impl Iterator<Item = f64> {
    [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
        .into_iter()
        .map(move |f| f * distance)
}

fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = padded::zeros(a.nrows(), b.ncols());
    crate::linalg::product::gemm(out.as_mut(), Accum::Replace, 1.0, a, b);
    out
}
