//! Brings a primal point that rounding holds off `A x = b` back to it.
//!
//! Late steps miss `A(dx) = r_p` by some `eps·‖X‖‖dS‖‖S⁻¹‖`, and what they miss stays. A correction in the metric of
//! `W = X + δI` misses nothing: `dx = W Aᵀ(ν) W` with `K_W ν = r_p` and a `W` whose eigenvalues are in ratio `δ` at worst. It changes
//! `⟨x, s⟩`, which counts as much where `s` is large; so `x` also moves along `P = W S W − W Aᵀ(π) W`, the part of that which no
//! row sees, until `⟨x, s⟩` is what is wanted. The point may leave the cone by as little as it moves: that is for the caller to
//! measure.

use super::params::{HIDDEN_OBJECTIVE, METRIC_SHIFT, RESTORABLE};
use super::strategy::multipliers_diverged;
use crate::constraints::{Block, BlockWeight};
use crate::error::{Error, Result};
use crate::ipm::verdict::{Measured, judge};
use crate::ipm::{
    Dimacs, Finished, PointErrors, Settings, Solution, Start, Status, dimacs, objective_error,
};
use crate::linalg::product::gemm;
use crate::linalg::{axpy, dot, max_abs};
use crate::problem::{ConicProgram, OwnScales};
use crate::projection::{Goal, Projection};
use faer::{Accum, MatMut, MatRef};

/// Corrections; each removes what rounding left of the one before.
const PASSES: usize = 3;

/// Relative residual of a solve; the next pass removes what the solve leaves.
const SOLVE: f64 = 1e-10;

/// What came of bringing the points of a run back to their rows.
pub(super) enum Restored {
    /// No point was near enough.
    NotWorthwhile,
    /// No restored point has smaller errors.
    NoBetter,
    /// The solution of the run was replaced by a better one.
    Better,
    /// The projection refused.
    Failed(Error),
}

/// Brings the last point of a run, whose multipliers are the best, or its best point back to `A x = b`, where nothing else keeps the point
/// from being an answer. Where multipliers diverged, a restored point is taken only if it is an answer in which what the point
/// then lacks of the cone does not count.
pub(super) fn restore_run(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    run: &mut Finished,
) -> Restored {
    let best = &run.solution;
    let scale_b = 1.0 + max_abs(problem.rhs());
    let value = best.primal_objective.abs().max(best.dual_objective.abs());
    let bounded = !multipliers_diverged(&best.y, scale_b, 1.0 + value);
    let mut outcome = Restored::NotWorthwhile;
    let candidates = [run.last.take(), Some(Start::from(best))];
    for candidate in candidates.into_iter().flatten() {
        // Near enough to be worth a factorisation?
        let Start { x, y, s } = candidate;
        let far = RESTORABLE.get() * settings.tol_feas;
        let near = |e: &Dimacs| e.infeasibility() <= far && e.0[5].abs() <= far;
        if !dimacs(problem, &x, &y, &s).is_ok_and(|e| near(&e)) {
            continue;
        }
        let restored = match restored(problem, projection, settings, Start { x, y, s }) {
            Ok(restored) => restored,
            Err(error) => {
                outcome = Restored::Failed(error);
                continue;
            }
        };
        // Better, and to be trusted?
        let mut measured = restored.measured;
        measured.proof = run.solution.certificate.as_ref().map(|c| c.proof(1.0));
        let status = judge(&measured, &run.solution.ended, settings);
        let Start { x, y, s } = &restored.point;
        let trusted = bounded
            || status == Status::Solved
                && objective_error(problem, (x, y, s), &measured.dimacs)
                    .is_ok_and(|e| e.max() <= HIDDEN_OBJECTIVE.get());
        if measured.dimacs.max() < run.solution.dimacs.max() && trusted {
            outcome = Restored::Better;
            restored.replace(&mut run.solution, status);
        } else if !matches!(outcome, Restored::Better) {
            outcome = Restored::NoBetter;
        }
        if run.solution.status == Status::Solved {
            break;
        }
    }
    outcome
}

/// A restored point, and what was measured of it.
struct RestoredPoint {
    point: Start,
    objectives: [f64; 2],
    measured: Measured,
}

impl RestoredPoint {
    fn replace(self, solution: &mut Solution, status: Status) {
        let Start { x, y, s } = self.point;
        (solution.x, solution.y, solution.s) = (x, y, s);
        let [primal, dual] = self.objectives;
        (solution.primal_objective, solution.dual_objective) = (primal, dual);
        (solution.dimacs, solution.backward) = (self.measured.dimacs, self.measured.backward);
        solution.status = status;
        if !status.is_infeasible() {
            solution.certificate = None;
        }
    }
}

/// The candidate with its primal point brought back.
fn restored(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    settings: &Settings,
    Start { x, y, s }: Start,
) -> Result<RestoredPoint> {
    let value = |x: &[f64]| -> Result<f64> {
        let mut value = [0.0];
        problem.cost().apply(x, &mut value)?;
        Ok(value[0])
    };
    let (p, d) = (value(&x)?, dot(problem.rhs(), &y));
    let gap = 0.5 * settings.tol_gap_rel * (1.0 + p.abs() + d.abs());
    let x = restore(problem, projection, &x, &s, gap)?;
    let objectives = [value(&x)?, d];
    let scales = OwnScales::new(problem, None)?;
    let errors = PointErrors::new(problem, &scales, (&x, &y, &s))?;
    Ok(RestoredPoint {
        measured: Measured::new(errors, objectives[0], d),
        point: Start { x, y, s },
        objectives,
    })
}

/// The point nearest to `x`, in that metric, with `A x = b` and `⟨x, s⟩ = gap`.
///
/// # Errors
/// What the projection refuses the weight or a solve with.
///
/// # Complexity
/// One update of the projection, seven solves, and four products per solve and block.
pub(super) fn restore(
    problem: &ConicProgram,
    projection: &mut dyn Projection,
    x: &[f64],
    s: &[f64],
    gap: f64,
) -> Result<Vec<f64>> {
    let a = problem.constraints();
    let blocks = a.blocks();
    let mut weight = x.to_vec();
    let shift = METRIC_SHIFT.get() * max_abs(x);
    let mut at = 0;
    for block in blocks {
        let part = &mut weight[at..at + block.ambient()];
        at += block.ambient();
        let stride = if let Block::Psd(n) = block { n + 1 } else { 1 };
        part.iter_mut().step_by(stride).for_each(|w| *w += shift);
    }
    projection.update(&BlockWeight::of_flat(blocks, &weight))?;
    let mut half = vec![0.0; a.ambient()];
    let mut both_sides = |v: &mut [f64]| times_both(blocks, &weight, v, &mut half);
    let mut along = s.to_vec();
    both_sides(&mut along);
    // to ← to + W Aᵀ(ν) W with K ν = r.
    let mut correct = |mut r: Vec<f64>, to: &mut [f64]| -> Result<()> {
        let column = MatMut::from_column_major_slice_mut(&mut r, a.len(), 1);
        projection.solve(column, Goal::Residual(SOLVE))?;
        let mut change = vec![0.0; a.ambient()];
        a.adjoint(&r, &mut change)?;
        both_sides(&mut change);
        axpy(1.0, &change, to);
        Ok(())
    };
    let mut seen = vec![0.0; a.len()];
    for _ in 0..PASSES {
        a.apply(&along, &mut seen)?;
        correct(seen.iter().map(|v| -v).collect(), &mut along)?;
    }
    let slope = dot(s, &along);
    let mut x = x.to_vec();
    for _ in 0..PASSES {
        a.apply(&x, &mut seen)?;
        let rest = problem.rhs().iter().zip(&seen).map(|(b, v)| b - v);
        correct(rest.collect(), &mut x)?;
        if slope > 0.0 {
            axpy((gap - dot(&x, s)) / slope, &along, &mut x);
        }
    }
    Ok(x)
}

/// `v ← W v W`.
fn times_both(blocks: &[Block], weight: &[f64], v: &mut [f64], half: &mut [f64]) {
    let mut at = 0;
    for block in blocks {
        let part = at..at + block.ambient();
        at = part.end;
        let (w, v, half) = (&weight[part.clone()], &mut v[part.clone()], &mut half[part]);
        let Block::Psd(n) = *block else {
            v.iter_mut().zip(w).for_each(|(v, w)| *v *= w * w);
            continue;
        };
        let w = MatRef::from_column_major_slice(w, n, n);
        let mut half = MatMut::from_column_major_slice_mut(half, n, n);
        let mut out = MatMut::from_column_major_slice_mut(v, n, n);
        gemm(half.as_mut(), Accum::Replace, 1.0, w, out.as_ref());
        gemm(out.as_mut(), Accum::Replace, 1.0, half.as_ref(), w);
        for j in 0..n {
            for i in j + 1..n {
                let mean = 0.5 * (out[(i, j)] + out[(j, i)]);
                (out[(i, j)], out[(j, i)]) = (mean, mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::Constraints;
    use crate::projection::Direct;

    /// Off `A x = b` by 1e-6, with a slack of eigenvalues up to 1e6: feasible afterwards, with the gap asked for, and moved by
    /// no more than it was off.
    #[test]
    fn a_point_is_brought_back_to_its_rows_and_its_gap() {
        let n = 8;
        let blocks = [Block::Psd(n), Block::Nonneg(2)];
        let mut a = Constraints::builder(n + 1, &blocks).unwrap();
        for i in 0..n {
            a.entry(i, 0, i, i, 1.0).unwrap();
            a.entry(i, 1, i % 2, i % 2, 0.5).unwrap();
            if i > 0 {
                a.entry(i, 0, i / 2, i, 0.5).unwrap();
            }
        }
        a.entry(n, 1, 0, 0, 1.0)
            .unwrap()
            .entry(n, 1, 1, 1, 2.0)
            .unwrap();
        let a = a.build().unwrap();
        // X of rank n/2 and S of the rest, diagonal, and what rounding left of both.
        let mut x = vec![0.0; n * n + 2];
        let mut s = vec![0.0; n * n + 2];
        for k in 0..n {
            let (large, small) = (10f64.powi(k as i32 % 4), 1e-9);
            let first = k < n / 2;
            x[k * (n + 1)] = if first { 1.0 } else { small };
            s[k * (n + 1)] = if first { small } else { 1e3 * large };
        }
        (x[n * n], x[n * n + 1], s[n * n], s[n * n + 1]) = (1.0, 1e-8, 1e-8, 2.0);
        let mut b = vec![0.0; n + 1];
        a.apply(&x, &mut b).unwrap();
        b.iter_mut()
            .enumerate()
            .for_each(|(i, b)| *b += 1e-6 * (i as f64).sin());
        let cost = Constraints::builder(1, &blocks).unwrap().build().unwrap();
        let problem = ConicProgram::new(a, b, cost).unwrap();
        let mut direct = Direct::new(problem.constraints().clone()).unwrap();
        let found = restore(&problem, &mut direct, &x, &s, 1e-7).unwrap();
        let mut seen = vec![0.0; n + 1];
        problem.constraints().apply(&found, &mut seen).unwrap();
        let left: Vec<f64> = seen.iter().zip(problem.rhs()).map(|(l, r)| l - r).collect();
        assert!(max_abs(&left) < 1e-13, "{left:?}");
        assert!(
            (dot(&found, &s) - 1e-7).abs() < 1e-11,
            "{}",
            dot(&found, &s)
        );
        let moved: Vec<f64> = found.iter().zip(&x).map(|(f, x)| f - x).collect();
        assert!(max_abs(&moved) < 1e-4, "{}", max_abs(&moved));
    }
}
