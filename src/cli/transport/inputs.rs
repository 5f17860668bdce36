//! The problem: a cost or arcs, points, or images.

use super::images;
use super::tables::{self, Reader, Table};
use clap::{Args, ValueEnum};
use dyncvx::transport::{self, Linear, PointClouds};

#[derive(Debug, Args)]
pub(super) struct InputArguments {
    /// Cost matrix: .npy, .npz with one array, or text (numbers between commas, semicolons, tabs or blanks). Entries inf forbid
    /// their arcs (exact).
    #[arg(
        long,
        value_name = "FILE",
        requires = "mu",
        requires = "nu",
        conflicts_with = "images"
    )]
    cost: Option<String>,
    /// The allowed arcs instead of a cost matrix (exact): text with one line row,column,cost per arc, counted from 0, or a sparse
    /// matrix as SciPy's save_npz writes it (coo, csr, csc). No arc may be given twice.
    #[arg(
        long,
        value_name = "FILE",
        requires = "mu",
        requires = "nu",
        conflicts_with_all = ["cost", "points", "images"]
    )]
    arcs: Option<String>,
    /// Masses of the rows, in a file like that of a cost.
    #[arg(long, value_name = "FILE")]
    mu: Option<String>,
    /// Masses of the columns, in a file like that of a cost.
    #[arg(long, value_name = "FILE")]
    nu: Option<String>,
    /// Two files of points, one point per line, in formats like that of a cost. The cost is their distance; masses are even unless given.
    #[arg(
        long,
        num_args = 2,
        value_names = ["X", "Y"],
        conflicts_with_all = ["cost", "images"]
    )]
    points: Option<Vec<String>>,
    /// The distance between points.
    #[arg(
        long,
        value_enum,
        default_value = "squared-euclidean",
        requires = "points"
    )]
    distance: Distance,
    /// Two images, each scaled to total mass 1: PNG, or intensities in a file like that of a cost.
    #[arg(long, num_args = 2, value_names = ["A", "B"], required_unless_present_any = ["cost", "points", "arcs"])]
    images: Option<Vec<String>>,
    /// Reduce the images to K x K pixels by averaging over boxes.
    #[arg(long, value_name = "K", requires = "images")]
    resize: Option<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Distance {
    /// Sum of the squared differences of the coordinates.
    SquaredEuclidean,
    /// Square root of the sum of the squared differences.
    Euclidean,
    /// Sum of the absolute differences.
    L1,
}

/// What was read.
pub(super) struct Problem {
    pub(super) cost: Cost,
    pub(super) mu: Vec<f64>,
    pub(super) nu: Vec<f64>,
    /// What there is to tell about the files.
    pub(super) notices: Vec<String>,
}

/// A cost on all arcs, or on some.
pub(super) enum Cost {
    Everywhere(Box<dyn transport::Cost>),
    Arcs(Vec<(usize, usize, f64)>),
}

impl Problem {
    fn new(cost: Cost, mu: Vec<f64>, nu: Vec<f64>) -> Self {
        let notices = vec![];
        Self {
            cost,
            mu,
            nu,
            notices,
        }
    }
}

impl InputArguments {
    pub(super) fn read(&self) -> Result<Problem, String> {
        let mut files = Reader::default();
        let mut problem = self.read_files(&mut files)?;
        problem.notices = files.notices;
        Ok(problem)
    }

    fn read_files(&self, files: &mut Reader) -> Result<Problem, String> {
        if let Some([a, b]) = self.images.as_deref() {
            return self.read_images(a, b, files);
        }
        if let Some([x, y]) = self.points.as_deref() {
            return self.read_points(x, y, files);
        }
        let (Some(mu), Some(nu)) = (&self.mu, &self.nu) else {
            return Err(MISSING_INPUT.into());
        };
        if let Some(path) = &self.arcs {
            let arcs = files.arcs(path)?;
            let (mu, nu) = (files.vector(mu)?, files.vector(nu)?);
            if let Some(shape) = arcs.shape {
                check_shape(path, shape, (mu.len(), nu.len()))?;
            }
            return Ok(Problem::new(Cost::Arcs(arcs.arcs), mu, nu));
        }
        let cost = self.cost.as_ref().ok_or(MISSING_INPUT)?;
        read_matrix(cost, mu, nu, files)
    }

    fn read_images(&self, a: &str, b: &str, files: &mut Reader) -> Result<Problem, String> {
        let a = images::image(a, self.resize, files)?;
        let b = images::image(b, self.resize, files)?;
        let scale = images::scale(&a, &b);
        let (x, mu) = images::points(&a);
        let (y, nu) = images::points(&b);
        let cost = PointClouds::new(x.as_ref(), y.as_ref(), scale).map_err(|e| e.to_string())?;
        let cost = Cost::Everywhere(Box::new(cost));
        Ok(Problem::new(cost, mu, nu))
    }

    fn read_points(&self, x: &str, y: &str, files: &mut Reader) -> Result<Problem, String> {
        let (x_table, y_table) = (files.table(x)?, files.table(y)?);
        let mut masses = |path: &Option<String>, count: usize| match path {
            Some(path) => files.vector(path),
            None => Ok(vec![1.0 / count as f64; count]),
        };
        let mu = masses(&self.mu, x_table.rows)?;
        let nu = masses(&self.nu, y_table.rows)?;
        let distance = match self.distance {
            Distance::SquaredEuclidean => transport::Distance::SquaredEuclidean,
            Distance::Euclidean => transport::Distance::Euclidean,
            Distance::L1 => transport::Distance::L1,
        };
        let (x_points, y_points) = (tables::transposed(&x_table), tables::transposed(&y_table));
        let cost = PointClouds::with_distance(x_points.as_ref(), y_points.as_ref(), 1.0, distance)
            .map_err(|e| format!("{x}, {y}: {e}"))?;
        let cost = Cost::Everywhere(Box::new(cost));
        Ok(Problem::new(cost, mu, nu))
    }
}

const MISSING_INPUT: &str =
    "expected --cost or --arcs with --mu and --nu, or --points, or --images";

fn read_matrix(path: &str, mu: &str, nu: &str, files: &mut Reader) -> Result<Problem, String> {
    let table = files.table(path)?;
    let (mu, nu) = (files.vector(mu)?, files.vector(nu)?);
    let cost = if table.values.contains(&f64::INFINITY) {
        check_shape(path, (table.rows, table.columns), (mu.len(), nu.len()))?;
        Cost::Arcs(finite_entries(&table))
    } else {
        let cost = Linear::new(&[table.rows, table.columns], tables::by_column(&table))
            .map_err(|e| format!("{path}: {e}"))?;
        Cost::Everywhere(Box::new(cost))
    };
    Ok(Problem::new(cost, mu, nu))
}

/// Fails unless a matrix has a cost for each pair of masses.
fn check_shape(path: &str, (m, n): (usize, usize), (k, l): (usize, usize)) -> Result<(), String> {
    if (m, n) == (k, l) {
        return Ok(());
    }
    Err(format!(
        "{path}: expected {k} x {l} costs, one for each pair of masses, found {m} x {n}"
    ))
}

/// Row, column and cost of every entry that is not infinity.
fn finite_entries(table: &Table) -> Vec<(usize, usize, f64)> {
    let entries = table.values.iter().enumerate();
    let allowed = entries.filter(|(_, c)| **c != f64::INFINITY);
    allowed
        .map(|(k, c)| (k / table.columns, k % table.columns, *c))
        .collect()
}
