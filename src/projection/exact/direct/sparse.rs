//! The Gram matrix as a sparse matrix, and its factor.
//!
//! Rows that only bound a variable are eliminated beforehand ([`Columns`]). A variable that many rows read would fill the
//! matrix. Such variables are taken out, `K = S + U Uᵀ`, and the Sherman–Morrison–Woodbury formula corrects for them. The
//! formula loses digits; conjugate gradients with the assembled `K` restore the digits.

mod parts;

use super::columns::Columns;
use super::params::{
    DENSE_COLUMN, EXCESSIVE_RESIDUAL, MAX_ITER, MOST_DENSE_COLUMNS, MOST_ROWS_WITH_TINY_PIVOTS,
    REFINEMENTS, VANISHING_PIVOT, WORTH_OTHER_PIVOTS, WORTH_SPLITTING,
};
use super::pattern::{Pattern, assemble};
use crate::clock::Instant;
use crate::constraints::{Constraints, GramWeight, Part};
use crate::error::{Error, Result};
use crate::linalg::cholesky::Cholesky;
use crate::linalg::machine::{DENSE_FLOPS, SPARSE_FLOPS};
use crate::linalg::padded;
use crate::linalg::pcg::{Limits, Reached, Systems, Workspace, pcg};
use crate::linalg::sparse_cholesky::SparseCholesky;
use crate::linalg::{axpy, norm};
use crate::projection::Seconds;
use crate::projection::gram::PsdPlan;
use faer::Mat;
use faer::reborrow::ReborrowMut;
use parts::{Assembled, Factored, Split, sparse_dot};
use std::sync::Arc;

/// Rounding of a pivot, per row of the matrix.
const PIVOT_ROUNDING: f64 = 16.0 * f64::EPSILON;

/// Largest number of weights that pass, after another bound of vanishing pivots failed to help, before a bound is tried again.
const LONGEST_WAIT: u32 = 64;

/// Named in errors.
const GRAM_MATRIX: &str = "Gram matrix";

/// The part that does not depend on the weight.
#[derive(Debug)]
struct Layout {
    pattern: Pattern,
    /// Variables left out of the pattern.
    dense: Vec<u32>,
}

/// `K = BBᵀ`, assembled and factored along a fixed pattern.
#[derive(Debug, Clone)]
pub(super) struct SparseGram {
    layout: Arc<Layout>,
    columns: Columns,
    /// The formulas for the sums of the rows on each matrix block.
    plans: Vec<PsdPlan>,
    /// Entries of `S`, scaled by `1/√K_ii` from both sides.
    values: Vec<f64>,
    inverse_scale: Vec<f64>,
    factor: SparseCholesky,
    /// Pivots up to this bound are replaced.
    vanishing: f64,
    /// Number of coming weights for which no other bound is tried.
    waits: u32,
    /// The value of `waits` after the next failure.
    next_wait: u32,
    /// The dense columns `U`, `S⁻¹U`, and the factor of `I + UᵀS⁻¹U`.
    split: Option<Split>,
    work: Work,
    pub seconds: Seconds,
}

/// Vectors over the kept rows.
#[derive(Debug, Clone, Default)]
struct Work {
    given: Vec<f64>,
    x: Vec<f64>,
    step: Vec<f64>,
    r: Vec<f64>,
    conjugate: Workspace,
}

impl SparseGram {
    /// `None` where a dense matrix is cheaper.
    ///
    /// # Complexity
    /// A pass over the products of pairs of rows with an entry in common, and a symbolic factorisation; both twice where some
    /// variables may be taken out.
    pub(super) fn analyse(a: &Constraints) -> Option<Self> {
        let columns = Columns::new(a);
        let m = columns.kept().len();
        // Every two rows of a matrix block give an entry. When the blocks have more pairs than half a dense matrix has entries,
        // the matrix is not sparse.
        let pairs = a.parts().iter().map(|part| match part {
            Part::Psd(rows) => (rows.touching() as f64).powi(2),
            Part::Nonneg(_) => 0.0,
        });
        if pairs.sum::<f64>() > 0.5 * (m as f64).powi(2) {
            return None;
        }
        // Candidates for taking out: the variables that many rows read.
        let analyse = |dense: &[u32]| {
            let pattern = Pattern::new(a, &columns, dense)?;
            let factor = pattern.analyse()?;
            Some((pattern, factor))
        };
        let limit = DENSE_COLUMN.get() * (m as f64).sqrt();
        let mut dense: Vec<u32> = (0..columns.variables() as u32)
            .filter(|&k| columns.by_column.len(k as usize) as f64 > limit)
            .collect();
        if dense.len() > MOST_DENSE_COLUMNS.count() {
            dense.clear();
        }
        // Take them out only where this saves most of the flops.
        let mut best = analyse(&[]);
        if !dense.is_empty() {
            let flops = |f: &SparseCholesky| f.flops() + 1.0;
            let without = analyse(&dense).filter(|(_, w)| {
                let solves = 4.0 * (w.nonzeros() * dense.len()) as f64;
                let all = flops(w) + solves;
                best.as_ref()
                    .is_none_or(|(_, f)| WORTH_SPLITTING.get() * all < flops(f))
            });
            match without {
                Some(found) => best = Some(found),
                None => dense.clear(),
            }
        }
        let (pattern, factor) = best?;
        // Dense kernels do more flops per second, so compare seconds.
        let in_dense = (a.len() as f64).powi(3) / 3.0 / DENSE_FLOPS;
        if factor.flops() / SPARSE_FLOPS > in_dense {
            return None;
        }
        Some(Self {
            values: vec![0.0; pattern.nonzeros()],
            inverse_scale: vec![1.0; m],
            factor,
            vanishing: VANISHING_PIVOT.get(),
            waits: 0,
            next_wait: 1,
            plans: pattern.plans(a),
            layout: Arc::new(Layout { pattern, dense }),
            columns,
            split: None,
            seconds: Seconds::default(),
            work: Work {
                given: vec![0.0; m],
                x: vec![0.0; m],
                step: vec![0.0; m],
                r: vec![0.0; m],
                conjugate: Workspace::default(),
            },
        })
    }

    /// Takes the values of rows with entries at the same positions. The pattern and the elimination order stay. No system can
    /// be solved until the next refresh.
    pub(super) fn replace_values(&mut self, a: &Constraints) {
        // The positions alone decide which rows are bounds, so the pattern stays valid.
        self.columns = Columns::new(a);
        let rows = self.layout.pattern.local(a);
        let plans = self.plans.iter_mut().zip(rows);
        plans.for_each(|(plan, rows)| plan.replace_values(&rows));
        (self.vanishing, self.waits, self.next_wait) = (VANISHING_PIVOT.get(), 0, 1);
    }

    /// Whether both matrices share one [`Layout`].
    #[cfg(test)]
    pub(super) fn shares_layout(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layout, &other.layout)
    }

    /// Number of variables left out of the pattern.
    #[cfg(test)]
    pub(super) fn taken_out(&self) -> usize {
        self.layout.dense.len()
    }

    /// Assembles and factors `K`. After an error, no system can be solved until a refresh succeeds.
    ///
    /// # Errors
    /// [`Error::NonFinite`] when `K` overflowed.
    pub(super) fn refresh(&mut self, weight: &[GramWeight<'_>]) -> Result<()> {
        let Self {
            layout, columns, ..
        } = self;
        let clock = Instant::now();
        columns.set_weight(weight);
        let rows = (&*columns, &self.plans[..]);
        assemble(&layout.pattern, rows, weight, &mut self.values);
        let mut diagonal: Vec<f64> = layout.pattern.diagonal(&self.values);
        for &k in &layout.dense {
            let d = columns.weight[k as usize];
            columns
                .by_column
                .iter(k as usize)
                .for_each(|(i, v)| diagonal[i] += v * v * d);
        }
        for (i, (s, d)) in self.inverse_scale.iter_mut().zip(&diagonal).enumerate() {
            if !d.is_finite() {
                let index = columns.kept()[i] as usize;
                let what = "diagonal of the Gram matrix";
                return Err(Error::NonFinite { what, index });
            }
            *s = if *d > 0.0 { 1.0 / d.sqrt() } else { 1.0 };
        }
        layout.pattern.scale(&self.inverse_scale, &mut self.values);
        self.seconds.assembly += clock.elapsed().as_secs_f64();
        self.waits = self.waits.saturating_sub(1);
        self.refactor()
    }

    /// Factors the assembled matrix with the current bound of vanishing pivots.
    fn refactor(&mut self) -> Result<()> {
        let clock = Instant::now();
        if !self
            .factor
            .factor_semidefinite(&self.values, self.vanishing)
        {
            let what = GRAM_MATRIX;
            return Err(Error::NotPositiveDefinite { what, pivot: 0 });
        }
        self.split = match self.layout.dense.is_empty() {
            true => None,
            false => Some(self.split()?),
        };
        self.seconds.factorisation += clock.elapsed().as_secs_f64();
        Ok(())
    }

    /// Solves again with another bound of vanishing pivots. If the residual is much smaller, the new bound is kept for the
    /// coming weights. Otherwise the old bound and the answer `work.x`, whose residual is `reached`, are restored.
    fn try_other_bound(
        &mut self,
        work: &mut Work,
        scale: f64,
        tol: f64,
        reached: Reached,
    ) -> Reached {
        let (given, x) = (self.vanishing, work.x.clone());
        self.vanishing = match given < VANISHING_PIVOT.get() {
            true => VANISHING_PIVOT.get(),
            false => PIVOT_ROUNDING * x.len() as f64,
        };
        if self.refactor().is_ok() {
            let now = self.answer(work, scale, tol);
            if WORTH_OTHER_PIVOTS.get() * now.residual < reached.residual {
                self.next_wait = 1;
                return now;
            }
        }
        work.x = x;
        self.vanishing = given;
        self.waits = self.next_wait;
        self.next_wait = (2 * self.next_wait).min(LONGEST_WAIT);
        match self.refactor() {
            Ok(()) => reached,
            // Unreachable: this matrix was factored with this bound before.
            Err(_) => Reached {
                residual: f64::NAN,
                ..reached
            },
        }
    }

    /// The Sherman–Morrison–Woodbury factors of the variables that were taken out.
    fn split(&self) -> Result<Split> {
        let (m, q) = (self.inverse_scale.len(), self.layout.dense.len());
        let u: Vec<Vec<(u32, f64)>> = self
            .layout
            .dense
            .iter()
            .map(|&k| {
                let root = self.columns.weight[k as usize].sqrt();
                let column = self.columns.by_column.iter(k as usize);
                column
                    .map(|(i, v)| (i as u32, root * v * self.inverse_scale[i]))
                    .collect()
            })
            .collect();
        let mut solved = padded::zeros(m, q);
        for (j, column) in u.iter().enumerate() {
            let to = solved.col_as_slice_mut(j);
            column.iter().for_each(|&(i, v)| to[i as usize] = v);
        }
        self.factor.solve_columns(&mut solved);
        let mut inner = Mat::identity(q, q);
        for j in 0..q {
            for (i, column) in u.iter().enumerate().skip(j) {
                inner[(i, j)] += sparse_dot(column, solved.col_as_slice(j));
            }
        }
        // The matrix is the identity plus a positive semidefinite matrix: only overflow or rounding errors above 1 fail here.
        let inner = Cholesky::factor(inner).map_err(|pivot| Error::NotPositiveDefinite {
            what: "Gram matrix of the dense columns",
            pivot,
        })?;
        Ok(Split { u, solved, inner })
    }

    /// `rhs ← K⁻¹ rhs` for one column, to a relative residual measured with the assembled `K`. Refinement comes first; conjugate
    /// gradients follow where variables were taken out and the correction for them lost digits.
    ///
    /// Refinement comes first because replaced pivots mean that `K` is singular to working precision. Conjugate gradients
    /// would then follow the rounding errors of the right-hand side along the kernel of `K`.
    ///
    /// # Complexity
    /// `4 nnz(L) + 4 nnz(K)` flops, and as many per refinement step or iteration.
    pub(super) fn solve(&mut self, rhs: &mut [f64], tol: f64) -> Reached {
        let mut work = core::mem::take(&mut self.work);
        let Work { given, x, .. } = &mut work;
        self.columns.reduce(rhs, given);
        let few = given.len() <= MOST_ROWS_WITH_TINY_PIVOTS.count();
        let reached = if norm(rhs) == 0.0 {
            x.fill(0.0);
            Reached {
                residual: 0.0,
                iterations: 0,
            }
        } else {
            let reached = self.answer(&mut work, norm(rhs), tol);
            let bad =
                reached.residual > EXCESSIVE_RESIDUAL.get() * tol || reached.residual.is_nan();
            match few && self.waits == 0 && bad {
                true => self.try_other_bound(&mut work, norm(rhs), tol, reached),
                false => reached,
            }
        };
        self.columns.expand(&work.x, rhs);
        self.work = work;
        reached
    }

    /// Solves by refinement, then by conjugate gradients where variables were taken out and refinement missed the tolerance.
    fn answer(&mut self, work: &mut Work, scale: f64, tol: f64) -> Reached {
        let refined = self.refine(work, scale, tol);
        match self.split.is_some() && refined.residual > tol {
            true => self.conjugate_gradients(work, refined, scale, tol),
            false => refined,
        }
    }

    fn refine(&mut self, work: &mut Work, scale: f64, tol: f64) -> Reached {
        let Work {
            given, x, step, r, ..
        } = work;
        x.fill(0.0);
        r.copy_from_slice(given);
        let mut reached = Reached {
            residual: norm(r) / scale,
            iterations: 0,
        };
        for round in 0..REFINEMENTS.count() {
            step.copy_from_slice(r);
            self.parts().1.solve(step);
            axpy(1.0, step, x);
            self.parts().0.apply(x, r);
            r.iter_mut().zip(&*given).for_each(|(r, g)| *r = g - *r);
            let now = norm(r) / scale;
            // Keep a step only if it reduced the residual. The first step is kept unless its residual is NaN.
            if now.is_nan() || (round > 0 && now >= reached.residual) {
                axpy(-1.0, step, x);
                break;
            }
            let slow = now > 0.5 * reached.residual;
            (reached.residual, reached.iterations) = (now, round);
            if now <= tol || slow {
                break;
            }
        }
        reached
    }

    /// Conjugate gradients from zero. The refined answer is kept when its residual is smaller.
    fn conjugate_gradients(
        &mut self,
        work: &mut Work,
        refined: Reached,
        scale: f64,
        tol: f64,
    ) -> Reached {
        let Work {
            given,
            x,
            step,
            conjugate,
            ..
        } = work;
        // `given` is the right-hand side after the bounds were eliminated; `scale` is the norm before.
        let share = norm(given) / scale;
        let (gram, mut factor) = self.parts();
        let mut found = pcg(
            |v, out| gram.apply(v, out),
            |mut v| {
                if let Some(column) = v.rb_mut().col_mut(0).try_as_col_major_mut() {
                    factor.solve(column.as_slice_mut());
                }
            },
            Systems {
                n: given.len(),
                b: given,
                x: step,
            },
            Limits::new(tol / share, MAX_ITER.count()),
            conjugate,
        );
        found.residual *= share;
        if found.residual >= refined.residual {
            return refined;
        }
        core::mem::swap(x, step);
        found
    }

    /// The matrix and its approximate inverse.
    fn parts(&mut self) -> (Assembled<'_>, Factored<'_>) {
        let (split, scale) = (self.split.as_ref(), &self.inverse_scale[..]);
        let (pattern, values) = (&self.layout.pattern, &self.values[..]);
        let factor = &mut self.factor;
        (
            Assembled {
                pattern,
                values,
                split,
                scale,
            },
            Factored {
                factor,
                split,
                scale,
            },
        )
    }
}
