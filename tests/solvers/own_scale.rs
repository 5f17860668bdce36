//! What one large number must not hide: rows, columns, infeasibilities and small costs beside it.

use dyncvx::io::{mps, sdpa};
use dyncvx::ipm::{Settings, Status};
use dyncvx::problem::{Limits, LinearProgram, Sense};
use dyncvx::solver::{LinearOutcome, LinearSolver, Solver};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::ops::ControlFlow;

fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn solve(program: LinearProgram) -> LinearOutcome {
    let mut solver = LinearSolver::new(program, Settings::default()).unwrap();
    solver.solve(&mut |_| ControlFlow::Continue(())).unwrap()
}

/// Linear programs with the status that each must have, and the objective and its tolerance where there is one.
const LINEAR: [(&str, Status, f64, f64); 18] = [
    ("lp_hidden_1e9", Status::PrimalInfeasible, f64::NAN, 0.0),
    (
        "lp_hidden_block_1e7",
        Status::PrimalInfeasible,
        f64::NAN,
        0.0,
    ),
    ("lp_shares_sum", Status::Solved, f64::NAN, 0.0),
    (
        "lp_unbounded_hidden_1e8",
        Status::DualInfeasible,
        f64::NAN,
        0.0,
    ),
    ("lp_limits_1e15", Status::Solved, 2.0, 1e-7),
    ("lp_limits_1e12", Status::Solved, 2.0, 1e-7),
    ("lp_range_1e16", Status::Solved, 3.0, 1e-7),
    (
        "lp_infeasible_box_1e6",
        Status::PrimalInfeasible,
        f64::NAN,
        0.0,
    ),
    ("lp_rows_1e12", Status::Solved, -2.0, 1e-6),
    ("lp_costs_mixed", Status::Solved, 3e-6, 1e-12),
    ("lp_near_singular", Status::PrimalInfeasible, f64::NAN, 0.0),
    (
        "p_lp_both_infeasible",
        Status::PrimalInfeasible,
        f64::NAN,
        0.0,
    ),
    ("p_lp_clp52", Status::Solved, 9_893_120_239_781_708.0, 1e8),
    ("p_lp_parity", Status::Solved, 0.9298, 1e-7),
    ("p_mps_unnamed_sets", Status::Solved, 2.5, 1e-7),
    ("p_mps_short_names", Status::Solved, 2410.0, 1e-4),
    ("p_mps_rhs_objective", Status::Solved, -5.0, 1e-7),
    ("p_mps_keywords", Status::Solved, 4.0, 1e-7),
];

#[test]
fn every_linear_case_has_its_status() {
    for (name, status, objective, tolerance) in LINEAR {
        let found = solve(mps::read(&bytes(&format!("{name}.mps"))).unwrap());
        assert_eq!(found.status, status, "{name}");
        if objective.is_finite() {
            let error = (found.primal_objective - objective).abs();
            assert!(error <= tolerance, "{name}: {}", found.primal_objective);
        }
    }
}

#[test]
fn shares_sum_to_one_beside_large_amounts() {
    let program = mps::read(&bytes("lp_shares_sum.mps")).unwrap();
    let row = program.row_names().iter().position(|n| n == "r0").unwrap();
    let found = solve(program);
    assert!((found.point.activities[row] - 1.0).abs() < 1e-6);
}

/// Either the right answer, or none.
#[test]
fn equations_of_a_hilbert_matrix_are_answered_honestly() {
    let found = solve(mps::read(&bytes("lp_hilbert_free.mps")).unwrap());
    let right = (found.primal_objective - 8.0).abs() < 1e-3;
    assert!(found.status != Status::Solved || right);
    assert!(!found.status.is_infeasible());
}

#[test]
fn a_matrix_that_cannot_be_semidefinite_is_found_beside_a_large_right_hand_side() {
    let expected = [
        ("sdp_hidden_Y_1e9", Status::DualInfeasible, f64::NAN),
        ("p_sdp_csdp11", Status::Solved, 2f64.sqrt()),
        ("p_sdp_moi1541", Status::Solved, -0.5),
        ("p_sdp_dependent_bad", Status::DualInfeasible, f64::NAN),
    ];
    for (name, status, objective) in expected {
        let read = sdpa::read(&bytes(&format!("{name}.dat-s"))).unwrap();
        let mut solver = Solver::new(read.conic().clone(), Settings::default()).unwrap();
        let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
        // The file's primal is the conic program's dual.
        let stated = match found.status {
            Status::PrimalInfeasible => Status::DualInfeasible,
            Status::DualInfeasible => Status::PrimalInfeasible,
            other => other,
        };
        assert_eq!(stated, status, "{name}");
        if objective.is_finite() {
            let error = (found.primal_objective.abs() - objective.abs()).abs();
            assert!(error < 1e-6, "{name}: {}", found.primal_objective);
        }
    }
}

/// Small numbers, a large one, and how the large one is joined to the rest.
#[derive(Debug, Clone)]
struct Hidden {
    /// Coefficients of two rows in two variables, from 1 to 3.
    rows: [f64; 4],
    /// By which share of the right-hand side the rows contradict each other, or leave room.
    margin: f64,
    large: f64,
    joined: bool,
}

impl Arbitrary for Hidden {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut share = || f64::from(u16::arbitrary(g)) / 65535.0;
        let rows = core::array::from_fn(|_| 1.0 + 2.0 * share());
        let sign = if share() < 0.5 { -1.0 } else { 1.0 };
        Self {
            rows,
            margin: sign * (0.05 + 0.9 * share()),
            large: 10f64.powf(4.0 + 8.0 * share()),
            joined: share() < 0.5,
        }
    }
}

impl Hidden {
    /// `a·x ≥ 1` and `b·x ≤ (1 + margin) min(b_j/a_j)` with `x ≥ 0`, beside `z = large`, perhaps with `x` in the same row.
    fn program(&self) -> LinearProgram {
        let [a0, a1, b0, b1] = self.rows;
        let mut program = LinearProgram::new(Sense::Minimise);
        let variable =
            |p: &mut LinearProgram, cost| p.add_variable("v", cost, Limits::NONNEGATIVE).unwrap();
        let (x, y, z) = (
            variable(&mut program, 1.0),
            variable(&mut program, 1.0),
            variable(&mut program, 1.0),
        );
        let least = (b0 / a0).min(b1 / a1);
        let at_least = Limits::at_least(1.0).unwrap();
        let at_most = Limits::at_most((1.0 + self.margin) * least).unwrap();
        program.add_row("a", at_least, &[(x, a0), (y, a1)]).unwrap();
        program.add_row("b", at_most, &[(x, b0), (y, b1)]).unwrap();
        let with = if self.joined { 1.0 } else { 0.0 };
        let entries: Vec<_> = [(x, with), (y, with), (z, 1.0)]
            .into_iter()
            .filter(|e| e.1 != 0.0)
            .collect();
        let large = Limits::fixed(self.large).unwrap();
        program.add_row("c", large, &entries).unwrap();
        program
    }
}

/// `min b·x` over `a·x ≥ 1`, `x ≥ 0` is `min b_j/a_j`: the margin decides, whatever stands beside it.
#[test]
fn an_unrelated_number_never_decides() {
    fn law(case: Hidden) -> bool {
        let found = solve(case.program());
        let expected = if case.margin < 0.0 {
            Status::PrimalInfeasible
        } else {
            Status::Solved
        };
        found.status == expected
    }
    QuickCheck::new()
        .tests(300)
        .quickcheck(law as fn(Hidden) -> bool);
}

/// Limits that never bind leave status and objective as they are.
#[test]
fn distant_limits_change_nothing() {
    fn law(case: Hidden, distance: u8, below: bool) -> bool {
        // Beyond every number of the program.
        let distance = 10f64.powf(9.0 + 10.0 * f64::from(distance) / 255.0);
        let distance = distance.max(10.0 * case.large);
        let plain = case.program();
        let mut boxed = LinearProgram::new(Sense::Minimise);
        for (limits, cost) in plain.variables().iter().zip(plain.costs()) {
            let lower = if below {
                limits.lower()
            } else {
                limits.lower().max(-distance)
            };
            let limits = Limits::new(lower, distance).unwrap();
            boxed.add_variable("v", *cost, limits).unwrap();
        }
        for (i, limits) in plain.rows().iter().enumerate() {
            let limits = Limits::new(limits.lower().max(-distance), limits.upper().min(distance));
            let entries: Vec<_> = plain.row(i).collect();
            boxed.add_row("r", limits.unwrap(), &entries).unwrap();
        }
        let (one, other) = (solve(plain), solve(boxed));
        let near = (one.primal_objective - other.primal_objective).abs()
            <= 1e-6 * (1.0 + one.primal_objective.abs());
        one.status == other.status && (near || one.status != Status::Solved)
    }
    QuickCheck::new()
        .tests(200)
        .quickcheck(law as fn(Hidden, u8, bool) -> bool);
}

/// Two costs far apart: the small one decides between points that the large one does not tell apart.
#[test]
fn small_costs_count_beside_large_ones() {
    fn law(large: u8, small: u8) -> bool {
        let large = 10f64.powf(3.0 + 6.0 * f64::from(large) / 255.0);
        let small = 10f64.powf(-6.0 + 4.0 * f64::from(small) / 255.0);
        let mut program = LinearProgram::new(Sense::Minimise);
        let x = program
            .add_variable("x", large, Limits::NONNEGATIVE)
            .unwrap();
        let y = program
            .add_variable("y", small, Limits::NONNEGATIVE)
            .unwrap();
        for (a, b, rhs) in [(1.0, 2.0, 3.0), (2.0, 1.0, 3.0), (1.0, 1.0, 2.5)] {
            let limits = Limits::at_least(rhs).unwrap();
            program.add_row("r", limits, &[(x, a), (y, b)]).unwrap();
        }
        let found = solve(program);
        found.status == Status::Solved && (found.primal_objective - 3.0 * small).abs() < 2e-8
    }
    QuickCheck::new()
        .tests(200)
        .quickcheck(law as fn(u8, u8) -> bool);
}
