//! The exponential function on SIMD registers.

use pulp::{Simd, bytemuck};

/// Below this the f64 result is 0 (the true value is subnormal or smaller).
pub(crate) const MIN_EXPONENT: f64 = -708.0;

const LOG2_E: f64 = std::f64::consts::LOG2_E;
// ln 2 in two parts: the first has 21 trailing zero bits, so that its product with |k| < 2¹¹ is exact.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
// Adding 1.5 · 2⁵² rounds to an integer and leaves it in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

// 1/k! for k = 13 down to 2: on |r| ≤ ln 2 / 2 the remainder is below 4e-18.
const TAYLOR: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// `exp(x)` lane by lane: within 1.5 units in the last place on [−708, 709.78]; 0 below, and
/// above the value at 709.78, about the largest double.
///
/// NaN is *not* handed on (it counts as very small): whoever feeds a kernel has checked its input.
#[inline(always)]
pub(crate) fn exp_double<S: Simd>(simd: S, x: S::f64s) -> S::f64s {
    let high = simd.splat_f64s(709.782_712_893_384);
    let low = simd.splat_f64s(MIN_EXPONENT);
    // A clamped argument keeps the integer part in range.
    let t = simd.min_f64s(simd.max_f64s(x, low), high);
    let shifted = simd.mul_add_e_f64s(t, simd.splat_f64s(LOG2_E), simd.splat_f64s(ROUND));
    let k = simd.sub_f64s(shifted, simd.splat_f64s(ROUND));
    let r = simd.mul_add_e_f64s(k, simd.splat_f64s(-LN2_HIGH), t);
    let r = simd.mul_add_e_f64s(k, simd.splat_f64s(-LN2_LOW), r);
    let mut p = simd.splat_f64s(TAYLOR[0]);
    for c in &TAYLOR[1..] {
        p = simd.mul_add_e_f64s(p, r, simd.splat_f64s(*c));
    }
    // 1 + (r + r² p)
    let p = simd.mul_add_e_f64s(simd.mul_f64s(r, r), p, r);
    let p = simd.add_f64s(p, simd.splat_f64s(1.0));
    // Multiply by 2ᵏ: add k to the exponent field.
    let mut bits = simd.transmute_u64s_f64s(shifted);
    for lane in bytemuck::cast_slice_mut::<S::u64s, u64>(std::slice::from_mut(&mut bits)) {
        *lane <<= 52;
    }
    let scaled = simd.add_u64s(simd.transmute_u64s_f64s(p), bits);
    // `select_u64s` is always inlined; `select_f64s` is not, and a call here costs five times the whole function.
    let small = simd.less_than_f64s(x, low);
    simd.transmute_f64s_u64s(simd.select_u64s(small, simd.splat_u64s(0), scaled))
}

/// Below this the f32 result is 0.
pub(crate) const MIN_EXPONENT_SINGLE: f32 = -87.0;
const LN2_HIGH_SINGLE: f32 = 0.693_359_4;
const LN2_LOW_SINGLE: f32 = -2.121_944_4e-4;
const ROUND_SINGLE: f32 = 12_582_912.0;

/// `exp(x)` in f32: within 2 units in the last place on [−87, 88]; 0 below, the value at 88 above.
#[inline(always)]
pub(crate) fn exp_single<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let high = simd.splat_f32s(88.0);
    let low = simd.splat_f32s(MIN_EXPONENT_SINGLE);
    let t = simd.min_f32s(simd.max_f32s(x, low), high);
    let log2e = simd.splat_f32s(std::f32::consts::LOG2_E);
    let shifted = simd.mul_add_e_f32s(t, log2e, simd.splat_f32s(ROUND_SINGLE));
    let k = simd.sub_f32s(shifted, simd.splat_f32s(ROUND_SINGLE));
    let r = simd.mul_add_e_f32s(k, simd.splat_f32s(-LN2_HIGH_SINGLE), t);
    let r = simd.mul_add_e_f32s(k, simd.splat_f32s(-LN2_LOW_SINGLE), r);
    // 1/k! for k = 7 down to 2: the remainder is below 6e-9.
    let mut p = simd.splat_f32s(1.0 / 5_040.0);
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        p = simd.mul_add_e_f32s(p, r, simd.splat_f32s(c));
    }
    let p = simd.mul_add_e_f32s(simd.mul_f32s(r, r), p, r);
    let p = simd.add_f32s(p, simd.splat_f32s(1.0));
    let mut bits = simd.transmute_u32s_f32s(shifted);
    for lane in bytemuck::cast_slice_mut::<S::u32s, u32>(std::slice::from_mut(&mut bits)) {
        *lane <<= 23;
    }
    let scaled = simd.add_u32s(simd.transmute_u32s_f32s(p), bits);
    let small = simd.less_than_f32s(x, low);
    simd.transmute_f32s_u32s(simd.select_u32s(small, simd.splat_u32s(0), scaled))
}
