//! Solves a program on the faces that its numbers show, one face at a time.

use super::Side;
use super::step::{Next, Step, contradiction};
use crate::error::{Error, Result};
use crate::ipm::verdict::{Measured, judge};
use crate::ipm::{
    Certificate, Ended, Iteration, Observer, Pass, PointErrors, Solution, Stall, Start, Status,
};
use crate::linalg::dot;
use crate::problem::{OwnScales, Reduced};
use crate::solver::facial_reduction::back::{self, Back};
use crate::solver::facial_reduction::chain::{self, Tested};
use crate::solver::history::History;
use crate::solver::{Engine, Solver};

/// Faces of faces that are descended to: one for every index that a chain can take away, within what a stack holds.
const MAX_STEPS: usize = 64;

/// Violation of the faces of a chain, relative to their terms, that passes for rounding.
const FACE_ROUNDING: f64 = 1e-12;

/// A combination of rows may take this many times the violation that the program on the face allows.
const COMBINED: f64 = 10.0;

impl Solver {
    /// The solution on the faces that the numbers of the program show; `None` where they show none.
    ///
    /// # Errors
    /// Those of [`Solver::solve`].
    ///
    /// # Complexity
    /// That of [`show`], and where there is a face that of [`Solver::solve`] for the program on it.
    pub(in crate::solver) fn on_shown_faces(
        &mut self,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Solution>> {
        if self.depth >= MAX_STEPS {
            return Ok(None);
        }
        // Whether either side has feasible points at all.
        for side in [Side::Slacks, Side::Points] {
            if let Some(tested) = contradiction(&self.program, side)?
                && let Some(found) = self.certified(Some(tested))?
            {
                return Ok(Some(found));
            }
        }
        let step = match Step::next(&self.program, Side::Slacks)? {
            Next::Step(step) => step,
            _ => match Step::next(&self.program, Side::Points)? {
                Next::Step(step) => step,
                _ => return Ok(None),
            },
        };
        // The program on the face, with the same engine.
        let offset = step.offset(&self.program)?;
        let reduced = Reduced::new(step.program())?;
        let spare: Engine = Box::new(|_| Err(Error::NoWeight));
        let mut inner = Solver {
            program: step.program().clone(),
            units: reduced.units(),
            settings: history.remaining(&self.settings),
            reduced,
            engine: std::mem::replace(&mut self.engine, spare),
            projection: None,
            start: None,
            depth: self.depth + 1,
        };
        let found = inner.solve_within(history, pass, &mut |it: &Iteration| {
            observer(&Iteration {
                primal_objective: it.primal_objective + offset,
                dual_objective: it.dual_objective + offset,
                ..*it
            })
        });
        let nulls: Vec<_> = inner.reduced.dependencies().collect();
        self.engine = inner.engine;
        self.come_back(&step, found?, &nulls)
    }

    /// A solution on the face in terms of the program, judged there.
    fn come_back(
        &self,
        step: &Step,
        found: Solution,
        nulls: &back::Nulls,
    ) -> Result<Option<Solution>> {
        if let Some(certificate) = &found.certificate {
            return self.certified(step.lengthened(&self.program, certificate)?);
        }
        let (program, settings) = (&self.program, &self.settings);
        let back = match step {
            Step::Points { exposing, face } => {
                let point = (&found.x[..], found.y.clone());
                back::from_points(program, settings, exposing, face, point, nulls)?
            }
            Step::Slacks { z, split, face } => {
                let point = (&found.x[..], &found.y[..], &found.s[..]);
                back::from_slacks(program, settings, (z, split), face, point)?
            }
        };
        let Some(Back {
            point: Start { x, y, s },
            dimacs,
            outside,
        }) = back
        else {
            return Ok(None);
        };
        let mut value = [0.0];
        program.cost().apply(&x, &mut value)?;
        let (primal_objective, dual_objective) = (value[0], dot(program.rhs(), &y));
        let scales = OwnScales::new(program, None)?;
        let errors = PointErrors {
            dimacs,
            backward: scales.errors((&x, &y, &s), outside)?,
            outside: Some(outside),
        };
        let measured = Measured::new(errors, primal_objective, dual_objective);
        let mut ended = found.ended.clone();
        let mut status = judge(&measured, &ended, settings);
        if found.status == Status::Solved && status != Status::Solved {
            // The answer on the face has no counterpart within the tolerances.
            ended = Ended::Stalled(Stall::Unattained);
            status = judge(&measured, &ended, settings);
        }
        Ok(Some(Solution {
            status,
            ended,
            x,
            y,
            s,
            primal_objective,
            dual_objective,
            dimacs,
            backward: errors.backward,
            outside: errors.outside,
            candidates: self.candidates(step, &found)?,
            certificate: None,
            ..found
        }))
    }

    /// What may be a proof of the program on the face, as a single vector of the program. A chain of faces is left out: no exact
    /// arithmetic tests it.
    fn candidates(&self, step: &Step, found: &Solution) -> Result<Vec<Certificate>> {
        let mut lifted = vec![];
        for candidate in &found.candidates {
            let tested = match (step, candidate) {
                // The rows are those of the program, and `y` may prove something without the face.
                (Step::Points { .. }, Certificate::Primal { y, .. }) => {
                    chain::primal(&self.program, vec![], y)?
                }
                _ => step.lengthened(&self.program, candidate)?,
            };
            let plain = tested.map(|t| t.certificate);
            lifted
                .extend(plain.filter(|c| {
                    matches!(c, Certificate::Primal { .. } | Certificate::Dual { .. })
                }));
        }
        Ok(lifted)
    }

    /// An infeasibility, when its certificate holds in the program.
    fn certified(&self, tested: Option<Tested>) -> Result<Option<Solution>> {
        let Some(tested) = tested else {
            return Ok(None);
        };
        let allowed = COMBINED * self.settings.tol_infeas;
        if !(tested.faces <= FACE_ROUNDING && tested.last <= allowed) {
            return Ok(None);
        }
        self.infeasible(tested.certificate).map(Some)
    }

    /// The solution that says so.
    fn infeasible(&self, certificate: Certificate) -> Result<Solution> {
        let status = match certificate {
            Certificate::Primal { .. } | Certificate::PrimalFaces { .. } => {
                Status::PrimalInfeasible
            }
            Certificate::Dual { .. } | Certificate::DualFaces { .. } => Status::DualInfeasible,
        };
        let m = self.program.constraints().len();
        let mut s = vec![0.0; self.program.constraints().ambient()];
        self.program.cost().adjoint(&[1.0], &mut s)?;
        let (x, y) = (vec![0.0; s.len()], vec![0.0; m]);
        let scales = OwnScales::new(&self.program, None)?;
        let PointErrors {
            dimacs, backward, ..
        } = PointErrors::new(&self.program, &scales, (&x, &y, &s))?;
        Ok(Solution {
            status,
            ended: Ended::Certified,
            certificate: Some(certificate),
            x,
            y,
            s,
            dimacs,
            backward,
            ..Solution::empty()
        })
    }
}
