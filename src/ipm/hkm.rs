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
use crate::constraints::{Block, BlockWeight, Constraints, Part, RankOne};
use crate::error::Result;
use crate::linalg::product::{gemm, transpose};
use crate::linalg::real::Real;
use crate::linalg::{axpy, norm};
use crate::projection::Projection;
use faer::{Accum, MatMut, MatRef};
use pulp::Arch;

/// The share of an eigenvalue to which the affine step is known: it only sets the centring.
const AFFINE_ACCURACY: f64 = 0.1;
/// The same for the step that is taken.
const STEP_ACCURACY: f64 = 0.03;

/// Space for one solve, and what belongs to its current point.
pub(super) struct Hkm {
    blocks: Vec<Block>,
    /// `Z = S⁻¹`, flat.
    inverse: Vec<f64>,
    /// `√(x/s)` of every nonnegative block.
    root: Vec<Vec<f64>>,
    /// `A(X R_d Z)`; empty when `R_d = 0`.
    infeasible: Vec<f64>,
    /// Whether rows of rank one are kept apart, see [`Hkm::product`].
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
    pub(super) fn new(a: &Constraints) -> Self {
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

    /// `t ← left · dS · Z`, or `t += …`, on one block, for a dual direction `dS = d − Σ dy_r σ a aᵀ`.
    ///
    /// The sum is over the rows of rank one with a dense `a`. Where such a row holds the primal at the boundary its multiplier
    /// runs away, `X a` and `Z a` nearly vanish, and entries of `X dS` would cancel: hence `(X a)(Z a)ᵀ`, which keeps the
    /// digits and leaves a sparse `d`.
    fn product(
        &mut self,
        system: &System<'_>,
        b: usize,
        left: &[f64],
        (dy, d): (&[f64], &[f64]),
        accum: Accum,
    ) {
        let part = system.a.range(b);
        let d = &d[system.dual_space.range(b)];
        let (left, z) = (&left[part.clone()], &self.inverse[part.clone()]);
        let Work { t, half, .. } = &mut self.work;
        let t = &mut t[part.clone()];
        let Block::Psd(n) = self.blocks[b] else {
            for (((t, x), d), z) in t.iter_mut().zip(left).zip(d).zip(z) {
                let fresh = x * d * z;
                *t = if matches!(accum, Accum::Add) {
                    *t + fresh
                } else {
                    fresh
                };
            }
            return;
        };
        let half = &mut half[..n * n];
        let dual = system.dual_space.sparsity(b);
        dual.times(view(left, n), d, Accum::Replace, view_mut(half, n));
        if system.interiors.1.solve_rows(b, view_mut(half, n)) {
            match accum {
                Accum::Replace => t.copy_from_slice(half),
                Accum::Add => t.iter_mut().zip(half).for_each(|(t, h)| *t += *h),
            }
        } else {
            gemm(view_mut(t, n), accum, 1.0, view(half, n), view(z, n));
        }
        let (mut u, mut v) = (vec![0.0; n], vec![0.0; n]);
        for (i, a) in apart(&system.a.parts()[b]).filter(|_| !dy.is_empty()) {
            a.times(view(left, n), &mut u);
            a.times(view(z, n), &mut v);
            let scale = -dy[i] * a.sign;
            for (column, v) in t.chunks_exact_mut(n).zip(&v) {
                axpy(scale * v, &u, column);
            }
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

    /// `dS = R_d − Aᵀdy` (or without `R_d`) but for the rows that are kept apart.
    fn plain_part(&mut self, system: &System<'_>, dy: &[f64], residual: bool) -> Vec<f64> {
        let (a, space) = (system.a, system.dual_space);
        let mut d = self.spare.take(space.len());
        if self.apart {
            for (b, part) in a.parts().iter().enumerate() {
                // Such a row may touch other blocks, where it is as any other.
                let mut rest = dy.to_vec();
                apart(part).for_each(|(i, _)| rest[i] = 0.0);
                space.adjoint_block(a, b, &rest, &mut d[space.range(b)]);
            }
        } else {
            space.adjoint(a, dy, &mut d);
        }
        if residual && !system.dual_feasible {
            d.iter_mut().zip(system.dual).for_each(|(d, r)| *d = r - *d);
        } else {
            d.iter_mut().for_each(|d| *d = -*d);
        }
        d
    }

    /// Adds to `dS` what those rows contribute.
    fn add_apart(&self, system: &System<'_>, dy: &[f64], ds: &mut [f64]) {
        for (b, part) in system.a.parts().iter().enumerate() {
            for (i, a) in apart(part) {
                let ds = &mut ds[system.dual_space.range(b)];
                a.add_to(-dy[i], ds, self.blocks[b].order());
            }
        }
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
            let space = system.dual_space;
            space.sparsity(b).multiply(&d.1[space.range(b)], v, out);
        };
        let (x_space, s_space) = (system.primal_space, system.dual_space);
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
                    let s = &system.s[system.dual_space.range(b)];
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
                let d = &d[system.dual_space.range(b)];
                let dual = system.dual_space.sparsity(b);
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
            let (x, d) = (&system.x[part.clone()], &d[system.dual_space.range(b)]);
            let dual = system.dual_space.sparsity(b);
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

/// The rows of rank one that are kept apart on a block, with their constraints.
fn apart(part: &Part) -> impl Iterator<Item = (usize, &RankOne)> {
    let rows = match part {
        Part::Psd(rows) if rows.packed().is_none() => Some(rows),
        _ => None,
    };
    rows.into_iter().flat_map(|rows| {
        (0..rows.touching()).filter_map(|k| Some((rows.get(k).0, rows.factored(k)?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipm::interior::Interior;
    use crate::ipm::space::Space;
    use crate::problem::ConicProgram;
    use faer::Mat;

    /// With a row `eeᵀ` that is kept apart, and touches a number too: `left · dS · Z` from the pieces, and `dS` itself.
    #[test]
    fn products_from_pieces_are_those_of_the_whole() {
        let n = 12;
        let blocks = [Block::Psd(n), Block::Nonneg(1)];
        let mut a = Constraints::builder(n + 1, &blocks).unwrap();
        let mut c = Constraints::builder(1, &blocks).unwrap();
        a.entry(n, 1, 0, 0, 2.0).unwrap();
        for i in 0..n {
            a.entry(i, 0, i, i, 1.0).unwrap();
            c.entry(0, 0, i, (i + 1) % n, 1.0).unwrap();
            for j in 0..=i {
                a.entry(n, 0, j, i, 1.0).unwrap();
            }
        }
        let b = vec![1.0; n + 1];
        let program = ConicProgram::new(a.build().unwrap(), b, c.build().unwrap()).unwrap();
        let a = program.constraints();
        let flat = |f: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..=n * n).map(|k| f(k % n, k / n)).collect()
        };
        let s = flat(&|i, j| {
            if i == j {
                4.0
            } else {
                ((i + j) as f64).sin().abs() * 0.3
            }
        });
        let left = flat(&|i, j| ((i * j) as f64).cos());
        let (primal_space, dual_space) = (Space::flat(a.blocks()), Space::dual(&program));
        let interior = |v: &[f64]| Interior::new(&primal_space, v).unwrap();
        let zeros = vec![0.0; n * n + 1];
        let system = System {
            a,
            b: program.rhs(),
            scale_b: 2.0,
            scale_c: 1.0,
            x: &s,
            s: &s,
            primal_space: &primal_space,
            dual_space: &dual_space,
            interiors: (&interior(&s), &interior(&s)),
            primal: &vec![0.0; n + 1],
            dual: &zeros,
            dual_feasible: true,
            mu: 1.0,
            target: 0.0,
            inexact: 0.0,
        };
        let mut hkm = Hkm::new(a);
        assert!(hkm.apart);
        hkm.move_to(&system).unwrap();
        let dy: Vec<f64> = (0..=n).map(|i| 1.0 + i as f64).collect();
        let d = hkm.plain_part(&system, &dy, true);
        let mut ds = d.clone();
        hkm.add_apart(&system, &dy, &mut ds);
        let mut expected = vec![0.0; n * n + 1];
        a.adjoint(&dy, &mut expected).unwrap();
        assert!((0..=n * n).all(|k| (ds[k] + expected[k]).abs() < 1e-13));
        let whole: Mat<f64> =
            view(&left[..n * n], n) * view(&ds[..n * n], n) * view(&hkm.inverse[..n * n], n);
        hkm.product(&system, 0, &left, (&dy, &d), Accum::Replace);
        assert!((view(&hkm.work.t[..n * n], n) - &whole).norm_max() < 1e-11);
        hkm.product(&system, 0, &left, (&dy, &d), Accum::Add);
        assert!((view(&hkm.work.t[..n * n], n) - &whole * faer::Scale(2.0)).norm_max() < 1e-11);
    }
}
