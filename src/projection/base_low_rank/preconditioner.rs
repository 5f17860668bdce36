//! `K̃⁻¹` for `K̃ = M + H diag(g) Hᵀ`.
//!
//! A pair of eigenvectors `a, b` of which one at least is large contributes `c(λ_aλ_b − δ²) h hᵀ` beyond `δ² A Aᵀ`, with
//! `h_k = q_aᵀ A_k q_b` and `c = 1` for `a = b`, else 2. Pairs of a large and a small one, the cross columns `H`, go through
//! the capacitance matrix: `N = M⁻¹ − M⁻¹H(diag(1/g) + HᵀM⁻¹H)⁻¹HᵀM⁻¹`. Pairs `U` of two large ones weigh up to the square
//! of the ratio of the eigenvalues, beyond what such a difference can represent, so they are projected out on both sides:
//! with `C = UᵀNU` and `Π = I − UC⁻¹UᵀN`,
//!
//! ```text
//! K̃⁻¹ = ΠᵀNΠ + NU C⁻¹(C⁻¹ + diag(g_U))⁻¹C⁻¹ UᵀN
//! ```

use super::graded::Graded;
use super::spectrum::Spectrum;
use crate::constraints::{Constraints, Part};
use crate::error::{Error, Result};
use crate::linalg::maintained::Thin;
use crate::linalg::sparse::Rows;
use crate::linalg::{axpy, dot, product};
use crate::projection::gram::Base;
use faer::{Accum, Mat, MatMut, MatRef};

#[derive(Debug, Clone)]
pub(in crate::projection) struct Preconditioner {
    base: Base,
    /// `A(V ⊗ I)`, turned by the eigenvectors: column `first + k n + a` is the pair of the `k`-th large one and `a`.
    thin: Thin,
    /// Which of its columns are `H`.
    cross: Vec<u32>,
    capacitance: Option<Graded>,
    large: Option<Large>,
    work: [Vec<f64>; 2],
    inner: Vec<f64>,
    moved: Vec<f64>,
}

/// The pairs of two large eigenvectors.
#[derive(Debug, Clone)]
struct Large {
    u: Mat<f64>,
    nu: Mat<f64>,
    /// `C`.
    own: Graded,
    /// `C⁻¹ + diag(g_U)`.
    shifted: Graded,
    t: Vec<f64>,
}

impl Preconditioner {
    /// # Errors
    /// [`Error::NotPositiveDefinite`] when a capacitance matrix is singular to working precision.
    ///
    /// # Complexity
    /// `Base::inner` for the `nr` columns, `4n³r²` flops to turn it, and a Cholesky factorisation of order `nr`.
    pub(in crate::projection) fn new(
        a: &Constraints,
        base: Base,
        spectra: &[Spectrum],
    ) -> Result<Self> {
        let m = a.len();
        let (mut entries, mut turns) = (vec![], vec![]);
        let (mut cross, mut gain) = (vec![], vec![]);
        let (mut pairs, mut pair_gain) = (vec![], vec![]);
        let mut first = 0;
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
            turns.push((first, r, e.vectors.clone()));
            for k in 0..r {
                let b = n - r + k;
                for a in 0..=b {
                    let times = if a == b { 1.0 } else { 2.0 };
                    let g = times * (e.values[a] * e.values[b] - e.delta * e.delta);
                    // A small eigenvalue far below δ: what stands for the pair is more than it weighs.
                    if g <= 0.0 {
                        continue;
                    }
                    let column = (first + k * n + a) as u32;
                    let (list, weights) = match a < n - r {
                        true => (&mut cross, &mut gain),
                        false => (&mut pairs, &mut pair_gain),
                    };
                    list.push(column);
                    weights.push(g);
                }
            }
            first += n * r;
        }
        let thin = Thin {
            sparse: Rows::from_entries(m, first, &entries),
            turns,
        };
        let mut out = Self {
            base,
            thin,
            cross,
            capacitance: None,
            large: None,
            work: [vec![0.0; first], vec![0.0; first]],
            inner: vec![],
            moved: vec![0.0; m],
        };
        out.inner = vec![0.0; out.cross.len()];
        if first == 0 {
            return Ok(out);
        }
        let mut all = out.base.inner(&out.thin.sparse);
        out.thin.turn(all.as_mut());
        let mut all = all.transpose().to_owned();
        out.thin.turn(all.as_mut());
        let c = out.cross.len();
        if c > 0 {
            let at = |i: usize, j: usize| all[(out.cross[i] as usize, out.cross[j] as usize)];
            let matrix = Mat::from_fn(c, c, |i, j| {
                at(i, j) + if i == j { 1.0 / gain[i] } else { 0.0 }
            });
            out.capacitance = Some(Graded::factor(&matrix).ok_or(singular())?);
        }
        out.add_large(&pairs, &pair_gain)?;
        Ok(out)
    }

    fn add_large(&mut self, pairs: &[u32], gain: &[f64]) -> Result<()> {
        let (m, k) = (self.thin.sparse.nrows(), pairs.len());
        if k == 0 {
            return Ok(());
        }
        let (mut u, mut nu) = (Mat::zeros(m, k), Mat::zeros(m, k));
        for (j, &column) in pairs.iter().enumerate() {
            self.work[0].fill(0.0);
            self.work[0][column as usize] = 1.0;
            self.spread(u.col_as_slice_mut(j));
            let to = nu.col_as_slice_mut(j);
            to.copy_from_slice(u.col_as_slice(j));
            self.without_large(to);
        }
        let product = u.transpose() * &nu;
        let own = Mat::from_fn(k, k, |i, j| 0.5 * (product[(i, j)] + product[(j, i)]));
        let own = Graded::factor(&own).ok_or(singular())?;
        let mut inverse = Mat::identity(k, k);
        own.solve_in_place(inverse.as_mut());
        let shifted = Mat::from_fn(k, k, |i, j| {
            0.5 * (inverse[(i, j)] + inverse[(j, i)]) + if i == j { gain[i] } else { 0.0 }
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
        self.cross.len() + self.large.as_ref().map_or(0, |l| l.t.len())
    }

    /// Numbers that are held.
    pub(in crate::projection) fn numbers(&self) -> usize {
        let large = self
            .large
            .as_ref()
            .map_or(0, |l| 2 * l.u.nrows() * l.t.len());
        self.base.nonzeros() + self.thin.sparse.nonzeros() + self.cross.len().pow(2) + large
    }

    /// `v ← K̃⁻¹ v`; nothing is allocated.
    ///
    /// # Complexity
    /// Two solves with the base, two passes over `A(V ⊗ I)`, `4n²r` flops to turn and `2(nr)²` with the capacitance
    /// matrix; `O(mr²)` for the pairs of two large ones.
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
        // What of the large pairs comes back, less what the projection takes out.
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
        self.collect(v);
        for (x, &c) in self.inner.iter_mut().zip(&self.cross) {
            *x = self.work[0][c as usize];
        }
        capacitance.solve_in_place(column(&mut self.inner));
        self.work[0].fill(0.0);
        for (x, &c) in self.inner.iter().zip(&self.cross) {
            self.work[0][c as usize] = *x;
        }
        self.spread(v);
        v.iter_mut()
            .zip(&self.moved)
            .for_each(|(v, rhs)| *v = rhs - *v);
        self.base.solve_in_place(v);
        self.capacitance = Some(capacitance);
    }

    /// `work ← (I ⊗ Q)ᵀ Sᵀ v`.
    fn collect(&mut self, v: &[f64]) {
        let [turned, plain] = &mut self.work;
        plain.fill(0.0);
        for (i, &x) in v.iter().enumerate() {
            self.thin.sparse.row(i).for_each(|(c, s)| plain[c] += s * x);
        }
        turn(&self.thin, plain, turned, true);
    }

    /// `v ← S (I ⊗ Q) work`.
    fn spread(&mut self, v: &mut [f64]) {
        let [turned, plain] = &mut self.work;
        turn(&self.thin, turned, plain, false);
        for (i, x) in v.iter_mut().enumerate() {
            *x = self.thin.sparse.row(i).map(|(c, s)| s * plain[c]).sum();
        }
    }
}

/// `to ← (I ⊗ Q) from`, or with `Qᵀ`.
fn turn(thin: &Thin, from: &[f64], to: &mut [f64], transposed: bool) {
    for (first, copies, q) in &thin.turns {
        let n = q.nrows();
        let at = *first..first + n * copies;
        let from = MatRef::from_column_major_slice(&from[at.clone()], n, *copies);
        let to = MatMut::from_column_major_slice_mut(&mut to[at], n, *copies);
        let q = if transposed {
            q.transpose()
        } else {
            q.as_ref()
        };
        product::gemm(to, Accum::Replace, 1.0, q, from);
    }
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
