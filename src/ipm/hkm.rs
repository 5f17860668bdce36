//! The HKM direction[^HRVW96][^KSH97][^M97]: `X S = σμI` linearised as `dx = σμS⁻¹ − X − sym(X ds S⁻¹)`.
//!
//! Its Gram matrix is `tr(A_i X A_j S⁻¹)`, and no spectral decomposition is needed: per iteration one inverse and a few
//! products where the Nesterov–Todd scaling takes singular values. With `Z = S⁻¹`, `R_d = c − Aᵀy − s` and
//! `E = σμZ − X − sym(dX_a dS_a Z)` (`E = −X` for the affine direction):
//!
//! ```text
//! K dy = r_p − A(E) + A(X R_d Z),   dS = R_d − Aᵀdy,   dX = E − sym(X dS Z)
//! ```
//!
//! where `r_p + A(X) = b`. Products with `dS` cost its nonzeros where the problem's pattern is sparse, products with `Z`
//! those of the factor of `S`, and of `dX_a dS_a Z` no more than the rows read.
//!
//! [^HRVW96]: Helmberg, Rendl, Vanderbei, Wolkowicz. An interior-point method for semidefinite programming. SIAM J. Optim.
//! 6, 1996.
//! [^KSH97]: Kojima, Shindoh, Hara. Interior-point methods for the monotone semidefinite linear complementarity problem in
//! symmetric matrices. SIAM J. Optim. 7, 1997.
//! [^M97]: Monteiro. Primal-dual path-following algorithms for semidefinite programming. SIAM J. Optim. 7, 1997.

use super::direction::{Direction, Geometry, System};
use super::sparsity::Sparsity;
use crate::constraints::{Block, BlockWeight, Part};
use crate::error::Result;
use crate::linalg::product::{gemm, transpose};
use crate::linalg::real::Real;
use crate::projection::Projection;
use faer::{Accum, Mat, MatMut, MatRef};
use pulp::Arch;

/// The share of an eigenvalue to which the affine step is known: it only sets the centring.
const AFFINE_ACCURACY: f64 = 0.1;
/// The same for the step that is taken.
const STEP_ACCURACY: f64 = 0.03;

/// Space for one solve, and what belongs to its current point.
pub(super) struct Hkm {
    blocks: Vec<Block>,
    sparsity: Vec<Sparsity>,
    /// `Z = S⁻¹`, flat.
    inverse: Vec<f64>,
    /// `√(x/s)` of every nonnegative block.
    root: Vec<Vec<f64>>,
    /// `X R_d Z`, flat; empty when `R_d = 0`.
    infeasible: Vec<f64>,
    work: Work,
}

/// Two matrices a PSD block, flat.
struct Work {
    t: Vec<f64>,
    half: Vec<f64>,
    read: Vec<f64>,
    triangle: Vec<f64>,
}

fn view(v: &[f64], n: usize) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(v, n, n)
}

fn view_mut(v: &mut [f64], n: usize) -> MatMut<'_, f64> {
    MatMut::from_column_major_slice_mut(v, n, n)
}

impl Hkm {
    pub(super) fn new(blocks: &[Block], sparsity: Vec<Sparsity>) -> Self {
        let n = blocks.iter().map(|b| b.ambient()).sum();
        Self {
            blocks: blocks.to_vec(),
            sparsity,
            inverse: vec![0.0; n],
            root: vec![],
            infeasible: vec![],
            work: Work {
                t: vec![0.0; n],
                half: vec![0.0; n],
                read: vec![],
                triangle: vec![],
            },
        }
    }

    /// `t ← t Z` on a PSD block, by the sparse factor of `S` where there is one.
    fn times_inverse(&mut self, system: &System<'_>, b: usize, part: core::ops::Range<usize>) {
        let n = self.blocks[b].order();
        let Work { t, half, .. } = &mut self.work;
        let (t, half) = (&mut t[part.clone()], &mut half[part.clone()]);
        if !system.interiors.1.solve_rows(b, view_mut(t, n)) {
            half.copy_from_slice(t);
            let z = view(&self.inverse[part], n);
            gemm(view_mut(t, n), Accum::Replace, 1.0, view(half, n), z);
        }
    }

    /// `X R_d Z`, unless `R_d` vanishes.
    fn prepare(&mut self, system: &System<'_>) {
        self.infeasible.clear();
        if system.dual_feasible {
            return;
        }
        let mut at = 0;
        for b in 0..self.blocks.len() {
            let block = self.blocks[b];
            let part = at..at + block.ambient();
            at = part.end;
            match block {
                Block::Nonneg(_) => part
                    .for_each(|k| self.work.t[k] = system.x[k] * system.dual[k] * self.inverse[k]),
                Block::Psd(n) => {
                    let (x, r) = (&system.x[part.clone()], &system.dual[part.clone()]);
                    let t = view_mut(&mut self.work.t[part.clone()], n);
                    self.sparsity[b].times(view(x, n), view(r, n), Accum::Replace, t);
                    self.times_inverse(system, b, part);
                }
            }
        }
        self.infeasible.extend_from_slice(&self.work.t);
    }

    /// Adds `sign · A(u)`, of which the symmetric part counts.
    fn add_rows(
        system: &System<'_>,
        u: &[f64],
        sign: f64,
        sums: &mut Vec<f64>,
        rhs: &mut [f64],
    ) -> Result<()> {
        sums.resize(rhs.len(), 0.0);
        system.a.apply(u, sums)?;
        rhs.iter_mut().zip(sums).for_each(|(r, s)| *r += sign * *s);
        Ok(())
    }

    /// `dy` and `ds` from the right-hand side of the Newton system.
    fn dual_part(
        &self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        mut dy: Vec<f64>,
    ) -> Result<(Vec<f64>, Vec<f64>, f64)> {
        let residual = system.solve(projection, &mut dy)?;
        let mut ds = vec![0.0; system.x.len()];
        system.a.adjoint(&dy, &mut ds)?;
        if system.dual_feasible {
            ds.iter_mut().for_each(|s| *s = -*s);
        } else {
            ds.iter_mut()
                .zip(system.dual)
                .for_each(|(s, r)| *s = r - *s);
        }
        Ok((dy, ds, residual))
    }

    /// `centre · Z − X − sym(t)` block by block.
    fn primal_part(&self, system: &System<'_>, centre: f64) -> Vec<f64> {
        let mut dx = vec![0.0; system.x.len()];
        let mut at = 0;
        for block in &self.blocks {
            let part = at..at + block.ambient();
            at = part.end;
            let (x, z) = (&system.x[part.clone()], &self.inverse[part.clone()]);
            let (t, dx) = (&self.work.t[part.clone()], &mut dx[part]);
            match *block {
                Block::Nonneg(_) => {
                    for (((d, x), z), t) in dx.iter_mut().zip(x).zip(z).zip(t) {
                        *d = centre * z - x - t;
                    }
                }
                Block::Psd(n) => symmetric_part(dx, n, t, |k, t| centre * z[k] - x[k] - t),
            }
        }
        dx
    }

    fn longest(
        &self,
        system: &System<'_>,
        d: (&[f64], &[f64]),
        accuracy: f64,
    ) -> Result<(f64, f64)> {
        let arch = Arch::new();
        let range = |b: usize| system.a.range(b);
        let (primal, dual) = system.interiors;
        let dense = |b: usize, v: &[f64], out: &mut [f64]| {
            f64::symv(arch, view(&d.0[range(b)], v.len()), v, out);
        };
        let along = |b: usize, v: &[f64], out: &mut [f64]| {
            self.sparsity[b].multiply(view(&d.1[range(b)], v.len()), v, out);
        };
        Ok((
            primal.longest(&self.blocks, system.x, d.0, accuracy, dense)?,
            dual.longest(&self.blocks, system.s, d.1, accuracy, along)?,
        ))
    }
}

/// `out ← f(k, sym(t)_k)` for a symmetric `f`, in tiles so that the transposed reads stay in cache.
fn symmetric_part(out: &mut [f64], n: usize, t: &[f64], f: impl Fn(usize, f64) -> f64) {
    const TILE: usize = 32;
    for j0 in (0..n).step_by(TILE) {
        for i0 in (j0..n).step_by(TILE) {
            for j in j0..(j0 + TILE).min(n) {
                for i in i0.max(j)..(i0 + TILE).min(n) {
                    let (k, mirrored) = (i + j * n, j + i * n);
                    let v = f(k, 0.5 * (t[k] + t[mirrored]));
                    out[k] = v;
                    out[mirrored] = v;
                }
            }
        }
    }
}

impl Geometry for Hkm {
    fn move_to(&mut self, system: &System<'_>) -> Result<()> {
        self.root.clear();
        let mut at = 0;
        for (b, block) in self.blocks.iter().enumerate() {
            let part = at..at + block.ambient();
            at = part.end;
            match *block {
                Block::Nonneg(_) => {
                    let (x, s) = (&system.x[part.clone()], &system.s[part.clone()]);
                    let root = x.iter().zip(s).map(|(x, s)| (x / s).sqrt()).collect();
                    self.root.push(root);
                    let inverse = self.inverse[part].iter_mut().zip(s);
                    inverse.for_each(|(i, s)| *i = 1.0 / s);
                }
                Block::Psd(n) => {
                    let z = view_mut(&mut self.inverse[part], n);
                    system.interiors.1.inverse(b, z);
                }
            }
        }
        self.prepare(system);
        Ok(())
    }

    fn weight<'s>(&'s self, system: &System<'s>) -> Vec<BlockWeight<'s>> {
        let (mut at, mut roots) = (0, self.root.iter());
        let mut out = vec![];
        for block in &self.blocks {
            let part = at..at + block.ambient();
            at = part.end;
            match *block {
                Block::Nonneg(_) => out.extend(roots.next().map(|w| BlockWeight::Nonneg(w))),
                Block::Psd(n) => out.push(BlockWeight::Pair {
                    x: view(&system.x[part.clone()], n),
                    z: view(&self.inverse[part], n),
                }),
            }
        }
        out
    }

    fn affine(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
    ) -> Result<Direction> {
        let mut rhs = system.b.to_vec();
        if !self.infeasible.is_empty() {
            let sums = &mut self.work.triangle;
            Self::add_rows(system, &self.infeasible, 1.0, sums, &mut rhs)?;
        }
        let (dy, ds, residual) = self.dual_part(system, projection, rhs)?;
        let mut at = 0;
        for b in 0..self.blocks.len() {
            let block = self.blocks[b];
            let part = at..at + block.ambient();
            at = part.end;
            let (x, ds) = (&system.x[part.clone()], &ds[part.clone()]);
            match block {
                Block::Nonneg(_) => {
                    let z = &self.inverse[part.clone()];
                    let t = self.work.t[part].iter_mut().zip(x).zip(ds).zip(z);
                    t.for_each(|(((t, x), d), z)| *t = x * d * z);
                }
                Block::Psd(n) => {
                    let t = view_mut(&mut self.work.t[part.clone()], n);
                    self.sparsity[b].times(view(x, n), view(ds, n), Accum::Replace, t);
                    self.times_inverse(system, b, part);
                }
            }
        }
        let dx = self.primal_part(system, 0.0);
        let longest = self.longest(system, (&dx, &ds), AFFINE_ACCURACY)?;
        Ok(Direction {
            dx,
            dy,
            ds,
            residual,
            longest,
            ..Direction::default()
        })
    }

    fn corrected(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        affine: &Direction,
        centre: f64,
    ) -> Result<Direction> {
        let mut rhs = system.b.to_vec();
        let mut sums = vec![];
        if !self.infeasible.is_empty() {
            Self::add_rows(system, &self.infeasible, 1.0, &mut sums, &mut rhs)?;
        }
        Self::add_rows(system, &self.inverse, -centre, &mut sums, &mut rhs)?;
        // t: dX_a dS_a where the rows read few entries of its product with Z, that product elsewhere.
        let mut multiplied = vec![true; self.blocks.len()];
        sums.fill(0.0);
        for b in 0..self.blocks.len() {
            let block = self.blocks[b];
            let part = system.a.range(b);
            let (dx, ds) = (&affine.dx[part.clone()], &affine.ds[part.clone()]);
            let z = &self.inverse[part.clone()];
            match block {
                Block::Nonneg(_) => {
                    let t = self.work.t[part.clone()].iter_mut().zip(dx).zip(ds).zip(z);
                    t.for_each(|(((t, x), d), z)| *t = x * d * z);
                    system.a.apply_block(b, &self.work.t[part], &mut sums);
                }
                Block::Psd(n) => {
                    let t = view_mut(&mut self.work.t[part.clone()], n);
                    self.sparsity[b].times(view(dx, n), view(ds, n), Accum::Replace, t);
                    if let Part::Psd(rows) = &system.a.parts()[b]
                        && let Some(pattern) = rows.pattern()
                    {
                        let Work { t, half, read, .. } = &mut self.work;
                        let (t, half) = (&t[part.clone()], &mut half[part.clone()]);
                        transpose(view(t, n), view_mut(half, n));
                        pattern.products(view(half, n), view(z, n), false, read);
                        rows.apply_along(pattern, read, &mut sums);
                        multiplied[b] = false;
                    } else {
                        self.times_inverse(system, b, part.clone());
                        system.a.apply_block(b, &self.work.t[part], &mut sums);
                    }
                }
            }
        }
        rhs.iter_mut().zip(&sums).for_each(|(r, s)| *r += s);
        let (dy, ds, residual) = self.dual_part(system, projection, rhs)?;
        for b in 0..self.blocks.len() {
            let block = self.blocks[b];
            let part = system.a.range(b);
            let (x, ds) = (&system.x[part.clone()], &ds[part.clone()]);
            match block {
                Block::Nonneg(_) => {
                    let z = &self.inverse[part.clone()];
                    let t = self.work.t[part].iter_mut().zip(x).zip(ds).zip(z);
                    t.for_each(|(((t, x), d), z)| *t += x * d * z);
                }
                Block::Psd(n) if multiplied[b] => {
                    let mut product = Mat::zeros(n, n);
                    self.sparsity[b].times(
                        view(x, n),
                        view(ds, n),
                        Accum::Replace,
                        product.as_mut(),
                    );
                    let t = view_mut(&mut self.work.t[part.clone()], n);
                    let z = view(&self.inverse[part], n);
                    gemm(t, Accum::Add, 1.0, product.as_ref(), z);
                }
                Block::Psd(n) => {
                    let t = view_mut(&mut self.work.t[part.clone()], n);
                    self.sparsity[b].times(view(x, n), view(ds, n), Accum::Add, t);
                    self.times_inverse(system, b, part);
                }
            }
        }
        let dx = self.primal_part(system, centre);
        let longest = self.longest(system, (&dx, &ds), STEP_ACCURACY)?;
        Ok(Direction {
            dx,
            dy,
            ds,
            residual,
            longest,
            ..Direction::default()
        })
    }
}
