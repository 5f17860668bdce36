//! The corrector of the HKM direction: right-hand side, products with the dual correction, and refinement.

use super::rank_one::apart;
use super::{Hkm, Work, view, view_mut};
use crate::constraints::Part;
use crate::error::Result;
use crate::ipm::direction::{Direction, System};
use crate::linalg::norm;
use crate::linalg::product::{gemm, transpose};
use crate::projection::Projection;
use faer::Accum;

impl Hkm {
    /// `rhs − A(dX_a) − σμ A(Z) + A(dX_a dS_a Z)`, and per block whether `t` holds `dX_a dS_a Z`; elsewhere it holds
    /// `dX_a dS_a`.
    pub(super) fn corrector_rhs(
        &mut self,
        system: &System<'_>,
        affine: &Direction,
        centre: f64,
        mut rhs: Vec<f64>,
    ) -> Result<(Vec<f64>, Vec<bool>)> {
        let mut sums = vec![];
        Self::add_rows(system, &affine.dx, -1.0, &mut sums, &mut rhs)?;
        Self::add_rows(system, &self.inverse, -centre, &mut sums, &mut rhs)?;
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
                // t: dX_a dS_a; of its product with Z, only the entries that the rows read.
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
        rhs.iter_mut().zip(&sums).for_each(|(r, s)| *r += s);
        Ok((rhs, multiplied))
    }

    /// `t ← dX_a dS_a Z + X dS Z` for the dual correction `dS`, from what [`Self::corrector_rhs`] left in `t`.
    pub(super) fn add_products(
        &mut self,
        system: &System<'_>,
        dy: &[f64],
        d: &[f64],
        multiplied: &[bool],
    ) {
        for (b, &multiplied) in multiplied.iter().enumerate() {
            if multiplied {
                self.product(system, b, system.x, (dy, d), Accum::Add);
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
    }

    /// Refinement steps for `A(dX) = r`, each a further Newton system: `K δ = r − A(dX)`, `dX += sym(X Aᵀ(δ) Z)`.
    /// `dS` does not change: the change of `dX` is of the size of its rounding errors.
    pub(super) fn refine(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        dx: &mut Vec<f64>,
        wanted: impl Fn(&f64) -> f64,
    ) -> Result<()> {
        const MAX_REFINEMENTS: usize = 2;
        let mut sums = vec![];
        let mut remainder = |dx: &[f64]| -> Result<Vec<f64>> {
            let mut r: Vec<f64> = system.primal.iter().map(&wanted).collect();
            Self::add_rows(system, dx, -1.0, &mut sums, &mut r)?;
            Ok(r)
        };
        let mut r = remainder(dx)?;
        for _ in 0..MAX_REFINEMENTS {
            let before = norm(&r);
            if before <= system.target {
                break;
            }
            // A step whose relative residual is above one half cannot halve the remainder.
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
            r = remainder(&tried)?;
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
}
