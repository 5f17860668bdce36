//! A weight that was just handed over: looked at, but not copied where it can be used as it is.

use super::{BlockWeight, OwnedWeight, symmetric};
use crate::constraints::{Block, RankOne};
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::axpy;
use faer::{Mat, MatRef};

/// What a Gram matrix is assembled from on one block.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GramWeight<'a> {
    Nonneg(&'a [f64]),
    Psd(GramPair<'a>),
}

/// `P` and `Q` of `tr(A_i P A_j Q)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GramPair<'a> {
    /// `None` stands for the identity.
    pub p: Option<MatRef<'a, f64>>,
    pub q: MatRef<'a, f64>,
    /// Whether the two are one.
    pub same: bool,
    /// `G` with `P = Q = G Gᵀ`, where that was given.
    root: Option<MatRef<'a, f64>>,
}

impl GramPair<'_> {
    /// `G` with `P = Q = G Gᵀ`, where that was given.
    pub(crate) fn root(&self) -> Option<MatRef<'_, f64>> {
        self.root
    }

    /// `pa ← P a` and `qa ← Q a`, through the root where one was given; `half` is scratch of the same length.
    pub(crate) fn times(&self, a: &RankOne, half: &mut [f64], pa: &mut [f64], qa: &mut [f64]) {
        if let Some(g) = self.root {
            a.times(g.transpose(), half);
            pa.fill(0.0);
            for (j, &h) in half.iter().enumerate() {
                if let Some(column) = g.col(j).try_as_col_major() {
                    axpy(h, column.as_slice(), pa);
                }
            }
            return qa.copy_from_slice(pa);
        }
        a.times(self.q, qa);
        match self.p {
            Some(p) => a.times(p, pa),
            None => {
                pa.fill(0.0);
                a.index
                    .iter()
                    .zip(&a.value)
                    .for_each(|(&k, &v)| pa[k as usize] = v);
            }
        }
    }
}

impl OwnedWeight {
    /// What the Gram matrix is assembled from.
    pub(crate) fn gram(&self) -> GramWeight<'_> {
        let dense = self.dense();
        if let OwnedWeight::Nonneg(w) = dense {
            return GramWeight::Nonneg(w);
        }
        let root = match dense {
            OwnedWeight::Root { g, .. } => Some(g.as_ref()),
            _ => None,
        };
        match dense.gram_pair() {
            Some((p, q)) => GramWeight::Psd(GramPair {
                p,
                q,
                same: dense.two_sided().is_some(),
                root,
            }),
            None => GramWeight::Nonneg(&[]),
        }
    }
}

/// One block's weight, checked for shape, finiteness and symmetry; a matrix whose Gram matrix is factored anyway is not factored to
/// see whether it is positive definite.
#[derive(Debug)]
pub(crate) enum WeightCow<'a> {
    /// Fit to be used as it is.
    Borrowed(GramWeight<'a>),
    Owned(OwnedWeight),
}

impl<'a> WeightCow<'a> {
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`], [`Error::NotSymmetric`], [`Error::NotPositiveDefinite`] of a nonnegative block and of
    /// the forms that are copied, [`Error::Unsupported`] for a form that does not fit the block.
    pub(crate) fn new_all(blocks: &[Block], weights: &[BlockWeight<'a>]) -> Result<Vec<Self>> {
        let what = "list of block weights";
        check_shape(what, (blocks.len(), 1), (weights.len(), 1))?;
        let both = blocks.iter().zip(weights);
        both.map(|(&block, &weight)| Self::new(block, weight))
            .collect()
    }

    fn new(block: Block, weight: BlockWeight<'a>) -> Result<Self> {
        const WHAT: &str = "weight of a positive semidefinite block";
        let pair = |p, q, same| {
            WeightCow::Borrowed(GramWeight::Psd(GramPair {
                p: Some(p),
                q,
                same,
                root: None,
            }))
        };
        Ok(match (block, weight) {
            (Block::Nonneg(n), BlockWeight::Nonneg(w)) => {
                const WHAT: &str = "weight of a nonnegative block";
                check_shape(WHAT, (n, 1), (w.len(), 1))?;
                check_finite(WHAT, w)?;
                if let Some(pivot) = w.iter().position(|&v| v <= 0.0) {
                    return Err(Error::NotPositiveDefinite { what: WHAT, pivot });
                }
                WeightCow::Borrowed(GramWeight::Nonneg(w))
            }
            (Block::Psd(n), BlockWeight::Psd(w)) if is_symmetric(n, w) => pair(w, w, true),
            (Block::Psd(n), BlockWeight::Pair { x, z })
                if is_symmetric(n, x) && is_symmetric(n, z) =>
            {
                pair(x, z, false)
            }
            (Block::Psd(n), BlockWeight::Psd(w)) => {
                WeightCow::Owned(OwnedWeight::TwoSided(symmetric(WHAT, n, w)?))
            }
            (Block::Psd(n), BlockWeight::Pair { x, z }) => WeightCow::Owned(OwnedWeight::Pair {
                x: symmetric(WHAT, n, x)?,
                z: symmetric(WHAT, n, z)?,
            }),
            _ => WeightCow::Owned(OwnedWeight::new(block, weight)?),
        })
    }

    pub(crate) fn gram(&self) -> GramWeight<'_> {
        match self {
            WeightCow::Borrowed(gram) => *gram,
            WeightCow::Owned(held) => held.gram(),
        }
    }

    /// The weight to be kept, in the memory of another where that is of the same form.
    pub(crate) fn hold(self, memory: Option<OwnedWeight>) -> OwnedWeight {
        match (self, memory) {
            (WeightCow::Owned(held), _) => held,
            (WeightCow::Borrowed(GramWeight::Nonneg(w)), _) => OwnedWeight::Nonneg(w.to_vec()),
            (WeightCow::Borrowed(GramWeight::Psd(pair)), memory) => {
                let copy = |memory: Mat<f64>, from: MatRef<'_, f64>| match memory.shape()
                    == from.shape()
                {
                    true => {
                        let mut memory = memory;
                        memory.copy_from(from);
                        memory
                    }
                    false => from.to_owned(),
                };
                match (memory, pair.p) {
                    (Some(OwnedWeight::Pair { x, z }), Some(p)) if !pair.same => {
                        OwnedWeight::Pair {
                            x: copy(x, p),
                            z: copy(z, pair.q),
                        }
                    }
                    (Some(OwnedWeight::TwoSided(w)), _) if pair.same => {
                        OwnedWeight::TwoSided(copy(w, pair.q))
                    }
                    (_, Some(p)) if !pair.same => OwnedWeight::Pair {
                        x: p.to_owned(),
                        z: pair.q.to_owned(),
                    },
                    _ => OwnedWeight::TwoSided(pair.q.to_owned()),
                }
            }
        }
    }
}

/// Whether a matrix is of this order, its columns contiguous, all of it finite, and symmetric to the last bit.
fn is_symmetric(n: usize, w: MatRef<'_, f64>) -> bool {
    // In tiles, so that the transposed reads stay in cache.
    const TILE: usize = 32;
    if w.shape() != (n, n) {
        return false;
    }
    let columns = |first: usize| {
        (first..(first + TILE).min(n))
            .map(move |j| w.col(j).try_as_col_major().map(|c| c.as_slice()))
    };
    for j0 in (0..n).step_by(TILE) {
        let Some(left) = columns(j0).collect::<Option<Vec<&[f64]>>>() else {
            return false;
        };
        for i0 in (j0..n).step_by(TILE) {
            let Some(right) = columns(i0).collect::<Option<Vec<&[f64]>>>() else {
                return false;
            };
            // Nothing times zero is anything but zero when it is finite.
            let (mut differs, mut finite) = (false, 0.0);
            for (j, left) in left.iter().enumerate() {
                let left = &left[i0..i0 + right.len()];
                for (v, right) in left.iter().zip(&right) {
                    differs |= *v != right[j0 + j];
                    finite += 0.0 * v;
                }
            }
            if differs || finite != 0.0 {
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symmetry_is_to_the_last_bit() {
        for n in [1, 2, 31, 32, 33, 70] {
            let w = Mat::from_fn(n, n, |i, j| ((i + j) as f64).sin() * ((i * j) as f64).cos());
            assert!(is_symmetric(n, w.as_ref()) && !is_symmetric(n + 1, w.as_ref()));
            for (i, j) in [(0, n - 1), (n - 1, 0), (n / 2, n - 1), (n - 1, n / 3)] {
                for value in [w[(i, j)] + 1e-15, f64::NAN, f64::INFINITY] {
                    let mut other = w.clone();
                    other[(i, j)] = value;
                    if i != j && value.is_infinite() {
                        other[(j, i)] = value;
                    }
                    let changed = i != j || !value.is_finite();
                    assert_eq!(
                        is_symmetric(n, other.as_ref()),
                        !changed,
                        "{n} {i} {j} {value}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_held_is_what_was_given() {
        let x = Mat::from_fn(5, 5, |i, j| ((i + j) as f64).sin());
        let z = Mat::from_fn(5, 5, |i, j| ((i * j) as f64).cos());
        let bent = Mat::from_fn(5, 5, |i, j| x[(i, j)] + if i > j { 1e-14 } else { 0.0 });
        let blocks = [Block::Psd(5)];
        let mut memory = None;
        for (x, z) in [(&x, &z), (&z, &x), (&bent, &z)] {
            let (x, z) = (x.as_ref(), z.as_ref());
            let mut given = WeightCow::new_all(&blocks, &[BlockWeight::Pair { x, z }]).unwrap();
            let held = given.remove(0).hold(memory.take());
            let OwnedWeight::Pair { x: a, z: b } = &held else {
                panic!("{held:?}")
            };
            assert!((a - x).norm_max() < 1e-14 && (b - z).norm_max() == 0.0);
            memory = Some(held);
        }
    }
}
