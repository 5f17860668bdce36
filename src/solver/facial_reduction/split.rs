//! The kernel and the range of a semidefinite point, block by block.

use crate::constraints::Block;
use crate::error::Result;
use crate::linalg::padded;
use crate::linalg::{max_abs, product, spectral};
use faer::{Accum, Mat, MatMut, MatRef};

/// Eigenvalues below this share of the largest one belong to the kernel.
const KERNEL: f64 = 1e-5;

/// Kernel and range of one block.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Orthonormal eigenvectors, those of the kernel first.
    Matrix { vectors: Mat<f64>, kernel: usize },
    /// Whether a number is in the kernel.
    Numbers { kernel: Vec<bool> },
}

/// Kernel and range of `Z ∈ K`.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    pub(super) parts: Vec<Part>,
}

impl Split {
    /// `None` when nothing or everything is in the kernel.
    ///
    /// # Errors
    /// [`Error::NoConvergence`](crate::Error::NoConvergence).
    ///
    /// # Complexity
    /// The eigenvectors of every block.
    pub(crate) fn new(blocks: &[Block], z: &[f64]) -> Result<Option<Self>> {
        let cut = KERNEL * largest(blocks, z)?;
        let (mut at, mut rank, mut order) = (0, 0, 0);
        let mut parts = vec![];
        for block in blocks {
            let part = &z[at..at + block.ambient()];
            at += block.ambient();
            order += block.order();
            parts.push(match *block {
                Block::Psd(n) => {
                    let (values, vectors) =
                        spectral::eigen(MatRef::from_column_major_slice(part, n, n))?;
                    let kernel = values.iter().filter(|v| **v <= cut).count();
                    rank += n - kernel;
                    Part::Matrix { vectors, kernel }
                }
                Block::Nonneg(_) => {
                    let kernel: Vec<bool> = part.iter().map(|v| *v <= cut).collect();
                    rank += kernel.iter().filter(|k| !**k).count();
                    Part::Numbers { kernel }
                }
            });
        }
        Ok((rank > 0 && rank < order).then_some(Self { parts }))
    }

    /// The range spanned by unit vectors, at the indices that are `dead`.
    pub(super) fn of_coordinates(blocks: &[Block], dead: &[Vec<bool>]) -> Self {
        let part = |(block, dead): (&Block, &Vec<bool>)| match *block {
            Block::Nonneg(_) => Part::Numbers {
                kernel: dead.iter().map(|d| !d).collect(),
            },
            Block::Psd(n) => {
                let mut order: Vec<usize> = (0..n).filter(|&k| !dead[k]).collect();
                let kernel = order.len();
                order.extend((0..n).filter(|&k| dead[k]));
                let mut vectors = padded::zeros(n, n);
                for (j, &k) in order.iter().enumerate() {
                    vectors[(k, j)] = 1.0;
                }
                Part::Matrix { vectors, kernel }
            }
        };
        Self {
            parts: blocks.iter().zip(dead).map(part).collect(),
        }
    }

    /// `W = UUᵀ + ε VVᵀ`, flat.
    pub(crate) fn weight(&self, epsilon: f64) -> Vec<f64> {
        let mut out = vec![];
        for part in &self.parts {
            match part {
                Part::Matrix { vectors, kernel } => {
                    let n = vectors.nrows();
                    let scaled = padded::from_fn(n, n, |i, j| {
                        vectors[(i, j)] * if j < *kernel { 1.0 } else { epsilon }
                    });
                    let mut w = vec![0.0; n * n];
                    let view = MatMut::from_column_major_slice_mut(&mut w, n, n);
                    product::gemm(
                        view,
                        Accum::Replace,
                        1.0,
                        scaled.as_ref(),
                        vectors.transpose(),
                    );
                    symmetrise(&mut w, n);
                    out.extend(w);
                }
                Part::Numbers { kernel } => {
                    out.extend(kernel.iter().map(|k| if *k { 1.0 } else { epsilon }));
                }
            }
        }
        out
    }

    /// `WZW − ε² V(VᵀZV)Vᵀ`, what is wrong with `Z` as the metric of the weight sees it, and the largest entry of `UᵀZU` and
    /// `UᵀZV` relative to that of `Z`.
    pub(crate) fn excess(&self, z: &[f64], epsilon: f64) -> (Vec<f64>, f64) {
        let (mut out, mut at) = (vec![], 0);
        let size = max_abs(z).max(f64::MIN_POSITIVE);
        let mut most = 0.0f64;
        for part in &self.parts {
            match part {
                Part::Matrix { vectors, kernel } => {
                    let n = vectors.nrows();
                    let z = MatRef::from_column_major_slice(&z[at..at + n * n], n, n);
                    at += n * n;
                    let mut seen = in_basis(z, vectors.as_ref());
                    for j in 0..n {
                        for i in 0..n {
                            let v = &mut seen[(i, j)];
                            match (i < *kernel, j < *kernel) {
                                (true, true) => most = most.max(v.abs()),
                                (false, false) => *v = 0.0,
                                _ => {
                                    most = most.max(v.abs());
                                    *v *= epsilon;
                                }
                            }
                        }
                    }
                    let back = in_basis(seen.as_ref(), vectors.transpose());
                    out.extend((0..n).flat_map(|j| back.col_as_slice(j).to_vec()));
                }
                Part::Numbers { kernel } => {
                    for k in kernel {
                        let v = if *k { z[at] } else { 0.0 };
                        at += 1;
                        most = most.max(v.abs());
                        out.push(v);
                    }
                }
            }
        }
        (out, most / size)
    }
}

/// Largest eigenvalue.
fn largest(blocks: &[Block], z: &[f64]) -> Result<f64> {
    let (mut at, mut out) = (0, 0.0f64);
    for block in blocks {
        let part = &z[at..at + block.ambient()];
        at += block.ambient();
        out = out.max(match *block {
            Block::Psd(n) => {
                spectral::eigenvalues(MatRef::from_column_major_slice(part, n, n))?[n - 1]
            }
            Block::Nonneg(_) => part.iter().copied().fold(0.0, f64::max),
        });
    }
    Ok(out)
}

/// `QᵀMQ`.
pub(super) fn in_basis(m: MatRef<'_, f64>, q: MatRef<'_, f64>) -> Mat<f64> {
    let (n, r) = (q.nrows(), q.ncols());
    let (mut half, mut out) = (padded::zeros(n, r), padded::zeros(r, r));
    product::gemm(half.as_mut(), Accum::Replace, 1.0, m, q);
    product::gemm(
        out.as_mut(),
        Accum::Replace,
        1.0,
        q.transpose(),
        half.as_ref(),
    );
    out
}

fn symmetrise(w: &mut [f64], n: usize) {
    for j in 0..n {
        for i in j + 1..n {
            let mean = 0.5 * (w[i + j * n] + w[j + i * n]);
            (w[i + j * n], w[j + i * n]) = (mean, mean);
        }
    }
}
