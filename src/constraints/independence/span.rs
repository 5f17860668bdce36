//! Dependent rows among those that own no entry.

use super::DependentRow;
use super::params::{MAX_DIRECTIONS, SUSPICIOUS};
use super::products::RowProducts;
use super::unit_rows::UnitRows;
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::linalg::{axpy, dot, norm};

/// Factors below this, of rows of length one, are rounding.
const NEGLIGIBLE: f64 = 1e-14;

/// Refinements of a combination.
const REFINEMENTS: usize = 3;

/// The rows in question that are combinations of the others in question, factors for rows of length one: those whose distance
/// from the combination, relative to the factors, is at most `rounding`.
///
/// The Gram matrix of the rows shows by its pivots which ones are suspicious; of each of these the least-squares combination
/// of the others is refined in the rows themselves, so that what remains is not squared.
///
/// # Complexity
/// The squares of the numbers of rows that share a position, a sparse Cholesky factorisation, and a few solves for every
/// suspicious row.
pub(super) fn dependent(rows: &UnitRows, rounding: f64) -> Vec<DependentRow> {
    let active = rows.active();
    if active.len() < 2 {
        return vec![];
    }
    let Some((suspicious, factor)) = suspicious(&RowProducts::new(rows, &active)) else {
        return vec![];
    };
    let mut kept = vec![true; active.len()];
    suspicious.iter().for_each(|&k| kept[k] = false);
    let mut basis = Basis {
        rows,
        rounding,
        held: (0..active.len()).filter(|&k| kept[k]).collect(),
        active: &active,
        factor,
        directions: vec![],
    };
    suspicious
        .into_iter()
        .filter_map(|k| basis.examine(k))
        .collect()
}

/// The rows whose pivots are small, and a factor for the others; `None` when no row's is.
fn suspicious(gram: &RowProducts) -> Option<(Vec<usize>, SparseCholesky)> {
    let n = gram.len();
    let mut factor = gram.analyse()?;
    // A row that depends on others leaves a pivot of about the shift, times one and the squares of its factors.
    let pivots = gram.factor_shifted(&mut factor).then(|| factor.pivots());
    let pivots = pivots?;
    for bound in [SUSPICIOUS.get(), 1e2 * SUSPICIOUS.get()] {
        let out: Vec<usize> = (0..n).filter(|&k| pivots[k] <= bound).collect();
        if out.is_empty() {
            return None;
        }
        let rest = gram.without(&out);
        let mut factor = rest.analyse()?;
        if factor.factor(rest.values()) {
            return Some((out, factor));
        }
    }
    None
}

/// Independent rows: those the factor holds, and suspicious ones that proved to be independent.
struct Basis<'a> {
    rows: &'a UnitRows,
    rounding: f64,
    active: &'a [usize],
    /// Which of the active rows the factor holds.
    held: Vec<usize>,
    factor: SparseCholesky,
    directions: Vec<Direction>,
}

/// The part of a row outside the span of the rows before it, scaled to length one, and the combination of rows that it is.
struct Direction {
    vector: Vec<f64>,
    combination: Vec<f64>,
}

impl Basis<'_> {
    /// The combination row `k` is, or one more direction.
    fn examine(&mut self, k: usize) -> Option<DependentRow> {
        if self.directions.len() == MAX_DIRECTIONS.count() {
            return None;
        }
        let mut rest = vec![0.0; self.rows.positions()];
        self.rows.add(self.active[k], 1.0, &mut rest);
        // rest = row k − Σ λ_j row j, always.
        let mut lambda = vec![0.0; self.active.len()];
        for _ in 0..=REFINEMENTS {
            let mut step: Vec<f64> = self
                .held
                .iter()
                .map(|&j| self.rows.inner(self.active[j], &rest))
                .collect();
            self.factor.solve_in_place(&mut step);
            for (&j, s) in self.held.iter().zip(&step) {
                self.rows.add(self.active[j], -s, &mut rest);
                lambda[j] += s;
            }
            for d in &self.directions {
                let along = dot(&d.vector, &rest);
                axpy(-along, &d.vector, &mut rest);
                axpy(along, &d.combination, &mut lambda);
            }
        }
        let size = 1.0 + lambda.iter().map(|l| l.abs()).sum::<f64>();
        let left = norm(&rest);
        if left <= self.rounding * size {
            let factors = self.active.iter().zip(&lambda);
            return Some(DependentRow {
                row: self.active[k],
                combination: factors
                    .filter(|(_, l)| l.abs() > NEGLIGIBLE)
                    .map(|(&i, &l)| (i, l))
                    .collect(),
            });
        }
        rest.iter_mut().for_each(|r| *r /= left);
        lambda.iter_mut().for_each(|l| *l /= -left);
        lambda[k] += 1.0 / left;
        self.directions.push(Direction {
            vector: rest,
            combination: lambda,
        });
        None
    }
}
