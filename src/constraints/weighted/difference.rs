//! From one operator to another: `ΔB` and `ΔK` through one thin sparse matrix.

use super::{Root, Weighted};
use crate::constraints::{OwnedWeight, Part};
use crate::linalg::norm;
use crate::linalg::padded;
use crate::linalg::sparse::Rows;
use faer::{Mat, MatRef};

/// Directions of a change are told from rounding errors at this size relative to the weight.
const DIRECTION_FLOOR: f64 = 1e-12;

/// `B⁺ − B = S X` and `K⁺ − K = S N`, with `S = [A(Z ⊗ I), A_J, …]`, block by block.
#[derive(Debug)]
pub(crate) struct Moved {
    /// `S`, `m × q`.
    pub basis: Rows,
    pub parts: Vec<MovedPart>,
}

/// What moved on one block; its columns of `S` start at `first`.
#[derive(Debug)]
pub(crate) enum MovedPart {
    /// Entries of a nonnegative block, the changes of `w` and of `w²` there.
    Entries {
        first: usize,
        index: Vec<usize>,
        weight: Vec<f64>,
        square: Vec<f64>,
    },
    /// `ΔL = F_L Zᵀ`, `ΔR = Z F_Rᵀ`, `ΔP = Z C_P Zᵀ`, `ΔQ = Z C_Q Zᵀ` on a PSD block with rows `vec(L A_i R)` of `B` and
    /// `P = LᵀL`, `Q = RRᵀ`; column `k n + a` of its part of `S` holds `(A_i z_k)_a`.
    Directions(Box<Directions>),
}

#[derive(Debug)]
pub(crate) struct Directions {
    pub first: usize,
    /// Columns of `Z`.
    pub rank: usize,
    /// `F_L`, the old `Lᵀ` and `P`; `None` where `L` is the identity.
    pub left: Option<LeftSide>,
    pub right_factor: Mat<f64>,
    /// New `R`, new `Q`.
    pub right: Mat<f64>,
    pub q: Mat<f64>,
    pub core_q: Mat<f64>,
}

#[derive(Debug)]
pub(crate) struct LeftSide {
    pub factor: Mat<f64>,
    pub transposed: Mat<f64>,
    pub p: Mat<f64>,
    pub core_p: Mat<f64>,
}

impl Weighted {
    /// A weight with this operator's Gram matrix.
    pub(crate) fn held(&self) -> Vec<OwnedWeight> {
        self.roots
            .iter()
            .map(|root| match root {
                Root::Nonneg(w) => OwnedWeight::Nonneg(w.clone()),
                Root::Psd(congruence) => match (&congruence.left, &congruence.right) {
                    (Some(left), None) => OwnedWeight::Root {
                        g: left.transpose().to_owned(),
                        w: symmetrised(left.transpose() * left),
                    },
                    (Some(left), Some(right)) => OwnedWeight::Pair {
                        x: symmetrised(left.transpose() * left),
                        z: symmetrised(right * right.transpose()),
                    },
                    (None, _) => OwnedWeight::one_sided(congruence.right().to_owned()),
                },
            })
            .collect()
    }

    /// From this operator to another over the same rows; `None` when a block changed its form.
    ///
    /// # Complexity
    /// Products of order `n` and `O(n²)` flops a direction, a PSD block.
    pub(crate) fn moved_to(&self, new: &Weighted) -> Option<Moved> {
        let (mut parts, mut entries, mut at) = (vec![], vec![], 0);
        for ((old, new), part) in self.roots.iter().zip(&new.roots).zip(self.a.parts()) {
            match (old, new, part) {
                (Root::Nonneg(old), Root::Nonneg(new), Part::Nonneg(rows)) => {
                    let index: Vec<usize> = (0..old.len()).filter(|&k| old[k] != new[k]).collect();
                    let mut place = vec![usize::MAX; old.len()];
                    index.iter().enumerate().for_each(|(s, &k)| place[k] = s);
                    for (i, list, value) in rows.iter() {
                        for (&k, &v) in list.iter().zip(value) {
                            if place[k as usize] != usize::MAX {
                                entries.push((i as u32, (at + place[k as usize]) as u32, v));
                            }
                        }
                    }
                    let change = |&k: &usize| new[k] - old[k];
                    let part = MovedPart::Entries {
                        first: at,
                        weight: index.iter().map(change).collect(),
                        // (w⁺ − w)(w⁺ + w) does not cancel.
                        square: index
                            .iter()
                            .map(|k| change(k) * (new[*k] + old[*k]))
                            .collect(),
                        index,
                    };
                    if let MovedPart::Entries { index, .. } = &part {
                        at += index.len();
                    }
                    parts.push(part);
                }
                (Root::Psd(old), Root::Psd(new), Part::Psd(rows)) => {
                    let n = rows.order();
                    let (directions, z) =
                        directions(at, [old.left(), new.left()], [old.right(), new.right()])?;
                    rows.times(&z, |i, a, k, x| {
                        entries.push((i as u32, (at + k * n + a) as u32, x));
                    });
                    at += n * z.ncols();
                    parts.push(MovedPart::Directions(Box::new(directions)));
                }
                _ => return None,
            }
        }
        let basis = Rows::from_entries(self.a.len(), at, &entries);
        Some(Moved { basis, parts })
    }
}

/// The directions from `(L, R)` to `(L⁺, R⁺)`, and `Z`.
fn directions(
    first: usize,
    left: [Option<MatRef<'_, f64>>; 2],
    [r0, r1]: [MatRef<'_, f64>; 2],
) -> Option<(Directions, Mat<f64>)> {
    let (q0, q1) = (r0 * r0.transpose(), r1 * r1.transpose());
    let (dr, dq) = (r1 - r0, &q1 - &q0);
    // Columns that Z must span, each matrix in units of the weight it belongs to.
    let mut span = vec![(dr.clone(), r0.norm_max()), (dq.clone(), q0.norm_max())];
    let sides = match left {
        [None, None] => None,
        [Some(l0), Some(l1)] => {
            let (p0, p1) = (l0.transpose() * l0, l1.transpose() * l1);
            let (dl, dp) = (l1 - l0, &p1 - &p0);
            // L = Rᵀ adds nothing new.
            if l0 != r0.transpose() || l1 != r1.transpose() {
                span.push((dl.transpose().to_owned(), l0.norm_max()));
                span.push((dp.clone(), p0.norm_max()));
            }
            Some((l0, p0, dl, dp))
        }
        _ => return None,
    };
    let z = basis(&span, r0.nrows());
    let zt = z.transpose();
    let found = Directions {
        first,
        rank: z.ncols(),
        left: sides.map(|(l0, p0, dl, dp)| LeftSide {
            factor: &dl * &z,
            transposed: l0.transpose().to_owned(),
            core_p: zt * &dp * &z,
            p: p0,
        }),
        right_factor: dr.transpose() * &z,
        right: r1.to_owned(),
        core_q: zt * &dq * &z,
        q: q1,
    };
    Some((found, z))
}

/// An orthonormal basis of the columns, by Gram–Schmidt with the longest first, down to [`DIRECTION_FLOOR`].
fn basis(span: &[(Mat<f64>, f64)], n: usize) -> Mat<f64> {
    let mut columns: Vec<Vec<f64>> = vec![];
    for (m, size) in span {
        let unit = 1.0 / (size * n as f64).max(f64::MIN_POSITIVE);
        for j in 0..m.ncols() {
            columns.push(m.col(j).iter().map(|v| v * unit).collect());
        }
    }
    let mut chosen: Vec<Vec<f64>> = vec![];
    while chosen.len() < n {
        let lengths = columns.iter().map(|c| norm(c)).enumerate();
        let Some((which, length)) = lengths.max_by(|a, b| a.1.total_cmp(&b.1)) else {
            break;
        };
        if length <= DIRECTION_FLOOR || length.is_nan() {
            break;
        }
        let mut next = columns.swap_remove(which);
        next.iter_mut().for_each(|v| *v /= length);
        // What was taken out of it before came with rounding errors, now magnified.
        for q in &chosen {
            let along = crate::linalg::dot(q, &next);
            crate::linalg::axpy(-along, q, &mut next);
        }
        let length = norm(&next);
        next.iter_mut().for_each(|v| *v /= length);
        for c in &mut columns {
            let along = crate::linalg::dot(&next, c);
            crate::linalg::axpy(-along, &next, c);
        }
        chosen.push(next);
    }
    padded::from_fn(n, chosen.len(), |i, k| chosen[k][i])
}

fn symmetrised(w: Mat<f64>) -> Mat<f64> {
    let n = w.nrows();
    padded::from_fn(n, n, |i, j| 0.5 * (w[(i, j)] + w[(j, i)]))
}
