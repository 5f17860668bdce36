//! Rounding to the transport polytope[^AWR17].
//!
//! [^AWR17]: Altschuler, Weed, Rigollet. *Near-linear time approximation algorithms for optimal transport via Sinkhorn
//! iteration.* NIPS 2017, algorithm 2; for more measures the rank-one term becomes a product of `K` vectors.

use super::augmenting_paths;
use super::marginals::Marginals;
use crate::error::{Error, Result, check_shape};
use crate::transport::kernel::parallel;

/// Moves `plan ≥ 0` onto the polytope. Every marginal in turn is scaled down to at most its masses. The mass that is then missing
/// is added as the product of what the marginals lack; where arcs are forbidden, it goes along allowed arcs. Returns the marginal
/// violation that remains, which is rounding error.
///
/// For two measures `‖result − plan‖₁ ≤ 2 c`, `c` the l1 marginal violation of `plan`.
///
/// # Errors
/// [`Error::Shape`]; [`Error::NonFinite`] and [`Error::Marginals`] for an entry that is infinite, negative, or positive
/// on a forbidden arc.
///
/// # Complexity
/// `O(K N)` time for `N` entries, `O(Σ n_k)` space beside the plan; with forbidden arcs a maximum flow of the missing mass.
pub fn round(plan: &mut [f64], marginals: &Marginals) -> Result<f64> {
    check_shape("plan", (marginals.layout().len(), 1), (plan.len(), 1))?;
    for (index, v) in plan.iter().enumerate() {
        if !v.is_finite() {
            let what = "plan";
            return Err(Error::NonFinite { what, index });
        }
        if *v < 0.0 || (*v > 0.0 && marginals.forbidden().is_some_and(|f| f[index])) {
            let reason = format!(
                "expected entries ≥ 0, and 0 on forbidden arcs, found {v} at index {index}"
            );
            return Err(Error::Marginals { mode: 0, reason });
        }
    }
    Ok(round_unchecked(plan, marginals))
}

pub(crate) fn round_unchecked(plan: &mut [f64], marginals: &Marginals) -> f64 {
    let shape = marginals.layout();
    let modes = shape.modes();
    for mode in 0..modes {
        let mut factors = shape.marginal(plan, mode);
        let mut change = false;
        for (f, mass) in factors.iter_mut().zip(marginals.masses(mode)) {
            change |= *f > *mass;
            *f = if *f > *mass { mass / *f } else { 1.0 };
        }
        if change {
            shape.scale(plan, &factors, mode);
        }
    }
    if let Some(forbidden) = marginals.forbidden() {
        augmenting_paths::complete(plan, marginals.masses(0), marginals.masses(1), forbidden);
        return marginals.violation_of(plan);
    }
    let mut missing: Vec<Vec<f64>> = (0..modes)
        .map(|mode| {
            let sums = shape.marginal(plan, mode);
            let masses = marginals.masses(mode);
            masses
                .iter()
                .zip(&sums)
                .map(|(m, s)| (m - s).max(0.0))
                .collect()
        })
        .collect();
    let totals: Vec<f64> = missing.iter().map(|v| v.iter().sum()).collect();
    if totals.iter().all(|t| *t > 0.0) {
        // The first vector carries the mass, the others are distributions.
        for (v, t) in missing.iter_mut().zip(&totals).skip(1) {
            v.iter_mut().for_each(|x| *x /= t);
        }
        let n = shape.line();
        parallel::update(plan, shape.piece(), |first, plan| {
            for (k, line) in plan.chunks_mut(n).enumerate() {
                let mut rest = first / n + k;
                let mut weight = 1.0;
                for (v, d) in missing.iter().zip(shape.dims()).skip(1) {
                    weight *= v[rest % d];
                    rest /= d;
                }
                if weight > 0.0 {
                    for (p, x) in line.iter_mut().zip(&missing[0]) {
                        *p += weight * x;
                    }
                }
            }
        });
    }
    marginals.violation_of(plan)
}
