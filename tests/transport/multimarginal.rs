//! Three and more measures.

use super::{masses, oracle, random, settings};
use dyncvx::transport::*;
use faer::Mat;

#[test]
fn three_measures_match_the_simplex_optimum_and_keep_their_bounds() {
    let dims = [4, 3, 5];
    let marginals = Marginals::many(&[masses(4, 1), masses(3, 2), masses(5, 3)]).unwrap();
    let cost = Linear::new(&dims, random(60, 4)).unwrap();
    let optimum = oracle::linear(cost.cost(), &marginals);
    for t in [10, 100, 1000, 10_000] {
        for step in [StepRule::Anytime, StepRule::Horizon] {
            let mut s = settings(t);
            s.step = step;
            let solution = minimise(
                &cost,
                &marginals,
                &s,
                InitialCoupling::Independent,
                &mut unobserved,
            )
            .unwrap();
            let mean = solution.average.as_ref().unwrap();
            assert!(mean.raw_value - optimum <= solution.steps.gap_bound().unwrap());
            assert!(mean.raw_violation <= solution.steps.violation_bound().unwrap());
            assert!(
                solution.lower_bound <= optimum + 1e-12 && solution.objective() >= optimum - 1e-12
            );
            assert!(solution.last.marginal_violation <= 1e-13);
            if t == 10_000 {
                assert!(
                    solution.objective() <= 1.02 * optimum
                        && solution.lower_bound >= 0.97 * optimum,
                    "{optimum} {} {}",
                    solution.objective(),
                    solution.lower_bound
                );
            }
        }
    }
    let mut s = settings(3000);
    s.predict = Predict::On;
    let solution = minimise(
        &cost,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(solution.objective() <= 1.01 * optimum && solution.lower_bound >= 0.98 * optimum);
}

#[test]
fn four_measures_take_a_quadratic_objective() {
    let dims = [3, 2, 4, 2];
    let marginals =
        Marginals::many(&[masses(3, 1), masses(2, 2), masses(4, 3), masses(2, 4)]).unwrap();
    let cost = Linear::new(&dims, random(48, 4)).unwrap();
    let f = Sum::new()
        .with(1.0, cost)
        .unwrap()
        .with(1.0, SquaredNorm::new(&dims, 4.0).unwrap())
        .unwrap();
    let optimum = oracle::quadratic(&f, &marginals);
    let solution = minimise(
        &f,
        &marginals,
        &settings(20_000),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(solution.lower_bound <= optimum + 1e-8 && solution.objective() >= optimum - 1e-8);
    assert!(
        solution.objective() <= optimum * 1.005 && solution.lower_bound >= optimum * 0.99,
        "{optimum} {} {}",
        solution.objective(),
        solution.lower_bound
    );
}

/// On the line the barycentre averages quantiles: its mean is the mean of the means, and of three shifted and scaled copies of
/// one shape its standard deviation is the mean of the standard deviations.
#[test]
fn the_barycentre_of_three_measures_on_64_points_averages_quantiles() {
    let n = 64;
    let points = Mat::from_fn(1, n, |_, i| (i as f64 + 0.5) / n as f64);
    let bump = |centre: f64, width: f64| {
        let raw: Vec<f64> = (0..n)
            .map(|i| (-0.5 * ((points[(0, i)] - centre) / width).powi(2)).exp())
            .collect();
        let total: f64 = raw.iter().sum();
        raw.iter().map(|x| x / total).collect::<Vec<f64>>()
    };
    let measures = [bump(0.3, 0.04), bump(0.5, 0.08), bump(0.75, 0.05)];
    let weights = [0.5, 0.25, 0.25];
    let mut s = settings(3000);
    s.predict = Predict::On;
    s.step_scale = 2.0;
    s.average = false;
    let clouds = [points.as_ref(), points.as_ref(), points.as_ref()];
    let result = barycentre(&clouds, &measures, &weights, &s, &mut unobserved).unwrap();
    let solution = &result.solution;
    assert!(solution.last.marginal_violation <= 1e-12);
    let mean = |x: &dyn Fn(usize) -> f64, w: &[f64]| {
        w.iter().enumerate().map(|(i, w)| w * x(i)).sum::<f64>()
    };
    let moments = |x: &dyn Fn(usize) -> f64, w: &[f64]| {
        let m = mean(x, w);
        (m, mean(&|i| (x(i) - m).powi(2), w).sqrt())
    };
    let found = moments(&|i| result.points[(0, i)], &result.masses);
    let each: Vec<_> = measures
        .iter()
        .map(|w| moments(&|i| points[(0, i)], w))
        .collect();
    // Points of less than 1e-12 of the mass are left out: 64³ of them at most.
    let expected = each
        .iter()
        .zip(weights)
        .fold((0.0, 0.0), |(m, d), (e, w)| (m + w * e.0, d + w * e.1));
    assert!(
        (found.0 - expected.0).abs() <= 3e-7,
        "{found:?} {expected:?}"
    );
    assert!(
        (found.1 - expected.1).abs() <= 3e-3,
        "{found:?} {expected:?}"
    );
    // The optimum on the line: couple by quantiles (north-west corner in order).
    let cost = barycentre_cost(&clouds, &weights).unwrap();
    let (mut at, mut left) = ([0; 3], measures.clone().map(|m| m[0]));
    let mut optimum = 0.0;
    loop {
        // The measure that runs out first moves on.
        let k = (0..3).fold(0, |k, l| if left[l] < left[k] { l } else { k });
        let amount = left[k];
        optimum += amount * cost.cost()[at[0] + n * (at[1] + n * at[2])];
        left.iter_mut().for_each(|l| *l -= amount);
        at[k] += 1;
        if at[k] == n {
            break;
        }
        left[k] = measures[k][at[k]];
    }
    println!(
        "optimum {optimum} value {} lower {} seconds {}",
        solution.objective(),
        solution.lower_bound,
        solution.seconds
    );
    assert!(solution.lower_bound <= optimum + 1e-12 && solution.objective() >= optimum - 1e-12);
    assert!(
        solution.objective() <= optimum * 1.05 && solution.lower_bound >= optimum * 0.95,
        "{optimum} {} {}",
        solution.objective(),
        solution.lower_bound
    );
}

#[test]
fn a_barycentre_cost_is_the_weighted_distance_to_the_mean() {
    let points: Vec<Mat<f64>> = (0..3u32)
        .map(|k| super::matrix(2, 3 + k as usize, 1.0, k))
        .collect();
    let weights = [0.2, 0.5, 0.3];
    let clouds: Vec<_> = points.iter().map(|p| p.as_ref()).collect();
    let cost = barycentre_cost(&clouds, &weights).unwrap();
    for (flat, c) in cost.cost().iter().enumerate() {
        let i = oracle::index(&[3, 4, 5], flat);
        let mean: Vec<f64> = (0..2)
            .map(|d| (0..3).map(|k| weights[k] * points[k][(d, i[k])]).sum())
            .collect();
        let naive: f64 = (0..3)
            .map(|k| {
                weights[k]
                    * (0..2)
                        .map(|d| (points[k][(d, i[k])] - mean[d]).powi(2))
                        .sum::<f64>()
            })
            .sum();
        assert!((c - naive).abs() <= 1e-14);
    }
    assert!(barycentre_cost(&clouds[..1], &weights[..1]).is_err());
    assert!(barycentre_cost(&clouds, &weights[..2]).is_err());
}
