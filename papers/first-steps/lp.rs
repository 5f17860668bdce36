//! A first linear program: how much of two products to make, and what one more hour of each machine is worth.

use dyncvx::problem::{Limits, LinearProgram, Sense};
use dyncvx::{LinearSolver, Settings, Status};
use std::ops::ControlFlow;

fn main() -> dyncvx::Result<()> {
    // A chair earns 3 and a table earns 2; nothing is sold below zero.
    let mut program = LinearProgram::new(Sense::Maximise);
    let chairs = program.add_variable("chairs", 3.0, Limits::NONNEGATIVE)?;
    let tables = program.add_variable("tables", 2.0, Limits::NONNEGATIVE)?;
    // Hours per piece: the saw works for 4 hours, the press for 6.
    program.add_row(
        "saw",
        Limits::at_most(4.0)?,
        &[(chairs, 1.0), (tables, 1.0)],
    )?;
    program.add_row(
        "press",
        Limits::at_most(6.0)?,
        &[(chairs, 3.0), (tables, 1.0)],
    )?;

    let mut solver = LinearSolver::new(program, Settings::default())?;
    let found = solver.solve(&mut |_| ControlFlow::Continue(()))?;

    println!("{:?}: profit {:.6}", found.status, found.primal_objective);
    println!("chairs and tables: {:.6?}", found.point.x);
    println!(
        "worth of an hour of saw and press: {:.6?}",
        found.point.row_duals
    );
    assert_eq!(found.status, Status::Solved);
    // One chair and three tables.
    assert!((found.primal_objective - 9.0).abs() < 1e-6);
    assert!((found.point.row_duals[0] - 1.5).abs() < 1e-6);
    Ok(())
}
