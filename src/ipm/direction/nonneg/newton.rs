//! Newton steps on nonnegative variables.
//!
//! `S dx + X ds = r`, `A dx = r_p` and `Aᵀdy + ds = R_d` make `A D Aᵀ dy = r_p + A(D R_d − r/s)` with `D = X/S`, `ds = R_d − Aᵀdy`
//! and `dx = r/s − D ds`. Primal and dual steps are independent: each combines the directions as suits it.

use super::SplitPairs;
use crate::constraints::BlockWeight;
use crate::error::Result;
use crate::ipm::direction::{Direction, Geometry, System};
use crate::ipm::params::LEAST_RATIO;
use crate::linalg::{axpy, dot, norm};
use crate::projection::Projection;

/// Rounds of refinement of `A dx = r_p`.
const ROUNDS: usize = 3;

/// Centrality correctors a factor, at most.
const CORRECTORS: usize = 2;

/// How much longer a step a corrector aims at, and what share of that it must win.
const LONGER: f64 = 0.3;
const WORTH: f64 = 0.1;

/// Relative residual from which on a corrector is not used.
const DOUBTFUL: f64 = 1e-3;

/// Products of the aim below and above which a pair is corrected.
const BAND: (f64, f64) = (0.1, 10.0);

/// The linearisation at one point.
#[derive(Debug)]
pub(in crate::ipm) struct Newton {
    /// `√(x/s)`.
    root: Vec<f64>,
    /// The same, not under the floor.
    weight: Vec<f64>,
    pairs: SplitPairs,
}

impl Newton {
    pub(in crate::ipm) fn new(pairs: SplitPairs) -> Self {
        Self {
            root: vec![],
            weight: vec![],
            pairs,
        }
    }

    /// The direction with complementarity `r`; residuals `None` stand for zero.
    fn solve(
        &self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        r: &[f64],
        residuals: Option<(&[f64], &[f64])>,
    ) -> Result<Direction> {
        let a = system.a;
        let (m, n) = (a.len(), a.ambient());
        let zeros = vec![0.0; m.max(n)];
        let (primal, dual) = residuals.unwrap_or((&zeros[..m], &zeros[..n]));
        let mut d = Direction {
            dx: vec![0.0; n],
            dy: vec![0.0; m],
            ds: vec![0.0; n],
            ..Direction::default()
        };
        for k in 0..n {
            d.dx[k] = self.root[k] * self.root[k] * dual[k] - r[k] / system.s[k];
        }
        let mut rhs = vec![0.0; m];
        a.apply(&d.dx, &mut rhs)?;
        axpy(1.0, primal, &mut rhs);
        let scale = norm(&rhs).max(f64::MIN_POSITIVE);
        let mut left = f64::INFINITY;
        for round in 0..ROUNDS {
            system.solve(projection, &mut rhs)?;
            axpy(1.0, &rhs, &mut d.dy);
            let old = (round > 0).then(|| (d.dx.clone(), d.ds.clone()));
            a.adjoint(&d.dy, &mut d.ds)?;
            for k in 0..n {
                d.ds[k] = dual[k] - d.ds[k];
                d.dx[k] = (r[k] - system.x[k] * d.ds[k]) / system.s[k];
            }
            let given = rhs.clone();
            a.apply(&d.dx, &mut rhs)?;
            rhs.iter_mut().zip(primal).for_each(|(r, p)| *r = p - *r);
            let now = norm(&rhs);
            if let Some((dx, ds)) = old
                && now.partial_cmp(&left) != Some(core::cmp::Ordering::Less)
            {
                axpy(-1.0, &given, &mut d.dy);
                (d.dx, d.ds) = (dx, ds);
                break;
            }
            let stalls = now > 0.1 * left;
            left = now;
            if left <= system.target || stalls {
                break;
            }
        }
        d.residual = if left <= system.target {
            0.0
        } else {
            left / scale
        };
        d.longest = (longest(system.x, &d.dx), longest(system.s, &d.ds));
        Ok(d)
    }

    /// Adds the multiple of `more`, between `least` and 1, that makes the longest step, for primal and dual each.
    fn blend(system: &System<'_>, d: &mut Direction, more: &Direction, least: f64) {
        const TRIES: usize = 5;
        let weights = |k: usize| least + (1.0 - least) * k as f64 / (TRIES - 1) as f64;
        let best = |v: &[f64], dv: &[f64], more: &[f64]| {
            let mut best = (0.0, f64::NEG_INFINITY);
            for weight in (0..TRIES).map(weights) {
                let step = longest_sum(v, dv, more, weight).min(1.0);
                if step >= best.1 {
                    best = (weight, step);
                }
            }
            best.0
        };
        let wp = best(system.x, &d.dx, &more.dx);
        let wd = best(system.s, &d.ds, &more.ds);
        axpy(wp, &more.dx, &mut d.dx);
        axpy(wd, &more.dy, &mut d.dy);
        axpy(wd, &more.ds, &mut d.ds);
        d.residual = d.residual.max(more.residual);
        d.longest = (longest(system.x, &d.dx), longest(system.s, &d.ds));
    }
}

impl Geometry for Newton {
    fn move_to(&mut self, system: &System<'_>) -> Result<()> {
        let ratios = system.x.iter().zip(system.s);
        self.root.clear();
        self.root.extend(ratios.map(|(x, s)| (x / s).sqrt()));
        let least = (LEAST_RATIO.get() * system.scale_b / system.scale_c).sqrt();
        self.weight.clear();
        self.weight.extend(self.root.iter().map(|r| r.max(least)));
        Ok(())
    }

    fn weight<'s>(&'s self, system: &System<'s>) -> Vec<BlockWeight<'s>> {
        let blocks = 0..system.a.blocks().len();
        blocks
            .map(|b| BlockWeight::Nonneg(&self.weight[system.a.range(b)]))
            .collect()
    }

    /// Straight at the boundary.
    fn affine(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
    ) -> Result<Direction> {
        let r: Vec<f64> = system.x.iter().zip(system.s).map(|(x, s)| -x * s).collect();
        let mut dual = system.dual.to_vec();
        self.pairs.balance(&mut dual);
        self.solve(system, projection, &r, Some((system.primal, &dual)))
    }

    /// Mehrotra's correction of the affine direction, weighted for primal and dual step by what makes each longest, and then
    /// multiple centrality correctors[^G96][^CG08]. Its products are cut at the mean one: without that dfl001 stops at iteration 11,
    /// where one of them keeps a variable and its slack from moving.
    ///
    /// [^G96]: Gondzio. Multiple centrality corrections in a primal-dual method for linear programming. Comput. Optim. Appl. 6,
    /// 1996.
    /// [^CG08]: Colombo, Gondzio. Further development of multiple centrality correctors for interior point methods. Comput.
    /// Optim. Appl. 41, 2008.
    fn corrected(
        &mut self,
        system: &System<'_>,
        projection: &mut dyn Projection,
        affine: Direction,
        centre: f64,
    ) -> Result<Direction> {
        let mut d = affine.clone();
        // No single product decides: those of variables that the affine step leaves far behind say little about a shorter one.
        let pairs = system.x.len().max(1) as f64;
        let mean = dot(system.x, system.s) / pairs;
        let bend = |(dx, ds): (&f64, &f64)| centre - (dx * ds).clamp(-mean, mean);
        let r: Vec<f64> = d.dx.iter().zip(&d.ds).map(bend).collect();
        let second = self.solve(system, projection, &r, None)?;
        let least = d.longest.0.min(1.0) * d.longest.1.min(1.0);
        Self::blend(system, &mut d, &second, least);
        for _ in 0..CORRECTORS {
            let (ap, ad) = (d.longest.0.min(1.0), d.longest.1.min(1.0));
            if ap.min(ad) > 0.95 {
                break;
            }
            let (tp, td) = ((ap + LONGER).min(1.0), (ad + LONGER).min(1.0));
            let mut r = vec![0.0; system.x.len()];
            for (k, r) in r.iter_mut().enumerate() {
                let product = (system.x[k] + tp * d.dx[k]) * (system.s[k] + td * d.ds[k]);
                *r = if product < BAND.0 * centre {
                    BAND.0 * centre - product
                } else if product > BAND.1 * centre {
                    (BAND.1 * centre - product).max(-BAND.1 * centre)
                } else {
                    0.0
                };
            }
            let more = self.solve(system, projection, &r, None)?;
            if more.residual > DOUBTFUL {
                break;
            }
            Self::blend(system, &mut d, &more, ap * ad);
            let won = (d.longest.0.min(1.0) - ap).max(d.longest.1.min(1.0) - ad);
            if won < WORTH * LONGER {
                break;
            }
        }
        Ok(d)
    }

    /// Steps that leave the pair which blocks each with a product of the order of the mean one[^M92], and 0.9 of the way to the
    /// boundary at least.
    ///
    /// [^M92]: Mehrotra. On the implementation of a primal-dual interior point method. SIAM J. Optim. 2, 1992.
    fn steps(&self, system: &System<'_>, d: &Direction, _safe: f64) -> (f64, f64) {
        const LEAST: f64 = 0.9;
        let (ap, ad) = (d.longest.0.min(1.0), d.longest.1.min(1.0));
        let mut sum = 0.0;
        for k in 0..system.x.len() {
            sum += (system.x[k] + ap * d.dx[k]) * (system.s[k] + ad * d.ds[k]);
        }
        let mean = (1.0 - LEAST) * sum / system.x.len().max(1) as f64;
        let one = |longest: f64, v: &[f64], dv: &[f64], w: &[f64], dw: &[f64], other: f64| {
            let Some(k) = blocking(v, dv).filter(|_| longest <= 1.0 / LEAST) else {
                return 1.0;
            };
            let step = (mean / (w[k] + other * dw[k]) - v[k]) / dv[k];
            if step.is_finite() {
                step.clamp(LEAST * longest, longest).min(1.0)
            } else {
                LEAST * longest
            }
        };
        let near = |step: f64, longest: f64| step.min((1.0 - 1e-6) * longest).min(1.0);
        let primal = one(d.longest.0, system.x, &d.dx, system.s, &d.ds, ad);
        let dual = one(d.longest.1, system.s, &d.ds, system.x, &d.dx, ap);
        (near(primal, d.longest.0), near(dual, d.longest.1))
    }
}

fn longest(v: &[f64], dv: &[f64]) -> f64 {
    let ratio = |(v, d): (&f64, &f64)| if *d < 0.0 { -v / d } else { f64::INFINITY };
    v.iter().zip(dv).map(ratio).fold(f64::INFINITY, f64::min)
}

fn longest_sum(v: &[f64], dv: &[f64], more: &[f64], weight: f64) -> f64 {
    let mut least = f64::INFINITY;
    for ((v, d), m) in v.iter().zip(dv).zip(more) {
        let d = d + weight * m;
        if d < 0.0 {
            least = least.min(-v / d);
        }
    }
    least
}

fn blocking(v: &[f64], dv: &[f64]) -> Option<usize> {
    let mut found = (f64::INFINITY, None);
    for (k, (v, d)) in v.iter().zip(dv).enumerate() {
        if *d < 0.0 && -v / d < found.0 {
            found = (-v / d, Some(k));
        }
    }
    found.1
}

#[cfg(test)]
mod tests;
