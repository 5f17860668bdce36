//! Regret against adversaries.

use super::{masses, oracle, random};
use dyncvx::Error;
use dyncvx::transport::*;

/// Plays `rounds` against an adversary that sees the play, and checks the regret against the best coupling in hindsight
/// (simplex method), the certificate, and the bound.
fn play(
    rounds: usize,
    horizon: Option<usize>,
    adversary: &mut dyn FnMut(usize, &[f64]) -> Vec<f64>,
) -> (f64, f64) {
    let (m, n) = (6, 7);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let mut settings = OnlineSettings::default();
    settings.horizon = horizon;
    let mut game = Online::new(marginals.clone(), settings).unwrap();
    let (mut sum, mut paid) = (vec![0.0; m * n], 0.0);
    for t in 0..rounds {
        assert!(marginals.violation(&game.feasible()).unwrap() <= 1e-12);
        let cost = adversary(t, game.plan());
        let inner: f64 = cost.iter().zip(game.plan()).map(|(c, p)| c * p).sum();
        let loss = game
            .reveal(&Linear::new(&[m, n], cost.clone()).unwrap())
            .unwrap();
        assert!((loss - inner).abs() <= 1e-13);
        paid += loss;
        sum.iter_mut().zip(&cost).for_each(|(s, c)| *s += c);
    }
    let regret = paid - oracle::linear(&sum, &marginals);
    let report = game.regret().unwrap();
    assert_eq!(report.rounds, rounds);
    assert!(regret <= report.bound, "{regret} > {}", report.bound);
    assert!(
        regret <= report.certified + 1e-9 * rounds as f64,
        "{regret} > {}",
        report.certified
    );
    assert!((report.certified - regret).abs() <= 0.02 * rounds as f64);
    let d = marginals.divergence();
    let factor = if horizon.is_some() {
        0.75
    } else {
        0.75 * (2.0 + 2f64.sqrt())
    };
    assert!(report.bound <= factor * (d * rounds as f64).sqrt() * (1.0 + 1e-9));
    (regret, report.bound)
}

#[test]
fn regret_stays_below_its_bound_whatever_the_costs() {
    for rounds in [1, 7, 64, 255, 1000] {
        for horizon in [Some(rounds), None] {
            // Random costs; costs that charge the heavier half of the present play; a switch half way.
            let random_costs = play(rounds, horizon, &mut |t, _| random(42, t as u32));
            let greedy = play(rounds, horizon, &mut |_, plan| {
                let mut sorted = plan.to_vec();
                sorted.sort_by(f64::total_cmp);
                plan.iter()
                    .map(|p| if *p > sorted[21] { 1.0 } else { 0.0 })
                    .collect()
            });
            let switch = play(rounds, horizon, &mut |t, _| {
                let c = random(42, 1);
                if 2 * t < rounds {
                    c
                } else {
                    c.iter().map(|x| 1.0 - x).collect()
                }
            });
            println!("{rounds} {horizon:?}: {random_costs:?} {greedy:?} {switch:?}");
        }
    }
}

#[test]
fn a_stream_of_convex_losses_has_a_certified_regret() {
    let (m, n) = (5, 5);
    let marginals = Marginals::new(&masses(m, 1), &masses(n, 2)).unwrap();
    let mut settings = OnlineSettings::default();
    settings.range = 2.0;
    let mut game = Online::new(marginals, settings).unwrap();
    for t in 0..500u32 {
        let target = super::matrix(m, n, 0.1, t % 17);
        game.reveal(&Quadratic::projection(target.as_ref(), 2.0).unwrap())
            .unwrap();
    }
    let regret = game.regret().unwrap();
    assert!(regret.certified <= regret.bound, "{regret:?}");
}

#[test]
fn a_refused_loss_changes_nothing() {
    let marginals = Marginals::uniform(&[2, 2]).unwrap();
    let mut settings = OnlineSettings::default();
    settings.horizon = Some(2);
    let mut game = Online::new(marginals.clone(), settings.clone()).unwrap();
    game.reveal(&Linear::new(&[2, 2], vec![0.0, 1.0, 0.5, 0.2]).unwrap())
        .unwrap();
    let before = (game.plan().to_vec(), game.regret().unwrap());
    let wide = Linear::new(&[2, 2], vec![0.0, 2.0, 0.0, 0.0]).unwrap();
    assert!(matches!(
        game.reveal(&wide),
        Err(Error::InvalidSetting { .. })
    ));
    assert!(
        game.reveal(&Linear::new(&[2, 3], vec![0.0; 6]).unwrap())
            .is_err()
    );
    assert!(game.reveal_gradient(f64::NAN, &[0.0; 4]).is_err());
    assert!(game.reveal_gradient(0.0, &[f64::NAN; 4]).is_err());
    assert!(game.reveal_gradient(0.0, &[0.0; 3]).is_err());
    assert_eq!(before, (game.plan().to_vec(), game.regret().unwrap()));
    game.reveal(&Linear::new(&[2, 2], vec![0.0; 4]).unwrap())
        .unwrap();
    assert!(matches!(
        game.reveal(&Linear::new(&[2, 2], vec![0.0; 4]).unwrap()),
        Err(Error::InvalidSetting { .. })
    ));
    settings.range = 0.0;
    assert!(Online::new(marginals, settings).is_err());
}
