//! `tr(A_i P A_j Q)` over all pairs of rows on one PSD block.
//!
//! Rows are taken in the order of decreasing nonzeros; row `i` meets itself and all later ones. Four ways, the
//! cheapest by the counts below[^FKN97], `ρ` being the number of distinct indices in `A_i`:
//!
//! * [`Way::Full`]: `U = P A_i Q`, then `⟨A_j, U⟩`;
//! * [`Way::Entries`]: `V = A_i Q`, then only the entries of `P V` that `A_j` reads, `ρ` products each;
//! * [`Way::Pairs`]: a double loop over the nonzeros of `A_i` and `A_j`;
//! * [`Way::RankOne`], for `A_i = σ a aᵀ`: `σ ⟨A_j, (P a)(Q a)ᵀ⟩`, which costs the nonzeros of `A_j` alone[^BYZ00] and keeps
//!   the digits of `P a` where sums over `P A_i Q` would cancel.
//!
//! Rows that fill a quarter of the block or more are also kept dense, and meet each other as a matrix product of panels.
//!
//! [^FKN97]: Fujisawa, Kojima, Nakata. Exploiting sparsity in primal-dual interior-point methods for semidefinite
//! programming. Mathematical Programming 79, 1997.
//! [^BYZ00]: Benson, Ye, Zhang. Solving large-scale sparse semidefinite programs for combinatorial optimization. SIAM J.
//! Optim. 10, 2000.

use crate::constraints::{HeldWeight, RankOne, SymmetricRows};
use crate::linalg::product::gemm;
use faer::{Accum, Mat, MatMut, MatRef};

/// Rows of a panel of dense rows.
const PANEL: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Full,
    Entries,
    Pairs,
    RankOne,
}

#[derive(Debug, Clone)]
pub(crate) struct PsdPlan {
    n: usize,
    /// Constraints in the order of decreasing nonzeros.
    order: Vec<u32>,
    start: Vec<usize>,
    row: Vec<u32>,
    col: Vec<u32>,
    value: Vec<f64>,
    /// Distinct indices of every row.
    support: Vec<Vec<u32>>,
    way: Vec<Way>,
    rank_one: Vec<Option<RankOne>>,
    /// The first `dense.ncols()` rows: upper triangles down the columns, one row a column.
    dense: Mat<f64>,
}

/// Work space of one assembly.
struct Work {
    /// `V = A_i Q` on the support, transposed: `n × ρ`, or `n × n` for a dense row.
    vt: Mat<f64>,
    /// `P` on the support: `n × ρ`.
    p: Mat<f64>,
    u: Mat<f64>,
    /// Where each index stands in the support, or `u32::MAX`.
    place: Vec<u32>,
    /// `V` and `P` with the support running fastest.
    v_fast: Vec<f64>,
    p_fast: Vec<f64>,
    half: Vec<f64>,
    /// Sums for all rows after the current one.
    sums: Vec<f64>,
}

impl PsdPlan {
    pub(crate) fn new(rows: &SymmetricRows) -> Self {
        let n = rows.order();
        let mut by_size: Vec<usize> = (0..rows.touching()).collect();
        by_size.sort_by_key(|&k| core::cmp::Reverse(rows.get(k).1.len()));
        let (mut order, mut start) = (vec![], vec![0]);
        let (mut row, mut col, mut value) = (vec![], vec![], vec![]);
        let mut support = Vec::with_capacity(by_size.len());
        let mut rank_one = Vec::with_capacity(by_size.len());
        let mut dense_rows = 0;
        for &k in &by_size {
            let (constraint, a) = rows.get(k);
            order.push(constraint as u32);
            row.extend_from_slice(a.row);
            col.extend_from_slice(a.col);
            value.extend_from_slice(a.value);
            start.push(value.len());
            support.push(a.support());
            rank_one.push(rows.rank_one(k).cloned());
            let dense = n >= 8 && a.len() >= n * (n + 1) / 8 && rows.rank_one(k).is_none();
            dense_rows += usize::from(dense && dense_rows == support.len() - 1);
        }
        // A single dense row gains nothing from a matrix product.
        let dense_rows = if dense_rows >= 4 { dense_rows } else { 0 };
        let mut dense = Mat::zeros(if dense_rows > 0 { n * (n + 1) / 2 } else { 0 }, dense_rows);
        for k in 0..dense_rows {
            for e in start[k]..start[k + 1] {
                let (r, c) = (row[e] as usize, col[e] as usize);
                dense[(c * (c + 1) / 2 + r, k)] = value[e];
            }
        }
        let mut plan = Self {
            n,
            order,
            start,
            row,
            col,
            value,
            support,
            way: vec![],
            rank_one,
            dense,
        };
        plan.way = (0..plan.order.len()).map(|i| plan.choose(i)).collect();
        plan
    }

    /// Counts in units of one gathered multiply-add; streaming and matrix products run that much faster.
    fn choose(&self, i: usize) -> Way {
        const STREAM: f64 = 0.2;
        const GEMM: f64 = 0.05;
        if self.rank_one[i].is_some() {
            return Way::RankOne;
        }
        if i < self.dense.ncols() {
            return Way::Full;
        }
        let n = self.n as f64;
        let nnz = 2.0 * (self.start[i + 1] - self.start[i]) as f64;
        let rho = self.support[i].len() as f64;
        let up = (self.value.len() - self.start[i]) as f64;
        let product = STREAM * nnz * n;
        let full = product + GEMM * n * n * rho + STREAM * n * n + 2.0 * up;
        let entries = product + STREAM * n * rho + 2.0 * (0.5 * rho + 1.0) * up;
        let pairs = 2.0 * nnz * up;
        if pairs <= entries && pairs <= full {
            Way::Pairs
        } else if entries <= full {
            Way::Entries
        } else {
            Way::Full
        }
    }

    fn entries(&self, k: usize) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let at = self.start[k]..self.start[k + 1];
        let (row, col) = (&self.row[at.clone()], &self.col[at.clone()]);
        row.iter()
            .zip(col)
            .zip(&self.value[at])
            .map(|((&r, &c), &v)| (r as usize, c as usize, v))
    }

    /// Adds `tr(A_i P A_j Q)` to the lower triangle of `k`.
    pub(crate) fn add(&self, held: &HeldWeight, mut k: MatMut<'_, f64>) {
        let Some((p, q)) = held.gram_pair() else {
            return;
        };
        let same = held.two_sided().is_some();
        let n = self.n;
        let mut work = Work {
            vt: Mat::zeros(n, n),
            p: Mat::zeros(n, n),
            u: Mat::zeros(n, n),
            place: vec![u32::MAX; n],
            v_fast: vec![],
            p_fast: vec![],
            half: vec![],
            sums: vec![0.0; self.order.len()],
        };
        let mut panel = Mat::zeros(self.dense.nrows(), PANEL.min(self.dense.ncols()));
        let mut panel_sums = Mat::zeros(self.dense.ncols(), panel.ncols());
        for i in 0..self.order.len() {
            let dense = self.dense.ncols();
            work.sums[i..].fill(0.0);
            match self.way[i] {
                Way::Full => {
                    self.full(i, p, q, &mut work);
                    let from = if i < dense { dense } else { i };
                    self.inner_all(from, work.u.as_ref(), &mut work.sums);
                }
                Way::Entries => self.by_entries(i, p, q, &mut work),
                Way::Pairs => self.by_pairs(i, p, q, same, &mut work.sums),
                Way::RankOne => self.by_rank_one(i, held, &mut work),
            }
            if i < dense {
                let slot = i % PANEL;
                store_symmetrised(work.u.as_ref(), panel.col_as_slice_mut(slot));
                if slot + 1 == PANEL || i + 1 == dense {
                    let first = i - slot;
                    let later = self.dense.subcols(first, dense - first);
                    let mut out = panel_sums
                        .as_mut()
                        .submatrix_mut(0, 0, dense - first, slot + 1);
                    gemm(
                        out.as_mut(),
                        Accum::Replace,
                        1.0,
                        later.transpose(),
                        panel.subcols(0, slot + 1),
                    );
                    for s in 0..=slot {
                        for j in s..dense - first {
                            add_lower(
                                &mut k,
                                self.order[first + s],
                                self.order[first + j],
                                out[(j, s)],
                            );
                        }
                    }
                }
                for j in dense..self.order.len() {
                    add_lower(&mut k, self.order[i], self.order[j], work.sums[j]);
                }
            } else {
                for j in i..self.order.len() {
                    add_lower(&mut k, self.order[i], self.order[j], work.sums[j]);
                }
            }
        }
    }

    /// `vt ← (A_i Q)ᵀ` on the support of `A_i`, and the support's places.
    fn sparse_product(&self, i: usize, q: MatRef<'_, f64>, work: &mut Work) {
        for (s, &r) in self.support[i].iter().enumerate() {
            work.place[r as usize] = s as u32;
            work.vt.col_mut(s).fill(0.0);
        }
        for (r, c, v) in self.entries(i) {
            let (sr, sc) = (work.place[r] as usize, work.place[c] as usize);
            axpy_col(v, q, c, work.vt.col_as_slice_mut(sr));
            if r != c {
                axpy_col(v, q, r, work.vt.col_as_slice_mut(sc));
            }
        }
    }

    fn forget_places(&self, i: usize, work: &mut Work) {
        for &r in &self.support[i] {
            work.place[r as usize] = u32::MAX;
        }
    }

    /// `u ← P A_i Q`.
    fn full(&self, i: usize, p: Option<MatRef<'_, f64>>, q: MatRef<'_, f64>, work: &mut Work) {
        let n = self.n;
        if 4 * (self.start[i + 1] - self.start[i]) > n * n {
            // So dense that a matrix product beats the sparse one.
            let Work { vt, p: a, u, .. } = work;
            a.fill(0.0);
            for (r, c, v) in self.entries(i) {
                a[(r, c)] = v;
                a[(c, r)] = v;
            }
            match p {
                None => gemm(u.as_mut(), Accum::Replace, 1.0, a.as_ref(), q),
                Some(p) => {
                    gemm(vt.as_mut(), Accum::Replace, 1.0, a.as_ref(), q);
                    gemm(u.as_mut(), Accum::Replace, 1.0, p, vt.as_ref());
                }
            }
            return;
        }
        self.sparse_product(i, q, work);
        let rho = self.support[i].len();
        match p {
            None => {
                work.u.fill(0.0);
                for (s, &r) in self.support[i].iter().enumerate() {
                    for c in 0..n {
                        work.u[(r as usize, c)] = work.vt[(c, s)];
                    }
                }
            }
            Some(p) => {
                for (s, &r) in self.support[i].iter().enumerate() {
                    work.p.col_mut(s).copy_from(p.col(r as usize));
                }
                let (left, right) = (work.p.subcols(0, rho), work.vt.subcols(0, rho));
                gemm(
                    work.u.as_mut(),
                    Accum::Replace,
                    1.0,
                    left,
                    right.transpose(),
                );
            }
        }
        self.forget_places(i, work);
    }

    /// `sums[j] ← ⟨A_j, U⟩` for `j ≥ from`.
    fn inner_all(&self, from: usize, u: MatRef<'_, f64>, sums: &mut [f64]) {
        for (j, sum) in sums.iter_mut().enumerate().skip(from) {
            let mut t = 0.0;
            for (r, c, v) in self.entries(j) {
                t += if r == c {
                    v * u[(r, r)]
                } else {
                    v * (u[(r, c)] + u[(c, r)])
                };
            }
            *sum = t;
        }
    }

    fn by_entries(
        &self,
        i: usize,
        p: Option<MatRef<'_, f64>>,
        q: MatRef<'_, f64>,
        work: &mut Work,
    ) {
        self.sparse_product(i, q, work);
        let (n, rho) = (self.n, self.support[i].len());
        let Work {
            vt,
            place,
            v_fast,
            p_fast,
            sums,
            ..
        } = work;
        match p {
            None => {
                let at = |r: usize, c: usize| match place[r] {
                    u32::MAX => 0.0,
                    s => vt[(c, s as usize)],
                };
                for (j, sum) in sums.iter_mut().enumerate().skip(i) {
                    for (r, c, v) in self.entries(j) {
                        *sum += if r == c {
                            v * at(r, r)
                        } else {
                            v * (at(r, c) + at(c, r))
                        };
                    }
                }
            }
            Some(p) => {
                v_fast.resize(n * rho, 0.0);
                p_fast.resize(n * rho, 0.0);
                for (s, &r) in self.support[i].iter().enumerate() {
                    for c in 0..n {
                        v_fast[c * rho + s] = vt[(c, s)];
                        p_fast[c * rho + s] = p[(c, r as usize)];
                    }
                }
                let at = |r: usize, c: usize| {
                    let (a, b) = (&p_fast[r * rho..][..rho], &v_fast[c * rho..][..rho]);
                    a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>()
                };
                for (j, sum) in sums.iter_mut().enumerate().skip(i) {
                    for (r, c, v) in self.entries(j) {
                        *sum += if r == c {
                            v * at(r, r)
                        } else {
                            v * (at(r, c) + at(c, r))
                        };
                    }
                }
            }
        }
        self.forget_places(i, work);
    }

    /// `sums[j] ← σ ⟨A_j, (P a)(Q a)ᵀ⟩`.
    fn by_rank_one(&self, i: usize, held: &HeldWeight, work: &mut Work) {
        let Some(a) = &self.rank_one[i] else { return };
        let Work {
            v_fast: pa,
            p_fast: qa,
            half,
            sums,
            ..
        } = work;
        pa.resize(self.n, 0.0);
        qa.resize(self.n, 0.0);
        half.resize(self.n, 0.0);
        held.times(a, half, pa, qa);
        for (j, sum) in sums.iter_mut().enumerate().skip(i) {
            let mut t = 0.0;
            for (r, c, v) in self.entries(j) {
                t += v * if r == c {
                    pa[r] * qa[r]
                } else {
                    pa[r] * qa[c] + pa[c] * qa[r]
                };
            }
            *sum = a.sign * t;
        }
    }

    fn by_pairs(
        &self,
        i: usize,
        p: Option<MatRef<'_, f64>>,
        q: MatRef<'_, f64>,
        same: bool,
        sums: &mut [f64],
    ) {
        for (r, c, v) in self.entries(i) {
            // Columns of P and Q stay in cache while all later rows pass by.
            match p {
                Some(p) if same => self.pair_two_sided(i, (r, c, v), p, sums),
                _ => {
                    let p_at = |x: usize, y: usize| match p {
                        Some(p) => p[(x, y)],
                        None => f64::from(u8::from(x == y)),
                    };
                    for (j, sum) in sums.iter_mut().enumerate().skip(i) {
                        for (s, t, w) in self.entries(j) {
                            let mut x = p_at(c, s) * q[(t, r)];
                            if s != t {
                                x += p_at(c, t) * q[(s, r)];
                            }
                            if r != c {
                                x += p_at(r, s) * q[(t, c)];
                                if s != t {
                                    x += p_at(r, t) * q[(s, c)];
                                }
                            }
                            *sum += v * w * x;
                        }
                    }
                }
            }
        }
    }

    fn pair_two_sided(
        &self,
        i: usize,
        (r, c, v): (usize, usize, f64),
        w: MatRef<'_, f64>,
        sums: &mut [f64],
    ) {
        let (Some(wr), Some(wc)) = (w.col(r).try_as_col_major(), w.col(c).try_as_col_major())
        else {
            return;
        };
        let (wr, wc) = (wr.as_slice(), wc.as_slice());
        let v = if r == c { v } else { 2.0 * v };
        for (j, sum) in sums.iter_mut().enumerate().skip(i) {
            let mut x = 0.0;
            for (s, t, a) in self.entries(j) {
                x += a * if s == t {
                    wc[s] * wr[s]
                } else {
                    wc[s] * wr[t] + wc[t] * wr[s]
                };
            }
            *sum += v * x;
        }
    }
}

/// `y += v Q[:, c]`.
fn axpy_col(v: f64, q: MatRef<'_, f64>, c: usize, y: &mut [f64]) {
    match q.col(c).try_as_col_major() {
        Some(col) => crate::linalg::axpy(v, col.as_slice(), y),
        None => y
            .iter_mut()
            .enumerate()
            .for_each(|(k, y)| *y += v * q[(k, c)]),
    }
}

/// Upper triangle of `U + Uᵀ` down the columns, the diagonal not doubled: its inner product with the upper triangle
/// of a symmetric `A` is `⟨A, U⟩`.
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

fn add_lower(k: &mut MatMut<'_, f64>, i: u32, j: u32, value: f64) {
    let (i, j) = (i.max(j) as usize, i.min(j) as usize);
    k[(i, j)] += value;
}
