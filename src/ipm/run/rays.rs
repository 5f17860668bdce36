//! Certificates of infeasibility that a run meets on its way.

use super::residuals::Residuals;
use super::{Halt, Method, Point, Run, ended};
use crate::error::Result;
use crate::ipm::dimacs::{dual_certificate, primal_certificate};
use crate::ipm::direction::Direction;
use crate::ipm::params::BLOCKED_STEP;
use crate::ipm::{Certificate, Ended};
use crate::linalg::norm;

/// Relative violation of a certificate that is rounding: it ends the run.
const SURE: f64 = 1e-13;

/// How many times larger than its tolerance the violation of a ray may seem before the ray is tested.
const PROMISING: f64 = 10.0;

impl Run<'_> {
    /// Looks for a certificate in the current point, and tests it in the data of the problem; whether it is sure. The test costs
    /// eigenvalues, so only a point that looks like a ray is tested.
    ///
    /// A certificate that is violated within the tolerance, but by more than rounding, is kept while the iteration goes on. Such a
    /// certificate also fits a feasible problem whose solutions are larger than `1/tol_infeas`, and the iteration may yet find one.
    pub(super) fn proves_infeasibility(&mut self, now: &Residuals) -> Result<bool> {
        let tol = PROMISING * self.settings.tol_infeas;
        let Point { x, y, .. } = &self.point;
        // Aᵀy + s = c − R_d is small against bᵀy when y is a ray.
        let slack = if now.dual.is_empty() {
            norm(&self.cost)
        } else {
            let terms = self.cost.iter().zip(&now.dual);
            norm(&terms.map(|(c, r)| c - r).collect::<Vec<f64>>())
        };
        // A x = b − r_p is small against −⟨c, x⟩ when x is a ray.
        let rows = self.problem.rhs().iter().zip(&now.primal);
        let ax = norm(&rows.map(|(b, r)| b - r).collect::<Vec<f64>>());
        let (pobj, dobj) = (now.row.primal_objective, now.row.dual_objective);
        let found = if dobj > 0.0 && slack <= tol * dobj {
            primal_certificate(self.problem, y)?
        } else if pobj < 0.0 && ax <= -tol * pobj {
            dual_certificate(self.problem, x)?
        } else {
            None
        };
        Ok(self.consider(found))
    }

    /// Takes the last point of a run that gave up for a ray. Far from one, it may still be near enough for a proof.
    pub(super) fn suspect_last_point(&mut self) {
        let Point { x, y, .. } = &self.point;
        for found in [
            primal_certificate(self.problem, y),
            dual_certificate(self.problem, x),
        ] {
            // What cannot be measured proves nothing.
            self.consider(found.unwrap_or(None));
        }
    }

    /// Looks for a certificate in the direction of a linear program that something blocks. Costs cancel in a direction: where
    /// nothing is feasible `dy` is a ray long before `y` looks like one.
    pub(super) fn look_for_blocking_ray(
        &mut self,
        d: &Direction,
        lengths: (f64, f64),
    ) -> Result<(), Halt> {
        if self.method != Method::Linear || lengths.0.min(lengths.1) >= BLOCKED_STEP.get() {
            return Ok(());
        }
        let primal = primal_certificate(self.problem, &d.dy)?;
        let sure = self.consider(primal) || {
            let dual = dual_certificate(self.problem, &d.dx)?;
            self.consider(dual)
        };
        if sure {
            return Err(ended(Ended::Certified));
        }
        Ok(())
    }

    /// Keeps a certificate that is better than the last one; whether it is sure.
    fn consider(&mut self, found: Option<(Certificate, f64)>) -> bool {
        let Some((certificate, relative)) = found else {
            return false;
        };
        let least = |known: &Option<(Certificate, f64)>| {
            known.as_ref().is_none_or(|c| relative < c.1) && !relative.is_nan()
        };
        if relative <= self.settings.tol_infeas {
            if least(&self.candidate) {
                self.candidate = Some((certificate, relative));
            }
        } else {
            let side = usize::from(matches!(certificate, Certificate::Dual { .. }));
            if least(&self.suspects[side]) {
                self.suspects[side] = Some((certificate, relative));
            }
        }
        relative <= SURE
    }
}
