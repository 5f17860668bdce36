//! The engines against naive forms and each other; the identities of the method; determinism.

use super::{masses, matrix, random, settings};
use dyncvx::transport::*;
use std::ops::ControlFlow;

/// Mirror Sinkhorn as published, one entry at a time.
fn naive(f: &dyn Objective, marginals: &Marginals, steps: &[f64]) -> Vec<f64> {
    let (m, n) = (marginals.shape()[0], marginals.shape()[1]);
    let (mu, nu) = (marginals.masses(0), marginals.masses(1));
    let mut plan: Vec<f64> = (0..m * n)
        .map(|k| mu[k % m] * nu[k / m] / marginals.total())
        .collect();
    for (t, eta) in steps.iter().enumerate() {
        let mut g = vec![0.0; m * n];
        f.gradient(&plan, &mut g);
        plan.iter_mut()
            .zip(&g)
            .for_each(|(p, g)| *p *= (-eta * g).exp());
        if (t + 1) % 2 == 0 {
            for i in 0..m {
                let sum: f64 = (0..n).map(|j| plan[i + m * j]).sum();
                (0..n).for_each(|j| plan[i + m * j] *= mu[i] / sum);
            }
        } else {
            for j in 0..n {
                let sum: f64 = (0..m).map(|i| plan[i + m * j]).sum();
                (0..m).for_each(|i| plan[i + m * j] *= nu[j] / sum);
            }
        }
    }
    plan
}

/// The current coupling of a run without prediction after `t` steps: the last answer before rounding, read back through
/// its potentials or by undoing nothing at all for couplings that are feasible enough.
fn close(a: &[f64], b: &[f64], tol: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= tol)
}

fn rounded(mut plan: Vec<f64>, marginals: &Marginals) -> Vec<f64> {
    round(&mut plan, marginals).unwrap();
    plan
}

#[test]
fn iterates_equal_the_naive_method() {
    let (m, n) = (13, 9);
    let marginals = Marginals::new(&random(m, 1), &{
        let (a, b) = (random(m, 1), random(n, 2));
        let scale = a.iter().sum::<f64>() / b.iter().sum::<f64>();
        b.iter().map(|x| x * scale).collect::<Vec<_>>()
    })
    .unwrap();
    let linear = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let quadratic =
        Quadratic::left(matrix(5, m, 1.0, 4).as_ref(), matrix(5, n, 1.0, 5).as_ref()).unwrap();
    let objectives: [&dyn Objective; 2] = [&linear, &quadratic];
    for f in objectives {
        for t in [1, 2, 3, 20, 57] {
            let mut s = settings(t);
            s.step = StepRule::Constant(0.7);
            let solution = minimise(
                f,
                &marginals,
                &s,
                InitialCoupling::Independent,
                &mut unobserved,
            )
            .unwrap();
            let expected = rounded(naive(f, &marginals, &vec![0.7; t]), &marginals);
            assert!(close(&solution.last.plan, &expected, 1e-13), "{t}");
        }
    }
}

/// MATH §4: for a linear objective Mirror Sinkhorn is annealed Sinkhorn, `γ_t = exp(u_i + v_j − β_t C_ij)`.
#[test]
fn the_linear_iteration_is_annealed_sinkhorn() {
    let (m, n) = (31, 18);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    for t in [1, 2, 25, 400] {
        let s = settings(t);
        let dense = minimise(
            &cost,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let light = minimise_linear(
            &cost,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        assert!((dense.beta - light.beta).abs() <= 1e-12 * light.beta);
        assert!(close(
            &dense.last.plan,
            &light.plan.dense(&cost).unwrap(),
            1e-12
        ));
        let (u, v) = (&light.potentials[0], &light.potentials[1]);
        let annealed = (0..m * n)
            .map(|k| (u[k % m] + v[k / m] - light.beta * cost.cost()[k]).exp())
            .collect();
        assert!(close(
            &dense.last.plan,
            &rounded(annealed, &marginals),
            1e-12
        ));
        assert!((dense.last.value - light.value).abs() <= 1e-12);
        assert!((dense.lower_bound - light.lower_bound).abs() <= 1e-12);
        // Half-steps written out: the normalised potential only depends on the other one and on β.
        let mode = t % 2;
        for (i, mass) in marginals.masses(mode).iter().enumerate() {
            let at = |k: usize| if mode == 0 { (i, k) } else { (k, i) };
            let others = marginals.shape()[1 - mode];
            let sum: f64 = (0..others)
                .map(|k| {
                    let (r, c) = at(k);
                    (light.potentials[1 - mode][k] - light.beta * cost.cost()[r + m * c]).exp()
                })
                .sum();
            assert!((light.potentials[mode][i] - (mass.ln() - sum.ln())).abs() <= 1e-11);
        }
    }
}

/// MATH §4: a penalty on the marginal that is normalised next has a gradient constant along each of its slices, and
/// changes no iterate.
#[test]
fn penalties_on_the_marginal_normalised_next_change_nothing() {
    let (m, n) = (6, 8);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let base =
        Quadratic::left(matrix(5, m, 1.0, 4).as_ref(), matrix(5, n, 0.3, 5).as_ref()).unwrap();
    let step = std::sync::atomic::AtomicUsize::new(1);
    let penalised = Function::new(
        &[m, n],
        |p: &[f64]| base.value(p),
        |p: &[f64], g: &mut [f64]| {
            base.gradient(p, g);
            let t = step.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            for (k, g) in g.iter_mut().enumerate() {
                let (i, j) = (k % m, k / m);
                // The gradient of a cubic penalty on the row sums before a row step, on the column sums before a column step.
                let sum: f64 = if t.is_multiple_of(2) {
                    (0..n).map(|j| p[i + m * j]).sum()
                } else {
                    (0..m).map(|i| p[i + m * j]).sum()
                };
                *g += 40.0 * sum * sum;
            }
        },
    );
    let mut s = settings(51);
    s.step = StepRule::Constant(0.9);
    let plain = minimise(
        &base,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    let other = minimise(
        &penalised,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(close(&plain.last.plan, &other.last.plan, 1e-13));
    assert!(close(
        &plain.average.unwrap().plan,
        &other.average.unwrap().plan,
        1e-13
    ));
}

/// With `f = ⟨C, γ⟩ + ε Σ γ(log γ − 1)` the step `1/ε` forgets the past: `γ₂` is `exp(−C/ε)` normalised once, whatever came before.
#[test]
fn the_entropic_objective_forgets_the_past_at_step_one_over_epsilon() {
    let (m, n, epsilon) = (10, 7, 0.1);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let f = Sum::new()
        .with(1.0, cost.clone())
        .unwrap()
        .with(1.0, Entropic::new(&[m, n], epsilon).unwrap())
        .unwrap();
    for t in [1, 2, 5, 8] {
        let mut s = settings(t);
        s.step = StepRule::Constant(1.0 / epsilon);
        let solution = minimise(
            &f,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let mut naive: Vec<f64> = cost.cost().iter().map(|c| (-c / epsilon).exp()).collect();
        let mode = t % 2;
        for (i, mass) in marginals.masses(mode).iter().enumerate() {
            let slice: Vec<usize> = (0..m * n).filter(|k| [k % m, k / m][mode] == i).collect();
            let sum: f64 = slice.iter().map(|k| naive[*k]).sum();
            slice.iter().for_each(|k| naive[*k] *= mass / sum);
        }
        assert!(
            close(&solution.last.plan, &rounded(naive, &marginals), 1e-12),
            "{t}"
        );
    }
}

#[test]
fn prediction_changes_the_path_and_not_the_fixed_point() {
    // On the entropic problem a run with prediction ends at Sinkhorn's fixed point to the last digits.
    let (m, n, epsilon) = (14, 9, 0.05);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let f = Sum::new()
        .with(1.0, cost.clone())
        .unwrap()
        .with(1.0, Entropic::new(&[m, n], epsilon).unwrap())
        .unwrap();
    let solution = minimise(
        &f,
        &marginals,
        &settings(3000),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(!solution.steps.proved && solution.steps.gap_bound().is_none());
    let mut plain = SinkhornSettings::default();
    plain.epsilon = epsilon;
    plain.max_iter = 100_000;
    plain.tol_feas = 1e-15;
    let s = sinkhorn(&cost, &marginals, &plain).unwrap();
    assert!(close(
        &solution.last.plan,
        &s.plan.dense(&cost).unwrap(),
        1e-12
    ));
    assert!(solution.gap() <= 1e-13 && solution.last.raw_violation <= 1e-12);
}

#[test]
fn every_number_is_the_same_for_any_number_of_threads() {
    let (m, n) = (301, 257);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let target = matrix(m, n, 1e-5, 4);
    let quadratic = Quadratic::projection(target.as_ref(), 300.0).unwrap();
    let noisy = Noisy::new(cost.clone(), Noise::Normal(0.3)).unwrap();
    let tensor = Linear::new(&[40, 41, 42], random(40 * 41 * 42, 5)).unwrap();
    let three = Marginals::many(&[masses(40, 6), masses(41, 7), masses(42, 8)]).unwrap();
    let all = || {
        let s = settings(40);
        let a = minimise(
            &cost,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let b = minimise(
            &quadratic,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let c = minimise_stochastic(
            &noisy,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let d = minimise(
            &tensor,
            &three,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let e = minimise_linear(
            &cost,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let mut single = settings(40);
        single.precision = HalfStepPrecision::Single;
        let f = minimise_linear(
            &cost,
            &marginals,
            &single,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let mut bits: Vec<u64> = Vec::new();
        for s in [&a, &b, &c, &d] {
            let numbers = s
                .last
                .plan
                .iter()
                .chain(&s.average.as_ref().unwrap().plan)
                .chain([&s.lower_bound, &s.last.value]);
            bits.extend(numbers.map(|x| x.to_bits()));
        }
        for s in [&e, &f] {
            bits.extend(
                s.potentials
                    .concat()
                    .iter()
                    .chain([&s.value, &s.lower_bound])
                    .map(|x| x.to_bits()),
            );
        }
        bits
    };
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let one = pool(1).install(all);
    assert_eq!(one, pool(2).install(all));
    assert_eq!(one, pool(5).install(all));
}

#[test]
fn costs_on_the_fly_equal_stored_ones() {
    // Longer than a tile, and not a multiple of one.
    let (m, n, d) = (2100, 130, 3);
    let (x, y) = (matrix(d, m, 1.0, 1), matrix(d, n, 1.3, 2));
    let clouds = PointClouds::new(x.as_ref(), y.as_ref(), 0.5).unwrap();
    let entry =
        |i: usize, j: usize| 0.5 * (0..d).map(|k| (x[(k, i)] - y[(k, j)]).powi(2)).sum::<f64>();
    let function = CostFn::new(m, n, entry);
    let stored = Linear::new(&[m, n], (0..m * n).map(|k| entry(k % m, k / m)).collect()).unwrap();
    let marginals = Marginals::new(&masses(m, 3), &masses(n, 4)).unwrap();
    let s = settings(60);
    let costs: [&dyn Cost; 3] = [&clouds, &function, &stored];
    let all = costs.map(|c| {
        minimise_linear(
            c,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap()
    });
    for other in &all[1..] {
        assert!((other.value - all[0].value).abs() <= 1e-11);
        assert!((other.lower_bound - all[0].lower_bound).abs() <= 1e-11);
        assert!(
            other
                .potentials
                .iter()
                .zip(&all[0].potentials)
                .all(|(a, b)| close(a, b, 1e-8))
        );
    }
    let plan = all[0].plan.dense(&clouds).unwrap();
    assert!(marginals.violation(&plan).unwrap() <= 1e-12);
    let value: f64 = plan.iter().zip(stored.cost()).map(|(p, c)| p * c).sum();
    assert!((value - all[0].value).abs() <= 1e-12);
}

#[test]
fn single_precision_half_steps_give_certified_answers_close_to_double_ones() {
    let (m, n) = (700, 300);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let (x, y) = (matrix(2, m, 1.0, 3), matrix(2, n, 1.0, 4));
    let clouds = PointClouds::new(x.as_ref(), y.as_ref(), 1.0).unwrap();
    let mut stored = vec![0.0; m * n];
    stored
        .chunks_mut(m)
        .enumerate()
        .for_each(|(j, c)| clouds.fill(j, 0, c));
    let stored = Linear::new(&[m, n], stored).unwrap();
    let mut s = settings(300);
    s.predict = Predict::On;
    let double = minimise_linear(
        &stored,
        &marginals,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    s.precision = HalfStepPrecision::Single;
    let costs: [&dyn Cost; 2] = [&stored, &clouds];
    for cost in costs {
        let single = minimise_linear(
            cost,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        assert!(single.marginal_violation <= 1e-12);
        assert!((single.value - double.value).abs() <= 1e-4 * double.value);
        assert!((single.lower_bound - double.lower_bound).abs() <= 1e-4 * double.value);
        // Certificates are f64 statements about the f64 cost.
        assert!(single.lower_bound <= double.value && double.lower_bound <= single.value);
    }
}

#[test]
fn warm_starts_continue_where_a_run_ended() {
    let (m, n) = (40, 30);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost = Linear::new(&[m, n], random(m * n, 3)).unwrap();
    let first = minimise_linear(
        &cost,
        &marginals,
        &settings(600),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    let start = InitialCoupling::Potentials {
        beta: first.beta,
        potentials: &first.potentials,
    };
    let light = minimise_linear(&cost, &marginals, &settings(600), start, &mut unobserved).unwrap();
    let dense = minimise(&cost, &marginals, &settings(600), start, &mut unobserved).unwrap();
    let through = minimise_linear(
        &cost,
        &marginals,
        &settings(1200),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(
        (light.beta - through.beta).abs() <= 1e-2 * through.beta,
        "{} {}",
        light.beta,
        through.beta
    );
    assert!(close(
        &dense.last.plan,
        &light.plan.dense(&cost).unwrap(),
        1e-11
    ));
    assert!((light.value - through.value).abs() <= 1e-3 * through.value);
    assert_eq!(light.steps.gap_bound(), None);
    // From Sinkhorn's potentials.
    let mut coarse = SinkhornSettings::default();
    coarse.epsilon = 0.02;
    let s = sinkhorn(&cost, &marginals, &coarse).unwrap();
    assert_eq!(s.status, Status::AlmostSolved);
    assert!(s.raw_violation <= 2e-6);
    let start = InitialCoupling::Potentials {
        beta: s.beta,
        potentials: &s.potentials,
    };
    let warm = minimise_linear(&cost, &marginals, &settings(200), start, &mut unobserved).unwrap();
    let cold = minimise_linear(
        &cost,
        &marginals,
        &settings(200),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(warm.value < cold.value && warm.gap() < cold.gap());
    // From a plan, for any objective.
    let f = Quadratic::left(
        matrix(20, m, 1.0, 4).as_ref(),
        matrix(20, n, 0.2, 5).as_ref(),
    )
    .unwrap();
    let long = minimise(
        &f,
        &marginals,
        &settings(3000),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    let warm = minimise(
        &f,
        &marginals,
        &settings(5),
        InitialCoupling::Plan(&long.last.plan),
        &mut unobserved,
    )
    .unwrap();
    let cold = minimise(
        &f,
        &marginals,
        &settings(5),
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert!(
        warm.objective() < cold.objective(),
        "{} {}",
        warm.objective(),
        cold.objective()
    );
}

#[test]
fn runs_end_as_they_are_told() {
    let marginals = Marginals::new(&masses(20, 1), &masses(30, 2)).unwrap();
    let cost = Linear::new(&[20, 30], random(600, 3)).unwrap();
    let mut seen = Vec::new();
    let mut observer = |it: &Snapshot| {
        seen.push(*it);
        if it.iteration == 37 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let s = minimise(
        &cost,
        &marginals,
        &settings(100),
        InitialCoupling::Independent,
        &mut observer,
    )
    .unwrap();
    assert_eq!(
        (s.status, s.steps.count, seen.len()),
        (Status::Stopped, 37, 37)
    );
    assert!(
        seen.windows(2)
            .all(|w| w[0].beta < w[1].beta && w[0].lower <= w[1].lower && w[0].upper >= w[1].upper)
    );
    let mut count = 0;
    let mut observer = |_: &Snapshot| {
        count += 1;
        if count == 12 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let s = minimise_linear(
        &cost,
        &marginals,
        &settings(100),
        InitialCoupling::Independent,
        &mut observer,
    )
    .unwrap();
    assert_eq!((s.status, s.steps.count), (Status::Stopped, 12));
    assert!(s.lower_bound <= s.value && s.marginal_violation <= 1e-12);

    let mut quick = settings(usize::MAX);
    quick.time_limit = 0.05;
    assert_eq!(
        minimise(
            &cost,
            &marginals,
            &quick,
            InitialCoupling::Independent,
            &mut unobserved
        )
        .unwrap()
        .status,
        Status::TimeLimit
    );
    assert_eq!(
        minimise_linear(
            &cost,
            &marginals,
            &quick,
            InitialCoupling::Independent,
            &mut unobserved
        )
        .unwrap()
        .status,
        Status::TimeLimit
    );
    let mut loose = settings(10_000);
    loose.tol_feas = 0.05;
    loose.predict = Predict::On;
    let s = minimise(
        &cost,
        &marginals,
        &loose,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    assert_eq!(s.status, Status::AlmostSolved);
    assert!(s.last.raw_violation <= 0.05);
    assert_eq!(
        minimise(
            &cost,
            &marginals,
            &settings(5),
            InitialCoupling::Independent,
            &mut unobserved
        )
        .unwrap()
        .status,
        Status::MaxIterations
    );
}

#[test]
fn enormous_steps_and_costs_stay_finite() {
    let (m, n) = (15, 12);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let cost: Vec<f64> = random(m * n, 3);
    let reference = Linear::new(&[m, n], cost.clone()).unwrap();
    for (scale, step) in [
        (1.0, StepRule::Constant(1e6)),
        (1e12, StepRule::Anytime),
        (1e-12, StepRule::Anytime),
        (1.0, StepRule::Constant(1e-9)),
    ] {
        let scaled = Linear::new(&[m, n], cost.iter().map(|c| c * scale).collect()).unwrap();
        let mut s = settings(200);
        s.step = step;
        let a = minimise(
            &scaled,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        let b = minimise_linear(
            &scaled,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        for (value, lower) in [(a.objective(), a.lower_bound), (b.value, b.lower_bound)] {
            assert!(
                value.is_finite() && lower.is_finite() && lower <= value * (1.0 + 1e-12),
                "{value} {lower}"
            );
        }
        assert!(marginals.violation(&a.last.plan).unwrap() <= 1e-12);
        // The rule is scale-free: the same plan up to rounding.
        if step == StepRule::Anytime {
            let plain = minimise(
                &reference,
                &marginals,
                &s,
                InitialCoupling::Independent,
                &mut unobserved,
            )
            .unwrap();
            assert!(close(&plain.last.plan, &a.last.plan, 1e-9));
        }
    }
}

#[test]
fn zero_masses_are_as_if_they_were_not_there() {
    let (m, n) = (6, 5);
    let (mut mu, mut nu) = (masses(m, 1), masses(n, 2));
    mu[2] = 0.0;
    nu[0] = 0.0;
    nu[4] = 0.0;
    let (a, b): (f64, f64) = (mu.iter().sum(), nu.iter().sum());
    nu.iter_mut().for_each(|v| *v *= a / b);
    let cost = random(m * n, 3);
    let keep = |k: &usize| mu[k % m] > 0.0 && nu[k / m] > 0.0;
    let kept: Vec<f64> = (0..m * n).filter(keep).map(|k| cost[k]).collect();
    let some = |v: &[f64]| v.iter().copied().filter(|x| *x > 0.0).collect::<Vec<_>>();
    let full = Marginals::new(&mu, &nu).unwrap();
    let small = Marginals::new(&some(&mu), &some(&nu)).unwrap();
    let (f, g) = (
        Linear::new(&[m, n], cost).unwrap(),
        Linear::new(&[5, 3], kept).unwrap(),
    );
    // A constant step: the range that sets the others may sit on a dropped row.
    let mut s = settings(300);
    s.step = StepRule::Constant(2.0);
    let x = minimise(&f, &full, &s, InitialCoupling::Independent, &mut unobserved).unwrap();
    let y = minimise(
        &g,
        &small,
        &s,
        InitialCoupling::Independent,
        &mut unobserved,
    )
    .unwrap();
    let plan: Vec<f64> = (0..m * n).filter(keep).map(|k| x.last.plan[k]).collect();
    assert!(close(&plan, &y.last.plan, 1e-13));
    assert!(
        (0..m * n)
            .filter(|k| !keep(k))
            .all(|k| x.last.plan[k] == 0.0)
    );
    assert!((x.lower_bound - y.lower_bound).abs() <= 1e-12);
    let z = minimise_linear(&f, &full, &s, InitialCoupling::Independent, &mut unobserved).unwrap();
    assert!(close(&z.plan.dense(&f).unwrap(), &x.last.plan, 1e-12));
    assert!((z.lower_bound - x.lower_bound).abs() <= 1e-12);
}
