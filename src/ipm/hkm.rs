//! The HKM direction[^HRVW96][^KSH97][^M97]: `X S = σμI` linearised as `dx = σμS⁻¹ − X − sym(X ds S⁻¹)`.
//!
//! Its Gram matrix is `tr(A_i X A_j S⁻¹)`, and no spectral decomposition is needed: per iteration one inverse and a few
//! products where the Nesterov–Todd scaling takes singular values.
//!
//! [^HRVW96]: Helmberg, Rendl, Vanderbei, Wolkowicz. An interior-point method for semidefinite programming. SIAM J. Optim.
//! 6, 1996.
//! [^KSH97]: Kojima, Shindoh, Hara. Interior-point methods for the monotone semidefinite linear complementarity problem in
//! symmetric matrices. SIAM J. Optim. 7, 1997.
//! [^M97]: Monteiro. Primal-dual path-following algorithms for semidefinite programming. SIAM J. Optim. 7, 1997.

use super::direction::{Direction, Geometry, System};
use super::scaling::{FULL_STEP, Interior};
use crate::constraints::{Block, BlockWeight};
use crate::error::Result;
use crate::linalg::lanczos;
use crate::linalg::product::gemm;
use crate::projection::Projection;
use faer::{Accum, Mat, MatMut, MatRef};

/// One primal–dual point with the inverse of its dual part.
pub(super) struct Hkm<'a> {
    blocks: Vec<Block>,
    x: &'a [f64],
    s: &'a [f64],
    /// `S⁻¹`, flat.
    inverse: Vec<f64>,
    /// `√(x/s)` of every nonnegative block.
    root: Vec<Vec<f64>>,
    primal: &'a Interior,
    dual: &'a Interior,
}

impl<'a> Hkm<'a> {
    /// # Complexity
    /// `n³` flops a PSD block.
    pub(super) fn new(
        blocks: &[Block],
        x: &'a [f64],
        s: &'a [f64],
        primal: &'a Interior,
        dual: &'a Interior,
    ) -> Self {
        let mut inverse = vec![0.0; x.len()];
        let mut root = vec![];
        let mut at = 0;
        for (b, block) in blocks.iter().enumerate() {
            let part = at..at + block.ambient();
            at = part.end;
            let (x, s) = (&x[part.clone()], &s[part.clone()]);
            match *block {
                Block::Nonneg(_) => {
                    root.push(x.iter().zip(s).map(|(x, s)| (x / s).sqrt()).collect());
                    inverse[part]
                        .iter_mut()
                        .zip(s)
                        .for_each(|(i, s)| *i = 1.0 / s);
                }
                Block::Psd(n) => {
                    if let Some(factor) = dual.factor(b) {
                        let full = factor.inverse();
                        MatMut::from_column_major_slice_mut(&mut inverse[part], n, n)
                            .copy_from(full.as_ref());
                    }
                }
            }
        }
        Self {
            blocks: blocks.to_vec(),
            x,
            s,
            inverse,
            root,
            primal,
            dual,
        }
    }

    /// `out ← sym(l m r)` block by block; entrywise products on nonnegative blocks.
    fn sandwich<'v>(&self, l: &'v [f64], m: &'v [f64], r: &'v [f64], out: &mut [f64]) {
        let mut at = 0;
        for block in &self.blocks {
            let part = at..at + block.ambient();
            at = part.end;
            match *block {
                Block::Nonneg(_) => part.for_each(|k| out[k] = l[k] * m[k] * r[k]),
                Block::Psd(n) => {
                    let view =
                        |v: &'v [f64]| MatRef::from_column_major_slice(&v[part.clone()], n, n);
                    let (mut half, mut full) = (Mat::zeros(n, n), Mat::zeros(n, n));
                    gemm(half.as_mut(), Accum::Replace, 1.0, view(l), view(m));
                    gemm(full.as_mut(), Accum::Replace, 1.0, half.as_ref(), view(r));
                    let mut out = MatMut::from_column_major_slice_mut(&mut out[part.clone()], n, n);
                    for j in 0..n {
                        for i in 0..n {
                            out[(i, j)] = 0.5 * (full[(i, j)] + full[(j, i)]);
                        }
                    }
                }
            }
        }
    }

    /// The direction with `dx = e − sym(X ds S⁻¹)`.
    fn direction(
        &self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        e: Vec<f64>,
    ) -> Result<Direction> {
        let n = self.x.len();
        let mut flat = vec![0.0; n];
        if system.dual.iter().any(|&r| r != 0.0) {
            self.sandwich(self.x, system.dual, &self.inverse, &mut flat);
        }
        flat.iter_mut().zip(&e).for_each(|(f, e)| *f -= e);
        let mut dy = vec![0.0; system.a.len()];
        system.a.apply(&flat, &mut dy)?;
        dy.iter_mut().zip(system.primal).for_each(|(r, p)| *r += p);
        let residual = system.solve(projection, &mut dy)?;
        let mut ds = flat;
        system.a.adjoint(&dy, &mut ds)?;
        ds.iter_mut()
            .zip(system.dual)
            .for_each(|(s, r)| *s = r - *s);
        let mut dx = vec![0.0; n];
        self.sandwich(self.x, &ds, &self.inverse, &mut dx);
        dx.iter_mut().zip(&e).for_each(|(x, e)| *x = e - *x);
        let longest = (
            self.longest(self.primal, self.x, &dx)?,
            self.longest(self.dual, self.s, &ds)?,
        );
        Ok(Direction {
            dx,
            dy,
            ds,
            residual,
            longest,
            ..Direction::default()
        })
    }

    /// Longest step of one side, from Cholesky factors of its point.
    fn longest(&self, interior: &Interior, point: &[f64], d: &[f64]) -> Result<f64> {
        let (mut at, mut least) = (0, 0.0f64);
        for (b, block) in self.blocks.iter().enumerate() {
            let part = at..at + block.ambient();
            at = part.end;
            least = least.min(match (*block, interior.factor(b)) {
                (Block::Psd(n), Some(factor)) => {
                    let d = MatRef::from_column_major_slice(&d[part], n, n);
                    let (mut u, mut v) = (Mat::zeros(n, 1), Mat::zeros(n, 1));
                    lanczos::smallest_eigenvalue(n, FULL_STEP, |from, out| {
                        u.col_as_slice_mut(0).copy_from_slice(from);
                        factor.solve_upper_in_place(u.as_mut());
                        gemm(v.as_mut(), Accum::Replace, 1.0, d, u.as_ref());
                        factor.solve_lower_in_place(v.as_mut());
                        out.copy_from_slice(v.col_as_slice(0));
                    })?
                }
                _ => part.map(|k| d[k] / point[k]).fold(0.0, f64::min),
            });
        }
        Ok(if least < 0.0 {
            -1.0 / least
        } else {
            f64::INFINITY
        })
    }
}

impl Geometry for Hkm<'_> {
    fn weight(&self) -> Vec<BlockWeight<'_>> {
        let (mut at, mut roots) = (0, self.root.iter());
        let mut out = vec![];
        for block in &self.blocks {
            let part = at..at + block.ambient();
            at = part.end;
            match *block {
                Block::Nonneg(_) => out.extend(roots.next().map(|w| BlockWeight::Nonneg(w))),
                Block::Psd(n) => out.push(BlockWeight::Pair {
                    x: MatRef::from_column_major_slice(&self.x[part.clone()], n, n),
                    z: MatRef::from_column_major_slice(&self.inverse[part], n, n),
                }),
            }
        }
        out
    }

    fn affine(&self, system: &System<'_>, projection: &mut dyn Projection) -> Result<Direction> {
        self.direction(system, projection, self.x.iter().map(|x| -x).collect())
    }

    fn corrected(
        &self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        affine: &Direction,
        centre: f64,
    ) -> Result<Direction> {
        let mut e = vec![0.0; self.x.len()];
        self.sandwich(&affine.dx, &affine.ds, &self.inverse, &mut e);
        for ((e, x), z) in e.iter_mut().zip(self.x).zip(&self.inverse) {
            *e = centre * z - x - *e;
        }
        self.direction(system, projection, e)
    }
}
