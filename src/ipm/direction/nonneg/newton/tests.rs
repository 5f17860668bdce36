use super::*;
use crate::constraints::{Block, Constraints};
use crate::ipm::cone::Interior;
use crate::ipm::cone::Storage;
use crate::projection::Direct;
use crate::random::unit;
use quickcheck::{Arbitrary, Gen, QuickCheck};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// A point with its residuals, wherever they come from: the equations of a direction hold at all of them.
#[derive(Debug, Clone)]
struct At {
    a: Constraints,
    x: Vec<f64>,
    s: Vec<f64>,
    primal: Vec<f64>,
    dual: Vec<f64>,
}

impl Arbitrary for At {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(u64::arbitrary(g));
        let m = 1 + usize::arbitrary(g) % 6;
        let n = m + 1 + usize::arbitrary(g) % 8;
        let mut a = Constraints::builder(m, &[Block::Nonneg(n)]).unwrap();
        for i in 0..m {
            // A unit part keeps the rows independent.
            a.entry(i, 0, i, i, 3.0).unwrap();
            for k in m..n {
                a.entry(i, 0, k, k, 2.0 * unit(&mut rng) - 1.0).unwrap();
            }
        }
        let mut some = |len: usize, least: f64| {
            (0..len)
                .map(|_| least + (1.0 - least) * unit(&mut rng))
                .collect()
        };
        Self {
            a: a.build().unwrap(),
            x: some(n, 0.01),
            s: some(n, 0.01),
            primal: some(m, -1.0),
            dual: some(n, -1.0),
        }
    }
}

impl At {
    fn with<T>(&self, see: impl FnOnce(&System<'_>, &mut Newton, &mut Direct) -> T) -> T {
        let space = Storage::flat(self.a.blocks());
        let interior = |v: &[f64]| Interior::new(&space, v).unwrap();
        let system = System {
            a: &self.a,
            b: &self.primal,
            scale_b: 1.0,
            scale_c: 1.0,
            x: &self.x,
            s: &self.s,
            primal_storage: &space,
            dual_storage: &space,
            interiors: (&interior(&self.x), &interior(&self.s)),
            primal: &self.primal,
            dual: &self.dual,
            dual_feasible: false,
            mu: dot(&self.x, &self.s) / self.x.len() as f64,
            target: 1e-13,
            inexact: 1e-13,
        };
        let mut newton = Newton::new(SplitPairs::default());
        let mut projection = Direct::new(self.a.clone()).unwrap();
        newton.move_to(&system).unwrap();
        projection.update(&newton.weight(&system)).unwrap();
        see(&system, &mut newton, &mut projection)
    }

    /// Largest error of the three equations with complementarity `r`.
    fn error(&self, d: &Direction, r: impl Fn(usize) -> f64) -> f64 {
        let mut rows = vec![0.0; self.a.len()];
        self.a.apply(&d.dx, &mut rows).unwrap();
        let mut columns = vec![0.0; self.x.len()];
        self.a.adjoint(&d.dy, &mut columns).unwrap();
        let primal = rows.iter().zip(&self.primal).map(|(v, r)| (v - r).abs());
        let dual = (0..self.x.len()).map(|k| (columns[k] + d.ds[k] - self.dual[k]).abs());
        let product = |k: usize| (self.s[k] * d.dx[k] + self.x[k] * d.ds[k] - r(k)).abs();
        let all = primal.chain(dual).chain((0..self.x.len()).map(product));
        all.fold(0.0, f64::max)
    }

    fn size(&self, d: &Direction) -> f64 {
        1.0 + norm(&d.dx) + norm(&d.ds) + norm(&d.dy)
    }
}

fn check(law: fn(At) -> bool) {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(20, 7))
        .tests(200)
        .quickcheck(law);
}

#[test]
fn the_affine_direction_solves_the_newton_equations() {
    check(|at| {
        let d = at.with(|system, newton, projection| newton.affine(system, projection).unwrap());
        at.error(&d, |k| -at.x[k] * at.s[k]) <= 1e-11 * at.size(&d)
    });
}

#[test]
fn corrections_leave_the_linear_equations_solved() {
    check(|at| {
        let d = at.with(|system, newton, projection| {
            let affine = newton.affine(system, projection).unwrap();
            newton
                .corrected(system, projection, affine, 0.1 * system.mu)
                .unwrap()
        });
        // Primal and dual parts are weighted apart, so complementarity has no one right-hand side.
        let own = |k: usize| at.s[k] * d.dx[k] + at.x[k] * d.ds[k];
        at.error(&d, own) <= 1e-11 * at.size(&d)
    });
}

#[test]
fn a_blend_steps_as_far_as_either_of_its_extremes() {
    check(|at| {
        at.with(|system, newton, projection| {
            let affine = newton.affine(system, projection).unwrap();
            let r = vec![0.1 * system.mu; system.x.len()];
            let more = newton.solve(system, projection, &r, None).unwrap();
            [0.0, 0.5, 1.0].iter().all(|&least| {
                let mut d = affine.clone();
                Newton::blend(system, &mut d, &more, least);
                [least, 1.0].iter().all(|&weight| {
                    let primal = longest_sum(system.x, &affine.dx, &more.dx, weight).min(1.0);
                    let dual = longest_sum(system.s, &affine.ds, &more.ds, weight).min(1.0);
                    d.longest.0.min(1.0) >= primal * (1.0 - 1e-12)
                        && d.longest.1.min(1.0) >= dual * (1.0 - 1e-12)
                })
            })
        })
    });
}

#[test]
fn steps_end_inside_and_nine_tenths_of_the_way_at_least() {
    check(|at| {
        at.with(|system, newton, projection| {
            let affine = newton.affine(system, projection).unwrap();
            let d = newton
                .corrected(system, projection, affine, 0.1 * system.mu)
                .unwrap();
            let (ap, ad) = newton.steps(system, &d, f64::NAN);
            let inside = |v: &[f64], dv: &[f64], step: f64| {
                v.iter().zip(dv).all(|(v, d)| v + step * d > 0.0)
            };
            let far = |step: f64, longest: f64| (0.9 * longest.min(1.0)..=1.0).contains(&step);
            inside(system.x, &d.dx, ap)
                && inside(system.s, &d.ds, ad)
                && far(ap, d.longest.0)
                && far(ad, d.longest.1)
        })
    });
}

/// A row that leaves its variables nothing but zero, near the end: only rounding is left of its residual.
#[test]
fn multipliers_of_variables_that_can_only_be_zero_take_short_steps() {
    let mut a = Constraints::builder(2, &[Block::Nonneg(4)]).unwrap();
    for (i, k) in [(0, 0), (0, 1), (1, 1), (1, 2), (1, 3)] {
        a.entry(i, 0, k, k, 1.0 + k as f64).unwrap();
    }
    let at = At {
        a: a.build().unwrap(),
        x: vec![1e-14, 1e-15, 1.0, 2.0],
        s: vec![1e12, 1e13, 1e-9, 1e-9],
        primal: vec![1e-16, 1e-10],
        dual: vec![0.0; 4],
    };
    let d = at.with(|system, newton, projection| newton.affine(system, projection).unwrap());
    assert!(d.dy[0].abs() < 0.1, "{:e}", d.dy[0]);
    assert_eq!(d.residual, 0.0);
    assert!(at.error(&d, |k| -at.x[k] * at.s[k]) < 1e-12);
}
