//! Quadratic objectives: projections, least squares, registration, graph matching.

use super::seam::{Objective, entrywise, flat};
use crate::error::{Error, Result, check_finite, check_shape};
use crate::linalg::product::gemm;
use crate::transport::kernel::parallel;
use crate::transport::polytope::checks::check_positive;
use faer::{Accum, Mat, MatMut, MatRef};

/// `(scale/2) ‖(K γ − γ L) diag(s) − M‖²_F`, each of `K`, `L`, `s` and `M` optional.
///
/// With neither `K` nor `L` the operator is the identity: `(scale/2) ‖γ diag(s) − M‖²`.
///
/// # Complexity
/// A gradient costs `O(mn)` with neither factor, otherwise the products `Kγ`, `γL` and their adjoints:
/// `4 p m n + 4 m n²` operations for `K: p × m`, `L: n × n`.
#[derive(Debug, Clone)]
pub struct Quadratic {
    dims: [usize; 2],
    left: Option<Mat<f64>>,
    right: Option<Mat<f64>>,
    columns: Option<Vec<f64>>,
    target: Option<Vec<f64>>,
    scale: f64,
}

fn check_mat(what: &'static str, a: MatRef<'_, f64>) -> Result<()> {
    check_finite(what, &flat(a))
}

impl Quadratic {
    /// `(scale/2) ‖γ − M‖²`: the Euclidean projection of `M` onto the couplings.
    ///
    /// # Errors
    /// [`Error::NonFinite`]; [`Error::InvalidSetting`] for `scale ≤ 0`.
    pub fn projection(target: MatRef<'_, f64>, scale: f64) -> Result<Self> {
        check_positive("scale", scale)?;
        check_mat("target", target)?;
        let dims = [target.nrows(), target.ncols()];
        let target = Some(flat(target));
        Ok(Self {
            dims,
            left: None,
            right: None,
            columns: None,
            target,
            scale,
        })
    }

    /// `½ ‖K γ − M‖²` for `K: p × m` and `M: p × n`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`].
    pub fn left(factor: MatRef<'_, f64>, target: MatRef<'_, f64>) -> Result<Self> {
        check_shape("target", (factor.nrows(), target.ncols()), target.shape())?;
        check_mat("left factor", factor)?;
        check_mat("target", target)?;
        let dims = [factor.ncols(), target.ncols()];
        let (left, target) = (Some(factor.to_owned()), Some(flat(target)));
        Ok(Self {
            dims,
            left,
            right: None,
            columns: None,
            target,
            scale: 1.0,
        })
    }

    /// Point-cloud registration: `½ Σ_j ν_j ‖(1/ν_j) Σ_i γ_ij x_i − y_j‖²`, the squared distance of the barycentric map
    /// of each target point from that point.
    ///
    /// `sources` is `d × m`, `targets` is `d × n` (one point per column), `nu` the masses of the targets, all positive.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NonFinite`]; [`Error::InvalidSetting`] for a mass that is not positive.
    pub fn registration(
        sources: MatRef<'_, f64>,
        targets: MatRef<'_, f64>,
        nu: &[f64],
    ) -> Result<Self> {
        check_shape("targets", (sources.nrows(), nu.len()), targets.shape())?;
        nu.iter().try_for_each(|v| check_positive("nu", *v))?;
        // √ν_j ((1/ν_j) Xγ_j − y_j)
        let weighted = Mat::from_fn(targets.nrows(), targets.ncols(), |k, j| {
            targets[(k, j)] * nu[j].sqrt()
        });
        let mut it = Self::left(sources, weighted.as_ref())?;
        it.columns = Some(nu.iter().map(|v| 1.0 / v.sqrt()).collect());
        Ok(it)
    }

    /// `½ ‖A γ − γ B‖²` for symmetric `A: m × m`, `B: n × n`: the convex quadratic of Gromov–Wasserstein type (graph
    /// matching relaxed to couplings), zero where `γ` intertwines the two.
    ///
    /// # Errors
    /// [`Error::Shape`] unless both are square, [`Error::NotSymmetric`], [`Error::NonFinite`].
    pub fn intertwining(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Result<Self> {
        for (what, x) in [("A", a), ("B", b)] {
            check_shape(what, (x.nrows(), x.nrows()), x.shape())?;
            check_mat(what, x)?;
            for col in 0..x.ncols() {
                if let Some(row) = (0..col).find(|row| x[(*row, col)] != x[(col, *row)]) {
                    return Err(Error::NotSymmetric { what, row, col });
                }
            }
        }
        let dims = [a.nrows(), b.nrows()];
        let (left, right) = (Some(a.to_owned()), Some(b.to_owned()));
        Ok(Self {
            dims,
            left,
            right,
            columns: None,
            target: None,
            scale: 1.0,
        })
    }

    /// `(Kγ − γL) diag(s) − M`, column by column.
    fn residual(&self, plan: &[f64]) -> Vec<f64> {
        let [m, n] = self.dims;
        let gamma = MatRef::from_column_major_slice(plan, m, n);
        let rows = self.left.as_ref().map_or(m, |k| k.nrows());
        let mut r = match &self.left {
            Some(k) => {
                let mut r = vec![0.0; rows * n];
                let out = MatMut::from_column_major_slice_mut(&mut r, rows, n);
                gemm(out, Accum::Replace, 1.0, k.as_ref(), gamma);
                r
            }
            None => plan.to_vec(),
        };
        if let Some(l) = &self.right {
            let out = MatMut::from_column_major_slice_mut(&mut r, rows, n);
            gemm(out, Accum::Add, -1.0, gamma, l.as_ref());
        }
        for j in 0..n {
            let column = &mut r[j * rows..(j + 1) * rows];
            if let Some(s) = &self.columns {
                column.iter_mut().for_each(|v| *v *= s[j]);
            }
            if let Some(t) = &self.target {
                for (v, t) in column.iter_mut().zip(&t[j * rows..]) {
                    *v -= t;
                }
            }
        }
        r
    }

    fn is_projection(&self) -> bool {
        self.left.is_none() && self.right.is_none() && self.columns.is_none()
    }
}

impl Objective for Quadratic {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        if let (true, Some(t)) = (self.is_projection(), &self.target) {
            let square = |r: std::ops::Range<usize>| {
                let pairs = plan[r.clone()].iter().zip(&t[r]);
                pairs.map(|(p, t)| (p - t) * (p - t)).sum::<f64>()
            };
            return 0.5 * self.scale * parallel::sum(plan.len(), square);
        }
        let r = self.residual(plan);
        0.5 * self.scale * parallel::sum(r.len(), |k| crate::linalg::dot(&r[k.clone()], &r[k]))
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        if let (true, Some(t)) = (self.is_projection(), &self.target) {
            let scale = self.scale;
            return 0.5
                * scale
                * entrywise(plan, gradient, |i, p| {
                    ((p - t[i]) * (p - t[i]), scale * (p - t[i]))
                });
        }
        let [m, n] = self.dims;
        let mut r = self.residual(plan);
        let rows = r.len() / n;
        let value =
            0.5 * self.scale * parallel::sum(r.len(), |k| crate::linalg::dot(&r[k.clone()], &r[k]));
        if let Some(s) = &self.columns {
            for (column, s) in r.chunks_mut(rows).zip(s) {
                column.iter_mut().for_each(|v| *v *= s);
            }
        }
        let r = MatRef::from_column_major_slice(&r, rows, n);
        let mut out = MatMut::from_column_major_slice_mut(gradient, m, n);
        match &self.left {
            Some(k) => gemm(out.as_mut(), Accum::Replace, self.scale, k.transpose(), r),
            None => out.copy_from(r * faer::Scale(self.scale)),
        }
        if let Some(l) = &self.right {
            gemm(out, Accum::Add, -self.scale, r, l.transpose());
        }
        value
    }
}
