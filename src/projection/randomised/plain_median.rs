//! The plain median of copies, without protection against an adaptive asker.

use crate::error::{Error, Result, check_shape};
use crate::privacy::median;
use crate::projection::forward::forward;
use crate::projection::{Accuracy, Ensemble, Goal, Projection};
use faer::{ColRef, Mat, MatMut, MatRef};

/// Answers with the plain median of the first copies of an ensemble. The median is more accurate than one sketch, but does not
/// protect against an adaptive asker.
#[derive(Debug, Clone)]
pub struct PlainMedian<S> {
    ensemble: S,
    which: Vec<usize>,
}

impl<S: Ensemble> PlainMedian<S> {
    /// The median of the first `copies` copies.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] unless `copies` is between 1 and the number of copies of the ensemble.
    pub fn new(ensemble: S, copies: usize) -> Result<Self> {
        let held = ensemble.copies();
        if copies == 0 || copies > held {
            return Err(Error::InvalidSetting {
                field: "copies",
                reason: format!("expected 1 to {held}, found {copies}"),
            });
        }
        Ok(Self {
            ensemble,
            which: (0..copies).collect(),
        })
    }
}

impl<S: Ensemble> Projection for PlainMedian<S> {
    forward!(self => self.ensemble; shape supports report replace_values update operator solve);

    fn query(
        &mut self,
        h: MatRef<'_, f64>,
        goal: Goal,
        multipliers: MatMut<'_, f64>,
        projected: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        match goal {
            Goal::Residual(_) => self.ensemble.query(h, goal, multipliers, projected),
            Goal::AsAbsorbed => Err(Error::Unsupported {
                what: "a query for multipliers",
                by: "PlainMedian",
            }),
        }
    }

    fn query_set(
        &mut self,
        h: ColRef<'_, f64>,
        coords: &[usize],
        goal: Goal,
        mut out: MatMut<'_, f64>,
    ) -> Result<Accuracy> {
        if goal != Goal::AsAbsorbed {
            return self.ensemble.query_set(h, coords, goal, out);
        }
        check_shape("answers", (coords.len(), 1), out.shape())?;
        let mut all = Mat::zeros(coords.len(), self.which.len());
        let accuracy = self
            .ensemble
            .query_set_of(&self.which, h, coords, all.as_mut())?;
        for i in 0..coords.len() {
            let mut values: Vec<f64> = (0..self.which.len()).map(|j| all[(i, j)]).collect();
            out[(i, 0)] = median(&mut values);
        }
        // The median of normally distributed copies has √(π/2) times the error of their mean.
        let few = (std::f64::consts::FRAC_PI_2 / self.which.len() as f64).sqrt();
        Ok(match accuracy {
            Accuracy::Sketched { expected_error } => Accuracy::Sketched {
                expected_error: expected_error * few.min(1.0),
            },
            other => other,
        })
    }
}
