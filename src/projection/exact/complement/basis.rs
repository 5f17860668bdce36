//! A basis of the null space of the rows. Positions that no row reads give sparse elements; the other elements are dense.

use super::normal::Normal;
use crate::constraints::{Block, Constraints};
use crate::error::{Error, Result, check_memory};
use crate::linalg::padded;
use crate::random::{Lane, Seed};
use faer::Mat;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// Columns projected together. The limit bounds the scratch memory.
const COLUMNS_PER_PANEL: usize = 64;

/// A position in one triangle of a matrix block, or an entry of a nonnegative block.
#[derive(Debug, Clone, Copy)]
struct Coordinate {
    block: usize,
    row: usize,
    col: usize,
    /// Positions of the entry and of its mirror image in a flat vector.
    at: [usize; 2],
}

impl Coordinate {
    /// The value that makes the symmetric unit matrix at this position have norm one: an entry off the diagonal occurs twice.
    fn scale(&self) -> f64 {
        if self.row == self.col {
            1.0
        } else {
            FRAC_1_SQRT_2
        }
    }
}

/// All coordinates of all blocks.
fn coordinates(a: &Constraints) -> Vec<Coordinate> {
    let mut out = vec![];
    for (block, b) in a.blocks().iter().enumerate() {
        let first = a.range(block).start;
        match *b {
            Block::Nonneg(n) => out.extend((0..n).map(|row| Coordinate {
                block,
                row,
                col: row,
                at: [first + row; 2],
            })),
            Block::Psd(n) => out.extend((0..n).flat_map(|col| {
                (0..=col).map(move |row| Coordinate {
                    block,
                    row,
                    col,
                    at: [first + row + col * n, first + col + row * n],
                })
            })),
        }
    }
    out
}

/// Rows that are orthogonal to the rows of `A`, and together with them form a basis of all symmetric matrices.
///
/// A position that no row reads gives a basis element with one entry. A position that a row of one entry reads is zero in every
/// basis element. On the remaining positions the basis comes from random vectors, projected and made orthonormal.
///
/// # Complexity
/// `c` solves with `AAᵀ`, and `2 d c²` flops for the `d` remaining positions.
pub(super) fn null_space(a: &Constraints, normal: &Normal) -> Result<Constraints> {
    // Classify the positions, which gives the numbers of sparse and dense basis elements.
    let all = coordinates(a);
    let (free, shared, rows) = classify(a, &all);
    let dense = shared.len().saturating_sub(rows);
    let count = free.len() + dense;
    check_memory(
        "a basis of the null space",
        4 * shared.len() as u128 * dense as u128
            + 2 * a.ambient() as u128 * COLUMNS_PER_PANEL as u128,
    )?;
    let mut out = Constraints::builder(count, a.blocks())?;
    for (k, &c) in free.iter().enumerate() {
        let c = all[c];
        out.entry(k, c.block, c.row, c.col, c.scale())?;
    }
    let mut rng = Seed::default().stream(Lane::PROBE, 1, 0);
    let mut z = padded::from_fn(shared.len(), dense, |_, _| StandardNormal.sample(&mut rng));
    if dense > 0 {
        project(a, normal, &all, &shared, &mut z)?;
        z = z.qr().compute_thin_Q();
        project(a, normal, &all, &shared, &mut z)?;
    }
    for j in 0..dense {
        for (i, &c) in shared.iter().enumerate() {
            let c = all[c];
            out.entry(free.len() + j, c.block, c.row, c.col, c.scale() * z[(i, j)])?;
        }
    }
    out.build()
}

/// Divides the coordinates. Returns the coordinates that no row reads, the coordinates that neither are unread nor fixed, and the
/// number of rows on the latter.
///
/// A row of one entry fixes its coordinate at zero. Removing that coordinate may leave another row with one entry.
fn classify(a: &Constraints, all: &[Coordinate]) -> (Vec<usize>, Vec<usize>, usize) {
    let mut number = vec![usize::MAX; a.ambient()];
    for (k, c) in all.iter().enumerate() {
        number[c.at[0]] = k;
    }
    let (mut by_row, mut by_coordinate) = (vec![vec![]; a.len()], vec![vec![]; all.len()]);
    for (i, block, row, col, _) in a.entries() {
        let n = a.blocks()[block].order();
        let at = match a.blocks()[block] {
            Block::Psd(_) => row + col * n,
            Block::Nonneg(_) => row,
        };
        let c = number[a.range(block).start + at];
        by_row[i].push(c);
        by_coordinate[c].push(i);
    }
    let mut left: Vec<usize> = by_row.iter().map(Vec::len).collect();
    let mut fixed = vec![false; all.len()];
    let mut ended = vec![false; a.len()];
    let mut queue: Vec<usize> = (0..a.len()).filter(|&i| left[i] == 1).collect();
    while let Some(i) = queue.pop() {
        let Some(&c) = by_row[i].iter().find(|&&c| !fixed[c]) else {
            continue;
        };
        (fixed[c], ended[i]) = (true, true);
        for &j in &by_coordinate[c] {
            left[j] -= 1;
            if left[j] == 1 && !ended[j] {
                queue.push(j);
            }
        }
    }
    let read = |c: usize| by_coordinate[c].iter().any(|&i| !ended[i]);
    let open = (0..all.len()).filter(|&c| !fixed[c]);
    let (shared, free) = open.partition(|&c| read(c));
    (free, shared, ended.iter().filter(|e| !**e).count())
}

/// `z ← z − Aᵀ(AAᵀ)⁻¹A z`, each column given on the shared coordinates.
fn project(
    a: &Constraints,
    normal: &Normal,
    all: &[Coordinate],
    shared: &[usize],
    z: &mut Mat<f64>,
) -> Result<()> {
    let mut flat = vec![0.0; a.ambient()];
    for first in (0..z.ncols()).step_by(COLUMNS_PER_PANEL) {
        let count = COLUMNS_PER_PANEL.min(z.ncols() - first);
        let mut y = padded::zeros(a.len(), count);
        for j in 0..count {
            flat.fill(0.0);
            for (i, &c) in shared.iter().enumerate() {
                let value = all[c].scale() * z[(i, first + j)];
                all[c].at.iter().for_each(|&at| flat[at] = value);
            }
            a.apply(&flat, y.col_as_slice_mut(j))?;
        }
        normal.solve_columns(&mut y);
        for j in 0..count {
            a.adjoint(y.col_as_slice(j), &mut flat)?;
            for (i, &c) in shared.iter().enumerate() {
                let twice = if all[c].row == all[c].col {
                    1.0
                } else {
                    SQRT_2
                };
                z[(i, first + j)] -= twice * flat[all[c].at[0]];
            }
        }
    }
    match z.is_all_finite() {
        true => Ok(()),
        false => Err(Error::NonFinite {
            what: "basis of the null space",
            index: 0,
        }),
    }
}
