//! One face that the numbers of a program show, and chains of them.

use super::{Shown, Side, show};
use crate::error::Result;
use crate::ipm::Certificate;
use crate::linalg::dot;
use crate::problem::{ConicProgram, Proof, Reduced};
use crate::solver::facial_reduction::Exposing;
use crate::solver::facial_reduction::chain::{self, Tested};
use crate::solver::facial_reduction::face::Face;
use crate::solver::facial_reduction::slack_face::{Outcome, SlackFace};
use crate::solver::facial_reduction::split::Split;

/// Faces of one chain at most.
const MAX_CHAIN: usize = 1000;

/// One face, and how vectors come back from it.
pub(super) enum Step {
    Points {
        exposing: Exposing,
        face: Box<Face>,
    },
    Slacks {
        z: Vec<f64>,
        split: Split,
        face: Box<SlackFace>,
    },
}

/// What one side of a program shows.
pub(super) enum Next {
    Nothing,
    Step(Step),
    Infeasible(Option<Tested>),
}

impl Step {
    /// The next face of one side, or the proof that nothing is feasible.
    ///
    /// # Errors
    /// Those of the programs on faces.
    ///
    /// # Complexity
    /// That of [`show`], and of the program on the face.
    pub(super) fn next(program: &ConicProgram, side: Side) -> Result<Next> {
        let a = program.constraints();
        Ok(match show(program, side) {
            None => Next::Nothing,
            Some(Shown::PrimalInfeasible { y }) => {
                Next::Infeasible(chain::primal(program, vec![], &y)?)
            }
            Some(Shown::DualInfeasible { x }) => {
                Next::Infeasible(chain::dual(program, vec![], &x)?)
            }
            Some(Shown::Points { d, dead }) => {
                let split = Split::of_coordinates(a.blocks(), &dead);
                let mut z = vec![0.0; a.ambient()];
                a.adjoint(&d, &mut z)?;
                let face = Box::new(Face::new(program, &split)?);
                let exposing = Exposing { d, z, split };
                Next::Step(Step::Points { exposing, face })
            }
            Some(Shown::Slacks { z, dead }) => {
                let split = Split::of_coordinates(a.blocks(), &dead);
                match SlackFace::of(program, &split)? {
                    Outcome::TooLarge => Next::Nothing,
                    Outcome::Contradiction(x) => {
                        Next::Infeasible(chain::dual(program, vec![z], &x)?)
                    }
                    Outcome::Face(face) => Next::Step(Step::Slacks { z, split, face }),
                }
            }
        })
    }

    /// The program on the face.
    pub(super) fn program(&self) -> &ConicProgram {
        match self {
            Step::Points { face, .. } => face.program(),
            Step::Slacks { face, .. } => face.program(),
        }
    }

    /// What the objective of the program is more than that on the face.
    pub(super) fn offset(&self, program: &ConicProgram) -> Result<f64> {
        Ok(match self {
            Step::Points { .. } => 0.0,
            Step::Slacks { face, .. } => {
                let zero = vec![0.0; face.program().constraints().len()];
                dot(program.rhs(), &face.multipliers(&zero, false)?)
            }
        })
    }

    /// A certificate of the program on the face as one of the program, with this face before it where it is for the same side.
    ///
    /// # Errors
    /// Those of [`chain`].
    pub(super) fn lengthened(
        &self,
        program: &ConicProgram,
        found: &Certificate,
    ) -> Result<Option<Tested>> {
        let (primal, faces, last) = match found {
            Certificate::Primal { y, .. } => (true, &[][..], y),
            Certificate::PrimalFaces { faces, y, .. } => (true, &faces[..], y),
            Certificate::Dual { x, .. } => (false, &[][..], x),
            Certificate::DualFaces { faces, x, .. } => (false, &faces[..], x),
        };
        let mut lifted = match (self, primal) {
            (Step::Points { exposing, .. }, true) => vec![exposing.d.clone()],
            (Step::Slacks { z, .. }, false) => vec![z.clone()],
            _ => vec![],
        };
        for v in faces {
            let Some(v) = self.lift(program, v, primal)? else {
                return Ok(None);
            };
            lifted.push(v);
        }
        let Some(last) = self.lift(program, last, primal)? else {
            return Ok(None);
        };
        if primal {
            chain::primal(program, lifted, &last)
        } else {
            chain::dual(program, lifted, &last)
        }
    }

    /// A direction of `y` or of `x` on the face as one of the program.
    fn lift(&self, program: &ConicProgram, v: &[f64], primal: bool) -> Result<Option<Vec<f64>>> {
        Ok(match (self, primal) {
            (Step::Points { .. }, true) => Some(v.to_vec()),
            (Step::Points { face, .. }, false) => Some(face.primal(v)?),
            (Step::Slacks { face, .. }, true) => Some(face.multipliers(v, true)?),
            (Step::Slacks { face, .. }, false) => {
                face.primal(v, &vec![0.0; program.rhs().len()], 1.0)?
            }
        })
    }
}

/// The proof that faces of one side alone lead to, where they do.
///
/// Faces of the other side are left out: every one of them is a relaxation of this side, which may hide that nothing is feasible.
///
/// # Errors
/// Those of the programs on faces.
///
/// # Complexity
/// That of [`Step::next`], per face.
pub(super) fn contradiction(program: &ConicProgram, side: Side) -> Result<Option<Tested>> {
    let mut steps: Vec<Step> = vec![];
    let mut tested = loop {
        let at = steps.last().map_or(program, Step::program);
        match Step::next(at, side)? {
            Next::Step(step) if steps.len() < MAX_CHAIN => steps.push(step),
            Next::Infeasible(Some(tested)) => break tested,
            // On a face rows may contradict one another.
            _ if !steps.is_empty() => match proved(at, side)? {
                Some(tested) => break tested,
                None => return Ok(None),
            },
            _ => return Ok(None),
        }
    };
    while let Some(step) = steps.pop() {
        let outer = steps.last().map_or(program, Step::program);
        match step.lengthened(outer, &tested.certificate)? {
            Some(longer) => tested = longer,
            None => return Ok(None),
        }
    }
    Ok(Some(tested))
}

/// What the reduction of a program proves about one side.
fn proved(program: &ConicProgram, side: Side) -> Result<Option<Tested>> {
    match (Reduced::new(program)?.proof(), side) {
        (Some(Proof::PrimalInfeasible { y }), Side::Points) => chain::primal(program, vec![], &y),
        (Some(Proof::DualInfeasible { x }), Side::Slacks) => chain::dual(program, vec![], &x),
        _ => Ok(None),
    }
}
