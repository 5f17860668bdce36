//! The two floating-point types of the half-steps, as vectors of whatever width the machine has.

use super::exp::{exp_double, exp_single};
use core::iter::Sum;
use core::ops::{AddAssign, Mul, Sub};
use pulp::Simd;

/// `f32` or `f64`.
///
/// Everything is inlined always: a call per vector would cost more than the operation.
pub(crate) trait Float:
    Copy + Mul<Output = Self> + Sub<Output = Self> + AddAssign + Sum + 'static
{
    const ZERO: Self;

    /// One register.
    type Lanes<S: Simd>: Copy;

    /// The whole registers in a slice, and the entries left over.
    fn split<S: Simd>(slice: &[Self]) -> (&[Self::Lanes<S>], &[Self]);
    fn split_mut<S: Simd>(slice: &mut [Self]) -> (&mut [Self::Lanes<S>], &mut [Self]);
    /// Loads or stores less than a register.
    fn load<S: Simd>(simd: S, slice: &[Self]) -> Self::Lanes<S>;
    fn store<S: Simd>(simd: S, slice: &mut [Self], lanes: Self::Lanes<S>);
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
    fn add<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
    /// `a b + c`, fused where the machine can.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Lanes<S>,
        b: Self::Lanes<S>,
        c: Self::Lanes<S>,
    ) -> Self::Lanes<S>;
    fn reduce<S: Simd>(simd: S, lanes: Self::Lanes<S>) -> Self;
    fn exp<S: Simd>(simd: S, lanes: Self::Lanes<S>) -> Self::Lanes<S>;
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
}

macro_rules! float {
    ($float:ty: $lanes:ident, $exp:ident, split $split:ident $split_mut:ident, load $load:ident, store $store:ident,
     splat $splat:ident, add $add:ident, mul_add $mul_add:ident, reduce $reduce:ident) => {
        impl Float for $float {
            const ZERO: Self = 0.0;

            type Lanes<S: Simd> = S::$lanes;

            #[inline(always)]
            fn split<S: Simd>(slice: &[Self]) -> (&[S::$lanes], &[Self]) {
                S::$split(slice)
            }

            #[inline(always)]
            fn split_mut<S: Simd>(slice: &mut [Self]) -> (&mut [S::$lanes], &mut [Self]) {
                S::$split_mut(slice)
            }

            #[inline(always)]
            fn load<S: Simd>(simd: S, slice: &[Self]) -> S::$lanes {
                simd.$load(slice)
            }

            #[inline(always)]
            fn store<S: Simd>(simd: S, slice: &mut [Self], lanes: S::$lanes) {
                simd.$store(slice, lanes);
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$lanes {
                simd.$splat(value)
            }

            #[inline(always)]
            fn add<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes, c: S::$lanes) -> S::$lanes {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn reduce<S: Simd>(simd: S, lanes: S::$lanes) -> Self {
                simd.$reduce(lanes)
            }

            #[inline(always)]
            fn exp<S: Simd>(simd: S, lanes: S::$lanes) -> S::$lanes {
                $exp(simd, lanes)
            }

            #[inline(always)]
            fn neg(self) -> Self {
                -self
            }

            #[inline(always)]
            fn abs(self) -> Self {
                <$float>::abs(self)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                <$float>::sqrt(self)
            }
        }
    };
}

float!(f64: f64s, exp_double, split as_simd_f64s as_mut_simd_f64s, load partial_load_f64s, store partial_store_f64s,
    splat splat_f64s, add add_f64s, mul_add mul_add_e_f64s, reduce reduce_sum_f64s);
float!(f32: f32s, exp_single, split as_simd_f32s as_mut_simd_f32s, load partial_load_f32s, store partial_store_f32s,
    splat splat_f32s, add add_f32s, mul_add mul_add_e_f32s, reduce reduce_sum_f32s);
