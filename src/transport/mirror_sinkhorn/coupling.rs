//! A coupling in the log domain, `γ = exp(log_kernel + Σ_k u_k)`, and its gradient steps and normalisations.

use crate::transport::kernel::{self, parallel};
use crate::transport::polytope::marginals::Marginals;
use crate::transport::polytope::shape::{Breakdown, Shape};

/// Sums outside this range may have lost terms to underflow or overflow: they are formed again with their own maximum.
const SAFE: std::ops::RangeInclusive<f64> = 1e-200..=1e200;

/// A step along a gradient, and the measure that is normalised after it.
pub(crate) struct GradientStep<'a> {
    pub(crate) gradient: &'a [f64],
    pub(crate) eta: f64,
    /// Near the middle of the gradient's range: subtracting it keeps the exponentials in range and changes nothing else.
    pub(crate) middle: f64,
    pub(crate) mode: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Coupling {
    /// Minus the weighted sum of the gradients (plus the start's logarithm); minus infinity on forbidden arcs.
    pub(crate) log_kernel: Vec<f64>,
    /// One vector per measure; minus infinity at zero masses.
    pub(crate) potentials: Vec<Vec<f64>>,
    /// The coupling itself.
    pub(crate) plan: Vec<f64>,
}

impl Coupling {
    /// The independent coupling.
    pub(crate) fn independent(marginals: &Marginals) -> Self {
        let mut potentials: Vec<Vec<f64>> = (0..marginals.shape().len())
            .map(|k| marginals.logs(k))
            .collect();
        let spread = marginals.total().ln();
        for v in &mut potentials[1..] {
            v.iter_mut().for_each(|u| *u -= spread);
        }
        let mut log_kernel = vec![0.0; marginals.layout().len()];
        mask(&mut log_kernel, marginals);
        let plan = marginals.independent();
        Self {
            log_kernel,
            potentials,
            plan,
        }
    }

    /// A given coupling, all of it in the kernel; the potentials are 0.
    pub(crate) fn from_plan(marginals: &Marginals, plan: Vec<f64>) -> Self {
        let mut log_kernel: Vec<f64> = plan.iter().map(|p| p.max(f64::MIN_POSITIVE).ln()).collect();
        mask(&mut log_kernel, marginals);
        let potential = |k: usize| {
            let masses = marginals.masses(k).iter();
            masses
                .map(|m| if *m > 0.0 { 0.0 } else { f64::NEG_INFINITY })
                .collect()
        };
        let potentials = (0..marginals.shape().len()).map(potential).collect();
        Self {
            log_kernel,
            potentials,
            plan,
        }
    }

    /// `exp(Σ_k u_k − β C)`.
    pub(crate) fn from_potentials(
        marginals: &Marginals,
        cost: &[f64],
        beta: f64,
        potentials: &[Vec<f64>],
    ) -> Self {
        let mut log_kernel: Vec<f64> = cost.iter().map(|c| -beta * c).collect();
        mask(&mut log_kernel, marginals);
        let plan = vec![0.0; cost.len()];
        let mut it = Self {
            log_kernel,
            potentials: potentials.to_vec(),
            plan,
        };
        it.refresh(marginals.layout());
        it
    }

    /// The gradient step, then the normalisation of its measure.
    pub(crate) fn advance(
        &mut self,
        marginals: &Marginals,
        step: &GradientStep<'_>,
    ) -> Result<(), Breakdown> {
        let (shape, mode) = (marginals.layout(), step.mode);
        let masses = marginals.masses(mode);
        // The columns of a matrix are normalised while they are in cache.
        let fused = shape.modes() == 2 && mode == 1;
        let sums = self.step_and_sum(marginals, step, fused);
        // Sums that overflowed or vanished say nothing: normalise again, with maxima.
        if sums
            .iter()
            .zip(masses)
            .any(|(s, m)| *m > 0.0 && !SAFE.contains(s))
        {
            return self.renormalise(marginals, mode);
        }
        // The potential takes up what the normalisation multiplies by, and the entries follow.
        let lift = step.eta * step.middle;
        for ((u, s), m) in self.potentials[mode].iter_mut().zip(&sums).zip(masses) {
            *u = if *m > 0.0 {
                *u + lift + (m / s).ln()
            } else {
                f64::NEG_INFINITY
            };
        }
        if !fused {
            let pairs = sums.iter().zip(masses);
            let factors: Vec<f64> = pairs.map(|(s, m)| factor(*m, *s)).collect();
            shape.scale(&mut self.plan, &factors, mode);
        }
        Ok(())
    }

    /// `log_kernel −= eta · gradient` and the new entries, in one pass. Returns their sums along the step's measure. With `fused`
    /// every line is then scaled to its mass.
    fn step_and_sum(
        &mut self,
        marginals: &Marginals,
        step: &GradientStep<'_>,
        fused: bool,
    ) -> Vec<f64> {
        let (shape, mode) = (marginals.layout(), step.mode);
        let (n, arch) = (shape.line(), shape.arch);
        let masses = marginals.masses(mode);
        let lift = step.eta * step.middle;
        let potentials = &self.potentials;
        let line = |l: usize, k: &mut [f64], p: &mut [f64]| {
            let shift = lift + shape.offset(potentials, l, 0);
            let gradient = &step.gradient[l * n..(l + 1) * n];
            kernel::mirror_step(arch, k, gradient, step.eta, &potentials[0], shift, p)
        };
        let parts = parallel::update2(
            &mut self.log_kernel,
            &mut self.plan,
            shape.piece(),
            |first, k, p| {
                let mut sums = vec![0.0; if mode == 0 { n } else { 0 }];
                for (i, (k, p)) in k.chunks_mut(n).zip(p.chunks_mut(n)).enumerate() {
                    let l = first / n + i;
                    let sum = line(l, k, p);
                    if mode == 0 {
                        kernel::add(arch, p, &mut sums);
                    } else {
                        sums.push(sum);
                        if fused {
                            kernel::scale(arch, factor(masses[l], sum), p);
                        }
                    }
                }
                sums
            },
        );
        if mode == 0 {
            Shape::gather(parts, n)
        } else {
            shape.slots(parts.into_iter().flatten(), mode)
        }
    }

    /// Normalises `mode` by a log-sum-exp with a maximum of its own for every point: slower, and safe for any step.
    fn renormalise(&mut self, marginals: &Marginals, mode: usize) -> Result<(), Breakdown> {
        let shape = marginals.layout();
        let n = shape.line();
        let slots = shape.dims()[mode];
        let mut max = vec![f64::NEG_INFINITY; slots];
        let exponent = |l: usize, i: usize, k: f64| {
            let first = if mode == 0 {
                0.0
            } else {
                self.potentials[0][i]
            };
            k + first + shape.offset(&self.potentials, l, mode)
        };
        let slot = |l: usize, i: usize| if mode == 0 { i } else { shape.slot(l, mode) };
        for (l, line) in self.log_kernel.chunks(n).enumerate() {
            for (i, k) in line.iter().enumerate() {
                let m = &mut max[slot(l, i)];
                *m = m.max(exponent(l, i, *k));
            }
        }
        let mut sums = vec![0.0; slots];
        for (l, line) in self.log_kernel.chunks(n).enumerate() {
            for (i, k) in line.iter().enumerate() {
                let s = slot(l, i);
                if max[s] > f64::NEG_INFINITY {
                    sums[s] += (exponent(l, i, *k) - max[s]).exp();
                }
            }
        }
        for (i, mass) in marginals.masses(mode).iter().enumerate() {
            let u = mass.ln() - max[i] - sums[i].ln();
            if *mass > 0.0 && !u.is_finite() {
                return Err(Breakdown);
            }
            self.potentials[mode][i] = if *mass > 0.0 { u } else { f64::NEG_INFINITY };
        }
        self.refresh(shape);
        Ok(())
    }

    /// Writes the plan from the kernel and the potentials.
    fn refresh(&mut self, shape: &Shape) {
        let n = shape.line();
        let (potentials, log_kernel) = (&self.potentials, &self.log_kernel);
        parallel::update(&mut self.plan, shape.piece(), |first, plan| {
            for (i, p) in plan.chunks_mut(n).enumerate() {
                let l = first / n + i;
                let shift = shape.offset(potentials, l, 0);
                kernel::exp_write(
                    shape.arch,
                    &log_kernel[l * n..(l + 1) * n],
                    -1.0,
                    &potentials[0],
                    shift,
                    p,
                );
            }
        });
    }
}

fn factor(mass: f64, sum: f64) -> f64 {
    if mass > 0.0 { mass / sum } else { 0.0 }
}

fn mask(log_kernel: &mut [f64], marginals: &Marginals) {
    if let Some(forbidden) = marginals.forbidden() {
        for (k, _) in log_kernel.iter_mut().zip(forbidden).filter(|(_, f)| **f) {
            *k = f64::NEG_INFINITY;
        }
    }
}
