//! Carries out the strategy on one program with one engine.

use super::Engine;
use super::facial_reduction::{self, OnFace};
use super::history::History;
use super::restore::{self, Restored};
use super::strategy::{self, Facts, Next, State, Tried, better};
use crate::error::{Error, Result};
use crate::ipm::{
    self, Attempt, Certificate, Ended, Finished, Method, Observer, Pass, Request, Settings,
    Solution, Start, Status, Step,
};
use crate::problem::{ConicProgram, Units};
use crate::projection::Projection;

/// A program, the engine of its rows, and the place of this solve among the attempts of a larger one.
pub(super) struct Climb<'a> {
    pub problem: &'a ConicProgram,
    pub projection: &'a mut dyn Projection,
    pub settings: &'a Settings,
    /// What makes an engine for the program on a face; without it no face is looked for.
    pub engine: Option<&'a Engine>,
    pub history: &'a mut History,
    pub pass: Pass,
    /// Faces that were descended to.
    pub face: u8,
    /// Whether this is the search for a face.
    pub searching: bool,
    /// The units of the program as it was stated; `None` where they are those of `problem`.
    pub units: Option<&'a Units>,
}

/// Where the strategy ended on one program.
pub(super) struct Reached {
    pub solution: Solution,
    /// Whether the solution comes from a face.
    pub on_face: bool,
}

/// What the loop holds between attempts.
#[derive(Default)]
struct Held {
    tried: Vec<Tried>,
    /// The last run, while it may yet be restored.
    last: Option<Finished>,
    kept: Option<Solution>,
    /// What may prove that the program is infeasible.
    candidates: Vec<Certificate>,
    searched: bool,
    on_face: bool,
}

impl Climb<'_> {
    /// Tries what the strategy says until nothing is left to try.
    ///
    /// # Errors
    /// What the first method is refused with.
    pub(super) fn solve(
        mut self,
        mut start: Option<&Start>,
        observer: &mut Observer<'_>,
    ) -> Result<Reached> {
        ipm::check(self.problem, self.projection, self.settings)?;
        let faces = self.engine.is_some();
        let facts = Facts::new(self.problem, self.projection, self.settings, faces);
        if start.is_some() && self.pass == Pass::First {
            self.pass = Pass::Warm;
        }
        let mut held = Held::default();
        loop {
            let state = State {
                facts: &facts,
                pass: self.pass,
                face: self.face,
                searched: held.searched,
                tried: &held.tried,
                kept: held.kept.as_ref(),
            };
            let next = strategy::next(&state);
            // What follows a run is decided by the better of that run and what was kept.
            if next != Some(Next::Restore)
                && let Some(last) = held.last.take()
            {
                held.keep(last.solution);
                continue;
            }
            match next {
                None => break,
                Some(Next::Run(method)) => self.run(method, start, &mut held, observer)?,
                Some(Next::Restore) => self.restore(&mut held),
                Some(Next::Cold) => {
                    (self.pass, start) = (Pass::Cold, None);
                    held.tried.clear();
                }
                Some(Next::Face) => self.descend(&mut held, observer)?,
            }
        }
        let on_face = held.on_face;
        // The first rule names a method, and what refuses the first method has been returned.
        let what = "every method that was tried";
        let mut solution = held.kept.ok_or(Error::NoConvergence { what })?;
        solution.candidates = held.candidates;
        Ok(Reached { solution, on_face })
    }

    fn attempt(&self, method: Method) -> Attempt {
        let step = if self.searching {
            Step::Search(method)
        } else {
            Step::Run(method)
        };
        self.named(step)
    }

    fn named(&self, step: Step) -> Attempt {
        Attempt {
            step,
            pass: self.pass,
            face: self.face,
            ..Attempt::run(Method::Linear)
        }
    }

    fn run(
        &mut self,
        method: Method,
        start: Option<&Start>,
        held: &mut Held,
        observer: &mut Observer<'_>,
    ) -> Result<()> {
        let attempt = self.attempt(method);
        let request = Request {
            problem: self.problem,
            settings: self.settings,
            method,
            attempt,
            start,
            begun: self.history.begun(),
            units: self.units,
        };
        match ipm::run(&request, self.projection, observer) {
            Ok(mut found) => {
                held.candidates.append(&mut found.solution.candidates);
                self.history.add(&found.solution);
                held.tried.push(Tried {
                    method,
                    ended: found.solution.ended.clone(),
                    status: found.solution.status,
                    error: found.solution.dimacs.max(),
                    restored: false,
                });
                held.last = Some(found);
                Ok(())
            }
            // Refused before its first step: the caller's error, unless there is something to go on with.
            Err(error) => {
                self.history.refused(attempt, error.clone());
                if held.kept.is_none() {
                    return Err(error);
                }
                held.tried.push(Tried {
                    method,
                    ended: Ended::Failed(error),
                    status: Status::NumericalError,
                    error: f64::NAN,
                    restored: false,
                });
                Ok(())
            }
        }
    }

    /// Brings the points of the last run back to `A x = b`.
    fn restore(&mut self, held: &mut Held) {
        let (Some(last), Some(tried)) = (&mut held.last, held.tried.last_mut()) else {
            return;
        };
        tried.restored = true;
        let restored = restore::restore_run(self.problem, self.projection, self.settings, last);
        let ended = match restored {
            Restored::NotWorthwhile => return,
            Restored::Failed(error) => Ended::Failed(error),
            Restored::NoBetter => Ended::Stalled(ipm::Stall::NoProgress),
            Restored::Better => {
                tried.status = last.solution.status;
                tried.error = last.solution.dimacs.max();
                if tried.status == Status::Solved {
                    Ended::Converged
                } else {
                    Ended::Stalled(ipm::Stall::NoProgress)
                }
            }
        };
        self.history.note(self.named(Step::Restore), ended);
    }

    /// Solves on the face that holds the feasible points, where there is one.
    fn descend(&mut self, held: &mut Held, observer: &mut Observer<'_>) -> Result<()> {
        held.searched = true;
        let (Some(engine), Some(found)) = (self.engine, &held.kept) else {
            return Ok(());
        };
        let found = facial_reduction::on_face(
            OnFace {
                program: self.problem,
                projection: self.projection,
                engine,
                settings: self.settings,
                history: self.history,
                pass: self.pass,
                face: self.face,
                found,
            },
            observer,
        )?;
        if let Some(better) = found {
            held.kept = Some(better);
            held.on_face = true;
        }
        Ok(())
    }
}

impl Held {
    fn keep(&mut self, solution: Solution) {
        self.kept = Some(match self.kept.take() {
            Some(before) => better(before, solution),
            None => solution,
        });
    }
}
