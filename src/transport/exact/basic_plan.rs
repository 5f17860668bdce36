//! Masses as integers for the network simplex, and back.

use crate::linalg::error_free::ExactSum;
use crate::transport::polytope::marginals::Marginals;

/// All mass in integer units. Sums stay exact, and a mass is off by at most 1e-18 of the total.
pub(super) const UNITS: f64 = (1u64 << 60) as f64;

/// The masses at the given rows and columns in units; the rounding error of their sum goes to the largest mass.
pub(super) fn units(marginals: &Marginals, at: [&[usize]; 2]) -> [Vec<i64>; 2] {
    [0, 1].map(|mode| {
        let (masses, total) = (marginals.masses(mode), marginals.total());
        let units = at[mode]
            .iter()
            .map(|i| ((masses[*i] / total * UNITS) as i64).max(1));
        let mut side: Vec<i64> = units.collect();
        let off = UNITS as i64 - side.iter().sum::<i64>();
        if let Some(largest) = side.iter_mut().max() {
            *largest += off;
        }
        side
    })
}

/// An arc of a basis that carries mass, by the numbers that rows and columns have in the data as given.
pub(super) struct BasicArc {
    pub(super) row: usize,
    pub(super) column: usize,
    /// In units.
    pub(super) flow: i64,
    pub(super) cost: f64,
}

/// The plan of a basis, measured against the masses as given.
pub(super) struct BasicPlan {
    pub(super) entries: Vec<(usize, usize, f64)>,
    pub(super) objective: f64,
    /// Sum of the absolute values of the objective's terms.
    pub(super) magnitude: f64,
    pub(super) marginal_violation: f64,
}

impl BasicPlan {
    pub(super) fn measure(marginals: &Marginals, arcs: impl Iterator<Item = BasicArc>) -> Self {
        let mut entries = Vec::new();
        let (mut objective, mut magnitude) = (ExactSum::default(), 0.0);
        let mut off = [0, 1].map(|mode| marginals.masses(mode).to_vec());
        for arc in arcs {
            let mass = arc.flow as f64 / UNITS * marginals.total();
            entries.push((arc.row, arc.column, mass));
            objective.add_product(mass, arc.cost);
            magnitude += mass * arc.cost.abs();
            off[0][arc.row] -= mass;
            off[1][arc.column] -= mass;
        }
        entries.sort_unstable_by_key(|(i, j, _)| (*j, *i));
        let marginal_violation = off.iter().flatten().map(|v| v.abs()).sum();
        Self {
            entries,
            objective: objective.ball().mid,
            magnitude,
            marginal_violation,
        }
    }
}
