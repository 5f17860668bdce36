//! The formulas for the sums of one row with all later rows.

use super::{RowFormula, RowPlan};
use crate::constraints::GramPair;
use crate::linalg::axpy;
use crate::linalg::padded;
use crate::linalg::product::gemm;
use faer::{Accum, Mat, MatRef};

/// Scratch space of one thread, grown on first use.
pub(super) struct Work {
    /// `V = A_i Q` on the support, transposed: `n × ρ`, or `n × n` for a dense row.
    vt: Mat<f64>,
    /// `P` on the support: `n × ρ`.
    p: Mat<f64>,
    /// `U = P A_i Q`.
    pub u: Mat<f64>,
    /// Position of each index in the support, or `u32::MAX`.
    place: Vec<u32>,
    /// `V`, stored with the support as the fastest index.
    v_fast: Vec<f64>,
    /// `P` on the support, stored with the support as the fastest index.
    p_fast: Vec<f64>,
    /// The symmetrised `U`, or the product of a vector with a root of the weight.
    half: Vec<f64>,
    /// Sums of the current row with every row of the plan.
    pub sums: Vec<f64>,
}

impl Work {
    pub(super) fn new(plan: &RowPlan) -> Self {
        Self {
            vt: Mat::new(),
            p: Mat::new(),
            u: Mat::new(),
            place: vec![u32::MAX; plan.n],
            v_fast: vec![],
            p_fast: vec![],
            half: vec![],
            sums: vec![0.0; plan.order.len()],
        }
    }

    pub(super) fn grow(&mut self, n: usize) {
        if self.vt.nrows() < n {
            (self.vt, self.p, self.u) = (
                padded::zeros(n, n),
                padded::zeros(n, n),
                padded::zeros(n, n),
            );
        }
    }
}

impl RowPlan {
    /// `sums[j] ← tr(A_i P A_j Q)` for `j ≥ i`.
    pub(super) fn accumulate_row(&self, i: usize, pair: &GramPair<'_>, work: &mut Work) {
        let (p, q) = (pair.p, pair.q);
        work.sums[i..].fill(0.0);
        match self.formula[i] {
            RowFormula::Full => {
                self.full(i, p, q, work);
                self.inner_all(i, work);
            }
            RowFormula::Entries => self.by_entries(i, p, q, work),
            RowFormula::Pairs => match p {
                Some(p) => self.by_pairs(i, p, q, pair.same, &mut work.sums),
                None => self.by_pairs_one_sided(i, q, &mut work.sums),
            },
            RowFormula::RankOne => self.by_rank_one(i, pair, work),
        }
    }

    /// `vt ← (A_i Q)ᵀ` on the support of `A_i`. `place` receives the position of every index in the support.
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
    pub(super) fn full(
        &self,
        i: usize,
        p: Option<MatRef<'_, f64>>,
        q: MatRef<'_, f64>,
        work: &mut Work,
    ) {
        let n = self.n;
        work.grow(n);
        if 4 * (self.start[i + 1] - self.start[i]) > n * n {
            // With this many entries a product of dense matrices is faster.
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

    /// `sums[j] ← ⟨A_j, U⟩` for `j ≥ from`; `U` is symmetrised first.
    pub(super) fn inner_all(&self, from: usize, work: &mut Work) {
        if from == self.order.len() {
            return;
        }
        let (n, symmetric) = (self.n, &mut work.half);
        symmetric.resize(n * n, 0.0);
        // An entry above the diagonal stands for its mirror image too. Entries below the diagonal are never read.
        for c in 0..n {
            let column = work.u.col_as_slice(c);
            for r in 0..c {
                symmetric[c * n + r] = column[r] + work.u[(c, r)];
            }
            symmetric[c * n + c] = column[c];
        }
        for (sum, at) in work.sums[from..]
            .iter_mut()
            .zip(self.start[from..].windows(2))
        {
            let (place, value) = (&self.place[at[0]..at[1]], &self.value[at[0]..at[1]]);
            let mut partial = [0.0; 4];
            let (a, b) = (place.chunks_exact(4), value.chunks_exact(4));
            let rest = a.remainder().iter().zip(b.remainder());
            *sum = rest.map(|(&k, v)| v * symmetric[k as usize]).sum();
            for (k, v) in a.zip(b) {
                for (p, (&k, v)) in partial.iter_mut().zip(k.iter().zip(v)) {
                    *p += v * symmetric[k as usize];
                }
            }
            *sum += partial.iter().sum::<f64>();
        }
    }

    fn by_entries(
        &self,
        i: usize,
        p: Option<MatRef<'_, f64>>,
        q: MatRef<'_, f64>,
        work: &mut Work,
    ) {
        work.grow(self.n);
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
    fn by_rank_one(&self, i: usize, pair: &GramPair<'_>, work: &mut Work) {
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
        pair.times(a, half, pa, qa);
        self.add_outer(i, a.sign, (pa, qa), sums);
    }

    /// `sums[j] += c ⟨A_j, p qᵀ⟩` for `j ≥ from`.
    pub(super) fn add_outer(
        &self,
        from: usize,
        c: f64,
        (p, q): (&[f64], &[f64]),
        sums: &mut [f64],
    ) {
        for (j, sum) in sums.iter_mut().enumerate().skip(from) {
            let mut t = 0.0;
            for (r, s, v) in self.entries(j) {
                t += v * if r == s {
                    p[r] * q[r]
                } else {
                    p[r] * q[s] + p[s] * q[r]
                };
            }
            *sum += c * t;
        }
    }

    /// The double loop over pairs of entries. The columns of `P` and `Q` for one entry of `A_i` stay in cache while the entries of
    /// all later rows are read.
    fn by_pairs(
        &self,
        i: usize,
        p: MatRef<'_, f64>,
        q: MatRef<'_, f64>,
        same: bool,
        sums: &mut [f64],
    ) {
        for (r, c, v) in self.entries(i) {
            let (pr, pc, qr, qc) = (column(p, r), column(p, c), column(q, r), column(q, c));
            let v = if r == c { 0.5 * v } else { v };
            if same {
                let v = 2.0 * v;
                self.each_entry(i, sums, |s, t| {
                    if s == t {
                        v * pc[s] * pr[s]
                    } else {
                        v * (pc[s] * pr[t] + pc[t] * pr[s])
                    }
                });
            } else {
                self.each_entry(i, sums, |s, t| {
                    let one = pc[s] * qr[t] + pr[s] * qc[t];
                    v * if s == t {
                        one
                    } else {
                        one + pc[t] * qr[s] + pr[t] * qc[s]
                    }
                });
            }
        }
    }

    /// The double loop over pairs of entries for `P = I`.
    fn by_pairs_one_sided(&self, i: usize, q: MatRef<'_, f64>, sums: &mut [f64]) {
        let at = |x: usize, y: usize| f64::from(u8::from(x == y));
        for (r, c, v) in self.entries(i) {
            let (qr, qc) = (column(q, r), column(q, c));
            let v = if r == c { 0.5 * v } else { v };
            self.each_entry(i, sums, |s, t| {
                let one = at(c, s) * qr[t] + at(r, s) * qc[t];
                v * if s == t {
                    one
                } else {
                    one + at(c, t) * qr[s] + at(r, t) * qc[s]
                }
            });
        }
    }

    /// `sums[j] += Σ a f(s, t)` over the entries `(s, t, a)` of every row `j ≥ i`.
    #[inline(always)]
    fn each_entry(&self, i: usize, sums: &mut [f64], f: impl Fn(usize, usize) -> f64) {
        let single = self.first_single.max(i);
        for (j, sum) in sums.iter_mut().enumerate().take(single).skip(i) {
            let mut x = 0.0;
            for (s, t, a) in self.entries(j) {
                x += a * f(s, t);
            }
            *sum += x;
        }
        let at = self.start[single]..;
        let (row, col) = (&self.row[at.clone()], &self.col[at.clone()]);
        let entries = row.iter().zip(col).zip(&self.value[at]);
        for (sum, ((&s, &t), a)) in sums[single..].iter_mut().zip(entries) {
            *sum += a * f(s as usize, t as usize);
        }
    }
}

/// A column as a slice; every owned matrix has contiguous columns.
fn column(m: MatRef<'_, f64>, k: usize) -> &[f64] {
    m.col(k)
        .try_as_col_major()
        .map_or(&[][..], |c| c.as_slice())
}

/// `y += v Q[:, c]`.
fn axpy_col(v: f64, q: MatRef<'_, f64>, c: usize, y: &mut [f64]) {
    match q.col(c).try_as_col_major() {
        Some(col) => axpy(v, col.as_slice(), y),
        None => y
            .iter_mut()
            .enumerate()
            .for_each(|(k, y)| *y += v * q[(k, c)]),
    }
}
