//! The Nesterov–Todd scaling[^TTT98]: with `X = LLᵀ`, `S = RRᵀ` and the singular value decomposition `RᵀL = U D Vᵀ`,
//! `G = L V D^{−½}` makes `G⁻¹ X G⁻ᵀ = D = Gᵀ S G`, and the weight is `W = G Gᵀ`.
//!
//! [^TTT98]: Todd, Toh, Tütüncü. On the Nesterov–Todd direction in semidefinite programming. SIAM J. Optim. 1998.

use super::interior::{FULL_STEP, Interior};
use crate::constraints::{Block, BlockWeight};
use crate::error::{Error, Result};
use crate::linalg::padded;
use crate::linalg::product::{gemm, gemm_lower, mirror_lower};
use crate::linalg::{lanczos, spectral};
use faer::{Accum, Mat, MatMut, MatRef};

/// The scaling of one block.
#[derive(Debug)]
enum BlockScaling {
    /// `w = √(x/s)`; `G = √w`.
    Nonneg {
        w: Vec<f64>,
    },
    Psd {
        g: Mat<f64>,
    },
}

/// The scaling of a primal–dual point.
#[derive(Debug, Default)]
pub(in crate::ipm) struct Scaling {
    blocks: Vec<Block>,
    scalings: Vec<BlockScaling>,
    /// The diagonal `D` (or `√(x s)`) of every block, after one another.
    d: Vec<f64>,
}

impl Scaling {
    /// # Errors
    /// [`Error::NoConvergence`] of the singular values, [`Error::NotPositiveDefinite`] when one vanished.
    ///
    /// # Complexity
    /// About `15n³` flops a PSD block, `20n³` where the point is far off the central path.
    pub(in crate::ipm) fn new(
        blocks: &[Block],
        x: &[f64],
        s: &[f64],
        primal: &Interior,
        dual: &Interior,
    ) -> Result<Self> {
        let mut out = Self {
            blocks: blocks.to_vec(),
            scalings: Vec::with_capacity(blocks.len()),
            d: vec![],
        };
        let mut at = 0;
        for (k, b) in blocks.iter().enumerate() {
            match (*b, primal.dense(k), dual.dense(k)) {
                (Block::Psd(n), Some(l), Some(r)) => {
                    let (l, r) = (l.lower_clean(), r.lower_clean());
                    let mut product = padded::zeros(n, n);
                    gemm(
                        product.as_mut(),
                        Accum::Replace,
                        1.0,
                        r.transpose(),
                        l.as_ref(),
                    );
                    let (d, v) = singular_right(&product)?;
                    if let Some(pivot) = d.iter().position(|&d| d.is_nan() || d <= 0.0) {
                        return Err(Error::NotPositiveDefinite {
                            what: "product of the primal and the dual point",
                            pivot,
                        });
                    }
                    let v_scaled = padded::from_fn(n, n, |i, j| v[(i, j)] / d[j].sqrt());
                    let mut g = padded::zeros(n, n);
                    gemm(
                        g.as_mut(),
                        Accum::Replace,
                        1.0,
                        l.as_ref(),
                        v_scaled.as_ref(),
                    );
                    out.d.extend_from_slice(&d);
                    out.scalings.push(BlockScaling::Psd { g });
                }
                _ => {
                    let (x, s) = (&x[at..at + b.ambient()], &s[at..at + b.ambient()]);
                    out.d
                        .extend(x.iter().zip(s).map(|(x, s)| x.sqrt() * s.sqrt()));
                    let w = x.iter().zip(s).map(|(x, s)| (x / s).sqrt()).collect();
                    out.scalings.push(BlockScaling::Nonneg { w });
                }
            }
            at += b.ambient();
        }
        Ok(out)
    }

    /// The weight, for a [`Projection`](crate::projection::Projection).
    pub(in crate::ipm) fn weight(&self) -> Vec<BlockWeight<'_>> {
        let mut out = Vec::with_capacity(self.scalings.len());
        for scaling in &self.scalings {
            out.push(match scaling {
                BlockScaling::Nonneg { w } => BlockWeight::Nonneg(w),
                BlockScaling::Psd { g } => BlockWeight::Root(g.as_ref()),
            });
        }
        out
    }

    /// `out ← Gᵀ s G`.
    pub(in crate::ipm) fn scale_dual(&self, s: &[f64], out: &mut [f64]) {
        self.congruence(s, out, |g| g.transpose());
    }

    /// `out ← G x̂ Gᵀ`.
    pub(in crate::ipm) fn unscale_primal(&self, x: &[f64], out: &mut [f64]) {
        self.congruence(x, out, |g| g);
    }

    fn congruence<'a>(
        &'a self,
        from: &[f64],
        out: &mut [f64],
        side: impl Fn(MatRef<'a, f64>) -> MatRef<'a, f64>,
    ) {
        let mut at = 0;
        for (b, scaling) in self.blocks.iter().zip(&self.scalings) {
            let part = at..at + b.ambient();
            at = part.end;
            let (from, out) = (&from[part.clone()], &mut out[part]);
            match scaling {
                BlockScaling::Nonneg { w } => {
                    for ((o, f), w) in out.iter_mut().zip(from).zip(w) {
                        *o = w * f;
                    }
                }
                BlockScaling::Psd { g } => {
                    let n = g.nrows();
                    let left = side(g.as_ref());
                    let mut half = padded::zeros(n, n);
                    gemm(
                        half.as_mut(),
                        Accum::Replace,
                        1.0,
                        left,
                        MatRef::from_column_major_slice(from, n, n),
                    );
                    let mut out = MatMut::from_column_major_slice_mut(out, n, n);
                    gemm_lower(
                        out.as_mut(),
                        Accum::Replace,
                        1.0,
                        half.as_ref(),
                        left.transpose(),
                    );
                    mirror_lower(out);
                }
            }
        }
    }

    /// Calls `f(i, j, flat index, d_i, d_j)` for every entry of every block; on a nonnegative block `i = j`.
    pub(in crate::ipm) fn for_each(&self, mut f: impl FnMut(usize, usize, usize, f64, f64)) {
        let (mut at, mut first) = (0, 0);
        for b in &self.blocks {
            let d = &self.d[first..first + b.order()];
            match *b {
                Block::Nonneg(_) => d
                    .iter()
                    .enumerate()
                    .for_each(|(k, &dk)| f(k, k, at + k, dk, dk)),
                Block::Psd(n) => {
                    for j in 0..n {
                        for i in 0..n {
                            f(i, j, at + i + j * n, d[i], d[j]);
                        }
                    }
                }
            }
            at += b.ambient();
            first += b.order();
        }
    }

    /// Longest step from `D` along `dx̂` that stays in the cone, or a lower bound of it that is above 1:
    /// `−1/λ_min(D^{−½} dx̂ D^{−½})`.
    pub(in crate::ipm) fn longest_step(&self, dx_hat: &[f64]) -> Result<f64> {
        let (mut at, mut first) = (0, 0);
        let mut least = 0.0f64;
        for b in &self.blocks {
            let d = &self.d[first..first + b.order()];
            let dx = &dx_hat[at..at + b.ambient()];
            least = least.min(match *b {
                Block::Nonneg(_) => dx.iter().zip(d).map(|(x, d)| x / d).fold(0.0, f64::min),
                Block::Psd(n) => {
                    let root: Vec<f64> = d.iter().map(|d| 1.0 / d.sqrt()).collect();
                    let scaled = padded::from_fn(n, n, |i, j| root[i] * dx[i + j * n] * root[j]);
                    lanczos::smallest_eigenvalue(n, FULL_STEP, 0.03, |from, out| {
                        let from = MatRef::from_column_major_slice(from, n, 1);
                        let out = MatMut::from_column_major_slice_mut(out, n, 1);
                        gemm(out, Accum::Replace, 1.0, scaled.as_ref(), from);
                    })?
                }
            });
            at += b.ambient();
            first += b.order();
        }
        Ok(if least < 0.0 {
            -1.0 / least
        } else {
            f64::INFINITY
        })
    }

    /// `dx̂ dŝ`, symmetrised, block by block.
    pub(in crate::ipm) fn symmetric_product(&self, dx: &[f64], ds: &[f64], out: &mut [f64]) {
        let mut at = 0;
        for b in &self.blocks {
            let part = at..at + b.ambient();
            at = part.end;
            let (dx, ds, out) = (&dx[part.clone()], &ds[part.clone()], &mut out[part]);
            match *b {
                Block::Nonneg(_) => out
                    .iter_mut()
                    .zip(dx)
                    .zip(ds)
                    .for_each(|((o, x), s)| *o = x * s),
                Block::Psd(n) => {
                    let view = |v| MatRef::<f64>::from_column_major_slice(v, n, n);
                    let mut product = padded::zeros(n, n);
                    gemm(product.as_mut(), Accum::Replace, 1.0, view(dx), view(ds));
                    for j in 0..n {
                        for i in 0..n {
                            out[i + j * n] = 0.5 * (product[(i, j)] + product[(j, i)]);
                        }
                    }
                }
            }
        }
    }
}

/// Singular values of `M` and its right singular vectors: from the eigenvalues of `MᵀM`, a third of the work, while those
/// keep the digits, as they do near the central path, where all are about `μ`.
fn singular_right(m: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    const NEAR: f64 = 1e-6;
    let n = m.nrows();
    let mut square = padded::zeros(n, n);
    gemm_lower(
        square.as_mut(),
        Accum::Replace,
        1.0,
        m.transpose(),
        m.as_ref(),
    );
    let (values, vectors) = spectral::eigen(square.as_ref())?;
    match (values.first(), values.last()) {
        (Some(least), Some(most)) if *least > NEAR * most => {
            Ok((values.iter().map(|v| v.sqrt()).collect(), vectors))
        }
        _ => spectral::singular_right(m.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipm::cone::Storage;
    use crate::linalg::max_abs;

    /// `W S W = X` and `Gᵀ S G = D = G⁻¹ X G⁻ᵀ` on one block of each kind.
    #[test]
    fn takes_both_points_to_the_same_diagonal() {
        let blocks = [Block::Psd(4), Block::Nonneg(3)];
        let point = |salt: f64| {
            let f = Mat::from_fn(4, 4, |i, j| ((i * 5 + j * 3) as f64 + salt).sin());
            let m = &f * f.transpose() + Mat::<f64>::identity(4, 4) * faer::Scale(0.1);
            let mut v: Vec<f64> = (0..16)
                .map(|k| 0.5 * (m[(k % 4, k / 4)] + m[(k / 4, k % 4)]))
                .collect();
            v.extend([1.0 + salt, 0.1, 5.0]);
            v
        };
        let (x, s) = (point(0.3), point(0.9));
        let (p, d) = (
            Interior::new(&Storage::flat(&blocks), &x).unwrap(),
            Interior::new(&Storage::flat(&blocks), &s).unwrap(),
        );
        let scaling = Scaling::new(&blocks, &x, &s, &p, &d).unwrap();
        let (mut s_hat, mut back) = (vec![0.0; 19], vec![0.0; 19]);
        scaling.scale_dual(&s, &mut s_hat);
        let mut off = vec![];
        scaling.for_each(|i, j, at, di, _| off.push(s_hat[at] - if i == j { di } else { 0.0 }));
        assert!(max_abs(&off) < 1e-12);
        // G D Gᵀ = X, and so W S W = G(GᵀSG)Gᵀ = X.
        scaling.unscale_primal(&s_hat, &mut back);
        let error: Vec<f64> = back.iter().zip(&x).map(|(a, b)| a - b).collect();
        assert!(max_abs(&error) < 1e-12);
    }
}
