//! Certificates of infeasibility that the reduction of a program proves, tested in the program as it was stated.

use super::Solver;
use crate::error::Result;
use crate::ipm::{
    Certificate, Ended, PointErrors, Solution, Status, dual_certificate, primal_certificate,
};
use crate::linalg::norm;
use crate::problem::{OwnScales, Proof};

/// Relative violation of a ray that passes for rounding.
const RAY_ROUNDING: f64 = 1e-12;

impl Solver {
    /// What the reduction proved, when that holds in the program as it was stated.
    pub(super) fn proved(&self) -> Result<Option<Solution>> {
        let Some(proof) = self.reduced.proof() else {
            return Ok(None);
        };
        let (status, certificate) = match proof {
            Proof::PrimalInfeasible { y } => (Status::PrimalInfeasible, self.contradiction(&y)?),
            Proof::DualInfeasible { x } => (Status::DualInfeasible, self.ray(&x)?),
        };
        let Some(certificate) = certificate else {
            return Ok(None);
        };
        let m = self.program.constraints().len();
        let mut s = vec![0.0; self.program.constraints().ambient()];
        self.program.cost().adjoint(&[1.0], &mut s)?;
        let (x, y) = (vec![0.0; s.len()], vec![0.0; m]);
        let scales = OwnScales::new(&self.program, None)?;
        let PointErrors {
            dimacs, backward, ..
        } = PointErrors::new(&self.program, &scales, (&x, &y, &s))?;
        Ok(Some(Solution {
            status,
            ended: Ended::Certified,
            certificate: Some(certificate),
            x,
            y,
            s,
            dimacs,
            backward,
            ..Solution::empty()
        }))
    }

    /// `y` as a certificate, if its violation excludes every `x` but those `1/tol_infeas` times larger than one and than the largest
    /// that a right-hand side asks for, `max │b_i│/‖A_i‖`.
    fn contradiction(&self, y: &[f64]) -> Result<Option<Certificate>> {
        let Some((certificate, _)) = primal_certificate(&self.program, y)? else {
            return Ok(None);
        };
        let a = self.program.constraints();
        let mut squares = vec![0.0; a.len()];
        for (i, _, row, col, v) in a.entries() {
            squares[i] += if row == col { v * v } else { 2.0 * v * v };
        }
        let rows = self
            .program
            .rhs()
            .iter()
            .zip(&squares)
            .filter(|(_, s)| **s > 0.0);
        let size = rows.map(|(b, s)| b.abs() / s.sqrt()).fold(1.0, f64::max);
        let holds = match &certificate {
            Certificate::Primal { violation, .. } => violation * size <= self.settings.tol_infeas,
            _ => false,
        };
        Ok(holds.then_some(certificate))
    }

    /// `x` as a certificate, if `A x` vanishes and `x` is in the cone up to rounding.
    fn ray(&self, x: &[f64]) -> Result<Option<Certificate>> {
        let Some((certificate, relative)) = dual_certificate(&self.program, x)? else {
            return Ok(None);
        };
        let holds = match &certificate {
            Certificate::Dual { x, violation } => {
                *violation == 0.0 && relative <= RAY_ROUNDING * norm(x).max(1.0)
            }
            _ => false,
        };
        Ok(holds.then_some(certificate))
    }
}
