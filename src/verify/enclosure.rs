//! A ball around a point that holds an exact solution of linear equations.
//!
//! Let `A` have rows scaled by powers of two `s_i`, and the coordinates of `x` weights `w`, powers of two as well. With `B = diag(s) A diag(w)` and
//! `K = B Bᵀ`, and `ρ = diag(s)(b − A x)`, the point `x* = x + diag(w) Bᵀ K⁻¹ ρ` solves `A x* = b` exactly, and
//!
//! ```text
//! ‖diag(w)⁻¹(x* − x)‖² = ρᵀ K⁻¹ ρ ≤ ‖ρ‖²/α   whenever   K ⪰ α I,  α > 0                                         (2)
//! ```
//!
//! `K ⪰ α I` is proved by one verified Cholesky factor, which also shows that the rows are independent. No approximate inverse is
//! formed: the bound (2) takes the place of `‖I − R K‖ < 1`.

use super::reason::Reason;
use crate::linalg::cholesky::Cholesky;
use crate::linalg::error_free::{Ball, div_up, mul_up, norm_up, power_of_two};
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::linalg::{norm, padded, verified_cholesky};
use faer::{Mat, MatMut};

/// A Gram matrix with at most this share of its triangle filled is factored as a sparse matrix.
const SPARSE_SHARE: f64 = 0.3;

/// Below this order a Gram matrix is factored densely.
const SPARSE_ORDER: usize = 100;

/// Steps of inverse iteration for the smallest eigenvalue: enough for a factor of 2.
const INVERSE_STEPS: usize = 12;

/// Attempts at `K ⪰ α I`, each with an `α` eight times smaller.
const EIGENVALUE_TRIES: usize = 4;

/// Corrections of a point at most: each makes the residual smaller by what the factor is worth, down to rounding.
const MAX_CORRECTIONS: usize = 4;

/// Sparse rows over coordinates with weights.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    /// `(coordinate, value)` of every row.
    pub(super) entries: Vec<Vec<(u32, f64)>>,
    /// Square of every coordinate's weight, times the number of times that the coordinate counts in an inner product: 2 for an
    /// entry off the diagonal of a symmetric matrix. Powers of two, 0 for a coordinate that must not move.
    pub(super) squares: Vec<f64>,
    /// Square of the weight of a coordinate that only this row has, with value −1: a row's slack. 0 for none.
    pub(super) slacks: Vec<f64>,
}

#[derive(Debug)]
enum Factor {
    Dense(Cholesky),
    Sparse(Box<SparseCholesky>),
}

/// The Gram matrix of weighted rows, factored, with a proved lower bound of its smallest eigenvalue.
#[derive(Debug)]
pub(super) struct Gram {
    /// `s_i`.
    scale: Vec<f64>,
    factor: Factor,
    /// A number that is not above `√α`.
    root: f64,
}

/// The upper triangle of a Gram matrix by columns, the diagonal last.
struct Upper {
    start: Vec<usize>,
    row: Vec<usize>,
    values: Vec<f64>,
}

impl Rows {
    /// Row scales `s_i` that bring the diagonal of `K` between 1 and 4.
    fn scales(&self) -> Result<Vec<f64>, Reason> {
        (0..self.entries.len()).map(|row| self.scale(row)).collect()
    }

    fn scale(&self, row: usize) -> Result<f64, Reason> {
        let (entries, slack) = (&self.entries[row], self.slacks[row]);
        let largest =
            |m: f64, (c, v): &(u32, f64)| m.max(v.abs() * self.squares[*c as usize].sqrt());
        let unit = entries.iter().fold(slack.sqrt(), largest);
        if !(unit > 0.0 && unit.is_finite()) {
            return Err(Reason::DependentRows { row });
        }
        let square = |(c, v): &(u32, f64)| (v / unit).powi(2) * self.squares[*c as usize];
        let sum = entries.iter().map(square).sum::<f64>() + slack / unit / unit;
        Ok(1.0 / power_of_two(unit * sum.sqrt()))
    }

    /// `K`, each entry a sum of products that are rounded once.
    ///
    /// # Complexity
    /// The sum of the squares of the column counts.
    fn gram(&self, scale: &[f64]) -> Upper {
        let m = self.entries.len();
        // Rows of every coordinate, ascending.
        let mut columns: Vec<Vec<(u32, f64)>> = vec![vec![]; self.squares.len()];
        let mut upper = Upper {
            start: vec![0],
            row: vec![],
            values: vec![],
        };
        let (mut sums, mut seen) = (vec![0.0; m], vec![usize::MAX; m]);
        for (j, entries) in self.entries.iter().enumerate() {
            let mut touched = vec![j];
            seen[j] = j;
            sums[j] = self.slacks[j] * scale[j] * scale[j];
            for (c, v) in entries
                .iter()
                .filter(|(c, _)| self.squares[*c as usize] > 0.0)
            {
                let (c, scaled) = (*c as usize, v * scale[j]);
                columns[c].push((j as u32, scaled));
                let weighted = scaled * self.squares[c];
                for &(i, other) in &columns[c] {
                    let i = i as usize;
                    if seen[i] != j {
                        (seen[i], sums[i]) = (j, 0.0);
                        touched.push(i);
                    }
                    sums[i] += weighted * other;
                }
            }
            touched.sort_unstable();
            upper.values.extend(touched.iter().map(|&i| sums[i]));
            upper.row.extend(touched);
            upper.start.push(upper.row.len());
        }
        upper
    }

    /// Products that an entry of `K` is summed up from, at most; the slack is one.
    fn products(&self) -> usize {
        self.entries.iter().map(Vec::len).max().unwrap_or(0) + 1
    }
}

impl Upper {
    fn order(&self) -> usize {
        self.start.len() - 1
    }

    fn is_sparse(&self) -> bool {
        let n = self.order();
        n >= SPARSE_ORDER && (self.row.len() as f64) < SPARSE_SHARE * 0.5 * (n * n) as f64
    }

    fn dense(&self) -> Mat<f64> {
        let n = self.order();
        let mut out = padded::zeros(n, n);
        for j in 0..n {
            for k in self.start[j]..self.start[j + 1] {
                out[(j, self.row[k])] = self.values[k];
            }
        }
        out
    }
}

impl Factor {
    fn solve(&mut self, rhs: &mut [f64]) {
        match self {
            Self::Dense(factor) => {
                let n = rhs.len();
                factor.solve_in_place(MatMut::from_column_major_slice_mut(rhs, n, 1));
            }
            Self::Sparse(factor) => factor.solve_in_place(rhs),
        }
    }

    /// An estimate of the smallest eigenvalue, by inverse iteration.
    fn smallest_eigenvalue(&mut self, n: usize) -> f64 {
        // Entries of different sizes and signs, so that no eigenvector is orthogonal to them by symmetry.
        let mut v: Vec<f64> = (0..n).map(|i| 1.0 + ((i * i + 1) as f64).sin()).collect();
        let mut estimate = f64::INFINITY;
        for _ in 0..INVERSE_STEPS {
            let length = norm(&v);
            v.iter_mut().for_each(|v| *v /= length);
            self.solve(&mut v);
            estimate = 1.0 / norm(&v);
        }
        estimate
    }
}

impl Gram {
    /// Forms, factors and proves.
    ///
    /// # Complexity
    /// Two factorisations of `K`, up to three more where the smallest eigenvalue was estimated too large.
    pub(super) fn new(rows: &Rows) -> Result<Self, Reason> {
        let scale = rows.scales()?;
        let upper = rows.gram(&scale);
        let n = upper.order();
        let dependent = |row: usize| Reason::DependentRows {
            row: row.min(n.saturating_sub(1)),
        };
        let dense = (!upper.is_sparse()).then(|| upper.dense());
        let (mut factor, mut proof) = match &dense {
            Some(k) => (
                Factor::Dense(Cholesky::factor(k.clone()).map_err(dependent)?),
                None,
            ),
            None => {
                let analysed = SparseCholesky::analyse(n, upper.start.clone(), upper.row.clone());
                let mut factor = analysed.ok_or(dependent(0))?;
                let proof = factor.clone();
                if !factor.factor(&upper.values) {
                    return Err(dependent(0));
                }
                (Factor::Sparse(Box::new(factor)), Some(proof))
            }
        };
        let mut alpha = 0.5 * factor.smallest_eigenvalue(n);
        let mut last = 0;
        for _ in 0..EIGENVALUE_TRIES {
            if !(alpha > 0.0 && alpha.is_finite()) {
                break;
            }
            let shift = vec![alpha; n];
            let proved = match (&dense, &mut proof) {
                (Some(k), _) => verified_cholesky::prove_gram(k, &shift, rows.products()),
                (None, Some(factor)) => {
                    let upper = (&upper.values[..], &upper.start[1..]);
                    verified_cholesky::prove_sparse(factor, upper, &shift, rows.products())
                }
                (None, None) => break,
            };
            match proved {
                Ok(()) => {
                    let root = alpha.sqrt().next_down();
                    return Ok(Self {
                        scale,
                        factor,
                        root,
                    });
                }
                Err(row) => last = row,
            }
            alpha /= 8.0;
        }
        Err(dependent(last))
    }

    /// An upper bound of `‖diag(w)⁻¹(x* − x)‖` for residuals `b − A x`.
    pub(super) fn radius(&self, residuals: &[Ball]) -> f64 {
        let pairs = residuals.iter().zip(&self.scale);
        let scaled: Vec<f64> = pairs.map(|(r, s)| mul_up(r.magnitude(), *s)).collect();
        div_up(norm_up(&scaled), self.root)
    }

    /// Multipliers `z` of the rows so that moving each coordinate by its square times `(Aᵀz)` makes up for the residuals, to the precision
    /// of the factor.
    pub(super) fn multipliers(&mut self, residuals: &[f64]) -> Vec<f64> {
        let mut z: Vec<f64> = residuals
            .iter()
            .zip(&self.scale)
            .map(|(r, s)| r * s)
            .collect();
        self.factor.solve(&mut z);
        z.iter_mut().zip(&self.scale).for_each(|(z, s)| *z *= s);
        z
    }

    /// Corrects a point until its residual no longer becomes smaller: `residuals` measures it, `shift` moves it by multipliers. The residuals
    /// of the point that is left.
    pub(super) fn correct<P: Clone>(
        &mut self,
        point: &mut P,
        residuals: impl Fn(&P) -> Vec<Ball>,
        shift: impl Fn(&mut P, &[f64]),
    ) -> Vec<Ball> {
        let mut found = residuals(point);
        for _ in 0..MAX_CORRECTIONS {
            let mids: Vec<f64> = found.iter().map(|r| r.mid).collect();
            let mut next = point.clone();
            shift(&mut next, &self.multipliers(&mids));
            let after = residuals(&next);
            let (before, now) = (self.radius(&found), self.radius(&after));
            if !(now < before) {
                break;
            }
            (*point, found) = (next, after);
            if now > 0.5 * before {
                break;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(entries: &[&[(u32, f64)]], squares: &[f64]) -> Rows {
        Rows {
            entries: entries.iter().map(|r| r.to_vec()).collect(),
            squares: squares.to_vec(),
            slacks: vec![0.0; entries.len()],
        }
    }

    #[test]
    fn the_ball_holds_the_least_correction() {
        // x + y = b and x − y = c: the correction of (0, 0) is ((b + c)/2, (b − c)/2).
        for w in [1.0, 4.0] {
            let rows = rows(&[&[(0, 1.0), (1, 1.0)], &[(0, 1e6), (1, -1e6)]], &[w, 1.0]);
            let mut gram = Gram::new(&rows).unwrap();
            let residuals = [Ball::exact(3e-5), Ball::exact(1e-5 * 1e6)];
            let least = f64::hypot(2e-5 / w.sqrt(), 1e-5);
            let found = gram.radius(&residuals);
            assert!(found >= least && found < 4.0 * least, "{found:e} {least:e}");
            let z = gram.multipliers(&[3e-5, 10.0]);
            assert!((w * (z[0] + 1e6 * z[1]) - 2e-5).abs() < 1e-18);
        }
        let dependent = rows(&[&[(0, 1.0), (1, 3.0)], &[(0, 0.1), (1, 0.3)]], &[1.0, 1.0]);
        assert!(matches!(
            Gram::new(&dependent),
            Err(Reason::DependentRows { .. })
        ));
    }
}
