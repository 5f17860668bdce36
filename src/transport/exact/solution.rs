//! What the exact methods return.

use crate::error::{Error, Result, check_finite, check_shape};
use crate::ipm::{Ended, Status};
use crate::linalg::error_free::ExactSum;
use crate::transport::polytope::marginals::Marginals;
use core::fmt;

/// Dual potentials of two measures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Potentials {
    /// `φ`, one number per row.
    pub rows: Vec<f64>,
    /// `ψ`, one number per column.
    pub columns: Vec<f64>,
}

impl Potentials {
    pub(super) fn constant(m: usize, n: usize, value: f64) -> Self {
        Self {
            rows: vec![value; m],
            columns: vec![value; n],
        }
    }

    /// Those of some rows and columns.
    pub(super) fn restricted(&self, rows: &[usize], columns: &[usize]) -> Self {
        let pick = |at: &[usize], v: &[f64]| at.iter().map(|i| v[*i]).collect();
        Self {
            rows: pick(rows, &self.rows),
            columns: pick(columns, &self.columns),
        }
    }

    /// `⟨μ, φ⟩ + ⟨ν, ψ⟩`, rounded down once. Points without mass do not count.
    pub(super) fn value(&self, marginals: &Marginals) -> f64 {
        let mut sum = ExactSum::default();
        for (mode, v) in [&self.rows, &self.columns].into_iter().enumerate() {
            let pairs = v.iter().zip(marginals.masses(mode));
            pairs
                .filter(|(_, mass)| **mass > 0.0)
                .for_each(|(v, mass)| sum.add_product(*v, *mass));
        }
        sum.ball().lower()
    }

    /// The sum of the absolute values of its terms, with the constant that may be moved from one side to the other where that makes both
    /// about equal.
    pub(super) fn magnitude(&self, marginals: &Marginals) -> f64 {
        let terms = |mode: usize, v: &[f64], shift: f64| -> (f64, f64) {
            let pairs = v.iter().zip(marginals.masses(mode));
            let carried = pairs.filter(|(_, mass)| **mass > 0.0);
            carried.fold((0.0, 0.0), |(sum, size), (v, mass)| {
                let v = v + shift;
                (sum + v * mass, size + v.abs() * mass)
            })
        };
        let sides = [terms(0, &self.rows, 0.0), terms(1, &self.columns, 0.0)];
        let shift = 0.5 * (sides[1].0 - sides[0].0) / marginals.total();
        let moved = terms(0, &self.rows, shift).1 + terms(1, &self.columns, -shift).1;
        moved.min(sides[0].1 + sides[1].1)
    }

    pub(super) fn check(&self, marginals: &Marginals) -> Result<()> {
        for (mode, v) in [&self.rows, &self.columns].into_iter().enumerate() {
            check_shape("potential", (marginals.shape()[mode], 1), (v.len(), 1))?;
            check_finite("potential", v)?;
        }
        Ok(())
    }
}

/// What [`exact`](super::exact) and [`exact_sparse`](super::exact_sparse) return.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExactSolution {
    /// [`Status::Solved`] with a certified gap within the tolerance, or why the run ended before.
    pub status: Status,
    /// Row, column and mass of every arc that carries mass: at most `m + n − 1` arcs.
    pub plan: Vec<(usize, usize, f64)>,
    /// `φ`, `ψ` with `φ_i + ψ_j ≤ C_ij` everywhere: a warm start for a changed cost or changed masses.
    pub potentials: Potentials,
    /// `⟨C, plan⟩`.
    pub objective: f64,
    /// `⟨μ, φ⟩ + ⟨ν, ψ⟩`. The cost of every coupling is at least this.
    pub lower_bound: f64,
    /// l1 marginal violation of the plan: rounding error.
    pub marginal_violation: f64,
    /// Pricings of all arcs.
    pub rounds: usize,
    /// Pivots of the network simplex.
    pub pivots: usize,
    /// Iterations of the interior-point method.
    pub iterations: usize,
    /// Why the interior-point finish was left to the network simplex before it ended, where it was.
    pub interior_failure: Option<InteriorFailure>,
    /// The largest relative change of the masses of a block of columns that made its total that of its rows; 0 where none was needed.
    pub rescaled: f64,
    /// Arcs kept at the end.
    pub arcs: usize,
    /// Wall seconds.
    pub seconds: f64,
    /// Where the seconds went.
    pub phases: PhaseSeconds,
    /// Why no coupling exists, where the status is [`Status::PrimalInfeasible`]: only where arcs are forbidden. The plan is
    /// then empty, objective and bound are infinite, and the potentials are 1 on the cut's rows and −1 on its columns:
    /// feasible for cost 0 on every allowed arc, with a positive dual value.
    pub cut: Option<Cut>,
}

/// Why an interior-point finish gave up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum InteriorFailure {
    /// A run ended without a usable point.
    Unusable(Ended),
    /// A run refused its problem.
    Failed(Error),
}

impl fmt::Display for InteriorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(status) => write!(f, "a run ended with {}", status.name()),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

/// Wall seconds of the phases of an exact run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct PhaseSeconds {
    /// The potentials of Sinkhorn's method; on given arcs the choice of the first arcs too.
    pub potentials: f64,
    /// The first coupling: the choice of arcs and their tree, or phase one of the simplex on given arcs.
    pub feasibility: f64,
    /// The optimum on the arcs kept: simplex or interior point.
    pub optimum: f64,
    /// The certificate, and on a dense cost the pricing of all arcs.
    pub certificate: f64,
}

/// A violation of Hall's condition: the rows hold more mass than all columns that their arcs reach can take.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Cut {
    /// The set `R` of rows, in order.
    pub rows: Vec<usize>,
    /// `N(R)`: every column that an arc from `R` reaches, in order.
    pub columns: Vec<usize>,
    /// `μ(R) − ν(N(R)) > 0`, summed from the masses.
    pub excess: f64,
}

impl ExactSolution {
    /// No plan and no bound.
    pub(super) fn empty() -> Self {
        Self {
            status: Status::InsufficientProgress,
            plan: vec![],
            potentials: Potentials::default(),
            objective: f64::NAN,
            lower_bound: f64::NAN,
            marginal_violation: f64::NAN,
            rounds: 0,
            pivots: 0,
            iterations: 0,
            interior_failure: None,
            rescaled: 0.0,
            arcs: 0,
            seconds: 0.0,
            phases: PhaseSeconds::default(),
            cut: None,
        }
    }
}
