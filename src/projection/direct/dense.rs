//! The Gram matrix as a dense matrix, and its factor.

use crate::clock::Instant;
use crate::constraints::independence::{DEPENDENT, dependent_rows};
use crate::constraints::{Constraints, GramWeight};
use crate::error::{Error, Result, check_memory};
use crate::linalg::padded;
use crate::linalg::pcg::{Limits, Reached, Workspace, pcg};
use crate::linalg::product::{mirror_lower, mirror_upper};
use crate::linalg::triangular;
use crate::linalg::{cholesky, columns};
use crate::projection::Seconds;
use crate::projection::gram::{Assembler, MAX_ITER, RankCheck};
use faer::{Mat, MatMut};
use std::sync::Arc;

/// Pivots of the factor of a unit-diagonal matrix below which its rows are suspected to be dependent.
const SUSPICIOUS: f64 = 1e-6;

/// Shifts of the unit diagonal, the next one tried when a pivot vanishes.
const SHIFTS: [f64; 5] = [0.0, 1e-15, 1e-13, 1e-11, 1e-9];

/// Refinement steps within which a residual has to halve. Beyond, `K` is known to fewer digits than are asked for.
const PATIENCE: usize = 8;

/// `K = D C D` with `D² = diag(K)`, `C + shift·I = L Lᵀ`.
#[derive(Debug, Clone)]
pub(in crate::projection) struct DenseGram {
    assembler: Arc<Assembler>,
    rank: RankCheck,
    /// `L` in the lower triangle, and above it `C`, whose diagonal is one: what answers are refined with.
    square: Mat<f64>,
    /// `1/√K_ii`.
    inverse_scale: Vec<f64>,
    /// Whether the rows were found independent.
    independent: bool,
    /// Which of the shifts the last weight took: the next one hardly takes less than the one before that.
    shift: usize,
    workspace: Workspace,
    rhs: Vec<f64>,
    turned: Vec<f64>,
    pub seconds: Seconds,
}

impl DenseGram {
    pub(in crate::projection) fn new(assembler: Arc<Assembler>) -> Self {
        Self {
            assembler,
            rank: RankCheck::default(),
            square: Mat::new(),
            inverse_scale: vec![],
            independent: false,
            shift: 0,
            workspace: Workspace::default(),
            rhs: vec![],
            turned: vec![],
            seconds: Seconds::default(),
        }
    }

    /// Rows with entries at the same positions; nothing can be solved until the next refresh.
    pub(super) fn replace_values(&mut self, a: &Constraints) {
        Arc::make_mut(&mut self.assembler).replace_values(a);
        self.rank = RankCheck::default();
        self.independent = false;
        self.shift = 0;
    }

    /// Assembles and factors `K`. After an error nothing can be solved until the next success.
    ///
    /// When a pivot vanishes although the rows are independent, the weight is so ill-conditioned that `K` is singular to
    /// working precision: then the smallest shift that can be factored is taken, and refinement makes up for it.
    ///
    /// # Errors
    /// [`Error::RankDeficient`], [`Error::NonFinite`] when `K` overflowed, [`Error::NotPositiveDefinite`],
    /// [`Error::TooLarge`].
    ///
    /// # Complexity
    /// Assembly and `m³/3` flops.
    pub(in crate::projection) fn refresh(
        &mut self,
        a: &Constraints,
        weight: &[GramWeight<'_>],
    ) -> Result<()> {
        let m = a.len();
        if self.square.nrows() != m {
            check_memory("the Gram matrix", m as u128 * m as u128)?;
            self.square = padded::zeros(m, m);
        }
        loop {
            self.assemble(a, weight)?;
            let clock = Instant::now();
            let sure = self.factor();
            self.seconds.factorisation += clock.elapsed().as_secs_f64();
            if sure? {
                return Ok(());
            }
            self.check_rank(a)?;
        }
    }

    /// Makes `C`, both triangles, and `D`.
    fn assemble(&mut self, a: &Constraints, weight: &[GramWeight<'_>]) -> Result<()> {
        let (m, clock) = (a.len(), Instant::now());
        self.assembler.assemble(weight, self.square.as_mut());
        self.seconds.assembly += clock.elapsed().as_secs_f64();
        self.inverse_scale.clear();
        for i in 0..m {
            let d = self.square[(i, i)];
            if !d.is_finite() {
                let what = "diagonal of the Gram matrix";
                return Err(Error::NonFinite { what, index: i });
            }
            self.inverse_scale
                .push(if d > 0.0 { 1.0 / d.sqrt() } else { f64::NAN });
        }
        if let Some(pivot) = self.inverse_scale.iter().position(|d| d.is_nan()) {
            self.check_rank(a)?;
            let what = "Gram matrix";
            return Err(Error::NotPositiveDefinite { what, pivot });
        }
        let clock = Instant::now();
        let scale = &self.inverse_scale;
        columns::each(self.square.as_mut(), |j, column| {
            let rest = column[j..].iter_mut().zip(&scale[j..]);
            rest.for_each(|(k, d)| *k *= scale[j] * d);
        });
        mirror_lower(self.square.as_mut());
        self.seconds.factorisation += clock.elapsed().as_secs_f64();
        Ok(())
    }

    /// `false` where a pivot is so small that the rows may be dependent, unless they are known not to be.
    fn factor(&mut self) -> Result<bool> {
        let m = self.square.nrows();
        self.shift = self.shift.saturating_sub(1);
        loop {
            (0..m).for_each(|i| self.square[(i, i)] = 1.0 + SHIFTS[self.shift]);
            match cholesky::factor_lower_in_place(self.square.as_mut()) {
                Ok(()) => {
                    let pivots = (0..m).map(|i| self.square[(i, i)]);
                    let smallest = pivots.fold(f64::INFINITY, f64::min);
                    return Ok(self.independent || smallest > SUSPICIOUS);
                }
                Err(_) if !self.independent => return Ok(false),
                Err(pivot) if self.shift + 1 == SHIFTS.len() => {
                    let what = "Gram matrix";
                    return Err(Error::NotPositiveDefinite { what, pivot });
                }
                Err(_) => self.shift += 1,
            }
            mirror_upper(self.square.as_mut());
        }
    }

    /// In the memory of `C`, which is to be made again.
    fn check_rank(&mut self, a: &Constraints) -> Result<()> {
        let needed = a.len();
        if self.rank.rank_in(a, &self.assembler, &mut self.square)? < needed {
            // Rows closer than the root of rounding are one to their Gram matrix.
            let rank = needed - dependent_rows(a, DEPENDENT).len();
            if rank < needed {
                return Err(Error::RankDeficient { rank, needed });
            }
        }
        self.independent = true;
        Ok(())
    }

    /// `v ← K⁻¹ v` by the factor alone.
    ///
    /// # Complexity
    /// `2m²` flops.
    pub(in crate::projection) fn precondition(&self, v: &mut [f64]) {
        let scale = |v: &mut [f64]| {
            v.iter_mut()
                .zip(&self.inverse_scale)
                .for_each(|(v, d)| *v *= d);
        };
        scale(v);
        triangular::solve_lower(self.square.as_ref(), v);
        triangular::solve_lower_transposed(self.square.as_ref(), v);
        scale(v);
    }

    /// `rhs ← K⁻¹ rhs` for one column, to a relative residual measured with the assembled `K`.
    ///
    /// # Complexity
    /// `4m²` flops, and as many a refinement step.
    pub(super) fn solve(&mut self, rhs: &mut [f64], tol: f64) -> Reached {
        let limits = Limits {
            tol,
            max_iter: MAX_ITER,
            patience: PATIENCE,
        };
        let Self {
            square,
            inverse_scale,
            workspace,
            rhs: given,
            turned,
            ..
        } = self;
        given.clear();
        given.extend_from_slice(rhs);
        let precondition = |mut v: MatMut<'_, f64>| {
            scale(v.as_mut(), inverse_scale);
            cholesky::solve_in_place(square.as_ref(), v.as_mut());
            scale(v, inverse_scale);
        };
        let apply = |y: &[f64], out: &mut [f64]| {
            turned.clear();
            turned.extend(y.iter().zip(inverse_scale.iter()).map(|(y, d)| y / d));
            triangular::unit_symv_upper(square.as_ref(), turned, out);
            out.iter_mut()
                .zip(inverse_scale.iter())
                .for_each(|(o, d)| *o /= d);
        };
        pcg(
            apply,
            precondition,
            given.len(),
            given,
            rhs,
            limits,
            workspace,
        )
    }
}

fn scale(mut v: MatMut<'_, f64>, by: &[f64]) {
    for j in 0..v.ncols() {
        by.iter().enumerate().for_each(|(i, d)| v[(i, j)] *= d);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::{Block, BlockWeight, HeldWeight};

    /// What a weight that is singular to working precision leaves behind is gone two weights later, and the rank, found in the
    /// memory of the matrix, leaves no trace in the answer.
    #[test]
    fn shifts_come_and_go_with_the_weight() {
        let (m, n) = (60, 12);
        let a = Constraints::independent(m, &[Block::Psd(n)], 3, 7.into()).unwrap();
        let with = |f: &dyn Fn(usize) -> f64| {
            let w = Mat::from_fn(n, n, |i, j| if i == j { f(i) } else { 0.0 });
            HeldWeight::new_all(a.blocks(), &[BlockWeight::Psd(w.as_ref())]).unwrap()
        };
        let hard = with(&|i| 10f64.powi(-2 * i as i32));
        let easy = with(&|i| 1.0 + i as f64);
        let mut gram = DenseGram::new(Arc::new(Assembler::new(&a)));
        gram.refresh(&a, &[hard[0].gram()]).unwrap();
        assert!(gram.shift > 0 && gram.independent);
        for _ in 0..SHIFTS.len() {
            gram.refresh(&a, &[easy[0].gram()]).unwrap();
        }
        assert_eq!(gram.shift, 0);
        let mut fresh = DenseGram::new(Arc::new(Assembler::new(&a)));
        fresh.refresh(&a, &[easy[0].gram()]).unwrap();
        let given: Vec<f64> = (0..m).map(|i| (i as f64).sin()).collect();
        let (mut found, mut expected) = (given.clone(), given);
        let reached = gram.solve(&mut found, 1e-12);
        fresh.solve(&mut expected, 1e-12);
        assert!(reached.residual <= 1e-12);
        assert_eq!(found, expected);
    }
}
