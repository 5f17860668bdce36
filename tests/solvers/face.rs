//! Programs without interior, solved on the face that holds their feasible points.

use crate::common::dense::{combine, data, dot, smallest_eigenvalue};
use crate::common::{gaussian, normal, positive, rng, symmetrised, uniform};
use dyncvx::Solver;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::ipm::{self, Settings, Solution, Status};
use dyncvx::problem::{ConicProgram, Reduced};
use dyncvx::projection::Direct;
use dyncvx::solver::solve_with;
use faer::Mat;
use std::ops::ControlFlow;

/// A symmetric matrix and numbers, the blocks of these programs.
struct Pair {
    matrix: Mat<f64>,
    numbers: Vec<f64>,
}

impl Pair {
    fn flat(&self) -> Vec<f64> {
        let n = self.matrix.nrows();
        (0..n)
            .flat_map(|j| (0..n).map(move |i| (i, j)))
            .map(|(i, j)| self.matrix[(i, j)])
            .chain(self.numbers.iter().copied())
            .collect()
    }
}

fn orthonormal(n: usize, rng: &mut rand_chacha::ChaCha20Rng) -> Mat<f64> {
    gaussian(n, n, rng).qr().compute_Q()
}

/// `U M Uᵀ`.
fn lift(u: &Mat<f64>, m: &Mat<f64>) -> Mat<f64> {
    symmetrised(&(u * m * u.transpose()))
}

fn add_row(to: &mut dyn FnMut(usize, usize, usize, f64), v: &Pair) {
    for j in 0..v.matrix.ncols() {
        (0..=j).for_each(|i| to(0, i, j, v.matrix[(i, j)]));
    }
    v.numbers
        .iter()
        .enumerate()
        .for_each(|(k, v)| to(1, k, k, *v));
}

/// `m` rows over a matrix of order `n` and four numbers whose feasible points live on `U`, of `kernel` columns, and two of the
/// numbers, and no smaller face; and the optimal value. No multipliers reach it, `s_UV` is not in the range of `s_UU`, and
/// those that come near are large.
fn faced(seed: u64, n: usize, kernel: usize, m: usize) -> (ConicProgram, f64) {
    let rng = &mut rng(seed);
    let blocks = [Block::Psd(n), Block::Nonneg(4)];
    let q = orthonormal(n, rng);
    let (u, v) = (
        q.subcols(0, kernel).to_owned(),
        q.subcols(kernel, n - kernel).to_owned(),
    );
    // What exposes the face.
    let z = Pair {
        matrix: lift(&v, &positive(n - kernel, rng)),
        numbers: vec![0.0, 0.0, 1.0, 0.5],
    };
    let mut rows: Vec<Pair> = (1..m)
        .map(|_| {
            let mut matrix = Mat::zeros(n, n);
            for _ in 0..n {
                let (i, j) = (
                    (uniform(rng) * n as f64) as usize,
                    (uniform(rng) * n as f64) as usize,
                );
                let value = normal(rng);
                (matrix[(i, j)], matrix[(j, i)]) = (value, value);
            }
            let numbers = (0..4).map(|_| normal(rng)).collect();
            Pair { matrix, numbers }
        })
        .collect();
    // A complementary pair on the face: X' of half its rank, s_UU of the other half, and anything between.
    let w = orthonormal(kernel, rng);
    let half = kernel / 2;
    let top = lift(&w.subcols(0, half).to_owned(), &positive(half, rng));
    let rest = lift(
        &w.subcols(half, kernel - half).to_owned(),
        &positive(kernel - half, rng),
    );
    let x = Pair {
        matrix: lift(&u, &top),
        numbers: vec![1.5, 0.0, 0.0, 0.0],
    };
    // Between kernel and range: what s_UU carries, and a little that it does not.
    let (inner, outer) = (w.subcols(0, half), w.subcols(half, kernel - half));
    let between = outer * gaussian(kernel - half, n - kernel, rng)
        + inner * gaussian(half, n - kernel, rng) * faer::Scale(1e-2);
    let cross = &u * between * v.transpose();
    let s = Pair {
        matrix: lift(&u, &rest) + &cross + cross.transpose(),
        numbers: vec![0.0, 1.0, normal(rng), normal(rng)],
    };
    // The trace is one of the rows, and no row tells that solution from a point inside the face.
    let mut inside = Pair {
        matrix: lift(&u, &positive(kernel, rng)),
        numbers: vec![1.0, 1.0, 0.0, 0.0],
    };
    let trace =
        |p: &Pair| (0..n).map(|k| p.matrix[(k, k)]).sum::<f64>() + p.numbers.iter().sum::<f64>();
    let scale = trace(&x) / trace(&inside);
    inside.matrix *= faer::Scale(scale);
    inside.numbers.iter_mut().for_each(|v| *v *= scale);
    let apart = Pair {
        matrix: &inside.matrix - &x.matrix,
        numbers: inside
            .numbers
            .iter()
            .zip(&x.numbers)
            .map(|(i, x)| i - x)
            .collect(),
    };
    rows[0] = Pair {
        matrix: Mat::identity(n, n),
        numbers: vec![1.0; 4],
    };
    for row in &mut rows[1..] {
        let by = dot(&row.flat(), &apart.flat()) / apart.numbers[0];
        row.numbers[0] -= by;
    }
    // The first row makes it a combination of all.
    let mut first = Pair {
        matrix: z.matrix.clone(),
        numbers: z.numbers.clone(),
    };
    for row in &rows {
        let d = normal(rng) / (m as f64).sqrt();
        first.matrix -= &row.matrix * faer::Scale(d);
        first
            .numbers
            .iter_mut()
            .zip(&row.numbers)
            .for_each(|(f, r)| *f -= d * r);
    }
    rows.insert(0, first);
    let mut a = Constraints::builder(m, &blocks).unwrap();
    for (i, row) in rows.iter().enumerate() {
        add_row(
            &mut |b, r, c, v| assert!(a.entry(i, b, r, c, v).is_ok()),
            row,
        );
    }
    let a = a.build().unwrap();
    let mut b = vec![0.0; m];
    a.apply(&x.flat(), &mut b).unwrap();
    let y: Vec<f64> = (0..m).map(|_| normal(rng)).collect();
    let mut cost = Pair {
        matrix: s.matrix,
        numbers: s.numbers,
    };
    for (row, y) in rows.iter().zip(&y) {
        cost.matrix += &row.matrix * faer::Scale(*y);
        cost.numbers
            .iter_mut()
            .zip(&row.numbers)
            .for_each(|(c, r)| *c += y * r);
    }
    let mut c = Constraints::builder(1, &blocks).unwrap();
    add_row(
        &mut |b, r, k, v| assert!(c.entry(0, b, r, k, v).is_ok()),
        &cost,
    );
    let value = dot(&cost.flat(), &x.flat());
    (ConicProgram::new(a, b, c.build().unwrap()).unwrap(), value)
}

/// Feasible to `tol` on both sides and without gap, by dense arithmetic.
fn check(program: &ConicProgram, found: &Solution, tol: f64) {
    let (a, b, c) = data(program);
    let largest = |v: &[f64]| v.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
    for (row, b_i) in a.iter().zip(b) {
        assert!((dot(row, &found.x) - b_i).abs() <= tol * largest(b));
    }
    let aty = combine(&a, &found.y);
    assert!((0..c.len()).all(|k| (aty[k] + found.s[k] - c[k]).abs() <= tol * largest(&c)));
    let blocks = program.constraints().blocks();
    assert!(smallest_eigenvalue(blocks, &found.x) >= -tol * largest(b));
    assert!(smallest_eigenvalue(blocks, &found.s) >= -tol * largest(&c));
    let (primal, dual) = (dot(&c, &found.x), dot(b, &found.y));
    assert!((primal - dual).abs() <= tol * (1.0 + primal.abs() + dual.abs()));
}

#[test]
fn programs_without_interior_are_solved_on_their_face() {
    let mut missed = 0;
    for seed in 0..12 {
        let (n, kernel) = (10 + seed as usize, 6 + seed as usize / 2);
        let (program, value) = faced(seed, n, kernel, 2 * n);
        let reduced = Reduced::new(&program).unwrap();
        let small = reduced.program();
        let mut direct = Direct::new(small.constraints().clone()).unwrap();
        let go = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
        let plain = solve_with(small, &mut direct, &Settings::default(), None, go).unwrap();
        missed += usize::from(plain.status != Status::Solved);
        let found = Solver::new(program.clone(), Settings::default())
            .unwrap()
            .solve(go)
            .unwrap();
        assert_eq!(found.status, Status::Solved, "{seed}: {:?}", found.dimacs);
        let error = (found.primal_objective - value).abs() / (1.0 + value.abs());
        assert!(
            error <= 1e-6,
            "{seed}: {} for {value}",
            found.primal_objective
        );
        check(&program, &found, 1e-6);
    }
    assert!(missed >= 6, "{missed}");
}
