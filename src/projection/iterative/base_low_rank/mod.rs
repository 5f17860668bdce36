//! The structure for weights with few large eigenvalues. A sparse base and a low-rank part precondition the exact operator, so the
//! Gram matrix is not formed[^ZL17][^LORAINE23].
//!
//! [^ZL17]: Zhang, Lavaei. Modified interior-point method for large-and-sparse low-rank semidefinite programs. CDC 2017,
//! arXiv 1703.10973.
//! [^LORAINE23]: Habibi, Kočvara, Stingl. Loraine — an interior-point solver for low-rank semidefinite programming. 2023.

mod graded;
mod preconditioner;
mod spectrum;

use crate::constraints::{BlockWeight, Constraints, OwnedWeight, WeightForm, Weighted};
use crate::error::{Error, Result};
use crate::projection::gram::{Base, Refiner, each_column};
use crate::projection::{Accuracy, Goal, Projection, Reason, Refresh, Shape, Support, check_forms};
use faer::MatMut;
pub(super) use preconditioner::SplitPreconditioner;
pub(super) use spectrum::{Spectrum, spectra};
use std::sync::Arc;

/// Settings of [`BaseLowRank`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `rank` | `None` | number of large eigenvalues in every PSD block; with `None`, the number above the widest gap of the spectrum | |
/// | `max_inner` | 0.5 | largest number of columns of the low-rank part, as a fraction of `m`; bounds the rank taken from the spectrum | positive |
/// | `min_gap` | 2 | smallest ratio of two neighbouring eigenvalues that counts as a gap | 1 or more |
/// | `max_iter` | 500 | conjugate gradient steps per column | 1 or more |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Number of large eigenvalues in every PSD block.
    pub rank: Option<usize>,
    /// Largest number of columns of the low-rank part, as a fraction of `m`.
    pub max_inner: f64,
    /// Smallest ratio of two neighbouring eigenvalues that counts as a gap.
    pub min_gap: f64,
    /// Conjugate gradient steps per column.
    pub max_iter: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rank: None,
            max_inner: 0.5,
            min_gap: 2.0,
            max_iter: 500,
        }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::InvalidSetting`] for a value outside its range.
    pub fn validate(&self) -> Result<()> {
        let bad = |field, reason| Err(Error::InvalidSetting { field, reason });
        if !(self.max_inner > 0.0 && self.max_inner.is_finite()) {
            let reason = format!("expected a positive fraction, found {}", self.max_inner);
            return bad("max_inner", reason);
        }
        if !(self.min_gap >= 1.0 && self.min_gap.is_finite()) {
            let reason = format!("expected a ratio of 1 or more, found {}", self.min_gap);
            return bad("min_gap", reason);
        }
        if self.max_iter == 0 {
            return bad("max_iter", "expected 1 or more, found 0".into());
        }
        Ok(())
    }
}

/// The split of the weight in a [`BaseLowRank`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Split {
    /// Number of large eigenvalues in every block; 0 in a nonnegative block, which the base represents exactly.
    pub rank: Vec<usize>,
    /// Columns of the low-rank part.
    pub inner: usize,
    /// `ε = max |log(λ/δ)|` over the small eigenvalues. The spectrum of the preconditioned operator lies in `[e^{−2ε}, e^{2ε}]`.
    pub spread: f64,
    /// Number of stored values, without the weight.
    pub numbers: usize,
}

/// The projection `P` for a two-sided weight with `r` large eigenvalues and a cluster of small eigenvalues. Such weights occur near
/// the solution of a semidefinite program whose primal solution has rank `r`. Answers come from conjugate gradients on the exact
/// operator. The preconditioner is `K̃ = δ² A Aᵀ + H diag(g) Hᵀ`, with one column of `H` per pair of eigenvectors that has at least one
/// large eigenvalue.
///
/// No matrix with `m²` entries is formed. `A Aᵀ` is factored as a sparse matrix; with a single block this happens once. Every change
/// of the weight costs a dense factorisation of order `nr`.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::projection::{Accuracy, BaseLowRank, Goal, Projection};
/// use faer::Mat;
/// # fn main() -> dyncvx::Result<()> {
/// let n = 12;
/// let a = Constraints::independent(40, &[Block::Psd(n)], 1, 1.into())?;
/// // One large eigenvalue, the others equal.
/// let w = Mat::from_fn(n, n, |i, j| 1e2 + if i == j { 1.0 } else { 0.0 });
/// let mut p = BaseLowRank::new(a)?;
/// p.update(&[(&w).into()])?;
/// assert_eq!(p.split().unwrap().rank, [1]);
/// let mut y = Mat::from_fn(40, 1, |i, _| 1.0 / (1 + i) as f64);
/// let Accuracy::Exact { residual, iterations } = p.solve(y.as_mut(), Goal::Residual(1e-8))? else { panic!() };
/// assert!(residual < 1e-8 && iterations < 5);
/// # Ok(()) }
/// ```
///
/// # Complexity
/// An update: an eigendecomposition of every block, `4n³r²` flops for the inner products of the columns (and `4 nnz(L) nr` flops
/// more unless `A Aᵀ` is diagonal), and `(nr)³/3` flops for the factor. A step: the exact operator, two solves with the base and
/// `2(nr)²` flops. The number of steps grows with the spread of the small eigenvalues, see [`Split::spread`]. It does not grow
/// with the ratio of the large to the small eigenvalues.
///
/// # Limits
/// Any answer `y` in double precision has a residual of about `1e-16 ‖K‖‖y‖`. With eigenvalues of ratio `κ`, `‖K‖‖K⁻¹‖ = κ²`.
/// So for right-hand sides that are not of the form `B h`, residuals below `1e-8` are out of reach from `κ = 1e4` on. The
/// [`Accuracy`] has the residual reached.
///
/// # Deviations
/// In the sources `δ` also replaces the small eigenvalue in the pairs of a large and a small one. Here these pairs have their
/// exact weights, at no additional cost. Where the square of the ratio exceeds the range of double precision, other authors
/// use an orthogonal factorisation of all columns. Here the `r(r+1)/2` pairs of two large eigenvalues are projected out; only
/// these pairs have such weights.
#[derive(Debug, Clone)]
pub struct BaseLowRank {
    a: Arc<Constraints>,
    settings: Settings,
    base: Base,
    refiner: Refiner,
    state: Option<State>,
}

/// The weight, its preconditioner and its split.
#[derive(Debug, Clone)]
struct State {
    weight: Vec<OwnedWeight>,
    preconditioner: SplitPreconditioner,
    split: Split,
}

impl BaseLowRank {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the rows have so many entries in common that `A Aᵀ` is not sparse;
    /// [`Error::RankDeficient`], [`Error::NearlyDependent`].
    pub fn new(a: impl Into<Arc<Constraints>>) -> Result<Self> {
        Self::with_settings(a, Settings::default())
    }

    /// A structure with settings, without a weight yet.
    ///
    /// # Errors
    /// As [`BaseLowRank::new`]; [`Error::InvalidSetting`].
    pub fn with_settings(a: impl Into<Arc<Constraints>>, settings: Settings) -> Result<Self> {
        settings.validate()?;
        let a = a.into();
        let base = Base::new(&a)?;
        let refiner = Refiner::new(a.clone());
        Ok(Self {
            a,
            settings,
            base,
            refiner,
            state: None,
        })
    }

    /// The settings of this structure.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The split of the weight; `None` before the first weight.
    pub fn split(&self) -> Option<&Split> {
        self.state.as_ref().map(|state| &state.split)
    }
}

/// The scales of the base: `δ²` per matrix block, and the squared weights of the nonnegative blocks.
pub(super) fn scales(spectra: &[Spectrum]) -> Vec<f64> {
    let mut scales = vec![];
    for spectrum in spectra {
        match spectrum {
            Spectrum::Nonneg(w) => scales.extend(w.iter().map(|w| w * w)),
            Spectrum::Psd(eigen) => scales.push(eigen.delta * eigen.delta),
        }
    }
    scales
}

/// The base, the preconditioner and the split of a weight.
fn build(
    a: &Constraints,
    base: &Base,
    weight: &[OwnedWeight],
    settings: &Settings,
) -> Result<(Base, SplitPreconditioner, Split)> {
    let spectra = spectra(weight, a.len(), settings)?;
    let (scales, mut rank, mut spread) = (scales(&spectra), vec![], 0.0f64);
    for spectrum in &spectra {
        match spectrum {
            Spectrum::Nonneg(_) => rank.push(0),
            Spectrum::Psd(eigen) => {
                rank.push(eigen.rank);
                spread = spread.max(eigen.spread());
            }
        }
    }
    let base = base.at(&scales)?;
    let preconditioner = SplitPreconditioner::new(a, base.clone(), &spectra)?;
    let split = Split {
        rank,
        inner: preconditioner.columns(),
        spread,
        numbers: preconditioner.numbers(),
    };
    Ok((base, preconditioner, split))
}

impl Projection for BaseLowRank {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, form: WeightForm) -> Support {
        Support::when(form.is_two_sided())
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        check_forms(self, weight, "BaseLowRank")?;
        let weight = OwnedWeight::new_all(self.a.blocks(), weight)?;
        let (base, preconditioner, split) = build(&self.a, &self.base, &weight, &self.settings)?;
        self.base = base;
        self.state = Some(State {
            weight,
            preconditioner,
            split,
        });
        self.refiner.forget();
        Ok(Refresh::Rebuilt(Reason::Always))
    }

    fn operator(&mut self, _goal: Goal) -> Result<&mut Weighted> {
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        self.refiner.weighted(&state.weight)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        let tol = goal.refined_tolerance()?;
        let State {
            weight,
            preconditioner,
            ..
        } = self.state.as_mut().ok_or(Error::NoWeight)?;
        self.refiner.solve(
            weight,
            Goal::Residual(tol),
            each_column(|v| preconditioner.apply(v)),
            rhs,
            self.settings.max_iter,
        )
    }
}
