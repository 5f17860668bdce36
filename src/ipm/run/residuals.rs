//! What the loop knows of a point: residuals, errors in units of their tolerances, certificates.

use super::{Method, Point, Run};
use crate::error::Result;
use crate::ipm::dimacs::{dual_certificate, primal_certificate};
use crate::ipm::{Certificate, Dimacs, Iteration, Status, dimacs};
use crate::linalg::{dot, max_abs, norm};
use crate::projection::Refresh;

/// Everything about a point that the loop decides by.
pub(super) struct Measures {
    pub primal: Vec<f64>,
    /// Empty when it is zero to the last bit.
    pub dual: Vec<f64>,
    pub row: Iteration,
    /// `⟨x, s⟩` in units of its tolerance.
    pub complementarity: f64,
    /// The largest of feasibility and gap, each in units of its tolerance.
    pub merit: f64,
}

impl Run<'_> {
    pub(super) fn measure(
        &self,
        steps: (f64, f64),
        answered: (Option<Refresh>, usize),
    ) -> Result<Measures> {
        let (a, Point { x, y, s }) = (self.problem.constraints(), &self.point);
        let mut primal = vec![0.0; a.len()];
        a.apply(x, &mut primal)?;
        primal
            .iter_mut()
            .zip(self.problem.rhs())
            .for_each(|(r, b)| *r = b - *r);
        let mut dual = vec![];
        if !(self.dual_feasible && self.method == Method::Hkm) {
            dual.resize(s.len(), 0.0);
            self.dual_storage.adjoint(a, y, &mut dual);
            for ((r, c), s) in dual.iter_mut().zip(&self.cost).zip(s) {
                *r = c - *r - s;
            }
        }
        let (primal_objective, dual_objective) = (self.objective(x), dot(self.problem.rhs(), y));
        let complementarity = self.dual_storage.dot(x, s);
        let scale = 1.0 + primal_objective.abs() + dual_objective.abs();
        let row = Iteration {
            iteration: self.iterations,
            primal_objective,
            dual_objective,
            primal_infeasibility: norm(&primal) / self.scale_b,
            dual_infeasibility: norm(&dual) / self.scale_c,
            gap: complementarity / scale,
            mu: complementarity / self.degree,
            primal_step: steps.0,
            dual_step: steps.1,
            refresh: answered.0,
            steps: answered.1,
            seconds: self.begun.elapsed().as_secs_f64(),
        };
        // None of these may lose a NaN, as `f64::max` does.
        let infeasibility = max_abs(&[row.primal_infeasibility, row.dual_infeasibility]);
        let feasibility = infeasibility / self.settings.tol_feas;
        let gap = max_abs(&[complementarity, primal_objective - dual_objective]);
        let gap = self.gap_in_tolerances(gap, scale);
        let merit = max_abs(&[feasibility, gap]);
        Ok(Measures {
            primal,
            dual,
            row,
            complementarity: self.gap_in_tolerances(complementarity, scale),
            merit,
        })
    }

    /// An absolute gap in units of whichever of the two tolerances is easier.
    pub(super) fn gap_in_tolerances(&self, gap: f64, scale: f64) -> f64 {
        (gap / scale / self.settings.tol_gap_rel).min(gap / self.settings.tol_gap_abs)
    }

    pub(super) fn within_tolerances(&self, errors: &Dimacs, slack: f64) -> bool {
        let Point { x, y, .. } = self.best();
        let c = self.objective(x).abs() + dot(self.problem.rhs(), y).abs();
        errors.infeasibility() <= slack * self.settings.tol_feas
            && self.gap_in_tolerances(errors.gap() * (1.0 + c), 1.0 + c) <= slack
    }

    pub(super) fn best(&self) -> &Point {
        self.best.as_ref().unwrap_or(&self.point)
    }

    /// `⟨c, x⟩`.
    pub(super) fn objective(&self, x: &[f64]) -> f64 {
        self.dual_storage.dot(x, &self.cost)
    }

    /// Errors of the best point in the original data; `None` when they cannot be computed.
    pub(super) fn errors(&self) -> Option<Dimacs> {
        let Point { x, y, s } = self.best();
        let s = self.dual_storage.unpack(s);
        let found = dimacs(self.problem, x, y, &s).ok();
        found.filter(|e| !e.max().is_nan())
    }

    /// Looks for a certificate in the current point, and tests it in the original data. The test costs eigenvalues, so it is
    /// made only when the point looks like a ray.
    ///
    /// One that is violated within the tolerance, but by more than rounding, is kept while the iteration goes on: it also
    /// fits a feasible problem whose solutions are larger than `1/tol_infeas`, and the iteration may yet find one.
    pub(super) fn infeasible(&mut self, now: &Measures) -> Result<Option<Status>> {
        let tol = self.settings.tol_infeas;
        let Point { x, y, .. } = &self.point;
        // Aᵀy + s = c − R_d: small against bᵀy when y is a ray.
        let slack = match now.dual.is_empty() {
            true => norm(&self.cost),
            false => {
                let terms = self.cost.iter().zip(&now.dual);
                norm(&terms.map(|(c, r)| c - r).collect::<Vec<f64>>())
            }
        };
        // A x = b − r_p.
        let ax: Vec<f64> = self
            .problem
            .rhs()
            .iter()
            .zip(&now.primal)
            .map(|(b, r)| b - r)
            .collect();
        let (pobj, dobj) = (now.row.primal_objective, now.row.dual_objective);
        let found = if dobj > 0.0 && slack <= 10.0 * tol * dobj {
            (
                Status::PrimalInfeasible,
                primal_certificate(self.problem, y)?,
            )
        } else if pobj < 0.0 && norm(&ax) <= -10.0 * tol * pobj {
            (Status::DualInfeasible, dual_certificate(self.problem, x)?)
        } else {
            return Ok(None);
        };
        Ok(self.consider(found))
    }

    /// The same of the direction of a linear program, in which the costs cancel: where nothing is feasible `dy` is a ray long before
    /// `y` looks like one.
    pub(super) fn infeasible_along(&mut self, dx: &[f64], dy: &[f64]) -> Result<Option<Status>> {
        let primal = primal_certificate(self.problem, dy)?;
        if let Some(sure) = self.consider((Status::PrimalInfeasible, primal)) {
            return Ok(Some(sure));
        }
        let dual = dual_certificate(self.problem, dx)?;
        Ok(self.consider((Status::DualInfeasible, dual)))
    }

    /// Keeps a certificate that is better than the last; the status, if it is sure.
    fn consider(&mut self, found: (Status, Option<(Certificate, f64)>)) -> Option<Status> {
        const SURE: f64 = 1e-13;
        let (status, Some((certificate, relative))) = found else {
            return None;
        };
        let best = self.candidate.as_ref().is_none_or(|c| relative < c.2);
        if relative <= self.settings.tol_infeas && best {
            self.candidate = Some((status, certificate, relative));
        }
        (relative <= SURE).then_some(status)
    }
}
