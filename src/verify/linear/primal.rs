//! Points of a linear program that are feasible exactly, and what they cost.

use super::stated::{Range, Stated};
use crate::linalg::error_free::{Ball, ExactSum, add_down, add_up, mul_up, norm_up, power_of_two};
use crate::verify::conic::mixture;
use crate::verify::enclosure::{Gram, Rows};
use crate::verify::reason::Reason;
use crate::verify::smallest_share;

/// Weights of the enclosure: the distance from the limits, but not below this share of the largest.
const FLOORS: [f64; 3] = [1e-2, 1e-5, 1e-8];

/// A number nearer to a limit than this share of its weight does not move at all.
const STIFF: f64 = 1e-7;

/// An upper bound of the minimum, from a point and mixtures of it with an interior one.
pub(super) fn upper(stated: &Stated, x: &[f64], interior: Option<&[f64]>) -> Result<f64, Reason> {
    let direct = value(stated, x);
    let (Err(_), Some(interior)) = (&direct, interior) else {
        return direct;
    };
    smallest_share(|share| value(stated, &mixture(x, interior, share)))
}

/// Proves that the objective improves without end along a direction.
pub(super) fn ray(stated: &Stated, x: &[f64]) -> Result<(), Reason> {
    let mut stated = stated.clone();
    stated.constant = 0.0;
    stated
        .variables
        .iter_mut()
        .for_each(|r| *r = r.homogeneous());
    stated.rows.iter_mut().for_each(|r| *r = r.homogeneous());
    if value(&stated, x)? < 0.0 {
        Ok(())
    } else {
        Err(Reason::CertificateValue)
    }
}

/// Values of the variables and activities of the rows, each with a weight.
#[derive(Clone)]
struct Point {
    x: Vec<f64>,
    activities: Vec<f64>,
}

/// The cost of an exactly feasible point near `x`, from above.
fn value(stated: &Stated, x: &[f64]) -> Result<f64, Reason> {
    if x.iter().any(|v| !v.is_finite()) {
        return Err(Reason::NotFinite);
    }
    let empty = |r: &Range| !(r.lower <= r.upper);
    if let Some(variable) = stated.variables.iter().position(empty) {
        return Err(Reason::VariableLimits { variable });
    }
    if let Some(row) = stated.rows.iter().position(empty) {
        return Err(Reason::RowLimits { row });
    }
    let x: Vec<f64> = stated
        .variables
        .iter()
        .zip(x)
        .map(|(r, x)| r.nearest(*x))
        .collect();
    let nearest =
        |(row, entries): (&Range, &Vec<(u32, f64)>)| row.nearest(activity(entries, &x).mid);
    let activities = stated
        .rows
        .iter()
        .zip(&stated.entries)
        .map(nearest)
        .collect();
    let point = Point { x, activities };
    let mut last = Reason::NoPoint;
    for floor in FLOORS {
        match enclosed(stated, &point, floor) {
            Err(why) => last = why,
            found => return found,
        }
    }
    Err(last)
}

fn activity(entries: &[(u32, f64)], x: &[f64]) -> Ball {
    let mut sum = ExactSum::default();
    entries
        .iter()
        .for_each(|(j, v)| sum.add_product(*v, x[*j as usize]));
    sum.ball()
}

/// Weights: powers of two near the distance from the limits, 0 for what does not move.
fn weights(ranges: &[Range], values: &[f64], floor: f64) -> Vec<f64> {
    // A free number may move by its size.
    let distance = |(r, v): (&Range, &f64)| match r.distance(*v) {
        d if d.is_finite() => d.min(1.0 + v.abs()).max(0.0),
        _ => 1.0 + v.abs(),
    };
    let distances: Vec<f64> = ranges.iter().zip(values).map(distance).collect();
    let largest = distances.iter().copied().fold(0.0, f64::max);
    let weight = |d: &f64| {
        let weight = power_of_two(d.max(floor * largest));
        if *d > STIFF * weight { weight } else { 0.0 }
    };
    distances.iter().map(weight).collect()
}

fn enclosed(stated: &Stated, point: &Point, floor: f64) -> Result<f64, Reason> {
    let weights = [
        weights(&stated.variables, &point.x, floor),
        weights(&stated.rows, &point.activities, floor),
    ];
    let residual = |p: &Point, i: usize| {
        let mut sum = ExactSum::default();
        sum.add(p.activities[i]);
        stated.entries[i]
            .iter()
            .for_each(|(j, v)| sum.add_product(-v, p.x[*j as usize]));
        sum.ball()
    };
    // A row in which nothing can move must hold as it is; then it takes no part. Neither do free rows.
    let mut kept = vec![];
    for (i, entries) in stated.entries.iter().enumerate() {
        let moves =
            weights[1][i] > 0.0 || entries.iter().any(|(j, _)| weights[0][*j as usize] > 0.0);
        if stated.rows[i].is_free() {
            continue;
        }
        if moves {
            kept.push(i);
        } else if !residual(point, i).is_zero() {
            return Err(if entries.is_empty() {
                Reason::ContradictoryRow { row: i }
            } else {
                Reason::RowLimits { row: i }
            });
        }
    }
    let residuals = |p: &Point| -> Vec<Ball> { kept.iter().map(|&i| residual(p, i)).collect() };
    let (mut point, mut radius) = (point.clone(), 0.0);
    if !residuals(&point).iter().all(|r| r.is_zero()) {
        let square = |w: &f64| w * w;
        let rows = Rows {
            entries: kept.iter().map(|&i| stated.entries[i].clone()).collect(),
            squares: weights[0].iter().map(square).collect(),
            slacks: kept.iter().map(|&i| square(&weights[1][i])).collect(),
        };
        let mut gram = Gram::new(&rows).map_err(|why| match why {
            Reason::DependentRows { row } => Reason::DependentRows { row: kept[row] },
            other => other,
        })?;
        let left = gram.correct(&mut point, residuals, |p, z| {
            for ((&i, z), slack) in kept.iter().zip(z).zip(&rows.slacks) {
                p.activities[i] -= slack * z;
                for &(j, v) in &stated.entries[i] {
                    p.x[j as usize] += rows.squares[j as usize] * v * z;
                }
            }
        });
        radius = gram.radius(&left);
    }
    check(stated, &point, &weights, radius)?;
    cost(stated, &point, &weights[0], radius)
}

/// Proves that all points within the radius keep their limits.
fn check(
    stated: &Stated,
    point: &Point,
    weights: &[Vec<f64>; 2],
    radius: f64,
) -> Result<(), Reason> {
    let outside = |ranges: &[Range], values: &[f64], weights: &[f64]| {
        let out = |((r, v), w): ((&Range, &f64), &f64)| {
            let by = mul_up(radius, *w);
            !(add_down(*v, -by) >= r.lower && add_up(*v, by) <= r.upper)
        };
        ranges.iter().zip(values).zip(weights).position(out)
    };
    if let Some(variable) = outside(&stated.variables, &point.x, &weights[0]) {
        return Err(Reason::VariableLimits { variable });
    }
    match outside(&stated.rows, &point.activities, &weights[1]) {
        Some(row) => Err(Reason::RowLimits { row }),
        None => Ok(()),
    }
}

fn cost(stated: &Stated, point: &Point, weights: &[f64], radius: f64) -> Result<f64, Reason> {
    let mut value = ExactSum::default();
    value.add(stated.constant);
    let costs = stated.costs.iter();
    costs
        .clone()
        .zip(&point.x)
        .for_each(|(c, x)| value.add_product(*c, *x));
    let weighted: Vec<f64> = costs
        .zip(weights)
        .map(|(c, w)| mul_up(c.abs(), *w))
        .collect();
    let value = add_up(value.ball().upper(), mul_up(radius, norm_up(&weighted)));
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Reason::NotFinite)
    }
}
