//! Eigenvalues, singular values and roots of symmetric matrices.

use super::padded;
use super::{par, product};
use crate::error::{Error, Result};
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::{evd, svd};
use faer::{Accum, Mat, MatRef};

/// Eigenvalues in ascending order and orthonormal eigenvectors of a symmetric matrix (lower triangle read).
///
/// # Complexity
/// About `9n³` flops.
pub(crate) fn eigen(a: MatRef<'_, f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    let n = a.nrows();
    let mut u = padded::zeros(n, n);
    if n == 0 {
        return Ok((vec![], u));
    }
    let mut s = Diag::zeros(n);
    let par = par(9 * n * n * n);
    let scratch = evd::self_adjoint_evd_scratch::<f64>(
        n,
        evd::ComputeEigenvectors::Yes,
        par,
        Default::default(),
    );
    let mut mem = MemBuffer::new(scratch);
    evd::self_adjoint_evd(
        a,
        s.as_mut(),
        Some(u.as_mut()),
        par,
        MemStack::new(&mut mem),
        Default::default(),
    )
    .map_err(|_| Error::NoConvergence {
        what: "symmetric eigenvalues",
    })?;
    Ok((s.column_vector().iter().copied().collect(), u))
}

/// Eigenvalues in ascending order of a symmetric matrix (lower triangle read).
pub(crate) fn eigenvalues(a: MatRef<'_, f64>) -> Result<Vec<f64>> {
    let n = a.nrows();
    if n == 0 {
        return Ok(vec![]);
    }
    let mut s = Diag::zeros(n);
    let par = par(4 * n * n * n / 3);
    let scratch = evd::self_adjoint_evd_scratch::<f64>(
        n,
        evd::ComputeEigenvectors::No,
        par,
        Default::default(),
    );
    let mut mem = MemBuffer::new(scratch);
    evd::self_adjoint_evd(
        a,
        s.as_mut(),
        None,
        par,
        MemStack::new(&mut mem),
        Default::default(),
    )
    .map_err(|_| Error::NoConvergence {
        what: "symmetric eigenvalues",
    })?;
    Ok(s.column_vector().iter().copied().collect())
}

/// Singular values in descending order and the right singular vectors of a matrix with as many rows as columns, or more.
pub(crate) fn singular_right(a: MatRef<'_, f64>) -> Result<(Vec<f64>, Mat<f64>)> {
    let (m, n) = (a.nrows(), a.ncols());
    let mut v = padded::zeros(n, n);
    if n == 0 {
        return Ok((vec![], v));
    }
    let mut s = Diag::zeros(n);
    let par = par(15 * m * n * n);
    let (no, yes) = (svd::ComputeSvdVectors::No, svd::ComputeSvdVectors::Full);
    let mut mem = MemBuffer::new(svd::svd_scratch::<f64>(
        m,
        n,
        no,
        yes,
        par,
        Default::default(),
    ));
    svd::svd(
        a,
        s.as_mut(),
        None,
        Some(v.as_mut()),
        par,
        MemStack::new(&mut mem),
        Default::default(),
    )
    .map_err(|_| Error::NoConvergence {
        what: "singular values",
    })?;
    Ok((s.column_vector().iter().copied().collect(), v))
}

/// The symmetric positive square root of a positive definite matrix; `pivot` of the error is the index of the first
/// eigenvalue that is not positive.
pub(crate) fn square_root(what: &'static str, a: MatRef<'_, f64>) -> Result<Mat<f64>> {
    let (lambda, u) = eigen(a)?;
    if let Some(pivot) = lambda.iter().position(|&l| l.is_nan() || l <= 0.0) {
        return Err(Error::NotPositiveDefinite { what, pivot });
    }
    let n = a.nrows();
    let scaled = padded::from_fn(n, n, |i, j| u[(i, j)] * lambda[j].sqrt().sqrt());
    let mut root = padded::zeros(n, n);
    product::gemm_lower(
        root.as_mut(),
        Accum::Replace,
        1.0,
        scaled.as_ref(),
        scaled.transpose(),
    );
    product::mirror_lower(root.as_mut());
    Ok(root)
}

/// Eigenvalues below this share of the largest are rounding.
const ROUNDING: f64 = 1e-15;

/// Ratio of two neighbouring eigenvalues from which the upper one is the last that counts.
const GAP: f64 = 10.0;

/// How many of these eigenvalues, ascending, are above the widest gap of their logarithms, and the ratio across it; all of them,
/// where none is wide.
pub(crate) fn revealed_rank(values: &[f64]) -> (usize, f64) {
    let (n, largest) = (values.len(), values.last().copied().unwrap_or(0.0));
    if !(largest > 0.0 && largest.is_finite()) {
        return (0, f64::INFINITY);
    }
    let floored = |k: usize| values[k].max(ROUNDING * largest);
    let gaps = (1..n).map(|r| (r, floored(n - r) / floored(n - r - 1)));
    match gaps.reduce(|best, next| if next.1 > best.1 { next } else { best }) {
        Some((rank, gap)) if gap >= GAP => (rank, gap),
        _ => (n, f64::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_gap_tells() {
        assert_eq!(revealed_rank(&[1e-9, 2e-9, 1e-8, 1.0, 3.0]).0, 2);
        assert_eq!(revealed_rank(&[-1e-12, 0.0, 5.0]).0, 1);
        assert_eq!(revealed_rank(&[1.0, 2.0, 3.0]), (3, f64::INFINITY));
        assert_eq!(revealed_rank(&[0.0, 0.0]).0, 0);
        assert_eq!(revealed_rank(&[]).0, 0);
        assert_eq!(revealed_rank(&[7.0]).0, 1);
    }
}
