//! An explicit inverse under low-rank changes, with a buffer of changes not yet multiplied out.

use super::cholesky::Cholesky;
use super::real::Real;
use super::sparse::Rows;
use super::{par, product, symmetric};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::prelude::Reborrow as _;
use faer::{Accum, Mat, MatMut, MatRef};
use pulp::Arch;

/// `H = S · diag(I ⊗ F, …)`: a sparse matrix with few numbers a row, and small dense factors on runs of its columns.
#[derive(Debug, Clone)]
pub(crate) struct Thin {
    pub sparse: Rows,
    /// First column, number of copies, and the factor of every run.
    pub turns: Vec<(usize, usize, Mat<f64>)>,
}

impl Thin {
    pub(crate) fn ncols(&self) -> usize {
        self.sparse.ncols()
    }

    /// `t ← t · diag(I ⊗ F, …)`.
    fn turn<T: Real>(&self, mut t: MatMut<'_, T>) {
        for (first, copies, f) in &self.turns {
            let n = f.nrows();
            let narrow = Mat::from_fn(n, n, |i, j| T::narrow(f[(i, j)]));
            let mut scratch = Mat::<T>::zeros(t.nrows(), n);
            for k in 0..*copies {
                let mut part = t.as_mut().subcols_mut(first + k * n, n);
                let par = par(2 * part.nrows() * n * n);
                matmul(
                    scratch.as_mut(),
                    Accum::Replace,
                    part.as_ref(),
                    narrow.as_ref(),
                    T::narrow(1.0),
                    par,
                );
                part.copy_from(&scratch);
            }
        }
    }

    /// The matrix itself.
    pub(crate) fn dense(&self) -> Mat<f64> {
        let mut out = self.sparse.dense::<f64>();
        self.turn(out.as_mut());
        out
    }
}

/// One change `∓ Y Yᵀ` that is not multiplied out.
#[derive(Debug, Clone)]
struct Segment<T> {
    y: Mat<T>,
    sign: f64,
}

/// `K⁻¹ = K₀⁻¹ + Σ ± Y Yᵀ`.
#[derive(Debug, Clone)]
pub(crate) struct Maintained<T> {
    arch: Arch,
    /// `K₀⁻¹`, both triangles.
    inverse: Mat<T>,
    segments: Vec<Segment<T>>,
    x: Vec<T>,
    z: Vec<T>,
    w: Vec<T>,
}

impl<T: Real> Maintained<T> {
    /// From the lower triangle of the inverse.
    pub(crate) fn new(mut inverse: Mat<T>) -> Self {
        product::mirror_lower(inverse.as_mut());
        let m = inverse.nrows();
        let zeros = || vec![T::narrow(0.0); m];
        Self {
            arch: Arch::new(),
            inverse,
            segments: vec![],
            x: zeros(),
            z: zeros(),
            w: vec![],
        }
    }

    /// Columns of the buffer.
    pub(crate) fn buffered(&self) -> usize {
        self.segments.iter().map(|s| s.y.ncols()).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        let m = self.inverse.nrows();
        (m * m + m * self.buffered()) * size_of::<T>()
    }

    /// `v ← K⁻¹ v`; nothing is allocated.
    ///
    /// # Complexity
    /// `m²/2 + 2mb` numbers read for a buffer of `b` columns.
    pub(crate) fn apply(&mut self, v: &mut [f64]) {
        let m = v.len();
        // Vectors of any scale fit single precision once their largest entry is one.
        let scale = super::max_abs(v);
        if scale == 0.0 || !scale.is_finite() {
            return;
        }
        for (x, v) in self.x.iter_mut().zip(v.iter()) {
            *x = T::narrow(v / scale);
        }
        symmetric::symv(self.arch, self.inverse.as_ref(), &self.x, &mut self.z);
        for s in &self.segments {
            let q = s.y.ncols();
            let par = par(2 * m * q);
            let x = MatRef::from_column_major_slice(&self.x, m, 1);
            let mut w = MatMut::from_column_major_slice_mut(&mut self.w[..q], q, 1);
            matmul(
                w.as_mut(),
                Accum::Replace,
                s.y.transpose(),
                x,
                T::narrow(1.0),
                par,
            );
            let z = MatMut::from_column_major_slice_mut(&mut self.z, m, 1);
            matmul(
                z,
                Accum::Add,
                s.y.as_ref(),
                w.as_ref(),
                T::narrow(s.sign),
                par,
            );
        }
        for (v, z) in v.iter_mut().zip(&self.z) {
            *v = z.wide() * scale;
        }
    }

    /// `V ← K⁻¹ V`.
    ///
    /// # Complexity
    /// `2m(m + 2b)` flops a column, all in matrix products.
    pub(crate) fn apply_block(&self, mut v: MatMut<'_, f64>) {
        let (m, k) = v.shape();
        let scale: Vec<f64> = (0..k)
            .map(|j| match v.rb().col(j).norm_max() {
                s if s > 0.0 && s.is_finite() => s,
                _ => 1.0,
            })
            .collect();
        let x = Mat::from_fn(m, k, |i, j| T::narrow(v[(i, j)] / scale[j]));
        let mut z = Mat::<T>::zeros(m, k);
        let one = T::narrow(1.0);
        let inverse = self.inverse.as_ref();
        matmul(
            z.as_mut(),
            Accum::Replace,
            inverse,
            x.as_ref(),
            one,
            par(2 * m * m * k),
        );
        for s in &self.segments {
            let q = s.y.ncols();
            let (y, par) = (s.y.as_ref(), par(2 * m * q * k));
            let mut w = Mat::<T>::zeros(q, k);
            matmul(
                w.as_mut(),
                Accum::Replace,
                y.transpose(),
                x.as_ref(),
                one,
                par,
            );
            matmul(
                z.as_mut(),
                Accum::Add,
                y,
                w.as_ref(),
                T::narrow(s.sign),
                par,
            );
        }
        for j in 0..k {
            for i in 0..m {
                v[(i, j)] = z[(i, j)].wide() * scale[j];
            }
        }
    }

    /// Absorbs `K⁺ = K + H₊H₊ᵀ − H₋H₋ᵀ` into the buffer. `false`, and nothing changed, when `K⁺` is not positive definite to
    /// working precision.
    ///
    /// The positive part is absorbed first, so that every capacitance matrix is positive definite and factored by
    /// Cholesky: `Y₊ = K⁻¹H₊ L⁻ᵀ` with `LLᵀ = I + H₊ᵀK⁻¹H₊`, then the same for `−H₋` on the inverse reached.
    ///
    /// # Complexity
    /// `2m nnz(S)` flops (or `2m²q` for a dense `S`) for `K₀⁻¹S` and `O(mq(q + b))` for the rest.
    pub(crate) fn append(&mut self, plus: &Thin, minus: &Thin) -> bool {
        let before = self.segments.len();
        for (h, sign) in [(plus, 1.0), (minus, -1.0)] {
            if h.ncols() == 0 {
                continue;
            }
            match self.half_change(h, sign) {
                Some(y) => self.segments.push(Segment { y, sign: -sign }),
                None => {
                    self.segments.truncate(before);
                    return false;
                }
            }
        }
        let widest = self.segments.iter().map(|s| s.y.ncols()).max().unwrap_or(0);
        self.w.resize(widest.max(self.w.len()), T::narrow(0.0));
        true
    }

    /// Forgets the changes absorbed since the buffer held `segments` of them.
    pub(crate) fn truncate(&mut self, segments: usize) {
        self.segments.truncate(segments);
    }

    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// `Y = K⁻¹H L⁻ᵀ` with `LLᵀ = I + sign · HᵀK⁻¹H`.
    fn half_change(&self, h: &Thin, sign: f64) -> Option<Mat<T>> {
        let q = h.ncols();
        let m = self.inverse.nrows();
        let mut t = symmetric::times(self.arch, self.inverse.as_ref(), &h.sparse);
        for s in &self.segments {
            let ys = h.sparse.transpose_times(s.y.as_ref());
            let narrow = Mat::from_fn(ys.ncols(), q, |i, j| T::narrow(ys[(j, i)]));
            let par = par(2 * m * q * ys.ncols());
            matmul(
                t.as_mut(),
                Accum::Add,
                s.y.as_ref(),
                narrow.as_ref(),
                T::narrow(s.sign),
                par,
            );
        }
        h.turn(t.as_mut());
        // Hᵀ(K⁻¹H), the left factor turned as the right one was.
        let mut inner = h.sparse.transpose_times(t.as_ref()).transpose().to_owned();
        h.turn(inner.as_mut());
        let capacitance = Mat::from_fn(q, q, |i, j| {
            f64::from(u8::from(i == j)) + sign * 0.5 * (inner[(i, j)] + inner[(j, i)])
        });
        let factor = Cholesky::factor(capacitance).ok()?;
        let lower = Mat::from_fn(q, q, |i, j| T::narrow(factor.lower()[(i, j)]));
        solve_lower_triangular_in_place(lower.as_ref(), t.as_mut().transpose_mut(), par(q * q * m));
        Some(t)
    }

    /// Multiplies the buffer out.
    ///
    /// # Complexity
    /// `m²b` flops for `b` buffered columns: one triangle, mirrored.
    pub(crate) fn flush(&mut self) {
        let (m, b) = (self.inverse.nrows(), self.buffered());
        if b == 0 {
            return;
        }
        let (mut left, mut right) = (Mat::<T>::zeros(m, b), Mat::<T>::zeros(m, b));
        let mut at = 0;
        for s in self.segments.drain(..) {
            let q = s.y.ncols();
            right.as_mut().subcols_mut(at, q).copy_from(&s.y);
            let sign = T::narrow(s.sign);
            for j in 0..q {
                for (l, y) in left
                    .col_as_slice_mut(at + j)
                    .iter_mut()
                    .zip(s.y.col_as_slice(j))
                {
                    *l = sign * *y;
                }
            }
            at += q;
        }
        product::gemm_lower(
            self.inverse.as_mut(),
            Accum::Add,
            1.0,
            left.as_ref(),
            right.transpose(),
        );
        product::mirror_lower(self.inverse.as_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thin(m: usize, q: usize, seed: usize, size: f64) -> Thin {
        let mut sparse = Rows::new(q);
        for i in 0..m {
            for k in 0..q {
                if (i + 2 * k + seed).is_multiple_of(3) {
                    sparse.push(k, size * ((3 * i + 7 * k + seed) as f64).sin());
                }
            }
            sparse.end_row();
        }
        let n = q / 2;
        let f = Mat::from_fn(n, n, |i, j| {
            if i >= j {
                1.0 / (1 + i + j) as f64
            } else {
                0.0
            }
        });
        let turns = if n > 0 { vec![(0, 2, f)] } else { vec![] };
        Thin { sparse, turns }
    }

    fn law<T: Real>(tol: f64) {
        let m = 19;
        let base = Mat::from_fn(m, m, |i, j| ((3 * i + 7 * j) as f64).sin());
        let mut k = &base * base.transpose() + Mat::<f64>::identity(m, m);
        let inverse = Cholesky::factor(k.clone()).unwrap().inverse_lower::<f64>();
        let mut kept = Maintained::new(Mat::from_fn(m, m, |i, j| T::narrow(inverse[(i, j)])));
        for step in 0..6 {
            let (plus, minus) = (thin(m, 4, step, 1.0), thin(m, 2, step + 9, 0.2));
            assert!(kept.append(&plus, &minus));
            let (p, q) = (plus.dense(), minus.dense());
            k = k + &p * p.transpose() - &q * q.transpose();
            if step % 3 == 2 {
                kept.flush();
                assert_eq!(kept.buffered(), 0);
            }
            let x = Mat::from_fn(m, 1, |i, _| 1e60 * (1.0 + (i as f64).cos()));
            let mut v = x.col_as_slice(0).to_vec();
            kept.apply(&mut v);
            let back = &k * MatRef::from_column_major_slice(&v, m, 1);
            assert!((back - &x).norm_l2() < tol * x.norm_l2());
        }
        // An indefinite result is refused, and nothing changes.
        let mut before = vec![1.0; m];
        kept.apply(&mut before);
        assert!(!kept.append(&thin(m, 4, 1, 1.0), &thin(m, 2, 3, 100.0)));
        let mut after = vec![1.0; m];
        kept.apply(&mut after);
        assert_eq!(before, after);
    }

    #[test]
    fn changes_the_inverse_as_inverting_anew_does() {
        law::<f64>(1e-12);
        law::<f32>(1e-3);
    }
}
