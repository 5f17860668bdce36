//! Refinement of an answer of a linear program[^GSW16].
//!
//! With a point `(x, y)` near the optimum, put `x + ξ/Δ_P` for the variables and `y + υ/Δ_D` for the duals. Then `ξ` and `υ` solve the linear
//! program with the same matrix, with the distances from the limits times `Δ_P` as limits and the reduced costs times `Δ_D` as costs. Distances
//! and reduced costs are computed without rounding but the last, and both factors are powers of two, so that each round adds the
//! digits to which that program is solved. The activity of a row with limits is a variable of its own, whose cost is the dual of the row.
//!
//! [^GSW16]: Gleixner, Steffy, Wolter. *Iterative refinement for linear programming.* INFORMS Journal on Computing 28, 2016.

use super::stage::is_better;
use super::stated::StatedProgram;
use super::{LinearOutcome, LinearSolver, is_settled, misses};
use crate::error::Result;
use crate::ipm::{Ended, Iteration, Observer, Pass};
use crate::linalg::error_free::{ExactSum, power_of_two};
use crate::problem::{Limits, LinearProgram, LinearSolution};
use crate::solver::Engine;
use crate::solver::history::History;
use crate::solver::params::REFINABLE;

/// Rounds at most; each adds some eight digits.
const MAX_ROUNDS: usize = 3;

/// No factor is larger: distances that matter would leave the range in which limits are kept.
const LARGEST_FACTOR: f64 = 1e13;

/// The answer, refined as long as that makes it better.
pub(super) fn refine(
    stated: &StatedProgram<'_>,
    mut found: LinearOutcome,
    engine: &mut Option<Engine>,
    history: &mut History,
    observer: &mut Observer<'_>,
) -> Result<LinearOutcome> {
    let open = |f: &LinearOutcome| !is_settled(f) || misses(f, stated.settings);
    for _ in 0..MAX_ROUNDS {
        // Only what is nearly an answer has a correction of moderate size.
        let near = found.errors.max() <= REFINABLE.get();
        let (true, Some(engine_of_round)) = (near && open(&found), engine.take()) else {
            break;
        };
        let correction = Correction::new(stated.program, &found)?;
        let base = found.primal_objective;
        let mut shown = |it: &Iteration| {
            observer(&Iteration {
                primal_objective: base + it.primal_objective / correction.objective_factor(),
                dual_objective: base + it.dual_objective / correction.objective_factor(),
                ..*it
            })
        };
        let program = correction.program.clone();
        let settings = history.remaining(stated.settings);
        let mut solver = LinearSolver::with_engine(program, settings, engine_of_round)?;
        let step = solver.staged(history, Pass::Refined, &mut shown)?;
        solver.stage.release(&mut solver.engine);
        *engine = solver.engine;
        if step.ended.is_limit() || !step.errors.max().is_finite() {
            break;
        }
        // Keep the corrected point where it is better in the stated program.
        let point = correction.applied(stated.program, &found.point, &step.point)?;
        let refined = stated.outcome(point, Ended::Converged, vec![])?;
        if !is_better(&refined, &found, stated.settings) {
            break;
        }
        found = refined;
    }
    Ok(found)
}

/// The program whose solution is what an answer lacks.
struct Correction {
    program: LinearProgram,
    primal_factor: f64,
    dual_factor: f64,
}

impl Correction {
    fn new(stated: &LinearProgram, found: &LinearOutcome) -> Result<Self> {
        let (x, y) = (&found.point.x, &found.point.row_duals);
        // Reduced costs and activities, each rounded once.
        let mut sums: Vec<ExactSum> = stated
            .costs()
            .iter()
            .map(|&c| {
                let mut sum = ExactSum::default();
                sum.add(c);
                sum
            })
            .collect();
        for (i, y) in y.iter().enumerate() {
            stated.row(i).for_each(|(j, v)| sums[j].add_product(-v, *y));
        }
        let reduced: Vec<f64> = sums.iter().map(|s| s.ball().mid).collect();
        let distance = |limit: f64, i: usize| {
            let mut sum = ExactSum::default();
            sum.add(limit);
            stated.row(i).for_each(|(j, v)| sum.add_product(-v, x[j]));
            sum.ball().mid
        };

        // Factors that make what is missed of order one, on each side and in the gap.
        let violation = |limits: &Limits, v: f64| limits.violation(v);
        let activities = stated.activities(x)?;
        let rows = stated.rows().iter().zip(&activities);
        let variables = stated.variables().iter().zip(x);
        let primal = rows
            .chain(variables)
            .fold(0.0f64, |m, (l, v)| m.max(violation(l, *v)));
        let costs = reduced.iter().zip(&found.point.reduced_costs);
        let dual = costs.fold(0.0f64, |m, (r, z)| m.max((r - z).abs()));
        let gap = (found.primal_objective - found.dual_objective).abs();
        let even = gap.max(f64::MIN_POSITIVE).sqrt().recip();
        let factor = |missed: f64| {
            let most = missed.max(f64::MIN_POSITIVE).recip().min(even);
            power_of_two(most.clamp(1.0, LARGEST_FACTOR))
        };
        let (primal_factor, dual_factor) = (factor(primal), factor(dual));

        // The program of the correction.
        let scaled = |limits: &Limits, away: &dyn Fn(f64) -> f64| {
            let one = |limit: f64| match limit {
                l if l.is_finite() => (away(l) * primal_factor).clamp(-1e19, 1e19),
                l => l,
            };
            let (lower, upper) = (one(limits.lower()), one(limits.upper()));
            Limits::new(lower.min(upper), upper)
        };
        let mut program = LinearProgram::new(stated.sense());
        for ((limits, x), cost) in stated.variables().iter().zip(x).zip(&reduced) {
            let limits = scaled(limits, &|limit| limit - x)?;
            program.add_variable(String::new(), cost * dual_factor, limits)?;
        }
        for (i, limits) in stated.rows().iter().enumerate() {
            let moved = scaled(limits, &|limit| distance(limit, i))?;
            let mut entries: Vec<_> = stated.row(i).collect();
            if limits.is_fixed() || limits.is_free() {
                program.add_row(String::new(), moved, &entries)?;
                continue;
            }
            // The activity is a variable whose reduced cost is the dual of the row, so that the sign of the corrected dual is kept.
            let cost = y[i] * dual_factor;
            entries.push((program.add_variable(String::new(), cost, moved)?, -1.0));
            program.add_row(String::new(), Limits::fixed(0.0)?, &entries)?;
        }
        Ok(Self {
            program,
            primal_factor,
            dual_factor,
        })
    }

    /// The factor from an objective of the stated program to one of the correction.
    fn objective_factor(&self) -> f64 {
        self.primal_factor * self.dual_factor
    }

    /// The point with its correction.
    fn applied(
        &self,
        stated: &LinearProgram,
        point: &LinearSolution,
        step: &LinearSolution,
    ) -> Result<LinearSolution> {
        let moved = |from: &[f64], by: &[f64], factor: f64| -> Vec<f64> {
            from.iter().zip(by).map(|(v, d)| v + d / factor).collect()
        };
        let x = moved(&point.x, &step.x, self.primal_factor);
        // Onto the limits that the last rounding crosses.
        let x = stated.variables().iter().zip(x).map(|(l, v)| {
            let nearest = v.max(l.lower()).min(l.upper());
            if (nearest - v).abs() <= f64::EPSILON * v.abs() {
                nearest
            } else {
                v
            }
        });
        let x: Vec<f64> = x.collect();
        let row_duals = moved(&point.row_duals, &step.row_duals, self.dual_factor);
        Ok(LinearSolution {
            activities: stated.activities(&x)?,
            reduced_costs: stated.reduced_costs(&row_duals)?,
            x,
            row_duals,
        })
    }
}
