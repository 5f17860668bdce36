//! Semidefinite programs in the convention of SDPA files.

use super::ConicProgram;
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_finite, check_shape, invalid_setting};
use std::sync::Arc;

/// A pair of semidefinite programs as SDPA files state it:
///
/// ```text
/// (P)  min Σ c_i x_i   subject to  Σ x_i F_i − F_0 ⪰ 0
/// (D)  max ⟨F_0, Y⟩    subject to  ⟨F_i, Y⟩ = c_i,  Y ⪰ 0
/// ```
///
/// where `⪰` means positive semidefinite on a matrix block and nonnegative on a nonnegative block.
///
/// # As a conic program
///
/// A solver takes [`SemidefiniteProgram::conic`]. Its primal is (D) and its dual is (P), both with the opposite sign of the
/// objective: `min ⟨−F_0, Y⟩`, and `max cᵀy` with `y = −x` and the slack `−F_0 − Σ y_i F_i`. Hence
///
/// | conic program | this pair |
/// | --- | --- |
/// | primal variable `x`, slack `s` | `Y`, and the slack of (P) |
/// | dual variable `y` | `x = −y` |
/// | primal objective | [`dual_objective`](Self::dual_objective) with the opposite sign |
/// | dual objective | [`primal_objective`](Self::primal_objective) with the opposite sign |
/// | primal infeasible | dual infeasible: no `Y` |
/// | dual infeasible | primal infeasible: no `x` |
///
/// ```
/// use dyncvx::{constraints::{Block, Constraints}, problem::SemidefiniteProgram};
/// # fn main() -> dyncvx::Result<()> {
/// // The largest eigenvalue of F_0: the smallest x with x I − F_0 ⪰ 0.
/// let blocks = [Block::Psd(2)];
/// let (mut f0, mut f1) = (Constraints::builder(1, &blocks)?, Constraints::builder(1, &blocks)?);
/// f0.entry(0, 0, 0, 1, 3.0)?;
/// f1.entry(0, 0, 0, 0, 1.0)?.entry(0, 0, 1, 1, 1.0)?;
/// let program = SemidefiniteProgram::new(vec![1.0], f1.build()?, f0.build()?)?;
/// assert_eq!(program.conic().rhs(), [1.0]);
/// assert_eq!(program.conic().cost().entries().next(), Some((0, 0, 0, 1, -3.0)));
/// // A solver finds y = −3, with dual objective −3. So x is 3, and the objective of (P) is 3.
/// assert_eq!(SemidefiniteProgram::primal_objective(-3.0), 3.0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SemidefiniteProgram {
    conic: ConicProgram,
    constant: Constraints,
}

impl SemidefiniteProgram {
    /// The pair with costs `c` (length `m`), matrices `F_1 … F_m` (`m` rows) and `F_0` (one row, over the same blocks).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite);
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) without a matrix or a block, or if the blocks of `F_0` and of the
    /// matrices differ.
    ///
    /// # Complexity
    /// One sort of the nonzeros of `F_0`.
    pub fn new(
        costs: Vec<f64>,
        matrices: impl Into<Arc<Constraints>>,
        constant: Constraints,
    ) -> Result<Self> {
        let matrices = matrices.into();
        if matrices.is_empty() {
            return invalid_setting("matrices", "expected one or more, found none");
        }
        if matrices.blocks().is_empty() {
            return invalid_setting("blocks", "expected one or more, found none");
        }
        check_shape("costs c", (matrices.len(), 1), (costs.len(), 1))?;
        check_finite("costs c", &costs)?;
        check_shape("constant F_0", (1, 1), (constant.len(), 1))?;
        if constant.blocks() != matrices.blocks() {
            let reason = format!(
                "expected the blocks of the matrices, {:?}, found {:?}",
                matrices.blocks(),
                constant.blocks()
            );
            return invalid_setting("constant", reason);
        }
        let mut negated = Constraints::builder(1, constant.blocks())?;
        for (_, block, row, col, value) in constant.entries() {
            negated.entry(0, block, row, col, -value)?;
        }
        let conic = ConicProgram::new(matrices, costs, negated.build()?)?;
        Ok(Self { conic, constant })
    }

    /// The costs `c`, of length `m`.
    pub fn costs(&self) -> &[f64] {
        self.conic.rhs()
    }

    /// The matrices `F_1 … F_m`, as `m` rows.
    pub fn matrices(&self) -> &Arc<Constraints> {
        self.conic.constraints()
    }

    /// The matrix `F_0`, as one row.
    pub fn constant(&self) -> &Constraints {
        &self.constant
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        self.constant.blocks()
    }

    /// The conic program `min ⟨−F_0, Y⟩` subject to `⟨F_i, Y⟩ = c_i`, `Y ∈ K`, for a solver.
    pub fn conic(&self) -> &ConicProgram {
        &self.conic
    }

    /// The objective `Σ c_i x_i` of (P), from the *dual* objective of [`conic`](Self::conic).
    pub fn primal_objective(conic_dual_objective: f64) -> f64 {
        -conic_dual_objective
    }

    /// The objective `⟨F_0, Y⟩` of (D), from the *primal* objective of [`conic`](Self::conic).
    pub fn dual_objective(conic_primal_objective: f64) -> f64 {
        -conic_primal_objective
    }

    /// The variable `x` of (P), from the dual variable `y` of [`conic`](Self::conic).
    pub fn primal_variable(conic_y: &[f64]) -> Vec<f64> {
        conic_y.iter().map(|y| -y).collect()
    }
}

/// Programs are equal if their blocks, costs and nonzeros are equal as numbers.
impl PartialEq for SemidefiniteProgram {
    fn eq(&self, other: &Self) -> bool {
        self.blocks() == other.blocks()
            && self.costs() == other.costs()
            && self.constant.entries().eq(other.constant.entries())
            && self.matrices().entries().eq(other.matrices().entries())
    }
}
