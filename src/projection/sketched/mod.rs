//! Sketched set queries over an exact structure[^SYYZ23].
//!
//! [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
//! Projection Maintenance. ICML 2023, arXiv 2210.11542.

mod image;
mod whiten;

use super::{Accuracy, Ensemble, Goal, Projection, Refresh, Shape};
use crate::constraints::{BlockWeight, Weighted};
use crate::error::{Error, Result, check_finite, check_memory, check_shape};
use crate::linalg::norm;
use crate::linalg::product::gemm;
use crate::random::Seed;
use crate::sketch::{Address, Distribution, Sketch};
use faer::prelude::ReborrowMut as _;
use faer::{Accum, ColRef, Mat, MatMut, MatRef};
use std::sync::Arc;

/// Answers `P h` from `Y = (BBᵀ)⁻¹BRᵀ`, kept for `L` independent sketches `R ∈ R^{b×N}` over one exact structure.
#[derive(Debug, Clone)]
pub struct Sketched<P> {
    inner: P,
    distribution: Distribution,
    seed: Seed,
    epoch: u64,
    copies: Vec<Arc<dyn Sketch>>,
    state: Option<State>,
    whitener: whiten::Whitener,
}

/// What is kept of one weight.
#[derive(Debug, Clone)]
struct State {
    /// The operator `Y` belongs to.
    weighted: Weighted,
    /// `m × L·b`, copy after copy.
    y: Mat<f64>,
}

impl<P: Projection> Sketched<P> {
    /// `copies` sketches of a distribution over `inner`, at epoch 0 of `seed`. Copy `l` is the operator at the address
    /// `(seed, l, epoch)`. `inner` may have a weight already or not.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for no copies, those of [`Distribution::operator`], and those of [`Projection::solve`] of the
    /// inner structure.
    pub fn new(
        inner: P,
        distribution: Distribution,
        copies: usize,
        seed: impl Into<Seed>,
    ) -> Result<Self> {
        if copies == 0 || u32::try_from(copies).is_err() {
            let reason = format!("expected 1 to {} copies, found {copies}", u32::MAX);
            return Err(Error::InvalidSetting {
                field: "copies",
                reason,
            });
        }
        let seed = seed.into();
        let drawn = draw(&inner.shape(), distribution, copies, seed, 0)?;
        let mut out = Self {
            inner,
            distribution,
            seed,
            epoch: 0,
            copies: drawn,
            state: None,
            whitener: whiten::Whitener::default(),
        };
        match out.recomputed() {
            Ok(state) => out.state = Some(state),
            Err(Error::NoWeight) => {}
            Err(error) => return Err(error),
        }
        Ok(out)
    }

    /// The exact structure.
    pub fn inner(&self) -> &P {
        &self.inner
    }

    /// Gives the exact structure back.
    pub fn into_inner(self) -> P {
        self.inner
    }

    /// What the copies are drawn from.
    pub fn distribution(&self) -> Distribution {
        self.distribution
    }

    /// The sketch of a copy.
    pub fn sketch(&self, copy: usize) -> Option<&dyn Sketch> {
        self.copies.get(copy).map(|s| &**s)
    }

    /// `Y` anew from the operator that the inner structure maintains.
    fn recomputed(&mut self) -> Result<State> {
        let weighted = self.inner.operator(Goal::Maintained)?.clone();
        recompute(&mut self.inner, weighted, &self.copies)
    }

    /// The kept state, made again if an update could not.
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
        let b = self.distribution.rows();
        let (mut u, mut rh) = (Mat::zeros(constraints, which.len()), Mat::zeros(b, 1));
        for (s, &l) in which.iter().enumerate() {
            self.copies[l].apply(h.as_mat(), rh.as_mut())?;
            gemm(
                u.as_mut().subcols_mut(s, 1),
                Accum::Replace,
                1.0,
                state.y.subcols(l * b, b),
                rh.as_ref(),
            );
        }
        Ok(u)
    }

    /// Expected error of one whitened multiplier: as of a coordinate of a projection, `L_K⁻¹B` having orthonormal rows.
    fn whitened_accuracy(&self, h: ColRef<'_, f64>) -> Accuracy {
        let m = self.inner.shape().constraints;
        let squared = self.distribution.mean_square(m, m);
        Accuracy::Sketched {
            expected_error: squared.sqrt() * length(h),
        }
    }

    /// Expected error of one coordinate of one copy, root mean square over all coordinates.
    fn accuracy(&self, h: ColRef<'_, f64>) -> Accuracy {
        let shape = self.inner.shape();
        let squared = self
            .distribution
            .mean_square(shape.constraints, shape.ambient);
        Accuracy::Sketched {
            expected_error: squared.sqrt() * length(h),
        }
    }
}

fn draw(
    shape: &Shape,
    distribution: Distribution,
    copies: usize,
    seed: Seed,
    epoch: u64,
) -> Result<Vec<Arc<dyn Sketch>>> {
    let width = copies as u128 * distribution.rows() as u128;
    check_memory("Y of all copies", width * shape.constraints as u128)?;
    (0..copies)
        .map(|l| {
            let address = Address::new(seed, l as u32, epoch);
            Ok(Arc::from(distribution.operator(&shape.blocks, address)?))
        })
        .collect()
}

/// `Y` from nothing: `B Rᵀ`, then one solve with `L·b` right-hand sides.
fn recompute<P: Projection>(
    inner: &mut P,
    mut weighted: Weighted,
    copies: &[Arc<dyn Sketch>],
) -> Result<State> {
    let b = copies.first().map_or(0, |c| c.nrows());
    let mut y = Mat::zeros(weighted.constraints().len(), b * copies.len());
    for (l, copy) in copies.iter().enumerate() {
        image::image(&mut weighted, &**copy, y.as_mut().subcols_mut(l * b, b))?;
    }
    inner.solve(y.as_mut(), Goal::Maintained)?;
    Ok(State { weighted, y })
}

impl<P: Projection> Projection for Sketched<P> {
    fn shape(&self) -> Shape {
        self.inner.shape()
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        let refresh = self.inner.update(weight)?;
        self.whitener.forget();
        // What fails here is tried again, and reported, by the next sketched query.
        self.state = self.recomputed().ok();
        Ok(refresh)
    }

    fn operator(&mut self, goal: Goal) -> Result<&mut Weighted> {
        self.inner.operator(goal)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        self.inner.solve(rhs, goal)
    }

    fn query(
        &mut self,
        h: MatRef<'_, f64>,
        goal: Goal,
        mut multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        if goal != Goal::Maintained {
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

    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        if goal != Goal::Maintained {
            return self.inner.query_set(h, coords, goal, out);
        }
        check_shape("answers", (coords.len(), 1), out.shape())?;
        let which: Vec<usize> = (0..self.copies.len()).collect();
        let mut all = Mat::zeros(coords.len(), which.len());
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

impl<P: Projection> Ensemble for Sketched<P> {
    fn copies(&self) -> usize {
        self.copies.len()
    }

    fn query_set_of(
        &mut self,
        which: &[usize],
        h: ColRef<'_, f64>,
        coords: &[usize],
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        check_shape("answers", (coords.len(), which.len()), out.shape())?;
        let u = self.multipliers_of(which, h)?;
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        let columns = state.weighted.columns(coords)?;
        gemm(out, Accum::Replace, 1.0, columns.as_ref(), u.as_ref());
        Ok(self.accuracy(h))
    }

    fn whitened_of(
        &mut self,
        which: &[usize],
        h: ColRef<'_, f64>,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        let m = self.inner.shape().constraints;
        check_shape("whitened multipliers", (m, which.len()), out.shape())?;
        let u = self.multipliers_of(which, h)?;
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        self.whitener.factor(&state.weighted)?.whiten(u, out);
        Ok(self.whitened_accuracy(h))
    }

    fn unwhiten(
        &mut self,
        z: MatRef<'_, f64>,
        mut multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<()> {
        let shape = self.inner.shape();
        let (m, k) = (shape.constraints, z.ncols());
        check_shape("whitened multipliers", (m, k), z.shape())?;
        check_shape("multipliers", (m, k), multipliers.shape())?;
        check_shape("projected", (shape.ambient, k), projected.shape())?;
        self.state()?;
        let state = self.state.as_mut().ok_or(Error::NoWeight)?;
        let factor = self.whitener.factor(&state.weighted)?;
        multipliers.copy_from(z);
        factor.unwhiten(multipliers.rb_mut());
        state
            .weighted
            .apply_transpose(multipliers.as_ref(), projected)
    }

    fn rows(&self) -> usize {
        self.distribution.rows()
    }

    fn bytes(&self) -> usize {
        let y = self.state.as_ref().map_or(0, |s| s.y.nrows() * s.y.ncols());
        8 * y + self.copies.iter().map(|c| c.bytes()).sum::<usize>()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn renew(&mut self) -> Result<()> {
        let epoch = self.epoch.checked_add(1).ok_or(Error::InvalidSetting {
            field: "epoch",
            reason: "expected an epoch after this one, found the last".into(),
        })?;
        let shape = self.inner.shape();
        let copies = draw(
            &shape,
            self.distribution,
            self.copies.len(),
            self.seed,
            epoch,
        )?;
        let state = match self.inner.operator(Goal::Maintained) {
            Ok(weighted) => {
                let weighted = weighted.clone();
                Some(recompute(&mut self.inner, weighted, &copies)?)
            }
            Err(Error::NoWeight) => None,
            Err(error) => return Err(error),
        };
        (self.copies, self.state, self.epoch) = (copies, state, epoch);
        Ok(())
    }
}

fn length(h: ColRef<'_, f64>) -> f64 {
    norm(&h.iter().copied().collect::<Vec<_>>())
}

/// Mean of the columns.
fn mean(of: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
    for i in 0..of.nrows() {
        let sum: f64 = (0..of.ncols()).map(|j| of[(i, j)]).sum();
        out[(i, 0)] = sum / of.ncols() as f64;
    }
}
