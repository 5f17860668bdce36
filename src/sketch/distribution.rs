//! Distributions as data, and how an operator is drawn from one.

use super::blocks::Blocks;
use super::family::{Base, Family};
use super::operator::{Checked, Sketch};
use super::raw::RawSketch;
use super::stream::{Address, Stream};
use super::{plain, size};
use crate::constraints::Block;
use crate::error::{Result, check_memory, invalid_setting};

/// A family and a number of rows: a distribution over `b × N` matrices with `E[RᵀR] = I`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Distribution {
    family: Family,
    rows: usize,
}

impl Distribution {
    /// `b = rows` rows of a family.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless `rows` is 1 to `i32::MAX`, and for a number of nonzeros
    /// or of left rows that does not divide it.
    pub fn new(family: impl Into<Family>, rows: usize) -> Result<Self> {
        let family = family.into();
        if rows == 0 || i32::try_from(rows).is_err() {
            let reason = format!("expected 1 to {} rows, found {rows}", i32::MAX);
            return invalid_setting("rows", reason);
        }
        let divides = |base: Base, rows: usize| rows.is_multiple_of(base.row_step());
        let nonzeros_divide = match family {
            Family::Plain(base) => divides(base, rows),
            Family::Kronecker {
                left,
                right,
                left_rows,
            } => {
                if left_rows == 0 || !rows.is_multiple_of(left_rows) {
                    let reason = format!("expected a divisor of {rows}, found {left_rows}");
                    return invalid_setting("left_rows", reason);
                }
                divides(left, left_rows) && divides(right, rows / left_rows)
            }
            Family::TensorSrht | Family::TensorSketch => true,
        };
        if !nonzeros_divide {
            let reason = format!(
                "expected a number of nonzeros per column that divides the rows, found {family:?}"
            );
            return invalid_setting("nonzeros", reason);
        }
        Ok(Self { family, rows })
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Number of rows `b`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The `α` of `E[(gᵀRᵀRh)²] ≤ (gᵀh)² + (α/b)‖g‖²‖h‖²`.
    ///
    /// | family | `α` |
    /// |---|---|
    /// | plain | 2: the variance is `(‖g‖²‖h‖² + (gᵀh)² − κ Σ g_i²h_i²)/b`, `κ = 0` for Gaussian entries and 2 for the others |
    /// | TensorSRHT | 9: fourth moments of a decoupled chaos |
    /// | TensorSketch | 11[^ANW14] |
    /// | `S₁ ⊗ S₂` | `b((1 + 2/b₁)(1 + 2/b₂) − 1)`, about `4√b` at `b₁ = b₂` |
    ///
    /// The rows of `S₁ ⊗ S₂` share few random numbers: its errors fall with `√b₁`, not with `√b`.
    ///
    /// [^ANW14]: Avron, Nguyễn, Woodruff. Subspace embeddings for the polynomial kernel. NIPS 2014.
    pub fn alpha(&self) -> f64 {
        size::alpha(self.family, self.rows)
    }

    /// Bound on the mean square error of one entry of `P RᵀR h` with `‖h‖ = 1`, averaged over the `N` entries, for a
    /// projection `P` of rank `m`. Summed over the entries it is `(m + 1)/b` for plain families, because `Σ‖P_i‖² = m` and
    /// `Σ(P_i·h)² ≤ 1`, and `αm/b` for all families.
    pub(crate) fn mean_square(&self, m: usize, ambient: usize) -> f64 {
        let sum = match self.family {
            Family::Plain(_) => m as f64 + 1.0,
            _ => self.alpha() * m as f64,
        };
        sum / (self.rows as f64 * ambient as f64)
    }

    /// The fewest rows that are proved to keep the error of `gᵀRᵀRh` within `accuracy · ‖g‖‖h‖` with probability
    /// `1 − failure`, by the best of the bounds below (`ε` the accuracy, `δ` the failure). A Kronecker-structured family gets
    /// equally many rows on either side; its `left_rows` is ignored.
    ///
    /// | family | bound |
    /// |---|---|
    /// | all | Chebyshev: `b ≥ α/(ε²δ)` |
    /// | Gaussian | `2√(x/b) + 2x/b ≤ ε`, `x = ln(2/δ)`: the `χ²` tails of [^LM00] for the quadratic form `sym(ghᵀ)` |
    /// | Rademacher | `b ≥ 2 ln(4/δ)/(ε²/2 − ε³/3)`: the norms of `g ± h`[^A03], polarised |
    /// | SRHT | `b ≥ 2(t + (t + 1)ε/3) ln(4/δ)/ε²`, `t = 2 ln(8N'/δ)`: signs flatten to `√t`, then Bernstein |
    /// | `S₁ ⊗ S₂`, Gaussian or Rademacher | each side as above with `ε' = √(1 + ε) − 1` and `δ/4` |
    ///
    /// The constants are ours, and proved as stated.
    ///
    /// # Known limits
    /// The bounds are upper bounds: at `ε = 0.25`, `δ = 0.05` and `N = 256` fewer rows by factors of 2.3 (Gaussian) to 6 (tensor
    /// families) were enough in experiments. Kronecker-structured families with other factors than Gaussian or Rademacher have
    /// only Chebyshev on either side, which asks for millions of rows there.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless `0 < accuracy < 1` and `0 < failure < 1`, or when more
    /// than `i32::MAX` rows are needed.
    ///
    /// [^LM00]: Laurent, Massart. Adaptive estimation of a quadratic functional by model selection. Annals of Statistics 28,
    /// 2000.
    /// [^A03]: Achlioptas. Database-friendly random projections. Journal of Computer and System Sciences 66, 2003.
    pub fn for_accuracy(
        family: impl Into<Family>,
        ambient: usize,
        accuracy: f64,
        failure: f64,
    ) -> Result<Self> {
        let (family, rows) = size::for_accuracy(family.into(), ambient, accuracy, failure)?;
        Self::new(family, rows)
    }

    /// The operator at an address, on a product of blocks.
    ///
    /// Plain families see one vector of `N` numbers. Structured families draw an independent operator for every block, whose
    /// index is part of the stream's address, and add up the sketches of the blocks: cross terms vanish in expectation, so that
    /// `E[RᵀR] = I` on the product.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge) when a dense sketch cannot be stored,
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless the blocks have 1 to `u32::MAX` numbers.
    ///
    /// # Complexity
    /// Space `bN` for [`Base::Gaussian`] and [`Base::Rademacher`], `O(N)` for the other plain families, `O(n + b)` per block for
    /// structured families of sparse or Hadamard factors; time in proportion.
    pub fn operator(&self, blocks: &[Block], address: Address) -> Result<Box<dyn Sketch>> {
        let cols = blocks
            .iter()
            .fold(0usize, |sum, b| sum.saturating_add(b.ambient()));
        if cols == 0 || cols > u32::MAX as usize || blocks.len() > u32::MAX as usize {
            let most = u32::MAX;
            let reason = format!("expected 1 to {most} numbers in the blocks, found {cols}");
            return invalid_setting("blocks", reason);
        }
        check_memory("a sketch", self.rows as u128 + cols as u128)?;
        let operator: Box<dyn RawSketch> = match self.family {
            Family::Plain(base) => {
                let stream = Stream::new(address, base.lane(), 0);
                plain::draw(base, self.rows, cols, stream)?
            }
            family => Box::new(Blocks::new(family, self.rows, blocks, address)?),
        };
        Ok(Box::new(Checked(operator)))
    }
}
