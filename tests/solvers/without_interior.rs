//! Semidefinite programs without interior, on either side: infeasible ones, ones whose two values differ, and feasible ones.

use crate::common;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::io::sdpa;
use dyncvx::ipm::{Settings, Solution, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::solver::Solver;
use std::ops::ControlFlow;

fn case(name: &str) -> ConicProgram {
    let path = format!(
        "{}/tests/data/cases/{name}.dat-s",
        env!("CARGO_MANIFEST_DIR")
    );
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    sdpa::read(&bytes).unwrap().conic().clone()
}

fn solve(program: ConicProgram) -> Solution {
    let mut solver = Solver::new(program, Settings::default()).unwrap();
    solver.solve(&mut |_| ControlFlow::Continue(())).unwrap()
}

/// The file's primal is the dual of the conic program.
#[test]
fn every_case_is_proved_infeasible_or_left_unsolved() {
    let proved = [
        ("sdp_two_rows", Status::PrimalInfeasible),
        ("sdp_zero_diagonal_X", Status::DualInfeasible),
        ("sdp_zero_diagonal_Y", Status::PrimalInfeasible),
        ("sdp_pair_to_zero", Status::DualInfeasible),
        ("sdp_hidden_Y_1e9", Status::PrimalInfeasible),
    ];
    for (name, status) in proved {
        assert_eq!(solve(case(name)).status, status, "{name}");
    }
    // Weakly infeasible, and two with different values on either side: no answer, or the right one.
    for name in ["sdp_det_minus_one", "sdp_gap_one", "sdp_hankel_4"] {
        let found = solve(case(name));
        let at_zero = found.primal_objective.abs() < 1e-6 && name != "sdp_det_minus_one";
        assert!(found.status != Status::Solved || at_zero, "{name}");
    }
    for (name, value) in [("sdp_point_4", 4.0), ("sdp_point_0b", 0.0)] {
        let found = solve(case(name));
        let off = (found.dual_objective.abs() - value).abs();
        assert!(found.status != Status::Solved || off < 1e-5, "{name}");
        assert!(!found.status.is_infeasible(), "{name}");
    }
}

/// A chain: `X_00 = 0`, then `X_11 + 2 X_02 = 0` and so on, and at the end `2 X_(k)(k+1) = 1`, with indices and rows in any order. Nothing
/// is feasible, and no single certificate shows that.
#[test]
fn chains_of_faces_prove_weak_infeasibility() {
    for seed in 0..60 {
        let mut stream = common::rng(seed);
        let mut below = |n: usize| (common::uniform(&mut stream) * n as f64) as usize % n;
        let (k, n) = (1 + below(4), 7);
        let mut order: Vec<usize> = (0..n).collect();
        (1..n).for_each(|i| order.swap(i, below(i + 1)));
        let at = |i: usize| order[i];
        let mut rows: Vec<(Vec<(usize, usize, f64)>, f64)> = vec![];
        for i in 0..k {
            let mut row = vec![(at(i), at(i), 1.0)];
            if i > 0 {
                // An entry that the faces before have taken away.
                row.push((at(below(i)), at(n - 1 - below(n - i - 1)), 1.0));
            }
            rows.push((row, 0.0));
        }
        rows.push((vec![(at(k - 1), at(k), 1.0)], 2.0));
        (1..rows.len()).for_each(|i| rows.swap(i, below(i + 1)));
        let blocks = [Block::Psd(n)];
        let mut a = Constraints::builder(rows.len(), &blocks).unwrap();
        for (i, (row, _)) in rows.iter().enumerate() {
            for &(p, q, v) in row {
                a.entry(i, 0, p.min(q), p.max(q), v).unwrap();
            }
        }
        let mut c = Constraints::builder(1, &blocks).unwrap();
        (0..n).for_each(|i| {
            c.entry(0, 0, i, i, 1.0).unwrap();
        });
        let b = rows.iter().map(|r| r.1).collect();
        let program = ConicProgram::new(a.build().unwrap(), b, c.build().unwrap()).unwrap();
        let found = solve(program);
        assert_eq!(found.status, Status::PrimalInfeasible, "seed {seed}");
    }
}

/// Programs whose rows force `x` onto a face, with feasible points known on either side.
fn on_a_face(seed: u64, whole: bool) -> (ConicProgram, f64, f64) {
    let mut stream = common::rng(seed);
    let mut r = || common::normal(&mut stream);
    let (n, m, rank) = (5, 4, 3);
    // x = Q Qᵀ of rank 3 and an exposing row V Vᵀ with V orthogonal to Q: coordinates, or numbers of any kind.
    let mut q = vec![[0.0; 5]; rank];
    q.iter_mut().for_each(|v| {
        v.iter_mut()
            .take(if whole { 3 } else { 5 })
            .for_each(|e| *e = r())
    });
    let mut v = vec![[0.0; 5]; n - rank];
    if whole {
        v[0][3] = 1.0;
        v[1][4] = 1.0;
    } else {
        for v in &mut v {
            v.iter_mut().for_each(|e| *e = r());
        }
        // Gram–Schmidt: Q, then V.
        let mut basis: Vec<[f64; 5]> = vec![];
        for u in q.iter_mut().chain(v.iter_mut()) {
            for e in &basis {
                let along: f64 = u.iter().zip(e).map(|(a, b)| a * b).sum();
                u.iter_mut().zip(e).for_each(|(a, b)| *a -= along * b);
            }
            let length = u.iter().map(|a| a * a).sum::<f64>().sqrt();
            u.iter_mut().for_each(|a| *a /= length);
            basis.push(*u);
        }
    }
    let outer = |vs: &[[f64; 5]]| {
        let mut out = [[0.0; 5]; 5];
        for v in vs {
            for i in 0..n {
                (0..n).for_each(|j| out[i][j] += v[i] * v[j]);
            }
        }
        out
    };
    let x = outer(&q);
    let mut rows = vec![outer(&v)];
    for _ in 1..m {
        let mut row = [[0.0; 5]; 5];
        for i in 0..n {
            for j in 0..=i {
                (row[i][j], row[j][i]) = {
                    let e = r();
                    (e, e)
                };
            }
        }
        rows.push(row);
    }
    let inner = |a: &[[f64; 5]; 5], b: &[[f64; 5]; 5]| -> f64 {
        a.iter()
            .flatten()
            .zip(b.iter().flatten())
            .map(|(a, b)| a * b)
            .sum()
    };
    let mut b: Vec<f64> = rows.iter().map(|a| inner(a, &x)).collect();
    b[0] = 0.0;
    // c = Aᵀy + S with S definite.
    let y: Vec<f64> = (0..m).map(|_| r()).collect();
    let root: Vec<[f64; 5]> = (0..n).map(|_| core::array::from_fn(|_| r())).collect();
    let mut c = outer(&root);
    (0..n).for_each(|i| c[i][i] += 0.5);
    for (a, y) in rows.iter().zip(&y) {
        for i in 0..n {
            (0..n).for_each(|j| c[i][j] += y * a[i][j]);
        }
    }
    let upper = inner(&c, &x);
    let lower: f64 = b.iter().zip(&y).map(|(b, y)| b * y).sum();
    let blocks = [Block::Psd(n)];
    let build = |of: &[[[f64; 5]; 5]]| {
        let mut out = Constraints::builder(of.len(), &blocks).unwrap();
        for (k, a) in of.iter().enumerate() {
            for i in 0..n {
                for j in i..n {
                    if a[i][j] != 0.0 {
                        out.entry(k, 0, i, j, a[i][j]).unwrap();
                    }
                }
            }
        }
        out.build().unwrap()
    };
    let program = ConicProgram::new(build(&rows), b, build(&[c])).unwrap();
    (program, lower, upper)
}

/// Feasible programs without interior on the side of `x`: nothing wrong is called solved, and few are left without an answer.
#[test]
fn feasible_programs_without_interior_are_answered() {
    for whole in [true, false] {
        let (mut answered, count) = (0, 200);
        for seed in 0..count {
            let (program, lower, upper) = on_a_face(seed, whole);
            let found = solve(program);
            assert!(!found.status.is_infeasible(), "seed {seed}");
            if found.status == Status::Solved {
                let room = 1e-5 * (1.0 + upper.abs());
                let value = found.primal_objective;
                assert!(
                    value <= upper + room && value >= lower - room,
                    "seed {seed}: {value}"
                );
                answered += 1;
            }
        }
        // Coordinates that vanish are found exactly; a face of any other kind is found by a run, to some digits.
        let least = if whole { 97 } else { 75 };
        assert!(
            answered * 100 >= least * count,
            "{answered} of {count} answered, whole {whole}"
        );
    }
}
