//! Bad input of every kind, rounding, and certificates of arbitrary potentials.

use super::{masses, oracle, random, settings};
use dyncvx::Error;
use dyncvx::transport::*;

#[test]
fn bad_marginals_are_refused() {
    let fault = |r: dyncvx::Result<Marginals>| matches!(r, Err(Error::Marginals { .. }));
    assert!(fault(Marginals::new(&[0.5, 0.5], &[0.5, 0.6])));
    assert!(fault(Marginals::new(&[0.5, -0.5, 1.0], &[1.0])));
    assert!(fault(Marginals::new(&[], &[1.0])));
    assert!(fault(Marginals::new(&[0.0], &[0.0])));
    assert!(fault(Marginals::many(&[[1.0]])));
    assert!(fault(Marginals::new(&[f64::MAX, f64::MAX], &[1.0])));
    assert!(matches!(
        Marginals::new(&[f64::NAN], &[1.0]),
        Err(Error::NonFinite { .. })
    ));
    assert!(matches!(
        Marginals::new(&[1.0], &[1.0]).unwrap().forbid(vec![]),
        Err(Error::Shape { .. })
    ));
    assert!(fault(
        Marginals::new(&[1.0], &[1.0]).unwrap().forbid(vec![true])
    ));
    assert!(fault(
        Marginals::new(&[0.5, 0.5], &[0.4, 0.6])
            .unwrap()
            .forbid(vec![false, true, true, false])
    ));
    assert!(fault(Marginals::partial(&[0.5], &[1.0], 0.7)));
    assert!(fault(Marginals::partial(&[0.5], &[1.0], 0.0)));
    assert!(Marginals::partial(&[0.5], &[1.0], f64::NAN).is_err());
    assert!(Marginals::partial(&[f64::NAN], &[1.0], 0.5).is_err());
    let three = Marginals::uniform(&[2, 2, 2]).unwrap();
    assert!(matches!(
        three.forbid(vec![false; 8]),
        Err(Error::Unsupported { .. })
    ));
    let huge = vec![1.0; 1 << 16];
    assert!(matches!(
        Marginals::many(&[&huge, &huge, &huge, &huge]),
        Err(Error::TooLarge { .. })
    ));
    assert!(Marginals::uniform(&[0, 2]).is_err());
}

#[test]
fn bad_runs_are_refused() {
    let marginals = Marginals::uniform(&[3, 4]).unwrap();
    let cost = Linear::new(&[3, 4], random(12, 1)).unwrap();
    let go = |f: &dyn Objective, s: &Settings, start: InitialCoupling<'_>| {
        minimise(f, &marginals, s, start, &mut unobserved).map(|_| ())
    };
    let start = InitialCoupling::Independent;
    let wrong = Linear::new(&[4, 3], random(12, 1)).unwrap();
    assert!(go(&wrong, &settings(5), start).is_err());
    for change in [
        |s: &mut Settings| s.max_iter = 0,
        |s: &mut Settings| s.step_scale = 0.0,
        |s: &mut Settings| s.step_scale = f64::INFINITY,
        |s: &mut Settings| s.time_limit = f64::NAN,
        |s: &mut Settings| s.tol_gap_rel = -1.0,
        |s: &mut Settings| s.tol_gap_abs = f64::NAN,
        |s: &mut Settings| s.tol_feas = f64::INFINITY,
        |s: &mut Settings| s.step = StepRule::Constant(-1.0),
        |s: &mut Settings| s.step = StepRule::StronglyConvex(0.0),
    ] {
        let mut s = settings(5);
        change(&mut s);
        assert!(
            matches!(go(&cost, &s, start), Err(Error::InvalidSetting { .. })),
            "{s:?}"
        );
        let light = minimise_linear(&cost, &marginals, &s, start, &mut unobserved);
        assert!(matches!(light, Err(Error::InvalidSetting { .. })), "{s:?}");
    }
    let nan = Function::new(
        &[3, 4],
        |_: &[f64]| 0.0,
        |_: &[f64], g: &mut [f64]| g.fill(f64::NAN),
    );
    assert!(matches!(
        go(&nan, &settings(5), start),
        Err(Error::NonFinite { .. })
    ));
    let late = Function::new(
        &[3, 4],
        |p: &[f64]| if p[0] < 0.08 { f64::NAN } else { 1.0 },
        |_: &[f64], g: &mut [f64]| {
            g.fill(0.0);
            g[0] = 1.0;
        },
    );
    assert!(matches!(
        go(&late, &settings(500), start),
        Err(Error::NonFinite { .. })
    ));
    assert!(matches!(
        go(&cost, &settings(5), InitialCoupling::Plan(&[1.0; 3])),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(
        go(&cost, &settings(5), InitialCoupling::Plan(&[f64::NAN; 12])),
        Err(Error::NonFinite { .. })
    ));
    assert!(matches!(
        go(&cost, &settings(5), InitialCoupling::Plan(&[-1.0; 12])),
        Err(Error::Marginals { .. })
    ));
    let potentials = [vec![0.0; 3], vec![f64::NAN; 4]];
    fn from(beta: f64, potentials: &[Vec<f64>]) -> InitialCoupling<'_> {
        InitialCoupling::Potentials { beta, potentials }
    }
    let zero = [vec![0.0; 3], vec![0.0; 4]];
    assert!(go(&cost, &settings(5), from(1.0, &potentials)).is_err());
    assert!(go(&cost, &settings(5), from(-1.0, &zero)).is_err());
    assert!(go(&cost, &settings(5), from(1.0, &potentials[..1])).is_err());
    let quadratic = SquaredNorm::new(&[3, 4], 1.0).unwrap();
    assert!(matches!(
        go(&quadratic, &settings(5), from(1.0, &zero)),
        Err(Error::Unsupported { .. })
    ));

    let light = |c: &dyn Cost, s: &Settings| {
        minimise_linear(
            c,
            &marginals,
            s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .map(|_| ())
    };
    assert!(matches!(
        light(&wrong, &settings(5)),
        Err(Error::Shape { .. })
    ));
    let bad = CostFn::new(3, 4, |i, j| if (i, j) == (2, 3) { f64::NAN } else { 0.0 });
    assert_eq!(
        light(&bad, &settings(5)),
        Err(Error::NonFinite {
            what: "cost",
            index: 11
        })
    );
    let mut s = settings(5);
    s.step = StepRule::Backtracking;
    assert!(matches!(light(&cost, &s), Err(Error::Unsupported { .. })));
    let plan = [1.0 / 12.0; 12];
    let start = minimise_linear(
        &cost,
        &marginals,
        &settings(5),
        InitialCoupling::Plan(&plan),
        &mut unobserved,
    );
    assert!(matches!(start, Err(Error::Unsupported { .. })));
    let masked = Marginals::uniform(&[3, 4])
        .unwrap()
        .forbid((0..12).map(|k| k == 0).collect())
        .unwrap();
    assert!(matches!(
        minimise_linear(
            &cost,
            &masked,
            &settings(5),
            InitialCoupling::Independent,
            &mut unobserved
        ),
        Err(Error::Unsupported { .. })
    ));
    let mut s = SinkhornSettings::default();
    s.epsilon = 0.0;
    assert!(sinkhorn(&cost, &marginals, &s).is_err());
    s.epsilon = 0.1;
    s.scaling = 0.5;
    assert!(sinkhorn(&cost, &marginals, &s).is_err());
}

#[test]
fn degenerate_problems_are_answered() {
    // One point each, constant costs, a single row.
    for (m, n) in [(1, 1), (1, 4), (4, 1), (3, 3)] {
        let marginals = Marginals::uniform(&[m, n]).unwrap();
        let cost = Linear::new(&[m, n], vec![2.5; m * n]).unwrap();
        let mut s = settings(50);
        s.tol_gap_abs = 1e-12;
        let solution = minimise(
            &cost,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        assert_eq!(solution.status, Status::Solved);
        assert!((solution.objective() - 2.5).abs() <= 1e-12);
        let light = minimise_linear(
            &cost,
            &marginals,
            &s,
            InitialCoupling::Independent,
            &mut unobserved,
        )
        .unwrap();
        assert_eq!(light.status, Status::Solved);
    }
}

#[test]
fn rounding_obeys_its_laws() {
    for seed in 0..20 {
        let (m, n) = (3 + seed as usize % 4, 4);
        let marginals = Marginals::new(&masses(m, 50 + seed), &masses(n, 80 + seed)).unwrap();
        let mut plan: Vec<f64> = random(m * n, seed)
            .iter()
            .map(|x| x * 2.0 / (m * n) as f64)
            .collect();
        let before = plan.clone();
        let off = marginals.violation(&plan).unwrap();
        assert!(round(&mut plan, &marginals).unwrap() <= 1e-14);
        assert!(marginals.violation(&plan).unwrap() <= 1e-14 && plan.iter().all(|p| *p >= 0.0));
        let moved: f64 = plan.iter().zip(&before).map(|(a, b)| (a - b).abs()).sum();
        assert!(moved <= 2.0 * off + 1e-14, "{moved} {off}");
        let again = plan.clone();
        round(&mut plan, &marginals).unwrap();
        assert!(plan.iter().zip(&again).all(|(a, b)| (a - b).abs() <= 1e-15));
    }
    let three = Marginals::many(&[masses(3, 1), masses(4, 2), masses(5, 3)]).unwrap();
    let mut plan = random(60, 4).iter().map(|x| x / 60.0).collect::<Vec<_>>();
    assert!(round(&mut plan, &three).unwrap() <= 1e-14);
    let forbidden: Vec<bool> = (0..20).map(|k| k % 4 == 1).collect();
    let masked = Marginals::uniform(&[4, 5])
        .unwrap()
        .forbid(forbidden.clone())
        .unwrap_err();
    // Row 1 has no arc at all.
    assert!(matches!(masked, Error::Marginals { .. }));
    let forbidden: Vec<bool> = (0..20).map(|k| k % 3 == 1).collect();
    let masked = Marginals::uniform(&[4, 5])
        .unwrap()
        .forbid(forbidden.clone())
        .unwrap();
    let mut plan: Vec<f64> = random(20, 5)
        .iter()
        .zip(&forbidden)
        .map(|(x, f)| if *f { 0.0 } else { x / 10.0 })
        .collect();
    assert!(round(&mut plan, &masked).unwrap() <= 1e-14);
    assert!(plan.iter().zip(&forbidden).all(|(p, f)| !f || *p == 0.0));
    plan[1] = 0.1;
    assert!(matches!(
        round(&mut plan, &masked),
        Err(Error::Marginals { .. })
    ));
}

#[test]
fn any_potentials_give_a_lower_bound() {
    let (m, n) = (6, 5);
    for seed in 0..10 {
        let marginals = Marginals::new(&masses(m, seed), &masses(n, seed + 20)).unwrap();
        let cost = random(m * n, seed + 40);
        let optimum = oracle::linear(&cost, &marginals);
        let mut potentials = vec![random(m, seed + 60), random(n, seed + 80)];
        let bound = lower_bound(&marginals, &cost, &mut potentials).unwrap();
        assert!(bound <= optimum + 1e-12);
        for k in 0..m * n {
            assert!(potentials[0][k % m] + potentials[1][k / m] <= cost[k] + 1e-14);
        }
        let again = lower_bound(&marginals, &cost, &mut potentials).unwrap();
        assert!(again >= bound - 1e-14);
    }
    let three = Marginals::many(&[masses(3, 1), masses(2, 2), masses(4, 3)]).unwrap();
    let cost = random(24, 4);
    let optimum = oracle::linear(&cost, &three);
    let mut potentials = vec![vec![f64::INFINITY; 3], random(2, 5), random(4, 6)];
    assert!(lower_bound(&three, &cost, &mut potentials).unwrap() <= optimum + 1e-12);
    assert!(lower_bound(&three, &cost[1..], &mut potentials).is_err());
}
