//! Bounds that are theorems, from what a solver returned.
//!
//! Where the point alone proves no bound on a side, the program is solved once more to loose tolerances: that run ends well inside both
//! cones, and a mixture of both points proves what the answer alone does not.

use super::{LinearOutcome, LinearSolver, Solver};
use crate::error::Result;
use crate::ipm::{Observer, Settings, Solution, Start, Status};
use crate::problem::LinearCertificate;
use crate::verify::{self, Aids, Bounds};

/// Tolerances of the runs that end inside, in the order in which they are tried. A looser run ends farther from the boundary, and farther from
/// the optimum, which makes the bounds wider.
const INTERIOR_TOLERANCES: [f64; 3] = [1e-4, 1e-2, 1e-1];

/// How much a proof may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Effort {
    /// A few factorisations, from the point alone.
    #[default]
    PointAlone,
    /// Up to three more solves to loose tolerances where the point alone proves too little.
    InteriorRun,
}

impl Solver {
    /// Bounds of the optimum of the program, or a proof that nothing is feasible, in exact arithmetic: [`verify::conic()`].
    /// `found` is what [`Solver::solve`] returned.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a solution of another program; with [`Effort::InteriorRun`] those of
    /// [`Solver::solve`].
    ///
    /// # Complexity
    /// That of [`verify::conic()`], and of a solve with [`Effort::InteriorRun`] where the point alone leaves a side without a bound.
    pub fn verify(
        &mut self,
        found: &Solution,
        effort: Effort,
        observer: &mut Observer<'_>,
    ) -> Result<Bounds> {
        let bounds = verify::conic(&self.program, found)?;
        if effort == Effort::PointAlone || is_whole(&bounds) || found.certificate.is_some() {
            return Ok(bounds);
        }
        let mut bounds = bounds;
        for tolerance in INTERIOR_TOLERANCES {
            let settings = interior(&self.settings, tolerance);
            let stated = core::mem::replace(&mut self.settings, settings);
            let inner = self.solve(observer);
            self.settings = stated;
            let inner = inner?;
            if inner.certificate.is_some() || inner.ended.is_limit() {
                break;
            }
            let interior = Start::from(&inner);
            let aids = Aids {
                interior: Some(&interior),
                ..Aids::default()
            };
            bounds = merged(bounds, verify::conic_with(&self.program, found, &aids)?);
            if is_whole(&bounds) {
                break;
            }
        }
        Ok(bounds)
    }
}

impl LinearSolver {
    /// Bounds of the optimum of the program, or a proof that nothing is feasible, in exact arithmetic: [`verify::linear()`],
    /// [`verify::linear_certificate`]. `found` is what [`LinearSolver::solve`] returned.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for an outcome of another program; with [`Effort::InteriorRun`] those of
    /// [`LinearSolver::solve`].
    ///
    /// # Complexity
    /// That of [`verify::linear()`], and of a solve with [`Effort::InteriorRun`] where the point alone leaves a side without a bound.
    pub fn verify(
        &mut self,
        found: &LinearOutcome,
        effort: Effort,
        observer: &mut Observer<'_>,
    ) -> Result<Bounds> {
        if let Some(certificate) = &found.certificate {
            let bounds = verify::linear_certificate(self.program(), certificate)?;
            // Distant limits may hide a proof that holds without them.
            let ray = matches!(certificate, LinearCertificate::Dual { .. });
            return match self.without_distant_limits() {
                Some(relaxed) if bounds.infeasible.is_none() && !ray => {
                    verify::linear_certificate(&relaxed, certificate)
                }
                _ => Ok(bounds),
            };
        }
        let bounds = verify::linear(self.program(), &found.point, None)?;
        if effort == Effort::PointAlone || is_whole(&bounds) {
            return Ok(bounds);
        }
        let mut bounds = bounds;
        for tolerance in INTERIOR_TOLERANCES {
            let inner = self.solve_with(interior(self.settings(), tolerance), observer)?;
            if inner.status != Status::Solved {
                break;
            }
            let mixed = verify::linear(self.program(), &found.point, Some(&inner.point))?;
            bounds = merged(bounds, mixed);
            if is_whole(&bounds) {
                break;
            }
        }
        Ok(bounds)
    }
}

/// Settings of the run that ends inside.
fn interior(settings: &Settings, tolerance: f64) -> Settings {
    Settings {
        time_limit: settings.time_limit,
        max_iter: settings.max_iter,
        direction: settings.direction,
        ..Settings::with_tolerance(tolerance)
    }
}

fn is_whole(bounds: &Bounds) -> bool {
    bounds.infeasible.is_some() || bounds.lower.is_some() && bounds.upper.is_some()
}

/// The bounds that either proved, the first where both did.
fn merged(first: Bounds, second: Bounds) -> Bounds {
    let mut merged = first;
    if merged.lower.is_none() && second.lower.is_some() {
        (merged.lower, merged.why_no_lower) = (second.lower, None);
    }
    if merged.upper.is_none() && second.upper.is_some() {
        (merged.upper, merged.why_no_upper) = (second.upper, None);
    }
    merged
}
