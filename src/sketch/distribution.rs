//! Distributions as data, and the operators drawn from them.

use super::blocks::Blocks;
use super::dense::{Dense, Entries};
use super::sparse::Sparse;
use super::srht::Srht;
use super::{Sketch, size};
use crate::constraints::Block;
use crate::error::{Error, Result, check_memory};
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;

/// A family of sketches of plain vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Base {
    /// Independent normal entries of variance `1/b`.
    Gaussian,
    /// Independent signs `±1/√b`[^A03].
    ///
    /// [^A03]: Achlioptas. Database-friendly random projections. Journal of Computer and System Sciences 66, 2003.
    Rademacher,
    /// Subsampled randomised Hadamard transform: random signs, a Walsh–Hadamard transform, `b` rows of it drawn with
    /// replacement, scaled by `1/√b`[^AC09]. Vectors are padded with zeros to a power of two.
    ///
    /// [^AC09]: Ailon, Chazelle. The fast Johnson–Lindenstrauss transform and approximate nearest neighbors. SIAM Journal on
    /// Computing 39, 2009.
    Srht,
    /// One random sign a column, in a random row[^CCF04].
    ///
    /// [^CCF04]: Charikar, Chen, Farach-Colton. Finding frequent items in data streams. Theoretical Computer Science 312, 2004.
    CountSketch,
    /// Sparse embedding: this many nonzeros `±1/√s` a column, one in each of `s` equal bands of rows[^KN14]. `s` divides `b`.
    ///
    /// [^KN14]: Kane, Nelson. Sparser Johnson–Lindenstrauss transforms. Journal of the ACM 61, 2014.
    Sparse(u32),
}

/// A family of sketches: plain, or structured on `vec(H)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Of all `N` numbers, whatever they are.
    Plain(Base),
    /// `S₁ ⊗ S₂` on every matrix, `(S₁ ⊗ S₂) vec(H) = vec(S₂ H S₁ᵀ)`, with `left_rows` rows in `S₁` and `b / left_rows` in
    /// `S₂`; nonnegative blocks through the left family.
    Kronecker {
        /// Family of `S₁`.
        left: Base,
        /// Family of `S₂`.
        right: Base,
        /// Rows of `S₁`, a divisor of `b`.
        left_rows: usize,
    },
    /// Rows of `HD₁ ⊗ HD₂` drawn in pairs, with replacement[^AKK20]; nonnegative blocks through [`Base::Srht`].
    ///
    /// [^AKK20]: Ahle, Kapralov, Knudsen, Pagh, Velingker, Woodruff, Zandieh. Oblivious sketching of high-degree polynomial
    /// kernels. SODA 2020.
    TensorSrht,
    /// CountSketch of `vec(H)` with the bucket `h₁(column) + h₂(row) mod b` and the product of two signs[^PP13]; nonnegative
    /// blocks through [`Base::CountSketch`].
    ///
    /// [^PP13]: Pham, Pagh. Fast and scalable polynomial kernels via explicit feature maps. KDD 2013.
    TensorSketch,
}

impl From<Base> for Family {
    fn from(base: Base) -> Self {
        Family::Plain(base)
    }
}

/// Which of the operators of a distribution: a position in the streams of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// Root of the randomness.
    pub seed: Seed,
    /// Which of several independent copies.
    pub copy: u32,
    /// Which generation of copies.
    pub epoch: u64,
}

impl Address {
    /// An address.
    pub fn new(seed: impl Into<Seed>, copy: u32, epoch: u64) -> Self {
        let seed = seed.into();
        Self { seed, copy, epoch }
    }
}

/// One lane of an address, for one block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    address: Address,
    lane: Lane,
    block: u32,
}

impl Stream {
    pub(super) fn new(address: Address, lane: Lane, block: u32) -> Self {
        Self {
            address,
            lane,
            block,
        }
    }

    /// Part `part` of the stream.
    pub(super) fn part(self, part: u32) -> ChaCha20Rng {
        let Address { seed, copy, epoch } = self.address;
        let part = u64::from(self.block) << 32 | u64::from(part);
        seed.part(self.lane, copy, epoch, part)
    }
}

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
    /// [`Error::InvalidSetting`] for no rows or more than `i32` counts, for a number of nonzeros or left rows that does not
    /// divide `rows`.
    pub fn new(family: impl Into<Family>, rows: usize) -> Result<Self> {
        let family = family.into();
        let invalid = |field, reason| Err(Error::InvalidSetting { field, reason });
        if rows == 0 || i32::try_from(rows).is_err() {
            return invalid(
                "rows",
                format!("expected 1 to {} rows, found {rows}", i32::MAX),
            );
        }
        let divides = |base: Base, rows: usize| match base {
            Base::Sparse(s) => s > 0 && rows.is_multiple_of(s as usize),
            _ => true,
        };
        let good = match family {
            Family::Plain(base) => divides(base, rows),
            Family::Kronecker {
                left,
                right,
                left_rows,
            } => {
                if left_rows == 0 || !rows.is_multiple_of(left_rows) {
                    return invalid(
                        "left_rows",
                        format!("expected a divisor of {rows}, found {left_rows}"),
                    );
                }
                divides(left, left_rows) && divides(right, rows / left_rows)
            }
            Family::TensorSrht | Family::TensorSketch => true,
        };
        if !good {
            let reason =
                format!("expected nonzeros a column that divide the rows, found {family:?}");
            return invalid("nonzeros", reason);
        }
        Ok(Self { family, rows })
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Rows `b`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The `α` of `E[(gᵀRᵀRh)²] ≤ (gᵀh)² + (α/b)‖g‖²‖h‖²`.
    ///
    /// 2 for every plain family: the variance is `(‖g‖²‖h‖² + (gᵀh)² − κ Σ g_i²h_i²)/b`, `κ = 0` for Gaussian entries and 2 for the
    /// others. 9 for TensorSRHT (fourth moments of a decoupled chaos) and 11 for TensorSketch[^ANW14]. For `S₁ ⊗ S₂` it is
    /// `b((1 + 2/b₁)(1 + 2/b₂) − 1)`, about `4√b`: with rows that share so few random numbers, errors fall with `√b₁`, not `√b`.
    ///
    /// [^ANW14]: Avron, Nguyễn, Woodruff. Subspace embeddings for the polynomial kernel. NIPS 2014.
    pub fn alpha(&self) -> f64 {
        size::alpha(self.family, self.rows)
    }

    /// Expected square of the error of one entry of `P RᵀR h`, `‖h‖ = 1`, averaged over the `N` entries, for a projection `P` of
    /// rank `m`: the sum over entries is at most `(m + 1)/b` for plain families (`Σ‖P_i‖² = m`, `Σ(P_i·h)² ≤ 1`), `αm/b` for all.
    pub(crate) fn mean_square(&self, m: usize, ambient: usize) -> f64 {
        let sum = match self.family {
            Family::Plain(_) => m as f64 + 1.0,
            _ => self.alpha() * m as f64,
        };
        sum / (self.rows as f64 * ambient as f64)
    }

    /// Fewest rows with which a family errs by at most `accuracy · ‖g‖‖h‖` but for a probability of `failure`, by the best of
    /// the bounds below. Rows of a Kronecker-structured family are split evenly, `left_rows` is chosen anew.
    ///
    /// | family | bound |
    /// |---|---|
    /// | all | Chebyshev: `b ≥ α/(ε²δ)` |
    /// | Gaussian | `2√(x/b) + 2x/b ≤ ε`, `x = ln(2/δ)`: the `χ²` tails of [^LM00] for the quadratic form `sym(ghᵀ)` |
    /// | Rademacher | `b ≥ 2 ln(4/δ)/(ε²/2 − ε³/3)`: the norms of `g ± h`[^A03], polarised |
    /// | SRHT | `b ≥ 2(t + (t + 1)ε/3) ln(4/δ)/ε²`, `t = 2 ln(8N'/δ)`: signs flatten to `√t`, then Bernstein |
    /// | `S₁ ⊗ S₂`, Gaussian or Rademacher | each side as above with `ε' = √(1 + ε) − 1` and `δ/4` |
    ///
    /// The constants are ours, and proved as stated; they are upper bounds, most need fewer rows in practice.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] unless `0 < accuracy < 1` and `0 < failure < 1`, or when more rows than can be counted are
    /// needed.
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
        size::for_accuracy(family.into(), ambient, accuracy, failure)
    }

    /// The operator at an address, on a product of blocks.
    ///
    /// Plain families see one vector of `N` numbers. Structured ones draw an independent operator for every block (its index
    /// is part of the stream's address) and add up: cross terms vanish in expectation, so that `E[RᵀR] = I` on the product.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when a dense sketch cannot be stored, [`Error::InvalidSetting`] for blocks that are empty or more
    /// than can be counted.
    ///
    /// # Complexity
    /// Space `bN` for [`Base::Gaussian`] and [`Base::Rademacher`], `O(N)` for the other plain families, `O(n + b)` a block for
    /// the structured ones (of sparse or Hadamard factors); time in proportion.
    pub fn operator(&self, blocks: &[Block], address: Address) -> Result<Box<dyn Sketch>> {
        let cols = blocks
            .iter()
            .fold(0usize, |sum, b| sum.saturating_add(b.ambient()));
        if cols == 0 || cols > u32::MAX as usize || blocks.len() > u32::MAX as usize {
            let reason = format!(
                "expected 1 to {} numbers in the blocks, found {cols}",
                u32::MAX
            );
            return Err(Error::InvalidSetting {
                field: "blocks",
                reason,
            });
        }
        check_memory("a sketch", self.rows as u128 + cols as u128)?;
        let Family::Plain(base) = self.family else {
            return Ok(Box::new(Blocks::new(
                self.family,
                self.rows,
                blocks,
                address,
            )?));
        };
        plain(base, self.rows, cols, Stream::new(address, base.lane(), 0))
    }
}

impl Base {
    /// The lane its plain operators draw from.
    pub(super) fn lane(self) -> Lane {
        match self {
            Base::Gaussian => Lane::GAUSSIAN,
            Base::Rademacher => Lane::RADEMACHER,
            Base::Srht => Lane::SRHT,
            Base::CountSketch => Lane::COUNT_SKETCH,
            Base::Sparse(_) => Lane::SPARSE,
        }
    }
}

/// A plain operator from a stream.
pub(super) fn plain(
    base: Base,
    rows: usize,
    cols: usize,
    stream: Stream,
) -> Result<Box<dyn Sketch>> {
    Ok(match base {
        Base::Gaussian => Box::new(Dense::new(Entries::Gaussian, rows, cols, stream)?),
        Base::Rademacher => Box::new(Dense::new(Entries::Rademacher, rows, cols, stream)?),
        Base::Srht => Box::new(Srht::new(rows, cols, stream)),
        Base::CountSketch => Box::new(Sparse::new(rows, cols, 1, stream)?),
        Base::Sparse(s) => Box::new(Sparse::new(rows, cols, s as usize, stream)?),
    })
}
