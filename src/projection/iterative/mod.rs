//! Newton systems by conjugate gradients on the exact operator, with the preconditioner that is cheapest for the weight.

pub mod base_low_rank;
mod choice;
mod factor;

pub(in crate::projection) use choice::Costs;

use super::params::{FACTOR_HELPS, ROUNDING_FACTOR, ROUNDING_RESIDUAL};
use crate::constraints::{
    Block, BlockWeight, Constraints, NearlyDependent, OwnedWeight, WeightForm, Weighted,
};
use crate::error::{Error, Result};
use crate::linalg::pcg::Limits;
use crate::projection::gram::{Assembler, Base, Refiner, each_column};
use crate::projection::{
    Accuracy, Goal, Projection, Reason, Refresh, Report, Seconds, Shape, Support, check_forms,
    query, query_set,
};
pub use base_low_rank::BaseLowRank;
use base_low_rank::{Spectrum, SplitPreconditioner, spectra};
use choice::{Choice, Preconditioner};
use factor::AgedFactor;
use faer::{ColRef, MatMut, MatRef};
use std::sync::Arc;

/// Largest number of conjugate gradient steps per answer: a safeguard against iterations without end.
const MAX_STEPS: usize = 100_000;

/// Settings of [`Iterative`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `split` | [`base_low_rank::Settings::default`] | how to split a weight into a base and a low-rank part; its `max_iter` bounds the steps where the Gram matrix may not be formed | |
/// | `max_bytes` | no limit | bytes of the largest Gram matrix that may be formed | |
/// | `nearly_dependent` | refuse | what to do with rows so nearly dependent that their Gram matrix is singular up to rounding; a sparse base always refuses them | |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Settings of the split into a base and a low-rank part.
    pub split: base_low_rank::Settings,
    /// Bytes of the largest Gram matrix that may be formed.
    pub max_bytes: u64,
    /// What to do with rows so nearly dependent that their Gram matrix is singular up to rounding.
    pub nearly_dependent: NearlyDependent,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            split: base_low_rank::Settings::default(),
            max_bytes: u64::MAX,
            nearly_dependent: NearlyDependent::Refuse,
        }
    }
}

/// The projection `P` for two-sided weights that change everywhere at each step, such as the weights of an interior-point method.
/// Every answer comes from conjugate gradients on the exact operator, with the cheapest of these preconditioners:
///
/// 1. a sparse base and a low-rank part, as in [`BaseLowRank`], while the spectrum of the weight allows. Without large
///    eigenvalues this is the base alone, which suits well-conditioned weights;
/// 2. the factor of an earlier weight;
/// 3. a Cholesky factor of the Gram matrix in single precision, while the condition number allows;
/// 4. a Cholesky factor in double precision.
///
/// The cost is estimated from counts of operations and from the steps needed at earlier weights. If a preconditioner needs more
/// steps than the next one costs, it is given up in the middle of an answer, and a factor replaces it.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::projection::{Accuracy, Goal, Iterative, Projection};
/// use faer::Mat;
/// # fn main() -> dyncvx::Result<()> {
/// let a = Constraints::independent(40, &[Block::Psd(12)], 1, 1.into())?;
/// let mut p = Iterative::new(a)?;
/// p.update(&[(&Mat::identity(12, 12)).into()])?;
/// let mut y = Mat::from_fn(40, 1, |i, _| 1.0 / (1 + i) as f64);
/// let Accuracy::Exact { residual, .. } = p.solve(y.as_mut(), Goal::Residual(1e-10))? else { panic!() };
/// assert!(residual < 1e-10);
/// # Ok(()) }
/// ```
///
/// # Complexity
/// An update: the eigenvectors of every block and the cost of the chosen preconditioner. Only a factor costs `m³/3` flops and `m²`
/// numbers. A step: the exact operator and two passes over the preconditioner.
///
/// # Limits
/// [`BlockWeight::Pair`] and one-sided weights are [`Error::Unsupported`].
#[derive(Debug, Clone)]
pub struct Iterative {
    a: Arc<Constraints>,
    settings: Settings,
    assembler: Assembler,
    /// The base at scales of one; `None` where `A Aᵀ` is not sparse.
    base: Option<Base>,
    refiner: Refiner,
    choice: Choice,
    state: Option<State>,
    factor: Option<AgedFactor>,
    /// Whether, at some weight, a new factor reached no smaller residual than the preconditioner it replaced. Then rounding errors
    /// limit the residual, and no factor is made for a residual that rounding explains.
    rounding: bool,
    seconds: Seconds,
}

/// The weight, its preconditioner, and the steps taken at this weight.
#[derive(Debug, Clone)]
struct State {
    weight: Vec<OwnedWeight>,
    kind: Preconditioner,
    split: Option<Split>,
    steps: usize,
}

#[derive(Debug, Clone)]
struct Split {
    preconditioner: SplitPreconditioner,
    rank: usize,
    spread: f64,
}

impl Iterative {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::NearlyDependent`].
    ///
    /// # Complexity
    /// A sparse factorisation of `A Aᵀ`, where this matrix is sparse.
    pub fn new(a: impl Into<Arc<Constraints>>) -> Result<Self> {
        Self::with_settings(a, Settings::default())
    }

    /// A structure with settings, without a weight yet.
    ///
    /// # Errors
    /// As [`Iterative::new`]; [`Error::InvalidSetting`].
    pub fn with_settings(a: impl Into<Arc<Constraints>>, settings: Settings) -> Result<Self> {
        settings.split.validate()?;
        let a = a.into();
        let assembler = Assembler::new(&a);
        let base = match Base::new(&a) {
            Ok(base) => Some(base),
            Err(Error::Unsupported { .. } | Error::TooLarge { .. }) => {
                a.check_rows(settings.nearly_dependent)?;
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            settings,
            assembler,
            base,
            refiner: Refiner::new(a.clone()),
            choice: Choice::new(&a),
            state: None,
            factor: None,
            rounding: false,
            seconds: Seconds::default(),
            a,
        })
    }

    /// The settings of this structure.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Fails unless the rows are separated enough for answers `P h`. A sparse base exists only for separated rows.
    fn check_separation(&self) -> Result<()> {
        match &self.base {
            Some(_) => Ok(()),
            None => self.a.check_separation(),
        }
    }

    /// The spectra of a weight, the spread of the small eigenvalues, and the columns of the low-rank part; `None` without a sparse
    /// base.
    fn analyse_spectrum(
        &self,
        weight: &[OwnedWeight],
    ) -> Result<Option<(Vec<Spectrum>, f64, usize)>> {
        if self.base.is_none() {
            return Ok(None);
        }
        let spectra = spectra(weight, self.a.len(), &self.settings.split)?;
        let (mut spread, mut inner) = (0.0f64, 0);
        for spectrum in &spectra {
            if let Spectrum::Psd(eigen) = spectrum {
                spread = spread.max(eigen.spread());
                inner += eigen.columns(eigen.rank);
            }
        }
        Ok(Some((spectra, spread, inner)))
    }

    /// The preconditioner of a sparse base and a low-rank part; `None` without a sparse base.
    fn split(&self, spectra: &[Spectrum], spread: f64) -> Result<Option<Split>> {
        let Some(base) = &self.base else {
            return Ok(None);
        };
        let base = base.at(&base_low_rank::scales(spectra))?;
        let preconditioner = SplitPreconditioner::new(&self.a, base, spectra)?;
        let ranks = spectra.iter().map(|s| match s {
            Spectrum::Psd(eigen) => eigen.rank,
            Spectrum::Nonneg(_) => 0,
        });
        Ok(Some(Split {
            preconditioner,
            rank: ranks.sum(),
            spread,
        }))
    }

    /// Records in the cost model how many steps the last weight took.
    fn record_outcome(&mut self, failed: bool) {
        if let Some(state) = &self.state {
            let distance = match state.kind {
                Preconditioner::Split => state.split.as_ref().map_or(0.0, |s| s.spread),
                _ => self.factor.as_ref().map_or(0.0, |f| f.age as f64),
            };
            self.choice
                .record(state.kind, distance, state.steps, failed);
        }
    }
}

impl Projection for Iterative {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, form: WeightForm) -> Support {
        match form {
            WeightForm::Nonneg => Support::Yes,
            form if form.is_two_sided() => Support::Preferred,
            _ => Support::No,
        }
    }

    fn report(&self) -> Report {
        Report {
            seconds: Some(self.seconds),
            refresh: self.state.as_ref().map(|state| state.refresh(&self.a)),
            steps: self.state.as_ref().map_or(0, |state| state.steps),
        }
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        check_forms(self, weight, "Iterative")?;
        let weight = OwnedWeight::new_all(self.a.blocks(), weight)?;
        // Learn from the last weight, then choose the cheapest preconditioner for this one.
        let analysis = self.analyse_spectrum(&weight)?;
        self.record_outcome(false);
        let age = self.factor.as_ref().map(|f| f.age + 1);
        let split = analysis
            .as_ref()
            .map(|(_, spread, inner)| (*spread, *inner));
        let mut kind = self.choice.cheapest(split, age);
        if split.is_some() && self.allowed(self.choice.factor()).is_err() {
            kind = Preconditioner::Split;
        }
        let mut made = None;
        if let (Preconditioner::Split, Some((spectra, spread, _))) = (kind, &analysis) {
            match self.split(spectra, *spread) {
                Ok(found) => made = found,
                // The weight is too ill-conditioned for a split.
                Err(Error::NotPositiveDefinite { .. } | Error::NonFinite { .. }) => {
                    kind = self.choice.factor();
                }
                Err(error) => return Err(error),
            }
        }
        match kind {
            Preconditioner::Single | Preconditioner::Double => {
                // After a failure here the old factor is lost, but the old weight stays.
                kind = self.factorize(&weight)?;
            }
            Preconditioner::Split | Preconditioner::Stale => {
                if let Some(factor) = &mut self.factor {
                    factor.age += 1;
                }
            }
        }
        let state = State {
            weight,
            kind,
            split: made,
            steps: 0,
        };
        let refresh = state.refresh(&self.a);
        self.state = Some(state);
        self.refiner.forget();
        Ok(refresh)
    }

    fn operator(&mut self, _goal: Goal) -> Result<&mut Weighted> {
        self.refiner
            .weighted(&self.state.as_ref().ok_or(Error::NoWeight)?.weight)
    }

    fn solve(&mut self, mut rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        let tol = goal.refined_tolerance()?;
        // Each round solves with the present preconditioner. A round that fails is followed by one with a factor.
        let mut best: Option<f64> = None;
        let factor_allowed = self.allowed(self.choice.factor()).is_ok();
        loop {
            let Self {
                state,
                factor,
                refiner,
                choice,
                settings,
                rounding,
                ..
            } = self;
            let state = state.as_mut().ok_or(Error::NoWeight)?;
            let inner = state
                .split
                .as_ref()
                .map_or(0, |s| s.preconditioner.columns());
            let cap = match state.kind {
                Preconditioner::Split if !factor_allowed => settings.split.max_iter,
                kind => choice.cap(kind, inner, state.steps).min(MAX_STEPS),
            };
            let precondition = |v: &mut [f64]| match (&mut state.split, &mut *factor) {
                (Some(split), _) => split.preconditioner.apply(v),
                (None, Some(aged)) => aged.kept.solve_in_place(v),
                (None, None) => {}
            };
            let limits = Limits {
                quick: true,
                ..Limits::new(tol, cap)
            };
            let precondition = each_column(precondition);
            let found = refiner.solve_within(&state.weight, limits, precondition, rhs.as_mut())?;
            let Accuracy::Exact {
                residual,
                iterations,
            } = found
            else {
                return Ok(found);
            };
            // An iteration that ends before its cap has met the tolerance or has stopped at rounding errors.
            state.steps += iterations;
            let ended_in_rounding = iterations < cap;
            let enough = residual <= tol
                || (ended_in_rounding
                    && (residual <= ROUNDING_FACTOR.get() * tol
                        || (*rounding && residual <= ROUNDING_RESIDUAL.get())));
            if let Some(before) = best
                && ended_in_rounding
                && residual > FACTOR_HELPS.get() * before
            {
                *rounding = true;
            }
            if enough || !factor_allowed {
                return Ok(found);
            }
            best = Some(residual.min(best.unwrap_or(f64::INFINITY)));
            if !self.fall_back_to_factor() {
                return Ok(found);
            }
            self.refiner.restore(rhs.as_mut());
        }
    }

    /// # Errors
    /// [`Error::NearlyDependent`], [`Error::RankDeficient`], even where the settings accept such rows: with nearly dependent
    /// rows the residual of the multipliers does not bound the error of `P h`.
    fn query(
        &mut self,
        h: MatRef<'_, f64>,
        goal: Goal,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        self.check_separation()?;
        query(self, h, goal, multipliers, projected)
    }

    /// # Errors
    /// As [`Iterative::query`].
    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        self.check_separation()?;
        query_set(self, h, coords, goal, out)
    }
}

impl State {
    fn refresh(&self, a: &Constraints) -> Refresh {
        match self.kind {
            Preconditioner::Split => Refresh::Split {
                rank: self.split.as_ref().map_or(0, |s| s.rank),
                inner: self
                    .split
                    .as_ref()
                    .map_or(0, |s| s.preconditioner.columns()),
            },
            Preconditioner::Stale => Refresh::Stale {
                rank: a.blocks().iter().map(|b: &Block| b.order()).sum(),
            },
            Preconditioner::Single => Refresh::Single,
            Preconditioner::Double => Refresh::Rebuilt(Reason::Always),
        }
    }
}
