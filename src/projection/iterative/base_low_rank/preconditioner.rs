//! The preconditioner `K̃⁻¹` for `K̃ = M + H diag(g) Hᵀ`: a sparse base `M` and a low-rank part.
//!
//! Call an eigenvector large if its eigenvalue is. A pair of eigenvectors `a, b` with at least one large eigenvector contributes
//! `c(λ_aλ_b − δ²) h hᵀ` beyond `δ² A Aᵀ`, with `h_k = q_aᵀ A_k q_b`, and `c = 1` for `a = b`, otherwise 2.
//!
//! All pairs go through a capacitance matrix in the coordinates of the rows. Let `S = A(V ⊗ I)` for the large eigenvectors `V`, and
//! `Γ = diag_b(Q diag(γ_b) Qᵀ)`, where `γ_ab` is the weight of the pair of a large eigenvector `b` and a small eigenvector `a`. Then
//! `N = M⁻¹ − M⁻¹S(Γ⁻¹ + SᵀM⁻¹S)⁻¹SᵀM⁻¹`, and `SᵀM⁻¹S` needs no change of basis.
//!
//! The weights of pairs of two large eigenvectors grow with the square of the ratio of the eigenvalues. The difference that
//! defines `N` cannot represent such weights. In `Γ` these pairs therefore have weights no larger than the other pairs. Let `U`
//! be the columns of these pairs. The rest of their weights is added after `U` is projected out on both sides. With
//! `C = UᵀNU` and `Π = I − UC⁻¹UᵀN`,
//!
//! ```text
//! K̃⁻¹ = ΠᵀNΠ + NU C⁻¹(C⁻¹ + diag(g_U))⁻¹C⁻¹ UᵀN
//! ```

use super::graded::Graded;
use super::spectrum::{Eigen, Spectrum};
use crate::constraints::{Constraints, Part};
use crate::error::{Error, Result};
use crate::linalg::padded;
use crate::linalg::sparse::Rows;
use crate::linalg::{axpy, dot, product};
use crate::projection::gram::Base;
use faer::{Accum, Mat, MatMut};

/// `K̃⁻¹`, with scratch space for one vector.
#[derive(Debug, Clone)]
pub(in crate::projection) struct SplitPreconditioner {
    base: Base,
    /// `S = A(V ⊗ I)`: column `first + k n + p` has the values `(A_i v_k)_p`.
    sparse: Rows,
    /// The factor of `Γ⁻¹ + SᵀM⁻¹S`; `None` without large eigenvectors.
    capacitance: Option<Graded>,
    large: Option<Large>,
    columns: usize,
    /// Scratch: `Sᵀ` times a vector.
    inner: Vec<f64>,
    /// Scratch: a copy of the right-hand side.
    moved: Vec<f64>,
}

/// The pairs of two large eigenvectors.
#[derive(Debug, Clone)]
struct Large {
    /// `U`.
    u: Mat<f64>,
    /// `N U`.
    nu: Mat<f64>,
    /// `C`.
    own: Graded,
    /// `C⁻¹ + diag(g_U)`.
    shifted: Graded,
    t: Vec<f64>,
}

/// A pair of two large eigenvectors. Its column of `U` is the columns of `S` that belong to one eigenvector, times the other
/// eigenvector.
struct Pair {
    /// First of the columns of `S`.
    first: usize,
    /// The other eigenvector.
    vector: Vec<f64>,
    /// The weight of the pair that is missing in `N`.
    gain: f64,
}

impl SplitPreconditioner {
    /// # Errors
    /// [`Error::NotPositiveDefinite`] when a capacitance matrix is singular to working precision.
    ///
    /// # Complexity
    /// `Base::inner` for the `nr` columns, `rn³` flops, and a Cholesky factorisation of order `nr`.
    pub(in crate::projection) fn new(
        a: &Constraints,
        base: Base,
        spectra: &[Spectrum],
    ) -> Result<Self> {
        // Collect the entries of S, the blocks of Γ⁻¹, and the pairs of two large eigenvectors.
        let m = a.len();
        let (mut entries, mut weights, mut pairs) = (vec![], vec![], vec![]);
        let (mut first, mut columns) = (0, 0);
        for (spectrum, part) in spectra.iter().zip(a.parts()) {
            let (Spectrum::Psd(e), Part::Psd(rows)) = (spectrum, part) else {
                continue;
            };
            let (n, r) = (e.values.len(), e.rank);
            if r == 0 {
                continue;
            }
            let v = e.vectors.as_ref().subcols(n - r, r).to_owned();
            rows.times(&v, |i, p, k, x| {
                entries.push((i as u32, (first + k * n + p) as u32, x));
            });
            for k in 0..r {
                weights.push((first + k * n, inverse_weight(e, n - r + k)));
                for l in 0..=k {
                    let (x, y) = (e.values[n - r + k], e.values[n - r + l]);
                    let times = if k == l { 1.0 } else { 2.0 };
                    pairs.push(Pair {
                        first: first + k * n,
                        vector: v.col_as_slice(l).to_vec(),
                        gain: times * (x * y - e.delta * e.delta - stand_in(e, x, y)),
                    });
                }
            }
            columns += e.columns(r);
            first += n * r;
        }
        let mut out = Self {
            base,
            sparse: Rows::from_entries(m, first, &entries),
            capacitance: None,
            large: None,
            columns,
            inner: vec![0.0; first],
            moved: vec![0.0; m],
        };
        if first == 0 {
            return Ok(out);
        }
        // Factor the capacitance matrix, which defines N. Then add the pairs of two large eigenvectors.
        let mut matrix = out.base.inner(&out.sparse);
        for (at, block) in weights {
            let n = block.nrows();
            let mut to = matrix.as_mut().submatrix_mut(at, at, n, n);
            to += block;
        }
        out.capacitance = Some(Graded::factor(&matrix).ok_or(singular())?);
        out.add_large(&pairs)?;
        Ok(out)
    }

    /// Computes `U`, `N U` and the factors for the pairs of two large eigenvectors.
    fn add_large(&mut self, pairs: &[Pair]) -> Result<()> {
        let (m, k) = (self.sparse.nrows(), pairs.len());
        let (mut u, mut nu) = (padded::zeros(m, k), padded::zeros(m, k));
        for (j, pair) in pairs.iter().enumerate() {
            self.inner.fill(0.0);
            self.inner[pair.first..pair.first + pair.vector.len()].copy_from_slice(&pair.vector);
            self.spread(u.col_as_slice_mut(j));
            let to = nu.col_as_slice_mut(j);
            to.copy_from_slice(u.col_as_slice(j));
            self.without_large(to);
        }
        let product = u.transpose() * &nu;
        let own = padded::from_fn(k, k, |i, j| 0.5 * (product[(i, j)] + product[(j, i)]));
        let own = Graded::factor(&own).ok_or(singular())?;
        let mut inverse = Mat::identity(k, k);
        own.solve_in_place(inverse.as_mut());
        let shifted = padded::from_fn(k, k, |i, j| {
            let gain = if i == j { pairs[i].gain } else { 0.0 };
            0.5 * (inverse[(i, j)] + inverse[(j, i)]) + gain
        });
        let shifted = Graded::factor(&shifted).ok_or(singular())?;
        let t = vec![0.0; k];
        self.large = Some(Large {
            u,
            nu,
            own,
            shifted,
            t,
        });
        Ok(())
    }

    /// Columns of the low-rank part.
    pub(in crate::projection) fn columns(&self) -> usize {
        self.columns
    }

    /// Number of stored values.
    pub(in crate::projection) fn numbers(&self) -> usize {
        let large = self
            .large
            .as_ref()
            .map_or(0, |l| 2 * l.u.nrows() * l.t.len());
        self.base.nonzeros() + self.sparse.nonzeros() + self.inner.len().pow(2) + large
    }

    /// `v ← K̃⁻¹ v`, without allocation.
    ///
    /// # Complexity
    /// Two solves with the base, two passes over `A(V ⊗ I)`, `2(nr)²` flops with the capacitance matrix, and `O(mr²)` flops for the
    /// pairs of two large eigenvectors.
    pub(in crate::projection) fn apply(&mut self, v: &mut [f64]) {
        let Some(mut large) = self.large.take() else {
            return self.without_large(v);
        };
        let k = large.t.len();
        for j in 0..k {
            large.t[j] = dot(large.nu.col_as_slice(j), v);
        }
        large.own.solve_in_place(column(&mut large.t));
        for j in 0..k {
            axpy(-large.t[j], large.u.col_as_slice(j), v);
        }
        self.without_large(v);
        // Add the second term of the formula, and finish the projection of the first.
        large.shifted.solve_in_place(column(&mut large.t));
        for j in 0..k {
            large.t[j] -= dot(large.u.col_as_slice(j), v);
        }
        large.own.solve_in_place(column(&mut large.t));
        for j in 0..k {
            axpy(large.t[j], large.nu.col_as_slice(j), v);
        }
        self.large = Some(large);
    }

    /// `v ← N v`.
    fn without_large(&mut self, v: &mut [f64]) {
        let Some(capacitance) = self.capacitance.take() else {
            return self.base.solve_in_place(v);
        };
        self.moved.copy_from_slice(v);
        self.base.solve_in_place(v);
        self.inner.fill(0.0);
        for (i, &x) in v.iter().enumerate() {
            let row = self.sparse.row(i);
            row.for_each(|(c, s)| self.inner[c] += s * x);
        }
        capacitance.solve_in_place(column(&mut self.inner));
        self.spread(v);
        v.iter_mut()
            .zip(&self.moved)
            .for_each(|(v, rhs)| *v = rhs - *v);
        self.base.solve_in_place(v);
        self.capacitance = Some(capacitance);
    }

    /// `v ← S inner`.
    fn spread(&self, v: &mut [f64]) {
        for (i, x) in v.iter_mut().enumerate() {
            *x = self.sparse.row(i).map(|(c, s)| s * self.inner[c]).sum();
        }
    }
}

/// The weight in `N` of a pair of two large eigenvalues, doubled for two different eigenvalues. It is no larger than the weight of
/// a pair with a small eigenvalue.
fn stand_in(e: &Eigen, x: f64, y: f64) -> f64 {
    0.5 * e.delta * x.min(y)
}

/// `Q diag(1/γ) Qᵀ` for the weights `γ_a` of the pairs of the large eigenvalue `b` and every eigenvalue `a`.
fn inverse_weight(e: &Eigen, b: usize) -> Mat<f64> {
    let n = e.values.len();
    let y = e.values[b];
    let weight = |a: usize| match a < n - e.rank {
        // Bounded below by half of its leading term, for positivity. The bound is inactive if the gap is 2 or more.
        true => f64::max(2.0 * (e.values[a] * y - e.delta * e.delta), e.values[a] * y),
        false => stand_in(e, e.values[a], y),
    };
    let root: Vec<f64> = (0..n).map(|a| 1.0 / weight(a).sqrt()).collect();
    let scaled = padded::from_fn(n, n, |i, j| e.vectors[(i, j)] * root[j]);
    let mut out = padded::zeros(n, n);
    let (left, right) = (scaled.as_ref(), scaled.transpose());
    product::gemm_lower(out.as_mut(), Accum::Replace, 1.0, left, right);
    product::mirror_lower(out.as_mut());
    out
}

fn column(x: &mut [f64]) -> MatMut<'_, f64> {
    let n = x.len();
    MatMut::from_column_major_slice_mut(x, n, 1)
}

fn singular() -> Error {
    Error::NotPositiveDefinite {
        what: "capacitance matrix of the large eigenvalues",
        pivot: 0,
    }
}
