//! Transport between points in the plane.

use crate::constraints::{Block, Constraints};
use crate::error::{Result, invalid_setting};
use crate::problem::ConicProgram;
use crate::random::{Lane, Seed, unit};

/// Transport of unit mass from `sources` to `sinks` random points of the unit square at least squared distance: minimise
/// `Σ c_ij x_ij` over `x ≥ 0` with row sums `μ` and column sums `ν`. The sum of the last column is implied and left out. Masses are
/// uniform on `[½, 3/2)`, then scaled to total 1.
///
/// `N = sources · sinks` nonnegative variables, row after row; `m = sources + sinks − 1`.
///
/// ```
/// let program = dyncvx::problem::generators::transportation(3, 4, 1.into())?;
/// assert_eq!((program.rhs().len(), program.constraints().ambient()), (6, 12));
/// # Ok::<(), dyncvx::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidSetting`](crate::Error::InvalidSetting) for no sources or no sinks.
///
/// # Complexity
/// `O(N)`.
pub fn transportation(sources: usize, sinks: usize, seed: Seed) -> Result<ConicProgram> {
    for (field, found) in [("sources", sources), ("sinks", sinks)] {
        if found == 0 {
            return invalid_setting(field, "expected one or more, found none");
        }
    }
    // Refused here if no plan of this size can be stored, before anything is drawn.
    let blocks = [Block::Nonneg(sources.saturating_mul(sinks))];
    let mut c = Constraints::builder(1, &blocks)?;
    let mut a = Constraints::builder(sources + sinks - 1, &blocks)?;
    let mut rng = seed.stream(Lane::GENERATOR, 0, 0);
    let mut points =
        |n: usize| -> Vec<[f64; 2]> { (0..n).map(|_| [unit(&mut rng), unit(&mut rng)]).collect() };
    let (from, to) = (points(sources), points(sinks));
    let mut masses = |n: usize| -> Vec<f64> {
        let v: Vec<f64> = (0..n).map(|_| 0.5 + unit(&mut rng)).collect();
        let total: f64 = v.iter().sum();
        v.iter().map(|m| m / total).collect()
    };
    let (mu, nu) = (masses(sources), masses(sinks));
    for (i, p) in from.iter().enumerate() {
        for (j, q) in to.iter().enumerate() {
            let at = i * sinks + j;
            a.entry(i, 0, at, at, 1.0)?;
            if j + 1 < sinks {
                a.entry(sources + j, 0, at, at, 1.0)?;
            }
            let cost = (p[0] - q[0]).powi(2) + (p[1] - q[1]).powi(2);
            c.entry(0, 0, at, at, cost)?;
        }
    }
    let rhs = mu.iter().chain(&nu[..sinks - 1]).copied().collect();
    ConicProgram::new(a.build()?, rhs, c.build()?)
}
