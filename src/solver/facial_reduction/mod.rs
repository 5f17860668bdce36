//! What to do about a program without interior: find the face its feasible points lie on, solve there, come back.

mod back;
mod basis;
mod chain;
mod exact;
mod face;
mod multipliers;
mod slack_face;
mod split;

use super::Engine;
use super::climb::{Climb, Reached};
use super::history::History;
use super::observe::in_units;
use super::params::{INTERIOR, RANGE_WEIGHT, SEARCH_ITERATIONS};
use crate::constraints::{Block, BlockWeight};
use crate::error::Result;
use crate::ipm::verdict::{Measured, judge};
use crate::ipm::{
    Attempt, Ended, Iteration, Method, Observer, Pass, PointErrors, Settings, Solution, Start, Step,
};
use crate::linalg::{dot, norm};
use crate::problem::{ConicProgram, OwnScales, Reduced};
use crate::projection::{Goal, Projection};
use back::Back;
use face::{Face, auxiliary};
use faer::MatMut;
use split::Split;
use std::ops::ControlFlow;

/// Tolerance of the search for multipliers that expose a face.
const SEARCH_TOLERANCE: f64 = 1e-10;

/// Primal infeasibility at which the search believes the eigenvalue that it has reached.
const SEARCH_FEASIBLE: f64 = 1e-8;

/// Relative residual of a solve in polishing.
const POLISH: f64 = 1e-13;

/// Rounds of polishing.
const ROUNDS: usize = 5;

/// Refinements per round.
const REFINEMENTS: usize = 4;

/// Entries of `UᵀZU` and `UᵀZV`, relative to `Z`, that pass for rounding.
const KERNEL_ROUNDING: f64 = 1e-13;

/// `bᵀd` relative to its terms that passes for zero: `bᵀd = 0` follows from the kernel.
const RHS_ROUNDING: f64 = 1e-9;

/// What a pass left, and what there is to go on with.
pub(super) struct OnFace<'a> {
    pub program: &'a ConicProgram,
    pub projection: &'a mut dyn Projection,
    pub engine: &'a Engine,
    pub settings: &'a Settings,
    pub history: &'a mut History,
    pub pass: Pass,
    /// Faces that were descended to before this one.
    pub face: u8,
    /// Where the pass ended.
    pub found: &'a Solution,
}

/// Multipliers with `Z = Aᵀd ∈ K` and `bᵀd = 0`.
struct Exposing {
    d: Vec<f64>,
    z: Vec<f64>,
    split: Split,
}

/// A better solution, from the face; `None` when no face is found, or nothing better on it.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge). A refusal of the engine ends the attempt alone, and the history records it.
pub(super) fn on_face(
    mut task: OnFace<'_>,
    observer: &mut Observer<'_>,
) -> Result<Option<Solution>> {
    // Search: multipliers that expose a face.
    let Some((exposing, face)) = task.search(observer)? else {
        return Ok(None);
    };
    if face.program().constraints().blocks().is_empty() {
        return Ok(None);
    }
    // Solve the program on the face, reduced.
    let reduced = Reduced::on_face(face.program())?;
    let small = reduced.program();
    if reduced.proof().is_some() || small.constraints().is_empty() {
        return Ok(None);
    }
    let Some(found) = task.solve(&reduced, observer)? else {
        return Ok(None);
    };
    // Come back: the point in terms of the program, with multipliers moved along the exposing ones.
    let nulls: Vec<_> = reduced.dependencies().collect();
    let (small_x, y) = (reduced.primal(&found.x)?, reduced.multipliers(&found.y)?);
    let (program, settings) = (task.program, task.settings);
    let back = back::from_points(program, settings, &exposing, &face, (&small_x, y), &nulls)?;
    let Some(Back {
        point: Start { x, y, s },
        dimacs,
        outside,
    }) = back
    else {
        return Ok(None);
    };
    if dimacs.max() >= task.found.dimacs.max() {
        return Ok(None);
    }
    let mut value = [0.0];
    task.program.cost().apply(&x, &mut value)?;
    let (primal_objective, dual_objective) = (value[0], dot(task.program.rhs(), &y));
    let scales = OwnScales::new(task.program, None)?;
    let errors = PointErrors {
        dimacs,
        backward: scales.errors((&x, &y, &s), outside)?,
        outside: Some(outside),
    };
    let measured = Measured::new(errors, primal_objective, dual_objective);
    let ended = found.ended.clone();
    Ok(Some(Solution {
        status: judge(&measured, &ended, task.settings),
        ended,
        attempts: vec![],
        x,
        y,
        s,
        primal_objective,
        dual_objective,
        dimacs,
        backward: errors.backward,
        certificate: None,
        ..Solution::empty()
    }))
}

impl OnFace<'_> {
    /// The name of an attempt on the face, or in the search for it.
    fn attempt(&self, step: Step) -> Attempt {
        Attempt {
            pass: self.pass,
            face: self.face + 1,
            step,
        }
    }

    /// The solution of the program on the face; `None` when the engine refuses its rows.
    fn solve(
        &mut self,
        reduced: &Reduced,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Solution>> {
        let small = reduced.program();
        let attempt = self.attempt(Step::Run(Method::Hkm));
        let mut projection = match (self.engine)(small.constraints()) {
            Ok(projection) => projection,
            Err(error) => {
                self.history.refused(attempt, error);
                return Ok(None);
            }
        };
        let settings = self.history.remaining(self.settings);
        let climb = Climb {
            problem: small,
            projection: projection.as_mut(),
            settings: &settings,
            engine: Some(self.engine),
            history: &mut *self.history,
            pass: self.pass,
            face: self.face + 1,
            searching: false,
            units: None,
        };
        let mut observer = in_units(reduced.objective_unit(), observer);
        match climb.solve(None, &mut observer) {
            Ok(Reached { solution, .. }) => Ok(Some(solution)),
            Err(error) => {
                self.history.refused_once(attempt, error);
                Ok(None)
            }
        }
    }

    /// Multipliers that expose a face, exact up to rounding.
    fn search(&mut self, observer: &mut Observer<'_>) -> Result<Option<(Exposing, Face)>> {
        // The auxiliary program, at the size of the solution so far.
        let blocks = self.program.constraints().blocks();
        let degree = blocks.iter().map(|b| b.order()).sum::<usize>().max(1) as f64;
        let size = (trace(blocks, &self.found.x) / degree).clamp(1e-3, 1e6);
        let size = if size.is_finite() { size } else { 1.0 };
        let program = auxiliary(self.program, size)?;
        let attempt = self.attempt(Step::Search(Method::Hkm));
        let mut projection = match (self.engine)(program.constraints()) {
            Ok(projection) => projection,
            Err(error) => {
                self.history.refused(attempt, error);
                return Ok(None);
            }
        };
        let mut tight = self.history.remaining(self.settings);
        tight.tol_feas = SEARCH_TOLERANCE;
        (tight.tol_gap_rel, tight.tol_gap_abs) = (SEARCH_TOLERANCE, SEARCH_TOLERANCE);
        tight.max_iter = tight.max_iter.min(SEARCH_ITERATIONS.count());
        // The caller sees where the program stands meanwhile, and can stop; a point inside the cone ends the search.
        let found = self.found;
        let mut watch = |it: &Iteration| {
            let at = Iteration {
                primal_objective: found.primal_objective,
                dual_objective: found.dual_objective,
                primal_infeasibility: found.dimacs.0[0],
                dual_infeasibility: found.dimacs.0[2],
                gap: found.dimacs.0[5],
                ..*it
            };
            let stopped = observer(&at).is_break();
            let inside = it.primal_infeasibility < SEARCH_FEASIBLE
                && -it.primal_objective > (1.0 + INTERIOR.get()) * size;
            if stopped || inside {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let climb = Climb {
            problem: &program,
            projection: projection.as_mut(),
            settings: &tight,
            engine: None,
            history: &mut *self.history,
            pass: self.pass,
            face: self.face + 1,
            searching: true,
            units: None,
        };
        let solution = match climb.solve(None, &mut watch) {
            Ok(Reached { solution, .. }) => solution,
            Err(error) => {
                self.history.refused_once(attempt, error);
                return Ok(None);
            }
        };
        drop(projection);
        if solution.ended == Ended::Stopped || solution.dimacs.max().is_nan() {
            return Ok(None);
        }
        let d = solution.y.iter().map(|y| -y).collect();
        self.expose(d)
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
            // In the eigenvectors of `z` itself, the excess consists of the eigenvalues of the kernel.
            if split.excess(&z, RANGE_WEIGHT.get()).1 > KERNEL_ROUNDING {
                self.polish(&split, &mut d, &mut z)?;
                continue;
            }
            let face = Face::new(self.program, &split)?;
            // Where integers were rounded to, the kernel is another in the last digits.
            let (spanned, mut exact) = (face.split()?, true);
            let split = if spanned.excess(&z, RANGE_WEIGHT.get()).1 > KERNEL_ROUNDING {
                exact = self.polish(&spanned, &mut d, &mut z)?;
                spanned
            } else {
                split
            };
            let b = self.program.rhs();
            exact &= dot(b, &d).abs() <= RHS_ROUNDING * norm(b) * norm(&d);
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
        let (mut excess, mut deviation) = split.excess(z, RANGE_WEIGHT.get());
        let weight = split.weight(RANGE_WEIGHT.get());
        let weight = BlockWeight::of_flat(a.blocks(), &weight);
        if let Err(error) = self.projection.update(&weight) {
            self.history
                .refused(self.attempt(Step::Search(Method::Hkm)), error);
            return Ok(false);
        }
        for pass in 0..REFINEMENTS {
            let mut rhs = vec![0.0; a.len()];
            a.apply(&excess, &mut rhs)?;
            let column = MatMut::from_column_major_slice_mut(&mut rhs, a.len(), 1);
            if let Err(error) = self.projection.solve(column, Goal::Residual(POLISH)) {
                self.history
                    .refused(self.attempt(Step::Search(Method::Hkm)), error);
                return Ok(false);
            }
            let tried: Vec<f64> = d.iter().zip(&rhs).map(|(d, r)| d - r).collect();
            let mut moved = vec![0.0; a.ambient()];
            a.adjoint(&tried, &mut moved)?;
            let (rest, now) = split.excess(&moved, RANGE_WEIGHT.get());
            // The first step is Newton's, and is taken whether or not this kernel can be reached.
            if now.is_nan() || (pass > 0 && now >= 0.5 * deviation) {
                break;
            }
            (*d, *z, excess, deviation) = (tried, moved, rest, now);
        }
        Ok(deviation <= KERNEL_ROUNDING)
    }
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
