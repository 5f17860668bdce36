//! A linear program that is solved: the one that was stated, or that one without distant limits.

use super::LinearOutcome;
use super::stated::StatedProgram;
use crate::error::Result;
use crate::ipm::{Ended, Iteration, Observer, Pass, Settings, Start};
use crate::problem::{
    LinearCertificate, LinearForm, LinearProgram, LinearSolution, Presolved, ReducedLinear,
};
use crate::solver::history::History;
use crate::solver::strategy::{Stated, Verdict, tightened};
use crate::solver::{Engine, Solver, auto_engine};

/// What presolve left.
#[derive(Debug)]
pub(super) enum Stage {
    /// A proof that the program has no solution.
    Proved(LinearCertificate),
    /// No variable: presolve found the optimum.
    Nothing(Box<ReducedLinear>),
    /// A program for the conic solver.
    Conic(Box<Conic>),
}

#[derive(Debug)]
pub(super) struct Conic {
    reduced: Box<ReducedLinear>,
    form: LinearForm,
    solver: Solver,
}

impl Stage {
    /// Presolves a program; what is left takes the engine.
    pub(super) fn new(
        program: &LinearProgram,
        settings: &Settings,
        engine: &mut Option<Engine>,
    ) -> Result<Self> {
        Ok(match program.presolve()? {
            Presolved::Infeasible(proof) => Stage::Proved(proof),
            Presolved::Reduced(reduced) if reduced.program().variables().is_empty() => {
                Stage::Nothing(reduced)
            }
            Presolved::Reduced(reduced) => {
                let form = reduced.program().conic()?;
                let engine = engine.take().unwrap_or_else(auto_engine);
                let solver = Solver::with_engine(form.conic().clone(), settings.clone(), engine)?;
                Stage::Conic(Box::new(Conic {
                    reduced,
                    form,
                    solver,
                }))
            }
        })
    }

    /// Whether presolve was enough.
    pub(super) fn is_presolved(&self) -> bool {
        !matches!(self, Stage::Conic(_))
    }

    /// Gives the engine back.
    pub(super) fn release(&mut self, engine: &mut Option<Engine>) {
        if let Stage::Conic(conic) = self
            && engine.is_none()
        {
            *engine = Some(conic.solver.exchange_engine(auto_engine()));
        }
    }

    /// Takes the engine again.
    pub(super) fn take(&mut self, engine: &mut Option<Engine>) {
        if let Stage::Conic(conic) = self
            && let Some(engine) = engine.take()
        {
            let _ = conic.solver.exchange_engine(engine);
        }
    }

    /// Solves the program of this stage; the outcome is judged in the stated one.
    pub(super) fn solve(
        &mut self,
        stated: &StatedProgram<'_>,
        start: Option<LinearSolution>,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<LinearOutcome> {
        match self {
            Stage::Proved(proof) => stated.without_point(proof),
            Stage::Nothing(reduced) => {
                let point = reduced.restore(&LinearSolution::default())?;
                stated.outcome(point, Ended::Converged, vec![])
            }
            Stage::Conic(conic) => conic.solve(stated, start, history, pass, observer),
        }
    }
}

impl Conic {
    fn solve(
        &mut self,
        stated: &StatedProgram<'_>,
        start: Option<LinearSolution>,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<LinearOutcome> {
        let start = match start {
            Some(start) => {
                let [x, y, s] = self.form.point(&self.reduced.restrict(&start)?)?;
                Some(Start { x, y, s })
            }
            None => None,
        };
        // The caller's tolerances.
        self.solver.settings = history.remaining(stated.settings);
        let (reached, first) = self.pass(stated, start.as_ref(), history, pass, observer)?;
        // Sharper ones, where unscaling and postsolve brought errors.
        let verdict = Verdict {
            status: first.status,
            dimacs: first.errors,
            backward: first.backward,
            merit: first.measured().merit_of_run(stated.settings),
        };
        let left = history.remaining(stated.settings);
        let mut kept = first;
        if let Some(sharper) = tightened(Stated::Linear, &left, &reached, &verdict) {
            self.solver.settings = sharper;
            let start = start.as_ref();
            let (_, second) = self.pass(stated, start, history, Pass::Tightened, observer)?;
            if is_better(&second, &kept, stated.settings) {
                kept = second;
            }
        }
        Ok(kept)
    }

    /// One pass over the conic program: its verdict there, and its point in the program as it was stated.
    fn pass(
        &mut self,
        stated: &StatedProgram<'_>,
        start: Option<&Start>,
        history: &mut History,
        pass: Pass,
        observer: &mut Observer<'_>,
    ) -> Result<(Verdict, LinearOutcome)> {
        let form = &self.form;
        let mut translated = |it: &Iteration| {
            observer(&Iteration {
                primal_objective: form.objective(it.primal_objective),
                dual_objective: form.objective(it.dual_objective),
                ..*it
            })
        };
        self.solver.start = start.cloned();
        let found = self.solver.solve_within(history, pass, &mut translated)?;
        let reached = Verdict::of(&found, &self.solver.settings);
        let conic = self.form.recover(&found.x, &found.y, &found.s)?;
        let point = self.reduced.restore(&conic)?;
        let mut proofs = vec![];
        for proof in found.certificate.iter().chain(&found.candidates) {
            proofs.extend(stated.restored(&self.reduced, &self.form, proof)?);
        }
        Ok((reached, stated.outcome(point, found.ended, proofs)?))
    }
}

/// Whether the errors of the first are smaller, in units of their tolerances, or it alone is an answer.
pub(super) fn is_better(
    first: &LinearOutcome,
    second: &LinearOutcome,
    settings: &Settings,
) -> bool {
    let merit = |found: &LinearOutcome| found.measured().merit(settings);
    match (first.status.is_infeasible(), second.status.is_infeasible()) {
        (false, false) => merit(first) < merit(second) || merit(second).is_nan(),
        (one, other) => one && !other,
    }
}
