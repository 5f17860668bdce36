//! Fused SIMD passes over one line of a coupling: a shift, an exponential and a reduction, in one stream over memory.
//!
//! A *line* is a sequence of entries that are adjacent in memory: a column of a matrix, a fibre along the first index of an array.
//! Every function takes slices of equal length. The order of its additions depends on the length alone.

mod exp;
mod float;
pub(crate) mod parallel;

use exp::exp_double;
pub(crate) use float::Float;
use pulp::{Arch, Simd, WithSimd};

/// The exponents `potential + shift − beta · cost` of a line.
#[derive(Clone, Copy)]
struct Exponents<'a, T> {
    cost: &'a [T],
    beta: T,
    potential: &'a [T],
    shift: T,
}

impl<T: Float> Exponents<'_, T> {
    fn len(&self) -> usize {
        debug_assert_eq!(self.cost.len(), self.potential.len());
        self.cost.len()
    }
}

/// The exponentials of one register of entries.
#[inline(always)]
fn exponential<T: Float, S: Simd>(
    simd: S,
    minus_beta: T::Lanes<S>,
    cost: T::Lanes<S>,
    potential: T::Lanes<S>,
    shift: T::Lanes<S>,
) -> T::Lanes<S> {
    let offset = T::add(simd, potential, shift);
    T::exp(simd, T::mul_add(simd, minus_beta, cost, offset))
}

/// `Σ exp(potential + shift − beta · cost)` over the line.
pub(crate) fn exp_sum<T: Float>(arch: Arch, cost: &[T], beta: T, potential: &[T], shift: T) -> T {
    struct Op<'a, T>(Exponents<'a, T>);
    impl<T: Float> WithSimd for Op<'_, T> {
        type Output = T;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> T {
            let line = self.0;
            let (c, c_tail) = T::split::<S>(line.cost);
            let (p, p_tail) = T::split::<S>(line.potential);
            let (beta, shift) = (T::splat(simd, line.beta.neg()), T::splat(simd, line.shift));
            // Two sums at a time hide the latency of the additions.
            let (c2, c1) = pulp::as_arrays::<2, _>(c);
            let (p2, p1) = pulp::as_arrays::<2, _>(p);
            let (mut a, mut b) = (T::splat(simd, T::ZERO), T::splat(simd, T::ZERO));
            for (c, p) in c2.iter().zip(p2) {
                a = T::add(simd, a, exponential::<T, S>(simd, beta, c[0], p[0], shift));
                b = T::add(simd, b, exponential::<T, S>(simd, beta, c[1], p[1], shift));
            }
            for (c, p) in c1.iter().zip(p1) {
                a = T::add(simd, a, exponential::<T, S>(simd, beta, *c, *p, shift));
            }
            // No register has more than 16 lanes.
            let mut tail = [T::ZERO; 16];
            if !c_tail.is_empty() {
                let (c, p) = (T::load(simd, c_tail), T::load(simd, p_tail));
                let e = exponential::<T, S>(simd, beta, c, p, shift);
                T::store(simd, &mut tail[..c_tail.len()], e);
            }
            let mut sum = T::reduce(simd, T::add(simd, a, b));
            sum += tail.iter().copied().sum::<T>();
            sum
        }
    }
    let line = Exponents {
        cost,
        beta,
        potential,
        shift,
    };
    debug_assert_eq!(line.len(), potential.len());
    arch.dispatch(Op(line))
}

/// `sums += exp(potential + shift − beta · cost)`, entry by entry.
pub(crate) fn exp_accumulate<T: Float>(
    arch: Arch,
    cost: &[T],
    beta: T,
    potential: &[T],
    shift: T,
    sums: &mut [T],
) {
    struct Op<'a, T>(Exponents<'a, T>, &'a mut [T]);
    impl<T: Float> WithSimd for Op<'_, T> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Op(line, sums) = self;
            let (c, c_tail) = T::split::<S>(line.cost);
            let (p, p_tail) = T::split::<S>(line.potential);
            let (s, s_tail) = T::split_mut::<S>(sums);
            let (beta, shift) = (T::splat(simd, line.beta.neg()), T::splat(simd, line.shift));
            for ((c, p), s) in c.iter().zip(p).zip(s) {
                *s = T::add(simd, *s, exponential::<T, S>(simd, beta, *c, *p, shift));
            }
            if !c_tail.is_empty() {
                let (c, p) = (T::load(simd, c_tail), T::load(simd, p_tail));
                let e = exponential::<T, S>(simd, beta, c, p, shift);
                let s = T::add(simd, T::load(simd, s_tail), e);
                T::store(simd, s_tail, s);
            }
        }
    }
    let line = Exponents {
        cost,
        beta,
        potential,
        shift,
    };
    debug_assert_eq!(line.len(), sums.len());
    arch.dispatch(Op(line, sums));
}

/// `out ← exp(potential + shift − beta · cost)`, entry by entry.
pub(crate) fn exp_write<T: Float>(
    arch: Arch,
    cost: &[T],
    beta: T,
    potential: &[T],
    shift: T,
    out: &mut [T],
) {
    struct Op<'a, T>(Exponents<'a, T>, &'a mut [T]);
    impl<T: Float> WithSimd for Op<'_, T> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let Op(line, out) = self;
            let (c, c_tail) = T::split::<S>(line.cost);
            let (p, p_tail) = T::split::<S>(line.potential);
            let (o, o_tail) = T::split_mut::<S>(out);
            let (beta, shift) = (T::splat(simd, line.beta.neg()), T::splat(simd, line.shift));
            for ((c, p), o) in c.iter().zip(p).zip(o) {
                *o = exponential::<T, S>(simd, beta, *c, *p, shift);
            }
            if !c_tail.is_empty() {
                let (c, p) = (T::load(simd, c_tail), T::load(simd, p_tail));
                T::store(simd, o_tail, exponential::<T, S>(simd, beta, c, p, shift));
            }
        }
    }
    let line = Exponents {
        cost,
        beta,
        potential,
        shift,
    };
    debug_assert_eq!(line.len(), out.len());
    arch.dispatch(Op(line, out));
}

/// One line of a mirror step: `log_kernel −= eta · gradient`, then `plan ← exp(log_kernel + potential + shift)`.
/// Returns the sum of the new line.
pub(crate) fn mirror_step(
    arch: Arch,
    log_kernel: &mut [f64],
    gradient: &[f64],
    eta: f64,
    potential: &[f64],
    shift: f64,
    plan: &mut [f64],
) -> f64 {
    struct Op<'a> {
        log_kernel: &'a mut [f64],
        gradient: &'a [f64],
        eta: f64,
        potential: &'a [f64],
        shift: f64,
        plan: &'a mut [f64],
    }
    impl WithSimd for Op<'_> {
        type Output = f64;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f64 {
            let (k, k_tail) = S::as_mut_simd_f64s(self.log_kernel);
            let (g, g_tail) = S::as_simd_f64s(self.gradient);
            let (p, p_tail) = S::as_simd_f64s(self.potential);
            let (o, o_tail) = S::as_mut_simd_f64s(self.plan);
            let (eta, shift) = (simd.splat_f64s(-self.eta), simd.splat_f64s(self.shift));
            let mut sum = simd.splat_f64s(0.0);
            for (((k, g), p), o) in k.iter_mut().zip(g).zip(p).zip(o) {
                let s = simd.mul_add_e_f64s(eta, *g, *k);
                *k = s;
                let e = exp_double(simd, simd.add_f64s(s, simd.add_f64s(*p, shift)));
                *o = e;
                sum = simd.add_f64s(sum, e);
            }
            let mut tail = [0.0; 16];
            if !g_tail.is_empty() {
                let s = simd.mul_add_e_f64s(
                    eta,
                    simd.partial_load_f64s(g_tail),
                    simd.partial_load_f64s(k_tail),
                );
                simd.partial_store_f64s(k_tail, s);
                let p = simd.add_f64s(simd.partial_load_f64s(p_tail), shift);
                let e = exp_double(simd, simd.add_f64s(s, p));
                simd.partial_store_f64s(o_tail, e);
                simd.partial_store_f64s(&mut tail[..g_tail.len()], e);
            }
            simd.reduce_sum_f64s(sum) + tail.iter().sum::<f64>()
        }
    }
    debug_assert_eq!(log_kernel.len(), gradient.len());
    debug_assert_eq!(log_kernel.len(), potential.len());
    debug_assert_eq!(log_kernel.len(), plan.len());
    arch.dispatch(Op {
        log_kernel,
        gradient,
        eta,
        potential,
        shift,
        plan,
    })
}

/// Least `cost − potential` over the line; infinity for an empty line.
pub(crate) fn min_difference(arch: Arch, cost: &[f64], potential: &[f64]) -> f64 {
    debug_assert_eq!(cost.len(), potential.len());
    let mut least = [f64::INFINITY; 16];
    arch.dispatch(
        #[inline(always)]
        || {
            let (c, p) = (cost.chunks_exact(16), potential.chunks_exact(16));
            for (x, y) in c.remainder().iter().zip(p.remainder()) {
                least[0] = least[0].min(x - y);
            }
            for (x, y) in c.zip(p) {
                for k in 0..16 {
                    let d = x[k] - y[k];
                    least[k] = if d < least[k] { d } else { least[k] };
                }
            }
        },
    );
    least.iter().copied().fold(f64::INFINITY, f64::min)
}

/// `least ← min(least, cost − offset)`, entry by entry.
pub(crate) fn min_accumulate(arch: Arch, cost: &[f64], offset: f64, least: &mut [f64]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for (l, c) in least.iter_mut().zip(cost) {
                let d = c - offset;
                *l = if d < *l { d } else { *l };
            }
        },
    );
}

/// Least and largest entry, and whether all entries are finite.
pub(crate) fn extremes(arch: Arch, values: &[f64]) -> (f64, f64, bool) {
    let (mut low, mut high) = ([f64::INFINITY; 16], [f64::NEG_INFINITY; 16]);
    // 0 times x is 0 for a finite x and NaN otherwise.
    let mut odd = [0.0f64; 16];
    arch.dispatch(
        #[inline(always)]
        || {
            let chunks = values.chunks_exact(16);
            for &x in chunks.remainder() {
                low[0] = low[0].min(x);
                high[0] = high[0].max(x);
                odd[0] += x * 0.0;
            }
            for x in chunks {
                for k in 0..16 {
                    low[k] = if x[k] < low[k] { x[k] } else { low[k] };
                    high[k] = if x[k] > high[k] { x[k] } else { high[k] };
                    odd[k] += x[k] * 0.0;
                }
            }
        },
    );
    (
        low.iter().copied().fold(f64::INFINITY, f64::min),
        high.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        odd.iter().all(|v| *v == 0.0),
    )
}

/// `sums += values`, entry by entry.
pub(crate) fn add(arch: Arch, values: &[f64], sums: &mut [f64]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for (s, v) in sums.iter_mut().zip(values) {
                *s += v;
            }
        },
    );
}

/// `out += scale · (points − at)²`, entry by entry.
pub(crate) fn add_square<T: Float>(arch: Arch, points: &[T], at: T, scale: T, out: &mut [T]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for (o, x) in out.iter_mut().zip(points) {
                let d = *x - at;
                *o += scale * d * d;
            }
        },
    );
}

/// `out += scale · |points − at|`, entry by entry.
pub(crate) fn add_absolute<T: Float>(arch: Arch, points: &[T], at: T, scale: T, out: &mut [T]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for (o, x) in out.iter_mut().zip(points) {
                *o += scale * (*x - at).abs();
            }
        },
    );
}

/// `values ← scale · √values`, entry by entry.
pub(crate) fn root<T: Float>(arch: Arch, scale: T, values: &mut [T]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for v in values {
                *v = scale * v.sqrt();
            }
        },
    );
}

/// `values ⊙= factors`, entry by entry.
pub(crate) fn multiply(arch: Arch, factors: &[f64], values: &mut [f64]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for (v, f) in values.iter_mut().zip(factors) {
                *v *= f;
            }
        },
    );
}

/// `values *= factor`.
pub(crate) fn scale(arch: Arch, factor: f64, values: &mut [f64]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for v in values {
                *v *= factor;
            }
        },
    );
}

/// `mean += weight · (values − mean)`, entry by entry.
pub(crate) fn average(arch: Arch, weight: f64, values: &[f64], mean: &mut [f64]) {
    arch.dispatch(
        #[inline(always)]
        || {
            for (m, v) in mean.iter_mut().zip(values) {
                *m += weight * (v - *m);
            }
        },
    );
}

/// `Σ values` in a fixed order.
pub(crate) fn sum(arch: Arch, values: &[f64]) -> f64 {
    arch.dispatch(
        #[inline(always)]
        || {
            let mut acc = [0.0; 16];
            let chunks = values.chunks_exact(16);
            let tail: f64 = chunks.remainder().iter().sum();
            for x in chunks {
                for k in 0..16 {
                    acc[k] += x[k];
                }
            }
            acc.iter().sum::<f64>() + tail
        },
    )
}

/// `Σ a b` in a fixed order.
pub(crate) fn dot(arch: Arch, a: &[f64], b: &[f64]) -> f64 {
    arch.dispatch(
        #[inline(always)]
        || crate::linalg::dot(a, b),
    )
}

#[cfg(test)]
mod tests;
