//! The seam itself: engines are swapped in one line, and what they support is what they take.

use dyncvx::constraints::{Basis, Block, BlockWeight, Constraints, WeightForm};
use dyncvx::ipm::{SearchDirection, Settings, Status};
use dyncvx::problem::ConicProgram;
use dyncvx::projection::{
    Auto, BaseLowRank, Bipartite, Complement, Direct, Goal, Iterative, Kronecker, Projection,
    Recompute, Replaced, Support,
};
use dyncvx::{Error, Result, Solver};
use faer::Mat;
use std::sync::Arc;

type Make = fn(&Arc<Constraints>) -> Result<Box<dyn Projection>>;

fn boxed<P: Projection + 'static>(made: Result<P>) -> Result<Box<dyn Projection>> {
    Ok(Box::new(made?))
}

const ENGINES: [(&str, Make); 7] = [
    ("Recompute", |a| boxed(Recompute::new(a.clone()))),
    ("Direct", |a| boxed(Direct::new(a.clone()))),
    ("Auto", |a| boxed(Auto::new(a.clone()))),
    ("Iterative", |a| boxed(Iterative::new(a.clone()))),
    ("Kronecker", |a| boxed(Kronecker::new(a.clone()))),
    ("Complement", |a| boxed(Complement::new(a.clone()))),
    ("BaseLowRank", |a| boxed(BaseLowRank::new(a.clone()))),
];

fn rows() -> Arc<Constraints> {
    let blocks = [Block::Psd(4), Block::Nonneg(3)];
    Arc::new(Constraints::independent(6, &blocks, 1, 3.into()).unwrap())
}

fn solved(p: &mut dyn Projection) -> Result<Mat<f64>> {
    let mut y = Mat::from_fn(p.shape().constraints, 1, |i, _| 1.0 + i as f64);
    p.solve(y.as_mut(), Goal::Residual(1e-12))?;
    Ok(y)
}

#[test]
fn engines_are_swapped_in_one_line() {
    let a = rows();
    let w = Mat::from_fn(4, 4, |i, j| if i == j { 2.0 + i as f64 } else { 0.3 });
    let numbers = [1.0, 2.0, 0.5];
    let weight = [BlockWeight::from(&w), BlockWeight::Nonneg(&numbers)];
    let mut answers: Vec<Mat<f64>> = vec![];
    for (name, make) in ENGINES {
        let mut p = make(&a).unwrap();
        assert_eq!(solved(&mut p).err(), Some(Error::NoWeight), "{name}");
        assert_eq!(
            p.operator(Goal::AsAbsorbed).err(),
            Some(Error::NoWeight),
            "{name}"
        );
        p.update(&weight).unwrap();
        let y = solved(&mut p).unwrap();
        let first = answers.first().unwrap_or(&y);
        assert!((&y - first).norm_max() < 1e-9, "{name}");
        answers.push(y);
        // A structure that is lent out is the same structure.
        let lent: &mut dyn Projection = &mut p;
        assert_eq!(lent.shape().constraints, 6);
    }
}

#[test]
fn a_weight_is_refused_exactly_where_its_form_is_not_supported() {
    let a = rows();
    let w = Mat::from_fn(4, 4, |i, j| if i == j { 2.0 } else { 0.1 });
    let x = Mat::from_fn(4, 4, |i, j| if i == j { 1.5 } else { -0.1 });
    let basis = Basis::dense(Mat::<f64>::identity(4, 4).as_ref()).unwrap();
    let (numbers, eigenvalues) = ([1.0, 2.0, 0.5], [1.0, 2.0, 3.0, 4.0]);
    let of_form = |form| match form {
        WeightForm::Root => BlockWeight::Root(w.as_ref()),
        WeightForm::OneSided => BlockWeight::OneSided(w.as_ref()),
        WeightForm::Pair => BlockWeight::Pair {
            x: x.as_ref(),
            z: w.as_ref(),
        },
        WeightForm::Spectral => BlockWeight::Spectral {
            basis: &basis,
            eigenvalues: &eigenvalues,
        },
        WeightForm::OneSidedSpectral => BlockWeight::OneSidedSpectral {
            basis: &basis,
            eigenvalues: &eigenvalues,
        },
        _ => BlockWeight::Psd(w.as_ref()),
    };
    for (name, make) in ENGINES {
        for form in WeightForm::ALL {
            let mut p = make(&a).unwrap();
            let psd = of_form(form);
            if form != WeightForm::Nonneg {
                assert_eq!(psd.form(), form);
            }
            let before = of_form(WeightForm::Psd);
            p.update(&[before, BlockWeight::Nonneg(&numbers)]).unwrap();
            let held = solved(&mut p).unwrap();
            let found = p.update(&[psd, BlockWeight::Nonneg(&numbers)]);
            let refused = matches!(found, Err(Error::Unsupported { by, .. }) if by == name);
            assert!(found.is_ok() || refused, "{name}, {form:?}: {found:?}");
            assert_eq!(
                refused,
                p.supports(form) == Support::No,
                "{name}, {form:?}: {found:?}"
            );
            if refused {
                let after = solved(&mut p).unwrap();
                assert!((&after - &held).norm_max() < 1e-9, "{name}, {form:?}");
            }
        }
    }
}

/// `min ⟨C, X⟩` with `X_ii = 1`: the relaxation of a cut.
fn cut() -> ConicProgram {
    let n = 5;
    let mut a = Constraints::builder(n, &[Block::Psd(n)]).unwrap();
    let mut c = Constraints::builder(1, &[Block::Psd(n)]).unwrap();
    for i in 0..n {
        a.entry(i, 0, i, i, 1.0).unwrap();
        for j in i + 1..n {
            c.entry(0, 0, i, j, 1.0 + ((i * j) % 3) as f64).unwrap();
        }
    }
    ConicProgram::new(a.build().unwrap(), vec![1.0; n], c.build().unwrap()).unwrap()
}

#[test]
fn every_engine_is_an_engine_of_the_solver() {
    let mut values: Vec<f64> = vec![];
    for (name, make) in ENGINES {
        let mut settings = Settings::default();
        settings.direction = SearchDirection::Auto;
        let mut solver = Solver::with_engine(cut(), settings, Box::new(make)).unwrap();
        let found = solver
            .solve(&mut |_| std::ops::ControlFlow::Continue(()))
            .unwrap();
        assert_eq!(found.status, Status::Solved, "{name}");
        let first = *values.first().unwrap_or(&found.primal_objective);
        let scale = 1.0 + first.abs();
        assert!(
            (found.primal_objective - first).abs() < 1e-6 * scale,
            "{name}"
        );
        values.push(found.primal_objective);
    }
}

#[test]
fn marginals_are_recognised_in_rows() {
    let arcs = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 2)];
    let mut given = Bipartite::of_arcs(3, 3, &arcs).unwrap();
    let mut known = Bipartite::new(given.constraints().clone()).unwrap();
    let w = [1.0, 0.5, 2.0, 1e-3, 3.0, 0.25];
    for p in [&mut given, &mut known] {
        p.update(&[BlockWeight::Nonneg(&w)]).unwrap();
    }
    let off = &solved(&mut given).unwrap() - &solved(&mut known).unwrap();
    assert!(off.norm_max() < 1e-9);
    let build = |entries: &[(usize, usize, f64)], m: usize, n: usize| {
        let mut a = Constraints::builder(m, &[Block::Nonneg(n)]).unwrap();
        for &(i, k, v) in entries {
            a.entry(i, 0, k, k, v).unwrap();
        }
        Bipartite::new(a.build().unwrap()).map(|_| ())
    };
    let one = |i, k| (i, k, 1.0);
    let refused = |found: Result<()>| {
        matches!(
            found,
            Err(Error::Unsupported {
                by: "Bipartite",
                ..
            })
        )
    };
    // A coefficient of 2, a variable in three rows, a triangle, and two variables in the same two rows.
    assert!(refused(build(&[(0, 0, 2.0)], 1, 1)));
    assert!(refused(build(&[one(0, 0), one(1, 0), one(2, 0)], 3, 1)));
    let triangle = [
        one(0, 0),
        one(1, 0),
        one(1, 1),
        one(2, 1),
        one(2, 2),
        one(0, 2),
    ];
    assert!(refused(build(&triangle, 3, 3)));
    assert!(refused(build(
        &[one(0, 0), one(1, 0), one(0, 1), one(1, 1)],
        2,
        2
    )));
    // All marginals of a component: one too many.
    assert!(matches!(
        build(&[one(0, 0), one(1, 0)], 2, 1),
        Err(Error::RankDeficient { rank: 1, needed: 2 })
    ));
    assert!(Bipartite::new(rows()).is_err());
    assert_eq!(known.supports(WeightForm::Psd), Support::No);
    let same = given.constraints().clone();
    assert_eq!(known.replace_values(&same).unwrap(), Replaced::No);
}
