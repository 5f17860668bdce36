//! Observers that see another program than the one that is solved.

use crate::ipm::{Iteration, Observer};
use std::ops::ControlFlow;

/// An observer of a program whose objective is in units of `unit`: what it is shown is in the units of its own program.
pub(super) fn in_units<'a>(
    unit: f64,
    observer: &'a mut Observer<'_>,
) -> impl FnMut(&Iteration) -> ControlFlow<()> + 'a {
    move |it| {
        observer(&Iteration {
            primal_objective: unit * it.primal_objective,
            dual_objective: unit * it.dual_objective,
            mu: unit * it.mu,
            ..*it
        })
    }
}
