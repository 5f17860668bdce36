//! Dependent rows among those that own no entry.

use super::DependentRow;
use super::unit_rows::UnitRows;
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::linalg::{axpy, dot, norm};

/// Squared distance of a row of length one from the span of those before it below which it is looked at closely.
const SUSPICIOUS: f64 = 1e-7;

/// Factors below this, of rows of length one, are rounding.
const NEGLIGIBLE: f64 = 1e-14;

/// Suspicious rows that are kept after this many proved to be independent.
const MAX_DIRECTIONS: usize = 100;

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
    let Some((suspicious, factor)) = suspicious(&Gram::new(rows, &active)) else {
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
fn suspicious(gram: &Gram) -> Option<(Vec<usize>, SparseCholesky)> {
    let n = gram.start.len() - 1;
    let mut factor = SparseCholesky::analyse(n, gram.start.clone(), gram.row.clone())?;
    let mut pivots = None;
    // A row that depends on others leaves a pivot of about the shift, times one and the squares of its factors.
    for shift in [1e-15, 1e-14, 1e-13, 1e-12, 1e-11] {
        let mut shifted = gram.value.clone();
        gram.start[1..]
            .iter()
            .for_each(|&end| shifted[end - 1] += shift);
        if factor.factor(&shifted) {
            pivots = Some(factor.pivots());
            break;
        }
    }
    let pivots = pivots?;
    for bound in [SUSPICIOUS, 1e2 * SUSPICIOUS] {
        let out: Vec<usize> = (0..n).filter(|&k| pivots[k] <= bound).collect();
        if out.is_empty() {
            return None;
        }
        let rest = gram.without(&out);
        let mut factor = SparseCholesky::analyse(n - out.len(), rest.start, rest.row)?;
        if factor.factor(&rest.value) {
            return Some((out, factor));
        }
    }
    None
}

/// Upper triangle by columns, rows ascending, of the inner products.
struct Gram {
    start: Vec<usize>,
    row: Vec<usize>,
    value: Vec<f64>,
}

impl Gram {
    fn new(rows: &UnitRows, active: &[usize]) -> Self {
        let mut holders: Vec<Vec<(u32, f64)>> = vec![vec![]; rows.positions()];
        let mut out = Self {
            start: vec![0],
            row: vec![],
            value: vec![],
        };
        let (mut sum, mut seen) = (vec![0.0; active.len()], vec![usize::MAX; active.len()]);
        for (k, &i) in active.iter().enumerate() {
            let (index, value) = rows.row(i);
            let mut column = vec![];
            for (&p, &v) in index.iter().zip(value) {
                holders[p as usize].push((k as u32, v));
                for &(other, u) in &holders[p as usize] {
                    let other = other as usize;
                    if seen[other] != k {
                        (seen[other], sum[other]) = (k, 0.0);
                        column.push(other);
                    }
                    sum[other] += u * v;
                }
            }
            column.sort_unstable();
            out.value.extend(column.iter().map(|&other| sum[other]));
            out.row.extend(column);
            out.start.push(out.row.len());
        }
        out
    }
}

impl Gram {
    /// The same of the other rows; `out` ascends.
    fn without(&self, out: &[usize]) -> Self {
        let n = self.start.len() - 1;
        let mut to = vec![Some(0); n];
        out.iter().for_each(|&k| to[k] = None);
        let kept = to.iter_mut().flatten().enumerate();
        kept.for_each(|(k, to)| *to = k);
        let mut rest = Gram {
            start: vec![0],
            row: vec![],
            value: vec![],
        };
        for k in (0..n).filter(|&k| to[k].is_some()) {
            for at in self.start[k]..self.start[k + 1] {
                if let Some(row) = to[self.row[at]] {
                    rest.row.push(row);
                    rest.value.push(self.value[at]);
                }
            }
            rest.start.push(rest.row.len());
        }
        rest
    }
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

/// What a row has outside the span of those before it: a vector of length one, and the combination of rows it is.
struct Direction {
    vector: Vec<f64>,
    combination: Vec<f64>,
}

impl Basis<'_> {
    /// The combination row `k` is, or one more direction.
    fn examine(&mut self, k: usize) -> Option<DependentRow> {
        if self.directions.len() == MAX_DIRECTIONS {
            return None;
        }
        let mut rest = vec![0.0; self.rows.positions()];
        self.add(k, 1.0, &mut rest);
        // rest = row k − Σ λ_j row j, always.
        let mut lambda = vec![0.0; self.active.len()];
        for _ in 0..=REFINEMENTS {
            let mut step: Vec<f64> = self.held.iter().map(|&j| self.inner(j, &rest)).collect();
            self.factor.solve_in_place(&mut step);
            for (&j, s) in self.held.iter().zip(&step) {
                self.add(j, -s, &mut rest);
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

    fn add(&self, k: usize, factor: f64, to: &mut [f64]) {
        let (index, value) = self.rows.row(self.active[k]);
        for (&p, v) in index.iter().zip(value) {
            to[p as usize] += factor * v;
        }
    }

    fn inner(&self, k: usize, v: &[f64]) -> f64 {
        let (index, value) = self.rows.row(self.active[k]);
        index
            .iter()
            .zip(value)
            .map(|(&p, u)| u * v[p as usize])
            .sum()
    }
}
