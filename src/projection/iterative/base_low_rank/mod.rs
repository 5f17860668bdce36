//! Weights of few large eigenvalues: a sparse base and a low-rank part instead of the Gram matrix[^ZL17][^LORAINE23].
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
/// | `rank` | `None` | large eigenvalues kept apart in every PSD block; where the spectrum has its widest gap if `None` | |
/// | `max_inner` | 0.5 | columns of the low-rank part, as a fraction of `m`; bounds the rank taken from the spectrum | positive |
/// | `min_gap` | 2 | ratio of two neighbouring eigenvalues from which a gap is one | 1 or more |
/// | `max_iter` | 500 | conjugate gradient steps a column | 1 or more |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Large eigenvalues of every PSD block.
    pub rank: Option<usize>,
    /// Most columns, as a fraction of `m`.
    pub max_inner: f64,
    /// Smallest ratio across a gap.
    pub min_gap: f64,
    /// Conjugate gradient steps a column.
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

/// What a [`BaseLowRank`] holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Split {
    /// Large eigenvalues of every block; none in nonnegative blocks, which the base holds exactly.
    pub rank: Vec<usize>,
    /// Columns of the low-rank part.
    pub inner: usize,
    /// `max |log(λ/δ)|` over the small eigenvalues: the preconditioned operator has its spectrum in `[e^{−2ε}, e^{2ε}]`.
    pub spread: f64,
    /// Numbers held besides the weight.
    pub numbers: usize,
}

/// `P` for a two-sided weight with `r` large eigenvalues and a cluster of small ones, as near the solution of a semidefinite
/// program whose primal has rank `r`: answers by conjugate gradients on the exact operator, preconditioned by
/// `K̃ = δ² A Aᵀ + H diag(g) Hᵀ` with one column for every pair of eigenvectors of which one is large.
///
/// Nothing of order `m²` is formed: `A Aᵀ` is factored sparse, once as long as there is one block, and every change of the weight
/// costs a dense factorisation of order `nr`.
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
/// An update: an eigendecomposition of every block, `4n³r²` flops for the inner products of the columns when `A Aᵀ` is diagonal
/// (`4 nnz(L) nr` besides when it is not) and `(nr)³/3`. A step of a query: the exact operator, two solves with the base and
/// `2(nr)²` flops. The number of steps grows with the spread of the small eigenvalues, see [`Split::spread`], not with the
/// ratio of the large ones to them.
///
/// # Limits
/// An answer `y` in double precision has a residual of some `1e-16 ‖K‖‖y‖` however it was found. With eigenvalues of ratio
/// `κ`, `‖K‖‖K⁻¹‖ = κ²`: right-hand sides that are not of the form `B h` meet this limit from `κ = 1e4` on at `1e-8`. The
/// [`Accuracy`] tells the residual that was reached.
///
/// # Deviations
/// The sources let `δ` stand for the small eigenvalues in the pairs of a large and a small one as well; here those weigh what
/// they do, at no cost. Where the square of the ratio leaves the range of double precision, an orthogonal factorisation of
/// all columns has been used; here the `r(r+1)/2` pairs of two large ones, which alone weigh as much, are projected out.
#[derive(Debug, Clone)]
pub struct BaseLowRank {
    a: Arc<Constraints>,
    settings: Settings,
    base: Base,
    refiner: Refiner,
    state: Option<State>,
}

/// What belongs to the weight.
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

    /// The same, with settings.
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

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was found in the spectrum of the weight, and what is held; `None` before the first weight.
    pub fn split(&self) -> Option<&Split> {
        self.state.as_ref().map(|state| &state.split)
    }
}

/// The scales of the base.
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

/// Everything that depends on the weight.
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
