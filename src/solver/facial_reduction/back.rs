//! From a solution on a face to one of the program.
//!
//! One side comes back as it is. The other side is moved along what exposes the face, far enough to come near the cone: multipliers
//! by `−t d` after a face of points, `x` by `t Z` after a face of slacks.

use super::Exposing;
use super::face::Face;
use super::multipliers::{Correction, step_sizes};
use super::slack_face::SlackFace;
use super::split::Split;
use crate::error::Result;
use crate::ipm::{Dimacs, Settings, Start, dimacs_outside, outside_cone};
use crate::linalg::{axpy, max_abs};
use crate::problem::{ConicProgram, Outside};

/// What `x` may lie outside the cone by, as shares of the tolerance; the first that leads to the smallest errors is taken.
const MARGINS: [f64; 3] = [0.1, 1e-3, 1e-6];

/// A point of the program, and its errors.
pub(super) struct Back {
    pub point: Start,
    pub dimacs: Dimacs,
    /// How far `x` and `s` lie outside the cone.
    pub outside: (Outside, Outside),
}

/// Multipliers that leave the rows on a face as they are.
pub(super) type Nulls = [Vec<(usize, f64)>];

/// After a face of points: `x` on the face and `y` for the rows of the program, with multipliers moved along the exposing ones.
///
/// # Errors
/// [`Error::NoConvergence`](crate::Error::NoConvergence), [`Error::Shape`](crate::Error::Shape).
///
/// # Complexity
/// The eigenvalues of `x` once, and of slacks for a few step sizes.
pub(super) fn from_points(
    program: &ConicProgram,
    settings: &Settings,
    exposing: &Exposing,
    face: &Face,
    (x, mut y): (&[f64], Vec<f64>),
    nulls: &Nulls,
) -> Result<Option<Back>> {
    let Exposing { d, z, split } = exposing;
    let a = program.constraints();
    let x = face.primal(x)?;
    let c = cost(program)?;
    let slack = |y: &[f64]| -> Result<Vec<f64>> {
        let mut s = vec![0.0; a.ambient()];
        a.adjoint(y, &mut s)?;
        s.iter_mut().zip(&c).for_each(|(s, c)| *s = c - *s);
        Ok(s)
    };
    let mut s = slack(&y)?;
    let tau = 0.1 * settings.tol_feas * (1.0 + max_abs(&c));
    let correction = Correction::new(split, &s, tau)?;
    correction.apply(a, split, &s, nulls, &mut y)?;
    s = slack(&y)?;
    let distance = correction.distance(split, &s, z)?;
    let x_outside = outside_cone(a.blocks(), &x)?;
    let mut best: Option<Back> = None;
    for t in step_sizes(distance) {
        let moved: Vec<f64> = y.iter().zip(d).map(|(y, d)| y - t * d).collect();
        let s = slack(&moved)?;
        let outside = (x_outside, outside_cone(a.blocks(), &s)?);
        let dimacs = dimacs_outside(program, (&x, &moved, &s), outside)?;
        if best.as_ref().is_none_or(|b| dimacs.max() < b.dimacs.max()) && !dimacs.max().is_nan() {
            best = Some(Back {
                point: Start {
                    x: vec![],
                    y: moved,
                    s,
                },
                dimacs,
                outside,
            });
        }
    }
    if let Some(best) = &mut best {
        best.point.x = x;
    }
    Ok(best)
}

/// After a face of slacks, exposed by `z`: `y` and `s` on the face, with `x` moved along `z`. `None` when `x` is too large to find.
///
/// # Errors
/// [`Error::NoConvergence`](crate::Error::NoConvergence), [`Error::Shape`](crate::Error::Shape).
///
/// # Complexity
/// That of [`SlackFace::primal`] and the eigenvalues of `x`, for a few step sizes.
pub(super) fn from_slacks(
    program: &ConicProgram,
    settings: &Settings,
    (z, split): (&[f64], &Split),
    face: &SlackFace,
    found: (&[f64], &[f64], &[f64]),
) -> Result<Option<Back>> {
    let a = program.constraints();
    let y = face.multipliers(found.1, false)?;
    let s = face.slack(found.2)?;
    let s_outside = outside_cone(a.blocks(), &s)?;
    let unit = settings.tol_feas * (1.0 + max_abs(program.rhs()));
    let mut best: Option<Back> = None;
    // The wider the margin, the smaller the numbers of `x`.
    for margin in MARGINS {
        let tau = margin * unit;
        let Some(x) = face.primal(found.0, program.rhs(), tau)? else {
            return Ok(None);
        };
        let distance = Correction::new(split, &x, tau)?.distance(split, &x, z)?;
        for t in std::iter::once(0.0).chain(step_sizes(distance)) {
            let mut moved = x.clone();
            axpy(t, z, &mut moved);
            let outside = (outside_cone(a.blocks(), &moved)?, s_outside);
            let dimacs = dimacs_outside(program, (&moved, &y, &s), outside)?;
            if best.as_ref().is_none_or(|b| dimacs.max() < b.dimacs.max()) && !dimacs.max().is_nan()
            {
                best = Some(Back {
                    point: Start {
                        x: moved,
                        y: y.clone(),
                        s: s.clone(),
                    },
                    dimacs,
                    outside,
                });
            }
        }
        if best
            .as_ref()
            .is_some_and(|b| b.dimacs.max() <= settings.tol_feas.min(settings.tol_gap_rel))
        {
            break;
        }
    }
    Ok(best)
}

/// The cost as a flat vector.
fn cost(program: &ConicProgram) -> Result<Vec<f64>> {
    let mut c = vec![0.0; program.constraints().ambient()];
    program.cost().adjoint(&[1.0], &mut c)?;
    Ok(c)
}
