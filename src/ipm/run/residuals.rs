//! Measurements of a point: residuals, objectives, gap, and the largest error in units of its tolerance.

use super::{Method, Point, Run, StepTaken};
use crate::error::Result;
use crate::ipm::verdict::Measured;
use crate::ipm::{Iteration, PointErrors};
use crate::linalg::{dot, max_abs, norm};

/// Residuals are not asked to be smaller than this share of what the largest right-hand side asks for: rounding would hold them.
const SMALLEST_ROW_SHARE: f64 = 1e-5;

/// The measurements of a point by which the loop decides.
pub(super) struct Residuals {
    pub primal: Vec<f64>,
    /// Empty where the dual residual is exactly zero.
    pub dual: Vec<f64>,
    pub row: Iteration,
    /// `⟨x, s⟩` in units of its tolerance.
    pub complementarity: f64,
    /// The residual of all rows relative to `1 + max│b│`, over the largest residual of a row in its own scale; at most 1.
    pub row_share: f64,
    /// The largest of feasibility and gap, each in units of its tolerance.
    pub merit: f64,
}

impl Run<'_> {
    pub(super) fn measure(&self, last: &StepTaken) -> Result<Residuals> {
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
            attempt: self.attempt,
            iteration: self.iterations,
            primal_objective,
            dual_objective,
            primal_infeasibility: norm(&primal) / self.scale_b,
            dual_infeasibility: norm(&dual) / self.scale_c,
            gap: complementarity / scale,
            mu: complementarity / self.degree,
            primal_step: last.primal,
            dual_step: last.dual,
            refresh: last.refresh,
            steps: last.cg_steps,
            seconds: self.begun.elapsed().as_secs_f64(),
        };
        // `max_abs` keeps a NaN, which `f64::max` would lose.
        let infeasibility = max_abs(&[row.primal_infeasibility, row.dual_infeasibility]);
        let feasibility = infeasibility / self.settings.tol_feas;
        let gap = max_abs(&[complementarity, primal_objective - dual_objective]);
        let gap = self.settings.gap_in_tolerances(gap, scale);
        // Each row in its own scale; each column too where the residual has the layout of `x`.
        let rows = self.scales.rows(x, &primal)?.value;
        let columns = if dual.len() == x.len() {
            self.scales.columns(y, s, &dual)?.value
        } else {
            0.0
        };
        let row_share = if rows > row.primal_infeasibility {
            (row.primal_infeasibility / rows).max(SMALLEST_ROW_SHARE)
        } else {
            1.0
        };
        let own = max_abs(&[rows, columns]) / (self.settings.tol_feas * self.settings.slack);
        let merit = max_abs(&[feasibility, own, gap]);
        Ok(Residuals {
            primal,
            dual,
            row,
            complementarity: self.settings.gap_in_tolerances(complementarity, scale),
            row_share,
            merit,
        })
    }

    /// The errors and objectives of the best point, as the verdict reads them.
    pub(super) fn measured(&self, errors: PointErrors) -> Measured {
        let Point { x, y, .. } = self.best();
        Measured::new(errors, self.objective(x), dot(self.problem.rhs(), y))
    }

    pub(super) fn best(&self) -> &Point {
        self.best.as_ref().unwrap_or(&self.point)
    }

    /// `⟨c, x⟩`.
    pub(super) fn objective(&self, x: &[f64]) -> f64 {
        self.dual_storage.dot(x, &self.cost)
    }

    /// Errors of the best point, recomputed from the problem.
    pub(super) fn errors(&self) -> Result<PointErrors> {
        let Point { x, y, s } = self.best();
        let s = self.dual_storage.unpack(s);
        PointErrors::new(self.problem, &self.scales, (x, y, &s))
    }
}
