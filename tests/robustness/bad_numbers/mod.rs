//! NaN, infinities, empty lists and arguments that do not fit.

mod engines;
mod programs;
mod randomised;

use crate::BAD;
use dyncvx::constraints::{Block, Constraints};
use dyncvx::problem::generators::Recipe;
use dyncvx::problem::{ConicProgram, Limits, LinearProgram, Sense};

/// Two rows on a block of order 2 and one of two numbers.
pub(super) fn rows() -> Constraints {
    let blocks = [Block::Psd(2), Block::Nonneg(2)];
    Constraints::independent(2, &blocks, 2, 1.into()).unwrap()
}

pub(super) fn program() -> ConicProgram {
    let recipe = Recipe::new(2, &[Block::Psd(2), Block::Nonneg(2)]);
    recipe.known_optimum(1.into()).unwrap().program
}

/// Lists that fit nothing.
pub(super) fn lists() -> Vec<Vec<f64>> {
    let mut lists = vec![vec![], vec![1.0], vec![1.0; 1000]];
    lists.extend(BAD.map(|v| vec![v]));
    lists.extend(BAD.map(|v| vec![v; 6]));
    lists.extend(BAD.map(|v| vec![v; 2]));
    lists
}

/// Minimise `x + y` where `x + y ≥ 1` and `x` is at most 3.
pub(super) fn linear() -> LinearProgram {
    let mut program = LinearProgram::new(Sense::Minimise);
    let limits = Limits::new(0.0, 3.0).unwrap();
    let x = program.add_variable("x", 1.0, limits).unwrap();
    let y = program.add_variable("y", 1.0, Limits::NONNEGATIVE).unwrap();
    let least = Limits::at_least(1.0).unwrap();
    program.add_row("r", least, &[(x, 1.0), (y, 1.0)]).unwrap();
    program
}
