//! One coordinate of many Gaussian sketches, without a structure around it.

use super::protocol::Target;
use crate::error::{Result, check_memory, check_memory_of, check_range, check_shape};
use crate::linalg::{axpy, dot, norm};
use crate::privacy::{Grid, PrivateMedian, Sampler, median};
use crate::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;
use rand_distr::{Distribution, StandardNormal};
use std::sync::Arc;

/// How the copies make one answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// The first copy alone.
    Single,
    /// The median of this many copies, the first ones.
    Median(usize),
    /// A [`PrivateMedian`] of `sample` secretly drawn copies, on a grid from −1 to 1 with step 1/1000, times `‖h‖`.
    Private {
        /// Number `s` of copies drawn for each answer.
        sample: usize,
        /// `ε₀`.
        epsilon: f64,
    },
}

/// One coordinate of `L` Gaussian sketches: copy `l` answers `gᵀR_lᵀR_l h` for a fixed unit `g`, whatever the coordinate
/// asked for.
///
/// All that a sketched coordinate can leak are the `L` vectors `R_lᵀR_l g`. This target stores them (`L·N` numbers, in
/// single precision), so that an answer costs `s` inner products. [`crate::privacy::calibrated`] is measured on it.
#[derive(Debug, Clone)]
pub struct GaussianCopies {
    row: Vec<f64>,
    /// `R_lᵀR_l g` of every copy.
    copies: Arc<Vec<Vec<f32>>>,
    answer: Answer,
    sampler: Sampler,
    median: PrivateMedian,
    rng: ChaCha20Rng,
    /// Copies that answer, and their answers.
    which: Vec<usize>,
    values: Vec<f64>,
}

impl GaussianCopies {
    /// `copies` sketches of `rows × ambient`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for sizes of 0, or a sample or median of more copies than
    /// exist.
    pub fn new(
        ambient: usize,
        rows: usize,
        copies: usize,
        answer: Answer,
        seed: Seed,
    ) -> Result<Self> {
        check_range("ambient", 1..=usize::MAX, ambient)?;
        check_range("rows", 1..=i32::MAX as usize, rows)?;
        // Streams count copies in 32 bits.
        check_range("copies", 0..=u32::MAX as usize, copies)?;
        check_memory("a row of numbers", ambient as u128)?;
        check_memory_of::<f32>("copies of sketches", ambient as u128 * copies as u128)?;
        let mut row: Vec<f64> = vec![0.0; ambient];
        let mut rng = seed.stream(Lane::GENERATOR, 0, 1);
        row.iter_mut()
            .for_each(|v| *v = StandardNormal.sample(&mut rng));
        let length = norm(&row);
        row.iter_mut().for_each(|v| *v /= length);
        // R = u gᵀ + R⊥ with u = R g. Given u, R⊥ᵀu is an independent normal vector: no row of R needs to be drawn.
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

    /// The first `copies` of these copies, with another way of answering and other random numbers.
    ///
    /// # Errors
    /// As [`GaussianCopies::new`].
    pub fn restrict(&self, copies: usize, answer: Answer, seed: Seed) -> Result<Self> {
        check_range("copies", 0..=self.copies.len(), copies)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortcut has the moments of full Gaussian matrices: `E[gᵀRᵀRh] = gᵀh`, variance `((gᵀh)² + ‖g‖²‖h‖²)/b`, and errors on
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
