//! Structured sketches on a product of blocks.

use super::family::Family;
use super::kronecker::Kronecker;
use super::matrix::{Place, RankOneRows, Side};
use super::plain;
use super::raw::RawSketch;
use super::stream::{Address, Stream};
use super::tensor_sketch::TensorSketch;
use super::tensor_srht::TensorSrht;
use crate::constraints::Block;
use crate::error::{Error, Result};
use crate::linalg::padded;
use crate::random::Lane;
use faer::prelude::ReborrowMut as _;
use faer::{MatMut, MatRef};

/// `[R_1, R_2, …]`, one independent operator per block.
#[derive(Debug)]
pub(super) struct Blocks {
    rows: usize,
    cols: usize,
    parts: Vec<Part>,
}

/// The operator of one block, which begins at index `first` of the flat vector.
#[derive(Debug)]
struct Part {
    first: usize,
    operator: Box<dyn RawSketch>,
}

impl Blocks {
    pub(super) fn new(
        family: Family,
        rows: usize,
        blocks: &[Block],
        address: Address,
    ) -> Result<Self> {
        let (mut parts, mut cols) = (vec![], 0);
        for (k, block) in blocks.iter().enumerate() {
            let operator = match *block {
                Block::Psd(n) => on_matrix(family, rows, n, address, k as u32)?,
                Block::Nonneg(n) => {
                    let base = family.on_numbers();
                    let stream = Stream::new(address, base.lane(), k as u32);
                    plain::draw(base, rows, n, stream)?
                }
            };
            let first = cols;
            parts.push(Part { first, operator });
            cols += block.ambient();
        }
        Ok(Self { rows, cols, parts })
    }

    /// The operator of the block that is the matrix at `at`, and the place of the matrix within that block. `None` for a
    /// matrix that is not a whole block.
    fn part_at(&self, at: Place) -> Option<(&dyn RawSketch, Place)> {
        let k = self.parts.partition_point(|p| p.first <= at.first);
        let Part { first, operator } = self.parts[..k].last()?;
        let inside = Place {
            first: at.first - first,
            order: at.order,
        };
        (inside.first == 0 && inside.len() == operator.ncols()).then_some((&**operator, inside))
    }
}

impl RawSketch for Blocks {
    fn nrows(&self) -> usize {
        self.rows
    }

    fn ncols(&self) -> usize {
        self.cols
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(|p| p.operator.bytes()).sum()
    }

    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        let mut share = padded::zeros(self.rows, h.ncols());
        out.fill(0.0);
        for Part { first, operator } in &self.parts {
            operator.apply(h.subrows(*first, operator.ncols()), share.as_mut());
            out += &share;
        }
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for Part { first, operator } in &self.parts {
            operator.apply_transpose(v, out.rb_mut().subrows_mut(*first, operator.ncols()));
        }
    }

    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) {
        for Part { first, operator } in &self.parts {
            let range = *first..first + operator.ncols();
            let which: Vec<usize> = (0..coords.len())
                .filter(|&i| range.contains(&coords[i]))
                .collect();
            let inside: Vec<usize> = which.iter().map(|&i| coords[i] - first).collect();
            let mut values = vec![0.0; which.len()];
            operator.apply_transpose_at(v, &inside, &mut values);
            which.iter().zip(values).for_each(|(&i, x)| out[i] = x);
        }
    }

    fn apply_outer(&self, at: Place, u: MatRef<'_, f64>, v: MatRef<'_, f64>, out: MatMut<'_, f64>) {
        if let Some((operator, at)) = self.part_at(at) {
            operator.apply_outer(at, u, v, out);
        }
    }

    fn apply_thin(&self, at: Place, v: MatRef<'_, f64>, side: Side, out: MatMut<'_, f64>) {
        if let Some((operator, at)) = self.part_at(at) {
            operator.apply_thin(at, v, side, out);
        }
    }

    fn rank_one_rows(&self, at: Place) -> Option<RankOneRows> {
        let (operator, at) = self.part_at(at)?;
        operator.rank_one_rows(at)
    }

    fn check_matrix(&self, at: Place) -> Result<()> {
        match self.part_at(at) {
            Some(_) => Ok(()),
            None => Err(Error::Unsupported {
                what: "a matrix that is not one of the blocks",
                by: "a structured sketch",
            }),
        }
    }
}

/// The operator of a matrix block of order `n`.
fn on_matrix(
    family: Family,
    rows: usize,
    n: usize,
    address: Address,
    block: u32,
) -> Result<Box<dyn RawSketch>> {
    let stream = |lane| Stream::new(address, lane, block);
    Ok(match family {
        Family::Plain(base) => plain::draw(base, rows, n * n, stream(base.lane()))?,
        Family::Kronecker {
            left,
            right,
            left_rows,
        } => {
            let left = plain::draw(left, left_rows, n, stream(Lane::KRONECKER_LEFT))?;
            let right_rows = rows / left_rows;
            let right = plain::draw(right, right_rows, n, stream(Lane::KRONECKER_RIGHT))?;
            Box::new(Kronecker::new(left, right))
        }
        Family::TensorSrht => Box::new(TensorSrht::new(rows, n, stream(Lane::TENSOR_SRHT))),
        Family::TensorSketch => Box::new(TensorSketch::new(rows, n, stream(Lane::TENSOR_SKETCH))),
    })
}
