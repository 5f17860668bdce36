//! Triangular factors of general matrices.

use super::par;
use faer::MatRef;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::factor;

/// Index of the first pivot of Gaussian elimination with row exchanges that is exactly zero or not a number.
///
/// # Complexity
/// `2n³/3` flops.
pub(crate) fn vanishing_pivot(a: MatRef<'_, f64>) -> Option<usize> {
    let n = a.nrows();
    let mut lu = a.to_owned();
    let (mut forward, mut backward) = (vec![0usize; n], vec![0usize; n]);
    let par = par(2 * n * n * n / 3);
    let scratch = factor::lu_in_place_scratch::<usize, f64>(n, n, par, Default::default());
    let mut mem = MemBuffer::new(scratch);
    factor::lu_in_place(
        lu.as_mut(),
        &mut forward,
        &mut backward,
        par,
        MemStack::new(&mut mem),
        Default::default(),
    );
    (0..n).find(|&i| lu[(i, i)] == 0.0 || lu[(i, i)].is_nan())
}
