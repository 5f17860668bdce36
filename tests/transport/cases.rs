//! Costs and masses of any spread: cases that were once wrong, and random ones of their kinds against brute force.

use dyncvx::transport::{
    CostFn, Distance, ExactSettings, ExactSolution, Marginals, PointClouds, Status, exact,
    exact_sparse, unobserved,
};
use dyncvx::verify;
use faer::Mat;
use quickcheck::{Arbitrary, Gen, QuickCheck};

fn numbers(name: &str) -> Vec<Vec<f64>> {
    let path = format!("{}/tests/data/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let line = |l: &str| {
        l.split([',', ' '])
            .map(|v| v.trim().parse().unwrap())
            .collect()
    };
    text.lines()
        .filter(|l| !l.trim().is_empty())
        .map(line)
        .collect()
}

fn solve(cost: &[Vec<f64>], mu: &[f64], nu: &[f64]) -> ExactSolution {
    let cost = CostFn::new(mu.len(), nu.len(), |i, j| cost[i][j]);
    let marginals = Marginals::new(mu, nu).unwrap();
    let settings = ExactSettings::default();
    let answer = exact(&cost, &marginals, &settings, None, &mut unobserved).unwrap();
    let proved = verify::transport(&cost, &marginals, &answer.plan, &answer.potentials).unwrap();
    let (lower, upper) = (proved.bounds.lower.unwrap(), proved.bounds.upper.unwrap());
    let room = 1e-9 * (1.0 + answer.objective.abs());
    assert!(lower <= answer.objective + room && answer.objective <= upper + room);
    answer
}

#[test]
fn every_case_has_its_value_and_a_bound_below() {
    let expected = [
        ("ot_forbid_1e20", 17.0 / 3.0),
        ("ot_forbid_1e13", 2.6),
        ("ot_bound_1e12", 11.0 / 6.0),
        ("ot_persistence_1e32", 860.58575),
        ("ot_mass_float32", 0.6),
        ("ot_block_10_digits", 7.0 / 3.0),
        ("p_ot_block_ulp", 2.6),
    ];
    for (name, value) in expected {
        let flat = |side: &str| numbers(&format!("{name}.{side}.csv")).concat();
        let answer = solve(
            &numbers(&format!("{name}.cost.csv")),
            &flat("mu"),
            &flat("nu"),
        );
        assert_eq!(answer.status, Status::Solved, "{name}");
        let near = 1e-7 * (1.0 + value);
        assert!(
            (answer.objective - value).abs() < near,
            "{name}: {}",
            answer.objective
        );
        let bound = answer.lower_bound;
        assert!(
            bound <= value + near && bound >= value - near,
            "{name}: {bound}"
        );
    }
}

#[test]
fn a_far_coordinate_leaves_the_bound_below_the_value() {
    let points = |name: &str| {
        let lines = numbers(name);
        Mat::from_fn(lines[0].len(), lines.len(), |c, k| lines[k][c])
    };
    let (x, y) = (
        points("ot_points_l1_bound.x.csv"),
        points("ot_points_l1_bound.y.csv"),
    );
    let cost = PointClouds::with_distance(x.as_ref(), y.as_ref(), 1.0, Distance::L1).unwrap();
    let marginals = Marginals::uniform(&[x.ncols(), y.ncols()]).unwrap();
    let settings = ExactSettings::default();
    let answer = exact(&cost, &marginals, &settings, None, &mut unobserved).unwrap();
    assert_eq!(answer.status, Status::Solved);
    assert!((answer.objective - 2.0428571).abs() < 1e-6);
    assert!(answer.lower_bound <= answer.objective * (1.0 + 1e-12));
}

#[test]
fn distances_that_overflow_are_refused() {
    let x = Mat::from_fn(1, 2, |_, k| if k == 0 { 0.0 } else { 1e200 });
    let far = PointClouds::new(x.as_ref(), Mat::zeros(1, 2).as_ref(), 1.0);
    assert!(far.unwrap_err().to_string().contains("overflow"));
    let near = PointClouds::with_distance(x.as_ref(), Mat::zeros(1, 2).as_ref(), 1.0, Distance::L1);
    assert!(near.is_ok());
}

#[test]
fn settings_of_any_size_are_taken_or_refused() {
    let mut settings = ExactSettings::default();
    settings.arcs = usize::MAX;
    let marginals = Marginals::uniform(&[4, 5]).unwrap();
    let cost = CostFn::new(4, 5, |i, j| (i * j) as f64);
    let answer = exact(&cost, &marginals, &settings, None, &mut unobserved).unwrap();
    assert_eq!(answer.status, Status::Solved);
    let arcs: Vec<_> = (0..20).map(|k| (k % 4, k / 4, k as f64)).collect();
    let answer = exact_sparse(&arcs, &marginals, &settings, None, &mut unobserved).unwrap();
    assert_eq!(answer.status, Status::Solved);
    settings.mass_tolerance = f64::NAN;
    assert!(settings.validate().is_err());
    // Five clouds of 1000 points have 1e15 tuples.
    let cloud = Mat::<f64>::zeros(2, 1000);
    let clouds = [cloud.as_ref(); 5];
    assert!(dyncvx::transport::barycentre_cost(&clouds, &[0.2; 5]).is_err());
}

/// A cost on `n` points either side: small numbers, some of which are replaced by a large one.
#[derive(Debug, Clone)]
struct Wide {
    cost: Vec<Vec<f64>>,
    large: f64,
}

impl Arbitrary for Wide {
    fn arbitrary(g: &mut Gen) -> Self {
        let n = 2 + usize::arbitrary(g) % 4;
        let mut share = || f64::from(u16::arbitrary(g)) / 65535.0;
        let large = 10f64.powf(6.0 + 26.0 * share());
        let often = 0.6 * share();
        let mut entry = || {
            let small = (100.0 * share()).round() / 10.0;
            if share() < often { large } else { small }
        };
        let cost = (0..n).map(|_| (0..n).map(|_| entry()).collect()).collect();
        Self { cost, large }
    }
}

/// The least cost of an assignment, the number of large entries first.
fn brute_force(case: &Wide) -> (usize, f64) {
    fn best(case: &Wide, row: usize, free: &mut Vec<bool>) -> (usize, f64) {
        if row == free.len() {
            return (0, 0.0);
        }
        let mut least = (usize::MAX, f64::INFINITY);
        for j in 0..free.len() {
            if !free[j] {
                continue;
            }
            free[j] = false;
            let (large, sum) = best(case, row + 1, free);
            free[j] = true;
            let c = case.cost[row][j];
            let found = if c == case.large {
                (large + 1, sum)
            } else {
                (large, sum + c)
            };
            if found.0 < least.0 || found.0 == least.0 && found.1 < least.1 {
                least = found;
            }
        }
        least
    }
    best(case, 0, &mut vec![true; case.cost.len()])
}

#[test]
fn large_entries_never_spoil_a_plan_that_avoids_them() {
    fn law(case: Wide) -> bool {
        let n = case.cost.len();
        let masses = vec![1.0; n];
        let answer = solve(&case.cost, &masses, &masses);
        let (large, value) = brute_force(&case);
        if large > 0 {
            // The large entries that must be paid are the value.
            let paid = large as f64 * case.large;
            return answer.status == Status::Solved
                && (answer.objective - paid).abs() <= 1e-3 * paid.max(50.0);
        }
        answer.status == Status::Solved
            && (answer.objective - value).abs() <= 1e-8 * (1.0 + value)
            && answer.lower_bound <= answer.objective + 1e-9 * (1.0 + value)
    }
    QuickCheck::new()
        .tests(400)
        .quickcheck(law as fn(Wide) -> bool);
}

/// Masses that span many orders of magnitude leave nothing out.
#[test]
fn masses_of_any_spread_are_moved() {
    fn law(seed: u16, spread: u8) -> bool {
        let mut r = crate::exact::stream(u64::from(seed) + 1);
        let spread = 14.0 * f64::from(spread) / 255.0;
        let n = 4;
        let mut side = || -> Vec<f64> { (0..n).map(|_| 10f64.powf(-spread * r())).collect() };
        let (mut mu, mut nu) = (side(), side());
        for v in [&mut mu, &mut nu] {
            let total: f64 = v.iter().sum();
            v.iter_mut().for_each(|x| *x /= total);
        }
        let cost: Vec<Vec<f64>> = (0..n)
            .map(|i| (0..n).map(|j| (i as f64 - j as f64).powi(2)).collect())
            .collect();
        solve(&cost, &mu, &nu).status == Status::Solved
    }
    QuickCheck::new()
        .tests(200)
        .quickcheck(law as fn(u16, u8) -> bool);
}

/// Blocks whose masses were rounded to seven digits are no infeasibility; blocks that differ by more are.
#[test]
fn blocks_agree_to_the_tolerance() {
    for (off, expected) in [(3e-8, Status::Solved), (1e-3, Status::PrimalInfeasible)] {
        let inf = f64::INFINITY;
        let cost = CostFn::new(2, 2, |i, j| if i == j { 1.0 } else { inf });
        let marginals = Marginals::new(&[0.5, 0.5], &[0.5 + off, 0.5 - off]).unwrap();
        let settings = ExactSettings::default();
        let answer = exact(&cost, &marginals, &settings, None, &mut unobserved).unwrap();
        assert_eq!(answer.status, expected);
        assert_eq!(answer.rescaled > 0.0, expected == Status::Solved);
    }
}

/// Lines without mass that hold nothing but large entries, and negative costs beside them.
#[test]
fn idle_lines_and_negative_costs_keep_the_value() {
    for large in [1e8, 1e14, 1e20, 1e30] {
        let cost = [
            vec![-1.0, 2.0, large],
            vec![3.0, -2.5, 0.0],
            vec![large, large, large],
        ];
        let answer = solve(&cost, &[1.0, 1.0, 0.0], &[1.0, 1.0, 0.0]);
        assert_eq!(answer.status, Status::Solved, "{large:e}");
        assert!(
            (answer.objective + 3.5).abs() < 1e-9,
            "{large:e}: {}",
            answer.objective
        );
        assert!(
            (answer.lower_bound + 3.5).abs() < 1e-9,
            "{large:e}: {}",
            answer.lower_bound
        );
    }
}
