//! A target made of a closure.

use super::protocol::Target;
use crate::error::{Result, check_index, check_shape};

/// A target from a closure `(h, coordinate) ↦ answer` and the exact rows of coordinates 0, 1, ….
///
/// It has as many coordinates as rows. Attackers that choose coordinates themselves, such as
/// [`Potential`](super::Potential), choose among those.
#[derive(Debug, Clone)]
pub struct FromFn<F> {
    rows: Vec<Vec<f64>>,
    answer: F,
}

impl<F: FnMut(&[f64], usize) -> f64> FromFn<F> {
    /// The target with these rows, which must all have the same length.
    pub fn new(rows: Vec<Vec<f64>>, answer: F) -> Self {
        Self { rows, answer }
    }
}

impl<F: FnMut(&[f64], usize) -> f64> Target for FromFn<F> {
    fn ambient(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    fn coordinates(&self) -> usize {
        self.rows.len()
    }

    fn answer(&mut self, h: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()> {
        for (out, c) in out.iter_mut().zip(coords) {
            *out = (self.answer)(h, *c);
        }
        Ok(())
    }

    fn row(&mut self, coord: usize, out: &mut [f64]) -> Result<()> {
        check_index("coordinate", coord, self.rows.len())?;
        let row = &self.rows[coord];
        check_shape("row of a target", (out.len(), 1), (row.len(), 1))?;
        out.copy_from_slice(row);
        Ok(())
    }
}
