//! Base plus low rank on weights of matrix completion, against forming and factoring the Gram matrix.
//!
//! `RAYON_NUM_THREADS=1 cargo bench --bench base_low_rank`: seconds of an update on both sides, in turns, and the steps a solve
//! to 1e-8 takes: for weights of a given ratio of the eigenvalues, with `A Aᵀ` diagonal and not, and for those that an
//! interior-point method comes by. `DYNCVX_BENCH_LARGE=1` runs that method at n = 300, m = 5000 instead of 120, 1200.

use criterion::{Criterion, criterion_group, criterion_main};
use dyncvx::constraints::{Block, BlockWeight, Constraints, WeightForm, Weighted};
use dyncvx::ipm;
use dyncvx::problem::ConicProgram;
use dyncvx::problem::generators::matrix_completion;
use dyncvx::projection::{
    Accuracy, BaseLowRank, Goal, Projection, Recompute, Refresh, Shape, Support,
};
use dyncvx::random::{Lane, Seed};
use dyncvx::solver::solve_with;
use dyncvx_papers::updates::median;
use faer::{Mat, MatMut};
use rand_distr::{Distribution, StandardNormal, Uniform};
use std::ops::ControlFlow;
use std::time::Instant;

const TOL: f64 = 1e-8;
/// Updates timed on each side.
const ROUNDS: usize = 5;

/// The weight's root `Q diag(√d)`: two eigenvalues of about `ratio`, along the column spaces of a random rank-two matrix, the
/// others within `e^{±1}` of one.
fn root(n: usize, ratio: f64, seed: u64) -> Mat<f64> {
    let mut rng = Seed::from(seed).stream(Lane::SCRIPT, 0, 0);
    let q = Mat::<f64>::from_fn(n, n, |_, _| StandardNormal.sample(&mut rng))
        .qr()
        .compute_Q();
    let spread = Uniform::new(-1.0, 1.0).expect("an interval");
    let d: Vec<f64> = (0..n)
        .map(|k| match k {
            0 => ratio,
            1 => 0.4 * ratio,
            _ => f64::exp(spread.sample(&mut rng)),
        })
        .collect();
    Mat::from_fn(n, n, |i, j| q[(i, j)] * d[j].sqrt())
}

/// The same positions, every row but the first reading a neighbour's as well: `A Aᵀ` is tridiagonal.
fn linked(a: &Constraints) -> Constraints {
    let blocks: Vec<Block> = a.blocks().to_vec();
    let mut out = Constraints::builder(a.len(), &blocks).expect("rows");
    let entries: Vec<_> = a.entries().collect();
    for (k, &(i, b, r, c, v)) in entries.iter().enumerate() {
        out.entry(i, b, r, c, v).expect("an entry");
        if k > 0 {
            let (_, b, r, c, v) = entries[k - 1];
            out.entry(i, b, r, c, 0.4 * v).expect("an entry");
        }
    }
    out.build().expect("rows")
}

struct Line {
    naive: f64,
    built: f64,
    newton: Answer,
    random: Answer,
}

/// Steps, seconds, residual, and the residual that the rounding of `y` alone may leave.
struct Answer {
    steps: usize,
    seconds: f64,
    residual: f64,
    floor: f64,
}

fn answer(ours: &mut BaseLowRank, b: &Mat<f64>, largest: f64) -> Answer {
    let mut y = b.clone();
    let t = Instant::now();
    let accuracy = ours.solve(y.as_mut(), Goal::Residual(TOL));
    let seconds = t.elapsed().as_secs_f64();
    let Ok(Accuracy::Exact {
        residual,
        iterations,
    }) = accuracy
    else {
        panic!("{accuracy:?}")
    };
    Answer {
        steps: iterations,
        seconds,
        residual,
        floor: f64::EPSILON * largest * largest * y.norm_l2() / b.norm_l2(),
    }
}

/// Both sides at one weight; right-hand sides are that of a predictor step, `B vec(I)`, and `B h` for a random symmetric `h`.
fn compare(a: &Constraints, weight: BlockWeight<'_>, w: &Mat<f64>, rounds: usize) -> Line {
    let (n, m) = (w.nrows(), a.len());
    let weight = [weight];
    let mut naive = Recompute::new(a.clone()).expect("a structure");
    let mut ours = BaseLowRank::new(a.clone())
        .expect("a structure")
        .with_weight(&weight)
        .expect("a structure");
    let (mut slow, mut fast) = (vec![], vec![]);
    for _ in 0..rounds {
        let t = Instant::now();
        naive.update(&weight).expect("a weight");
        slow.push(t.elapsed().as_secs_f64());
        let t = Instant::now();
        ours.update(&weight).expect("a weight");
        fast.push(t.elapsed().as_secs_f64());
    }
    let largest = w
        .self_adjoint_eigenvalues(faer::Side::Lower)
        .expect("eigenvalues")[n - 1];
    let mut rng = Seed::from(9).stream(Lane::SCRIPT, 0, 0);
    let normal = Mat::<f64>::from_fn(n, n, |_, _| StandardNormal.sample(&mut rng));
    let mut ask = |h: &Mat<f64>| {
        let flat = Mat::from_fn(n * n, 1, |k, _| h[(k % n, k / n)]);
        let mut b = Mat::zeros(m, 1);
        let operator = ours.operator(Goal::AsAbsorbed).expect("an operator");
        operator
            .apply(flat.as_ref(), b.as_mut())
            .expect("a product");
        answer(&mut ours, &b, largest)
    };
    Line {
        naive: median(slow),
        built: median(fast),
        newton: ask(&Mat::identity(n, n)),
        random: ask(&(&normal + normal.transpose())),
    }
}

fn print(name: &str, rank: usize, spread: f64, l: &Line) {
    let told = |a: &Answer| {
        format!(
            "{:>3} steps {:>6.1} ms to {:.0e} ({:.0e})",
            a.steps,
            1e3 * a.seconds,
            a.residual,
            a.floor
        )
    };
    println!(
        "{name:<20} rank {rank} spread {spread:.1}: Gram matrix {:>7.1} ms, update {:>5.1} ms, {:>5.1}x; Newton {}; random {}",
        1e3 * l.naive,
        1e3 * l.built,
        l.naive / l.built,
        told(&l.newton),
        told(&l.random),
    );
}

fn ratios(_: &mut Criterion) {
    let (n, m) = (300, 5000);
    let program = matrix_completion((n / 2, n / 2), 2, m, 1.into()).expect("a program");
    let diagonal = program.conic().constraints().as_ref().clone();
    let chained = linked(&diagonal);
    for (name, a) in [("A Aᵀ diagonal", &diagonal), ("A Aᵀ not", &chained)] {
        for exponent in [2, 4, 6, 8, 10] {
            let g = root(n, 10f64.powi(exponent), 7 + exponent as u64);
            let w = &g * g.transpose();
            let line = compare(a, BlockWeight::Root(g.as_ref()), &w, ROUNDS);
            print(&format!("{name}, 1e{exponent}"), 2, 1.0, &line);
        }
    }
}

/// Recomputes, and keeps every weight it was given.
struct Recording {
    inner: Recompute,
    roots: Vec<Mat<f64>>,
}

impl Projection for Recording {
    fn shape(&self) -> Shape {
        self.inner.shape()
    }

    fn supports(&self, form: WeightForm) -> Support {
        self.inner.supports(form)
    }

    fn update(&mut self, weight: &[BlockWeight<'_>]) -> dyncvx::Result<Refresh> {
        if let [BlockWeight::Root(g)] = weight {
            self.roots.push(g.to_owned());
        }
        self.inner.update(weight)
    }

    fn operator(&mut self, goal: Goal) -> dyncvx::Result<&mut Weighted> {
        self.inner.operator(goal)
    }

    fn solve(&mut self, rhs: MatMut<'_, f64>, goal: Goal) -> dyncvx::Result<Accuracy> {
        self.inner.solve(rhs, goal)
    }
}

fn solve(program: &ConicProgram, p: &mut dyn Projection) -> (ipm::Solution, f64) {
    let t = Instant::now();
    let settings = ipm::Settings::default();
    let solution = solve_with(program, p, &settings, None, &mut |_| {
        ControlFlow::Continue(())
    });
    (solution.expect("a solution"), t.elapsed().as_secs_f64())
}

/// The weights of an interior-point method, and that method driven by the structure itself.
fn path(_: &mut Criterion) {
    let (n, m) = match std::env::var_os("DYNCVX_BENCH_LARGE") {
        Some(_) => (300, 5000),
        None => (120, 1200),
    };
    let program = matrix_completion((n / 2, n / 2), 2, m, 1.into()).expect("a program");
    let program = program.conic();
    let a = program.constraints().as_ref().clone();
    let mut recording = Recording {
        inner: Recompute::new(a.clone()).expect("a structure"),
        roots: vec![],
    };
    let (naive, naive_seconds) = solve(program, &mut recording);
    for (k, g) in recording.roots.iter().enumerate() {
        let w = g * g.transpose();
        let weight = BlockWeight::Root(g.as_ref());
        let kept = BaseLowRank::new(a.clone())
            .expect("a structure")
            .with_weight(&[weight])
            .expect("a structure");
        let report = kept.split().expect("a weight");
        let line = compare(&a, weight, &w, 1);
        print(
            &format!("iteration {k}"),
            report.rank[0],
            report.spread,
            &line,
        );
    }
    let eye = Mat::<f64>::identity(n, n);
    let mut ours = BaseLowRank::new(a)
        .expect("a structure")
        .with_weight(&[eye.as_ref().into()])
        .expect("a structure");
    let (low, low_seconds) = solve(program, &mut ours);
    println!(
        "solved: recomputing {:?} {} iterations {:.10} in {naive_seconds:.2} s; base plus low rank {:?} {} iterations {:.10} in {low_seconds:.2} s: {:.1}x",
        naive.status,
        naive.iterations,
        naive.primal_objective,
        low.status,
        low.iterations,
        low.primal_objective,
        naive_seconds / low_seconds
    );
}

fn groups(c: &mut Criterion) {
    let (n, m) = (120, 1200);
    let program = matrix_completion((n / 2, n / 2), 2, m, 1.into()).expect("a program");
    let a = program.conic().constraints().as_ref().clone();
    let g = root(n, 1e4, 3);
    let weight = [BlockWeight::Root(g.as_ref())];
    let mut group = c.benchmark_group("update at ratio 1e4, n = 120, m = 1200");
    group.sample_size(10);
    let mut naive = Recompute::new(a.clone()).expect("a structure");
    group.bench_function("naive", |b| b.iter(|| naive.update(&weight)));
    let mut ours = BaseLowRank::new(a)
        .expect("a structure")
        .with_weight(&weight)
        .expect("a structure");
    group.bench_function("base plus low rank", |b| b.iter(|| ours.update(&weight)));
    group.finish();
}

criterion_group!(benches, ratios, path, groups);
criterion_main!(benches);
