//! What to do about a program without interior: find the face its feasible points lie on, solve there, come back.

mod basis;
mod face;
mod multipliers;
mod split;

use super::Engine;
use crate::clock::Instant;
use crate::constraints::{Block, BlockWeight};
use crate::error::Result;
use crate::ipm::{
    self, Dimacs, Iteration, Observer, Settings, Solution, Start, Status, dimacs_outside,
    outside_cone,
};
use crate::linalg::{dot, max_abs, norm};
use crate::problem::{ConicProgram, Reduced};
use crate::projection::{Goal, Projection};
use face::{Face, auxiliary};
use faer::MatMut;
use multipliers::{Correction, step_sizes};
use split::Split;
use std::ops::ControlFlow;

/// Faces of faces.
const DEPTH: usize = 4;

/// Tolerance of the search for multipliers that expose a face.
const SEARCH: f64 = 1e-10;

/// Iterations of the search: it is an easy program where there is a face to be found.
const ITERATIONS: usize = 15;

/// `λ` above this share of the size of a solution: there is an interior.
const INTERIOR: f64 = 1e-4;

/// Weight of the range in the metric that the multipliers are polished in.
const RANGE: f64 = 1e-4;

/// Rounds of polishing, and refinements in each.
const ROUNDS: usize = 5;
const REFINEMENTS: usize = 4;

/// Entries of `UᵀZU` and `UᵀZV`, relative to `Z`, that pass for rounding.
const EXACT: f64 = 1e-13;

/// `bᵀd` relative to its terms that passes for zero: it follows from the kernel.
const FLAT: f64 = 1e-9;

/// What a run left, and what is at hand to go on with.
pub(super) struct Open<'a> {
    pub program: &'a ConicProgram,
    pub projection: &'a mut dyn Projection,
    pub engine: &'a Engine,
    pub settings: &'a Settings,
    /// Where the run ended.
    pub found: &'a Solution,
}

/// Multipliers with `Z = Aᵀd ∈ K` and `bᵀd = 0`.
struct Exposing {
    d: Vec<f64>,
    z: Vec<f64>,
    split: Split,
}

impl Open<'_> {
    /// A better solution, from the face; `None` when there is no face to be found, or nothing better on it.
    ///
    /// # Errors
    /// [`Error::TooLarge`](crate::Error::TooLarge). What the engine refuses ends the attempt, no more.
    pub(super) fn on_face(&mut self, observer: &mut Observer<'_>) -> Result<Option<Solution>> {
        self.attempt(DEPTH, observer)
    }

    fn attempt(&mut self, depth: usize, observer: &mut Observer<'_>) -> Result<Option<Solution>> {
        let begun = Instant::now();
        let matrices = |b: &Block| matches!(b, Block::Psd(_));
        let blocks = self.program.constraints().blocks();
        if depth == 0 || !blocks.iter().any(matrices) {
            return Ok(None);
        }
        // Where there is no interior nothing bounds the multipliers.
        let scale_b = 1.0 + max_abs(self.program.rhs());
        let value = self.found.primal_objective.abs();
        if !ipm::ran_away(&self.found.y, scale_b, 1.0 + value) {
            return Ok(None);
        }
        let mut settings = self.settings.clone();
        let Some((exposing, face, searched)) = self.search(&mut settings, observer)? else {
            return Ok(None);
        };
        if face.program().constraints().blocks().is_empty() {
            return Ok(None);
        }
        let reduced = Reduced::on_face(face.program())?;
        let small = reduced.program();
        if reduced.proof().is_some() || small.constraints().is_empty() {
            return Ok(None);
        }
        let unit = reduced.objective_unit();
        let observer: &mut Observer<'_> = &mut |it| {
            observer(&Iteration {
                primal_objective: unit * it.primal_objective,
                dual_objective: unit * it.dual_objective,
                mu: unit * it.mu,
                ..*it
            })
        };
        let Ok(mut projection) = (self.engine)(small.constraints()) else {
            return Ok(None);
        };
        let Ok(mut found) = ipm::solve(small, projection.as_mut(), &settings, observer) else {
            return Ok(None);
        };
        if gave_up(found.status) {
            let mut open = Open {
                program: small,
                projection: projection.as_mut(),
                engine: self.engine,
                settings: &settings,
                found: &found,
            };
            if let Some(better) = open.attempt(depth - 1, observer)? {
                found = better;
            }
        }
        drop(projection);
        let Some((Start { x, y, s }, dimacs)) = self.back(&exposing, &face, &reduced, &found)?
        else {
            return Ok(None);
        };
        let first = self.found;
        if dimacs.max() >= first.dimacs.max() {
            return Ok(None);
        }
        let mut value = [0.0];
        self.program.cost().apply(&x, &mut value)?;
        let dual_objective = dot(self.program.rhs(), &y);
        let scale = 1.0 + value[0].abs() + dual_objective.abs();
        let status = if self.settings.allows(&dimacs, scale) {
            Status::Solved
        } else if dimacs.max() <= self.settings.tol_almost {
            Status::AlmostSolved
        } else {
            first.status
        };
        Ok(Some(Solution {
            status,
            x,
            y,
            s,
            primal_objective: value[0],
            dual_objective,
            dimacs,
            certificate: None,
            iterations: first.iterations + searched.iterations + found.iterations,
            seconds: first.seconds + begun.elapsed().as_secs_f64(),
            phases: first.phases.and(&searched.phases).and(&found.phases),
        }))
    }

    /// Multipliers that expose a face, exact up to rounding. What the search took is taken from the limits.
    fn search(
        &mut self,
        settings: &mut Settings,
        observer: &mut Observer<'_>,
    ) -> Result<Option<(Exposing, Face, Solution)>> {
        let blocks = self.program.constraints().blocks();
        let degree = blocks.iter().map(|b| b.order()).sum::<usize>().max(1) as f64;
        let trace: f64 = trace(blocks, &self.found.x);
        let size = (trace / degree).clamp(1e-3, 1e6);
        let size = if size.is_finite() { size } else { 1.0 };
        let program = auxiliary(self.program, size)?;
        let spend = |settings: &mut Settings, by: &Solution| {
            settings.time_limit = (settings.time_limit - by.seconds).max(0.0);
            settings.max_iter = settings.max_iter.saturating_sub(by.iterations);
        };
        spend(settings, self.found);
        let mut tight = settings.clone();
        (tight.tol_feas, tight.tol_gap_rel, tight.tol_gap_abs) = (SEARCH, SEARCH, SEARCH);
        tight.max_iter = tight.max_iter.min(ITERATIONS);
        let Ok(mut projection) = (self.engine)(program.constraints()) else {
            return Ok(None);
        };
        // The caller sees where the program stands meanwhile, and can stop; a point inside the cone ends the search.
        let mut stopped = false;
        let mut watch = |it: &Iteration| {
            let at = Iteration {
                iteration: self.found.iterations + it.iteration,
                primal_objective: self.found.primal_objective,
                dual_objective: self.found.dual_objective,
                primal_infeasibility: self.found.dimacs.0[0],
                dual_infeasibility: self.found.dimacs.0[2],
                gap: self.found.dimacs.0[5],
                seconds: self.found.seconds + it.seconds,
                ..*it
            };
            stopped = observer(&at).is_break();
            let inside =
                it.primal_infeasibility < 1e-8 && -it.primal_objective > (1.0 + INTERIOR) * size;
            if stopped || inside {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let Ok(found) = ipm::solve(&program, projection.as_mut(), &tight, &mut watch) else {
            return Ok(None);
        };
        drop(projection);
        spend(settings, &found);
        if stopped || found.status == Status::Stopped || found.dimacs.max().is_nan() {
            return Ok(None);
        }
        let d = found.y.iter().map(|y| -y).collect();
        Ok(self
            .expose(d)?
            .map(|(exposing, face)| (exposing, face, found)))
    }

    /// Makes the kernel of `Aᵀd` exact: Newton's method for `UᵀAᵀ(d)U = 0`, and once more for the kernel that a sparse basis
    /// spans.
    fn expose(&mut self, mut d: Vec<f64>) -> Result<Option<(Exposing, Face)>> {
        let a = self.program.constraints();
        let mut z = vec![0.0; a.ambient()];
        for _ in 0..ROUNDS {
            a.adjoint(&d, &mut z)?;
            let Some(split) = Split::new(a.blocks(), &z)? else {
                return Ok(None);
            };
            // In its own eigenvectors: what is left are the eigenvalues of the kernel.
            if split.excess(&z, RANGE).1 > EXACT {
                self.polish(&split, &mut d, &mut z)?;
                continue;
            }
            let face = Face::new(self.program, &split)?;
            // Where integers were rounded to, the kernel is another in the last digits.
            let (spanned, mut exact) = (face.split()?, true);
            let split = if spanned.excess(&z, RANGE).1 > EXACT {
                exact = self.polish(&spanned, &mut d, &mut z)?;
                spanned
            } else {
                split
            };
            let b = self.program.rhs();
            exact &= dot(b, &d).abs() <= FLAT * norm(b) * norm(&d);
            return Ok(exact.then_some((Exposing { d, z, split }, face)));
        }
        Ok(None)
    }

    /// Corrects `d`, and `z = Aᵀd`, towards a kernel; whether it has that kernel then, up to rounding.
    ///
    /// With `[U V]` of kernel and range and `W = UUᵀ + ε VVᵀ`, the correction `δ` of least `‖W^½ Aᵀ(d + δ) W^½ − ε² V(VᵀZV)Vᵀ‖`
    /// puts `UᵀZU = 0` first, `UᵀZV = 0` next and `VᵀZV` as it is last. Its normal equations are those that the projection solves.
    fn polish(&mut self, split: &Split, d: &mut Vec<f64>, z: &mut Vec<f64>) -> Result<bool> {
        let a = self.program.constraints();
        let (mut excess, mut deviation) = split.excess(z, RANGE);
        let weight = split.weight(RANGE);
        let weight = BlockWeight::of_flat(a.blocks(), &weight);
        if self.projection.update(&weight).is_err() {
            return Ok(false);
        }
        for pass in 0..REFINEMENTS {
            let mut rhs = vec![0.0; a.len()];
            a.apply(&excess, &mut rhs)?;
            let column = MatMut::from_column_major_slice_mut(&mut rhs, a.len(), 1);
            if self
                .projection
                .solve(column, Goal::Residual(1e-13))
                .is_err()
            {
                return Ok(false);
            }
            let tried: Vec<f64> = d.iter().zip(&rhs).map(|(d, r)| d - r).collect();
            let mut moved = vec![0.0; a.ambient()];
            a.adjoint(&tried, &mut moved)?;
            let (rest, now) = split.excess(&moved, RANGE);
            // The first step is Newton's, whether or not this kernel can be had.
            if now.is_nan() || (pass > 0 && now >= 0.5 * deviation) {
                break;
            }
            (*d, *z, excess, deviation) = (tried, moved, rest, now);
        }
        Ok(deviation <= EXACT)
    }

    /// A solution on the face in terms of the program, and its errors there.
    fn back(
        &self,
        exposing: &Exposing,
        face: &Face,
        reduced: &Reduced,
        found: &Solution,
    ) -> Result<Option<(Start, Dimacs)>> {
        let Exposing { d, z, split } = exposing;
        let a = self.program.constraints();
        let x = face.primal(&reduced.primal(&found.x)?)?;
        let mut y = reduced.multipliers(&found.y)?;
        let mut c = vec![0.0; a.ambient()];
        self.program.cost().adjoint(&[1.0], &mut c)?;
        let slack = |y: &[f64]| -> Result<Vec<f64>> {
            let mut s = vec![0.0; a.ambient()];
            a.adjoint(y, &mut s)?;
            s.iter_mut().zip(&c).for_each(|(s, c)| *s = c - *s);
            Ok(s)
        };
        let mut s = slack(&y)?;
        let tau = 0.1 * self.settings.tol_feas * (1.0 + max_abs(&c));
        let correction = Correction::new(split, &s, tau)?;
        let nulls: Vec<_> = reduced.dependencies().collect();
        correction.apply(a, split, &s, &nulls, &mut y)?;
        s = slack(&y)?;
        let distance = correction.distance(split, &s, z)?;
        let x_outside = outside_cone(a.blocks(), &x)?;
        let mut best: Option<(Vec<f64>, Vec<f64>, Dimacs)> = None;
        for t in step_sizes(distance) {
            let moved: Vec<f64> = y.iter().zip(d).map(|(y, d)| y - t * d).collect();
            let s = slack(&moved)?;
            let outside = (x_outside, outside_cone(a.blocks(), &s)?);
            let dimacs = dimacs_outside(self.program, (&x, &moved, &s), outside)?;
            if best.as_ref().is_none_or(|b| dimacs.max() < b.2.max()) && !dimacs.max().is_nan() {
                best = Some((moved, s, dimacs));
            }
        }
        Ok(best.map(|(y, s, dimacs)| (Start { x, y, s }, dimacs)))
    }
}

/// Whether a run ended without an answer for reasons that may lie in the program.
pub(super) fn gave_up(status: Status) -> bool {
    matches!(
        status,
        Status::AlmostSolved | Status::InsufficientProgress | Status::NumericalError
    )
}

fn trace(blocks: &[Block], x: &[f64]) -> f64 {
    let (mut at, mut sum) = (0, 0.0);
    for block in blocks {
        let part = &x[at..at + block.ambient()];
        at += block.ambient();
        sum += match *block {
            Block::Psd(n) => part.iter().step_by(n + 1).sum::<f64>(),
            Block::Nonneg(_) => part.iter().sum(),
        };
    }
    sum
}
