//! The sparsity pattern of a sparse Gram matrix, and the assembly of its values.

use super::columns::Columns;
use crate::constraints::{Constraints, GramWeight, Part, SymmetricRows};
use crate::linalg::padded;
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::projection::gram::PsdPlan;
use std::ops::Range;

/// Products summed by one parallel task: enough work to hide the cost of starting the task.
const PRODUCTS_PER_TASK: usize = 1 << 16;

/// Where the sums of the rows on one PSD block go.
#[derive(Debug)]
struct BlockPositions {
    block: usize,
    /// Number of rows that touch the block.
    touching: usize,
    /// Position of every pair of these rows among the values, lower triangle by column.
    to: Vec<u32>,
}

/// The upper triangle of the Gram matrix, compressed by column; the diagonal entry is the last of its column.
#[derive(Debug)]
pub(super) struct Pattern {
    start: Vec<usize>,
    row: Vec<usize>,
    psd: Vec<BlockPositions>,
    /// Per variable, whether it is left out of the matrix.
    excluded: Vec<bool>,
    /// Ranges of columns that take about [`PRODUCTS_PER_TASK`] products each.
    tasks: Vec<Range<usize>>,
}

impl Pattern {
    /// The pattern without the variables `dense`; `None` when it has more positions than 32 bits can number.
    pub(super) fn new(a: &Constraints, columns: &Columns, dense: &[u32]) -> Option<Self> {
        let m = columns.kept().len();
        // Which variables are left out, and the number of every row among the kept ones.
        let mut excluded = vec![false; columns.variables()];
        dense.iter().for_each(|&k| excluded[k as usize] = true);
        let mut place = vec![0u32; a.len()];
        for (k, &i) in columns.kept().iter().enumerate() {
            place[i as usize] = k as u32;
        }
        // Rows of each block, and blocks of each row.
        let mut members: Vec<(usize, Vec<u32>)> = vec![];
        let mut blocks: Vec<Vec<u32>> = vec![vec![]; m];
        for (b, part) in a.parts().iter().enumerate() {
            if let Part::Psd(rows) = part {
                let list: Vec<u32> = rows.iter().map(|(i, _)| place[i]).collect();
                for &i in &list {
                    blocks[i as usize].push(members.len() as u32);
                }
                members.push((b, list));
            }
        }
        // List, per column, the earlier rows that share a variable or a block with its row. Cut the columns into tasks of
        // about equal work.
        let (mut start, mut row) = (vec![0], vec![]);
        let (mut tasks, mut products, mut begun) = (vec![], 0, 0);
        let mut last = vec![u32::MAX; m];
        for (i, blocks) in blocks.iter().enumerate() {
            let at = row.len();
            let mut visit = |l: u32| {
                if last[l as usize] != i as u32 {
                    last[l as usize] = i as u32;
                    row.push(l as usize);
                }
            };
            for (k, _) in columns.by_row.iter(i).filter(|(k, _)| !excluded[*k]) {
                let others = columns.by_column.get(k).0;
                let before = others.iter().take_while(|&&l| (l as usize) < i);
                before.for_each(|&l| visit(l));
                products += others.len();
            }
            for &b in blocks {
                let others = &members[b as usize].1;
                others
                    .iter()
                    .take_while(|&&l| (l as usize) < i)
                    .for_each(|&l| visit(l));
            }
            row[at..].sort_unstable();
            row.push(i);
            start.push(row.len());
            if products >= PRODUCTS_PER_TASK || i + 1 == m {
                tasks.push(begun..i + 1);
                (begun, products) = (i + 1, 0);
            }
        }
        if row.len() > u32::MAX as usize {
            return None;
        }
        let mut out = Self {
            start,
            row,
            psd: vec![],
            excluded,
            tasks,
        };
        // Find where the sums on every matrix block go, once, so that assembly only adds.
        for (b, list) in members {
            let positions = out.block_positions(b, &list);
            out.psd.push(positions);
        }
        Some(out)
    }

    fn block_positions(&self, block: usize, list: &[u32]) -> BlockPositions {
        let mut to = vec![];
        for (j, &l) in list.iter().enumerate() {
            for &i in &list[j..] {
                let range = self.start[i as usize]..self.start[i as usize + 1];
                let within = self.row[range.clone()].partition_point(|&r| r < l as usize);
                to.push((range.start + within) as u32);
            }
        }
        BlockPositions {
            block,
            touching: list.len(),
            to,
        }
    }

    /// The formulas for the rows on every matrix block, numbered among the rows that touch it.
    pub(super) fn plans(&self, a: &Constraints) -> Vec<PsdPlan> {
        self.local(a).map(|rows| PsdPlan::new(&rows)).collect()
    }

    /// The rows on every matrix block, numbered among the rows that touch it.
    pub(super) fn local<'a>(
        &'a self,
        a: &'a Constraints,
    ) -> impl Iterator<Item = SymmetricRows> + 'a {
        self.psd
            .iter()
            .filter_map(|positions| match &a.parts()[positions.block] {
                Part::Psd(rows) => {
                    let entries = rows.iter().enumerate().flat_map(|(k, (_, row))| {
                        row.iter()
                            .map(move |(r, c, v)| (k as u32, r as u32, c as u32, v))
                    });
                    Some(SymmetricRows::from_sorted(rows.order(), entries))
                }
                Part::Nonneg(_) => None,
            })
    }

    pub(super) fn nonzeros(&self) -> usize {
        self.row.len()
    }

    pub(super) fn analyse(&self) -> Option<SparseCholesky> {
        SparseCholesky::analyse(self.start.len() - 1, self.start.clone(), self.row.clone())
    }

    pub(super) fn diagonal(&self, values: &[f64]) -> Vec<f64> {
        self.start[1..].iter().map(|&end| values[end - 1]).collect()
    }

    /// `values ← D values D`.
    pub(super) fn scale(&self, d: &[f64], values: &mut [f64]) {
        for (j, dj) in d.iter().enumerate() {
            let at = self.start[j]..self.start[j + 1];
            for (v, &i) in values[at.clone()].iter_mut().zip(&self.row[at]) {
                *v *= d[i] * dj;
            }
        }
    }

    /// `out ← K y`.
    pub(super) fn multiply(&self, values: &[f64], y: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (j, yj) in y.iter().enumerate() {
            let (at, end) = (self.start[j], self.start[j + 1] - 1);
            let mut sum = values[end] * yj;
            for (v, &i) in values[at..end].iter().zip(&self.row[at..end]) {
                sum += v * y[i];
                out[i] += v * yj;
            }
            out[j] += sum;
        }
    }

    /// Computes the contribution of the nonnegative blocks to the columns of one task. `values` begins at the first position of
    /// the task; `work` is zero before and after.
    fn gather(&self, columns: &Columns, task: &Range<usize>, work: &mut [f64], values: &mut [f64]) {
        let first = self.start[task.start];
        for i in task.clone() {
            for (k, v) in columns.by_row.iter(i) {
                if self.excluded[k] {
                    continue;
                }
                let scaled = v * columns.weight[k];
                let (index, value) = columns.by_column.get(k);
                for (&l, w) in index.iter().zip(value) {
                    if l as usize > i {
                        break;
                    }
                    work[l as usize] += scaled * w;
                }
            }
            let at = self.start[i]..self.start[i + 1];
            let to = &mut values[at.start - first..at.end - first];
            for (v, &l) in to.iter_mut().zip(&self.row[at]) {
                *v = core::mem::take(&mut work[l]);
            }
        }
    }
}

/// Computes all values of the matrix `S`. The result is bitwise the same for any number of threads.
///
/// # Complexity
/// One multiplication per pair of rows with a nonnegative variable in common, and the cheapest of the formulas of [`PsdPlan`]
/// per row of a matrix block.
pub(super) fn assemble(
    pattern: &Pattern,
    (columns, plans): (&Columns, &[PsdPlan]),
    weight: &[GramWeight<'_>],
    values: &mut [f64],
) {
    let m = columns.kept().len();
    let mut parts = Vec::with_capacity(pattern.tasks.len());
    let mut rest = &mut *values;
    for task in &pattern.tasks {
        let (part, tail) = rest.split_at_mut(pattern.start[task.end] - pattern.start[task.start]);
        parts.push((task, part));
        rest = tail;
    }
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        parts.into_par_iter().for_each_init(
            || vec![0.0; m],
            |work, (task, part)| pattern.gather(columns, task, work, part),
        );
    }
    #[cfg(not(feature = "rayon"))]
    {
        let mut work = vec![0.0; m];
        for (task, part) in parts {
            pattern.gather(columns, task, &mut work, part);
        }
    }
    for (positions, plan) in pattern.psd.iter().zip(plans) {
        let t = positions.touching;
        let mut local = padded::zeros(t, t);
        if let GramWeight::Psd(pair) = &weight[positions.block] {
            plan.add(pair, local.as_mut());
        }
        let mut to = positions.to.iter();
        for j in 0..t {
            for (v, &at) in local.col_as_slice(j)[j..].iter().zip(&mut to) {
                values[at as usize] += v;
            }
        }
    }
}
