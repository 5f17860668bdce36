//! The transport polytope: fixed marginals, and arcs that must stay empty.

use super::augmenting_paths;
use super::shape::Shape;
use crate::error::{Error, Result, check_shape};
use crate::linalg::error_free::ExactSum;

/// Totals may differ by this much of the mass, as those of masses that were stored in single precision do. All marginals are scaled to the
/// total of the first.
pub(crate) const MASS_TOLERANCE: f64 = 1e-6;

/// Couplings `γ ≥ 0` of `K ≥ 2` measures: the sum of `γ` over all modes but `k` is the `k`-th measure.
///
/// Masses may be zero (their slices of every coupling are zero) and may sum to any positive total. A coupling is stored
/// flat with the first index fastest: for two measures of lengths `m` and `n`, entry `(i, j)` is at `i + m j`.
///
/// ```
/// use dyncvx::transport::Marginals;
/// let marginals = Marginals::new(&[0.5, 0.5], &[0.2, 0.3, 0.5])?;
/// assert_eq!(marginals.shape(), [2, 3]);
/// assert!(Marginals::new(&[1.0], &[0.7]).is_err());
/// # Ok::<(), dyncvx::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Marginals {
    masses: Vec<Vec<f64>>,
    shape: Shape,
    total: f64,
    /// The largest relative difference of a total from that of the first measure.
    rescaled: f64,
    forbidden: Option<Vec<bool>>,
}

impl Marginals {
    /// Couplings of `mu` (rows) and `nu` (columns).
    ///
    /// # Errors
    /// As [`Marginals::many`].
    pub fn new(mu: &[f64], nu: &[f64]) -> Result<Self> {
        Self::many(&[mu, nu])
    }

    /// Couplings of the uniform probability measures on `dims[0], dims[1], …` points.
    ///
    /// # Errors
    /// As [`Marginals::many`].
    pub fn uniform(dims: &[usize]) -> Result<Self> {
        let masses = |n: &usize| vec![1.0 / *n as f64; *n];
        Self::many(&dims.iter().map(masses).collect::<Vec<_>>())
    }

    /// Couplings of two or more measures.
    ///
    /// # Errors
    /// [`Error::Marginals`] for fewer than two measures, an empty one, a negative mass, a zero total, or totals that
    /// differ by more than 1e-6 of the mass; [`Error::NonFinite`]; [`Error::TooLarge`].
    pub fn many<M: AsRef<[f64]>>(measures: &[M]) -> Result<Self> {
        Self::many_within(measures, MASS_TOLERANCE)
    }

    /// As [`Marginals::many`], with another bound on how far totals may differ, relative to the total of the first measure.
    ///
    /// # Errors
    /// As [`Marginals::many`]; [`Error::InvalidSetting`] for a tolerance that is not between 0 and 1.
    pub fn many_within<M: AsRef<[f64]>>(measures: &[M], tolerance: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&tolerance) {
            let reason = format!("expected a number from 0 to below 1, found {tolerance}");
            let field = "mass tolerance";
            return Err(Error::InvalidSetting { field, reason });
        }
        let fault = |mode, reason: String| Err(Error::Marginals { mode, reason });
        if measures.len() < 2 {
            let reason = format!("expected two or more measures, found {}", measures.len());
            return fault(0, reason);
        }
        let mut masses: Vec<Vec<f64>> = Vec::with_capacity(measures.len());
        let (mut total, mut rescaled) = (0.0, 0.0f64);
        for (mode, measure) in measures.iter().enumerate() {
            let measure = measure.as_ref();
            if let Some(index) = measure.iter().position(|v| !v.is_finite()) {
                let what = "marginal";
                return Err(Error::NonFinite { what, index });
            }
            if let Some(at) = measure.iter().position(|v| *v < 0.0) {
                let found = measure[at];
                return fault(
                    mode,
                    format!("expected masses that are not negative, found {found} at index {at}"),
                );
            }
            // Without rounding: sums of many masses would differ by more than the masses do.
            let sum = sum_of(measure);
            if !(sum > 0.0 && sum.is_finite()) {
                return fault(
                    mode,
                    format!("expected a positive finite total, found {sum}"),
                );
            }
            let mut measure = measure.to_vec();
            if mode == 0 {
                total = sum;
            } else if (sum - total).abs() > tolerance * total {
                let reason = format!(
                    "expected the total {total} of the first marginal within {tolerance:e} of it, found {sum}"
                );
                return fault(mode, reason);
            } else {
                rescaled = rescaled.max((sum - total).abs() / total);
                measure.iter_mut().for_each(|v| *v *= total / sum);
            }
            masses.push(measure);
        }
        let shape = Shape::new(&masses.iter().map(Vec::len).collect::<Vec<_>>())?;
        let forbidden = None;
        Ok(Self {
            masses,
            shape,
            total,
            rescaled,
            forbidden,
        })
    }

    /// Arcs that every coupling leaves empty: `forbidden[i + m j]` for two measures of lengths `m`, `n`.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Unsupported`] for more than two measures; [`Error::Marginals`] when no coupling
    /// avoids these arcs (found by a maximum flow).
    ///
    /// # Complexity
    /// `O(mn)` space and, for the flow, `O(mn)` time an augmenting path, of which there are seldom more than `m + n`.
    pub fn forbid(mut self, forbidden: Vec<bool>) -> Result<Self> {
        check_shape(
            "forbidden arcs",
            (self.shape.len(), 1),
            (forbidden.len(), 1),
        )?;
        if self.shape.modes() != 2 {
            let (what, by) = ("a mask", "couplings of more than two measures");
            return Err(Error::Unsupported { what, by });
        }
        let mut plan = vec![0.0; self.shape.len()];
        let left =
            augmenting_paths::complete(&mut plan, &self.masses[0], &self.masses[1], &forbidden);
        if left > 1e-12 * self.total {
            let reason = format!(
                "expected a coupling that avoids the forbidden arcs, found none: {left} of the mass {} cannot be moved",
                self.total
            );
            return Err(Error::Marginals { mode: 0, reason });
        }
        self.forbidden = Some(forbidden);
        Ok(self)
    }

    /// Partial transport: couplings of parts of `mu` and `nu` with total mass `moved`.
    ///
    /// The result has one slack row (the part of `nu` that is not reached) and one slack column (the part of `mu` that
    /// stays), shape `(m + 1) × (n + 1)`, and the arc between the two is forbidden. [`Padded`](crate::transport::Padded) carries
    /// an `m × n` objective over.
    ///
    /// # Errors
    /// As [`Marginals::many`], except that the totals may differ; [`Error::Marginals`] unless
    /// `0 < moved ≤ min(Σ mu, Σ nu)`.
    pub fn partial(mu: &[f64], nu: &[f64], moved: f64) -> Result<Self> {
        for (mode, measure) in [mu, nu].into_iter().enumerate() {
            let most: f64 = measure.iter().sum();
            if !(moved > 0.0 && moved <= most * (1.0 + 1e-12)) && most.is_finite() {
                let reason = format!("expected a moved mass in (0, {most}], found {moved}");
                return Err(Error::Marginals { mode, reason });
            }
        }
        let (m, n) = (mu.len(), nu.len());
        let (rest_mu, rest_nu) = (
            mu.iter().sum::<f64>() - moved,
            nu.iter().sum::<f64>() - moved,
        );
        let padded = |v: &[f64], slack: f64| [v, &[slack.max(0.0)]].concat();
        let mut forbidden = vec![false; (m + 1) * (n + 1)];
        forbidden[(m + 1) * (n + 1) - 1] = true;
        Self::new(&padded(mu, rest_nu), &padded(nu, rest_mu))?.forbid(forbidden)
    }

    /// Number of points of each measure.
    pub fn shape(&self) -> &[usize] {
        self.shape.dims()
    }

    /// The masses of measure `mode`.
    pub fn masses(&self, mode: usize) -> &[f64] {
        &self.masses[mode]
    }

    /// The mass of every coupling.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// By how much, relative to the total of the first measure, the total of another differed before it was scaled.
    pub fn rescaled(&self) -> f64 {
        self.rescaled
    }

    /// The same, with what a block of them was scaled by.
    pub(crate) fn scaled_by(self, rescaled: f64) -> Self {
        Self { rescaled, ..self }
    }

    /// The forbidden arcs, if there are any.
    pub fn forbidden(&self) -> Option<&[bool]> {
        self.forbidden.as_deref()
    }

    /// `D`: no coupling is further than `D · total` from the independent one in Kullback–Leibler divergence.
    ///
    /// `Σ_k H(μ_k) − max_k H(μ_k)` with the entropies of the measures scaled to mass one; `min(H(μ), H(ν))` for two.
    pub fn divergence(&self) -> f64 {
        let entropy = |masses: &Vec<f64>| -> f64 {
            let p = masses.iter().map(|v| v / self.total).filter(|p| *p > 0.0);
            p.map(|p| -p * p.ln()).sum()
        };
        let all: Vec<f64> = self.masses.iter().map(entropy).collect();
        let largest = all.iter().copied().fold(0.0, f64::max);
        (all.iter().sum::<f64>() - largest).max(0.0)
    }

    /// `Σ_k Σ_i |marginal_k(plan)_i − μ_k,i|`, the l1 marginal violation of a plan of this shape.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn violation(&self, plan: &[f64]) -> Result<f64> {
        check_shape("plan", (self.shape.len(), 1), (plan.len(), 1))?;
        Ok(self.violation_of(plan))
    }

    pub(crate) fn violation_of(&self, plan: &[f64]) -> f64 {
        let off = |mode: usize| -> f64 {
            let sums = self.shape.marginal(plan, mode);
            sums.iter()
                .zip(&self.masses[mode])
                .map(|(s, m)| (s - m).abs())
                .sum()
        };
        (0..self.masses.len()).map(off).sum()
    }

    pub(crate) fn layout(&self) -> &Shape {
        &self.shape
    }

    /// Logarithms of the masses of one mode; minus infinity for a zero mass.
    pub(crate) fn logs(&self, mode: usize) -> Vec<f64> {
        self.masses[mode].iter().map(|v| v.ln()).collect()
    }

    /// `γ₁`: the product of the measures, zero on forbidden arcs.
    pub(crate) fn independent(&self) -> Vec<f64> {
        let logs: Vec<Vec<f64>> = (0..self.masses.len()).map(|k| self.logs(k)).collect();
        let spread = self.total.ln() * (logs.len() - 1) as f64;
        let mut plan = vec![0.0; self.shape.len()];
        for (l, line) in plan.chunks_mut(self.shape.line()).enumerate() {
            let offset = self.shape.offset(&logs, l, 0) - spread;
            for (p, u) in line.iter_mut().zip(&logs[0]) {
                *p = (u + offset).exp();
            }
        }
        if let Some(forbidden) = &self.forbidden {
            for (p, _) in plan.iter_mut().zip(forbidden).filter(|(_, f)| **f) {
                *p = 0.0;
            }
        }
        plan
    }
}
/// The sum of masses, rounded once.
pub(crate) fn sum_of(masses: &[f64]) -> f64 {
    let mut sum = ExactSum::default();
    masses.iter().for_each(|v| sum.add(*v));
    let ball = sum.ball();
    if ball.rad.is_finite() {
        ball.mid
    } else {
        f64::INFINITY
    }
}
