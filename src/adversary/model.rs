//! Targets that need no structure: a closure, and one coordinate of many sketches on its own.

use super::Target;
use crate::error::{Error, Result, check_shape};
use crate::linalg::{axpy, dot, norm};
use crate::privacy::{Grid, PrivateMedian, Sampler};
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

/// A target from a closure `(h, coordinate) ↦ answer` and the exact rows of coordinates 0, 1, ….
#[derive(Debug, Clone)]
pub struct FromFn<F> {
    rows: Vec<Vec<f64>>,
    answer: F,
}

impl<F: FnMut(&[f64], usize) -> f64> FromFn<F> {
    /// Rows of one length.
    pub fn new(rows: Vec<Vec<f64>>, answer: F) -> Self {
        Self { rows, answer }
    }
}

impl<F: FnMut(&[f64], usize) -> f64> Target for FromFn<F> {
    fn ambient(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    fn answer(&mut self, h: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()> {
        for (out, c) in out.iter_mut().zip(coords) {
            *out = (self.answer)(h, *c);
        }
        Ok(())
    }

    fn row(&mut self, coord: usize, out: &mut [f64]) -> Result<()> {
        let row = self.rows.get(coord).ok_or(Error::OutOfRange {
            what: "coordinate",
            index: coord,
            bound: self.rows.len(),
        })?;
        check_shape("row of a target", (out.len(), 1), (row.len(), 1))?;
        out.copy_from_slice(row);
        Ok(())
    }
}

/// How several copies make one answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// The first copy alone.
    Single,
    /// The median of the first so many copies.
    Median(usize),
    /// A [`PrivateMedian`] of `sample` secretly drawn copies, on a grid from −1 to 1 with step 1/1000.
    Private {
        /// Number `s` of copies drawn for each answer.
        sample: usize,
        /// `ε₀`.
        epsilon: f64,
    },
}

/// One coordinate of `L` Gaussian sketches on its own: copy `l` answers `gᵀR_lᵀR_l h` for a fixed unit `g`.
///
/// All that a sketched coordinate can leak is the `L` vectors `R_lᵀR_l g`, and here they are held outright (`L·N`
/// numbers, in single precision), so that an answer costs `s` inner products: what [`crate::privacy::calibrated`] is
/// measured on.
#[derive(Debug, Clone)]
pub struct GaussianCopies {
    row: Vec<f64>,
    copies: Arc<Vec<Vec<f32>>>,
    answer: Answer,
    sampler: Sampler,
    median: PrivateMedian,
    rng: ChaCha20Rng,
    which: Vec<usize>,
    values: Vec<f64>,
}

impl GaussianCopies {
    /// `copies` sketches of `rows × ambient`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for sizes of 0, or a sample or median of more copies than there are.
    pub fn new(
        ambient: usize,
        rows: usize,
        copies: usize,
        answer: Answer,
        seed: Seed,
    ) -> Result<Self> {
        if ambient == 0 || rows == 0 {
            return Err(Error::InvalidSetting {
                field: "rows",
                reason: format!("expected at least 1 x 1, found {rows} x {ambient}"),
            });
        }
        let mut row: Vec<f64> = vec![0.0; ambient];
        let mut rng = seed.stream(Lane::GENERATOR, 0, 1);
        row.iter_mut()
            .for_each(|v| *v = StandardNormal.sample(&mut rng));
        let length = norm(&row);
        row.iter_mut().for_each(|v| *v /= length);
        // R = u gᵀ + R⊥ with u = R g and R⊥ᵀu independent normal given u: no row of R need be drawn.
        let copies: Vec<Vec<f32>> = (0..copies)
            .map(|copy| {
                let mut rng = seed.stream(Lane::GENERATOR, copy as u32, 2);
                let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
                let b = rows as f64;
                let squared = (0..rows).map(|_| normal().powi(2)).sum::<f64>() / b;
                let scale = (squared / b).sqrt();
                let mut v: Vec<f64> = (0..ambient).map(|_| scale * normal()).collect();
                let along = squared - dot(&row, &v);
                axpy(along, &row, &mut v);
                v.into_iter().map(|v| v as f32).collect()
            })
            .collect();
        Self::over(row, Arc::new(copies), answer, seed)
    }

    /// The same first copies, asked otherwise and with other coins.
    ///
    /// # Errors
    /// As [`GaussianCopies::new`].
    pub fn restrict(&self, copies: usize, answer: Answer, seed: Seed) -> Result<Self> {
        let held = self.copies.len();
        if copies > held {
            return Err(Error::InvalidSetting {
                field: "copies",
                reason: format!("expected at most {held}, found {copies}"),
            });
        }
        let mut other = Self::over(self.row.clone(), self.copies.clone(), answer, seed)?;
        other.sampler = Sampler::new(copies, other.sampler.sample())?;
        Ok(other)
    }

    fn over(row: Vec<f64>, copies: Arc<Vec<Vec<f32>>>, answer: Answer, seed: Seed) -> Result<Self> {
        let (sample, epsilon) = match answer {
            Answer::Single => (1, 1.0),
            Answer::Median(sample) => (sample, 1.0),
            Answer::Private { sample, epsilon } => (sample, epsilon),
        };
        Ok(Self {
            row,
            answer,
            sampler: Sampler::new(copies.len(), sample)?,
            median: PrivateMedian::new(Grid::symmetric(1000, 1e-3)?, epsilon)?,
            copies,
            rng: seed.stream(Lane::PRIVACY, 0, 0),
            which: vec![],
            values: vec![],
        })
    }
}

impl Target for GaussianCopies {
    fn ambient(&self) -> usize {
        self.row.len()
    }

    fn answer(&mut self, h: &[f64], _: &[usize], out: &mut [f64]) -> Result<()> {
        check_shape("question", (self.row.len(), 1), (h.len(), 1))?;
        for out in out {
            match self.answer {
                Answer::Private { .. } => self.sampler.draw(&mut self.rng, &mut self.which),
                _ => {
                    self.which.clear();
                    self.which.extend(0..self.sampler.sample());
                }
            }
            let length = norm(h);
            let copies = &self.copies;
            self.values.clear();
            self.values.extend(self.which.iter().map(|l| {
                let sum: f64 = (copies[*l].iter().zip(h))
                    .map(|(a, b)| f64::from(*a) * b)
                    .sum();
                sum / length.max(f64::MIN_POSITIVE)
            }));
            *out = length
                * match self.answer {
                    Answer::Private { .. } => self.median.release(&self.values, &mut self.rng)?,
                    _ => median(&mut self.values),
                };
        }
        Ok(())
    }

    fn row(&mut self, _: usize, out: &mut [f64]) -> Result<()> {
        check_shape("row of a target", (self.row.len(), 1), (out.len(), 1))?;
        out.copy_from_slice(&self.row);
        Ok(())
    }
}

/// The middle value, or the mean of the two; 0 of none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortcut draws what full Gaussian matrices would: `E[gᵀRᵀRh] = gᵀh`, variance `((gᵀh)² + ‖g‖²‖h‖²)/b`, and errors on
    /// orthogonal questions that are correlated by their inner product alone.
    #[test]
    fn copies_have_the_moments_of_gaussian_sketches() {
        let (ambient, rows, draws) = (12, 5, 40_000u32);
        let pool = |seed| GaussianCopies::new(ambient, rows, 1, Answer::Single, Seed(seed));
        let first = pool(0).unwrap();
        let g: Vec<f64> = first.row.clone();
        let mut h: Vec<f64> = (0..ambient).map(|i| (i as f64).sin()).collect();
        let length = norm(&h);
        h.iter_mut().for_each(|v| *v /= length);
        let mut sums = [0.0; 2];
        let copies = GaussianCopies::new(ambient, rows, draws as usize, Answer::Single, Seed(0));
        for v in copies.unwrap().copies.iter() {
            let x: f64 = v.iter().zip(&h).map(|(a, b)| f64::from(*a) * b).sum();
            let e = x - dot(&g, &h);
            (sums[0], sums[1]) = (sums[0] + e, sums[1] + e * e);
        }
        let n = f64::from(draws);
        let variance = (dot(&g, &h).powi(2) + 1.0) / rows as f64;
        // Six deviations of the mean; of the square, whose own variance is below 10 variance².
        assert!(sums[0].abs() / n < 6.0 * (variance / n).sqrt());
        assert!((sums[1] / n - variance).abs() < 6.0 * variance * (10.0 / n).sqrt());
    }
}
