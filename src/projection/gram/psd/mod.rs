//! The sums `tr(A_i P A_j Q)` over all pairs of rows on one PSD block.
//!
//! The rows are ordered by decreasing number of nonzeros. The sums of row `i` are formed with row `i` itself and with all later
//! rows. There are four formulas for one row. Counts of operations choose the cheapest[^FKN97]. Let `ρ` be the number of distinct
//! indices in `A_i`:
//!
//! * [`RowFormula::Full`]: `U = P A_i Q`, then `⟨A_j, U⟩`;
//! * [`RowFormula::Entries`]: `V = A_i Q`, then only the entries of `P V` that `A_j` reads, with `ρ` products each;
//! * [`RowFormula::Pairs`]: a double loop over the nonzeros of `A_i` and `A_j`;
//! * [`RowFormula::RankOne`], for `A_i = σ a aᵀ`: `σ ⟨A_j, (P a)(Q a)ᵀ⟩`. The cost is the number of nonzeros of `A_j`[^BYZ00], and
//!   the digits of `P a` are kept where sums over `P A_i Q` would cancel.
//!
//! Three other plans cover special rows. Rows that fill a quarter of the block or more are also stored dense; the sums among them
//! are matrix products of panels. Where few columns cover every row, all sums are products of thin matrices ([`ColumnCover`]).
//! The sums among rows of low rank with dense vectors are products of these vectors ([`LowRank`]).
//!
//! [^FKN97]: Fujisawa, Kojima, Nakata. Exploiting sparsity in primal-dual interior-point methods for semidefinite
//! programming. Mathematical Programming 79, 1997.
//! [^BYZ00]: Benson, Ye, Zhang. Solving large-scale sparse semidefinite programs for combinatorial optimization. SIAM J.
//! Optim. 10, 2000.

mod column_cover;
mod low_rank;
mod row_formulas;
mod single_entry;

use crate::constraints::{GramPair, RankOne, SymmetricRows};
use crate::linalg::machine::{MULTIPLIED_COST, STREAMED_COST};
use crate::linalg::padded;
use crate::linalg::product::gemm;
use crate::linalg::real::Real;
use column_cover::ColumnCover;
use faer::{Accum, Mat, MatMut, MatRef};
use low_rank::LowRank;
use row_formulas::Work;

/// Dense rows per matrix product.
const DENSE_ROWS_PER_PANEL: usize = 64;

/// A formula for the sums of one row; see the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowFormula {
    Full,
    Entries,
    Pairs,
    RankOne,
}

/// The plan for the sums on one block, prepared once from its rows.
#[derive(Debug, Clone)]
pub(crate) enum PsdPlan {
    /// The sums are formed row by row.
    OneByOne(Box<RowPlan>),
    /// The sums are products of thin matrices.
    ColumnCover(Box<ColumnCover>),
    /// Rows of low rank, and the other rows one by one.
    LowRank(Box<(LowRank, RowPlan)>),
}

impl PsdPlan {
    pub(crate) fn new(rows: &SymmetricRows) -> Self {
        let costs = costs(rows);
        if let Some((taken, low_rank)) = LowRank::new(rows, |k| costs[k]) {
            let others = RowPlan::new(rows, |k| !taken[k]);
            return PsdPlan::LowRank(Box::new((low_rank, others)));
        }
        if (0..rows.touching()).all(|k| rows.rank_one(k).is_none())
            && let Some(covered) = ColumnCover::new(rows)
        {
            let one_by_one: f64 = costs.iter().sum();
            let (products, sums) = covered.cost();
            if MULTIPLIED_COST * products + STREAMED_COST * sums < one_by_one {
                return PsdPlan::ColumnCover(Box::new(covered));
            }
        }
        PsdPlan::OneByOne(Box::new(RowPlan::new(rows, |_| true)))
    }

    /// Takes the values of rows with entries at the same positions. The plan is made again only where the ranks of the rows
    /// decide it.
    pub(crate) fn replace_values(&mut self, rows: &SymmetricRows) {
        let stays = match self {
            PsdPlan::OneByOne(plan) => plan.replace_values(rows),
            PsdPlan::ColumnCover(plan) => plan.replace_values(rows),
            PsdPlan::LowRank(_) => false,
        };
        if !stays {
            *self = PsdPlan::new(rows);
        }
    }

    /// Adds `tr(A_i P A_j Q)` to the lower triangle of `k`.
    pub(crate) fn add<T: Real>(&self, pair: &GramPair<'_>, mut k: MatMut<'_, T>) {
        match self {
            PsdPlan::OneByOne(plan) => plan.add(pair, k),
            PsdPlan::ColumnCover(plan) => plan.add((pair.p, pair.q), k),
            PsdPlan::LowRank(plans) => {
                plans.0.add(pair, &plans.1, k.as_mut());
                plans.1.add(pair, k);
            }
        }
    }
}

/// The wanted rows by decreasing number of nonzeros, and the number of leading rows that are stored dense.
fn by_size(rows: &SymmetricRows, wanted: impl Fn(usize) -> bool) -> (Vec<usize>, usize) {
    let n = rows.order();
    let mut by_size: Vec<usize> = (0..rows.touching()).filter(|&k| wanted(k)).collect();
    by_size.sort_by_key(|&k| core::cmp::Reverse(rows.get(k).1.len()));
    let dense =
        |k: usize| n >= 8 && rows.get(k).1.len() >= n * (n + 1) / 8 && rows.rank_one(k).is_none();
    let dense = by_size.iter().take_while(|&&k| dense(k)).count();
    // A matrix product pays only from a few dense rows on.
    (by_size, if dense >= 4 { dense } else { 0 })
}

/// Per row, the cost of forming its sums with the other rows one by one.
fn costs(rows: &SymmetricRows) -> Vec<f64> {
    let (by_size, dense) = by_size(rows, |_| true);
    let mut costs = vec![0.0; rows.touching()];
    let mut later = rows.nonzeros();
    for (i, k) in by_size.into_iter().enumerate() {
        let a = rows.get(k).1;
        let size = Size {
            entries: a.len(),
            support: a.support().len(),
            later,
            rank_one: rows.rank_one(k).is_some(),
            dense: i < dense,
        };
        costs[k] = size.cheapest(rows.order()).1;
        later -= a.len();
    }
    costs
}

/// The facts about a row that its cost depends on.
struct Size {
    entries: usize,
    /// Number of distinct indices.
    support: usize,
    /// Number of entries of the row and of all later rows.
    later: usize,
    rank_one: bool,
    dense: bool,
}

impl Size {
    /// The cheapest formula, and its cost in gathered multiply-adds.
    fn cheapest(&self, n: usize) -> (RowFormula, f64) {
        let n = n as f64;
        let nnz = 2.0 * self.entries as f64;
        let (rho, up) = (self.support as f64, self.later as f64);
        let product = STREAMED_COST * nnz * n;
        let full = product + MULTIPLIED_COST * n * n * rho + STREAMED_COST * n * n + up;
        let entries = product + STREAMED_COST * n * rho + 2.0 * (0.5 * rho + 1.0) * up;
        let pairs = 2.0 * nnz * up;
        if self.rank_one {
            (
                RowFormula::RankOne,
                2.0 * up + 2.0 * STREAMED_COST * rho * n,
            )
        } else if self.dense {
            (RowFormula::Full, full)
        } else if pairs <= entries && pairs <= full {
            (RowFormula::Pairs, pairs)
        } else if entries <= full {
            (RowFormula::Entries, entries)
        } else {
            (RowFormula::Full, full)
        }
    }
}

/// The plan for rows whose sums are formed one by one.
#[derive(Debug, Clone)]
pub(crate) struct RowPlan {
    n: usize,
    /// The constraints by decreasing number of nonzeros.
    order: Vec<u32>,
    start: Vec<usize>,
    row: Vec<u32>,
    col: Vec<u32>,
    value: Vec<f64>,
    /// Position of each entry in the block, column by column.
    place: Vec<u32>,
    /// The rows from here on have a single entry.
    first_single: usize,
    /// Whether the entries of all single-entry rows are on the diagonal.
    diagonal: bool,
    /// The distinct indices of every row.
    support: Vec<Vec<u32>>,
    formula: Vec<RowFormula>,
    rank_one: Vec<Option<RankOne>>,
    /// The first `dense.ncols()` rows: one row per column, its upper triangle stored column by column.
    dense: Mat<f64>,
}

impl RowPlan {
    /// A plan for the wanted rows.
    fn new(rows: &SymmetricRows, wanted: impl Fn(usize) -> bool) -> Self {
        let n = rows.order();
        let (by_size, dense_rows) = by_size(rows, wanted);
        // Store the entries of all rows one after another.
        let (mut order, mut start) = (vec![], vec![0]);
        let entries = by_size.iter().map(|&k| rows.get(k).1.len()).sum();
        let (mut row, mut col) = (Vec::with_capacity(entries), Vec::with_capacity(entries));
        let mut value = Vec::with_capacity(entries);
        let mut support = Vec::with_capacity(by_size.len());
        let mut rank_one = Vec::with_capacity(by_size.len());
        for &k in &by_size {
            let (constraint, a) = rows.get(k);
            order.push(constraint as u32);
            row.extend_from_slice(a.row);
            col.extend_from_slice(a.col);
            value.extend_from_slice(a.value);
            start.push(value.len());
            support.push(a.support());
            rank_one.push(rows.rank_one(k).cloned());
        }
        let dense = padded::zeros(if dense_rows > 0 { n * (n + 1) / 2 } else { 0 }, dense_rows);
        // Positions overflow 32 bits in blocks of order above 65 535. A dense matrix of such an order does not fit in memory.
        let places = row
            .iter()
            .zip(&col)
            .map(|(&r, &c)| (c as u64 * n as u64 + r as u64) as u32);
        let place = places.collect();
        // Rows of one entry come last; they have formulas of their own.
        let first_single = order.len()
            - start
                .windows(2)
                .rev()
                .take_while(|w| w[1] - w[0] == 1)
                .count();
        let diagonal = row[start[first_single]..] == col[start[first_single]..];
        let mut plan = Self {
            n,
            order,
            start,
            row,
            col,
            value,
            place,
            first_single,
            diagonal,
            support,
            formula: vec![],
            rank_one,
            dense,
        };
        // Choose the formulas last, because the cost of a row depends on the entries of all later rows.
        plan.fill_dense();
        plan.formula = (0..plan.order.len()).map(|i| plan.choose(i)).collect();
        plan
    }

    /// Takes the values of rows with entries at the same positions. Returns `false` when other rows than before are of rank one;
    /// then the plan has to be made again.
    fn replace_values(&mut self, rows: &SymmetricRows) -> bool {
        let place = self.places();
        for k in 0..rows.touching() {
            let (constraint, a) = rows.get(k);
            let i = place[constraint];
            let rank_one = rows.rank_one(k);
            if rank_one.is_some() != self.rank_one[i].is_some() {
                return false;
            }
            self.rank_one[i] = rank_one.cloned();
            self.value[self.start[i]..self.start[i + 1]].copy_from_slice(a.value);
        }
        self.fill_dense();
        true
    }

    /// Position of every constraint in the plan.
    fn places(&self) -> Vec<usize> {
        let mut place = vec![0; self.order.iter().max().map_or(0, |&i| i as usize + 1)];
        (0..self.order.len()).for_each(|i| place[self.order[i] as usize] = i);
        place
    }

    fn fill_dense(&mut self) {
        for k in 0..self.dense.ncols() {
            for e in self.start[k]..self.start[k + 1] {
                let (r, c) = (self.row[e] as usize, self.col[e] as usize);
                self.dense[(c * (c + 1) / 2 + r, k)] = self.value[e];
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn nonzeros(&self) -> usize {
        self.value.len()
    }

    fn choose(&self, i: usize) -> RowFormula {
        let size = Size {
            entries: self.start[i + 1] - self.start[i],
            support: self.support[i].len(),
            later: self.value.len() - self.start[i],
            rank_one: self.rank_one[i].is_some(),
            dense: i < self.dense.ncols(),
        };
        size.cheapest(self.n).0
    }

    fn entries(&self, k: usize) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let at = self.start[k]..self.start[k + 1];
        let (row, col) = (&self.row[at.clone()], &self.col[at.clone()]);
        row.iter()
            .zip(col)
            .zip(&self.value[at])
            .map(|((&r, &c), &v)| (r as usize, c as usize, v))
    }

    fn add<T: Real>(&self, pair: &GramPair<'_>, mut k: MatMut<'_, T>) {
        let mut work = Work::new(self);
        self.accumulate_dense((pair.p, pair.q), k.as_mut(), &mut work);
        let mut later = self.dense.ncols()..self.order.len();
        if let Some(p) = pair.p {
            self.accumulate_single_entries((p, pair.q), k.as_mut());
            later.end = self.first_single.max(later.start);
        }
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(_) = crate::linalg::par(2 * later.len() * self.value.len()) {
            use rayon::prelude::*;
            // Rows per batch. The sums of a batch are formed in parallel and written one after another.
            const BATCH: usize = 128;
            for first in later.clone().step_by(BATCH) {
                let batch = first..(first + BATCH).min(later.end);
                let sums: Vec<Vec<f64>> = batch
                    .clone()
                    .into_par_iter()
                    .with_min_len(8)
                    .map_init(
                        || Work::new(self),
                        |work, i| {
                            self.accumulate_row(i, pair, work);
                            work.sums[i..].to_vec()
                        },
                    )
                    .collect();
                for (i, sums) in batch.zip(&sums) {
                    self.scatter_row(i, i, sums, k.as_mut());
                }
            }
            return;
        }
        for i in later {
            self.accumulate_row(i, pair, &mut work);
            self.scatter_row(i, i, &work.sums[i..], k.as_mut());
        }
    }

    /// Adds the sums of row `i` with the rows from `first` on to `k`.
    fn scatter_row<T: Real>(&self, i: usize, first: usize, sums: &[f64], mut k: MatMut<'_, T>) {
        let i = self.order[i];
        for (&j, sum) in self.order[first..].iter().zip(sums) {
            add_lower(&mut k, i, j, *sum);
        }
    }

    /// Adds the sums of a row outside the plan with all rows of the plan to `k`.
    fn scatter_outside_row<T: Real>(&self, i: u32, sums: &[f64], mut k: MatMut<'_, T>) {
        for (&j, sum) in self.order.iter().zip(sums) {
            add_lower(&mut k, i, j, *sum);
        }
    }

    /// Adds the sums of the dense rows: among themselves as products of panels, with the others one by one.
    fn accumulate_dense<T: Real>(
        &self,
        (p, q): (Option<MatRef<'_, f64>>, MatRef<'_, f64>),
        mut k: MatMut<'_, T>,
        work: &mut Work,
    ) {
        let dense = self.dense.ncols();
        let mut panel = padded::zeros(self.dense.nrows(), DENSE_ROWS_PER_PANEL.min(dense));
        let mut panel_sums = padded::zeros(dense, panel.ncols());
        for i in 0..dense {
            // Form U of one row. Store U in the panel for the sums with dense rows, and form the sums with the other rows now.
            self.full(i, p, q, work);
            let slot = i % DENSE_ROWS_PER_PANEL;
            store_symmetrised(work.u.as_ref(), panel.col_as_slice_mut(slot));
            self.inner_all(dense, work);
            self.scatter_row(i, dense, &work.sums[dense..], k.as_mut());
            if slot + 1 < DENSE_ROWS_PER_PANEL && i + 1 < dense {
                continue;
            }
            // A full panel: its products with all dense rows that are not before it.
            let first = i - slot;
            let later = self.dense.subcols(first, dense - first);
            let mut out = panel_sums
                .as_mut()
                .submatrix_mut(0, 0, dense - first, slot + 1);
            let given = panel.subcols(0, slot + 1);
            gemm(out.as_mut(), Accum::Replace, 1.0, later.transpose(), given);
            for s in 0..=slot {
                for j in s..dense - first {
                    let (row, col) = (self.order[first + s], self.order[first + j]);
                    add_lower(&mut k, row, col, out[(j, s)]);
                }
            }
        }
    }
}

/// Stores the upper triangle of `U + Uᵀ` column by column, without doubling the diagonal. The inner product of the result with the
/// upper triangle of a symmetric `A` is `⟨A, U⟩`.
fn store_symmetrised(u: MatRef<'_, f64>, out: &mut [f64]) {
    let mut at = 0;
    for c in 0..u.ncols() {
        for r in 0..c {
            out[at + r] = u[(r, c)] + u[(c, r)];
        }
        out[at + c] = u[(c, c)];
        at += c + 1;
    }
}

fn add_lower<T: Real>(k: &mut MatMut<'_, T>, i: u32, j: u32, value: f64) {
    let (i, j) = (i.max(j) as usize, i.min(j) as usize);
    k[(i, j)] = T::narrow(k[(i, j)].wide() + value);
}
