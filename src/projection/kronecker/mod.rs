//! The maintained inverse of `BBᵀ` under low-rank changes of the weight[^SYYZ23].
//!
//! [^SYYZ23]: Song, Yang, Yang, Zhang. Sketching Meets Differential Privacy: Fast Algorithm for Dynamic Kronecker
//! Projection Maintenance. ICML 2023, arXiv 2210.11542.

mod change;

pub use change::LowRank;

use super::gram::{Assembler, Factor, RankCheck, Refiner};
use super::recompute::as_column;
use super::{Accuracy, Goal, Projection, Reason, Refresh, Shape};
use crate::constraints::{BlockWeight, Constraints, HeldWeight, Weighted};
use crate::error::{Error, Result};
use crate::linalg::{product::gemm, woodbury::InverseChange};
use crate::random::{Lane, Seed};
use change::{Change, GramChange};
use faer::{Accum, Mat, MatMut, MatRef};
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

/// Relative residual of a random probe above which an update is undone in favour of a rebuild. Refinement contracts by
/// this factor a step, so that a maintained inverse is always at most two steps from full accuracy.
const GUARD: f64 = 1e-7;

/// Maintains `(BBᵀ)⁻¹` for `B = A(W^½ ⊗ W^½)` or `B = A(W ⊗ I)` while `W` receives low-rank changes, block by block.
///
/// A change `W⁺ = W + V C Vᵀ` of rank `r` changes the Gram matrix by rank `nr` (two-sided) or `2nr` (one-sided), which is
/// absorbed into the explicit inverse; every answer is measured, and refined when asked, with the exact operator.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::projection::{Goal, Kronecker, Projection};
/// use faer::{Mat, mat};
/// # fn main() -> dyncvx::Result<()> {
/// let mut a = Constraints::builder(2, &[Block::Psd(2)])?;
/// a.entry(0, 0, 0, 0, 1.0)?.entry(1, 0, 0, 1, 1.0)?;
/// let w = mat![[2.0, 0.5], [0.5, 1.0]];
/// let mut p = Kronecker::new(a.build()?, &[(&w).into()])?;
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
/// `m²` numbers. A change of inner dimension `q` (`nr`, `2nr`, or the number of changed entries of a nonnegative block)
/// costs `3m²q` flops; from `q = m/3` on the structure rebuilds instead, in `m³` flops and an assembly. A solve costs
/// `2m²` flops and one application of the exact operator a column, and as much again per refinement step.
///
/// # Deviations
/// The paper maintains a projection lazily and through sketches; this structure absorbs every change exactly and is what
/// those are built on. It keeps the Gram inverse rather than `P` itself, which has `N²` entries.
#[derive(Debug, Clone)]
pub struct Kronecker {
    a: Arc<Constraints>,
    assembler: Assembler,
    rank: RankCheck,
    refiner: Refiner,
    weight: Vec<HeldWeight>,
    inverse: Inverse,
    updates: u64,
}

impl Kronecker {
    /// The structure at a first weight, one entry a block: [`BlockWeight::Psd`] or [`BlockWeight::OneSided`] on PSD
    /// blocks, [`BlockWeight::Nonneg`] on the others.
    ///
    /// # Errors
    /// As [`Projection::update`].
    pub fn new(a: impl Into<Arc<Constraints>>, weight: &[BlockWeight<'_>]) -> Result<Self> {
        let a = a.into();
        let assembler = Assembler::new(&a);
        let mut rank = RankCheck::default();
        let weight = Self::hold(&a, weight)?;
        let inverse = Inverse::new(Factor::new(&a, &weight, &assembler, &mut rank)?);
        let refiner = Refiner::new(a.clone());
        Ok(Self {
            a,
            assembler,
            rank,
            refiner,
            weight,
            inverse,
            updates: 0,
        })
    }

    /// Absorbs changes that need not be discovered, `W_b ← W_b + V C Vᵀ` for every entry of the list.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a block that does not exist, [`Error::Unsupported`] for a nonnegative block,
    /// [`Error::Shape`], [`Error::NotSymmetric`] and [`Error::NonFinite`] for `V` and `C`,
    /// [`Error::NotPositiveDefinite`] when the new weight would not be a weight. Nothing changed then.
    ///
    /// # Complexity
    /// `n³/3` flops to check the new weight, `O(n³)` for a root of the mean weight, and [`Kronecker`]'s absorption.
    pub fn update_low_rank(&mut self, changes: &[LowRank<'_>]) -> Result<Refresh> {
        let (weight, change) = change::apply(&self.a, &self.weight, changes)?;
        self.absorb(weight, change)
    }

    fn hold(a: &Constraints, weight: &[BlockWeight<'_>]) -> Result<Vec<HeldWeight>> {
        if weight.iter().any(|w| matches!(w, BlockWeight::Pair { .. })) {
            return Err(Error::Unsupported {
                what: "a pair of weights",
                by: "Kronecker",
            });
        }
        HeldWeight::new_all(a.blocks(), weight)
    }

    /// Moves to `weight`, which differs from the weight held by `change`.
    fn absorb(&mut self, weight: Vec<HeldWeight>, change: Vec<Change>) -> Result<Refresh> {
        let (rank, inner) = change
            .iter()
            .zip(self.a.blocks())
            .fold((0, 0), |(rank, inner), (c, b)| {
                (rank + c.rank(), inner + c.inner(b.order()))
            });
        if inner == 0 {
            // Equal up to rounding of the weight; small eigenvalues may still have moved.
            if self.probe(&weight) > GUARD {
                return self.rebuild(weight, Reason::Conditioning);
            }
            self.commit(weight);
            return Ok(Refresh::Kept);
        }
        if 3 * inner > self.a.len() {
            return self.rebuild(weight, Reason::Rank);
        }
        let GramChange { plus_t, minus_t } =
            GramChange::new(&self.a, &self.weight, &weight, &change)?;
        let Some(step) = InverseChange::new(
            self.inverse.explicit().as_ref(),
            plus_t.as_ref(),
            minus_t.as_ref(),
        ) else {
            return self.rebuild(weight, Reason::Conditioning);
        };
        step.apply(self.inverse.explicit().as_mut());
        if self.probe(&weight) > GUARD {
            return match self.rebuild(weight, Reason::Conditioning) {
                Err(error) => {
                    // The old inverse is overwritten: make it again from the old weight.
                    let old = Factor::new(&self.a, &self.weight, &self.assembler, &mut self.rank)?;
                    self.inverse = Inverse::new(old);
                    Err(error)
                }
                rebuilt => rebuilt,
            };
        }
        self.commit(weight);
        Ok(Refresh::LowRank { rank, inner })
    }

    fn rebuild(&mut self, weight: Vec<HeldWeight>, why: Reason) -> Result<Refresh> {
        let factor = Factor::new(&self.a, &weight, &self.assembler, &mut self.rank)?;
        self.inverse = Inverse::new(factor);
        self.commit(weight);
        Ok(Refresh::Rebuilt(why))
    }

    fn commit(&mut self, weight: Vec<HeldWeight>) {
        self.weight = weight;
        self.refiner.forget();
        self.updates += 1;
    }

    /// Relative residual of one random right-hand side at `weight`.
    fn probe(&mut self, weight: &[HeldWeight]) -> f64 {
        let mut rng = Seed::default().stream(Lane::PROBE, 0, self.updates);
        let v: Vec<f64> = (0..self.a.len())
            .map(|_| StandardNormal.sample(&mut rng))
            .collect();
        let mut scratch = Mat::zeros(v.len(), 1);
        let inverse = &self.inverse;
        let precondition = |v: &mut [f64]| inverse.apply(v, scratch.as_mut());
        self.refiner.probe(weight, precondition, &v)
    }
}

/// `K⁻¹`: factored after a rebuild, explicit from the first low-rank update on. A factor answers better than the inverse
/// when `K` is ill-conditioned, and a weight that moves everywhere at each update never pays for the inversion.
#[derive(Debug, Clone)]
struct Inverse {
    factor: Option<Factor>,
    /// Empty while there is a factor.
    explicit: Mat<f64>,
}

impl Inverse {
    fn new(factor: Factor) -> Self {
        Self {
            factor: Some(factor),
            explicit: Mat::new(),
        }
    }

    fn explicit(&mut self) -> &mut Mat<f64> {
        if let Some(factor) = self.factor.take() {
            self.explicit = factor.inverse();
        }
        &mut self.explicit
    }

    /// `v ← K⁻¹ v`.
    fn apply(&self, v: &mut [f64], mut scratch: MatMut<'_, f64>) {
        if let Some(factor) = &self.factor {
            return factor.solve_in_place(as_column(v));
        }
        let column = MatRef::from_column_major_slice(v, v.len(), 1);
        gemm(
            scratch.as_mut(),
            Accum::Replace,
            1.0,
            self.explicit.as_ref(),
            column,
        );
        v.iter_mut()
            .enumerate()
            .for_each(|(i, v)| *v = scratch[(i, 0)]);
    }
}

impl Projection for Kronecker {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        let weight = Self::hold(&self.a, weight)?;
        match change::find(&self.weight, &weight)? {
            Some(change) => self.absorb(weight, change),
            None => self.rebuild(weight, Reason::Form),
        }
    }

    fn operator(&mut self, _goal: Goal) -> Result<&mut Weighted> {
        self.refiner.weighted(&self.weight)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        let mut scratch = Mat::zeros(self.a.len(), 1);
        let inverse = &self.inverse;
        let precondition = |v: &mut [f64]| inverse.apply(v, scratch.as_mut());
        self.refiner.solve(&self.weight, goal, precondition, rhs)
    }
}
