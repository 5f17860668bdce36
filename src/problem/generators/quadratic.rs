//! Quadratic programs in binary variables.

use crate::constraints::{Block, Constraints};
use crate::error::{Error, Result, check_finite, check_memory};
use crate::problem::SemidefiniteProgram;
use crate::random::{Lane, Seed};
use rand_core::Rng;

/// The first-order Lasserre relaxation[^L01] of `max xᵀQx`, `x ∈ {0, 1}ⁿ`, from the upper triangle `(i, j, q)` of `Q`. An entry off
/// the diagonal means the term `q x_i x_j`, once. Entries at the same place add up.
///
/// `max ⟨Q, X⟩` over `Y = [[1, xᵀ], [x, X]] ⪰ 0` with `X_ii = x_i`. As an SDPA file states it: order `n + 1`, index 0 for the constant 1;
/// `F_1 = e_0e_0ᵀ` with cost 1, and `F_{1+i} = e_ie_iᵀ − ½(e_0e_iᵀ + e_ie_0ᵀ)` with cost 0. The value bounds the maximum from above; for
/// the cut function of a graph it is that of [`max_cut`](super::max_cut).
///
/// ```
/// // 3x₀ − 2x₁ has its maximum 3, and the bound is sharp.
/// let program = dyncvx::problem::generators::binary_quadratic(2, &[(0, 0, 3.0), (1, 1, -2.0)])?;
/// assert_eq!(program.costs(), [1.0, 0.0, 0.0]);
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`] for `n = 0`, [`Error::OutOfRange`] for an index that is not below `n`, [`Error::NonFinite`].
///
/// # Complexity
/// `O(n + entries log entries)`.
///
/// [^L01]: Lasserre. Global optimization with polynomials and the problem of moments. SIAM Journal on Optimization 11, 2001.
pub fn binary_quadratic(n: usize, entries: &[(usize, usize, f64)]) -> Result<SemidefiniteProgram> {
    if n == 0 {
        return Err(Error::InvalidSetting {
            field: "n",
            reason: "expected one or more variables, found none".into(),
        });
    }
    let order = n.saturating_add(1);
    let blocks = [Block::Psd(order)];
    let mut objective = Constraints::builder(1, &blocks)?;
    let mut matrices = Constraints::builder(order, &blocks)?;
    check_finite("entries of Q", entries.iter().map(|e| &e.2))?;
    let mut sums = std::collections::BTreeMap::new();
    for &(i, j, q) in entries {
        if let Some(index) = [i, j].into_iter().find(|&k| k >= n) {
            return Err(Error::OutOfRange {
                what: "variable",
                index,
                bound: n,
            });
        }
        *sums.entry((i.min(j), i.max(j))).or_insert(0.0) += q;
    }
    for ((i, j), q) in sums {
        let value = if i == j { q } else { 0.5 * q };
        objective.entry(0, 0, i + 1, j + 1, value)?;
    }
    matrices.entry(0, 0, 0, 0, 1.0)?;
    for i in 1..=n {
        matrices.entry(i, 0, i, i, 1.0)?.entry(i, 0, 0, i, -0.5)?;
    }
    let mut costs = vec![0.0; order];
    costs[0] = 1.0;
    SemidefiniteProgram::new(costs, matrices.build()?, objective.build()?)
}

/// A random upper triangle for [`binary_quadratic`]: each place is occupied with probability `density`, by a uniformly random integer
/// from −100 to 100. Such instances are usual in the literature.
///
/// # Errors
/// [`Error::InvalidSetting`] for a density outside 0 to 1.
///
/// # Complexity
/// `O(n²)`.
pub fn random_quadratic(n: usize, density: f64, seed: Seed) -> Result<Vec<(usize, usize, f64)>> {
    if !(0.0..=1.0).contains(&density) {
        return Err(Error::InvalidSetting {
            field: "density",
            reason: format!("expected 0 to 1, found {density}"),
        });
    }
    // One draw per entry of the upper triangle.
    check_memory("a matrix of this order", n as u128 * n as u128)?;
    let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
    let mut out = vec![];
    for i in 0..n {
        for j in i..n {
            let kept = crate::random::unit(&mut rng) < density;
            // Drawn in any case, so that a denser instance contains the sparser one.
            let value = ((u64::from(rng.next_u32()) * 201) >> 32) as f64 - 100.0;
            if kept {
                out.push((i, j, value));
            }
        }
    }
    Ok(out)
}
