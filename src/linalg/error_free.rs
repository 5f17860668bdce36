//! Sums and products with rigorous error bounds, in rounding to nearest throughout.
//!
//! The rounding mode is never switched. A bound is rounded outward by one [`f64::next_up`] or [`f64::next_down`] where an
//! error-free transformation[^ORO05] shows that the rounding went the wrong way. Overflow ends in an infinite radius, and a
//! product that underflows adds its largest possible error to the radius.
//!
//! [^ORO05]: Ogita, Rump, Oishi. *Accurate sum and dot product.* SIAM J. Sci. Comput. 26, 2005: TwoSum (Knuth) and TwoProduct
//! by a fused multiplication and addition. Their K-fold sums keep K terms; [`ExactSum`] keeps as many as there are (Shewchuk 1997).

/// The unit roundoff `2⁻⁵³`.
pub(crate) const UNIT: f64 = f64::EPSILON / 2.0;

/// The smallest positive number, `2⁻¹⁰⁷⁴`: the error of a product that underflows is at most half of this.
pub(crate) const SMALLEST: f64 = f64::from_bits(1);

/// From this magnitude on, `2⁻⁹⁶⁰`, the rounding error of a product is itself a number: its last digit is `2⁻¹⁰⁶⁶` at least.
const EXACT_PRODUCT: f64 = f64::from_bits((1023 - 960) << 52);

/// `a + b = sum + error` exactly, unless the sum overflows.
#[inline]
pub(crate) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

/// `a b = product + error` exactly, unless the product overflows or is below [`EXACT_PRODUCT`].
#[inline]
pub(crate) fn two_product(a: f64, b: f64) -> (f64, f64) {
    let product = a * b;
    (product, a.mul_add(b, -product))
}

/// The next number above; infinity for NaN, which is what an undefined bound amounts to.
fn above(v: f64) -> f64 {
    if v.is_nan() {
        f64::INFINITY
    } else {
        v.next_up()
    }
}

/// A number that is not below `a + b`.
#[inline]
pub(crate) fn add_up(a: f64, b: f64) -> f64 {
    let (sum, error) = two_sum(a, b);
    // An error that is NaN (an overflow on the way) counts as positive.
    if error <= 0.0 { sum } else { above(sum) }
}

/// A number that is not above `a + b`.
#[inline]
pub(crate) fn add_down(a: f64, b: f64) -> f64 {
    -add_up(-a, -b)
}

/// A number that is not below `a b`. Zero times infinity counts as zero: a bound that is missing, taken no times.
#[inline]
pub(crate) fn mul_up(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        return 0.0;
    }
    let (product, error) = two_product(a, b);
    if error <= 0.0 && product.abs() >= EXACT_PRODUCT {
        product
    } else {
        above(product)
    }
}

/// A number that is not below `a / b`.
pub(crate) fn div_up(a: f64, b: f64) -> f64 {
    above(a / b)
}

/// A number that is not below `√a`.
pub(crate) fn sqrt_up(a: f64) -> f64 {
    above(a.sqrt())
}

/// A number that is not below `γ_k = k u / (1 − k u)`, with `u` the unit roundoff; infinite when `k u ≥ 1`.
pub(crate) fn gamma_up(k: usize) -> f64 {
    let ku = mul_up(k as f64, UNIT);
    let rest = add_down(1.0, -ku);
    if rest > 0.0 {
        div_up(ku, rest)
    } else {
        f64::INFINITY
    }
}

/// An upper bound of the sum of numbers.
pub(crate) fn sum_up(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, add_up)
}

/// An upper bound of the Euclidean norm of a vector of upper bounds `≥ 0`.
pub(crate) fn norm_up(values: &[f64]) -> f64 {
    let largest = super::max_abs(values);
    if largest == 0.0 {
        return 0.0;
    }
    if !largest.is_finite() {
        return f64::INFINITY;
    }
    // Relative to a power of two, so that no square overflows; division by it is exact or rounded up.
    let unit = power_of_two(largest);
    let square = |v: &f64| {
        let v = mul_up(v.abs(), 1.0 / unit);
        mul_up(v, v)
    };
    mul_up(unit, sqrt_up(sum_up(values.iter().map(square))))
}

/// A power of two within a factor of 2 of a positive number, and its reciprocal is one as well: between `2⁻¹⁰⁰⁰` and `2¹⁰⁰⁰`.
pub(crate) fn power_of_two(v: f64) -> f64 {
    const LIMIT: f64 = f64::from_bits((1023 + 1000) << 52);
    let v = v.clamp(1.0 / LIMIT, LIMIT);
    f64::from_bits(v.to_bits() & (0x7ff << 52))
}

/// All numbers within `rad` of `mid`. An infinite radius says that nothing is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ball {
    pub(crate) mid: f64,
    pub(crate) rad: f64,
}

impl Ball {
    /// What overflowed.
    const UNKNOWN: Self = Self {
        mid: 0.0,
        rad: f64::INFINITY,
    };

    /// One number; the unknown when it is not finite.
    pub(crate) fn exact(mid: f64) -> Self {
        if mid.is_finite() {
            Self { mid, rad: 0.0 }
        } else {
            Self::UNKNOWN
        }
    }

    /// Whether the ball holds zero alone.
    pub(crate) fn is_zero(self) -> bool {
        self.mid == 0.0 && self.rad == 0.0
    }

    /// A number that none in the ball is above.
    pub(crate) fn upper(self) -> f64 {
        add_up(self.mid, self.rad)
    }

    /// A number that none in the ball is below.
    pub(crate) fn lower(self) -> f64 {
        add_down(self.mid, -self.rad)
    }

    /// A number that none in the ball is above by absolute value.
    pub(crate) fn magnitude(self) -> f64 {
        add_up(self.mid.abs(), self.rad)
    }
}

/// A sum of numbers and products without rounding: an expansion of numbers that do not overlap, smallest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExactSum {
    parts: Vec<f64>,
    /// What products that underflowed, or balls that were added, leave open.
    open: f64,
}

impl ExactSum {
    /// Forgets everything, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.parts.clear();
        self.open = 0.0;
    }

    /// Adds a number.
    pub(crate) fn add(&mut self, mut v: f64) {
        if v == 0.0 {
            return;
        }
        let mut kept = 0;
        for k in 0..self.parts.len() {
            let (sum, error) = two_sum(v, self.parts[k]);
            if error != 0.0 {
                self.parts[kept] = error;
                kept += 1;
            }
            v = sum;
        }
        self.parts.truncate(kept);
        self.parts.push(v);
    }

    /// Adds a product.
    pub(crate) fn add_product(&mut self, a: f64, b: f64) {
        if a == 0.0 || b == 0.0 {
            return;
        }
        let (product, error) = two_product(a, b);
        self.add(product);
        if product.abs() >= EXACT_PRODUCT {
            self.add(error);
        } else {
            self.open = add_up(self.open, SMALLEST);
        }
    }

    /// Adds the product of a number and what a ball holds.
    pub(crate) fn add_ball_product(&mut self, a: f64, ball: Ball) {
        self.add_product(a, ball.mid);
        self.open = add_up(self.open, mul_up(a.abs(), ball.rad));
    }

    /// The sum, rounded: a ball that holds the exact one.
    pub(crate) fn ball(&self) -> Ball {
        let Some((&largest, rest)) = self.parts.split_last() else {
            return Ball {
                mid: 0.0,
                rad: self.open,
            };
        };
        if self.parts.iter().any(|v| !v.is_finite()) {
            return Ball::UNKNOWN;
        }
        let mid = rest.iter().rev().fold(largest, |sum, v| sum + v);
        if !mid.is_finite() {
            return Ball::UNKNOWN;
        }
        // What `mid` leaves of the sum, without rounding in the first two terms, which nearly always are all there is.
        let mut left = Self::default();
        left.add(-mid);
        self.parts.iter().rev().for_each(|v| left.add(*v));
        let rounding = sum_up(left.parts.iter().map(|v| v.abs()));
        Ball {
            mid,
            rad: add_up(rounding, self.open),
        }
    }
}

/// A ball that holds `aᵀb`.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> Ball {
    debug_assert_eq!(a.len(), b.len());
    let mut sum = ExactSum::default();
    a.iter().zip(b).for_each(|(a, b)| sum.add_product(*a, *b));
    sum.ball()
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_rational::BigRational;

    fn exact(v: f64) -> BigRational {
        BigRational::from_float(v).unwrap()
    }

    fn magnitude(v: BigRational) -> BigRational {
        if v < exact(0.0) { -v } else { v }
    }

    /// Numbers of every size that a sum may meet, from subnormal ones on, many of them opposite.
    fn numbers(count: usize, state: &mut u64) -> Vec<f64> {
        let mut next = || {
            *state ^= *state << 13;
            *state ^= *state >> 7;
            *state ^= *state << 17;
            *state
        };
        (0..count)
            .map(|_| {
                let (bits, kind) = (next(), next() % 4);
                let span = [3, 60, 700, 1020][kind as usize];
                let exponent = 1023 - span / 2 + next() % span;
                f64::from_bits((bits & (1 << 63)) | (exponent << 52) | (bits >> 12))
            })
            .collect()
    }

    #[test]
    fn bounds_are_on_their_side_of_exact_arithmetic() {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        let v = numbers(800, &mut state);
        let mut tight = 0;
        for pair in v.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let (sum, product) = (exact(a) + exact(b), exact(a) * exact(b));
            for (bound, value, rounded) in [
                (add_up(a, b), &sum, a + b),
                (mul_up(a, b), &product, a * b),
                (div_up(a, b), &(exact(a) / exact(b)), a / b),
            ] {
                assert!(
                    bound == f64::INFINITY || exact(bound) >= *value,
                    "{a:e} {b:e}"
                );
                tight += usize::from(bound == rounded);
            }
            let low = add_down(a, b);
            assert!(low == f64::NEG_INFINITY || exact(low) <= sum, "{a:e} {b:e}");
            let root = exact(sqrt_up(a.abs()));
            assert!(&root * &root >= exact(a.abs()));
        }
        // Half of the sums and products are rounded the right way as they are.
        assert!(tight > 600, "{tight}");
        assert_eq!(add_up(1.0, UNIT), 1.0 + f64::EPSILON);
        assert_eq!(add_down(1.0, UNIT), 1.0);
        assert_eq!(add_up(f64::MAX, f64::MAX), f64::INFINITY);
        assert_eq!(add_down(f64::MAX, f64::MAX), f64::MAX);
        assert_eq!(mul_up(f64::MAX, -2.0), -f64::MAX);
        assert_eq!(mul_up(SMALLEST, 0.25), SMALLEST);
        assert_eq!(add_up(f64::NAN, 1.0), f64::INFINITY);
    }

    #[test]
    fn sums_of_products_hold_the_exact_value() {
        let mut state = 88_172_645_463_325_252;
        for count in [0, 1, 2, 3, 10, 300] {
            for _ in 0..40 {
                let mut a = numbers(count, &mut state);
                let mut b = numbers(count, &mut state);
                // Half of the terms cancel all but the last digits of the others.
                for k in 0..count / 2 {
                    (a[count - 1 - k], b[count - 1 - k]) = (-a[k], b[k]);
                }
                let ball = dot(&a, &b);
                if ball.rad.is_infinite() {
                    continue;
                }
                let pairs = a.iter().zip(&b);
                let sum: BigRational = pairs.map(|(a, b)| exact(*a) * exact(*b)).sum();
                assert!(
                    magnitude(&sum - exact(ball.mid)) <= exact(ball.rad),
                    "{count}"
                );
                // One rounding, and what underflows.
                assert!(ball.rad <= ball.mid.abs() * 2.0 * UNIT + 1e-300);
                assert!(exact(ball.lower()) <= sum && sum <= exact(ball.upper()));
            }
        }
        let ball = dot(&[1e200, 1.0, -1e200], &[1e100, 1.0, 1e100]);
        assert_eq!(ball, Ball { mid: 1.0, rad: 0.0 });
        assert!(dot(&[1e300, 1.0], &[1e300, 1.0]).rad.is_infinite());
        // A product that underflows to nothing is not nothing.
        assert!(dot(&[1e-200], &[1e-200]).upper() > 0.0);
    }

    #[test]
    fn norms_are_bounded_from_above() {
        let mut state = 0x1234_5678_9abc_def1;
        for _ in 0..200 {
            let v = numbers(7, &mut state);
            let bound = norm_up(&v);
            if bound.is_finite() {
                let square: BigRational = v.iter().map(|v| exact(*v) * exact(*v)).sum();
                assert!(exact(bound) * exact(bound) >= square);
                let largest = v.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                assert!(bound <= largest * 2.7);
            }
        }
    }
}
