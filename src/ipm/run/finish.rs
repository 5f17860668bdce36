//! The end of a run: the best point, its verdict and its record.

use super::phase_clock::PhaseClock;
use super::{Finished, Point, Run};
use crate::ipm::verdict::judge;
use crate::ipm::{AttemptRecord, Ended, Method, PointErrors, Solution, Start};
use crate::linalg::dot;

impl Run<'_> {
    /// The best point with its errors and its verdict.
    pub(super) fn finish(mut self, ended: Ended, mut clock: PhaseClock) -> Finished {
        // The errors of the best point; a cause that prevents their computation is recorded beside the end of the run.
        let mut attempts = vec![AttemptRecord::new(
            self.attempt,
            self.iterations,
            ended.clone(),
        )];
        let errors = match self.verified.take().map_or_else(|| self.errors(), Ok) {
            Ok(errors) if !errors.dimacs.max().is_nan() => errors,
            Ok(_) => PointErrors::NAN,
            Err(cause) => {
                attempts.push(AttemptRecord::new(self.attempt, 0, Ended::Failed(cause)));
                PointErrors::NAN
            }
        };

        if ended.gave_up() {
            self.suspect_last_point();
        }

        // The verdict, from these errors and the best certificate.
        let mut measured = self.measured(errors);
        let candidate = self.candidate.take();
        measured.proof = candidate
            .as_ref()
            .map(|(found, relative)| found.proof(relative / self.settings.tol_infeas));
        let status = judge(&measured, &ended, self.settings);

        // The last point, whose multipliers may be better than those of the best one.
        let last = ended.gave_up() && self.best.is_some() && self.method != Method::Linear;
        let last = last.then(|| Start {
            x: self.point.x.clone(),
            y: self.point.y.clone(),
            s: self.dual_storage.unpack(&self.point.s).into_owned(),
        });

        // The record.
        let suspects = core::mem::take(&mut self.suspects);
        let candidates = suspects.into_iter().flatten().map(|(found, _)| found);
        let primal_objective = self.objective(&self.best().x);
        let Point { x, y, s } = self.best.unwrap_or(self.point);
        let s = self.dual_storage.unpack(s).into_owned();
        clock.charge_checks();
        let solution = Solution {
            status,
            ended,
            attempts,
            primal_objective,
            dual_objective: dot(self.problem.rhs(), &y),
            x,
            y,
            s,
            dimacs: errors.dimacs,
            backward: errors.backward,
            outside: errors.outside,
            certificate: candidate
                .map(|(found, _)| found)
                .filter(|_| status.is_infeasible()),
            candidates: candidates.collect(),
            iterations: self.iterations,
            seconds: self.begun.elapsed().as_secs_f64(),
            phases: clock.phases,
        };
        Finished { solution, last }
    }
}
