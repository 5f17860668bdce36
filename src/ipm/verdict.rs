//! The one place that turns measured errors into a [`Status`].

use super::dimacs::PointErrors;
use super::{Dimacs, Ended, Settings, Stall, Status};
use crate::linalg::max_abs;
use crate::problem::BackwardErrors;

/// The side of a program that a certificate proves empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Primal,
    Dual,
}

impl Side {
    fn status(self) -> Status {
        match self {
            Side::Primal => Status::PrimalInfeasible,
            Side::Dual => Status::DualInfeasible,
        }
    }
}

/// A certificate of infeasibility, as far as a verdict depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Proof {
    pub side: Side,
    /// The violation of the certificate, in units of what is allowed.
    pub excess: f64,
}

/// What was measured at the end of an attempt, in the program that the status is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub dimacs: Dimacs,
    /// The same, each row and column in its own scale.
    pub backward: BackwardErrors,
    /// `1 + │⟨c, x⟩│ + │bᵀy│`.
    pub scale: f64,
    pub proof: Option<Proof>,
}

impl Measured {
    /// Of a point with these objectives, without a certificate.
    pub(crate) fn new(errors: PointErrors, primal_objective: f64, dual_objective: f64) -> Self {
        Self {
            dimacs: errors.dimacs,
            backward: errors.backward,
            scale: 1.0 + primal_objective.abs() + dual_objective.abs(),
            proof: None,
        }
    }

    /// The largest error in units of its tolerance; NaN when one is NaN.
    pub(crate) fn merit(&self, settings: &Settings) -> f64 {
        self.with_own_scale(settings, 1.0)
    }

    /// The same for the end of a run: a row or column that misses its tolerance by no more than the slack is not worth further iterations.
    pub(crate) fn merit_of_run(&self, settings: &Settings) -> f64 {
        self.with_own_scale(settings, settings.slack)
    }

    /// The largest error, where errors of rows and columns in their own scale count by this many tolerances.
    fn with_own_scale(&self, settings: &Settings, tolerances: f64) -> f64 {
        let gap = settings.gap_in_tolerances(self.dimacs.gap() * self.scale, self.scale);
        // `max_abs` keeps a NaN, which `f64::max` would lose.
        max_abs(&[
            self.dimacs.infeasibility() / settings.tol_feas,
            self.backward.max() / (settings.tol_feas * tolerances),
            gap,
        ])
    }
}

/// What a point is worth.
///
/// * An attempt that ended with a sure certificate is infeasible.
/// * A point is [`Status::Solved`] when every error is within its tolerance, and within [`Settings::slack`] times its tolerance where
///   rounding, not a limit, ended progress.
/// * Short of that, and unless a limit ended the attempt, it is [`Status::AlmostSolved`] within [`Settings::tol_almost`].
/// * Short of that, a certificate within its tolerance counts.
/// * What is left says why the attempt ended.
pub(crate) fn judge(measured: &Measured, ended: &Ended, settings: &Settings) -> Status {
    let proved = measured.proof.filter(|proof| proof.excess <= 1.0);
    let proved = proved.map(|proof| proof.side.status());
    if let (Ended::Certified, Some(status)) = (ended, proved) {
        return status;
    }
    let grade = Grade {
        merit: measured.merit(settings),
        nearly: measured.dimacs.max() <= settings.tol_almost
            && measured.backward.max() <= settings.tol_almost,
        proved,
    };
    decide(&grade, ended, settings.slack)
}

/// What every verdict comes down to, whatever the program and however its errors are measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grade {
    /// The largest error in units of its tolerance.
    pub merit: f64,
    /// Whether the point is nearly an answer.
    pub nearly: bool,
    /// The infeasibility that a certificate proves within its tolerance.
    pub proved: Option<Status>,
}

/// The status for a grade and an end. `slack` is how many times its tolerance an error may be where no limit ended progress.
pub(crate) fn decide(grade: &Grade, ended: &Ended, slack: f64) -> Status {
    let limited = ended.is_limit();
    if grade.merit <= if limited { 1.0 } else { slack } {
        return Status::Solved;
    }
    if !limited && grade.nearly {
        return Status::AlmostSolved;
    }
    if let Some(status) = grade.proved {
        return status;
    }
    match ended {
        Ended::IterationLimit => Status::MaxIterations,
        Ended::TimeLimit => Status::TimeLimit,
        Ended::Stopped => Status::Stopped,
        Ended::BudgetExhausted => Status::BudgetExhausted,
        Ended::Failed(_) | Ended::Stalled(Stall::NoInteriorStart) => Status::NumericalError,
        Ended::Converged | Ended::Certified | Ended::Stalled(_) => Status::InsufficientProgress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use quickcheck::{Arbitrary, Gen, QuickCheck};

    /// Six errors, two in their own scales, a scale, an end, and perhaps a proof; magnitudes around the tolerances, NaN among them.
    #[derive(Debug, Clone)]
    struct Case {
        measured: Measured,
        ended: Ended,
        settings: Settings,
        /// Factors, at most 1, that the errors are reduced by.
        shrink: [f64; 8],
        /// Factor, at least 1, that the tolerances are widened by.
        widen: f64,
    }

    fn magnitude(g: &mut Gen) -> f64 {
        if u8::arbitrary(g) < 4 {
            return f64::NAN;
        }
        10f64.powf(-14.0 + 16.0 * f64::from(u16::arbitrary(g)) / 65535.0)
    }

    impl Arbitrary for Case {
        fn arbitrary(g: &mut Gen) -> Self {
            let ends = [
                Ended::Converged,
                Ended::Certified,
                Ended::IterationLimit,
                Ended::TimeLimit,
                Ended::Stopped,
                Ended::BudgetExhausted,
                Ended::Stalled(Stall::NoProgress),
                Ended::Stalled(Stall::NoInteriorStart),
                Ended::Failed(Error::NoWeight),
            ];
            let mut errors = [0.0; 6];
            errors.iter_mut().for_each(|e| *e = magnitude(g));
            let share = |g: &mut Gen| f64::from(u8::arbitrary(g)) / 255.0;
            let mut shrink = [1.0; 8];
            shrink.iter_mut().for_each(|s| *s = share(g));
            let side = if bool::arbitrary(g) {
                Side::Primal
            } else {
                Side::Dual
            };
            let proof = bool::arbitrary(g).then(|| Proof {
                side,
                excess: magnitude(g) * 1e8,
            });
            let tol = 10f64.powf(-9.0 + 4.0 * share(g));
            Self {
                measured: Measured {
                    dimacs: Dimacs(errors),
                    backward: BackwardErrors::of(magnitude(g), magnitude(g)),
                    scale: 1.0 + magnitude(g).max(0.0),
                    proof,
                },
                ended: g.choose(&ends).cloned().unwrap_or(Ended::Converged),
                settings: Settings::with_tolerance(tol),
                shrink,
                widen: 1.0 + 99.0 * share(g),
            }
        }
    }

    fn rank(status: Status) -> u8 {
        match status {
            Status::Solved => 2,
            Status::AlmostSolved => 1,
            _ => 0,
        }
    }

    /// Smaller errors and wider tolerances never make a worse point of one.
    #[test]
    fn verdicts_are_monotone_in_errors_and_tolerances() {
        fn law(case: Case) -> bool {
            let Case {
                measured,
                ended,
                settings,
                shrink,
                widen,
            } = case;
            let sure = |m: &Measured| {
                ended == Ended::Certified && m.proof.is_some_and(|p| p.excess <= 1.0)
            };
            let before = judge(&measured, &ended, &settings);
            let mut smaller = measured;
            smaller
                .dimacs
                .0
                .iter_mut()
                .zip(shrink)
                .for_each(|(e, s)| *e *= s);
            smaller.backward.row *= shrink[6];
            smaller.backward.column *= shrink[7];
            let mut wider = settings.clone();
            wider.tol_feas = (widen * settings.tol_feas).min(0.1);
            wider.tol_gap_rel = (widen * settings.tol_gap_rel).min(0.1);
            wider.tol_gap_abs = (widen * settings.tol_gap_abs).min(0.1);
            wider.tol_almost = (widen * settings.tol_almost).min(0.1);
            sure(&measured)
                || rank(judge(&smaller, &ended, &settings)) >= rank(before)
                    && rank(judge(&measured, &ended, &wider)) >= rank(before)
        }
        QuickCheck::new()
            .tests(5000)
            .quickcheck(law as fn(Case) -> bool);
    }

    /// A certificate that is violated less never proves less, and none proves anything beyond its tolerance.
    #[test]
    fn verdicts_are_monotone_in_the_violation_of_a_certificate() {
        fn law(case: Case, share: u8) -> bool {
            let Case {
                mut measured,
                ended,
                settings,
                ..
            } = case;
            let before = judge(&measured, &ended, &settings);
            let Some(mut proof) = measured.proof else {
                return !before.is_infeasible();
            };
            let holds = proof.excess <= 1.0;
            if before.is_infeasible() && !holds {
                return false;
            }
            proof.excess *= f64::from(share) / 255.0;
            measured.proof = Some(proof);
            let after = judge(&measured, &ended, &settings);
            !before.is_infeasible() || after == before
        }
        QuickCheck::new()
            .tests(5000)
            .quickcheck(law as fn(Case, u8) -> bool);
    }

    /// NaN is never an answer, and a limit never leaves more than the tolerances allow.
    #[test]
    fn neither_nan_nor_limits_pass_for_answers() {
        fn law(case: Case) -> bool {
            let Case {
                measured,
                ended,
                settings,
                ..
            } = case;
            let status = judge(&measured, &ended, &settings);
            let errors = measured.dimacs;
            let nan = errors.0.iter().any(|e| e.is_nan()) || measured.backward.max().is_nan();
            let unknown = nan && rank(status) > 0;
            let lax = ended.is_limit()
                && (status == Status::AlmostSolved
                    || status == Status::Solved && measured.merit(&settings) > 1.0);
            !unknown && !lax
        }
        QuickCheck::new()
            .tests(5000)
            .quickcheck(law as fn(Case) -> bool);
    }
}
