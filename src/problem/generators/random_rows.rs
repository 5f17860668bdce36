//! Random points of the cone and random rows.

use crate::constraints::{Block, Builder, Constraints};
use crate::error::Result;
use core::ops::Range;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use rand_distr::{Distribution, StandardNormal};

/// A free entry of the ambient space: one of an upper triangle, or of a nonnegative block.
#[derive(Debug, Clone, Copy)]
struct Position {
    block: usize,
    row: usize,
    col: usize,
    /// Index in a flat vector.
    flat: usize,
    /// Number of times that the entry counts in an inner product: 2 off the diagonal.
    weight: f64,
}

/// The free entries of a product of blocks; the first is a diagonal entry.
pub(super) struct Rows<'a> {
    blocks: &'a [Block],
    positions: Vec<Position>,
    ambient: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(blocks: &'a [Block], dim: usize) -> Self {
        let mut positions = Vec::with_capacity(dim);
        let mut offset = 0;
        for (block, shape) in blocks.iter().enumerate() {
            let n = shape.order();
            for col in 0..n {
                let (first, stride) = match shape {
                    Block::Psd(_) => (0, n),
                    Block::Nonneg(_) => (col, 0),
                };
                positions.extend((first..=col).map(|row| Position {
                    block,
                    row,
                    col,
                    flat: offset + row + col * stride,
                    weight: if row == col { 1.0 } else { 2.0 },
                }));
            }
            offset += shape.ambient();
        }
        Self {
            blocks,
            positions,
            ambient: offset,
        }
    }

    /// `⟨I, x⟩`.
    pub(super) fn trace(&self, x: &[f64]) -> f64 {
        let diagonal = self.positions.iter().filter(|p| p.row == p.col);
        diagonal.map(|p| x[p.flat]).sum()
    }

    /// A Gaussian vector, symmetric on matrix blocks.
    pub(super) fn symmetric(&self, rng: &mut ChaCha20Rng) -> Vec<f64> {
        let mut out = vec![0.0; self.ambient];
        for p in &self.positions {
            let value = normal(rng);
            out[p.flat] = value;
            if p.row != p.col {
                let n = self.blocks[p.block].order();
                // From (row, col) to (col, row).
                out[p.flat + (p.col - p.row) - (p.col - p.row) * n] = value;
            }
        }
        out
    }

    /// Adds a flat vector as one row.
    pub(super) fn push(&self, a: &mut Builder, row: usize, flat: &[f64]) -> Result<()> {
        for p in &self.positions {
            a.entry(row, p.block, p.row, p.col, flat[p.flat])?;
        }
        Ok(())
    }

    /// A flat vector as a single row.
    pub(super) fn row(&self, flat: &[f64]) -> Result<Constraints> {
        let mut row = Constraints::builder(1, self.blocks)?;
        self.push(&mut row, 0, flat)?;
        row.build()
    }

    /// Adds linearly independent random rows with this many entries (`None`: dense), all orthogonal to `normal_to`. Sparse rows do
    /// not use the first `spared` positions; the other positions are permuted.
    pub(super) fn random(
        &mut self,
        rng: &mut ChaCha20Rng,
        a: &mut Builder,
        rows: Range<usize>,
        spared: usize,
        entries: Option<usize>,
        normal_to: Option<&[f64]>,
    ) -> Result<()> {
        let Some(entries) = entries else {
            for row in rows {
                let mut values: Vec<_> = self.positions.iter().map(|_| normal(rng)).collect();
                orthogonalise(&self.positions, &mut values, 0, normal_to);
                for (p, value) in self.positions.iter().zip(values) {
                    a.entry(row, p.block, p.row, p.col, value)?;
                }
            }
            return Ok(());
        };
        let size = |p: &Position| normal_to.map_or(1.0, |d| d[p.flat].abs());
        // Each row owns one position. Its other positions are taken from those that no row owns and where the normal vector
        // is not small, so that few entries are enough to make the row orthogonal.
        let free = self.positions.get_mut(spared..).unwrap_or_default();
        shuffle(rng, free, free.len());
        let largest = (0..free.len()).max_by(|&i, &j| size(&free[i]).total_cmp(&size(&free[j])));
        if let Some(largest) = largest {
            free.swap(largest, free.len() - 1);
        }
        let (owned, shared) = free.split_at_mut(rows.len().min(free.len()));
        shared.sort_by(|p, q| size(q).total_cmp(&size(p)));
        let kept = match normal_to {
            Some(_) => shared.len().div_ceil(2),
            None => shared.len(),
        };
        let shared = &mut shared[..kept];
        for (row, own) in rows.zip(owned) {
            let others = (entries - 1).min(shared.len());
            shuffle(rng, shared, others);
            let mut support = vec![*own];
            support.extend_from_slice(&shared[..others]);
            let sign = if rng.next_u32() & 1 == 0 { 1.0 } else { -1.0 };
            let mut values = vec![sign * one_to_two(rng)];
            values.extend((0..others).map(|_| normal(rng)));
            orthogonalise(&support, &mut values, 1, normal_to);
            for (p, value) in support.iter().zip(values) {
                a.entry(row, p.block, p.row, p.col, value)?;
            }
        }
        Ok(())
    }
}

/// Changes the values from index `first` on so that the row is orthogonal to `d`.
fn orthogonalise(positions: &[Position], values: &mut [f64], first: usize, d: Option<&[f64]>) {
    let Some(d) = d else { return };
    // Twice: the second pass removes the rounding errors of the first.
    for _ in 0..2 {
        let inner = |(p, v): (&Position, &f64)| p.weight * d[p.flat] * v;
        let inner: f64 = positions.iter().zip(&*values).map(inner).sum();
        let free = &positions[first..];
        let norm: f64 = free.iter().map(|p| p.weight * d[p.flat] * d[p.flat]).sum();
        if norm > 0.0 {
            for (p, v) in free.iter().zip(&mut values[first..]) {
                *v -= inner / norm * d[p.flat];
            }
        }
    }
}

/// `K` blocks that share their eigenvectors, which are uniformly random; block `k` has the eigenvalues `spectrum[..][k]`, or these
/// numbers as entries in a random order.
///
/// # Complexity
/// `4n³` flops per block: reflections with Gaussian vectors of length `n, n − 1, …, 2` from both sides.
pub(super) fn spectral<const K: usize>(
    rng: &mut ChaCha20Rng,
    block: Block,
    spectrum: &[[f64; K]],
) -> [Vec<f64>; K] {
    let n = match block {
        Block::Psd(n) => n,
        Block::Nonneg(n) => {
            let mut spectrum = spectrum.to_vec();
            shuffle(rng, &mut spectrum, n);
            return core::array::from_fn(|k| spectrum.iter().map(|s| s[k]).collect());
        }
    };
    let mut out: [Vec<f64>; K] = core::array::from_fn(|k| {
        let mut diagonal = vec![0.0; n * n];
        for (i, s) in spectrum.iter().enumerate() {
            diagonal[i * (n + 1)] = s[k];
        }
        diagonal
    });
    for length in 2..=n {
        let mut v: Vec<_> = (0..n)
            .map(|i| if i < n - length { 0.0 } else { normal(rng) })
            .collect();
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        v.iter_mut().for_each(|v| *v /= norm);
        for m in &mut out {
            // (I − 2vvᵀ) M (I − 2vvᵀ) = M − 2(vwᵀ + wvᵀ),  w = Mv − (vᵀMv)v
            let mut w: Vec<f64> = m
                .chunks_exact(n)
                .map(|col| col.iter().zip(&v).map(|(m, v)| m * v).sum())
                .collect();
            let curvature: f64 = w.iter().zip(&v).map(|(w, v)| w * v).sum();
            w.iter_mut().zip(&v).for_each(|(w, v)| *w -= curvature * v);
            for (j, col) in m.chunks_exact_mut(n).enumerate() {
                for (i, m) in col.iter_mut().enumerate() {
                    *m -= 2.0 * (v[i] * w[j] + w[i] * v[j]);
                }
            }
        }
    }
    out
}

pub(super) fn normal(rng: &mut ChaCha20Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Uniform on `[1, 2)`.
pub(super) fn one_to_two(rng: &mut ChaCha20Rng) -> f64 {
    f64::from_bits((rng.next_u64() >> 12) | 0x3ff0_0000_0000_0000)
}

/// Moves a uniform sample without replacement to the first `count` positions.
fn shuffle<T>(rng: &mut ChaCha20Rng, list: &mut [T], count: usize) {
    for i in 0..count.min(list.len()) {
        let left = (list.len() - i) as u128;
        let pick = (u128::from(rng.next_u64()) * left) >> 64;
        list.swap(i, i + pick as usize);
    }
}
