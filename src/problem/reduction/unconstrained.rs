//! Variables that no row touches: their cost alone decides.

use super::layout::Layout;
use crate::constraints::Constraints;
use crate::error::Result;
use crate::linalg::{max_abs, spectral};
use faer::Mat;

/// Costs on the components that no row touches.
#[derive(Debug, Clone, Default)]
pub(super) struct Unconstrained {
    /// Place in a flat vector of the original program, and value: the slack there, when the cost is semidefinite.
    pub slack: Vec<(usize, f64)>,
    /// A ray `x ∈ K` with `A x = 0` and `⟨c, x⟩ < 0`, as place and value, when the cost is not semidefinite.
    pub ray: Option<Vec<(usize, f64)>>,
    /// Smallest eigenvalue of these costs, when it is below zero.
    pub least: f64,
}

impl Unconstrained {
    /// # Complexity
    /// The eigenvalues of every component that has costs, and the eigenvectors of one that is not semidefinite.
    pub(super) fn new(layout: &Layout, cost: &Constraints) -> Result<Self> {
        let mut out = Self::default();
        let mut costs: Vec<Option<Mat<f64>>> = vec![None; layout.unconstrained().len()];
        let mut largest = 0.0f64;
        for (_, b, row, col, value) in cost.entries() {
            largest = largest.max(value.abs());
            let Some((k, i, j)) = layout.unconstrained_entry(b, row, col) else {
                continue;
            };
            let n = layout.unconstrained()[k].index.len();
            let c = costs[k].get_or_insert_with(|| Mat::zeros(n, n));
            (c[(i, j)], c[(j, i)]) = (value, value);
            out.slack.push((layout.flat(b, row, col), value));
            if row != col {
                out.slack.push((layout.flat(b, col, row), value));
            }
        }
        // Below this the sign is rounding, of whatever made the costs or of the eigenvalues.
        let zero = |n: usize| 16.0 * n as f64 * f64::EPSILON * largest;
        let mut steepest = 0.0;
        for (component, c) in layout.unconstrained().iter().zip(&costs) {
            let Some(c) = c else { continue };
            let n = c.nrows();
            let (value, vector) = if n == 1 {
                (c[(0, 0)], vec![1.0])
            } else {
                let least = spectral::eigenvalues(c.as_ref())?[0];
                if least >= -zero(n) {
                    out.least = out.least.min(least);
                    continue;
                }
                let (values, vectors) = spectral::eigen(c.as_ref())?;
                (values[0], vectors.col_as_slice(0).to_vec())
            };
            out.least = out.least.min(value);
            if value < -zero(n) && value < steepest {
                steepest = value;
                let mut ray = vec![];
                let scale = max_abs(&vector);
                for (&col, v) in component.index.iter().zip(&vector) {
                    for (&row, u) in component.index.iter().zip(&vector) {
                        let at = layout.flat(component.block, row as usize, col as usize);
                        ray.push((at, (u / scale) * (v / scale)));
                    }
                }
                out.ray = Some(ray);
            }
        }
        Ok(out)
    }
}
