//! Sketched set queries over an exact structure[^SYYZ23].
//!
//! The error is small *per coordinate* only. Entry `i` of the answer is `P_iᵀRᵀRh`, which is unbiased with an error of about
//! `‖P_i‖‖h‖/√b`. Since `Σ‖P_i‖² = m`, the error of the whole vector is about `√(m/b)‖h‖` in the l2 norm. For `b < m` this exceeds
//! `‖h‖ ≥ ‖P h‖`. So a sketched answer does not replace `P h`; it suits callers that read a few coordinates at a time.
//!
//! An asker who adapts to the answers of one sketch can cause much larger errors; see [`Ensemble`] for several copies.
//!
//! [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
//! Projection Maintenance. ICML 2023, arXiv 2210.11542.

mod answer;
mod ensemble;
mod follow;
mod image;
mod whiten;

use crate::constraints::{BlockWeight, Weighted};
use crate::error::{Error, Result, check_finite, check_memory, check_shape};
use crate::linalg::padded;
use crate::linalg::real::Real as _;
use crate::projection::forward::forward;
use crate::projection::{Accuracy, Ensemble, Goal, Projection, Refresh, Shape};
use crate::random::Seed;
use crate::sketch::{Address, Distribution, Sketch};
use answer::{length, mean};
use faer::prelude::ReborrowMut as _;
use faer::{ColRef, Mat, MatMut, MatRef};
use follow::Outcome;
use pulp::Arch;
use std::sync::Arc;

/// Rows of `Y` read together, so that the matching part of the result stays in cache.
const ROWS_PER_PANEL: usize = 1024;

/// Answers entries of `P h` from `Y = (BBᵀ)⁻¹BRᵀ`, which is kept for `L` independent sketches `R ∈ R^{b×N}` over one exact structure.
///
/// Sketches answer [`Goal::AsAbsorbed`] by `BᵀY(R h)`: as the mean of all copies, or copy by copy through
/// [`Ensemble::query_set_of`]. [`Projection::solve`] and [`Goal::Residual`] pass to the inner structure, which does not depend on
/// the randomness of the sketches. [`Accuracy::Sketched`] has the root mean square error over all coordinates, which is
/// `√((m + 1)/(bN))‖h‖` for plain families. The error of coordinate `i` is `‖P_i‖√(N/m)` times this value.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::faer::Mat;
/// use dyncvx::projection::{Accuracy, Goal, Kronecker, Projection, Sketched, sketched};
/// use dyncvx::sketch::{Base, Distribution};
/// # fn main() -> dyncvx::Result<()> {
/// let a = Constraints::independent(30, &[Block::Psd(10)], 3, 1.into())?;
/// let inner = Kronecker::new(a)?.with_weight(&[(&Mat::identity(10, 10)).into()])?;
/// let distribution = Distribution::new(Base::Srht, 64)?;
/// let mut p = Sketched::new(inner, sketched::Settings::new(distribution, 1, 7))?;
/// let h = Mat::from_fn(100, 1, |i, _| (i as f64).sin());
/// let (mut some, mut exact) = (Mat::zeros(2, 1), Mat::zeros(2, 1));
/// let accuracy = p.query_set(h.col(0), &[3, 14], Goal::AsAbsorbed, some.as_mut())?;
/// p.query_set(h.col(0), &[3, 14], Goal::Residual(1e-12), exact.as_mut())?;
/// let Accuracy::Sketched { expected_error } = accuracy else { panic!() };
/// assert!((&some - &exact).norm_max() < 5.0 * expected_error);
/// # Ok(()) }
/// ```
///
/// # Complexity
/// A set query of `k` coordinates: one sketch of `h`, `2mb` flops for `Y(R h)`, `4k` flops per nonzero of `A` for `k` columns of `B`,
/// and `2km` flops for the answers. No term is of order `m²`. Space: `m·L·b` numbers and the sketches.
///
/// An update takes the cheaper of two methods, after the update of the inner structure:
///
/// * A low-rank update `Y⁺ = Y + (BBᵀ)⁺⁻¹S M` with `S = A(Z ⊗ I)`. The `p` columns of `Z` span the changes of the weight *and* of its
///   roots. This takes one solve with `np` right-hand sides and `2m·np·Lb` flops.
/// * Computing `Y` again. This takes one solve with `Lb` right-hand sides, `2m²Lb` flops, and `Lb` products `BRᵀe_j`. When `N ≤ Lb`,
///   the solve is for the `N` columns of `B` instead, and every copy sketches the `m` rows of the result.
///
/// The number `p` depends on the form of the weight. For a change of rank `r`, a one-sided weight has `p = 2r`. A weight given by its
/// root has `p ≤ 2r` if the root also changes by rank `r` ([`BlockWeight::Root`]). The *symmetric* root of
/// [`BlockWeight::Psd`] changes in all directions, but its change decays fast: to a tolerance of `1e-12` and for `r = 1`, `p` is
/// about 6 at a condition number of 10, and about 13 at `1e4` (measured at `n = 48`). So there the low-rank update pays only for
/// wide `L·b`. The change of a root is found by comparison, in `O(n³)` flops.
///
/// After every low-rank update, a random combination of the columns of `Y` is checked against the exact operator. Above a relative
/// residual of `1e-6`, which is far below the error of any sketch, `Y` is computed again.
///
/// # Deviations
/// The paper keeps the sketched projection in a fixed eigenbasis, lets only eigenvalues move, and sketches again in batches. Here the
/// weight is arbitrary. `Y` is exact for the weight that [`Goal::AsAbsorbed`] stands for, which may be the absorbed weight of a
/// lazy inner structure.
///
/// The inner structure is independent of the sketches up to rounding only. A [`Kronecker`](crate::projection::Kronecker) with measured
/// rates also counts the refinement steps spent on `Y` when it plans.
#[derive(Debug, Clone)]
pub struct Sketched<P> {
    inner: P,
    settings: Settings,
    epoch: u64,
    copies: Vec<Arc<dyn Sketch>>,
    state: Option<State>,
    whitener: whiten::Whitener,
    updates: u64,
    followed: u64,
}

/// Settings of [`Sketched`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `distribution` | none | distribution of the sketches, with their rows `b` | |
/// | `copies` | none | independent sketches `L` | 1 or more |
/// | `seed` | none | root of the streams of the copies | any |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Distribution of the sketches.
    pub distribution: Distribution,
    /// Number of independent sketches.
    pub copies: usize,
    /// Root of the random streams of the sketches.
    pub seed: Seed,
}

impl Settings {
    /// Settings for `copies` sketches of a distribution.
    pub fn new(distribution: Distribution, copies: usize, seed: impl Into<Seed>) -> Self {
        Self {
            distribution,
            copies,
            seed: seed.into(),
        }
    }
}

/// `Y` and the operator at one weight.
#[derive(Debug, Clone)]
struct State {
    /// The operator `B` that `Y` belongs to.
    weighted: Weighted,
    /// `Y`, `m × L·b`, copy after copy.
    y: Mat<f64>,
}

impl<P: Projection> Sketched<P> {
    /// Sketches over `inner`, at epoch 0. Copy `l` is the operator at the address `(seed, l, epoch)`. `inner` may or may not have a
    /// weight already.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for no copies, those of [`Distribution::operator`], and those of [`Projection::solve`] of the
    /// inner structure.
    pub fn new(inner: P, settings: Settings) -> Result<Self> {
        let copies = settings.copies;
        if copies == 0 || u32::try_from(copies).is_err() {
            let reason = format!("expected 1 to {} copies, found {copies}", u32::MAX);
            return Err(Error::InvalidSetting {
                field: "copies",
                reason,
            });
        }
        let drawn = draw(&inner.shape(), &settings, 0)?;
        let mut out = Self {
            inner,
            settings,
            epoch: 0,
            copies: drawn,
            state: None,
            whitener: whiten::Whitener::default(),
            updates: 0,
            followed: 0,
        };
        match out.recomputed() {
            Ok(state) => out.state = Some(state),
            Err(Error::NoWeight) => {}
            Err(error) => return Err(error),
        }
        Ok(out)
    }

    /// The exact inner structure.
    pub fn inner(&self) -> &P {
        &self.inner
    }

    /// Returns the exact inner structure.
    pub fn into_inner(self) -> P {
        self.inner
    }

    /// Distribution of the sketches.
    pub fn distribution(&self) -> Distribution {
        self.settings.distribution
    }

    /// The sketch of a copy; `None` for a copy that does not exist.
    pub fn sketch(&self, copy: usize) -> Option<&dyn Sketch> {
        self.copies.get(copy).map(|s| &**s)
    }

    /// Computes `Y` from the operator of the inner structure.
    fn recomputed(&mut self) -> Result<State> {
        let weighted = self.inner.operator(Goal::AsAbsorbed)?.clone();
        recompute(&mut self.inner, weighted, &self.copies)
    }

    /// `Y` after an update of the inner structure, by a low-rank update where this is cheaper, or computed again.
    fn followed(&mut self) -> Result<State> {
        let Some(mut state) = self.state.take() else {
            return self.recomputed();
        };
        let weighted = self.inner.operator(Goal::AsAbsorbed)?.clone();
        self.updates += 1;
        match follow::follow(
            &mut self.inner,
            &mut state,
            weighted,
            &self.copies,
            self.updates,
        )? {
            Outcome::Same => Ok(state),
            Outcome::Moved => {
                self.followed += 1;
                Ok(state)
            }
            Outcome::Lost => self.recomputed(),
        }
    }

    /// Updates the inner structure through `change`, and `Y` with it. This gives access to updates outside the trait, such as
    /// [`Kronecker::update_low_rank`](crate::projection::Kronecker::update_low_rank).
    ///
    /// # Errors
    /// Those of `change`, which must leave the inner structure unchanged after an error.
    pub fn update_with(
        &mut self,
        change: impl FnOnce(&mut P) -> Result<Refresh>,
    ) -> Result<Refresh> {
        let refresh = change(&mut self.inner)?;
        self.whitener.forget();
        // A failure here is not reported now: the next sketched query computes `Y` again and reports the error.
        self.state = self.followed().ok();
        Ok(refresh)
    }

    /// Number of updates at which `Y` got a low-rank update instead of being computed again.
    pub fn updates_followed(&self) -> u64 {
        self.followed
    }

    /// Computes the state if the last update could not.
    fn state(&mut self) -> Result<()> {
        if self.state.is_none() {
            self.state = Some(self.recomputed()?);
        }
        Ok(())
    }

    /// `u ← Y_l R_l h` for every copy of the list, `m × which.len()`.
    fn multipliers_of(&mut self, which: &[usize], h: ColRef<'_, f64>) -> Result<Mat<f64>> {
        let Shape {
            constraints,
            ambient,
            ..
        } = self.inner.shape();
        check_shape("h", (ambient, 1), (h.nrows(), 1))?;
        check_finite("h", h.iter())?;
        let bound = self.copies.len();
        if let Some(&index) = which.iter().find(|&&l| l >= bound) {
            return Err(Error::OutOfRange {
                what: "copy",
                index,
                bound,
            });
        }
        self.state()?;
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        let b = self.settings.distribution.rows();
        let (mut u, mut rh) = (padded::zeros(constraints, which.len()), padded::zeros(b, 1));
        let arch = Arch::new();
        for (s, &l) in which.iter().enumerate() {
            self.copies[l].apply(h.as_mat(), rh.as_mut())?;
            let list: Vec<(u32, f64)> = (0..b).map(|j| (j as u32, rh[(j, 0)])).collect();
            let y = state.y.subcols(l * b, b);
            // Reading Y is the bottleneck. Y is read once, and the panel of the result stays in cache.
            for (p, part) in u.col_as_slice_mut(s).chunks_mut(ROWS_PER_PANEL).enumerate() {
                f64::gather(arch, y, p * ROWS_PER_PANEL, &list, part);
            }
        }
        Ok(u)
    }

    /// Expected error of one whitened multiplier. It equals the error of a coordinate of a projection, because `L_K⁻¹B` has
    /// orthonormal rows.
    fn whitened_accuracy(&self, h: ColRef<'_, f64>) -> Accuracy {
        let m = self.inner.shape().constraints;
        let squared = self.settings.distribution.mean_square(m, m);
        Accuracy::Sketched {
            expected_error: squared.sqrt() * length(h),
        }
    }

    /// Expected error of one coordinate of one copy: the root mean square over all coordinates.
    fn accuracy(&self, h: ColRef<'_, f64>) -> Accuracy {
        let shape = self.inner.shape();
        let squared = self
            .settings
            .distribution
            .mean_square(shape.constraints, shape.ambient);
        Accuracy::Sketched {
            expected_error: squared.sqrt() * length(h),
        }
    }
}

/// Draws all copies of one epoch.
fn draw(shape: &Shape, settings: &Settings, epoch: u64) -> Result<Vec<Arc<dyn Sketch>>> {
    let Settings {
        distribution,
        copies,
        seed,
    } = *settings;
    let width = copies as u128 * distribution.rows() as u128;
    check_memory("Y of all copies", width * shape.constraints as u128)?;
    (0..copies)
        .map(|l| {
            let address = Address::new(seed, l as u32, epoch);
            Ok(Arc::from(distribution.operator(&shape.blocks, address)?))
        })
        .collect()
}

/// Computes `Y`: the products `B Rᵀ`, then one solve with `L·b` right-hand sides. When `N ≤ L·b`, one solve gives `K⁻¹B` instead, and every
/// copy sketches its `m` rows.
fn recompute<P: Projection>(
    inner: &mut P,
    mut weighted: Weighted,
    copies: &[Arc<dyn Sketch>],
) -> Result<State> {
    let b = copies.first().map_or(0, |c| c.nrows());
    let (m, ambient) = (
        weighted.constraints().len(),
        weighted.constraints().ambient(),
    );
    let mut y = padded::zeros(m, b * copies.len());
    if follow::through_exact(ambient, y.ncols()) {
        let mut rows = padded::zeros(ambient, m);
        weighted.apply_transpose(Mat::<f64>::identity(m, m).as_ref(), rows.as_mut())?;
        let mut solved = rows.transpose().to_owned();
        inner.solve(solved.as_mut(), Goal::AsAbsorbed)?;
        let (rows, mut sketched) = (solved.transpose().to_owned(), padded::zeros(b, m));
        for (l, copy) in copies.iter().enumerate() {
            copy.apply(rows.as_ref(), sketched.as_mut())?;
            let mut to = y.as_mut().subcols_mut(l * b, b);
            to.rb_mut().copy_from(sketched.transpose());
        }
        return Ok(State { weighted, y });
    }
    for (l, copy) in copies.iter().enumerate() {
        image::image(&mut weighted, &**copy, y.as_mut().subcols_mut(l * b, b))?;
    }
    inner.solve(y.as_mut(), Goal::AsAbsorbed)?;
    Ok(State { weighted, y })
}

impl<P: Projection> Projection for Sketched<P> {
    forward!(self => self.inner; shape supports report operator solve);

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        self.update_with(|inner| inner.update(weight))
    }

    fn query(
        &mut self,
        h: MatRef<'_, f64>,
        goal: Goal,
        mut multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        if goal != Goal::AsAbsorbed {
            return self.inner.query(h, goal, multipliers, projected);
        }
        let (m, k) = (self.inner.shape().constraints, h.ncols());
        check_shape("multipliers", (m, k), multipliers.shape())?;
        check_shape("projected", h.shape(), projected.shape())?;
        let which: Vec<usize> = (0..self.copies.len()).collect();
        let mut expected_error = 0.0f64;
        for j in 0..k {
            let u = self.multipliers_of(&which, h.col(j))?;
            mean(u.as_ref(), multipliers.rb_mut().subcols_mut(j, 1));
            if let Accuracy::Sketched { expected_error: e } = self.accuracy(h.col(j)) {
                expected_error = expected_error.max(e / (which.len() as f64).sqrt());
            }
        }
        let state = self.state.as_mut().ok_or(Error::NoWeight)?;
        state
            .weighted
            .apply_transpose(multipliers.as_ref(), projected)?;
        Ok(Accuracy::Sketched { expected_error })
    }

    fn query_in_range(
        &mut self,
        h: ColRef<'_, f64>,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        self.query(h.as_mat(), Goal::AsAbsorbed, multipliers, projected)?;
        let copies = self.copies.len() as f64;
        Ok(match self.whitened_accuracy(h) {
            Accuracy::Sketched { expected_error } => Accuracy::Sketched {
                expected_error: expected_error / copies.sqrt(),
            },
            other => other,
        })
    }

    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        if goal != Goal::AsAbsorbed {
            return self.inner.query_set(h, coords, goal, out);
        }
        check_shape("answers", (coords.len(), 1), out.shape())?;
        let which: Vec<usize> = (0..self.copies.len()).collect();
        let mut all = padded::zeros(coords.len(), which.len());
        let accuracy = self.query_set_of(&which, h, coords, all.as_mut())?;
        mean(all.as_ref(), out);
        match accuracy {
            Accuracy::Sketched { expected_error } => Ok(Accuracy::Sketched {
                expected_error: expected_error / (which.len() as f64).sqrt(),
            }),
            other => Ok(other),
        }
    }
}
