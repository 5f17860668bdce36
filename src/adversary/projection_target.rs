//! Structures of this library as targets of an attack.

use super::protocol::Target;
use crate::constraints::Block;
use crate::error::{Error, Result, check_finite, check_shape};
use crate::projection::{Goal, Projection, Shape};
use faer::{ColRef, Mat, MatMut, MatRef};

/// Relative residual to which the exact rows are computed.
const ROW_RESIDUAL: f64 = 1e-10;

/// Any [`Projection`] as a target. Its set queries with [`Goal::AsAbsorbed`] are attacked; its answers with
/// [`Goal::Residual`] give the exact rows.
#[derive(Debug, Clone)]
pub struct Structure<P> {
    projection: P,
    weight: Option<Mat<f64>>,
}

impl<P: Projection> Structure<P> {
    /// A structure that already has a weight. Attackers cannot change it.
    pub fn new(projection: P) -> Self {
        Self {
            projection,
            weight: None,
        }
    }

    /// A structure over one PSD block. It gets this weight, which attackers may change.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other blocks; [`Error::Shape`]; those of [`Projection::update`].
    pub fn with_weight(mut projection: P, weight: Mat<f64>) -> Result<Self> {
        let &[Block::Psd(n)] = projection.shape().blocks.as_slice() else {
            return Err(Error::Unsupported {
                what: "a weight on anything but one PSD block",
                by: "adversary::Structure",
            });
        };
        check_shape("weight", (n, n), weight.shape())?;
        projection.update(&[(&weight).into()])?;
        Ok(Self {
            projection,
            weight: Some(weight),
        })
    }

    /// The structure.
    pub fn get(&self) -> &P {
        &self.projection
    }

    /// Gives the structure back.
    pub fn into_inner(self) -> P {
        self.projection
    }
}

impl<P: Projection> Target for Structure<P> {
    fn ambient(&self) -> usize {
        self.projection.shape().ambient
    }

    fn answer(&mut self, h: &[f64], coords: &[usize], out: &mut [f64]) -> Result<()> {
        check_shape("answers", (coords.len(), 1), (out.len(), 1))?;
        let k = out.len();
        self.projection.query_set(
            ColRef::from_slice(h),
            coords,
            Goal::AsAbsorbed,
            MatMut::from_column_major_slice_mut(out, k, 1),
        )?;
        Ok(())
    }

    fn row(&mut self, coord: usize, out: &mut [f64]) -> Result<()> {
        let Shape {
            constraints,
            ambient,
            ..
        } = self.projection.shape();
        check_shape("row of a target", (ambient, 1), (out.len(), 1))?;
        if coord >= ambient {
            return Err(Error::OutOfRange {
                what: "coordinate",
                index: coord,
                bound: ambient,
            });
        }
        // P is symmetric: its row is P e.
        let e = Mat::from_fn(ambient, 1, |i, _| f64::from(u8::from(i == coord)));
        let mut y = Mat::zeros(constraints, 1);
        let out = MatMut::from_column_major_slice_mut(out, ambient, 1);
        self.projection
            .query(e.as_ref(), Goal::Residual(ROW_RESIDUAL), y.as_mut(), out)?;
        Ok(())
    }

    fn order(&self) -> Option<usize> {
        self.weight.as_ref().map(Mat::nrows)
    }

    fn update(&mut self, v: &[f64], gain: f64) -> Result<bool> {
        let Some(w) = &self.weight else {
            return Ok(false);
        };
        check_shape("direction of a change", (w.nrows(), 1), (v.len(), 1))?;
        check_finite("direction of a change", v)?;
        let v = MatRef::from_column_major_slice(v, w.nrows(), 1);
        let wv = w * v;
        let energy = (v.transpose() * &wv)[(0, 0)];
        if !(energy > 0.0 && gain > -1.0 && gain.is_finite()) {
            return Err(Error::InvalidSetting {
                field: "gain",
                reason: format!(
                    "expected a finite gain above -1 in a direction that is not 0, found {gain}"
                ),
            });
        }
        let next = Mat::from_fn(w.nrows(), w.nrows(), |i, j| {
            w[(i, j)] + gain * wv[(i, 0)] * wv[(j, 0)] / energy
        });
        self.projection.update(&[(&next).into()])?;
        self.weight = Some(next);
        Ok(true)
    }
}
