//! Completion of low-rank matrices.

use super::sample::sample;
use crate::constraints::{Block, Constraints};
use crate::error::{Result, check_range};
use crate::problem::SemidefiniteProgram;
use crate::random::{Lane, Seed};
use rand_distr::{Distribution, StandardNormal};

/// Nuclear-norm completion of a random `n₁ × n₂` matrix `M = L Rᵀ/√r` of rank `r`, of which `observed` entries are known:
/// minimise `½ tr Y` over `Y = [[W₁, Z], [Zᵀ, W₂]] ⪰ 0` subject to `Z_ij = M_ij` where it is known.
///
/// As an SDPA file states it: `F_0 = −I/2`, `F_k` has a one at the position of the `k`-th entry, `c_k = 2M_ij`, and `Y` is the
/// dual matrix. With enough entries the optimal `Y` has rank `r`, and its value is the nuclear norm of `M`.
///
/// ```
/// let program = dyncvx::problem::generators::matrix_completion((6, 5), 1, 20, 1.into())?;
/// assert_eq!((program.costs().len(), program.constant().nonzeros()), (20, 11));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) unless the rank is 1 to `min(n₁, n₂)` and `observed` 1 to `n₁n₂`.
///
/// # Complexity
/// `O(r observed)`, and the normal numbers of `L` and `R`.
pub fn matrix_completion(
    (n1, n2): (usize, usize),
    rank: usize,
    observed: usize,
    seed: Seed,
) -> Result<SemidefiniteProgram> {
    check_range("rank", 1..=n1.min(n2), rank)?;
    check_range("observed", 1..=n1.saturating_mul(n2), observed)?;
    // Refused here if no matrix of this order can be stored, before anything is drawn.
    let blocks = [Block::Psd(n1.saturating_add(n2))];
    let mut constant = Constraints::builder(1, &blocks)?;
    let mut matrices = Constraints::builder(observed, &blocks)?;
    let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
    let mut factor = |n: usize| -> Vec<f64> {
        (0..n * rank)
            .map(|_| StandardNormal.sample(&mut rng))
            .collect()
    };
    let (left, right) = (factor(n1), factor(n2));
    let cells = sample(n1 * n2, observed, &mut rng);
    for k in 0..n1 + n2 {
        constant.entry(0, 0, k, k, -0.5)?;
    }
    let mut costs = Vec::with_capacity(observed);
    for (k, cell) in cells.into_iter().enumerate() {
        let (i, j) = (cell / n2, cell % n2);
        matrices.entry(k, 0, i, n1 + j, 1.0)?;
        let product: f64 = (0..rank)
            .map(|t| left[i * rank + t] * right[j * rank + t])
            .sum();
        costs.push(2.0 * product / (rank as f64).sqrt());
    }
    SemidefiniteProgram::new(costs, matrices.build()?, constant.build()?)
}
