//! Where to begin.

mod mehrotra;

pub(in crate::ipm) use mehrotra::mehrotra;

use crate::constraints::Block;
use crate::error::{Result, check_finite, check_shape};
use crate::linalg::padded;
use crate::linalg::{dot, max_abs, norm, spectral};
use crate::problem::ConicProgram;
use faer::MatRef;

/// A primal–dual point from elsewhere: the solution of a problem with nearby numbers, or what another method found.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// The primal point, a flat vector of length `N`.
    pub x: Vec<f64>,
    /// The multipliers, of length `m`.
    pub y: Vec<f64>,
    /// The dual slack, laid out as `x`.
    pub s: Vec<f64>,
}

impl From<&crate::ipm::Solution> for Start {
    fn from(found: &crate::ipm::Solution) -> Self {
        Self {
            x: found.x.clone(),
            y: found.y.clone(),
            s: found.s.clone(),
        }
    }
}

impl Start {
    /// Whether the numbers are those of a point of this problem.
    pub(crate) fn check(&self, problem: &ConicProgram) -> Result<()> {
        let a = problem.constraints();
        check_shape("x of the start", (a.ambient(), 1), (self.x.len(), 1))?;
        check_shape("y of the start", (a.len(), 1), (self.y.len(), 1))?;
        check_shape("s of the start", (a.ambient(), 1), (self.s.len(), 1))?;
        check_finite("x of the start", &self.x)?;
        check_finite("y of the start", &self.y)?;
        check_finite("s of the start", &self.s)
    }
}

/// A start moved into the interior: with `s = c − Aᵀy`, every block of `x` and `s` is shifted by its most negative eigenvalue and by a share `η` of
/// its mean one, so that what is at the boundary on one side meets its partner with a product of the order of `ημ̄`. `η` is
/// the start's relative infeasibility in this problem, 1e-3 at least: a point off by more than all of it says nothing,
/// and `None` is returned. A point of a linear program that is near its central path is left there.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::NonFinite`](crate::Error::NonFinite).
pub(in crate::ipm) fn warm(
    problem: &ConicProgram,
    cost: &[f64],
    start: &Start,
) -> Result<Option<Start>> {
    const LEAST: f64 = 1e-3;
    let (a, b) = (problem.constraints(), problem.rhs());
    start.check(problem)?;
    let (mut primal, mut dual) = (vec![0.0; a.len()], vec![0.0; a.ambient()]);
    a.apply(&start.x, &mut primal)?;
    primal.iter_mut().zip(b).for_each(|(r, b)| *r -= b);
    a.adjoint(&start.y, &mut dual)?;
    for ((r, s), c) in dual.iter_mut().zip(&start.s).zip(cost) {
        *r += s - c;
    }
    let off = f64::max(
        norm(&primal) / (1.0 + max_abs(b)),
        norm(&dual) / (1.0 + max_abs(cost)),
    );
    if off.is_nan() || off >= 1.0 {
        return Ok(None);
    }
    // c − Aᵀy: what is left of the dual residual is the shift alone, and nothing stands where the program has no entries.
    let (mut x, mut s) = (start.x.clone(), start.s.clone());
    s.iter_mut().zip(&dual).for_each(|(s, r)| *s -= r);
    if is_centred(a.blocks(), &x, &s) {
        let y = start.y.clone();
        return Ok(Some(Start { x, y, s }));
    }
    for (k, block) in a.blocks().iter().enumerate() {
        for v in [&mut x[a.range(k)], &mut s[a.range(k)]] {
            shift(*block, v, off.max(LEAST))?;
        }
    }
    let y = start.y.clone();
    Ok(Some(Start { x, y, s }))
}

/// Whether `x` and `s` are positive numbers and no product is below a tenth of the mean one.
fn is_centred(blocks: &[Block], x: &[f64], s: &[f64]) -> bool {
    const LEAST: f64 = 0.1;
    let mean = dot(x, s) / x.len().max(1) as f64;
    blocks.iter().all(|b| matches!(b, Block::Nonneg(_)))
        && x.iter()
            .zip(s)
            .all(|(x, s)| *x > 0.0 && *s > 0.0 && x * s >= LEAST * mean)
}

fn shift(block: Block, v: &mut [f64], share: f64) -> Result<()> {
    let spectrum = match block {
        Block::Nonneg(_) => v.to_vec(),
        Block::Psd(n) => {
            let given = MatRef::from_column_major_slice(&*v, n, n);
            let half = |i: usize, j: usize| 0.5 * given[(i, j)] + 0.5 * given[(j, i)];
            let symmetric = padded::from_fn(n, n, half);
            for j in 0..n {
                (0..n).for_each(|i| v[i + j * n] = symmetric[(i, j)]);
            }
            spectral::eigenvalues(symmetric.as_ref())?
        }
    };
    let mean = spectrum.iter().map(|l| l.abs()).sum::<f64>() / spectrum.len().max(1) as f64;
    let scale = if mean > 0.0 { mean } else { 1.0 };
    let least = spectrum.iter().copied().fold(0.0, f64::min);
    let step = if let Block::Psd(n) = block { n + 1 } else { 1 };
    v.iter_mut()
        .step_by(step)
        .for_each(|v| *v += share * scale - least);
    Ok(())
}

/// Multiples of the identity, large enough for the scale of the data block by block[^TTT03]:
/// `ξ = max(10, √n, n max_i (1+|b_i|)/(1+‖A_i‖))`, `η = max(10, √n, ‖C‖, max_i ‖A_i‖)`, norms on the block.
///
/// [^TTT03]: Tütüncü, Toh, Todd. Solving semidefinite-quadratic-linear programs using SDPT3. Math. Prog. 2003.
pub(in crate::ipm) fn point(problem: &ConicProgram) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let a = problem.constraints();
    let blocks = a.blocks();
    // Squared Frobenius norms of every row on every block; an entry off the diagonal counts twice.
    let weight = |r: usize, c: usize, v: f64| if r == c { v * v } else { 2.0 * v * v };
    let mut rows: Vec<Vec<(usize, f64)>> = vec![vec![]; blocks.len()];
    for (i, b, r, c, v) in a.entries() {
        match rows[b].last_mut() {
            Some((last, sum)) if *last == i => *sum += weight(r, c, v),
            _ => rows[b].push((i, weight(r, c, v))),
        }
    }
    let mut cost = vec![0.0; blocks.len()];
    for (_, b, r, c, v) in problem.cost().entries() {
        cost[b] += weight(r, c, v);
    }
    let (mut x, mut s) = (vec![0.0; a.ambient()], vec![0.0; a.ambient()]);
    for (b, block) in blocks.iter().enumerate() {
        let n = block.order() as f64;
        let growth = if let Block::Psd(_) = block {
            n
        } else {
            n.sqrt()
        };
        let (mut xi, mut eta) = (n.sqrt().max(10.0), n.sqrt().max(10.0).max(cost[b].sqrt()));
        for &(i, squared) in &rows[b] {
            xi = xi.max(growth * (1.0 + problem.rhs()[i].abs()) / (1.0 + squared.sqrt()));
            eta = eta.max(squared.sqrt());
        }
        let at = a.range(b);
        let step = if let Block::Psd(n) = *block { n + 1 } else { 1 };
        for k in at.step_by(step) {
            x[k] = xi;
            s[k] = eta;
        }
    }
    (x, vec![0.0; a.len()], s)
}
