//! Faces that the numbers of a program show without solving anything.
//!
//! Two kinds of reasoning, both without rounding, and both repeated on the face until nothing new is found:
//!
//! * A row whose matrix is semidefinite with right-hand side 0, or a combination of rows ([`combined`]), forces `x` to vanish on the
//!   range of the matrix ([`rows`]). Where only
//!   such rows link an index to others, the index leaves the program.
//! * A diagonal entry of the slack that is 0 for every `y`, or two that are opposite, force rows and columns of the slack to vanish
//!   ([`slacks`]). These are linear equations on `y`, and [`SlackFace`](super::slack_face::SlackFace) solves them.
//!
//! The same sequence proves weak infeasibilities in the form that Liu and Pataki[^LP18] give them: every face is exposed by one row,
//! restricted to the face before, and the last row reads `0 ≤ ⟨A, x⟩ = −1` there. No single certificate proves these.
//!
//! [^LP18]: Liu, Pataki. Exact duals and short certificates of infeasibility and weak infeasibility in conic linear programming.
//! Mathematical Programming 167, 2018.

mod combined;
mod rows;
mod slacks;
mod staged;
mod step;

use crate::constraints::Block;
use crate::problem::ConicProgram;

/// What the numbers of a program show.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// `x` vanishes at these indices: `Aᵀd` is semidefinite and definite there, `bᵀd = 0`.
    Points { d: Vec<f64>, dead: Vec<Vec<bool>> },
    /// `s` vanishes at these indices: `z` is diagonal and positive there, `A z = 0` and `⟨c, z⟩ = 0`.
    Slacks { z: Vec<f64>, dead: Vec<Vec<bool>> },
    /// `−Aᵀy ∈ K` and `bᵀy > 0`.
    PrimalInfeasible { y: Vec<f64> },
    /// `x ∈ K`, `A x = 0` and `⟨c, x⟩ < 0`.
    DualInfeasible { x: Vec<f64> },
}

/// Which side a face is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Points,
    Slacks,
}

/// What the numbers of a program with matrices show about one side; `None` where they show nothing.
///
/// # Complexity
/// Two passes over the nonzeros, and a sort of those on diagonals.
pub(super) fn show(program: &ConicProgram, side: Side) -> Option<Shown> {
    let blocks = program.constraints().blocks();
    let has_matrix = blocks.iter().any(|b| matches!(b, Block::Psd(n) if *n > 1));
    if !has_matrix {
        return None;
    }
    match side {
        Side::Points => rows::show(program).or_else(|| combined::show(program)),
        Side::Slacks => slacks::show(program),
    }
}
