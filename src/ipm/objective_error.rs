//! What infeasibility may count for in the objectives.

use super::{Dimacs, Solution};
use crate::constraints::Block;
use crate::error::{Result, check_finite, check_shape};
use crate::linalg::{dot, spectral};
use crate::problem::ConicProgram;
use faer::MatRef;

/// How far the objectives of a point may lie on the wrong side of the optimal value, to first order and relative to
/// `1 + │⟨c, x⟩│ + │bᵀy│`.
///
/// Error measures are relative to the data, not to the solution: where `y` or `s` is large, a point outside the cone by rounding
/// may still have another objective than any point inside. At an optimal point `(x*, y*, s*)` without a gap
///
/// ```text
/// p* − ⟨c, x⟩ = −⟨s*, x⟩ − y*ᵀ(A x − b) ≤ │⟨s*, x₋⟩│ + │y*ᵀ(A x − b)│,
/// bᵀy − p* = −⟨x*, s⟩ + ⟨x*, Aᵀy + s − c⟩ ≤ │⟨x*, s₋⟩│ + │⟨x*, Aᵀy + s − c⟩│
/// ```
///
/// with the negative parts `x₋`, `s₋`; here the point itself stands for the optimal one.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ObjectiveError {
    /// By how much `⟨c, x⟩` may be too small.
    pub primal: f64,
    /// By how much `bᵀy` may be too large.
    pub dual: f64,
}

impl ObjectiveError {
    /// The larger of the two.
    pub fn max(&self) -> f64 {
        self.primal.max(self.dual)
    }
}

impl Solution {
    /// What the errors of the point may count for in its objectives; `problem` is the one it solves.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite),
    /// [`Error::NoConvergence`](crate::Error::NoConvergence) of the eigenvalues.
    ///
    /// # Complexity
    /// Two passes over the nonzeros; `9n³` flops a block where [`Solution::dimacs`] says that the point is outside the cone.
    pub fn objective_error(&self, problem: &ConicProgram) -> Result<ObjectiveError> {
        let a = problem.constraints();
        let Self { x, y, s, .. } = self;
        check_shape("x", (a.ambient(), 1), (x.len(), 1))?;
        check_shape("y", (a.len(), 1), (y.len(), 1))?;
        check_shape("s", (a.ambient(), 1), (s.len(), 1))?;
        check_finite("x", x)?;
        check_finite("y", y)?;
        check_finite("s", s)?;
        objective_error(problem, (x, y, s), &self.dimacs)
    }
}

/// The same of a point of the right shape, and its errors.
pub(crate) fn objective_error(
    problem: &ConicProgram,
    (x, y, s): (&[f64], &[f64], &[f64]),
    errors: &Dimacs,
) -> Result<ObjectiveError> {
    let a = problem.constraints();
    let mut missed = vec![0.0; a.len()];
    a.apply(x, &mut missed)?;
    let rhs = problem.rhs().iter();
    missed.iter_mut().zip(rhs).for_each(|(m, b)| *m -= b);
    // ⟨x, Aᵀy + s − c⟩, without the slack it is the sum of.
    let mut cost = [0.0];
    problem.cost().apply(x, &mut cost)?;
    let mut seen = vec![0.0; a.ambient()];
    a.adjoint(y, &mut seen)?;
    seen.iter_mut().zip(s).for_each(|(d, s)| *d += s);
    let dual = (dot(x, &seen) - cost[0]).abs();
    let (mut below, mut above) = (0.0, 0.0);
    if errors.0[1] != 0.0 {
        below = outside(a.blocks(), x, s)?;
    }
    if errors.0[3] != 0.0 {
        above = outside(a.blocks(), s, x)?;
    }
    let scale = 1.0 + cost[0].abs() + dot(problem.rhs(), y).abs();
    Ok(ObjectiveError {
        primal: (below + dot(y, &missed).abs()) / scale,
        dual: (above + dual) / scale,
    })
}

/// `│⟨u₋, v⟩│` over the part of `v` that is not negative on the eigenvectors of `u₋`.
fn outside(blocks: &[Block], u: &[f64], v: &[f64]) -> Result<f64> {
    let (mut sum, mut at) = (0.0, 0);
    for block in blocks {
        let part = at..at + block.ambient();
        at = part.end;
        let (u, v) = (&u[part.clone()], &v[part]);
        match *block {
            Block::Nonneg(_) => {
                let products = u.iter().zip(v).map(|(u, v)| (-u).max(0.0) * v.max(0.0));
                sum += products.sum::<f64>();
            }
            Block::Psd(n) => {
                let (values, vectors) = spectral::eigen(MatRef::from_column_major_slice(u, n, n))?;
                for (k, value) in values.iter().enumerate().take_while(|(_, l)| **l < 0.0) {
                    let along = vectors.col_as_slice(k);
                    let columns = v.chunks_exact(n).zip(along);
                    let product: f64 = columns.map(|(column, e)| e * dot(column, along)).sum();
                    sum += -value * product.max(0.0);
                }
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::Constraints;
    use crate::ipm::{Status, dimacs};

    /// min ⟨C, X⟩ + 2 z over X₁₁ + X₂₂ = 2, X₂₂ + z = 1 with C = [5 1; 1 7].
    fn program() -> ConicProgram {
        let blocks = [Block::Psd(2), Block::Nonneg(1)];
        let mut a = Constraints::builder(2, &blocks).unwrap();
        for (i, b, k) in [(0, 0, 0), (0, 0, 1), (1, 0, 1), (1, 1, 0)] {
            a.entry(i, b, k, k, 1.0).unwrap();
        }
        let mut c = Constraints::builder(1, &blocks).unwrap();
        for (b, r, col, v) in [
            (0, 0, 0, 5.0),
            (0, 0, 1, 1.0),
            (0, 1, 1, 7.0),
            (1, 0, 0, 2.0),
        ] {
            c.entry(0, b, r, col, v).unwrap();
        }
        ConicProgram::new(a.build().unwrap(), vec![2.0, 1.0], c.build().unwrap()).unwrap()
    }

    fn at(x: [f64; 5], y: [f64; 2], s: [f64; 5]) -> ObjectiveError {
        let program = program();
        let point = Solution {
            status: Status::Solved,
            dimacs: dimacs(&program, &x, &y, &s).unwrap(),
            x: x.to_vec(),
            y: y.to_vec(),
            s: s.to_vec(),
            primal_objective: 0.0,
            dual_objective: 0.0,
            ..Solution::empty()
        };
        point.objective_error(&program).unwrap()
    }

    #[test]
    fn both_errors_are_what_they_say() {
        // X = [1 2; 2 1] has −1 along (1, −1)/√2; z = −1.
        let (x, s) = ([1.0, 2.0, 2.0, 1.0, -1.0], [3.0, 1.0, 1.0, 5.0, 4.0]);
        // vᵀSv = (3 + 5 − 2)/2 = 3, and z₋ s₃ = 4. A x − b = (0, −1), y = (1, 2): 2.
        let (cost, dual) = (5.0 + 4.0 + 7.0 - 2.0, 2.0 + 2.0);
        let scale = 1.0 + cost + dual;
        let found = at(x, [1.0, 2.0], s);
        assert!((found.primal - (3.0 + 4.0 + 2.0) / scale).abs() < 1e-14);
        // Aᵀy + s − c = [−1 0; 0 1], 4; with x: −1 + 1 − 4. The slack is inside.
        assert!((found.dual - 4.0 / scale).abs() < 1e-14, "{found:?}");
        assert_eq!(found.max(), found.primal);

        // The two matrices and numbers the other way round: x inside, s outside.
        let found = at(s, [1.0, 2.0], x);
        // A x − b = (6, 8): 22. Aᵀy + s − c = [−3 1; 1 −3], −1: −9 + 2 − 15 − 4.
        let scale = 1.0 + (15.0 + 2.0 + 35.0 + 8.0) + 4.0;
        assert!((found.primal - 22.0 / scale).abs() < 1e-14, "{found:?}");
        assert!((found.dual - (3.0 + 4.0 + 26.0) / scale).abs() < 1e-14);
    }

    #[test]
    fn a_feasible_point_has_none() {
        // X = diag(1, 1), z = 0, y = (0, 0), s = c.
        let found = at(
            [1.0, 0.0, 0.0, 1.0, 0.0],
            [0.0; 2],
            [5.0, 1.0, 1.0, 7.0, 2.0],
        );
        assert_eq!((found.primal, found.dual), (0.0, 0.0));
    }

    #[test]
    fn a_point_of_another_problem_is_refused() {
        let mut point = crate::ipm::solve(
            &program(),
            &mut crate::projection::Direct::new(program().constraints().clone()).unwrap(),
            &Default::default(),
            &mut |_| core::ops::ControlFlow::Continue(()),
        )
        .unwrap();
        let error = point.objective_error(&program()).unwrap();
        assert!(error.max() < 1e-7, "{error:?}");
        point.y[0] = f64::NAN;
        assert!(point.objective_error(&program()).is_err());
        point.y = vec![0.0];
        assert!(point.objective_error(&program()).is_err());
    }
}
