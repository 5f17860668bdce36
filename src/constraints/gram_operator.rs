//! The exact Gram operator, applied without the Gram matrix.

use super::pattern::{Halves, Pattern};
use super::rows::SymmetricRows;
use super::{Constraints, OwnedWeight, Part, Weighted};
use crate::error::Result;
use crate::linalg::padded;
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
    /// For many vectors at once.
    batch: Batch,
    halved: Halved,
}

/// A two-sided weight cut along the halves of a block's pattern, and work space.
#[derive(Debug, Clone)]
struct Halved {
    /// `W_ll`, `W_lr` and `W_rr` of every block, made on first use.
    weights: Vec<Option<[Mat<f64>; 3]>>,
    sum: Mat<f64>,
    near: Mat<f64>,
    far: Mat<f64>,
    product: Mat<f64>,
}

impl Halved {
    fn new() -> Self {
        Self {
            weights: vec![],
            sum: Mat::new(),
            near: Mat::new(),
            far: Mat::new(),
            product: Mat::new(),
        }
    }

    /// `U ← (W [0 B; Bᵀ 0] W)_lr = W_ll B W_rr + W_lr Bᵀ W_lr`.
    fn product(&mut self, b: usize, halves: &Halves, w: MatRef<'_, f64>) {
        if self.weights.len() <= b {
            self.weights.resize(b + 1, None);
        }
        let (l, r) = (&halves.left, &halves.right);
        let cut = |rows: &[u32], cols: &[u32]| {
            padded::from_fn(rows.len(), cols.len(), |i, j| {
                w[(rows[i] as usize, cols[j] as usize)]
            })
        };
        let [ll, lr, rr] = self.weights[b].get_or_insert_with(|| [cut(l, l), cut(l, r), cut(r, r)]);
        let size = |m: &mut Mat<f64>, rows: usize, cols: usize| {
            if m.shape() != (rows, cols) {
                *m = padded::zeros(rows, cols);
            }
        };
        size(&mut self.near, l.len(), r.len());
        size(&mut self.far, r.len(), r.len());
        size(&mut self.product, l.len(), r.len());
        let (near, far, out) = (&mut self.near, &mut self.far, &mut self.product);
        gemm(
            near.as_mut(),
            Accum::Replace,
            1.0,
            self.sum.as_ref(),
            rr.as_ref(),
        );
        gemm(
            out.as_mut(),
            Accum::Replace,
            1.0,
            ll.as_ref(),
            near.as_ref(),
        );
        gemm(
            far.as_mut(),
            Accum::Replace,
            1.0,
            self.sum.transpose(),
            lr.as_ref(),
        );
        gemm(out.as_mut(), Accum::Add, 1.0, lr.as_ref(), far.as_ref());
    }
}

#[derive(Debug, Clone, Default)]
struct Batch {
    triangles: Vec<f64>,
    chosen: Vec<f64>,
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
            batch: Batch::default(),
            halved: Halved::new(),
        }
    }

    /// To be called whenever the weight changes.
    pub(crate) fn forget(&mut self) {
        self.weighted = None;
        self.halved.weights.clear();
    }

    /// `B` at this weight.
    ///
    /// # Complexity
    /// On first use `9n³` flops a two-sided block for a symmetric root, nothing where a root was given.
    pub(crate) fn weighted(&mut self, weight: &[OwnedWeight]) -> Result<&mut Weighted> {
        match &mut self.weighted {
            Some(weighted) => Ok(weighted),
            empty => Ok(empty.insert(Weighted::new(self.a.clone(), weight)?)),
        }
    }

    /// `out ← B Bᵀ y` for every vector of `y`, one after another in it.
    ///
    /// # Complexity
    /// Each as below, but that dense rows are read once for all of them, by matrix products.
    pub(crate) fn apply(&mut self, weight: &[OwnedWeight], y: &[f64], out: &mut [f64]) {
        let a = self.a.clone();
        let m = a.len().max(1);
        let through_roots = weight.iter().any(|w| matches!(w, OwnedWeight::Root { .. }));
        if y.len() > m && !through_roots {
            out.fill(0.0);
            for (b, held) in weight.iter().enumerate() {
                if let Part::Psd(rows) = &a.parts()[b]
                    && let Some((packed, constraints)) = rows.packed()
                    && let Some(pair) = held.gram_pair()
                {
                    self.add_dense(packed, constraints, (rows.order(), m), pair, y, out);
                    continue;
                }
                for (y, out) in y.chunks_exact(m).zip(out.chunks_exact_mut(m)) {
                    self.add(&a, b, held, y, out);
                }
            }
            return;
        }
        for (y, out) in y.chunks_exact(m).zip(out.chunks_exact_mut(m)) {
            self.apply_one(weight, y, out);
        }
    }

    /// The same for one vector.
    ///
    /// # Complexity
    /// Two passes over the nonzeros and, a PSD block, `4n³` flops as `P (Σ y_i A_i) Q` (`2n³` one-sided), or `8n³` through
    /// roots where they were given: then the sum is scaled before it is scaled back, and nothing cancels. Where the rows
    /// have few positions, `2n` flops each for the first product and `2n` for the entries that are read of the second
    /// (`4n³` and these through roots).
    fn apply_one(&mut self, weight: &[OwnedWeight], y: &[f64], out: &mut [f64]) {
        if weight.iter().any(|w| matches!(w, OwnedWeight::Root { .. }))
            && let Ok(weighted) = self.weighted(weight)
        {
            return weighted.gram(y, out);
        }
        self.apply_quick(weight, y, out);
    }

    /// The same as `P (Σ y_i A_i) Q` whether or not a root was given: a third of the work where one was, half the digits when
    /// the weight is ill-conditioned.
    pub(crate) fn apply_quick(&mut self, weight: &[OwnedWeight], y: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        let a = self.a.clone();
        for (b, held) in weight.iter().enumerate() {
            self.add(&a, b, held, y, out);
        }
    }

    /// Adds one block's share.
    fn add(&mut self, a: &Constraints, b: usize, held: &OwnedWeight, y: &[f64], out: &mut [f64]) {
        self.sum.resize(a.range(b).len(), 0.0);
        match (&a.parts()[b], held.gram_pair()) {
            (Part::Nonneg(rows), _) => {
                rows.adjoint(y, &mut self.sum);
                if let OwnedWeight::Nonneg(w) = held {
                    self.sum.iter_mut().zip(w).for_each(|(s, w)| *s *= w * w);
                }
                rows.apply(&self.sum, out);
            }
            (Part::Psd(rows), Some((p, q))) => {
                if let Some(pattern) = rows.pattern() {
                    if let (Some(halves), true) = (
                        pattern.halves(),
                        p.is_some_and(|p| p.as_ptr() == q.as_ptr()),
                    ) {
                        rows.sums_at(pattern, y, &mut self.read);
                        halves.fill(&self.read, &mut self.halved.sum);
                        self.halved.product(b, halves, q);
                        halves.read(2.0, &self.halved.product, &mut self.read);
                        return rows.apply_along(pattern, &self.read, out);
                    }
                    return self.along(rows, pattern, (p, q), y, out);
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
                    return rows.apply(corner(&self.half, n), &mut self.triangle, out);
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

    /// Adds the share of a block of order `n` with dense rows, for every one of the vectors of length `m`.
    fn add_dense(
        &mut self,
        packed: &Mat<f64>,
        constraints: &[u32],
        (n, m): (usize, usize),
        (p, q): (Option<MatRef<'_, f64>>, MatRef<'_, f64>),
        y: &[f64],
        out: &mut [f64],
    ) {
        let (half, rows) = packed.shape();
        let columns = y.len() / m;
        let Batch { triangles, chosen } = &mut self.batch;
        triangles.resize(half * columns, 0.0);
        chosen.resize(rows * columns, 0.0);
        for (y, chosen) in y.chunks_exact(m).zip(chosen.chunks_exact_mut(rows)) {
            let list = constraints.iter().map(|&i| y[i as usize]);
            chosen.iter_mut().zip(list).for_each(|(c, y)| *c = y);
        }
        let all = MatMut::from_column_major_slice_mut(&mut triangles[..], half, columns);
        let given = MatRef::from_column_major_slice(&chosen[..], rows, columns);
        gemm(all, Accum::Replace, 1.0, packed.as_ref(), given);
        self.sum.resize(n * n, 0.0);
        for triangle in triangles.chunks_exact_mut(half) {
            let mut sum = MatMut::from_column_major_slice_mut(&mut self.sum, n, n);
            let mut at = 0;
            for c in 0..n {
                for r in 0..=c {
                    sum[(r, c)] = triangle[at + r];
                    sum[(c, r)] = triangle[at + r];
                }
                at += c + 1;
            }
            let sum = MatRef::from_column_major_slice(&self.sum, n, n);
            gemm(fit(&mut self.half, n), Accum::Replace, 1.0, sum, q);
            let mut u = corner(&self.half, n);
            if let Some(p) = p {
                gemm(fit(&mut self.full, n), Accum::Replace, 1.0, p, u);
                u = corner(&self.full, n);
            }
            at = 0;
            for c in 0..n {
                for r in 0..c {
                    triangle[at + r] = u[(r, c)] + u[(c, r)];
                }
                triangle[at + c] = u[(c, c)];
                at += c + 1;
            }
        }
        let all = MatRef::from_column_major_slice(&triangles[..], half, columns);
        let sums = MatMut::from_column_major_slice_mut(&mut chosen[..], rows, columns);
        gemm(sums, Accum::Replace, 1.0, packed.transpose(), all);
        for (out, sums) in out.chunks_exact_mut(m).zip(chosen.chunks_exact(rows)) {
            for (&i, s) in constraints.iter().zip(sums) {
                out[i as usize] += s;
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
        *m = padded::zeros(n, n);
    }
    m.as_mut().submatrix_mut(0, 0, n, n)
}

pub(crate) fn corner(m: &Mat<f64>, n: usize) -> MatRef<'_, f64> {
    m.as_ref().submatrix(0, 0, n, n)
}
