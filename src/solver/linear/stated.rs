//! Points and proofs, measured and judged in the program as it was stated.

use super::LinearOutcome;
use crate::error::Result;
use crate::ipm::verdict::{Measured, Proof, Side, judge};
use crate::ipm::{Certificate, Dimacs, Ended, Phases, PointErrors, Settings, Status};
use crate::linalg::max_abs;
use crate::problem::{LinearCertificate, LinearForm, LinearProgram, LinearSolution, ReducedLinear};
use crate::verify;

/// Shares of the largest multiplier of a proof below which others may be rounding.
const SMALL_MULTIPLIERS: [f64; 4] = [1e-8, 1e-6, 1e-4, 1e-2];

/// The program as it was stated, and what is asked of its answer.
#[derive(Clone, Copy)]
pub(super) struct StatedProgram<'a> {
    pub program: &'a LinearProgram,
    pub settings: &'a Settings,
    /// The program without distant limits, where that is the one that is solved: what proves that infeasible proves this infeasible.
    pub relaxed: Option<&'a LinearProgram>,
}

impl StatedProgram<'_> {
    /// The proof of the conic program, as one of the linear program: of infeasibility without distant limits, of a ray with all of them.
    pub(super) fn restored(
        &self,
        reduced: &ReducedLinear,
        form: &LinearForm,
        proof: &Certificate,
    ) -> Result<Option<LinearCertificate>> {
        match proof {
            Certificate::Primal { y, .. } => {
                let y = reduced.restore_multipliers(&form.multipliers(y)?)?;
                self.relaxed.unwrap_or(self.program).primal_certificate(&y)
            }
            Certificate::Dual { x, .. } => {
                let x = reduced.restore_direction(&form.direction(x)?)?;
                self.program.dual_certificate(&x)
            }
        }
    }

    /// The proof without its small numbers, for several readings of small: rounding that asks for limits which are missing, or leads out of
    /// a row.
    fn cleaned(&self, proof: &LinearCertificate) -> Result<Vec<LinearCertificate>> {
        let numbers = match proof {
            LinearCertificate::Primal { y, .. } => y,
            LinearCertificate::Dual { x, .. } => x,
            _ => return Ok(vec![]),
        };
        let largest = max_abs(numbers);
        let mut found = vec![];
        for share in SMALL_MULTIPLIERS {
            let large = |v: &f64| v.abs() > share * largest;
            let kept = numbers.iter().map(|v| if large(v) { *v } else { 0.0 });
            let kept: Vec<f64> = kept.collect();
            found.extend(match proof {
                LinearCertificate::Dual { .. } => self.program.dual_certificate(&kept)?,
                _ => {
                    let program = self.relaxed.unwrap_or(self.program);
                    program.primal_certificate(&kept)?
                }
            });
        }
        Ok(found)
    }

    /// Whether a certificate is a proof in exact arithmetic.
    fn holds(&self, proof: &LinearCertificate) -> Result<bool> {
        let program = match proof {
            LinearCertificate::Dual { .. } => self.program,
            _ => self.relaxed.unwrap_or(self.program),
        };
        Ok(verify::linear_certificate(program, proof)?
            .infeasible
            .is_some())
    }

    /// What presolve alone proved, of this program or of the program without distant limits.
    pub(super) fn without_point(&self, proof: &LinearCertificate) -> Result<LinearOutcome> {
        let (m, n) = (self.program.rows().len(), self.program.variables().len());
        let point = LinearSolution {
            x: vec![f64::NAN; n],
            activities: vec![f64::NAN; m],
            row_duals: vec![f64::NAN; m],
            reduced_costs: vec![f64::NAN; n],
        };
        // Presolve has tested its own proof of infeasibility, which distant limits do not change. A ray they may.
        if let LinearCertificate::Dual { x, .. } = proof {
            let ray = self.program.dual_certificate(x)?;
            return self.outcome(point, Ended::Certified, ray.into_iter().collect());
        }
        self.judged(point, Ended::Certified, Some((proof.clone(), 0.0)))
    }

    /// A point, and perhaps a certificate, measured and judged in the program as it was stated.
    pub(super) fn outcome(
        &self,
        point: LinearSolution,
        ended: Ended,
        proofs: Vec<LinearCertificate>,
    ) -> Result<LinearOutcome> {
        // The least violated proof, by what was measured.
        let tol = self.settings.tol_infeas;
        let mut measured: Vec<_> = proofs
            .into_iter()
            .map(|p| (p.relative_violation() / tol, p))
            .collect();
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        let least = measured.first().map(|(excess, p)| (p.clone(), *excess));
        let outcome = self.judged(point, ended, least)?;
        if outcome.status == Status::Solved {
            return Ok(outcome);
        }
        // Of several certificates the one that is a proof in exact arithmetic, however large its violation was measured: that may be
        // rounding.
        for (_, proof) in measured {
            if self.holds(&proof)? {
                return self.judged(outcome.point, Ended::Certified, Some((proof, 0.0)));
            }
            for cleaned in self.cleaned(&proof)? {
                if self.holds(&cleaned)? {
                    return self.judged(outcome.point, Ended::Certified, Some((cleaned, 0.0)));
                }
            }
        }
        Ok(outcome)
    }

    fn judged(
        &self,
        point: LinearSolution,
        ended: Ended,
        proof: Option<(LinearCertificate, f64)>,
    ) -> Result<LinearOutcome> {
        let (x, y, z) = (&point.x, &point.row_duals, &point.reduced_costs);
        let primal_objective = self.program.objective(x)?;
        let dual_objective = self.program.dual_objective(y, z)?;
        let errors = Dimacs(self.program.errors(x, y, z)?);
        let errors = PointErrors {
            dimacs: errors,
            backward: self.program.backward_errors(x, y, z)?,
            outside: None,
        };
        let mut measured = Measured::new(errors, primal_objective, dual_objective);
        measured.proof = proof.as_ref().map(|(found, excess)| Proof {
            side: side(found),
            excess: *excess,
        });
        let status = judge(&measured, &ended, self.settings);
        let certificate = proof.map(|(found, _)| found);
        Ok(LinearOutcome {
            status,
            ended,
            attempts: vec![],
            point,
            primal_objective,
            dual_objective,
            errors: errors.dimacs,
            backward: errors.backward,
            certificate: certificate.filter(|_| status.is_infeasible()),
            iterations: 0,
            phases: Phases::default(),
            seconds: 0.0,
        })
    }
}

fn side(proof: &LinearCertificate) -> Side {
    match proof {
        LinearCertificate::Dual { .. } => Side::Dual,
        _ => Side::Primal,
    }
}
