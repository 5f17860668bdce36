//! Proofs of infeasibility, measured in the program as it was stated.

use super::limits::Limits;
use super::program::LinearProgram;
use crate::error::{Result, check_shape};
use crate::linalg::{dot, max_abs, norm};

/// A proof that a [`LinearProgram`] has no feasible point, or that its dual has none.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LinearCertificate {
    /// Multipliers that add up to a contradiction: with `z = −Aᵀy`, and every multiplier taking the lower limit where it is
    /// positive and the upper one where it is negative, `Σ y_i limit_i + Σ z_j limit_j = 1`, while `yᵀA x + zᵀx` is 0.
    Primal {
        /// Multipliers of the rows; none of the wrong sign where a limit is missing.
        y: Vec<f64>,
        /// Multipliers of the limits of the variables, `−Aᵀy`.
        z: Vec<f64>,
        /// The largest `│z_j│` that takes a limit that is missing: a feasible `x` has `Σ│x_j│ ≥ 1/violation` over such `j`.
        violation: f64,
    },
    /// The lower limit of this row is above its upper one.
    RowLimits {
        /// Index of the row.
        row: usize,
    },
    /// The lower limit of this variable is above its upper one.
    VariableLimits {
        /// Index of the variable.
        variable: usize,
    },
    /// A direction that keeps within all limits of the variables, and within those of the rows up to `violation`, and in which
    /// the objective improves by 1.
    Dual {
        /// The direction.
        x: Vec<f64>,
        /// The Euclidean norm of the steps out of the limits of the rows.
        violation: f64,
    },
}

impl LinearCertificate {
    /// The violation relative to the smaller of 1 and the length of the proof: what a tolerance is compared with.
    pub fn relative_violation(&self) -> f64 {
        let (length, violation) = match self {
            Self::Primal { y, z, violation } => (norm(y).hypot(norm(z)), violation),
            Self::Dual { x, violation } => (norm(x), violation),
            Self::RowLimits { .. } | Self::VariableLimits { .. } => return 0.0,
        };
        violation / length.clamp(f64::MIN_POSITIVE, 1.0)
    }
}

/// A sum that is not larger than this, relative to the absolute values it was added up from, may be rounding.
const ROUNDING: f64 = 1e-13;

impl LinearProgram {
    /// Row multipliers as a proof that nothing is feasible, measured here; `None` when they prove nothing. Signs as for an
    /// objective to be minimised. A multiplier that takes a limit that is missing is set to 0 first.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over the nonzeros.
    pub fn primal_certificate(&self, y: &[f64]) -> Result<Option<LinearCertificate>> {
        check_shape("row multipliers y", (self.rows().len(), 1), (y.len(), 1))?;
        let kept = |(l, &v): (&Limits, &f64)| if l.held(v).is_finite() { v } else { 0.0 };
        let mut y: Vec<f64> = self.rows().iter().zip(y).map(kept).collect();
        let mut z = self.minus_adjoint(vec![0.0; self.variables().len()], &y)?;
        // What the z_j were added up from, for the rounding errors in them.
        let mut terms = vec![0.0; z.len()];
        for (i, y) in y.iter().enumerate() {
            self.row(i).for_each(|(j, v)| terms[j] += (v * y).abs());
        }
        let sizes = y.iter().map(|y| y.abs()).chain(terms);
        let (mut value, mut violation, mut rounding) = (0.0, 0.0, 0.0);
        let rows = self.rows().iter().zip(&y);
        let multipliers = rows.chain(self.variables().iter().zip(&z));
        for ((limits, &multiplier), size) in multipliers.zip(sizes) {
            let held = limits.held(multiplier);
            if held.is_finite() {
                value += multiplier * held;
                rounding += size * held.abs();
            } else {
                violation = max_abs(&[violation, multiplier]);
            }
        }
        if !(value > ROUNDING * rounding && value.is_finite()) {
            return Ok(None);
        }
        y.iter_mut().chain(&mut z).for_each(|v| *v /= value);
        violation /= value;
        Ok(Some(LinearCertificate::Primal { y, z, violation }))
    }

    /// A direction as a proof that the dual has no feasible point, and that the objective is unbounded if anything is
    /// feasible; measured here, `None` when it proves nothing. A component that leads out of a variable's limits is set to
    /// 0 first.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape).
    ///
    /// # Complexity
    /// One pass over the nonzeros.
    pub fn dual_certificate(&self, x: &[f64]) -> Result<Option<LinearCertificate>> {
        check_shape("direction", (self.variables().len(), 1), (x.len(), 1))?;
        // How far a step leads out of limits, however far away they are.
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
        if !(value > ROUNDING * rounding && value.is_finite()) {
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
