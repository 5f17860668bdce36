//! Proofs of infeasibility, measured in the program as it was stated.

use super::limits::Limits;
use super::program::LinearProgram;
use crate::error::{Result, check_shape};
use crate::linalg::{dot, max_abs, norm};

/// A proof that a [`LinearProgram`] has no feasible point, or that its dual has none.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LinearCertificate {
    /// Multipliers that add up to a contradiction. A positive multiplier belongs to the lower limit, a negative one to the upper
    /// limit. With `z = −Aᵀy`, `yᵀA x + zᵀx` is 0 for every `x`, but `Σ y_i limit_i + Σ z_j limit_j = 1`.
    Primal {
        /// Multipliers of the rows; none of them belongs to a missing limit.
        y: Vec<f64>,
        /// Multipliers of the limits of the variables, `−Aᵀy`.
        z: Vec<f64>,
        /// The largest `│z_j│` that belongs to a missing limit: a feasible `x` has `Σ│x_j│ ≥ 1/violation` over such `j`.
        violation: f64,
    },
    /// The lower limit of this row is above its upper limit.
    RowLimits {
        /// Index of the row.
        row: usize,
    },
    /// The lower limit of this variable is above its upper limit.
    VariableLimits {
        /// Index of the variable.
        variable: usize,
    },
    /// A direction in which the objective improves by 1, and which leads out of no limit of a variable, and out of the limits
    /// of the rows by at most `violation`.
    Dual {
        /// The direction.
        x: Vec<f64>,
        /// The Euclidean norm of the steps that lead out of limits of rows.
        violation: f64,
    },
}

impl LinearCertificate {
    /// The violation over the smaller of 1 and the length of the proof. Tolerances are compared with this number.
    pub fn relative_violation(&self) -> f64 {
        let (length, violation) = match self {
            Self::Primal { y, z, violation } => (norm(y).hypot(norm(z)), violation),
            Self::Dual { x, violation } => (norm(x), violation),
            Self::RowLimits { .. } | Self::VariableLimits { .. } => return 0.0,
        };
        violation / length.clamp(f64::MIN_POSITIVE, 1.0)
    }
}

/// A sum that is at most this large, relative to the sum of the absolute values of its terms, may be rounding: some hundred
/// units in the last place.
const SUM_ROUNDING: f64 = 1e-13;

impl LinearProgram {
    /// The proof that row multipliers give that no point is feasible, measured in this program; `None` if they prove nothing.
    /// Signs are those of an objective that is minimised. A multiplier of a missing limit is set to 0 first.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over the nonzeros.
    pub fn primal_certificate(&self, y: &[f64]) -> Result<Option<LinearCertificate>> {
        check_shape("row multipliers y", (self.rows().len(), 1), (y.len(), 1))?;
        let kept = |(l, &v): (&Limits, &f64)| if l.active(v).is_finite() { v } else { 0.0 };
        let mut y: Vec<f64> = self.rows().iter().zip(y).map(kept).collect();
        let mut z = self.minus_adjoint(vec![0.0; self.variables().len()], &y)?;
        // The sum of the absolute values of the terms of each z_j, for its rounding error.
        let mut terms = vec![0.0; z.len()];
        for (i, y) in y.iter().enumerate() {
            self.row(i).for_each(|(j, v)| terms[j] += (v * y).abs());
        }
        let sizes = y.iter().map(|y| y.abs()).chain(terms);
        let (mut value, mut violation, mut rounding) = (0.0, 0.0, 0.0);
        let rows = self.rows().iter().zip(&y);
        let multipliers = rows.chain(self.variables().iter().zip(&z));
        for ((limits, &multiplier), size) in multipliers.zip(sizes) {
            let active = limits.active(multiplier);
            if active.is_finite() {
                value += multiplier * active;
                rounding += size * active.abs();
            } else {
                violation = max_abs(&[violation, multiplier]);
            }
        }
        if !(value > SUM_ROUNDING * rounding && value.is_finite()) {
            return Ok(None);
        }
        y.iter_mut().chain(&mut z).for_each(|v| *v /= value);
        violation /= value;
        Ok(Some(LinearCertificate::Primal { y, z, violation }))
    }

    /// The proof that a direction gives that the dual has no feasible point, and so that the objective is unbounded if a point
    /// is feasible; measured in this program, `None` if it proves nothing. A component that leads out of the limits of its
    /// variable is set to 0 first.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over the nonzeros.
    pub fn dual_certificate(&self, x: &[f64]) -> Result<Option<LinearCertificate>> {
        check_shape("direction", (self.variables().len(), 1), (x.len(), 1))?;
        // By how much a direction leads out of finite limits, however far away these are.
        let out = |l: &Limits, v: f64| match v {
            v if v > 0.0 && l.upper().is_finite() => v,
            v if v < 0.0 && l.lower().is_finite() => -v,
            v if v.is_nan() => v,
            _ => 0.0,
        };
        let kept = |(l, &v): (&Limits, &f64)| if out(l, v) > 0.0 { 0.0 } else { v };
        let mut x: Vec<f64> = self.variables().iter().zip(x).map(kept).collect();
        let value = -self.sign() * dot(self.costs(), &x);
        let rounding: f64 = self
            .costs()
            .iter()
            .zip(&x)
            .map(|(c, x)| (c * x).abs())
            .sum();
        if !(value > SUM_ROUNDING * rounding && value.is_finite()) {
            return Ok(None);
        }
        x.iter_mut().for_each(|v| *v /= value);
        let activities = self.activities(&x)?;
        let outside: Vec<f64> = self
            .rows()
            .iter()
            .zip(activities)
            .map(|(l, v)| out(l, v))
            .collect();
        let violation = norm(&outside);
        Ok(Some(LinearCertificate::Dual { x, violation }))
    }
}
