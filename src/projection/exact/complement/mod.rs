//! The projection for many rows, computed from a basis of the null space of the rows.

mod basis;
mod normal;

use crate::constraints::{BlockWeight, Constraints, OwnedWeight, WeightForm, Weighted};
use crate::error::{Error, Result};
use crate::linalg::cholesky::Cholesky;
use crate::linalg::product::gemm;
use crate::projection::gram::{Assembler, MAX_ITER, Refiner, ScaledFactor, each_column};
use crate::projection::{Accuracy, Goal, Projection, Reason, Refresh, Shape, Support, check_forms};
use faer::{Accum, MatMut, MatRef};
use normal::Normal;
use std::sync::Arc;

/// The projection `P` for a two-sided weight and rows `A` with a small null space: `m` is near the number `N_s` of distinct
/// positions, which is `n(n+1)/2` per PSD block of order `n`.
///
/// Let `Z` be a basis of the null space of `A`: `c = N_s − m` symmetric matrices orthogonal to the rows. With
/// `T(X) = W⁻¹XW⁻¹`,
///
/// ```text
/// (BBᵀ)⁻¹ = (AAᵀ)⁻¹ A (T − T Zᵀ(Z T Zᵀ)⁻¹Z T) Aᵀ (AAᵀ)⁻¹
/// ```
///
/// A change of the weight, of any rank, therefore costs forming and factoring the `c × c` Gram matrix of `Z` at `W⁻¹` instead
/// of the `m × m` Gram matrix of `A` at `W`. `AAᵀ` is factored once. Answers are refined with the exact operator as in the other
/// structures.
///
/// ```
/// use dyncvx::constraints::{Block, Constraints};
/// use dyncvx::projection::{Accuracy, Complement, Goal, Projection};
/// use faer::Mat;
/// # fn main() -> dyncvx::Result<()> {
/// // 50 of the 55 positions of a matrix of order 10.
/// let a = Constraints::independent(50, &[Block::Psd(10)], 3, 1.into())?;
/// let w = Mat::from_fn(10, 10, |i, j| if i == j { 2.0 } else { 1.0 / (1 + i + j) as f64 });
/// let mut p = Complement::new(a)?.with_weight(&[(&w).into()])?;
/// assert_eq!(p.rank(), 5);
/// let mut y = Mat::from_fn(50, 1, |i, _| i as f64);
/// let Accuracy::Exact { residual, .. } = p.solve(y.as_mut(), Goal::Residual(1e-12))? else { panic!() };
/// assert!(residual < 1e-12);
/// # Ok(()) }
/// ```
///
/// # Complexity
/// Once: the factorisation of `AAᵀ`, `c` solves with it, and an orthonormal basis on the positions that are neither unread nor
/// fixed by rows of one entry. An update: `O(n³)` flops for `W⁻¹`, `4n³` flops per dense row of `Z` (far fewer per sparse row),
/// at most `c²N_s` flops for the inner products, and `c³/3` flops for the factor. A refinement step: the exact operator, two
/// products with `(AAᵀ)⁻¹`, `8n³` flops and two passes over `Z`. This pays while `c` is a fraction of `m`; a larger `c` is
/// accepted too.
///
/// # Deviations
/// No cited paper has this form.
#[derive(Debug, Clone)]
pub struct Complement {
    a: Arc<Constraints>,
    z: Arc<Constraints>,
    assembler: Assembler,
    normal: Normal,
    refiner: Refiner,
    state: Option<State>,
    scratch: Scratch,
}

/// The weight, its inverse, and the factor that belongs to them.
#[derive(Debug, Clone)]
struct State {
    weight: Vec<OwnedWeight>,
    inverse: Vec<OwnedWeight>,
    /// The factor of `Z T Zᵀ`; `None` where the null space of `A` is trivial.
    factor: Option<ScaledFactor<f64>>,
}

#[derive(Debug, Clone, Default)]
struct Scratch {
    flat: Vec<f64>,
    turned: Vec<f64>,
    half: Vec<f64>,
    inner: Vec<f64>,
}

impl Complement {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::NearlyDependent`]; [`Error::TooLarge`].
    pub fn new(a: impl Into<Arc<Constraints>>) -> Result<Self> {
        let a = a.into();
        a.check_separation()?;
        let mut normal = Normal::new(&a)?;
        let z = basis::null_space(&a, &normal)?;
        normal.form_inverse();
        let assembler = Assembler::new(&z);
        let scratch = Scratch {
            flat: vec![0.0; a.ambient()],
            turned: vec![0.0; a.ambient()],
            half: vec![0.0; a.ambient()],
            inner: vec![0.0; z.len()],
        };
        Ok(Self {
            refiner: Refiner::new(a.clone()),
            a,
            z: Arc::new(z),
            assembler,
            normal,
            state: None,
            scratch,
        })
    }

    /// `c`, the dimension of the null space of the rows.
    pub fn rank(&self) -> usize {
        self.z.len()
    }

    /// Bytes of the factors and of the basis.
    pub fn bytes(&self) -> usize {
        let c = self.z.len();
        self.normal.bytes() + 8 * c * c + 16 * self.z.nonzeros()
    }
}

impl State {
    fn new(weight: Vec<OwnedWeight>, z: &Constraints, assembler: &Assembler) -> Result<Self> {
        let mut inverse = Vec::with_capacity(weight.len());
        for held in &weight {
            inverse.push(match held.dense() {
                OwnedWeight::Nonneg(w) => OwnedWeight::Nonneg(w.iter().map(|w| 1.0 / w).collect()),
                OwnedWeight::TwoSided(w) | OwnedWeight::Root { w, .. } => {
                    let factor = Cholesky::factor(w.clone()).map_err(|pivot| {
                        Error::NotPositiveDefinite {
                            what: "weight of a positive semidefinite block",
                            pivot,
                        }
                    })?;
                    OwnedWeight::TwoSided(factor.inverse())
                }
                _ => {
                    return Err(Error::Unsupported {
                        what: "a weight that is not two-sided",
                        by: "Complement",
                    });
                }
            });
        }
        let factor = match z.is_empty() {
            true => None,
            false => Some(ScaledFactor::new(z, &inverse, assembler)?),
        };
        Ok(Self {
            weight,
            inverse,
            factor,
        })
    }
}

impl Projection for Complement {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, form: WeightForm) -> Support {
        Support::when(form.is_two_sided())
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        check_forms(self, weight, "Complement")?;
        let weight = OwnedWeight::new_all(self.a.blocks(), weight)?;
        self.state = Some(State::new(weight, &self.z, &self.assembler)?);
        self.refiner.forget();
        Ok(Refresh::Rebuilt(Reason::Always))
    }

    fn operator(&mut self, _goal: Goal) -> Result<&mut Weighted> {
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        self.refiner.weighted(&state.weight)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        let tol = goal.refined_tolerance()?;
        let Self {
            a,
            z,
            normal,
            refiner,
            state,
            scratch,
            ..
        } = self;
        let State {
            weight,
            inverse,
            factor,
        } = state.as_mut().ok_or(Error::NoWeight)?;
        // One application of the formula for (BBᵀ)⁻¹, from right to left.
        let apply = |v: &mut [f64]| {
            normal.solve_in_place(v);
            let Scratch {
                flat,
                turned,
                half,
                inner,
            } = scratch;
            blocks(a, |b, at| a.adjoint_block(b, v, &mut flat[at]));
            if let Some(factor) = factor {
                blocks(a, |b, at| {
                    scale(
                        &inverse[b],
                        &flat[at.clone()],
                        &mut half[at.clone()],
                        &mut turned[at],
                    );
                });
                inner.fill(0.0);
                blocks(a, |b, at| z.apply_block(b, &turned[at], inner));
                let c = inner.len();
                factor.solve_in_place(MatMut::from_column_major_slice_mut(inner, c, 1));
                blocks(a, |b, at| z.adjoint_block(b, inner, &mut turned[at]));
                flat.iter_mut().zip(&*turned).for_each(|(q, t)| *q -= t);
            }
            blocks(a, |b, at| {
                scale(
                    &inverse[b],
                    &flat[at.clone()],
                    &mut half[at.clone()],
                    &mut turned[at],
                );
            });
            v.fill(0.0);
            blocks(a, |b, at| a.apply_block(b, &turned[at], v));
            normal.solve_in_place(v);
        };
        let goal = Goal::Residual(tol);
        refiner.solve(weight, goal, each_column(apply), rhs, MAX_ITER)
    }
}

/// Calls `each` with the number and the range of every block.
fn blocks(a: &Constraints, mut each: impl FnMut(usize, core::ops::Range<usize>)) {
    (0..a.blocks().len()).for_each(|b| each(b, a.range(b)));
}

/// `out ← W⁻¹XW⁻¹`, or `x ∘ w⁻²` on a nonnegative block. `inverse` is the inverse weight; `half` is scratch.
fn scale(inverse: &OwnedWeight, x: &[f64], half: &mut [f64], out: &mut [f64]) {
    match inverse {
        OwnedWeight::Nonneg(w) => {
            for ((o, x), w) in out.iter_mut().zip(x).zip(w) {
                *o = x * w * w;
            }
        }
        held => {
            if let Some(w) = held.two_sided() {
                let n = w.nrows();
                let x = MatRef::from_column_major_slice(x, n, n);
                let mut half = MatMut::from_column_major_slice_mut(half, n, n);
                let out = MatMut::from_column_major_slice_mut(out, n, n);
                gemm(half.as_mut(), Accum::Replace, 1.0, w.as_ref(), x);
                gemm(out, Accum::Replace, 1.0, half.as_ref(), w.as_ref());
            }
        }
    }
}
