//! Passes over arrays in a fixed number of pieces. The pieces depend on the sizes alone, so that every sum has the same order for
//! any number of threads.

use std::ops::Range;

/// Pieces that a pass is divided into.
const PIECES: usize = 16;
/// Entries up to which a pass stays on one thread: a fork costs some ten microseconds.
const SERIAL_ENTRIES: usize = 32_768;

/// Length of one piece of `n` items.
pub(crate) fn piece(n: usize) -> usize {
    n.div_ceil(PIECES).max(1)
}

#[cfg(feature = "rayon")]
fn shared(work: usize) -> bool {
    work > SERIAL_ENTRIES && rayon::current_num_threads() > 1
}

/// `f` on each piece of `0..n`, in order; `work` entries are touched in total.
pub(crate) fn map<R: Send>(n: usize, work: usize, f: impl Fn(Range<usize>) -> R + Sync) -> Vec<R> {
    let size = piece(n);
    let range = |k: usize| k * size..((k + 1) * size).min(n);
    let pieces = n.div_ceil(size);
    #[cfg(feature = "rayon")]
    if shared(work) {
        use rayon::prelude::*;
        return (0..pieces).into_par_iter().map(|k| f(range(k))).collect();
    }
    let _ = (work, SERIAL_ENTRIES);
    (0..pieces).map(|k| f(range(k))).collect()
}

/// `f(first, piece)` on each run of `size` entries of `a`.
pub(crate) fn update<R: Send>(
    a: &mut [f64],
    size: usize,
    f: impl Fn(usize, &mut [f64]) -> R + Sync,
) -> Vec<R> {
    #[cfg(feature = "rayon")]
    if shared(a.len()) {
        use rayon::prelude::*;
        let pieces = a.par_chunks_mut(size).enumerate();
        return pieces.map(|(k, a)| f(k * size, a)).collect();
    }
    let pieces = a.chunks_mut(size).enumerate();
    pieces.map(|(k, a)| f(k * size, a)).collect()
}

/// `f(first, piece of a, piece of b)` on each run of `size` entries of `a` and `b`, which are equally long.
pub(crate) fn update2<R: Send>(
    a: &mut [f64],
    b: &mut [f64],
    size: usize,
    f: impl Fn(usize, &mut [f64], &mut [f64]) -> R + Sync,
) -> Vec<R> {
    debug_assert_eq!(a.len(), b.len());
    #[cfg(feature = "rayon")]
    if shared(a.len()) {
        use rayon::prelude::*;
        let pieces = a
            .par_chunks_mut(size)
            .zip(b.par_chunks_mut(size))
            .enumerate();
        return pieces.map(|(k, (a, b))| f(k * size, a, b)).collect();
    }
    let pieces = a.chunks_mut(size).zip(b.chunks_mut(size)).enumerate();
    pieces.map(|(k, (a, b))| f(k * size, a, b)).collect()
}

/// Sum of `f` over the pieces of `0..n`, added in order.
pub(crate) fn sum(n: usize, f: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    map(n, n, f).into_iter().sum()
}
