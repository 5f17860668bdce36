//! Weights that were checked and copied.

use super::{Basis, BlockWeight};
use crate::constraints::Block;
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::padded;
use crate::linalg::{cholesky::Cholesky, lu, product};
use faer::{Accum, Mat, MatRef};

/// A weight that was checked and copied.
///
/// On a PSD block the contribution to the Gram matrix is `tr(A_i P A_j Q)` with `(P, Q) =` `(W, W)`, `(I, W²)` or `(X, Z)`.
#[derive(Debug, Clone)]
pub(crate) enum OwnedWeight {
    Nonneg(Vec<f64>),
    TwoSided(Mat<f64>),
    Root { g: Mat<f64>, w: Mat<f64> },
    OneSided { w: Mat<f64>, square: Mat<f64> },
    Pair { x: Mat<f64>, z: Mat<f64> },
    Spectral(Box<Spectral>),
}

/// A weight in a fixed eigenbasis.
#[derive(Debug, Clone)]
pub(crate) struct Spectral {
    pub basis: Basis,
    pub eigenvalues: Vec<f64>,
    /// The same weight without its basis: two-sided or one-sided.
    dense: OwnedWeight,
}

impl Spectral {
    /// From eigenvalues known to be as many as the basis has, finite and positive.
    pub(crate) fn new(basis: Basis, eigenvalues: Vec<f64>, one_sided: bool) -> Self {
        let w = basis.with(|k| eigenvalues[k]);
        let dense = match one_sided {
            false => OwnedWeight::TwoSided(w),
            true => OwnedWeight::one_sided(w),
        };
        Self {
            basis,
            eigenvalues,
            dense,
        }
    }

    pub(crate) fn one_sided(&self) -> bool {
        matches!(self.dense, OwnedWeight::OneSided { .. })
    }

    /// The same weight with other eigenvalues.
    pub(crate) fn with(&self, eigenvalues: Vec<f64>) -> Self {
        Self::new(self.basis.clone(), eigenvalues, self.one_sided())
    }

    /// Whether only eigenvalues tell the two apart.
    pub(crate) fn same_kind(&self, other: &Spectral) -> bool {
        self.one_sided() == other.one_sided() && self.basis.same(&other.basis)
    }

    /// `W`.
    pub(crate) fn weight(&self) -> Option<&Mat<f64>> {
        match &self.dense {
            OwnedWeight::TwoSided(w) | OwnedWeight::OneSided { w, .. } => Some(w),
            _ => None,
        }
    }

    /// `U diag(√λ) Uᵀ`.
    pub(crate) fn root(&self) -> Mat<f64> {
        self.basis.with(|k| self.eigenvalues[k].sqrt())
    }
}

impl OwnedWeight {
    /// Checks every weight against its block.
    pub(crate) fn new_all(blocks: &[Block], weights: &[BlockWeight<'_>]) -> Result<Vec<Self>> {
        check_shape(
            "list of block weights",
            (blocks.len(), 1),
            (weights.len(), 1),
        )?;
        blocks
            .iter()
            .zip(weights)
            .map(|(&b, &w)| Self::new(b, w))
            .collect()
    }

    pub(super) fn new(block: Block, weight: BlockWeight<'_>) -> Result<Self> {
        match (block, weight) {
            (Block::Nonneg(n), BlockWeight::Nonneg(w)) => {
                check_shape("weight of a nonnegative block", (n, 1), (w.len(), 1))?;
                check_finite("weight of a nonnegative block", w)?;
                match w.iter().position(|&v| v <= 0.0) {
                    Some(pivot) => Err(Error::NotPositiveDefinite {
                        what: "weight of a nonnegative block",
                        pivot,
                    }),
                    None => Ok(OwnedWeight::Nonneg(w.to_vec())),
                }
            }
            (Block::Psd(n), BlockWeight::Psd(w)) => {
                Ok(OwnedWeight::TwoSided(positive_definite(n, w)?))
            }
            (Block::Psd(n), BlockWeight::Root(g)) => Self::root(n, g),
            (Block::Psd(n), BlockWeight::OneSided(w)) => {
                Ok(Self::one_sided(positive_definite(n, w)?))
            }
            (Block::Psd(n), BlockWeight::Pair { x, z }) => Ok(OwnedWeight::Pair {
                x: positive_definite(n, x)?,
                z: positive_definite(n, z)?,
            }),
            (Block::Psd(n), BlockWeight::Spectral { basis, eigenvalues }) => {
                Self::spectral(n, basis, eigenvalues, false)
            }
            (Block::Psd(n), BlockWeight::OneSidedSpectral { basis, eigenvalues }) => {
                Self::spectral(n, basis, eigenvalues, true)
            }
            (Block::Nonneg(_), _) => Err(Error::Unsupported {
                what: "a matrix weight",
                by: "a nonnegative block",
            }),
            (Block::Psd(_), _) => Err(Error::Unsupported {
                what: "a vector weight",
                by: "a positive semidefinite block",
            }),
        }
    }

    fn spectral(n: usize, basis: &Basis, eigenvalues: &[f64], one_sided: bool) -> Result<Self> {
        const WHAT: &str = "eigenvalues of a spectral weight";
        let order = basis.order();
        check_shape("eigenbasis", (n, n), (order, order))?;
        check_shape(WHAT, (n, 1), (eigenvalues.len(), 1))?;
        check_finite(WHAT, eigenvalues)?;
        if let Some(pivot) = eigenvalues.iter().position(|&v| v <= 0.0) {
            return Err(Error::NotPositiveDefinite { what: WHAT, pivot });
        }
        let spectral = Spectral::new(basis.clone(), eigenvalues.to_vec(), one_sided);
        Ok(OwnedWeight::Spectral(Box::new(spectral)))
    }

    /// The weight without its eigenbasis.
    pub(crate) fn dense(&self) -> &OwnedWeight {
        match self {
            OwnedWeight::Spectral(s) => &s.dense,
            other => other,
        }
    }

    fn root(n: usize, g: MatRef<'_, f64>) -> Result<Self> {
        const WHAT: &str = "root of a weight";
        check_shape(WHAT, (n, n), g.shape())?;
        for j in 0..n {
            check_finite(WHAT, g.col(j).iter())?;
        }
        if let Some(pivot) = lu::vanishing_pivot(g) {
            return Err(Error::NotPositiveDefinite { what: WHAT, pivot });
        }
        let mut w = padded::zeros(n, n);
        product::gemm_lower(w.as_mut(), Accum::Replace, 1.0, g, g.transpose());
        product::mirror_lower(w.as_mut());
        Ok(OwnedWeight::Root { g: g.to_owned(), w })
    }

    /// `W` of a two-sided weight, however it was given.
    pub(crate) fn two_sided(&self) -> Option<&Mat<f64>> {
        match self.dense() {
            OwnedWeight::TwoSided(w) | OwnedWeight::Root { w, .. } => Some(w),
            _ => None,
        }
    }

    /// A one-sided weight from a matrix known to be positive definite.
    pub(crate) fn one_sided(w: Mat<f64>) -> Self {
        let n = w.nrows();
        let mut square = padded::zeros(n, n);
        product::gemm_lower(square.as_mut(), Accum::Replace, 1.0, w.as_ref(), w.as_ref());
        product::mirror_lower(square.as_mut());
        OwnedWeight::OneSided { w, square }
    }

    /// `(P, Q)` on a PSD block; `None` stands for the identity.
    pub(crate) fn gram_pair(&self) -> Option<(Option<MatRef<'_, f64>>, MatRef<'_, f64>)> {
        match self.dense() {
            OwnedWeight::Nonneg(_) | OwnedWeight::Spectral(_) => None,
            OwnedWeight::TwoSided(w) | OwnedWeight::Root { w, .. } => {
                Some((Some(w.as_ref()), w.as_ref()))
            }
            OwnedWeight::OneSided { square, .. } => Some((None, square.as_ref())),
            OwnedWeight::Pair { x, z } => Some((Some(x.as_ref()), z.as_ref())),
        }
    }
}

/// Checks shape, finiteness, symmetry (to `1e-10` of the largest entry) and positive definiteness; returns the
/// symmetric part.
pub(crate) fn positive_definite(n: usize, w: MatRef<'_, f64>) -> Result<Mat<f64>> {
    const WHAT: &str = "weight of a positive semidefinite block";
    let sym = symmetric(WHAT, n, w)?;
    Cholesky::factor(sym.clone())
        .map_err(|pivot| Error::NotPositiveDefinite { what: WHAT, pivot })?;
    Ok(sym)
}

/// Checks shape, finiteness and symmetry (to `1e-10` of the largest entry); returns the symmetric part.
pub(crate) fn symmetric(what: &'static str, n: usize, w: MatRef<'_, f64>) -> Result<Mat<f64>> {
    check_shape(what, (n, n), w.shape())?;
    let mut big: f64 = 0.0;
    for j in 0..n {
        for i in 0..n {
            let v = w[(i, j)];
            if !v.is_finite() {
                return Err(Error::NonFinite {
                    what,
                    index: i + j * n,
                });
            }
            big = big.max(v.abs());
        }
    }
    for j in 0..n {
        for i in j + 1..n {
            if (w[(i, j)] - w[(j, i)]).abs() > 1e-10 * big {
                return Err(Error::NotSymmetric {
                    what,
                    row: i,
                    col: j,
                });
            }
        }
    }
    // Halved before they are added, so that nothing finite overflows.
    Ok(padded::from_fn(n, n, |i, j| {
        if i == j {
            w[(i, i)]
        } else {
            0.5 * w[(i, j)] + 0.5 * w[(j, i)]
        }
    }))
}
