//! What a solve returns.

use super::dimacs::PointErrors;
use super::verdict::{Measured, Proof, Side};
use super::{AttemptRecord, Dimacs, Ended, Status};
use crate::error::Error;
use crate::problem::{BackwardErrors, Outside};

/// A proof that a problem has no feasible point.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Certificate {
    /// `y` with `bᵀy = 1` and `−Aᵀy ∈ K` up to `violation`: every primal feasible `x` has `trace(x) ≥ 1/violation`.
    Primal {
        /// The multipliers, of length `m`.
        y: Vec<f64>,
        /// `max(0, −λ_min(−Aᵀy))`.
        violation: f64,
    },
    /// `x ∈ K` with `⟨c, x⟩ = −1` and `A x = 0` up to `violation`: every dual feasible `y` has `‖y‖ ≥ 1/violation`.
    Dual {
        /// The ray, a flat vector of length `N`.
        x: Vec<f64>,
        /// `‖A x‖`.
        violation: f64,
    },
    /// A chain that shows primal infeasibility where no single certificate does. Each `d` of `faces` has `bᵀd = 0` and `Aᵀd`
    /// semidefinite on the face so far, so that feasible points lie on the kernel of `Aᵀd` there. On the last face `−Aᵀy` is
    /// semidefinite up to `violation`, and `bᵀy = 1`.
    PrimalFaces {
        /// Multipliers, in order; each of length `m`.
        faces: Vec<Vec<f64>>,
        /// The last multipliers.
        y: Vec<f64>,
        /// `max(0, −λ_min(−Aᵀy))` on the last face.
        violation: f64,
    },
    /// A chain that shows dual infeasibility where no single certificate does. Each `z` of `faces` has `A z = 0`, `⟨c, z⟩ = 0` and is
    /// semidefinite on the face so far, so that feasible slacks lie on the kernel of `z` there. On the last face `x` is
    /// semidefinite, `⟨c, x⟩ = −1` and `A x = 0` up to `violation`.
    DualFaces {
        /// Flat vectors, in order; each of length `N`.
        faces: Vec<Vec<f64>>,
        /// The last vector.
        x: Vec<f64>,
        /// `‖A x‖`, or how far `x` is outside the cone of the last face, whichever is larger.
        violation: f64,
    },
}

/// Seconds by what they went to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Phases {
    /// Forming Gram matrices, where the projection keeps count.
    pub assembly: f64,
    /// Factoring them, where the projection keeps count.
    pub factorisation: f64,
    /// Scalings, right-hand sides, solves, and how far each direction may be followed.
    pub directions: f64,
    /// Moving, and factoring the new points.
    pub steps: f64,
    /// Residuals, DIMACS errors and certificates.
    pub checks: f64,
}

impl Phases {
    /// The sum over two runs.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            assembly: self.assembly + other.assembly,
            factorisation: self.factorisation + other.factorisation,
            directions: self.directions + other.directions,
            steps: self.steps + other.steps,
            checks: self.checks + other.checks,
        }
    }
}

/// Where a solve ended: the best point seen, and its errors in the program as it was stated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Solution {
    /// What the point is worth.
    pub status: Status,
    /// Why the attempt that led to the point ended.
    pub ended: Ended,
    /// Every attempt that was made, in order.
    pub attempts: Vec<AttemptRecord>,
    /// The primal point, a flat vector of length `N`: blocks after one another, matrices down their columns.
    pub x: Vec<f64>,
    /// The multipliers, of length `m`.
    pub y: Vec<f64>,
    /// The dual slack, laid out as `x`.
    pub s: Vec<f64>,
    /// `⟨c, x⟩`.
    pub primal_objective: f64,
    /// `bᵀy`.
    pub dual_objective: f64,
    /// Errors of the point, recomputed from the problem.
    pub dimacs: Dimacs,
    /// The same, each row and each column in its own scale.
    pub backward: BackwardErrors,
    /// How far `x` and `s` lie outside the cone, where that was measured.
    pub(crate) outside: Option<(Outside, Outside)>,
    /// The proof, when the status is an infeasibility.
    pub certificate: Option<Certificate>,
    /// What may be a proof of infeasibility, and is not one within the tolerance as far as was measured.
    pub(crate) candidates: Vec<Certificate>,
    /// Iterations made.
    pub iterations: usize,
    /// Seconds they took.
    pub seconds: f64,
    /// The same, by what they went to.
    pub phases: Phases,
}

impl Solution {
    /// The error behind a run that failed.
    pub fn cause(&self) -> Option<&Error> {
        self.ended.cause()
    }

    /// The answer to a program without rows and variables.
    pub(crate) fn empty() -> Self {
        Self {
            status: Status::Solved,
            ended: Ended::Converged,
            attempts: vec![],
            x: vec![],
            y: vec![],
            s: vec![],
            primal_objective: 0.0,
            dual_objective: 0.0,
            dimacs: Dimacs::default(),
            backward: BackwardErrors::default(),
            outside: None,
            certificate: None,
            candidates: vec![],
            iterations: 0,
            seconds: 0.0,
            phases: Phases::default(),
        }
    }

    /// What a verdict depends on, without a certificate.
    pub(crate) fn measured(&self) -> Measured {
        Measured::new(
            PointErrors {
                dimacs: self.dimacs,
                backward: self.backward,
                outside: self.outside,
            },
            self.primal_objective,
            self.dual_objective,
        )
    }
}

impl Certificate {
    /// This certificate for a verdict, at a violation in units of what is allowed.
    pub(crate) fn proof(&self, excess: f64) -> Proof {
        let side = match self {
            Certificate::Primal { .. } | Certificate::PrimalFaces { .. } => Side::Primal,
            Certificate::Dual { .. } | Certificate::DualFaces { .. } => Side::Dual,
        };
        Proof { side, excess }
    }
}
