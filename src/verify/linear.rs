//! Bounds of linear programs in their stated form[^NS04].
//!
//! With `y` any multipliers of the rows and `z = c − Aᵀy` exactly, every feasible `x` with activities `w = A x` has
//!
//! ```text
//! cᵀx = yᵀw + zᵀx ≥ Σ_i inf { y_i w : l_i ≤ w ≤ u_i } + Σ_j inf { z_j x : l_j ≤ x ≤ u_j }                        (3)
//! ```
//!
//! A term is finite unless its multiplier asks for a limit that is missing. Then limits that the rows imply take its place, or a
//! mixture with interior multipliers is tried. Free variables ask for `z_j = 0` exactly: `y` is enclosed as a solution of those equations.
//!
//! [^NS04]: Neumaier, Shcherbina. *Safe bounds in linear and mixed-integer linear programming.* Math. Programming 99, 2004.

mod implied;
mod primal;
mod stated;

use super::conic::mixture;
use super::enclosure::{Gram, Rows};
use super::reason::{Bounds, Infeasible, Reason};
use super::smallest_share;
use crate::error::{Result, check_shape};
use crate::linalg::error_free::{Ball, ExactSum, mul_up, power_of_two};
use crate::problem::{LinearCertificate, LinearProgram, LinearSolution, Sense};
use stated::{Range, Stated};

/// A multiplier smaller than this share of the largest one counts as such in the weights of the enclosure.
const FLOOR: f64 = 1e-3;

/// Proves bounds of the optimum from a point of any quality. The constant of the objective is included; where the objective is
/// maximised, the bounds are those of the maximum.
///
/// `interior` is a point further from the limits than the solution, such as an earlier iterate; it is needed where the optimum has
/// variables without limits whose reduced costs vanish, or rows that hold with equality throughout.
///
/// ```
/// use dyncvx::problem::{LinearProgram, LinearSolution, Limits, Sense};
/// use dyncvx::verify;
/// # fn main() -> dyncvx::Result<()> {
/// let mut program = LinearProgram::new(Sense::Maximise);
/// let x = program.add_variable("x", 3.0, Limits::NONNEGATIVE)?;
/// let y = program.add_variable("y", 2.0, Limits::NONNEGATIVE)?;
/// program.add_row("a", Limits::at_most(4.0)?, &[(x, 1.0), (y, 1.0)])?;
/// program.add_row("b", Limits::at_most(6.0)?, &[(x, 3.0), (y, 1.0)])?;
/// // The optimum is 9 at (1, 3), with duals 1.5 and 0.5; of it some digits.
/// let point = LinearSolution { x: vec![0.9999, 2.9999], row_duals: vec![1.5001, 0.5001], ..Default::default() };
/// let bounds = verify::linear(&program, &point, None)?;
/// assert!(bounds.lower.unwrap() <= 9.0 && 9.0 <= bounds.upper.unwrap());
/// assert!(bounds.relative_width().unwrap() < 1e-3);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for values or row duals that are not those of this program.
///
/// # Complexity
/// Some passes over the nonzeros, and two factorisations of the Gram matrix of the rows.
pub fn linear(
    program: &LinearProgram,
    point: &LinearSolution,
    interior: Option<&LinearSolution>,
) -> Result<Bounds> {
    for point in [Some(point), interior].into_iter().flatten() {
        check_shape("values", (program.variables().len(), 1), (point.x.len(), 1))?;
        let duals = (point.row_duals.len(), 1);
        check_shape("row duals", (program.rows().len(), 1), duals)?;
    }
    let stated = Stated::new(program);
    let turned = |y: &[f64]| -> Vec<f64> { y.iter().map(|v| stated.sign * v).collect() };
    let y = turned(&point.row_duals);
    let inner_y = interior.map(|p| turned(&p.row_duals));
    let lower = lower(&stated, &y, inner_y.as_deref());
    let upper = primal::upper(&stated, &point.x, interior.map(|p| &p.x[..]));
    let mut bounds = Bounds::default();
    match program.sense() {
        Sense::Minimise => {
            bounds.set_lower(lower);
            bounds.set_upper(upper);
        }
        Sense::Maximise => {
            bounds.set_lower(upper.map(|v| -v));
            bounds.set_upper(lower.map(|v| -v));
        }
    }
    Ok(bounds)
}

/// Proves a certificate of infeasibility. Where nothing is feasible the optimum is `∞` (`−∞` when maximising), and the bound on that side is
/// said to be so.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for a certificate of another program.
///
/// # Complexity
/// That of [`linear`].
pub fn linear_certificate(
    program: &LinearProgram,
    certificate: &LinearCertificate,
) -> Result<Bounds> {
    let (rows, variables) = (program.rows(), program.variables());
    let mut bounds = Bounds {
        why_no_upper: Some(Reason::NoPoint),
        ..Bounds::default()
    };
    bounds.why_no_lower = Some(Reason::NoPoint);
    let proved = match certificate {
        LinearCertificate::Primal { y, .. } => {
            check_shape("row multipliers", (rows.len(), 1), (y.len(), 1))?;
            contradiction(&Stated::new(program), y).map(|()| Infeasible::Primal)
        }
        LinearCertificate::RowLimits { row } => match rows.get(*row) {
            Some(l) if l.is_empty() => Ok(Infeasible::Primal),
            _ => Err(Reason::RowLimits { row: *row }),
        },
        LinearCertificate::VariableLimits { variable } => match variables.get(*variable) {
            Some(l) if l.is_empty() => Ok(Infeasible::Primal),
            _ => Err(Reason::VariableLimits {
                variable: *variable,
            }),
        },
        LinearCertificate::Dual { x, .. } => {
            check_shape("direction", (variables.len(), 1), (x.len(), 1))?;
            primal::ray(&Stated::new(program), x).map(|()| Infeasible::Dual)
        }
    };
    match (proved, program.sense()) {
        (Ok(Infeasible::Primal), Sense::Minimise) => bounds.set_lower(Ok(f64::INFINITY)),
        (Ok(Infeasible::Primal), Sense::Maximise) => bounds.set_upper(Ok(f64::NEG_INFINITY)),
        (Ok(_), _) => {}
        (Err(why), _) => (bounds.why_no_lower, bounds.why_no_upper) = (Some(why), Some(why)),
    }
    if bounds.lower.is_some() {
        bounds.why_no_lower = None;
    }
    if bounds.upper.is_some() {
        bounds.why_no_upper = None;
    }
    bounds.infeasible = proved.ok();
    Ok(bounds)
}

/// A lower bound of the minimum.
fn lower(stated: &Stated, y: &[f64], interior: Option<&[f64]>) -> Result<f64, Reason> {
    let direct = lower_at(stated, y);
    let (Err(_), Some(interior)) = (&direct, interior) else {
        return direct;
    };
    smallest_share(|share| lower_at(stated, &mixture(y, interior, share)))
}

/// Proves that nothing is feasible: with no cost at all the minimum is above 0.
fn contradiction(stated: &Stated, y: &[f64]) -> Result<(), Reason> {
    let mut stated = stated.clone();
    stated.costs.fill(0.0);
    stated.constant = 0.0;
    if lower_at(&stated, y)? > 0.0 {
        Ok(())
    } else {
        Err(Reason::CertificateValue)
    }
}

/// The right-hand side of (3).
fn lower_at(stated: &Stated, y: &[f64]) -> Result<f64, Reason> {
    if y.iter().any(|v| !v.is_finite()) {
        return Err(Reason::NotFinite);
    }
    let y = free_columns(stated, y)?;
    let mut value = ExactSum::default();
    value.add(stated.constant);
    for (row, (range, y)) in stated.rows.iter().zip(&y).enumerate() {
        add_infimum(&mut value, *y, *range).map_err(|()| Reason::RowLimits { row })?;
    }
    let mut implied = None;
    for (variable, range) in stated.variables.iter().enumerate() {
        if range.is_free() {
            // Zero by construction.
            continue;
        }
        let z = stated.reduced_cost(variable, &y);
        if add_infimum(&mut value, z, *range).is_ok() {
            continue;
        }
        let implied = implied.get_or_insert_with(|| implied::ranges(stated));
        add_infimum(&mut value, z, implied[variable])
            .map_err(|()| Reason::UnlimitedVariable { variable })?;
    }
    let value = value.ball().lower();
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Reason::NotFinite)
    }
}

/// Adds a lower bound of `inf { z x }` over a ball of multipliers `z` and a range of `x`; `Err` where there is none, and then nothing was
/// added.
fn add_infimum(value: &mut ExactSum, z: Ball, range: Range) -> Result<(), ()> {
    if !z.rad.is_finite() {
        return Err(());
    }
    if z.is_zero() {
        return Ok(());
    }
    let (needs_lower, needs_upper) = (z.upper() > 0.0, z.lower() < 0.0);
    if needs_lower && range.lower == f64::NEG_INFINITY
        || needs_upper && range.upper == f64::INFINITY
    {
        return Err(());
    }
    match (needs_lower, needs_upper) {
        (true, false) => value.add_ball_product(range.lower, z),
        (false, true) => value.add_ball_product(range.upper, z),
        (false, false) => {}
        // Of either sign: the least of the products of the ends.
        (true, true) => {
            let down = |z: f64, x: f64| -mul_up(-z, x);
            let ends = [(z.lower(), range.upper), (z.upper(), range.lower)];
            let inner = [(z.lower(), range.lower), (z.upper(), range.upper)];
            let products = ends.into_iter().chain(inner).map(|(z, x)| down(z, x));
            value.add(products.fold(0.0, f64::min));
        }
    }
    Ok(())
}

/// Multipliers, those taken to zero that ask for a limit which is missing, and enclosed so that the reduced costs of free variables
/// vanish exactly.
fn free_columns(stated: &Stated, y: &[f64]) -> Result<Vec<Ball>, Reason> {
    let kept = |(range, y): (&Range, &f64)| {
        let missing = (*y > 0.0 && range.lower == f64::NEG_INFINITY)
            || (*y < 0.0 && range.upper == f64::INFINITY);
        if missing { 0.0 } else { *y }
    };
    let mut y: Vec<f64> = stated.rows.iter().zip(y).map(kept).collect();
    let free: Vec<usize> = (0..stated.variables.len())
        .filter(|&j| stated.variables[j].is_free())
        .collect();
    let residuals = |y: &Vec<f64>| -> Vec<Ball> {
        let exact: Vec<Ball> = y.iter().map(|v| Ball::exact(*v)).collect();
        free.iter()
            .map(|&j| stated.reduced_cost(j, &exact))
            .collect()
    };
    if residuals(&y).iter().all(|r| r.is_zero()) {
        return Ok(y.into_iter().map(Ball::exact).collect());
    }
    let largest = y.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let least = if largest > 0.0 { FLOOR * largest } else { 1.0 };
    // A multiplier that may have one sign alone must not move further than to 0.
    let weight = |(range, y): (&Range, &f64)| match (range.lower, range.upper) {
        (f64::NEG_INFINITY, f64::INFINITY) => 0.0,
        (f64::NEG_INFINITY, _) | (_, f64::INFINITY) if *y == 0.0 => 0.0,
        (f64::NEG_INFINITY, _) | (_, f64::INFINITY) => power_of_two(y.abs()),
        _ => power_of_two(y.abs().max(least)),
    };
    let weights: Vec<f64> = stated.rows.iter().zip(&y).map(weight).collect();
    let rows = Rows {
        entries: free.iter().map(|&j| stated.columns[j].clone()).collect(),
        squares: weights.iter().map(|w| w * w).collect(),
        slacks: vec![0.0; free.len()],
    };
    let named = |k: usize| Reason::UnlimitedVariable {
        variable: free[k.min(free.len() - 1)],
    };
    let mut gram = Gram::new(&rows).map_err(|why| match why {
        Reason::DependentRows { row } => named(row),
        other => other,
    })?;
    let left = gram.correct(&mut y, residuals, |y, z| {
        for (&j, z) in free.iter().zip(z) {
            for &(i, v) in &stated.columns[j] {
                y[i as usize] += rows.squares[i as usize] * v * z;
            }
        }
    });
    let radius = gram.radius(&left);
    let ball = |(mid, w): (f64, &f64)| Ball {
        mid,
        rad: mul_up(radius, *w),
    };
    Ok(y.into_iter().zip(&weights).map(ball).collect())
}
