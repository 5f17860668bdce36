//! What a change of the weight does to the Gram matrix.
//!
//! Two-sided, `W⁺ = W + VCVᵀ` and `(W + W⁺)/2 = FFᵀ`: `K⁺ = K + 2H(C ⊗ I)Hᵀ` with rows `vec(FᵀA_iV)` of `H`.
//! One-sided, with `Z = [V, WV]` and `core = [[C VᵀV C, C], [C, 0]]`: `K⁺ = K + H(core ⊗ I)Hᵀ` with rows `vec(A_iZ)`.
//! In both cases the small core is diagonalised and split by sign.

use crate::constraints::{
    Constraints, HeldWeight, Part, SymmetricRows, positive_definite, symmetric,
};
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::{cholesky::Cholesky, max_abs, product::gemm, spectral};
use faer::{Accum, Mat, MatMut, MatRef};

/// A symmetric low-rank change `V C Vᵀ` of the weight on one PSD block; `C` may be indefinite.
#[derive(Debug, Clone, Copy)]
pub struct LowRank<'a> {
    /// Which block.
    pub block: usize,
    /// `n × r`.
    pub v: MatRef<'a, f64>,
    /// `r × r`, symmetric.
    pub c: MatRef<'a, f64>,
}

/// The change of the weight on one block.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// Entries of a nonnegative block that moved.
    Entries(Vec<usize>),
    /// `V diag(c) Vᵀ`, two-sided.
    TwoSided { v: Mat<f64>, c: Vec<f64> },
    /// `V C Vᵀ` with diagonal `C`, one-sided.
    OneSided { v: Mat<f64>, c: Vec<f64> },
}

impl Change {
    pub(super) fn rank(&self) -> usize {
        match self {
            Change::Entries(moved) => moved.len(),
            Change::TwoSided { c, .. } | Change::OneSided { c, .. } => c.len(),
        }
    }

    /// Rank of the change of the Gram matrix.
    pub(super) fn inner(&self, order: usize) -> usize {
        match self {
            Change::Entries(moved) => moved.len(),
            Change::TwoSided { c, .. } => order * c.len(),
            Change::OneSided { c, .. } => 2 * order * c.len(),
        }
    }
}

/// The change from one weight to another, `None` when a block changed its form.
pub(super) fn find(old: &[HeldWeight], new: &[HeldWeight]) -> Result<Option<Vec<Change>>> {
    let mut changes = Vec::with_capacity(old.len());
    for pair in old.iter().zip(new) {
        changes.push(match pair {
            (HeldWeight::Nonneg(old), HeldWeight::Nonneg(new)) => {
                Change::Entries((0..old.len()).filter(|&k| old[k] != new[k]).collect())
            }
            (HeldWeight::OneSided { w: old, .. }, HeldWeight::OneSided { w: new, .. }) => {
                let (v, c) = difference(old, new)?;
                Change::OneSided { v, c }
            }
            (old, new) => match old.two_sided().zip(new.two_sided()) {
                Some((old, new)) => {
                    let (v, c) = difference(old, new)?;
                    Change::TwoSided { v, c }
                }
                None => return Ok(None),
            },
        });
    }
    Ok(Some(changes))
}

/// Eigenpairs of `new − old` above rounding level of the two.
fn difference(old: &Mat<f64>, new: &Mat<f64>) -> Result<(Mat<f64>, Vec<f64>)> {
    let n = old.nrows();
    let delta = new - old;
    if delta.norm_max() == 0.0 {
        return Ok((Mat::zeros(n, 0), vec![]));
    }
    let (lambda, u) = spectral::eigen(delta.as_ref())?;
    let floor = 2.0 * f64::EPSILON * n as f64 * old.norm_max().max(new.norm_max());
    let keep: Vec<usize> = (0..n).filter(|&k| lambda[k].abs() > floor).collect();
    let v = Mat::from_fn(n, keep.len(), |i, j| u[(i, keep[j])]);
    Ok((v, keep.iter().map(|&k| lambda[k]).collect()))
}

/// The weight after the listed changes, and those changes with diagonal cores.
pub(super) fn apply(
    a: &Constraints,
    old: &[HeldWeight],
    changes: &[LowRank<'_>],
) -> Result<(Vec<HeldWeight>, Vec<Change>)> {
    const BY: &str = "a nonnegative block";
    let mut weight = old.to_vec();
    let mut found: Vec<Change> = Vec::with_capacity(old.len());
    for held in old {
        found.push(match held {
            HeldWeight::TwoSided(w) | HeldWeight::Root { w, .. } => Change::TwoSided {
                v: Mat::zeros(w.nrows(), 0),
                c: vec![],
            },
            HeldWeight::OneSided { w, .. } => Change::OneSided {
                v: Mat::zeros(w.nrows(), 0),
                c: vec![],
            },
            HeldWeight::Nonneg(_) | HeldWeight::Pair { .. } => Change::Entries(vec![]),
        });
    }
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
                by: BY,
            });
        };
        let (n, r) = (a.blocks()[change.block].order(), change.v.ncols());
        check_shape("V of a low-rank change", (n, r), change.v.shape())?;
        let core = symmetric("C of a low-rank change", r, change.c)?;
        for j in 0..r {
            check_finite("V of a low-rank change", change.v.col(j).iter())?;
        }
        let (gamma, q) = spectral::eigen(core.as_ref())?;
        let mut turned = Mat::zeros(n, r);
        gemm(turned.as_mut(), Accum::Replace, 1.0, change.v, q.as_ref());
        let keep: Vec<usize> = (0..r).filter(|&k| gamma[k] != 0.0).collect();
        let joined = Mat::from_fn(n, v.ncols() + keep.len(), |i, j| {
            if j < v.ncols() {
                v[(i, j)]
            } else {
                turned[(i, keep[j - v.ncols()])]
            }
        });
        *v = joined;
        c.extend(keep.iter().map(|&k| gamma[k]));
    }
    for (held, change) in weight.iter_mut().zip(&found) {
        let (Change::TwoSided { v, c } | Change::OneSided { v, c }) = change else {
            continue;
        };
        if c.is_empty() {
            continue;
        }
        let n = v.nrows();
        let scaled = Mat::from_fn(n, c.len(), |i, j| v[(i, j)] * c[j]);
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
        *held = match &*held {
            HeldWeight::TwoSided(w) | HeldWeight::Root { w, .. } => HeldWeight::TwoSided(moved(w)?),
            HeldWeight::OneSided { w, .. } => HeldWeight::one_sided(moved(w)?),
            HeldWeight::Nonneg(_) | HeldWeight::Pair { .. } => continue,
        };
    }
    Ok((weight, found))
}

/// `K⁺ − K = H₊H₊ᵀ − H₋H₋ᵀ`, transposed (`q × m`).
#[derive(Debug)]
pub(super) struct GramChange {
    pub plus_t: Mat<f64>,
    pub minus_t: Mat<f64>,
}

/// One block's directions, split by sign.
enum Directions {
    /// Entries with the roots of `|w⁺² − w²|`.
    Entries {
        plus: Vec<(usize, f64)>,
        minus: Vec<(usize, f64)>,
    },
    /// `H_i = vec(FᵀA_iV)`; `f_t = Fᵀ`.
    Left {
        f_t: Mat<f64>,
        plus: Mat<f64>,
        minus: Mat<f64>,
    },
    /// `H_i = vec(A_iZ)`.
    Plain { plus: Mat<f64>, minus: Mat<f64> },
}

impl GramChange {
    /// # Complexity
    /// Per row `O(ρ n r)` for `ρ` distinct indices, and an eigendecomposition of order `2r` a one-sided block.
    pub(super) fn new(
        a: &Constraints,
        old: &[HeldWeight],
        new: &[HeldWeight],
        change: &[Change],
    ) -> Result<Self> {
        let mut directions = Vec::with_capacity(change.len());
        for ((old, new), change) in old.iter().zip(new).zip(change) {
            directions.push(Directions::new(old, new, change)?);
        }
        let size = |sign: usize| -> usize { directions.iter().map(|d| d.inner(sign)).sum() };
        let mut out = [Mat::zeros(size(0), a.len()), Mat::zeros(size(1), a.len())];
        for (sign, h_t) in out.iter_mut().enumerate() {
            let mut at = 0;
            for (d, part) in directions.iter().zip(a.parts()) {
                let q = d.inner(sign);
                d.fill(sign, part, h_t.as_mut().submatrix_mut(at, 0, q, a.len()));
                at += q;
            }
        }
        let [plus_t, minus_t] = out;
        Ok(Self { plus_t, minus_t })
    }
}

impl Directions {
    fn new(old: &HeldWeight, new: &HeldWeight, change: &Change) -> Result<Self> {
        const MEAN: &str = "mean of the old and the new weight";
        match (old, new, change) {
            (old, new, Change::TwoSided { v, c }) => {
                let Some((old, new)) = old.two_sided().zip(new.two_sided()) else {
                    return Ok(Directions::Entries {
                        plus: vec![],
                        minus: vec![],
                    });
                };
                let n = old.nrows();
                let mean = Mat::from_fn(n, n, |i, j| 0.5 * (old[(i, j)] + new[(i, j)]));
                let f = Cholesky::factor(mean)
                    .map_err(|pivot| Error::NotPositiveDefinite { what: MEAN, pivot })?;
                let doubled: Vec<f64> = c.iter().map(|c| 2.0 * c).collect();
                let [plus, minus] = split(v.as_ref(), &doubled);
                Ok(Directions::Left {
                    f_t: f.lower_clean().transpose().to_owned(),
                    plus,
                    minus,
                })
            }
            (HeldWeight::OneSided { w, .. }, _, Change::OneSided { v, c }) => {
                let (n, r) = v.shape();
                let mut z = Mat::zeros(n, 2 * r);
                z.as_mut().subcols_mut(0, r).copy_from(v);
                gemm(
                    z.as_mut().subcols_mut(r, r),
                    Accum::Replace,
                    1.0,
                    w.as_ref(),
                    v.as_ref(),
                );
                let inner = v.transpose() * v;
                let core = Mat::from_fn(2 * r, 2 * r, |i, j| match (i < r, j < r) {
                    (true, true) => c[i] * inner[(i, j)] * c[j],
                    (true, false) => {
                        if i == j - r {
                            c[i]
                        } else {
                            0.0
                        }
                    }
                    (false, true) => {
                        if i - r == j {
                            c[j]
                        } else {
                            0.0
                        }
                    }
                    (false, false) => 0.0,
                });
                let (gamma, q) = spectral::eigen(core.as_ref())?;
                let mut turned = Mat::zeros(n, 2 * r);
                gemm(turned.as_mut(), Accum::Replace, 1.0, z.as_ref(), q.as_ref());
                let [plus, minus] = split(turned.as_ref(), &gamma);
                Ok(Directions::Plain { plus, minus })
            }
            (HeldWeight::Nonneg(old), HeldWeight::Nonneg(new), Change::Entries(moved)) => {
                // (w⁺ − w)(w⁺ + w) does not cancel.
                let gain = |&k: &usize| (k, (new[k] - old[k]) * (new[k] + old[k]));
                let root = |(k, g): (usize, f64)| (k, g.abs().sqrt());
                let plus = moved
                    .iter()
                    .map(gain)
                    .filter(|(_, g)| *g > 0.0)
                    .map(root)
                    .collect();
                let minus = moved
                    .iter()
                    .map(gain)
                    .filter(|(_, g)| *g < 0.0)
                    .map(root)
                    .collect();
                Ok(Directions::Entries { plus, minus })
            }
            _ => Ok(Directions::Entries {
                plus: vec![],
                minus: vec![],
            }),
        }
    }

    fn inner(&self, sign: usize) -> usize {
        match self {
            Directions::Entries { plus, minus } => [plus, minus][sign].len(),
            Directions::Left { plus, minus, .. } | Directions::Plain { plus, minus } => {
                let v = [plus, minus][sign];
                v.nrows() * v.ncols()
            }
        }
    }

    /// Column `i` of `out` is this block's part of row `i` of `H`.
    fn fill(&self, sign: usize, part: &Part, mut out: MatMut<'_, f64>) {
        match (self, part) {
            (Directions::Entries { plus, minus }, Part::Nonneg(rows)) => {
                let list = [plus, minus][sign];
                let mut place = vec![usize::MAX; rows.order()];
                list.iter()
                    .enumerate()
                    .for_each(|(s, (k, _))| place[*k] = s);
                for (i, index, value) in rows.iter() {
                    for (&k, &v) in index.iter().zip(value) {
                        let s = place[k as usize];
                        if s != usize::MAX {
                            out[(s, i)] = v * list[s].1;
                        }
                    }
                }
            }
            (Directions::Left { f_t, plus, minus }, Part::Psd(rows)) => {
                rows_times(rows, [plus, minus][sign], |i, r, k, av| {
                    let n = f_t.nrows();
                    // F is lower triangular: column r of Fᵀ ends at r.
                    for t in 0..=r {
                        out[(k * n + t, i)] += av * f_t[(t, r)];
                    }
                });
            }
            (Directions::Plain { plus, minus }, Part::Psd(rows)) => {
                let n = rows.order();
                rows_times(rows, [plus, minus][sign], |i, r, k, av| {
                    out[(k * n + r, i)] += av
                });
            }
            _ => {}
        }
    }
}

/// Calls `f(i, r, k, a_rc V_ck)` for every nonzero `a_rc` of every `A_i` (both triangles) and every column `k` of `V`.
fn rows_times(rows: &SymmetricRows, v: &Mat<f64>, mut f: impl FnMut(usize, usize, usize, f64)) {
    for (i, a) in rows.iter() {
        for k in 0..v.ncols() {
            for (r, c, x) in a.iter() {
                f(i, r, k, x * v[(c, k)]);
                if r != c {
                    f(i, c, k, x * v[(r, k)]);
                }
            }
        }
    }
}

/// `[V₊, V₋]` with `V diag(c) Vᵀ = V₊V₊ᵀ − V₋V₋ᵀ`; terms at rounding level of the largest are dropped.
fn split(v: MatRef<'_, f64>, c: &[f64]) -> [Mat<f64>; 2] {
    let floor = f64::EPSILON * f64::EPSILON * max_abs(c);
    [1.0, -1.0].map(|sign| {
        let keep: Vec<usize> = (0..c.len()).filter(|&k| sign * c[k] > floor).collect();
        Mat::from_fn(v.nrows(), keep.len(), |i, j| {
            v[(i, keep[j])] * c[keep[j]].abs().sqrt()
        })
    })
}
