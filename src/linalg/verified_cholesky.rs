//! Proofs that a matrix is positive semidefinite, by a Cholesky factor in floating point.
//!
//! # The theorem
//!
//! Let `A` be a symmetric matrix of numbers, of order `n`, whose Cholesky factorisation in floating point runs to its end
//! with positive finite pivots. The factor `L` found satisfies `L Lᵀ = A + E` with `│E_ij│ ≤ γ_k Σ_l │L_il││L_jl│`, `γ_k = k u/(1 − k u)`,
//! where `k` bounds the roundings that a term meets[^H02]. With `‖L_i‖² = A_ii + E_ii` and Cauchy–Schwarz
//!
//! ```text
//! │E_ij│ ≤ g √(A_ii A_jj),   g = γ_k/(1 − γ_k),   hence   A ⪰ −E ⪰ −g n diag(A)                                     (1)
//! ```
//!
//! since `(Σ √A_ii │x_i│)² ≤ n Σ A_ii x_i²`. Rump's criterion[^R06] is the same with `g tr(A) I`; the diagonal form does not change when rows
//! and columns are scaled. So the matrix `M` is semidefinite when `M − diag(shift)` with `shift_i ≥ g n M_ii` has a factor.
//!
//! # What is asked of the factorisation
//!
//! Every entry of `L` is `(A_ij − Σ_l L_il L_jl)/L_jj`, or a root of such a sum, of products that may be added in any order and
//! grouping, fused with an addition or not. That is lemma 8.4 of Higham's book[^H02], with `k = n + 1`. The blocked factorisations of
//! faer 0.24 that this library uses, dense and by supernodes, are of this kind: updates are matrix products with factor
//! −1, without fast multiplication. Three details cost extra roundings per term: a division is a product with a rounded reciprocal;
//! the pivot is `s · fl(1/fl(√s))`; triangles of order up to 4 are solved with the reciprocals multiplied into the off-diagonal
//! terms and into the right-hand side. Each adds at most 2 to 5 factors `1 + δ`; [`EXTRA`] covers them twice over.
//!
//! [^H02]: Higham. *Accuracy and Stability of Numerical Algorithms.* SIAM 2002, lemma 8.4 and theorem 10.3.
//! [^R06]: Rump. *Verification of positive definiteness.* BIT 46, 2006.

use super::cholesky;
use super::error_free::{SMALLEST, add_down, add_up, gamma_up, mul_up};
use super::sparse_cholesky::SparseCholesky;
use faer::{Mat, MatMut};

/// Roundings of one term of an inner product beyond its length: 1 by lemma 8.4, 5 for the pivot's reciprocal, 2 for small
/// triangles; the same again as a margin.
const EXTRA: usize = 16;

/// The diagonal to factor instead of a matrix's own, so that a factor proves `M − diag(shift)` semidefinite: `shift`, the bound
/// (1), and what underflows are taken off. Entries of `M` may be off by `γ_terms √(M_ii M_jj)`, as the entries of a Gram
/// matrix summed up from `terms − 2` products are. `Err(i)` where nothing positive is left.
fn lowered(diagonal: &[f64], shift: &[f64], terms: usize) -> Result<Vec<f64>, usize> {
    let n = diagonal.len();
    let relative = |k: usize| {
        let gamma = gamma_up(k);
        let rest = add_down(1.0, -gamma);
        if rest > 0.0 {
            super::error_free::div_up(gamma, rest)
        } else {
            f64::INFINITY
        }
    };
    let own = if terms > 0 { relative(terms) } else { 0.0 };
    let share = mul_up(n as f64, add_up(relative(n + EXTRA), own));
    let largest = super::max_abs(diagonal);
    // Each of n + EXTRA products per entry may lose 2⁻¹⁰⁷⁵, times at most 1 + M_jj on the way back through a pivot, and a matrix of
    // such entries has n times their norm; 4 for the sum of both kinds, and for M_ii before it was lowered.
    let count = 4.0 * n as f64 * (n + EXTRA) as f64;
    let underflow = mul_up(mul_up(count, SMALLEST), add_up(1.0, largest));
    let lower = |(i, (&d, &s)): (usize, (&f64, &f64))| {
        let off = add_up(add_up(s, mul_up(share, d)), underflow);
        let left = add_down(d, -off);
        if d > 0.0 && left > 0.0 && left.is_finite() {
            Ok(left)
        } else {
            Err(i)
        }
    };
    diagonal.iter().zip(shift).enumerate().map(lower).collect()
}

/// Proves that `M − diag(shift)` is positive semidefinite; `Err` with a pivot that stands against it. Only the lower triangle of `M` is
/// read, and it is used up.
///
/// # Complexity
/// `n³/3` flops.
pub(crate) fn prove(mut m: MatMut<'_, f64>, shift: &[f64]) -> Result<(), usize> {
    let diagonal: Vec<f64> = (0..m.nrows()).map(|i| m[(i, i)]).collect();
    let lowered = lowered(&diagonal, shift, 0)?;
    lowered.iter().enumerate().for_each(|(i, v)| m[(i, i)] = *v);
    cholesky::factor_in_place(m)
}

/// The same for a Gram matrix whose entries were summed up from at most `products` products each.
pub(crate) fn prove_gram(m: &Mat<f64>, shift: &[f64], products: usize) -> Result<(), usize> {
    let diagonal: Vec<f64> = (0..m.nrows()).map(|i| m[(i, i)]).collect();
    let lowered = lowered(&diagonal, shift, products + 2)?;
    let mut m = m.clone();
    lowered.iter().enumerate().for_each(|(i, v)| m[(i, i)] = *v);
    cholesky::factor_in_place(m.as_mut())
}

/// The same for a sparse matrix: the values of its upper triangle by columns, in which the diagonal comes last, and where every
/// column ends. `products` is 0 where the entries are numbers and not sums.
///
/// # Complexity
/// That of a sparse factorisation.
pub(crate) fn prove_sparse(
    factor: &mut SparseCholesky,
    (values, ends): (&[f64], &[usize]),
    shift: &[f64],
    products: usize,
) -> Result<(), usize> {
    let diagonal: Vec<f64> = ends.iter().map(|e| values[e - 1]).collect();
    let terms = if products > 0 { products + 2 } else { 0 };
    let lowered = lowered(&diagonal, shift, terms)?;
    let mut values = values.to_vec();
    for (end, v) in ends.iter().zip(lowered) {
        values[end - 1] = v;
    }
    if !factor.factor(&values) {
        return Err(0);
    }
    let bad = |v: &f64| !(*v > 0.0 && v.is_finite());
    factor.pivots().iter().position(bad).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_rational::BigRational;

    fn exact(v: f64) -> BigRational {
        BigRational::from_float(v).unwrap()
    }

    /// Whether a matrix of numbers is positive definite: elimination in exact arithmetic.
    fn definite(m: &Mat<f64>) -> bool {
        let n = m.nrows();
        let mut a: Vec<Vec<BigRational>> = (0..n)
            .map(|i| (0..n).map(|j| exact(m[(i.max(j), i.min(j))])).collect())
            .collect();
        for k in 0..n {
            if a[k][k] <= exact(0.0) {
                return false;
            }
            let (above, below) = a.split_at_mut(k + 1);
            for row in below {
                let by = &row[k] / &above[k][k];
                row.iter_mut()
                    .zip(&above[k])
                    .for_each(|(v, p)| *v -= &by * p);
            }
        }
        true
    }

    /// `L Lᵀ` with a last pivot that cancels to rounding, moved by some last digits: definite or not by a hair.
    fn nearly_singular(n: usize, seed: u64) -> Mat<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let scale = [1.0, 1e8, 1e-8][seed as usize % 3];
        let l = Mat::from_fn(n, n, |i, j| {
            let wide = if i % 2 == 0 { scale } else { 1.0 };
            if j < n - 1 { wide * next() } else { 0.0 }
        });
        let mut m = &l * l.transpose();
        for i in 0..n {
            let digits = (18.0 * next()).exp2() * next();
            m[(i, i)] *= 1.0 + digits * n as f64 * f64::EPSILON;
        }
        m
    }

    #[test]
    fn nothing_is_proved_that_exact_elimination_refutes() {
        let (mut proved, mut refuted, mut open) = (0, 0, 0);
        for seed in 0..3000 {
            let n = 2 + seed as usize % 7;
            let m = nearly_singular(n, seed);
            let truth = definite(&m);
            let found = prove(m.clone().as_mut(), &vec![0.0; n]).is_ok();
            assert!(truth || !found, "{seed}: proved, but it is false");
            proved += usize::from(found);
            refuted += usize::from(!truth);
            open += usize::from(truth && !found);
        }
        // The test means something only if all three occur.
        assert!(
            proved > 100 && refuted > 300 && open > 100,
            "{proved} {refuted} {open}"
        );
    }

    /// The margin is what makes the proof: a plain factorisation calls matrices definite that are not.
    #[test]
    fn a_factor_alone_proves_nothing() {
        let wrong = (0..3000).filter(|&seed| {
            let m = nearly_singular(2 + seed as usize % 7, seed);
            !definite(&m) && cholesky::factor_in_place(m.clone().as_mut()).is_ok()
        });
        assert!(wrong.count() > 20);
    }

    #[test]
    fn margins_are_a_few_last_digits() {
        // Hilbert's matrix of order 8 has condition number 1.5e10.
        for (n, holds) in [(8, true), (13, false)] {
            let m = Mat::from_fn(n, n, |i, j| 1.0 / (i + j + 1) as f64);
            assert_eq!(
                prove(m.clone().as_mut(), &vec![0.0; n]).is_ok(),
                holds,
                "{n}"
            );
            // Scaling rows and columns changes nothing.
            let d = |i: usize| 2f64.powi(40 * (i as i32 % 3 - 1));
            let scaled = Mat::from_fn(n, n, |i, j| m[(i, j)] * d(i) * d(j));
            assert_eq!(
                prove(scaled.clone().as_mut(), &vec![0.0; n]).is_ok(),
                holds,
                "{n}"
            );
        }
        let m = Mat::<f64>::identity(300, 300);
        assert!(prove(m.clone().as_mut(), &vec![1.0 - 1e-10; 300]).is_ok());
        assert!(prove(m.clone().as_mut(), &vec![1.0; 300]).is_err());
        assert!(prove_gram(&m, &vec![0.5; 300], 1000).is_ok());
        let nan = Mat::from_fn(2, 2, |i, j| if i == j { 1.0 } else { f64::NAN });
        assert!(prove(nan.clone().as_mut(), &[0.0; 2]).is_err());
        // Numbers that underflow prove nothing.
        let tiny = Mat::from_fn(2, 2, |i, j| if i == j { 1e-320 } else { 0.99e-320 });
        assert!(prove(tiny.clone().as_mut(), &[0.0; 2]).is_err());
    }

    #[test]
    fn sparse_and_dense_proofs_agree() {
        let n: usize = 60;
        let entry = |i: usize, j: usize| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        };
        let (mut start, mut row, mut values) = (vec![0], vec![], vec![]);
        for j in 0..n {
            for i in j.saturating_sub(1)..=j {
                row.push(i);
                values.push(entry(i, j));
            }
            start.push(row.len());
        }
        let least = 2.0 - 2.0 * (core::f64::consts::PI / (n + 1) as f64).cos();
        let mut factor = SparseCholesky::analyse(n, start.clone(), row).unwrap();
        for (share, holds) in [(0.0, true), (0.999_999, true), (1.000_001, false)] {
            let shift = vec![share * least; n];
            let found = prove_sparse(&mut factor, (&values, &start[1..]), &shift, 0);
            assert_eq!(found.is_ok(), holds);
            let dense = Mat::from_fn(n, n, entry);
            assert_eq!(prove(dense.clone().as_mut(), &shift).is_ok(), holds);
        }
    }
}
