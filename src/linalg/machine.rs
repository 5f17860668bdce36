//! How fast the machine is: every rate, and every ratio of rates, by which one method is chosen over another.
//!
//! The rates are nominal. They are constants, so that a choice depends on the problem alone and is the same on every run; a
//! machine that is twice as fast in everything chooses the same. Two methods that are compared use the same constant for the
//! same kernel. "Measured" means: on one core of a server with AVX-512, by the test `measured_rates` of this file where it has
//! the kernel, which prints the rates of the machine it runs on (another server: 50e9, 2.2, 82e9, 0.27e-9, 24e9 and 0.42e9 for
//! the six that it has). "Set" means: chosen by what it decides.
//!
//! | constant | value | unit | origin | decides |
//! |---|---|---|---|---|
//! | [`DENSE_FLOPS`] | 35e9 | flops per second | measured, order 2000 | dense or sparse factor, preconditioners |
//! | [`SINGLE_SPEEDUP`] | 2 | ratio | measured, order 2000 | preconditioners |
//! | [`PRODUCT_FLOPS`] | 45e9 | flops per second | measured, order 800 | preconditioners, `Auto` |
//! | [`EIGEN_SECONDS`] | 0.26e-9 | seconds per `n³` | measured, order 800 | preconditioners, `Auto` |
//! | [`MEMORY_BYTES`] | 8e9 | bytes per second | measured, order 4000 | preconditioners |
//! | [`ROW_ENTRIES`] | 0.5e9 | entries per second | measured, 40 entries per row | preconditioners, `Auto` |
//! | [`SPARSE_FLOPS`] | 6e9 | flops per second | estimated on linear programs | dense or sparse factor, exact or sampled factor |
//! | [`PATTERN_FLOPS`] | 4e9 | flops per second | estimated | preconditioners |
//! | [`ENTRY_PAIR_SECONDS`] | 1.5e-9 | seconds per pair | estimated | preconditioners, `Auto` |
//! | [`SPARSE_SOLVE_SECONDS`] | 2e-9 | seconds per nonzero | estimated | exact or sampled factor |
//! | [`SAMPLED_ENTRY_SECONDS`] | 1e-7 | seconds per arc | estimated | exact or sampled factor |
//! | [`STREAMED_COST`] | 0.2 | gathered multiply-adds | estimated | formulas of rows (`gram::psd`) |
//! | [`MULTIPLIED_COST`] | 0.05 | gathered multiply-adds | estimated | formulas of rows (`gram::psd`) |
//! | [`PRODUCT_OVER_COLUMN_SUMS`] | 3 | ratio | set | products along a pattern, or of full matrices |
//! | [`PRODUCT_OVER_SPARSE_TIMES`] | 4 | ratio | estimated | `K S` for a sparse `S` |
//! | [`DENSEST_ROW_SOLVER`] | 1/20 | share of the order | set; products run some 15 times as fast | a sparse factor of `S` |
//! | [`SKETCH_COST`] | 5 | multiply-adds per entry | count of a Walsh–Hadamard transform | follow or remake a sketched state |
//! | [`COLUMNS_FOR_PRODUCT`] | 5 | columns | measured, order 2000 | solves with an explicit inverse |
//! | [`PARALLEL_FLOPS`] | 2e6 | flops | set; a fork costs some 10 µs | threads of a kernel |
//! | [`PARALLEL_NUMBERS`] | 2^18 | numbers | set; the same | threads of one pass over memory |
//! | [`CORRECTION_BUDGET`] | 2e8 | numbers, or 100 flops each | set: 1.6 GB, about half a second | facial reduction |
//! | [`SPARSER_BASIS_FLOPS`] | 2e8 | flops | set: a tenth of a second | facial reduction |
//!
//! Differences that stay, because each choice was tuned with its own number:
//!
//! * `PRODUCT_FLOPS / PATTERN_FLOPS` is 11 and [`PRODUCT_OVER_COLUMN_SUMS`] is 3. The first predicts the seconds of a whole
//!   application of the operator; the second decides how the operator is applied, on blocks that stay in cache.
//! * [`DENSE_FLOPS`] was 30e9 in `Direct` and 35e9 in the engine that it is compared with. With 35e9, `Direct` keeps a factor
//!   sparse up to 1/5.8 of the dense flops instead of 1/5. No program of NETLIB or SDPLIB lies between (nearest: `kb2` at 1/6.9,
//!   `klein1` at 1/1.6).
//!
//! [`Kronecker`](crate::projection::Kronecker) measures its kernels while it runs and takes nothing from this table.

/// Flops per second of a dense Cholesky factorisation in double precision.
pub(crate) const DENSE_FLOPS: f64 = 35e9;

/// How many times as fast a dense factorisation runs in single precision.
pub(crate) const SINGLE_SPEEDUP: f64 = 2.0;

/// Flops per second of a product of dense matrices in double precision.
pub(crate) const PRODUCT_FLOPS: f64 = 45e9;

/// Flops per second of a sparse Cholesky factorisation.
pub(crate) const SPARSE_FLOPS: f64 = 6e9;

/// Flops per second of sums and inner products of columns along a sparsity pattern.
pub(crate) const PATTERN_FLOPS: f64 = 4e9;

/// Bytes per second of passes over a factor that fits no cache.
pub(crate) const MEMORY_BYTES: f64 = 8e9;

/// Entries per second of passes over the rows `A`.
pub(crate) const ROW_ENTRIES: f64 = 0.5e9;

/// Seconds per pair of entries where two rows meet entry by entry.
pub(crate) const ENTRY_PAIR_SECONDS: f64 = 1.5e-9;

/// Seconds of an eigendecomposition with vectors, divided by `n³`.
pub(crate) const EIGEN_SECONDS: f64 = 0.26e-9;

/// Seconds per nonzero of a sparse factor in one solve.
pub(crate) const SPARSE_SOLVE_SECONDS: f64 = 2e-9;

/// Seconds per arc of a sampled factorisation.
pub(crate) const SAMPLED_ENTRY_SECONDS: f64 = 1e-7;

/// Cost of a multiply-add over contiguous numbers, in multiply-adds over gathered ones.
pub(crate) const STREAMED_COST: f64 = 0.2;

/// Cost of a multiply-add of a matrix product, in multiply-adds over gathered numbers.
pub(crate) const MULTIPLIED_COST: f64 = 0.05;

/// Operations that a product of full matrices does in the time of one operation of a sum, or inner product, over columns.
pub(crate) const PRODUCT_OVER_COLUMN_SUMS: usize = 3;

/// Operations that a product of full matrices does in the time of one operation of a symmetric matrix times sparse columns.
pub(crate) const PRODUCT_OVER_SPARSE_TIMES: usize = 4;

/// Largest share of the full triangle that a sparse factor may fill before dense products are faster than row solves.
pub(crate) const DENSEST_ROW_SOLVER: f64 = 1.0 / 20.0;

/// Multiply-adds per entry that a sketch costs.
pub(crate) const SKETCH_COST: usize = 5;

/// Columns from which on one product with an explicit inverse is faster than a product per column: a thin product reads both
/// triangles, and not at the speed of memory.
pub(crate) const COLUMNS_FOR_PRODUCT: usize = 5;

/// Flops above which a kernel is shared among threads.
#[cfg(feature = "rayon")]
pub(crate) const PARALLEL_FLOPS: usize = 2_000_000;

/// Numbers of a matrix above which a single pass over it is shared among threads.
#[cfg(feature = "rayon")]
pub(crate) const PARALLEL_NUMBERS: usize = 1 << 18;

/// Numbers that a correction on a face may store, and its flops in units of 100.
pub(crate) const CORRECTION_BUDGET: usize = 200_000_000;

/// Flops that exchanges of pivots may take to make the basis of a face sparser.
pub(crate) const SPARSER_BASIS_FLOPS: usize = 200_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Instant;
    use crate::constraints::{Block, Constraints};
    use crate::linalg::product::gemm;
    use crate::linalg::{cholesky, padded, spectral, triangular};
    use faer::{Accum, Mat};

    /// Seconds of the fastest of three runs.
    fn fastest(mut run: impl FnMut()) -> f64 {
        let once = |_| {
            let clock = Instant::now();
            run();
            clock.elapsed().as_secs_f64()
        };
        (0..3).map(once).fold(f64::INFINITY, f64::min)
    }

    fn definite(n: usize) -> Mat<f64> {
        padded::from_fn(n, n, |i, j| {
            let off = ((i * 7 + j * 3) as f64).sin() / n as f64;
            if i == j { 2.0 } else { off }
        })
    }

    /// Prints the rates of this machine beside those of the table:
    /// `RAYON_NUM_THREADS=1 cargo test --release --lib measured_rates -- --ignored --nocapture`.
    #[test]
    #[ignore = "prints rates instead of testing anything"]
    fn measured_rates() {
        let show = |name: &str, found: f64, table: f64| {
            println!("{name:20} measured {found:9.2e}, table {table:9.2e}");
        };
        let n = 2000;
        let (a, flops) = (definite(n), (n as f64).powi(3) / 3.0);
        let mut k = a.clone();
        let double = fastest(|| {
            k.copy_from(&a);
            assert!(cholesky::factor_in_place(k.as_mut()).is_ok());
        });
        show("DENSE_FLOPS", flops / double, DENSE_FLOPS);
        let narrow = padded::from_fn(n, n, |i, j| a[(i, j)] as f32);
        let mut k = narrow.clone();
        let single = fastest(|| {
            k.copy_from(&narrow);
            assert!(cholesky::factor_in_place(k.as_mut()).is_ok());
        });
        show("SINGLE_SPEEDUP", double / single, SINGLE_SPEEDUP);

        let n = 800;
        let (x, cube) = (definite(n), (n as f64).powi(3));
        let mut out = padded::zeros(n, n);
        let product = fastest(|| gemm(out.as_mut(), Accum::Replace, 1.0, x.as_ref(), x.as_ref()));
        show("PRODUCT_FLOPS", 2.0 * cube / product, PRODUCT_FLOPS);
        let eigen = fastest(|| assert!(spectral::eigen(x.as_ref()).is_ok()));
        show("EIGEN_SECONDS", eigen / cube, EIGEN_SECONDS);

        let n = 4000;
        let (l, mut v) = (definite(n), vec![1.0; n]);
        let solve = fastest(|| triangular::solve_lower(l.as_ref(), &mut v));
        show("MEMORY_BYTES", 4.0 * (n * n) as f64 / solve, MEMORY_BYTES);

        let a = Constraints::independent(5000, &[Block::Psd(300)], 40, 1.into());
        let a = a.expect("few rows of a large block");
        let (x, mut out) = (vec![1.0; a.ambient()], vec![0.0; a.len()]);
        let pass = fastest(|| a.apply(&x, &mut out).expect("shapes agree"));
        show("ROW_ENTRIES", a.nonzeros() as f64 / pass, ROW_ENTRIES);
    }
}
