//! Numbers that large matrices are stored in, and vector kernels on them: single precision halves the memory traffic where
//! answers are refined anyway.

use faer::MatRef;
use faer::traits::{ComplexField, RealField};
use pulp::{Arch, Simd, WithSimd};

/// `f32` or `f64`.
pub(crate) trait Real: ComplexField + RealField + Copy + Send + Sync + 'static {
    /// Diagonal entries of a matrix that can be scaled to one.
    const HELD: core::ops::Range<f64>;
    fn narrow(x: f64) -> Self;
    fn wide(self) -> f64;
    /// `y ← K x` from columns of the lower triangle of `K`.
    fn symv(arch: Arch, k: MatRef<'_, Self>, x: &[Self], y: &mut [Self]);
    /// `y += Σ v_j K_j` over the list of `(j, v_j)`, `K_j` being the rows `first..first + y.len()` of column `j`.
    fn gather(arch: Arch, k: MatRef<'_, Self>, first: usize, list: &[(u32, Self)], y: &mut [Self]);
    /// `Y += K V` for four columns at once: `Y_t += Σ v_jt K_j` over the list of `(j, [v_j0, …, v_j3])`, `K_j` being the rows
    /// `first..first + rows` of column `j`. Every number of `K` is read once for four sums.
    fn gather_four(
        arch: Arch,
        k: MatRef<'_, Self>,
        first: usize,
        list: &[(u32, [Self; 4])],
        y: [&mut [Self]; 4],
    );
    /// Inner product.
    fn dot(arch: Arch, x: &[Self], y: &[Self]) -> Self;
    /// `y += Σ v_c k_c`: four columns at once, so that `y` is read and written once for four.
    fn axpy_four<S: Simd>(simd: S, k: [&[Self]; 4], v: [Self; 4], y: &mut [Self]);
    /// `k_cᵀ x` for four columns at once.
    fn dot_four<S: Simd>(simd: S, k: [&[Self]; 4], x: &[Self]) -> [Self; 4];
    /// Both at once: every number of the columns is read once.
    fn axpy_dot_four<S: Simd>(
        simd: S,
        k: [&[Self]; 4],
        v: [Self; 4],
        x: &[Self],
        y: &mut [Self],
    ) -> [Self; 4];
}

/// A column of a matrix whose columns are contiguous; nothing where they are not.
pub(super) fn column<T>(k: MatRef<'_, T>, j: usize) -> &[T] {
    k.col(j)
        .try_as_col_major()
        .map_or(&[][..], |c| c.as_slice())
}

struct Symv<'a, T> {
    k: MatRef<'a, T>,
    x: &'a [T],
    y: &'a mut [T],
}

struct Gather<'a, T> {
    k: MatRef<'a, T>,
    first: usize,
    list: &'a [(u32, T)],
    y: &'a mut [T],
}

struct GatherFour<'a, T> {
    k: MatRef<'a, T>,
    first: usize,
    list: &'a [(u32, [T; 4])],
    y: [&'a mut [T]; 4],
}

struct Dot<'a, T> {
    x: &'a [T],
    y: &'a [T],
}

impl<T: Real> WithSimd for Symv<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { k, x, y } = self;
        let m = x.len();
        y.fill(T::narrow(0.0));
        let whole = m - m % 4;
        for j in (0..whole).step_by(4) {
            // The 4 x 4 corner on the diagonal, then everything below it in one pass.
            let k = [0, 1, 2, 3].map(|c| column(k, j + c));
            for c in 0..4 {
                y[j + c] += k[c][j + c] * x[j + c];
                for r in c + 1..4 {
                    y[j + r] += k[c][j + r] * x[j + c];
                    y[j + c] += k[c][j + r] * x[j + r];
                }
            }
            let (v, below) = ([x[j], x[j + 1], x[j + 2], x[j + 3]], j + 4..m);
            let k = k.map(|k| &k[below.clone()]);
            let sums = T::axpy_dot_four(simd, k, v, &x[below.clone()], &mut y[below]);
            (0..4).for_each(|c| y[j + c] += sums[c]);
        }
        for j in whole..m {
            let k = column(k, j);
            y[j] += k[j] * x[j];
            for i in j + 1..m {
                y[i] += k[i] * x[j];
                y[j] += k[i] * x[i];
            }
        }
    }
}

impl<T: Real> WithSimd for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { k, first, list, y } = self;
        let rows = first..first + y.len();
        let column = |j: u32| &column(k, j as usize)[rows.clone()];
        let four = list.chunks_exact(4);
        let rest = four.remainder();
        for l in four {
            let k = [0, 1, 2, 3].map(|t: usize| column(l[t].0));
            T::axpy_four(simd, k, [l[0].1, l[1].1, l[2].1, l[3].1], y);
        }
        for &(j, v) in rest {
            for (y, k) in y.iter_mut().zip(column(j)) {
                *y += v * *k;
            }
        }
    }
}

macro_rules! real {
    ($t:ty, $held:expr, $splat:ident, $mul_add:ident, $sum:ident, $view:ident, $view_mut:ident) => {
        impl WithSimd for GatherFour<'_, $t> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) {
                let Self { k, first, list, y } = self;
                let height = y[0].len();
                let column = |j: u32| match k.col(j as usize).try_as_col_major() {
                    Some(c) => &c.as_slice()[first..first + height],
                    None => &[][..],
                };
                let [y0, y1, y2, y3] = y;
                let (y0, tail0) = S::$view_mut(y0);
                let (y1, tail1) = S::$view_mut(y1);
                let (y2, tail2) = S::$view_mut(y2);
                let (y3, tail3) = S::$view_mut(y3);
                let whole = y0.len() - y0.len() % 2;
                // Two registers of four columns stay in hand over the whole list.
                for at in (0..whole).step_by(2) {
                    let mut sum = [
                        [y0[at], y0[at + 1]],
                        [y1[at], y1[at + 1]],
                        [y2[at], y2[at + 1]],
                        [y3[at], y3[at + 1]],
                    ];
                    for (j, v) in list {
                        let k = &S::$view(column(*j)).0[at..at + 2];
                        for (sum, v) in sum.iter_mut().zip(v) {
                            let v = simd.$splat(*v);
                            sum[0] = simd.$mul_add(k[0], v, sum[0]);
                            sum[1] = simd.$mul_add(k[1], v, sum[1]);
                        }
                    }
                    [y0[at], y0[at + 1]] = sum[0];
                    [y1[at], y1[at + 1]] = sum[1];
                    [y2[at], y2[at + 1]] = sum[2];
                    [y3[at], y3[at + 1]] = sum[3];
                }
                for (j, v) in list {
                    let (k, tail) = S::$view(column(*j));
                    for at in whole..y0.len() {
                        let v = v.map(|v| simd.$splat(v));
                        y0[at] = simd.$mul_add(k[at], v[0], y0[at]);
                        y1[at] = simd.$mul_add(k[at], v[1], y1[at]);
                        y2[at] = simd.$mul_add(k[at], v[2], y2[at]);
                        y3[at] = simd.$mul_add(k[at], v[3], y3[at]);
                    }
                    for (i, k) in tail.iter().enumerate() {
                        tail0[i] += k * v[0];
                        tail1[i] += k * v[1];
                        tail2[i] += k * v[2];
                        tail3[i] += k * v[3];
                    }
                }
            }
        }

        impl WithSimd for Dot<'_, $t> {
            type Output = $t;

            #[inline(always)]
            fn with_simd<S: Simd>(self, simd: S) -> $t {
                let (x, x_tail) = S::$view(self.x);
                let (y, y_tail) = S::$view(self.y);
                let mut acc = [simd.$splat(0.0); 4];
                let (fours_x, fours_y) = (x.chunks_exact(4), y.chunks_exact(4));
                let rest = fours_x.remainder().iter().zip(fours_y.remainder());
                for (x, y) in rest {
                    acc[0] = simd.$mul_add(*x, *y, acc[0]);
                }
                for (x, y) in fours_x.zip(fours_y) {
                    for (acc, (x, y)) in acc.iter_mut().zip(x.iter().zip(y)) {
                        *acc = simd.$mul_add(*x, *y, *acc);
                    }
                }
                let tail: $t = x_tail.iter().zip(y_tail).map(|(x, y)| x * y).sum();
                acc.into_iter().map(|a| simd.$sum(a)).sum::<$t>() + tail
            }
        }

        impl Real for $t {
            const HELD: core::ops::Range<f64> = $held;

            #[inline(always)]
            fn narrow(x: f64) -> Self {
                x as $t
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn symv(arch: Arch, k: MatRef<'_, Self>, x: &[Self], y: &mut [Self]) {
                arch.dispatch(Symv { k, x, y });
            }

            fn gather(
                arch: Arch,
                k: MatRef<'_, Self>,
                first: usize,
                list: &[(u32, Self)],
                y: &mut [Self],
            ) {
                arch.dispatch(Gather { k, first, list, y });
            }

            fn gather_four(
                arch: Arch,
                k: MatRef<'_, Self>,
                first: usize,
                list: &[(u32, [Self; 4])],
                y: [&mut [Self]; 4],
            ) {
                arch.dispatch(GatherFour { k, first, list, y });
            }

            fn dot(arch: Arch, x: &[Self], y: &[Self]) -> Self {
                let n = x.len().min(y.len());
                arch.dispatch(Dot {
                    x: &x[..n],
                    y: &y[..n],
                })
            }

            #[inline(always)]
            fn axpy_four<S: Simd>(simd: S, k: [&[$t]; 4], v: [$t; 4], y: &mut [$t]) {
                let ((k0, t0), (k1, t1)) = (S::$view(k[0]), S::$view(k[1]));
                let ((k2, t2), (k3, t3)) = (S::$view(k[2]), S::$view(k[3]));
                let (v0, v1) = (simd.$splat(v[0]), simd.$splat(v[1]));
                let (v2, v3) = (simd.$splat(v[2]), simd.$splat(v[3]));
                let (ys, tail) = S::$view_mut(y);
                for ((((y, k0), k1), k2), k3) in ys.iter_mut().zip(k0).zip(k1).zip(k2).zip(k3) {
                    let sum = simd.$mul_add(*k0, v0, *y);
                    let sum = simd.$mul_add(*k1, v1, sum);
                    let sum = simd.$mul_add(*k2, v2, sum);
                    *y = simd.$mul_add(*k3, v3, sum);
                }
                for (i, y) in tail.iter_mut().enumerate() {
                    *y += t0[i] * v[0] + t1[i] * v[1] + t2[i] * v[2] + t3[i] * v[3];
                }
            }

            #[inline(always)]
            fn dot_four<S: Simd>(simd: S, k: [&[$t]; 4], x: &[$t]) -> [$t; 4] {
                let ((k0, t0), (k1, t1)) = (S::$view(k[0]), S::$view(k[1]));
                let ((k2, t2), (k3, t3)) = (S::$view(k[2]), S::$view(k[3]));
                let (x, x_tail) = S::$view(x);
                let [mut a0, mut a1, mut a2, mut a3] = [simd.$splat(0.0); 4];
                for ((((x, k0), k1), k2), k3) in x.iter().zip(k0).zip(k1).zip(k2).zip(k3) {
                    a0 = simd.$mul_add(*k0, *x, a0);
                    a1 = simd.$mul_add(*k1, *x, a1);
                    a2 = simd.$mul_add(*k2, *x, a2);
                    a3 = simd.$mul_add(*k3, *x, a3);
                }
                let mut sums = [simd.$sum(a0), simd.$sum(a1), simd.$sum(a2), simd.$sum(a3)];
                for (i, x) in x_tail.iter().enumerate() {
                    for (sum, t) in sums.iter_mut().zip([t0, t1, t2, t3]) {
                        *sum += t[i] * x;
                    }
                }
                sums
            }

            #[inline(always)]
            fn axpy_dot_four<S: Simd>(
                simd: S,
                k: [&[$t]; 4],
                v: [$t; 4],
                x: &[$t],
                y: &mut [$t],
            ) -> [$t; 4] {
                let ((k0, t0), (k1, t1)) = (S::$view(k[0]), S::$view(k[1]));
                let ((k2, t2), (k3, t3)) = (S::$view(k[2]), S::$view(k[3]));
                let (v0, v1) = (simd.$splat(v[0]), simd.$splat(v[1]));
                let (v2, v3) = (simd.$splat(v[2]), simd.$splat(v[3]));
                let [mut a0, mut a1, mut a2, mut a3] = [simd.$splat(0.0); 4];
                let (x, x_tail) = S::$view(x);
                let (ys, tail) = S::$view_mut(y);
                for (((((y, x), k0), k1), k2), k3) in
                    ys.iter_mut().zip(x).zip(k0).zip(k1).zip(k2).zip(k3)
                {
                    let mut sum = simd.$mul_add(*k0, v0, *y);
                    a0 = simd.$mul_add(*k0, *x, a0);
                    sum = simd.$mul_add(*k1, v1, sum);
                    a1 = simd.$mul_add(*k1, *x, a1);
                    sum = simd.$mul_add(*k2, v2, sum);
                    a2 = simd.$mul_add(*k2, *x, a2);
                    *y = simd.$mul_add(*k3, v3, sum);
                    a3 = simd.$mul_add(*k3, *x, a3);
                }
                let mut sums = [simd.$sum(a0), simd.$sum(a1), simd.$sum(a2), simd.$sum(a3)];
                for (i, (y, x)) in tail.iter_mut().zip(x_tail).enumerate() {
                    for (c, t) in [t0, t1, t2, t3].iter().enumerate() {
                        *y += t[i] * v[c];
                        sums[c] += t[i] * x;
                    }
                }
                sums
            }
        }
    };
}

real!(
    f32,
    1e-24..1e24,
    splat_f32s,
    mul_add_f32s,
    reduce_sum_f32s,
    as_simd_f32s,
    as_mut_simd_f32s
);
real!(
    f64,
    f64::from_bits(1)..f64::INFINITY,
    splat_f64s,
    mul_add_f64s,
    reduce_sum_f64s,
    as_simd_f64s,
    as_mut_simd_f64s
);
