//! The weight of the projection, and the change between the coordinates of the point and of the projection.
//!
//! Let `W = GGᵀ` be the weight of the point, and `W̃ = G̃G̃ᵀ` the weight of the projection. The matrix `T = G̃⁻¹G` maps the coordinates of
//! the point to the coordinates of the projection. The eigenvalues `ρ` of `TTᵀ` are the generalised eigenvalues of `(W, W̃)`.
//! Directions with `│log ρ│ ≤ ε` stay unabsorbed. A batch `S` of the other directions is absorbed by
//! `G̃⁺ = G̃(I + Q_S(√ρ_S − 1)Q_Sᵀ)`. This changes the root by the same rank as the weight.

use super::super::cone::Scaling;
use crate::constraints::{Block, BlockWeight};
use crate::error::Result;
use crate::linalg::padded;
use crate::linalg::product::{gemm, gemm_lower, mirror_lower};
use crate::linalg::spectral;
use crate::projection::lazy;
use faer::{Accum, Mat, MatRef};

/// The weight of the projection on one block.
#[derive(Debug, Clone)]
enum Held {
    /// `w̃`.
    Nonneg(Vec<f64>),
    /// `G̃` and its inverse.
    Psd { root: Mat<f64>, inverse: Mat<f64> },
}

/// The outcome of [`Frame::follow`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Absorbed {
    /// Largest `│log ρ│` before absorption.
    pub drift: f64,
    /// Number of absorbed directions.
    pub rank: usize,
}

/// The weight of the projection on all blocks.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    blocks: Vec<Block>,
    held: Vec<Held>,
}

/// `log ρ` and the eigenvectors of `TTᵀ` on one block.
type Drift = (Vec<f64>, Mat<f64>);

impl Frame {
    /// The frame at the weight of a point; `s` is the slack of the point.
    pub(super) fn at(blocks: &[Block], scaling: &Scaling, s: &[f64]) -> Self {
        let d = diagonal(scaling);
        let (mut at, mut first) = (0, 0);
        let mut held = Vec::with_capacity(blocks.len());
        for (block, weight) in blocks.iter().zip(scaling.weight()) {
            held.push(match weight {
                BlockWeight::Root(g) => {
                    // GᵀSG = D, so G⁻¹ = D⁻¹GᵀS.
                    let n = g.nrows();
                    let s = MatRef::from_column_major_slice(&s[at..at + n * n], n, n);
                    let mut inverse = padded::zeros(n, n);
                    gemm(inverse.as_mut(), Accum::Replace, 1.0, g.transpose(), s);
                    for j in 0..n {
                        (0..n).for_each(|i| inverse[(i, j)] /= d[first + i]);
                    }
                    let root = g.to_owned();
                    Held::Psd { root, inverse }
                }
                BlockWeight::Nonneg(w) => Held::Nonneg(w.to_vec()),
                // Unreachable: a scaling has no other forms.
                _ => Held::Nonneg(vec![]),
            });
            at += block.ambient();
            first += block.order();
        }
        let blocks = blocks.to_vec();
        Self { blocks, held }
    }

    /// The weight, in the form that a projection takes.
    pub(super) fn weight(&self) -> Vec<BlockWeight<'_>> {
        fn one(held: &Held) -> BlockWeight<'_> {
            match held {
                Held::Nonneg(w) => BlockWeight::Nonneg(w),
                Held::Psd { root, .. } => BlockWeight::Root(root.as_ref()),
            }
        }
        self.held.iter().map(one).collect()
    }

    /// Moves the weight to within `e^{±tol}` of the weight of a point, by absorbing a batch[^CLS19] of the directions that drifted
    /// furthest.
    ///
    /// # Complexity
    /// About `14n³` flops per PSD block, and `6n³` more if a direction is absorbed.
    ///
    /// [^CLS19]: Cohen, Lee, Song. Solving linear programs in the current matrix multiplication time. STOC 2019.
    pub(super) fn follow(&mut self, scaling: &Scaling, s: &[f64], tol: f64) -> Result<Absorbed> {
        // Choose how many directions to absorb; without a tolerance all are absorbed.
        let drifts = self.drifts(scaling)?;
        let mut all: Vec<f64> = drifts.iter().flat_map(|d| d.0.iter().copied()).collect();
        let rank = match tol > 0.0 {
            true => lazy::batch(&mut all, tol),
            false => all.len(),
        };
        let drift = all.iter().fold(0.0, |m: f64, l| m.max(l.abs()));
        if rank == 0 {
            return Ok(Absorbed { drift, rank });
        }
        if rank == all.len() {
            *self = Self::at(&self.blocks, scaling, s);
            return Ok(Absorbed { drift, rank });
        }
        // Directions with equal drift are all taken, even beyond the batch.
        let threshold = all[rank - 1].abs();
        let mut absorbed = 0;
        for (held, (log, q)) in self.held.iter_mut().zip(&drifts) {
            let chosen: Vec<usize> = (0..log.len())
                .filter(|&k| log[k].abs() >= threshold)
                .collect();
            absorbed += chosen.len();
            match held {
                Held::Nonneg(w) => chosen.iter().for_each(|&k| w[k] *= log[k].exp()),
                Held::Psd { root, inverse } if !chosen.is_empty() => {
                    let n = root.nrows();
                    let vectors = padded::from_fn(n, chosen.len(), |i, j| q[(i, chosen[j])]);
                    let scaled = |power: f64| {
                        padded::from_fn(n, chosen.len(), |i, j| {
                            vectors[(i, j)] * (power * log[chosen[j]]).exp_m1()
                        })
                    };
                    let along = &*root * &vectors;
                    let add = |to: &mut Mat<f64>, left: MatRef<'_, f64>, right: MatRef<'_, f64>| {
                        gemm(to.as_mut(), Accum::Add, 1.0, left, right);
                    };
                    add(root, along.as_ref(), scaled(0.5).transpose());
                    let across = vectors.transpose() * &*inverse;
                    add(inverse, scaled(-0.5).as_ref(), across.as_ref());
                }
                Held::Psd { .. } => {}
            }
        }
        let rank = absorbed;
        Ok(Absorbed { drift, rank })
    }

    /// The drift from the weight of the projection to the weight of a point, per block.
    fn drifts(&self, scaling: &Scaling) -> Result<Vec<Drift>> {
        let mut out = Vec::with_capacity(self.held.len());
        for (held, weight) in self.held.iter().zip(scaling.weight()) {
            out.push(match (held, weight) {
                (Held::Psd { inverse, .. }, BlockWeight::Root(g)) => {
                    let n = g.nrows();
                    let t = inverse * g;
                    let mut m = padded::zeros(n, n);
                    gemm_lower(m.as_mut(), Accum::Replace, 1.0, t.as_ref(), t.transpose());
                    let (rho, q) = spectral::eigen(m.as_ref())?;
                    let log = rho.iter().map(|r| r.max(f64::MIN_POSITIVE).ln()).collect();
                    (log, q)
                }
                (Held::Nonneg(old), BlockWeight::Nonneg(new)) => {
                    let log = new.iter().zip(old).map(|(n, o)| (n / o).ln()).collect();
                    (log, Mat::new())
                }
                _ => (vec![], Mat::new()),
            });
        }
        Ok(out)
    }

    /// Converts the matrix `diag(a)` from the coordinates of the point to the coordinates of the projection: `h ← T diag(a) Tᵀ`.
    pub(super) fn enter(&self, scaling: &Scaling, a: &[f64], h: &mut [f64]) {
        let (mut at, mut first) = (0, 0);
        for ((block, held), weight) in self.blocks.iter().zip(&self.held).zip(scaling.weight()) {
            let a = &a[first..first + block.order()];
            let h = &mut h[at..at + block.ambient()];
            match (held, weight) {
                (Held::Psd { inverse, .. }, BlockWeight::Root(g)) => {
                    congruence_of_diagonal((inverse * g).as_ref(), a, h);
                }
                (Held::Nonneg(old), BlockWeight::Nonneg(new)) => {
                    for (k, h) in h.iter_mut().enumerate() {
                        *h = new[k] / old[k] * a[k];
                    }
                }
                _ => {}
            }
            at += block.ambient();
            first += block.order();
        }
    }

    /// Whether `projected = Bᵀy` at this weight, where `aty` is `Aᵀy`.
    pub(super) fn is_range(&self, aty: &[f64], projected: &[f64]) -> bool {
        // Far above the rounding errors of `Bᵀy`, and far below the difference that another weight makes.
        const RANGE_TOLERANCE: f64 = 1e-6;
        let (mut at, mut off, mut size) = (0, 0.0, 0.0);
        for (block, held) in self.blocks.iter().zip(&self.held) {
            let part = at..at + block.ambient();
            at = part.end;
            let (aty, projected) = (&aty[part.clone()], &projected[part]);
            let mut compare = |expected: f64, found: f64| {
                off += (expected - found) * (expected - found);
                size += expected * expected;
            };
            match held {
                Held::Nonneg(w) => {
                    for (k, w) in w.iter().enumerate() {
                        compare(w * aty[k], projected[k]);
                    }
                }
                Held::Psd { root, .. } => {
                    let n = root.nrows();
                    let aty = MatRef::from_column_major_slice(aty, n, n);
                    let expected = root.transpose() * (aty * root);
                    for (k, found) in projected.iter().enumerate() {
                        compare(expected[(k % n, k / n)], *found);
                    }
                }
            }
        }
        off <= RANGE_TOLERANCE * RANGE_TOLERANCE * size
    }

    /// `dx ← G diag(a) Gᵀ − W̃ ds W̃`.
    pub(super) fn primal(&self, scaling: &Scaling, a: &[f64], ds: &[f64], dx: &mut [f64]) {
        let (mut at, mut first) = (0, 0);
        for ((block, held), weight) in self.blocks.iter().zip(&self.held).zip(scaling.weight()) {
            let a = &a[first..first + block.order()];
            let part = at..at + block.ambient();
            let (ds, dx) = (&ds[part.clone()], &mut dx[part]);
            match (held, weight) {
                (Held::Psd { root, .. }, BlockWeight::Root(g)) => {
                    congruence_of_diagonal(g, a, dx);
                    let n = g.nrows();
                    let w = root * root.transpose();
                    let ds = MatRef::from_column_major_slice(ds, n, n);
                    let taken = &w * (ds * &w);
                    for j in 0..n {
                        for i in 0..n {
                            dx[i + j * n] -= 0.5 * (taken[(i, j)] + taken[(j, i)]);
                        }
                    }
                }
                (Held::Nonneg(old), BlockWeight::Nonneg(new)) => {
                    for (k, dx) in dx.iter_mut().enumerate() {
                        *dx = new[k] * a[k] - old[k] * old[k] * ds[k];
                    }
                }
                _ => {}
            }
            at += block.ambient();
            first += block.order();
        }
    }
}

/// The diagonals of `G⁻¹XG⁻ᵀ = GᵀSG`, or `√(xs)` on nonnegative blocks, of all blocks one after another.
pub(super) fn diagonal(scaling: &Scaling) -> Vec<f64> {
    let mut d = vec![];
    scaling.for_each(|i, j, _, di, _| {
        if i == j {
            d.push(di);
        }
    });
    d
}

/// `out ← T diag(a) Tᵀ`.
fn congruence_of_diagonal(t: MatRef<'_, f64>, a: &[f64], out: &mut [f64]) {
    let n = t.nrows();
    let scaled = padded::from_fn(n, n, |i, j| t[(i, j)] * a[j]);
    let mut full = faer::MatMut::from_column_major_slice_mut(out, n, n);
    gemm_lower(
        full.as_mut(),
        Accum::Replace,
        1.0,
        scaled.as_ref(),
        t.transpose(),
    );
    mirror_lower(full);
}

#[cfg(test)]
mod tests {
    use super::super::super::cone::Interior;
    use super::super::super::cone::Storage;
    use super::*;
    use crate::linalg::max_abs;

    const BLOCKS: [Block; 2] = [Block::Psd(4), Block::Nonneg(3)];

    fn scaled(salt: f64, tail: [f64; 3]) -> (Scaling, Vec<f64>, Vec<f64>) {
        let point = |salt: f64, tail: [f64; 3]| -> Vec<f64> {
            let f = Mat::from_fn(4, 4, |i, j| ((i * 5 + j * 3) as f64 + salt).sin());
            let m = &f * f.transpose() + Mat::<f64>::identity(4, 4);
            let mut v: Vec<f64> = (0..16).map(|k| m[(k % 4, k / 4)]).collect();
            v.extend(tail);
            v
        };
        let (x, s) = (point(salt, tail), point(0.9, [1.0, 2.0, 3.0]));
        let interior = |v: &[f64]| Interior::new(&Storage::flat(&BLOCKS), v).unwrap();
        let scaling = Scaling::new(&BLOCKS, &x, &s, &interior(&x), &interior(&s)).unwrap();
        (scaling, x, s)
    }

    fn held(frame: &Frame) -> Mat<f64> {
        match &frame.held[0] {
            Held::Psd { root, inverse } => {
                let unit = root * inverse;
                assert!((&unit - Mat::<f64>::identity(4, 4)).norm_max() < 1e-12);
                root * root.transpose()
            }
            Held::Nonneg(_) => panic!(),
        }
    }

    /// Only the absorbed directions change, and each by its drift.
    #[test]
    fn a_batch_is_absorbed_and_the_rest_stays() {
        let (from, _, s) = scaled(0.3, [1.0, 1.0, 1.0]);
        let mut frame = Frame::at(&BLOCKS, &from, &s);
        assert_eq!(frame.follow(&from, &s, 0.2).unwrap().rank, 0);
        let old = held(&frame);
        let (to, _, s) = scaled(0.9, [1.02, 9.0, 1.0]);
        let before: Vec<f64> = frame.drifts(&to).unwrap().concat_logs();
        let absorbed = frame.follow(&to, &s, 0.2).unwrap();
        let after: Vec<f64> = frame.drifts(&to).unwrap().concat_logs();
        assert!(absorbed.rank >= 2 && absorbed.rank < 7, "{absorbed:?}");
        assert_eq!(absorbed.drift, max_abs(&before));
        assert!(max_abs(&after) <= 0.2, "{after:?}");
        // On the matrix block the rank of W̃⁺ − W̃ equals the number of absorbed directions.
        let still = |logs: &[f64]| logs[..4].iter().filter(|l| l.abs() < 1e-10).count();
        let moved = still(&after) - still(&before);
        assert!(moved > 0);
        let change = spectral::eigenvalues((&held(&frame) - &old).as_ref()).unwrap();
        assert_eq!(change.iter().filter(|l| l.abs() > 1e-10).count(), moved);
        // Without a tolerance all directions are absorbed.
        assert_eq!(frame.follow(&to, &s, 0.0).unwrap().rank, 7);
        assert!(max_abs(&frame.drifts(&to).unwrap().concat_logs()) < 1e-10);
    }

    trait Logs {
        fn concat_logs(&self) -> Vec<f64>;
    }

    impl Logs for Vec<Drift> {
        fn concat_logs(&self) -> Vec<f64> {
            self.iter().flat_map(|d| d.0.clone()).collect()
        }
    }

    /// `G̃hG̃ᵀ = G diag(a) Gᵀ`, and `primal` subtracts `W̃ ds W̃` from this matrix.
    #[test]
    fn what_enters_is_the_move_asked_for() {
        let (from, _, s) = scaled(0.3, [1.0, 1.0, 1.0]);
        let frame = Frame::at(&BLOCKS, &from, &s);
        let (to, ..) = scaled(0.5, [1.1, 0.9, 1.0]);
        let a = [0.3, -0.1, 0.2, 0.5, 1.0, 2.0, -1.0];
        let (mut h, mut dx, mut taken) = (vec![0.0; 19], vec![0.0; 19], vec![0.0; 19]);
        frame.enter(&to, &a, &mut h);
        frame.primal(&to, &a, &[0.0; 19], &mut dx);
        let ds: Vec<f64> = (0..19).map(|k| [0.1, 0.0, -0.2][(k % 5) % 3]).collect();
        let ds: Vec<f64> = (0..19)
            .map(|k| {
                if k < 16 {
                    ds[k] + ds[k / 4 + 4 * (k % 4)]
                } else {
                    ds[k]
                }
            })
            .collect();
        frame.primal(&to, &a, &ds, &mut taken);
        let Held::Psd { root, .. } = &frame.held[0] else {
            panic!()
        };
        let view = |v: &[f64]| MatRef::from_column_major_slice(&v[..16], 4, 4).to_owned();
        let back = root * view(&h) * root.transpose();
        assert!((&back - view(&dx)).norm_max() < 1e-12);
        let w = root * root.transpose();
        let expected = &back - &w * view(&ds) * &w;
        assert!((&expected - view(&taken)).norm_max() < 1e-12);
        let Held::Nonneg(w) = &frame.held[1] else {
            panic!()
        };
        for k in 0..3 {
            assert!((w[k] * h[16 + k] - dx[16 + k]).abs() < 1e-14);
            assert!((dx[16 + k] - w[k] * w[k] * ds[16 + k] - taken[16 + k]).abs() < 1e-14);
        }
    }
}
