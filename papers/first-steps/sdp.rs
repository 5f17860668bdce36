//! A first semidefinite program: the Lovász number of the cycle of five vertices, which is √5.
//!
//! maximise ⟨J, X⟩ subject to tr X = 1, X_ij = 0 for every edge ij, X positive semidefinite; J is the matrix of ones.

use dyncvx::constraints::{Block, Constraints};
use dyncvx::{Solver, ipm::Settings, ipm::Status, problem::ConicProgram};
use std::ops::ControlFlow;

const VERTICES: usize = 5;

fn main() -> dyncvx::Result<()> {
    let blocks = [Block::Psd(VERTICES)];

    // Row 0 is the trace; row 1 + i is the entry of the edge from i to i + 1. An entry off the diagonal is given once.
    let mut rows = Constraints::builder(1 + VERTICES, &blocks)?;
    // The solver minimises, so the cost is −J: one row, written as the rows are.
    let mut cost = Constraints::builder(1, &blocks)?;
    for i in 0..VERTICES {
        rows.entry(0, 0, i, i, 1.0)?;
        rows.entry(1 + i, 0, i, (i + 1) % VERTICES, 1.0)?;
        for j in 0..=i {
            cost.entry(0, 0, i, j, -1.0)?;
        }
    }
    let rhs = vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let program = ConicProgram::new(rows.build()?, rhs, cost.build()?)?;

    let mut solver = Solver::new(program, Settings::default())?;
    let found = solver.solve(&mut |_| ControlFlow::Continue(()))?;
    let number = -found.primal_objective;
    println!("{:?}: Lovász number {number:.8}", found.status);
    assert_eq!(found.status, Status::Solved);
    assert!((number - 5.0_f64.sqrt()).abs() < 1e-6);
    Ok(())
}
