//! Plain dense arithmetic for tests: only the nonzeros of a program are taken from the library.
#![allow(clippy::needless_range_loop, reason = "two indices run together")]

use dyncvx::constraints::{Block, Constraints};
use dyncvx::problem::ConicProgram;

pub const TINY: f64 = 1e-11;

/// Each row as a full vector, both triangles.
pub fn dense(a: &Constraints) -> Vec<Vec<f64>> {
    let starts: Vec<usize> = a
        .blocks()
        .iter()
        .scan(0, |end, b| {
            let start = *end;
            *end += match b {
                Block::Psd(n) => n * n,
                Block::Nonneg(n) => *n,
            };
            Some(start)
        })
        .collect();
    let mut rows = vec![vec![0.0; a.ambient()]; a.len()];
    for (i, b, r, c, v) in a.entries() {
        match a.blocks()[b] {
            Block::Psd(n) => {
                rows[i][starts[b] + r + c * n] = v;
                rows[i][starts[b] + c + r * n] = v;
            }
            Block::Nonneg(_) => rows[i][starts[b] + r] = v,
        }
    }
    rows
}

pub fn dot(u: &[f64], v: &[f64]) -> f64 {
    assert_eq!(u.len(), v.len());
    u.iter().zip(v).map(|(u, v)| u * v).sum()
}

/// `Σ y_i A_i`.
pub fn combine(rows: &[Vec<f64>], y: &[f64]) -> Vec<f64> {
    assert_eq!(rows.len(), y.len());
    let at = |k: usize| rows.iter().zip(y).map(|(row, y)| row[k] * y).sum();
    (0..rows[0].len()).map(at).collect()
}

pub fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (k, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f - e).abs() <= TINY * (1.0 + e.abs()),
            "{what}[{k}]: {f} {e}"
        );
    }
}

/// Each block cut out of a flat vector, as a full matrix (a diagonal one for a nonnegative block).
pub fn matrices(blocks: &[Block], x: &[f64]) -> Vec<Vec<Vec<f64>>> {
    let mut rest = x;
    let mut out = Vec::new();
    for b in blocks {
        let n = b.order();
        let is_psd = matches!(b, Block::Psd(_));
        let (mine, others) = rest.split_at(if is_psd { n * n } else { n });
        rest = others;
        let entry = |i: usize, j: usize| match (is_psd, i == j) {
            (true, _) => mine[i + j * n],
            (false, true) => mine[i],
            (false, false) => 0.0,
        };
        let rows = (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect());
        out.push(rows.collect());
    }
    assert!(rest.is_empty());
    out
}

/// Eigenvalues of a symmetric matrix by Jacobi's rotations, ascending.
pub fn eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    for i in 0..n {
        for j in 0..n {
            assert_eq!(a[i][j], a[j][i], "not symmetric at ({i}, {j})");
        }
    }
    for _ in 0..60 {
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() < 1e-300 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                for k in 0..n {
                    (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]);
                }
            }
        }
    }
    let mut values: Vec<_> = (0..n).map(|i| a[i][i]).collect();
    values.sort_by(f64::total_cmp);
    values
}

pub fn smallest_eigenvalue(blocks: &[Block], x: &[f64]) -> f64 {
    let all = matrices(blocks, x).into_iter().flat_map(eigenvalues);
    all.fold(f64::INFINITY, f64::min)
}

/// Smallest length left of a row after the others before it are projected out, relative to its own.
pub fn independence(rows: &[Vec<f64>]) -> f64 {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut least = f64::INFINITY;
    for row in rows {
        let mut left = row.clone();
        for _ in 0..2 {
            for q in &basis {
                let along = dot(q, &left);
                left.iter_mut().zip(q).for_each(|(l, q)| *l -= along * q);
            }
        }
        let norm = dot(&left, &left).sqrt();
        least = least.min(norm / dot(row, row).sqrt());
        left.iter_mut().for_each(|l| *l /= norm);
        basis.push(left);
    }
    least
}

/// `A`, `b` and `c`, dense.
pub fn data(program: &ConicProgram) -> (Vec<Vec<f64>>, &[f64], Vec<f64>) {
    let c = dense(program.cost()).remove(0);
    (dense(program.constraints()), program.rhs(), c)
}
