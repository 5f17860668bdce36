//! What is tried next. Nothing else in the library decides that.
//!
//! On one program, reduced or on a face, [`next`] goes through these rules and takes the first that applies:
//!
//! | rule | when | then |
//! |---|---|---|
//! | [`first_method`] | nothing was tried in this pass | the linear method on linear programs, else directions as the settings ask or the engine prefers |
//! | [`restore`] | a run along matrix directions gave up | its points are brought back to `A x = b` |
//! | [`matrix_directions`] | the linear method has no optimum | the same program along matrix directions, from another start |
//! | [`other_directions`] | `Auto`: Nesterov–Todd gave up, or HKM gave up far from any solution | the other directions, if the engine takes their weight |
//! | [`cold`] | a warm start led to no answer | a pass from the method's own start |
//! | [`face`] | no answer, and the multipliers diverged | the face that holds the feasible points |
//!
//! Above that, [`tightened`] asks for one more pass to sharper tolerances when the program as it was stated misses what the program
//! that was solved has reached. Every attempt is recorded in [`Solution::attempts`].

use super::params::{BOUNDED_MULTIPLIERS, FAR_FROM_A_SOLUTION};
use crate::constraints::Block;
use crate::ipm::{
    BackwardErrors, Dimacs, Ended, Method, Pass, SearchDirection, Settings, Solution, Status,
    first_direction, is_linear, takes_hkm,
};
use crate::linalg::max_abs;
use crate::problem::ConicProgram;
use crate::projection::Projection;

/// Faces of faces that are descended to.
const MAX_FACES: u8 = 4;

/// No tolerance is tightened below this.
const SHARPEST: f64 = 1e-14;

/// No tolerance of a linear program is tightened to less than this share of it.
const SHARPEST_SHARE: f64 = 1e-4;

/// What one attempt does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Run a method.
    Run(Method),
    /// Bring the points of the last run back to `A x = b`.
    Restore,
    /// Begin again without the caller's start.
    Cold,
    /// Find the face that holds the feasible points, and solve there.
    Face,
}

/// What does not change during a solve.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    linear: bool,
    matrices: bool,
    direction: SearchDirection,
    /// The directions that the settings ask for or that the engine prefers.
    first: Method,
    /// Whether the engine takes the weight of HKM directions.
    hkm: bool,
    /// `1 + max│b│`.
    scale_b: f64,
    /// Whether an engine can be made for the program on a face.
    faces: bool,
}

impl Facts {
    pub(super) fn new(
        problem: &ConicProgram,
        projection: &dyn Projection,
        settings: &Settings,
        faces: bool,
    ) -> Self {
        let a = problem.constraints();
        Self {
            linear: is_linear(a),
            matrices: a.blocks().iter().any(|b| matches!(b, Block::Psd(_))),
            direction: settings.direction,
            first: first_direction(problem, settings.direction, projection),
            hkm: takes_hkm(problem, projection),
            scale_b: 1.0 + max_abs(problem.rhs()),
            faces,
        }
    }
}

/// One run of this pass.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub method: Method,
    pub ended: Ended,
    pub status: Status,
    /// The largest DIMACS error.
    pub error: f64,
    /// Whether its points were brought back to `A x = b`, or an attempt was made.
    pub restored: bool,
}

/// Everything that the next attempt depends on.
pub(super) struct State<'a> {
    pub facts: &'a Facts,
    pub pass: Pass,
    /// Faces that were descended to.
    pub face: u8,
    /// Whether a face was looked for.
    pub searched: bool,
    /// The runs of this pass, in order.
    pub tried: &'a [Tried],
    /// The best solution so far, the last run left out while it may yet be restored.
    pub kept: Option<&'a Solution>,
}

type Rule = fn(&State<'_>) -> Option<Next>;

const RULES: [Rule; 6] = [
    first_method,
    restore,
    matrix_directions,
    other_directions,
    cold,
    face,
];

/// The next attempt; `None` when nothing is left to try.
pub(super) fn next(state: &State<'_>) -> Option<Next> {
    RULES.iter().find_map(|rule| rule(state))
}

fn first_method(state: &State<'_>) -> Option<Next> {
    let method = if state.facts.linear {
        Method::Linear
    } else {
        state.facts.first
    };
    state.tried.is_empty().then_some(Next::Run(method))
}

fn restore(state: &State<'_>) -> Option<Next> {
    let last = state.tried.last()?;
    let applies = last.method != Method::Linear
        && last.ended.gave_up()
        && last.status != Status::Solved
        && !last.error.is_nan()
        && !last.restored;
    applies.then_some(Next::Restore)
}

/// A certificate within the tolerance may also fit a feasible program whose solutions are large. Other directions from another start
/// would show that, so infeasible linear programs come here too.
fn matrix_directions(state: &State<'_>) -> Option<Next> {
    let last = state.tried.last()?;
    let applies =
        last.method == Method::Linear && last.status != Status::Solved && !last.ended.is_limit();
    applies.then_some(Next::Run(state.facts.first))
}

/// Nesterov–Todd steps stay longer where a program has no solution; HKM steps reach more digits where it has one.
fn other_directions(state: &State<'_>) -> Option<Next> {
    let last = state.tried.last()?;
    let runs = state.tried.iter().filter(|t| t.method != Method::Linear);
    if state.facts.direction != SearchDirection::Auto || runs.count() != 1 {
        return None;
    }
    let far = last.error.is_nan() || last.error > FAR_FROM_A_SOLUTION.get();
    match last.method {
        Method::NesterovTodd => {
            let open = state.facts.hkm && last.status.is_inconclusive();
            open.then_some(Next::Run(Method::Hkm))
        }
        Method::Hkm => {
            let lost = far && last.ended.gave_up() && !last.status.is_infeasible();
            lost.then_some(Next::Run(Method::NesterovTodd))
        }
        Method::Linear => None,
    }
}

fn cold(state: &State<'_>) -> Option<Next> {
    let answered = state.kept.is_some_and(|k| k.status.is_answer());
    let limited = state.tried.last()?.ended.is_limit();
    (state.pass == Pass::Warm && !answered && !limited).then_some(Next::Cold)
}

/// Where a program has no interior nothing bounds its multipliers.
fn face(state: &State<'_>) -> Option<Next> {
    let kept = state.kept?;
    let applies = state.facts.faces
        && state.facts.matrices
        && state.pass != Pass::Tightened
        && state.face < MAX_FACES
        && !state.searched
        && kept.status.is_inconclusive()
        && multipliers_diverged(
            &kept.y,
            state.facts.scale_b,
            1.0 + kept.primal_objective.abs(),
        );
    applies.then_some(Next::Face)
}

/// Whether multipliers are so large that feasibility errors within the tolerances may count in the objective. Where nothing bounds
/// the multipliers, a point outside the cone by as little as rounding can have any value.
pub(super) fn multipliers_diverged(y: &[f64], scale_b: f64, scale: f64) -> bool {
    let ratio = max_abs(y) * scale_b / scale;
    ratio > BOUNDED_MULTIPLIERS.get() || ratio.is_nan()
}

/// The one that is kept of two solutions of the same program: an optimum, else an answer, else the one with the smaller errors.
pub(super) fn better(first: Solution, second: Solution) -> Solution {
    let solved = |s: &Solution| s.status == Status::Solved;
    let smaller = second.dimacs.max() < first.dimacs.max() || first.dimacs.max().is_nan();
    let take_second = if solved(&first) == solved(&second) {
        match (first.status.is_answer(), second.status.is_answer()) {
            (true, true) => solved(&first) && smaller,
            (one, other) if one != other => other,
            _ => smaller,
        }
    } else {
        solved(&second)
    };
    if take_second { second } else { first }
}

/// What kind of program was stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stated {
    /// A second pass may take as long as the first: it is made only when the verdict is not [`Status::Solved`].
    Conic,
    /// A second pass costs little: it is made as soon as an error exceeds its tolerance.
    Linear,
}

/// What a solution was found to be worth, in one program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verdict {
    pub status: Status,
    pub dimacs: Dimacs,
    pub backward: BackwardErrors,
    /// The largest error in units of its tolerance.
    pub merit: f64,
}

impl Verdict {
    pub(super) fn of(found: &Solution, settings: &Settings) -> Self {
        Self {
            status: found.status,
            dimacs: found.dimacs,
            backward: found.backward,
            merit: found.measured().merit_of_run(settings),
        }
    }
}

/// Settings for one more pass, when the program that was solved `reached` its tolerances and the program as it was `stated` misses
/// them. Each tolerance is tightened to a tenth, and by the factor that an error is too large: its own error for conic programs, the
/// largest error for linear ones, whose residuals and gap are coupled by postsolve. A tolerance that is missed also goes below what was
/// reached and was not enough.
pub(super) fn tightened(
    kind: Stated,
    settings: &Settings,
    reached: &Verdict,
    stated: &Verdict,
) -> Option<Settings> {
    let missed = match kind {
        Stated::Conic => stated.status != Status::Solved,
        Stated::Linear => stated.merit.is_nan() || stated.merit > 1.0,
    };
    if reached.status != Status::Solved || !missed {
        return None;
    }
    let least = settings.tol_feas.min(settings.tol_gap_rel);
    let tighten = |tol: f64, error: f64, reached: f64| {
        let share = match kind {
            Stated::Conic => (tol / error).min(1.0),
            Stated::Linear => (least / stated.dimacs.max().max(stated.backward.max()))
                .clamp(10.0 * SHARPEST_SHARE, 1.0),
        };
        let most = if error > tol { 0.1 * reached } else { tol };
        (0.1 * share * tol).min(most).max(SHARPEST).min(tol)
    };
    let infeasibility = stated.dimacs.infeasibility().max(stated.backward.max());
    let gap = stated.dimacs.gap();
    let reached = &reached.dimacs;
    let mut sharper = settings.clone();
    sharper.tol_feas = tighten(settings.tol_feas, infeasibility, reached.infeasibility());
    sharper.tol_gap_rel = tighten(settings.tol_gap_rel, gap, reached.gap());
    sharper.tol_gap_abs = tighten(settings.tol_gap_abs, gap, reached.gap());
    sharper.validate().is_ok().then_some(sharper)
}
