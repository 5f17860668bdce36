//! Half-steps of Sinkhorn's method on `γ = exp(u_i + v_j − β C_ij)`, with the potentials `u`, `v` as the only state.

use crate::transport::kernel::{self, parallel};
use crate::transport::polytope::certificate;
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::polytope::shape::{Breakdown, Shape};
use crate::transport::settings::HalfStepPrecision;

/// Entries of a cost that are computed at a time: together with their potentials they fit the first-level cache.
const TILE: usize = 1024;
/// Terms added in f32 before they join an f64 sum: 256 additions lose at most 8 of the 24 bits, and on average 4.
const SINGLE_RUN: usize = 256;

/// Sums outside these ranges may have lost terms to underflow or overflow.
const SAFE_DOUBLE: std::ops::RangeInclusive<f64> = 1e-200..=1e200;
const SAFE_SINGLE: std::ops::RangeInclusive<f64> = 1e-20..=1e20;

pub(crate) struct HalfSteps<'a> {
    pub(crate) cost: &'a dyn Cost,
    pub(crate) marginals: &'a Marginals,
    /// Row and column potentials; minus infinity at zero masses.
    pub(crate) potentials: Vec<Vec<f64>>,
    /// Logarithms of the masses.
    pub(crate) logs: Vec<Vec<f64>>,
    single: bool,
    /// The whole cost in f32, where it is stored.
    pub(crate) stored_single: Option<Vec<f32>>,
}

impl<'a> HalfSteps<'a> {
    pub(crate) fn new(
        cost: &'a dyn Cost,
        marginals: &'a Marginals,
        precision: HalfStepPrecision,
    ) -> Self {
        let logs = vec![marginals.logs(0), marginals.logs(1)];
        let mut potentials = logs.clone();
        let spread = marginals.total().ln();
        potentials[1].iter_mut().for_each(|v| *v -= spread);
        let single = precision == HalfStepPrecision::Single;
        let stored = cost.dense().filter(|_| single);
        let stored_single = stored.map(|c| c.iter().map(|x| *x as f32).collect());
        Self {
            cost,
            marginals,
            potentials,
            logs,
            single,
            stored_single,
        }
    }

    fn shape(&self) -> &Shape {
        self.marginals.layout()
    }

    /// Runs `f(first, costs, potentials of the rows)` over the tiles of column `j`.
    fn tiles(
        &self,
        j: usize,
        buffer: &mut Vec<f64>,
        rows: &[f64],
        mut f: impl FnMut(usize, &[f64], &[f64]),
    ) {
        let m = rows.len();
        if let Some(cost) = self.cost.dense() {
            return f(0, &cost[j * m..(j + 1) * m], rows);
        }
        buffer.resize(TILE.min(m), 0.0);
        for first in (0..m).step_by(TILE) {
            let len = TILE.min(m - first);
            self.cost.fill(j, first, &mut buffer[..len]);
            f(first, &buffer[..len], &rows[first..first + len]);
        }
    }

    fn tiles_single(
        &self,
        j: usize,
        buffer: &mut Vec<f32>,
        rows: &[f32],
        mut f: impl FnMut(usize, &[f32], &[f32]),
    ) {
        let m = rows.len();
        buffer.resize(SINGLE_RUN.min(m), 0.0);
        for first in (0..m).step_by(SINGLE_RUN) {
            let len = SINGLE_RUN.min(m - first);
            let range = first..first + len;
            match &self.stored_single {
                Some(cost) => f(
                    first,
                    &cost[j * m + first..j * m + first + len],
                    &rows[range],
                ),
                None => {
                    self.cost.fill_single(j, first, &mut buffer[..len]);
                    f(first, &buffer[..len], &rows[range]);
                }
            }
        }
    }

    /// `Σ_j γ_ij` (mode 0) or `Σ_i γ_ij` (mode 1) at inverse temperature `beta`, in the run's precision.
    fn sums(&self, mode: usize, beta: f64) -> Vec<f64> {
        if self.single {
            self.single_sums(mode, beta)
        } else {
            self.double_sums(mode, beta)
        }
    }

    /// The sums in f64.
    pub(super) fn double_sums(&self, mode: usize, beta: f64) -> Vec<f64> {
        let (u, v) = (&self.potentials[0], &self.potentials[1]);
        let (m, n) = (u.len(), v.len());
        let arch = self.shape().arch;
        let parts = parallel::map(n, m * n, |columns| {
            let mut sums = vec![0.0; if mode == 0 { m } else { 0 }];
            let mut buffer = Vec::new();
            for j in columns {
                if mode == 0 {
                    if v[j] > f64::NEG_INFINITY {
                        self.tiles(j, &mut buffer, u, |first, c, u| {
                            kernel::exp_accumulate(
                                arch,
                                c,
                                beta,
                                u,
                                v[j],
                                &mut sums[first..first + c.len()],
                            );
                        });
                    }
                } else {
                    let mut sum = 0.0;
                    if v[j] > f64::NEG_INFINITY {
                        self.tiles(j, &mut buffer, u, |_, c, u| {
                            sum += kernel::exp_sum(arch, c, beta, u, v[j]);
                        });
                    }
                    sums.push(sum);
                }
            }
            sums
        });
        if mode == 0 {
            Shape::gather(parts, m)
        } else {
            parts.concat()
        }
    }

    /// The sums in f32, added up in f64 by runs.
    fn single_sums(&self, mode: usize, beta: f64) -> Vec<f64> {
        let (u, v) = (&self.potentials[0], &self.potentials[1]);
        let (m, n) = (u.len(), v.len());
        let rows: Vec<f32> = u.iter().map(|x| *x as f32).collect();
        let (arch, beta) = (self.shape().arch, beta as f32);
        let parts = parallel::map(n, m * n, |columns| {
            let mut sums = vec![0.0; if mode == 0 { m } else { 0 }];
            let (mut buffer, mut line) = (Vec::new(), vec![0.0f32; if mode == 0 { m } else { 0 }]);
            for (k, j) in columns.enumerate() {
                let shift = v[j] as f32;
                if mode == 0 {
                    self.tiles_single(j, &mut buffer, &rows, |first, c, u| {
                        kernel::exp_accumulate(
                            arch,
                            c,
                            beta,
                            u,
                            shift,
                            &mut line[first..first + c.len()],
                        );
                    });
                    // At most SINGLE_RUN terms stay in f32.
                    if k % SINGLE_RUN == SINGLE_RUN - 1 {
                        drain(&mut line, &mut sums);
                    }
                } else {
                    let mut sum = 0.0;
                    self.tiles_single(j, &mut buffer, &rows, |_, c, u| {
                        sum += f64::from(kernel::exp_sum(arch, c, beta, u, shift));
                    });
                    sums.push(sum);
                }
            }
            drain(&mut line, &mut sums);
            sums
        });
        if mode == 0 {
            Shape::gather(parts, m)
        } else {
            parts.concat()
        }
    }

    /// Makes marginal `mode` exact at inverse temperature `beta`. Returns its l1 violation before.
    pub(crate) fn normalise(&mut self, mode: usize, beta: f64) -> Result<f64, Breakdown> {
        let mut sums = self.sums(mode, beta);
        let safe = if self.single {
            SAFE_SINGLE
        } else {
            SAFE_DOUBLE
        };
        let masses = self.marginals.masses(mode);
        if sums
            .iter()
            .zip(masses)
            .any(|(s, m)| *m > 0.0 && !safe.contains(s))
        {
            // Sums out of range: start again from the c-transform, where every sum has a term 1 and no larger one.
            let scaled = |v: &Vec<f64>| v.iter().map(|x| x / beta).collect();
            let mut scaled: Vec<Vec<f64>> = self.potentials.iter().map(scaled).collect();
            certificate::c_transform(self.shape(), &self.lines(), &mut scaled, mode);
            for ((u, c), m) in self.potentials[mode]
                .iter_mut()
                .zip(&scaled[mode])
                .zip(masses)
            {
                *u = if *m > 0.0 {
                    beta * c
                } else {
                    f64::NEG_INFINITY
                };
            }
            sums = self.sums(mode, beta);
        }
        let mut off = 0.0;
        for ((u, s), m) in self.potentials[mode].iter_mut().zip(&sums).zip(masses) {
            if *m > 0.0 {
                off += (s - m).abs();
                *u += (m / s).ln();
                if !u.is_finite() {
                    return Err(Breakdown);
                }
            }
        }
        Ok(off)
    }

    /// Moves a potential to where it is expected at inverse temperature `beta · factor`: `u − log μ` grows with `β`.
    pub(crate) fn carry(&mut self, mode: usize, factor: f64) {
        for (u, log) in self.potentials[mode].iter_mut().zip(&self.logs[mode]) {
            *u = if u.is_finite() {
                log + factor * (*u - log)
            } else {
                *u
            };
        }
    }

    /// The cost's columns.
    pub(crate) fn lines(&self) -> impl Fn(usize, &mut [f64]) + Sync + 'a {
        let cost = self.cost;
        move |j, out: &mut [f64]| cost.fill(j, 0, out)
    }

    /// A certified lower bound on `min ⟨C, γ⟩` from the potentials.
    pub(crate) fn lower_bound(&self, beta: f64) -> f64 {
        let dual = |k: usize| {
            let pairs = self.potentials[k].iter().zip(&self.logs[k]);
            pairs.map(|(u, log)| (u - log) / beta).collect()
        };
        certificate::dual_bound(self.marginals, &self.lines(), &mut [dual(0), dual(1)])
    }
}

fn drain(line: &mut [f32], sums: &mut [f64]) {
    for (l, s) in line.iter_mut().zip(sums) {
        *s += f64::from(*l);
        *l = 0.0;
    }
}
