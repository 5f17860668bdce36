//! What several test files share: random weights, and `B` and `P` spelled out densely, without the library's kernels.
#![allow(dead_code, reason = "every test binary uses a part of it")]

pub mod dense;
pub mod published;

use dyncvx::constraints::{Block, BlockWeight, Constraints};
use dyncvx::random::{Lane, Seed};
use faer::{Mat, Side};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use rand_distr::{Distribution, StandardNormal};

pub fn rng(seed: u64) -> ChaCha20Rng {
    Seed::from(seed).stream(Lane::SCRIPT, 0, 0)
}

pub fn normal(rng: &mut ChaCha20Rng) -> f64 {
    StandardNormal.sample(rng)
}

pub fn uniform(rng: &mut ChaCha20Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

pub fn gaussian(rows: usize, cols: usize, rng: &mut ChaCha20Rng) -> Mat<f64> {
    Mat::from_fn(rows, cols, |_, _| normal(rng))
}

/// A random positive definite matrix with eigenvalues between about 0.3 and 3.
pub fn positive(n: usize, rng: &mut ChaCha20Rng) -> Mat<f64> {
    let g = gaussian(n, n, rng);
    let w = (&g * g.transpose()) * faer::Scale(1.0 / n as f64)
        + Mat::<f64>::identity(n, n) * faer::Scale(0.3);
    symmetrised(&w)
}

pub fn symmetrised(w: &Mat<f64>) -> Mat<f64> {
    Mat::from_fn(w.nrows(), w.ncols(), |i, j| 0.5 * (w[(i, j)] + w[(j, i)]))
}

/// The form in which a block is weighted.
#[derive(Clone, Debug)]
pub enum Owned {
    Nonneg(Vec<f64>),
    Psd(Mat<f64>),
    OneSided(Mat<f64>),
    Root(Mat<f64>),
    Pair(Mat<f64>, Mat<f64>),
}

impl Owned {
    pub fn view(&self) -> BlockWeight<'_> {
        match self {
            Owned::Nonneg(w) => BlockWeight::Nonneg(w),
            Owned::Psd(w) => BlockWeight::Psd(w.as_ref()),
            Owned::OneSided(w) => BlockWeight::OneSided(w.as_ref()),
            Owned::Root(g) => BlockWeight::Root(g.as_ref()),
            Owned::Pair(x, z) => BlockWeight::Pair {
                x: x.as_ref(),
                z: z.as_ref(),
            },
        }
    }
}

pub fn views(weights: &[Owned]) -> Vec<BlockWeight<'_>> {
    weights.iter().map(Owned::view).collect()
}

fn root(w: &Mat<f64>) -> Mat<f64> {
    let e = w.self_adjoint_eigen(Side::Lower).unwrap();
    let u = e.U();
    let s = Mat::from_fn(w.nrows(), w.nrows(), |i, j| {
        if i == j { e.S()[i].sqrt() } else { 0.0 }
    });
    u * s * u.transpose()
}

/// `A_i` on a block, in full.
pub fn dense_row(a: &Constraints, i: usize, block: usize) -> Mat<f64> {
    let n = a.blocks()[block].order();
    let mut out = Mat::zeros(n, n);
    for (ii, b, r, c, v) in a.entries() {
        if ii == i && b == block {
            out[(r, c)] = v;
            out[(c, r)] = v;
        }
    }
    out
}

/// `B`, `m × N`, by its definition.
pub fn dense_b(a: &Constraints, weights: &[Owned]) -> Mat<f64> {
    let mut out = Mat::zeros(a.len(), a.ambient());
    for (b, w) in weights.iter().enumerate() {
        let start = a.range(b).start;
        let sides = match w {
            Owned::Nonneg(_) => None,
            Owned::Psd(w) => Some((root(w), root(w))),
            Owned::OneSided(w) => Some((Mat::identity(w.nrows(), w.nrows()), w.clone())),
            Owned::Root(g) => Some((g.transpose().to_owned(), g.clone())),
            Owned::Pair(x, z) => Some((root(x), root(z))),
        };
        for i in 0..a.len() {
            let ai = dense_row(a, i, b);
            let n = ai.nrows();
            match (w, &sides) {
                (Owned::Nonneg(w), _) => {
                    (0..n).for_each(|k| out[(i, start + k)] = ai[(k, k)] * w[k]);
                }
                (_, Some((l, r))) => {
                    let row = l * ai * r;
                    for c in 0..n {
                        for p in 0..n {
                            out[(i, start + p + c * n)] = row[(p, c)];
                        }
                    }
                }
                _ => unreachable!(),
            }
        }
    }
    out
}

/// `(BBᵀ)⁻¹ rhs` through a rank-revealing dense solve that the library does not use.
pub fn dense_solve(b: &Mat<f64>, rhs: &Mat<f64>) -> Mat<f64> {
    use faer::prelude::Solve;
    (b * b.transpose()).full_piv_lu().solve(rhs)
}

pub fn relative(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    (a - b).norm_l2() / b.norm_l2().max(f64::MIN_POSITIVE)
}

/// Block layouts that tests run over.
pub fn layout(which: u8) -> Vec<Block> {
    match which % 6 {
        0 => vec![Block::Psd(6)],
        1 => vec![Block::Psd(18)],
        2 => vec![Block::Psd(10), Block::Psd(3)],
        3 => vec![Block::Nonneg(4), Block::Psd(5)],
        4 => vec![Block::Psd(4), Block::Nonneg(7), Block::Psd(2)],
        _ => vec![Block::Psd(20)],
    }
}

/// Random rows over a layout: sparse ones, dense ones for odd `which / 6`, or few ones, so few that operators run
/// along their pattern.
pub fn rows(which: u8, seed: u64) -> Constraints {
    let blocks = layout(which);
    let positions: usize = blocks
        .iter()
        .map(|b| match *b {
            Block::Psd(n) => n * (n + 1) / 2,
            Block::Nonneg(n) => n,
        })
        .sum();
    let entries = if (which / 6) % 2 == 1 {
        0
    } else {
        1 + usize::from(which / 12 % 4)
    };
    let m = if which % 8 == 7 && entries > 0 {
        positions.div_ceil(9)
    } else {
        2 * positions / 3
    };
    Constraints::independent(m, &blocks, entries, seed.into()).unwrap()
}

pub fn weights(blocks: &[Block], one_sided: bool, rng: &mut ChaCha20Rng) -> Vec<Owned> {
    blocks
        .iter()
        .map(|b| match *b {
            Block::Nonneg(n) => Owned::Nonneg((0..n).map(|_| 0.3 + 2.0 * uniform(rng)).collect()),
            Block::Psd(n) if one_sided => Owned::OneSided(positive(n, rng)),
            Block::Psd(n) => Owned::Psd(positive(n, rng)),
        })
        .collect()
}
