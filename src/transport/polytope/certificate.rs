//! Certified lower bounds on linear costs from dual potentials.

use super::marginals::Marginals;
use super::shape::Shape;
use crate::error::{Result, check_finite, check_shape};
use crate::linalg::error_free::ExactSum;
use crate::transport::kernel::{self, parallel};

/// A cost line by line: `fill(line, out)` writes it; infinity stands for a forbidden arc.
pub(crate) type Lines<'a> = &'a (dyn Fn(usize, &mut [f64]) + Sync);

/// `potentials[mode][i] ← min (cost − Σ of the other modes' potentials)` over the entries with index `i` along `mode`.
pub(crate) fn c_transform(
    shape: &Shape,
    cost: Lines<'_>,
    potentials: &mut [Vec<f64>],
    mode: usize,
) {
    let n = shape.line();
    let (lines, work) = (shape.lines(), shape.len());
    let read = &*potentials;
    let best = if mode == 0 {
        let parts = parallel::map(lines, work, |range| {
            let (mut least, mut line) = (vec![f64::INFINITY; n], vec![0.0; n]);
            for l in range {
                cost(l, &mut line);
                kernel::min_accumulate(shape.arch, &line, shape.offset(read, l, 0), &mut least);
            }
            least
        });
        let mut least = vec![f64::INFINITY; n];
        for part in parts {
            for (l, p) in least.iter_mut().zip(part) {
                *l = l.min(p);
            }
        }
        least
    } else {
        let parts = parallel::map(lines, work, |range| {
            let mut line = vec![0.0; n];
            let least = |l: usize| {
                cost(l, &mut line);
                kernel::min_difference(shape.arch, &line, &read[0]) - shape.offset(read, l, mode)
            };
            range.map(least).collect::<Vec<f64>>()
        });
        let mut least = vec![f64::INFINITY; shape.dims()[mode]];
        for (l, v) in parts.into_iter().flatten().enumerate() {
            let slot = &mut least[shape.slot(l, mode)];
            *slot = slot.min(v);
        }
        least
    };
    potentials[mode] = best;
}

/// A number that is not above any of the differences whose least rounded one this is. A difference that rounds to zero is zero.
pub(crate) fn below(least: f64) -> f64 {
    if least == 0.0 { 0.0 } else { least.next_down() }
}

/// Makes `potentials` feasible for the dual of `min ⟨cost, γ⟩` (each mode in turn takes its c-transform) and returns
/// `Σ_k ⟨μ_k, ψ_k⟩`, a lower bound on that minimum.
///
/// The last transform is rounded down and the sum is exact but for a last rounding down, so that rounding never lifts the bound of two
/// measures above the minimum.
///
/// Slices of zero mass carry no constraint: their potentials are minus infinity and never read.
pub(crate) fn dual_bound(
    marginals: &Marginals,
    cost: Lines<'_>,
    potentials: &mut [Vec<f64>],
) -> f64 {
    let shape = marginals.layout();
    let modes = shape.modes();
    for (mode, v) in potentials.iter_mut().enumerate() {
        for (p, mass) in v.iter_mut().zip(marginals.masses(mode)) {
            if *mass == 0.0 {
                *p = f64::NEG_INFINITY;
            } else if !p.is_finite() {
                *p = 0.0;
            }
        }
    }
    for mode in 0..modes {
        c_transform(shape, cost, potentials, mode);
        if mode + 1 == modes {
            // The rounded least difference is not above any rounded difference, and the number below is not above any exact one.
            potentials[mode].iter_mut().for_each(|p| *p = below(*p));
        }
        for (p, mass) in potentials[mode].iter_mut().zip(marginals.masses(mode)) {
            if *mass == 0.0 {
                *p = f64::NEG_INFINITY;
            }
        }
    }
    let mut bound = ExactSum::default();
    for (mode, v) in potentials.iter().enumerate() {
        let pairs = v.iter().zip(marginals.masses(mode));
        pairs
            .filter(|(_, m)| **m > 0.0)
            .for_each(|(p, m)| bound.add_product(*p, *m));
    }
    let bound = bound.ball().lower();
    // Without a finite bound (a point of positive mass without arcs, an overflow) nothing is certified.
    if bound.is_finite() {
        bound
    } else {
        f64::NEG_INFINITY
    }
}

/// A certified lower bound on `min ⟨cost, γ⟩` over the couplings of `marginals`, from any potentials (one vector per
/// measure), which are replaced by feasible ones: `Σ_k ψ_k ≤ cost` on every allowed arc between positive masses.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape); [`Error::NonFinite`](crate::Error::NonFinite) in the cost.
///
/// # Complexity
/// `O(K N)` time for `N` entries, `O(max n_k)` space.
pub fn lower_bound(
    marginals: &Marginals,
    cost: &[f64],
    potentials: &mut [Vec<f64>],
) -> Result<f64> {
    let shape = marginals.layout();
    check_shape("cost", (shape.len(), 1), (cost.len(), 1))?;
    check_shape("potentials", (shape.modes(), 1), (potentials.len(), 1))?;
    for (mode, v) in potentials.iter().enumerate() {
        check_shape("potential", (shape.dims()[mode], 1), (v.len(), 1))?;
    }
    check_finite("cost", cost)?;
    Ok(dual_bound(
        marginals,
        &masked_lines(marginals, cost),
        potentials,
    ))
}

/// The lines of a dense cost, infinite on forbidden arcs.
pub(crate) fn masked_lines<'a>(
    marginals: &'a Marginals,
    cost: &'a [f64],
) -> impl Fn(usize, &mut [f64]) + Sync + 'a {
    let n = marginals.layout().line();
    move |l, out| {
        out.copy_from_slice(&cost[l * n..(l + 1) * n]);
        mask_line(marginals, l, out);
    }
}

/// Infinity on the forbidden arcs of line `l`.
pub(crate) fn mask_line(marginals: &Marginals, l: usize, out: &mut [f64]) {
    if let Some(forbidden) = marginals.forbidden() {
        let n = out.len();
        for (o, _) in out
            .iter_mut()
            .zip(&forbidden[l * n..(l + 1) * n])
            .filter(|(_, f)| **f)
        {
            *o = f64::INFINITY;
        }
    }
}
