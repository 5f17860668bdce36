//! The maintained inverse of `BBᵀ` under low-rank changes of the weight[^SYYZ23].
//!
//! [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
//! Projection Maintenance. ICML 2023, arXiv 2210.11542.

mod change;
mod cost;
mod maintain;
mod settings;
mod spectral;

pub use super::lazy::{Counters, Step};
pub use change::LowRank;
pub use cost::Rates;
pub use settings::{Policy, Precision, Settings};

use super::gram::{Assembler, GramInverse, Refiner, ScaledFactor};
use super::{Accuracy, Goal, Projection, Reason, Refresh, Shape, Support, check_forms};
use crate::clock::Instant;
use crate::constraints::{Block, BlockWeight, Constraints, OwnedWeight, WeightForm, Weighted};
use crate::error::{Error, Result};
use crate::projection::params::WORN_FACTOR;
use change::Change;
use cost::Model;
use faer::MatMut;
use faer::prelude::ReborrowMut as _;
use spectral::Rotated;
use std::sync::Arc;

/// No smaller relative residual is asked of an answer in double precision.
const LEAST_RESIDUAL: f64 = 1e-14;

/// Maintains `(BBᵀ)⁻¹` for `B = A(W^½ ⊗ W^½)` or `B = A(W ⊗ I)` while `W` receives low-rank changes, block by block.
///
/// A change `W⁺ = W + V C Vᵀ` of rank `r` changes the Gram matrix by rank `nr` (two-sided) or `2nr` (one-sided). Moving `k`
/// eigenvalues in a fixed basis changes the Gram matrix by rank `kn − k(k−1)/2` (two-sided) or `kn` (one-sided).
///
/// A cost model chooses one of three actions per change: the change is absorbed into the inverse; or the inverse stays, and
/// later answers are refined with the exact operator; or the Gram matrix is formed and factored again. See [`Settings`].
/// Answers to [`Goal::Residual`] are always for the last weight given.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::projection::{Goal, Kronecker, Projection};
/// use faer::{Mat, mat};
/// # fn main() -> dyncvx::Result<()> {
/// let mut a = Constraints::builder(2, &[Block::Psd(2)])?;
/// a.entry(0, 0, 0, 0, 1.0)?.entry(1, 0, 0, 1, 1.0)?;
/// let w = mat![[2.0, 0.5], [0.5, 1.0]];
/// let mut p = Kronecker::new(a.build()?)?.with_weight(&[(&w).into()])?;
///
/// let h = Mat::from_fn(4, 1, |i, _| i as f64);
/// let (mut y, mut ph) = (Mat::zeros(2, 1), Mat::zeros(4, 1));
/// p.query(h.as_ref(), Goal::Residual(1e-14), y.as_mut(), ph.as_mut())?;
/// // P is a projection: asking for P h again gives P h.
/// let mut again = Mat::zeros(4, 1);
/// p.query(ph.as_ref(), Goal::Residual(1e-14), y.as_mut(), again.as_mut())?;
/// assert!((&again - &ph).norm_max() < 1e-12);
/// # Ok(()) }
/// ```
///
/// # Complexity
/// Space: `m²` numbers, in single precision where single precision is enough.
///
/// Let `q` be the inner dimension of a change: `nr`, `2nr`, or the number of changed entries of a nonnegative block.
/// Absorbing the change costs one product of the inverse with a sparse matrix of about `r` times as many nonzeros as `A`,
/// and `m²q` flops when the buffer is multiplied out. A rebuild costs an assembly and `m³/3` flops. The first change absorbed
/// after a rebuild costs `2m³/3` flops more, for the inverse.
///
/// A solve reads `m²/2` numbers and applies the exact operator once per refinement step. Right-hand sides solved together
/// share these reads. A solve allocates nothing unless it has more right-hand sides than every solve before it.
///
/// # Deviations
/// The paper maintains the projection itself through sketches, and absorbs every drift beyond a threshold. This structure
/// keeps the Gram inverse, which has `m²` entries instead of `N²`. Conjugate gradients correct for the changes that are not
/// absorbed, unless [`Settings::stale_tol`] asks for the paper's approximate answers.
#[derive(Debug, Clone)]
pub struct Kronecker {
    a: Arc<Constraints>,
    settings: Settings,
    assembler: Assembler,
    /// Per block, the rows in the eigenbasis of its weight.
    rotated: Vec<Rotated>,
    model: Model,
    counters: Counters,
    trace: Vec<Step>,
    /// The last weight given; `None` before the first update, when `held` is an empty factor.
    given: Option<Vec<OwnedWeight>>,
    /// Refines answers with the exact operator at the weight given.
    refiner: Refiner,
    /// The weight of the inverse, where it differs from the weight given.
    absorbed: Option<Absorbed>,
    held: GramInverse,
    /// Largest `|log ρ|` between the weight absorbed and the weight given.
    drift: f64,
    /// `max log ρ − min log ρ` between the two weights, with 0 among the values.
    span: f64,
    /// Number of probes drawn so far: the index of the next random stream.
    probes: u64,
    /// Whether `held` was factored at the weight given and has absorbed no change.
    fresh: bool,
}

/// The weight of the inverse, kept while it differs from the last weight given.
#[derive(Debug, Clone)]
struct Absorbed {
    weight: Vec<OwnedWeight>,
    refiner: Refiner,
    /// The change from `weight` to the weight given.
    pending: Vec<Change>,
}

/// The contents of a [`Kronecker`] and the rates it has measured.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Contents {
    /// Seconds of every kernel, as the cost model estimates them now.
    pub rates: Rates,
    /// Whether a Cholesky factor is held rather than the inverse.
    pub factor: bool,
    /// Whether the inverse is held in single precision.
    pub single: bool,
    /// Columns in the buffer of absorbed changes.
    pub buffered: usize,
    /// Bytes of the factor, or of the inverse and its buffer.
    pub bytes: usize,
    /// Largest `|log ρ|` between the weight given and the one absorbed.
    pub drift: f64,
}

impl Kronecker {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer. All forms of
    /// [`BlockWeight`] are supported except [`BlockWeight::Pair`].
    ///
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::NearlyDependent`].
    pub fn new(a: impl Into<Arc<Constraints>>) -> Result<Self> {
        Self::with_settings(a, Settings::default())
    }

    /// A structure with settings, without a weight yet.
    ///
    /// # Errors
    /// As [`Kronecker::new`]; [`Error::InvalidSetting`].
    ///
    /// ```
    /// use dyncvx::constraints::{Block, Constraints};
    /// use dyncvx::projection::kronecker::{Policy, Settings};
    /// use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Refresh};
    /// use faer::{Mat, Scale};
    /// let a = Constraints::independent(6, &[Block::Psd(4)], 3, 1.into())?;
    /// let w = Mat::<f64>::identity(4, 4);
    /// let mut settings = Settings::default();
    /// settings.stale_tol = 0.5;
    /// let mut p = Kronecker::with_settings(a, settings)?.with_weight(&[(&w).into()])?;
    /// // A drift within the tolerance is not absorbed, and the answer bounds the drift.
    /// let near = &w * Scale(1.3);
    /// assert!(matches!(p.update(&[(&near).into()])?, Refresh::Stale { .. }));
    /// let mut rhs = Mat::from_fn(6, 1, |i, _| i as f64);
    /// let Accuracy::Approximate { epsilon } = p.solve(rhs.as_mut(), Goal::AsAbsorbed)? else { panic!() };
    /// assert!((epsilon - 1.3f64.ln()).abs() < 1e-12);
    /// // Refined, it is exact.
    /// let Accuracy::Exact { residual, .. } = p.solve(rhs.as_mut(), Goal::Residual(1e-12))? else { panic!() };
    /// assert!(residual <= 1e-12);
    /// # Ok::<(), dyncvx::Error>(())
    /// ```
    pub fn with_settings(a: impl Into<Arc<Constraints>>, settings: Settings) -> Result<Self> {
        settings.validate()?;
        let a = a.into();
        a.check_separation()?;
        Ok(Self {
            model: model(&a, &settings, 0.0),
            counters: Counters::default(),
            trace: vec![],
            rotated: vec![Rotated::default(); a.blocks().len()],
            assembler: Assembler::new(&a),
            refiner: Refiner::new(a.clone()),
            a,
            settings,
            given: None,
            absorbed: None,
            held: GramInverse::Factor(Box::new(ScaledFactor::empty())),
            drift: 0.0,
            span: 0.0,
            probes: 0,
            fresh: true,
        })
    }

    /// Takes the first weight: factors the Gram matrix and starts the cost model from the measured time. The counters and
    /// the trace do not include this factorisation.
    fn begin(&mut self, weight: Vec<OwnedWeight>) -> Result<Refresh> {
        let start = Instant::now();
        let factor = ScaledFactor::new(&self.a, &weight, &self.assembler)?;
        self.model = model(&self.a, &self.settings, start.elapsed().as_secs_f64());
        self.held = GramInverse::Factor(Box::new(factor));
        self.given = Some(weight);
        self.refiner.forget();
        Ok(Refresh::Rebuilt(Reason::First))
    }

    /// The settings of this structure.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sums over all updates and queries.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Every update so far; empty unless [`Settings::trace`] is set.
    pub fn trace(&self) -> &[Step] {
        &self.trace
    }

    /// The contents, and the rates of the cost model; `None` before the first weight.
    pub fn contents(&self) -> Option<Contents> {
        self.given.is_some().then(|| Contents {
            rates: self.model.rates,
            factor: self.held.is_factor(),
            single: matches!(self.held, GramInverse::Single(_)),
            buffered: self.held.buffered(),
            bytes: self.held.bytes(),
            drift: self.drift,
        })
    }

    /// Moves to the weight `W_b ← W_b + V C Vᵀ` for every entry of the list. The caller knows the factors of the change, so
    /// no eigendecomposition has to find them.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a block that does not exist, [`Error::Unsupported`] for a nonnegative block,
    /// [`Error::Shape`], [`Error::NotSymmetric`] and [`Error::NonFinite`] for `V` and `C`,
    /// [`Error::NotPositiveDefinite`] when the new weight would not be positive definite. After an error the structure is
    /// unchanged.
    ///
    /// # Complexity
    /// `n³/3` flops to check the new weight, `O(n³)` flops for a root of the mean weight, and the absorption of [`Kronecker`].
    pub fn update_low_rank(&mut self, changes: &[LowRank<'_>]) -> Result<Refresh> {
        let given = self.given.as_ref().ok_or(Error::NoWeight)?;
        let (weight, change) = change::apply(&self.a, given, changes)?;
        let change = match &self.absorbed {
            None => change,
            Some(absorbed) => {
                let pending = absorbed.pending.iter().cloned();
                let joined: Option<Vec<Change>> = pending
                    .zip(change)
                    .map(|(old, new)| old.followed_by(new))
                    .collect();
                let narrow = joined.filter(|joined| {
                    let mut pairs = joined.iter().zip(self.a.blocks());
                    pairs.all(|(c, b)| c.rank() <= b.order().max(4) / 2)
                });
                // The joined change is wide: directions that cancel are found by comparing the two weights.
                let found = match narrow {
                    Some(joined) => Some(joined),
                    None => change::find(&absorbed.weight, &weight)?,
                };
                match found {
                    Some(change) => change,
                    None => return self.rebuild(weight, Reason::Form),
                }
            }
        };
        self.follow(weight, change)
    }

    /// Moves eigenvalues of spectral weights to new values, given as pairs `(index, value)`. The index runs through all blocks:
    /// a block of order `n` has `n` eigenvalues. The entries of a nonnegative block count as its eigenvalues.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], [`Error::Duplicate`] for an index given twice, [`Error::NonFinite`] and
    /// [`Error::NotPositiveDefinite`] for a value that is not a positive number, [`Error::Unsupported`] for a PSD block whose
    /// weight is not [`BlockWeight::Spectral`] or [`BlockWeight::OneSidedSpectral`]. After an error the structure is unchanged.
    ///
    /// # Complexity
    /// `k` eigenvalues of a two-sided weight of order `n` change `BBᵀ` by rank `kn − k(k−1)/2`; of a one-sided weight, by rank
    /// `kn`. The new weight costs `n³` flops, or with a sparse basis the sum of the squared numbers of nonzeros of
    /// its columns. The absorption of [`Kronecker`] comes on top.
    ///
    /// ```
    /// use dyncvx::constraints::{Basis, Block, BlockWeight, Constraints};
    /// use dyncvx::projection::{Kronecker, Projection};
    /// use faer::mat;
    /// let basis = Basis::dense(mat![[0.6, 0.8], [0.8, -0.6]].as_ref())?;
    /// let a = Constraints::independent(2, &[Block::Psd(2)], 1, 1.into())?;
    /// let weight = BlockWeight::Spectral { basis: &basis, eigenvalues: &[1.0, 3.0] };
    /// let mut p = Kronecker::new(a)?.with_weight(&[weight])?;
    /// p.update_eigenvalues(&[(1, 2.5)])?;
    /// assert!(p.update_eigenvalues(&[(0, -1.0)]).is_err());
    /// # Ok::<(), dyncvx::Error>(())
    /// ```
    pub fn update_eigenvalues(&mut self, values: &[(usize, f64)]) -> Result<Refresh> {
        let given = self.given.as_ref().ok_or(Error::NoWeight)?;
        let weight = spectral::moved(given, values)?;
        let from = self.from();
        // A block without a moved eigenvalue keeps its pending change.
        let mut change = Vec::with_capacity(weight.len());
        for (k, (old, new)) in given.iter().zip(&weight).enumerate() {
            let pending = self.absorbed.as_ref().map(|a| a.pending[k].clone());
            change.push(match (new, pending) {
                (None, Some(pending)) => Some(pending),
                (None, None) => Some(Change::none(old)),
                (Some(new), _) => change::find_one(&from[k], new)?,
            });
        }
        let weight: Vec<OwnedWeight> = weight
            .into_iter()
            .zip(given)
            .map(|(new, old)| new.unwrap_or_else(|| old.clone()))
            .collect();
        match change.into_iter().collect() {
            Some(change) => self.follow(weight, change),
            None => self.rebuild(weight, Reason::Form),
        }
    }

    /// Whether [`Goal::AsAbsorbed`] is answered for the weight absorbed instead of the last weight given.
    fn answers_stale(&self) -> bool {
        self.absorbed.is_some() && self.drift <= self.settings.stale_tol
    }
}

/// The cost model at the first weight; `seconds` is the time of its factorisation.
fn model(a: &Constraints, settings: &Settings, seconds: f64) -> Model {
    let order = a.blocks().iter().map(|b| match b {
        Block::Psd(n) => *n,
        Block::Nonneg(_) => 0,
    });
    let guess = Rates::guess(a.len(), order.max().unwrap_or(0), seconds);
    Model::new(settings.rates.unwrap_or(guess), settings.rates.is_some())
}

impl Projection for Kronecker {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, form: WeightForm) -> Support {
        Support::when(form != WeightForm::Pair)
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        check_forms(self, weight, "Kronecker")?;
        let weight = OwnedWeight::new_all(self.a.blocks(), weight)?;
        if self.given.is_none() {
            return self.begin(weight);
        }
        match change::find(self.from(), &weight)? {
            Some(change) => self.follow(weight, change),
            None => self.rebuild(weight, Reason::Form),
        }
    }

    fn operator(&mut self, goal: Goal) -> Result<&mut Weighted> {
        let stale = goal == Goal::AsAbsorbed && self.answers_stale();
        let given = self.given.as_ref().ok_or(Error::NoWeight)?;
        match (&mut self.absorbed, stale) {
            (Some(absorbed), true) => absorbed.refiner.weighted(&absorbed.weight),
            _ => self.refiner.weighted(given),
        }
    }

    fn solve(&mut self, mut rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        // The goal decides which weight is answered for, hence which operator refines.
        let stale = goal == Goal::AsAbsorbed && self.answers_stale();
        let given = self.given.as_ref().ok_or(Error::NoWeight)?;
        let tol = goal.refined_tolerance()?;
        let columns = rhs.ncols();
        let held = &mut self.held;
        let precondition = |v: MatMut<'_, f64>| held.apply_all(v);
        let (refiner, weight) = match (&mut self.absorbed, stale) {
            (Some(absorbed), true) => (&mut absorbed.refiner, &absorbed.weight),
            _ => (&mut self.refiner, given),
        };
        let accuracy = refiner.solve(
            weight,
            Goal::Residual(tol),
            precondition,
            rhs.rb_mut(),
            self.settings.max_iter,
        )?;
        let Accuracy::Exact {
            iterations,
            residual,
        } = accuracy
        else {
            return Ok(accuracy);
        };
        // The inverse is too far from the weight given for refinement to converge: rebuild at that weight and solve again.
        let worn = !stale && (self.absorbed.is_some() || !self.fresh);
        if worn && residual > WORN_FACTOR.get() * tol.max(LEAST_RESIDUAL) {
            self.refiner.restore(rhs.rb_mut());
            let weight = given.clone();
            self.rebuild(weight, Reason::Conditioning)?;
            self.counters.updates -= 1;
            return self.solve(rhs, goal);
        }
        // The cost model learns from the steps taken how much an unabsorbed change costs per query.
        self.counters.queries += columns;
        self.counters.iterations += iterations;
        let span = if stale { 0.0 } else { self.span };
        let (buffered, m) = (self.held.buffered(), self.a.len());
        self.model
            .queried(columns, iterations, tol, span, buffered, m);
        if stale {
            let epsilon = self.drift;
            return Ok(Accuracy::Approximate { epsilon });
        }
        Ok(accuracy)
    }
}
