//! The private median against its definition and its claim.

use crate::common::{rng, uniform};
use dyncvx::Error;
use dyncvx::privacy::{Charge, Grid, PrivateMedian, Sampler};
use dyncvx::random::{Lane, Seed};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

fn secret(copy: u32) -> ChaCha20Rng {
    Seed::from(11).stream(Lane::PRIVACY, copy, 0)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

/// Probability of every grid point by the definition: values moved to the nearest point, every point's utility counted out.
fn naive(grid: &Grid, epsilon: f64, values: &[f64]) -> Vec<f64> {
    let points: Vec<f64> = (0..grid.points()).map(|i| grid.point(i)).collect();
    let nearest = |v: f64| {
        let v = v.clamp(points[0], points[points.len() - 1]);
        *points
            .iter()
            .min_by(|a, b| (*a - v).abs().total_cmp(&(*b - v).abs()))
            .unwrap()
    };
    let moved: Vec<f64> = values.iter().map(|v| nearest(*v)).collect();
    let half = 0.5 * values.len() as f64;
    let weights: Vec<f64> = points
        .iter()
        .map(|x| {
            let below = moved.iter().filter(|v| *v < x).count();
            let not_above = moved.iter().filter(|v| *v <= x).count();
            let distance = (below..=not_above)
                .map(|rank| (rank as f64 - half).abs())
                .fold(f64::MAX, f64::min);
            // Half a rank either way is no farther than a median with an odd number of values can be.
            let distance = if below as f64 <= half && half <= not_above as f64 {
                0.0
            } else {
                distance
            };
            (-0.5 * epsilon * distance).exp()
        })
        .collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|w| w / total).collect()
}

fn expanded(median: &mut PrivateMedian, values: &[f64]) -> Vec<f64> {
    let points = median.grid().points() as usize;
    let mut out = vec![f64::NAN; points];
    for piece in median.pieces(values).unwrap() {
        for i in 0..piece.points {
            out[(piece.first + i) as usize] = piece.probability / piece.points as f64;
        }
    }
    out
}

/// Values with ties, clusters, infinities and numbers far outside.
fn awkward(rng: &mut ChaCha20Rng, s: usize) -> Vec<f64> {
    (0..s)
        .map(|_| match rng.next_u32() % 8 {
            0 => f64::INFINITY,
            1 => f64::NEG_INFINITY,
            2 => 1e300,
            3 => 0.0,
            4 => 0.25,
            _ => 3.0 * (uniform(rng) - 0.5),
        })
        .collect()
}

#[test]
fn pieces_are_those_of_the_enumerated_grid() {
    let mut rng = rng(1);
    for case in 0..300 {
        let s = 1 + case % 40;
        let epsilon = [0.01, 0.5, 3.0, 40.0][case % 4];
        let grid = Grid::new(-1.0, 1.0, [0.013, 0.25, 5.0][case % 3]).unwrap();
        let values = awkward(&mut rng, s);
        let mut median = PrivateMedian::new(grid, epsilon).unwrap();
        let found = expanded(&mut median, &values);
        for (f, e) in found.iter().zip(naive(&grid, epsilon, &values)) {
            assert!((f - e).abs() <= 1e-12 * e + 1e-300, "{values:?}: {f} {e}");
        }
    }
}

#[test]
fn replacing_one_value_changes_no_probability_by_more_than_epsilon() {
    let mut rng = rng(2);
    let grid = Grid::new(-1.0, 1.0, 0.05).unwrap();
    let mut largest = 0.0f64;
    for case in 0..2000 {
        let s = 1 + case % 12;
        let epsilon = [0.1, 1.0, 20.0][case % 3];
        let values = awkward(&mut rng, s);
        let mut other = values.clone();
        other[case % s] = awkward(&mut rng, 1)[0];
        let mut median = PrivateMedian::new(grid, epsilon).unwrap();
        let (p, q) = (
            expanded(&mut median, &values),
            expanded(&mut median, &other),
        );
        let ratio: Vec<f64> = p.iter().zip(&q).map(|(a, b)| (a / b).ln()).collect();
        let (low, high) = ratio
            .iter()
            .fold((0.0f64, 0.0f64), |(l, h), r| (l.min(*r), h.max(*r)));
        // Bounded range: the whole spread of the logarithms, not only each of them.
        assert!(
            high - low <= epsilon * (1.0 + 1e-12) + 1e-12,
            "{values:?} {other:?}"
        );
        largest = largest.max((high - low) / epsilon);
    }
    // The bound is met, so the test can fail.
    assert!(largest > 0.99, "{largest}");
}

/// The least `p` with `n·kl(p̂‖p) ≤ budget`, or the largest: Chernoff's confidence bound, failure `e^{−budget}` each.
fn confidence(count: u64, n: u64, budget: f64, upper: bool) -> f64 {
    let x = count as f64 / n as f64;
    let kl = |p: f64| {
        let term = |a: f64, b: f64| if a == 0.0 { 0.0 } else { a * (a / b).ln() };
        term(x, p) + term(1.0 - x, 1.0 - p)
    };
    let (mut inside, mut outside) = (x, if upper { 1.0 } else { 0.0 });
    for _ in 0..100 {
        let p = 0.5 * (inside + outside);
        if n as f64 * kl(p) <= budget {
            inside = p;
        } else {
            outside = p;
        }
    }
    outside
}

const DRAWS: u64 = 200_000;

/// The largest `ln(p/q)` over events that the draws *prove*, both ways, with failure probability 1e-6 in all.
fn audited(points: u64, mut draw: impl FnMut(bool) -> u64) -> f64 {
    let mut count = [vec![0u64; points as usize], vec![0u64; points as usize]];
    for _ in 0..DRAWS {
        count[0][draw(false) as usize] += 1;
        count[1][draw(true) as usize] += 1;
    }
    // Every point and every initial and final segment of the grid, four bounds each.
    let budget = (4.0 * 3.0 * points as f64 / 1e-6).ln();
    let mut proved = 0.0f64;
    let mut event = |a: u64, b: u64| {
        for (a, b) in [(a, b), (b, a)] {
            let (p, q) = (
                confidence(a, DRAWS, budget, false),
                confidence(b, DRAWS, budget, true),
            );
            proved = proved.max((p / q).ln());
        }
    };
    let mut sums = [0, 0];
    for (&a, &b) in count[0].iter().zip(&count[1]) {
        event(a, b);
        (sums[0], sums[1]) = (sums[0] + a, sums[1] + b);
        event(sums[0], sums[1]);
        event(DRAWS - sums[0], DRAWS - sums[1]);
    }
    proved
}

/// Neighbours that nearly use up what is claimed: almost all weight lies in a long gap below the median, whose rank falls as
/// that of a short gap above it comes nearer.
fn neighbours() -> (Grid, [Vec<f64>; 2]) {
    let grid = Grid::new(0.0, 1050.0, 1.0).unwrap();
    let values = [[0.0; 4].as_slice(), &[1000.0; 3], &[1050.0; 4]].concat();
    let mut other = values.clone();
    other[0] = 1050.0;
    (grid, [values, other])
}

#[test]
fn an_audit_of_the_draws_does_not_exceed_the_claimed_epsilon() {
    let (grid, inputs) = neighbours();
    let mut rng = secret(1);
    for epsilon in [0.25, 1.0, 2.0] {
        let mut median = PrivateMedian::new(grid, epsilon).unwrap();
        let proved = audited(grid.points(), |other| {
            median
                .release(&inputs[usize::from(other)], &mut rng)
                .unwrap() as u64
        });
        println!("claimed {epsilon}, proved {proved:.3}");
        assert!(proved <= epsilon && proved > 0.3 * epsilon);
        // Power: a mechanism that spends twice what it claims is found out.
        let mut cheat = PrivateMedian::new(grid, 2.0 * epsilon).unwrap();
        let proved = audited(grid.points(), |other| {
            cheat
                .release(&inputs[usize::from(other)], &mut rng)
                .unwrap() as u64
        });
        assert!(proved > epsilon, "{proved}");
    }
}

#[test]
fn an_audit_with_sampling_does_not_exceed_the_amplified_epsilon() {
    let (grid, inputs) = neighbours();
    let (sample, epsilon) = (9, 2.0);
    let copies = inputs[0].len();
    let claimed = Charge::sampled(epsilon, sample, copies).unwrap().epsilon();
    assert!(claimed < 1.84);
    let mut median = PrivateMedian::new(grid, epsilon).unwrap();
    let mut sampler = Sampler::new(copies, sample).unwrap();
    let (mut rng, mut which) = (secret(2), vec![]);
    let proved = audited(grid.points(), |other| {
        sampler.draw(&mut rng, &mut which);
        let all = &inputs[usize::from(other)];
        let drawn: Vec<f64> = which.iter().map(|l| all[*l]).collect();
        median.release(&drawn, &mut rng).unwrap() as u64
    });
    println!("claimed {claimed:.3}, proved {proved:.3}");
    assert!(proved <= claimed && proved > 0.2);
    // Power: who always asks the same copies, at twice the epsilon, is found out.
    let mut cheat = PrivateMedian::new(grid, 2.0 * epsilon).unwrap();
    let proved = audited(grid.points(), |other| {
        let all = &inputs[usize::from(other)];
        cheat.release(all, &mut rng).unwrap() as u64
    });
    assert!(proved > claimed, "{proved}");
}

#[test]
fn draws_follow_the_probabilities() {
    let grid = Grid::new(-1.0, 1.0, 0.125).unwrap();
    let mut median = PrivateMedian::new(grid, 0.8).unwrap();
    let values = [-0.5, -0.5, 0.1, 0.3, 0.3, 0.9, f64::INFINITY];
    let expected = expanded(&mut median, &values);
    let mut count = vec![0.0; expected.len()];
    let mut rng = secret(3);
    for _ in 0..DRAWS {
        let x = median.release(&values, &mut rng).unwrap();
        count[((x + 1.0) / 0.125).round() as usize] += 1.0;
    }
    for (c, p) in count.iter().zip(expected) {
        // Bernstein, failure 2·17·e⁻²⁰.
        let (n, t) = (DRAWS as f64, 20.0);
        assert!((c - n * p).abs() <= (2.0 * n * p * (1.0 - p) * t).sqrt() + t / 3.0);
    }
}

#[test]
fn a_release_keeps_its_rank_error() {
    let grid = Grid::symmetric(1000, 1e-3).unwrap();
    let mut median = PrivateMedian::new(grid, 1.0).unwrap();
    let failure = 0.05;
    let bound = median.rank_error(failure).unwrap();
    assert!(close(2.0 * bound, 2.0 * 2.0 * (2001.0f64 / 0.05).ln()));
    let mut rng = secret(4);
    let (s, runs) = (200, 4000);
    let mut beyond = 0;
    for _ in 0..runs {
        // Clustered values: what is outside them is most of the grid.
        let values: Vec<f64> = (0..s).map(|_| 0.02 * (uniform(&mut rng) - 0.5)).collect();
        let x = median.release(&values, &mut rng).unwrap();
        let low = values.iter().filter(|v| **v < x - 5e-4).count() as f64;
        let high = values.iter().filter(|v| **v <= x + 5e-4).count() as f64;
        let half = 0.5 * f64::from(s);
        beyond += u32::from((low - half).max(half - high).max(0.0) > bound);
    }
    assert!(f64::from(beyond) <= failure * f64::from(runs));
}

#[test]
fn equal_values_are_their_own_median_on_the_grid_or_off_it() {
    let mut median = PrivateMedian::new(Grid::symmetric(1000, 1e-3).unwrap(), 1.0).unwrap();
    let mut rng = secret(5);
    for at in [0.0, 0.25, 0.25049, -1.0, 7.0, f64::NEG_INFINITY] {
        let x = median.release(&[at; 64], &mut rng).unwrap();
        assert!((x - at.clamp(-1.0, 1.0)).abs() <= 5.1e-4, "{at}: {x}");
    }
}

#[test]
fn nothing_overflows_at_any_epsilon_or_size() {
    let mut rng = secret(6);
    for epsilon in [1e-300, 1e-9, 1e9, 1e300] {
        let grid = Grid::symmetric(1 << 30, 1e-9).unwrap();
        let mut median = PrivateMedian::new(grid, epsilon).unwrap();
        let values: Vec<f64> = (0..1001).map(|i| 1e-3 * f64::from(i) - 0.5).collect();
        let total: f64 = median
            .pieces(&values)
            .unwrap()
            .iter()
            .map(|p| p.probability)
            .sum();
        assert!((total - 1.0).abs() < 1e-12);
        let x = median.release(&values, &mut rng).unwrap();
        assert!(x.abs() <= 1.1);
        if epsilon > 1.0 {
            assert!(x.abs() < 1e-8, "{x}");
        }
    }
}

#[test]
fn bad_input_is_refused_and_draws_nothing() {
    let grid = Grid::symmetric(10, 0.1).unwrap();
    let mut median = PrivateMedian::new(grid, 1.0).unwrap();
    let mut rng = secret(7);
    let nan = median.release(&[0.0, f64::NAN], &mut rng);
    assert!(matches!(nan, Err(Error::NonFinite { index: 1, .. })));
    assert!(matches!(
        median.release(&[], &mut rng),
        Err(Error::Shape { .. })
    ));
    assert_eq!(rng.next_u64(), secret(7).next_u64());
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(PrivateMedian::new(grid, epsilon).is_err());
    }
    for (a, b, step) in [
        (0.0, f64::INFINITY, 1.0),
        (1.0, 0.0, 0.1),
        (0.0, 1.0, 0.0),
        (0.0, 1.0, f64::NAN),
        (0.0, 1.0, 1e-13),
        (1e16, 1e16 + 8.0, 1.0),
        (-f64::MAX, f64::MAX, 1e300),
    ] {
        assert!(Grid::new(a, b, step).is_err(), "{a} {b} {step}");
    }
    for (copies, sample) in [(0, 0), (4, 0), (4, 5)] {
        assert!(Sampler::new(copies, sample).is_err());
        assert!(Charge::sampled(1.0, sample, copies).is_err());
    }
    assert!(median.rank_error(0.0).is_err() && median.rank_error(1.0).is_err());
}

#[test]
fn samples_are_sets_and_all_equally_likely() {
    let mut sampler = Sampler::new(6, 3).unwrap();
    let (mut rng, mut which) = (secret(8), vec![]);
    let mut count = std::collections::HashMap::new();
    for _ in 0..60_000 {
        sampler.draw(&mut rng, &mut which);
        which.sort_unstable();
        assert!(which.windows(2).all(|w| w[0] < w[1]) && which[2] < 6);
        *count.entry(which.clone()).or_insert(0u32) += 1;
    }
    assert_eq!(count.len(), 20);
    // 3000 expected; Bernstein with failure 40·e⁻²⁰.
    assert!(count.values().all(|c| c.abs_diff(3000) < 350));
}

/// Literal values: a change is a breaking change.
#[test]
fn draws_are_stable() {
    let mut median = PrivateMedian::new(Grid::symmetric(1000, 1e-3).unwrap(), 1.0).unwrap();
    let mut sampler = Sampler::new(1000, 4).unwrap();
    let (mut rng, mut which) = (secret(9), vec![]);
    sampler.draw(&mut rng, &mut which);
    let values: Vec<f64> = (0..64).map(|i| f64::from(i) / 100.0).collect();
    let x: Vec<f64> = (0..3)
        .map(|_| median.release(&values, &mut rng).unwrap())
        .collect();
    assert_eq!(
        (which, x),
        (
            vec![540, 729, 514, 265],
            vec![0.29600000000000004, 0.268, 0.33000000000000007]
        )
    );
}
