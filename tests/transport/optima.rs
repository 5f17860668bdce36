//! Optimal values and certificates on small problems.

use super::{masses, matrix, oracle, random, settings, symmetric};
use dyncvx::transport::*;

/// `lower ≤ optimum ≤ value`, the value within `tol` of the optimum, the plan in the polytope.
fn check(solution: &MirrorSinkhornSolution, marginals: &Marginals, optimum: f64, tol: f64) {
    let scale = optimum.abs().max(1e-3);
    assert!(
        solution.lower_bound <= optimum + 1e-8 * scale,
        "{} > {optimum}",
        solution.lower_bound
    );
    assert!(
        solution.objective() >= optimum - 1e-8 * scale,
        "{} < {optimum}",
        solution.objective()
    );
    assert!(
        solution.objective() <= optimum + tol * scale,
        "{} {optimum}",
        solution.objective()
    );
    for answer in [Some(&solution.last), solution.average.as_ref()]
        .into_iter()
        .flatten()
    {
        assert!(answer.marginal_violation <= 1e-12 * marginals.total());
        assert!(marginals.violation(&answer.plan).unwrap() <= 1e-12 * marginals.total());
        assert!(answer.plan.iter().all(|p| *p >= 0.0));
    }
}

#[test]
fn linear_costs_reach_the_simplex_optimum() {
    for (seed, (m, n)) in [(6, 7), (1, 5), (9, 4), (8, 8), (5, 1)]
        .into_iter()
        .enumerate()
    {
        let s = 10 * seed as u32;
        let marginals = Marginals::new(&masses(m, s), &masses(n, s + 1)).unwrap();
        let cost = Linear::new(&[m, n], random(m * n, s + 2)).unwrap();
        let optimum = oracle::linear(cost.cost(), &marginals);
        for (predict, tol) in [(Predict::Off, 2e-2), (Predict::On, 5e-3)] {
            let mut settings = settings(4000);
            settings.predict = predict;
            let solution = minimise(
                &cost,
                &marginals,
                &settings,
                InitialCoupling::Independent,
                &mut unobserved,
            )
            .unwrap();
            check(&solution, &marginals, optimum, tol);
            // The certificate closes about as far as the plan does.
            assert!(
                solution.gap() <= 2.0 * tol * optimum,
                "{} {optimum}",
                solution.gap()
            );
            let light = minimise_linear(
                &cost,
                &marginals,
                &settings,
                InitialCoupling::Independent,
                &mut unobserved,
            )
            .unwrap();
            assert!(light.lower_bound <= optimum + 1e-9 && light.value >= optimum - 1e-9);
            assert!(
                light.value <= optimum * (1.0 + tol),
                "{} {optimum}",
                light.value
            );
            assert!(light.marginal_violation <= 1e-12);
        }
    }
}

#[test]
fn a_certified_gap_ends_the_run_and_holds() {
    let (m, n) = (12, 15);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let optimum = oracle::linear(cost.cost(), &marginals);
    let mut s = settings(1_000_000);
    s.predict = Predict::On;
    s.tol_gap_rel = 1e-2;
    let solution = minimise(
        &cost,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert_eq!(solution.status, Status::Solved);
    assert!(solution.gap() <= 1e-2 * solution.objective().abs());
    check(&solution, &marginals, optimum, 1e-2);
    let light = minimise_linear(
        &cost,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert_eq!(light.status, Status::Solved);
    assert!(
        light.gap() <= 1e-2 * light.value
            && light.lower_bound <= optimum
            && optimum <= light.value + 1e-12
    );
}

#[test]
fn quadratics_reach_the_interior_point_optimum() {
    let (m, n) = (7, 6);
    let (mu, nu) = (masses(m, 1), masses(n, 2));
    let marginals = Marginals::new(&mu, &nu).unwrap();
    let all: Vec<(&str, Quadratic)> = vec![
        (
            "projection",
            Quadratic::projection(matrix(m, n, 0.06, 3).as_ref(), 7.0).unwrap(),
        ),
        (
            "left",
            Quadratic::left(matrix(9, m, 1.0, 4).as_ref(), matrix(9, n, 0.2, 5).as_ref()).unwrap(),
        ),
        (
            "registration",
            Quadratic::registration(
                matrix(3, m, 1.0, 6).as_ref(),
                matrix(3, n, 1.5, 7).as_ref(),
                &nu,
            )
            .unwrap(),
        ),
        (
            "intertwining",
            Quadratic::intertwining(symmetric(m, 8).as_ref(), symmetric(n, 9).as_ref()).unwrap(),
        ),
    ];
    for (name, f) in all {
        let optimum = oracle::quadratic(&f, &marginals);
        for step in [StepRule::Auto, StepRule::Anytime] {
            let mut s = settings(20_000);
            s.step = step;
            let solution = minimise(
                &f,
                &marginals,
                &s,
                InitialCoupling::Independent,
                &mut unobserved,
            )
            .unwrap();
            println!(
                "{name} {step:?} optimum {optimum} found {} lower {}",
                solution.objective(),
                solution.lower_bound
            );
            check(&solution, &marginals, optimum, 1e-2);
        }
    }
}

#[test]
fn entropic_transport_is_solved_to_many_digits() {
    let (m, n, epsilon) = (9, 11, 0.05);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let f = Sum::new()
        .with(1.0, cost.clone())
        .unwrap()
        .with(1.0, Entropic::new(&[m, n], epsilon).unwrap())
        .unwrap();
    let mut s = settings(100_000);
    s.tol_gap_abs = 1e-10;
    s.average = false;
    let solution = minimise(
        &f,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert_eq!(solution.status, Status::Solved);
    // Plain Sinkhorn, written out.
    let c = |i: usize, j: usize| cost.cost()[i + m * j];
    let (mut u, mut v): (Vec<f64>, Vec<f64>) = (vec![1.0; m], vec![1.0; n]);
    let weight = |i: usize, j: usize| (-c(i, j) / epsilon).exp();
    for _ in 0..20_000 {
        let row =
            |i: usize| marginals.masses(0)[i] / (0..n).map(|j| weight(i, j) * v[j]).sum::<f64>();
        u = (0..m).map(row).collect();
        let column =
            |j: usize| marginals.masses(1)[j] / (0..m).map(|i| weight(i, j) * u[i]).sum::<f64>();
        v = (0..n).map(column).collect();
    }
    let plan: Vec<f64> = (0..m * n)
        .map(|k| u[k % m] * (-cost.cost()[k] / epsilon).exp() * v[k / m])
        .collect();
    assert!((f.value(&plan) - solution.objective()).abs() <= 1e-9);
    assert!(solution.steps.count <= 2000, "{}", solution.steps.count);
    // As published, without prediction: log T / T.
    s.predict = Predict::Off;
    s.tol_gap_abs = 1e-5;
    let slower = minimise(
        &f,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert_eq!(
        (slower.status, slower.steps.rule),
        (Status::Solved, StepRule::StronglyConvex(epsilon))
    );
    assert!(slower.objective() - f.value(&plan) <= 1e-5 && f.value(&plan) >= slower.lower_bound);
}

#[test]
fn regularised_and_summed_objectives_are_certified() {
    let (m, n) = (8, 10);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let l2 = Sum::new()
        .with(1.0, cost.clone())
        .unwrap()
        .with(1.0, SquaredNorm::new(&[m, n], 3.0).unwrap())
        .unwrap();
    let optimum = oracle::quadratic(&l2, &marginals);
    let solution = minimise(
        &l2,
        &marginals,
        &settings(20_000),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    check(&solution, &marginals, optimum, 2e-3);
    // The group norm has kinks: no oracle here, but the certificate speaks for itself.
    let group = GroupLasso::new(n, vec![0, 0, 1, 1, 2, 2, 0, 1], 0.1).unwrap();
    let f = Sum::new()
        .with(1.0, cost)
        .unwrap()
        .with(1.0, group)
        .unwrap();
    let solution = minimise(
        &f,
        &marginals,
        &settings(20_000),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(
        solution.gap() <= 3e-2 * solution.objective(),
        "{} {}",
        solution.gap(),
        solution.objective()
    );
}

#[test]
fn forbidden_arcs_and_partial_transport_match_the_simplex_optimum() {
    let (m, n) = (7, 6);
    let forbidden: Vec<bool> = (0..m * n).map(|k| k % 3 == 0).collect();
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2))
        .unwrap()
        .forbid(forbidden.clone())
        .unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let optimum = oracle::linear(cost.cost(), &marginals);
    let mut s = settings(5000);
    s.predict = Predict::On;
    let solution = minimise(
        &cost,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    check(&solution, &marginals, optimum, 1e-2);
    let plans = [&solution.last, solution.average.as_ref().unwrap()];
    assert!(
        plans
            .iter()
            .all(|a| a.plan.iter().zip(&forbidden).all(|(p, f)| !f || *p == 0.0))
    );

    let (mu, nu) = (random(m, 4), random(n, 5));
    let moved = 0.6 * mu.iter().sum::<f64>().min(nu.iter().sum());
    let partial = Marginals::partial(&mu, &nu, moved).unwrap();
    let padded = Padded::new(cost).unwrap();
    let mut flat = vec![0.0; (m + 1) * (n + 1)];
    padded.gradient(&vec![0.0; flat.len()].clone(), &mut flat);
    let optimum = oracle::linear(&flat, &partial);
    let solution = minimise(
        &padded,
        &partial,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    check(&solution, &partial, optimum, 1e-2);
    let plan = &solution.best().plan;
    let inside: f64 = (0..n)
        .flat_map(|j| (0..m).map(move |i| i + (m + 1) * j))
        .map(|k| plan[k])
        .sum();
    assert!((inside - moved).abs() <= 1e-12 * partial.total());
}
