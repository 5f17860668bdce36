//! Linear programs against all their vertices, in exact arithmetic.

use crate::common::{normal, rng, uniform};
use crate::exact::{Number, brackets, exact, minimum};
use dyncvx::ipm::{Settings, Status};
use dyncvx::problem::{Limits, LinearCertificate, LinearProgram, LinearSolution, Sense};
use dyncvx::solver::{LinearOutcome, LinearSolver};
use dyncvx::verify;
use rand_chacha::ChaCha20Rng;
use std::ops::ControlFlow;

fn solved(program: &LinearProgram, tol: f64) -> Option<LinearOutcome> {
    let settings = Settings::with_tolerance(tol);
    let mut solver = LinearSolver::new(program.clone(), settings).ok()?;
    solver.solve(&mut |_| ControlFlow::Continue(())).ok()
}

/// An integer, a decimal fraction, or a number of any size.
fn entry(rng: &mut ChaCha20Rng, wide: bool) -> f64 {
    match (uniform(rng) * 4.0) as usize {
        0 => 0.0,
        1 => (uniform(rng) * 7.0).floor() - 3.0,
        2 => ((uniform(rng) * 60.0).floor() - 30.0) / 10.0,
        _ if wide => normal(rng) * 10f64.powf(16.0 * uniform(rng) - 8.0),
        _ => normal(rng),
    }
}

pub type Row = (Vec<f64>, f64, f64);

/// A program whose variables have limits, and its rows with those of the variables last.
pub fn random(rng: &mut ChaCha20Rng, wide: bool) -> (LinearProgram, Vec<Row>, Vec<f64>) {
    let (n, m) = (
        1 + (uniform(rng) * 3.0) as usize,
        1 + (uniform(rng) * 3.0) as usize,
    );
    let sense = if uniform(rng) < 0.5 {
        Sense::Minimise
    } else {
        Sense::Maximise
    };
    let mut program = LinearProgram::new(sense);
    let sign = if sense == Sense::Minimise { 1.0 } else { -1.0 };
    let (mut rows, mut costs, mut own) = (vec![], vec![], vec![]);
    for j in 0..n {
        let cost = entry(rng, wide);
        let (a, b) = (entry(rng, false), entry(rng, wide));
        let (l, u) = if uniform(rng) < 0.1 {
            (a, a)
        } else {
            (a.min(b), a.max(b))
        };
        program
            .add_variable("", cost, Limits::new(l, u).unwrap())
            .unwrap();
        costs.push(sign * cost);
        own.push(((0..n).map(|k| f64::from(u8::from(k == j))).collect(), l, u));
    }
    for _ in 0..m {
        let a: Vec<f64> = (0..n).map(|_| entry(rng, wide)).collect();
        let x = [normal(rng), normal(rng), normal(rng)];
        let centre: f64 = a.iter().zip(x).map(|(a, x)| a * x).sum();
        let (l, u) = match (uniform(rng) * 4.0) as usize {
            0 => (centre, centre),
            1 => (f64::NEG_INFINITY, centre),
            2 => (centre, f64::INFINITY),
            _ => (centre - 1.0, centre + 0.5),
        };
        let entries: Vec<(usize, f64)> = a.iter().copied().enumerate().collect();
        program
            .add_row("", Limits::new(l, u).unwrap(), &entries)
            .unwrap();
        rows.push((a, l, u));
    }
    rows.extend(own);
    (program, rows, costs)
}

fn perturbed(point: &LinearSolution, by: f64, rng: &mut ChaCha20Rng) -> LinearSolution {
    let mut point = point.clone();
    for v in point.x.iter_mut().chain(&mut point.row_duals) {
        *v += by * normal(rng) * (1.0 + v.abs());
    }
    point
}

/// Whatever the point, the bounds are true; from a solution there are nearly always both.
#[test]
fn bounds_bracket_the_best_vertex() {
    let mut rng = rng(23);
    let (mut feasible, mut both, mut infeasible, mut proved) = (0, 0, 0, 0);
    for trial in 0..3000 {
        let (program, rows, costs) = random(&mut rng, trial % 3 == 0);
        let least = minimum(&rows, &costs);
        let optimum: Option<Number> = match program.sense() {
            Sense::Minimise => least,
            Sense::Maximise => least.map(|v| -v),
        };
        let Some(found) = solved(&program, 1e-8) else {
            continue;
        };
        if let Some(certificate) = &found.certificate {
            let bounds = verify::linear_certificate(&program, certificate).unwrap();
            assert!(
                bounds.infeasible.is_none() || optimum.is_none(),
                "trial {trial}"
            );
            proved += usize::from(bounds.infeasible.is_some());
        }
        infeasible += usize::from(optimum.is_none());
        let (n, m) = (program.variables().len(), program.rows().len());
        let mut base = found.point.clone();
        if base.x.len() != n || base.x.iter().any(|v| !v.is_finite()) {
            (base.x, base.row_duals) = (vec![0.0; n], vec![0.0; m]);
        }
        for by in [0.0, 1e-14, 1e-9, 1e-4, 1.0, 1e4] {
            let point = perturbed(&base, by, &mut rng);
            let bounds = verify::linear(&program, &point, None).unwrap();
            // Turned round, so that both senses read alike.
            let (lower, upper) = match program.sense() {
                Sense::Minimise => (bounds.lower, bounds.upper),
                Sense::Maximise => (bounds.upper.map(|v| -v), bounds.lower.map(|v| -v)),
            };
            let turned = match program.sense() {
                Sense::Minimise => optimum.clone(),
                Sense::Maximise => optimum.clone().map(|v| -v),
            };
            assert!(
                brackets(lower, upper, &turned),
                "trial {trial}, {by:e}: {bounds:?}"
            );
            // Variables have limits, so there always is a dual bound.
            assert!(lower.is_some(), "trial {trial}: {bounds:?}");
            if by == 0.0 && found.status == Status::Solved {
                feasible += 1;
                both += usize::from(bounds.relative_width().is_some_and(|w| w < 1e-6));
            }
        }
    }
    println!("{feasible} solved, {both} bracketed, {infeasible} infeasible, {proved} proved");
    assert!(
        feasible > 1000 && 10 * both > 9 * feasible,
        "{both} of {feasible}"
    );
    assert!(10 * proved > 8 * infeasible, "{proved} of {infeasible}");
}

/// A program without limits of variables that matter, with its optimum: integers `x*`, `y*`, and `c = Aᵀy* + z*`.
#[test]
fn bounds_bracket_optima_of_unlimited_programs() {
    let mut rng = rng(24);
    let integer = |rng: &mut ChaCha20Rng| (uniform(rng) * 9.0).floor() - 4.0;
    let (mut tried, mut lower, mut upper) = (0, 0, 0);
    for trial in 0..2000 {
        let (n, m) = (
            2 + (uniform(&mut rng) * 4.0) as usize,
            1 + (uniform(&mut rng) * 3.0) as usize,
        );
        let scale = [1.0, 2f64.powi(18), 2f64.powi(-18)];
        let mut program = LinearProgram::new(Sense::Minimise);
        let y: Vec<f64> = (0..m).map(|_| integer(&mut rng)).collect();
        let sizes: Vec<f64> = (0..n)
            .map(|_| scale[(uniform(&mut rng) * 3.0) as usize])
            .collect();
        let a: Vec<Vec<f64>> = (0..m)
            .map(|_| sizes.iter().map(|s| s * integer(&mut rng)).collect())
            .collect();
        let mut x = vec![];
        let mut optimum = exact(0.0);
        for j in 0..n {
            // Free, or at its limit with a reduced cost, or off it.
            let (limits, value, z) = match (uniform(&mut rng) * 4.0) as usize {
                0 => (Limits::FREE, integer(&mut rng), 0.0),
                1 => (Limits::NONNEGATIVE, 0.0, 1.0 + integer(&mut rng).abs()),
                2 => (Limits::at_most(2.0).unwrap(), 2.0, -1.0),
                _ => (Limits::NONNEGATIVE, 1.0 + integer(&mut rng).abs(), 0.0),
            };
            let z = z * sizes[j];
            let cost = a.iter().zip(&y).map(|(a, y)| a[j] * y).sum::<f64>() + z;
            program.add_variable("", cost, limits).unwrap();
            optimum += exact(cost) * exact(value);
            x.push(value);
        }
        for (a, y) in a.iter().zip(&y) {
            let v: f64 = a.iter().zip(&x).map(|(a, x)| a * x).sum();
            let limits = match (uniform(&mut rng) * 2.0) as usize {
                0 => Limits::fixed(v),
                _ if *y > 0.0 => Limits::at_least(v),
                _ if *y < 0.0 => Limits::at_most(v),
                _ => Limits::new(v - 1.0, v + 1.0),
            };
            let entries: Vec<(usize, f64)> = a.iter().copied().enumerate().collect();
            program.add_row("", limits.unwrap(), &entries).unwrap();
        }
        let Some(found) = solved(&program, 1e-8) else {
            continue;
        };
        let Some(inner) = solved(&program, 1e-3) else {
            continue;
        };
        if found.status != Status::Solved {
            continue;
        }
        tried += 1;
        let optimum = Some(optimum);
        for by in [0.0, 1e-12, 1e-6, 1e-1, 10.0] {
            let point = perturbed(&found.point, by, &mut rng);
            let bounds = verify::linear(&program, &point, Some(&inner.point)).unwrap();
            assert!(
                brackets(bounds.lower, bounds.upper, &optimum),
                "trial {trial}, {by:e}: {bounds:?}"
            );
            if by == 0.0 {
                lower += usize::from(bounds.lower.is_some());
                upper += usize::from(bounds.upper.is_some());
            }
        }
        // The optimal point itself, to the last digit.
        let point = LinearSolution {
            x,
            row_duals: y,
            ..Default::default()
        };
        let bounds = verify::linear(&program, &point, None).unwrap();
        assert!(
            brackets(bounds.lower, bounds.upper, &optimum),
            "trial {trial}: {bounds:?}"
        );
        assert_eq!(
            bounds.relative_width(),
            Some(0.0),
            "trial {trial}: {bounds:?}"
        );
    }
    println!("{tried} solved, {lower} with a lower bound, {upper} with an upper one");
    assert!(tried > 1000);
}

#[test]
fn certificates_that_prove_nothing_are_refused() {
    let mut program = LinearProgram::new(Sense::Minimise);
    let x = program
        .add_variable("x", -1.0, Limits::NONNEGATIVE)
        .unwrap();
    program
        .add_row("a", Limits::at_most(-1e-9).unwrap(), &[(x, 1.0)])
        .unwrap();
    let proof = program.primal_certificate(&[-1.0]).unwrap().unwrap();
    let bounds = verify::linear_certificate(&program, &proof).unwrap();
    assert_eq!(
        (bounds.lower, bounds.infeasible),
        (Some(f64::INFINITY), Some(verify::Infeasible::Primal))
    );
    let wrong = LinearCertificate::RowLimits { row: 0 };
    let bounds = verify::linear_certificate(&program, &wrong).unwrap();
    assert_eq!((bounds.lower, bounds.infeasible), (None, None));
    let mut program = LinearProgram::new(Sense::Maximise);
    let x = program.add_variable("x", 1.0, Limits::NONNEGATIVE).unwrap();
    let y = program.add_variable("y", 0.0, Limits::FREE).unwrap();
    program
        .add_row("a", Limits::fixed(1.0).unwrap(), &[(x, 0.1), (y, -0.3)])
        .unwrap();
    let ray = program.dual_certificate(&[3.0, 1.0]).unwrap().unwrap();
    let bounds = verify::linear_certificate(&program, &ray).unwrap();
    assert_eq!(bounds.infeasible, Some(verify::Infeasible::Dual));
    // With a limit on y the direction leaves it.
    let mut program = LinearProgram::new(Sense::Maximise);
    let x = program.add_variable("x", 1.0, Limits::NONNEGATIVE).unwrap();
    let y = program
        .add_variable("y", 0.0, Limits::at_most(5.0).unwrap())
        .unwrap();
    program
        .add_row("a", Limits::fixed(1.0).unwrap(), &[(x, 0.1), (y, -0.3)])
        .unwrap();
    let bounds = verify::linear_certificate(&program, &ray).unwrap();
    assert_eq!(bounds.infeasible, None);
}
