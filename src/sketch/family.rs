//! The families of sketches, as data.

use crate::random::Lane;

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
    /// Subsampled randomised Hadamard transform: random signs, a Walsh–Hadamard transform, `b` of its rows drawn with
    /// replacement, scaled by `1/√b`[^AC09]. Vectors are padded with zeros to a power of two.
    ///
    /// [^AC09]: Ailon, Chazelle. The fast Johnson–Lindenstrauss transform and approximate nearest neighbors. SIAM Journal on
    /// Computing 39, 2009.
    Srht,
    /// One random sign per column, in a random row[^CCF04].
    ///
    /// [^CCF04]: Charikar, Chen, Farach-Colton. Finding frequent items in data streams. Theoretical Computer Science 312, 2004.
    CountSketch,
    /// Sparse embedding: this many nonzeros `±1/√s` per column, one in each of `s` equal bands of rows[^KN14]. `s` divides `b`.
    ///
    /// [^KN14]: Kane, Nelson. Sparser Johnson–Lindenstrauss transforms. Journal of the ACM 61, 2014.
    Sparse(u32),
}

impl Base {
    /// The lane that operators of this family on plain vectors draw from.
    pub(super) fn lane(self) -> Lane {
        match self {
            Base::Gaussian => Lane::GAUSSIAN,
            Base::Rademacher => Lane::RADEMACHER,
            Base::Srht => Lane::SRHT,
            Base::CountSketch => Lane::COUNT_SKETCH,
            Base::Sparse(_) => Lane::SPARSE,
        }
    }

    /// The number of rows is a multiple of this.
    pub(super) fn row_step(self) -> usize {
        match self {
            Base::Sparse(s) => s as usize,
            _ => 1,
        }
    }
}

/// A family of sketches: plain, or structured on `vec(H)`.
///
/// A structured family treats every matrix block as a matrix and every nonnegative block as a plain vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// One operator on all `N` numbers, which ignores the blocks.
    Plain(Base),
    /// `S₁ ⊗ S₂` on every matrix, `(S₁ ⊗ S₂) vec(H) = vec(S₂ H S₁ᵀ)`, with `left_rows` rows in `S₁` and `b / left_rows` in
    /// `S₂`. Nonnegative blocks use the left family.
    Kronecker {
        /// Family of `S₁`.
        left: Base,
        /// Family of `S₂`.
        right: Base,
        /// Rows of `S₁`, a divisor of `b`.
        left_rows: usize,
    },
    /// Rows of `HD₁ ⊗ HD₂`, drawn in pairs with replacement[^AKK20]. Nonnegative blocks use [`Base::Srht`].
    ///
    /// [^AKK20]: Ahle, Kapralov, Knudsen, Pagh, Velingker, Woodruff, Zandieh. Oblivious sketching of high-degree polynomial
    /// kernels. SODA 2020.
    TensorSrht,
    /// CountSketch of `vec(H)` with the bucket `h₁(column) + h₂(row) mod b` and the product of two signs[^PP13]. Nonnegative
    /// blocks use [`Base::CountSketch`].
    ///
    /// [^PP13]: Pham, Pagh. Fast and scalable polynomial kernels via explicit feature maps. KDD 2013.
    TensorSketch,
}

impl From<Base> for Family {
    fn from(base: Base) -> Self {
        Family::Plain(base)
    }
}

impl Family {
    /// The family that nonnegative blocks use.
    pub(super) fn on_numbers(self) -> Base {
        match self {
            Family::Plain(base) | Family::Kronecker { left: base, .. } => base,
            Family::TensorSrht => Base::Srht,
            Family::TensorSketch => Base::CountSketch,
        }
    }
}
