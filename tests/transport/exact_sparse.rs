//! Exact transport on given arcs: plans, potentials and cuts checked from the outside.

use dyncvx::Error;
use dyncvx::transport::{
    CostFn, Cut, ExactSettings, ExactSolution, Linear, Marginals, Potentials, Status, exact,
    exact_sparse, unobserved,
};
use std::ops::ControlFlow;

type Arc = (usize, usize, f64);

/// Numbers in (0, 1) by a linear congruence.
fn stream(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

fn masses(n: usize, mut entry: impl FnMut() -> f64) -> Vec<f64> {
    let v: Vec<f64> = (0..n).map(|_| entry()).collect();
    let total: f64 = v.iter().sum();
    v.iter().map(|x| x / total).collect()
}

/// Solves, and checks what the answer claims against the arcs.
fn solve(arcs: &[Arc], mu: &[f64], nu: &[f64]) -> ExactSolution {
    let marginals = Marginals::new(mu, nu).unwrap();
    let answer = exact_sparse(
        arcs,
        &marginals,
        &ExactSettings::default(),
        None,
        &mut unobserved,
    )
    .unwrap();
    match &answer.cut {
        None => verify(arcs, mu, nu, &answer),
        Some(cut) => {
            assert_eq!(answer.status, Status::PrimalInfeasible);
            verify_cut(arcs, mu, nu, cut);
        }
    }
    answer
}

fn verify(arcs: &[Arc], mu: &[f64], nu: &[f64], answer: &ExactSolution) {
    let largest = arcs.iter().fold(0.0f64, |a, c| a.max(c.2.abs()));
    let (mut rows, mut columns, mut value) = (mu.to_vec(), nu.to_vec(), 0.0);
    for (i, j, mass) in &answer.plan {
        assert!(*mass > 0.0);
        let same = arcs.iter().filter(|a| (a.0, a.1) == (*i, *j));
        let cost = same.map(|a| a.2).fold(f64::INFINITY, f64::min);
        assert!(cost.is_finite(), "mass where no arc is: ({i}, {j})");
        rows[*i] -= mass;
        columns[*j] -= mass;
        value += mass * cost;
    }
    let off: f64 = rows.iter().chain(&columns).map(|v| v.abs()).sum();
    let (phi, psi) = (&answer.potentials.rows, &answer.potentials.columns);
    for (i, j, cost) in arcs {
        let slack = cost - phi[*i] - psi[*j];
        let size = largest + phi[*i].abs() + psi[*j].abs();
        assert!(slack >= -1e-14 * size, "({i}, {j}): {slack}");
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let bound = dot(mu, phi) + dot(nu, psi);
    if answer.status == Status::Solved {
        assert!(off <= 2e-12, "marginals off by {off}");
        assert!((value - answer.objective).abs() <= 1e-13 * largest);
        let gap = value - bound;
        assert!(
            gap.abs() <= 1e-9 * value.abs() + 2e-12 * largest,
            "gap {gap}"
        );
    }
}

fn verify_cut(arcs: &[Arc], mu: &[f64], nu: &[f64], cut: &Cut) {
    let mut reached = vec![false; nu.len()];
    for (i, j, _) in arcs {
        reached[*j] |= cut.rows.contains(i);
    }
    let columns: Vec<usize> = (0..nu.len()).filter(|j| reached[*j]).collect();
    assert_eq!(cut.columns, columns);
    let mut held: Vec<usize> = cut.rows.clone();
    held.dedup();
    assert_eq!(held.len(), cut.rows.len());
    let excess: f64 =
        held.iter().map(|i| mu[*i]).sum::<f64>() - columns.iter().map(|j| nu[*j]).sum::<f64>();
    assert!(excess > 0.0);
    assert!((excess - cut.excess).abs() <= 1e-14);
}

/// The optimum by a simplex method for general linear programs; none if infeasible.
fn oracle(arcs: &[Arc], mu: &[f64], nu: &[f64]) -> Option<f64> {
    use microlp::{ComparisonOp, LinearExpr, OptimizationDirection};
    let mut lp = microlp::Problem::new(OptimizationDirection::Minimize);
    let x: Vec<_> = arcs
        .iter()
        .map(|a| lp.add_var(a.2, (0.0, f64::INFINITY)))
        .collect();
    let sides = [mu, nu];
    for (side, masses) in sides.iter().enumerate() {
        for (k, mass) in masses.iter().enumerate() {
            let mut line = LinearExpr::empty();
            let mut empty = true;
            for (a, x) in arcs.iter().zip(&x) {
                if [a.0, a.1][side] == k {
                    line.add(*x, 1.0);
                    empty = false;
                }
            }
            if empty && *mass > 0.0 {
                return None;
            }
            if !empty {
                // Balanced components leave equations that only rounding contradicts.
                let slack = if side == 1 { 1e-11 } else { 0.0 };
                lp.add_constraint(line.clone(), ComparisonOp::Le, mass + slack);
                lp.add_constraint(line, ComparisonOp::Ge, mass - slack);
            }
        }
    }
    match lp.solve() {
        Ok(microlp::SolveOutcome::Solution(solution)) => Some(solution.objective()),
        Err(microlp::Error::Infeasible) => None,
        other => panic!("the oracle ended with {other:?}"),
    }
}

#[test]
fn all_arcs_agree_with_the_dense_cost() {
    for (seed, (m, n)) in [(1, (1, 1)), (2, (1, 9)), (3, (40, 60)), (4, (150, 150))] {
        let mut r = stream(seed);
        let (mu, nu) = (masses(m, &mut r), masses(n, &mut r));
        let cost: Vec<f64> = (0..m * n).map(|_| r() - 0.3).collect();
        let arcs: Vec<Arc> = (0..m * n).map(|e| (e % m, e / m, cost[e])).collect();
        let sparse = solve(&arcs, &mu, &nu);
        let cost = Linear::new(&[m, n], cost).unwrap();
        let marginals = Marginals::new(&mu, &nu).unwrap();
        let dense = exact(
            &cost,
            &marginals,
            &ExactSettings::default(),
            None,
            &mut unobserved,
        )
        .unwrap();
        assert_eq!(sparse.status, Status::Solved);
        assert!((sparse.objective - dense.objective).abs() <= 1e-12);
    }
}

#[test]
fn random_supports_agree_with_an_oracle() {
    let mut seen = [0, 0];
    for seed in 0..120 {
        let mut r = stream(seed + 1);
        let (m, n) = (1 + (r() * 9.0) as usize, 1 + (r() * 9.0) as usize);
        let even = seed % 2 == 0;
        let mut mass = |k| masses(k, || if even { 1.0 } else { r() + 0.05 });
        let (mu, nu) = (mass(m), mass(n));
        let keep = 0.2 + 0.6 * r();
        let mut arcs = Vec::new();
        for e in 0..m * n {
            if r() < keep {
                let cost = if seed % 3 == 0 {
                    (3.0 * r()).floor()
                } else {
                    4.0 * r() - 2.0
                };
                arcs.push((e % m, e / m, cost));
            }
        }
        let answer = solve(&arcs, &mu, &nu);
        match (oracle(&arcs, &mu, &nu), answer.status) {
            (Some(best), Status::Solved) => {
                seen[0] += 1;
                assert!((answer.objective - best).abs() <= 1e-8, "seed {seed}");
            }
            (None, Status::PrimalInfeasible) => seen[1] += 1,
            (best, answer) => panic!("seed {seed}: {best:?} against {answer:?}"),
        }
    }
    assert!(seen.iter().all(|k| *k >= 15), "{seen:?}");
}

#[test]
fn permutations_and_balanced_components_are_feasible() {
    for n in [1, 2, 7, 300] {
        let mut r = stream(n as u64 + 77);
        let mu = masses(n, &mut r);
        let shift = |i: usize| (i + n / 2) % n;
        let mut nu = vec![0.0; n];
        (0..n).for_each(|i| nu[shift(i)] = mu[i]);
        let arcs: Vec<Arc> = (0..n).map(|i| (i, shift(i), r())).collect();
        let answer = solve(&arcs, &mu, &nu);
        assert_eq!(answer.status, Status::Solved, "{n}");
        // One arc less, and its row is stuck.
        let answer = solve(&arcs[1..], &mu, &nu);
        let cut = answer.cut.expect("a row has no arc");
        assert!(cut.rows.contains(&0));
    }
    // Blocks of 5 rows and 7 columns, each with mass 1/20 whose parts add up to it only in exact arithmetic; one-way arcs
    // between the blocks, cheap but of no use, so that only lifted potentials are feasible on them.
    let (mut r, blocks) = (stream(5), 20);
    let (mut mu, mut nu, mut arcs) = (Vec::new(), Vec::new(), Vec::new());
    for b in 0..blocks {
        mu.extend(masses(5, &mut r).iter().map(|v| v / blocks as f64));
        nu.extend(masses(7, &mut r).iter().map(|v| v / blocks as f64));
        for e in 0..35 {
            arcs.push((5 * b + e % 5, 7 * b + e / 5, 1.0 + r()));
            if b + 1 < blocks {
                arcs.push((5 * b + e % 5, 7 * (b + 1) + e / 5, 0.1 * r() - 3.0));
            }
        }
    }
    assert_eq!(solve(&arcs, &mu, &nu).status, Status::Solved);
}

#[test]
fn hidden_bottlenecks_are_cut() {
    // 30 rows share 29 columns' worth of arcs among 60: no row or column is stuck by itself.
    let mut r = stream(11);
    let mut arcs = Vec::new();
    for i in 0..60 {
        for j in 0..60 {
            if (i >= 30 || j < 29) && r() < 0.5 {
                arcs.push((i, j, r()));
            }
        }
    }
    let uniform = vec![1.0 / 60.0; 60];
    let cut = solve(&arcs, &uniform, &uniform)
        .cut
        .expect("30 rows cannot go to 29 columns");
    assert!(cut.excess >= 1.0 / 60.0 - 1e-14);
    let cut = solve(&[], &[1.0], &[0.25, 0.75])
        .cut
        .expect("no arcs at all");
    assert_eq!((cut.rows, cut.columns, cut.excess), (vec![0], vec![], 1.0));
}

#[test]
fn zero_masses_repeated_and_forbidden_arcs() {
    let (mu, nu) = ([0.5, 0.0, 0.5], [0.0, 0.25, 0.75]);
    let arcs = [
        (0, 1, 4.0),
        (0, 1, 1.0),
        (0, 2, 2.0),
        (2, 2, 3.0),
        (1, 0, -9.0),
        (1, 2, -5.0),
        (0, 0, -7.0),
    ];
    let plan = solve(&arcs, &mu, &nu);
    assert_eq!((plan.status, plan.objective), (Status::Solved, 2.25));
    let (m, n) = (3, 3);
    let third = [1.0 / 3.0; 3];
    let diagonal = (0..m * n).map(|e| e % m == e / m).collect();
    let marginals = Marginals::new(&third, &third)
        .unwrap()
        .forbid(diagonal)
        .unwrap();
    let all: Vec<Arc> = (0..9)
        .map(|e| (e % 3, e / 3, ((e / 3 + 3 - e % 3) % 3) as f64))
        .collect();
    let answer = exact_sparse(
        &all,
        &marginals,
        &ExactSettings::default(),
        None,
        &mut unobserved,
    )
    .unwrap();
    let plan = answer;
    assert_eq!(plan.status, Status::Solved);
    assert!((plan.objective - 1.0).abs() <= 1e-12);
}

#[test]
fn bad_input_and_early_ends() {
    let marginals = Marginals::uniform(&[2, 3]).unwrap();
    let settings = ExactSettings::default();
    let run = |arcs: &[Arc]| exact_sparse(arcs, &marginals, &settings, None, &mut unobserved);
    assert!(matches!(
        run(&[(2, 0, 1.0)]),
        Err(Error::OutOfRange {
            index: 2,
            bound: 2,
            ..
        })
    ));
    assert!(matches!(
        run(&[(0, 3, 1.0)]),
        Err(Error::OutOfRange {
            index: 3,
            bound: 3,
            ..
        })
    ));
    let bad = [(0, 0, 1.0), (1, 1, f64::INFINITY)];
    assert!(matches!(run(&bad), Err(Error::NonFinite { index: 1, .. })));
    assert!(matches!(
        run(&[(0, 0, 1e308)]),
        Err(Error::Unsupported { .. })
    ));
    let three = Marginals::uniform(&[2, 2, 2]).unwrap();
    let answer = exact_sparse(&[], &three, &settings, None, &mut unobserved);
    assert!(matches!(answer, Err(Error::Unsupported { .. })));
    // Stopped in phase one: no verdict, and the missing mass is owned up to.
    let n = 1500;
    let mut r = stream(21);
    let arcs: Vec<Arc> = (0..20 * n)
        .map(|e| (e % n, (r() * n as f64) as usize, r()))
        .collect();
    let marginals = Marginals::uniform(&[n, n]).unwrap();
    let mut stop = |_: &dyncvx::transport::Snapshot| ControlFlow::Break(());
    let answer = exact_sparse(&arcs, &marginals, &settings, None, &mut stop).unwrap();
    let plan = answer;
    assert_eq!(plan.status, Status::Stopped);
    assert!(plan.marginal_violation > 1e-3);
}

/// Some arcs of the grid, a permutation's among them, so that uniform masses have a coupling.
fn support(n: usize, share: f64, seed: u64) -> Vec<Arc> {
    let mut r = stream(seed);
    let mut arcs = vec![];
    for j in 0..n {
        for i in 0..n {
            if r() < share || j == (i * 7 + 3) % n {
                let (x, y) = (i as f64 / n as f64, j as f64 / n as f64);
                arcs.push((i, j, (x - y).powi(2) + 0.01 * r()));
            }
        }
    }
    arcs
}

#[test]
fn masked_costs_are_costs_on_the_other_arcs() {
    let n = 40;
    let arcs = support(n, 0.2, 5);
    let uniform = vec![1.0 / n as f64; n];
    let given = solve(&arcs, &uniform, &uniform);
    assert_eq!(given.status, Status::Solved);
    let mut entries = vec![f64::INFINITY; n * n];
    arcs.iter().for_each(|(i, j, c)| entries[i + n * j] = *c);
    let marginals = Marginals::new(&uniform, &uniform).unwrap();
    let settings = ExactSettings::default();
    let masked = CostFn::new(n, n, |i, j| entries[i + n * j]);
    let answer = exact(&masked, &marginals, &settings, None, &mut unobserved).unwrap();
    assert_eq!(answer.status, Status::Solved);
    assert!((answer.objective - given.objective).abs() <= 1e-14);
    // As forbidden arcs of the marginals.
    let finite = CostFn::new(n, n, |i, j| entries[i + n * j].min(-5.0));
    let forbidden: Vec<bool> = entries.iter().map(|c| c.is_infinite()).collect();
    let marginals = marginals.forbid(forbidden).unwrap();
    let other = exact(&finite, &marginals, &settings, None, &mut unobserved).unwrap();
    assert!((other.objective + 5.0).abs() <= 1e-12);
    // Where nothing is left for a row, a cut says so, and potentials prove it.
    let empty = CostFn::new(n, n, |i, j| {
        if i == 4 {
            f64::INFINITY
        } else {
            entries[i + n * j]
        }
    });
    let marginals = Marginals::new(&uniform, &uniform).unwrap();
    let answer = exact(&empty, &marginals, &settings, None, &mut unobserved).unwrap();
    assert_eq!(answer.status, Status::PrimalInfeasible);
    assert!(answer.plan.is_empty() && answer.objective == f64::INFINITY);
    let cut = answer.cut.unwrap();
    assert!(cut.rows.contains(&4) && cut.excess > 0.0);
    let (phi, psi) = (&answer.potentials.rows, &answer.potentials.columns);
    for j in 0..n {
        for i in (0..n).filter(|i| *i != 4 && entries[i + n * j].is_finite()) {
            assert!(phi[i] + psi[j] <= 0.0);
        }
    }
    let worth: f64 = phi.iter().chain(psi).map(|v| v / n as f64).sum();
    assert!((worth - cut.excess).abs() <= 1e-14);
    for bad in [f64::NAN, f64::NEG_INFINITY] {
        let cost = CostFn::new(n, n, |i, j| if i + j == 9 { bad } else { f64::INFINITY });
        let refused = exact(&cost, &marginals, &settings, None, &mut unobserved);
        assert!(
            matches!(refused, Err(Error::NonFinite { index: 9, .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn potentials_save_pivots() {
    let n = 300;
    let mut arcs = support(n, 0.3, 8);
    let mut r = stream(12);
    let mass = masses(n, || 0.5 + r());
    let marginals = Marginals::new(&mass, &mass).unwrap();
    // Every row may stay where it is: feasible.
    arcs.extend((0..n).map(|k| (k, k, 0.5)));
    let run = |half_steps: usize, start: Option<&Potentials>, arcs: &[Arc]| {
        let mut settings = ExactSettings::default();
        settings.half_steps = half_steps;
        let answer = exact_sparse(arcs, &marginals, &settings, start, &mut unobserved).unwrap();
        verify(arcs, &mass, &mass, &answer);
        assert_eq!(answer.status, Status::Solved);
        answer
    };
    let (nothing, annealed) = (run(0, None, &arcs), run(40, None, &arcs));
    assert!((nothing.objective - annealed.objective).abs() < 1e-12);
    assert!(
        2 * annealed.pivots < nothing.pivots,
        "{} {}",
        annealed.pivots,
        nothing.pivots
    );
    assert!(annealed.arcs < arcs.len() / 2);
    // An optimum's own potentials give its tree back, and help where costs have moved.
    let again = run(40, Some(&annealed.potentials), &arcs);
    assert!(
        50 * again.pivots < annealed.pivots,
        "{} {}",
        again.pivots,
        annealed.pivots
    );
    arcs.iter_mut().for_each(|arc| arc.2 += 1e-4 * r());
    let (cold, warm) = (
        run(40, None, &arcs),
        run(40, Some(&annealed.potentials), &arcs),
    );
    assert!((cold.objective - warm.objective).abs() < 1e-12);
    assert!(
        2 * warm.pivots < cold.pivots,
        "{} {}",
        warm.pivots,
        cold.pivots
    );
    let short = Potentials {
        rows: vec![0.0; n],
        columns: vec![0.0; n - 1],
    };
    let refused = exact_sparse(
        &arcs,
        &marginals,
        &ExactSettings::default(),
        Some(&short),
        &mut unobserved,
    );
    assert!(matches!(refused, Err(Error::Shape { .. })));
}
