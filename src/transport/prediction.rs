//! How potentials move with the inverse temperature, and where they are expected next: see [`Predict`](super::Predict).

use crate::linalg::axpy;

/// The slope `Δu/Δβ` of every potential between its last two normalisations.
#[derive(Debug, Clone)]
pub(crate) struct PotentialSlopes {
    /// Every potential after its last normalisation, and `β` then.
    last: Vec<(Vec<f64>, f64)>,
    slopes: Vec<Vec<f64>>,
}

impl PotentialSlopes {
    /// Slopes of 0, for potentials that count as normalised at `beta`.
    pub(crate) fn flat(potentials: &[Vec<f64>], beta: f64) -> Self {
        Self {
            last: potentials.iter().map(|u| (u.clone(), beta)).collect(),
            slopes: potentials.iter().map(|u| vec![0.0; u.len()]).collect(),
        }
    }

    /// Moves the potential of measure `mode` to where it is expected after a step `eta`.
    pub(crate) fn carry(&self, mode: usize, eta: f64, potential: &mut [f64]) {
        axpy(eta, &self.slopes[mode], potential);
    }

    /// Notes the potential of measure `mode`, which was normalised at `beta`.
    pub(crate) fn record(&mut self, mode: usize, potential: &[f64], beta: f64) {
        let (last, last_beta) = &mut self.last[mode];
        let span = beta - *last_beta;
        let pairs = potential.iter().zip(&mut *last);
        for (slope, (new, old)) in self.slopes[mode].iter_mut().zip(pairs) {
            *slope = if new.is_finite() {
                (new - *old) / span
            } else {
                0.0
            };
            *old = *new;
        }
        *last_beta = beta;
    }

    /// The slopes: estimates of the dual potentials.
    pub(crate) fn slopes(&self) -> &[Vec<f64>] {
        &self.slopes
    }
}
