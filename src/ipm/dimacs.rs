//! Errors of a point and of a certificate, from the original data alone.

use super::Certificate;
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_shape};
use crate::linalg::cholesky::Cholesky;
use crate::linalg::{dot, max_abs, norm, spectral};
use crate::problem::{BackwardErrors, ConicProgram, Outside, OwnScales};
use faer::MatRef;

/// The six DIMACS error measures of a primal–dual point.
///
/// | | |
/// |---|---|
/// | 1 | `‖A x − b‖ / (1 + max│b│)` |
/// | 2 | `max(0, −λ_min(x)) / (1 + max│b│)` |
/// | 3 | `‖Aᵀy + s − c‖ / (1 + max│c│)` |
/// | 4 | `max(0, −λ_min(s)) / (1 + max│c│)` |
/// | 5 | `(⟨c, x⟩ − bᵀy) / (1 + │⟨c, x⟩│ + │bᵀy│)` |
/// | 6 | `⟨x, s⟩ / (1 + │⟨c, x⟩│ + │bᵀy│)` |
///
/// Norms in the numerators are Euclidean; the denominators take the largest entry, the strictest of the readings in use.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dimacs(pub [f64; 6]);

impl Dimacs {
    /// The largest of the six, the gap by absolute value.
    pub fn max(&self) -> f64 {
        max_abs(&self.0)
    }

    /// The largest of the four that measure feasibility.
    pub fn infeasibility(&self) -> f64 {
        max_abs(&self.0[..4])
    }

    /// The larger of the two that measure the gap.
    pub fn gap(&self) -> f64 {
        max_abs(&self.0[4..])
    }
}

/// Errors of a point, recomputed from the problem; NaN where a number of the point that counts is not finite.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape).
///
/// # Complexity
/// Two passes over the nonzeros and the eigenvalues of every block of `x` and `s`.
pub fn dimacs(problem: &ConicProgram, x: &[f64], y: &[f64], s: &[f64]) -> Result<Dimacs> {
    let a = problem.constraints();
    check_shape("x", (a.ambient(), 1), (x.len(), 1))?;
    check_shape("y", (a.len(), 1), (y.len(), 1))?;
    check_shape("s", (a.ambient(), 1), (s.len(), 1))?;
    let outside = (outside_cone(a.blocks(), x)?, outside_cone(a.blocks(), s)?);
    dimacs_outside(problem, (x, y, s), outside)
}

/// The errors of a point, relative to the largest numbers of the program and in the scale of each row and column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PointErrors {
    pub dimacs: Dimacs,
    pub backward: BackwardErrors,
    pub outside: Option<(Outside, Outside)>,
}

impl PointErrors {
    /// Errors that could not be measured.
    pub(crate) const NAN: Self = Self {
        dimacs: Dimacs([f64::NAN; 6]),
        backward: BackwardErrors::NAN,
        outside: None,
    };

    /// Errors of a point of a program whose rows and columns have these scales.
    pub(crate) fn new(
        problem: &ConicProgram,
        scales: &OwnScales<'_>,
        (x, y, s): (&[f64], &[f64], &[f64]),
    ) -> Result<Self> {
        let blocks = problem.constraints().blocks();
        let outside = (outside_cone(blocks, x)?, outside_cone(blocks, s)?);
        Self::outside(problem, scales, (x, y, s), outside)
    }

    /// The same when it is known by how much `x` and `s` lie outside the cone.
    pub(crate) fn outside(
        problem: &ConicProgram,
        scales: &OwnScales<'_>,
        point: (&[f64], &[f64], &[f64]),
        outside: (Outside, Outside),
    ) -> Result<Self> {
        Ok(Self {
            dimacs: dimacs_outside(problem, point, outside)?,
            backward: scales.errors(point, outside)?,
            outside: Some(outside),
        })
    }
}

/// The same when it is known by how much `x` and `s` lie outside the cone.
pub(crate) fn dimacs_outside(
    problem: &ConicProgram,
    (x, y, s): (&[f64], &[f64], &[f64]),
    outside: (Outside, Outside),
) -> Result<Dimacs> {
    let a = problem.constraints();
    let (mut ax, mut dual) = (vec![0.0; a.len()], vec![0.0; a.ambient()]);
    a.apply(x, &mut ax)?;
    let primal: Vec<f64> = ax.iter().zip(problem.rhs()).map(|(l, r)| l - r).collect();
    a.adjoint(y, &mut dual)?;
    dual.iter_mut().zip(s).for_each(|(d, s)| *d += s);
    let (mut largest, mut pobj) = (0.0f64, [0.0]);
    for (_, b, row, col, c) in problem.cost().entries() {
        let (first, n) = (a.range(b).start, a.blocks()[b].order());
        largest = largest.max(c.abs());
        match a.blocks()[b] {
            Block::Nonneg(_) => dual[first + row] -= c,
            Block::Psd(_) => {
                dual[first + row + col * n] -= c;
                if row != col {
                    dual[first + col + row * n] -= c;
                }
            }
        }
    }
    problem.cost().apply(x, &mut pobj)?;
    let (scale_b, scale_c) = (1.0 + max_abs(problem.rhs()), 1.0 + largest);
    let ([pobj], dobj) = (pobj, dot(problem.rhs(), y));
    let scale_gap = 1.0 + pobj.abs() + dobj.abs();
    Ok(Dimacs([
        norm(&primal) / scale_b,
        outside.0.distance / scale_b,
        norm(&dual) / scale_c,
        outside.1.distance / scale_c,
        (pobj - dobj) / scale_gap,
        dot(x, s) / scale_gap,
    ]))
}

/// `max(0, −λ_min(x))` over all blocks, NaN when `x` is not finite.
///
/// # Complexity
/// A Cholesky factorisation a block, and its eigenvalues only where that fails: what it finds positive definite is so to the
/// precision of an eigenvalue.
pub(crate) fn outside_cone(blocks: &[Block], x: &[f64]) -> Result<Outside> {
    if x.iter().any(|v| !v.is_finite()) {
        return Ok(Outside::NAN);
    }
    let (mut outside, mut at) = (Outside::default(), 0);
    for (k, b) in blocks.iter().enumerate() {
        let part = &x[at..at + b.ambient()];
        at += b.ambient();
        let least = match *b {
            Block::Nonneg(_) => part.iter().copied().fold(0.0, f64::min),
            Block::Psd(n) => {
                let matrix = MatRef::from_column_major_slice(part, n, n);
                match Cholesky::factor(matrix.to_owned()) {
                    Ok(_) => 0.0,
                    Err(_) => spectral::eigenvalues(matrix)?[0],
                }
            }
        };
        let scale = match *b {
            Block::Psd(_) if least < 0.0 => max_abs(part),
            _ => 0.0,
        };
        outside.record(k, least, scale);
    }
    Ok(outside)
}

/// `y`, scaled to `bᵀy = 1`, as a proof of primal infeasibility, and how far it is from being one: the violation
/// `−λ_min(−Aᵀy)`, and what rounding can have hidden of it, relative to `min(1, ‖Aᵀy‖)`. `None` when `bᵀy` is not positive beyond
/// rounding.
pub(crate) fn primal_certificate(
    problem: &ConicProgram,
    y: &[f64],
) -> Result<Option<(Certificate, f64)>> {
    let a = problem.constraints();
    let value = dot(problem.rhs(), y);
    let terms: f64 = problem
        .rhs()
        .iter()
        .zip(y)
        .map(|(b, y)| (b * y).abs())
        .sum();
    if !(value > rounding(y.len()) * terms && value.is_finite()) {
        return Ok(None);
    }
    let y: Vec<f64> = y.iter().map(|v| v / value).collect();
    let (mut slack, mut terms) = (vec![0.0; a.ambient()], vec![0.0; a.ambient()]);
    a.adjoint(&y, &mut slack)?;
    slack.iter_mut().for_each(|v| *v = -*v);
    for (i, b, row, col, v) in a.entries() {
        let (first, n) = (a.range(b).start, a.blocks()[b].order());
        let term = (v * y[i]).abs();
        match a.blocks()[b] {
            Block::Nonneg(_) => terms[first + row] += term,
            Block::Psd(_) if row == col => terms[first + row + col * n] += term,
            Block::Psd(_) => terms[first + row + col * n] += std::f64::consts::SQRT_2 * term,
        }
    }
    let violation = outside_cone(a.blocks(), &slack)?.distance;
    let hidden = f64::EPSILON * norm(&terms);
    let relative = (violation + hidden) / norm(&slack).clamp(f64::MIN_POSITIVE, 1.0);
    Ok(Some((Certificate::Primal { y, violation }, relative)))
}

/// `x`, scaled to `⟨c, x⟩ = −1`, as a proof of dual infeasibility, and how far it is from being one: the larger of `‖A x‖`, with
/// what rounding can have hidden of it, and `−λ_min(x)` relative to `min(1, ‖x‖)`. `None` when `⟨c, x⟩` is not negative beyond
/// rounding.
pub(crate) fn dual_certificate(
    problem: &ConicProgram,
    x: &[f64],
) -> Result<Option<(Certificate, f64)>> {
    let a = problem.constraints();
    let (mut value, mut ax) = ([0.0], vec![0.0; a.len()]);
    problem.cost().apply(x, &mut value)?;
    let mut terms = [0.0];
    add_terms(problem.cost(), x, &mut terms);
    let known = rounding(problem.cost().nonzeros()) * terms[0];
    if !(-value[0] > known && value[0].is_finite()) {
        return Ok(None);
    }
    let x: Vec<f64> = x.iter().map(|v| v / -value[0]).collect();
    a.apply(&x, &mut ax)?;
    let mut terms = vec![0.0; a.len()];
    add_terms(a, &x, &mut terms);
    let violation = norm(&ax);
    let outside = outside_cone(a.blocks(), &x)?.distance;
    let worst = if outside.is_nan() {
        outside
    } else {
        (violation + f64::EPSILON * norm(&terms)).max(outside)
    };
    let relative = worst / norm(&x).clamp(f64::MIN_POSITIVE, 1.0);
    Ok(Some((Certificate::Dual { x, violation }, relative)))
}

/// Relative to the sum of their absolute values, the most that rounding makes of a sum of so many products.
fn rounding(terms: usize) -> f64 {
    (terms + 1) as f64 * f64::EPSILON
}

/// `out_i += Σ │(A_i)_k x_k│`.
fn add_terms(a: &Constraints, x: &[f64], out: &mut [f64]) {
    for (i, b, row, col, v) in a.entries() {
        let (first, n) = (a.range(b).start, a.blocks()[b].order());
        out[i] += match a.blocks()[b] {
            Block::Nonneg(_) => (v * x[first + row]).abs(),
            Block::Psd(_) if row == col => (v * x[first + row + col * n]).abs(),
            Block::Psd(_) => 2.0 * (v * x[first + row + col * n]).abs(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// min ⟨C, X⟩ over X₁₁ = 3, 2 X₁₂ + x₃ = −2, for a matrix of order 2 and one number.
    fn program() -> ConicProgram {
        let blocks = [Block::Psd(2), Block::Nonneg(1)];
        let mut a = Constraints::builder(2, &blocks).unwrap();
        a.entry(0, 0, 0, 0, 1.0).unwrap();
        a.entry(1, 0, 0, 1, 1.0)
            .unwrap()
            .entry(1, 1, 0, 0, 1.0)
            .unwrap();
        let mut c = Constraints::builder(1, &blocks).unwrap();
        c.entry(0, 0, 1, 1, 5.0)
            .unwrap()
            .entry(0, 0, 0, 1, -1.0)
            .unwrap();
        c.entry(0, 1, 0, 0, 7.0).unwrap();
        ConicProgram::new(a.build().unwrap(), vec![3.0, -2.0], c.build().unwrap()).unwrap()
    }

    #[test]
    fn all_six_errors_are_what_they_say() {
        // X = [1 2; 2 1], eigenvalues 3 and −1; x₃ = −4. S = [0 1; 1 0], s₃ = 2. y = (1, 3).
        let (x, y, s) = (
            [1.0, 2.0, 2.0, 1.0, -4.0],
            [1.0, 3.0],
            [0.0, 1.0, 1.0, 0.0, 2.0],
        );
        let found = dimacs(&program(), &x, &y, &s).unwrap().0;
        // A x − b = (1 − 3, 4 − 4 + 2); Aᵀy + s − c = [1 5; 5 −5], 3 + 2 − 7.
        let (pobj, dobj) = (5.0 - 4.0 - 28.0, 3.0 - 6.0f64);
        let scale = 1.0 + 27.0 + 3.0;
        let expected = [
            8f64.sqrt() / 4.0,
            4.0 / 4.0,
            (1.0 + 25.0 + 25.0 + 25.0 + 4.0f64).sqrt() / 8.0,
            1.0 / 8.0,
            (pobj - dobj) / scale,
            (4.0 - 8.0) / scale,
        ];
        for (k, (f, e)) in found.iter().zip(expected).enumerate() {
            assert!((f - e).abs() < 1e-14, "error {}: {f} instead of {e}", k + 1);
        }
    }

    #[test]
    fn certificates_are_measured() {
        // bᵀy = 3·1 − 2·1 = 1 and −Aᵀy = [−1 −1; −1 0], −1: far outside the cone.
        let (_, relative) = primal_certificate(&program(), &[1.0, 1.0])
            .unwrap()
            .unwrap();
        assert!(
            (relative - 0.5 * (1.0 + 5f64.sqrt())).abs() < 1e-12,
            "{relative}"
        );
        assert!(
            primal_certificate(&program(), &[-1.0, 0.0])
                .unwrap()
                .is_none()
        );
        // 3 · 0.1 − 2 · 0.15 is 5e-17 in double precision.
        let y = [0.1, 0.15];
        assert!(dot(program().rhs(), &y) > 0.0);
        let nothing = primal_certificate(&program(), &y).unwrap();
        assert!(nothing.is_none());
        // And 5 · 0.12 − 2 · 0.3, with the last digit of 0.3 raised, −2e-16.
        let off = 0.3 + 1e-16;
        let (x, mut value) = ([0.0, off, off, 0.12, 0.0], [0.0]);
        program().cost().apply(&x, &mut value).unwrap();
        assert!(value[0] < 0.0);
        let nothing = dual_certificate(&program(), &x).unwrap();
        assert!(nothing.is_none());
        // ⟨c, x⟩ = −2 for X = [0 1; 1 0], whose A x is (0, 2) and which is indefinite.
        let ray = [0.0, 1.0, 1.0, 0.0, 0.0];
        let (certificate, relative) = dual_certificate(&program(), &ray).unwrap().unwrap();
        let Certificate::Dual { violation, .. } = certificate else {
            panic!("{certificate:?}")
        };
        assert!((violation - 1.0).abs() < 1e-14);
        assert!((relative - 1.0 / 0.5f64.sqrt()).abs() < 1e-12, "{relative}");
        assert!(
            dual_certificate(&program(), &[1.0, 0.0, 0.0, 1.0, 0.0])
                .unwrap()
                .is_none()
        );
    }

    /// Nothing violates these proofs, but sums of 1e9 cancel in them.
    #[test]
    fn certificates_count_what_rounding_can_hide() {
        let program = |rows: &[[f64; 2]], b: &[f64], cost: f64| {
            let mut a = Constraints::builder(rows.len(), &[Block::Nonneg(2)]).unwrap();
            for (i, row) in rows.iter().enumerate() {
                for (k, &v) in row.iter().enumerate() {
                    a.entry(i, 0, k, k, v).unwrap();
                }
            }
            let mut c = Constraints::builder(1, &[Block::Nonneg(2)]).unwrap();
            c.entry(0, 0, 0, 0, cost).unwrap();
            ConicProgram::new(a.build().unwrap(), b.to_vec(), c.build().unwrap()).unwrap()
        };
        let hidden = f64::EPSILON * 2e9;
        let p = program(&[[1e9, -1.0], [1e9, 0.0]], &[1.0, 0.0], 1.0);
        let (proof, relative) = primal_certificate(&p, &[1.0, -1.0]).unwrap().unwrap();
        assert!(matches!(proof, Certificate::Primal { violation: 0.0, .. }));
        assert!((relative / hidden - 1.0).abs() < 1e-6, "{relative:e}");
        let p = program(&[[1e9, -1e9]], &[1.0], -1.0);
        let (proof, relative) = dual_certificate(&p, &[1.0, 1.0]).unwrap().unwrap();
        assert!(matches!(proof, Certificate::Dual { violation: 0.0, .. }));
        assert!((relative / hidden - 1.0).abs() < 1e-6, "{relative:e}");
    }
}
