//! Structured sketches on a product of blocks.

use super::distribution::{Address, Base, Family, Stream, plain};
use super::kronecker::Kronecker;
use super::tensor_sketch::TensorSketch;
use super::tensor_srht::TensorSrht;
use super::{Place, RankOneRows, Side, Sketch, check_apply, check_coords, check_outer, check_thin};
use crate::constraints::Block;
use crate::error::{Error, Result, check_shape};
use crate::linalg::padded;
use crate::random::Lane;
use faer::prelude::{Reborrow as _, ReborrowMut as _};
use faer::{MatMut, MatRef};

/// `[R_1, R_2, …]`, one independent operator a block.
#[derive(Debug)]
pub(super) struct Blocks {
    rows: usize,
    cols: usize,
    /// First index of every part.
    parts: Vec<(usize, Box<dyn Sketch>)>,
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
            let part = match *block {
                Block::Psd(n) => structured(family, rows, n, address, k as u32)?,
                Block::Nonneg(n) => {
                    let base = family.on_numbers();
                    plain(base, rows, n, Stream::new(address, base.lane(), k as u32))?
                }
            };
            parts.push((cols, part));
            cols += block.ambient();
        }
        Ok(Self { rows, cols, parts })
    }

    /// The part that holds a place, and where in it.
    fn at(&self, at: Place) -> Result<(&dyn Sketch, Place)> {
        const REFUSED: Error = Error::Unsupported {
            what: "a matrix that is not one of the blocks",
            by: "a structured sketch",
        };
        let k = self.parts.partition_point(|p| p.0 <= at.first);
        let (first, part) = self.parts[..k].last().ok_or(REFUSED)?;
        let inside = Place {
            first: at.first - first,
            order: at.order,
        };
        match inside.first == 0 && inside.len() == part.ncols() {
            true => Ok((&**part, inside)),
            false => Err(REFUSED),
        }
    }
}

impl Sketch for Blocks {
    fn nrows(&self) -> usize {
        self.rows
    }

    fn ncols(&self) -> usize {
        self.cols
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(|p| p.1.bytes()).sum()
    }

    fn apply(&self, h: MatRef<'_, f64>, mut out: MatMut<'_, f64>) -> Result<()> {
        check_apply((self.rows, self.cols), h, out.rb())?;
        let mut share = padded::zeros(self.rows, h.ncols());
        out.fill(0.0);
        for (first, part) in &self.parts {
            part.apply(h.subrows(*first, part.ncols()), share.as_mut())?;
            out += &share;
        }
        Ok(())
    }

    fn apply_transpose(&self, v: MatRef<'_, f64>, mut out: MatMut<'_, f64>) -> Result<()> {
        check_apply((self.cols, self.rows), v, out.rb())?;
        for (first, part) in &self.parts {
            part.apply_transpose(v, out.rb_mut().subrows_mut(*first, part.ncols()))?;
        }
        Ok(())
    }

    fn apply_transpose_at(&self, v: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()> {
        check_shape("sketched vector", (self.rows, 1), (v.len(), 1))?;
        check_coords(self.cols, coords, out)?;
        for (first, part) in &self.parts {
            let mine = |c: &usize| (*first..first + part.ncols()).contains(c);
            let which: Vec<usize> = (0..coords.len()).filter(|&i| mine(&coords[i])).collect();
            let inside: Vec<usize> = which.iter().map(|&i| coords[i] - first).collect();
            let mut values = vec![0.0; which.len()];
            part.apply_transpose_at(v, &inside, &mut values)?;
            which.iter().zip(values).for_each(|(&i, x)| out[i] = x);
        }
        Ok(())
    }

    fn apply_outer(
        &self,
        at: Place,
        u: MatRef<'_, f64>,
        v: MatRef<'_, f64>,
        out: MatMut<'_, f64>,
    ) -> Result<()> {
        check_outer(self.rows, self.cols, at, u, v, out.rb())?;
        let (part, at) = self.at(at)?;
        part.apply_outer(at, u, v, out)
    }

    fn apply_thin(
        &self,
        at: Place,
        v: MatRef<'_, f64>,
        side: Side,
        out: MatMut<'_, f64>,
    ) -> Result<()> {
        check_thin(self.rows, self.cols, at, v, out.rb())?;
        let (part, at) = self.at(at)?;
        part.apply_thin(at, v, side, out)
    }

    fn rank_one_rows(&self, at: Place) -> Option<RankOneRows> {
        let (part, at) = self.at(at).ok()?;
        part.rank_one_rows(at)
    }
}

impl Family {
    fn on_numbers(self) -> Base {
        match self {
            Family::Plain(base) | Family::Kronecker { left: base, .. } => base,
            Family::TensorSrht => Base::Srht,
            Family::TensorSketch => Base::CountSketch,
        }
    }
}

fn structured(
    family: Family,
    rows: usize,
    n: usize,
    address: Address,
    block: u32,
) -> Result<Box<dyn Sketch>> {
    let stream = |lane| Stream::new(address, lane, block);
    Ok(match family {
        Family::Plain(base) => plain(base, rows, n * n, stream(base.lane()))?,
        Family::Kronecker {
            left,
            right,
            left_rows,
        } => {
            let (left, right) = ((left, left_rows), (right, rows / left_rows));
            Box::new(Kronecker::new(left, right, n, address, block)?)
        }
        Family::TensorSrht => Box::new(TensorSrht::new(rows, n, stream(Lane::TENSOR_SRHT))),
        Family::TensorSketch => Box::new(TensorSketch::new(rows, n, stream(Lane::TENSOR_SKETCH))),
    })
}
