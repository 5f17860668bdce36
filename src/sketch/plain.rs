//! Operators of the plain families.

use super::dense::{Dense, Entries};
use super::family::Base;
use super::raw::RawSketch;
use super::sparse::Sparse;
use super::srht::Srht;
use super::stream::Stream;
use crate::error::Result;

/// A `rows × cols` operator, drawn from this stream.
pub(super) fn draw(
    base: Base,
    rows: usize,
    cols: usize,
    stream: Stream,
) -> Result<Box<dyn RawSketch>> {
    Ok(match base {
        Base::Gaussian => Box::new(Dense::new(Entries::Gaussian, rows, cols, stream)?),
        Base::Rademacher => Box::new(Dense::new(Entries::Rademacher, rows, cols, stream)?),
        Base::Srht => Box::new(Srht::new(rows, cols, stream)),
        Base::CountSketch => Box::new(Sparse::new(rows, cols, 1, stream)?),
        Base::Sparse(s) => Box::new(Sparse::new(rows, cols, s as usize, stream)?),
    })
}
