//! The factors of [`Iterative`]: when one is made, in which precision, and when an answer falls back to one.

use super::Iterative;
use super::choice::Preconditioner;
use crate::constraints::OwnedWeight;
use crate::error::{Error, Result};
use crate::linalg::shifts;
use crate::projection::gram::{GramMatrix, ScaledFactor};

/// A factor, and the number of updates since it was made.
#[derive(Debug, Clone)]
pub(super) struct AgedFactor {
    pub(super) kept: Kept,
    pub(super) age: usize,
}

/// A Cholesky factor of the Gram matrix in either precision.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Single(ScaledFactor<f32>),
    Double(ScaledFactor<f64>),
}

impl Kept {
    /// `v ← K⁻¹ v`, to the precision of the factor.
    pub(super) fn solve_in_place(&mut self, v: &mut [f64]) {
        match self {
            Kept::Single(factor) => factor.solve_vector(v),
            Kept::Double(factor) => factor.solve_vector(v),
        }
    }

    fn kind(&self) -> Preconditioner {
        match self {
            Kept::Single(_) => Preconditioner::Single,
            Kept::Double(_) => Preconditioner::Double,
        }
    }
}

impl Iterative {
    /// Whether a Gram matrix in the given precision may be formed.
    pub(super) fn allowed(&self, kind: Preconditioner) -> Result<()> {
        let bytes =
            if kind == Preconditioner::Single { 4 } else { 8 } * (self.a.len() as u128).pow(2);
        match bytes <= u128::from(self.settings.max_bytes) {
            true => Ok(()),
            false => Err(Error::TooLarge {
                what: "the Gram matrix",
                bytes,
            }),
        }
    }

    /// Makes a factor for this weight, in single precision while single precision is enough. The new factor takes the memory of
    /// the old one, because two factors do not fit in memory for large problems. After an error the old factor is lost.
    pub(super) fn factorize(&mut self, weight: &[OwnedWeight]) -> Result<Preconditioner> {
        let (mut single, mut double) = (None, None);
        match self.factor.take().map(|aged| aged.kept) {
            Some(Kept::Single(old)) => single = Some(old),
            Some(Kept::Double(old)) => double = Some(old),
            None => {}
        }
        let gram: Vec<_> = weight.iter().map(OwnedWeight::gram).collect();
        let of = GramMatrix {
            rows: &self.a,
            assembler: &self.assembler,
            weight: &gram,
        };
        // Try single precision first. After one Gram matrix that single precision cannot factor, it is not tried again.
        if self.choice.factor() == Preconditioner::Single {
            self.allowed(Preconditioner::Single)?;
            let mut factor = single.take().unwrap_or_else(ScaledFactor::empty);
            match factor.refresh(&of, shifts::SINGLE, &mut self.seconds) {
                Ok(()) => return Ok(self.retain(Kept::Single(factor))),
                Err(Error::NotPositiveDefinite { .. } | Error::NonFinite { .. }) => {
                    self.choice.single = false;
                }
                Err(error) => return Err(error),
            }
        }
        drop(single);
        self.allowed(Preconditioner::Double)?;
        let mut factor = double.unwrap_or_else(ScaledFactor::empty);
        factor.refresh(&of, shifts::ASSEMBLED, &mut self.seconds)?;
        Ok(self.retain(Kept::Double(factor)))
    }

    /// Keeps a new factor; returns its kind.
    fn retain(&mut self, kept: Kept) -> Preconditioner {
        let kind = kept.kind();
        self.factor = Some(AgedFactor { kept, age: 0 });
        kind
    }

    /// Replaces the present preconditioner by a factor. Returns `false` when no factor can be made.
    pub(super) fn fall_back_to_factor(&mut self) -> bool {
        self.record_outcome(true);
        let Some(mut state) = self.state.take() else {
            return false;
        };
        let mut made = false;
        if state.kind != Preconditioner::Double {
            self.choice.single &= state.kind != Preconditioner::Single;
            if let Ok(kind) = self.factorize(&state.weight) {
                (state.kind, state.steps, state.split) = (kind, 0, None);
                made = true;
            }
        }
        self.state = Some(state);
        made
    }
}
