//! Dense and sparse kernels: the only place that calls those of faer.
//!
//! Symmetric matrices are stored in full unless a function says that it reads or writes one triangle.

pub(crate) mod cholesky;
pub(crate) mod columns;
pub(crate) mod error_free;
pub(crate) mod hadamard;
pub(crate) mod lanczos;
pub(crate) mod lu;
pub(crate) mod machine;
pub(crate) mod padded;
pub(crate) mod pcg;
pub(crate) mod product;
pub(crate) mod real;
pub(crate) mod row_solves;
pub(crate) mod sampled_cholesky;
pub(crate) mod shifts;
pub(crate) mod sparse;
pub(crate) mod sparse_cholesky;
pub(crate) mod spectral;
pub(crate) mod symmetric;
pub(crate) mod triangular;
pub(crate) mod updated_inverse;
pub(crate) mod verified_cholesky;

use faer::Par;

/// Threads for a kernel of about `flops` floating-point operations: all threads of the current rayon pool, or one when the work
/// is too small to share.
pub(crate) fn par(flops: usize) -> Par {
    #[cfg(feature = "rayon")]
    if flops > machine::PARALLEL_FLOPS && rayon::current_num_threads() > 1 {
        return Par::rayon(0);
    }
    let _ = flops;
    Par::Seq
}

/// Two passes that read or write `numbers` of a matrix together; in parallel where the numbers are many enough.
fn join(numbers: usize, a: impl FnOnce() + Send, b: impl FnOnce() + Send) {
    #[cfg(feature = "rayon")]
    if numbers > machine::PARALLEL_NUMBERS && rayon::current_num_threads() > 1 {
        rayon::join(a, b);
        return;
    }
    let _ = numbers;
    a();
    b();
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    // Eight partial sums: a fixed order that the compiler can vectorise.
    let mut acc = [0.0; 8];
    let (ca, cb) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = ca
        .remainder()
        .iter()
        .zip(cb.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in ca.zip(cb) {
        for k in 0..8 {
            acc[k] += x[k] * y[k];
        }
    }
    acc.iter().sum::<f64>() + tail
}

pub(crate) fn axpy(alpha: f64, x: &[f64], y: &mut [f64]) {
    debug_assert_eq!(x.len(), y.len());
    for (yi, xi) in y.iter_mut().zip(x) {
        *yi += alpha * xi;
    }
}

/// Euclidean norm, without overflow or underflow for any finite input.
pub(crate) fn norm(x: &[f64]) -> f64 {
    let s = dot(x, x);
    if s.is_normal() && s < 1e300 && s > 1e-280 {
        return s.sqrt();
    }
    let big = max_abs(x);
    if big == 0.0 || !big.is_finite() {
        return big;
    }
    big * x.iter().map(|v| (v / big) * (v / big)).sum::<f64>().sqrt()
}

/// Largest absolute value; NaN if there is one.
pub(crate) fn max_abs(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |m, v| {
        if m.is_nan() || m > v.abs() {
            m
        } else {
            v.abs()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_absolute_value_keeps_a_nan_wherever_it_stands() {
        assert_eq!(max_abs(&[1.0, -3.0, 2.0]), 3.0);
        for k in 0..3 {
            let mut x = [1.0, 2.0, 3.0];
            x[k] = f64::NAN;
            assert!(max_abs(&x).is_nan() && norm(&x).is_nan(), "{k}");
        }
    }
}
