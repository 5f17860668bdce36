//! The direct engine against the oracle, and the harness along HKM directions on it.

use crate::common::*;
use dyncvx::Error;
use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::ipm::{self, SearchDirection, Settings, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::projection::{Accuracy, Direct, Goal, Projection, Recompute};
use dyncvx::solver::solve_with;
use faer::Mat;
use quickcheck::{Gen, QuickCheck};
use rand_chacha::ChaCha20Rng;
use std::ops::ControlFlow;

const EXACT: Goal = Goal::Residual(1e-14);

fn check(tests: u64, seed: u64) -> QuickCheck {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, seed))
        .tests(tests)
}

/// A weight of every form on each block; pairs on the PSD blocks when asked for.
enum Form {
    Pair(Mat<f64>, Mat<f64>),
    Numbers(Vec<f64>),
}

fn pairs(blocks: &[Block], rng: &mut ChaCha20Rng) -> Vec<Form> {
    let one = |b: &Block, rng: &mut ChaCha20Rng| match *b {
        Block::Psd(n) => Form::Pair(positive(n, rng), positive(n, rng)),
        Block::Nonneg(n) => Form::Numbers((0..n).map(|_| 0.1 + uniform(rng)).collect()),
    };
    blocks.iter().map(|b| one(b, rng)).collect()
}

fn pair_views(forms: &[Form]) -> Vec<BlockWeight<'_>> {
    let mut out = vec![];
    for form in forms {
        out.push(match form {
            Form::Pair(x, z) => BlockWeight::Pair {
                x: x.as_ref(),
                z: z.as_ref(),
            },
            Form::Numbers(w) => BlockWeight::Nonneg(w),
        });
    }
    out
}

/// `tr(A_i X A_j Z)` from dense rows.
fn gram(a: &Constraints, forms: &[Form]) -> Mat<f64> {
    let mut k = Mat::zeros(a.len(), a.len());
    for (b, form) in forms.iter().enumerate() {
        let rows: Vec<Mat<f64>> = (0..a.len()).map(|i| dense_row(a, i, b)).collect();
        for i in 0..a.len() {
            for j in 0..a.len() {
                k[(i, j)] += match form {
                    Form::Pair(x, z) => {
                        let product = &rows[i] * x * &rows[j] * z;
                        (0..product.nrows()).map(|r| product[(r, r)]).sum::<f64>()
                    }
                    Form::Numbers(w) => (0..w.len())
                        .map(|r| rows[i][(r, r)] * rows[j][(r, r)] * w[r] * w[r])
                        .sum(),
                };
            }
        }
    }
    k
}

#[test]
fn answers_as_the_oracle_does() {
    fn law(which: u8, one_sided: bool, seed: u64) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 1);
        let w = weights(a.blocks(), one_sided, &mut rng);
        let (mut direct, mut oracle) = (
            Direct::new(a.clone()).unwrap(),
            Recompute::new(a.clone()).unwrap(),
        );
        direct.update(&views(&w)).unwrap();
        oracle.update(&views(&w)).unwrap();
        let rhs = gaussian(a.len(), 3, &mut rng);
        let (mut x, mut y) = (rhs.clone(), rhs.clone());
        let accuracy = direct.solve(x.as_mut(), EXACT).unwrap();
        oracle.solve(y.as_mut(), EXACT).unwrap();
        assert!(matches!(accuracy, Accuracy::Exact { residual, .. } if residual <= 1e-13));
        relative(&x, &y) < 1e-9
    }
    check(60, 1).quickcheck(law as fn(u8, bool, u64) -> bool);
}

#[test]
fn solves_with_the_gram_matrix_of_a_pair() {
    fn law(which: u8, seed: u64) -> bool {
        let a = rows(which, seed);
        let mut rng = rng(seed ^ 2);
        let forms = pairs(a.blocks(), &mut rng);
        let k = gram(&a, &forms);
        let rhs = gaussian(a.len(), 2, &mut rng);
        let mut p = Direct::new(a).unwrap();
        p.update(&pair_views(&forms)).unwrap();
        let mut x = rhs.clone();
        p.solve(x.as_mut(), EXACT).unwrap();
        relative(&(&k * &x), &rhs) < 1e-10
    }
    check(60, 3).quickcheck(law as fn(u8, u64) -> bool);
}

/// Rows of one entry, of several, dense ones and one of rank one meet each other, each way with every other.
#[test]
fn rows_of_all_kinds_meet() {
    let n = 24;
    let mut rng = rng(5);
    let mut a = Constraints::builder(40, &[Block::Psd(n)]).unwrap();
    for i in 0..20 {
        let (r, c) = (i, (i * 5 + 1) % n);
        a.entry(i, 0, r, c, 1.0 + uniform(&mut rng)).unwrap();
    }
    for i in 20..32 {
        for s in 0..6 {
            let c = 6 + (3 * s + i) % 18;
            a.entry(i, 0, s, c, normal(&mut rng)).unwrap();
        }
    }
    for i in 32..39 {
        for c in 0..n {
            for r in 0..=c {
                a.entry(i, 0, r, c, normal(&mut rng)).unwrap();
            }
        }
    }
    for c in 0..n {
        for r in 0..=c {
            a.entry(39, 0, r, c, 1.0).unwrap();
        }
    }
    let a = a.build().unwrap();
    let forms = pairs(a.blocks(), &mut rng);
    let k = gram(&a, &forms);
    let rhs = gaussian(40, 1, &mut rng);
    let mut x = rhs.clone();
    let mut p = Direct::new(a).unwrap();
    p.update(&pair_views(&forms)).unwrap();
    p.solve(x.as_mut(), EXACT).unwrap();
    assert!(relative(&(&k * &x), &rhs) < 1e-11);
}

#[test]
fn a_failed_update_leaves_the_last_weight() {
    let a = rows(1, 7);
    let mut rng = rng(8);
    let w = weights(a.blocks(), false, &mut rng);
    let rhs = gaussian(a.len(), 1, &mut rng);
    let mut p = Direct::new(a.clone()).unwrap();
    let mut early = rhs.clone();
    assert!(matches!(
        p.solve(early.as_mut(), EXACT),
        Err(Error::NoWeight)
    ));
    assert!(matches!(p.operator(EXACT).err(), Some(Error::NoWeight)));
    p.update(&views(&w)).unwrap();
    let mut before = rhs.clone();
    p.solve(before.as_mut(), EXACT).unwrap();

    let huge: Vec<Mat<f64>> = (a.blocks().iter())
        .map(|b| Mat::<f64>::identity(b.order(), b.order()) * faer::Scale(1e200))
        .collect();
    let numbers = vec![1e200; a.ambient()];
    let overflow: Vec<BlockWeight<'_>> = (a.blocks().iter().zip(&huge))
        .map(|(b, w)| match *b {
            Block::Psd(_) => BlockWeight::Psd(w.as_ref()),
            Block::Nonneg(n) => BlockWeight::Nonneg(&numbers[..n]),
        })
        .collect();
    assert!(matches!(p.update(&overflow), Err(Error::NonFinite { .. })));
    let mut after = rhs.clone();
    p.solve(after.as_mut(), EXACT).unwrap();
    assert_eq!(before, after);
}

#[test]
fn dependent_rows_are_refused() {
    let mut a = Constraints::builder(3, &[Block::Psd(3)]).unwrap();
    a.entry(0, 0, 0, 0, 1.0).unwrap();
    a.entry(1, 0, 0, 1, 1.0).unwrap();
    a.entry(2, 0, 0, 0, 2.0).unwrap();
    a.entry(2, 0, 0, 1, 1.0).unwrap();
    let w = Mat::<f64>::identity(3, 3);
    let mut p = Direct::new(a.build().unwrap()).unwrap();
    let found = p.update(&[BlockWeight::Psd(w.as_ref())]).unwrap_err();
    assert!(matches!(found, Error::RankDeficient { rank: 2, needed: 3 }));
}

/// Equipartition: `⟨eeᵀ, X⟩ = 0` leaves the primal no interior and lets one multiplier run away.
fn equipartition(n: usize) -> ConicProgram {
    let mut a = Constraints::builder(n + 1, &[Block::Psd(n)]).unwrap();
    let mut c = Constraints::builder(1, &[Block::Psd(n)]).unwrap();
    for i in 0..n {
        a.entry(i, 0, i, i, 1.0).unwrap();
        c.entry(0, 0, i, (i + 1) % n, 1.0).unwrap();
        for j in 0..=i {
            a.entry(n, 0, j, i, 1.0).unwrap();
        }
    }
    let mut b = vec![1.0; n + 1];
    b[n] = 0.0;
    ConicProgram::new(a.build().unwrap(), b, c.build().unwrap()).unwrap()
}

#[test]
fn a_primal_without_interior_is_solved() {
    // A ring of even length cut into alternate halves: X = vvᵀ with v = (1, −1, …) has all edges at −1.
    let n = 30;
    let program = equipartition(n);
    let mut p = Direct::new(program.constraints().clone()).unwrap();
    let settings = Settings::default();
    let go = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
    let found = solve_with(&program, &mut p, &settings, None, go).unwrap();
    assert_eq!(found.status, Status::Solved, "{:?}", found.dimacs);
    let expected = -2.0 * n as f64;
    assert!((found.primal_objective - expected).abs() < 1e-6 * expected.abs());
    assert!((found.dual_objective - expected).abs() < 1e-6 * expected.abs());
}

/// The MAX-CUT relaxation of a long ring: the factor of the dual stays sparse.
#[test]
fn a_sparse_dual_is_exploited_and_changes_nothing() {
    let n = 120;
    let mut a = Constraints::builder(n, &[Block::Psd(n)]).unwrap();
    let mut c = Constraints::builder(1, &[Block::Psd(n)]).unwrap();
    for i in 0..n {
        a.entry(i, 0, i, i, 1.0).unwrap();
        let weight = 1.0 + (i % 3) as f64;
        c.entry(0, 0, i, (i + 1) % n, weight).unwrap();
    }
    let (a, c) = (a.build().unwrap(), c.build().unwrap());
    let program = ConicProgram::new(a, vec![1.0; n], c).unwrap();
    let solve = |direction| {
        let mut settings = Settings::default();
        settings.direction = direction;
        let mut p = Direct::new(program.constraints().clone()).unwrap();
        let go = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
        solve_with(&program, &mut p, &settings, None, go).unwrap()
    };
    let (hkm, nt) = (
        solve(SearchDirection::Hkm),
        solve(SearchDirection::NesterovTodd),
    );
    assert_eq!((hkm.status, nt.status), (Status::Solved, Status::Solved));
    // An even ring is bipartite: all edges at −1.
    let expected = -2.0 * (0..n).map(|i| 1.0 + (i % 3) as f64).sum::<f64>();
    for found in [&hkm, &nt] {
        assert!((found.primal_objective - expected).abs() < 1e-6 * expected.abs());
    }
}

#[test]
fn seconds_are_told_apart() {
    let program = equipartition(40);
    let mut p = Direct::new(program.constraints().clone()).unwrap();
    let go = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
    let found = solve_with(&program, &mut p, &Settings::default(), None, go).unwrap();
    let phases = found.phases;
    let parts = [
        phases.assembly,
        phases.factorisation,
        phases.directions,
        phases.steps,
        phases.checks,
    ];
    assert!(parts.iter().all(|&s| s > 0.0) && parts.iter().sum::<f64>() <= found.seconds);
    let gram = p.report().seconds.unwrap();
    assert!(gram.assembly >= phases.assembly && gram.factorisation >= phases.factorisation);
}

/// A start whose slack has entries where the problem has none.
#[test]
fn a_start_off_the_pattern_of_the_dual_is_as_good() {
    let n = 120;
    let mut a = Constraints::builder(n, &[Block::Psd(n)]).unwrap();
    let mut c = Constraints::builder(1, &[Block::Psd(n)]).unwrap();
    for i in 0..n {
        a.entry(i, 0, i, i, 1.0).unwrap();
        c.entry(0, 0, i, (i + 1) % n, 1.0).unwrap();
    }
    let (a, c) = (a.build().unwrap(), c.build().unwrap());
    let program = ConicProgram::new(a, vec![1.0; n], c).unwrap();
    let go = &mut |_: &ipm::Iteration| ControlFlow::Continue(());
    let mut p = Direct::new(program.constraints().clone()).unwrap();
    let cold = solve_with(&program, &mut p, &Settings::default(), None, go).unwrap();
    let mut start = ipm::Start::from(&cold);
    for j in 0..n {
        for i in 0..n {
            start.s[i + j * n] += 5e-3 * ((i + j) as f64).sin();
        }
    }
    let warm = solve_with(&program, &mut p, &Settings::default(), Some(&start), go).unwrap();
    assert_eq!(warm.status, Status::Solved);
    assert!(
        warm.iterations < cold.iterations,
        "{} {}",
        warm.iterations,
        cold.iterations
    );
    let scale = cold.primal_objective.abs();
    assert!((warm.primal_objective - cold.primal_objective).abs() < 1e-6 * scale);
}
