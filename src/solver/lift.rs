//! Solutions of the reduced program, in terms of the program as it was stated.

use super::Solver;
use crate::error::Result;
use crate::ipm::verdict::{Measured, judge};
use crate::ipm::{
    Certificate, Ended, PointErrors, Solution, Status, dual_certificate, outside_cone,
    primal_certificate,
};
use crate::linalg::dot;
use crate::problem::{Outside, OwnScales};
use crate::verify::{self, Infeasible};

/// Growth of the violation of a certificate, relative to what the dropped rows explain, that passes for rounding.
const GROWTH_ROUNDING: f64 = 1e-6;

impl Solver {
    /// A solution of the reduced program in terms of the program as it was stated, judged there.
    pub(super) fn lift(&self, found: Solution) -> Result<Solution> {
        let x = self.reduced.primal(&found.x)?;
        let y = self.reduced.multipliers(&found.y)?;
        let s = self.reduced.slack(&found.s)?;
        let outside = self.outside(&found)?;
        let scales = OwnScales::new(&self.program, None)?;
        let errors = PointErrors::outside(&self.program, &scales, (&x, &y, &s), outside)?;
        let mut value = [0.0];
        self.program.cost().apply(&x, &mut value)?;
        let (primal_objective, dual_objective) = (value[0], dot(self.program.rhs(), &y));
        let certificate = self.lift_certificate(found.certificate.as_ref())?;
        let mut measured = Measured::new(errors, primal_objective, dual_objective);
        measured.proof = certificate
            .as_ref()
            .map(|(found, excess)| found.proof(*excess));
        let status = judge(&measured, &found.ended, &self.settings);
        Ok(Solution {
            status,
            x,
            y,
            s,
            primal_objective,
            dual_objective,
            candidates: self.lift_candidates(found.candidates)?,
            dimacs: errors.dimacs,
            backward: errors.backward,
            certificate: certificate
                .map(|(found, _)| found)
                .filter(|_| status.is_infeasible()),
            ..found
        })
    }

    /// By how much `x` and `s` lie outside the cone of the program as it was stated.
    fn outside(&self, found: &Solution) -> Result<(Outside, Outside)> {
        let small = self.reduced.program();
        // Zeros between the components leave eigenvalues as they are.
        let blocks = small.constraints().blocks();
        let (x, mut s) = match found.outside {
            Some(outside) if self.reduced.is_unscaled() => outside,
            _ => (
                outside_cone(blocks, &self.reduced.primal_parts(&found.x)?)?,
                outside_cone(blocks, &self.reduced.slack_parts(&found.s)?)?,
            ),
        };
        s.distance = s.distance.max(-self.reduced.least_unconstrained());
        Ok((x, s))
    }

    /// What may be a proof, in terms of the program as it was stated.
    fn lift_candidates(&self, found: Vec<Certificate>) -> Result<Vec<Certificate>> {
        let mut lifted = vec![];
        for candidate in found {
            let measured = match candidate {
                Certificate::Primal { y, .. } => {
                    primal_certificate(&self.program, &self.reduced.multipliers(&y)?)?
                }
                Certificate::Dual { x, .. } => {
                    dual_certificate(&self.program, &self.reduced.primal(&x)?)?
                }
                // The reduction comes after the faces.
                _ => None,
            };
            lifted.extend(measured.map(|(found, _)| found));
        }
        Ok(lifted)
    }

    /// The solution with an infeasibility where one of the candidates proves it in exact arithmetic, and without where none does. A
    /// certificate whose violation is beyond the tolerance may still be a proof: the violation counts rounding that a proof does not
    /// suffer. One whose violation is within the tolerance may exclude small points only.
    pub(super) fn proved_infeasible(&self, mut found: Solution) -> Result<Solution> {
        if found.status == Status::Solved || found.ended == Ended::Certified {
            return Ok(found);
        }
        // A certificate within its tolerance excludes small points only. Where points may be large, it must be a proof. Rays are rarely
        // provable, for want of an interior, and stay as they were measured.
        if found.status == Status::DualInfeasible {
            return Ok(found);
        }
        if found.status == Status::PrimalInfeasible {
            let certificate = found.certificate.take();
            found.candidates.splice(0..0, certificate);
            found.status = Status::InsufficientProgress;
        }
        for candidate in core::mem::take(&mut found.candidates) {
            if let Some(status) = verify::infeasible(&self.program, &candidate)? {
                return Ok(Solution {
                    status: match status {
                        Infeasible::Primal => Status::PrimalInfeasible,
                        Infeasible::Dual => Status::DualInfeasible,
                    },
                    ended: Ended::Certified,
                    certificate: Some(candidate),
                    ..found
                });
            }
            found.candidates.push(candidate);
        }
        Ok(found)
    }

    /// A certificate in terms of the program as it was stated, and its violation in units of what is allowed.
    fn lift_certificate(&self, found: Option<&Certificate>) -> Result<Option<(Certificate, f64)>> {
        let lifted = match found {
            Some(Certificate::Primal { y, .. }) => {
                primal_certificate(&self.program, &self.reduced.multipliers(y)?)?
            }
            Some(Certificate::Dual { x, .. }) => {
                dual_certificate(&self.program, &self.reduced.primal(x)?)?
            }
            // The reduction comes after the faces.
            _ => None,
        };
        // Within the tolerance for the rows that were kept, the violation grows by no more than the dropped rows explain. In other
        // units, which round nothing, it was tested there.
        let allowed = if self.reduced.is_unscaled() {
            self.settings.tol_infeas * self.reduced.growth() * (1.0 + GROWTH_ROUNDING)
        } else {
            f64::INFINITY
        };
        Ok(lifted.map(|(found, relative)| (found, relative / allowed)))
    }
}
