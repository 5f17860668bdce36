//! The interface between data structures and solvers: the trait [`Projection`] and the types of its arguments.

use super::forward::forward;
use super::{Refresh, Report};
use crate::constraints::{Block, BlockWeight, Constraints, WeightForm, Weighted};
use crate::error::{Error, Result, check_shape};
use faer::{ColRef, MatMut, MatRef};
use std::sync::Arc;

/// Dimensions of a projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Number of rows `m`.
    pub constraints: usize,
    /// Dimension `N` of the ambient space.
    pub ambient: usize,
    /// The blocks. Their flat vectors, one after another, form a vector of `R^N`.
    pub blocks: Vec<Block>,
}

impl Shape {
    pub(crate) fn of(a: &Constraints) -> Self {
        Shape {
            constraints: a.len(),
            ambient: a.ambient(),
            blocks: a.blocks().to_vec(),
        }
    }
}

/// The weight that an answer is for, and the accuracy of the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// The weight absorbed, without refinement where possible: the cheapest answer.
    AsAbsorbed,
    /// The last weight given, to this relative residual: `‖rhs − BBᵀ y‖ ≤ tol ‖rhs‖`. Where double precision does not allow this
    /// residual, the answer is as accurate as it gets. [`Accuracy`] has the residual reached.
    Residual(f64),
}

impl Goal {
    /// Relative residual that a structure with only a preconditioner refines to.
    pub(in crate::projection) fn refined_tolerance(self) -> Result<f64> {
        match self {
            Goal::AsAbsorbed => Ok(AS_ABSORBED_RESIDUAL),
            Goal::Residual(_) => self.tolerance(),
        }
    }

    /// Requested relative residual; infinite for [`Goal::AsAbsorbed`].
    pub(crate) fn tolerance(self) -> Result<f64> {
        match self {
            Goal::AsAbsorbed => Ok(f64::INFINITY),
            Goal::Residual(tol) if tol >= 0.0 => Ok(tol),
            Goal::Residual(tol) => Err(Error::InvalidSetting {
                field: "goal",
                reason: format!("expected a residual of 0 or more, found {tol}"),
            }),
        }
    }
}

/// Whether a structure takes weights of one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// [`Projection::update`] returns [`Error::Unsupported`].
    No,
    /// Supported.
    Yes,
    /// Supported, and cheaper than the other forms. A solver that can choose the form should choose this one.
    Preferred,
}

impl Support {
    /// [`Support::Yes`] or [`Support::No`].
    pub(crate) fn when(supported: bool) -> Self {
        if supported { Support::Yes } else { Support::No }
    }
}

/// What [`Projection::replace_values`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The structure has the new rows. It has no weight until the next update.
    Yes,
    /// Nothing changed: a new structure has to be made for other rows.
    No,
}

/// Relative residual of answers for [`Goal::AsAbsorbed`] in structures that only hold a preconditioner. The caller wants a cheap
/// answer, but the preconditioner alone may be far from the weight.
const AS_ABSORBED_RESIDUAL: f64 = 1e-7;

/// The accuracy of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Accuracy {
    /// The answer is for the requested weight. `residual` is the largest `‖rhs − BBᵀ y‖ / ‖rhs‖` over the columns, measured with
    /// the exact operator or the assembled Gram matrix. `iterations` counts refinement steps over all columns.
    Exact {
        /// Largest relative residual.
        residual: f64,
        /// Refinement steps.
        iterations: usize,
    },
    /// The answer is for a weight within `e^{±epsilon}` of the weight given.
    Approximate {
        /// Bound on the logarithm of the drift.
        epsilon: f64,
    },
    /// The answer comes from a random sketch.
    Sketched {
        /// Expected error of one coordinate.
        expected_error: f64,
    },
}

/// Maintains `P = Bᵀ(BBᵀ)⁻¹B`, `B = A · S(weight)`, while the weight changes.
///
/// The trait is object-safe: a solver takes `&mut dyn Projection`. Queries take `&mut self` because an answer may use scratch
/// space and may spend a privacy budget.
///
/// # Errors
/// Every method returns [`Error::Shape`] for arguments of a wrong shape, and leaves the structure unchanged after any error.
pub trait Projection: Send {
    /// Dimensions.
    fn shape(&self) -> Shape;

    /// Whether [`Projection::update`] takes weights of this form, and whether this form is cheaper than others.
    fn supports(&self, form: WeightForm) -> Support;

    /// Seconds, preconditioner and steps, where the structure counts them.
    fn report(&self) -> Report {
        Report::default()
    }

    /// Replaces the rows `A` by rows with entries at the same positions, and keeps all work that depends on the positions only.
    /// Afterwards the structure has no weight. A structure without this feature returns [`Replaced::No`] and changes nothing.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for entries at other positions.
    fn replace_values(&mut self, _rows: &Arc<Constraints>) -> Result<Replaced> {
        Ok(Replaced::No)
    }

    /// [`Projection::update`] in a form for chaining: returns the structure at this weight.
    ///
    /// # Errors
    /// Those of [`Projection::update`].
    fn with_weight(mut self, weight: &[BlockWeight<'_>]) -> Result<Self>
    where
        Self: Sized,
    {
        self.update(weight)?;
        Ok(self)
    }

    /// Moves to a new weight, with one entry of `weight` per block.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a form that [`Projection::supports`] denies; this is checked first.
    /// [`Error::NotPositiveDefinite`], [`Error::NotSymmetric`], [`Error::NonFinite`] for an invalid weight.
    /// [`Error::RankDeficient`] when the rows are dependent. [`Error::NearlyDependent`] when the rows are so nearly dependent that
    /// `P h` would have fewer than three correct digits; the threshold is the same in every structure.
    fn update(&mut self, weight: &[BlockWeight<'_>]) -> Result<Refresh>;

    /// The operator `B` at the weight that `goal` stands for. Symmetric roots of the weight are computed on first use.
    ///
    /// # Errors
    /// [`Error::NoWeight`] before the first update; [`Error::NotPositiveDefinite`] when the weight has a Cholesky factor but is so
    /// ill-conditioned (above about `1e16`) that its symmetric root cannot be computed.
    fn operator(&mut self, goal: Goal) -> Result<&mut Weighted>;

    /// `rhs ← (BBᵀ)⁻¹ rhs` for each column of the `m × k` matrix. Each column gets the same answer as alone, but solving several
    /// columns together is cheaper.
    ///
    /// # Errors
    /// [`Error::NoWeight`]; [`Error::NonFinite`]; [`Error::InvalidSetting`] for a negative goal. A residual above the goal is
    /// not an error: the returned [`Accuracy`] has the residual reached.
    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> Result<Accuracy>;

    /// `multipliers ← (BBᵀ)⁻¹ B h` (`m × k`) and `projected ← P h` (`N × k`) for the `N × k` matrix `h`.
    ///
    /// # Errors
    /// Those of [`Projection::solve`].
    fn query(
        &mut self,
        h: MatRef<'_, f64>,
        goal: Goal,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        query(self, h, goal, multipliers, projected)
    }

    /// `P h` for one `h`, at the weight of [`Goal::AsAbsorbed`]. `projected` equals `Bᵀ` times `multipliers` whatever the error of
    /// the answer, because a path-following method needs `A δx = 0`. [`Accuracy::Sketched`] has the expected error of one
    /// *whitened* multiplier: one of the `m` entries of `L_Kᵀ multipliers` with `BBᵀ = L_K L_Kᵀ`.
    ///
    /// The default is [`Projection::query`]. Only [`Robust`](super::Robust) differs: it refuses [`Projection::query`] for
    /// [`Goal::AsAbsorbed`], because such a query would release an unknown number of values. It answers this method with
    /// exactly `m` private medians. The method belongs to this trait, and not to [`Ensemble`](super::Ensemble), because a
    /// path-following method takes plain and private structures. It is not a variant of [`Goal`] either, because a goal must not
    /// decide whether a query spends a privacy budget.
    ///
    /// # Errors
    /// Those of [`Projection::solve`]; [`Error::BudgetExhausted`].
    fn query_in_range(
        &mut self,
        h: ColRef<'_, f64>,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        self.query(h.as_mat(), Goal::AsAbsorbed, multipliers, projected)
    }

    /// Writes the entries `coords` of `P h` into the column `out`.
    ///
    /// # Errors
    /// Those of [`Projection::solve`]; [`Error::OutOfRange`] for a coordinate of `N` or more.
    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        query_set(self, h, coords, goal, out)
    }
}

/// [`Projection::query`] by one solve.
pub(super) fn query<P: Projection + ?Sized>(
    p: &mut P,
    h: MatRef<'_, f64>,
    goal: Goal,
    mut multipliers: MatMut<'_, f64>,
    projected: MatMut<'_, f64>,
) -> Result<Accuracy> {
    let operator = p.operator(goal)?;
    let (m, k) = (operator.constraints().len(), h.ncols());
    check_shape("multipliers", (m, k), multipliers.shape())?;
    check_shape("projected", h.shape(), projected.shape())?;
    operator.apply(h, multipliers.as_mut())?;
    let accuracy = p.solve(multipliers.as_mut(), goal)?;
    p.operator(goal)?
        .apply_transpose(multipliers.as_ref(), projected)?;
    Ok(accuracy)
}

/// [`Projection::query_set`] by one solve.
pub(super) fn query_set<P: Projection + ?Sized>(
    p: &mut P,
    h: ColRef<'_, f64>,
    coords: &[usize],
    goal: Goal,
    mut out: MatMut<'_, f64>,
) -> Result<Accuracy> {
    let operator = p.operator(goal)?;
    let (m, bound) = (
        operator.constraints().len(),
        operator.constraints().ambient(),
    );
    check_shape("answers", (coords.len(), 1), out.shape())?;
    if let Some(&index) = coords.iter().find(|&&c| c >= bound) {
        return Err(Error::OutOfRange {
            what: "coordinate",
            index,
            bound,
        });
    }
    let mut lent = operator.lend(m + coords.len());
    let (y, values) = lent.split_at_mut(m);
    let mut column = MatMut::from_column_major_slice_mut(y, m, 1);
    operator.apply(h.as_mat(), column.as_mut())?;
    let accuracy = p.solve(column, goal)?;
    let operator = p.operator(goal)?;
    operator.apply_transpose_at(y, coords, values)?;
    for (i, v) in values.iter().enumerate() {
        out[(i, 0)] = *v;
    }
    operator.give_back(lent);
    Ok(accuracy)
}

/// A boxed structure, for example one chosen at run time.
impl<P: Projection + ?Sized> Projection for Box<P> {
    forward!(self => **self; shape supports report replace_values update operator solve query query_in_range query_set);
}

/// A borrowed structure.
impl<P: Projection + ?Sized> Projection for &mut P {
    forward!(self => **self; shape supports report replace_values update operator solve query query_in_range query_set);
}

/// Refuses weights of a form that the structure does not support.
///
/// # Errors
/// [`Error::Unsupported`].
pub(super) fn check_forms<P: Projection + ?Sized>(
    projection: &P,
    weight: &[BlockWeight<'_>],
    by: &'static str,
) -> Result<()> {
    let unsupported = |form: &WeightForm| projection.supports(*form) == Support::No;
    match weight.iter().map(BlockWeight::form).find(unsupported) {
        Some(form) => Err(Error::Unsupported {
            what: form.name(),
            by,
        }),
        None => Ok(()),
    }
}
