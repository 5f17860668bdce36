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

mod rank_one;

use super::{Direction, Geometry, System};
use crate::constraints::{Block, BlockWeight, Constraints, Part};
use crate::error::Result;
use crate::linalg::norm;
use crate::linalg::product::{gemm, transpose};
use crate::linalg::real::Real;
use crate::projection::Projection;
use faer::{Accum, MatMut, MatRef};
use pulp::Arch;
use rank_one::apart;

/// The share of an eigenvalue to which the affine step is known: it only sets the centring.
const AFFINE_ACCURACY: f64 = 0.1;
/// The same for the step that is taken.
const STEP_ACCURACY: f64 = 0.03;

/// Storage for one solve, and what belongs to its current point.
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

/// One flat vector, one matrix of the largest order, and what rows read.
struct Work {
    t: Vec<f64>,
    half: Vec<f64>,
    read: Vec<f64>,
}

/// Long vectors that are no longer needed, for those that will be: memory that is given back is cleared page by page when it is
/// asked for again, which takes a fifth of the time of a sparse problem.
#[derive(Default)]
struct Spare(Vec<Vec<f64>>);

impl Spare {
    /// A vector of this length, with anything in it.
    fn take(&mut self, length: usize) -> Vec<f64> {
        match self.0.iter().position(|v| v.len() == length) {
            Some(at) => self.0.swap_remove(at),
            None => vec![0.0; length],
        }
    }

    fn copy(&mut self, of: &[f64]) -> Vec<f64> {
        let mut out = self.take(of.len());
        out.copy_from_slice(of);
        out
    }

    fn give(&mut self, v: Vec<f64>) {
        if !v.is_empty() {
            self.0.push(v);
        }
    }
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

    /// Makes good what rounding left of `A(dX) = r`, by further Newton systems: `dX += sym(X Aᵀ(δ) Z)`, `K δ = r − A(dX)`.
    /// `dS` stays as it is: the change of `dX` is of the size of its rounding errors.
    fn refine(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        dx: &mut Vec<f64>,
        wanted: impl Fn(&f64) -> f64,
    ) -> Result<()> {
        const PASSES: usize = 2;
        let mut sums = vec![];
        let mut rest = |dx: &[f64]| -> Result<Vec<f64>> {
            let mut r: Vec<f64> = system.primal.iter().map(&wanted).collect();
            Self::add_rows(system, dx, -1.0, &mut sums, &mut r)?;
            Ok(r)
        };
        let mut r = rest(dx)?;
        for _ in 0..PASSES {
            let before = norm(&r);
            if before <= system.target {
                break;
            }
            // No better than halved by what is known to no better than a half.
            let known = system.solve(projection, &mut r)?;
            if known.is_nan() || known > 0.5 {
                break;
            }
            let d = self.plain_part(system, &r, false);
            for b in 0..self.blocks.len() {
                self.product(system, b, system.x, (&r, &d), Accum::Replace);
            }
            self.spare.give(d);
            let mut tried = self.spare.copy(dx);
            self.primal_part(0.0, 1.0, &mut tried);
            r = rest(&tried)?;
            let better = norm(&r) <= 0.5 * before;
            if better {
                core::mem::swap(dx, &mut tried);
            }
            self.spare.give(tried);
            if !better {
                break;
            }
        }
        Ok(())
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
        // On top of the affine direction as it came out: what rounding left of its residual is made good.
        let wanted = |r: &f64| (1.0 - centre / system.mu) * r;
        let (mut dy, mut sums) = (
            system.primal.iter().map(wanted).collect::<Vec<f64>>(),
            vec![],
        );
        Self::add_rows(system, &affine.dx, -1.0, &mut sums, &mut dy)?;
        Self::add_rows(system, &self.inverse, -centre, &mut sums, &mut dy)?;
        sums.fill(0.0);
        let mut multiplied = vec![];
        let d = if self.apart {
            &affine.plain
        } else {
            &affine.ds
        };
        for b in 0..self.blocks.len() {
            let part = system.a.range(b);
            if let Part::Psd(rows) = &system.a.parts()[b]
                && let Some(pattern) = rows.pattern()
                && apart(&system.a.parts()[b]).next().is_none()
            {
                // t: dX_a dS_a alone, and of its product with Z what the rows read.
                let n = rows.order();
                let Work { t, half, read, .. } = &mut self.work;
                let (t, half) = (&mut t[part.clone()], &mut half[..n * n]);
                let dx = view(&affine.dx[part.clone()], n);
                let d = &d[system.dual_storage.range(b)];
                let dual = system.dual_storage.sparsity(b);
                dual.times(dx, d, Accum::Replace, view_mut(t, n));
                transpose(view(t, n), view_mut(half, n));
                let z = view(&self.inverse[part], n);
                pattern.products(view(half, n), z, false, read);
                rows.apply_along(pattern, read, &mut sums);
                multiplied.push(false);
            } else {
                self.product(system, b, &affine.dx, (&affine.dy, d), Accum::Replace);
                system.a.apply_block(b, &self.work.t[part], &mut sums);
                multiplied.push(true);
            }
        }
        dy.iter_mut().zip(&sums).for_each(|(r, s)| *r += s);
        let residual = system.solve(projection, &mut dy)?;
        let Direction {
            mut dx,
            dy: affine_dy,
            mut ds,
            plain: affine_plain,
            ..
        } = affine;
        self.spare.give(affine_plain);
        let d = self.plain_part(system, &dy, false);
        for (b, multiplied) in multiplied.into_iter().enumerate() {
            if multiplied {
                self.product(system, b, system.x, (&dy, &d), Accum::Add);
                continue;
            }
            let (part, n) = (system.a.range(b), self.blocks[b].order());
            let Work { t, half, .. } = &mut self.work;
            let (t, half) = (&mut t[part.clone()], &mut half[..n * n]);
            let (x, d) = (&system.x[part.clone()], &d[system.dual_storage.range(b)]);
            let dual = system.dual_storage.sparsity(b);
            dual.times(view(x, n), d, Accum::Add, view_mut(t, n));
            if !system.interiors.1.solve_rows(b, view_mut(t, n)) {
                half.copy_from_slice(t);
                let z = view(&self.inverse[part], n);
                gemm(view_mut(t, n), Accum::Replace, 1.0, view(half, n), z);
            }
        }
        ds.iter_mut().zip(&d).for_each(|(s, d)| *s += d);
        if self.apart {
            self.add_apart(system, &dy, &mut ds);
        }
        self.spare.give(d);
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
