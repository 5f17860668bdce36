//! Passes over the columns of a matrix, shared among threads where they are long.

use faer::MatMut;

/// `f(j, column)` for every column `j` of a matrix whose columns are contiguous.
pub(crate) fn each<T: Send>(m: MatMut<'_, T>, f: impl Fn(usize, &mut [T]) + Sync + Send) {
    debug_assert_eq!(m.row_stride(), 1);
    let column = |(j, column): (usize, faer::ColMut<'_, T>)| {
        if let Some(column) = column.try_as_col_major_mut() {
            f(j, column.as_slice_mut());
        }
    };
    #[cfg(feature = "rayon")]
    if m.nrows() * m.ncols() > super::machine::PARALLEL_NUMBERS && rayon::current_num_threads() > 1
    {
        use rayon::prelude::*;
        let columns = m.par_col_iter_mut().enumerate();
        return columns.with_min_len(16).for_each(column);
    }
    m.col_iter_mut().enumerate().for_each(column);
}
