//! How the vectors of one side are stored.

use super::sparsity::Sparsity;
use crate::constraints::{Block, Constraints, Part};
use crate::linalg::dot;
use crate::problem::ConicProgram;
use core::ops::Range;
use std::borrow::Cow;

/// The primal side as flat vectors; the dual side likewise, but that of a matrix block whose slack fills few positions these
/// alone are stored, both triangles, so that sums and norms are those of the flat vector.
#[derive(Debug, Clone)]
pub(in crate::ipm) struct Storage {
    blocks: Vec<Block>,
    sparsity: Vec<Sparsity>,
    /// Start of every block, and the length at the end.
    start: Vec<usize>,
}

impl Storage {
    /// Flat vectors.
    pub(in crate::ipm) fn flat(blocks: &[Block]) -> Self {
        Self::new(blocks, vec![Sparsity::Dense; blocks.len()])
    }

    /// The dual side of a problem, by what its sparsity allows.
    ///
    /// # Complexity
    /// As [`Sparsity::of`].
    pub(in crate::ipm) fn dual(problem: &ConicProgram) -> Self {
        Self::new(problem.constraints().blocks(), Sparsity::of(problem))
    }

    fn new(blocks: &[Block], sparsity: Vec<Sparsity>) -> Self {
        let mut start = vec![0];
        for (k, (block, sparsity)) in blocks.iter().zip(&sparsity).enumerate() {
            start.push(start[k] + sparsity.stored(*block));
        }
        let blocks = blocks.to_vec();
        Self {
            blocks,
            sparsity,
            start,
        }
    }

    pub(in crate::ipm) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    pub(in crate::ipm) fn sparsity(&self, block: usize) -> &Sparsity {
        &self.sparsity[block]
    }

    pub(in crate::ipm) fn len(&self) -> usize {
        self.start[self.blocks.len()]
    }

    pub(in crate::ipm) fn range(&self, block: usize) -> Range<usize> {
        self.start[block]..self.start[block + 1]
    }

    /// `out ← Aᵀ y`.
    pub(in crate::ipm) fn adjoint(&self, a: &Constraints, y: &[f64], out: &mut [f64]) {
        for b in 0..self.sparsity.len() {
            self.adjoint_block(a, b, y, &mut out[self.range(b)]);
        }
    }

    /// The part of `Aᵀy` on one block.
    pub(in crate::ipm) fn adjoint_block(
        &self,
        a: &Constraints,
        b: usize,
        y: &[f64],
        out: &mut [f64],
    ) {
        self.sums(a, b, y, false, out);
    }

    /// `c`.
    pub(in crate::ipm) fn cost(&self, problem: &ConicProgram) -> Vec<f64> {
        let mut out = vec![0.0; self.len()];
        for b in 0..self.sparsity.len() {
            self.sums(problem.cost(), b, &[1.0], true, &mut out[self.range(b)]);
        }
        out
    }

    fn sums(&self, a: &Constraints, b: usize, y: &[f64], of_cost: bool, out: &mut [f64]) {
        match (&self.sparsity[b], &a.parts()[b]) {
            (Sparsity::Packed(packed), Part::Psd(rows)) => {
                out.fill(0.0);
                let entries = rows
                    .iter()
                    .flat_map(|(i, a)| a.value.iter().map(move |v| y[i] * v));
                packed.gather(of_cost, entries, out);
            }
            _ => a.adjoint_block(b, y, out),
        }
    }

    /// The entries of a flat vector that are stored.
    pub(in crate::ipm) fn pack(&self, flat: Vec<f64>) -> Vec<f64> {
        if flat.len() == self.len() {
            return flat;
        }
        let (mut out, mut at) = (vec![0.0; self.len()], 0);
        for (b, block) in self.blocks.iter().enumerate() {
            let (from, to) = (&flat[at..at + block.ambient()], &mut out[self.range(b)]);
            at += block.ambient();
            match &self.sparsity[b] {
                Sparsity::Packed(packed) => packed.for_each(|at, full| to[at] = from[full]),
                _ => to.copy_from_slice(from),
            }
        }
        out
    }

    /// The flat vector, zero where nothing is stored.
    pub(in crate::ipm) fn unpack<'a>(&self, v: impl Into<Cow<'a, [f64]>>) -> Cow<'a, [f64]> {
        let v = v.into();
        let ambient = self.blocks.iter().map(|b| b.ambient()).sum();
        if v.len() == ambient {
            return v;
        }
        let (mut out, mut at) = (vec![0.0; ambient], 0);
        for (b, block) in self.blocks.iter().enumerate() {
            let (from, to) = (&v[self.range(b)], &mut out[at..at + block.ambient()]);
            at += block.ambient();
            match &self.sparsity[b] {
                Sparsity::Packed(packed) => packed.for_each(|at, full| to[full] = from[at]),
                _ => to.copy_from_slice(from),
            }
        }
        out.into()
    }

    /// `⟨x, s⟩` of a flat vector with one of this space.
    pub(in crate::ipm) fn dot(&self, x: &[f64], s: &[f64]) -> f64 {
        if x.len() == s.len() {
            return dot(x, s);
        }
        let (mut sum, mut at) = (0.0, 0);
        for (b, block) in self.blocks.iter().enumerate() {
            let (x, s) = (&x[at..at + block.ambient()], &s[self.range(b)]);
            at += block.ambient();
            match &self.sparsity[b] {
                Sparsity::Packed(packed) => packed.for_each(|at, full| sum += s[at] * x[full]),
                _ => sum += dot(x, s),
            }
        }
        sum
    }
}
