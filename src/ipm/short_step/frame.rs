//! The weight that the projection holds, and the coordinates it answers in.
//!
//! With `W = GGᵀ` the weight of the point and `W̃ = G̃G̃ᵀ` the one held, `T = G̃⁻¹G` takes the coordinates of the point to those of the
//! projection, and the eigenvalues `ρ` of `TTᵀ` are those of `(W, W̃)`. Directions with `│log ρ│ ≤ ε` stay; those of a batch `S` are
//! absorbed by `G̃⁺ = G̃(I + Q_S(√ρ_S − 1)Q_Sᵀ)`: a change of the root by the rank of the change of the weight.

use super::super::scaling::Scaling;
use crate::constraints::{Block, BlockWeight};
use crate::error::Result;
use crate::linalg::product::{gemm, gemm_lower, mirror_lower};
use crate::linalg::spectral;
use crate::projection::lazy;
use faer::{Accum, Mat, MatRef};

/// The weight held on one block.
#[derive(Debug, Clone)]
enum Held {
    /// `w̃`.
    Nonneg(Vec<f64>),
    /// `G̃` and its inverse.
    Psd { root: Mat<f64>, inverse: Mat<f64> },
}

/// What a move of the weight met and absorbed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Absorbed {
    /// Largest `│log ρ│` met.
    pub drift: f64,
    /// Rank absorbed.
    pub rank: usize,
}

/// The weight held on all blocks.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    blocks: Vec<Block>,
    held: Vec<Held>,
}

/// `log ρ` and the eigenvectors on one block.
type Drift = (Vec<f64>, Mat<f64>);

impl Frame {
    /// The weight of a point. `s` is its slack.
    pub(super) fn at(blocks: &[Block], scaling: &Scaling, s: &[f64]) -> Self {
        let d = diagonal(scaling);
        let (mut at, mut first) = (0, 0);
        let mut held = Vec::with_capacity(blocks.len());
        for (block, weight) in blocks.iter().zip(scaling.weight()) {
            held.push(match weight {
                BlockWeight::Root(g) => {
                    // GᵀSG = D, so G⁻¹ = D⁻¹GᵀS.
                    let n = g.nrows();
                    let s = MatRef::from_column_major_slice(&s[at..at + n * n], n, n);
                    let mut inverse = Mat::zeros(n, n);
                    gemm(inverse.as_mut(), Accum::Replace, 1.0, g.transpose(), s);
                    for j in 0..n {
                        (0..n).for_each(|i| inverse[(i, j)] /= d[first + i]);
                    }
                    let root = g.to_owned();
                    Held::Psd { root, inverse }
                }
                BlockWeight::Nonneg(w) => Held::Nonneg(w.to_vec()),
                // A scaling has no others.
                _ => Held::Nonneg(vec![]),
            });
            at += block.ambient();
            first += block.order();
        }
        let blocks = blocks.to_vec();
        Self { blocks, held }
    }

    /// The weight, for a projection.
    pub(super) fn weight(&self) -> Vec<BlockWeight<'_>> {
        let one = |held| match held {
            &Held::Nonneg(ref w) => BlockWeight::Nonneg(w),
            Held::Psd { root, .. } => BlockWeight::Root(root.as_ref()),
        };
        self.held.iter().map(one).collect()
    }

    /// Moves to within `e^{±tol}` of the weight of a point, by a batch[^CLS19] of the directions that drifted furthest.
    ///
    /// # Complexity
    /// About `14n³` flops a PSD block, `6n³` more when something is absorbed.
    ///
    /// [^CLS19]: Cohen, Lee, Song. Solving linear programs in the current matrix multiplication time. STOC 2019.
    pub(super) fn follow(&mut self, scaling: &Scaling, s: &[f64], tol: f64) -> Result<Absorbed> {
        let drifts = self.drifts(scaling)?;
        let mut all: Vec<f64> = drifts.iter().flat_map(|d| d.0.iter().copied()).collect();
        let rank = match tol > 0.0 {
            true => lazy::batch(&mut all, tol),
            false => all.len(),
        };
        let drift = all.iter().fold(0.0, |m: f64, l| m.max(l.abs()));
        if rank == 0 {
            return Ok(Absorbed { drift, rank });
        }
        if rank == all.len() {
            *self = Self::at(&self.blocks, scaling, s);
            return Ok(Absorbed { drift, rank });
        }
        // Ties would take more than the batch: harmless.
        let threshold = all[rank - 1].abs();
        let mut absorbed = 0;
        for (held, (log, q)) in self.held.iter_mut().zip(&drifts) {
            let chosen: Vec<usize> = (0..log.len())
                .filter(|&k| log[k].abs() >= threshold)
                .collect();
            absorbed += chosen.len();
            match held {
                Held::Nonneg(w) => chosen.iter().for_each(|&k| w[k] *= log[k].exp()),
                Held::Psd { root, inverse } if !chosen.is_empty() => {
                    let n = root.nrows();
                    let vectors = Mat::from_fn(n, chosen.len(), |i, j| q[(i, chosen[j])]);
                    let scaled = |power: f64| {
                        Mat::from_fn(n, chosen.len(), |i, j| {
                            vectors[(i, j)] * (power * log[chosen[j]]).exp_m1()
                        })
                    };
                    let along = &*root * &vectors;
                    let add = |to: &mut Mat<f64>, left: MatRef<'_, f64>, right: MatRef<'_, f64>| {
                        gemm(to.as_mut(), Accum::Add, 1.0, left, right);
                    };
                    add(root, along.as_ref(), scaled(0.5).transpose());
                    let across = vectors.transpose() * &*inverse;
                    add(inverse, scaled(-0.5).as_ref(), across.as_ref());
                }
                Held::Psd { .. } => {}
            }
        }
        let rank = absorbed;
        Ok(Absorbed { drift, rank })
    }

    fn drifts(&self, scaling: &Scaling) -> Result<Vec<Drift>> {
        let mut out = Vec::with_capacity(self.held.len());
        for (held, weight) in self.held.iter().zip(scaling.weight()) {
            out.push(match (held, weight) {
                (Held::Psd { inverse, .. }, BlockWeight::Root(g)) => {
                    let n = g.nrows();
                    let t = inverse * g;
                    let mut m = Mat::zeros(n, n);
                    gemm_lower(m.as_mut(), Accum::Replace, 1.0, t.as_ref(), t.transpose());
                    let (rho, q) = spectral::eigen(m.as_ref())?;
                    let log = rho.iter().map(|r| r.max(f64::MIN_POSITIVE).ln()).collect();
                    (log, q)
                }
                (Held::Nonneg(old), BlockWeight::Nonneg(new)) => {
                    let log = new.iter().zip(old).map(|(n, o)| (n / o).ln()).collect();
                    (log, Mat::new())
                }
                _ => (vec![], Mat::new()),
            });
        }
        Ok(out)
    }

    /// The symmetric `diag(a)` in the coordinates of the point, in those of the projection: `h ← T diag(a) Tᵀ`.
    pub(super) fn enter(&self, scaling: &Scaling, a: &[f64], h: &mut [f64]) {
        let (mut at, mut first) = (0, 0);
        for ((block, held), weight) in self.blocks.iter().zip(&self.held).zip(scaling.weight()) {
            let a = &a[first..first + block.order()];
            let h = &mut h[at..at + block.ambient()];
            match (held, weight) {
                (Held::Psd { inverse, .. }, BlockWeight::Root(g)) => {
                    congruence_of_diagonal((inverse * g).as_ref(), a, h);
                }
                (Held::Nonneg(old), BlockWeight::Nonneg(new)) => {
                    for (k, h) in h.iter_mut().enumerate() {
                        *h = new[k] / old[k] * a[k];
                    }
                }
                _ => {}
            }
            at += block.ambient();
            first += block.order();
        }
    }

    /// `dx ← G diag(a) Gᵀ − W̃ ds W̃`.
    pub(super) fn primal(&self, scaling: &Scaling, a: &[f64], ds: &[f64], dx: &mut [f64]) {
        let (mut at, mut first) = (0, 0);
        for ((block, held), weight) in self.blocks.iter().zip(&self.held).zip(scaling.weight()) {
            let a = &a[first..first + block.order()];
            let part = at..at + block.ambient();
            let (ds, dx) = (&ds[part.clone()], &mut dx[part]);
            match (held, weight) {
                (Held::Psd { root, .. }, BlockWeight::Root(g)) => {
                    congruence_of_diagonal(g, a, dx);
                    let n = g.nrows();
                    let w = root * root.transpose();
                    let ds = MatRef::from_column_major_slice(ds, n, n);
                    let taken = &w * (ds * &w);
                    for j in 0..n {
                        for i in 0..n {
                            dx[i + j * n] -= 0.5 * (taken[(i, j)] + taken[(j, i)]);
                        }
                    }
                }
                (Held::Nonneg(old), BlockWeight::Nonneg(new)) => {
                    for (k, dx) in dx.iter_mut().enumerate() {
                        *dx = new[k] * a[k] - old[k] * old[k] * ds[k];
                    }
                }
                _ => {}
            }
            at += block.ambient();
            first += block.order();
        }
    }
}

/// The diagonal of `G⁻¹XG⁻ᵀ = GᵀSG`, or `√(xs)`, of every block after one another.
pub(super) fn diagonal(scaling: &Scaling) -> Vec<f64> {
    let mut d = vec![];
    scaling.for_each(|i, j, _, di, _| {
        if i == j {
            d.push(di);
        }
    });
    d
}

/// `out ← T diag(a) Tᵀ`.
fn congruence_of_diagonal(t: MatRef<'_, f64>, a: &[f64], out: &mut [f64]) {
    let n = t.nrows();
    let scaled = Mat::from_fn(n, n, |i, j| t[(i, j)] * a[j]);
    let mut full = faer::MatMut::from_column_major_slice_mut(out, n, n);
    gemm_lower(
        full.as_mut(),
        Accum::Replace,
        1.0,
        scaled.as_ref(),
        t.transpose(),
    );
    mirror_lower(full);
}
