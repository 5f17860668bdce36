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
    sparsity: Vec<Sparsity>,
    /// `Z = S⁻¹`, flat.
    inverse: Vec<f64>,
    /// `√(x/s)` of every nonnegative block.
    root: Vec<Vec<f64>>,
    /// `X R_d Z`, flat; empty when `R_d = 0`.
    infeasible: Vec<f64>,
    /// Whether rows of rank one are kept apart, see [`Hkm::product`].
    apart: bool,
    work: Work,
}

/// Two matrices a PSD block, flat.
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
    pub(super) fn new(a: &Constraints, sparsity: Vec<Sparsity>) -> Self {
        let (blocks, n) = (a.blocks(), a.ambient());
        let apart = a.parts().iter().any(|part| apart(part).next().is_some());
        Self {
            apart,
            blocks: blocks.to_vec(),
            sparsity,
            inverse: vec![0.0; n],
            root: vec![],
            infeasible: vec![],
            work: Work {
                t: vec![0.0; n],
                half: vec![0.0; n],
                read: vec![],
            },
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
        let (left, d, z) = (
            &left[part.clone()],
            &d[part.clone()],
            &self.inverse[part.clone()],
        );
        let Work { t, half, .. } = &mut self.work;
        let (t, half) = (&mut t[part.clone()], &mut half[part]);
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
        self.sparsity[b].times(view(left, n), view(d, n), Accum::Replace, view_mut(half, n));
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
            a.times(view(&self.inverse[system.a.range(b)], n), &mut v);
            let scale = -dy[i] * a.sign;
            let t = &mut self.work.t[system.a.range(b)];
            for (column, v) in t.chunks_exact_mut(n).zip(&v) {
                axpy(scale * v, &u, column);
            }
        }
    }

    /// `X R_d Z`, unless `R_d` vanishes.
    fn prepare(&mut self, system: &System<'_>) {
        if system.dual_feasible {
            self.infeasible = vec![];
            return;
        }
        for b in 0..self.blocks.len() {
            self.product(system, b, system.x, (&[], system.dual), Accum::Replace);
        }
        self.infeasible.clone_from(&self.work.t);
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
    fn plain_part(&self, system: &System<'_>, dy: &[f64], residual: bool) -> Result<Vec<f64>> {
        let mut d = vec![0.0; system.x.len()];
        for (b, part) in system.a.parts().iter().enumerate() {
            let out = &mut d[system.a.range(b)];
            if self.apart {
                // Such a row may touch other blocks, where it is as any other.
                let mut rest = dy.to_vec();
                apart(part).for_each(|(i, _)| rest[i] = 0.0);
                system.a.adjoint_block(b, &rest, out);
            } else {
                system.a.adjoint_block(b, dy, out);
            }
        }
        if residual && !system.dual_feasible {
            d.iter_mut().zip(system.dual).for_each(|(d, r)| *d = r - *d);
        } else {
            d.iter_mut().for_each(|d| *d = -*d);
        }
        Ok(d)
    }

    /// Adds to `dS` what those rows contribute.
    fn add_apart(&self, system: &System<'_>, dy: &[f64], ds: &mut [f64]) {
        for (b, part) in system.a.parts().iter().enumerate() {
            for (i, a) in apart(part) {
                a.add_to(-dy[i], &mut ds[system.a.range(b)], self.blocks[b].order());
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
            system.solve(projection, &mut r)?;
            let d = self.plain_part(system, &r, false)?;
            for b in 0..self.blocks.len() {
                self.product(system, b, system.x, (&r, &d), Accum::Replace);
            }
            let mut tried = d;
            tried.copy_from_slice(dx);
            self.primal_part(0.0, 1.0, &mut tried);
            r = rest(&tried)?;
            if norm(&r) > 0.5 * before {
                break;
            }
            *dx = tried;
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
            self.sparsity[b].multiply(view(&d.1[range(b)], v.len()), v, out);
        };
        Ok((
            primal.longest(&self.blocks, system.x, d.0, accuracy, dense)?,
            dual.longest(&self.blocks, system.s, d.1, accuracy, along)?,
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
        let mut dy = system.b.to_vec();
        if !self.infeasible.is_empty() {
            Self::add_rows(system, &self.infeasible, 1.0, &mut vec![], &mut dy)?;
        }
        let residual = system.solve(projection, &mut dy)?;
        let mut ds = self.plain_part(system, &dy, true)?;
        for b in 0..self.blocks.len() {
            self.product(system, b, system.x, (&dy, &ds), Accum::Replace);
        }
        let mut plain = vec![];
        if self.apart {
            plain.clone_from(&ds);
            self.add_apart(system, &dy, &mut ds);
        }
        let mut dx = system.x.to_vec();
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
                let (t, half) = (&mut t[part.clone()], &mut half[part.clone()]);
                let (dx, d) = (&affine.dx[part.clone()], &d[part.clone()]);
                self.sparsity[b].times(view(dx, n), view(d, n), Accum::Replace, view_mut(t, n));
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
            ..
        } = affine;
        let d = self.plain_part(system, &dy, false)?;
        for (b, multiplied) in multiplied.into_iter().enumerate() {
            if multiplied {
                self.product(system, b, system.x, (&dy, &d), Accum::Add);
                continue;
            }
            let (part, n) = (system.a.range(b), self.blocks[b].order());
            let Work { t, half, .. } = &mut self.work;
            let (t, half) = (&mut t[part.clone()], &mut half[part.clone()]);
            let (x, d) = (&system.x[part.clone()], &d[part.clone()]);
            self.sparsity[b].times(view(x, n), view(d, n), Accum::Add, view_mut(t, n));
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
        drop(d);
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
        let blocks = a.blocks();
        let interior = |v: &[f64]| Interior::new(blocks, v, None).unwrap();
        let zeros = vec![0.0; n * n + 1];
        let system = System {
            a,
            b: program.rhs(),
            scale_b: 2.0,
            scale_c: 1.0,
            x: &s,
            s: &s,
            interiors: (&interior(&s), &interior(&s)),
            primal: &vec![0.0; n + 1],
            dual: &zeros,
            dual_feasible: true,
            mu: 1.0,
            target: 0.0,
        };
        let mut hkm = Hkm::new(a, Sparsity::of(&program));
        assert!(hkm.apart);
        hkm.move_to(&system).unwrap();
        let dy: Vec<f64> = (0..=n).map(|i| 1.0 + i as f64).collect();
        let d = hkm.plain_part(&system, &dy, true).unwrap();
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
