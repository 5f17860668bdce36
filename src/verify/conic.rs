//! Bounds of conic programs[^JCK07].
//!
//! [^JCK07]: Jansson, Chaykin, Keil. *Rigorous error bounds for the optimal value in semidefinite programming.* SIAM J. Numer. Anal. 46, 2007.

use super::closer::Closer;
use super::cone;
use super::enclosure::{Gram, Rows};
use super::reason::{Bounds, Infeasible, Reason};
use super::smallest_share;
use super::symmetric::slack;
use crate::constraints::{Block, Constraints};
use crate::error::{Error, Result, check_shape};
use crate::ipm::{Certificate, Solution, Start};
use crate::linalg::error_free::{Ball, ExactSum, add_up, dot, mul_up, norm_up, power_of_two};
use crate::linalg::verified_cholesky;
use crate::problem::ConicProgram;
use faer::MatRef;

/// Weights of the enclosure: of a coordinate by its own size, but not below this share of the largest one of its block.
const FLOORS: [f64; 2] = [1e-3, 1.0];

/// How far the slack is moved towards the identity, in multiples of its distance from the cone.
const LIFTS: [f64; 3] = [2.0, 32.0, 1024.0];

/// What helps [`conic_with`] to prove bounds where the point alone does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aids<'a> {
    /// A point well inside both cones, such as an iterate ten steps before the last.
    pub interior: Option<&'a Start>,
    /// Of every block an upper bound of the trace (of the sum) of some optimal `X`, infinite where none is known. Empty for none at all.
    pub traces: &'a [f64],
}

/// Proves bounds of the optimum, or infeasibility, from what a solver returned.
///
/// An infeasibility is proved from the solution's certificate, bounds from its point. Where the point is too near the boundary
/// of the cone for a proof, [`conic_with`] can be given an interior point.
///
/// ```
/// use dyncvx::{Solver, constraints::{Block, Constraints}, ipm::Settings, problem::ConicProgram, verify};
/// use std::ops::ControlFlow;
/// # fn main() -> dyncvx::Result<()> {
/// // The smallest eigenvalue of [0 1; 1 0].
/// let blocks = [Block::Psd(2)];
/// let (mut a, mut c) = (Constraints::builder(1, &blocks)?, Constraints::builder(1, &blocks)?);
/// a.entry(0, 0, 0, 0, 1.0)?.entry(0, 0, 1, 1, 1.0)?;
/// c.entry(0, 0, 0, 1, 1.0)?;
/// let program = ConicProgram::new(a.build()?, vec![1.0], c.build()?)?;
/// let found = Solver::new(program.clone(), Settings::default())?.solve(&mut |_| ControlFlow::Continue(()))?;
/// let bounds = verify::conic(&program, &found)?;
/// assert!(bounds.lower.unwrap() <= -1.0 && -1.0 <= bounds.upper.unwrap());
/// assert!(bounds.relative_width().unwrap() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`] when the solution is of another program.
///
/// # Complexity
/// A factorisation per matrix block on either side and two of the Gram matrix `A Aᵀ`, and as many for every mixture that has to be tried.
pub fn conic(program: &ConicProgram, found: &Solution) -> Result<Bounds> {
    conic_with(program, found, &Aids::default())
}

/// The same with what else is known.
///
/// # Errors
/// [`Error::Shape`] for the solution, the interior point or the traces.
///
/// # Complexity
/// That of [`conic`].
pub fn conic_with(program: &ConicProgram, found: &Solution, aids: &Aids<'_>) -> Result<Bounds> {
    let a = program.constraints();
    check_point(a, &found.x, &found.y)?;
    if let Some(interior) = aids.interior {
        check_point(a, &interior.x, &interior.y)?;
    }
    if !aids.traces.is_empty() {
        check_shape(
            "bounds of traces",
            (a.blocks().len(), 1),
            (aids.traces.len(), 1),
        )?;
    }
    let mut bounds = Bounds::default();
    match &found.certificate {
        Some(Certificate::Primal { y, .. }) => {
            check_shape("y of the certificate", (a.len(), 1), (y.len(), 1))?;
            bounds.why_no_upper = Some(Reason::NoPoint);
            bounds.set_lower(primal_infeasible(program, y).map(|()| f64::INFINITY));
            bounds.infeasible = bounds.lower.map(|_| Infeasible::Primal);
        }
        Some(Certificate::Dual { x, .. }) => {
            check_shape("x of the certificate", (a.ambient(), 1), (x.len(), 1))?;
            bounds.why_no_lower = Some(Reason::NoPoint);
            match dual_infeasible(program, x) {
                Ok(()) => {
                    bounds.infeasible = Some(Infeasible::Dual);
                    bounds.why_no_upper = Some(Reason::NoPoint);
                }
                Err(why) => bounds.why_no_upper = Some(why),
            }
        }
        // A chain of faces is exact up to rounding: a theorem would need exact kernels.
        Some(_) => {
            bounds.why_no_lower = Some(Reason::NoPoint);
            bounds.why_no_upper = Some(Reason::NoPoint);
        }
        None => {
            bounds.set_lower(lower(program, &found.y, aids));
            bounds.set_upper(upper(program, &found.x, aids));
        }
    }
    Ok(bounds)
}

fn check_point(a: &Constraints, x: &[f64], y: &[f64]) -> Result<(), Error> {
    check_shape("x", (a.ambient(), 1), (x.len(), 1))?;
    check_shape("y", (a.len(), 1), (y.len(), 1))
}

/// `u + share (v − u)`.
pub(super) fn mixture(u: &[f64], v: &[f64], share: f64) -> Vec<f64> {
    u.iter()
        .zip(v)
        .map(|(u, v)| {
            if share == 1.0 {
                *v
            } else {
                u + share * (v - u)
            }
        })
        .collect()
}

/// A lower bound from multipliers, moved until their slack is proved in the cone.
fn lower(program: &ConicProgram, y: &[f64], aids: &Aids<'_>) -> Result<f64, Reason> {
    if y.iter().any(|v| !v.is_finite()) {
        return Err(Reason::NotFinite);
    }
    let direct = lower_at(program, y, &[]);
    let Err(first) = direct else {
        return direct;
    };
    // The trace of an optimal point pays for what the slack lacks.
    if !aids.traces.is_empty()
        && let Ok(value) = lower_at(program, y, aids.traces)
    {
        return Ok(value);
    }
    if let Some(value) = lifted(program, y) {
        return Ok(value);
    }
    let Some(interior) = aids.interior else {
        return Err(first);
    };
    smallest_share(|share| lower_at(program, &mixture(y, &interior.y, share), &[]))
}

/// `bᵀy` less `δ_j τ_j` for every block whose slack lacks `δ_j`.
fn lower_at(program: &ConicProgram, y: &[f64], traces: &[f64]) -> Result<f64, Reason> {
    let a = program.constraints();
    let slack = slack(a, Some(program.cost()), y);
    let mut value = ExactSum::default();
    program
        .rhs()
        .iter()
        .zip(y)
        .for_each(|(b, y)| value.add_product(*b, *y));
    if traces.is_empty() {
        cone::prove(a.blocks(), &slack)
            .map_err(|(block, index)| Reason::SlackOutsideCone { block, index })?;
    } else {
        for (block, (entries, trace)) in slack.blocks.iter().zip(traces).enumerate() {
            if cone::prove_block(a.blocks()[block], entries).is_ok() {
                continue;
            }
            let outside = Reason::SlackOutsideCone { block, index: 0 };
            if !(trace.is_finite() && *trace >= 0.0) {
                return Err(outside);
            }
            let distance = cone::distance(a.blocks()[block], entries).ok_or(outside)?;
            value.add(-mul_up(distance, *trace));
        }
    }
    finite(value.ball().lower())
}

fn finite(value: f64) -> Result<f64, Reason> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Reason::NotFinite)
    }
}

/// The slack moved along a direction whose `−Aᵀd` is as near the identity as can be, by some multiples of what it lacks. Where every
/// feasible point has the same trace, or a trace that the rows bound, this is all that is needed.
fn lifted(program: &ConicProgram, y: &[f64]) -> Option<f64> {
    let (d, lacks) = lift(program.constraints(), Some(program.cost()), y)?;
    let moved = |times: &f64| -> Vec<f64> {
        y.iter()
            .zip(&d)
            .map(|(y, d)| y + times * lacks * d)
            .collect()
    };
    LIFTS
        .iter()
        .find_map(|times| lower_at(program, &moved(times), &[]).ok())
}

/// Least-squares multipliers `d` of `−Aᵀd ≈ I`, and how far the slack is from the cone; `None` where `−Aᵀd` is not definite itself.
fn lift(a: &Constraints, c: Option<&Constraints>, y: &[f64]) -> Option<(Vec<f64>, f64)> {
    let mut gram = Gram::new(&rows(a, &Metric::plain(a))).ok()?;
    let mut identity = vec![0.0; a.ambient()];
    for (b, block) in a.blocks().iter().enumerate() {
        let part = &mut identity[a.range(b)];
        match *block {
            Block::Nonneg(_) => part.fill(1.0),
            Block::Psd(n) => (0..n).for_each(|k| part[k + k * n] = 1.0),
        }
    }
    let mut target = vec![0.0; a.len()];
    a.apply(&identity, &mut target).ok()?;
    target.iter_mut().for_each(|v| *v = -*v);
    let d = gram.multipliers(&target);
    cone::prove(a.blocks(), &slack(a, None, &d)).ok()?;
    let slack = slack(a, c, y);
    let mut lacks = 0.0f64;
    for (block, entries) in a.blocks().iter().zip(&slack.blocks) {
        lacks = lacks.max(cone::distance(*block, entries)?);
    }
    Some((d, lacks))
}

/// The infeasibility that a certificate proves in exact arithmetic, whatever was measured of it.
///
/// # Errors
/// [`Error::Shape`] for a certificate of another program.
///
/// # Complexity
/// That of [`conic`].
pub(crate) fn infeasible(
    program: &ConicProgram,
    certificate: &Certificate,
) -> Result<Option<Infeasible>> {
    let a = program.constraints();
    let (proved, side) = match certificate {
        Certificate::Primal { y, .. } => {
            check_shape("y of the certificate", (a.len(), 1), (y.len(), 1))?;
            (primal_infeasible(program, y), Infeasible::Primal)
        }
        Certificate::Dual { x, .. } => {
            check_shape("x of the certificate", (a.ambient(), 1), (x.len(), 1))?;
            (dual_infeasible(program, x), Infeasible::Dual)
        }
        // A chain of faces is exact up to rounding.
        _ => return Ok(None),
    };
    Ok(proved.is_ok().then_some(side))
}

/// Proves that no `x` is feasible.
fn primal_infeasible(program: &ConicProgram, y: &[f64]) -> Result<(), Reason> {
    if y.iter().any(|v| !v.is_finite()) {
        return Err(Reason::NotFinite);
    }
    let a = program.constraints();
    let holds = |y: &[f64]| {
        if !(dot(program.rhs(), y).lower() > 0.0) {
            return Err(Reason::CertificateValue);
        }
        cone::prove(a.blocks(), &slack(a, None, y))
            .map_err(|(block, index)| Reason::SlackOutsideCone { block, index })
    };
    let direct = holds(y);
    if direct.is_err()
        && let Some((d, lacks)) = lift(a, None, y)
    {
        for times in LIFTS {
            let moved: Vec<f64> = y
                .iter()
                .zip(&d)
                .map(|(y, d)| y + times * lacks * d)
                .collect();
            if holds(&moved).is_ok() {
                return Ok(());
            }
        }
    }
    direct
}

/// Proves that no `y` is feasible: `A x = 0` exactly, `x` in the cone, `⟨c, x⟩ < 0`.
fn dual_infeasible(program: &ConicProgram, x: &[f64]) -> Result<(), Reason> {
    let zeros = vec![0.0; program.rhs().len()];
    let mut ray = Primal::new(program, &zeros, x)?;
    let mut value = ray.value(x);
    if let (Err(Reason::PointOutsideCone { .. }), Some(closer)) = (&value, ray.closer(x)) {
        value = ray.value(&closer);
    }
    if value? < 0.0 {
        Ok(())
    } else {
        Err(Reason::CertificateValue)
    }
}

/// An upper bound from a point, moved until the exact solution near it is proved in the cone.
fn upper(program: &ConicProgram, x: &[f64], aids: &Aids<'_>) -> Result<f64, Reason> {
    let mut primal = Primal::new(program, program.rhs(), x)?;
    let direct = primal.value(x);
    // Rows are no more independent elsewhere: only what is outside the cone can be helped.
    let Err(Reason::PointOutsideCone { .. }) = direct else {
        return direct;
    };
    let closer = primal.closer(x);
    let mut last = direct;
    if let Some(closer) = &closer {
        last = primal.value(closer);
    }
    let (Err(_), Some(interior)) = (&last, aids.interior) else {
        return last;
    };
    let inner = primal.closer(&interior.x);
    let (x, inner) = (
        closer.as_deref().unwrap_or(x),
        inner.as_deref().unwrap_or(&interior.x),
    );
    smallest_share(|share| primal.value(&mixture(x, inner, share)))
}

/// What proves upper bounds for `A x = b`, and is made once for all points that are tried.
struct Primal<'a> {
    a: &'a Constraints,
    b: &'a [f64],
    c: &'a Constraints,
    program: &'a ConicProgram,
    /// By the floors of [`FLOORS`]; made when they are needed.
    enclosures: Vec<Result<(Metric, Gram), Reason>>,
    closer: Option<Closer>,
    /// The first point, whose size the metrics go by.
    first: Vec<f64>,
}

impl<'a> Primal<'a> {
    fn new(program: &'a ConicProgram, b: &'a [f64], x: &[f64]) -> Result<Self, Reason> {
        if x.iter().any(|v| !v.is_finite()) {
            return Err(Reason::NotFinite);
        }
        Ok(Self {
            a: program.constraints(),
            b,
            c: program.cost(),
            program,
            enclosures: vec![],
            closer: None,
            first: x.to_vec(),
        })
    }

    /// A point with a smaller residual that is still in the cone, where one was found.
    fn closer(&mut self, x: &[f64]) -> Option<Vec<f64>> {
        if self.closer.is_none() {
            self.closer = Closer::new(self.program).ok();
        }
        self.closer.as_mut()?.closer(self.b, x)
    }

    /// Proves that some `x*` near `x` has `A x* = b` and is in the cone; an upper bound of `⟨c, x*⟩`.
    fn value(&mut self, x: &[f64]) -> Result<f64, Reason> {
        let (a, b) = (self.a, self.b);
        if x.iter().any(|v| !v.is_finite()) {
            return Err(Reason::NotFinite);
        }
        if residuals(a, b, x).iter().all(|r| r.is_zero()) {
            // The point itself, and no enclosure.
            in_cone(a, x, &Metric::plain(a), 0.0)?;
            return value_within(a, self.c, x, &Metric::plain(a), 0.0);
        }
        let mut last = Reason::NoPoint;
        for (k, floor) in FLOORS.into_iter().enumerate() {
            if self.enclosures.len() == k {
                let metric = Metric::of(a, &self.first, floor);
                let gram = Gram::new(&rows(a, &metric));
                self.enclosures.push(gram.map(|gram| (metric, gram)));
            }
            let (metric, gram) = match &mut self.enclosures[k] {
                Ok(made) => (&made.0, &mut made.1),
                Err(why) => {
                    last = *why;
                    continue;
                }
            };
            let mut point = x.to_vec();
            let left = gram.correct(
                &mut point,
                |x| residuals(a, b, x),
                |x, z| shift(a, metric, z, x),
            );
            let radius = gram.radius(&left);
            match in_cone(a, &point, metric, radius) {
                Ok(()) => return value_within(a, self.c, &point, metric, radius),
                Err(why) => last = why,
            }
        }
        Err(last)
    }
}

/// Weights of the coordinates of a flat vector: `D X D` for a matrix block, `w` for a nonnegative one. Powers of two.
struct Metric {
    /// Of every row of a matrix block `D_k²`, of every nonnegative number `w_k`.
    weights: Vec<Vec<f64>>,
}

impl Metric {
    fn plain(a: &Constraints) -> Self {
        Self {
            weights: a.blocks().iter().map(|b| vec![1.0; b.order()]).collect(),
        }
    }

    /// By the size of the entries of a point.
    fn of(a: &Constraints, x: &[f64], floor: f64) -> Self {
        let sizes = |b: usize| -> Vec<f64> {
            let part = &x[a.range(b)];
            match a.blocks()[b] {
                Block::Nonneg(_) => part.to_vec(),
                Block::Psd(n) => (0..n).map(|k| part[k + k * n]).collect(),
            }
        };
        let sizes: Vec<Vec<f64>> = (0..a.blocks().len()).map(sizes).collect();
        let largest = |v: &[f64]| v.iter().copied().fold(0.0, f64::max);
        let overall = sizes.iter().map(|v| largest(v)).fold(0.0, f64::max);
        let overall = if overall > 0.0 { overall } else { 1.0 };
        let weights = sizes.iter().zip(a.blocks()).map(|(sizes, block)| {
            let least = floor * largest(sizes).max(floor * overall);
            let weight = |v: &f64| match block {
                Block::Nonneg(_) => power_of_two(v.max(least)),
                // An even power, so that its root is a power of two as well.
                Block::Psd(_) => power_of_two(v.max(least).sqrt()).powi(2),
            };
            sizes.iter().map(weight).collect()
        });
        Self {
            weights: weights.collect(),
        }
    }

    /// Square of a coordinate's weight.
    fn square(&self, block: Block, b: usize, row: usize, col: usize) -> f64 {
        let w = &self.weights[b];
        match block {
            Block::Nonneg(_) => w[row] * w[row],
            Block::Psd(_) => w[row] * w[col],
        }
    }
}

/// The rows `A` over the coordinates that they touch.
fn rows(a: &Constraints, metric: &Metric) -> Rows {
    let mut positions: Vec<usize> = a
        .entries()
        .map(|(_, b, r, c, _)| flat(a, b, r, c))
        .collect();
    positions.sort_unstable();
    positions.dedup();
    let mut squares = vec![0.0; positions.len()];
    let mut entries = vec![vec![]; a.len()];
    for (i, b, row, col, v) in a.entries() {
        let Ok(k) = positions.binary_search(&flat(a, b, row, col)) else {
            continue;
        };
        let times = if row == col { 1.0 } else { 2.0 };
        squares[k] = times * metric.square(a.blocks()[b], b, row, col);
        entries[i].push((k as u32, v));
    }
    Rows {
        entries,
        squares,
        slacks: vec![0.0; a.len()],
    }
}

fn flat(a: &Constraints, block: usize, row: usize, col: usize) -> usize {
    let first = a.range(block).start;
    match a.blocks()[block] {
        Block::Nonneg(_) => first + row,
        // Of the lower triangle.
        Block::Psd(n) => first + col + row * n,
    }
}

/// `b − A x`, for the symmetric matrices that the lower triangles of `x` stand for.
fn residuals(a: &Constraints, b: &[f64], x: &[f64]) -> Vec<Ball> {
    let mut sums = vec![ExactSum::default(); a.len()];
    b.iter().zip(&mut sums).for_each(|(b, sum)| sum.add(*b));
    for (i, block, row, col, v) in a.entries() {
        let times = if row == col { -1.0 } else { -2.0 };
        sums[i].add_product(times * v, x[flat(a, block, row, col)]);
    }
    sums.iter().map(ExactSum::ball).collect()
}

/// Moves the lower triangles of `x` by the weighted `Aᵀz`.
fn shift(a: &Constraints, metric: &Metric, z: &[f64], x: &mut [f64]) {
    for (i, block, row, col, v) in a.entries() {
        let square = metric.square(a.blocks()[block], block, row, col);
        x[flat(a, block, row, col)] += square * v * z[i];
    }
}

/// Proves that all points within `radius` of `x` in a metric are in the cone: `X − radius D²` is semidefinite.
fn in_cone(a: &Constraints, x: &[f64], metric: &Metric, radius: f64) -> Result<(), Reason> {
    if !radius.is_finite() {
        return Err(Reason::NotFinite);
    }
    for (b, block) in a.blocks().iter().enumerate() {
        let part = &x[a.range(b)];
        let shifts: Vec<f64> = metric.weights[b]
            .iter()
            .map(|w| mul_up(radius, *w))
            .collect();
        let outside = |index: usize| Reason::PointOutsideCone { block: b, index };
        match *block {
            Block::Nonneg(_) => {
                let out = part.iter().zip(&shifts).position(|(x, s)| !(x >= s));
                out.map_or(Ok(()), |index| Err(outside(index)))?;
            }
            Block::Psd(n) if radius == 0.0 => {
                let entry = |i: usize, j: usize| (i as u32, j as u32, Ball::exact(part[j + i * n]));
                let all = (0..n).flat_map(|j| (0..=j).map(move |i| entry(i, j)));
                let all: Vec<_> = all.filter(|e| e.2.mid != 0.0).collect();
                cone::prove_block(*block, &all).map_err(outside)?;
            }
            Block::Psd(n) => {
                let mut m = MatRef::from_column_major_slice(part, n, n).to_owned();
                verified_cholesky::prove(m.as_mut(), &shifts).map_err(outside)?;
            }
        }
    }
    Ok(())
}

/// An upper bound of `⟨c, ·⟩` over all points within `radius` of `x`.
fn value_within(
    a: &Constraints,
    c: &Constraints,
    x: &[f64],
    metric: &Metric,
    radius: f64,
) -> Result<f64, Reason> {
    let mut value = ExactSum::default();
    let mut weighted = Vec::with_capacity(c.nonzeros());
    for (_, b, row, col, v) in c.entries() {
        let times = if row == col { 1.0 } else { 2.0 };
        value.add_product(times * v, x[flat(a, b, row, col)]);
        // An entry off the diagonal counts twice, so its weight is √2 times as large; 1.5 bounds that.
        let root = metric.square(a.blocks()[b], b, row, col).sqrt();
        let times = if row == col { 1.0 } else { 1.5 };
        weighted.push(mul_up(mul_up(v.abs(), times), root));
    }
    finite(add_up(
        value.ball().upper(),
        mul_up(radius, norm_up(&weighted)),
    ))
}
