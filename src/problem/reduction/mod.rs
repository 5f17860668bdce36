//! A smaller program with the same answers, and the way back.

mod layout;
pub(crate) mod params;
mod scale;
mod selection;
mod unconstrained;

use super::{ConicProgram, Units};
use crate::constraints::independence::DEPENDENT;
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_finite, check_memory, check_shape};
use crate::linalg::spectral;
use faer::MatRef;
use layout::Layout;
use params::DEPENDENT_ON_FACE;
use scale::Scale;
use selection::Selection;
use std::sync::Arc;
use unconstrained::Unconstrained;

/// A conic program with its matrix blocks split, and the way back to the program it was made from.
///
/// Every matrix block is split into the connected components of its aggregate sparsity pattern, the union over all `A_i` and
/// `C`; components of order 1 and all nonnegative blocks make one nonnegative block, the last. Entries of `X` outside the
/// components may be taken as zero (cutting them out of a feasible `X` leaves it feasible and its cost the same); `S` is zero
/// there. Components that no row touches leave the program: there `x = 0` and `s = c`, or the cost is not semidefinite and a
/// ray shows that the dual is infeasible. Rows that depend on others are dropped, or contradict them: then multipliers show
/// that the primal is infeasible. Last, rows, blocks, right-hand side or cost whose largest entry is outside `1e-4 … 1e4` are
/// measured in other units, powers of two, so that the way back rounds nothing.
///
/// ```
/// use dyncvx::{constraints::{Block, Constraints}, problem::{ConicProgram, Reduced}};
/// # fn main() -> dyncvx::Result<()> {
/// // Nothing links index 1 to the other two.
/// let (mut a, mut c) = (Constraints::builder(1, &[Block::Psd(3)])?, Constraints::builder(1, &[Block::Psd(3)])?);
/// a.entry(0, 0, 0, 0, 1.0)?.entry(0, 0, 1, 1, 1.0)?;
/// c.entry(0, 0, 0, 2, 1.0)?.entry(0, 0, 2, 2, 5.0)?;
/// let program = ConicProgram::new(a.build()?, vec![1.0], c.build()?)?;
/// let reduced = Reduced::new(&program)?;
/// assert_eq!(reduced.program().constraints().blocks(), [Block::Psd(2), Block::Nonneg(1)]);
/// assert_eq!(reduced.primal(&[1.0, 2.0, 2.0, 3.0, 4.0])?, [1.0, 0.0, 2.0, 0.0, 4.0, 0.0, 2.0, 0.0, 3.0]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Reduced {
    layout: Layout,
    unconstrained: Unconstrained,
    rows: Selection,
    contradiction: Option<Vec<f64>>,
    scale: Scale,
    program: ConicProgram,
}

/// Infeasibility that was found without solving anything. It is exact up to rounding; the caller checks it in the original data.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Proof {
    /// `Aᵀy = 0` and `bᵀy > 0`: no primal point is feasible.
    PrimalInfeasible {
        /// The multipliers, one a row of the original program.
        y: Vec<f64>,
    },
    /// `x ∈ K` with `A x = 0` and `⟨c, x⟩ < 0`: no dual point is feasible.
    DualInfeasible {
        /// The ray, a flat vector of the original program.
        x: Vec<f64>,
    },
}

impl Reduced {
    /// Reduces a program.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge), [`Error::NoConvergence`](crate::Error::NoConvergence).
    ///
    /// # Complexity
    /// A sort of the nonzeros, and the eigenvalues of costs that no row touches.
    pub fn new(program: &ConicProgram) -> Result<Self> {
        Self::to_rounding(program, DEPENDENT)
    }

    /// Reduces a program on a face, which is known to fewer digits than the numbers of a program: rows that contradict others
    /// by so little prove nothing.
    pub(crate) fn on_face(program: &ConicProgram) -> Result<Self> {
        let mut reduced = Self::to_rounding(program, DEPENDENT_ON_FACE.get())?;
        reduced.contradiction = None;
        Ok(reduced)
    }

    fn to_rounding(program: &ConicProgram, rounding: f64) -> Result<Self> {
        // Some 160 bytes per row of a block say which part it belongs to.
        let orders = program
            .constraints()
            .blocks()
            .iter()
            .map(|b| b.order() as u128);
        check_memory("the parts of a program", 20 * orders.sum::<u128>())?;
        let layout = Layout::new(program.constraints(), program.cost());
        let unconstrained = Unconstrained::new(&layout, program.cost())?;
        let rows = Selection::new(program.constraints(), rounding);
        let a = if layout.is_identity() && rows.dropped.is_empty() {
            program.constraints().clone()
        } else {
            Arc::new(gather(program.constraints(), &layout, &rows.kept)?)
        };
        let scale = Scale::new(&a);
        let a = scale.rows(a)?;
        Self::assemble(program, layout, unconstrained, rows, scale, a)
    }

    /// The smaller program, from its rows.
    fn assemble(
        program: &ConicProgram,
        layout: Layout,
        unconstrained: Unconstrained,
        rows: Selection,
        mut scale: Scale,
        a: Arc<Constraints>,
    ) -> Result<Self> {
        let b = rows.kept.iter().map(|&i| program.rhs()[i]).collect();
        let b = scale.rhs(b);
        let c = if layout.is_identity() {
            program.cost().clone()
        } else {
            gather(program.cost(), &layout, &[0])?
        };
        let c = scale.cost(c)?;
        Ok(Self {
            contradiction: rows.contradiction(program.rhs()),
            program: ConicProgram::new(a, b, c)?,
            layout,
            unconstrained,
            rows,
            scale,
        })
    }

    /// The infeasibility that was found without solving anything.
    pub fn proof(&self) -> Option<Proof> {
        if let Some(y) = &self.contradiction {
            return Some(Proof::PrimalInfeasible { y: y.clone() });
        }
        let ray = self.unconstrained.ray.as_ref()?;
        let mut x = vec![0.0; self.layout.ambient()];
        ray.iter().for_each(|&(at, value)| x[at] = value);
        Some(Proof::DualInfeasible { x })
    }

    /// The reduction of a program with the same rows and another right-hand side or cost. The rows of the smaller program are
    /// shared, unless the cost links what was in different components: then the whole program is reduced again.
    ///
    /// # Errors
    /// As [`Reduced::new`]; rows of another shape are [`Error::InvalidSetting`](crate::Error::InvalidSetting).
    ///
    /// # Complexity
    /// One pass over the numbers that changed, and the eigenvalues of costs that no row touches.
    pub fn with_same_rows(&self, program: &ConicProgram) -> Result<Self> {
        let m = self.rows.kept.len() + self.rows.dropped.len();
        let (a, c) = (program.constraints(), program.cost());
        if a.blocks() != self.layout.original() || a.len() != m {
            let reason = format!(
                "expected {m} over {:?}, found {} over {:?}",
                self.layout.original(),
                a.len(),
                a.blocks()
            );
            let field = "rows";
            return Err(crate::Error::InvalidSetting { field, reason });
        }
        if !c
            .entries()
            .all(|(_, b, row, col, _)| self.layout.holds(b, row, col))
        {
            return Self::new(program);
        }
        Self::assemble(
            program,
            self.layout.clone(),
            Unconstrained::new(&self.layout, c)?,
            self.rows.clone(),
            self.scale.clone(),
            self.program.constraints().clone(),
        )
    }

    /// The reduction of a program whose rows have other values at the same positions: components and positions are shared, units
    /// and dependent rows are found again. `None` when other rows are kept than here, or other positions.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge).
    ///
    /// # Complexity
    /// A sort of the nonzeros, and what finding dependent rows takes.
    pub(crate) fn with_same_positions(&self, program: &ConicProgram) -> Result<Option<Self>> {
        let rows = Selection::new(program.constraints(), DEPENDENT);
        if rows.kept != self.rows.kept {
            return Ok(None);
        }
        let old = self.program.constraints();
        let a = if self.layout.is_identity() && rows.dropped.is_empty() {
            program.constraints().clone()
        } else {
            let fresh = gather(program.constraints(), &self.layout, &rows.kept)?;
            let values: Vec<f64> = fresh.entries().map(|e| e.4).collect();
            match old.same_positions(&fresh) {
                true => Arc::new(old.with_values(&values)?),
                false => return Ok(None),
            }
        };
        if !old.same_positions(&a) {
            return Ok(None);
        }
        let scale = Scale::new(&a);
        let a = scale.rows(a)?;
        let (layout, unconstrained) = (self.layout.clone(), self.unconstrained.clone());
        Self::assemble(program, layout, unconstrained, rows, scale, a).map(Some)
    }

    /// Whether the smaller program is the program itself.
    pub fn is_identity(&self) -> bool {
        self.layout.is_identity() && self.rows.dropped.is_empty() && self.scale.is_identity()
    }

    /// For every block of the original `x`, the rank that the eigenvalues of its components reveal, or the number of entries that
    /// exceed their slack.
    pub(crate) fn ranks(&self, x: &[f64], s: &[f64]) -> Result<Vec<usize>> {
        let ambient = (self.layout.ambient(), 1);
        check_shape("x", ambient, (x.len(), 1))?;
        check_shape("s", ambient, (s.len(), 1))?;
        check_finite("x", x)?;
        let a = self.program.constraints();
        let mut small = vec![0.0; a.ambient()];
        self.layout.for_each(|from, at| small[at] = x[from]);
        let mut found = vec![];
        for (b, block) in a.blocks().iter().enumerate() {
            if let Block::Psd(n) = *block {
                let part = MatRef::from_column_major_slice(&small[a.range(b)], n, n);
                found.push(spectral::revealed_rank(&spectral::eigenvalues(part)?).0);
            }
        }
        Ok(self.layout.ranks(&found, x, s))
    }

    /// Whether rows, blocks, right-hand side and cost are in the original's units.
    pub(crate) fn is_unscaled(&self) -> bool {
        self.scale.is_identity()
    }

    /// The factor from an objective of the smaller program to that of the original.
    pub(crate) fn objective_unit(&self) -> f64 {
        self.scale.objective()
    }

    /// The units of the original program, where those of the smaller one differ.
    pub(crate) fn units(&self) -> Option<Units> {
        if self.is_unscaled() {
            return None;
        }
        let a = self.program.constraints();
        let (mut x, mut y) = (vec![1.0; a.ambient()], vec![1.0; a.len()]);
        self.scale.primal(&mut x, -1);
        self.scale.multipliers(&mut y, -1);
        Some(Units { x, y })
    }

    /// `g` with `‖A x‖ ≤ g ‖A' x‖` for the rows `A'` that are kept, in the original's units.
    pub(crate) fn growth(&self) -> f64 {
        self.rows.growth()
    }

    /// Multipliers `δ` with `Aᵀδ = 0`, one for every row that was dropped.
    pub(crate) fn dependencies(&self) -> impl Iterator<Item = Vec<(usize, f64)>> + '_ {
        self.rows.dropped.iter().map(|d| {
            let others = d.combination.iter().map(|&(j, factor)| (j, -factor));
            std::iter::once((d.row, 1.0)).chain(others).collect()
        })
    }

    /// Smallest eigenvalue, when it is below zero, of the costs that no row touches.
    pub(crate) fn least_unconstrained(&self) -> f64 {
        self.unconstrained.least
    }

    /// A point of the original program as one of the smaller: what lies between components is left out, the multipliers of
    /// rows that were dropped go to those they depend on.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn restrict(&self, x: &[f64], y: &[f64], s: &[f64]) -> Result<[Vec<f64>; 3]> {
        let m = self.rows.kept.len() + self.rows.dropped.len();
        check_shape("x", (self.layout.ambient(), 1), (x.len(), 1))?;
        check_shape("y", (m, 1), (y.len(), 1))?;
        check_shape("s", (self.layout.ambient(), 1), (s.len(), 1))?;
        let n = self.program.constraints().ambient();
        let (mut small_x, mut small_s) = (vec![0.0; n], vec![0.0; n]);
        self.layout.for_each(|from, at| {
            (small_x[at], small_s[at]) = (x[from], s[from]);
        });
        let mut all = y.to_vec();
        for d in &self.rows.dropped {
            for &(j, factor) in &d.combination {
                all[j] += factor * y[d.row];
            }
        }
        let mut small_y: Vec<f64> = self.rows.kept.iter().map(|&i| all[i]).collect();
        self.scale.primal(&mut small_x, -1);
        self.scale.multipliers(&mut small_y, -1);
        self.scale.slack(&mut small_s, -1);
        Ok([small_x, small_y, small_s])
    }

    /// The smaller program.
    pub fn program(&self) -> &ConicProgram {
        &self.program
    }

    /// The original `x` from the reduced one.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn primal(&self, x: &[f64]) -> Result<Vec<f64>> {
        Ok(self.scatter(&self.primal_parts(x)?))
    }

    /// The original `y` from the reduced one: zero on the rows that were dropped.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn multipliers(&self, y: &[f64]) -> Result<Vec<f64>> {
        check_shape("reduced y", (self.rows.kept.len(), 1), (y.len(), 1))?;
        let mut out = vec![0.0; self.rows.kept.len() + self.rows.dropped.len()];
        let mut y = y.to_vec();
        self.scale.multipliers(&mut y, 1);
        self.rows.kept.iter().zip(y).for_each(|(&i, y)| out[i] = y);
        Ok(out)
    }

    /// The original `s` from the reduced one.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    pub fn slack(&self, s: &[f64]) -> Result<Vec<f64>> {
        let mut out = self.scatter(&self.slack_parts(s)?);
        let costs = self.unconstrained.slack.iter();
        costs.for_each(|&(at, value)| out[at] = value);
        Ok(out)
    }

    /// The reduced `x` in the original's units.
    pub(crate) fn primal_parts(&self, x: &[f64]) -> Result<Vec<f64>> {
        let ambient = self.program.constraints().ambient();
        check_shape("reduced x", (ambient, 1), (x.len(), 1))?;
        let mut x = x.to_vec();
        self.scale.primal(&mut x, 1);
        Ok(x)
    }

    /// The reduced `s` in the original's units.
    pub(crate) fn slack_parts(&self, s: &[f64]) -> Result<Vec<f64>> {
        let ambient = self.program.constraints().ambient();
        check_shape("reduced s", (ambient, 1), (s.len(), 1))?;
        let mut s = s.to_vec();
        self.scale.slack(&mut s, 1);
        Ok(s)
    }

    fn scatter(&self, from: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.layout.ambient()];
        self.layout.for_each(|to, at| out[to] = from[at]);
        out
    }
}

/// The rows `kept`, ascending, on the blocks that are kept.
fn gather(a: &Constraints, layout: &Layout, kept: &[usize]) -> Result<Constraints> {
    let mut to = vec![None; a.len()];
    kept.iter().enumerate().for_each(|(k, &i)| to[i] = Some(k));
    let mut out = Constraints::builder(kept.len(), layout.blocks())?;
    for (i, b, row, col, value) in a.entries() {
        if let (Some(i), Some((b, row, col))) = (to[i], layout.entry(b, row, col)) {
            out.entry(i, b, row, col, value)?;
        }
    }
    out.build()
}
