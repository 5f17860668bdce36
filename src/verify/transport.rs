//! Bounds of transport problems: nearly free, and of the width of the duality gap.
//!
//! *Upper bound.* A plan of numbers has row and column sums that are exact, if not always numbers themselves. It is a coupling of these
//! measures, and its cost, summed without rounding, is an upper bound of their optimum. How far they are from the masses that
//! were stated is bounded as well: masses whose totals differ in the last digit have no coupling at all.
//!
//! *Lower bound.* For any row potentials `φ` let `ψ_j = min_i (C_ij − φ_i)`, rounded down once. Rounding is monotone, so the least of the rounded
//! differences is the rounded least one, and the number below it is not above any `C_ij − φ_i`. Then `φ_i + ψ_j ≤ C_ij` holds exactly, and
//! `⟨μ, φ⟩ + ⟨ν, ψ⟩` is a lower bound for every `μ` and `ν`.

use super::reason::{Bounds, Infeasible, Reason};
use crate::error::{Error, Result, check_shape};
use crate::linalg::error_free::{ExactSum, sum_up};
use crate::transport::kernel::{self, parallel};
use crate::transport::{Cost, Cut, Marginals, Potentials};
use pulp::Arch;

/// What was proved of a transport problem.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TransportBounds {
    /// Bounds of the optimum for the measures that the plan's row and column sums are. The lower one holds for the masses stated as
    /// well.
    pub bounds: Bounds,
    /// An upper bound of the l1 distance between these measures and the masses stated, both sides together; infinite without a plan.
    pub mass_error: f64,
}

/// Proves bounds of the optimal cost of couplings from a plan `(row, column, mass)` and potentials of any quality, such as those of
/// [`ExactSolution`](crate::transport::ExactSolution). Infinite costs are arcs that do not exist.
///
/// ```
/// use dyncvx::transport::{CostFn, ExactSettings, Marginals, exact, unobserved};
/// use dyncvx::verify;
/// let cost = CostFn::new(30, 40, |i, j| (i as f64 / 30.0 - j as f64 / 40.0).powi(2));
/// let marginals = Marginals::uniform(&[30, 40])?;
/// let answer = exact(&cost, &marginals, &ExactSettings::default(), None, &mut unobserved)?;
/// let proved = verify::transport(&cost, &marginals, &answer.plan, &answer.potentials)?;
/// assert!(proved.bounds.relative_width().unwrap() < 1e-14 && proved.mass_error < 1e-14);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for a cost or potentials of another shape, [`Error::OutOfRange`] for an arc of the plan, [`Error::NonFinite`] for a cost that is NaN
/// or `−∞`; [`Error::Unsupported`] for more than two measures.
///
/// # Complexity
/// One pass over the cost.
pub fn transport(
    cost: &dyn Cost,
    marginals: &Marginals,
    plan: &[(usize, usize, f64)],
    potentials: &Potentials,
) -> Result<TransportBounds> {
    let (m, n) = two(marginals)?;
    check_shape("cost", (m, n), cost.shape())?;
    let sides = Sides::new(marginals, plan, potentials)?;
    let phi = sides.row_potentials();
    let arch = Arch::new();
    let columns = parallel::map(n, m * n, |range| {
        let (mut line, mut least) = (vec![0.0; m], Vec::with_capacity(range.len()));
        for j in range {
            cost.fill(j, 0, &mut line);
            let undefined = |c: &f64| c.is_nan() || *c == f64::NEG_INFINITY;
            if let Some(i) = line.iter().position(undefined) {
                return Err(Error::NonFinite {
                    what: "cost",
                    index: i + m * j,
                });
            }
            if let Some(forbidden) = marginals.forbidden() {
                for (c, f) in line.iter_mut().zip(&forbidden[m * j..]) {
                    *c = if *f { f64::INFINITY } else { *c };
                }
            }
            least.push(kernel::min_difference(arch, &line, &phi));
        }
        Ok(least)
    });
    let columns: Result<Vec<Vec<f64>>> = columns.into_iter().collect();
    let entry = |i: usize, j: usize| {
        let mut out = [0.0];
        cost.fill(j, i, &mut out);
        out[0]
    };
    Ok(sides.bounds(&columns?.concat(), &phi, entry))
}

/// The same for couplings that use the given arcs `(row, column, cost)` only; of an arc that is given twice the cheaper counts.
///
/// # Errors
/// Those of [`transport`]; [`Error::OutOfRange`] for an arc.
///
/// # Complexity
/// A sort of the arcs.
pub fn transport_sparse(
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    plan: &[(usize, usize, f64)],
    potentials: &Potentials,
) -> Result<TransportBounds> {
    let (m, n) = two(marginals)?;
    check_arcs(arcs, (m, n))?;
    let undefined = |a: &(usize, usize, f64)| a.2.is_nan() || a.2 == f64::NEG_INFINITY;
    if let Some(index) = arcs.iter().position(undefined) {
        return Err(Error::NonFinite {
            what: "costs of the arcs",
            index,
        });
    }
    let sides = Sides::new(marginals, plan, potentials)?;
    let phi = sides.row_potentials();
    let allowed = |i: usize, j: usize| marginals.forbidden().is_none_or(|f| !f[i + m * j]);
    let mut sorted: Vec<_> = arcs.iter().copied().filter(|a| allowed(a.0, a.1)).collect();
    sorted.sort_unstable_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)).then(a.2.total_cmp(&b.2)));
    let mut least = vec![f64::INFINITY; n];
    for (i, j, cost) in &sorted {
        least[*j] = least[*j].min(cost - phi[*i]);
    }
    let entry = |i: usize, j: usize| {
        let at = sorted.partition_point(|a| (a.1, a.0) < (j, i));
        match sorted.get(at) {
            Some(a) if (a.0, a.1) == (i, j) => a.2,
            _ => f64::INFINITY,
        }
    };
    Ok(sides.bounds(&least, &phi, entry))
}

/// Proves from a violated cut that no coupling lives on the arcs: the cut's rows hold more mass than all columns that they reach,
/// by more than the totals differ.
///
/// # Errors
/// [`Error::OutOfRange`] for arcs or the cut, [`Error::Unsupported`] for more than two measures.
///
/// # Complexity
/// One pass over the arcs.
pub fn transport_cut(
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    cut: &Cut,
) -> Result<Bounds> {
    let (m, n) = two(marginals)?;
    check_arcs(arcs, (m, n))?;
    let mut inside = vec![false; m];
    for i in &cut.rows {
        let found = inside.get_mut(*i).ok_or(Error::OutOfRange {
            what: "row of the cut",
            index: *i,
            bound: m,
        })?;
        *found = true;
    }
    let mut reached = vec![false; n];
    for (i, j, cost) in arcs {
        let open = marginals.forbidden().is_none_or(|f| !f[i + m * j]);
        reached[*j] |= inside[*i] && open && *cost < f64::INFINITY;
    }
    let (mu, nu) = (marginals.masses(0), marginals.masses(1));
    let (mut excess, mut imbalance) = (ExactSum::default(), ExactSum::default());
    for (mass, inside) in mu.iter().zip(&inside) {
        imbalance.add(*mass);
        excess.add(if *inside { *mass } else { 0.0 });
    }
    for (mass, reached) in nu.iter().zip(&reached) {
        imbalance.add(-mass);
        excess.add(if *reached { -mass } else { 0.0 });
    }
    let mut bounds = Bounds {
        why_no_upper: Some(Reason::NoPoint),
        ..Bounds::default()
    };
    if excess.ball().lower() > imbalance.ball().magnitude() {
        bounds.lower = Some(f64::INFINITY);
        bounds.infeasible = Some(Infeasible::Primal);
    } else {
        bounds.why_no_lower = Some(Reason::CertificateValue);
    }
    Ok(bounds)
}

fn two(marginals: &Marginals) -> Result<(usize, usize)> {
    match *marginals.shape() {
        [m, n] => Ok((m, n)),
        _ => Err(Error::Unsupported {
            what: "more than two measures",
            by: "proofs of bounds of transport",
        }),
    }
}

fn check_arcs(arcs: &[(usize, usize, f64)], (m, n): (usize, usize)) -> Result<()> {
    for (i, j, _) in arcs {
        for (what, index, bound) in [("row of an arc", *i, m), ("column of an arc", *j, n)] {
            if index >= bound {
                return Err(Error::OutOfRange { what, index, bound });
            }
        }
    }
    Ok(())
}

/// What is given of rows and columns.
struct Sides<'a> {
    marginals: &'a Marginals,
    plan: &'a [(usize, usize, f64)],
    potentials: &'a Potentials,
    /// Whether a row, a column has mass, as stated or in the plan: others bind no coupling.
    used: [Vec<bool>; 2],
}

impl<'a> Sides<'a> {
    fn new(
        marginals: &'a Marginals,
        plan: &'a [(usize, usize, f64)],
        potentials: &'a Potentials,
    ) -> Result<Self> {
        let (m, n) = two(marginals)?;
        check_arcs(plan, (m, n))?;
        check_shape("row potentials", (m, 1), (potentials.rows.len(), 1))?;
        check_shape("column potentials", (n, 1), (potentials.columns.len(), 1))?;
        let positive = |mode: usize| marginals.masses(mode).iter().map(|v| *v > 0.0).collect();
        let mut used: [Vec<bool>; 2] = [positive(0), positive(1)];
        for (i, j, mass) in plan {
            used[0][*i] |= *mass != 0.0;
            used[1][*j] |= *mass != 0.0;
        }
        Ok(Self {
            marginals,
            plan,
            potentials,
            used,
        })
    }

    /// `φ`, and `−∞` where a row has no mass: its arcs are then never the least. One that is not finite is 0: any number will do.
    fn row_potentials(&self) -> Vec<f64> {
        let one = |(phi, used): (&f64, &bool)| match (*used, phi.is_finite()) {
            (false, _) => f64::NEG_INFINITY,
            (true, true) => *phi,
            (true, false) => 0.0,
        };
        self.potentials
            .rows
            .iter()
            .zip(&self.used[0])
            .map(one)
            .collect()
    }

    /// From the least rounded difference of every column.
    fn bounds(
        &self,
        least: &[f64],
        phi: &[f64],
        cost: impl Fn(usize, usize) -> f64,
    ) -> TransportBounds {
        let psi: Vec<f64> = least.iter().map(|v| v.next_down()).collect();
        let mut bounds = Bounds::default();
        let plan = self.plan_value(cost);
        bounds.set_lower(self.dual_value(phi, &psi, plan.is_ok()));
        let mass_error = if plan.is_ok() {
            self.mass_error()
        } else {
            f64::INFINITY
        };
        bounds.set_upper(plan);
        TransportBounds { bounds, mass_error }
    }

    fn plan_value(&self, cost: impl Fn(usize, usize) -> f64) -> Result<f64, Reason> {
        let (m, mut value) = (self.used[0].len(), ExactSum::default());
        for &(row, column, mass) in self.plan.iter().filter(|a| a.2 != 0.0) {
            let cost = cost(row, column);
            let forbidden = self
                .marginals
                .forbidden()
                .is_some_and(|f| f[row + m * column]);
            if !(mass > 0.0 && cost.is_finite()) || forbidden {
                return Err(Reason::PlanArc { row, column });
            }
            value.add_product(mass, cost);
        }
        let value = value.ball().upper();
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Reason::NotFinite)
        }
    }

    /// The smaller of the dual values for the masses stated and for those of the plan.
    fn dual_value(&self, phi: &[f64], psi: &[f64], with_plan: bool) -> Result<f64, Reason> {
        let isolated = |(used, psi): (&bool, &f64)| *used && *psi >= f64::MAX;
        if let Some(column) = self.used[1].iter().zip(psi).position(isolated) {
            return Err(Reason::IsolatedColumn { column });
        }
        let mut stated = ExactSum::default();
        for (mode, potentials) in [phi, psi].into_iter().enumerate() {
            let pairs = self.marginals.masses(mode).iter().zip(potentials);
            pairs
                .filter(|p| *p.0 > 0.0)
                .for_each(|(m, p)| stated.add_product(*m, *p));
        }
        let mut value = stated.ball().lower();
        if with_plan {
            let mut own = ExactSum::default();
            for &(i, j, mass) in self.plan.iter().filter(|a| a.2 != 0.0) {
                own.add_product(mass, phi[i]);
                own.add_product(mass, psi[j]);
            }
            value = value.min(own.ball().lower());
        }
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Reason::NotFinite)
        }
    }

    /// `Σ│row sum − μ│ + Σ│column sum − ν│`, rounded up.
    fn mass_error(&self) -> f64 {
        let off = |mode: usize| {
            let masses = self.marginals.masses(mode);
            let mut sums = vec![ExactSum::default(); masses.len()];
            masses
                .iter()
                .zip(&mut sums)
                .for_each(|(v, sum)| sum.add(-v));
            for (i, j, mass) in self.plan {
                sums[[*i, *j][mode]].add(*mass);
            }
            sum_up(sums.iter().map(|s| s.ball().magnitude()))
        };
        sum_up([off(0), off(1)])
    }
}
