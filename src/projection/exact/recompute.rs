//! The reference structure: the Gram matrix is formed and factored again at every change of the weight.

use crate::constraints::{BlockWeight, Constraints, OwnedWeight, WeightForm, Weighted};
use crate::error::{Error, Result, check_memory};
use crate::projection::gram::{Assembler, MAX_ITER, Refiner, ScaledFactor};
use crate::projection::{Accuracy, Goal, Projection, Reason, Refresh, Shape, Support};
use faer::MatMut;
use std::sync::Arc;

/// Forms and factors `BBᵀ` again at every change of the weight. No work is shared between weights, but the kernels are the
/// same as in the other structures.
///
/// The tests take it as their oracle, and the benchmarks as their baseline. It also suits a solver whose weight changes
/// everywhere at each step. All forms of [`BlockWeight`] are supported.
///
/// # Complexity
/// An update assembles the Gram matrix by the cheapest of four formulas per row[^FKN97] and factors it in `m³/3` flops.
/// A solve costs `2m²` flops and one application of the exact operator per column. Space `m²`.
///
/// [^FKN97]: Fujisawa, Kojima, Nakata. Exploiting sparsity in primal-dual interior-point methods for semidefinite
/// programming. Mathematical Programming 79, 1997.
#[derive(Debug, Clone)]
pub struct Recompute {
    a: Arc<Constraints>,
    assembler: Assembler,
    refiner: Refiner,
    state: Option<State>,
}

#[derive(Debug, Clone)]
struct State {
    weight: Vec<OwnedWeight>,
    factor: ScaledFactor<f64>,
}

impl Recompute {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Errors
    /// Never fails. The return type is that of the other structures.
    pub fn new(a: impl Into<Arc<Constraints>>) -> Result<Self> {
        let a = a.into();
        let (assembler, refiner) = (Assembler::new(&a), Refiner::new(a.clone()));
        Ok(Self {
            a,
            assembler,
            refiner,
            state: None,
        })
    }
}

impl Projection for Recompute {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, _form: WeightForm) -> Support {
        Support::Yes
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        let weight = OwnedWeight::new_all(self.a.blocks(), weight)?;
        let m = self.a.len() as u128;
        check_memory("the Gram matrix", m * m)?;
        self.a.check_separation()?;
        let factor = ScaledFactor::new(&self.a, &weight, &self.assembler)?;
        self.state = Some(State { weight, factor });
        self.refiner.forget();
        Ok(Refresh::Rebuilt(Reason::Always))
    }

    fn operator(&mut self, _goal: Goal) -> Result<&mut Weighted> {
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        self.refiner.weighted(&state.weight)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        let state = self.state.as_ref().ok_or(Error::NoWeight)?;
        let precondition = |v: MatMut<'_, f64>| state.factor.solve_in_place(v);
        self.refiner
            .solve(&state.weight, goal, precondition, rhs, MAX_ITER)
    }
}
