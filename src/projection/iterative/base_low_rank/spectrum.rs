//! The division of the eigenvalues of a weight into large ones and small ones, and the number `δ` that replaces the small ones.

use super::Settings;
use crate::constraints::OwnedWeight;
use crate::error::{Error, Result};
use crate::linalg::padded;
use crate::linalg::product::gemm_lower;
use crate::linalg::spectral;
use crate::projection::params::{FROM_ROOT, KEPT_APART};
use faer::{Accum, Mat};

/// One block of the weight in its eigenbasis.
#[derive(Debug, Clone)]
pub(in crate::projection) enum Spectrum {
    Nonneg(Vec<f64>),
    Psd(Eigen),
}

#[derive(Debug, Clone)]
pub(in crate::projection) struct Eigen {
    /// The eigenvalues, ascending.
    pub values: Vec<f64>,
    /// The eigenvectors.
    pub vectors: Mat<f64>,
    /// Number of large eigenvalues.
    pub rank: usize,
    /// The number that replaces every small eigenvalue: the geometric mean of the smallest and the largest of them.
    pub delta: f64,
}

impl Eigen {
    fn of(w: &Mat<f64>, root: Option<&Mat<f64>>) -> Result<Self> {
        let n = w.nrows();
        let (mut values, mut vectors) = spectral::eigen(w.as_ref())?;
        let largest = values.last().copied().unwrap_or(1.0);
        if let Some(g) = root
            && values[0] <= FROM_ROOT.get() * largest
        {
            (values, vectors) = match deflated(g, &values, &vectors)? {
                Some(found) => found,
                None => {
                    let (s, v) = spectral::singular_right(g.transpose())?;
                    let values = s.iter().rev().map(|s| s * s).collect();
                    (values, padded::from_fn(n, n, |i, j| v[(i, n - 1 - j)]))
                }
            };
        }
        // Eigenvalues below rounding level may have either sign: raise them to that level.
        let floor = f64::EPSILON * largest;
        if root.is_none() {
            values.iter_mut().for_each(|v| *v = v.max(floor));
        }
        if let Some(pivot) = values.iter().position(|v| !(*v > 0.0 && v.is_finite())) {
            return Err(Error::NotPositiveDefinite {
                what: "weight of a positive semidefinite block",
                pivot,
            });
        }
        let mut out = Self {
            values,
            vectors,
            rank: 0,
            delta: 1.0,
        };
        out.keep(0);
        Ok(out)
    }

    fn keep(&mut self, rank: usize) {
        self.rank = rank;
        let small = &self.values[..self.values.len() - rank];
        let (least, most) = (small[0], small[small.len() - 1]);
        self.delta = least.sqrt() * most.sqrt();
    }

    /// Columns of the low-rank part for this many large eigenvalues.
    pub(in crate::projection) fn columns(&self, rank: usize) -> usize {
        self.values.len() * rank - rank * rank.saturating_sub(1) / 2
    }

    /// The rank at the widest gap between logarithms of eigenvalues, with at most `most` columns; and the gap.
    fn gap(&self, most: f64) -> (usize, f64) {
        let n = self.values.len();
        (1..n)
            .take_while(|&r| self.columns(r) as f64 <= most)
            .map(|r| (r, (self.values[n - r] / self.values[n - r - 1]).ln()))
            .fold(
                (0, 0.0),
                |best, next| if next.1 > best.1 { next } else { best },
            )
    }

    /// `max |log(λ/δ)|` over the small eigenvalues.
    pub(in crate::projection) fn spread(&self) -> f64 {
        (self.delta / self.values[0]).ln()
    }
}

/// Computes the small eigenvalues of `G Gᵀ` from `G` with the known large eigenvectors projected out. Returns `None` if the
/// remaining eigenvalues still spread too widely to be accurate.
fn deflated(
    g: &Mat<f64>,
    values: &[f64],
    vectors: &Mat<f64>,
) -> Result<Option<(Vec<f64>, Mat<f64>)>> {
    let n = values.len();
    let large = values
        .iter()
        .filter(|v| **v > KEPT_APART.get() * values[n - 1])
        .count();
    let v = vectors.subcols(n - large, large);
    let rest = g - v * (v.transpose() * g);
    let mut w = padded::zeros(n, n);
    gemm_lower(
        w.as_mut(),
        Accum::Replace,
        1.0,
        rest.as_ref(),
        rest.transpose(),
    );
    let (small, basis) = spectral::eigen(w.as_ref())?;
    // The `large` smallest eigenvalues belong to the projected eigenvectors.
    if n == large || small[large] <= FROM_ROOT.get() * small[n - 1] {
        return Ok(None);
    }
    let all = small[large..].iter().chain(&values[n - large..]);
    let of = |i: usize, j: usize| match j < n - large {
        true => basis[(i, large + j)],
        false => vectors[(i, j)],
    };
    Ok(Some((all.copied().collect(), padded::from_fn(n, n, of))))
}

/// The spectra of all blocks. The ranks are chosen block by block, blocks with the widest gaps first, while the number of columns
/// stays within the limit.
pub(in crate::projection) fn spectra(
    weight: &[OwnedWeight],
    m: usize,
    settings: &Settings,
) -> Result<Vec<Spectrum>> {
    let mut out = Vec::with_capacity(weight.len());
    for held in weight {
        out.push(match held.dense() {
            OwnedWeight::Nonneg(w) => Spectrum::Nonneg(w.clone()),
            OwnedWeight::Root { g, w } => Spectrum::Psd(Eigen::of(w, Some(g))?),
            OwnedWeight::TwoSided(w) => Spectrum::Psd(Eigen::of(w, None)?),
            _ => {
                return Err(Error::Unsupported {
                    what: "a weight that is not two-sided",
                    by: "BaseLowRank",
                });
            }
        });
    }
    let mut room = settings.max_inner * m as f64;
    let mut candidates: Vec<(usize, usize, f64)> = vec![];
    for (b, spectrum) in out.iter().enumerate() {
        if let Spectrum::Psd(eigen) = spectrum {
            let (rank, gap) = match settings.rank {
                Some(rank) => (rank.min(eigen.values.len() - 1), f64::INFINITY),
                None => eigen.gap(room),
            };
            if rank > 0 && gap > settings.min_gap.ln() {
                candidates.push((b, rank, gap));
            }
        }
    }
    candidates.sort_by(|x, y| y.2.total_cmp(&x.2));
    for (b, rank, _) in candidates {
        if let Spectrum::Psd(eigen) = &mut out[b] {
            let columns = eigen.columns(rank) as f64;
            if columns <= room || settings.rank.is_some() {
                room -= columns;
                eigen.keep(rank);
            }
        }
    }
    Ok(out)
}
