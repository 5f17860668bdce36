//! Linear costs, stored or computed when they are read.

use crate::error::{Error, Result, check_finite, check_shape};
use crate::transport::kernel::{self, parallel};
use crate::transport::polytope::checks::check_positive;
use faer::MatRef;
use pulp::Arch;

/// A cost matrix that is read by pieces of its columns, so that it can be computed when it is read.
pub trait Cost: Sync {
    /// Rows and columns.
    fn shape(&self) -> (usize, usize);

    /// Writes the entries `(first, column), (first + 1, column), …`, as many as fit.
    fn fill(&self, column: usize, first: usize, out: &mut [f64]);

    /// The whole matrix, column by column, if it is stored.
    fn dense(&self) -> Option<&[f64]> {
        None
    }

    /// As [`Cost::fill`] in f32, for the half-steps of [`HalfStepPrecision::Single`](crate::transport::HalfStepPrecision::Single).
    fn fill_single(&self, column: usize, first: usize, out: &mut [f32]) {
        let mut buffer = [0.0; 256];
        for (k, out) in out.chunks_mut(256).enumerate() {
            let buffer = &mut buffer[..out.len()];
            self.fill(column, first + 256 * k, buffer);
            for (o, b) in out.iter_mut().zip(buffer) {
                *o = *b as f32;
            }
        }
    }
}

/// How far two points are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Distance {
    /// `‖x − y‖²`.
    #[default]
    SquaredEuclidean,
    /// `‖x − y‖`.
    Euclidean,
    /// `Σ |x_k − y_k|`.
    L1,
}

/// `scale` times a [`Distance`] between two point clouds, computed from the coordinates whenever it is read.
#[derive(Debug, Clone)]
pub struct PointClouds {
    // Coordinate by coordinate: a column of the cost then reads a few arrays from end to end.
    rows: Vec<Vec<f64>>,
    rows_single: Vec<Vec<f32>>,
    columns: Vec<Vec<f64>>,
    shape: (usize, usize),
    scale: f64,
    distance: Distance,
    arch: Arch,
}

impl PointClouds {
    /// Squared Euclidean distances; `sources` is `d × m`, `targets` is `d × n` (one point per column).
    ///
    /// # Errors
    /// [`Error::Shape`] for different dimensions `d`, [`Error::NonFinite`], [`Error::InvalidSetting`] for `scale ≤ 0`.
    pub fn new(sources: MatRef<'_, f64>, targets: MatRef<'_, f64>, scale: f64) -> Result<Self> {
        Self::with_distance(sources, targets, scale, Distance::SquaredEuclidean)
    }

    /// As [`PointClouds::new`], with the distance named.
    ///
    /// # Errors
    /// As [`PointClouds::new`].
    pub fn with_distance(
        sources: MatRef<'_, f64>,
        targets: MatRef<'_, f64>,
        scale: f64,
        distance: Distance,
    ) -> Result<Self> {
        check_shape(
            "targets",
            (sources.nrows(), targets.ncols()),
            targets.shape(),
        )?;
        check_positive("scale", scale)?;
        let coordinates = |points: MatRef<'_, f64>| -> Vec<Vec<f64>> {
            let line = |k: usize| (0..points.ncols()).map(|i| points[(k, i)]).collect();
            (0..points.nrows()).map(line).collect()
        };
        let (rows, columns) = (coordinates(sources), coordinates(targets));
        rows.iter().try_for_each(|v| check_finite("sources", v))?;
        columns
            .iter()
            .try_for_each(|v| check_finite("targets", v))?;
        check_distances(&rows, &columns, scale, distance)?;
        let single = |v: &Vec<f64>| v.iter().map(|x| *x as f32).collect();
        let rows_single = rows.iter().map(single).collect();
        let shape = (sources.ncols(), targets.ncols());
        let arch = Arch::new();
        Ok(Self {
            rows,
            rows_single,
            columns,
            shape,
            scale,
            distance,
            arch,
        })
    }
}

/// Fails where a distance between two points may overflow: an infinite cost would forbid the arc.
fn check_distances(
    rows: &[Vec<f64>],
    columns: &[Vec<f64>],
    scale: f64,
    distance: Distance,
) -> Result<()> {
    let widest = |(x, y): (&Vec<f64>, &Vec<f64>)| {
        let ends = |v: &[f64]| {
            let least = v.iter().copied().fold(f64::INFINITY, f64::min);
            (least, v.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        };
        let ((a, b), (c, d)) = (ends(x), ends(y));
        (d - a).max(b - c).max(0.0)
    };
    let widths = rows.iter().zip(columns).map(widest);
    let largest: f64 = match distance {
        Distance::L1 => scale * widths.sum::<f64>(),
        Distance::SquaredEuclidean | Distance::Euclidean => {
            scale.max(1.0) * widths.map(|w| w * w).sum::<f64>()
        }
    };
    if largest.is_finite() {
        return Ok(());
    }
    let what = "points so far apart that their distance overflows";
    Err(Error::Unsupported {
        what,
        by: "distances of point clouds",
    })
}

impl Cost for PointClouds {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn fill(&self, column: usize, first: usize, out: &mut [f64]) {
        out.fill(0.0);
        let (arch, scale) = (self.arch, self.scale);
        for (x, y) in self.rows.iter().zip(&self.columns) {
            let (x, y) = (&x[first..first + out.len()], y[column]);
            match self.distance {
                Distance::SquaredEuclidean => kernel::add_square(arch, x, y, scale, out),
                Distance::Euclidean => kernel::add_square(arch, x, y, 1.0, out),
                Distance::L1 => kernel::add_absolute(arch, x, y, scale, out),
            }
        }
        if self.distance == Distance::Euclidean {
            kernel::root(arch, scale, out);
        }
    }

    fn fill_single(&self, column: usize, first: usize, out: &mut [f32]) {
        out.fill(0.0);
        let (arch, scale) = (self.arch, self.scale as f32);
        for (x, y) in self.rows_single.iter().zip(&self.columns) {
            let (x, y) = (&x[first..first + out.len()], y[column] as f32);
            match self.distance {
                Distance::SquaredEuclidean => kernel::add_square(arch, x, y, scale, out),
                Distance::Euclidean => kernel::add_square(arch, x, y, 1.0, out),
                Distance::L1 => kernel::add_absolute(arch, x, y, scale, out),
            }
        }
        if self.distance == Distance::Euclidean {
            kernel::root(arch, scale, out);
        }
    }
}

/// A cost given as a function of row and column.
#[derive(Clone)]
pub struct CostFn<F> {
    shape: (usize, usize),
    entry: F,
}

impl<F> std::fmt::Debug for CostFn<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CostFn of shape {:?}", self.shape)
    }
}

impl<F: Fn(usize, usize) -> f64 + Sync> CostFn<F> {
    /// `entry(i, j)` for `i < m`, `j < n`; it must return the same number each time.
    pub fn new(m: usize, n: usize, entry: F) -> Self {
        Self {
            shape: (m, n),
            entry,
        }
    }
}

impl<F: Fn(usize, usize) -> f64 + Sync> Cost for CostFn<F> {
    fn shape(&self) -> (usize, usize) {
        self.shape
    }

    fn fill(&self, column: usize, first: usize, out: &mut [f64]) {
        for (i, o) in out.iter_mut().enumerate() {
            *o = (self.entry)(first + i, column);
        }
    }
}

/// Least and largest entry of a cost. Fails at an entry that is not finite.
pub(crate) fn range(cost: &dyn Cost) -> Result<(f64, f64)> {
    let (m, n) = cost.shape();
    let arch = Arch::new();
    let parts = parallel::map(n, m * n, |columns| {
        let (mut low, mut high, mut bad) = (f64::INFINITY, f64::NEG_INFINITY, None);
        let mut line = vec![0.0; m];
        for j in columns {
            cost.fill(j, 0, &mut line);
            let (l, h, finite) = kernel::extremes(arch, &line);
            low = low.min(l);
            high = high.max(h);
            if !finite && bad.is_none() {
                bad = line.iter().position(|v| !v.is_finite()).map(|i| i + m * j);
            }
        }
        (low, high, bad)
    });
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (l, h, bad) in parts {
        if let Some(index) = bad {
            return Err(Error::NonFinite {
                what: "cost",
                index,
            });
        }
        low = low.min(l);
        high = high.max(h);
    }
    Ok((low, high))
}
