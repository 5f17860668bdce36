//! Sketched answers that stay accurate against an adaptive asker.

use crate::clock::Instant;
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::norm;
use crate::linalg::padded;
use crate::privacy::{Accountant, Charge, Grid, Plan, PrivateMedian, Sampler, calibrated};
use crate::projection::forward::forward;
use crate::projection::{Accuracy, Ensemble, Goal, Projection, Shape};
use crate::random::{Lane, Seed};
use faer::prelude::ReborrowMut as _;
use faer::{ColRef, MatMut, MatRef};
use rand_chacha::ChaCha20Rng;

/// Answers set queries such that an adaptive asker cannot make the answers wrong. Every released number is a private median over
/// a few secretly drawn copies of a sketch[^SYYZ23][^BKMNSS22].
///
/// The copies come from an [`Ensemble`]. In `Robust<Sketched<Kronecker>>`, for example, there is one exact `m × m` state with `L`
/// sketches. For each requested coordinate, `s` copies are drawn in secret. The exponential mechanism releases a median of
/// their answers, from a grid of step `step·‖h‖` between `±clip·‖h‖`. The grid depends only on `h`, which the asker knows. A
/// budget, fixed by the [`Plan`], counts every release. Updates do not restore the budget; [`Robust::renew`] draws new copies
/// and starts a new budget.
///
/// The exact inner structure answers [`Goal::Residual`], and [`Projection::solve`] with any goal. These answers do not depend on
/// the sketches, so they leak nothing about them and spend no budget. Multipliers with [`Goal::AsAbsorbed`] are refused;
/// [`Robust::query_in_range`] releases private multipliers.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::privacy::{Demand, calibrated};
/// use dyncvx::projection::{Goal, Kronecker, Projection, Robust, Sketched, robust, sketched};
/// use dyncvx::sketch::{Base, Distribution};
/// use faer::Mat;
/// let a = Constraints::independent(20, &[Block::Psd(8)], 3, 1.into())?;
/// let w = Mat::<f64>::identity(8, 8);
/// let exact = Kronecker::new(a)?.with_weight(&[(&w).into()])?;
/// // Twenty questions of one coordinate, each to 0.2‖P_i‖‖h‖.
/// let plan = calibrated::plan(&Demand::new(20, 1, 0.2))?;
/// let sketches = Sketched::new(exact, sketched::Settings::new(Distribution::new(Base::Gaussian, plan.rows)?, plan.copies, 7u64))?;
/// let mut robust = Robust::new(sketches, robust::Settings::new(plan, 8))?;
/// let h = Mat::from_fn(64, 1, |i, _| (i as f64).sin());
/// let mut out = Mat::zeros(1, 1);
/// for _ in 0..20 { robust.query_set(h.col(0), &[9], Goal::AsAbsorbed, out.as_mut())?; }
/// // The budget is spent. At this size the exact structure is smaller than the copies.
/// assert!(robust.query_set(h.col(0), &[9], Goal::AsAbsorbed, out.as_mut()).is_err());
/// assert!(robust.account().width_ratio >= 1.0);
/// robust.renew()?;
/// robust.query_set(h.col(0), &[9], Goal::AsAbsorbed, out.as_mut())?;
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// The seed is secret: an asker who guesses the seed knows every draw. Different uses need different seeds. The sketches may have
/// the same seed, because their random streams are different.
///
/// # Complexity
/// A set query of `k` coordinates spends `k` releases. It sketches `h` and reads `Y` for the drawn copies, at most `ks` copies of
/// `m·b` numbers, and takes `O(ks log s)` operations for the medians. Space: that of the ensemble, `m·L·b` numbers. When
/// `L·b ≥ N`, the exact structure is smaller and never leaks; see [`Account::larger_than_exact`].
///
/// # Deviations
/// The papers fix the constants of the median. Here a planner chooses them, see [`crate::privacy`]. The sample is drawn without
/// replacement, independently for every coordinate.
///
/// [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
/// Projection Maintenance. ICML 2023, arXiv 2210.11542.
/// [^BKMNSS22]: Beimel, Kaplan, Mansour, Nissim, Saranurak, Stemmer. Dynamic algorithms against an adaptive adversary. STOC
/// 2022.
///
/// The type is not `Clone`: a clone would have a second budget for the same sketches.
#[derive(Debug)]
pub struct Robust<S> {
    ensemble: S,
    settings: Settings,
    charge: Charge,
    accountant: Accountant,
    sampler: Sampler,
    median: PrivateMedian,
}

/// Settings of a [`Robust`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `plan` | none: see [`crate::privacy`] | copies, sample and privacy of one release, and the budget | see [`Plan`] |
/// | `seed` | none | root of the secret draws | any seed that an asker cannot guess |
/// | `clip` | 1 | largest `|answer|/‖h‖` that can be released; exact answers are bounded by `‖P_i‖ ≤ 1` | above 0 |
/// | `step` | 1/1000 | distance between neighbouring answers on the grid, in units of `‖h‖` | above 0, at most `clip` |
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Copies, sample and privacy of one release, and the budget.
    pub plan: Plan,
    /// Root of the secret draws.
    pub seed: Seed,
    /// Half-width of the grid.
    pub clip: f64,
    /// Step of the grid.
    pub step: f64,
}

impl Settings {
    /// Settings with this plan and seed, and the default grid.
    pub fn new(plan: Plan, seed: impl Into<Seed>) -> Self {
        Self {
            plan,
            seed: seed.into(),
            clip: 1.0,
            step: 1e-3,
        }
    }
}

impl Settings {
    fn grid(&self) -> Result<Grid> {
        let half = self.clip / self.step;
        if !(self.clip > 0.0 && self.step > 0.0 && (1.0..1e9).contains(&half)) {
            return Err(Error::InvalidSetting {
                field: "step",
                reason: format!(
                    "expected 0 < step <= clip and fewer than 1e9 steps, found step {} and clip {}",
                    self.step, self.clip
                ),
            });
        }
        Grid::symmetric(half.round() as u64, self.step)
    }
}

/// The size and the spent budget of a [`Robust`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Account {
    /// Number of copies `L`.
    pub copies: usize,
    /// Rows `b` of each copy.
    pub rows: usize,
    /// `L·b/N`.
    pub width_ratio: f64,
    /// Warning that `L·b ≥ N`: the exact `K⁻¹B` would be smaller than the copies, and never leaks.
    pub larger_than_exact: bool,
    /// Bytes of all copies, without the exact structure.
    pub bytes: usize,
    /// Releases since the copies were drawn.
    pub answered: u64,
    /// `ε` spent by these releases, at the `δ` of the plan.
    pub spent: f64,
    /// `ε` that may be spent.
    pub limit: f64,
    /// Generation of the copies.
    pub epoch: u64,
}

/// The cost of drawing new copies.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Renewal {
    /// Generation of the new copies.
    pub epoch: u64,
    /// Right-hand sides solved by the exact structure, `L·b`.
    pub solves: u128,
    /// Bytes of the new copies.
    pub bytes: usize,
    /// Wall-clock seconds of the renewal.
    pub seconds: f64,
}

impl<S: Ensemble> Robust<S> {
    /// A structure over `ensemble`, which needs at least as many copies as the plan, with at least as many rows.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for an ensemble with fewer copies or rows than the plan, an invalid plan, or an invalid grid.
    pub fn new(ensemble: S, settings: Settings) -> Result<Self> {
        let plan = settings.plan;
        plan.validate()?;
        for (field, expected, found) in [
            ("copies", plan.copies, ensemble.copies()),
            ("rows", plan.rows, ensemble.rows()),
        ] {
            if found < expected {
                return Err(Error::InvalidSetting {
                    field,
                    reason: format!("the plan expected at least {expected}, found {found}"),
                });
            }
        }
        let copies = ensemble.copies();
        Ok(Self {
            charge: Charge::sampled(plan.epsilon, plan.sample, copies)?,
            accountant: plan.accountant()?,
            sampler: Sampler::new(copies, plan.sample)?,
            median: PrivateMedian::new(settings.grid()?, plan.epsilon)?,
            ensemble,
            settings,
        })
    }

    /// The copies.
    pub fn inner(&self) -> &S {
        &self.ensemble
    }

    /// Returns the copies. Earlier releases have leaked information about them, so do not use these copies with a new budget.
    pub fn into_inner(self) -> S {
        self.ensemble
    }

    /// The plan of this structure.
    pub fn plan(&self) -> &Plan {
        &self.settings.plan
    }

    /// The size and the spent budget.
    pub fn account(&self) -> Account {
        let (copies, rows) = (self.ensemble.copies(), self.ensemble.rows());
        let ambient = self.ensemble.shape().ambient;
        let width_ratio = copies as f64 * rows as f64 / ambient as f64;
        Account {
            copies,
            rows,
            width_ratio,
            larger_than_exact: width_ratio >= 1.0,
            bytes: self.ensemble.bytes(),
            answered: self.accountant.answered(),
            spent: self.accountant.spent(),
            limit: self.accountant.limit(),
            epoch: self.ensemble.epoch(),
        }
    }

    /// Draws new copies and starts a new budget. Earlier releases carry no information about the new copies.
    ///
    /// # Errors
    /// Those of [`Ensemble::renew`]; after an error the old copies and the old budget stay.
    pub fn renew(&mut self) -> Result<Renewal> {
        let accountant = self.settings.plan.accountant()?;
        let start = Instant::now();
        self.ensemble.renew()?;
        self.accountant = accountant;
        Ok(Renewal {
            epoch: self.ensemble.epoch(),
            solves: self.ensemble.copies() as u128 * self.ensemble.rows() as u128,
            bytes: self.ensemble.bytes(),
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    fn spend(&mut self, releases: usize) -> Result<()> {
        self.accountant.spend(self.charge, releases as u64)
    }

    /// Computes `releases` private medians for `h`. `answers` fills one row per release with the answers of the drawn copies. The
    /// budget is checked but not spent here.
    fn release(
        &mut self,
        h: ColRef<'_, f64>,
        releases: usize,
        answers: impl FnOnce(&mut S, &[usize], ColRef<'_, f64>, MatMut<'_, f64>) -> Result<Accuracy>,
    ) -> Result<(Vec<f64>, Accuracy)> {
        let ambient = self.ensemble.shape().ambient;
        check_shape("h", (ambient, 1), (h.nrows(), 1))?;
        check_finite("h", h.iter())?;
        if !self.accountant.allows(self.charge, releases as u64) {
            return Err(Error::BudgetExhausted {
                answered: self.accountant.answered(),
            });
        }
        let flat: Vec<f64> = h.iter().copied().collect();
        let length = norm(&flat);
        if length == 0.0 {
            // The answer is zero for any copies, so it leaks nothing.
            let expected_error = 0.0;
            return Ok((vec![0.0; releases], Accuracy::Sketched { expected_error }));
        }
        let unit = padded::from_fn(ambient, 1, |i, _| flat[i] / length);
        let mut rng = self.stream()?;
        let mut samples = vec![vec![]; releases];
        for sample in &mut samples {
            self.sampler.draw(&mut rng, sample);
        }
        // Ask every copy that any release needs once.
        let mut which = samples.concat();
        which.sort_unstable();
        which.dedup();
        let mut values = padded::zeros(releases, which.len());
        let accuracy = answers(&mut self.ensemble, &which, unit.col(0), values.as_mut())?;
        // Release a private median per row, from the sample of that row.
        let mut place = vec![0; self.ensemble.copies()];
        which.iter().enumerate().for_each(|(at, l)| place[*l] = at);
        let mut out = Vec::with_capacity(releases);
        let mut drawn = Vec::with_capacity(self.settings.plan.sample);
        for (i, sample) in samples.iter().enumerate() {
            drawn.clear();
            drawn.extend(sample.iter().map(|l| values[(i, place[*l])]));
            out.push(length * self.median.release(&drawn, &mut rng)?);
        }
        let accuracy = match accuracy {
            Accuracy::Sketched { expected_error } => Accuracy::Sketched {
                expected_error: length
                    * expected_error
                    * calibrated::deviation(self.settings.plan.sample, self.settings.plan.epsilon),
            },
            other => other,
        };
        Ok((out, accuracy))
    }

    /// The random stream of the next query. The number of releases so far is its index, so no two queries share a stream.
    fn stream(&self) -> Result<ChaCha20Rng> {
        let epoch = self.ensemble.epoch();
        let copy = u32::try_from(epoch).map_err(|_| Error::InvalidSetting {
            field: "epoch",
            reason: format!("expected fewer than 2^32 generations of copies, found {epoch}"),
        })?;
        Ok(self
            .settings
            .seed
            .stream(Lane::PRIVACY, copy, self.accountant.answered()))
    }

    /// The settings of this structure.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl<S: Ensemble> Projection for Robust<S> {
    forward!(self => self.ensemble; shape supports report update operator solve);

    fn query(
        &mut self,
        h: MatRef<'_, f64>,
        goal: Goal,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        match goal {
            Goal::Residual(_) => self.ensemble.query(h, goal, multipliers, projected),
            Goal::AsAbsorbed => Err(Error::Unsupported {
                what: "a query for plain multipliers (ask `query_in_range`, or for a residual)",
                by: "Robust",
            }),
        }
    }

    /// `P h` in the range of `Bᵀ`, from private multipliers. Every entry of the whitened `z = L_K⁻¹ B RᵀR h` is a private median; then
    /// `multipliers ← L_K⁻ᵀ z` and `projected ← BᵀL_K⁻ᵀ z`.
    ///
    /// Medians of single coordinates of `P h` would leave the range of `Bᵀ`, but a path-following method needs `A δx = 0`. Each
    /// entry of `z`, and each coordinate of the answer, has an error of about `‖h‖/√b`.
    ///
    /// # Errors
    /// As [`Projection::query_set`]; [`Error::Unsupported`] for an ensemble without whitened answers.
    ///
    /// # Complexity
    /// Spends `m` releases. Sketches `h` for the at most `min(ms, L)` copies drawn.
    fn query_in_range(
        &mut self,
        h: ColRef<'_, f64>,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        let Shape {
            constraints: m,
            ambient,
            ..
        } = self.ensemble.shape();
        check_shape("multipliers", (m, 1), multipliers.shape())?;
        check_shape("projected", (ambient, 1), projected.shape())?;
        let (z, accuracy) = self.release(h, m, |ensemble, which, h, out| {
            ensemble.whitened_of(which, h, out)
        })?;
        let z = MatRef::from_column_major_slice(&z, m, 1);
        self.ensemble.unwhiten(z, multipliers, projected)?;
        // Spend the budget last: a failed answer released nothing.
        self.spend(m)?;
        Ok(accuracy)
    }

    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        mut out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        if goal != Goal::AsAbsorbed {
            return self.ensemble.query_set(h, coords, goal, out);
        }
        check_shape("answers", (coords.len(), 1), out.shape())?;
        let (values, accuracy) = self.release(h, coords.len(), |ensemble, which, h, out| {
            ensemble.query_set_of(which, h, coords, out)
        })?;
        self.spend(coords.len())?;
        for (i, v) in values.iter().enumerate() {
            out.rb_mut()[(i, 0)] = *v;
        }
        Ok(accuracy)
    }
}
