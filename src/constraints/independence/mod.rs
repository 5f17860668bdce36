//! Whether the rows of `A` are linearly independent, and far enough apart for products of rows.
//!
//! This is the only test of independence: every engine asks [`Constraints::check_separation`] (or, where nearly dependent rows
//! are accepted, [`Constraints::check_rank`]), and the reduction of programs drops what [`dependent_rows`] finds.
//!
//! Rows are scaled to length one first. Their separation is `σ`, the smallest singular value: the least length of a combination
//! whose factors have length one. An engine works with products of rows, whose eigenvalues are `σ²`, and answers `P h` with an
//! error of about `ε/σ²`, `ε` being the rounding of double precision. Three verdicts follow:
//!
//! * **separated**: the Gram matrix `G` of the rows less `T²` is positive definite, `T` being [`SEPARATED`]. A Cholesky
//!   factorisation tells; nothing else is computed.
//! * **dependent**: some row is a combination of others up to [`DEPENDENT`] of the factors. The Gram matrix cannot tell this
//!   from rows that are merely near one another, so the distance is computed in the rows themselves. The rank that is reported
//!   is the number of rows that are left.
//! * **nearly dependent**: neither. The least combination is found by inverse iteration, and its length is computed in the rows.

pub(crate) mod params;
mod products;
mod span;
mod unit_rows;

use crate::constraints::Constraints;
use crate::error::{Error, Result};
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::linalg::{max_abs, norm};
use products::RowProducts;
use std::sync::OnceLock;
use unit_rows::UnitRows;

/// Distance of a row of length one from a combination of others, relative to the factors, that passes for rounding.
pub(crate) const DEPENDENT: f64 = 1e-12;

/// Least separation for which products of rows answer `P h` to three digits: `ε/T² = 1e-3` at `T = 2⁻²¹ = 4.8e-7`.
pub(crate) const SEPARATED: f64 = 1.0 / (1u64 << 21) as f64;

/// Steps of inverse iteration. The separation is needed to one digit, and one step divides what is wrong by `1e6` at least.
const INVERSE_ITERATIONS: usize = 3;

/// Share of the largest factor from which a row takes part in the least combination; the last such row is reported.
const TAKES_PART: f64 = 0.5;

/// What an engine does with rows that are independent, but too nearly dependent for products of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NearlyDependent {
    /// They are an error, [`Error::NearlyDependent`]: the answer `P h` would have less than three right digits.
    #[default]
    Refuse,
    /// Systems with `BBᵀ` are solved to the residual that is reported. This is for solvers, which measure their answers in the
    /// program itself. Answers `P h` are refused all the same, as no residual bounds their error.
    Accept,
}

/// A row that is a combination of others.
#[derive(Debug, Clone)]
pub(crate) struct DependentRow {
    pub row: usize,
    /// Rows that are kept, and their factors.
    pub combination: Vec<(usize, f64)>,
}

/// What was found out about the rows of a matrix, each at most once.
#[derive(Debug, Clone, Default)]
pub(super) struct RowChecks {
    rank: OnceLock<usize>,
    separation: OnceLock<Verdict>,
}

/// How far apart the rows are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Separated,
    NearlyDependent { row: usize, separation: f64 },
    Dependent { rank: usize },
}

impl Constraints {
    /// [`Constraints::check_separation`], unless nearly dependent rows are accepted.
    ///
    /// # Errors
    /// Those of [`Constraints::check_separation`].
    pub(crate) fn check_rows(&self, nearly_dependent: NearlyDependent) -> Result<()> {
        match nearly_dependent {
            NearlyDependent::Refuse => self.check_separation(),
            NearlyDependent::Accept => Ok(()),
        }
    }

    /// Fails unless the rows are far enough apart for products of rows.
    ///
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::NearlyDependent`], [`Error::TooLarge`].
    ///
    /// # Complexity
    /// Once per matrix: a sort of the nonzeros, and unless every row owns an entry, the products of all pairs of rows that share
    /// a position and a sparse Cholesky factorisation of their Gram matrix.
    pub(crate) fn check_separation(&self) -> Result<()> {
        let verdict = match self.checks.separation.get() {
            Some(verdict) => *verdict,
            None => {
                let found = verdict(self)?;
                *self.checks.separation.get_or_init(|| found)
            }
        };
        match verdict {
            Verdict::Separated => Ok(()),
            Verdict::NearlyDependent { row, separation } => Err(Error::NearlyDependent {
                row,
                separation,
                needed: SEPARATED,
            }),
            Verdict::Dependent { rank } => Err(Error::RankDeficient {
                rank,
                needed: self.len(),
            }),
        }
    }

    /// Fails when rows are combinations of others; rows that are merely near one another pass.
    ///
    /// # Errors
    /// [`Error::RankDeficient`].
    ///
    /// # Complexity
    /// Once per matrix, that of [`dependent_rows`].
    pub(crate) fn check_rank(&self) -> Result<()> {
        let needed = self.len();
        let rank = match self.checks.separation.get() {
            Some(Verdict::Separated | Verdict::NearlyDependent { .. }) => needed,
            Some(Verdict::Dependent { rank }) => *rank,
            None => {
                let count = || needed - dependent_rows(self, DEPENDENT).len();
                *self.checks.rank.get_or_init(count)
            }
        };
        if rank < needed {
            return Err(Error::RankDeficient { rank, needed });
        }
        Ok(())
    }
}

fn verdict(a: &Constraints) -> Result<Verdict> {
    let rows = UnitRows::new(a);
    // A combination is at least as long as its entries at positions that one row alone reads.
    if rows.least_private_share() >= SEPARATED {
        return Ok(Verdict::Separated);
    }
    let gram = RowProducts::new(&rows, &rows.active());
    let Some(mut factor) = gram.analyse() else {
        let bytes = 8 * gram.nonzeros() as u128;
        let what = "the factor of A Aᵀ";
        return Err(Error::TooLarge { what, bytes });
    };
    let no_row_vanishes = gram.len() == a.len();
    if no_row_vanishes && factor.factor(&gram.shifted(-SEPARATED * SEPARATED)) {
        return Ok(Verdict::Separated);
    }
    // Now the rows themselves have to tell.
    let dependent = dependent_rows(a, DEPENDENT).len();
    if dependent > 0 {
        let rank = a.len() - dependent;
        return Ok(Verdict::Dependent { rank });
    }
    Ok(least_combination(&rows, &gram, &mut factor))
}

/// The least combination of rows: its length, and the last row that takes part.
fn least_combination(rows: &UnitRows, gram: &RowProducts, factor: &mut SparseCholesky) -> Verdict {
    // Any start will do that is orthogonal to no combination in particular.
    let mut factors: Vec<f64> = (0..gram.len()).map(|k| 1.0 + (k as f64).sin()).collect();
    let normalise = |v: &mut [f64]| {
        let length = norm(v);
        v.iter_mut().for_each(|v| *v /= length);
    };
    normalise(&mut factors);
    if gram.factor_shifted(factor) {
        for _ in 0..INVERSE_ITERATIONS {
            factor.solve_in_place(&mut factors);
            normalise(&mut factors);
        }
    }
    let mut sum = vec![0.0; rows.positions()];
    for (i, &factor) in factors.iter().enumerate() {
        rows.add(i, factor, &mut sum);
    }
    let takes_part = TAKES_PART * max_abs(&factors);
    let row = factors.iter().rposition(|v| v.abs() >= takes_part);
    Verdict::NearlyDependent {
        row: row.unwrap_or(0),
        separation: norm(&sum),
    }
}

/// The rows that are combinations of others, ascending: rows of length one whose distance from the combination, relative to the
/// factors, is at most `rounding`.
///
/// # Complexity
/// One pass over the nonzeros while every row in turn owns an entry; for the rows that are left, a sparse Cholesky
/// factorisation of their Gram matrix.
pub(crate) fn dependent_rows(a: &Constraints, rounding: f64) -> Vec<DependentRow> {
    let mut rows = UnitRows::new(a);
    let mut found: Vec<DependentRow> = (0..a.len())
        .filter(|&i| rows.length[i] == 0.0)
        .map(|row| DependentRow {
            row,
            combination: vec![],
        })
        .collect();
    rows.strip();
    found.extend(rows.parallel());
    rows.strip();
    found.extend(span::dependent(&rows, rounding));
    for DependentRow { row, combination } in &mut found {
        for (j, factor) in combination {
            *factor *= rows.length[*row] / rows.length[*j];
        }
    }
    found.sort_unstable_by_key(|d| d.row);
    found
}
