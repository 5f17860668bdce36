//! A sparse basis of a kernel.

use crate::linalg::machine::SPARSER_BASIS_FLOPS;
use faer::MatRef;

/// Entries of the basis below this, and distances from integers, are what is not known of the kernel: the pivots keep all
/// entries moderate. Exact entries are worth having, they make rows exactly dependent; whether they are right shows in `Z`.
const ROUNDING: f64 = 1e-9;

/// An exchange that makes the basis sparser may divide by a pivot this small.
const PIVOT: f64 = 0.5;

/// `B` with `VᵀB = 0`, of full column rank, by rows.
///
/// Some rows of `B` are those of the identity; which ones is decided by complete pivoting, so that the others are moderate, and
/// then by exchanges for as long as those leave fewer nonzeros.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    /// Columns and values of every row, columns ascending.
    pub rows: Vec<Vec<(u32, f64)>>,
    pub columns: usize,
}

impl Basis {
    /// Of the kernel of `Vᵀ`, for `V` with `n` rows and orthonormal columns.
    ///
    /// # Complexity
    /// With `R` columns `2R²n` flops, and at most some `2·10⁸` for exchanges.
    pub(super) fn of_kernel(v: MatRef<'_, f64>) -> Self {
        let (n, rank) = (v.nrows(), v.ncols());
        let mut table = Table::new(v);
        for step in 0..rank {
            table.largest_pivot(step);
        }
        table.exchange();
        let pivot_of: Vec<Option<usize>> = (0..n)
            .map(|j| table.pivot.iter().position(|&p| p == j))
            .collect();
        let free: Vec<usize> = (0..n).filter(|&j| pivot_of[j].is_none()).collect();
        let solved = table.refined(v, &free);
        let mut rows = vec![vec![]; n];
        for (a, &j) in free.iter().enumerate() {
            rows[j].push((a as u32, 1.0));
        }
        for (j, pivot) in pivot_of.iter().enumerate() {
            let Some(k) = *pivot else { continue };
            let row = solved[k].iter().enumerate();
            rows[j] = row
                .filter(|(_, v)| v.abs() > ROUNDING)
                .map(|(a, &v)| {
                    let near = v.round();
                    (
                        a as u32,
                        if (v - near).abs() <= ROUNDING {
                            -near
                        } else {
                            -v
                        },
                    )
                })
                .collect();
        }
        Self {
            rows,
            columns: free.len(),
        }
    }

    /// Unit vectors at the places that are kept.
    pub(super) fn of_numbers(kept: &[bool]) -> Self {
        let mut columns = 0;
        let row = |&kept: &bool| {
            if !kept {
                return vec![];
            }
            columns += 1;
            vec![(columns as u32 - 1, 1.0)]
        };
        let rows = kept.iter().map(row).collect();
        Self { rows, columns }
    }
}

/// `T Vᵀ` beside `T`, reduced to unit vectors in the pivot columns.
struct Table {
    rows: Vec<Vec<f64>>,
    n: usize,
    /// Column of the pivot of every row.
    pivot: Vec<usize>,
}

impl Table {
    fn new(v: MatRef<'_, f64>) -> Self {
        let (n, rank) = (v.nrows(), v.ncols());
        let row = |k: usize| {
            let unit = (0..rank).map(|l| f64::from(u8::from(l == k)));
            (0..n).map(|j| v[(j, k)]).chain(unit).collect()
        };
        Self {
            rows: (0..rank).map(row).collect(),
            n,
            pivot: vec![],
        }
    }

    /// Makes column `j` the unit vector of row `k`.
    fn reduce(&mut self, k: usize, j: usize) {
        let mut own = std::mem::take(&mut self.rows[k]);
        let pivot = own[j];
        own.iter_mut().for_each(|v| *v /= pivot);
        own[j] = 1.0;
        for row in self.rows.iter_mut().filter(|row| !row.is_empty()) {
            let factor = row[j];
            if factor != 0.0 {
                row.iter_mut().zip(&own).for_each(|(v, o)| *v -= factor * o);
                row[j] = 0.0;
            }
        }
        self.rows[k] = own;
    }

    fn largest_pivot(&mut self, step: usize) {
        let (mut best, mut at) = (-1.0, (step, 0));
        for (k, row) in self.rows.iter().enumerate().skip(step) {
            for (j, v) in row[..self.n].iter().enumerate() {
                if v.abs() > best {
                    (best, at) = (v.abs(), (k, j));
                }
            }
        }
        self.rows.swap(step, at.0);
        self.pivot.push(at.1);
        self.reduce(step, at.1);
    }

    /// Nonzeros after pivot `k` moved to column `j`, less those before.
    fn gain(&self, k: usize, j: usize) -> isize {
        let (own, pivot) = (&self.rows[k], self.rows[k][j]);
        let mut gain = 0;
        for (l, row) in self.rows.iter().enumerate() {
            let factor = row[j] / pivot;
            if l == k || row[j].abs() <= ROUNDING {
                continue;
            }
            for (v, o) in row[..self.n].iter().zip(own) {
                let after = (v - factor * o).abs() > ROUNDING;
                gain += isize::from(after) - isize::from(v.abs() > ROUNDING);
            }
        }
        gain
    }

    fn exchange(&mut self) {
        let mut left = SPARSER_BASIS_FLOPS;
        let mut improved = true;
        while improved {
            improved = false;
            for k in 0..self.rows.len() {
                for j in 0..self.n {
                    if self.pivot[k] == j || self.rows[k][j].abs() < PIVOT {
                        continue;
                    }
                    let cost = 2 * self.n * self.rows.len();
                    if left < cost {
                        return;
                    }
                    left -= cost;
                    if self.gain(k, j) < 0 {
                        self.pivot[k] = j;
                        self.reduce(k, j);
                        improved = true;
                    }
                }
            }
        }
    }

    /// `X` with `V_pᵀ X = V_freeᵀ`, by rows of the pivots: from `T`, and what that leaves once more.
    fn refined(&self, v: MatRef<'_, f64>, free: &[usize]) -> Vec<Vec<f64>> {
        let rank = self.rows.len();
        let inverse = |rest: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let row = |k: usize| {
                let factors = &self.rows[k][self.n..];
                let mut out = vec![0.0; free.len()];
                for (f, r) in factors.iter().zip(rest) {
                    crate::linalg::axpy(*f, r, &mut out);
                }
                out
            };
            (0..rank).map(row).collect()
        };
        let wanted: Vec<Vec<f64>> = (0..rank)
            .map(|k| free.iter().map(|&j| v[(j, k)]).collect())
            .collect();
        let mut x = inverse(&wanted);
        let mut rest = wanted;
        for (k, rest) in rest.iter_mut().enumerate() {
            for (row, &p) in x.iter().zip(&self.pivot) {
                crate::linalg::axpy(-v[(p, k)], row, rest);
            }
        }
        let correction = inverse(&rest);
        for (row, correction) in x.iter_mut().zip(&correction) {
            crate::linalg::axpy(1.0, correction, row);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::spectral;
    use faer::Mat;

    /// Row and column sums of a table that vanish: a kernel with a basis of entries 0 and ±1.
    #[test]
    fn a_kernel_of_sums_has_a_basis_of_integers() {
        let k = 5;
        let n = k * k;
        let z = Mat::from_fn(n, n, |i, j| {
            f64::from(u8::from(i / k == j / k)) + f64::from(u8::from(i % k == j % k))
        });
        let (values, vectors) = spectral::eigen(z.as_ref()).unwrap();
        let kernel = values.iter().filter(|v| **v < 1e-9).count();
        assert_eq!(kernel, (k - 1) * (k - 1));
        let basis = Basis::of_kernel(vectors.subcols(kernel, n - kernel));
        assert_eq!(basis.columns, kernel);
        assert!(basis.rows.iter().flatten().all(|(_, v)| v.abs() == 1.0));
        for a in 0..kernel {
            let column: Vec<f64> = basis
                .rows
                .iter()
                .map(|row| row.iter().find(|e| e.0 == a as u32).map_or(0.0, |e| e.1))
                .collect();
            for i in 0..n {
                let sum: f64 = (0..n).map(|j| z[(i, j)] * column[j]).sum();
                assert_eq!(sum, 0.0, "column {a}, row {i}");
            }
        }
        // Four entries a column: nothing sparser exists.
        let nonzeros = basis.rows.iter().flatten().count();
        assert!(nonzeros <= 6 * kernel, "{nonzeros}");
    }
}
