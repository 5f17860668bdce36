//! Blocks of arcs that share no row and no column: each must hold as much mass on either side.

use crate::error::Result;
use crate::transport::polytope::marginals::{Marginals, sum_of};

/// The masses with the columns of every block scaled to the total of its rows; `None` where a block differs by more than the tolerance,
/// or none differs.
///
/// # Errors
/// Those of [`Marginals::many_within`].
///
/// # Complexity
/// Nearly linear in the arcs.
pub(super) fn balanced(
    arcs: &[(usize, usize, f64)],
    marginals: &Marginals,
    tolerance: f64,
) -> Result<Option<Marginals>> {
    let (mu, nu) = (marginals.masses(0), marginals.masses(1));
    let m = mu.len();
    // The representative of every row and column.
    let mut above: Vec<usize> = (0..m + nu.len()).collect();
    let find = |above: &mut [usize], mut k: usize| {
        while above[k] != k {
            above[k] = above[above[k]];
            k = above[k];
        }
        k
    };
    for (i, j, _) in arcs {
        let (a, b) = (find(&mut above, *i), find(&mut above, m + j));
        above[a] = b;
    }
    // The masses of both sides of every block.
    let mut sides = vec![[vec![], vec![]]; above.len()];
    for k in 0..above.len() {
        let block = find(&mut above, k);
        if k < m {
            sides[block][0].push(mu[k]);
        } else {
            sides[block][1].push(nu[k - m]);
        }
    }
    let totals: Vec<[f64; 2]> = sides
        .iter()
        .map(|[rows, columns]| [sum_of(rows), sum_of(columns)])
        .collect();
    let off = |[rows, columns]: &[f64; 2]| (rows - columns).abs();
    let allowed = tolerance * marginals.total();
    let unequal = totals.iter().any(|t| off(t) > 0.0);
    let mendable = |t: &[f64; 2]| off(t) <= allowed && (t[0] > 0.0) == (t[1] > 0.0);
    if !unequal || !totals.iter().all(mendable) {
        return Ok(None);
    }
    let scaled: Vec<f64> = (0..nu.len())
        .map(|j| match totals[find(&mut above, m + j)] {
            [rows, columns] if columns > 0.0 => nu[j] * (rows / columns),
            _ => nu[j],
        })
        .collect();
    let changes = totals.iter().filter(|t| t[0] > 0.0);
    let largest = changes.fold(0.0f64, |most, t| most.max(off(t) / t[0]));
    let balanced = Marginals::many_within(&[mu, &scaled], tolerance)?;
    Ok(Some(balanced.scaled_by(largest)))
}
