//! Lazy absorption: the drift of a weight, the choice of the directions to absorb, and records of updates.
//!
//! Let `W̃` be the weight absorbed, `W` the weight given, and `ρ` the generalised eigenvalues of `(W, W̃)`. Directions with
//! `|log ρ| ≤ ε` may stay unabsorbed. Then `e^{−ε}W̃ ⪯ W ⪯ e^{ε}W̃` and, for two-sided weights, `e^{−2ε}K̃ ⪯ K ⪯ e^{2ε}K̃`.
//!
//! The Gram matrix of a one-sided weight depends on `W²`, and squaring is not operator monotone. So the drift of a one-sided
//! weight is half the logarithm of the eigenvalues of `(W², W̃²)`, and the same bound holds for `K`.

use super::Refresh;
use crate::constraints::OwnedWeight;
use crate::error::{Error, Result};
use crate::linalg::padded;
use crate::linalg::{cholesky::Cholesky, product, spectral};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Accum, Mat, Par};

/// The number of drifts to absorb. Sorts `drift` by decreasing absolute value.
///
/// The number is 0 while all drifts are within `threshold`. Otherwise the batch begins with the `r` drifts beyond the threshold.
/// While the `⌈1.5r⌉`-th largest drift is at least `1 − 1/log n` times the `r`-th, the batch grows to `⌈1.5r⌉` drifts[^CLS19].
///
/// The batch thus ends at a gap between the drifts, so the next batch cannot follow at once. This bounds the amortised rank.
///
/// [^CLS19]: Cohen, Lee, Song. Solving linear programs in the current matrix multiplication time. STOC 2019.
///
/// ```
/// use dyncvx::projection::lazy::batch;
/// assert_eq!(batch(&mut [0.1, -0.2, 0.3], 0.5), 0);
/// assert_eq!(batch(&mut [0.1, -0.9, 0.1, 0.1], 0.5), 1);
/// // Three drifts just below the threshold are absorbed too.
/// let mut drift = [vec![0.6; 6], vec![0.49; 3], vec![0.01; 20]].concat();
/// assert_eq!(batch(&mut drift, 0.5), 9);
/// ```
pub fn batch(drift: &mut [f64], threshold: f64) -> usize {
    drift.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    let n = drift.len();
    let mut r = drift.iter().take_while(|d| d.abs() > threshold).count();
    if r == 0 {
        return 0;
    }
    let factor = 1.0 - 1.0 / (n as f64).ln().max(1.0 + 1e-9);
    while r < n {
        let next = (3 * r).div_ceil(2).min(n);
        if drift[next - 1].abs() < factor * drift[r - 1].abs() {
            break;
        }
        r = next;
    }
    r
}

/// The record of one update.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Largest `|log ρ|` before the update.
    pub drift: f64,
    /// Largest `|log ρ|` after the update.
    pub left: f64,
    /// Rank of the absorbed change of the weight.
    pub rank: usize,
    /// The action taken.
    pub refresh: Refresh,
}

/// Sums over the updates and queries so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Accepted updates.
    pub updates: usize,
    /// Updates that absorbed nothing.
    pub kept: usize,
    /// Updates absorbed into the buffer or into a Cholesky factor.
    pub absorbed: usize,
    /// Sum of the ranks of the absorbed changes of the weight.
    pub absorbed_rank: usize,
    /// Sum of the ranks of the absorbed changes of the Gram matrix.
    pub absorbed_inner: usize,
    /// Number of times the buffer was multiplied out.
    pub flushes: usize,
    /// Gram matrices formed and factored again.
    pub rebuilds: usize,
    /// Factors inverted.
    pub inversions: usize,
    /// Right-hand sides solved.
    pub queries: usize,
    /// Refinement steps over all right-hand sides.
    pub iterations: usize,
}

impl Counters {
    /// The work in units of a factorisation, `m³/3` flops: 1 per rebuild, 2 per inversion, and `3q/m` for absorbed changes of
    /// total rank `q`.
    pub fn refactorisation_equivalents(&self, m: usize) -> f64 {
        self.rebuilds as f64
            + 2.0 * self.inversions as f64
            + 3.0 * self.absorbed_inner as f64 / m.max(1) as f64
    }
}

/// Generalised eigenpairs of the drift on one block.
#[derive(Debug, Clone)]
pub(crate) struct BlockDrift {
    /// `log ρ`, halved where the eigenvalues are those of squares.
    pub log: Vec<f64>,
    /// `ρ − 1`.
    pub gain: Vec<f64>,
    /// Columns `L q` with `W̃ = LLᵀ`, or `W̃² = LLᵀ` for a one-sided weight. Empty in three cases: the caller asked for values
    /// only, the block is nonnegative, or both weights have the same eigenbasis.
    pub vectors: Mat<f64>,
}

/// The drift on every block; `None` when a block changed its form.
pub(crate) fn drift(
    absorbed: &[OwnedWeight],
    given: &[OwnedWeight],
    vectors: bool,
) -> Result<Option<Vec<BlockDrift>>> {
    let mut out = Vec::with_capacity(given.len());
    for pair in absorbed.iter().zip(given) {
        let numbers = |old: &[f64], new: &[f64]| {
            let ratio = || new.iter().zip(old).map(|(n, o)| n / o);
            BlockDrift {
                log: ratio().map(f64::ln).collect(),
                gain: ratio().map(|r| r - 1.0).collect(),
                vectors: Mat::new(),
            }
        };
        if let (OwnedWeight::Spectral(old), OwnedWeight::Spectral(new)) = pair
            && old.same_kind(new)
        {
            // In a common eigenbasis the squares drift by twice the logarithm, and a one-sided drift is half of that.
            out.push(numbers(&old.eigenvalues, &new.eigenvalues));
            continue;
        }
        out.push(match (pair.0.dense(), pair.1.dense()) {
            (OwnedWeight::Nonneg(old), OwnedWeight::Nonneg(new)) => numbers(old, new),
            (
                OwnedWeight::OneSided { square: old, .. },
                OwnedWeight::OneSided { square: new, .. },
            ) => pencil(old, new, vectors, 0.5)?,
            (old, new) => match old.two_sided().zip(new.two_sided()) {
                Some((old, new)) => pencil(old, new, vectors, 1.0)?,
                None => return Ok(None),
            },
        });
    }
    Ok(Some(out))
}

/// The drift from `old` to `new` on one matrix block; `power` multiplies the logarithms.
///
/// # Complexity
/// About `6n³` flops for values, `12n³` with vectors.
fn pencil(old: &Mat<f64>, new: &Mat<f64>, vectors: bool, power: f64) -> Result<BlockDrift> {
    let n = old.nrows();
    let l = Cholesky::factor(old.clone()).map_err(|pivot| Error::NotPositiveDefinite {
        what: "absorbed weight",
        pivot,
    })?;
    // The eigenvalues of L⁻¹ (W − W̃) L⁻ᵀ are ρ − 1. They keep their digits even for a small drift, unlike ρ.
    let mut c = new - old;
    solve_lower_triangular_in_place(l.lower(), c.as_mut(), Par::Seq);
    let mut c = c.transpose().to_owned();
    solve_lower_triangular_in_place(l.lower(), c.as_mut(), Par::Seq);
    let (gain, q) = if vectors {
        spectral::eigen(c.as_ref())?
    } else {
        (spectral::eigenvalues(c.as_ref())?, Mat::new())
    };
    let mut turned = Mat::new();
    if vectors {
        turned = padded::zeros(n, n);
        let lower = l.lower_clean();
        product::gemm(
            turned.as_mut(),
            Accum::Replace,
            1.0,
            lower.as_ref(),
            q.as_ref(),
        );
    }
    let log = gain
        .iter()
        .map(|g| power * g.max(-1.0 + f64::EPSILON).ln_1p())
        .collect();
    Ok(BlockDrift {
        log,
        gain,
        vectors: turned,
    })
}

/// Largest `|log ρ|`.
pub(crate) fn largest(drift: &[BlockDrift]) -> f64 {
    drift
        .iter()
        .flat_map(|d| &d.log)
        .fold(0.0, |m: f64, l| m.max(l.abs()))
}

/// `max log ρ − min log ρ`, with 0 among the values.
pub(crate) fn span(drift: &[BlockDrift]) -> f64 {
    let all = || drift.iter().flat_map(|d| &d.log);
    all().fold(0.0, |m: f64, l| m.max(*l)) - all().fold(0.0, |m: f64, l| m.min(*l))
}
