//! Semidefinite programs without interior, on either side: infeasible ones, ones whose two values differ, and feasible ones.

use crate::common;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::io::sdpa;
use dyncvx::ipm::{Settings, Solution, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::solver::Solver;
use faer::Mat;
use std::ops::ControlFlow;

/// Row, column and value.
type Entry = (usize, usize, f64);

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
        let mut rows: Vec<(Vec<Entry>, f64)> = vec![];
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

/// What the program on a face suggests as a proof is a vector of the program before it is tested there: a ray beside costs of 1e9, and
/// beside a row that takes an index away.
#[test]
fn what_may_be_a_proof_comes_back_from_a_face() {
    let file = "3\n3\n2 2 2\n0 1 0\n0 1 1 1 -1\n0 1 2 2 -1\n0 1 1 2 1.3\n0 2 1 1 -1e9\n0 2 1 2 -5e8\n0 2 2 2 -2e9\n\
        0 3 2 2 -1\n1 1 1 1 1\n1 1 2 2 -1\n2 2 1 1 1\n2 2 2 2 1\n2 3 2 2 1\n2 3 1 2 0.5\n3 3 1 1 1\n";
    let program = sdpa::read(file.as_bytes()).unwrap().conic().clone();
    // Not an error, and not an optimum: no slack is feasible.
    let status = solve(program).status;
    assert!(
        status == Status::DualInfeasible || status.is_inconclusive(),
        "{status:?}"
    );
}

/// `V Vᵀ`.
fn square(v: &Mat<f64>) -> Mat<f64> {
    v * v.transpose()
}

fn inner(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let n = a.nrows();
    (0..n * n)
        .map(|k| a[(k % n, k / n)] * b[(k % n, k / n)])
        .sum()
}

/// Rows of one matrix block of order 5.
fn rows_of(matrices: &[Mat<f64>]) -> Constraints {
    let mut out = Constraints::builder(matrices.len(), &[Block::Psd(5)]).unwrap();
    for (k, a) in matrices.iter().enumerate() {
        for j in 0..5 {
            for i in 0..=j {
                if a[(i, j)] != 0.0 {
                    out.entry(k, 0, i, j, a[(i, j)]).unwrap();
                }
            }
        }
    }
    out.build().unwrap()
}

/// Programs whose rows force `x` onto a face of rank 3, of coordinates or of any kind, with the values of feasible points on either side.
fn on_a_face(seed: u64, coordinates: bool) -> (ConicProgram, f64, f64) {
    let mut rng = common::rng(seed);
    let (n, m, rank) = (5, 4, 3);
    // Columns of Q span the face, those of V expose it: V is orthogonal to Q.
    let frame = if coordinates {
        Mat::identity(n, n)
    } else {
        common::gaussian(n, n, &mut rng).qr().compute_Q()
    };
    let q = frame.subcols(0, rank) * common::gaussian(rank, rank, &mut rng);
    let v = frame.subcols(rank, n - rank).to_owned();
    let x = square(&q);
    let mut rows = vec![square(&v)];
    rows.extend((1..m).map(|_| common::symmetrised(&common::gaussian(n, n, &mut rng))));
    let mut b: Vec<f64> = rows.iter().map(|a| inner(a, &x)).collect();
    b[0] = 0.0;
    // c = Aᵀy + S with S definite.
    let y: Vec<f64> = (0..m).map(|_| common::normal(&mut rng)).collect();
    let mut c = square(&common::gaussian(n, n, &mut rng));
    (0..n).for_each(|i| c[(i, i)] += 0.5);
    for (a, y) in rows.iter().zip(&y) {
        c += faer::Scale(*y) * a;
    }
    let upper = inner(&c, &x);
    let lower: f64 = b.iter().zip(&y).map(|(b, y)| b * y).sum();
    let program = ConicProgram::new(rows_of(&rows), b, rows_of(&[c])).unwrap();
    (program, lower, upper)
}

/// Feasible programs without interior on the side of `x`: nothing wrong is called solved, and few are left without an answer.
#[test]
fn feasible_programs_without_interior_are_answered() {
    for coordinates in [true, false] {
        let (mut answered, count) = (0, 200);
        for seed in 0..count {
            let (program, lower, upper) = on_a_face(seed, coordinates);
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
        let least = if coordinates { 97 } else { 75 };
        assert!(
            answered * 100 >= least * count,
            "{answered} of {count} answered, coordinates {coordinates}"
        );
    }
}
