//! Exact transport: against a simplex for general linear programs, and certified from the outside.

use crate::common::published;
use dyncvx::Error;
use dyncvx::transport::{
    Cost, CostFn, Distance, ExactSettings, ExactSolution, Finish, Linear, Marginals, PointClouds,
    Potentials, Status, exact, unobserved,
};
use faer::Mat;
use std::ops::ControlFlow;

struct Problem {
    mu: Vec<f64>,
    nu: Vec<f64>,
    cost: Vec<f64>,
}

/// Numbers in (0, 1) by a linear congruence.
pub(crate) fn stream(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

fn masses(n: usize, mut entry: impl FnMut(usize) -> f64) -> Vec<f64> {
    let v: Vec<f64> = (0..n).map(&mut entry).collect();
    let total: f64 = v.iter().sum();
    v.iter().map(|x| x / total).collect()
}

/// Solves, and checks everything the answer claims in the data.
fn solve(p: &Problem, settings: &ExactSettings, start: Option<&Potentials>) -> ExactSolution {
    let (m, n) = (p.mu.len(), p.nu.len());
    let cost = Linear::new(&[m, n], p.cost.clone()).unwrap();
    let marginals = Marginals::new(&p.mu, &p.nu).unwrap();
    let answer = exact(&cost, &marginals, settings, start, &mut unobserved).unwrap();
    verify(p, &answer);
    if m * n <= 10_000 {
        // The other finish earns the same certificate.
        let mut inside = settings.clone();
        inside.finish = Finish::InteriorPoint;
        let other = exact(&cost, &marginals, &inside, start, &mut unobserved).unwrap();
        verify(p, &other);
        assert_eq!(other.status, answer.status);
        let largest = p.cost.iter().fold(0.0f64, |a, c| a.max(c.abs()));
        let total: f64 = p.mu.iter().sum();
        let tol = 1e-9 * answer.objective.abs() + 4e-13 * total * largest;
        assert!((other.objective - answer.objective).abs() <= tol);
    }
    answer
}

fn verify(p: &Problem, answer: &ExactSolution) {
    let (m, n) = (p.mu.len(), p.nu.len());
    let total: f64 = p.mu.iter().sum();
    let largest = p.cost.iter().fold(0.0f64, |a, c| a.max(c.abs()));
    let (mut rows, mut columns, mut value) = (p.mu.clone(), p.nu.clone(), 0.0);
    assert!(answer.plan.len() < m + n);
    for (i, j, mass) in &answer.plan {
        assert!(*mass > 0.0);
        rows[*i] -= mass;
        columns[*j] -= mass;
        value += mass * p.cost[i + m * j];
    }
    let off: f64 = rows.iter().chain(&columns).map(|v| v.abs()).sum();
    assert!(off <= 1e-12 * total, "marginals off by {off}");
    assert!((value - answer.objective).abs() <= 1e-13 * total * largest);
    let (phi, psi) = (&answer.potentials.rows, &answer.potentials.columns);
    assert_eq!((phi.len(), psi.len()), (m, n));
    for (j, v) in psi.iter().enumerate() {
        for (i, u) in phi.iter().enumerate() {
            let slack = p.cost[i + m * j] - u - v;
            assert!(
                slack >= -1e-14 * (largest + u.abs() + v.abs()),
                "({i}, {j}): {slack}"
            );
        }
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let bound = dot(&p.mu, phi) + dot(&p.nu, psi);
    assert!((bound - answer.lower_bound).abs() <= 1e-12 * total * largest);
    if answer.status == Status::Solved {
        let gap = answer.objective - bound;
        assert!(
            gap <= 1e-9 * answer.objective.abs() + 2e-13 * total * largest,
            "gap {gap}"
        );
    }
}

fn oracle(p: &Problem) -> f64 {
    use microlp::{ComparisonOp, LinearExpr, OptimizationDirection};
    let (m, n) = (p.mu.len(), p.nu.len());
    let mut lp = microlp::Problem::new(OptimizationDirection::Minimize);
    let x: Vec<_> = p
        .cost
        .iter()
        .map(|c| lp.add_var(*c, (0.0, f64::INFINITY)))
        .collect();
    for (i, mass) in p.mu.iter().enumerate() {
        let mut row = LinearExpr::empty();
        (0..n).for_each(|j| row.add(x[i + m * j], 1.0));
        lp.add_constraint(row, ComparisonOp::Eq, *mass);
    }
    // The last column follows from the others.
    for (j, mass) in p.nu.iter().enumerate().take(n - 1) {
        let mut column = LinearExpr::empty();
        (0..m).for_each(|i| column.add(x[i + m * j], 1.0));
        lp.add_constraint(column, ComparisonOp::Eq, *mass);
    }
    match lp.solve().unwrap() {
        microlp::SolveOutcome::Solution(solution) => solution.objective(),
        other => panic!("the oracle ended with {other:?}"),
    }
}

#[test]
fn random_problems_agree_with_an_oracle() {
    for seed in 0..60 {
        let mut r = stream(seed + 1);
        let (m, n) = (1 + (r() * 12.0) as usize, 1 + (r() * 12.0) as usize);
        let (mu, nu) = (masses(m, |_| r() + 0.05), masses(n, |_| r() + 0.05));
        let mut r = stream(seed + 1000);
        // Real, negative and small whole costs in turn.
        let cost = (0..m * n)
            .map(|_| match seed % 3 {
                0 => r(),
                1 => 4.0 * r() - 2.0,
                _ => (3.0 * r()).floor(),
            })
            .collect();
        let p = Problem { mu, nu, cost };
        let mut settings = ExactSettings::default();
        settings.arcs = 1 + (seed as usize) % 4;
        settings.half_steps = [0, 3, 40][(seed as usize / 3) % 3];
        let answer = solve(&p, &settings, None);
        assert_eq!(answer.status, Status::Solved, "seed {seed}");
        let best = oracle(&p);
        assert!(
            (answer.objective - best).abs() <= 1e-9,
            "seed {seed}: {} {best}",
            answer.objective
        );
    }
}

#[test]
fn hard_inputs_are_solved() {
    let sizes = [(1, 1), (1, 40), (40, 1), (60, 60), (7, 300), (300, 7)];
    for (m, n) in sizes {
        let mut r = stream((m * 1000 + n) as u64);
        let uniform = |k: usize| vec![1.0 / k as f64; k];
        let mut spread = |k: usize| masses(k, |_| 10f64.powf(-12.0 * r()));
        let holes = |k: usize| masses(k, |i| if k > 2 && i % 3 == 1 { 0.0 } else { 1.0 });
        let measures = [
            (uniform(m), uniform(n)),
            (spread(m), spread(n)),
            (holes(m), holes(n)),
        ];
        for (k, (mu, nu)) in measures.into_iter().enumerate() {
            let kinds: [fn(usize, usize) -> f64; 6] = [
                |_, _| 1.0,
                |_, _| 0.0,
                |i, j| ((i * 7 + j * 11) % 3) as f64,
                |i, j| f64::from(u8::from(i != j)),
                |i, j| 1e6 + (i as f64 - j as f64).abs(),
                |i, j| -((i * j) as f64),
            ];
            for (c, kind) in kinds.iter().enumerate() {
                let cost = (0..m * n).map(|e| kind(e % m, e / m)).collect();
                let p = Problem {
                    mu: mu.clone(),
                    nu: nu.clone(),
                    cost,
                };
                let answer = solve(&p, &ExactSettings::default(), None);
                let case = format!("{m} x {n}, measures {k}, cost {c}");
                assert_eq!(answer.status, Status::Solved, "{case}");
            }
        }
    }
}

fn square(n: usize, seed: u64) -> Problem {
    let mut r = stream(seed);
    let x: Vec<[f64; 4]> = (0..n).map(|_| [r(), r(), r(), r()]).collect();
    let cost = (0..n * n)
        .map(|e| {
            let (a, b) = (x[e % n], x[e / n]);
            (a[0] - b[2]).powi(2) + (a[1] - b[3]).powi(2)
        })
        .collect();
    let (mu, nu) = (masses(n, |_| r() + 0.05), masses(n, |_| r() + 0.05));
    Problem { mu, nu, cost }
}

#[test]
fn potentials_of_a_similar_problem_save_pivots() {
    let base = square(200, 3);
    let cold = solve(&base, &ExactSettings::default(), None);
    assert_eq!(cold.status, Status::Solved);
    // The tree of an optimum is found again.
    let again = solve(&base, &ExactSettings::default(), Some(&cold.potentials));
    assert!(
        20 * again.pivots < cold.pivots,
        "{} {}",
        again.pivots,
        cold.pivots
    );
    let mut r = stream(9);
    let mut other_cost = square(200, 3);
    other_cost
        .cost
        .iter_mut()
        .for_each(|c| *c *= 1.0 + 1e-3 * r());
    let mut other_masses = square(200, 3);
    other_masses.mu = masses(200, |i| base.mu[i] * (1.0 + 1e-3 * r()));
    for p in [other_cost, other_masses] {
        let warm = solve(&p, &ExactSettings::default(), Some(&cold.potentials));
        let mut blind = ExactSettings::default();
        blind.half_steps = 0;
        let blind = solve(&p, &blind, None);
        assert_eq!(
            (warm.status, blind.status),
            (Status::Solved, Status::Solved)
        );
        assert!((warm.objective - blind.objective).abs() <= 1e-9 * blind.objective);
        assert!(
            2 * warm.pivots < blind.pivots,
            "{} {}",
            warm.pivots,
            blind.pivots
        );
    }
}

/// The interior point gets there by itself: rounds of its own, and a plan from whose support few pivots are left.
#[test]
fn the_interior_finish_leaves_a_vertex_to_a_few_pivots() {
    let p = square(120, 3);
    let mut settings = ExactSettings::default();
    let pivots = solve(&p, &settings, None).pivots;
    settings.finish = Finish::InteriorPoint;
    settings.arcs = 3;
    let inside = solve(&p, &settings, None);
    assert!(inside.iterations > 5 && inside.rounds > 2, "{inside:?}");
    assert!(10 * inside.pivots <= pivots, "{} {pivots}", inside.pivots);
    settings.finish = Finish::Simplex;
    assert_eq!(solve(&p, &settings, None).iterations, 0);
}

#[test]
fn samples_come_before_large_problems() {
    // Large enough for one coarser level, with duplicates, holes and very different masses.
    let (m, n) = (900, 1000);
    let mut r = stream(21);
    let x: Vec<f64> = (0..m).map(|_| (40.0 * r()).floor()).collect();
    let y: Vec<f64> = (0..n).map(|_| (40.0 * r()).floor()).collect();
    let cost = (0..m * n).map(|e| (x[e % m] - y[e / m]).abs()).collect();
    let mu = masses(m, |i| {
        if i % 7 == 3 {
            0.0
        } else {
            10f64.powf(-9.0 * r())
        }
    });
    let nu = masses(n, |_| r());
    let p = Problem { mu, nu, cost };
    let answer = solve(&p, &ExactSettings::default(), None);
    assert_eq!(answer.status, Status::Solved);
    // On a line the cost is the area between the distribution functions.
    let below = |at: &[f64], mass: &[f64], t: f64| -> f64 {
        at.iter()
            .zip(mass)
            .filter(|(a, _)| **a <= t)
            .map(|(_, w)| w)
            .sum()
    };
    let area: f64 = (0..40)
        .map(|t| (below(&x, &p.mu, f64::from(t)) - below(&y, &p.nu, f64::from(t))).abs())
        .sum();
    assert!(
        (answer.objective - area).abs() <= 1e-10 * area,
        "{} {area}",
        answer.objective
    );
}

#[test]
fn point_clouds_agree_with_their_matrices() {
    for (k, distance) in [
        Distance::SquaredEuclidean,
        Distance::Euclidean,
        Distance::L1,
    ]
    .into_iter()
    .enumerate()
    {
        let mut r = stream(31 + k as u64);
        let (x, y) = (
            Mat::from_fn(3, 70, |_, _| r()),
            Mat::from_fn(3, 90, |_, _| r()),
        );
        let clouds = PointClouds::with_distance(x.as_ref(), y.as_ref(), 0.7, distance).unwrap();
        let entry = |i: usize, j: usize| {
            let d: Vec<f64> = (0..3).map(|c| x[(c, i)] - y[(c, j)]).collect();
            0.7 * match distance {
                Distance::SquaredEuclidean => d.iter().map(|v| v * v).sum::<f64>(),
                Distance::Euclidean => d.iter().map(|v| v * v).sum::<f64>().sqrt(),
                _ => d.iter().map(|v| v.abs()).sum::<f64>(),
            }
        };
        let cost: Vec<f64> = (0..70 * 90).map(|e| entry(e % 70, e / 70)).collect();
        let mut line = vec![0.0; 70];
        let mut single = vec![0.0f32; 70];
        for j in 0..90 {
            clouds.fill(j, 0, &mut line);
            clouds.fill_single(j, 0, &mut single);
            for i in 0..70 {
                assert!((line[i] - cost[i + 70 * j]).abs() <= 1e-15);
                assert!((f64::from(single[i]) - cost[i + 70 * j]).abs() <= 1e-6);
            }
        }
        let (mu, nu) = (masses(70, |_| r()), masses(90, |_| r()));
        let marginals = Marginals::new(&mu, &nu).unwrap();
        let answer = exact(
            &clouds,
            &marginals,
            &ExactSettings::default(),
            None,
            &mut unobserved,
        )
        .unwrap();
        assert_eq!(answer.status, Status::Solved);
        let p = Problem { mu, nu, cost };
        verify(&p, &answer);
    }
}

#[test]
#[ignore = "needs DYNCVX_DATA"]
fn dotmark_images() {
    let read = |name: &str| -> Vec<f64> {
        let path = published::path(&format!("transport/{name}"));
        let text = std::fs::read_to_string(path).unwrap();
        let values: Vec<f64> = text
            .split([',', '\n'])
            .filter_map(|v| v.trim().parse().ok())
            .collect();
        assert_eq!(values.len(), 1024);
        masses(1024, |k| values[k])
    };
    let (mu, nu) = (read("data32_1001.csv"), read("data32_1002.csv"));
    let at = |k: usize| [(k / 32) as f64, (k % 32) as f64];
    let cost = (0..1024 * 1024)
        .map(|e| {
            let (a, b) = (at(e % 1024), at(e / 1024));
            (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
        })
        .collect();
    let p = Problem { mu, nu, cost };
    let answer = solve(&p, &ExactSettings::default(), None);
    assert_eq!(answer.status, Status::Solved);
    assert!(answer.objective - answer.lower_bound <= 1e-9 * answer.objective);
}

#[test]
fn limits_end_a_run_with_a_plan_and_a_bound() {
    let p = square(150, 5);
    let best = solve(&p, &ExactSettings::default(), None).objective;
    let mut settings = ExactSettings::default();
    settings.time_limit = 1e-9;
    let early = solve(&p, &settings, None);
    assert_eq!(early.status, Status::TimeLimit);
    assert!(early.lower_bound <= best + 1e-12 && best <= early.objective + 1e-12);
    let cost = Linear::new(&[150, 150], p.cost.clone()).unwrap();
    let marginals = Marginals::new(&p.mu, &p.nu).unwrap();
    let mut calls = 0;
    let mut observer = |_: &_| {
        calls += 1;
        if calls == 3 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let settings = ExactSettings::default();
    let stopped = exact(&cost, &marginals, &settings, None, &mut observer).unwrap();
    assert_eq!((stopped.status, calls), (Status::Stopped, 3));
    verify(&p, &stopped);
}

#[test]
fn bad_input_is_refused() {
    let marginals = Marginals::uniform(&[2, 3]).unwrap();
    let settings = ExactSettings::default();
    let run = |cost: &CostFn<fn(usize, usize) -> f64>, start: Option<&Potentials>| {
        exact(cost, &marginals, &settings, start, &mut unobserved).map(|a| a.status)
    };
    let entry: fn(usize, usize) -> f64 = |i, j| (i + j) as f64;
    let good = CostFn::new(2, 3, entry);
    assert_eq!(run(&good, None), Ok(Status::Solved));
    assert!(matches!(
        run(&CostFn::new(3, 2, entry), None),
        Err(Error::Shape { .. })
    ));
    let nothing = CostFn::new(2, 3, (|_, _| f64::INFINITY) as fn(usize, usize) -> f64);
    assert_eq!(run(&nothing, None), Ok(Status::PrimalInfeasible));
    let bad = CostFn::new(2, 3, (|_, _| f64::NEG_INFINITY) as fn(usize, usize) -> f64);
    assert!(matches!(run(&bad, None), Err(Error::NonFinite { .. })));
    let short = Potentials {
        rows: vec![0.0; 2],
        columns: vec![0.0; 2],
    };
    assert!(matches!(run(&good, Some(&short)), Err(Error::Shape { .. })));
    let odd = Potentials {
        rows: vec![0.0; 2],
        columns: vec![f64::NAN; 3],
    };
    assert!(matches!(
        run(&good, Some(&odd)),
        Err(Error::NonFinite { .. })
    ));
    let three = Marginals::uniform(&[2, 3, 2]).unwrap();
    let refused = exact(&good, &three, &settings, None, &mut unobserved);
    assert!(matches!(refused, Err(Error::Unsupported { .. })));
    for change in [
        |s: &mut ExactSettings| s.arcs = 0,
        |s: &mut ExactSettings| s.max_rounds = 0,
        |s: &mut ExactSettings| s.beta = f64::NAN,
        |s: &mut ExactSettings| s.time_limit = 0.0,
        |s: &mut ExactSettings| s.tol_gap_rel = -1.0,
    ] {
        let mut settings = ExactSettings::default();
        change(&mut settings);
        let refused = exact(&good, &marginals, &settings, None, &mut unobserved);
        assert!(matches!(refused, Err(Error::InvalidSetting { .. })));
    }
}
