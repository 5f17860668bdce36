//! Wasserstein barycentres as a multimarginal problem[^AC11].
//!
//! [^AC11]: Agueh, Carlier. *Barycenters in the Wasserstein space.* SIAM J. Math. Anal. 2011.

use super::minimise::minimise;
use super::solution::MirrorSinkhornSolution;
use crate::error::{Error, Result, check_finite, check_memory, check_shape};
use crate::transport::kernel::parallel;
use crate::transport::objective::{Linear, Objective, flat};
use crate::transport::polytope::checks::check_positive;
use crate::transport::polytope::marginals::Marginals;
use crate::transport::polytope::shape::Shape;
use crate::transport::settings::{InitialCoupling, Observer, Settings};
use faer::{Mat, MatRef};

/// A barycentre, and the coupling of the measures it comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Barycentre {
    /// Support points, `d × s`.
    pub points: Mat<f64>,
    /// Their masses.
    pub masses: Vec<f64>,
    /// The coupling; its objective is `Σ_k λ_k W₂²(μ_k, barycentre)` up to the certified gap.
    pub solution: MirrorSinkhornSolution,
}

/// The multimarginal cost `Σ_{k<l} λ_k λ_l ‖x_k − x_l‖²` of `K` point clouds, which is `Σ_k λ_k ‖x_k − T(x)‖²` with
/// `T(x) = Σ_k λ_k x_k`.
///
/// `points[k]` is `d × n_k`, `weights` are the `λ_k > 0` (scaled to sum 1).
///
/// # Errors
/// [`Error::Shape`], [`Error::NonFinite`], [`Error::InvalidSetting`], [`Error::TooLarge`].
///
/// # Complexity
/// `O(K² d Π n_k)` time, `Π n_k` numbers.
pub fn barycentre_cost(points: &[MatRef<'_, f64>], weights: &[f64]) -> Result<Linear> {
    let weights = check(points, weights)?;
    let dims: Vec<usize> = points.iter().map(MatRef::ncols).collect();
    let shape = Shape::new(&dims)?;
    check_memory("cost of all tuples of points", shape.len() as u128)?;
    let mut cost = vec![0.0; shape.len()];
    // Distances of every pair of clouds once, then sums of table entries.
    let modes = dims.len();
    let mut tables = Vec::new();
    for k in 0..modes {
        for l in k + 1..modes {
            let w = weights[k] * weights[l];
            let (a, b) = (points[k], points[l]);
            let square = |i: usize, j: usize| -> f64 {
                (0..a.nrows())
                    .map(|c| (a[(c, i)] - b[(c, j)]).powi(2))
                    .sum()
            };
            tables.push((
                k,
                l,
                Mat::from_fn(dims[k], dims[l], |i, j| w * square(i, j)),
            ));
        }
    }
    let n = dims[0];
    parallel::update(&mut cost, shape.piece(), |first, cost| {
        for (i, line) in cost.chunks_mut(n).enumerate() {
            let at = first / n + i;
            let index = |k: usize| shape.slot(at, k);
            let mut constant = 0.0;
            for (k, l, table) in &tables {
                if *k > 0 {
                    constant += table[(index(*k), index(*l))];
                }
            }
            line.fill(constant);
            for (_, l, table) in tables.iter().filter(|(k, _, _)| *k == 0) {
                let j = index(*l);
                line.iter_mut()
                    .enumerate()
                    .for_each(|(i, c)| *c += table[(i, j)]);
            }
        }
    });
    Linear::new(&dims, cost)
}

fn check(points: &[MatRef<'_, f64>], weights: &[f64]) -> Result<Vec<f64>> {
    check_shape("weights", (points.len(), 1), (weights.len(), 1))?;
    if points.len() < 2 {
        let reason = format!("expected two or more measures, found {}", points.len());
        return Err(Error::Marginals { mode: 0, reason });
    }
    weights
        .iter()
        .try_for_each(|w| check_positive("weights", *w))?;
    for p in points {
        check_shape("points", (points[0].nrows(), p.ncols()), p.shape())?;
        check_finite("points", &flat(*p))?;
    }
    let sum: f64 = weights.iter().sum();
    Ok(weights.iter().map(|w| w / sum).collect())
}

/// The barycentre of `K` discrete measures with weights `λ`: the image of an optimal coupling for [`barycentre_cost`]
/// under `T(x) = Σ_k λ_k x_k`.
///
/// `points[k]` is `d × n_k` with masses `measures[k]`. Points of mass at most 1e-12 of the total are left out.
///
/// # Errors
/// As [`barycentre_cost`], [`Marginals::many`] and [`minimise`].
///
/// # Complexity
/// That of [`minimise`] on `Π n_k` entries.
pub fn barycentre<M: AsRef<[f64]>>(
    points: &[MatRef<'_, f64>],
    measures: &[M],
    weights: &[f64],
    settings: &Settings,
    observer: &mut Observer<'_>,
) -> Result<Barycentre> {
    let cost = barycentre_cost(points, weights)?;
    let weights = check(points, weights)?;
    let marginals = Marginals::many(measures)?;
    let solution = minimise(
        &cost,
        &marginals,
        settings,
        InitialCoupling::Independent,
        observer,
    )?;
    let dims = cost.shape();
    let mut support = Vec::new();
    let mut masses = Vec::new();
    for (flat, mass) in solution.best().plan.iter().enumerate() {
        if *mass > 1e-12 * marginals.total() {
            let mut rest = flat;
            let mut x = vec![0.0; points[0].nrows()];
            for ((p, w), d) in points.iter().zip(&weights).zip(dims) {
                let i = rest % d;
                rest /= d;
                x.iter_mut()
                    .enumerate()
                    .for_each(|(c, x)| *x += w * p[(c, i)]);
            }
            support.push(x);
            masses.push(*mass);
        }
    }
    let points = Mat::from_fn(points[0].nrows(), support.len(), |c, i| support[i][c]);
    Ok(Barycentre {
        points,
        masses,
        solution,
    })
}
