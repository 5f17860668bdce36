//! The Gram matrix as a dense matrix, and its factor.

use super::params::PATIENCE;
use crate::constraints::{Constraints, GramWeight};
use crate::error::Result;
use crate::linalg::pcg::{Limits, Reached, Systems, Workspace, pcg};
use crate::linalg::shifts::ASSEMBLED;
use crate::projection::Seconds;
use crate::projection::gram::{Assembler, GramMatrix, MAX_ITER, ScaledFactor};
use faer::MatMut;
use std::sync::Arc;

/// `K`, its factor, and the workspace of refinement.
#[derive(Debug, Clone)]
pub(super) struct DenseGram {
    assembler: Arc<Assembler>,
    factor: ScaledFactor<f64>,
    workspace: Workspace,
    rhs: Vec<f64>,
    scaled: Vec<f64>,
    pub seconds: Seconds,
}

impl DenseGram {
    pub(super) fn new(assembler: Assembler) -> Self {
        Self {
            assembler: Arc::new(assembler),
            factor: ScaledFactor::empty(),
            workspace: Workspace::default(),
            rhs: vec![],
            scaled: vec![],
            seconds: Seconds::default(),
        }
    }

    /// Takes the values of rows with entries at the same positions. No system can be solved until the next refresh.
    pub(super) fn replace_values(&mut self, a: &Constraints) {
        Arc::make_mut(&mut self.assembler).replace_values(a);
        self.factor.restart();
    }

    /// The diagonal shift that the last weight needed.
    pub(super) fn shift(&self) -> f64 {
        self.factor.shift()
    }

    /// Assembles and factors `K`. After an error, no system can be solved until a refresh succeeds.
    ///
    /// # Errors
    /// As [`ScaledFactor::refresh`].
    ///
    /// # Complexity
    /// Assembly and `m³/3` flops.
    pub(super) fn refresh(&mut self, rows: &Constraints, weight: &[GramWeight<'_>]) -> Result<()> {
        let of = GramMatrix {
            rows,
            assembler: &self.assembler,
            weight,
        };
        self.factor.refresh(&of, ASSEMBLED, &mut self.seconds)
    }

    /// `rhs ← K⁻¹ rhs` for one column, to a relative residual measured with the assembled `K`.
    ///
    /// # Complexity
    /// `4m²` flops, and as many per refinement step.
    pub(super) fn solve(&mut self, rhs: &mut [f64], tol: f64) -> Reached {
        let limits = Limits {
            patience: PATIENCE.count(),
            ..Limits::new(tol, MAX_ITER)
        };
        let Self {
            factor,
            workspace,
            rhs: given,
            scaled,
            ..
        } = self;
        given.clear();
        given.extend_from_slice(rhs);
        let precondition = |v: MatMut<'_, f64>| factor.solve_in_place(v);
        let apply = |y: &[f64], out: &mut [f64]| factor.multiply(y, out, scaled);
        pcg(
            apply,
            precondition,
            Systems {
                n: given.len(),
                b: given,
                x: rhs,
            },
            limits,
            workspace,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::{Block, BlockWeight, OwnedWeight};
    use faer::Mat;

    /// A weight that is singular to working precision needs a shift. Later well-conditioned weights need no shift, and their
    /// answers equal those of a new factor bitwise.
    #[test]
    fn shifts_come_and_go_with_the_weight() {
        let (m, n) = (60, 12);
        let a = Constraints::independent(m, &[Block::Psd(n)], 3, 7.into()).unwrap();
        let with = |f: &dyn Fn(usize) -> f64| {
            let w = Mat::from_fn(n, n, |i, j| if i == j { f(i) } else { 0.0 });
            OwnedWeight::new_all(a.blocks(), &[BlockWeight::Psd(w.as_ref())]).unwrap()
        };
        let hard = with(&|i| 10f64.powi(-2 * i as i32));
        let easy = with(&|i| 1.0 + i as f64);
        let mut gram = DenseGram::new(Assembler::new(&a));
        gram.refresh(&a, &[hard[0].gram()]).unwrap();
        assert!(gram.shift() > 0.0);
        for _ in ASSEMBLED {
            gram.refresh(&a, &[easy[0].gram()]).unwrap();
        }
        assert_eq!(gram.shift(), 0.0);
        let mut fresh = DenseGram::new(Assembler::new(&a));
        fresh.refresh(&a, &[easy[0].gram()]).unwrap();
        let given: Vec<f64> = (0..m).map(|i| (i as f64).sin()).collect();
        let (mut found, mut expected) = (given.clone(), given);
        let reached = gram.solve(&mut found, 1e-12);
        fresh.solve(&mut expected, 1e-12);
        assert!(reached.residual <= 1e-12);
        assert_eq!(found, expected);
    }
}
