//! Squared-norm and group-sparse regularisation.

use super::seam::{Objective, entrywise};
use crate::error::{Error, Result};
use crate::transport::kernel::parallel;
use crate::transport::polytope::checks::check_positive;

/// `(λ/2) ‖γ‖²`: the regulariser that keeps optimal plans sparse.
#[derive(Debug, Clone)]
pub struct SquaredNorm {
    dims: Vec<usize>,
    lambda: f64,
}

impl SquaredNorm {
    /// Strength `lambda > 0`.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`].
    pub fn new(dims: &[usize], lambda: f64) -> Result<Self> {
        check_positive("lambda", lambda)?;
        let dims = dims.to_vec();
        Ok(Self { dims, lambda })
    }
}

impl Objective for SquaredNorm {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        0.5 * self.lambda
            * parallel::sum(plan.len(), |r| {
                crate::linalg::dot(&plan[r.clone()], &plan[r])
            })
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        0.5 * self.lambda * entrywise(plan, gradient, |_, p| (p * p, self.lambda * p))
    }
}

/// `λ Σ_j Σ_g ‖γ_{g,j}‖₂`, where `γ_{g,j}` are the entries of column `j` in the rows of group `g`. It draws the mass of a target
/// point from few classes of sources. The subgradient at a zero block is 0.
#[derive(Debug, Clone)]
pub struct GroupLasso {
    dims: Vec<usize>,
    group: Vec<usize>,
    groups: usize,
    lambda: f64,
}

impl GroupLasso {
    /// `group[i]` is the group of row `i`, a number up to the number of rows.
    ///
    /// # Errors
    /// [`Error::InvalidSetting`] for `lambda ≤ 0`; [`Error::Shape`] for an empty matrix;
    /// [`Error::OutOfRange`] for a group number above the number of rows.
    pub fn new(columns: usize, group: Vec<usize>, lambda: f64) -> Result<Self> {
        check_positive("lambda", lambda)?;
        if group.is_empty() || columns == 0 {
            let (what, expected, found) = ("group lasso", (1, 1), (group.len(), columns));
            return Err(Error::Shape {
                what,
                expected,
                found,
            });
        }
        if let Some(index) = group.iter().copied().find(|g| *g > group.len()) {
            let (what, bound) = ("group", group.len() + 1);
            return Err(Error::OutOfRange { what, index, bound });
        }
        let groups = group.iter().max().map_or(0, |g| g + 1);
        let dims = vec![group.len(), columns];
        Ok(Self {
            dims,
            group,
            groups,
            lambda,
        })
    }

    fn norms(&self, column: &[f64]) -> Vec<f64> {
        let mut norms = vec![0.0; self.groups];
        for (p, g) in column.iter().zip(&self.group) {
            norms[*g] += p * p;
        }
        norms.iter_mut().for_each(|v| *v = v.sqrt());
        norms
    }
}

impl Objective for GroupLasso {
    fn shape(&self) -> &[usize] {
        &self.dims
    }

    fn value(&self, plan: &[f64]) -> f64 {
        let m = self.dims[0];
        let column = |j: usize| self.norms(&plan[j * m..(j + 1) * m]).iter().sum::<f64>();
        let parts = parallel::map(self.dims[1], plan.len(), |r| r.map(column).sum::<f64>());
        self.lambda * parts.iter().sum::<f64>()
    }

    fn gradient(&self, plan: &[f64], gradient: &mut [f64]) -> f64 {
        let m = self.dims[0];
        let size = parallel::piece(self.dims[1]) * m;
        let parts = parallel::update(gradient, size, |first, out| {
            let mut sum = 0.0;
            for (out, column) in out.chunks_mut(m).zip(plan[first..].chunks(m)) {
                let norms = self.norms(column);
                sum += norms.iter().sum::<f64>();
                for ((o, p), g) in out.iter_mut().zip(column).zip(&self.group) {
                    *o = if norms[*g] > 0.0 {
                        self.lambda * p / norms[*g]
                    } else {
                        0.0
                    };
                }
            }
            sum
        });
        self.lambda * parts.iter().sum::<f64>()
    }

    fn gradient_range(&self) -> Option<f64> {
        Some(self.lambda)
    }
}
