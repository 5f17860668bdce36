//! Fixed eigenbases of spectral weights.

use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::padded;
use crate::linalg::product::{gemm_lower, mirror_lower};
use faer::{Accum, Mat, MatRef};
use std::sync::Arc;

/// Largest entry of `UᵀU − I` that passes for orthogonal.
const ORTHOGONAL: f64 = 1e-12;

/// An orthogonal matrix `U`, dense or sparse, whose columns are the eigenvectors of a weight `U diag(λ) Uᵀ`.
///
/// Cheap to clone: the matrix is shared. A matrix with at most a quarter of its entries nonzero counts as sparse, however
/// it was given.
///
/// ```
/// use dyncvx::constraints::Basis;
/// use faer::mat;
/// let basis = Basis::dense(mat![[0.6, 0.8], [0.8, -0.6]].as_ref())?;
/// assert_eq!((basis.order(), basis.is_sparse()), (2, false));
/// assert!(Basis::dense(mat![[1.0, 0.1], [0.0, 1.0]].as_ref()).is_err());
/// # Ok::<(), dyncvx::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Basis(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dense: Mat<f64>,
    sparse: Option<Lists>,
}

/// Nonzeros of every row, and of every column: index and value.
#[derive(Debug)]
struct Lists {
    rows: Vec<Vec<(u32, f64)>>,
    columns: Vec<Vec<(u32, f64)>>,
}

impl Basis {
    /// From a dense square matrix.
    ///
    /// # Errors
    /// [`Error::Shape`] when it is not square, [`Error::NonFinite`], and [`Error::NotOrthogonal`] when an entry of
    /// `UᵀU − I` exceeds `1e-12`.
    ///
    /// # Complexity
    /// `n³` flops for the check.
    pub fn dense(u: MatRef<'_, f64>) -> Result<Self> {
        let n = u.nrows();
        check_shape("eigenbasis", (n, n), u.shape())?;
        check_finite("eigenbasis", (0..n).flat_map(|j| u.col(j).iter()))?;
        Self::checked(u.to_owned())
    }

    /// From a sparse square matrix.
    ///
    /// # Errors
    /// As [`Basis::dense`].
    ///
    /// # Complexity
    /// Its nonzeros squared, row by row, for the check; `n²` numbers are stored besides.
    pub fn sparse(u: sprs::CsMatView<'_, f64>) -> Result<Self> {
        let n = u.rows();
        check_shape("eigenbasis", (n, n), (u.rows(), u.cols()))?;
        crate::error::check_memory("eigenbasis", n as u128 * n as u128)?;
        let mut dense = padded::zeros(n, n);
        for (&v, (i, j)) in u.iter() {
            if !v.is_finite() {
                let (what, index) = ("eigenbasis", i + j * n);
                return Err(Error::NonFinite { what, index });
            }
            dense[(i, j)] = v;
        }
        Self::checked(dense)
    }

    fn checked(dense: Mat<f64>) -> Result<Self> {
        let n = dense.nrows();
        let list = |at: &dyn Fn(usize) -> f64| -> Vec<(u32, f64)> {
            let all = (0..n).map(|k| (k as u32, at(k)));
            all.filter(|(_, v)| *v != 0.0).collect()
        };
        let columns: Vec<_> = (0..n).map(|j| list(&|i| dense[(i, j)])).collect();
        let nonzeros: usize = columns.iter().map(Vec::len).sum();
        let sparse = (4 * nonzeros <= n * n).then(|| Lists {
            rows: (0..n).map(|i| list(&|j| dense[(i, j)])).collect(),
            columns,
        });
        let mut inner = padded::zeros(n, n);
        match &sparse {
            Some(lists) => lists
                .rows
                .iter()
                .for_each(|row| add_square(row, 1.0, &mut inner)),
            None => {
                let (u, lower) = (dense.as_ref(), inner.as_mut());
                gemm_lower(lower, Accum::Replace, 1.0, u.transpose(), u);
            }
        }
        for col in 0..n {
            for row in col..n {
                let product = inner[(row, col)];
                let off = product - f64::from(u8::from(row == col));
                // What is not a number is not orthogonal either.
                if off.abs() > ORTHOGONAL || off.is_nan() {
                    return Err(Error::NotOrthogonal {
                        what: "eigenbasis",
                        row,
                        col,
                        product,
                    });
                }
            }
        }
        Ok(Self(Arc::new(Inner { dense, sparse })))
    }

    /// Order `n`.
    pub fn order(&self) -> usize {
        self.0.dense.nrows()
    }

    /// Whether products go through its nonzeros alone.
    pub fn is_sparse(&self) -> bool {
        self.0.sparse.is_some()
    }

    /// `U`.
    pub fn matrix(&self) -> MatRef<'_, f64> {
        self.0.dense.as_ref()
    }

    /// Nonzeros of every row, if sparse.
    pub(crate) fn rows(&self) -> Option<&[Vec<(u32, f64)>]> {
        self.0.sparse.as_ref().map(|s| s.rows.as_slice())
    }

    /// Whether both are the same matrix.
    pub(crate) fn same(&self, other: &Basis) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.dense == other.0.dense
    }

    /// `U diag(f) Uᵀ`, exactly symmetric.
    ///
    /// # Complexity
    /// `n³` flops, or the squares of the columns' nonzeros.
    pub(crate) fn with(&self, f: impl Fn(usize) -> f64) -> Mat<f64> {
        let n = self.order();
        let mut out = padded::zeros(n, n);
        match &self.0.sparse {
            Some(lists) => {
                for (k, column) in lists.columns.iter().enumerate() {
                    add_square(column, f(k), &mut out);
                }
                mirror_lower(out.as_mut());
            }
            None => {
                let u = &self.0.dense;
                let scaled = padded::from_fn(n, n, |i, j| u[(i, j)] * f(j));
                gemm_lower(
                    out.as_mut(),
                    Accum::Replace,
                    1.0,
                    scaled.as_ref(),
                    u.transpose(),
                );
                mirror_lower(out.as_mut());
            }
        }
        out
    }
}

/// Lower triangle of `out += c v vᵀ` for a sparse `v` with ascending indices.
fn add_square(v: &[(u32, f64)], c: f64, out: &mut Mat<f64>) {
    for (s, &(j, x)) in v.iter().enumerate() {
        for &(i, y) in &v[s..] {
            out[(i as usize, j as usize)] += c * x * y;
        }
    }
}
