//! Semidefinite programs of order up to 3 whose optimum is known exactly.

use crate::common::{normal, rng, uniform};
use crate::exact::{Number, brackets, exact};
use dyncvx::Solver;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::ipm::{Certificate, Settings, Solution, Start, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::verify::{self, Aids, Infeasible};
use rand_chacha::ChaCha20Rng;
use std::ops::ControlFlow;

fn solved(program: &ConicProgram, tol: f64) -> Option<Solution> {
    let mut solver = Solver::new(program.clone(), Settings::with_tolerance(tol)).ok()?;
    solver.solve(&mut |_| ControlFlow::Continue(())).ok()
}

fn integer(rng: &mut ChaCha20Rng) -> f64 {
    (uniform(rng) * 7.0).floor() - 3.0
}

/// Orthogonal vectors of integers.
const BASIS: [[f64; 3]; 3] = [[1.0, 2.0, 2.0], [2.0, 1.0, -2.0], [2.0, -2.0, 1.0]];

/// `Σ λ_k u_k u_kᵀ` with rows and columns scaled by powers of two.
fn matrix(values: [f64; 3], scale: [f64; 3]) -> [[f64; 3]; 3] {
    let entry = |i: usize, j: usize| {
        let sum: f64 = (0..3).map(|k| values[k] * BASIS[k][i] * BASIS[k][j]).sum();
        sum * scale[i] * scale[j]
    };
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| entry(i, j)))
}

pub struct Known {
    pub program: ConicProgram,
    pub optimum: Number,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// One matrix of order 3 and three numbers: integers `X*`, `y*`, `S*` with `X* S* = 0`, then `b = A X*` and `c = Aᵀy* + S*`, all exact in
/// double precision, scaled by powers of two near `1e±8`.
pub fn known(rng: &mut ChaCha20Rng, wide: bool) -> Known {
    let blocks = [Block::Psd(3), Block::Nonneg(3)];
    let m = 1 + (uniform(rng) * 3.0) as usize;
    let power = |rng: &mut ChaCha20Rng| {
        if wide {
            2f64.powi((uniform(rng) * 27.0) as i32 - 13)
        } else {
            1.0
        }
    };
    let scale = [power(rng), power(rng), power(rng)];
    let rank = (uniform(rng) * 4.0) as usize;
    let (mut lx, mut ls) = ([0.0; 3], [0.0; 3]);
    for k in 0..3 {
        let v = 1.0 + integer(rng).abs();
        if k < rank {
            lx[k] = v;
        } else if uniform(rng) < 0.9 {
            ls[k] = v;
        }
    }
    // X and S scale against each other, so that their product stays 0.
    let (x, s) = (matrix(lx, scale), matrix(ls, scale.map(|v| 1.0 / v)));
    let nonneg: Vec<(f64, f64)> = (0..3)
        .map(|_| {
            if uniform(rng) < 0.5 {
                (1.0 + integer(rng).abs(), 0.0)
            } else {
                (0.0, 1.0 + integer(rng).abs())
            }
        })
        .collect();
    let y: Vec<f64> = (0..m).map(|_| integer(rng)).collect();
    let mut a = Constraints::builder(m, &blocks).unwrap();
    let mut c = Constraints::builder(1, &blocks).unwrap();
    let (mut b, mut cost, mut numbers) = (vec![0.0; m], s, nonneg.clone());
    for i in 0..m {
        for r in 0..3 {
            for k in r..3 {
                // The first row is definite: then the dual has an interior.
                let plain = match (i, r == k) {
                    (0, true) => 2.0,
                    (0, false) => 0.0,
                    _ => integer(rng),
                };
                let v = plain / (scale[r] * scale[k]);
                a.entry(i, 0, r, k, v).unwrap();
                b[i] += v * x[r][k] * if r == k { 1.0 } else { 2.0 };
                cost[r][k] += v * y[i];
            }
            let v = if i == 0 { 1.0 } else { integer(rng) };
            a.entry(i, 1, r, r, v).unwrap();
            b[i] += v * nonneg[r].0;
            numbers[r].1 += v * y[i];
        }
    }
    let mut optimum = exact(0.0);
    b.iter()
        .zip(&y)
        .for_each(|(b, y)| optimum += exact(*b) * exact(*y));
    for (r, row) in cost.iter().enumerate() {
        for (k, v) in row.iter().enumerate().skip(r) {
            c.entry(0, 0, r, k, *v).unwrap();
        }
        c.entry(0, 1, r, r, numbers[r].1).unwrap();
    }
    let mut flat: Vec<f64> = (0..9).map(|k| x[k % 3][k / 3]).collect();
    flat.extend(nonneg.iter().map(|v| v.0));
    let program = ConicProgram::new(a.build().unwrap(), b, c.build().unwrap()).unwrap();
    Known {
        program,
        optimum,
        x: flat,
        y,
    }
}

#[test]
fn bounds_bracket_known_optima() {
    let mut rng = rng(41);
    let (mut tried, mut lower, mut upper, mut both) = (0, 0, 0, 0);
    for trial in 0..1500 {
        let known = known(&mut rng, trial % 2 == 1);
        let program = &known.program;
        let Some(mut found) = solved(program, 1e-8) else {
            continue;
        };
        let Some(inner) = solved(program, 1e-3) else {
            continue;
        };
        let interior = Start::from(&inner);
        let aids = Aids {
            interior: Some(&interior),
            traces: &[],
        };
        let optimum = Some(known.optimum.clone());
        if let Some(certificate) = &found.certificate {
            // There is an optimum: whatever certificate came out is wrong or useless, and must not be proved.
            let bounds = verify::conic(program, &found).unwrap();
            assert_eq!(bounds.infeasible, None, "trial {trial}: {certificate:?}");
            found.certificate = None;
        }
        let (x, y) = (found.x.clone(), found.y.clone());
        tried += usize::from(found.status == Status::Solved);
        for by in [0.0, 1e-13, 1e-8, 1e-3, 1.0] {
            let noise = |v: &f64, rng: &mut ChaCha20Rng| v + by * normal(rng) * (1.0 + v.abs());
            found.x = x.iter().map(|v| noise(v, &mut rng)).collect();
            found.y = y.iter().map(|v| noise(v, &mut rng)).collect();
            let bounds = verify::conic_with(program, &found, &aids).unwrap();
            assert!(
                brackets(bounds.lower, bounds.upper, &optimum),
                "trial {trial}, {by:e}: {bounds:?} {}",
                known.optimum
            );
            if by == 0.0 && found.status == Status::Solved {
                lower += usize::from(bounds.lower.is_some());
                upper += usize::from(bounds.upper.is_some());
                both += usize::from(bounds.relative_width().is_some_and(|w| w < 1e-5));
            }
        }
        // The optimal point itself: its numbers are exact, but on the boundary of the cone.
        (found.x, found.y) = (known.x.clone(), known.y.clone());
        let bounds = verify::conic_with(program, &found, &aids).unwrap();
        assert!(
            brackets(bounds.lower, bounds.upper, &optimum),
            "trial {trial}: {bounds:?}"
        );
        // The trace of the optimal point pays for what the slack lacks.
        let trace = |range: core::ops::Range<usize>, step: usize| {
            known.x[range].iter().step_by(step).sum::<f64>() * (1.0 + 1e-12)
        };
        let traces = [trace(0..9, 4), trace(9..12, 1)];
        let aids = Aids {
            interior: None,
            traces: &traces,
        };
        let bounds = verify::conic_with(program, &found, &aids).unwrap();
        let below = bounds.lower.expect("traces are known");
        assert!(exact(below) <= known.optimum, "trial {trial}: {bounds:?}");
    }
    println!("{tried} solved: {lower} lower, {upper} upper, {both} both within 1e-5");
    assert!(tried > 1000 && 10 * lower > 9 * tried, "{lower} of {tried}");
}

#[test]
fn infeasibilities_are_proved_and_others_refused() {
    // tr X = −1, and X_11 as the objective.
    let blocks = [Block::Psd(2)];
    let mut a = Constraints::builder(1, &blocks).unwrap();
    a.entry(0, 0, 0, 0, 1.0)
        .unwrap()
        .entry(0, 0, 1, 1, 1.0)
        .unwrap();
    let mut c = Constraints::builder(1, &blocks).unwrap();
    c.entry(0, 0, 0, 0, 1.0).unwrap();
    let program = ConicProgram::new(a.build().unwrap(), vec![-1.0], c.build().unwrap()).unwrap();
    let mut found = solved(&program, 1e-8).unwrap();
    assert_eq!(found.status, Status::PrimalInfeasible);
    let bounds = verify::conic(&program, &found).unwrap();
    assert_eq!(
        (bounds.lower, bounds.infeasible),
        (Some(f64::INFINITY), Some(Infeasible::Primal))
    );
    // The same certificate proves nothing of a program with the other right-hand side.
    let (rows, cost) = (program.constraints().clone(), program.cost().clone());
    let feasible = ConicProgram::new(rows, vec![1.0], cost).unwrap();
    assert_eq!(verify::conic(&feasible, &found).unwrap().infeasible, None);
    if let Some(Certificate::Primal { y, .. }) = &mut found.certificate {
        y[0] = -y[0];
    }
    assert_eq!(verify::conic(&feasible, &found).unwrap().infeasible, None);
    // X_12 = 1 keeps X_11 positive, but X_22 improves the objective without end.
    let mut a = Constraints::builder(1, &blocks).unwrap();
    a.entry(0, 0, 0, 1, 0.5).unwrap();
    let mut c = Constraints::builder(1, &blocks).unwrap();
    c.entry(0, 0, 1, 1, -1.0).unwrap();
    let program = ConicProgram::new(a.build().unwrap(), vec![1.0], c.build().unwrap()).unwrap();
    let found = solved(&program, 1e-8).unwrap();
    assert_eq!(found.status, Status::DualInfeasible);
    let bounds = verify::conic(&program, &found).unwrap();
    assert_eq!(bounds.infeasible, Some(Infeasible::Dual));
}
