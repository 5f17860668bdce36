//! Whether an optimum whose numbers are large is one.
//!
//! A weakly infeasible program has points that are as nearly feasible as one asks, of a size that grows without bound; so has a program
//! whose two values differ, and errors relative to the data tell neither from a solution. What tells is a point of moderate size that is
//! feasible exactly: by convexity a share of it takes a point that is nearly feasible into the cone, at a cost of the same share of the
//! objective. Such a point is looked for where it should be easy to find, at the end of a solve to low accuracy.

use super::Solver;
use super::history::History;
use super::params::{CONFIRMED_FROM, HIDDEN_SIZE};
use crate::constraints::{Block, BlockWeight, Constraints};
use crate::error::Result;
use crate::ipm::{Ended, Observer, Pass, Solution, Stall, Status};
use crate::linalg::error_free::UNIT;
use crate::linalg::{dot, max_abs, padded, verified_cholesky};
use crate::problem::ConicProgram;
use crate::projection::Goal;
use faer::MatMut;

/// Share of its diagonal that a slack must exceed the boundary by.
const INSIDE: f64 = 1e-10;

/// Rounding of an entry of the slack, in units in the last place of its terms.
const ROUNDING: f64 = 8.0;

/// Length of the correction to `A x = b` in the metric of `x`, squared: below one, the corrected point is inside the cone.
const WITHIN: f64 = 0.25;

/// Relative residual of the solve for that correction.
const CORRECTION: f64 = 1e-6;

/// Which numbers of a solution are large beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Large {
    x: bool,
    y: bool,
}

impl Solver {
    /// The solution, with its status withdrawn where its numbers are large and no point of moderate size is feasible.
    ///
    /// # Errors
    /// Those of [`Solver::solve`].
    ///
    /// # Complexity
    /// A pass over the nonzeros; where numbers are large, a solve to low accuracy.
    pub(super) fn confirmed(
        &mut self,
        found: Solution,
        history: &mut History,
        observer: &mut Observer<'_>,
    ) -> Result<Solution> {
        if found.status != Status::Solved || !has_matrix(&self.program) {
            return Ok(found);
        }
        let large = Large::of(&self.program, &found);
        if !(large.x || large.y) {
            return Ok(found);
        }
        // The solution itself may be far enough inside.
        let mut large = self.unconfirmed(&found, large)?;
        if !(large.x || large.y) {
            return Ok(found);
        }
        // A solve to low accuracy.
        let mut settings = history.remaining(&self.settings);
        let loose = CONFIRMED_FROM.get();
        settings.tol_feas = settings.tol_feas.max(loose);
        settings.tol_gap_rel = settings.tol_gap_rel.max(loose);
        settings.tol_gap_abs = settings.tol_gap_abs.max(loose);
        settings.tol_almost = settings.tol_almost.max(loose);
        if settings.max_iter == 0 {
            return Ok(found);
        }
        let settings = std::mem::replace(&mut self.settings, settings);
        // Off any face: iterates are then strictly inside the cone on both sides.
        let depth = std::mem::replace(&mut self.depth, usize::MAX);
        let inside = self.solve_within(history, Pass::First, observer);
        (self.settings, self.depth) = (settings, depth);
        let inside = inside?;
        if inside.ended.is_limit() {
            return Ok(found);
        }
        large = self.unconfirmed(&inside, large)?;
        if !(large.x || large.y) {
            return Ok(found);
        }
        Ok(Solution {
            status: Status::InsufficientProgress,
            ended: Ended::Stalled(Stall::Unattained),
            ..found
        })
    }

    /// What of the large numbers a point does not confirm.
    fn unconfirmed(&mut self, point: &Solution, large: Large) -> Result<Large> {
        let [x, y, _] = self.reduced.restrict(&point.x, &point.y, &point.s)?;
        Ok(Large {
            x: large.x && !self.point_is_inside(&x)?,
            y: large.y && !slack_is_inside(self.reduced.program(), &y)?,
        })
    }

    /// Whether the correction of `x` to `A x = b` stays inside the cone: `rᵀ(A (x ⊗ x) Aᵀ)⁻¹r < 1`, the Dikin ellipsoid.
    fn point_is_inside(&mut self, x: &[f64]) -> Result<bool> {
        let program = self.reduced.program();
        let a = program.constraints();
        if !is_inside(a, x, &[])? || a.is_empty() {
            return Ok(a.is_empty());
        }
        let mut projection = match self.projection.take() {
            Some(projection) => projection,
            None => (self.engine)(a)?,
        };
        let mut rest = vec![0.0; a.len()];
        a.apply(x, &mut rest)?;
        rest.iter_mut()
            .zip(program.rhs())
            .for_each(|(r, b)| *r = b - *r);
        let mut solved = rest.clone();
        let column = MatMut::from_column_major_slice_mut(&mut solved, a.len(), 1);
        let answered = projection
            .update(&BlockWeight::of_flat(a.blocks(), x))
            .is_ok()
            && projection.solve(column, Goal::Residual(CORRECTION)).is_ok();
        self.projection = Some(projection);
        Ok(answered && dot(&rest, &solved) < WITHIN)
    }
}

impl Large {
    fn of(program: &ConicProgram, found: &Solution) -> Self {
        let a = program.constraints();
        let largest = |a: &Constraints| a.entries().map(|e| e.4.abs()).fold(0.0, f64::max);
        let (b, c) = (max_abs(program.rhs()), largest(program.cost()));
        // Numbers of x that no row touches count too: they hide what is outside the cone.
        let x = largest(a) * max_abs(&found.x) / (1.0 + b);
        let y = max_abs(&terms(a, &found.y)) / (1.0 + c);
        let [rows, x_outside, columns, s_outside, ..] = found.dimacs.0;
        let hidden = |size: f64, error: f64| size * (error + UNIT * size);
        let limit = HIDDEN_SIZE.get();
        Self {
            x: hidden(x, rows + x_outside) > limit,
            y: hidden(y, columns + s_outside) > limit,
        }
    }
}

fn has_matrix(program: &ConicProgram) -> bool {
    let mut blocks = program.constraints().blocks().iter();
    blocks.any(|b| matches!(b, Block::Psd(n) if *n > 1))
}

/// `Σ_i │a_ij y_i│` of every entry, upper triangles in a flat vector.
fn terms(a: &Constraints, y: &[f64]) -> Vec<f64> {
    let mut entries = vec![0.0; a.ambient()];
    for (i, b, row, col, v) in a.entries() {
        let (first, n) = (a.range(b).start, a.blocks()[b].order());
        let at = match a.blocks()[b] {
            Block::Nonneg(_) => first + row,
            Block::Psd(_) => first + row + col * n,
        };
        entries[at] += (v * y[i]).abs();
    }
    entries
}

/// Whether `c − Aᵀy` is inside the cone beyond what rounding can make of it.
fn slack_is_inside(program: &ConicProgram, y: &[f64]) -> Result<bool> {
    let a = program.constraints();
    let (mut s, mut c) = (vec![0.0; a.ambient()], vec![0.0; a.ambient()]);
    a.adjoint(y, &mut s)?;
    program.cost().adjoint(&[1.0], &mut c)?;
    s.iter_mut().zip(&c).for_each(|(s, c)| *s = c - *s);
    let mut sizes = terms(a, y);
    sizes.iter_mut().zip(&c).for_each(|(t, c)| *t += c.abs());
    is_inside(a, &s, &sizes)
}

/// Whether `v` is inside the cone by a share of its diagonal, and by the rounding of entries that are sums of these sizes.
fn is_inside(a: &Constraints, v: &[f64], sizes: &[f64]) -> Result<bool> {
    for (b, block) in a.blocks().iter().enumerate() {
        let part = &v[a.range(b)];
        let n = block.order();
        // What rounding can make of a row, by Gershgorin.
        let mut rounding = vec![0.0; n];
        if let Some(sizes) = sizes.get(a.range(b)) {
            for (at, size) in sizes.iter().enumerate() {
                let (row, col) = (at % n, at / n);
                let off = row != col && sizes.len() > n;
                rounding[row] += ROUNDING * UNIT * size;
                if off {
                    rounding[col] += ROUNDING * UNIT * size;
                }
            }
        }
        let inside = match *block {
            Block::Nonneg(_) => part.iter().zip(&rounding).all(|(v, r)| v > r),
            Block::Psd(_) => {
                let shift = (0..n).map(|k| INSIDE * part[k * (n + 1)] + rounding[k]);
                let mut m = padded::from_fn(n, n, |i, j| part[i + j * n]);
                (0..n).all(|k| part[k * (n + 1)] > 0.0)
                    && verified_cholesky::prove(m.as_mut(), &shift.collect::<Vec<_>>()).is_ok()
            }
        };
        if !inside {
            return Ok(false);
        }
    }
    Ok(true)
}
