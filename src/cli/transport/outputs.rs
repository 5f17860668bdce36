//! What is written: the record, the plan, the problem as a linear program and a point of that program.

use super::tables;
use super::{Before, images, report};
use clap::Args;
use dyncvx::problem::LinearSolution;
use dyncvx::transport::{Cost, Marginals, linear_program};
use serde::Serialize;

#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// Write the plan: .npy or .csv as a matrix; with exact, .csv has one line row,column,mass per arc and .npz is a sparse
    /// matrix that SciPy reads.
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<String>,
    /// Write the problem as a linear program, for `dyncvx lp`.
    #[arg(long, value_name = "FILE")]
    mps: Option<String>,
    /// Write a point of that program, for `dyncvx lp --warm-start`: plan and potentials of exact, or a point near the central path
    /// from the potentials of Mirror Sinkhorn.
    #[arg(long, value_name = "FILE")]
    solution: Option<String>,
    /// Write the result as JSON, - for standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<String>,
    /// Write the plan as a picture, .svg or .png.
    #[arg(long, value_name = "FILE")]
    pub(super) plot: Option<String>,
    /// Print nothing but errors.
    #[arg(long)]
    pub(super) quiet: bool,
}

#[derive(Serialize)]
pub(super) struct Seconds {
    read: f64,
    setup: f64,
    solve: f64,
}

impl Seconds {
    pub(super) fn new(before: &Before, solve: f64) -> Self {
        Self {
            read: before.read,
            setup: before.setup,
            solve,
        }
    }
}

/// The keys of every transport record.
#[derive(Serialize)]
pub(super) struct Record {
    pub(super) status: &'static str,
    pub(super) objective: Option<f64>,
    pub(super) lower_bound: Option<f64>,
    pub(super) gap: Option<f64>,
    pub(super) marginal_violation: Option<f64>,
    pub(super) iterations: usize,
    pub(super) shape: [usize; 2],
    pub(super) method: &'static str,
    pub(super) notices: Vec<String>,
    pub(super) seconds: Seconds,
    pub(super) version: &'static str,
}

impl OutputArguments {
    /// Linear programs are written on all arcs only.
    pub(super) fn refuse_programs(&self) -> Result<(), String> {
        for (name, path) in [("mps", &self.mps), ("solution", &self.solution)] {
            if path.is_some() {
                return Err(format!(
                    "--{name}: expected a cost on all arcs, found forbidden ones"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn write_program(
        &self,
        cost: &dyn Cost,
        marginals: &Marginals,
    ) -> Result<(), String> {
        let Some(path) = &self.mps else {
            return Ok(());
        };
        let program = linear_program(cost, marginals).map_err(|e| e.to_string())?;
        let mut file = std::fs::File::create(path).map_err(|e| format!("{path}: {e}"))?;
        dyncvx::io::mps::write(&program, &mut file).map_err(|e| format!("{path}: {e}"))
    }

    /// Writes a point of the linear program, which is made only where it is asked for.
    pub(super) fn write_solution(
        &self,
        cost: &dyn Cost,
        marginals: &Marginals,
        point: impl FnOnce() -> dyncvx::Result<LinearSolution>,
    ) -> Result<(), String> {
        let Some(path) = &self.solution else {
            return Ok(());
        };
        let program = linear_program(cost, marginals).map_err(|e| e.to_string())?;
        let point = point().map_err(|e| e.to_string())?;
        crate::cli::lp::solution::write(path, &program, &point)
    }

    pub(super) fn write_record(&self, record: &impl Serialize) -> Result<(), String> {
        match &self.json {
            Some(path) => report::json(path, record),
            None => Ok(()),
        }
    }

    /// Writes a dense plan, column by column, as a matrix and as a picture.
    pub(super) fn write_dense_plan(
        &self,
        plan: &[f64],
        (m, n): (usize, usize),
    ) -> Result<(), String> {
        if let Some(path) = &self.plan {
            tables::write_matrix(path, plan, m, n)?;
        }
        if let Some(path) = &self.plot {
            images::picture(path, plan, m, n)?;
        }
        Ok(())
    }
}
