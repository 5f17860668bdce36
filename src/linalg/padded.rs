//! Matrices with zeros between the end of a column and the start of the next.
//!
//! Columns start at multiples of 64 bytes, and kernels of matrix products load whole registers beyond their ends. What a new
//! matrix has there is whatever the memory held before: as numbers, bytes of pointers and counts are subnormal, and products
//! with these take ten times as long (90 by 16 times 16 by 90: 90 µs instead of 8).

use super::real::Real;
use faer::Mat;

/// Rows that a column takes in memory.
fn held<T>(rows: usize) -> usize {
    rows.next_multiple_of((64 / size_of::<T>()).max(1))
}

/// Zeros.
pub(crate) fn zeros<T: Real>(rows: usize, cols: usize) -> Mat<T> {
    let mut out = Mat::zeros(held::<T>(rows), cols);
    out.truncate(rows, cols);
    out
}

/// `f(i, j)` in row `i` and column `j`.
pub(crate) fn from_fn<T: Real>(
    rows: usize,
    cols: usize,
    mut f: impl FnMut(usize, usize) -> T,
) -> Mat<T> {
    let mut out = zeros(rows, cols);
    for j in 0..cols {
        let column = out.col_as_slice_mut(j).iter_mut().enumerate();
        column.for_each(|(i, v)| *v = f(i, j));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That the padding is zero cannot be seen from safe code; that it is there, and nothing else changed, can.
    #[test]
    fn columns_start_at_multiples_of_a_register() {
        for n in [1, 7, 8, 9, 90] {
            let (zero, one) = (zeros::<f64>(n, 3), from_fn(n, 3, |i, j| (i + j) as f32));
            assert_eq!((zero.shape(), one.shape()), ((n, 3), (n, 3)));
            assert_eq!(zero.col_stride() as usize, held::<f64>(n));
            assert_eq!(one.col_stride() as usize, held::<f32>(n));
            assert!((0..3).all(|j| (0..n).all(|i| zero[(i, j)] == 0.0)));
            assert!((0..3).all(|j| (0..n).all(|i| one[(i, j)] == (i + j) as f32)));
        }
    }
}
