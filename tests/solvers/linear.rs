//! Linear programs: presolve, conic form and solve, against a simplex method and against their own definitions.

use dyncvx::ipm::{Settings, Status};
use dyncvx::problem::{Limits, LinearCertificate, LinearProgram, LinearSolution, Presolved, Sense};
use dyncvx::projection::Recompute;
use dyncvx::solver::{Engine, LinearOutcome, LinearSolver, solve_with};
use microlp::{ComparisonOp, OptimizationDirection, Problem};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::ops::ControlFlow;

/// Small programs with all that presolve looks for: few entries, small integers, repeated rows, limits of every kind.
#[derive(Debug, Clone)]
struct Random {
    maximise: bool,
    /// Whether rows allow a certain point, and costs a certain dual one.
    feasible: bool,
    bounded: bool,
    constant: i8,
    /// Cost and limits.
    variables: Vec<(i8, Kind)>,
    /// Entries a variable, limits; `Some` repeats the row before, so many times.
    rows: Vec<(Vec<i8>, Kind, Option<i8>)>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Free,
    AtLeast(i8),
    AtMost(i8),
    Between(i8, u8),
    Fixed(i8),
}

impl Kind {
    /// Limits, counted from `centre`.
    fn limits(self, centre: f64) -> Limits {
        let f = |v: i8| centre + f64::from(v);
        match self {
            Kind::Free => Limits::FREE,
            Kind::AtLeast(l) => Limits::at_least(f(l)).unwrap(),
            Kind::AtMost(u) => Limits::at_most(f(u)).unwrap(),
            Kind::Between(l, w) => Limits::new(f(l), f(l) + f64::from(w) + 1.0).unwrap(),
            Kind::Fixed(v) => Limits::fixed(f(v)).unwrap(),
        }
    }

    /// The same kind of limits, with 0 within.
    fn around_zero(self) -> Self {
        match self {
            Kind::Free => Kind::Free,
            Kind::AtLeast(l) => Kind::AtLeast(-l.abs()),
            Kind::AtMost(u) => Kind::AtMost(u.abs()),
            Kind::Between(l, w) => Kind::Between(-l.abs(), w + l.unsigned_abs()),
            Kind::Fixed(_) => Kind::Fixed(0),
        }
    }

    /// A multiplier that such limits allow, when minimising.
    fn multiplier(self, v: i8) -> f64 {
        match self {
            Kind::Free => 0.0,
            Kind::AtLeast(_) => f64::from(v).abs(),
            Kind::AtMost(_) => -f64::from(v).abs(),
            Kind::Between(..) | Kind::Fixed(_) => f64::from(v),
        }
    }
}

fn small(g: &mut Gen, most: i8) -> i8 {
    i8::arbitrary(g).rem_euclid(2 * most + 1) - most
}

impl Arbitrary for Kind {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 8 {
            0 => Kind::Free,
            1..=3 => Kind::AtLeast(small(g, 3)),
            4 | 5 => Kind::AtMost(small(g, 4) + 3),
            6 => Kind::Between(small(g, 3), u8::arbitrary(g) % 6),
            _ => Kind::Fixed(small(g, 3)),
        }
    }
}

impl Arbitrary for Random {
    fn arbitrary(g: &mut Gen) -> Self {
        let n = 1 + usize::arbitrary(g) % 9;
        let variables = (0..n).map(|_| (small(g, 4), Kind::arbitrary(g))).collect();
        let rows = (0..usize::arbitrary(g) % 9).map(|_| {
            let dense = 2 + u8::arbitrary(g) % 4;
            let entry = |g: &mut Gen| {
                if u8::arbitrary(g) % dense == 0 {
                    small(g, 3)
                } else {
                    0
                }
            };
            let entries = (0..n).map(|_| entry(g)).collect();
            let again = (u8::arbitrary(g) % 6 == 0).then(|| small(g, 3));
            (entries, Kind::arbitrary(g), again)
        });
        let rows = rows.collect();
        Self {
            maximise: bool::arbitrary(g),
            feasible: u8::arbitrary(g) % 8 > 0,
            bounded: u8::arbitrary(g) % 8 > 0,
            constant: small(g, 9),
            variables,
            rows,
        }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        Box::new((0..self.rows.len()).map(move |k| {
            let mut less = whole.clone();
            less.rows.remove(k);
            less
        }))
    }
}

impl Random {
    fn program(&self) -> LinearProgram {
        let sense = if self.maximise {
            Sense::Maximise
        } else {
            Sense::Minimise
        };
        let sign = if self.maximise { -1.0 } else { 1.0 };
        let limits: Vec<Limits> = self.variables.iter().map(|v| v.1.limits(0.0)).collect();
        let point: Vec<f64> = limits
            .iter()
            .map(|l| 0f64.max(l.lower()).min(l.upper()))
            .collect();
        let mut costs: Vec<f64> = self.variables.iter().map(|v| f64::from(v.0)).collect();
        if self.bounded {
            for (cost, (v, kind)) in costs.iter_mut().zip(&self.variables) {
                *cost = kind.multiplier(*v);
            }
        }
        let (mut rows, mut last) = (vec![], vec![]);
        for (k, (entries, kind, again)) in self.rows.iter().enumerate() {
            match again.map(f64::from).filter(|&r| r != 0.0) {
                Some(r) => last.iter_mut().for_each(|e: &mut (usize, f64)| e.1 *= r),
                None => {
                    let entries = entries.iter().map(|&v| f64::from(v)).enumerate();
                    last = entries.filter(|e| e.1 != 0.0).collect();
                }
            }
            let (mut kind, mut centre) = (*kind, 0.0);
            if self.feasible {
                kind = kind.around_zero();
                centre = last.iter().map(|e| e.1 * point[e.0]).sum();
            }
            if self.bounded {
                let dual = kind.multiplier((k % 3) as i8);
                last.iter().for_each(|&(j, v)| costs[j] += dual * v);
            }
            rows.push((kind.limits(centre), last.clone()));
        }
        let mut p = LinearProgram::new(sense);
        p.set_constant(f64::from(self.constant)).unwrap();
        for (limits, cost) in limits.into_iter().zip(costs) {
            p.add_variable("", sign * cost, limits).unwrap();
        }
        for (limits, entries) in rows {
            p.add_row("", limits, &entries).unwrap();
        }
        p
    }
}

/// The optimum by a simplex method; `Err(true)` when the program is infeasible, `Err(false)` when it is unbounded.
fn oracle(p: &LinearProgram) -> Result<f64, bool> {
    let mut problem = Problem::new(match p.sense() {
        Sense::Minimise => OptimizationDirection::Minimize,
        Sense::Maximise => OptimizationDirection::Maximize,
    });
    let limits = p.variables().iter().zip(p.costs());
    let x: Vec<_> = limits
        .map(|(l, &c)| problem.add_var(c, (l.lower(), l.upper())))
        .collect();
    for (i, limits) in p.rows().iter().enumerate() {
        let row: Vec<_> = p.row(i).map(|(j, v)| (x[j], v)).collect();
        if row.is_empty() && limits.violation(0.0) > 0.0 {
            return Err(true);
        }
        if row.is_empty() {
            continue;
        }
        if limits.lower().is_finite() {
            problem.add_constraint(&row, ComparisonOp::Ge, limits.lower());
        }
        if limits.upper().is_finite() {
            problem.add_constraint(&row, ComparisonOp::Le, limits.upper());
        }
    }
    match problem.solve() {
        Ok(found) => Ok(found.into_solution().unwrap().objective() + p.constant()),
        Err(microlp::Error::Infeasible) => Err(true),
        Err(microlp::Error::Unbounded) => Err(false),
        Err(other) => panic!("{other}"),
    }
}

fn solve(p: &LinearProgram) -> dyncvx::Result<LinearOutcome> {
    let engine: Engine = Box::new(|a| Ok(Box::new(Recompute::new(a.clone()).unwrap())));
    LinearSolver::with_engine(p.clone(), Settings::default(), engine)?
        .solve(&mut |_| ControlFlow::Continue(()))
}

/// Checks a proof by its definition, in sums of its own.
fn proves(p: &LinearProgram, proof: &LinearCertificate) -> bool {
    const TOL: f64 = 1e-7;
    let sign = if p.sense() == Sense::Minimise {
        1.0
    } else {
        -1.0
    };
    match proof {
        LinearCertificate::RowLimits { row } => p.rows()[*row].is_empty(),
        LinearCertificate::VariableLimits { variable } => p.variables()[*variable].is_empty(),
        LinearCertificate::Primal { y, .. } => {
            let mut z = vec![0.0; p.variables().len()];
            for (i, y) in y.iter().enumerate() {
                p.row(i).for_each(|(j, v)| z[j] -= y * v);
            }
            let all = p.rows().iter().zip(y).chain(p.variables().iter().zip(&z));
            let terms = all.map(|(l, &v)| match v {
                v if v > TOL => v * l.lower(),
                v if v < -TOL => v * l.upper(),
                _ => 0.0,
            });
            (terms.sum::<f64>() - 1.0).abs() < 1e-5
        }
        LinearCertificate::Dual { x, .. } => {
            let gain: f64 = p.costs().iter().zip(x).map(|(c, x)| -sign * c * x).sum();
            let away = |l: &Limits, v: f64| {
                (v > -TOL || l.lower() == f64::NEG_INFINITY)
                    && (v < TOL || l.upper() == f64::INFINITY)
            };
            let activities = p.activities(x).unwrap();
            let mut all = p
                .rows()
                .iter()
                .zip(&activities)
                .chain(p.variables().iter().zip(x));
            (gain - 1.0).abs() < 1e-9 && all.all(|(l, &v)| away(l, v))
        }
        _ => false,
    }
}

/// What is answered is what the simplex method says, and the point or proof checks out in the stated program.
#[test]
fn answers_are_those_of_a_simplex_method() {
    fn law(random: Random) -> bool {
        let p = random.program();
        let Ok(found) = solve(&p) else { return true };
        match found.status {
            Status::Solved => {
                let value = oracle(&p).unwrap();
                let close = |v: f64| (v - value).abs() <= 1e-6 * value.abs().max(1.0);
                let point = &found.point;
                let errors = p
                    .errors(&point.x, &point.row_duals, &point.reduced_costs)
                    .unwrap();
                close(found.primal_objective)
                    && close(found.dual_objective)
                    && errors.iter().all(|e| e.abs() <= 1e-8)
            }
            Status::PrimalInfeasible => {
                oracle(&p) == Err(true) && proves(&p, &found.certificate.unwrap())
            }
            Status::DualInfeasible => {
                oracle(&p).is_err() && proves(&p, &found.certificate.unwrap())
            }
            _ => true,
        }
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(30, 7))
        .tests(4000)
        .quickcheck(law as fn(Random) -> bool);
}

/// The law above says nothing of what is not answered: that is little. Presolve, too, has something to do.
#[test]
fn most_are_answered_and_all_kinds_occur() {
    let mut g = Gen::from_size_and_seed(30, 7);
    let (mut answered, mut kinds, mut reduced) = (0, [0; 3], [0; 3]);
    const ALL: usize = 1000;
    for _ in 0..ALL {
        let p = Random::arbitrary(&mut g).program();
        match p.presolve().unwrap() {
            Presolved::Infeasible(_) => reduced[0] += 1,
            Presolved::Reduced(r) if r.program().variables().is_empty() => reduced[1] += 1,
            Presolved::Reduced(_) => reduced[2] += 1,
        }
        match solve(&p).map(|f| f.status) {
            Ok(Status::Solved) => kinds[0] += 1,
            Ok(Status::PrimalInfeasible) => kinds[1] += 1,
            Ok(Status::DualInfeasible) => kinds[2] += 1,
            _ => continue,
        }
        answered += 1;
    }
    assert!(answered > ALL * 9 / 10, "{answered} of {ALL}");
    assert!(
        kinds.iter().chain(&reduced).all(|&k| k > 50),
        "{kinds:?} {reduced:?}"
    );
}

/// Whatever point is restored: the objective is that of the reduced program, the reduced costs are `c − Aᵀy`, and the dual
/// objective is that of the reduced program.
#[test]
fn restoring_keeps_objectives_and_reduced_costs() {
    fn law(random: Random, numbers: Vec<i8>) -> bool {
        let p = random.program();
        let Presolved::Reduced(reduced) = p.presolve().unwrap() else {
            return true;
        };
        let r = reduced.program();
        let number = |k: usize| numbers.get(k).map_or(0.5, |v| f64::from(*v) / 16.0);
        let x: Vec<f64> = (0..r.variables().len()).map(number).collect();
        let sign = if p.sense() == Sense::Minimise {
            1.0
        } else {
            -1.0
        };
        // Duals of a sign for which the row has a limit.
        let dual = |(k, l): (usize, &Limits)| {
            let y = number(k + 3);
            let held = if sign * y > 0.0 { l.lower() } else { l.upper() };
            if held.is_finite() { y } else { 0.0 }
        };
        let y: Vec<f64> = r.rows().iter().enumerate().map(dual).collect();
        let z = r.reduced_costs(&y).unwrap();
        // Reduced costs that ask for a limit that is missing would be passed on to rows.
        let held = |(l, z): (&Limits, &f64)| {
            let held = if sign * z > 0.0 { l.lower() } else { l.upper() };
            held.is_finite() || z.abs() < 1e-12
        };
        let dual_feasible = r.variables().iter().zip(&z).all(held);
        let (primal, dual) = (r.objective(&x).unwrap(), r.dual_objective(&y, &z).unwrap());
        let point = LinearSolution {
            activities: r.activities(&x).unwrap(),
            x,
            row_duals: y,
            reduced_costs: z,
        };
        let full = reduced.restore(&point).unwrap();
        let (y, z) = (&full.row_duals, &full.reduced_costs);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs() + b.abs());
        let errors = p.errors(&full.x, y, z).unwrap();
        close(p.objective(&full.x).unwrap(), primal)
            && errors[2] <= 1e-10
            && (!dual_feasible || close(p.dual_objective(y, z).unwrap(), dual))
            && (!dual_feasible || errors[3] <= 1e-10)
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(30, 11))
        .tests(6000)
        .quickcheck(law as fn(Random, Vec<i8>) -> bool);
}

/// The conic form without presolve means the same program.
#[test]
fn the_conic_form_means_the_same() {
    fn law(random: Random) -> bool {
        let p = random.program();
        let Ok(value) = oracle(&p) else { return true };
        let form = p.conic().unwrap();
        let mut engine = Recompute::new(form.conic().constraints().clone()).unwrap();
        let found = solve_with(
            form.conic(),
            &mut engine,
            &Settings::default(),
            None,
            &mut |_| ControlFlow::Continue(()),
        );
        let Ok(found) = found else { return true };
        if found.status != Status::Solved || form.conic().constraints().ambient() == 0 {
            return true;
        }
        let point = form.recover(&found.x, &found.y, &found.s).unwrap();
        let errors = p
            .errors(&point.x, &point.row_duals, &point.reduced_costs)
            .unwrap();
        let close = |v: f64| (v - value).abs() <= 1e-6 * value.abs().max(1.0);
        close(form.objective(found.primal_objective))
            && close(form.objective(found.dual_objective))
            && close(p.objective(&point.x).unwrap())
            && errors.iter().all(|e| e.abs() <= 1e-6)
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(30, 5))
        .tests(2000)
        .quickcheck(law as fn(Random) -> bool);
}
