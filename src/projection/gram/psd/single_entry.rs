//! Rows of a single entry. Nearly all rows of Lovász theta and MAX-CUT problems have this form. `K_ij` is then a few products,
//! which are added to the matrix directly.

use super::RowPlan;
use crate::linalg::real::Real;
use faer::{ColMut, MatMut, MatRef};

impl RowPlan {
    /// Adds `tr(A_i P A_j Q)` over the rows of a single entry to the lower triangle of `k`.
    ///
    /// Let `A_i = v (e_r e_cᵀ + e_c e_rᵀ)` and `t_k = (P_kc, P_kr, Q_kr, Q_kc)`. The sum with `A_j = a (e_s e_zᵀ + e_z e_sᵀ)` is
    /// `v a` times the product of `t_s` with `t_z`, whose two halves are swapped. This needs two reads per pair. A diagonal
    /// entry counts half.
    pub(super) fn accumulate_single_entries<T: Real>(
        &self,
        (p, q): (MatRef<'_, f64>, MatRef<'_, f64>),
        mut k: MatMut<'_, T>,
    ) {
        let (first, m) = (self.first_single, self.order.len());
        if first == m {
            return;
        }
        // The constraints of rows of equal length ascend, so the sums with later rows lie below the diagonal in one column.
        let mut columns: Vec<_> = k.as_mut().col_iter_mut().map(Some).collect();
        let mut columns: Vec<_> = self.order[first..]
            .iter()
            .map(|&i| columns[i as usize].take())
            .collect();
        let one = |i: usize, column: &mut [T], table: &mut Vec<[f64; 4]>| {
            if self.diagonal {
                self.accumulate_diagonal_entry(first + i, (p, q), column);
            } else {
                self.accumulate_single_entry(first + i, (p, q), column, table);
            }
        };
        #[cfg(feature = "rayon")]
        if let faer::Par::Rayon(_) = crate::linalg::par(4 * (m - first) * (m - first)) {
            use rayon::prelude::*;
            columns
                .par_iter_mut()
                .enumerate()
                .with_min_len(8)
                .for_each_init(Vec::new, |table, (i, column)| {
                    if let Some(column) = contiguous(column) {
                        one(i, column, table);
                    }
                });
            return;
        }
        let mut table = vec![];
        for (i, column) in columns.iter_mut().enumerate() {
            if let Some(column) = contiguous(column) {
                one(i, column, &mut table);
            }
        }
    }

    fn accumulate_diagonal_entry<T: Real>(
        &self,
        i: usize,
        (p, q): (MatRef<'_, f64>, MatRef<'_, f64>),
        out: &mut [T],
    ) {
        let at = self.start[i];
        let (r, v) = (self.row[at] as usize, self.value[at]);
        let (Some(p), Some(q)) = (p.col(r).try_as_col_major(), q.col(r).try_as_col_major()) else {
            return;
        };
        let (p, q) = (p.as_slice(), q.as_slice());
        let later = self.order[i..]
            .iter()
            .zip(&self.row[at..])
            .zip(&self.value[at..]);
        for ((&j, &s), a) in later {
            add(
                &mut out[j as usize],
                v * a * (p[s as usize] * q[s as usize]),
            );
        }
    }

    fn accumulate_single_entry<T: Real>(
        &self,
        i: usize,
        (p, q): (MatRef<'_, f64>, MatRef<'_, f64>),
        out: &mut [T],
        table: &mut Vec<[f64; 4]>,
    ) {
        let at = self.start[i];
        let (r, c) = (self.row[at] as usize, self.col[at] as usize);
        let share = |r: u32, c: u32, v: f64| if r == c { 0.5 * v } else { v };
        let v = share(r as u32, c as u32, self.value[at]);
        table.clear();
        let columns = p.col(c).iter().zip(p.col(r).iter());
        let columns = columns.zip(q.col(r).iter().zip(q.col(c).iter()));
        table.extend(columns.map(|((pc, pr), (qr, qc))| [*pc, *pr, *qr, *qc]));
        let places = self.row[at..].iter().zip(&self.col[at..]);
        let later = self.order[i..].iter().zip(places).zip(&self.value[at..]);
        for ((&j, (&s, &z)), &a) in later {
            let (x, y) = (&table[s as usize], &table[z as usize]);
            let sum = (x[0] * y[2] + x[1] * y[3]) + (x[2] * y[0] + x[3] * y[1]);
            add(&mut out[j as usize], v * share(s, z, a) * sum);
        }
    }
}

/// A column as a slice; every owned matrix has contiguous columns.
fn contiguous<'a, T: Real>(column: &mut Option<ColMut<'a, T>>) -> Option<&'a mut [T]> {
    Some(column.take()?.try_as_col_major_mut()?.as_slice_mut())
}

fn add<T: Real>(to: &mut T, v: f64) {
    *to = T::narrow(to.wide() + v);
}
