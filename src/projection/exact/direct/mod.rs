//! The direct engine: the Gram matrix is formed and factored at every change of the weight, as a sparse or a dense matrix.

mod columns;
mod dense;
pub(crate) mod params;
mod pattern;
mod sparse;
#[cfg(test)]
mod tests;

use crate::constraints::{
    BlockWeight, Constraints, GramWeight, NearlyDependent, OwnedWeight, WeightCow, WeightForm,
    Weighted,
};
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::pcg::Reached;
use crate::projection::gram::{Assembler, Refiner};
use crate::projection::{
    Accuracy, Goal, Projection, Reason, Refresh, Replaced, Report, Shape, Support, query, query_set,
};
use dense::DenseGram;
use faer::{ColRef, MatMut, MatRef};
use sparse::SparseGram;
use std::sync::Arc;

/// Settings of [`Direct`].
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `nearly_dependent` | refuse | what to do with rows so nearly dependent that their Gram matrix is singular up to rounding | |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Settings {
    /// What to do with rows so nearly dependent that their Gram matrix is singular up to rounding.
    pub nearly_dependent: NearlyDependent,
}

impl Settings {
    /// Settings for solvers: nearly dependent rows are accepted, because a solver measures its answers in the program itself.
    pub fn for_solvers() -> Self {
        Self {
            nearly_dependent: NearlyDependent::Accept,
        }
    }
}

/// The engine for an interior-point method whose weight changes everywhere at each step. Symbolic work is done once. The Gram
/// matrix is assembled and factored at every weight, and residuals are measured with the assembled matrix.
///
/// Two operations are cheaper than in [`Recompute`](super::Recompute). First, a weight is checked for shape, finiteness and
/// symmetry only; a weight that is not positive definite is noticed only if the Gram matrix loses definiteness. Second,
/// answers are refined with the assembled Gram matrix instead of the exact operator.
///
/// All forms of [`BlockWeight`] are supported.
///
/// Where few rows share a block (linear programs; many small blocks), the Gram matrix is sparse. It is then factored as a
/// sparse matrix in an approximate minimum degree order. With [`NearlyDependent::Accept`], the sparse factorisation accepts
/// dependent rows too: their pivots vanish and are replaced, and the reported residual shows the effect on the answer.
///
/// # Complexity
/// Sparse: an update costs `Σ_j l_j²` flops for the lengths `l_j` of the columns of the factor, and one multiplication per pair
/// of rows that read the same nonnegative variable. Dense: an update assembles the Gram matrix by the cheapest of four
/// formulas per row[^FKN97][^BYZ00] and factors it in `m³/3` flops. A solve costs `4m²` flops per column, and as many per
/// refinement step. Space: `m²` numbers and a copy of the weight.
///
/// [^FKN97]: Fujisawa, Kojima, Nakata. Exploiting sparsity in primal-dual interior-point methods for semidefinite
/// programming. Mathematical Programming 79, 1997.
/// [^BYZ00]: Benson, Ye, Zhang. Solving large-scale sparse semidefinite programs for combinatorial optimization. SIAM J.
/// Optim. 10, 2000.
#[derive(Debug, Clone)]
pub struct Direct {
    a: Arc<Constraints>,
    settings: Settings,
    gram: Gram,
    weight: Option<Vec<OwnedWeight>>,
    refiner: Refiner,
}

#[derive(Debug, Clone)]
enum Gram {
    Dense(Box<DenseGram>),
    Sparse(Box<SparseGram>),
}

impl Gram {
    fn refresh(&mut self, a: &Constraints, weight: &[GramWeight<'_>]) -> Result<()> {
        match self {
            Gram::Dense(gram) => gram.refresh(a, weight),
            Gram::Sparse(gram) => gram.refresh(weight),
        }
    }

    fn solve(&mut self, rhs: &mut [f64], tol: f64) -> Reached {
        match self {
            Gram::Dense(gram) => gram.solve(rhs, tol),
            Gram::Sparse(gram) => gram.solve(rhs, tol),
        }
    }
}

impl Direct {
    /// A structure without a weight yet: call [`Projection::update`] before the first answer.
    ///
    /// # Complexity
    /// A sort of the rows by their nonzeros, and a symbolic factorisation where the Gram matrix is sparse. A dense Gram
    /// matrix is allocated at the first update.
    ///
    /// # Errors
    /// Never fails. The return type is that of the other structures.
    pub fn new(a: impl Into<Arc<Constraints>>) -> Result<Self> {
        Self::with_settings(a, Settings::default())
    }

    /// A structure with settings, without a weight yet.
    ///
    /// # Complexity
    /// As [`Direct::new`].
    ///
    /// # Errors
    /// As [`Direct::new`].
    pub fn with_settings(a: impl Into<Arc<Constraints>>, settings: Settings) -> Result<Self> {
        let a = a.into();
        let gram = match SparseGram::analyse(&a) {
            Some(sparse) => Gram::Sparse(Box::new(sparse)),
            None => Gram::Dense(Box::new(DenseGram::new(Assembler::new(&a)))),
        };
        Ok(Self {
            gram,
            settings,
            weight: None,
            refiner: Refiner::new(a.clone()),
            a,
        })
    }

    /// The diagonal shift, relative to the diagonal, that factoring a dense Gram matrix needed at the last weight. The shift is 0
    /// unless the weight is so ill-conditioned that the matrix is singular to working precision. `None` for a sparse Gram
    /// matrix, whose vanishing pivots are replaced instead.
    pub fn shift(&self) -> Option<f64> {
        match &self.gram {
            Gram::Dense(gram) => Some(gram.shift()),
            Gram::Sparse(_) => None,
        }
    }

    /// Whether the Gram matrix is kept sparse.
    pub(in crate::projection) fn is_sparse(&self) -> bool {
        matches!(self.gram, Gram::Sparse(_))
    }
}

impl Projection for Direct {
    fn shape(&self) -> Shape {
        Shape::of(&self.a)
    }

    fn supports(&self, _form: WeightForm) -> Support {
        Support::Yes
    }

    fn report(&self) -> Report {
        let seconds = match &self.gram {
            Gram::Dense(gram) => gram.seconds,
            Gram::Sparse(gram) => gram.seconds,
        };
        Report {
            seconds: Some(seconds),
            ..Report::default()
        }
    }

    /// The row formulas, the pattern and the elimination order are kept.
    fn replace_values(&mut self, rows: &Arc<Constraints>) -> Result<Replaced> {
        if !rows.same_positions(&self.a) {
            return Err(Error::InvalidSetting {
                field: "rows",
                reason: "expected entries at the positions of the present rows, found others"
                    .into(),
            });
        }
        match &mut self.gram {
            Gram::Dense(gram) => gram.replace_values(rows),
            Gram::Sparse(gram) => gram.replace_values(rows),
        }
        self.a = rows.clone();
        self.refiner = Refiner::new(rows.clone());
        self.weight = None;
        Ok(Replaced::Yes)
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh> {
        let given = WeightCow::new_all(self.a.blocks(), weight)?;
        self.a.check_rows(self.settings.nearly_dependent)?;
        let weight: Vec<_> = given.iter().map(WeightCow::gram).collect();
        if let Err(error) = self.gram.refresh(&self.a, &weight) {
            // The failed attempt overwrote the Gram matrix and its factor: form them again at the last weight.
            if let Some(last) = &self.weight {
                let last: Vec<_> = last.iter().map(OwnedWeight::gram).collect();
                if self.gram.refresh(&self.a, &last).is_err() {
                    self.weight = None;
                }
            }
            return Err(error);
        }
        let mut memory = self.weight.take().into_iter().flatten();
        let held = given.into_iter().map(|given| given.hold(memory.next()));
        self.weight = Some(held.collect());
        self.refiner.forget();
        Ok(Refresh::Rebuilt(Reason::Always))
    }

    fn operator(&mut self, _goal: Goal) -> Result<&mut Weighted> {
        self.refiner
            .weighted(self.weight.as_ref().ok_or(Error::NoWeight)?)
    }

    fn solve(&mut self, mut rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy> {
        if self.weight.is_none() {
            return Err(Error::NoWeight);
        }
        check_shape("right-hand side", (self.a.len(), rhs.ncols()), rhs.shape())?;
        let tol = goal.tolerance()?;
        for j in 0..rhs.ncols() {
            check_finite("right-hand side", rhs.as_ref().col(j).iter())?;
        }
        let (mut worst, mut steps) = (0.0f64, 0);
        let mut column = vec![0.0; self.a.len()];
        for j in 0..rhs.ncols() {
            column
                .iter_mut()
                .zip(rhs.as_ref().col(j).iter())
                .for_each(|(c, r)| *c = *r);
            let reached = self.gram.solve(&mut column, tol);
            rhs.as_mut()
                .col_mut(j)
                .iter_mut()
                .zip(&column)
                .for_each(|(r, c)| *r = *c);
            (worst, steps) = (worst.max(reached.residual), steps + reached.iterations);
        }
        let (residual, iterations) = (worst, steps);
        Ok(Accuracy::Exact {
            residual,
            iterations,
        })
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
        self.a.check_separation()?;
        query(self, h, goal, multipliers, projected)
    }

    /// # Errors
    /// As [`Direct::query`].
    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        self.a.check_separation()?;
        query_set(self, h, coords, goal, out)
    }
}
