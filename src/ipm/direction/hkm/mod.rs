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

mod corrector;
mod rank_one;
mod spare;

use super::{Direction, Geometry, System};
use crate::constraints::{Block, BlockWeight, Constraints};
use crate::error::Result;
use crate::linalg::real::Real;
use crate::projection::Projection;
use faer::{Accum, MatMut, MatRef};
use pulp::Arch;
use rank_one::apart;
use spare::Spare;

/// Relative accuracy of the affine step length, which only sets the centring.
const AFFINE_ACCURACY: f64 = 0.1;
/// Relative accuracy of the step length that is taken.
const STEP_ACCURACY: f64 = 0.03;

/// Storage for one solve, and the scaling at its current point.
pub(in crate::ipm) struct Hkm {
    blocks: Vec<Block>,
    /// `Z = S⁻¹`, flat.
    inverse: Vec<f64>,
    /// `√(x/s)` of every nonnegative block.
    root: Vec<Vec<f64>>,
    /// `A(X R_d Z)`; empty when `R_d = 0`.
    infeasible: Vec<f64>,
    /// Whether rows of rank one are kept apart, see [`rank_one`].
    apart: bool,
    work: Work,
    spare: Spare,
}

/// Work space: one flat vector, one matrix of the largest order, and the entries that the rows read.
struct Work {
    t: Vec<f64>,
    half: Vec<f64>,
    read: Vec<f64>,
}

fn view(v: &[f64], n: usize) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(v, n, n)
}

fn view_mut(v: &mut [f64], n: usize) -> MatMut<'_, f64> {
    MatMut::from_column_major_slice_mut(v, n, n)
}

impl Hkm {
    pub(in crate::ipm) fn new(a: &Constraints) -> Self {
        let largest = a.blocks().iter().map(|b| match *b {
            Block::Psd(n) => n * n,
            Block::Nonneg(_) => 0,
        });
        Self {
            apart: a.parts().iter().any(|part| apart(part).next().is_some()),
            blocks: a.blocks().to_vec(),
            inverse: vec![0.0; a.ambient()],
            root: vec![],
            infeasible: vec![],
            work: Work {
                t: vec![0.0; a.ambient()],
                half: vec![0.0; largest.max().unwrap_or(0)],
                read: vec![],
            },
            spare: Spare::default(),
        }
    }

    /// `A(X R_d Z)`, unless `R_d` vanishes.
    fn prepare(&mut self, system: &System<'_>) -> Result<()> {
        self.infeasible.clear();
        if system.dual_feasible {
            return Ok(());
        }
        for b in 0..self.blocks.len() {
            self.product(system, b, system.x, (&[], system.dual), Accum::Replace);
        }
        self.infeasible.resize(system.a.len(), 0.0);
        system.a.apply(&self.work.t, &mut self.infeasible)
    }

    /// Adds `sign · A(u)`; `A` reads the symmetric part of `u`.
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

    /// `dx ← sign · dx + centre · Z − sym(t)` block by block.
    fn primal_part(&self, centre: f64, sign: f64, dx: &mut [f64]) {
        let mut at = 0;
        for block in &self.blocks {
            let part = at..at + block.ambient();
            at = part.end;
            let (z, t) = (&self.inverse[part.clone()], &self.work.t[part.clone()]);
            let dx = &mut dx[part];
            match *block {
                Block::Nonneg(_) => {
                    for ((d, z), t) in dx.iter_mut().zip(z).zip(t) {
                        *d = sign * *d + centre * z - t;
                    }
                }
                Block::Psd(n) => symmetric_part(dx, n, t, |k, d, t| sign * d + centre * z[k] - t),
            }
        }
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
            let space = system.dual_storage;
            space.sparsity(b).multiply(&d.1[space.range(b)], v, out);
        };
        let (x_space, s_space) = (system.primal_storage, system.dual_storage);
        Ok((
            primal.longest(x_space, system.x, d.0, accuracy, dense)?,
            dual.longest(s_space, system.s, d.1, accuracy, along)?,
        ))
    }
}

/// `out_k ← f(k, out_k, sym(t)_k)` for symmetric `f` and `out`, in tiles so that the transposed reads stay in cache.
fn symmetric_part(out: &mut [f64], n: usize, t: &[f64], f: impl Fn(usize, f64, f64) -> f64) {
    const TILE: usize = 32;
    for j0 in (0..n).step_by(TILE) {
        for i0 in (j0..n).step_by(TILE) {
            for j in j0..(j0 + TILE).min(n) {
                for i in i0.max(j)..(i0 + TILE).min(n) {
                    let (k, mirrored) = (i + j * n, j + i * n);
                    let v = f(k, out[k], 0.5 * (t[k] + t[mirrored]));
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
                    let s = &system.s[system.dual_storage.range(b)];
                    let x = &system.x[part.clone()];
                    let root = x.iter().zip(s).map(|(x, s)| (x / s).sqrt()).collect();
                    self.root.push(root);
                    let inverse = self.inverse[part].iter_mut().zip(s);
                    inverse.for_each(|(i, s)| *i = 1.0 / s);
                }
                Block::Psd(n) => {
                    let z = view_mut(&mut self.inverse[part], n);
                    let scratch = view_mut(&mut self.work.half[..n * n], n);
                    system.interiors.1.inverse(b, z, scratch);
                }
            }
        }
        self.prepare(system)
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
        let mut dy = system.b.to_vec();
        dy.iter_mut()
            .zip(&self.infeasible)
            .for_each(|(r, s)| *r += s);
        let residual = system.solve(projection, &mut dy)?;
        let mut ds = self.plain_part(system, &dy, true);
        for b in 0..self.blocks.len() {
            self.product(system, b, system.x, (&dy, &ds), Accum::Replace);
        }
        let mut plain = vec![];
        if self.apart {
            plain = self.spare.copy(&ds);
            self.add_apart(system, &dy, &mut ds);
        }
        let mut dx = self.spare.copy(system.x);
        self.primal_part(0.0, -1.0, &mut dx);
        let longest = self.longest(system, (&dx, &ds), AFFINE_ACCURACY)?;
        Ok(Direction {
            dx,
            dy,
            ds,
            plain,
            residual,
            longest,
            ..Direction::default()
        })
    }

    fn corrected(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        affine: Direction,
        centre: f64,
    ) -> Result<Direction> {
        // Solve for the multipliers of the correction, on top of the affine direction as rounding left it.
        let wanted = |r: &f64| (1.0 - centre / system.mu) * r;
        let rhs: Vec<f64> = system.primal.iter().map(wanted).collect();
        let (mut dy, multiplied) = self.corrector_rhs(system, &affine, centre, rhs)?;
        let residual = system.solve(projection, &mut dy)?;

        // The dual side: the affine part is added last, as `dX` needs the correction alone.
        let Direction {
            mut dx,
            dy: affine_dy,
            mut ds,
            plain: affine_plain,
            ..
        } = affine;
        self.spare.give(affine_plain);
        let d = self.plain_part(system, &dy, false);
        self.add_products(system, &dy, &d, &multiplied);
        ds.iter_mut().zip(&d).for_each(|(s, d)| *s += d);
        if self.apart {
            self.add_apart(system, &dy, &mut ds);
        }
        self.spare.give(d);

        // The primal side, refined until `A(dX)` is what was asked for.
        self.primal_part(centre, 1.0, &mut dx);
        self.refine(system, projection, &mut dx, wanted)?;
        dy.iter_mut().zip(&affine_dy).for_each(|(d, a)| *d += a);
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

    fn recycle(&mut self, used: Direction) {
        for v in [used.dx, used.ds, used.plain] {
            self.spare.give(v);
        }
    }
}
