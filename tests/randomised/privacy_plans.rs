//! The accountant and the planners against other arithmetic.

use dyncvx::Error;
use dyncvx::privacy::{
    Accountant, Charge, Composition, Demand, Plan, Release, calibrated, noise_share, theory,
};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

#[test]
fn charges_are_those_worked_out_elsewhere() {
    // log1p(s/L · expm1(ε)) in another language.
    let c = Charge::sampled(0.5, 64, 2048).unwrap();
    assert!(close(c.epsilon(), 0.020069787399249923) && close(c.zcdp(), 0.0002013981831255455));
    let c = Charge::sampled(1.0, 48, 1200).unwrap();
    assert!(close(c.epsilon(), 0.06647221890559726) && close(c.zcdp(), 0.002209277943116821));
    // All copies: no amplification, but bounded range.
    let c = Charge::sampled(0.5, 64, 64).unwrap();
    assert_eq!((c.epsilon(), c.zcdp()), (0.5, 0.03125));
    assert_eq!(c, Charge::exponential(0.5).unwrap());
    assert_eq!(Charge::pure(0.5).unwrap().zcdp(), 0.125);
    assert!(close(Charge::sampled(1e6, 1, 1000).unwrap().epsilon(), 1e6));
}

fn spent(composition: Composition, releases: &[(f64, u64)]) -> f64 {
    let mut accountant = Accountant::new(composition, 1e6).unwrap();
    for (epsilon, n) in releases {
        accountant
            .spend(Charge::pure(*epsilon).unwrap(), *n)
            .unwrap();
    }
    accountant.spent()
}

#[test]
fn compositions_are_those_worked_out_elsewhere() {
    let advanced = |delta| Composition::Advanced { delta };
    assert!(close(spent(Composition::Basic, &[(0.01, 100)]), 1.0));
    assert!(close(
        spent(advanced(1e-6), &[(0.1, 1000)]),
        21.6184188584791
    ));
    // Where the sum is less, the sum.
    assert!(close(spent(advanced(1e-6), &[(1.0, 3)]), 3.0));
    let mix = [(0.1, 100), (0.2, 50)];
    assert!(close(spent(advanced(1e-5), &mix), 9.807554377173908));
    let zcdp = Composition::Zcdp { delta: 1e-5 };
    assert!(close(spent(zcdp, &mix), 9.81129068134555));
}

#[test]
fn a_budget_is_monotone_and_holds_to_the_last_release() {
    for composition in [
        Composition::Basic,
        Composition::Advanced { delta: 1e-6 },
        Composition::Zcdp { delta: 1e-6 },
    ] {
        let charge = Charge::sampled(1.0, 48, 1200).unwrap();
        let mut accountant = Accountant::exactly(composition, charge, 1234).unwrap();
        let mut last = 0.0;
        for n in 0..1234 {
            assert_eq!(accountant.answered(), n);
            accountant.spend(charge, 1).unwrap();
            assert!(accountant.spent() >= last);
            last = accountant.spent();
        }
        let spent = accountant.spent();
        assert!(!accountant.allows(charge, 1));
        for charge in [charge, Charge::pure(1e-4).unwrap()] {
            let refused = accountant.spend(charge, 1);
            assert_eq!(refused, Err(Error::BudgetExhausted { answered: 1234 }));
        }
        assert_eq!((accountant.answered(), accountant.spent()), (1234, spent));
        assert!(accountant.spend(charge, u64::MAX).is_err());
        // Nothing costs nothing.
        accountant.spend(charge, 0).unwrap();
    }
    // All or none.
    let charge = Charge::pure(0.25).unwrap();
    let mut accountant = Accountant::new(Composition::Basic, 1.0).unwrap();
    accountant.spend(charge, 3).unwrap();
    assert!(accountant.spend(charge, 2).is_err());
    accountant.spend(charge, 1).unwrap();
    for (composition, epsilon) in [
        (Composition::Basic, 0.0),
        (Composition::Basic, f64::NAN),
        (Composition::Zcdp { delta: 0.0 }, 1.0),
        (Composition::Advanced { delta: 1.0 }, 1.0),
    ] {
        assert!(Accountant::new(composition, epsilon).is_err());
    }
}

#[test]
fn the_theory_planner_is_its_theorem_worked_out_elsewhere() {
    // T, s, ε₀, δ, L by bisection for ρ in another language.
    for (t, s, epsilon, delta, copies) in [
        (100, 435, 0.24982248402749307, 1.5e-6, 710428.7968167706),
        (10_000, 666, 0.20927014283065082, 1.5e-8, 10340923.371366847),
        (
            1_000_000,
            896,
            0.18981590368132523,
            1.5e-10,
            139983159.145675,
        ),
    ] {
        let plan = theory::plan(&Demand::new(t, 1, 0.2), 2001, 0.05).unwrap();
        assert_eq!((plan.rows, plan.sample, plan.releases), (5000, s, t));
        assert!(close(plan.epsilon, epsilon) && (plan.delta / delta - 1.0).abs() < 1e-12);
        assert!(
            (plan.copies as f64 - copies).abs() <= 1.0 + 1e-9 * copies,
            "{plan:?}"
        );
    }
    // Fewer copies than questions only beyond some 10^10.
    let copies = |t| theory::copies(&Demand::new(t, 1, 0.2), 2001, 0.05).unwrap();
    assert!(copies(10_000_000_000) > 1e10 && copies(40_000_000_000) < 4.8e10);
    assert!(copies(100_000_000_000) < 1e11);
    let mut demand = Demand::new(10_000, 1, 0.2);
    demand.rows = Some(64);
    assert!(matches!(
        theory::plan(&demand, 2001, 0.05),
        Err(Error::InvalidSetting { field: "rows", .. })
    ));
    demand.rows = None;
    demand.copies = Some(1_000_000);
    assert!(matches!(
        theory::plan(&demand, 2001, 0.05),
        Err(Error::InvalidSetting {
            field: "copies",
            ..
        })
    ));
}

#[test]
fn the_calibrated_planner_is_its_formula_worked_out_elsewhere() {
    for (t, k, accuracy, rows, expected) in [
        (10000, 1, 0.2, Some(64), (1200, 64, 48, 1.0)),
        (10000, 1, 0.2, None, (1200, 34, 48, 1.0)),
        (2500, 4, 0.2, None, (1200, 34, 48, 1.0)),
        (40000, 1, 0.1, None, (2400, 122, 48, 1.0)),
        (10000, 1, 0.1, Some(64), (3200, 64, 128, 0.5)),
        (1000000, 1, 0.2, None, (12000, 34, 48, 1.0)),
    ] {
        let mut demand = Demand::new(t, k, accuracy);
        demand.rows = rows;
        let p = calibrated::plan(&demand).unwrap();
        assert_eq!((p.copies, p.rows, p.sample, p.epsilon), expected);
        assert!(p.error <= accuracy && p.width() == (p.copies * p.rows) as u128);
        let accountant = p.accountant().unwrap();
        if (t, accuracy, rows) == (10_000, 0.2, Some(64)) {
            assert!(close(accountant.limit(), 57.03404600730024));
            assert!(close(p.error, 0.14034753770969477));
        }
    }
}

/// The planner's table is what the committed measurements say by the documented rule.
#[test]
fn the_table_follows_from_the_measurements() {
    let text = include_str!("../../papers/adaptive-robustness/calibration.txt");
    let rows: Vec<Vec<f64>> = text
        .lines()
        .map(|l| {
            l.split(|c: char| c.is_whitespace() || "[],".contains(c))
                .filter(|w| !w.is_empty())
                .map_while(|w| w.parse().ok())
                .collect::<Vec<f64>>()
        })
        .filter(|r| r.len() == 10)
        .collect();
    assert_eq!(rows.len(), calibrated::TABLE.len() * 3 * 7);
    for design in calibrated::TABLE {
        let mine = || {
            rows.iter()
                .filter(|r| r[0] == design.sample as f64 && r[1] == design.epsilon)
        };
        let failed = mine()
            .filter(|r| r[9] > calibrated::GROWTH)
            .map(|r| r[4])
            .fold(0.0, f64::max);
        let after = |k: f64| {
            mine()
                .map(|r| r[4])
                .filter(|v| *v > k)
                .fold(f64::MAX, f64::min)
        };
        // One more than the least that did.
        assert_eq!(after(after(failed)), design.copies_per_root, "{design:?}");
        let error = mine().map(|r| r[6]).fold(0.0, f64::max);
        assert!(
            error <= design.error && error > design.error - 0.011,
            "{design:?}: {error}"
        );
        // The law that predicts it, to a tenth.
        let law = 1.96 * calibrated::deviation(design.sample, design.epsilon);
        assert!((error / law - 1.0).abs() < 0.1, "{error} {law}");
    }
}

#[test]
fn what_cannot_be_met_is_refused() {
    let refused = |demand: Demand| match calibrated::plan(&demand) {
        Err(Error::InvalidSetting { field, reason }) => (field, reason),
        other => panic!("{other:?}"),
    };
    let demand = Demand::new(10_000, 1, 0.2);
    let mut few = demand;
    few.copies = Some(512);
    let (field, reason) = refused(few);
    assert_eq!(field, "copies");
    assert!(
        reason.contains("1200") && reason.contains("512"),
        "{reason}"
    );
    let mut coarse = demand;
    (coarse.accuracy, coarse.rows) = (0.05, Some(64));
    assert_eq!(refused(coarse).0, "accuracy");
    let mut tiny = demand;
    tiny.rows = Some(8);
    assert_eq!(refused(tiny).0, "accuracy");
    for (field, demand) in [
        ("queries", Demand::new(0, 1, 0.2)),
        ("queries", Demand::new(1, 0, 0.2)),
        ("queries", Demand::new(u64::MAX, 2, 0.2)),
        ("accuracy", Demand::new(1, 1, 0.0)),
        ("accuracy", Demand::new(1, 1, f64::NAN)),
    ] {
        assert_eq!(refused(demand).0, field);
    }
    // Too small a sample times epsilon is pure noise.
    assert!(close(noise_share(16, 0.5, 8.0), 0.6333922375790384));
    assert!(close(noise_share(64, 0.5, 8.0), 0.01684176493583909));
    assert!(
        Plan::custom(
            2048,
            64,
            Release {
                sample: 64,
                epsilon: 0.5
            },
            10_000
        )
        .is_ok()
    );
    assert!(matches!(
        Plan::custom(
            2048,
            64,
            Release {
                sample: 16,
                epsilon: 0.5
            },
            10_000
        ),
        Err(Error::InvalidSetting {
            field: "sample",
            ..
        })
    ));
    assert!(
        Plan::custom(
            32,
            64,
            Release {
                sample: 64,
                epsilon: 0.5
            },
            10_000
        )
        .is_err()
    );
}
