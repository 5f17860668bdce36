//! The change of the Gram matrix when eigenvalues move in a fixed eigenbasis `U`.
//!
//! With `G_i = UᵀA_iU`, the Gram matrix is `K_ij = Σ_ab λ_aλ_b G_i[ab] G_j[ab]`. Let the eigenvalues in a set `S` move. Then `K`
//! changes by one term per pair `{a, b}` that meets `S`, of weight `(1 if a = b else 2)(λ⁺_aλ⁺_b − λ_aλ_b)`.

use crate::constraints::{Basis, OwnedWeight, Spectral, SymmetricRows};
use crate::error::{Error, Result};
use crate::linalg::max_abs;
use crate::linalg::padded;
use faer::Mat;

/// The weight of every block after the listed eigenvalues moved; `None` for a block without a moved eigenvalue. The entries
/// of a nonnegative block count as its eigenvalues.
pub(super) fn moved(
    given: &[OwnedWeight],
    values: &[(usize, f64)],
) -> Result<Vec<Option<OwnedWeight>>> {
    // Number the eigenvalues through all blocks.
    let numbers = |w: &OwnedWeight| match w {
        OwnedWeight::Nonneg(w) => w.len(),
        w => w.gram_pair().map_or(0, |(_, q)| q.nrows()),
    };
    let mut start = vec![0];
    for w in given {
        start.push(start[start.len() - 1] + numbers(w));
    }
    let bound = start[given.len()];
    // Check every pair, and write its value into a copy of the eigenvalues of its block.
    let mut first: Vec<Option<usize>> = vec![None; bound];
    let mut lists: Vec<Option<Vec<f64>>> = vec![None; given.len()];
    for (entry, &(index, value)) in values.iter().enumerate() {
        let what = "eigenvalue";
        let Some(seen) = first.get_mut(index) else {
            return Err(Error::OutOfRange { what, index, bound });
        };
        if let Some(previous) = seen.replace(entry) {
            return Err(Error::Duplicate {
                what,
                entry,
                previous,
            });
        }
        if !value.is_finite() {
            return Err(Error::NonFinite { what, index });
        }
        if value <= 0.0 {
            return Err(Error::NotPositiveDefinite { what, pivot: index });
        }
        let block = start.partition_point(|&s| s <= index) - 1;
        let old = match &given[block] {
            OwnedWeight::Nonneg(w) => w,
            OwnedWeight::Spectral(s) => &s.eigenvalues,
            _ => {
                return Err(Error::Unsupported {
                    what: "a change of eigenvalues",
                    by: "a weight that was not given by its eigenvalues",
                });
            }
        };
        lists[block].get_or_insert_with(|| old.clone())[index - start[block]] = value;
    }
    let change = |(old, list): (&OwnedWeight, Option<Vec<f64>>)| {
        let list = list?;
        Some(match old {
            OwnedWeight::Spectral(s) => OwnedWeight::Spectral(Box::new(s.with(list))),
            _ => OwnedWeight::Nonneg(list),
        })
    };
    Ok(given.iter().zip(lists).map(change).collect())
}

/// `G_i = UᵀA_iU` for all rows of a block, computed once per basis and stored by position. Stored only where the basis is
/// sparse and `G` is sparse too.
#[derive(Debug, Clone, Default)]
pub(super) struct Rotated {
    basis: Option<Basis>,
    stored: Option<Stored>,
}

/// Row and value of every nonzero of `G`, grouped by position. The position `(a, b)` with `a ≤ b` has the number
/// `b(b+1)/2 + a`.
#[derive(Debug, Clone)]
struct Stored {
    start: Vec<usize>,
    entry: Vec<(u32, f64)>,
}

impl Rotated {
    /// Computes `G` for this basis, unless it is the basis of the last call.
    ///
    /// # Complexity
    /// Once per basis: per nonzero of `A`, the product of the numbers of nonzeros in two rows of a sparse `U`.
    pub(super) fn prepare(&mut self, rows: &SymmetricRows, basis: &Basis) {
        if !self.basis.as_ref().is_some_and(|b| b.same(basis)) {
            self.stored = Stored::new(rows, basis);
            self.basis = Some(basis.clone());
        }
    }
}

impl Stored {
    /// `None` for a dense basis, and when more than a quarter of all entries of `G` are nonzero.
    fn new(rows: &SymmetricRows, basis: &Basis) -> Option<Self> {
        // Sum the contributions of the entries of each row by position.
        let u = basis.rows()?;
        let n = rows.order();
        let positions = n * (n + 1) / 2;
        let limit = rows.touching() * positions / 4;
        let mut sum = vec![0.0; positions];
        let mut seen = vec![false; positions];
        let mut touched: Vec<u32> = vec![];
        let mut list: Vec<(u32, u32, f64)> = vec![];
        for (i, a) in rows.iter() {
            for (r, c, v) in a.iter() {
                for &(p, x) in &u[r] {
                    for &(q, y) in &u[c] {
                        let (low, high) = (p.min(q) as usize, p.max(q) as usize);
                        let at = high * (high + 1) / 2 + low;
                        if !seen[at] {
                            seen[at] = true;
                            touched.push(at as u32);
                        }
                        // An entry of A off the diagonal stands for two. Its mirror image contributes at (q, p), which is
                        // another term of these loops unless p = q; there the one term counts twice.
                        let twice = if r != c && p == q { 2.0 } else { 1.0 };
                        // An entry on the diagonal has no mirror image, so only one of (p, q) and (q, p) counts.
                        if r == c && p > q {
                            continue;
                        }
                        sum[at] += twice * v * x * y;
                    }
                }
            }
            for at in touched.drain(..) {
                let x = core::mem::take(&mut sum[at as usize]);
                seen[at as usize] = false;
                if x != 0.0 {
                    list.push((at, i as u32, x));
                }
            }
            if list.len() > limit {
                return None;
            }
        }
        // Group the list by position.
        let mut start = vec![0; positions + 1];
        list.iter().for_each(|e| start[e.0 as usize + 1] += 1);
        for p in 0..positions {
            start[p + 1] += start[p];
        }
        let mut next = start.clone();
        let mut entry = vec![(0, 0.0); list.len()];
        for (at, i, x) in list {
            entry[next[at as usize]] = (i, x);
            next[at as usize] += 1;
        }
        Some(Self { start, entry })
    }

    fn at(&self, a: usize, b: usize) -> &[(u32, f64)] {
        let (low, high) = (a.min(b), a.max(b));
        let at = high * (high + 1) / 2 + low;
        &self.entry[self.start[at]..self.start[at + 1]]
    }
}

/// A moved eigenvalue `a`, and its partners `b`, each with the square root of the absolute weight of the pair `{a, b}`.
type Run = (usize, Vec<(usize, f64)>);

/// The pairs of eigenvalues whose terms a two-sided change alters, split by the sign of the weight.
pub(super) struct Pairs {
    basis: Basis,
    runs: [Vec<Run>; 2],
}

/// Where [`Pairs::list`] writes: sparse columns of a change, and the small factors that some columns are multiplied by.
pub(super) struct Columns<'a> {
    /// Number of the first column.
    pub first: usize,
    /// Row, column and value of every nonzero.
    pub entries: &'a mut Vec<(u32, u32, f64)>,
    /// First column, number of column groups, and factor.
    pub turns: &'a mut Vec<(usize, usize, Mat<f64>)>,
}

impl Pairs {
    pub(super) fn new(old: &Spectral, new: &Spectral, moved: &[usize]) -> Self {
        let n = new.basis.order();
        let (before, after) = (&old.eigenvalues, &new.eigenvalues);
        let mut place = vec![usize::MAX; n];
        moved.iter().enumerate().for_each(|(s, &a)| place[a] = s);
        // λ⁺_aλ⁺_b − λ_aλ_b is computed from means and differences, so nothing cancels when only one eigenvalue moves.
        let weight = |a: usize, b: usize| {
            let mean = |k: usize| 0.5 * (after[k] + before[k]);
            let step = |k: usize| after[k] - before[k];
            let product = step(a) * mean(b) + mean(a) * step(b);
            if a == b { product } else { 2.0 * product }
        };
        let all: Vec<Vec<(usize, f64)>> = moved
            .iter()
            .enumerate()
            .map(|(s, &a)| {
                // A pair of two moved eigenvalues is counted once, with the later of the two.
                let partners = (0..n).filter(|&b| place[b] == usize::MAX || place[b] <= s);
                partners.map(|b| (b, weight(a, b))).collect()
            })
            .collect();
        let largest = all
            .iter()
            .flatten()
            .fold(0.0, |m: f64, (_, w)| m.max(w.abs()));
        let floor = f64::EPSILON * f64::EPSILON * largest;
        let runs = [1.0, -1.0].map(|sign: f64| {
            let signed = |run: &Vec<(usize, f64)>| -> Vec<(usize, f64)> {
                let kept = run.iter().filter(|(_, w)| sign * w > floor);
                kept.map(|&(b, w)| (b, w.abs().sqrt())).collect()
            };
            let runs = moved.iter().zip(&all).map(|(&a, run)| (a, signed(run)));
            runs.filter(|(_, run)| !run.is_empty()).collect()
        });
        Self {
            basis: new.basis.clone(),
            runs,
        }
    }

    /// Lists the columns of one sign; returns the number of sparse columns.
    ///
    /// Where `G` is stored, a pair is one of its columns. Otherwise the pairs of `a` are `A(u_a ⊗ I)`, which is as sparse as
    /// `A`, times the columns of `U` that belong to the partners of `a`.
    pub(super) fn list(
        &self,
        sign: usize,
        rows: &SymmetricRows,
        rotated: &Rotated,
        to: Columns<'_>,
    ) -> usize {
        let runs = &self.runs[sign];
        let n = rows.order();
        if let Some(stored) = &rotated.stored {
            let mut column = to.first;
            for (a, run) in runs {
                for &(b, root) in run {
                    let list = stored.at(*a, b).iter();
                    to.entries
                        .extend(list.map(|&(i, x)| (i, column as u32, root * x)));
                    column += 1;
                }
            }
            return column - to.first;
        }
        let u = self.basis.matrix();
        let chosen = padded::from_fn(n, runs.len(), |i, s| u[(i, runs[s].0)]);
        rows.times(&chosen, |i, r, s, x| {
            if x != 0.0 {
                let column = to.first + s * n + r;
                to.entries.push((i as u32, column as u32, x));
            }
        });
        for (s, (_, run)) in runs.iter().enumerate() {
            let factor = padded::from_fn(n, run.len(), |i, j| u[(i, run[j].0)] * run[j].1);
            to.turns.push((to.first + s * n, 1, factor));
        }
        n * runs.len()
    }
}

/// `[V₊, V₋]` with `Σ_{b ∈ S} (λ⁺_b² − λ_b²) u_b u_bᵀ = V₊V₊ᵀ − V₋V₋ᵀ`: the change of the square of a one-sided weight.
pub(super) fn square_change(old: &Spectral, new: &Spectral, moved: &[usize]) -> [Mat<f64>; 2] {
    let u = new.basis.matrix();
    let gain: Vec<f64> = moved
        .iter()
        .map(|&k| {
            let (before, after) = (old.eigenvalues[k], new.eigenvalues[k]);
            (after - before) * (after + before)
        })
        .collect();
    let floor = f64::EPSILON * f64::EPSILON * max_abs(&gain);
    [1.0, -1.0].map(|sign| {
        let keep: Vec<usize> = (0..gain.len())
            .filter(|&k| sign * gain[k] > floor)
            .collect();
        padded::from_fn(u.nrows(), keep.len(), |i, j| {
            u[(i, moved[keep[j]])] * gain[keep[j]].abs().sqrt()
        })
    })
}
