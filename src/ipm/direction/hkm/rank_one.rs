//! The dual direction as a sum: rows of rank one with a dense vector are kept apart from the other rows.

use super::super::System;
use super::{Hkm, Work, view, view_mut};
use crate::constraints::{Block, Part, RankOne};
use crate::linalg::axpy;
use crate::linalg::product::gemm;
use faer::Accum;

/// The rows of rank one that are kept apart on a block, with their constraints.
pub(in crate::ipm) fn apart(part: &Part) -> impl Iterator<Item = (usize, &RankOne)> {
    let rows = match part {
        Part::Psd(rows) if rows.packed().is_none() => Some(rows),
        _ => None,
    };
    rows.into_iter().flat_map(|rows| {
        (0..rows.touching()).filter_map(|k| Some((rows.get(k).0, rows.factored(k)?)))
    })
}

impl Hkm {
    /// `t ← left · dS · Z`, or `t += …`, on one block, for a dual direction `dS = d − Σ dy_r σ a aᵀ`.
    ///
    /// The sum is over the rows of rank one with a dense `a`. Where such a row holds the primal at the boundary its multiplier
    /// diverges, `X a` and `Z a` nearly vanish, and entries of `X dS` would cancel: hence `(X a)(Z a)ᵀ`, which keeps the
    /// digits and leaves a sparse `d`.
    pub(in crate::ipm) fn product(
        &mut self,
        system: &System<'_>,
        b: usize,
        left: &[f64],
        (dy, d): (&[f64], &[f64]),
        accum: Accum,
    ) {
        let part = system.a.range(b);
        let d = &d[system.dual_storage.range(b)];
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
        let dual = system.dual_storage.sparsity(b);
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

    /// `dS = R_d − Aᵀdy` (or without `R_d`), without the rows that are kept apart.
    pub(in crate::ipm) fn plain_part(
        &mut self,
        system: &System<'_>,
        dy: &[f64],
        residual: bool,
    ) -> Vec<f64> {
        let (a, space) = (system.a, system.dual_storage);
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
    pub(in crate::ipm) fn add_apart(&self, system: &System<'_>, dy: &[f64], ds: &mut [f64]) {
        for (b, part) in system.a.parts().iter().enumerate() {
            for (i, a) in apart(part) {
                let ds = &mut ds[system.dual_storage.range(b)];
                a.add_to(-dy[i], ds, self.blocks[b].order());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::Constraints;
    use crate::ipm::cone::Interior;
    use crate::ipm::cone::Storage;
    use crate::ipm::direction::Geometry as _;
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
        let (primal_storage, dual_storage) = (Storage::flat(a.blocks()), Storage::dual(&program));
        let interior = |v: &[f64]| Interior::new(&primal_storage, v).unwrap();
        let zeros = vec![0.0; n * n + 1];
        let system = System {
            a,
            b: program.rhs(),
            scale_b: 2.0,
            scale_c: 1.0,
            x: &s,
            s: &s,
            primal_storage: &primal_storage,
            dual_storage: &dual_storage,
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
