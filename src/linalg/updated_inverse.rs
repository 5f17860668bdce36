//! An explicit inverse under low-rank changes, with a buffer of changes not yet multiplied out.

use super::cholesky::Cholesky;
use super::machine::COLUMNS_FOR_PRODUCT;
use super::padded;
use super::real::Real;
use super::sparse::Rows;
use super::{par, product, symmetric};
use faer::linalg::matmul::matmul;
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::prelude::{Reborrow as _, ReborrowMut as _};
use faer::{Accum, Mat, MatMut, MatRef};
use pulp::Arch;

/// `H = S · diag(I ⊗ F, …)`: a sparse matrix with few numbers per row, and small dense factors on runs of its columns.
#[derive(Debug, Clone)]
pub(crate) struct Thin {
    pub sparse: Rows,
    /// First column, number of copies, and the factor of every run, in order; a factor may have fewer columns than rows.
    pub turns: Vec<(usize, usize, Mat<f64>)>,
}

impl Thin {
    pub(crate) fn ncols(&self) -> usize {
        let lost = |(_, copies, f): &(usize, usize, Mat<f64>)| copies * (f.nrows() - f.ncols());
        self.sparse.ncols() - self.turns.iter().map(lost).sum::<usize>()
    }

    /// `t · diag(I ⊗ F, …)`.
    fn turned<T: Real>(&self, mut t: Mat<T>) -> Mat<T> {
        if self.turns.iter().all(|(_, _, f)| f.nrows() == f.ncols()) {
            self.turn(t.as_mut());
            return t;
        }
        // Columns go: those of narrow factors, the others as they are.
        let mut out = padded::zeros(t.nrows(), self.ncols());
        let (mut from, mut to) = (0, 0);
        for (first, copies, f) in &self.turns {
            let (n, k) = f.shape();
            let before = first - from;
            let narrow = padded::from_fn(n, k, |i, j| T::narrow(f[(i, j)]));
            let kept = t.subcols(from, before);
            out.as_mut().subcols_mut(to, before).copy_from(kept);
            (from, to) = (*first, to + before);
            for _ in 0..*copies {
                matmul(
                    out.as_mut().subcols_mut(to, k),
                    Accum::Replace,
                    t.subcols(from, n),
                    narrow.as_ref(),
                    T::narrow(1.0),
                    par(2 * t.nrows() * n * k),
                );
                (from, to) = (from + n, to + k);
            }
        }
        let rest = t.ncols() - from;
        let kept = t.subcols(from, rest);
        out.as_mut().subcols_mut(to, rest).copy_from(kept);
        out
    }

    /// `t ← t · diag(I ⊗ F, …)` for square factors.
    pub(crate) fn turn<T: Real>(&self, mut t: MatMut<'_, T>) {
        for (first, copies, f) in &self.turns {
            let n = f.nrows();
            let narrow = padded::from_fn(n, n, |i, j| T::narrow(f[(i, j)]));
            let mut scratch = padded::zeros::<T>(t.nrows(), n);
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
        self.turned(self.sparse.dense())
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
pub(crate) struct UpdatedInverse<T> {
    arch: Arch,
    /// `K₀⁻¹`, both triangles.
    inverse: Mat<T>,
    segments: Vec<Segment<T>>,
    x: Vec<T>,
    z: Vec<T>,
    w: Vec<T>,
    many: Box<Many<T>>,
}

/// Work space for many vectors at once, and their largest entries.
#[derive(Debug, Clone)]
struct Many<T> {
    x: Vec<T>,
    z: Vec<T>,
    w: Vec<T>,
    scales: Vec<f64>,
}

impl<T: Real> UpdatedInverse<T> {
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
            many: Box::new(Many {
                x: vec![],
                z: vec![],
                w: vec![],
                scales: vec![],
            }),
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

    /// `v ← K⁻¹ v` for every column, by matrix products where there are enough of them; nothing is allocated once it has been
    /// called with as many columns.
    ///
    /// # Complexity
    /// `2m²k` flops for `k` columns, `m²` numbers read.
    pub(crate) fn apply_all(&mut self, mut v: MatMut<'_, f64>) {
        let (m, k) = v.shape();
        if k < COLUMNS_FOR_PRODUCT {
            for j in 0..k {
                if let Some(column) = v.rb_mut().col_mut(j).try_as_col_major_mut() {
                    self.apply(column.as_slice_mut());
                }
            }
            return;
        }
        let widest = self.segments.iter().map(|s| s.y.ncols()).max().unwrap_or(0);
        let many = &mut *self.many;
        let grow = |v: &mut Vec<T>, n: usize| v.resize(n.max(v.len()), T::narrow(0.0));
        grow(&mut many.x, m * k);
        grow(&mut many.z, m * k);
        grow(&mut many.w, widest * k);
        many.scales.clear();
        for j in 0..k {
            let column = v.rb().col(j);
            let scale = column.iter().fold(0.0, |s: f64, v| s.max(v.abs()));
            let usable = scale > 0.0 && scale.is_finite();
            many.scales.push(if usable { scale } else { 0.0 });
            for (i, x) in many.x[j * m..(j + 1) * m].iter_mut().enumerate() {
                *x = T::narrow(if usable { column[i] / scale } else { 0.0 });
            }
        }
        let x = MatRef::from_column_major_slice(&many.x[..m * k], m, k);
        let mut z = MatMut::from_column_major_slice_mut(&mut many.z[..m * k], m, k);
        let one = T::narrow(1.0);
        let inverse = self.inverse.as_ref();
        matmul(
            z.rb_mut(),
            Accum::Replace,
            inverse,
            x,
            one,
            par(2 * m * m * k),
        );
        for s in &self.segments {
            let q = s.y.ncols();
            let par = par(2 * m * q * k);
            let mut w = MatMut::from_column_major_slice_mut(&mut many.w[..q * k], q, k);
            matmul(w.rb_mut(), Accum::Replace, s.y.transpose(), x, one, par);
            let sign = T::narrow(s.sign);
            matmul(z.rb_mut(), Accum::Add, s.y.as_ref(), w.rb(), sign, par);
        }
        for (j, &scale) in many.scales.iter().enumerate().filter(|(_, s)| **s > 0.0) {
            for i in 0..m {
                v[(i, j)] = z[(i, j)].wide() * scale;
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
            let narrow = padded::from_fn(ys.ncols(), ys.nrows(), |i, j| T::narrow(ys[(j, i)]));
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
        let mut t = h.turned(t);
        // Hᵀ(K⁻¹H), the left factor turned as the right one was.
        let inner = h.turned(h.sparse.transpose_times(t.as_ref()).transpose().to_owned());
        let capacitance = padded::from_fn(q, q, |i, j| {
            f64::from(u8::from(i == j)) + sign * 0.5 * (inner[(i, j)] + inner[(j, i)])
        });
        let factor = Cholesky::factor(capacitance).ok()?;
        let lower = padded::from_fn(q, q, |i, j| T::narrow(factor.lower()[(i, j)]));
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
        let (mut left, mut right) = (padded::zeros::<T>(m, b), padded::zeros::<T>(m, b));
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
        let mut kept = UpdatedInverse::new(Mat::from_fn(m, m, |i, j| T::narrow(inverse[(i, j)])));
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
            let x = Mat::from_fn(m, 5, |i, j| {
                if j == 1 {
                    0.0
                } else {
                    1e9f64.powi(j as i32) * ((i * j + i) as f64).cos()
                }
            });
            let mut v = x.clone();
            kept.apply_all(v.as_mut());
            let back = &k * &v;
            for j in 0..5 {
                assert!((back.col(j) - x.col(j)).norm_l2() <= tol * x.col(j).norm_l2());
            }
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
