//! Transport problems against all their spanning trees, in exact arithmetic.

use crate::common::{normal, rng, uniform};
use crate::exact::{Number, choices, exact, solve, zero};
use dyncvx::transport::{
    CostFn, ExactSettings, Marginals, Status, exact as exact_transport, exact_sparse, unobserved,
};
use dyncvx::verify;
use rand_chacha::ChaCha20Rng;

/// The optimal cost of couplings of two measures of equal total, over all bases.
pub fn optimum(mu: &[Number], nu: &[Number], cost: &[f64]) -> Number {
    let (m, n) = (mu.len(), nu.len());
    let mut least: Option<Number> = None;
    for arcs in choices(m * n, m + n - 1) {
        // One equation is left out: the totals agree.
        let equation = |k: usize| -> Vec<Number> {
            let hit = |a: &usize| if k < m { a % m == k } else { a / m == k - m };
            arcs.iter()
                .map(|a| exact(f64::from(u8::from(hit(a)))))
                .collect()
        };
        let rhs = mu.iter().chain(nu).take(m + n - 1).cloned().collect();
        let Some(flow) = solve((0..m + n - 1).map(equation).collect(), rhs) else {
            continue;
        };
        if flow.iter().all(|f| *f >= zero()) {
            let value: Number = arcs
                .iter()
                .zip(&flow)
                .map(|(a, f)| exact(cost[*a]) * f)
                .sum();
            least = Some(least.map_or(value.clone(), |l| l.min(value)));
        }
    }
    least.unwrap()
}

fn sums(plan: &[(usize, usize, f64)], m: usize, n: usize) -> (Vec<Number>, Vec<Number>) {
    let (mut mu, mut nu) = (vec![zero(); m], vec![zero(); n]);
    for (i, j, v) in plan {
        mu[*i] += exact(*v);
        nu[*j] += exact(*v);
    }
    (mu, nu)
}

pub fn masses(count: usize, rng: &mut ChaCha20Rng) -> Vec<f64> {
    let raw: Vec<f64> = (0..count).map(|_| 0.01 + uniform(rng)).collect();
    let total: f64 = raw.iter().sum();
    raw.iter().map(|v| v / total).collect()
}

#[test]
fn bounds_bracket_the_best_tree() {
    let mut rng = rng(31);
    let mut narrow = 0;
    for trial in 0..1200 {
        let (m, n) = (
            1 + (uniform(&mut rng) * 3.0) as usize,
            1 + (uniform(&mut rng) * 3.0) as usize,
        );
        let wide = [0.0, 8.0, 16.0][trial % 3];
        let cost: Vec<f64> = (0..m * n)
            .map(|_| normal(&mut rng) * 10f64.powf(wide * (uniform(&mut rng) - 0.5)))
            .collect();
        let (mu, nu) = (masses(m, &mut rng), masses(n, &mut rng));
        let marginals = Marginals::new(&mu, &nu).unwrap();
        let entries = CostFn::new(m, n, |i, j| cost[i + m * j]);
        let found = exact_transport(
            &entries,
            &marginals,
            &ExactSettings::default(),
            None,
            &mut unobserved,
        )
        .unwrap();
        let arcs: Vec<_> = (0..m * n).map(|a| (a % m, a / m, cost[a])).collect();
        for by in [0.0, 1e-15, 1e-6, 1.0] {
            let mut potentials = found.potentials.clone();
            potentials
                .rows
                .iter_mut()
                .chain(&mut potentials.columns)
                .for_each(|v| *v += by * normal(&mut rng));
            // A plan that is off is a plan for other masses.
            let mut plan = found.plan.clone();
            plan.iter_mut()
                .for_each(|a| a.2 *= 1.0 + by * uniform(&mut rng));
            if by == 1.0 {
                plan.push((0, n - 1, 0.25));
            }
            let (mu, nu) = sums(&plan, m, n);
            let truth = optimum(&mu, &nu, &cost);
            let dense = verify::transport(&entries, &marginals, &plan, &potentials).unwrap();
            let sparse = verify::transport_sparse(&arcs, &marginals, &plan, &potentials).unwrap();
            assert_eq!(dense, sparse);
            let (lower, upper) = (dense.bounds.lower.unwrap(), dense.bounds.upper.unwrap());
            assert!(
                exact(lower) <= truth && truth <= exact(upper),
                "trial {trial}, {by:e}"
            );
            // How far the plan's measures are from those stated.
            let off = |a: &[Number], b: &[f64]| -> Number {
                let each = a.iter().zip(b).map(|(a, b)| a - exact(*b));
                each.map(|d| if d < zero() { -d } else { d }).sum()
            };
            let error = off(&mu, marginals.masses(0)) + off(&nu, marginals.masses(1));
            assert!(error <= exact(dense.mass_error), "trial {trial}");
            let rounding = error * exact(1.0 + 1e-6) + exact(1e-25);
            assert!(exact(dense.mass_error) <= rounding, "trial {trial}");
            narrow += usize::from(by == 0.0 && upper - lower <= 1e-12 * upper.abs().max(1e-300));
        }
    }
    println!("{narrow} of 1200 with a width below 1e-12");
    assert!(narrow > 900, "{narrow}");
}

/// Masses that balance exactly: then the lower bound is one for the masses stated.
#[test]
fn lower_bounds_hold_for_the_masses_stated() {
    let mut rng = rng(32);
    for trial in 0..400 {
        let cost: Vec<f64> = (0..9).map(|_| uniform(&mut rng)).collect();
        let mut whole = |count: usize| -> Vec<f64> {
            (0..count)
                .map(|_| (uniform(&mut rng) * 64.0).floor() + 1.0)
                .collect()
        };
        let (mut mu, mut nu) = (whole(3), whole(3));
        let (a, b) = (mu.iter().sum::<f64>(), nu.iter().sum::<f64>());
        (mu[0], nu[0]) = (mu[0] + b, nu[0] + a);
        let marginals = Marginals::new(&mu, &nu).unwrap();
        let entries = CostFn::new(3, 3, |i, j| cost[i + 3 * j]);
        let found = exact_transport(
            &entries,
            &marginals,
            &ExactSettings::default(),
            None,
            &mut unobserved,
        )
        .unwrap();
        assert_eq!(found.status, Status::Solved);
        let proved =
            verify::transport(&entries, &marginals, &found.plan, &found.potentials).unwrap();
        let each = |v: &[f64]| -> Vec<Number> { v.iter().map(|v| exact(*v)).collect() };
        let truth = optimum(&each(&mu), &each(&nu), &cost);
        assert!(
            exact(proved.bounds.lower.unwrap()) <= truth,
            "trial {trial}"
        );
    }
}

#[test]
fn forbidden_arcs_and_cuts_are_honoured() {
    let marginals = Marginals::new(&[0.5, 0.5], &[0.25, 0.75]).unwrap();
    let arcs = [(0, 0, 1.0), (0, 1, 2.0), (1, 1, 0.5)];
    let settings = ExactSettings::default();
    let found = exact_sparse(&arcs, &marginals, &settings, None, &mut unobserved).unwrap();
    let proved =
        verify::transport_sparse(&arcs, &marginals, &found.plan, &found.potentials).unwrap();
    // A lower bound is one number below what it could be: differences are rounded down whatever they were.
    assert_eq!(proved.bounds.upper, Some(1.0));
    assert!(
        proved
            .bounds
            .lower
            .is_some_and(|l| l <= 1.0 && l > 1.0 - 1e-15)
    );
    // Mass on an arc that does not exist proves nothing.
    let plan = [(1, 0, 0.25), (0, 1, 0.5), (1, 1, 0.25)];
    let proved = verify::transport_sparse(&arcs, &marginals, &plan, &found.potentials).unwrap();
    assert_eq!(proved.bounds.upper, None);
    assert_eq!(
        proved.bounds.why_no_upper,
        Some(verify::Reason::PlanArc { row: 1, column: 0 })
    );
    let found = exact_sparse(&arcs[..2], &marginals, &settings, None, &mut unobserved).unwrap();
    let cut = found.cut.unwrap();
    let bounds = verify::transport_cut(&arcs[..2], &marginals, &cut).unwrap();
    assert_eq!(bounds.infeasible, Some(verify::Infeasible::Primal));
    assert_eq!(
        verify::transport_cut(&arcs, &marginals, &cut)
            .unwrap()
            .infeasible,
        None
    );
}
