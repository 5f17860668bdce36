//! The exact Gram operator, applied without the Gram matrix.

use super::pattern::Pattern;
use super::rows::SymmetricRows;
use super::{Constraints, HeldWeight, Part, Weighted};
use crate::error::Result;
use crate::linalg::product::{gemm, transpose};
use faer::{Accum, Mat, MatMut, MatRef};
use std::sync::Arc;

/// `y ↦ B Bᵀ y` for one weight at a time, and the `B` that belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct GramOperator {
    a: Arc<Constraints>,
    /// Made on first use after a change of weight.
    weighted: Option<Weighted>,
    sum: Vec<f64>,
    half: Mat<f64>,
    full: Mat<f64>,
    along: Vec<(u32, f64)>,
    read: Vec<f64>,
    triangle: Vec<f64>,
}

impl GramOperator {
    pub(crate) fn new(a: Arc<Constraints>) -> Self {
        Self {
            a,
            weighted: None,
            sum: vec![],
            half: Mat::new(),
            full: Mat::new(),
            along: vec![],
            read: vec![],
            triangle: vec![],
        }
    }

    /// To be called whenever the weight changes.
    pub(crate) fn forget(&mut self) {
        self.weighted = None;
    }

    /// `B` at this weight.
    ///
    /// # Complexity
    /// On first use `9n³` flops a two-sided block for a symmetric root, nothing where a root was given.
    pub(crate) fn weighted(&mut self, weight: &[HeldWeight]) -> Result<&mut Weighted> {
        match &mut self.weighted {
            Some(weighted) => Ok(weighted),
            empty => Ok(empty.insert(Weighted::new(self.a.clone(), weight)?)),
        }
    }

    /// `out ← B Bᵀ y`.
    ///
    /// # Complexity
    /// Two passes over the nonzeros and, a PSD block, `4n³` flops as `P (Σ y_i A_i) Q` (`2n³` one-sided), or `8n³` through
    /// roots where they were given: then the sum is scaled before it is scaled back, and nothing cancels. Where the rows
    /// have few positions, `2n` flops each for the first product and `2n` for the entries that are read of the second
    /// (`4n³` and these through roots).
    pub(crate) fn apply(&mut self, weight: &[HeldWeight], y: &[f64], out: &mut [f64]) {
        if weight.iter().any(|w| matches!(w, HeldWeight::Root { .. }))
            && let Ok(weighted) = self.weighted(weight)
        {
            return weighted.gram(y, out);
        }
        out.fill(0.0);
        let a = self.a.clone();
        for ((b, held), part) in weight.iter().enumerate().zip(a.parts()) {
            self.sum.resize(a.range(b).len(), 0.0);
            match (part, held.gram_pair()) {
                (Part::Nonneg(rows), _) => {
                    rows.adjoint(y, &mut self.sum);
                    if let HeldWeight::Nonneg(w) = held {
                        self.sum.iter_mut().zip(w).for_each(|(s, w)| *s *= w * w);
                    }
                    rows.apply(&self.sum, out);
                }
                (Part::Psd(rows), Some((p, q))) => {
                    if let Some(pattern) = rows.pattern() {
                        self.along(rows, pattern, (p, q), y, out);
                        continue;
                    }
                    let n = rows.order();
                    rows.adjoint(
                        y,
                        &mut self.triangle,
                        MatMut::from_column_major_slice_mut(&mut self.sum, n, n),
                    );
                    let sum = MatRef::from_column_major_slice(&self.sum, n, n);
                    gemm(fit(&mut self.half, n), Accum::Replace, 1.0, sum, q);
                    let Some(p) = p else {
                        rows.apply(corner(&self.half, n), &mut self.triangle, out);
                        continue;
                    };
                    gemm(
                        fit(&mut self.full, n),
                        Accum::Replace,
                        1.0,
                        p,
                        corner(&self.half, n),
                    );
                    rows.apply(corner(&self.full, n), &mut self.triangle, out);
                }
                (Part::Psd(_), None) => {}
            }
        }
    }

    /// Adds `⟨A_i, P (Σ y_i A_i) Q⟩` to `out`: the sum kept sparse, and no more of the product than is read.
    fn along(
        &mut self,
        rows: &SymmetricRows,
        pattern: &Pattern,
        (p, q): (Option<MatRef<'_, f64>>, MatRef<'_, f64>),
        y: &[f64],
        out: &mut [f64],
    ) {
        let n = rows.order();
        rows.sum_along(pattern, y, &mut self.read, &mut self.along);
        pattern.times(q, &self.along, fit(&mut self.half, n));
        match p {
            // What is read is symmetrised: Q S serves as well as S Q.
            None => pattern.entries(corner(&self.half, n), &mut self.read),
            Some(p) => {
                transpose(corner(&self.half, n), fit(&mut self.full, n));
                let symmetric = p.as_ptr() == q.as_ptr();
                pattern.products(p, corner(&self.full, n), symmetric, &mut self.read);
            }
        }
        rows.apply_along(pattern, &self.read, out);
    }
}

/// An `n × n` corner of a matrix that grows when it must.
pub(crate) fn fit(m: &mut Mat<f64>, n: usize) -> MatMut<'_, f64> {
    if m.nrows() < n {
        *m = Mat::zeros(n, n);
    }
    m.as_mut().submatrix_mut(0, 0, n, n)
}

pub(crate) fn corner(m: &Mat<f64>, n: usize) -> MatRef<'_, f64> {
    m.as_ref().submatrix(0, 0, n, n)
}
