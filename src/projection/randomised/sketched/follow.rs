//! Low-rank updates of `Y = K⁻¹BRᵀ` when the weight changes.
//!
//! Let `T = BRᵀ = KY`. Then `K⁺Y⁺ = T⁺ = KY + ΔB Rᵀ`, so `Y⁺ = Y + K⁺⁻¹(ΔB Rᵀ − ΔK Y)`. Both changes factor through the same thin
//! sparse matrix `S = [A(Z ⊗ I), A_J, …]`, so `Y⁺ = Y + (K⁺⁻¹S) M`. This is the Woodbury identity, except that the inner
//! structure solves with `K⁺` instead of a capacitance matrix.
//!
//! Let a block of `B` have the rows `vec(L A_i R)`, with `ΔL = F_L Zᵀ` and `ΔR = Z F_Rᵀ`. Let `vec(M_j)` be a row of the sketch, and
//! `𝒜y = Σ y_i A_i`. Then the rows of `M` that belong to `vec(A_i Z)` are
//!
//! ```text
//! vec(R⁺M_jᵀF_L + LᵀM_jF_R − Q⁺(𝒜y_j Z)C_P − P(𝒜y_j Z)C_Q),     vec(𝒜y_j Z) = SᵀY.
//! ```

use super::State;
use crate::constraints::{Directions, Moved, MovedPart, Weighted};
use crate::error::Result;
use crate::linalg::machine::SKETCH_COST;
use crate::linalg::norm;
use crate::linalg::padded;
use crate::linalg::product::gemm;
use crate::projection::{Goal, Projection};
use crate::random::{Lane, Seed};
use crate::sketch::{Place, Side, Sketch};
use faer::{Accum, Mat, MatRef};
use rand_core::Rng;
use std::sync::Arc;

/// Largest relative residual of a random combination of columns of `Y` after an update. Above it `Y` is computed again. The value is
/// far below the error of any sketch.
const MAX_RESIDUAL: f64 = 1e-6;

/// Whether `K⁻¹B` is no larger than `Y`. Then `Y` is computed by sketching the rows of `K⁻¹B`.
pub(super) fn through_exact(ambient: usize, width: usize) -> bool {
    ambient <= width
}

/// The outcome of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The weight did not change.
    Same,
    /// `Y` was updated.
    Moved,
    /// `Y` has to be computed again: this is cheaper, or the update lost too many digits.
    Lost,
}

/// Updates the state to the operator `weighted`.
///
/// # Complexity
/// For `q` columns of `S`: one solve with `q` right-hand sides and `2mqLb` flops. Computing `Y` again takes one solve with `Lb`
/// right-hand sides.
pub(super) fn follow<P: Projection>(
    inner: &mut P,
    state: &mut State,
    weighted: Weighted,
    copies: &[Arc<dyn Sketch>],
    salt: u64,
) -> Result<Outcome> {
    let Some(moved) = state.weighted.moved_to(&weighted) else {
        return Ok(Outcome::Lost);
    };
    let (m, width) = state.y.shape();
    let q = moved.basis.ncols();
    if q == 0 {
        state.weighted = weighted;
        return Ok(Outcome::Same);
    }
    // Compare flops: q(m + Lb) m for the update, against m² Lb, or m² N and mL sketches of N numbers, for computing Y again.
    let ambient = weighted.constraints().ambient();
    let recomputation = match through_exact(ambient, width) {
        true => ambient.saturating_mul(m + copies.len() * SKETCH_COST),
        false => m.saturating_mul(width),
    };
    if q.saturating_mul(m + width) >= recomputation {
        return Ok(Outcome::Lost);
    }
    let inner_factor = middle(&moved, &weighted, state, copies)?;
    let mut solved = moved.basis.dense::<f64>();
    inner.solve(solved.as_mut(), Goal::AsAbsorbed)?;
    gemm(
        state.y.as_mut(),
        Accum::Add,
        1.0,
        solved.as_ref(),
        inner_factor.as_ref(),
    );
    state.weighted = weighted;
    Ok(match probe(state, copies, salt)? <= MAX_RESIDUAL {
        true => Outcome::Moved,
        false => Outcome::Lost,
    })
}

/// The matrix `M`, `q × Lb`.
fn middle(
    moved: &Moved,
    weighted: &Weighted,
    state: &State,
    copies: &[Arc<dyn Sketch>],
) -> Result<Mat<f64>> {
    let a = weighted.constraints();
    // Start from SᵀY, and replace its rows by the rows of M block by block.
    let mut out = moved.basis.transpose_times(state.y.as_ref());
    for (block, part) in moved.parts.iter().enumerate() {
        let start = a.range(block).start;
        match part {
            MovedPart::Entries {
                first,
                index,
                weight,
                square,
            } => {
                let coords: Vec<usize> = index.iter().map(|k| start + k).collect();
                let at = |s: usize, j: usize, x: f64, out: &mut Mat<f64>| {
                    let y = out[(first + s, j)];
                    out[(first + s, j)] = weight[s] * x - square[s] * y;
                };
                for (l, copy) in copies.iter().enumerate() {
                    let b = copy.nrows();
                    let mut unit = vec![0.0; b];
                    let mut values = vec![0.0; coords.len()];
                    for j in 0..b {
                        unit.fill(0.0);
                        unit[j] = 1.0;
                        copy.apply_transpose_at(&unit, &coords, &mut values)?;
                        (0..values.len()).for_each(|s| at(s, l * b + j, values[s], &mut out));
                    }
                }
            }
            MovedPart::Directions(d) if d.rank > 0 => {
                let place = Place {
                    first: start,
                    order: d.q.nrows(),
                };
                directions(d, place, copies, &mut out)?;
            }
            MovedPart::Directions(_) => {}
        }
    }
    Ok(out)
}

/// Replaces the rows of `SᵀY` that belong to one PSD block by the rows of `M`.
fn directions(
    d: &Directions,
    place: Place,
    copies: &[Arc<dyn Sketch>],
    out: &mut Mat<f64>,
) -> Result<()> {
    let (n, p, width) = (place.order, d.rank, out.ncols());
    let rows = n * p;
    // One n × p matrix per column of Y, side by side.
    let ayz = padded::from_fn(n, p * width, |i, s| out[(d.first + s % p * n + i, s / p)]);
    let mut sum = padded::zeros(n, p * width);
    let mut add = |left: Option<MatRef<'_, f64>>, of: &Mat<f64>, alpha: f64| match left {
        Some(left) => gemm(sum.as_mut(), Accum::Add, alpha, left, of.as_ref()),
        None => sum += of * faer::Scale(alpha),
    };
    if let Some(left) = &d.left {
        add(Some(d.q.as_ref()), &times_core(&ayz, &left.core_p), -1.0);
        add(
            Some(d.right.as_ref()),
            &thin(copies, place, &left.factor, Side::Left)?,
            1.0,
        );
    }
    let p_old = d.left.as_ref().map(|l| l.p.as_ref());
    add(p_old, &times_core(&ayz, &d.core_q), -1.0);
    add(
        d.left.as_ref().map(|l| l.transposed.as_ref()),
        &thin(copies, place, &d.right_factor, Side::Right)?,
        1.0,
    );
    for j in 0..width {
        for s in 0..rows {
            out[(d.first + s, j)] = sum[(s % n, j * p + s / n)];
        }
    }
    Ok(())
}

/// Multiplies every `n × p` matrix in `of` by a `p × p` core.
fn times_core(of: &Mat<f64>, core: &Mat<f64>) -> Mat<f64> {
    let (n, p) = (of.nrows(), core.nrows());
    let mut out = padded::zeros(n, of.ncols());
    for j in (0..of.ncols()).step_by(p) {
        for k in 0..p {
            for t in 0..p {
                crate::linalg::axpy(
                    core[(t, k)],
                    of.col_as_slice(j + t),
                    out.col_as_slice_mut(j + k),
                );
            }
        }
    }
    out
}

/// The matrices `M_j F` (or `M_jᵀF`) for the rows of all copies, side by side.
fn thin(copies: &[Arc<dyn Sketch>], at: Place, f: &Mat<f64>, side: Side) -> Result<Mat<f64>> {
    let (n, p) = f.shape();
    let b = copies.first().map_or(0, |c| c.nrows());
    let mut out = padded::zeros(n, p * b * copies.len());
    let mut one = padded::zeros(b, n * p);
    for (l, copy) in copies.iter().enumerate() {
        copy.apply_thin(at, f.as_ref(), side, one.as_mut())?;
        for j in 0..b {
            for k in 0..p {
                let to = out.col_as_slice_mut((l * b + j) * p + k);
                (0..n).for_each(|i| to[i] = one[(j, k * n + i)]);
            }
        }
    }
    Ok(out)
}

/// `‖B Rᵀv − K Y v‖ / ‖B Rᵀv‖` for random signs `v`.
fn probe(state: &mut State, copies: &[Arc<dyn Sketch>], salt: u64) -> Result<f64> {
    let mut rng = Seed::default().stream(Lane::PROBE, 2, salt);
    let (m, width) = state.y.shape();
    let v = padded::from_fn(width, 1, |_, _| f64::from(rng.next_u32() & 1) * 2.0 - 1.0);
    let ambient = state.weighted.constraints().ambient();
    let (mut flat, mut share) = (padded::zeros(ambient, 1), padded::zeros(ambient, 1));
    for (l, copy) in copies.iter().enumerate() {
        let b = copy.nrows();
        copy.apply_transpose(v.subrows(l * b, b), share.as_mut())?;
        flat += &share;
    }
    let mut t = padded::zeros(m, 1);
    state.weighted.apply(flat.as_ref(), t.as_mut())?;
    let mut y = padded::zeros(m, 1);
    gemm(
        y.as_mut(),
        Accum::Replace,
        1.0,
        state.y.as_ref(),
        v.as_ref(),
    );
    let mut ky = vec![0.0; m];
    state.weighted.gram(y.col_as_slice(0), &mut ky);
    let size = norm(t.col_as_slice(0));
    ky.iter_mut()
        .zip(t.col_as_slice(0))
        .for_each(|(k, t)| *k = t - *k);
    Ok(if size == 0.0 { 0.0 } else { norm(&ky) / size })
}
