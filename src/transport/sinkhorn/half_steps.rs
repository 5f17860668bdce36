//! Half-steps on `γ = exp(u_i + v_j − β C_ij)` from the potentials alone: the state is `O(m + n)`.

use crate::transport::kernel::{self, parallel};
use crate::transport::polytope::certificate;
use crate::transport::polytope::cost::Cost;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::polytope::shape::{Breakdown, Shape};
use crate::transport::settings::HalfStepPrecision;

/// Entries of a cost computed at a time: with the potentials they fit the first-level cache.
const TILE: usize = 1024;
/// Terms added in f32 before they join an f64 sum.
const RUN: usize = 256;

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
        buffer.resize(RUN.min(m), 0.0);
        for first in (0..m).step_by(RUN) {
            let len = RUN.min(m - first);
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
    pub(crate) fn sums(&self, mode: usize, beta: f64) -> Vec<f64> {
        let (u, v) = (&self.potentials[0], &self.potentials[1]);
        let (m, n) = (u.len(), v.len());
        if self.single {
            return self.sums_single(mode, beta);
        }
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

    fn sums_single(&self, mode: usize, beta: f64) -> Vec<f64> {
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
                        kernel::exp_accumulate_single(
                            arch,
                            c,
                            beta,
                            u,
                            shift,
                            &mut line[first..first + c.len()],
                        );
                    });
                    // At most RUN terms stay in f32.
                    if k % RUN == RUN - 1 {
                        drain(&mut line, &mut sums);
                    }
                } else {
                    let mut sum = 0.0;
                    self.tiles_single(j, &mut buffer, &rows, |_, c, u| {
                        sum += f64::from(kernel::exp_sum_single(arch, c, beta, u, shift));
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

    /// Makes marginal `mode` exact at inverse temperature `beta`; returns how far it was off in l1.
    pub(crate) fn normalise(&mut self, mode: usize, beta: f64) -> Result<f64, Breakdown> {
        let mut sums = self.sums(mode, beta);
        // f32 sums are safe in a smaller range.
        let safe = if self.single {
            1e-20..=1e20
        } else {
            1e-200..=1e200
        };
        let masses = self.marginals.masses(mode);
        if sums
            .iter()
            .zip(masses)
            .any(|(s, m)| *m > 0.0 && !safe.contains(s))
        {
            // Start from the c-transform: each sum then has a term 1 and none above it.
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

    /// Moves a potential to where it is expected at `beta · factor`: `u − log μ` grows with `β`.
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

    /// Rounds in f64: see [`ImplicitPlan`].
    pub(crate) fn round(&mut self, beta: f64) -> (ImplicitPlan, Rounded) {
        let precise = std::mem::replace(&mut self.single, false);
        let kept = self.potentials.clone();
        let cap = |u: &mut f64, sum: f64, mass: f64| {
            if sum > mass && mass > 0.0 {
                *u += (mass / sum).ln();
            }
        };
        let mut raw = 0.0;
        for mode in 0..2 {
            let sums = self.sums(mode, beta);
            let masses = self.marginals.masses(mode);
            for ((u, s), m) in self.potentials[mode].iter_mut().zip(sums).zip(masses) {
                raw += (s - m).abs();
                cap(u, s, *m);
            }
        }
        self.single = precise;
        let potentials = std::mem::replace(&mut self.potentials, kept);
        let (u, v) = (&potentials[0], &potentials[1]);
        let (m, n, arch) = (u.len(), v.len(), self.shape().arch);
        let (mu, nu) = (self.marginals.masses(0), self.marginals.masses(1));
        // One pass: columns of the scaled plan, their sums, the rows' sums, ⟨C, plan⟩, and C times the columns' shortfall.
        let parts = parallel::map(n, m * n, |columns| {
            let (mut rows, mut shadow, mut value) = (vec![0.0; m], vec![0.0; m], 0.0);
            let (mut sums, mut line, mut costs) = (Vec::new(), vec![0.0; m], vec![0.0; m]);
            for j in columns {
                self.cost.fill(j, 0, &mut costs);
                kernel::exp_write(arch, &costs, beta, u, v[j], &mut line);
                let sum = kernel::sum(arch, &line);
                kernel::add(arch, &line, &mut rows);
                value += kernel::dot(arch, &line, &costs);
                let missing = (nu[j] - sum).max(0.0);
                if missing > 0.0 {
                    crate::linalg::axpy(missing, &costs, &mut shadow);
                }
                sums.push(sum);
            }
            (rows, shadow, value, sums)
        });
        let (mut rows, mut shadow, mut value, mut columns) =
            (vec![0.0; m], vec![0.0; m], 0.0, Vec::new());
        for (r, s, v, c) in parts {
            kernel::add(arch, &r, &mut rows);
            kernel::add(arch, &s, &mut shadow);
            value += v;
            columns.extend(c);
        }
        let short = |sums: &[f64], masses: &[f64]| -> Vec<f64> {
            sums.iter()
                .zip(masses)
                .map(|(s, m)| (m - s).max(0.0))
                .collect()
        };
        let (row_rest, mut column_rest) = (short(&rows, mu), short(&columns, nu));
        let total: f64 = column_rest.iter().sum();
        let mut row_rest = row_rest;
        if total > 0.0 {
            column_rest.iter_mut().for_each(|c| *c /= total);
            value += kernel::dot(arch, &row_rest, &shadow) / total;
        } else {
            row_rest.fill(0.0);
        }
        let added: f64 = row_rest.iter().sum();
        let share: f64 = column_rest.iter().sum();
        let off = |sums: &[f64], rest: &[f64], by: f64, masses: &[f64]| -> f64 {
            sums.iter()
                .zip(rest)
                .zip(masses)
                .map(|((s, r), m)| (s + r * by - m).abs())
                .sum()
        };
        let violation = off(&rows, &row_rest, share, mu) + off(&columns, &column_rest, added, nu);
        let [rows, columns]: [Vec<f64>; 2] = potentials.try_into().unwrap_or_default();
        let plan = ImplicitPlan {
            beta,
            rows,
            columns,
            row_rest,
            column_rest,
        };
        (
            plan,
            Rounded {
                value,
                violation,
                raw_violation: raw,
            },
        )
    }
}

fn drain(line: &mut [f32], sums: &mut [f64]) {
    for (l, s) in line.iter_mut().zip(sums) {
        *s += f64::from(*l);
        *l = 0.0;
    }
}

pub(crate) struct Rounded {
    pub(crate) value: f64,
    pub(crate) violation: f64,
    pub(crate) raw_violation: f64,
}

/// A coupling in `O(m + n)` numbers: `exp(rows_i + columns_j − β C_ij) + row_rest_i · column_rest_j`.
///
/// The rounding's factors are contained in the potentials; the last term is its rank-one part. Entries are read against
/// the same cost.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct ImplicitPlan {
    /// Inverse temperature.
    pub beta: f64,
    /// Row potentials; minus infinity at zero masses.
    pub rows: Vec<f64>,
    /// Column potentials; minus infinity at zero masses.
    pub columns: Vec<f64>,
    /// Mass the rows lacked.
    pub row_rest: Vec<f64>,
    /// Where it goes: a distribution over the columns (or zero).
    pub column_rest: Vec<f64>,
}

impl ImplicitPlan {
    /// Writes column `j`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for a cost or buffer of another size,
    /// [`Error::OutOfRange`](crate::Error::OutOfRange).
    ///
    /// # Complexity
    /// `O(m)`.
    pub fn column(&self, cost: &dyn Cost, j: usize, out: &mut [f64]) -> crate::Result<()> {
        let shape = (self.rows.len(), self.columns.len());
        crate::error::check_shape("cost", shape, cost.shape())?;
        crate::error::check_shape("column", (shape.0, 1), (out.len(), 1))?;
        if j >= shape.1 {
            let (what, index, bound) = ("column", j, shape.1);
            return Err(crate::Error::OutOfRange { what, index, bound });
        }
        let mut costs = vec![0.0; out.len()];
        cost.fill(j, 0, &mut costs);
        kernel::exp_write(
            pulp::Arch::new(),
            &costs,
            self.beta,
            &self.rows,
            self.columns[j],
            out,
        );
        crate::linalg::axpy(self.column_rest[j], &self.row_rest, out);
        Ok(())
    }

    /// The whole plan, column by column.
    ///
    /// # Errors
    /// As [`ImplicitPlan::column`]; [`Error::TooLarge`](crate::Error::TooLarge).
    ///
    /// # Complexity
    /// `O(mn)` time and space.
    pub fn dense(&self, cost: &dyn Cost) -> crate::Result<Vec<f64>> {
        let (m, n) = (self.rows.len(), self.columns.len());
        Shape::new(&[m, n])?;
        let mut plan = vec![0.0; m * n];
        for (j, column) in plan.chunks_mut(m.max(1)).enumerate() {
            self.column(cost, j, column)?;
        }
        Ok(plan)
    }
}
