//! `B` on matrices of rank one.

use super::{Root, Weighted};
use crate::constraints::{Block, Part};
use crate::linalg::padded;
use faer::{Mat, MatMut};

impl Weighted {
    /// Whether [`Weighted::add_rank_one`] is cheaper than to apply `B` to the matrices: not for rows so dense that they are
    /// stored packed.
    pub(crate) fn has_sparse_rows(&self) -> bool {
        self.a.parts().iter().all(|part| match part {
            Part::Psd(rows) => rows.packed().is_none(),
            Part::Nonneg(_) => true,
        })
    }

    /// `out_ij += scale · ⟨L A_i R, u_j v_jᵀ⟩` on one PSD block, for the pairs of columns of `u` and `v` listed.
    ///
    /// # Complexity
    /// `4b` flops a nonzero of `A`, and products of `L` and `R` with the distinct vectors.
    pub(crate) fn add_rank_one(
        &self,
        block: usize,
        (u, v): (&Mat<f64>, &Mat<f64>),
        pairs: &[(u32, u32)],
        scale: f64,
        mut out: MatMut<'_, f64>,
    ) {
        let (Root::Psd(congruence), Part::Psd(rows)) = (&self.roots[block], &self.a.parts()[block])
        else {
            return;
        };
        let (n, b) = (rows.order(), pairs.len());
        let left = match congruence.left() {
            Some(left) => left.transpose() * u,
            None => u.clone(),
        };
        let right = congruence.right() * v;
        // The rows of the sketch next to each other.
        let lu = padded::from_fn(b, n, |j, i| scale * left[(i, pairs[j].0 as usize)]);
        let rv = padded::from_fn(b, n, |j, i| right[(i, pairs[j].1 as usize)]);
        let mut sum = vec![0.0; b];
        for t in (0..rows.touching()).filter(|&t| rows.factored(t).is_none()) {
            let (row, a) = rows.get(t);
            sum.fill(0.0);
            for (r, c, x) in a.iter() {
                let (ur, uc) = (lu.col_as_slice(r), lu.col_as_slice(c));
                let (vr, vc) = (rv.col_as_slice(r), rv.col_as_slice(c));
                // A diagonal entry counts once.
                let x = if r == c { 0.5 * x } else { x };
                for j in 0..b {
                    sum[j] += x * (ur[j] * vc[j] + uc[j] * vr[j]);
                }
            }
            (0..b).for_each(|j| out[(row, j)] += sum[j]);
        }
        if congruence.factored.is_empty() {
            return;
        }
        let (au, av) = (
            congruence.left_a.transpose() * u,
            congruence.right_a.transpose() * v,
        );
        for (t, &(row, sign)) in congruence.factored.iter().enumerate() {
            for (j, &(p, q)) in pairs.iter().enumerate() {
                out[(row, j)] += sign * scale * au[(t, p as usize)] * av[(t, q as usize)];
            }
        }
    }

    /// Adds the share of the nonnegative blocks of `B h` to `out`.
    pub(crate) fn add_numbers(&mut self, h: &[f64], out: &mut [f64]) {
        for (block, (root, part)) in self.roots.iter().zip(self.a.parts()).enumerate() {
            if let (Root::Nonneg(w), Part::Nonneg(rows)) = (root, part) {
                let flat = &mut self.work.flat;
                flat.clear();
                flat.extend(w.iter().zip(&h[self.a.range(block)]).map(|(w, h)| w * h));
                rows.apply(flat, out);
            }
        }
    }

    /// Whether there are nonnegative blocks.
    pub(crate) fn has_numbers(&self) -> bool {
        let blocks = self.a.blocks();
        blocks.iter().any(|b| matches!(b, Block::Nonneg(_)))
    }
}
