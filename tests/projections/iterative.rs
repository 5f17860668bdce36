//! Iterative and Auto: right whichever preconditioner answers, turning from one to the next, and the solver on top of them.

use crate::common::*;
use dyncvx::constraints::{Block, BlockWeight, Constraints, WeightForm};
use dyncvx::ipm::{Settings as IpmSettings, Solution, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::problem::generators::{lovasz_theta, matrix_completion};
use dyncvx::projection::iterative::Settings;
use dyncvx::projection::{
    Accuracy, Auto, Direct, Goal, Iterative, Projection, Recompute, Refresh, Support,
};
use dyncvx::{Error, Solver, solver};
use faer::Mat;
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::ops::ControlFlow;

/// One position a row, as for the edges of a graph, and the trace.
fn edges(n: usize, m: usize) -> Constraints {
    let mut a = Constraints::builder(m, &[Block::Psd(n)]).unwrap();
    (0..n).for_each(|i| {
        a.entry(0, 0, i, i, 1.0).unwrap();
    });
    let all: Vec<(usize, usize)> = (0..n).flat_map(|c| (0..c).map(move |r| (r, c))).collect();
    for i in 1..m {
        let (r, c) = all[(i * 7919) % all.len()];
        a.entry(i, 0, r, c, 1.0).unwrap();
    }
    a.build().unwrap()
}

/// A root of a weight whose eigenvalues are spread evenly over `10^{±decades/2}`.
fn root(n: usize, decades: f64, seed: u64) -> Mat<f64> {
    let q = gaussian(n, n, &mut rng(seed)).qr().compute_Q();
    let d = |k: usize| 10f64.powf(0.5 * decades * (k as f64 / (n - 1) as f64 - 0.5));
    Mat::from_fn(n, n, |i, j| q[(i, j)] * d(j))
}

fn residual(accuracy: Accuracy) -> f64 {
    match accuracy {
        Accuracy::Exact { residual, .. } => residual,
        other => panic!("{other:?}"),
    }
}

/// The residual of `p` and of recomputing at one weight, and how far the answers are from one another.
fn compare(
    p: &mut dyn Projection,
    naive: &mut Recompute,
    g: &Mat<f64>,
    tol: f64,
    seed: u64,
) -> (f64, f64, f64) {
    let weight = [BlockWeight::Root(g.as_ref())];
    p.update(&weight).unwrap();
    naive.update(&weight).unwrap();
    let shape = p.shape();
    let h = gaussian(shape.ambient, 1, &mut rng(seed));
    let mut b = Mat::zeros(shape.constraints, 1);
    let operator = p.operator(Goal::AsAbsorbed).unwrap();
    operator.apply(h.as_ref(), b.as_mut()).unwrap();
    let (mut y, mut z) = (b.clone(), b);
    let ours = residual(p.solve(y.as_mut(), Goal::Residual(tol)).unwrap());
    let theirs = residual(naive.solve(z.as_mut(), Goal::Residual(tol)).unwrap());
    (ours, theirs, relative(&y, &z))
}

/// Well-conditioned weights are answered by the base alone; as they grow worse a factor is made, and single precision given up; a
/// weight that is easy again is split again. Answers stay those of recomputing.
#[test]
fn turns_from_one_preconditioner_to_the_next_and_back() {
    let a = edges(30, 200);
    let mut p = Iterative::new(a.clone()).unwrap();
    let mut naive = Recompute::new(a).unwrap();
    let mut ways = vec![];
    let script = [0.1, 0.2, 4.0, 4.05, 6.0, 9.0, 12.0, 12.0, 0.1];
    for (k, decades) in script.into_iter().enumerate() {
        let g = root(30, decades, 3);
        let (ours, theirs, off) = compare(&mut p, &mut naive, &g, 1e-9, k as u64);
        let answered = p.report();
        ways.push(answered.refresh.unwrap().name());
        assert!(
            ours <= 1e-7f64.max(30.0 * theirs),
            "{decades}: {ours:e}, {theirs:e}"
        );
        let digits = 1e-6f64.max(1e-10 * 10f64.powf(decades));
        assert!(off <= digits, "{decades}: {off:e}");
    }
    assert!(ways[0] == "split" && ways[8] == "split", "{ways:?}");
    for way in ["single", "factor"] {
        assert!(ways.contains(&way), "{ways:?}");
    }
}

#[derive(Debug, Clone)]
struct Script(Vec<(u8, u8)>);

impl Arbitrary for Script {
    fn arbitrary(g: &mut Gen) -> Self {
        let steps = 1 + usize::arbitrary(g) % 8;
        Self(
            (0..steps)
                .map(|_| (u8::arbitrary(g), u8::arbitrary(g)))
                .collect(),
        )
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Script))
    }
}

/// Whatever the weights do, the residual is the one asked for, or near what recomputing reaches.
#[test]
fn any_script_of_weights_is_answered() {
    fn holds(script: Script) -> bool {
        let a = edges(16, 60);
        let mut p = Iterative::new(a.clone()).unwrap();
        let mut auto = Auto::new(a.clone()).unwrap();
        let mut naive = Recompute::new(a).unwrap();
        script.0.iter().enumerate().all(|(k, &(decades, seed))| {
            let g = root(16, f64::from(decades % 12), u64::from(seed % 4));
            let ours = compare(&mut p, &mut naive, &g, 1e-9, k as u64);
            let chosen = compare(&mut auto, &mut naive, &g, 1e-9, k as u64);
            let enough = |(ours, theirs, _): (f64, f64, f64)| ours <= 1e-7f64.max(100.0 * theirs);
            enough(ours) && enough(chosen)
        })
    }
    QuickCheck::new()
        .tests(40)
        .quickcheck(holds as fn(Script) -> bool);
}

/// Rows with everything in common have no sparse base: a factor from the beginning, unless there is no room for one.
#[test]
fn without_a_sparse_base_or_room_for_a_factor() {
    let dense = Constraints::independent(500, &[Block::Psd(40)], 0, 1.into()).unwrap();
    let g = root(40, 1.0, 1);
    let weight = [BlockWeight::Root(g.as_ref())];
    let mut p = Iterative::new(dense.clone()).unwrap();
    assert_eq!(p.update(&weight).unwrap(), Refresh::Single);
    let mut settings = Settings::default();
    settings.max_bytes = 1000;
    let mut p = Iterative::with_settings(dense, settings).unwrap();
    let refused = p.update(&weight);
    assert!(
        matches!(
            refused,
            Err(Error::TooLarge {
                bytes: 1_000_000,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(matches!(p.operator(Goal::AsAbsorbed), Err(Error::NoWeight)));
    // With a base it goes on as far as steps lead, and says how far that was.
    let a = edges(30, 200);
    let mut p = Iterative::with_settings(a, settings).unwrap();
    for decades in [0.5, 12.0] {
        let g = root(30, decades, 2);
        let refresh = p.update(&[BlockWeight::Root(g.as_ref())]).unwrap();
        assert!(matches!(refresh, Refresh::Split { .. }));
        let mut y = gaussian(200, 1, &mut rng(4));
        let reached = residual(p.solve(y.as_mut(), Goal::Residual(1e-9)).unwrap());
        assert!(reached.is_finite() && (reached <= 1e-9 || decades > 1.0));
    }
}

#[test]
fn what_is_no_weight_leaves_the_last_one() {
    let a = edges(12, 40);
    for which in [0, 1] {
        let mut p: Box<dyn Projection> = match which {
            0 => Box::new(Iterative::new(a.clone()).unwrap()),
            _ => Box::new(Auto::new(a.clone()).unwrap()),
        };
        let mut y = gaussian(40, 1, &mut rng(1));
        assert!(matches!(
            p.solve(y.as_mut(), Goal::AsAbsorbed),
            Err(Error::NoWeight)
        ));
        let g = root(12, 1.0, 1);
        p.update(&[BlockWeight::Root(g.as_ref())]).unwrap();
        let b = gaussian(40, 1, &mut rng(2));
        let mut before = b.clone();
        p.solve(before.as_mut(), Goal::Residual(1e-12)).unwrap();
        let (mut bad, eye) = (Mat::<f64>::identity(12, 12), Mat::<f64>::identity(12, 12));
        bad[(3, 3)] = f64::NAN;
        assert!(matches!(
            p.update(&[BlockWeight::Psd(bad.as_ref())]),
            Err(Error::NonFinite { .. })
        ));
        assert!(matches!(p.update(&[]), Err(Error::Shape { .. })));
        let pair = [BlockWeight::Pair {
            x: eye.as_ref(),
            z: eye.as_ref(),
        }];
        if which == 0 {
            assert!(matches!(p.update(&pair), Err(Error::Unsupported { .. })));
        }
        assert!(matches!(
            p.solve(Mat::zeros(39, 1).as_mut(), Goal::AsAbsorbed),
            Err(Error::Shape { .. })
        ));
        let mut after = b;
        p.solve(after.as_mut(), Goal::Residual(1e-12)).unwrap();
        assert!(relative(&before, &after) < 1e-10);
        if which == 1 {
            p.update(&pair).unwrap();
        }
    }
    let twice = {
        let mut a = Constraints::builder(2, &[Block::Psd(3)]).unwrap();
        (0..2).for_each(|i| {
            a.entry(i, 0, 0, 1, 1.0 + i as f64).unwrap();
        });
        a.build().unwrap()
    };
    assert!(matches!(
        Iterative::new(twice),
        Err(Error::RankDeficient { needed: 2, .. })
    ));
}

#[test]
fn auto_asks_for_two_sided_weights_where_a_factorisation_is_what_costs() {
    // m against n³, and rows so few that nothing else counts; numbers alone have a sparse or a small Gram matrix.
    let prefers_two_sided = |auto: Auto| auto.supports(WeightForm::Root) == Support::Preferred;
    assert!(prefers_two_sided(Auto::new(edges(100, 3600)).unwrap()));
    assert!(!prefers_two_sided(Auto::new(edges(100, 700)).unwrap()));
    assert!(!prefers_two_sided(Auto::new(edges(400, 2600)).unwrap()));
    let numbers = Constraints::independent(50, &[Block::Nonneg(80)], 3, 1.into()).unwrap();
    assert!(!prefers_two_sided(Auto::new(numbers).unwrap()));
}

fn solve(program: &ConicProgram, engine: solver::Engine) -> (Solution, Vec<usize>) {
    let mut solver = Solver::with_engine(program.clone(), IpmSettings::default(), engine).unwrap();
    let found = solver.solve(&mut |_| ControlFlow::Continue(())).unwrap();
    let ranks = solver.ranks(&found).unwrap();
    (found, ranks)
}

fn engines() -> [(&'static str, solver::Engine); 3] {
    [
        (
            "direct",
            Box::new(|a| Ok(Box::new(Direct::new(a.clone()).unwrap()))),
        ),
        (
            "maintained",
            Box::new(|a| Ok(Box::new(Iterative::new(a.clone())?))),
        ),
        (
            "auto",
            Box::new(|a| Ok(Box::new(Auto::new(a.clone()).unwrap()))),
        ),
    ]
}

/// The rank of the matrix that was completed, and a factor that is the solution to the digits said.
#[test]
fn completion_reveals_its_rank_on_every_engine() {
    let program = matrix_completion((30, 25), 2, 450, 3.into()).unwrap();
    let mut values = vec![];
    for (name, engine) in engines() {
        let (found, ranks) = solve(program.conic(), engine);
        assert_eq!(
            (found.status, &ranks[..]),
            (Status::Solved, &[2][..]),
            "{name}"
        );
        assert!(found.dimacs.max() <= 1e-7, "{name}: {:?}", found.dimacs);
        let factor = found.factor(program.blocks(), 0).unwrap();
        assert!(factor.v.ncols() == 2 && factor.gap > 1e3 && factor.error < 1e-4);
        let product = &factor.v * factor.v.transpose();
        let x = Mat::from_fn(55, 55, |i, j| found.x[i + 55 * j]);
        assert!((relative(&product, &x) - factor.error).abs() < 1e-9);
        values.push(found.primal_objective);
        assert!(matches!(
            found.factor(program.blocks(), 1),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            found.factor(&[Block::Psd(3)], 0),
            Err(Error::Shape { .. })
        ));
    }
    assert!(
        values
            .iter()
            .all(|v| (v - values[0]).abs() < 1e-6 * values[0].abs())
    );
}

#[test]
fn lovasz_numbers_agree_on_every_engine() {
    let n = 40;
    let edges: Vec<(usize, usize)> = (0..n)
        .flat_map(|j| (0..j).map(move |i| (i, j)))
        .filter(|(i, j)| (i * 37 + j * 101 + i * j) % 5 < 2)
        .collect();
    let program = lovasz_theta(n, &edges).unwrap();
    let mut values = vec![];
    for (name, engine) in engines() {
        let (found, _) = solve(program.conic(), engine);
        assert_eq!(found.status, Status::Solved, "{name}");
        assert!(found.dimacs.max() <= 1e-7, "{name}: {:?}", found.dimacs);
        values.push(found.primal_objective);
    }
    assert!(
        values
            .iter()
            .all(|v| (v - values[0]).abs() < 1e-6 * values[0].abs())
    );
}

/// Ranks of blocks that the reduction splits and of numbers are put together again.
#[test]
fn ranks_are_those_of_the_blocks_given() {
    // min tr X with X_01 = 1 and X_23 = 1, which nothing links, and x_0 + x_1 = 1 at costs 1 and 2.
    let blocks = [Block::Psd(4), Block::Nonneg(2)];
    let mut a = Constraints::builder(3, &blocks).unwrap();
    let mut c = Constraints::builder(1, &blocks).unwrap();
    a.entry(0, 0, 0, 1, 0.5)
        .unwrap()
        .entry(1, 0, 2, 3, 0.5)
        .unwrap();
    for k in 0..2 {
        a.entry(2, 1, k, k, 1.0).unwrap();
        c.entry(0, 1, k, k, 1.0 + k as f64).unwrap();
    }
    (0..4).for_each(|k| {
        c.entry(0, 0, k, k, 1.0).unwrap();
    });
    let program = ConicProgram::new(a.build().unwrap(), vec![1.0; 3], c.build().unwrap()).unwrap();
    for (name, engine) in engines() {
        let (found, ranks) = solve(&program, engine);
        assert_eq!(
            (found.status, &ranks[..]),
            (Status::Solved, &[2, 1][..]),
            "{name}"
        );
        assert!(matches!(
            found.factor(&blocks, 1),
            Err(Error::Unsupported { .. })
        ));
    }
}
