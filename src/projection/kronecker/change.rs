//! The low-rank change of the Gram matrix that a change of the weight causes.
//!
//! Two-sided, `W⁺ = W + VCVᵀ` and `(W + W⁺)/2 = FFᵀ`: `K⁺ = K + 2H(C ⊗ I)Hᵀ` with rows `vec(FᵀA_iV)` of `H`.
//! One-sided, with `Z = [V, WV]` and `core = [[C VᵀV C, C], [C, 0]]`: `K⁺ = K + H(core ⊗ I)Hᵀ` with rows `vec(A_iZ)`.
//! In both cases the small core (`C`, or `core`) is diagonalised, and its eigenvalues are split by sign.

use super::spectral::{Columns, Pairs, Rotated, square_change};
use crate::constraints::{Constraints, OwnedWeight, Part, positive_definite, symmetric};
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::padded;
use crate::linalg::sparse::Rows;
use crate::linalg::updated_inverse::Thin;
use crate::linalg::{cholesky::Cholesky, max_abs, product::gemm, spectral};
use faer::{Accum, Mat, MatRef};

/// A symmetric low-rank change `V C Vᵀ` of the weight on one PSD block; `C` may be indefinite.
#[derive(Debug, Clone, Copy)]
pub struct LowRank<'a> {
    /// Index of the block.
    pub block: usize,
    /// The factor `V`, `n × r`.
    pub v: MatRef<'a, f64>,
    /// The core `C`, `r × r` and symmetric.
    pub c: MatRef<'a, f64>,
}

/// The change of the weight on one block.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Indices of the changed entries of a nonnegative block.
    Entries(Vec<usize>),
    /// Indices of the changed eigenvalues in a fixed basis.
    Eigenvalues { moved: Vec<usize>, one_sided: bool },
    /// `V diag(c) Vᵀ`, two-sided.
    TwoSided { v: Mat<f64>, c: Vec<f64> },
    /// `V C Vᵀ` with diagonal `C`, one-sided.
    OneSided { v: Mat<f64>, c: Vec<f64> },
    /// The square of a one-sided weight changes by `V diag(c) Vᵀ`.
    Square { v: Mat<f64>, c: Vec<f64> },
}

impl Change {
    /// The empty change of this weight.
    pub(super) fn none(weight: &OwnedWeight) -> Change {
        let (none, c) = (|w: &Mat<f64>| padded::zeros(w.nrows(), 0), vec![]);
        match weight {
            OwnedWeight::Nonneg(_) | OwnedWeight::Pair { .. } => Change::Entries(vec![]),
            OwnedWeight::TwoSided(w) | OwnedWeight::Root { w, .. } => {
                Change::TwoSided { v: none(w), c }
            }
            OwnedWeight::OneSided { w, .. } => Change::OneSided { v: none(w), c },
            OwnedWeight::Spectral(s) => Change::Eigenvalues {
                moved: vec![],
                one_sided: s.one_sided(),
            },
        }
    }

    pub(super) fn rank(&self) -> usize {
        match self {
            Change::Entries(moved) | Change::Eigenvalues { moved, .. } => moved.len(),
            Change::TwoSided { c, .. } | Change::OneSided { c, .. } | Change::Square { c, .. } => {
                c.len()
            }
        }
    }

    /// This change followed by another, as one change; `None` when the two are of different kinds.
    pub(super) fn followed_by(self, next: Change) -> Option<Change> {
        let join = |a: Mat<f64>, b: Mat<f64>| {
            padded::from_fn(a.nrows(), a.ncols() + b.ncols(), |i, j| {
                if j < a.ncols() {
                    a[(i, j)]
                } else {
                    b[(i, j - a.ncols())]
                }
            })
        };
        let union = |mut a: Vec<usize>, b: Vec<usize>| {
            a.extend(b);
            a.sort_unstable();
            a.dedup();
            a
        };
        Some(match (self, next) {
            (Change::Entries(a), Change::Entries(b)) => Change::Entries(union(a, b)),
            (Change::TwoSided { v, c }, Change::TwoSided { v: w, c: d }) => {
                let c = [c, d].concat();
                Change::TwoSided { v: join(v, w), c }
            }
            (Change::OneSided { v, c }, Change::OneSided { v: w, c: d }) => {
                let c = [c, d].concat();
                Change::OneSided { v: join(v, w), c }
            }
            _ => return None,
        })
    }

    /// Rank of the change of the Gram matrix.
    pub(super) fn inner(&self, order: usize) -> usize {
        match self {
            Change::Entries(moved) => moved.len(),
            Change::TwoSided { c, .. } | Change::Square { c, .. } => order * c.len(),
            Change::OneSided { c, .. } => 2 * order * c.len(),
            Change::Eigenvalues { moved, one_sided } => {
                let k = moved.len();
                // A two-sided weight counts every pair of changed eigenvalues once.
                order * k - usize::from(!one_sided) * k * k.saturating_sub(1) / 2
            }
        }
    }
}

/// The change from one weight to another, `None` when a block changed its form.
pub(super) fn find(old: &[OwnedWeight], new: &[OwnedWeight]) -> Result<Option<Vec<Change>>> {
    let mut changes = Vec::with_capacity(old.len());
    for (old, new) in old.iter().zip(new) {
        match find_one(old, new)? {
            Some(change) => changes.push(change),
            None => return Ok(None),
        }
    }
    Ok(Some(changes))
}

/// The change on one block.
pub(super) fn find_one(old: &OwnedWeight, new: &OwnedWeight) -> Result<Option<Change>> {
    let moved = |old: &[f64], new: &[f64]| (0..old.len()).filter(|&k| old[k] != new[k]).collect();
    if let (OwnedWeight::Spectral(old), OwnedWeight::Spectral(new)) = (old, new)
        && old.same_kind(new)
    {
        return Ok(Some(Change::Eigenvalues {
            moved: moved(&old.eigenvalues, &new.eigenvalues),
            one_sided: new.one_sided(),
        }));
    }
    Ok(match (old.dense(), new.dense()) {
        (OwnedWeight::Nonneg(old), OwnedWeight::Nonneg(new)) => {
            Some(Change::Entries(moved(old, new)))
        }
        (OwnedWeight::OneSided { w: old, .. }, OwnedWeight::OneSided { w: new, .. }) => {
            let (v, c) = difference(old, new)?;
            Some(Change::OneSided { v, c })
        }
        (old, new) => match old.two_sided().zip(new.two_sided()) {
            Some((old, new)) => {
                let (v, c) = difference(old, new)?;
                Some(Change::TwoSided { v, c })
            }
            None => None,
        },
    })
}

/// Eigenpairs of `new − old` above rounding level of the two.
fn difference(old: &Mat<f64>, new: &Mat<f64>) -> Result<(Mat<f64>, Vec<f64>)> {
    let n = old.nrows();
    let delta = new - old;
    if delta.norm_max() == 0.0 {
        return Ok((padded::zeros(n, 0), vec![]));
    }
    let (lambda, u) = spectral::eigen(delta.as_ref())?;
    let floor = 2.0 * f64::EPSILON * n as f64 * old.norm_max().max(new.norm_max());
    let keep: Vec<usize> = (0..n).filter(|&k| lambda[k].abs() > floor).collect();
    let v = padded::from_fn(n, keep.len(), |i, j| u[(i, keep[j])]);
    Ok((v, keep.iter().map(|&k| lambda[k]).collect()))
}

/// The weight after the listed changes, and these changes with diagonal cores.
pub(super) fn apply(
    a: &Constraints,
    old: &[OwnedWeight],
    changes: &[LowRank<'_>],
) -> Result<(Vec<OwnedWeight>, Vec<Change>)> {
    // Diagonalise every core, and join the changes of one block.
    let mut weight = old.to_vec();
    let mut found: Vec<Change> = old.iter().map(|held| Change::none(held.dense())).collect();
    for change in changes {
        let bound = a.blocks().len();
        let Some(slot) = found.get_mut(change.block) else {
            return Err(Error::OutOfRange {
                what: "block",
                index: change.block,
                bound,
            });
        };
        let (Change::TwoSided { v, c } | Change::OneSided { v, c }) = slot else {
            return Err(Error::Unsupported {
                what: "a low-rank change",
                by: "a nonnegative block",
            });
        };
        let (n, r) = (a.blocks()[change.block].order(), change.v.ncols());
        check_shape("V of a low-rank change", (n, r), change.v.shape())?;
        let core = symmetric("C of a low-rank change", r, change.c)?;
        for j in 0..r {
            check_finite("V of a low-rank change", change.v.col(j).iter())?;
        }
        let (gamma, q) = spectral::eigen(core.as_ref())?;
        let mut turned = padded::zeros(n, r);
        gemm(turned.as_mut(), Accum::Replace, 1.0, change.v, q.as_ref());
        let keep: Vec<usize> = (0..r).filter(|&k| gamma[k] != 0.0).collect();
        let joined = padded::from_fn(n, v.ncols() + keep.len(), |i, j| {
            if j < v.ncols() {
                v[(i, j)]
            } else {
                turned[(i, keep[j - v.ncols()])]
            }
        });
        *v = joined;
        c.extend(keep.iter().map(|&k| gamma[k]));
    }
    // Add the changes to the weight; the sum must be positive definite.
    for (held, change) in weight.iter_mut().zip(&found) {
        let (Change::TwoSided { v, c } | Change::OneSided { v, c }) = change else {
            continue;
        };
        if c.is_empty() {
            continue;
        }
        let n = v.nrows();
        let scaled = padded::from_fn(n, c.len(), |i, j| v[(i, j)] * c[j]);
        let moved = |w: &Mat<f64>| {
            let mut new = w.clone();
            gemm(
                new.as_mut(),
                Accum::Add,
                1.0,
                scaled.as_ref(),
                v.transpose(),
            );
            for j in 0..n {
                for i in 0..j {
                    let mean = 0.5 * (new[(i, j)] + new[(j, i)]);
                    new[(i, j)] = mean;
                    new[(j, i)] = mean;
                }
            }
            positive_definite(n, new.as_ref())
        };
        // A low-rank change turns the eigenvectors, so a spectral weight becomes a dense one.
        *held = match held.dense() {
            OwnedWeight::TwoSided(w) | OwnedWeight::Root { w, .. } => {
                OwnedWeight::TwoSided(moved(w)?)
            }
            OwnedWeight::OneSided { w, .. } => OwnedWeight::one_sided(moved(w)?),
            OwnedWeight::Nonneg(_) | OwnedWeight::Pair { .. } | OwnedWeight::Spectral(_) => {
                continue;
            }
        };
    }
    Ok((weight, found))
}

/// `K⁺ − K = H₊H₊ᵀ − H₋H₋ᵀ`.
#[derive(Debug)]
pub(super) struct GramChange {
    pub plus: Thin,
    pub minus: Thin,
}

/// The columns of `H₊` and `H₋` on one block.
enum Directions {
    /// Changed entries with the square roots of `|w⁺² − w²|`.
    Entries([Vec<(usize, f64)>; 2]),
    /// `H_i = vec(FᵀA_iV)`.
    Left { f: Mat<f64>, v: [Mat<f64>; 2] },
    /// `H_i = vec(A_iZ)`.
    Plain([Mat<f64>; 2]),
    /// One column per pair of eigenvalues in a fixed basis.
    Pairs(Pairs),
}

impl GramChange {
    /// # Complexity
    /// The nonzeros of `A` times the rank, a Cholesky factorisation of order `n` per two-sided block, and an
    /// eigendecomposition of order `2r` per one-sided block.
    pub(super) fn new(
        a: &Constraints,
        old: &[OwnedWeight],
        new: &[OwnedWeight],
        change: &[Change],
        rotated: &mut [Rotated],
    ) -> Result<Self> {
        let mut directions = Vec::with_capacity(change.len());
        for (((old, new), change), (part, rotated)) in (old.iter().zip(new))
            .zip(change)
            .zip(a.parts().iter().zip(&mut *rotated))
        {
            if let (OwnedWeight::Spectral(new), Part::Psd(rows)) = (new, part) {
                rotated.prepare(rows, &new.basis);
            }
            directions.push(Directions::new(old, new, change)?);
        }
        let [plus, minus] = [0, 1].map(|sign| {
            let (mut entries, mut turns, mut at) = (vec![], vec![], 0);
            for ((d, part), rotated) in directions.iter().zip(a.parts()).zip(&*rotated) {
                if let (Directions::Pairs(pairs), Part::Psd(rows)) = (d, part) {
                    let to = Columns {
                        first: at,
                        entries: &mut entries,
                        turns: &mut turns,
                    };
                    at += pairs.list(sign, rows, rotated, to);
                    continue;
                }
                d.list(sign, part, at, &mut entries);
                if let Directions::Left { f, v } = d
                    && v[sign].ncols() > 0
                {
                    turns.push((at, v[sign].ncols(), f.clone()));
                }
                at += d.inner(sign);
            }
            Thin {
                sparse: Rows::from_entries(a.len(), at, &entries),
                turns,
            }
        });
        Ok(Self { plus, minus })
    }
}

impl Directions {
    fn new(old: &OwnedWeight, new: &OwnedWeight, change: &Change) -> Result<Self> {
        match (old, new, change) {
            (
                OwnedWeight::Spectral(old),
                OwnedWeight::Spectral(new),
                Change::Eigenvalues { moved, one_sided },
            ) => Ok(match one_sided {
                true => Directions::Plain(square_change(old, new, moved)),
                false => Directions::Pairs(Pairs::new(old, new, moved)),
            }),
            (_, _, Change::Square { v, c }) => Ok(Directions::Plain(split(v.as_ref(), c))),
            (old, _, Change::OneSided { v, c }) => {
                let OwnedWeight::OneSided { w, .. } = old.dense() else {
                    return Ok(Directions::Entries([vec![], vec![]]));
                };
                Self::one_sided(w, v, c)
            }
            (OwnedWeight::Nonneg(old), OwnedWeight::Nonneg(new), Change::Entries(moved)) => {
                // The product (w⁺ − w)(w⁺ + w) has no cancellation, unlike the difference of the squares.
                let gain = |&k: &usize| (k, (new[k] - old[k]) * (new[k] + old[k]));
                let signed = |sign: f64| {
                    moved
                        .iter()
                        .map(gain)
                        .filter(|(_, g)| sign * g > 0.0)
                        .map(|(k, g)| (k, g.abs().sqrt()))
                        .collect()
                };
                Ok(Directions::Entries([signed(1.0), signed(-1.0)]))
            }
            (old, new, Change::TwoSided { v, c }) if !c.is_empty() => {
                let Some((old, new)) = old.two_sided().zip(new.two_sided()) else {
                    return Ok(Directions::Entries([vec![], vec![]]));
                };
                let n = old.nrows();
                let mean = padded::from_fn(n, n, |i, j| 0.5 * (old[(i, j)] + new[(i, j)]));
                let f = Cholesky::factor(mean).map_err(|pivot| Error::NotPositiveDefinite {
                    what: "mean of the old and the new weight",
                    pivot,
                })?;
                let doubled: Vec<f64> = c.iter().map(|c| 2.0 * c).collect();
                Ok(Directions::Left {
                    f: f.lower_clean(),
                    v: split(v.as_ref(), &doubled),
                })
            }
            _ => Ok(Directions::Entries([vec![], vec![]])),
        }
    }

    /// The change of `W²` when `V diag(c) Vᵀ` is added to the one-sided weight `W`. This change lies in the span of `V` and
    /// `W V`.
    fn one_sided(w: &Mat<f64>, v: &Mat<f64>, c: &[f64]) -> Result<Self> {
        let (n, r) = v.shape();
        let mut z = padded::zeros(n, 2 * r);
        z.as_mut().subcols_mut(0, r).copy_from(v);
        gemm(
            z.as_mut().subcols_mut(r, r),
            Accum::Replace,
            1.0,
            w.as_ref(),
            v.as_ref(),
        );
        let inner = v.transpose() * v;
        let core = padded::from_fn(2 * r, 2 * r, |i, j| match (i < r, j < r) {
            (true, true) => c[i] * inner[(i, j)] * c[j],
            (true, false) if i == j - r => c[i],
            (false, true) if i - r == j => c[j],
            _ => 0.0,
        });
        let (gamma, q) = spectral::eigen(core.as_ref())?;
        let mut turned = padded::zeros(n, 2 * r);
        gemm(turned.as_mut(), Accum::Replace, 1.0, z.as_ref(), q.as_ref());
        Ok(Directions::Plain(split(turned.as_ref(), &gamma)))
    }

    fn inner(&self, sign: usize) -> usize {
        match self {
            Directions::Entries(list) => list[sign].len(),
            Directions::Left { v, .. } | Directions::Plain(v) => v[sign].nrows() * v[sign].ncols(),
            // `Pairs::list` counts its own columns.
            Directions::Pairs(_) => 0,
        }
    }

    /// Lists the nonzeros of this block in the sparse factor; its columns start at `first`.
    fn list(&self, sign: usize, part: &Part, first: usize, out: &mut Vec<(u32, u32, f64)>) {
        match (self, part) {
            (Directions::Entries(list), Part::Nonneg(rows)) => {
                let mut place = vec![usize::MAX; rows.order()];
                list[sign]
                    .iter()
                    .enumerate()
                    .for_each(|(s, (k, _))| place[*k] = s);
                for (i, index, value) in rows.iter() {
                    for (&k, &v) in index.iter().zip(value) {
                        let s = place[k as usize];
                        if s != usize::MAX {
                            out.push((i as u32, (first + s) as u32, v * list[sign][s].1));
                        }
                    }
                }
            }
            (Directions::Left { v, .. } | Directions::Plain(v), Part::Psd(rows)) => {
                rows.times(&v[sign], |i, r, k, x| {
                    // With a sparse eigenbasis many of these products are zero.
                    if x != 0.0 {
                        out.push((i as u32, (first + k * rows.order() + r) as u32, x));
                    }
                });
            }
            _ => {}
        }
    }
}

/// `[V₊, V₋]` with `V diag(c) Vᵀ = V₊V₊ᵀ − V₋V₋ᵀ`. Terms below `ε²` times the largest are dropped.
fn split(v: MatRef<'_, f64>, c: &[f64]) -> [Mat<f64>; 2] {
    let floor = f64::EPSILON * f64::EPSILON * max_abs(c);
    [1.0, -1.0].map(|sign| {
        let keep: Vec<usize> = (0..c.len()).filter(|&k| sign * c[k] > floor).collect();
        padded::from_fn(v.nrows(), keep.len(), |i, j| {
            v[(i, keep[j])] * c[keep[j]].abs().sqrt()
        })
    })
}
